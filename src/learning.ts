/**
 * Asks the Rate Limits API while a run goes on, and tells the run.
 *
 * It asks once the first request is on its way: no request waits for it, and a run with nothing to
 * ask does not ask this either. What goes wrong is one notice, and the run goes on without.
 */

import { Ceilings } from './ceilings.ts'
import { inTime } from './clock.ts'
import type { RunContext } from './context.ts'
import type { Observer } from './events.ts'
import type { Loop } from './loop.ts'
import type { Settings } from './settings.ts'

/** An answer that takes longer is of no use to a run any more. */
const answerMsMax = 30_000

/** What a run holds of it. */
export interface Learning {
  /** To be told of what happens. */
  readonly observe: Observer
  /** Ends it. */
  close(): void
}

/** Will ask, if the settings have an admin key. */
export function learnCeilings(
  context: RunContext,
  settings: Settings,
  tell: { readonly loop: () => Loop; readonly notice: (message: string) => void },
): Learning {
  const ending = new AbortController()
  let mayAsk = true
  const ask = async (): Promise<void> => {
    // In the turn in which it is told of, the first request has not been handed on.
    await Promise.resolve()
    const told = await askCeilings(context, settings, ending.signal)
    if (typeof told === 'string') tell.notice(told)
    else if (told !== undefined) tell.loop().learn(told)
  }
  return {
    observe: ({ type }) => {
      if (!mayAsk || type !== 'attempt_started') return
      mayAsk = false
      void ask()
    },
    close: () => {
      mayAsk = false
      ending.abort()
    },
  }
}

/**
 * What it tells; in words why that cannot be had; undefined where nobody may ask, or `signal` has
 * ended it.
 */
export async function askCeilings(
  { clock, limitGroups }: RunContext,
  settings: Settings,
  signal: AbortSignal | undefined,
): Promise<Ceilings | string | undefined> {
  if (settings.adminKey === undefined || limitGroups === undefined) return undefined
  try {
    const ask = (ending: AbortSignal) => limitGroups(settings, ending)
    const groups = await inTime(clock, answerMsMax, signal, ask)
    return signal?.aborted === true ? undefined : new Ceilings(groups)
  } catch (error) {
    if (signal?.aborted === true) return undefined
    const why = error instanceof Error ? error.message : String(error)
    return `${why}; going on with the limits that replies show`
  }
}

/**
 * Asks the Rate Limits API while a run goes on, and tells the run.
 *
 * It asks once the first request is on its way: no request waits for it, and a run with nothing to
 * ask does not ask this either. What goes wrong is one notice, and the run goes on without.
 */

import { Ceilings } from './ceilings.ts'
import type { Cancel } from './clock.ts'
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
  { clock, limitGroups }: RunContext,
  settings: Settings,
  tell: { readonly loop: () => Loop; readonly notice: (message: string) => void },
): Learning {
  const ending = new AbortController()
  let cancel: Cancel | undefined
  let mayAsk = settings.adminKey !== undefined && limitGroups !== undefined
  const ask = async (): Promise<void> => {
    try {
      // In the turn in which it is told of, the first request has not been handed on.
      await Promise.resolve()
      const groups = await limitGroups?.(settings, ending.signal)
      if (!ending.signal.aborted) tell.loop().learn(new Ceilings(groups ?? []))
    } catch (error) {
      const isOver = ending.signal.aborted && ending.signal.reason !== late
      if (isOver) return
      const why = error instanceof Error ? error.message : String(error)
      tell.notice(`${why}; going on with the limits that replies show`)
    } finally {
      cancel?.()
    }
  }
  return {
    observe: ({ type }) => {
      if (!mayAsk || type !== 'attempt_started') return
      mayAsk = false
      cancel = clock.after(answerMsMax, () => ending.abort(late))
      void ask()
    },
    close: () => {
      mayAsk = false
      cancel?.()
      ending.abort()
    },
  }
}

/** Why it was given up. */
const late = new Error('no answer came in time')

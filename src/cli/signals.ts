/**
 * What ^C does: the first asks the run to finish, the second ends the process at once.
 */

import type { Clock } from '../clock.ts'

/**
 * One ^C can arrive twice: from the terminal, and again from a parent such as npm or npx that
 * passes on what it got itself. No person is as fast.
 */
const sameSignalMs = 200

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Where signals come from: the process. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown
  off(signal: NodeJS.Signals, listener: () => void): unknown
}

/** What to do about the first signal, and about any later one. */
export interface SignalActions {
  readonly first: () => void
  readonly again: () => void
}

/** Acts on signals to the process until the returned function is called. */
export function onSignals(clock: Clock, source: SignalSource, actions: SignalActions): () => void {
  let firstAt: number | undefined
  const handle = (): void => {
    const now = clock.now()
    if (firstAt === undefined) {
      firstAt = now
      actions.first()
    } else if (now - firstAt > sameSignalMs) actions.again()
  }
  for (const signal of signals) source.on(signal, handle)
  return () => {
    for (const signal of signals) source.off(signal, handle)
  }
}

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

/** Calls `first`, then `again`, for signals to this process. The returned function stops it. */
export function onSignals(
  clock: Clock,
  { first, again }: { readonly first: () => void; readonly again: () => void },
): () => void {
  let firstAt: number | undefined
  const handle = (): void => {
    const now = clock.now()
    if (firstAt === undefined) {
      firstAt = now
      first()
    } else if (now - firstAt > sameSignalMs) again()
  }
  for (const signal of signals) process.on(signal, handle)
  return () => {
    for (const signal of signals) process.off(signal, handle)
  }
}

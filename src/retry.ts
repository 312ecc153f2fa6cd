/**
 * How long a row waits after a try that broke, as a pure step.
 *
 * Full jitter: anywhere between nothing and the exponential bound, so that rows
 * that failed together do not come back together. A server's own `retry-after` is
 * a floor. (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.)
 */

import type { Random } from './random.ts'

const baseMs = 500
const capMs = 30_000

/**
 * Milliseconds before try number `attempt + 1`; `attempt` counts from 1.
 */
export function retryDelayMs(
  attempt: number,
  retryAfterMs: number | undefined,
  random: Random,
): number {
  const bound = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 16))
  return Math.max(retryAfterMs ?? 0, random.float() * bound)
}

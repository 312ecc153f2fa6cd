/**
 * Which of the figures that headers show are limits to be kept.
 */

import type { LimitReading, LimitReadings } from './outcome.ts'

/**
 * A limit of nothing, or figures that are none, say less than the refusals that follow from them.
 *
 * @example isUsable({ limit: 0, remaining: 0, resetAt: 0 }) // => false
 */
export function isUsable({ limit, remaining, resetAt }: LimitReading): boolean {
  return limit > 0 && Number.isFinite(limit + remaining + resetAt)
}

/**
 * The combined token header repeats the sum of the others unless a limit of its own is in force.
 *
 * @example repeatsOthers({}) // => false
 */
export function repeatsOthers({ tokens, input, output }: LimitReadings): boolean {
  return tokens?.limit === (input?.limit ?? 0) + (output?.limit ?? 0)
}

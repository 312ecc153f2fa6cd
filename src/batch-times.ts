/**
 * How long batches are assumed to take, from creation to end.
 *
 * Nobody knows beforehand, and while a batch runs the API shows nothing of it. Its documents say
 * that most end within an hour, and all by 24 hours, when the rest expires. So a log-normal
 * distribution is assumed, cut off at 24 hours, and the user may say otherwise. What is asked
 * live in time does not depend on it (cut-over.ts); what that is expected to cost does.
 */

import type { Random } from './random.ts'

/** What is assumed; milliseconds. */
export interface BatchTimes {
  /** Half of all batches end by then. */
  readonly medianMs: number
  /** 19 of 20 end by then. */
  readonly p95Ms: number
  /** A batch that is canceled has ended after so long, and its results can be read. */
  readonly drainMs: number
}

/**
 * Four of five end within an hour ("most", Message Batches guide). How long canceling takes is not
 * documented: ten minutes are a guess.
 */
export const batchTimesDefault: BatchTimes = {
  medianMs: 1_800_000,
  p95Ms: 7_200_000,
  drainMs: 600_000,
}

/** From creation, a batch has ended by then (Message Batches guide). */
export const batchExpiryMs = 86_400_000

/** The 95th percentile of the standard normal distribution. */
const z95 = 1.6448536269514722

function sigmaOf({ medianMs, p95Ms }: BatchTimes): number {
  return Math.log(p95Ms / medianMs) / z95
}

/**
 * The share of batches that have ended after so long.
 *
 * @example
 * ```ts
 * const times = { medianMs: 1_800_000, p95Ms: 7_200_000, drainMs: 600_000 }
 * shareEndedBy(times, 1_800_000).toFixed(2) // => '0.50'
 * shareEndedBy(times, 7_200_000).toFixed(2) // => '0.95'
 * ```
 */
export function shareEndedBy(times: BatchTimes, ms: number): number {
  if (ms <= 0) return 0
  if (ms >= batchExpiryMs) return 1
  const sigma = sigmaOf(times)
  const deviations = Math.log(ms / times.medianMs)
  if (sigma === 0) return deviations < 0 ? 0 : 1
  return normalShare(deviations / sigma)
}

/** How long one of them takes. */
export function drawBatchMs(times: BatchTimes, random: Random): number {
  return Math.min(batchExpiryMs, times.medianMs * Math.exp(sigmaOf(times) * random.normal()))
}

/** The soonest that a share worth waiting for has ended: one in a hundred. */
export function usefulMs(times: BatchTimes): number {
  const z99 = 2.3263478740408408
  return Math.min(batchExpiryMs, times.medianMs * Math.exp(-z99 * sigmaOf(times)))
}

/**
 * The standard normal distribution function, to 10⁻⁷ (Abramowitz and Stegun, Handbook of
 * Mathematical Functions, 26.2.17).
 */
function normalShare(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z))
  const series =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series
  return z >= 0 ? 1 - tail : tail
}

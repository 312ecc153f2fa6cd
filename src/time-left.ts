/**
 * How fast rows are settled, and what follows for those still to come: how long, and how much.
 *
 * One figure for the time left is a guess, and looks like knowledge. The range says how good the
 * guess is. It comes from how much the last minute varied, in stretches of ten seconds: the mean
 * of stretches that differ may be off by their standard error, for whatever reason they differ
 * (answers in waves, a server that slows down, a run that still gathers speed). Rows that come by
 * chance alone would vary as the root of their number; less than that is luck, and not believed.
 * Of the stretches the newest count that agree best, two or more: a run begins on full limits, in
 * a burst that says nothing of what follows.
 *
 * In its first ten seconds a run gathers speed, and nothing is said. What no past shows is in no
 * range: limits that are changed, an outage, the last long answers.
 */

import type { PoolSnapshot } from './pool-stats.ts'

/** How fast rows are settled in this run. */
export interface Pace {
  /** Rows so far. */
  readonly settled: number
  /** For so long. */
  readonly elapsedMs: number
  /** Over about the last ten seconds. */
  readonly perSecond: number
  /** In each of the last seconds that are over, at most sixty; oldest first. */
  readonly eachSecond: readonly number[]
}

const stretchSeconds = 10
/** Of fewer rows in all, neither a range of time nor a cost at the end is said. */
const rowsMin = 5
/** Nineteen times of twenty the mean is off by less than so many standard errors. */
const errorsWide = 2
/** The past is never so like the future that the most is less than so much above the least. */
const widthMin = 1.1
/** A range wider than this says nothing. */
const widthMax = 4

/**
 * Milliseconds until so many more rows are settled, at the pace of late; at least `atLeastMs`.
 * Null before the first row is.
 */
export function leftMs(rows: number, pace: Pace, atLeastMs: number): number | null {
  if (pace.settled === 0) return null
  return Math.max((rows / paceOf(pace)) * 1000, atLeastMs)
}

/**
 * The same as a range, in which `leftMs` lies; null while too little is known.
 *
 * @example
 * ```ts
 * const eachSecond = Array.from({ length: 60 }, () => 100)
 * const pace = { settled: 6000, elapsedMs: 60_000, perSecond: 100, eachSecond }
 * // 6,000 rows may as well have been 155 more or less: 97.4 to 102.6 rows a second.
 * const range = leftRangeMs(10_000, pace, 0)
 * range?.map((ms) => Math.round(ms / 1000)) // => [97, 107]
 * ```
 */
export function leftRangeMs(
  rows: number,
  pace: Pace,
  atLeastMs: number,
): readonly [least: number, most: number] | null {
  if (pace.settled < rowsMin || pace.eachSecond.length < stretchSeconds) return null
  const { mean, error } = meanOf(pace)
  const late = paceOf(pace)
  const fastest = Math.max(mean + errorsWide * error, late)
  const slowest = Math.min(mean - errorsWide * error, late)
  if (slowest <= 0 || fastest / slowest > widthMax) return null
  const least = Math.max((rows / fastest) * 1000, atLeastMs)
  return [least, Math.max((rows / slowest) * 1000, widthMin * least)]
}

/**
 * The time in which the requests limits let so many rows pass. A run begins on full buckets,
 * far above the rate at which it must go on; that rate is known from the first reply.
 */
export function refillMs(rows: number, pools: readonly PoolSnapshot[]): number {
  const readings = pools.map(({ limits }) => limits?.requests)
  const known = readings.filter((reading) => reading !== undefined)
  if (known.length === 0 || known.length < readings.length) return 0
  const remaining = sum(known.map((reading) => reading.remaining))
  const perMinute = sum(known.map((reading) => reading.limit))
  return (Math.max(0, rows - remaining) / perMinute) * 60_000
}

/** What a run comes to when `asked` rows cost so much, and `rows` more cost as much each. */
export function costAtEnd(rows: number, asked: number, costNanoUsd: number): number | null {
  if (rows === 0) return costNanoUsd
  if (asked < rowsMin) return null
  return Math.round(costNanoUsd * (1 + rows / asked))
}

/** Rows a second; above zero once a row is settled. */
function paceOf({ settled, elapsedMs, perSecond }: Pace): number {
  // Where answers are minutes apart the last ten seconds say nothing; the whole run does.
  return perSecond || settled / Math.max(1, elapsedMs / 1000)
}

/** Rows a second over the last minute, or the whole run where that holds more, and how sure. */
function meanOf({ settled, elapsedMs, eachSecond }: Pace): {
  readonly mean: number
  readonly error: number
} {
  const stretches = Math.floor(eachSecond.length / stretchSeconds)
  const recent = eachSecond.slice(eachSecond.length - stretches * stretchSeconds)
  const count = sum(recent)
  if (count < rowsMin) {
    const seconds = Math.max(1, elapsedMs / 1000)
    return { mean: settled / seconds, error: Math.sqrt(settled) / seconds }
  }
  const rates = Array.from({ length: stretches }, (_, index) => {
    const start = index * stretchSeconds
    return sum(recent.slice(start, start + stretchSeconds)) / stretchSeconds
  })
  if (stretches < 2) return sureness(rates)
  const newest = rates.slice(1, -1).map((_, index) => rates.slice(index + 1))
  const each = [rates, ...newest].map((some) => sureness(some)).filter(({ mean }) => mean > 0)
  return each.reduce((best, one) => (one.error / one.mean < best.error / best.mean ? one : best))
}

/** Of stretches with these rates. */
function sureness(rates: readonly number[]): { readonly mean: number; readonly error: number } {
  const mean = sum(rates) / rates.length
  const seconds = rates.length * stretchSeconds
  const byChance = Math.sqrt(mean * seconds) / seconds
  if (rates.length < 2) return { mean, error: byChance }
  const variance = sum(rates.map((rate) => (rate - mean) ** 2)) / (rates.length - 1)
  return { mean, error: Math.max(byChance, Math.sqrt(variance / rates.length)) }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

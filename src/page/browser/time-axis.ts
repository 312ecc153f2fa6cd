/**
 * The time axis that all charts of a run share, and the numbers along it.
 *
 * Time in which the run was not under way is left out: a run that was stopped on Friday and
 * started again on Monday is two stretches side by side, with a mark between. What a chart
 * shows at one place happened in one interval.
 */

import type { SeriesView } from '../view.ts'

/** Units of a chart from left to right: fine enough for the widest screen. */
export const axisUnits = 4000

/** Where intervals lie. */
export interface TimeAxis {
  /** Of each interval, in units. */
  readonly from: readonly number[]
  readonly to: readonly number[]
  /** Before each interval, without the time between starts. */
  readonly elapsedMs: readonly number[]
  readonly totalMs: number
  /** Where the run was started again, in units. */
  readonly breaks: readonly number[]
}

/** Between two intervals of one start there is hardly any time; more means another start. */
const gapMsMin = 5000

/** Lays the intervals side by side. */
export function timeAxis({ at, ms }: Pick<SeriesView, 'at' | 'ms'>): TimeAxis {
  const totalMs = ms.reduce((sum, length) => sum + length, 0)
  const unit = totalMs > 0 ? axisUnits / totalMs : 0
  const from: number[] = []
  const to: number[] = []
  const elapsedMs: number[] = []
  const breaks: number[] = []
  let elapsed = 0
  let end = at[0] ?? 0
  for (const [index, length] of ms.entries()) {
    const begin = at[index] ?? end
    if (begin - end > gapMsMin) breaks.push(Math.round(elapsed * unit))
    from.push(Math.round(elapsed * unit))
    elapsedMs.push(elapsed)
    elapsed += length
    end = begin + length
    to.push(Math.round(elapsed * unit))
  }
  return { from, to, elapsedMs, totalMs, breaks }
}

/** The interval at a share of the axis, from 0 to 1; the first or the last beyond its ends. */
export function intervalAt({ to }: TimeAxis, share: number): number {
  let [low, high] = [0, to.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((to[middle] ?? 0) <= share * axisUnits) low = middle + 1
    else high = middle
  }
  return Math.max(0, low)
}

/** What was taken in each interval, as so much per second. */
export function perSecond(values: readonly number[], ms: readonly number[]): number[] {
  return values.map((value, index) => (value * 1000) / Math.max(1, ms[index] ?? 1))
}

/** The sum from the start up to the end of each interval. */
export function runningSum(values: readonly number[]): number[] {
  let sum = 0
  return values.map((value) => (sum += value))
}

const minuteMs = 60_000

/**
 * What was taken in the minute up to the end of each interval: what a limit per minute is to be
 * compared with. Of an interval longer than that, its own share of a minute.
 *
 * @example
 * ```ts
 * const halves = { at: [0, 30_000, 60_000], ms: [30_000, 30_000, 30_000] }
 * perMinute([10, 20, 40], halves) // => [10, 30, 60]
 * perMinute([10], { at: [0], ms: [120_000] }) // => [5]
 * ```
 */
export function perMinute(
  values: readonly number[],
  { at, ms }: Pick<SeriesView, 'at' | 'ms'>,
): number[] {
  const sums: number[] = []
  let oldest = 0
  let whole = 0
  for (let index = 0; index < values.length; index += 1) {
    const length = ms[index] ?? 0
    const begin = (at[index] ?? 0) + length - minuteMs
    whole += values[index] ?? 0
    while (oldest < index && (at[oldest] ?? 0) + (ms[oldest] ?? 0) <= begin) {
      whole -= values[oldest] ?? 0
      oldest += 1
    }
    // Of the oldest interval, which the minute may cut, only its part counts.
    const oldestMs = Math.max(1, ms[oldest] ?? 1)
    const cut = Math.min(1, Math.max(0, begin - (at[oldest] ?? 0)) / oldestMs)
    sums.push(whole - cut * (values[oldest] ?? 0))
  }
  return sums
}

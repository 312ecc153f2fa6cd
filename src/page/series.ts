/**
 * Intervals in bounded space: where there are too many, neighbours are joined, and from then on
 * intervals are twice as long. So a series of a minute has seconds, and one of a week has minutes.
 */

import { type Interval, joined, type PoolInterval } from './interval.ts'
import { meterNames, type PoolSeries, pointsMax, type SeriesView } from './view.ts'

/** See above. */
export class Series {
  #intervals: Interval[] = []
  #lengthMs = 0

  /** How long an interval should be that is added next, in ms. */
  get lengthMs(): number {
    return this.#lengthMs
  }

  constructor(lengthMs = 1000) {
    this.#lengthMs = lengthMs
  }

  /** The last of a run may be so short that as a rate it would say nothing: it goes to the one before. */
  add(interval: Interval): void {
    const last = this.#intervals.at(-1)
    const follows = last !== undefined && interval.at - (last.at + last.ms) <= 1
    if (follows && interval.ms < this.#lengthMs / 2) {
      this.#intervals[this.#intervals.length - 1] = joined(last, interval)
      return
    }
    this.#intervals.push(interval)
    if (this.#intervals.length > pointsMax) this.#halve()
  }

  /** Null while there is none. */
  view(): SeriesView | null {
    const all = this.#intervals
    if (all.length === 0) return null
    const names = [...new Set(all.flatMap(({ bound }) => Object.keys(bound)))]
    const column = (read: (interval: Interval) => number): number[] => all.map(read)
    return {
      at: column(({ at }) => at),
      ms: column(({ ms }) => ms),
      succeeded: column(({ succeeded }) => succeeded),
      failed: column(({ failed }) => failed),
      rateLimited: column(({ rateLimited }) => rateLimited),
      overloaded: column(({ overloaded }) => overloaded),
      broken: column(({ broken }) => broken),
      inFlight: column(({ inFlight }) => inFlight),
      costNanoUsd: column(({ costNanoUsd }) => costNanoUsd),
      cacheReadTokens: column(({ cacheReadTokens }) => cacheReadTokens),
      binds: column(({ bound }) => names.indexOf(longest(bound))),
      bindNames: names,
      pools: poolsOf(all),
    }
  }

  #halve(): void {
    const halved: Interval[] = []
    for (const [index, interval] of this.#intervals.entries()) {
      const last = halved.at(-1)
      if (index % 2 === 1 && last !== undefined) halved[halved.length - 1] = joined(last, interval)
      else halved.push(interval)
    }
    this.#intervals = halved
    this.#lengthMs *= 2
  }
}

/** What bound longest; '' where nothing did. */
function longest(bound: Interval['bound']): string {
  let name = ''
  let most = 0
  for (const [each, ms] of Object.entries(bound)) {
    if (ms > most) {
      name = each
      most = ms
    }
  }
  return name
}

function poolsOf(all: readonly Interval[]): readonly PoolSeries[] {
  const names = [...new Set(all.flatMap(({ pools }) => Object.keys(pools)))]
  return names.map((name) => {
    const own = all.map(({ pools }): PoolInterval => pools[name] ?? {})
    const shown = meterNames.filter((meter) => own.some((interval) => interval[meter]))
    return {
      name,
      meters: shown.map((meter) => ({
        name: meter,
        used: own.map((interval) => interval[meter]?.used ?? 0),
        limit: own.map((interval) => interval[meter]?.limit ?? null),
      })),
    }
  })
}

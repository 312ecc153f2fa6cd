/**
 * What a run that chooses between batches and live requests comes to: when the first row is
 * taken out of a batch at the latest, whether the deadline is certain, and what it costs.
 */

import { type BatchTimes, batchExpiryMs, batchTimesDefault } from './batch-times.ts'
import type { CutOver } from './cut-over.ts'
import { CacheUse, costOf } from './forecast-cost.ts'
import type { Range } from './forecast-sums.ts'
import type { Survey } from './forecast-survey.ts'
import type { Channel, LiveRates } from './live-rates.ts'
import type { MeterUnit } from './meter.ts'
import type { Prices } from './money.ts'
import { Needs } from './needs.ts'
import type { Settings } from './settings.ts'
import type { PoolRows } from './pool-loads.ts'
import { Random } from './random.ts'
import { cutOverOf, type PoolLoad, playSplit, type SplitWorld } from './split-play.ts'
import type { Amounts } from './taken.ts'

/** What is known before. */
export interface SplitKnown {
  readonly pools: readonly PoolRows[]
  readonly rates: LiveRates
  readonly times: BatchTimes
  /** From now; Infinity: no deadline. */
  readonly deadlineMs: number
  /** What all rows cost live, and in batches, in nano-dollars; null where a price is not known. */
  readonly liveCost: Range | null
  readonly batchCost: Range | null
}

/** What it comes to. */
export interface SplitForecast {
  /** Rows that are to be asked. */
  readonly rows: number
  /** From now; null without one. */
  readonly deadlineMs: number | null
  /** Live requests alone would answer all rows in time, whatever batches do. */
  readonly isGuaranteed: boolean
  /** How long they would take, at the most that must be counted with. */
  readonly liveMs: number
  /** What limits them, and of which pool: null of the user's bounds. */
  readonly binds: MeterUnit | null
  readonly pool: Channel
  /** Batches that rows are put into at first; more where they would be too large. */
  readonly batches: number
  /** From now, when the first is taken out if none has ended; null: never. */
  readonly firstCutMs: number | null
  /** The share of plays in which the deadline was met. */
  readonly chance: number
  /** The share of rows that is asked live: from the 5th to the 95th percentile. */
  readonly liveShare: Range
  readonly cost: Range | null
  /** Pools whose limits are not known, but supposed. */
  readonly supposed: readonly string[]
  readonly times: BatchTimes
}

/** Rows are put into so many batches, in all, when a deadline may cut them short. */
const batchesWanted = 40
const batchesMin = 20
const plays = 200
/** Of very many batches a play takes long, and differs little from another. */
const playsMin = 20
/** A play that ends so much later met its deadline: what may change is looked at now and then. */
const lateMs = 5000

/** Batches for the rows of each of so many pools. */
export function batchesOfPool(pools: number): number {
  return Math.max(batchesMin, Math.round(batchesWanted / Math.max(1, pools)))
}

/** Until the last answers have come, before anything is known of them. */
export function tailOf(pools: readonly PoolRows[]): number {
  const longest = pools.map(({ expected, most }) => {
    const perRow = (expected.output * most.output) / Math.max(1, expected.requests)
    return Math.min(perRow, 3 * (expected.output / Math.max(1, expected.requests)))
  })
  return tailMsMin + Math.max(0, ...longest) * msOfToken
}

/** Looks, collecting, the last retry. */
const tailMsMin = 120_000
/** A slow model writes forty tokens a second. */
const msOfToken = 25

/** Whether a deadline is so far off that every batch has ended, or expired, before it matters. */
export function isFarOff(deadlineMs: number, liveMs: number, drainMs: number): boolean {
  return deadlineMs - liveMs - drainMs >= batchExpiryMs
}

/** What rows cost live and in batches, all of them in one way. */
export function costsOf(
  { order, shared, isLong }: Survey,
  { cache }: Settings,
  prices: Prices,
): Pick<SplitKnown, 'liveCost' | 'batchCost'> {
  const of = (via: 'live' | 'batches'): Range | null => {
    const way = { via, cache }
    return costOf(order, way, new CacheUse(way, shared, isLong), prices)
  }
  return { liveCost: of('live'), batchCost: of('batches') }
}

/** Plays it; the same for the same. */
export function forecastSplit(known: SplitKnown): SplitForecast {
  const { pools, rates, times, deadlineMs } = known
  const tailMs = tailOf(pools)
  const loads = loadsOf(pools)
  const world = { loads, rates, times, deadlineMs, tailMs }
  const cutOver = cutOverOf(world)
  const { ms: liveMs, channel: pool, amounts } = cutOver.longest()
  const played = playAll(known, world)
  const firstCutMs = cutOver.nextCutAt(0, loads)
  return {
    rows: pools.reduce((sum, { expected }) => sum + expected.requests, 0),
    deadlineMs: deadlineMs === Infinity ? null : deadlineMs,
    isGuaranteed: cutOver.missedBy(0) <= 0,
    liveMs,
    binds: rates.bindsOf(pool, amounts) ?? null,
    pool,
    batches: isFarOff(deadlineMs, liveMs, times.drainMs)
      ? loads.length
      : loads.reduce((sum, { batches }) => sum + batches, 0),
    firstCutMs: firstCutMs === Infinity ? null : Math.max(0, firstCutMs),
    chance: played.filter(({ endMs }) => endMs <= deadlineMs + lateMs).length / played.length,
    liveShare: percentiles(played.map(({ share }) => share)),
    cost: mixed(known, percentiles(played.map(({ costShare }) => costShare))),
    supposed: pools.flatMap((each) => (rates.supposes(each.pool) ? [each.pool] : [])),
    times,
  }
}

/** How long all rows take live, at the most that must be counted with. */
export function longestLive(
  pools: readonly PoolRows[],
  rates: LiveRates,
): ReturnType<CutOver['longest']> {
  const loads = loadsOf(pools)
  return cutOverOf({
    loads,
    rates,
    times: batchTimesDefault,
    deadlineMs: Infinity,
    tailMs: 0,
  }).longest()
}

function loadsOf(pools: readonly PoolRows[]): readonly PoolLoad[] {
  return pools.map(({ pool, expected, most }) => ({
    pool,
    amounts: new Needs(most).of(expected),
    batches: Math.min(batchesOfPool(pools.length), Math.max(1, expected.requests)),
  }))
}

interface PlayedAll {
  readonly endMs: number
  /** Of all rows, and of what they cost. */
  readonly share: number
  readonly costShare: number
}

function playAll({ pools }: SplitKnown, world: SplitWorld): readonly PlayedAll[] {
  // Where nothing is ever cut, one play tells all.
  const batches = world.loads.reduce((sum, load) => sum + load.batches, 0)
  const affordable = Math.max(playsMin, Math.round((plays * batchesWanted) / batches))
  const count = world.deadlineMs === Infinity ? 1 : Math.min(plays, affordable)
  const rows = pools.reduce((sum, { expected }) => sum + expected.requests, 0)
  return Array.from({ length: count }, (_, seed) => {
    const { live, endMs } = playSplit(world, new Random(seed))
    const shareOf = (weight: (pool: PoolRows) => number): number =>
      pools.reduce((sum, pool) => sum + weight(pool) * (live.get(pool.pool) ?? 0), 0)
    return {
      endMs,
      share:
        shareOf(({ expected }: { expected: Readonly<Amounts> }) => expected.requests) /
        Math.max(1, rows),
      costShare: shareOf(({ costShare }) => costShare),
    }
  })
}

function mixed({ liveCost, batchCost }: SplitKnown, share: Range): Range | null {
  if (liveCost === null || batchCost === null) return null
  const at = (level: keyof Range): number =>
    Math.round(liveCost[level] * share[level] + batchCost[level] * (1 - share[level]))
  return { low: at('low'), expected: at('expected'), high: at('high') }
}

/** The mean, between the 5th and the 95th percentile. */
function percentiles(values: readonly number[]): Range {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0
  const mean = sorted.reduce((sum, value) => sum + value, 0) / Math.max(1, sorted.length)
  return { low: at(0.05), expected: mean, high: at(0.95) }
}

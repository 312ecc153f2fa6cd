/**
 * How long rows take at the least, under given limits: the meter that needs longest binds.
 *
 * A bound of the user's is spread evenly. A limit of the server's begins full, so that much goes at
 * once; then it refills. Before that there is the ramp: two starts a second, or a fifth of
 * what refills, doubled every second. What the last answers take to come is not in it.
 */

import { type Level, levels, type ModelSum, type Range } from './forecast-sums.ts'
import type { UnitLimits } from './ceilings.ts'
import type { MeterUnit } from './meter.ts'
import type { RampKind } from './ramp.ts'
import { units } from './taken.ts'

/** What bounds a run. */
export interface LimitsKnown {
  /** Of all rows together, a minute. */
  readonly bounds: UnitLimits
  /** Of a pool; undefined where that is not known. */
  readonly ofPool: ((pool: string) => UnitLimits) | undefined
  /** The pool of a model, where somebody knows better. */
  readonly poolOf: ((model: string) => string | undefined) | undefined
  /** The share of a pool's limits that may be used. */
  readonly fraction: number
  readonly ramp: RampKind
}

/** Milliseconds, and what they are spent on. */
export interface Duration {
  readonly ms: Range
  /** `ramp`: limits hardly bind before all is sent. */
  readonly binds: MeterUnit | 'ramp'
  /** Whose limit it is; null of a bound of the user's. */
  readonly pool: string | null
}

/** Requests, and tokens that count to the limits. */
type Needs = Readonly<Record<MeterUnit, number>>

interface Wait {
  readonly ms: number
  readonly binds: MeterUnit | 'ramp'
  readonly pool: string | null
}

const minuteMs = 60_000
const doublingMs = { fast: 1000, gentle: 4000, off: 0 } as const
const startsPerSecondMin = 2
const startShare = 0.2

/** The least time, or null where no limit is known that all of it goes by. */
export function durationOf(
  models: readonly ModelSum[],
  readAt: (level: Level) => ReadonlyMap<string, number>,
  limits: LimitsKnown,
): Duration | null {
  const waits = levels.map((level) => waitAt(models, level, readAt(level), limits))
  const [low, expected, high] = waits
  if (!low || !expected || !high) return null
  const { binds, pool } = expected
  return { ms: { low: low.ms, expected: expected.ms, high: high.ms }, binds, pool }
}

function waitAt(
  models: readonly ModelSum[],
  level: Level,
  read: ReadonlyMap<string, number>,
  { bounds, ofPool, poolOf, fraction, ramp }: LimitsKnown,
): Wait | undefined {
  const all: Wait[] = []
  const pools = new Map<string, ModelSum[]>()
  for (const model of models) {
    const pool = poolOf?.(model.model) ?? model.pool
    pools.set(pool, [...(pools.get(pool) ?? []), model])
  }
  const whole = needsOf(models, level, read)
  for (const unit of units) {
    const perMinute = bounds[unit]
    if (perMinute !== undefined) {
      all.push({ ms: msOf(whole[unit], perMinute), binds: unit, pool: null })
    }
  }
  const isBounded = all.length > 0
  for (const [pool, members] of pools) {
    const known = ofPool?.(pool) ?? {}
    const needs = needsOf(members, level, read)
    // A pool of which nothing is known could take any time.
    if (!isBounded && units.every((unit) => known[unit] === undefined)) return undefined
    for (const unit of units) {
      const limit = known[unit]
      if (limit === undefined) continue
      const full = fraction < 1 ? 0 : limit
      all.push({ ms: msOf(Math.max(0, needs[unit] - full), limit * fraction), binds: unit, pool })
    }
    all.push({ ms: rampMs(needs.requests, known.requests, ramp), binds: 'ramp', pool })
  }
  return all.reduce<Wait | undefined>(
    (longest, wait) => (longest === undefined || wait.ms > longest.ms ? wait : longest),
    undefined,
  )
}

function needsOf(
  models: readonly ModelSum[],
  level: Level,
  read: ReadonlyMap<string, number>,
): Needs {
  const needs = { requests: 0, input: 0, output: 0, tokens: 0 }
  for (const { model, rows, input, output } of models) {
    const metered = Math.max(0, input[level] - (read.get(model) ?? 0))
    needs.requests += rows
    needs.input += metered
    needs.output += output[level]
    needs.tokens += metered + output[level]
  }
  return needs
}

function msOf(amount: number, perMinute: number): number {
  return Math.round((amount / perMinute) * minuteMs)
}

/** So many starts, at a rate that doubles. */
function rampMs(rows: number, perMinute: number | undefined, kind: RampKind): number {
  const first = Math.max(startsPerSecondMin, (startShare * (perMinute ?? 0)) / 60)
  return Math.round(doublingMs[kind] * Math.log2(rows / first + 1))
}

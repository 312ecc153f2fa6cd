/**
 * How long live requests take: amounts by what the limits refill in a minute.
 *
 * Only a share of each limit is counted with. A run reaches nearly all of it, but there are ramps,
 * refusals and others who use the same limits; and what is promised for a deadline must hold. Once
 * it was seen what a pool gives while rows wait for it, that is counted with instead.
 */

import type { UnitLimits } from './ceilings.ts'
import type { MeterUnit } from './meter.ts'
import { type Amounts, units } from './taken.ts'

/** Of a limit, before anything was measured. */
const shareExpected = 0.9
/** Of what was measured: it may be less in the next minute. */
const shareOfMeasured = 0.95
/** A measurement moves what is known by so much of the difference. */
const gain = 0.5
/** Less than this is no rate to plan with. */
const shareMin = 0.01

const minuteMs = 60_000

/**
 * Limits of a pool of which nothing is told: the lowest that were ever published (Tier 1, until
 * June 2026).
 */
export const limitsUnknown: UnitLimits = { requests: 50, input: 30_000, output: 8000 }

/** All rows together, whatever their pool: what the user's own bounds are about. */
export const allPools = null

/** What limits rows: a pool, or the user's bounds on all. */
export type Channel = string | typeof allPools

interface Known {
  readonly limits: UnitLimits
  /** They are not known, but supposed. */
  readonly isSupposed: boolean
  share: number
}

/** See above. */
export class LiveRates {
  readonly #bounds: UnitLimits
  readonly #fraction: number
  readonly #pools = new Map<string, Known>()

  /** `bounds`: the user's, a minute; `fraction`: of each of the API's limits that may be used. */
  constructor(bounds: UnitLimits, fraction = 1) {
    this.#bounds = bounds
    this.#fraction = fraction
  }

  /** Whether the user bounds all rows together. */
  get isBounded(): boolean {
    return units.some((unit) => this.#bounds[unit] !== undefined)
  }

  /** Whether anybody told the limits of a pool. */
  knows(pool: string): boolean {
    return this.#pools.get(pool)?.isSupposed === false
  }

  /** Whether the limits of a pool are supposed, as nobody told them. */
  supposes(pool: string): boolean {
    return this.#pools.get(pool)?.isSupposed === true
  }

  /** The limits that were told, by pool. */
  get told(): Readonly<Record<string, UnitLimits>> {
    const told = [...this.#pools].filter(([, { isSupposed }]) => !isSupposed)
    return Object.fromEntries(told.map(([pool, { limits }]) => [pool, limits]))
  }

  /** What the limits of a pool are: they were told, or are supposed where nobody tells. */
  learn(pool: string, limits: UnitLimits, isSupposed = false): void {
    const share = this.#pools.get(pool)?.share ?? shareExpected
    this.#pools.set(pool, { limits, isSupposed, share })
  }

  /** Of pools whose limits nobody has told, the lowest are supposed. */
  suppose(pools: readonly string[]): void {
    for (const pool of pools) if (!this.knows(pool)) this.learn(pool, limitsUnknown, true)
  }

  /** While rows waited for a pool without a pause, it took so much in so long. */
  measure(pool: string, taken: Amounts, ms: number): void {
    const known = this.#pools.get(pool)
    if (known === undefined || ms <= 0) return
    const seen = longest(taken, known.limits).ms / ms
    // Where limits are known nobody passes them for long: a full bucket was spent.
    const share = known.isSupposed ? seen : Math.min(1, seen)
    known.share = Math.max(shareMin, known.share + gain * (share * shareOfMeasured - known.share))
  }

  /** Milliseconds that amounts take at the least; 0 where no limit is known. */
  msOf(channel: Channel, amounts: Readonly<Amounts>): number {
    if (channel === allPools) return longest(amounts, this.#bounds).ms / shareExpected
    const known = this.#pools.get(channel)
    if (known === undefined) return 0
    return longest(amounts, known.limits).ms / (known.share * this.#fraction)
  }

  /** The limit of a channel that amounts need longest of. */
  bindsOf(channel: Channel, amounts: Readonly<Amounts>): MeterUnit | undefined {
    const limits = channel === allPools ? this.#bounds : this.#pools.get(channel)?.limits
    return limits && longest(amounts, limits).unit
  }
}

function longest(
  amounts: Readonly<Amounts>,
  limits: UnitLimits,
): { readonly ms: number; readonly unit: MeterUnit | undefined } {
  let most: { ms: number; unit: MeterUnit | undefined } = { ms: 0, unit: undefined }
  for (const unit of units) {
    const limit = limits[unit]
    if (limit === undefined) continue
    const ms = (amounts[unit] / limit) * minuteMs
    if (ms >= most.ms) most = { ms, unit }
  }
  return most
}

/**
 * The limits of a pool, and the share of each that this run allows itself.
 *
 * `--limit-fraction 0.5` leaves half of every limit to others. The limits are those the headers
 * show; where replies have no headers, those the Rate Limits API told (ceilings.ts). Each has a
 * bucket of our own, of fraction × limit a minute; the server's meter gates besides, in the class
 * this extends. Where all of a limit may be used and headers show it, that meter is enough, and
 * there is no bucket.
 *
 * Invariant: no 60 s, wherever they start, hold more than fraction × limit and one burst (a
 * second's worth, or the largest request), but for what answers cost beyond their estimates.
 */

import { Bucket } from './bucket.ts'
import type { UnitLimits } from './ceilings.ts'
import { amountOf, type Cost, type MeterUnit } from './meter.ts'
import type { LimitReadings } from './outcome.ts'
import { PoolLimiter, type PoolReservation } from './pool-limiter.ts'
import type { RampKind } from './ramp.ts'
import { units } from './taken.ts'
import { addRefill, type Refills, type Wait, type Waiting } from './wait.ts'

/** Until the limits are known, nobody can tell what a share of them is. */
const firstMax = 2

/** What binds when it is the share, and not the limit. */
export const shareBinds = '--limit-fraction'

/** How a pool is made. */
export interface PoolShareOptions {
  readonly name: string
  readonly ramp: RampKind
  /** The share of each limit, above 0 and at most 1. */
  readonly fraction: number
}

/** The limits of one pool, with the share of them; see above. */
export class PoolShare extends PoolLimiter {
  readonly #fraction: number
  readonly #buckets = new Map<MeterUnit, Bucket>()
  readonly #unsettled: Record<MeterUnit, number> = { requests: 0, input: 0, output: 0, tokens: 0 }
  #ceilings: UnitLimits = {}
  #shown: UnitLimits = {}
  #wasAnswered = false

  constructor(now: number, { name, ramp, fraction }: PoolShareOptions) {
    super(now, name, ramp)
    this.#fraction = fraction
  }

  /** What the Rate Limits API told of this pool. */
  learnCeilings(now: number, ceilings: UnitLimits): void {
    this.#ceilings = ceilings
    this.#resize(now)
  }

  override wait(now: number, cost: Cost, waiting: Waiting = {}): Wait {
    let longest = super.wait(now, cost, waiting)
    if (longest.delayMs === Infinity) return longest
    if (this.#fraction < 1 && !this.#wasAnswered && this.#unsettled.requests >= firstMax) {
      return { delayMs: Infinity, binds: 'first reply' }
    }
    for (const [unit, bucket] of this.#buckets) {
      const delayMs = bucket.delayUntil(now, amountOf(unit, cost))
      const binds = this.#fraction < 1 ? `${shareBinds} ${unit}` : unit
      if (delayMs > longest.delayMs) longest = { delayMs, binds, isPace: true }
    }
    return longest
  }

  override refills(now: number, cost: Cost): Refills {
    const refills = super.refills(now, cost)
    for (const [unit, { perMinute }] of this.#buckets) {
      addRefill(refills, unit, (amountOf(unit, cost) * 60_000) / perMinute)
    }
    return refills
  }

  override reserve(now: number, cost: Cost): PoolReservation {
    for (const unit of units) {
      const amount = amountOf(unit, cost)
      this.#take(now, unit, amount)
      this.#unsettled[unit] += amount
    }
    return super.reserve(now, cost)
  }

  override settle(now: number, reservation: PoolReservation, spent: Cost): void {
    for (const unit of units) {
      const amount = amountOf(unit, reservation.cost)
      this.#take(now, unit, amountOf(unit, spent) - amount)
      this.#unsettled[unit] -= amount
    }
    super.settle(now, reservation, spent)
  }

  override observe(
    now: number,
    reservation: PoolReservation,
    readings: LimitReadings | undefined,
    asOfSend: boolean,
  ): void {
    super.observe(now, reservation, readings, asOfSend)
    const isNews = !this.#wasAnswered || (readings !== undefined && this.#isNews(readings))
    this.#wasAnswered = true
    if (!isNews) return
    if (readings !== undefined) this.#shown = { ...this.#shown, ...limitsIn(readings) }
    this.#resize(now)
  }

  #isNews(readings: LimitReadings): boolean {
    return units.some((unit) => {
      const limit = readings[unit]?.limit
      return limit !== undefined && limit > 0 && limit !== this.#shown[unit]
    })
  }

  #take(now: number, unit: MeterUnit, amount: number): void {
    if (amount !== 0) this.#buckets.get(unit)?.take(now, amount)
  }

  /** Makes the buckets what fraction and limits are now. */
  #resize(now: number): void {
    for (const unit of units) {
      const limit = this.#limit(unit)
      if (limit === undefined) {
        this.#buckets.delete(unit)
        continue
      }
      const perMinute = this.#fraction * limit
      const capacity = Math.max(Math.min(1, perMinute), perMinute / 60)
      const known = this.#buckets.get(unit)
      if (known) known.resize(now, { capacity, perMinute })
      // What is under way was sent out of this bucket too.
      else {
        const level = capacity - this.#unsettled[unit]
        this.#buckets.set(unit, new Bucket(now, { capacity, perMinute, level }))
      }
    }
  }

  /** The limit that a bucket of ours must keep to. */
  #limit(unit: MeterUnit): number | undefined {
    const shown = this.#shown[unit]
    // The sum of the others, repeated, is no limit of its own.
    const isSum = shown === (this.#shown.input ?? 0) + (this.#shown.output ?? 0)
    if (unit === 'tokens' && isSum) return undefined
    if (shown !== undefined) return this.#fraction < 1 ? shown : undefined
    // Headers may yet come: until a reply has none, the first rows tell.
    return this.#wasAnswered ? this.#ceilings[unit] : undefined
  }
}

/** The limits that readings show; one of nothing says less than the refusals that follow. */
function limitsIn(readings: LimitReadings): UnitLimits {
  const found: Partial<Record<MeterUnit, number>> = {}
  for (const unit of units) {
    const limit = readings[unit]?.limit
    if (limit !== undefined && limit > 0 && Number.isFinite(limit)) found[unit] = limit
  }
  return found
}

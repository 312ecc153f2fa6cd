/**
 * The meters of one pool: one for each limit that headers have shown.
 */

import {
  countsInput,
  countsOutput,
  type MeterUnit,
  ServerMeter,
  type ShownReading,
} from './meter.ts'
import type { LimitReadings } from './outcome.ts'
import { isUsable } from './readings.ts'

/** Of a limit, how many seconds of refill were missing. */
export interface Missing {
  readonly unit: MeterUnit
  readonly seconds: number
}

/** What each limit is, a minute, what is left of it, and what others take of it, a minute. */
export type Levels = Partial<Record<MeterUnit, { limit: number; level: number; others: number }>>

/** See above. */
export class PoolMeters {
  #all: readonly ServerMeter[] = []

  /** All there are, in the order in which they were first seen. */
  get all(): readonly ServerMeter[] {
    return this.#all
  }

  /** The limit that input counts to. */
  get input(): ServerMeter | undefined {
    return this.of('input') ?? this.of('tokens')
  }

  /**
   * A limit is shown to hold over so little that what headers say of levels is soon out of date.
   */
  get isSliced(): boolean {
    for (const meter of this.#all) if (meter.isSliceShown) return true
    return false
  }

  levels(now: number): Levels {
    const levels: Levels = {}
    for (const meter of this.#all) {
      const { perMinute: limit, othersPerMinute: others } = meter
      levels[meter.unit] = { limit, level: meter.level(now), others }
    }
    return levels
  }

  /** The most seconds of refill that we took of one lately. */
  burstSeconds(now: number): number {
    let most = 0
    for (const meter of this.#all) most = Math.max(most, meter.burstSeconds(now))
    return most
  }

  of(unit: MeterUnit): ServerMeter | undefined {
    for (const meter of this.#all) if (meter.unit === unit) return meter
    return undefined
  }

  /** A limit is seen for the first time; `unsettled`: what is under way of its unit. */
  add(now: number, unit: MeterUnit, shown: ShownReading, unsettled: number): ServerMeter {
    const meter = new ServerMeter(now, unit, shown, unsettled)
    this.#all = [...this.#all, meter]
    return meter
  }

  remove(unit: MeterUnit): void {
    if (this.of(unit) !== undefined) this.#all = this.#all.filter((meter) => meter.unit !== unit)
  }

  clear(): void {
    this.#all = []
  }

  /** The server counted so much more input, or output, over its slices. */
  produced(now: number, kind: 'input' | 'output', tokens: number): void {
    if (tokens === 0) return
    for (const meter of this.#all) {
      const isOf = kind === 'input' ? countsInput(meter.unit) : countsOutput(meter.unit)
      if (isOf) meter.produced(now, tokens)
    }
  }

  /**
   * What was missing at a refusal, of the limit of which most was; `atStart`: what the request
   * takes of a limit when it starts.
   */
  mostMissing(
    limits: LimitReadings | undefined,
    atStart: (unit: MeterUnit) => number,
  ): Missing | undefined {
    const { isSliced } = this
    let most: Missing | undefined
    for (const meter of this.#all) {
      const { unit } = meter
      const reading = limits?.[unit]
      if (reading === undefined || !isUsable(reading) || meter.isSliceShown !== isSliced) continue
      const seconds = meter.secondsMissing(reading, atStart(unit))
      if (seconds > (most?.seconds ?? 0)) most = { unit, seconds }
    }
    return most
  }
}

/**
 * Meters: one limit each, in one unit, over one minute.
 *
 * A meter answers two questions, both with the instant as an argument: how long
 * until this amount may start, and what to do now that it has. There are two kinds:
 *
 *   BoundMeter   what the user allows. Exact: no 60 s, wherever they start, hold more.
 *   ServerMeter  what the server will show, followed from its headers.
 *
 * Both take an amount on account when a request starts and settle it when its usage
 * is known. An amount larger than a meter's capacity runs when the meter is full:
 * it may not fit, but it must not wait for ever.
 */

import { Bucket } from './bucket.ts'
import type { LimitReading } from './outcome.ts'
import { SlidingWindow, type WindowTicket } from './sliding-window.ts'

/** What a meter counts. `tokens` is input and output together. */
export type MeterUnit = 'requests' | 'input' | 'output' | 'tokens'

/** What one request is expected to cost, or did. Tokens that count to the limits. */
export interface Cost {
  readonly input: number
  readonly output: number
}

/** The part of a request's cost that a meter of this unit counts. */
export function amountOf(unit: MeterUnit, cost: Cost): number {
  switch (unit) {
    case 'requests':
      return 1
    case 'input':
      return cost.input
    case 'output':
      return cost.output
    case 'tokens':
      return cost.input + cost.output
  }
}

const minuteMs = 60_000

/**
 * The window is a little longer than the minute it promises: two sends 60 s apart
 * here may be less than that apart where they arrive. Costs 0.17 % of the bound.
 */
const arrivalJitterMs = 100

/** A user's bound: at most `perMinute` in any 60 s, spread with bursts of at most one second's worth. */
export class BoundMeter {
  readonly name: string
  readonly unit: MeterUnit
  readonly perMinute: number
  readonly #bucket: Bucket
  readonly #window: SlidingWindow

  constructor(now: number, options: { name: string; unit: MeterUnit; perMinute: number }) {
    this.name = options.name
    this.unit = options.unit
    this.perMinute = options.perMinute
    const capacity = Math.max(1, Math.min(options.perMinute / 60, options.perMinute / 10))
    this.#bucket = new Bucket(now, { capacity, perMinute: options.perMinute })
    this.#window = new SlidingWindow({
      limit: options.perMinute,
      windowMs: minuteMs + arrivalJitterMs,
    })
  }

  /** The most by which measured usage took one window over the bound. */
  get worstExcess(): number {
    return this.#window.worstExcess
  }

  delay(now: number, amount: number): number {
    return Math.max(this.#bucket.delayUntil(now, amount), this.#window.delay(now, amount))
  }

  reserve(now: number, amount: number): WindowTicket {
    this.#bucket.take(now, amount)
    return this.#window.add(now, amount)
  }

  settle(now: number, ticket: WindowTicket, reserved: number, actual: number): void {
    // What was underestimated is repaid: the bucket goes into debt for it.
    this.#bucket.take(now, actual - reserved)
    this.#window.correct(ticket, actual)
  }
}

/** What a reading is worth, and what it cannot know (see `ServerMeter.observe`). */
export interface Observation {
  readonly reading: LimitReading
  /** Units of ours sent since the instant the reading speaks of; already off our own level. */
  readonly sentSince: number
  /** Units taken on account for requests not settled yet; the server may have seen none or all of them. */
  readonly unsettled: number
  /** Milliseconds between the instant the reading speaks of and now. */
  readonly ageMs: number
  /** Server wall time now, ms since the epoch, if it said. */
  readonly serverAt: number | undefined
}

/**
 * One limit of the server, as far as its headers tell.
 *
 * Our level has every request of ours taken off when it starts; the server's has
 * it taken off in its own time. So a reading is an interval for our level, from
 * "the server has seen none of what is unsettled" to "all of it"; a level outside is
 * moved to the nearer end. Lower ends repair pessimism, upper ends find other traffic.
 */
export class ServerMeter {
  readonly unit: MeterUnit
  #minute: Bucket
  #slice: Bucket | undefined
  #sliceSeconds: number | undefined

  constructor(now: number, unit: MeterUnit, reading: LimitReading) {
    this.unit = unit
    const perMinute = Math.max(1, reading.limit)
    const level = Math.max(0, Math.min(perMinute, reading.remaining))
    this.#minute = new Bucket(now, { capacity: perMinute, perMinute, level })
  }

  get perMinute(): number {
    return this.#minute.perMinute
  }

  level(now: number): number {
    return this.#minute.level(now)
  }

  delay(now: number, amount: number): number {
    const minute = this.#minute.delayUntil(now, amount)
    return this.#slice ? Math.max(minute, this.#slice.delayUntil(now, amount)) : minute
  }

  take(now: number, amount: number): void {
    this.#minute.take(now, amount)
    this.#slice?.take(now, amount)
  }

  observe(now: number, observation: Observation): void {
    const { reading, sentSince, unsettled, ageMs } = observation
    const limit = Math.max(1, reading.limit)
    if (limit !== this.#minute.perMinute) this.#resize(now, limit)
    const refilled = (limit / minuteMs) * ageMs
    // Token readings are rounded to a thousand; a tenth of a second passes on the way.
    const rounding = this.unit === 'requests' ? 1 : 500
    const slack = rounding + limit / 600
    const shown = this.#shownLevel(limit, observation)
    const highest = Math.min(limit, shown + refilled) - sentSince + slack
    const lowest = Math.min(limit, shown + refilled) - sentSince - unsettled - slack
    const level = this.#minute.level(now)
    if (level > highest) this.#minute.setLevel(now, highest)
    else if (level < lowest) this.#minute.setLevel(now, lowest)
  }

  /** A refusal though every level had room: the limit is enforced over less than a minute. */
  learnSlice(now: number): void {
    this.#sliceSeconds = Math.max(0.2, (this.#sliceSeconds ?? 1 / 0.7) * 0.7)
    this.#setSlice(now, 0)
  }

  #shownLevel(limit: number, { reading, serverAt }: Observation): number {
    if (reading.remaining > 0 || serverAt === undefined) return reading.remaining
    // `remaining` stops at 0, the level does not; the time to full tells how deep it is (± 1 s).
    const secondsToFull = (reading.resetAt - serverAt) / 1000 - 1
    return Math.min(0, limit - (secondsToFull * limit) / 60)
  }

  #resize(now: number, limit: number): void {
    this.#minute.resize(now, { capacity: limit, perMinute: limit })
    if (this.#slice) this.#setSlice(now, this.#slice.level(now))
  }

  #setSlice(now: number, level: number): void {
    const capacity = Math.max(1, (this.perMinute / 60) * (this.#sliceSeconds ?? 1))
    this.#slice = new Bucket(now, { capacity, perMinute: this.perMinute, level })
  }
}

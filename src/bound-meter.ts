/**
 * A bound of the user's: exact, for no 60 s, wherever they start, hold more.
 *
 * An amount is taken on account when a request starts and settled when its usage is known.
 * One larger than the bound runs when the meter is full: it may not fit, but it must not
 * wait for ever.
 */

import { Bucket } from './bucket.ts'
import type { MeterUnit } from './meter.ts'
import { SlidingWindow, type WindowTicket } from './sliding-window.ts'

const minuteMs = 60_000

/**
 * The window is a little longer than the minute it promises: two sends 60 s apart
 * here may be less than that apart where they arrive. Costs 0.17 % of the bound.
 */
const arrivalJitterMs = 100

/**
 * A user's bound: at most `perMinute` in any 60 s, spread with bursts of at most one second's
 * worth.
 */
export class BoundMeter {
  readonly name: string
  readonly unit: MeterUnit
  readonly perMinute: number
  readonly #bucket: Bucket
  readonly #window: SlidingWindow

  constructor(now: number, options: { name: string; unit: MeterUnit; perMinute: number }) {
    const { perMinute } = options
    this.name = options.name
    this.unit = options.unit
    this.perMinute = perMinute
    this.#bucket = new Bucket(now, { capacity: Math.max(1, perMinute / 60), perMinute })
    this.#window = new SlidingWindow({ limit: perMinute, windowMs: minuteMs + arrivalJitterMs })
  }

  /** The most that 60 s held over the bound: by measured usage, or by one row larger than it. */
  get worstExcess(): number {
    return this.#window.worstExcess
  }

  /** Milliseconds until this amount may start. */
  delay(now: number, amount: number): number {
    return Math.max(this.#bucket.delayUntil(now, amount), this.#window.delay(now, amount))
  }

  /** Takes the amount on account. */
  reserve(now: number, amount: number): WindowTicket {
    this.#bucket.take(now, amount)
    return this.#window.add(now, amount)
  }

  /** Replaces what was reserved by what it was. */
  settle(now: number, ticket: WindowTicket, reserved: number, actual: number): void {
    if (actual === reserved) return
    // What was underestimated is repaid: the bucket goes into debt for it.
    this.#bucket.take(now, actual - reserved)
    this.#window.correct(now, ticket, actual)
  }
}

/**
 * What is left of a limit as the server counts it: what its headers would show at this instant.
 *
 * The level of our own (`meter.ts`) has all of a request taken off when it starts, so that there
 * is enough for it to its end. Over a slice of a second that says nothing: an answer is produced
 * over many. There it matters what the server has counted by now: the newest reading, with what is
 * counted since: input when a request starts, output as it is produced.
 *
 * A server that refills a minute and a slice at one rate drains both alike. So what is missing from
 * a full minute is what is missing from a full slice, and headers that show the one tell of the
 * other.
 */

import { grainMs } from './bucket.ts'

const minuteMs = 60_000

/** One limit's; see above. */
export class ShownLevel {
  #capacity: number
  #perMinute: number
  #level: number
  #at: number

  constructor(now: number, { capacity, perMinute }: { capacity: number; perMinute: number }) {
    this.#capacity = capacity
    this.#perMinute = perMinute
    this.#level = capacity
    this.#at = now
  }

  /** The most there can be. */
  get capacity(): number {
    return this.#capacity
  }

  /** Units left, as the server has counted by now. */
  level(now: number): number {
    const elapsedMs = Math.max(0, now - this.#at)
    return Math.min(this.#capacity, this.#level + (elapsedMs * this.#perMinute) / minuteMs)
  }

  /** Counted at once; a negative amount is given back. */
  take(now: number, amount: number): void {
    this.#set(now, this.level(now) - amount)
  }

  /** The limit, or how much of it is held at most, is another. */
  resize(now: number, size: { readonly capacity: number; readonly perMinute: number }): void {
    const level = this.level(now)
    this.#capacity = size.capacity
    this.#perMinute = size.perMinute
    this.#set(now, Math.min(level, size.capacity))
  }

  /**
   * A reading says that one of these is left, give or take `slack`: an early figure may be of the
   * start of its request or of its reply. Where nothing is left, there may be less than that.
   */
  observe(now: number, left: readonly [number, number], slack: number): void {
    const [one, other] = left
    const least = Math.min(one, other)
    const most = Math.max(one, other)
    const level = this.level(now)
    if (most <= 0) this.#set(now, Math.min(level, 0))
    else if (level > most + slack) this.#set(now, most + slack)
    else if (level < least - slack && least > 0) this.#set(now, least - slack)
  }

  /** Milliseconds until so much is left, if nothing is counted until then. */
  delayUntil(now: number, level: number): number {
    const missing = level - this.level(now)
    const delayMs = (missing * minuteMs) / this.#perMinute
    return delayMs < grainMs ? 0 : delayMs
  }

  #set(now: number, level: number): void {
    this.#level = level
    this.#at = Math.max(now, this.#at)
  }
}

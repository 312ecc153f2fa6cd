/**
 * Token bucket, as arithmetic: no timers, no clock, no promises.
 *
 * A bucket holds up to `capacity` tokens and gains `perMinute` tokens a minute.
 * A taker may go into debt; the debt is the time the next one must wait. Time is
 * always an argument, so every behaviour here is a row in a table test.
 *
 * Invariant: the level never exceeds `capacity` and never falls by itself.
 */

import { assert } from './assert.ts'

/**
 * A wait shorter than this is none. Instants of days are doubles a ten-millionth of a
 * millisecond apart: a wait of less than that would end at the instant at which it began.
 */
export const grainMs = 0.001

/** Tokens, and tokens a minute. */
export interface BucketOptions {
  /** The most it holds; positive. */
  readonly capacity: number
  /** What it gains in 60 s; positive. */
  readonly perMinute: number
  /** What it holds at first. @default capacity */
  readonly level?: number
}

/**
 * A token bucket.
 *
 * @example
 * ```ts
 * const bucket = new Bucket(0, { capacity: 2, perMinute: 60 })
 * bucket.take(0, 2)
 * bucket.level(500) // => 0.5
 * bucket.delayUntil(500, 1) // => 500
 * ```
 */
export class Bucket {
  #capacity: number
  #perMinute: number
  #level: number
  #levelAt: number

  constructor(now: number, options: BucketOptions) {
    assert(options.capacity > 0, `Bucket capacity must be positive, got ${options.capacity}`)
    assert(options.perMinute > 0, `Bucket refill must be positive, got ${options.perMinute}`)
    this.#capacity = options.capacity
    this.#perMinute = options.perMinute
    this.#level = options.level ?? options.capacity
    this.#levelAt = now
  }

  get capacity(): number {
    return this.#capacity
  }

  get perMinute(): number {
    return this.#perMinute
  }

  /** Tokens there are at `now`; negative while in debt. Changes nothing. */
  level(now: number): number {
    // A clock that steps back must neither drain nor refill the bucket.
    const elapsedMs = Math.max(0, now - this.#levelAt)
    return Math.min(this.#capacity, this.#level + (elapsedMs * this.#perMinute) / 60_000)
  }

  /** Takes `count` tokens, into debt if need be; a negative count gives back. */
  take(now: number, count: number): void {
    this.setLevel(now, this.level(now) - count)
  }

  /** States what the bucket holds at `now`. */
  setLevel(now: number, level: number): void {
    this.#level = level
    this.#levelAt = Math.max(now, this.#levelAt)
  }

  /** Changes capacity and refill from `now` on; the level is kept, capped at the new capacity. */
  resize(now: number, { capacity, perMinute }: BucketOptions): void {
    assert(capacity > 0 && perMinute > 0, `Bucket size must be positive: ${capacity}, ${perMinute}`)
    const level = this.level(now)
    this.#capacity = capacity
    this.#perMinute = perMinute
    this.setLevel(now, level)
  }

  /**
   * Milliseconds from `now` until it holds `level` tokens, 0 if it does. More than `capacity`
   * it never holds: who asks for more waits until it is full.
   */
  delayUntil(now: number, level: number): number {
    const missing = Math.min(level, this.#capacity) - this.level(now)
    const delayMs = (missing * 60_000) / this.#perMinute
    return delayMs < grainMs ? 0 : delayMs
  }
}

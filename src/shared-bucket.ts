/**
 * A bucket that others draw on too: what they take is a rate that comes off its refill.
 *
 * That rate is read from what is missing in replies. Where none comes it is believed for a minute
 * and not longer: whoever waits for a bucket that others seem to empty starts nothing, so nothing
 * would ever tell that they have gone, or never were.
 */

import { Bucket } from './bucket.ts'

/** How much it holds, and gains in a minute, others included. */
export interface SharedBucketSize {
  readonly capacity: number
  readonly perMinute: number
}

const believedMs = 60_000
/** Something is always left for us. */
const othersShareMax = 0.9

/**
 * See above.
 *
 * @example
 * ```ts
 * const bucket = new SharedBucket(0, { capacity: 60, perMinute: 60 }, 0)
 * bucket.heard(0)
 * bucket.setOthers(0, 30)
 * bucket.level(10_000) // => 5
 * bucket.delayUntil(0, 50) // => 80000
 * ```
 */
export class SharedBucket {
  readonly #bucket: Bucket
  #perMinute: number
  #others = 0
  #believedUntil = Infinity

  constructor(now: number, { capacity, perMinute }: SharedBucketSize, level: number) {
    this.#perMinute = perMinute
    this.#bucket = new Bucket(now, { capacity, perMinute, level })
  }

  get capacity(): number {
    return this.#bucket.capacity
  }

  /** What it gains in a minute that others do not take. */
  get perMinute(): number {
    return this.#bucket.perMinute
  }

  /** What others take of it, a minute. */
  get others(): number {
    return this.#others
  }

  level(now: number): number {
    this.#forget(now)
    return this.#bucket.level(now)
  }

  take(now: number, count: number): void {
    this.#forget(now)
    this.#bucket.take(now, count)
  }

  setLevel(now: number, level: number): void {
    this.#forget(now)
    this.#bucket.setLevel(now, level)
  }

  /** Changes capacity and refill; others go on as they did, as far as that can be. */
  resize(now: number, { capacity, perMinute }: SharedBucketSize): void {
    this.#forget(now)
    this.#perMinute = perMinute
    this.#others = Math.min(this.#others, perMinute * othersShareMax)
    this.#bucket.resize(now, { capacity, perMinute: perMinute - this.#others })
  }

  /** A reply shows that others take so much a minute; below nothing is nothing. */
  setOthers(now: number, others: number): void {
    this.#forget(now)
    this.#others = Math.min(Math.max(others, 0), this.#perMinute * othersShareMax)
    const { capacity } = this.#bucket
    this.#bucket.resize(now, { capacity, perMinute: this.#perMinute - this.#others })
  }

  /** A reply has come: what is known of others is of now. */
  heard(now: number): void {
    this.#forget(now)
    this.#believedUntil = now + believedMs
  }

  /** Milliseconds until it holds so much; as `Bucket.delayUntil`. */
  delayUntil(now: number, level: number): number {
    this.#forget(now)
    const delayMs = this.#bucket.delayUntil(now, level)
    const beliefMs = this.#believedUntil - now
    if (this.#others === 0 || delayMs <= beliefMs) return delayMs
    const missing = Math.min(level, this.capacity) - this.#bucket.level(this.#believedUntil)
    return beliefMs + (missing * 60_000) / this.#perMinute
  }

  #forget(now: number): void {
    if (this.#others === 0 || now < this.#believedUntil) return
    this.#others = 0
    const { capacity } = this.#bucket
    this.#bucket.resize(this.#believedUntil, { capacity, perMinute: this.#perMinute })
  }
}

/**
 * One limit of one pool, as the server keeps it: a minute's bucket, and under a
 * shorter enforcement a slice's bucket beside it, both drawn on together.
 *
 * Tokens leave a meter in lumps (`take`) or as a flow: production debits the meter
 * while it goes on, so its level between two looks is a straight line whose slope is
 * refill less flow. Both are exact at every instant, however seldom anybody looks.
 *
 * A meter without a limit is one that never says no; it still remembers its flow, so
 * that a limit can be set in mid-run.
 */

import { Bucket } from '../bucket.ts'

/** How a limit is enforced, and what the headers show of it. */
export interface EnforcedMeterOptions {
  /** Units a minute; null: no such limit. */
  readonly perMinute: number | null
  /** Seconds of a shorter enforcement; null: the whole minute. */
  readonly sliceSeconds: number | null
  /** Whether headers show the slice's bucket rather than the minute's. */
  readonly sliceShown: boolean
}

/** What headers are made of. */
export interface EnforcedMeterReading {
  readonly perMinute: number
  readonly level: number
  /** Milliseconds until the bucket is full if nothing more is taken. */
  readonly fullInMs: number
}

/** Levels are sums of fractions: who paces exactly must not be refused for the last bit. */
const roundingError = 1e-6

/** A limit with its buckets and the flow that drains them. */
export class EnforcedMeter {
  readonly #sliceSeconds: number | null
  readonly #sliceShown: boolean
  /** The minute's bucket and then the slice's, as far as there are any. */
  #buckets: readonly Bucket[]
  #perMinute: number | null
  #flowPerMs = 0
  #flows = 0
  #settledAt: number

  constructor(now: number, options: EnforcedMeterOptions) {
    this.#sliceSeconds = options.sliceSeconds
    this.#sliceShown = options.sliceShown
    this.#perMinute = options.perMinute
    this.#buckets = this.#makeBuckets(now)
    this.#settledAt = now
  }

  /** Units a minute; null when there is no such limit. */
  get perMinute(): number | null {
    return this.#perMinute
  }

  /** Whether `count` may be taken; more than a bucket's capacity may when that bucket is full. */
  holds(now: number, count: number): boolean {
    this.#settle(now)
    return this.#buckets.every(
      (bucket) => bucket.level(now) >= Math.min(count, bucket.capacity) - roundingError,
    )
  }

  /** Whether anything at all is left. */
  positive(now: number): boolean {
    this.#settle(now)
    return this.#buckets.every((bucket) => bucket.level(now) > roundingError)
  }

  /** Milliseconds of refill until `holds(count)`, leaving the flow out: nobody knows its future. */
  delayUntil(now: number, count: number): number {
    this.#settle(now)
    return Math.max(0, ...this.#buckets.map((bucket) => bucket.delayUntil(now, count)))
  }

  /** What is enforced now, the least over the buckets; `Infinity` without a limit. */
  level(now: number): number {
    this.#settle(now)
    return Math.min(...this.#buckets.map((bucket) => bucket.level(now)))
  }

  /** Takes `count`, into debt if need be; a negative count gives back. */
  take(now: number, count: number): void {
    this.#settle(now)
    for (const bucket of this.#buckets) bucket.take(now, count)
  }

  /** From now on, `perMs` more units leave in every millisecond. */
  startFlow(now: number, perMs: number): void {
    this.#settle(now)
    this.#flowPerMs += perMs
    this.#flows++
  }

  /** Ends a flow that was started with the same `perMs`. */
  stopFlow(now: number, perMs: number): void {
    this.#settle(now)
    this.#flows--
    // Sums and differences of fractions drift; when nothing flows the answer is known.
    this.#flowPerMs = this.#flows === 0 ? 0 : this.#flowPerMs - perMs
  }

  /** What the headers show; undefined without a limit. */
  reading(now: number): EnforcedMeterReading | undefined {
    this.#settle(now)
    const bucket = (this.#sliceShown ? this.#buckets[1] : undefined) ?? this.#buckets[0]
    if (bucket === undefined || this.#perMinute === null) return undefined
    return {
      perMinute: this.#perMinute,
      level: bucket.level(now),
      fullInMs: bucket.delayUntil(now, bucket.capacity),
    }
  }

  /** Changes the limit; levels are kept, capped at the new capacity. A new limit starts full. */
  resize(now: number, perMinute: number | null): void {
    this.#settle(now)
    const wasLimited = this.#perMinute !== null
    this.#perMinute = perMinute
    if (perMinute === null || !wasLimited) {
      this.#buckets = this.#makeBuckets(now)
      return
    }
    for (const [index, capacity] of this.#capacities(perMinute).entries()) {
      this.#buckets[index]?.resize(now, { capacity, perMinute })
    }
  }

  #capacities(perMinute: number): readonly number[] {
    if (this.#sliceSeconds === null) return [perMinute]
    return [perMinute, (perMinute * this.#sliceSeconds) / 60]
  }

  #makeBuckets(now: number): readonly Bucket[] {
    const perMinute = this.#perMinute
    if (perMinute === null) return []
    return this.#capacities(perMinute).map((capacity) => new Bucket(now, { capacity, perMinute }))
  }

  /** Brings the buckets from the last look to `now` under the flow there was. */
  #settle(now: number): void {
    const elapsedMs = now - this.#settledAt
    if (elapsedMs <= 0) return
    if (this.#flowPerMs !== 0) {
      for (const bucket of this.#buckets) {
        // Refill and flow act together: filling first and draining after would lose to the brim
        // what production had already made room for.
        const slopePerMs = bucket.perMinute / 60_000 - this.#flowPerMs
        bucket.setLevel(now, bucket.level(this.#settledAt) + elapsedMs * slopePerMs)
      }
    }
    this.#settledAt = now
  }
}

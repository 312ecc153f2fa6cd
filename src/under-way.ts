/**
 * The tries under way, and what bounds them all together: their count, the bytes of their
 * bodies, the sockets the process can have.
 */

import { assert } from './assert.ts'
import { grainMs } from './bucket.ts'
import { Congestion } from './congestion.ts'
import type { Wait } from './pool-limiter.ts'
import type { Attempt } from './work.ts'

/** How much may be under way at once. */
export interface UnderWayBounds {
  readonly maxConcurrency: number
  readonly maxInFlightBytes: number
}

const free: Wait = { delayMs: 0, binds: '' }

/** Tries under way; see above. */
export class UnderWay {
  readonly #bounds: UnderWayBounds
  readonly #attempts = new Set<Attempt>()
  /** Of the process, so all pools share its ceiling. */
  readonly #sockets = new Congestion()
  #bytes = 0

  constructor(bounds: UnderWayBounds) {
    this.#bounds = bounds
  }

  get size(): number {
    return this.#attempts.size
  }

  /** The tries, the oldest first. */
  get attempts(): Iterable<Attempt> {
    return this.#attempts
  }

  /** How long a try of a body so large must wait, and for what. Infinity: until another ends. */
  wait(now: number, bodyBytes: number): Wait {
    const { maxConcurrency, maxInFlightBytes } = this.#bounds
    const { size } = this.#attempts
    if (size >= maxConcurrency) return { delayMs: Infinity, binds: 'concurrency' }
    // A body larger than the whole bound runs alone.
    if (size > 0 && this.#bytes + bodyBytes > maxInFlightBytes) {
      return { delayMs: Infinity, binds: 'in-flight bytes' }
    }
    const delayMs = this.#sockets.delay(now)
    if (delayMs >= grainMs) return { delayMs, binds: 'sockets' }
    return size < this.#sockets.ceiling(now) ? free : { delayMs: Infinity, binds: 'sockets' }
  }

  add(attempt: Attempt): void {
    this.#attempts.add(attempt)
    this.#bytes += attempt.work.bodyBytes
  }

  /** Takes out a try that ended; one that ended before is a bug of ours. */
  remove(attempt: Attempt): void {
    assert(this.#attempts.delete(attempt), `Attempt ${attempt.number} ended twice`)
    this.#bytes -= attempt.work.bodyBytes
  }

  /** A try, taken out already, found no socket to be had. */
  noSocket(now: number): void {
    this.#sockets.noSocket(now, this.#attempts.size)
  }
}

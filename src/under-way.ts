/**
 * The tries under way, and what bounds them all together: their count, the bytes of their
 * bodies, and the sockets the process can have.
 */

import { assert } from './assert.ts'
import { grainMs } from './bucket.ts'
import { Congestion } from './congestion.ts'
import { free, type Wait } from './wait.ts'
import type { Attempt } from './work.ts'

/** How much may be under way at once. */
export interface UnderWayBounds {
  readonly maxConcurrency: number
  readonly maxInFlightBytes: number
}

/** What binds when as many are under way as may be. */
export const fullBinds = 'concurrency'

/** Tries under way; see above. */
export class UnderWay {
  readonly #bytesMax: number
  #countMax: number
  /**
   * The tries in the order of their numbers, with gaps where some have ended. Not a set: the tables
   * that one sheds as it changes keep each other alive, and with them all the tries they ever held.
   */
  #attempts: (Attempt | undefined)[] = []
  #numbers: number[] = []
  #size = 0
  /** Of the process, so all pools share its ceiling. */
  readonly #sockets = new Congestion()
  #bytes = 0
  #sleptAt = -Infinity

  constructor({ maxConcurrency, maxInFlightBytes }: UnderWayBounds) {
    this.#countMax = maxConcurrency
    this.#bytesMax = maxInFlightBytes
  }

  get size(): number {
    return this.#size
  }

  /** So many may be under way at once from now on; more that are there already go on. */
  bound(count: number): void {
    this.#countMax = count
  }

  /** As many are under way as may be at once: the next starts when one of them ends. */
  get isFull(): boolean {
    return this.#size >= this.#countMax
  }

  /** The tries, the oldest first. */
  get attempts(): readonly Attempt[] {
    return this.#attempts.filter((attempt) => attempt !== undefined)
  }

  /** How many tries of a pool began after an instant and not after another. */
  count(
    pool: string,
    { after, until }: { readonly after: number; readonly until: number },
  ): number {
    let count = 0
    for (const attempt of this.#attempts) {
      if (attempt === undefined || attempt.work.pool !== pool) continue
      if (attempt.startedAt > after && attempt.startedAt <= until) count += 1
    }
    return count
  }

  /**
   * How long a try of a body so large must wait, and for what; or so many tries of bodies that are
   * so large together. Infinity: until another ends.
   */
  wait(now: number, bodyBytes: number, tries = 1): Wait {
    const size = this.#size
    if (size + tries > this.#countMax) return { delayMs: Infinity, binds: fullBinds }
    // A body larger than the whole bound runs alone.
    if (size + tries > 1 && this.#bytes + bodyBytes > this.#bytesMax) {
      return { delayMs: Infinity, binds: 'in-flight bytes' }
    }
    const delayMs = this.#sockets.delay(now)
    if (delayMs >= grainMs) return { delayMs, binds: 'sockets' }
    return size + tries - 1 < this.#sockets.ceiling(now)
      ? free
      : { delayMs: Infinity, binds: 'sockets' }
  }

  add(attempt: Attempt): void {
    this.#attempts.push(attempt)
    this.#numbers.push(attempt.number)
    this.#size += 1
    this.#bytes += attempt.work.bodyBytes
  }

  /** Takes out a try that ended; one that ended before is a bug of ours. */
  remove(attempt: Attempt): void {
    const index = this.#indexOf(attempt.number)
    assert(this.#attempts[index] === attempt, `Attempt ${attempt.number} ended twice`)
    this.#attempts[index] = undefined
    this.#size -= 1
    if (this.#size < this.#attempts.length / 2) this.#closeGaps()
    this.#bytes -= attempt.work.bodyBytes
  }

  /** A try, taken out already, found no socket to be had. */
  noSocket(now: number): void {
    this.#sockets.noSocket(now, this.#size)
  }

  /** The machine slept: what began up to the instant `before` is dead. */
  slept(before: number): void {
    this.#sleptAt = before
  }

  /** Whether a try began before the machine slept. */
  isFromBeforeSleep(attempt: Attempt): boolean {
    return attempt.startedAt <= this.#sleptAt
  }

  #indexOf(number: number): number {
    let low = 0
    let high = this.#numbers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#numbers[middle] ?? 0) < number) low = middle + 1
      else high = middle
    }
    return low
  }

  #closeGaps(): void {
    let to = 0
    for (let from = 0; from < this.#attempts.length; from++) {
      const attempt = this.#attempts[from]
      if (attempt === undefined) continue
      this.#attempts[to] = attempt
      this.#numbers[to] = this.#numbers[from] ?? 0
      to += 1
    }
    this.#attempts.length = to
    this.#numbers.length = to
  }
}

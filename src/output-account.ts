/**
 * What the server takes of the output limit when a request starts: nothing, and then what is
 * produced; or `max_tokens`, corrected at the end. The documents have said both.
 *
 * Nothing is the default. A request that is refused with less than its `max_tokens` left, and no
 * other reason in sight, speaks for the second; one that is answered though it started with less,
 * against it. Now and then a request is let start with less, so that a wrong belief ends.
 */

import type { Cost } from './meter.ts'

/** A level this much below is surely below. */
const clearlyShare = 0.8
/** So many in a row must have been answered that started with less. */
const answersMin = 5
const tryAfterMsFirst = 60_000
const tryAfterMsMax = 1_200_000

/** The belief about one pool. */
export class OutputAccount {
  #isReserved = false
  #deniedAt = -Infinity
  #answers = 0
  #tryAfterMs = tryAfterMsFirst
  #tryAt = Infinity

  /** Whether `max_tokens` is taken at the start. */
  get isReserved(): boolean {
    return this.#isReserved
  }

  /** What a request takes on account, as is believed now. */
  costOf(now: number, cost: Cost): Cost {
    if (!this.#isReserved || now >= this.#tryAt) return cost
    return { ...cost, output: cost.outputMax ?? cost.output, outputDeviation: 0 }
  }

  /** A request starts. */
  started(now: number): void {
    if (this.#isReserved && now >= this.#tryAt) this.#tryAt = now + this.#tryAfterMs
  }

  /** One was answered that had started with so much left of the output limit. */
  answered(now: number, level: number, { outputMax = 0 }: Cost): void {
    if (level >= outputMax * clearlyShare) return
    this.#answers += 1
    // Our level may have been too low; so the next one is tried at once.
    this.#tryAt = now
    if (this.#answers < answersMin) return
    this.#isReserved = false
    this.#deniedAt = now
    this.#tryAfterMs = tryAfterMsFirst
  }

  /** One was refused with so much left, and nothing else explains it. Returns whether this does. */
  refused(now: number, left: number, { outputMax = 0 }: Cost): boolean {
    if (left >= outputMax) return false
    this.#answers = 0
    if (this.#isReserved) {
      this.#tryAfterMs = Math.min(tryAfterMsMax, this.#tryAfterMs * 2)
      this.#tryAt = now + this.#tryAfterMs
      return true
    }
    if (this.#deniedAt > now - tryAfterMsMax) return false
    this.#isReserved = true
    this.#tryAt = now + this.#tryAfterMs
    return true
  }
}

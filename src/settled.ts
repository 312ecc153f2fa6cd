/**
 * Which rows were counted out: one bit a row, set exactly once.
 */

import { assert } from './assert.ts'
import { RunError } from './errors.ts'

/** Rows a failed count names. */
const missingShownMax = 20

export class Settled {
  #bits = new Uint32Array(128)
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Counts a row out; a row that was counted out before is a bug of ours. */
  mark(sequence: number): void {
    const word = sequence >>> 5
    if (word >= this.#bits.length) {
      const bits = new Uint32Array(Math.max(word + 1, this.#bits.length * 2))
      bits.set(this.#bits)
      this.#bits = bits
    }
    const bit = 1 << (sequence & 31)
    const before = this.#bits[word] ?? 0
    assert((before & bit) === 0, `Row ${sequence + 1} was settled twice`)
    this.#bits[word] = before | bit
    this.#count += 1
  }

  /**
   * Every one of so many rows is settled, or the run says which are not.
   *
   * @throws {RunError} `COUNT_MISMATCH`, caused by what stopped the run, if anything did
   */
  countOut(count: number, stopping: RunError | undefined): void {
    const missing = this.missing(count, missingShownMax)
    if (missing.length === 0) return
    const rows = missing.join(', ')
    const message = `Lost count of ${count - this.#count} of ${count} rows, among them ${rows}`
    const hint = 'run the same command again: rows without a line are asked'
    throw new RunError('COUNT_MISMATCH', message, { hint, cause: stopping })
  }

  /** Row numbers, from 1, below `count` that were not counted out; at most `max` of them. */
  missing(count: number, max: number): readonly number[] {
    const missing: number[] = []
    for (let sequence = 0; sequence < count && missing.length < max; sequence++) {
      const word = this.#bits[sequence >>> 5] ?? 0
      if ((word & (1 << (sequence & 31))) === 0) missing.push(sequence + 1)
    }
    return missing
  }
}

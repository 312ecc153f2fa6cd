/**
 * Which rows were counted out: one bit a row, set exactly once.
 */

import { assert } from './assert.ts'

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

/**
 * Which rows of which batches have their line in the files of a run: the output says so itself.
 *
 * Memory: a bit a row that a batch ended.
 */

import type { ResultLine } from '../result-line.ts'

/** Told of every line; see above. */
export class Collected {
  readonly #batches = new Map<string, Bits>()

  add({ batchRequest }: Pick<ResultLine, 'batchRequest'>): void {
    if (batchRequest === undefined) return
    const dash = batchRequest.lastIndexOf('-')
    const index = Number.parseInt(batchRequest.slice(dash + 1), 36)
    if (dash > 0 && Number.isSafeInteger(index)) this.of(batchRequest.slice(0, dash)).set(index)
  }

  /** Those of the batch with this nonce; may be added to. */
  of(nonce: string): Bits {
    let bits = this.#batches.get(nonce)
    if (bits === undefined) {
      bits = new Bits()
      this.#batches.set(nonce, bits)
    }
    return bits
  }
}

/** A set of small whole numbers. */
export class Bits {
  #words = new Uint32Array(32)
  #count = 0

  get count(): number {
    return this.#count
  }

  has(index: number): boolean {
    return ((this.#words[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0
  }

  set(index: number): void {
    if (this.has(index)) return
    const word = index >>> 5
    if (word >= this.#words.length) {
      const words = new Uint32Array(Math.max(word + 1, 2 * this.#words.length))
      words.set(this.#words)
      this.#words = words
    }
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (index & 31))
    this.#count += 1
  }
}

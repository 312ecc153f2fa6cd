/**
 * Which line has which id: of two rows with one id the second is at fault, and names the first.
 *
 * Ids that users gave are kept as fingerprints, some 15 bytes each. Default ids (`line-N`) take no
 * room: only a line of a failed file may bear another line's.
 */

import { Fingerprints } from './fingerprints.ts'
import { digest } from './hash.ts'

const encoder = new TextEncoder()

/** The ids of one input, claimed in the order of its lines. */
export class RowIds {
  /** Line numbers by id, for the ids users gave. */
  readonly #lines = new Fingerprints()
  #lastDefaultLine = 0
  #borrowed = false

  /** Bytes of memory it holds. */
  get bytes(): number {
    return this.#lines.bytes
  }

  /**
   * Takes an id for a line; returns the line that has it already, or 0. `undefined` is the default
   * id.
   *
   * @example
   * ```ts
   * const ids = new RowIds()
   * ids.claim('a', 1) // => 0
   * ids.claim('a', 7) // => 1
   * ```
   */
  claim(given: string | undefined, lineNumber: number): number {
    if (given === undefined) {
      this.#lastDefaultLine = lineNumber
      // Only a line of a failed file may have another line's default id.
      return this.#borrowed ? this.#lines.get(keyOf(`line-${lineNumber}`)) : 0
    }
    const borrowed = /^line-(\d+)$/.exec(given)
    if (borrowed) {
      this.#borrowed = true
      // Without an index of default ids, any line up to the last that has one may be its owner.
      const owner = Number(borrowed[1])
      if (owner !== lineNumber && owner <= this.#lastDefaultLine) return owner
    }
    const key = keyOf(given)
    const first = this.#lines.get(key)
    if (first === 0) this.#lines.set(key, lineNumber)
    return first
  }
}

function keyOf(id: string): string {
  return digest(encoder.encode(id))
}

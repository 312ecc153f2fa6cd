/**
 * Rows that wait, by where they stand in the input: what they ask is read when it is their turn.
 *
 * Memory: 35 bytes a row.
 */

import type { Work } from '../work.ts'

/** A row of the input that was read once. */
export interface RowAt {
  /** Place among the selected rows, from 0. */
  readonly sequence: number
  readonly line: number
  /** Where its line begins, and how long it is, in bytes. */
  readonly offset: number
  readonly bytes: number
  /** An earlier run failed it. */
  readonly retriesFailed: boolean
  /** Tries in batches that counted. */
  readonly attempts: number
  /** How often it was perhaps billed without an answer. */
  readonly unknownAttempts: number
}

const chunkRows = 1024
const numbersOfRow = 4
const bytesOfRow = 3
const byteMax = 255

interface Chunk {
  readonly numbers: Float64Array
  readonly bytes: Uint8Array
  from: number
  to: number
}

/** First in, first out. */
export class RowPlaces {
  readonly #chunks: Chunk[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  push({ sequence, line, offset, bytes, ...row }: RowAt): void {
    let last = this.#chunks.at(-1)
    if (last === undefined || last.to === chunkRows) {
      last = {
        numbers: new Float64Array(numbersOfRow * chunkRows),
        bytes: new Uint8Array(bytesOfRow * chunkRows),
        from: 0,
        to: 0,
      }
      this.#chunks.push(last)
    }
    last.numbers.set([sequence, line, offset, bytes], numbersOfRow * last.to)
    const { attempts, unknownAttempts } = row
    const counts = [Math.min(byteMax, attempts), Math.min(byteMax, unknownAttempts)]
    last.bytes.set([row.retriesFailed ? 1 : 0, ...counts], bytesOfRow * last.to)
    last.to += 1
    this.#length += 1
  }

  /** Takes the first one. */
  shift(): RowAt | undefined {
    const [first] = this.#chunks
    if (first === undefined) return undefined
    const at = first.from
    const [sequence = 0, line = 0, offset = 0, length = 0] = first.numbers.subarray(
      numbersOfRow * at,
    )
    const [retries = 0, attempts = 0, unknownAttempts = 0] = first.bytes.subarray(bytesOfRow * at)
    first.from += 1
    this.#length -= 1
    if (first.from === first.to) this.#chunks.shift()
    const place = { sequence, line, offset, bytes: length }
    return { ...place, retriesFailed: retries === 1, attempts, unknownAttempts }
  }
}

/** Where a row stands. */
export function rowAt({ sequence, row, retriesFailed, attempts, unknownAttempts }: Work): RowAt {
  const { lineNumber: line, offset, byteLength: bytes } = row
  return { sequence, line, offset, bytes, retriesFailed, attempts, unknownAttempts }
}

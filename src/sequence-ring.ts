/**
 * What is known of the rows from the next one on, in twelve bytes a row.
 *
 * Think of a window over the sequence of rows, whose first place is the row whose turn it is. Of
 * each row in it either nothing is known, or that it is skipped, or where its line is kept. The
 * window moves on when its first row is passed.
 *
 * Memory: two columns in a ring, which grows by a quarter when a row comes that lies farther ahead:
 * 15 bytes at most for each row between the next and the farthest.
 */

import { assert } from './assert.ts'

const growth = 1.25
const firstRoom = 1024
/** Lengths that are none. */
const unknown = 0
const skipped = 2 ** 32 - 1

/**
 * The window; see above.
 *
 * @example
 * ```ts
 * const ring = new SequenceRing()
 * ring.keep(1, 500, 20)
 * ring.state(1) // => 'kept'
 * ring.pass()
 * ring.next // => 1
 * ring.offset(1) // => 500
 * ```
 */
export class SequenceRing {
  #offsets: Float64Array<ArrayBuffer> = new Float64Array(firstRoom)
  #lengths: Uint32Array<ArrayBuffer> = new Uint32Array(firstRoom)
  /** Index of the next row's place. */
  #head = 0
  #next = 0

  /** The sequence number of the row whose turn it is. */
  get next(): number {
    return this.#next
  }

  /** Bytes of memory it holds. */
  get bytes(): number {
    return this.#offsets.byteLength + this.#lengths.byteLength
  }

  /** What is known of a row; one behind the window is `passed`. */
  state(sequence: number): 'passed' | 'unknown' | 'skipped' | 'kept' {
    if (sequence < this.#next) return 'passed'
    const length = this.length(sequence)
    if (length === unknown) return 'unknown'
    return length === skipped ? 'skipped' : 'kept'
  }

  /** Of a row that is kept. */
  offset(sequence: number): number {
    return this.#offsets[this.#place(sequence)] ?? 0
  }

  /** Of a row that is kept. */
  length(sequence: number): number {
    const isInside = sequence - this.#next < this.#lengths.length
    return isInside ? (this.#lengths[this.#place(sequence)] ?? 0) : 0
  }

  /** The line of a row is kept there. */
  keep(sequence: number, offset: number, length: number): void {
    assert(length > 0 && length < skipped, `A kept line has a length, got ${length}`)
    this.#put(sequence, offset, length)
  }

  /** No line of this row will come. */
  skip(sequence: number): void {
    this.#put(sequence, 0, skipped)
  }

  /** Moves on by one row. */
  pass(): void {
    this.#lengths[this.#head] = unknown
    this.#head = this.#head + 1 === this.#lengths.length ? 0 : this.#head + 1
    this.#next++
  }

  #put(sequence: number, offset: number, length: number): void {
    assert(this.state(sequence) === 'unknown', `Row ${sequence} was placed twice`)
    const needed = sequence - this.#next + 1
    if (needed > this.#lengths.length) this.#grow(needed)
    const place = this.#place(sequence)
    this.#offsets[place] = offset
    this.#lengths[place] = length
  }

  #place(sequence: number): number {
    const place = this.#head + (sequence - this.#next)
    return place < this.#lengths.length ? place : place - this.#lengths.length
  }

  #grow(needed: number): void {
    const room = Math.max(needed, Math.ceil(this.#lengths.length * growth))
    const offsets = new Float64Array(room)
    offsets.set(this.#offsets.subarray(this.#head))
    offsets.set(this.#offsets.subarray(0, this.#head), this.#offsets.length - this.#head)
    // Frees the old columns now, one before the other is made, not at a later collection.
    this.#offsets.buffer.transfer(0)
    this.#offsets = offsets
    const lengths = new Uint32Array(room)
    lengths.set(this.#lengths.subarray(this.#head))
    lengths.set(this.#lengths.subarray(0, this.#head), this.#lengths.length - this.#head)
    this.#lengths.buffer.transfer(0)
    this.#lengths = lengths
    this.#head = 0
  }
}

/**
 * Where the lines of a file are, by key: key → offsets, first come first served.
 *
 * For putting lines into another order without holding them. Lines are added in the order of
 * the file, then the index is sealed, then lines are taken, each once. Two lines of one key are
 * two lines: identical rows have answers of their own.
 *
 * Memory: columns, not objects. Per line 64 bits of the key, 47 of the offset, one that says it was
 * taken, and the next line of that key: 18 bytes; and a hash table of line numbers at load 0.8: 5
 * more. That is 23 bytes a line when the number of lines is known beforehand. (As to taking two
 * keys for one, see fingerprints.ts; here it would only misplace a line.)
 */

import { assert } from './assert.ts'

const loadMax = 0.8
const growth = 1.25
const takenBit = 0x8000
const offsetMax = 2 ** 47

/**
 * Offsets of lines by key; see above.
 *
 * @example
 * ```ts
 * const [a, b] = ['00112233445566778899aabbccddeeff', 'ffeeddccbbaa99887766554433221100']
 * const index = new LineIndex(3)
 * index.add(a, 0)
 * index.add(b, 10)
 * index.add(a, 20)
 * index.seal()
 * index.take(a) // => 0
 * index.take(a) // => 20
 * index.take(a) // => undefined
 * ;[...index.rest()] // => [10]
 * ```
 */
export class LineIndex {
  #high: Uint32Array<ArrayBuffer>
  #low: Uint32Array<ArrayBuffer>
  #offsetLow: Uint32Array<ArrayBuffer>
  /** Fifteen bits of the offset, and the bit that says the line was taken. */
  #offsetHigh: Uint16Array<ArrayBuffer>
  /** The next line of the same key, counted from 1; 0: none. */
  #next: Uint32Array<ArrayBuffer>
  /** The first line of a key, counted from 1; 0: an empty slot. Empty until the index is sealed. */
  #table: Uint32Array<ArrayBuffer> = new Uint32Array(0)
  #size = 0
  #left = 0

  /** Room for `capacity` lines is made at once; more may come. */
  constructor(capacity = 64) {
    const room = Math.max(1, capacity)
    this.#high = new Uint32Array(room)
    this.#low = new Uint32Array(room)
    this.#offsetLow = new Uint32Array(room)
    this.#offsetHigh = new Uint16Array(room)
    this.#next = new Uint32Array(room)
  }

  /** Lines that were not taken. */
  get left(): number {
    return this.#left
  }

  /** Bytes of memory it holds. */
  get bytes(): number {
    return this.#high.length * 18 + this.#table.byteLength
  }

  /** Adds the line of `key` that begins at `offset`, after all lines that were added before. */
  add(key: string, offset: number): void {
    assert(this.#table.length === 0, 'A line was added to a sealed index')
    assert(offset < offsetMax, `An offset must be below 2^47, got ${offset}`)
    const at = this.#size
    if (at === this.#high.length) this.#grow()
    this.#high[at] = highWord(key)
    this.#low[at] = lowWord(key)
    this.#offsetLow[at] = offset % 2 ** 32
    this.#offsetHigh[at] = Math.floor(offset / 2 ** 32)
    this.#size++
    this.#left++
  }

  /** Ends adding; from here on lines may be taken. */
  seal(): void {
    this.#table = new Uint32Array(Math.ceil(this.#size / loadMax) + 1)
    // Backwards, each line in front of those that came after it: so the first is found first.
    for (let at = this.#size - 1; at >= 0; at--) {
      const slot = this.#find(this.#high[at] ?? 0, this.#low[at] ?? 0)
      this.#next[at] = this.#table[slot] ?? 0
      this.#table[slot] = at + 1
    }
  }

  /** The offset of the first line of `key` that was not taken, which it then is. */
  take(key: string): number | undefined {
    assert(this.#table.length > 0, 'A line was taken from an index that is not sealed')
    const first = (this.#table[this.#find(highWord(key), lowWord(key))] ?? 0) - 1
    if (first < 0) return undefined
    // The first line stays in the table, or the keys that were pushed past its slot would be lost.
    if (!this.#isTaken(first)) return this.#takeLine(first)
    const second = (this.#next[first] ?? 0) - 1
    if (second < 0) return undefined
    this.#next[first] = this.#next[second] ?? 0
    return this.#takeLine(second)
  }

  /** The offsets of the lines that were not taken, in the order in which they were added. */
  *rest(): Generator<number> {
    for (let at = 0; at < this.#size; at++) if (!this.#isTaken(at)) yield this.#offset(at)
  }

  #isTaken(at: number): boolean {
    return ((this.#offsetHigh[at] ?? 0) & takenBit) !== 0
  }

  #offset(at: number): number {
    return ((this.#offsetHigh[at] ?? 0) & ~takenBit) * 2 ** 32 + (this.#offsetLow[at] ?? 0)
  }

  #takeLine(at: number): number {
    const offset = this.#offset(at)
    this.#offsetHigh[at] = (this.#offsetHigh[at] ?? 0) | takenBit
    this.#left--
    return offset
  }

  /** The slot of the key, or the empty one where it belongs. */
  #find(high: number, low: number): number {
    const slots = this.#table.length
    let slot = Math.floor((high * slots) / 2 ** 32)
    for (;;) {
      const at = (this.#table[slot] ?? 0) - 1
      if (at < 0 || (this.#high[at] === high && this.#low[at] === low)) return slot
      slot = slot + 1 === slots ? 0 : slot + 1
    }
  }

  #grow(): void {
    const room = Math.ceil(this.#high.length * growth) + 1
    this.#high = enlarged(this.#high, room)
    this.#low = enlarged(this.#low, room)
    this.#offsetLow = enlarged(this.#offsetLow, room)
    this.#next = enlarged(this.#next, room)
    const offsetHigh = new Uint16Array(room)
    offsetHigh.set(this.#offsetHigh)
    this.#offsetHigh = offsetHigh
  }
}

function enlarged(column: Uint32Array<ArrayBuffer>, room: number): Uint32Array<ArrayBuffer> {
  // A transfer frees the old column now, not at a later collection.
  return new Uint32Array(column.buffer.transfer(room * 4))
}

function highWord(key: string): number {
  return Number.parseInt(key.slice(0, 8), 16)
}

function lowWord(key: string): number {
  return Number.parseInt(key.slice(8, 16), 16)
}

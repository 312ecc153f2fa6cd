/**
 * Reading lines of a file that is there whole: in order, or one at a known offset.
 *
 * This is for our own output, of any size, in one go and in a fixed amount of memory.
 * Input comes through source.ts, which is asynchronous and forgives more.
 *
 * Both readers lend their buffer: what they return is valid until they are called again.
 */

import { assert } from './assert.ts'
import { bounds } from './bounds.ts'
import type { File } from './files.ts'

/** One read. Larger ones gain nothing; smaller ones leave more lines that cross two of them. */
const chunkBytes = 2 ** 20

/** An output line: a reply, and a request and metadata beside it, each at its largest. */
export const resultLineBytesMax: number = bounds.replyBytesMax + 2 * bounds.lineBytesMax

const newline = 0x0a

/**
 * The lines of a file one after another. A reader, not an iterator of objects: a million
 * lines make no garbage. After `next()` returned true, the fields describe a line.
 */
export class LineScan {
  readonly #file: Pick<File, 'readSync'>
  #buffer: Buffer = Buffer.allocUnsafe(chunkBytes)
  /** Bytes of the buffer that are read, as a view. */
  #filled: Buffer = this.#buffer.subarray(0, 0)
  /** Where in the file the buffer's first byte is. */
  #base = 0
  #start = 0
  #end = 0
  #number = 0
  #isTerminated = true
  #mayHoldNul = false

  /** Of a file, or of anything else that gives bytes one after another, and 0 at its end. */
  constructor(file: Pick<File, 'readSync'>) {
    this.#file = file
  }

  /** The line's bytes are `buffer[start..end)`; the newline is not among them. */
  get buffer(): Buffer {
    return this.#filled
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  /** Where the line begins in the file. */
  get offset(): number {
    return this.#base + this.#start
  }

  /** Where the next line begins: after this one's newline, if it has one. */
  get nextOffset(): number {
    return this.#base + this.#end + (this.#isTerminated ? 1 : 0)
  }

  /** From 1. */
  get number(): number {
    return this.#number
  }

  /**
   * False for the last line of a file that does not end in a newline, and for one that is too
   * long.
   */
  get isTerminated(): boolean {
    return this.#isTerminated
  }

  /** There is a NUL byte in this line or near it. */
  get mayHoldNul(): boolean {
    return this.#mayHoldNul
  }

  /** The line, as a view that is valid until the next call of `next`. */
  bytes(): Buffer {
    return this.#filled.subarray(this.#start, this.#end)
  }

  /** Goes to the next line. False when there is none. */
  next(): boolean {
    // After a line without newline there is nothing more that could be a line.
    if (!this.#isTerminated) return false
    this.#start = this.#number === 0 ? 0 : this.#end + 1
    this.#number++
    let searched = this.#start
    for (;;) {
      const found = this.#filled.indexOf(newline, searched)
      if (found !== -1) {
        this.#end = found
        return true
      }
      searched = this.#filled.length - this.#start
      const hasMore = searched <= resultLineBytesMax && this.#fill()
      if (!hasMore) {
        this.#end = this.#filled.length
        this.#isTerminated = false
        return this.#end > this.#start
      }
    }
  }

  /** Reads on after the bytes of the line under way, which move to the buffer's start. */
  #fill(): boolean {
    const kept = this.#filled.length - this.#start
    if (kept > this.#buffer.length - chunkBytes / 2) {
      const larger = Buffer.allocUnsafe(this.#buffer.length * 2)
      this.#filled.copy(larger, 0, this.#start)
      this.#buffer = larger
    } else {
      this.#buffer.copyWithin(0, this.#start, this.#filled.length)
    }
    this.#base += this.#start
    this.#start = 0
    const room = this.#buffer.subarray(kept)
    const count = this.#file.readSync(room, room.length, this.#base + kept)
    this.#filled = this.#buffer.subarray(0, kept + count)
    this.#mayHoldNul = this.#filled.includes(0)
    return count > 0
  }
}

/** Lines at known offsets, in any order. */
export class LineReader {
  readonly #file: File
  // Small: of lines that lie here and there, most of a larger read would be for nothing, and for
  // lines in order it is still one read for many.
  #buffer: Buffer = Buffer.allocUnsafe(chunkBytes / 64)
  #base = 0
  #filled = 0

  constructor(file: File) {
    this.#file = file
  }

  /** The line that begins at `offset`, its newline included; valid until the next call. */
  lineAt(offset: number): Buffer {
    for (;;) {
      const start = offset - this.#base
      if (start >= 0 && start < this.#filled) {
        const found = this.#buffer.subarray(0, this.#filled).indexOf(newline, start)
        if (found !== -1) return this.#buffer.subarray(start, found + 1)
        // The window begins with this line and does not hold it: a larger one will.
        if (start === 0 && this.#filled === this.#buffer.length) {
          assert(this.#filled <= resultLineBytesMax * 2, `No line ends after offset ${offset}`)
          this.#buffer = Buffer.allocUnsafe(this.#buffer.length * 2)
        }
      }
      this.#base = offset
      this.#filled = this.#file.readSync(this.#buffer, this.#buffer.length, offset)
      const isWhole = this.#buffer.subarray(0, this.#filled).includes(newline)
      const isFull = this.#filled === this.#buffer.length
      assert(isWhole || isFull, `No line ends after offset ${offset}: the file was changed`)
    }
  }
}

/**
 * Lines: chunks of bytes, cut at whatever place, to lines.
 *
 * A line ends at LF. A CR before it, other blanks around the content, and a byte order mark
 * at the start of the input are not content; a line without content is no row but is
 * counted. Whether the bytes are UTF-8 is not judged here.
 *
 * A line is a slice of its chunk; only one that crosses from a chunk into the next is copied.
 *
 * Invariant: what is held between chunks is at most one line of `lineBytesMax`.
 */

import { bounds } from './bounds.ts'

/** One line that is not blank. */
export interface Line {
  /** From 1, blank lines counted. */
  readonly number: number
  /** Of the content, in bytes from the start of the input. */
  readonly offset: number
  /** The content. Of a line beyond `lineBytesMax`, its first `lineHeadBytes` bytes. */
  readonly bytes: Uint8Array
  /** The length of a line beyond `lineBytesMax`, of which only the head is here. */
  readonly truncated?: number
  /** Why a value given as a row has no JSON; `bytes` then tell only its id. */
  readonly problem?: string
}

const lineFeed = 0x0a
const byteOrderMark = Buffer.of(0xef, 0xbb, 0xbf)
const heldBytesMin = 4096

/**
 * Cuts chunks, given in order, into lines; holds the line that is not at its end yet.
 *
 * @example
 * ```ts
 * const splitter = new LineSplitter()
 * splitter.push(Buffer.from('a\nb')).length // => 1
 * splitter.end()[0]?.number // => 2
 * ```
 */
export class LineSplitter {
  /** Of the last line that ended. */
  #number = 0
  /** Of the chunk, in the input. */
  #position = 0
  /** Of the held line's content, in the input. */
  #heldOffset = 0
  /** The beginning of the held line, from its first byte that is not blank. */
  #held: Buffer = Buffer.alloc(0)
  /** Bytes seen of it, kept or not; 0 while it is blank. */
  #seenLength = 0
  /** The same up to its last byte that is not blank. */
  #contentLength = 0

  /** The lines that end in the chunk. They are slices of it where they lie within it. */
  push(bytes: Uint8Array): Line[] {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const lines: Line[] = []
    let from = 0
    for (;;) {
      const end = chunk.indexOf(lineFeed, from)
      if (end === -1) break
      const line = this.#finish(chunk, from, end)
      if (line !== undefined) lines.push(line)
      from = end + 1
    }
    this.#hold(chunk, from, chunk.length)
    this.#position += chunk.length
    return lines
  }

  /** The last line, if no line end closed it. */
  end(): Line[] {
    const line = this.#finish(Buffer.alloc(0), 0, 0)
    return line === undefined ? [] : [line]
  }

  /** The line that ends at `end` of the chunk, or undefined if it is blank. */
  #finish(chunk: Buffer, from: number, end: number): Line | undefined {
    this.#number++
    if (this.#seenLength === 0) return this.#line(chunk, from, end, this.#position)
    this.#hold(chunk, from, end)
    const held = this.#held
    const length = this.#contentLength
    this.#held = Buffer.alloc(0)
    this.#seenLength = 0
    this.#contentLength = 0
    if (length <= bounds.lineBytesMax) return this.#line(held, 0, length, this.#heldOffset)
    return { number: this.#number, offset: this.#heldOffset, bytes: held, truncated: length }
  }

  /**
   * A line of the content between two indexes of `bytes`, which begin at `position` of the input.
   */
  #line(bytes: Buffer, from: number, to: number, position: number): Line | undefined {
    const isAtStart = position + from === 0
    const hasMark = isAtStart && byteOrderMark.equals(bytes.subarray(from, Math.min(to, from + 3)))
    const start = skipBlanks(bytes, hasMark ? from + 3 : from, to)
    const end = skipBlanksBack(bytes, start, to)
    if (start === end) return undefined
    const line = { number: this.#number, offset: position + start }
    if (end - start <= bounds.lineBytesMax) return { ...line, bytes: bytes.subarray(start, end) }
    const head = Buffer.copyBytesFrom(bytes, start, bounds.lineHeadBytes)
    return { ...line, bytes: head, truncated: end - start }
  }

  /** Keeps a part of a line whose end is not seen yet. */
  #hold(chunk: Buffer, from: number, to: number): void {
    const seen = this.#seenLength
    // Blanks in front are not kept, so a gigabyte of them costs nothing.
    const start = seen === 0 ? skipBlanks(chunk, from, to) : from
    if (start === to) return
    if (seen === 0) this.#heldOffset = this.#position + start
    this.#seenLength = seen + to - start

    const end = skipBlanksBack(chunk, start, to)
    if (end > start) this.#contentLength = seen + end - start
    if (this.#contentLength > bounds.lineBytesMax) {
      this.#keepHead(seen, chunk.subarray(start, to))
      return
    }
    // What is beyond the bound here is blank: the end of the line, or it will be too long.
    const size = Math.min(this.#seenLength, bounds.lineBytesMax)
    if (size <= seen) return
    this.#reserve(size)
    chunk.copy(this.#held, seen, start, start + size - seen)
  }

  /** Makes room for so many bytes, doubling, so that tiny chunks are not copied over and over. */
  #reserve(length: number): void {
    if (length <= this.#held.length) return
    const size = Math.max(
      length,
      Math.min(bounds.lineBytesMax, 2 * this.#held.length),
      heldBytesMin,
    )
    const larger = Buffer.allocUnsafeSlow(size)
    this.#held.copy(larger)
    this.#held = larger
  }

  /** The line is too long: lets go of all but its head. Once there, the head stays. */
  #keepHead(heldLength: number, part: Buffer): void {
    const held = this.#held.subarray(0, Math.min(heldLength, bounds.lineHeadBytes))
    this.#held = Buffer.concat([held, part.subarray(0, bounds.lineHeadBytes - held.length)])
  }
}

/** Of a line: space, tab, CR. */
function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d
}

function skipBlanks(bytes: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && isBlank(bytes[at])) at++
  return at
}

function skipBlanksBack(bytes: Buffer, from: number, to: number): number {
  let end = to
  while (end > from && isBlank(bytes[end - 1])) end--
  return end
}

/**
 * Lines of bytes that come piece by piece, scanned as those of a file are: for bytes that have to
 * be waited for, as those of a file have not.
 *
 * A line is scanned when its end has come. What is held is one line, or what is longer than any.
 */

import { LineScan, resultLineBytesMax } from './line-scan.ts'

const lineFeed = 0x0a

/** See above. */
export class ComingLines {
  readonly #visit: (scan: LineScan) => void
  readonly #scan: LineScan
  readonly #pieces: Uint8Array[] = []
  /** Bytes of the pieces. */
  #bytes = 0
  /** Line ends that came and were not scanned. */
  #ends = 0

  constructor(visit: (scan: LineScan) => void) {
    this.#visit = visit
    this.#scan = new LineScan({ readSync: (buffer) => this.#read(buffer) })
  }

  /** The next bytes. */
  push(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    for (let at = piece.indexOf(lineFeed); at !== -1; at = piece.indexOf(lineFeed, at + 1)) {
      this.#ends++
    }
    // A line without an end is scanned when it is longer than any, so that it is refused.
    for (; this.#ends > 0 || this.#bytes > resultLineBytesMax; this.#ends--) {
      this.#scan.next()
      this.#visit(this.#scan)
    }
  }

  /** False when there is something behind the last line end. */
  end(): boolean {
    return !this.#scan.next()
  }

  #read(buffer: Uint8Array): number {
    let count = 0
    for (;;) {
      const [piece] = this.#pieces
      if (piece === undefined || count === buffer.length) break
      const taken = piece.subarray(0, buffer.length - count)
      buffer.set(taken, count)
      count += taken.length
      if (taken.length === piece.length) this.#pieces.shift()
      else this.#pieces[0] = piece.subarray(taken.length)
    }
    this.#bytes -= count
    return count
  }
}

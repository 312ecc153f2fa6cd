/**
 * Where the frames of zstd data end, found without decoding it (RFC 8878, section 3.1).
 *
 * A file may hold many frames: `cat a.zst b.zst`, `pzstd`, and our own output after several runs.
 * Node's decoder ends without a word after the first of them (nodejs/node#64741), so each is to
 * have a decoder of its own, and whoever feeds them must know where one ends. Frames that are to be
 * skipped (`pzstd` puts one before each of its own) hold nothing.
 *
 * Invariant: what is not the beginning of a frame where one must begin is never passed over.
 */

import { BrokenData, followedByOther } from './broken-data.ts'

/** The first four bytes of a frame, as a number of the least byte first. */
const frameMagic = 0xfd2fb528
const frameFirstByte = 0x28
/** The same of one to be skipped; the last four bits may be any. */
const skippableMagic = 0x184d2a50
/** What a decoder may take in memory: the greatest window that `zstd -d` takes unasked. */
const windowBytesMax = 2 ** 27

/** Bytes that are wanted next: to be looked at, or only to be counted. */
type Wanted = { readonly look: number } | { readonly pass: number } | { readonly isEnd: true }

/** A piece of a chunk that belongs to one frame. */
export interface FramePiece {
  /** Behind its last byte. */
  readonly end: number
  /** There is nothing to decode in it. */
  readonly isSkipped: boolean
  /** It is the last of its frame. */
  readonly isLast: boolean
}

/**
 * Follows frames through chunks of any size.
 *
 * @example
 * ```ts
 * const frames = new ZstdFrames()
 * const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7)
 * frames.next(skippable, 0) // => { end: 10, isSkipped: true, isLast: true }
 * frames.isBetween // => true
 * ```
 */
export class ZstdFrames {
  readonly #walk: Generator<Wanted, void, Buffer> = walk()
  readonly #looked: number[] = []
  #wanted: Wanted
  /** Bytes that are still to be passed over. */
  #left = 0
  #isSkipped = false
  #isBetween = true

  constructor() {
    this.#wanted = this.#advance()
  }

  /** All bytes so far belong to frames that have ended. */
  get isBetween(): boolean {
    return this.#isBetween
  }

  /**
   * How far the bytes of the chunk from `from` on belong to the frame under way.
   *
   * @throws {BrokenData} when no frame begins where one must, or it is none that can be decoded
   */
  next(chunk: Uint8Array, from: number): FramePiece {
    let at = from
    // The first byte tells, as the others may lie in the next chunk.
    if (this.#isBetween) this.#isSkipped = chunk[at] !== frameFirstByte
    while (at < chunk.length) {
      this.#isBetween = false
      if ('look' in this.#wanted) {
        this.#looked.push(chunk[at++] ?? 0)
        if (this.#looked.length === this.#wanted.look) this.#wanted = this.#advance()
      } else {
        const count = Math.min(this.#left, chunk.length - at)
        at += count
        this.#left -= count
        if (this.#left === 0) this.#wanted = this.#advance()
      }
      if (this.#isBetween) return { end: at, isSkipped: this.#isSkipped, isLast: true }
    }
    return { end: at, isSkipped: this.#isSkipped, isLast: false }
  }

  /** What is wanted next that takes bytes. */
  #advance(): Wanted {
    for (;;) {
      const { value } = this.#walk.next(Buffer.from(this.#looked))
      this.#looked.length = 0
      if (value === undefined) throw new Error('The walk over frames has no end')
      if ('isEnd' in value) this.#isBetween = true
      else if ('look' in value) return value
      else if (value.pass > 0) {
        this.#left = value.pass
        return value
      }
    }
  }
}

/** Frame after frame. */
function* walk(): Generator<Wanted, void, Buffer> {
  for (;;) {
    const magic = (yield { look: 4 }).readUInt32LE()
    if (magic === frameMagic) {
      yield* walkFrame()
    } else if ((magic & ~15) >>> 0 === skippableMagic) {
      yield { pass: (yield { look: 4 }).readUInt32LE() }
    } else {
      throw followedByOther('zstd')
    }
    yield { isEnd: true }
  }
}

function* walkFrame(): Generator<Wanted, void, Buffer> {
  const descriptor = (yield { look: 1 }).readUInt8()
  const isSingle = (descriptor & 0x20) !== 0
  const hasChecksum = (descriptor & 0x04) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const window = isSingle ? undefined : windowOf((yield { look: 1 }).readUInt8())
  yield { pass: dictionaryBytes }
  // A frame in one piece has its content for a window.
  const size = sizeBytes === 0 ? 0 : sizeOf(yield { look: sizeBytes })
  refuseWindow(window ?? size)
  for (let isLast = false; !isLast;) {
    const header = (yield { look: 3 }).readUIntLE(0, 3)
    isLast = (header & 1) === 1
    // A block of one byte many times over has that byte alone.
    const isRun = ((header >> 1) & 3) === 1
    yield { pass: isRun ? 1 : header >> 3 }
  }
  yield { pass: hasChecksum ? 4 : 0 }
}

function windowOf(byte: number): number {
  const base = 2 ** (10 + (byte >> 3))
  return base + (base / 8) * (byte & 7)
}

function sizeOf(bytes: Buffer): number {
  if (bytes.length === 8) return Number(bytes.readBigUInt64LE())
  const size = bytes.readUIntLE(0, bytes.length)
  return bytes.length === 2 ? size + 256 : size
}

function refuseWindow(bytes: number): void {
  if (bytes <= windowBytesMax) return
  const asked = Math.ceil(bytes / 2 ** 20)
  const most = windowBytesMax / 2 ** 20
  throw new BrokenData(
    `its zstd window takes ${asked} MB of memory, and at most ${most} are given to it`,
    'decompress it first with zstd -d --long=31, or compress it anew without --long or --ultra',
  )
}

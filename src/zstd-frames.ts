/**
 * Where the frames of zstd data end, found without decoding it (RFC 8878, section 3.1).
 *
 * A file may hold many frames: `cat a.zst b.zst`, `pzstd`, and our own output after several runs.
 * Node's decoder ends without a word where a write holds the end of one and more behind it
 * (nodejs/node#64741). So each is given a decoder of its own, and whoever feeds them must know
 * where one ends. Frames that are to be skipped (`pzstd` puts one before each of its own) are
 * frames too, that are decoded to nothing.
 *
 * Invariant: what is not the beginning of a frame where one must begin is never passed over.
 */

import { BrokenData, followedByOther } from './broken-data.ts'

/** The first four bytes of a frame, as a number of the least byte first. */
const frameMagic = 0xfd2fb528
/** The same of one to be skipped; the last four bits may be any. */
const skippableMagic = 0x184d2a50
/** What a decoder may take in memory: the greatest window that `zstd -d` takes unasked. */
const windowBytesMax = 2 ** 27

/** Bytes that are wanted next: to be looked at, or only to be counted. */
type Wanted = { readonly look: number } | { readonly pass: number } | { readonly isEnd: true }

/**
 * Follows frames through chunks of any size.
 *
 * @example
 * ```ts
 * const frames = new ZstdFrames()
 * const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7)
 * frames.next(skippable, 0) // => 10
 * frames.isBetween // => true
 * ```
 */
export class ZstdFrames {
  readonly #walk: Generator<Wanted, void, Buffer> = walk()
  readonly #looked: number[] = []
  #wanted: Wanted
  /** Bytes that are still to be passed over. */
  #left = 0
  #isBetween = true

  constructor() {
    this.#wanted = this.#advance()
  }

  /** All bytes so far belong to frames that have ended. */
  get isBetween(): boolean {
    return this.#isBetween
  }

  /**
   * How far the bytes of the chunk from `from` on belong to one frame: the index behind them.
   *
   * @throws {BrokenData} when no frame begins where one must, or it is none that can be decoded
   */
  next(chunk: Uint8Array, from: number): number {
    let at = from
    this.#isBetween = false
    while (at < chunk.length && !this.#isBetween) {
      if ('look' in this.#wanted) {
        this.#looked.push(chunk[at++] ?? 0)
        if (this.#looked.length === this.#wanted.look) this.#wanted = this.#advance()
      } else {
        const count = Math.min(this.#left, chunk.length - at)
        at += count
        this.#left -= count
        if (this.#left === 0) this.#wanted = this.#advance()
      }
    }
    return at
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
  const size = sizeBytes === 0 ? 0 : sizeOf(yield { look: sizeBytes })
  // A frame in one piece has its content for a window.
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

/** Give or take the 256 that those of two bytes are above what they say. */
function sizeOf(bytes: Buffer): number {
  return bytes.length === 8 ? Number(bytes.readBigUInt64LE()) : bytes.readUIntLE(0, bytes.length)
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

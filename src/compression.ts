/**
 * gzip and zstd: told by the first bytes, decoded while it is read, encoded while it is written.
 * The only core file that compresses.
 *
 * A decoder is fed a chunk, and gives what that comes to piece by piece; until the last of them was
 * taken it wants no other chunk. So whoever takes no more holds it up, and memory is bounded by a
 * chunk, two pieces and the window of the format, whatever a chunk comes to. A piece is never
 * written again.
 *
 * A file may hold one piece of compressed data after the other (`cat a.gz b.gz`), each with an end
 * of its own. All of them are read, and data that is cut, or is followed by anything else, is an
 * error. Node's own streams end without a word in some of these cases: after zeros, after a frame.
 */

import {
  constants,
  createGunzip,
  createGzip,
  createZstdCompress,
  createZstdDecompress,
  type Gunzip,
  type Gzip,
  type ZstdCompress,
  type ZstdDecompress,
} from 'node:zlib'
import { bounds } from './bounds.ts'
import { BrokenData, followedByOther } from './broken-data.ts'
import { systemErrorCode } from './files.ts'
import { ZstdFrames } from './zstd-frames.ts'

/** How bytes are compressed. */
export type Compression = 'gzip' | 'zstd'

/** So many of the first bytes of data tell whether it is compressed. */
export const headBytes = 4

/** How data that begins with these bytes is compressed; undefined where it is not. */
export function compressionOf(head: Uint8Array): Compression | undefined {
  const [first = 0, second = 0, third = 0, fourth = 0] = head
  if (first === 0x1f && second === 0x8b) return 'gzip'
  if (second === 0xb5 && third === 0x2f && fourth === 0xfd && first === 0x28) return 'zstd'
  const isSkippable = second === 0x2a && third === 0x4d && fourth === 0x18 && first >> 4 === 5
  return isSkippable ? 'zstd' : undefined
}

/**
 * How a file of this name would be compressed.
 *
 * @example
 * ```ts
 * compressionNamed('results.jsonl.gz') // => 'gzip'
 * compressionNamed('results.jsonl') // => undefined
 * ```
 */
export function compressionNamed(path: string): Compression | undefined {
  if (path.endsWith('.gz')) return 'gzip'
  return path.endsWith('.zst') ? 'zstd' : undefined
}

/** What decodes a file; see above. */
export interface Decoder {
  /** Bytes of the file that were decoded. */
  readonly position: number
  /** What the chunk, the next of the file, comes to. */
  push(chunk: Uint8Array): AsyncGenerator<Uint8Array>
  /** The file is at its end. @throws {BrokenData} when the data is not */
  end(): AsyncGenerator<Uint8Array>
  close(): void
}

/** Decodes a file. Its generators throw `BrokenData`. */
export function decoderOf(compression: Compression): Decoder {
  return compression === 'gzip' ? new GzipDecoder() : new ZstdDecoder()
}

/** Encodes chunks, as one piece of data with an end. */
export async function* compressed(
  compression: Compression,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const coder = new Coder(
    compression === 'gzip'
      ? createGzip({ chunkSize: bounds.readChunkBytes })
      : createZstdCompress({
          chunkSize: bounds.readChunkBytes,
          params: { [constants.ZSTD_c_checksumFlag]: 1 },
        }),
  )
  try {
    for await (const chunk of chunks) yield* coder.push(chunk)
    yield* coder.end()
  } finally {
    coder.close()
  }
}

class GzipDecoder implements Decoder {
  readonly #coder = new Coder(createGunzip({ chunkSize: bounds.readChunkBytes }))
  /** The data is over: zeros may follow, as tapes and blocks leave them. */
  #isPadding = false

  get position(): number {
    return this.#coder.bytesTaken
  }

  async *push(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
    let rest = chunk
    if (!this.#isPadding) {
      const before = this.#coder.bytesTaken
      yield* decoded('gzip', this.#coder.push(chunk))
      // It takes the next piece of data by itself, and stops for good where a zero is instead.
      rest = chunk.subarray(this.#coder.bytesTaken - before)
      this.#isPadding = rest.length > 0
    }
    if (rest.some((byte) => byte !== 0)) throw followedByOther('gzip')
  }

  async *end(): AsyncGenerator<Uint8Array> {
    if (!this.#isPadding) yield* decoded('gzip', this.#coder.end())
  }

  close(): void {
    this.#coder.close()
  }
}

class ZstdDecoder implements Decoder {
  readonly #frames = new ZstdFrames()
  #coder: Coder | undefined
  /** Bytes of the frames that are over. */
  #before = 0

  get position(): number {
    return this.#before + (this.#coder?.bytesTaken ?? 0)
  }

  async *push(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < chunk.length;) {
      const end = this.#frames.next(chunk, at)
      const piece = chunk.subarray(at, end)
      at = end
      const coder = (this.#coder ??= new Coder(
        createZstdDecompress({ chunkSize: bounds.readChunkBytes }),
      ))
      yield* decoded('zstd', coder.push(piece))
      if (!this.#frames.isBetween) continue
      yield* decoded('zstd', coder.end())
      this.#before += coder.bytesTaken
      this.close()
    }
  }

  async *end(): AsyncGenerator<Uint8Array> {
    if (this.#coder !== undefined) yield* decoded('zstd', this.#coder.end())
    // It is known whether or not the decoder says so.
    if (!this.#frames.isBetween) throw cut('zstd')
  }

  close(): void {
    this.#coder?.close()
    this.#coder = undefined
  }
}

/** A stream of Node's, fed and read by hand: pipes read on whether or not somebody takes. */
class Coder {
  readonly #stream: Gunzip | Gzip | ZstdCompress | ZstdDecompress
  #failure: Error | undefined
  #wake: () => void = () => {}

  constructor(stream: Gunzip | Gzip | ZstdCompress | ZstdDecompress) {
    this.#stream = stream
    const wake = (): void => this.#wake()
    stream.on('error', (error) => {
      this.#failure = error
      wake()
    })
    stream.on('readable', wake)
    stream.on('end', wake)
  }

  /** Bytes that were read of what was pushed. */
  get bytesTaken(): number {
    return this.#stream.bytesWritten
  }

  async *push(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
    let isTaken = false
    this.#stream.write(chunk, () => {
      isTaken = true
      this.#wake()
    })
    yield* this.#read(() => isTaken)
  }

  async *end(): AsyncGenerator<Uint8Array> {
    this.#stream.end()
    yield* this.#read(() => this.#stream.readableEnded)
  }

  close(): void {
    this.#stream.destroy()
  }

  async *#read(isOver: () => boolean): AsyncGenerator<Uint8Array> {
    for (;;) {
      // Before anything is read: what happens while a piece is looked at is not to be missed.
      const happened = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const isLast = isOver()
      for (let piece = this.#take(); piece !== null; piece = this.#take()) yield piece
      if (this.#failure !== undefined) throw this.#failure
      if (isLast) return
      await happened
    }
  }

  #take(): Uint8Array | null {
    const piece: unknown = this.#stream.read()
    return piece instanceof Uint8Array ? piece : null
  }
}

/** The same pieces; what is wrong with the data is told as that. */
async function* decoded(
  format: Compression,
  pieces: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces
  } catch (error) {
    const code = systemErrorCode(error)
    if (code === undefined) throw error
    if (code === 'Z_BUF_ERROR') throw cut(format, error)
    const reason = error instanceof Error ? error.message : code
    throw new BrokenData(`its ${format} data is damaged (${reason})`, again, { cause: error })
  }
}

const again = 'copy or make the file anew'

function cut(format: Compression, cause?: unknown): BrokenData {
  return new BrokenData(`its ${format} data is cut: there must be more`, again, { cause })
}

/**
 * Source: where lines come from, a file or a stream of any size, compressed or not.
 *
 * Lines come in batches, those of one chunk (lines.ts), so that nothing is awaited per line.
 * Of a file one chunk is read ahead. A chunk is never written again, so a line of it
 * stays what it is, and keeps its chunk in memory: whoever holds on to a part copies it.
 *
 * What is compressed is told by its first bytes, whatever its name, and decoded as it is read. A
 * compressed file can be read again from its start, but not at a place; a stream, not at all.
 *
 * Invariant: memory is bounded by two chunks and one line of `lineBytesMax`, and of what is
 * compressed by what its decoder takes besides (compression.ts).
 */

import { BrokenData } from './broken-data.ts'
import { type Chunks, type FileChunks, openChunks, StreamChunks } from './chunks.ts'
import { compressionOf, type Decoder, decoderOf } from './compression.ts'
import { RunError } from './errors.ts'
import type { Files } from './files.ts'
import { LineSplitter } from './lines.ts'
import type { Line } from './lines.ts'

/** An input. */
export interface Source {
  /** Whether it can be read again: each call of `batches` starts over. Of others there is one. */
  readonly isRepeatable: boolean
  /** The lines, a chunk's at a time. Their offsets are in what they are decompressed to. */
  batches(): AsyncIterable<readonly Line[]>
  /** The bytes at a place, read now. Absent where that cannot be done: see above. */
  reread?(offset: number, length: number): Uint8Array
  /**
   * Bytes of a compressed input that were read for the lines so far. Absent where the offsets of
   * lines tell that.
   */
  readonly bytesRead?: number
  /** Lets go of the input; iterations under way end before their next chunk. */
  close(): void
}

/** A path, or what is read once as it comes. */
type Input = string | AsyncIterable<Uint8Array>

/**
 * The lines of an input.
 *
 * @throws {RunError} `INPUT_UNREADABLE` when it is a path at which there is no file to read.
 */
export function sourceOf(files: Files, input: Input): Source {
  return typeof input === 'string' ? fileSource(files, input) : streamSource(input)
}

/** The input as reports name it: its path, or `-`. */
export function nameOf(input: Input): string {
  return typeof input === 'string' ? input : '-'
}

/**
 * The lines of a file.
 *
 * @throws {RunError} `INPUT_UNREADABLE` when there is no such file or it cannot be read.
 */
export function fileSource(files: Files, path: string): Source {
  const chunks = openChunks(files, path)
  const compression = compressionOf(chunks.head())
  if (compression === undefined) return new FileSource(chunks)
  return new CompressedFileSource(chunks, () => decoderOf(compression))
}

/** The lines of a stream, for instance standard input. A chunk given must not be written again. */
export function streamSource(chunks: AsyncIterable<Uint8Array>): Source {
  return new StreamSource(chunks)
}

/** Bytes of the input, as it stands, that were read for these lines and all before them. */
export function bytesTo({ bytesRead }: Source, lines: readonly Line[]): number {
  const last = lines.at(-1)
  const end = last === undefined ? 0 : last.offset + (last.truncated ?? last.bytes.length)
  return bytesRead ?? end
}

/**
 * Refuses, and closes, what cannot be read at a place, before anything is sent. `why`: what such
 * places are needed for.
 *
 * @throws {RunError} `OPTIONS_INVALID`
 */
export function needPlaces(source: Source, input: string, why: string): void {
  if (source.reread !== undefined) return
  source.close()
  const message = `Cannot use ${input}: it is compressed, and ${why}`
  const hint = 'decompress it first, with gzip -d or zstd -d, and give the file that makes'
  throw new RunError('OPTIONS_INVALID', message, { hint })
}

/** Cuts chunks into lines. */
async function* linesOf(
  chunks: Chunks,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly Line[]> {
  const splitter = new LineSplitter()
  for await (const piece of pieces) {
    if (chunks.isClosed) return
    const lines = splitter.push(piece)
    if (lines.length > 0) yield lines
  }
  if (chunks.isClosed) return
  const lines = splitter.end()
  if (lines.length > 0) yield lines
}

/** What chunks are decoded to. */
async function* decoded(chunks: Chunks, decoder: Decoder): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of chunks) yield* decoder.push(chunk)
    if (!chunks.isClosed) yield* decoder.end()
  } catch (error) {
    if (!(error instanceof BrokenData)) throw error
    const { message, fix: hint } = error
    const place = `${chunks.name} behind byte ${decoder.position}`
    throw new RunError('INPUT_UNREADABLE', `Cannot read ${place}: ${message}`, {
      hint,
      cause: error,
    })
  } finally {
    decoder.close()
  }
}

class FileSource implements Source {
  readonly isRepeatable = true
  readonly #chunks: FileChunks

  constructor(chunks: FileChunks) {
    this.#chunks = chunks
  }

  batches(): AsyncGenerator<readonly Line[]> {
    return linesOf(this.#chunks, this.#chunks)
  }

  reread(offset: number, length: number): Uint8Array {
    return this.#chunks.at(offset, length)
  }

  close(): void {
    this.#chunks.close()
  }
}

class CompressedFileSource implements Source {
  readonly isRepeatable = true
  readonly #chunks: FileChunks
  readonly #makeDecoder: () => Decoder
  #bytesRead = 0

  constructor(chunks: FileChunks, makeDecoder: () => Decoder) {
    this.#chunks = chunks
    this.#makeDecoder = makeDecoder
  }

  get bytesRead(): number {
    return this.#bytesRead
  }

  async *batches(): AsyncGenerator<readonly Line[]> {
    yield* linesOf(this.#chunks, this.#pieces())
  }

  async *#pieces(): AsyncGenerator<Uint8Array> {
    const decoder = this.#makeDecoder()
    for await (const piece of decoded(this.#chunks, decoder)) {
      // Later the decoder has gone on, while the caller works on this piece.
      this.#bytesRead = decoder.position
      yield piece
    }
    this.#bytesRead = decoder.position
  }

  close(): void {
    this.#chunks.close()
  }
}

class StreamSource implements Source {
  readonly isRepeatable = false
  readonly #chunks: StreamChunks

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = new StreamChunks(chunks)
  }

  async *batches(): AsyncGenerator<readonly Line[]> {
    const chunks = this.#chunks
    const compression = compressionOf(await chunks.head())
    const pieces = compression === undefined ? chunks : decoded(chunks, decoderOf(compression))
    yield* linesOf(chunks, pieces)
  }

  close(): void {
    this.#chunks.close()
  }
}

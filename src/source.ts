/**
 * Source: where lines come from, a file or a stream of any size.
 *
 * Lines come in batches, those of one chunk (lines.ts), so that nothing is awaited per line.
 * Of a file one chunk is read ahead. A chunk is never written again, so a line of it
 * stays what it is, and keeps its chunk in memory: whoever holds on to a part copies it.
 *
 * Invariant: memory is bounded by two chunks and one line of `lineBytesMax`.
 */

import { assert } from './assert.ts'
import { bounds } from './bounds.ts'
import { RunError } from './errors.ts'
import { systemErrorCode } from './files.ts'
import type { File, FileInfo, Files } from './files.ts'
import { LineSplitter } from './lines.ts'
import type { Line } from './lines.ts'

/** An input. */
export interface Source {
  /** The lines, a chunk's at a time. Of a file, each call starts over; of a stream there is one. */
  batches(): AsyncIterable<readonly Line[]>
  /** The bytes at a place, read now. Absent where the input cannot be read twice. */
  reread?(offset: number, length: number): Uint8Array
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
  return new FileSource(openInput(files, path), path)
}

/** The lines of a stream, for instance standard input. A chunk given must not be written again. */
export function streamSource(chunks: AsyncIterable<Uint8Array>): Source {
  return new StreamSource(chunks)
}

class FileSource implements Source {
  readonly #file: File
  readonly #path: string
  #readsUnderWay = 0
  #isClosed = false

  constructor(file: File, path: string) {
    this.#file = file
    this.#path = path
  }

  async *batches(): AsyncGenerator<readonly Line[]> {
    const splitter = new LineSplitter()
    let position = 0
    let ahead = this.#read(position)
    try {
      for (;;) {
        const chunk = await ahead
        if (chunk instanceof RunError) throw chunk
        if (this.#isClosed) return
        if (chunk.length === 0) break
        position += chunk.length
        // While the caller works on these lines, the chunk behind them is read.
        ahead = this.#read(position)
        const lines = splitter.push(chunk)
        if (lines.length > 0) yield lines
      }
    } finally {
      await ahead
    }
    const lines = splitter.end()
    if (lines.length > 0) yield lines
  }

  reread(offset: number, length: number): Uint8Array {
    assert(!this.#isClosed, 'A closed input was read again')
    const bytes = Buffer.allocUnsafe(length)
    let count = 0
    while (count < length) {
      const got = this.#readSync(bytes.subarray(count), offset + count)
      if (got === 0) throw shortened(this.#path, offset + count)
      count += got
    }
    return bytes
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // A descriptor closed under a read could be another file's by the time it happens.
    if (this.#readsUnderWay === 0) this.#file.close()
  }

  #readSync(buffer: Buffer, position: number): number {
    try {
      return this.#file.readSync(buffer, buffer.length, position)
    } catch (error) {
      throw unreadable(this.#path, error, ` at byte ${position}`)
    }
  }

  /** The chunk at a position. A failure is a value: no one may be waiting when it comes. */
  async #read(position: number): Promise<Buffer | RunError> {
    if (this.#isClosed) return Buffer.alloc(0)
    const chunk = Buffer.allocUnsafeSlow(bounds.readChunkBytes)
    this.#readsUnderWay++
    try {
      return chunk.subarray(0, await this.#file.read(chunk, chunk.length, position))
    } catch (error) {
      return unreadable(this.#path, error, ` at byte ${position}`)
    } finally {
      this.#readsUnderWay--
      if (this.#isClosed && this.#readsUnderWay === 0) this.#file.close()
    }
  }
}

class StreamSource implements Source {
  readonly #chunks: AsyncIterable<Uint8Array>
  #isStarted = false
  #isClosed = false

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks
  }

  async *batches(): AsyncGenerator<readonly Line[]> {
    assert(!this.#isStarted, 'A stream can be read only once')
    this.#isStarted = true
    const splitter = new LineSplitter()
    let position = 0
    const iterator = this.#chunks[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value } = await nextChunk(iterator, position)
        if (this.#isClosed) return
        if (done === true) break
        position += value.length
        const lines = splitter.push(value)
        if (lines.length > 0) yield lines
      }
    } finally {
      await iterator.return?.()
    }
    const lines = splitter.end()
    if (lines.length > 0) yield lines
  }

  close(): void {
    this.#isClosed = true
  }
}

async function nextChunk(
  iterator: AsyncIterator<Uint8Array>,
  position: number,
): Promise<IteratorResult<Uint8Array>> {
  try {
    return await iterator.next()
  } catch (error) {
    throw unreadable('the input stream', error, ` at byte ${position}`)
  }
}

function openInput(files: Files, path: string): File {
  let info: FileInfo | undefined
  try {
    info = files.stat(path)
    if (info?.isFile === true) return files.open(path, 'read')
  } catch (error) {
    throw unreadable(path, error)
  }
  const reason = info ? 'it is a folder or a pipe, not a file' : 'there is no such file'
  const hint = 'name a file, or give "-" and feed it to standard input'
  throw new RunError('INPUT_UNREADABLE', `Cannot read ${path}: ${reason}`, { hint })
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder',
}

function unreadable(what: string, cause: unknown, place = ''): RunError {
  const known = reasons[systemErrorCode(cause) ?? '']
  const reason = known ?? (cause instanceof Error ? cause.message : String(cause))
  return new RunError('INPUT_UNREADABLE', `Cannot read ${what}${place}: ${reason}`, { cause })
}

function shortened(path: string, position: number): RunError {
  return new RunError(
    'INPUT_CHANGED',
    `Cannot read ${path} again: it now ends at byte ${position}`,
    {
      hint: 'leave the input as it is while it is in use, then start the run again',
    },
  )
}

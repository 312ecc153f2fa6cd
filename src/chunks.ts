/**
 * The bytes of an input, in chunks as they are read. A chunk is never written again.
 *
 * Invariant: of a file one chunk is read ahead, of a stream none: it may never come.
 */

import { assert } from './assert.ts'
import { bounds } from './bounds.ts'
import { headBytes } from './compression.ts'
import { RunError } from './errors.ts'
import { systemErrorCode } from './files.ts'
import type { File, FileInfo, Files } from './files.ts'

/** What chunks come from. */
export interface Chunks extends AsyncIterable<Uint8Array> {
  /** The input as errors name it. */
  readonly name: string
  /** No more is wanted; chunks end. */
  readonly isClosed: boolean
}

/**
 * Opens a file to be read in chunks.
 *
 * @throws {RunError} `INPUT_UNREADABLE` when there is no such file or it cannot be read.
 */
export function openChunks(files: Files, path: string): FileChunks {
  let info: FileInfo | undefined
  try {
    info = files.stat(path)
    if (info?.isFile === true) return new FileChunks(files.open(path, 'read'), path)
  } catch (error) {
    throw unreadable(path, error)
  }
  const reason = info ? 'it is a folder or a pipe, not a file' : 'there is no such file'
  const hint = 'name a file, or give "-" and feed it to standard input'
  throw new RunError('INPUT_UNREADABLE', `Cannot read ${path}: ${reason}`, { hint })
}

/** A file in chunks, one of them read ahead. */
export class FileChunks implements Chunks {
  readonly name: string
  readonly #file: File
  #readsUnderWay = 0
  #isClosed = false

  constructor(file: File, path: string) {
    this.#file = file
    this.name = path
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The first bytes. */
  head(): Uint8Array {
    const head = Buffer.alloc(headBytes)
    try {
      return head.subarray(0, this.#file.readSync(head, headBytes, 0))
    } catch (error) {
      this.close()
      throw unreadable(this.name, error)
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let position = 0
    let ahead = this.#read(position)
    try {
      for (;;) {
        const chunk = await ahead
        if (chunk instanceof RunError) throw chunk
        if (this.#isClosed || chunk.length === 0) return
        position += chunk.length
        // While the caller works on this one, the chunk behind it is read.
        ahead = this.#read(position)
        yield chunk
      }
    } finally {
      await ahead
    }
  }

  at(offset: number, length: number): Uint8Array {
    assert(!this.#isClosed, 'A closed input was read again')
    const bytes = Buffer.allocUnsafe(length)
    let count = 0
    while (count < length) {
      const got = this.#readSync(bytes.subarray(count), offset + count)
      if (got === 0) throw shortened(this.name, offset + count)
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
      throw unreadable(this.name, error, ` at byte ${position}`)
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
      return unreadable(this.name, error, ` at byte ${position}`)
    } finally {
      this.#readsUnderWay--
      if (this.#isClosed && this.#readsUnderWay === 0) this.#file.close()
    }
  }
}

/** The chunks of a stream, which is read once; the first bytes of them may be looked at before. */
export class StreamChunks implements Chunks {
  readonly name = 'the input stream'
  readonly #chunks: AsyncIterable<Uint8Array>
  #iterator: AsyncIterator<Uint8Array> | undefined
  /** What was read to look at. */
  #read: Uint8Array[] = []
  #position = 0
  #isClosed = false

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The first bytes; fewer than wanted where there are no more. */
  async head(): Promise<Uint8Array> {
    assert(this.#iterator === undefined, 'A stream can be read only once')
    this.#iterator = this.#chunks[Symbol.asyncIterator]()
    while (this.#position < headBytes) {
      const chunk = await this.#next()
      if (chunk === undefined) break
      this.#read.push(chunk)
    }
    return Buffer.concat(this.#read.map((chunk) => chunk.subarray(0, headBytes)))
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#read.splice(0)
      for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) {
        yield chunk
      }
    } finally {
      await this.#iterator?.return?.()
    }
  }

  close(): void {
    this.#isClosed = true
  }

  /** Undefined at the end, and once it is closed. */
  async #next(): Promise<Uint8Array | undefined> {
    if (this.#isClosed) return undefined
    try {
      const result = await this.#iterator?.next()
      if (this.#isClosed || result === undefined || result.done === true) return undefined
      this.#position += result.value.length
      return result.value
    } catch (error) {
      throw unreadable(this.name, error, ` at byte ${this.#position}`)
    }
  }
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

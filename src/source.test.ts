import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { AssertionError } from './assert.ts'
import { bounds } from './bounds.ts'
import { RunError } from './errors.ts'
import { NodeFiles } from './files.ts'
import type { File, FileInfo } from './files.ts'
import type { Line } from './lines.ts'
import { bytesTo, fileSource, needPlaces, streamSource } from './source.ts'
import type { Source } from './source.ts'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-source-'))
afterAll(() => fs.rmSync(folder, { recursive: true }))

function write(name: string, content: string | Uint8Array): string {
  const file = path.join(folder, name)
  fs.writeFileSync(file, content)
  return file
}

async function readAll(source: Source): Promise<Line[]> {
  const lines: Line[] = []
  for await (const batch of source.batches()) lines.push(...batch)
  return lines
}

/** A file of the contract over bytes, which notes when it is read and closed, and may fail. */
class MemoryFile implements File {
  readonly #bytes: Buffer
  readonly #readMax: number
  readsUnderWay = 0
  readsDone = 0
  isClosed = false
  failure: Error | undefined
  readonly releases: (() => void)[] = []
  holdsReads = false

  constructor(bytes: Buffer, readMax: number = bytes.length) {
    this.#bytes = bytes
    this.#readMax = readMax
  }

  async read(buffer: Uint8Array, length: number, position: number): Promise<number> {
    this.readsUnderWay++
    if (this.holdsReads) await new Promise<void>((resolve) => this.releases.push(resolve))
    if (this.isClosed) throw new Error('The file was closed under a read')
    this.readsUnderWay--
    this.readsDone++
    if (this.failure && position > 0) throw this.failure
    return this.readSync(buffer, length, position)
  }

  readSync(buffer: Uint8Array, length: number, position: number): number {
    const end = position + Math.min(length, this.#readMax)
    return this.#bytes.copy(buffer, 0, position, Math.min(end, this.#bytes.length))
  }

  write(): number {
    throw new Error('An input is not written')
  }

  writeAt(): number {
    throw new Error('An input is not written')
  }

  async sync(): Promise<void> {}
  syncNow(): void {}
  truncate(): void {}

  size(): number {
    return this.#bytes.length
  }

  close(): void {
    this.isClosed = true
  }
}

/** A file system in which every path is that one file, or fails. */
class OneFile extends NodeFiles {
  readonly #file: File | Error

  constructor(file: File | Error) {
    super()
    this.#file = file
  }

  override stat(): FileInfo {
    return { size: 0, isFile: true, modifiedAt: 0 }
  }

  override open(): File {
    if (this.#file instanceof Error) throw this.#file
    return this.#file
  }
}

/** Lines as `number@offset content`. */
function plain(lines: readonly Line[]): string[] {
  return lines.map(({ number, offset, bytes }) => `${number}@${offset} ${String(bytes)}`)
}

test('fileSource() joins lines that cross its chunks, and reads them again by offset', async () => {
  const sizes = [1, 10, 1000, bounds.readChunkBytes, 3 * bounds.readChunkBytes + 7, 5, 300_000]
  const contents = sizes.map((size, index) => String(index).repeat(size))
  const source = fileSource(new NodeFiles(), write('crossing.jsonl', contents.join('\r\n')))
  const lines = await readAll(source)
  let offset = 0
  const expected = contents.map((content, index) => {
    const line = `${index + 1}@${offset} ${content}`
    offset += content.length + 2
    return line
  })
  expect(plain(lines)).toEqual(expected)
  for (const { offset, bytes } of lines) {
    expect(source.reread?.(offset, bytes.length)).toEqual(bytes)
  }
  // Each call of batches() starts over.
  expect(plain(await readAll(source))).toEqual(expected)
  source.close()
})

test.each(['', '\n', '\ufeff\r\n'])('fileSource() finds no line in %j', async (text) => {
  const source = fileSource(new NodeFiles(), write('empty.jsonl', text))
  expect(await readAll(source)).toEqual([])
  source.close()
})

test('fileSource() copes with reads that give less than was asked for', async () => {
  const text = 'a line, and\nanother, and the\nlast'
  const source = fileSource(new OneFile(new MemoryFile(Buffer.from(text), 7)), 'x')
  expect(plain(await readAll(source))).toEqual([
    '1@0 a line, and',
    '2@12 another, and the',
    '3@29 last',
  ])
  expect(String(source.reread?.(2, 27))).toBe('line, and\nanother, and the\n')
})

test('streamSource() gives the lines of each chunk as a batch, and the last line', async () => {
  const chunks = ['ab\ncd\ne', 'f', 'g\nhi\n', 'j'].map((text) => new TextEncoder().encode(text))
  const stream = ReadableStream.from<Uint8Array>(chunks)
  const batches: string[][] = []
  for await (const batch of streamSource(stream).batches()) batches.push(plain(batch))
  expect(batches).toEqual([['1@0 ab', '2@3 cd'], ['3@6 efg', '4@10 hi'], ['5@13 j']])
})

function unreadable(make: () => Source): RunError {
  try {
    make().close()
  } catch (error) {
    if (error instanceof RunError && error.code === 'INPUT_UNREADABLE') return error
    throw error
  }
  throw new Error('The input was readable')
}

function openAt(target: string): () => Source {
  return () => fileSource(new NodeFiles(), target)
}

test('fileSource() names the path and the reason when it cannot read it', () => {
  const missing = path.join(folder, 'missing.jsonl')
  const within = path.join(write('plain.jsonl', 'a'), 'x')
  expect(unreadable(openAt(missing)).message).toBe(`Cannot read ${missing}: there is no such file`)
  expect(unreadable(openAt(folder)).message).toContain(`Cannot read ${folder}: it is a folder`)
  expect(unreadable(openAt(folder)).hint).toContain('"-"')
  expect(unreadable(openAt(within)).message).toContain(`Cannot read ${within}: `)
  const denied = Object.assign(new Error('EACCES: no'), { code: 'EACCES' })
  const error = unreadable(() => fileSource(new OneFile(denied), 'secret.jsonl'))
  expect(error.message).toBe('Cannot read secret.jsonl: permission denied')
  expect(error.cause).toBe(denied)
})

test('fileSource() reports a read that fails, after the lines before it', async () => {
  const file = new MemoryFile(Buffer.from('a\nb\n'), 2)
  file.failure = new Error('EIO: i/o error')
  const source = fileSource(new OneFile(file), 'disk.jsonl')
  const lines: Line[] = []
  const reading = async (): Promise<void> => {
    for await (const batch of source.batches()) {
      // The failure is known by now; nobody waits for it yet.
      await new Promise((resolve) => setImmediate(resolve))
      lines.push(...batch)
    }
  }
  await expect(reading()).rejects.toMatchObject({
    code: 'INPUT_UNREADABLE',
    message: 'Cannot read disk.jsonl at byte 2: EIO: i/o error',
    cause: file.failure,
  })
  expect(plain(lines)).toEqual(['1@0 a'])
})

test('reread() says that the input has changed when there is not as much any more', () => {
  const source = fileSource(new NodeFiles(), write('short.jsonl', 'abc'))
  expect(() => source.reread?.(1, 3)).toThrow(RunError)
  expect(() => source.reread?.(1, 3)).toThrow('Cannot read')
  expect(String(source.reread?.(1, 2))).toBe('bc')
  source.close()
  expect(() => source.reread?.(1, 2)).toThrow(AssertionError)
})

test('batches() of a file reads one chunk ahead and no more', async () => {
  const file = new MemoryFile(Buffer.from('a\n'.repeat(50)), 2)
  const source = fileSource(new OneFile(file), 'x')
  let count = 0
  for await (const _batch of source.batches()) {
    count++
    await new Promise((resolve) => setImmediate(resolve))
    expect(file.readsDone).toBe(count + 1)
    expect(file.readsUnderWay).toBe(0)
    if (count === 10) break
  }
  expect(file.readsDone).toBe(11)
})

test('close() of a file waits for a read under way, and ends the iteration', async () => {
  const file = new MemoryFile(Buffer.from('a\nb\n'), 2)
  const source = fileSource(new OneFile(file), 'x')
  const batches = source.batches()[Symbol.asyncIterator]()
  expect((await batches.next()).done).toBe(false)
  file.holdsReads = true
  const second = batches.next()
  await new Promise((resolve) => setImmediate(resolve))
  expect(file.readsUnderWay).toBe(1)
  source.close()
  expect(file.isClosed).toBe(false)
  for (const release of file.releases) release()
  expect((await second).done).toBe(false)
  expect((await batches.next()).done).toBe(true)
  expect(file.isClosed).toBe(true)
  source.close()
})

test('streamSource() is read once, cannot be reread, and lets its stream go', async () => {
  let isLetGo = false
  async function* stream(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield Buffer.from('a\n')
    } finally {
      isLetGo = true
    }
  }
  const source = streamSource(stream())
  expect('reread' in source).toBe(false)
  const lines: Line[] = []
  for await (const batch of source.batches()) {
    lines.push(...batch)
    if (lines.length === 3) source.close()
  }
  expect(lines.length).toBe(3)
  expect(isLetGo).toBe(true)
  await expect(readAll(source)).rejects.toThrow(AssertionError)
})

test('streamSource() reports a stream that fails', async () => {
  const cause = new Error('unexpected end of file')
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a\nb')
    throw cause
  }
  await expect(readAll(streamSource(stream()))).rejects.toMatchObject({
    code: 'INPUT_UNREADABLE',
    message: 'Cannot read the input stream at byte 3: unexpected end of file',
    cause,
  })
})

const makers = { gzip: gzipSync, zstd: zstdCompressSync } as const

describe.each(['gzip', 'zstd'] as const)('what is compressed by %s', (format) => {
  const make = makers[format]
  const text = '\ufeff{"a":1}\r\n\n{"b":2}\n' + 'x'.repeat(600_000) + '\nlast'
  const half = Buffer.from(text).length - 300_000
  const parts = [text.slice(0, half), text.slice(half)].map((part) => make(part))

  test('has the lines, numbers and offsets that it has plain, whatever its name', async () => {
    const wanted = await readAll(fileSource(new NodeFiles(), write('named.gz', text)))
    const source = fileSource(new NodeFiles(), write('plain.jsonl', Buffer.concat(parts)))
    expect(await readAll(source)).toEqual(wanted)
    expect(wanted.map(({ number }) => number)).toEqual([1, 3, 4, 5])
    // It can be read again from its start, and not at a place.
    expect(source.isRepeatable).toBe(true)
    expect('reread' in source).toBe(false)
    expect(await readAll(source)).toEqual(wanted)
    source.close()
  })

  test('is read from a stream, in chunks of any size', async () => {
    const lines = fc.array(fc.stringMatching(/^[ -~]{0,40}$/), { maxLength: 30 })
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 })
    const isPlain = fc.boolean()
    await fc.assert(
      fc.asyncProperty(lines, sizes, isPlain, async (contents, sizes, isPlain) => {
        const plain = Buffer.from(contents.join('\n'))
        const data = isPlain ? plain : Buffer.concat([make(plain), make('')])
        async function* chunks(): AsyncGenerator<Uint8Array> {
          for (let at = 0, turn = 0; at < data.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1
            yield data.subarray(at, at + size)
            at += size
          }
        }
        const wanted = await readAll(fileSource(new NodeFiles(), write('wanted.jsonl', plain)))
        const source = streamSource(chunks())
        expect(await readAll(source)).toEqual(wanted)
        expect(source.isRepeatable).toBe(false)
      }),
      { numRuns: 100 },
    )
  })

  test('tells how much of it was read, where offsets do not', async () => {
    const lines = Array.from({ length: 4000 }, (_, at) => String((at * 7919) ** 3).repeat(40))
    const data = make(lines.join('\n'))
    const source = fileSource(new NodeFiles(), write('far', data))
    const plainBytes = Buffer.byteLength(lines.join('\n'))
    const shares: number[] = []
    for await (const batch of source.batches()) {
      const share = bytesTo(source, batch) / data.length
      const last = batch.at(-1)
      shares.push(Math.abs(share - ((last?.offset ?? 0) + (last?.bytes.length ?? 0)) / plainBytes))
    }
    expect(shares.length).toBeGreaterThan(5)
    // It is never off by more than the piece that is looked at.
    expect(Math.max(...shares)).toBeLessThan(300_000 / plainBytes)
    expect(source.bytesRead).toBe(data.length)
    source.close()
  })

  test('and is cut is an error that says where, after the lines before', async () => {
    const data = Buffer.concat([make('a\nb\n'), make('c\n').subarray(0, -3)])
    const file = write(`cut.${format}`, data)
    for (const [source, name] of [
      [fileSource(new NodeFiles(), file), file],
      [streamSource(ReadableStream.from<Uint8Array>([data.subarray(0, 40), data.subarray(40)]))],
    ] as const) {
      const seen: string[] = []
      const reading = async (): Promise<void> => {
        for await (const batch of source.batches()) seen.push(...plain(batch))
      }
      await expect(reading()).rejects.toMatchObject({
        code: 'INPUT_UNREADABLE',
        message: `Cannot read ${name ?? 'the input stream'} behind byte ${data.length}: its ${format} data is cut: there must be more`,
        hint: 'copy or make the file anew',
      })
      expect(seen.slice(0, 2)).toEqual(['1@0 a', '2@2 b'])
      source.close()
    }
  })

  test('ends without an error when it is closed before its end', async () => {
    const source = fileSource(new NodeFiles(), write('closed', Buffer.concat(parts)))
    const batches = source.batches()[Symbol.asyncIterator]()
    expect((await batches.next()).done).toBe(false)
    source.close()
    expect((await batches.next()).done).toBe(true)
  })

  test('ends without an error when it is closed while it is read', async () => {
    const file = new MemoryFile(make('a\n'), 8)
    const source = fileSource(new OneFile(file), 'x')
    const batches = source.batches()[Symbol.asyncIterator]()
    file.holdsReads = true
    const first = batches.next()
    await new Promise((resolve) => setImmediate(resolve))
    source.close()
    for (const release of file.releases) release()
    expect((await first).done).toBe(true)
  })

  test('is refused where places of it are needed', () => {
    const source = fileSource(new NodeFiles(), write('places', Buffer.concat(parts)))
    expect(() => needPlaces(source, 'in.gz', 'a pilot reads places')).toThrow(
      'Cannot use in.gz: it is compressed, and a pilot reads places',
    )
    source.close()
  })
})

test('a stream that is compressed and waits for more is let go at once', async () => {
  let isLetGo = false
  const data = Buffer.concat([gzipSync('a\n'), gzipSync('b\n')])
  async function* stream(): AsyncGenerator<Uint8Array> {
    try {
      yield data
      await new Promise(() => {})
    } finally {
      isLetGo = true
    }
  }
  for await (const batch of streamSource(stream()).batches()) {
    expect(plain(batch)[0]).toBe('1@0 a')
    break
  }
  expect(isLetGo).toBe(true)
})

import { constants, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BrokenData } from './broken-data.ts'
import { type Compression, compressed, compressionOf, decoderOf } from './compression.ts'

/** Hides nothing, and holds nothing. */
function skippable(length: number): Buffer {
  const frame = Buffer.alloc(8 + length, 7)
  frame.writeUInt32LE(0x184d2a50 + (length % 16), 0)
  frame.writeUInt32LE(length, 4)
  return frame
}

/** The data in chunks, of the sizes in turn. */
function cut(data: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < data.length;) {
    const size = sizes[chunks.length % sizes.length] ?? data.length
    chunks.push(data.subarray(at, at + size))
    at += size
  }
  return chunks
}

/** What chunks are decoded to; undefined of a head that no decoder is for. */
async function decode(chunks: readonly Uint8Array[]): Promise<string | undefined> {
  const compression = compressionOf(Buffer.concat(chunks))
  if (compression === undefined) return undefined
  const decoder = decoderOf(compression)
  const pieces: Uint8Array[] = []
  try {
    for (const chunk of chunks) for await (const piece of decoder.push(chunk)) pieces.push(piece)
    for await (const piece of decoder.end()) pieces.push(piece)
    expect(decoder.position).toBeLessThanOrEqual(Buffer.concat(chunks).length)
  } finally {
    decoder.close()
  }
  return Buffer.concat(pieces).toString('latin1')
}

/** What is wrong with the data; or what it is decoded to. */
async function faultOf(chunks: readonly Uint8Array[]): Promise<string | undefined> {
  try {
    return await decode(chunks)
  } catch (error) {
    if (!(error instanceof BrokenData)) throw error
    return `! ${error.message}`
  }
}

const content = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.integer({ min: 0, max: 400_000 }).map((length) => Buffer.alloc(length, 'abcdefgh\n')),
)
const gzipPart = fc
  .record({ content, level: fc.integer({ min: 0, max: 9 }) })
  .map(({ content, level }) => ({ content, data: gzipSync(content, { level }) }))
const zstdPart = fc
  .record({
    content,
    checksum: fc.constantFrom(0, 1),
    size: fc.constantFrom(0, 1),
    windowLog: fc.integer({ min: 10, max: 27 }),
    skipped: fc.option(fc.integer({ min: 0, max: 40 })),
  })
  .map(({ content, checksum, size, windowLog, skipped }) => {
    const params = {
      [constants.ZSTD_c_checksumFlag]: checksum,
      [constants.ZSTD_c_contentSizeFlag]: size,
      [constants.ZSTD_c_windowLog]: windowLog,
    }
    const frame = zstdCompressSync(content, { params })
    return { content, data: skipped === null ? frame : Buffer.concat([skippable(skipped), frame]) }
  })
const chunkSizes = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 5 })

describe.each([
  ['gzip', gzipPart],
  ['zstd', zstdPart],
] as const)('%s', (_, part) => {
  test('any bytes, in any parts and any chunks, are decoded to what they were', async () => {
    const parts = fc.array(part, { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(parts, chunkSizes, async (given, sizes) => {
        const data = Buffer.concat(given.map(({ data }) => data))
        const plain = Buffer.concat(given.map(({ content }) => content)).toString('latin1')
        expect(await decode(cut(data, sizes))).toBe(plain)
      }),
      { numRuns: 150 },
    )
  })
})

const texts = ['first\nsecond\n', 'third\n'.repeat(50)] as const
const made: Record<Compression, (text: string) => Buffer> = {
  gzip: (text) => gzipSync(text),
  zstd: (text) => zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
}

describe.each(['gzip', 'zstd'] as const)('data of %s', (format) => {
  const make = made[format]
  const [one, two] = [make(texts[0]), make(texts[1])]
  const both = Buffer.concat([one, two])

  test.each([[[both.length]], [[1]], [[7]], [[one.length]]])(
    'that is cut is an error wherever it is, in chunks of %j',
    async (sizes) => {
      for (let length = 4; length < both.length; length++) {
        const found = await faultOf(cut(both.subarray(0, length), sizes))
        const expected =
          length === one.length ? texts[0] : `! its ${format} data is cut: there must be more`
        expect(found, `${length} of ${both.length} bytes`).toBe(expected)
      }
    },
  )

  test.each(['x', '{"model":"m"}\n', '\n', '\0x', '\x1f\x8b\x08garbage', '(µ/ý garbage'])(
    'that is followed by %j is an error',
    async (text) => {
      const data = Buffer.concat([one, Buffer.from(text, 'latin1')])
      for (const sizes of [[data.length], [one.length], [1], [one.length + 1]]) {
        expect(await faultOf(cut(data, sizes)), String(sizes)).toMatch(/^! /)
      }
    },
  )

  test('that was changed is an error', async () => {
    for (let at = 4; at < both.length; at++) {
      const data = Buffer.from(both)
      data.writeUInt8(data.readUInt8(at) ^ 0x10, at)
      const found = await faultOf([data])
      // Of a header some bits say nothing of the content.
      if (found !== texts.join('')) expect(found, `byte ${at}`).toMatch(/^! /)
    }
  })

  test('of another format behind it is an error', async () => {
    const other = made[format === 'gzip' ? 'zstd' : 'gzip']
    expect(await faultOf([one, other('x')])).toMatch(/^! /)
  })

  test('compressed() makes one piece of data of all chunks', async () => {
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(texts[0])
      yield Buffer.alloc(600_000, 'x')
    }
    const pieces: Uint8Array[] = []
    for await (const piece of compressed(format, chunks())) pieces.push(piece)
    const found = await decode(pieces)
    expect(found).toBe(texts[0] + 'x'.repeat(600_000))
  })
})

test('zeros behind gzip are padding, and nothing may follow them', async () => {
  const [one, two] = [made.gzip(texts[0]), made.gzip(texts[1])]
  const zeros = Buffer.alloc(2000)
  for (const sizes of [[5000], [1], [one.length], [one.length + 3]]) {
    expect(await faultOf(cut(Buffer.concat([one, zeros]), sizes))).toBe(texts[0])
    const found = await faultOf(cut(Buffer.concat([one, zeros, two]), sizes))
    expect(found).toBe('! something follows its gzip data that is no such data')
  }
})

test('a chunk that comes to much is decoded no faster than it is taken', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(100_000_000))
  expect(bomb.length).toBeLessThan(20_000)
  const decoder = decoderOf('zstd')
  let bytes = 0
  for await (const piece of decoder.push(bomb)) {
    bytes += piece.length
    expect(piece.length).toBeLessThanOrEqual(2 ** 18)
    await new Promise(setImmediate)
    // It was read as far as is needed for what was taken, a piece of 256 KB, and two more.
    const share = (bytes + 3 * 2 ** 18) / 100_000_000
    expect(decoder.position / bomb.length).toBeLessThan(share + 0.02)
  }
  expect(bytes).toBe(100_000_000)
  decoder.close()
})

test('a window beyond what is given to it is told before anything is decoded', async () => {
  const frame = Buffer.from(zstdCompressSync('x'.repeat(1000)))
  // No size, a window descriptor, no checksum; the window is 2^31.
  const header = Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, (31 - 10) << 3)
  const found = await faultOf([Buffer.concat([header, frame.subarray(6)])])
  expect(found).toBe('! its zstd window takes 2048 MB of memory, and at most 128 are given to it')
})

test.each([
  ['gzip', Buffer.of(0x1f, 0x8b), 'gzip'],
  ['zstd', Buffer.of(0x28, 0xb5, 0x2f, 0xfd), 'zstd'],
  ['a skippable frame', skippable(3), 'zstd'],
  ['nothing', Buffer.alloc(0), undefined],
  ['half of a magic number', Buffer.of(0x28, 0xb5, 0x2f), undefined],
  ['a line', Buffer.from('{"a":1}'), undefined],
  ['deflate without a header', deflateRawSync('x'), undefined],
])('compressionOf() tells %s', (_, head, format) => {
  expect(compressionOf(head)).toBe(format)
})

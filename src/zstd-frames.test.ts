import { constants, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { BrokenData } from './broken-data.ts'
import { ZstdFrames } from './zstd-frames.ts'

/** Where the frames of the data end, as it comes in chunks of this size. */
function endsIn(data: Uint8Array, chunkBytes: number): number[] {
  const frames = new ZstdFrames()
  const ends: number[] = []
  for (let from = 0; from < data.length; from += chunkBytes) {
    const chunk = data.subarray(from, from + chunkBytes)
    for (let at = 0; at < chunk.length;) {
      at = frames.next(chunk, at)
      if (frames.isBetween) ends.push(from + at)
    }
  }
  return ends
}

function frameOf(content: Uint8Array, params: Record<number, number>): Buffer {
  return zstdCompressSync(content, { params })
}

function skippable(payloadBytes: number): Buffer {
  const frame = Buffer.alloc(8 + payloadBytes)
  frame.writeUInt32LE(0x184d2a5f, 0)
  frame.writeUInt32LE(payloadBytes, 4)
  return frame
}

const flag = fc.constantFrom(0, 1)
const frame = fc.oneof(
  fc.integer({ min: 0, max: 30 }).map(skippable),
  fc
    .record({
      // Of 256 KB of one byte and more come several blocks, all but the last of them runs.
      length: fc.constantFrom(0, 1, 255, 256, 300, 65_791, 65_792, 300_000),
      random: fc.boolean(),
      checksum: flag,
      size: flag,
    })
    .map(({ length, random, checksum, size }) => {
      const content = Buffer.alloc(length, 'x')
      if (random) for (let at = 0; at < length; at++) content[at] = Math.imul(at, 0x9e3779b1) >>> 24
      return frameOf(content, {
        [constants.ZSTD_c_checksumFlag]: checksum,
        [constants.ZSTD_c_contentSizeFlag]: size,
      })
    }),
)

test('ZstdFrames finds where frames end, whatever they are and however they come', () => {
  const chunkBytes = fc.integer({ min: 1, max: 3000 })
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 5 }), chunkBytes, (frames, chunkBytes) => {
      let end = 0
      const ends = frames.map(({ length }) => (end += length))
      expect(endsIn(Buffer.concat(frames), chunkBytes)).toEqual(ends)
    }),
    { numRuns: 200 },
  )
})

test('ZstdFrames is between frames at their ends alone', () => {
  const data = Buffer.concat([skippable(2), frameOf(Buffer.from('abc'), {})])
  for (let length = 0; length <= data.length; length++) {
    const frames = new ZstdFrames()
    for (let at = 0; at < length;) at = frames.next(data.subarray(0, length), at)
    expect(frames.isBetween, `${length} bytes`).toBe([0, 10, data.length].includes(length))
  }
})

test.each(['text', '\0\0\0\0', '(\u00b5/x'])('ZstdFrames takes %j for no frame', (text) => {
  const bytes = Buffer.from(text, 'latin1')
  expect(() => endsIn(bytes, 4)).toThrow(BrokenData)
  expect(() => endsIn(Buffer.concat([skippable(1), bytes]), 1)).toThrow(/something follows/)
})

test.each([
  ['a window of 2^27', [0x00, (27 - 10) << 3], undefined],
  ['a little more', [0x00, ((27 - 10) << 3) | 1], /takes 144 MB/],
  ['a content of 2 GB in one piece', [0xa0, 0, 0, 0, 0x80], /takes 2048 MB/],
  ['one of 2^40 bytes', [0xe0, 0, 0, 0, 0, 0, 1, 0, 0], /takes 1048576 MB/],
] as const)('ZstdFrames gives no more than 128 MB to %s', (_, header, words) => {
  const bytes = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...header])
  if (words === undefined) expect(endsIn(bytes, 100)).toEqual([])
  else expect(() => endsIn(bytes, 100)).toThrow(words)
})

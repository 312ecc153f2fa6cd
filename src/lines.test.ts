import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { bounds } from './bounds.ts'
import { LineSplitter } from './lines.ts'
import type { Line } from './lines.ts'

const mebibyte = 2 ** 20

function split(chunks: Iterable<Buffer>): Line[] {
  const splitter = new LineSplitter()
  const lines: Line[] = []
  for (const chunk of chunks) lines.push(...splitter.push(chunk))
  return [...lines, ...splitter.end()]
}

/** Lines as `number@offset content`, one character a byte. */
function plain(lines: readonly Line[]): string[] {
  return lines.map(({ number, offset, bytes }) => {
    return `${number}@${offset} ${Buffer.from(bytes).toString('latin1')}`
  })
}

const mark = '\xef\xbb\xbf'

const texts: [text: string, expected: string[]][] = [
  ['', []],
  ['\n', []],
  ['\n\r\n \t\n', []],
  ['a', ['1@0 a']],
  ['a\nb', ['1@0 a', '2@2 b']],
  ['a\nb\n', ['1@0 a', '2@2 b']],
  ['a\r\nb\r\n', ['1@0 a', '2@3 b']],
  ['a\rb\n', ['1@0 a\rb']],
  ['a\r', ['1@0 a']],
  ['\n\na\n\nb', ['3@2 a', '5@5 b']],
  ['  \ta b \r\r\n c', ['1@3 a b', '2@11 c']],
  [`${mark}a\n${mark}b`, ['1@3 a', `2@5 ${mark}b`]],
  [`${mark} \r\na`, ['2@6 a']],
  [mark, []],
  ['\xef\xbb', ['1@0 \xef\xbb']],
  ['\xef', ['1@0 \xef']],
  [` ${mark}a`, [`1@1 ${mark}a`]],
  [`\n${mark}a`, [`2@1 ${mark}a`]],
  ['\0\x0b\n', ['1@0 \0\x0b']],
]

test.each(texts)('LineSplitter cuts %j into its lines', (text, expected) => {
  expect(plain(split([Buffer.from(text, 'latin1')]))).toEqual(expected)
})

/** The lines of a text, by the plainest way there is. */
function expectedLines(text: string): string[] {
  const lines: string[] = []
  let offset = 0
  for (const [index, line] of text.split('\n').entries()) {
    const marked = index === 0 && line.startsWith(mark) ? mark.length : 0
    const lead = marked + (/^[ \t\r]*/.exec(line.slice(marked))?.[0].length ?? 0)
    const content = line.slice(lead).replace(/[ \t\r]+$/, '')
    if (content !== '') lines.push(`${index + 1}@${offset + lead} ${content}`)
    offset += line.length + 1
  }
  return lines
}

function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let from = 0
  for (const size of sizes) {
    yield bytes.subarray(from, from + size)
    from += size
  }
  yield bytes.subarray(from)
}

test('LineSplitter gives the same lines however the bytes are cut into chunks', () => {
  const part = fc.constantFrom('\n', '\r\n', ' ', '\t', '\r', 'a', '{"a":1}', mark, '\xf0\x9f')
  const text = fc.array(part, { maxLength: 30 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, fc.array(fc.nat(6)), (text, sizes) => {
      const bytes = Buffer.from(text, 'latin1')
      const lines = split(cut(bytes, sizes))
      expect(plain(lines)).toEqual(expectedLines(text))
      for (const line of lines) {
        const there = bytes.subarray(line.offset, line.offset + line.bytes.length)
        expect(there.equals(line.bytes)).toBe(true)
      }
    }),
    { numRuns: 1000 },
  )
})

test('LineSplitter copies only the line that crosses from a chunk into the next', () => {
  const chunks = ['ab\ncd\ne', 'f', 'g\nhi\n'].map((text) => {
    return Buffer.from(new TextEncoder().encode(text).buffer)
  })
  const lines = split(chunks)
  expect(plain(lines)).toEqual(['1@0 ab', '2@3 cd', '3@6 efg', '4@10 hi'])
  expect(lines[1]?.bytes.buffer).toBe(chunks[0]?.buffer)
  expect(chunks.some(({ buffer }) => buffer === lines[2]?.bytes.buffer)).toBe(false)
  expect(lines[3]?.bytes.buffer).toBe(chunks[2]?.buffer)
})

test('a line beyond lineBytesMax is skipped but for its head, and the next is found', () => {
  const chunk = Buffer.alloc(mebibyte, 'x')
  function* chunks(): Generator<Buffer> {
    yield Buffer.from('first\n  y')
    for (let count = 0; count < 144; count++) yield chunk
    yield Buffer.from('zz \r\nlast')
  }
  const [first, long, last, ...rest] = split(chunks())
  const length = 1 + 144 * mebibyte + 2
  expect(plain(first && last ? [first, last, ...rest] : [])).toEqual([
    '1@0 first',
    `3@${8 + length + 3} last`,
  ])
  expect(long).toMatchObject({ number: 2, offset: 8, truncated: length })
  expect(String(long?.bytes)).toBe(`y${'x'.repeat(999)}`)
  // The head alone stays in memory, not what it was a part of.
  expect(long?.bytes.buffer.byteLength).toBeLessThan(mebibyte)
})

test('a line of lineBytesMax is whole, whatever blanks are behind it', () => {
  const chunk = Buffer.alloc(mebibyte, 'x')
  function* chunks(): Generator<Buffer> {
    for (let count = 0; count < 64; count++) yield chunk
    for (let count = 0; count < 2; count++) yield Buffer.alloc(mebibyte, ' ')
    yield Buffer.from('\r\n')
  }
  const [line] = split(chunks())
  expect(line?.bytes.length).toBe(64 * mebibyte)
  expect(line?.truncated).toBeUndefined()
})

test('blanks between contents count to a line that is too long', () => {
  const blanks = Buffer.alloc(mebibyte, ' ')
  function* chunks(): Generator<Buffer> {
    yield Buffer.from('a')
    for (let count = 0; count < 70; count++) yield blanks
    yield Buffer.from('b\n')
  }
  const [line] = split(chunks())
  expect(line?.truncated).toBe(70 * mebibyte + 2)
  expect(String(line?.bytes)).toBe(`a${' '.repeat(999)}`)
})

test.each([[[]], [[3]]])('a chunk longer than lineBytesMax is no way round it: %j', (sizes) => {
  const chunk = Buffer.alloc(bounds.lineBytesMax + 6, 'x')
  chunk.write('\n', bounds.lineBytesMax + 4)
  const lines = split(cut(chunk, sizes))
  expect(lines.map(({ truncated }) => truncated)).toEqual([bounds.lineBytesMax + 4, undefined])
  expect(String(lines[0]?.bytes)).toBe('x'.repeat(1000))
  expect(lines[0]?.bytes.buffer).not.toBe(chunk.buffer)
})

test('blanks without end are no line and are not kept', () => {
  const blanks = Buffer.alloc(mebibyte, ' ')
  function* chunks(): Generator<Buffer> {
    for (let count = 0; count < 80; count++) yield blanks
    yield Buffer.from('a\n')
  }
  expect(plain(split(chunks()))).toEqual([`1@${80 * mebibyte} a`])
})

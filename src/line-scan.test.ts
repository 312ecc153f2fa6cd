import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SimFiles } from '../test/sim-files.ts'
import { LineReader, LineScan } from './line-scan.ts'
import type { File } from './files.ts'

function fileOf(content: string | Uint8Array): File {
  const files = new SimFiles()
  files.put('/a', content)
  return files.open('/a', 'read')
}

interface Seen {
  readonly text: string
  readonly offset: number
  readonly number: number
  readonly isTerminated: boolean
}

function scanned(content: string): Seen[] {
  const scan = new LineScan(fileOf(content))
  const seen: Seen[] = []
  while (scan.next()) {
    const { offset, number, isTerminated } = scan
    expect(scan.nextOffset).toBe(offset + scan.bytes().length + (isTerminated ? 1 : 0))
    seen.push({ text: scan.bytes().toString(), offset, number, isTerminated })
  }
  expect(scan.next()).toBe(false)
  return seen
}

/** A line of each length that puts its end near a multiple of the read size. */
const aroundReads = fc.constantFrom(
  0,
  1,
  2 ** 19 - 1,
  2 ** 20 - 1,
  2 ** 20,
  2 ** 20 + 1,
  3 * 2 ** 20,
)

describe('LineScan', () => {
  test.each([
    ['', []],
    ['\n', ['']],
    ['a', ['a']],
    ['a\n', ['a']],
    ['a\n\nb', ['a', '', 'b']],
    ['a\r\n b \n', ['a\r', ' b ']],
  ])('next() on %j goes through its lines', (content, lines) => {
    expect(scanned(content).map(({ text }) => text)).toEqual(lines)
  })

  test('next() tells where each line is, and whether it is whole', () => {
    expect(scanned('ab\n\nc')).toEqual([
      { text: 'ab', offset: 0, number: 1, isTerminated: true },
      { text: '', offset: 3, number: 2, isTerminated: true },
      { text: 'c', offset: 4, number: 3, isTerminated: false },
    ])
  })

  test('lines are the same wherever reads begin and end', () => {
    fc.assert(
      fc.property(fc.array(aroundReads, { maxLength: 5 }), fc.boolean(), (lengths, isWhole) => {
        const lines = lengths.map((length, index) => String(index).repeat(length))
        const content = lines.join('\n') + (isWhole && lines.length > 0 ? '\n' : '')
        const expected = isWhole
          ? lines
          : content.split('\n').filter((text, index, all) => text !== '' || index < all.length - 1)
        expect(
          scanned(content).map(({ text }) => (text === '' ? '' : `${text[0]}${text.length}`)),
        ).toEqual(expected.map((text) => (text === '' ? '' : `${text[0]}${text.length}`)))
      }),
      { numRuns: 30 },
    )
  })

  test('mayHoldNul is set for a line with NUL bytes, and not far from any', () => {
    const content = `a\0\n${'b'.repeat(3 * 2 ** 20)}\nc\n`
    const scan = new LineScan(fileOf(content))
    const flags: boolean[] = []
    while (scan.next()) flags.push(scan.mayHoldNul)
    expect(flags).toEqual([true, expect.any(Boolean), false])
  })
})

describe('LineReader', () => {
  test('lineAt() finds any line in any order, short or longer than its buffer', () => {
    const lines = Array.from(
      { length: 200 },
      (_, index) => `${index}:${'x'.repeat((index % 7) ** 6)}\n`,
    )
    const offsets: number[] = []
    let offset = 0
    for (const line of lines) {
      offsets.push(offset)
      offset += line.length
    }
    const reader = new LineReader(fileOf(lines.join('')))
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 199 }), { maxLength: 50 }), (order) => {
        for (const index of order)
          expect(reader.lineAt(offsets[index] ?? 0).toString()).toBe(lines[index])
      }),
      { numRuns: 30 },
    )
  })

  test('lineAt() where no line ends is an error, not a loop', () => {
    const reader = new LineReader(fileOf('a\nb'))
    expect(() => reader.lineAt(2)).toThrow('No line ends')
    expect(() => reader.lineAt(20)).toThrow('No line ends')
  })
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { displayWidth, printable, shownPath, truncate } from './text.ts'

/** One row a case: what goes in, what comes out. */
function check<T>(format: (value: T) => string, rows: readonly (readonly [T, string])[]): void {
  test.each(rows)('of %j is %j', (value, text) => {
    expect(format(value)).toBe(text)
  })
}

describe('printable()', () => {
  check(printable, [
    ['plain', 'plain'],
    ['two\r\n lines', 'two lines'],
    ['\u001b[31mred\u001b[0m', '\ufffd[31mred\ufffd[0m'],
    ['\u009b2J', '\ufffd2J'],
    ['\u202eevil', '\ufffdevil'],
    ['é 漢 👍', 'é 漢 👍'],
  ])
})

describe('displayWidth()', () => {
  test.each([
    ['plain', 5],
    ['…', 1],
    ['漢字', 4],
    ['한글', 4],
    ['カナ', 4],
    ['👍', 2],
    ['e\u0301', 1],
    ['ｆｕ', 4],
  ])('of %j is %d', (text, width) => {
    expect(displayWidth(text)).toBe(width)
  })
})

describe('truncate()', () => {
  test.each([
    ['requests', 8, 'requests'],
    ['requests', 5, 'requ…'],
    ['漢字漢字', 5, '漢字…'],
    ['漢字漢字', 4, '漢…'],
    ['abc', 1, '…'],
    ['abc', 0, ''],
  ])('of %j to %d is %j', (text, columns, cut) => {
    expect(truncate(text, columns)).toBe(cut)
  })

  test('never takes more columns than there are', () => {
    const text = fc.string({ unit: 'grapheme' })
    fc.assert(
      fc.property(text, fc.nat(40), (text, columns) => {
        expect(displayWidth(truncate(text, columns))).toBeLessThanOrEqual(columns)
      }),
    )
  })
})

describe('shownPath()', () => {
  test.each([
    ['/data/out.jsonl', '/data', 'out.jsonl'],
    ['/data/a/out.jsonl', '/data', 'a/out.jsonl'],
    ['/tmp/out.jsonl', '/data', '/tmp/out.jsonl'],
    ['/database/out.jsonl', '/data', '/database/out.jsonl'],
    ['out.jsonl', '/data', 'out.jsonl'],
    ['-', '/data', '-'],
  ])('of %s seen from %s is %s', (file, folder, shown) => {
    expect(shownPath(file, folder)).toBe(shown)
  })
})

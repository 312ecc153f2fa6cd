import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { RunningHash } from './running-hash.ts'

function keyOf(...values: readonly unknown[]): number {
  const hash = new RunningHash()
  for (const value of values) hash.value(value)
  return hash.key
}

test('values that say something else have other keys', () => {
  const values: unknown[] = [
    [],
    {},
    [[]],
    [{}],
    null,
    true,
    false,
    0,
    1,
    '',
    '0',
    '1',
    'true',
    'null',
    ['a', 'b'],
    ['ab'],
    ['b', 'a'],
    [['a'], 'b'],
    ['a', ['b']],
    { a: 'b' },
    { b: 'a' },
    { a: 1, b: 2 },
    { b: 2, a: 1 },
    { a: { b: 2 } },
    { a: {}, b: 2 },
    { a: null },
    'a\u0000',
    '\u0000a',
    'é',
    'e\u0301',
  ]
  const keys = values.map((value) => keyOf(value))
  expect(new Set(keys).size).toBe(values.length)
  expect(keys.every((key) => Number.isSafeInteger(key) && key >= 0 && key < 2 ** 53)).toBe(true)
  expect(keyOf('a', 'b')).not.toBe(keyOf(['a', 'b']))
})

test('one character makes another key wherever it stands, in texts of any length', () => {
  for (const length of [1, 2, 19, 20, 21, 22, 1001, 2 ** 14, 2 ** 14 + 1, 3 * 2 ** 14 + 7]) {
    const text = 'a'.repeat(length)
    const places = [0, 1, length >> 1, length - 2, length - 1].filter(
      (at) => at >= 0 && at < length,
    )
    const others = places.flatMap((at) =>
      // The least and the greatest bit of a character.
      ['`', '\u8061'].map((other) => text.slice(0, at) + other + text.slice(at + 1)),
    )
    const texts = new Set([text, ...others, `${text}a`])
    expect(new Set([...texts].map((each) => keyOf(each))).size).toBe(texts.size)
  }
})

test('changes that undo one another in a sum or a xor do not', () => {
  const keys = new Set<number>()
  const count = 2 ** 12
  for (let bits = 0; bits < count; bits++) {
    // In each place the greatest bit of a character is there or not.
    const codes = Array.from({ length: 24 }, (_, at) => 0x61 | (((bits >> (at % 12)) & 1) << 15))
    keys.add(keyOf(String.fromCharCode(...codes)))
  }
  expect(keys.size).toBe(count)
})

test('keys use all their bits', () => {
  let [all, none] = [0n, 0n]
  const keys = new Set<number>()
  for (let value = 0; value < 100_000; value++) {
    const key = keyOf(value)
    keys.add(key)
    all |= BigInt(key)
    none |= ~BigInt(key) & (2n ** 53n - 1n)
  }
  expect(keys.size).toBe(100_000)
  expect([all, none]).toEqual([2n ** 53n - 1n, 2n ** 53n - 1n])
})

test('a key is of what was said, and goes by nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (values) => {
      const copies = values.map((value): unknown => JSON.parse(JSON.stringify(value)))
      expect(keyOf(...copies)).toBe(keyOf(...values))
    }),
  )
})

test('restore() forgets what came after', () => {
  const hash = new RunningHash()
  hash.value('a')
  const { key, state } = hash
  hash.value('b')
  expect(hash.key).not.toBe(key)
  hash.restore(state)
  expect(hash.key).toBe(key)
})

test('a value of any depth is taken', () => {
  let deep: unknown = 'x'
  for (let depth = 0; depth < 100_000; depth++) deep = [deep]
  expect(() => keyOf(deep)).not.toThrow()
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyOf } from '../test/result-lines.ts'
import { Fingerprints } from './fingerprints.ts'

describe('Fingerprints', () => {
  test('get() is 0 for what was never added', () => {
    const counts = new Fingerprints()
    counts.add(keyOf(1), 1)
    expect(counts.get(keyOf(2))).toBe(0)
    expect(counts.get(keyOf(1))).toBe(1)
  })

  test('add() returns the sum, size counts what is not 0', () => {
    const counts = new Fingerprints()
    expect(counts.add(keyOf(1), 2)).toBe(2)
    expect(counts.add(keyOf(2), 1)).toBe(1)
    expect(counts.add(keyOf(1), -2)).toBe(0)
    expect(counts.add(keyOf(3), 0)).toBe(0)
    expect(counts.size).toBe(1)
  })

  test('set() replaces, set() of 0 forgets', () => {
    const counts = new Fingerprints()
    counts.set(keyOf(1), 7)
    counts.set(keyOf(1), 2 ** 32 - 1)
    expect(counts.get(keyOf(1))).toBe(2 ** 32 - 1)
    counts.set(keyOf(1), 0)
    expect([counts.get(keyOf(1)), counts.size]).toEqual([0, 0])
  })

  test.each([-1, 2 ** 32, 0.5])('set() to %d is our own bug', (value) => {
    expect(() => new Fingerprints().set(keyOf(1), value)).toThrow('whole number')
  })

  test('add() below 0 is our own bug', () => {
    const counts = new Fingerprints()
    counts.add(keyOf(1), 1)
    expect(() => counts.add(keyOf(1), -2)).toThrow('whole number')
  })

  test('keys are told apart by any of their first 72 bits, the one of all zeros too', () => {
    const counts = new Fingerprints()
    const zeros = '0'.repeat(32)
    const keys = [zeros]
    for (let digit = 0; digit < 18; digit++) {
      for (const value of ['2', '8', 'f']) {
        keys.push(zeros.slice(0, digit) + value + zeros.slice(digit + 1))
      }
    }
    keys.forEach((key, index) => counts.set(key, index + 1))
    expect(keys.map((key) => counts.get(key))).toEqual(keys.map((_, index) => index + 1))
  })

  test('agrees with a Map under any changes', () => {
    // Few shards and few words, so that tables fill, wrap round and grow.
    const word = fc.integer({ min: 2, max: 0xffffffff })
    const key = fc
      .tuple(fc.constantFrom('00', '7f'), fc.oneof(fc.constantFrom(0, 1, 0xffffffff), word), word)
      .map(([shard, high, low]) => `${shard}${hex(high)}${hex(low)}000000000000`)
    const change = fc.tuple(key, fc.integer({ min: -1, max: 3 }))
    fc.assert(
      fc.property(fc.array(change, { maxLength: 400 }), (changes) => {
        const counts = new Fingerprints()
        const model = new Map<string, number>()
        for (const [key, delta] of changes) {
          const value = Math.max(0, (model.get(key) ?? 0) + delta)
          counts.set(key, value)
          model.set(key, value)
        }
        for (const [key, value] of model) expect(counts.get(key)).toBe(value)
        expect(counts.size).toBe([...model.values()].filter((value) => value > 0).length)
      }),
      { numRuns: 200 },
    )
  })

  test('holds at most 16 bytes an entry at every size, and a fixed 64 KB', () => {
    const counts = new Fingerprints()
    let worst = 0
    for (let number = 1; number <= 300_000; number++) {
      counts.add(keyOf(number), 1)
      if (number % 1000 === 0) worst = Math.max(worst, (counts.bytes - 65_536) / number)
    }
    expect(counts.size).toBe(300_000)
    expect(worst).toBeLessThanOrEqual(16)
  })

  test('does not grow when keys come and go', () => {
    const counts = new Fingerprints()
    for (let number = 0; number < 200_000; number++) {
      counts.add(keyOf(number), 1)
      if (number >= 1000) counts.add(keyOf(number - 1000), -1)
    }
    expect(counts.size).toBe(1000)
    expect(counts.bytes).toBeLessThan(65_536 * 2)
    expect(counts.get(keyOf(199_999))).toBe(1)
  })
})

function hex(word: number): string {
  return word.toString(16).padStart(8, '0')
}

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AssertionError } from './assert.ts'
import { Settled } from './settled.ts'

test('mark() twice is a bug of ours, and is named by its row', () => {
  const settled = new Settled()
  settled.mark(31)
  expect(() => settled.mark(31)).toThrow(new AssertionError('Row 32 was settled twice'))
  expect(settled.count).toBe(1)
})

test('missing() names rows from 1, in order, and not more than asked', () => {
  const settled = new Settled()
  for (const sequence of [0, 2, 5]) settled.mark(sequence)
  expect(settled.missing(7, 20)).toEqual([2, 4, 5, 7])
  expect(settled.missing(7, 2)).toEqual([2, 4])
  expect(settled.missing(1, 20)).toEqual([])
})

test('agrees with a set, over any rows', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 100_000 })), { maxLength: 100 }),
      (sequences) => {
        const settled = new Settled()
        for (const sequence of sequences) settled.mark(sequence)
        expect(settled.count).toBe(sequences.length)
        const all = Array.from({ length: 300 }, (_, sequence) => sequence)
        const missing = all
          .filter((sequence) => !sequences.includes(sequence))
          .map((sequence) => sequence + 1)
        expect(settled.missing(300, 1000)).toEqual(missing)
      },
    ),
  )
})

test('holds ten million rows', () => {
  const settled = new Settled()
  for (let sequence = 0; sequence < 10_000_000; sequence++) settled.mark(sequence)
  expect(settled.missing(10_000_001, 2)).toEqual([10_000_001])
})

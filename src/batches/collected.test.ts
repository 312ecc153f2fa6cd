import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Bits, Collected } from './collected.ts'

test('bits are those that were set, and counted once', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5000 })), (indexes) => {
      const bits = new Bits()
      for (const index of indexes) bits.set(index)
      const set = new Set(indexes)
      expect(bits.count).toBe(set.size)
      for (let index = 0; index <= 5001; index++) expect(bits.has(index)).toBe(set.has(index))
    }),
    { numRuns: 20 },
  )
})

test('lines say which row of which batch they are', () => {
  const collected = new Collected()
  for (const batchRequest of ['abc-0', 'abc-10', 'def-z', undefined, 'nothing', '-1', 'abc-']) {
    collected.add(batchRequest === undefined ? {} : { batchRequest })
  }
  expect(collected.of('abc').count).toBe(2)
  expect([0, 36, 35].map((index) => collected.of('abc').has(index))).toEqual([true, true, false])
  expect(collected.of('def').has(35)).toBe(true)
  expect(collected.of('none').count).toBe(0)
})

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { EvenSample } from './even-sample.ts'

function sampled(length: number, wanted: number): EvenSample<number> {
  const sample = new EvenSample<number>(wanted)
  for (let item = 0; item < length; item++) if (sample.takesNext()) sample.add(item)
  return sample
}

test('holds all while there are few', () => {
  expect(sampled(3, 5).items).toEqual([0, 1, 2])
  expect(sampled(3, 5).picked).toEqual([0, 1, 2])
  expect(sampled(0, 5).picked).toEqual([])
})

test('is as large as wanted, never twice as large and one, and evenly spread', () => {
  fc.assert(
    fc.property(fc.nat(3000), fc.integer({ min: 1, max: 60 }), (length, wanted) => {
      const { items, picked } = sampled(length, wanted)
      expect(items.length).toBeGreaterThanOrEqual(Math.min(length, wanted))
      expect(items.length).toBeLessThanOrEqual(2 * wanted)
      expect(picked).toHaveLength(Math.min(length, wanted))
      const gaps = items.slice(1).map((item, index) => item - (items[index] ?? 0))
      expect(new Set(gaps).size).toBeLessThanOrEqual(1)
      // Nothing at the end is left out but what is less than two steps.
      expect(length - (items.at(-1) ?? 0)).toBeLessThanOrEqual((gaps[0] ?? 1) + 1)
    }),
  )
})

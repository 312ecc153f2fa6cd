import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LogHistogram } from './log-histogram.ts'

function histogram(values: readonly number[], forgetting = 1): LogHistogram {
  const made = new LogHistogram({ least: 0.1, most: 1000, forgetting })
  for (const value of values) made.add(value)
  return made
}

describe('LogHistogram', () => {
  test('has no quantile without values', () => {
    expect(histogram([]).quantile(0.5)).toBeNull()
  })

  test('takes values out of its range for the nearest within', () => {
    expect(histogram([0, 0, 0]).quantile(0.5)).toBe(0.1)
    const top = histogram([1e9]).quantile(0.5) ?? 0
    expect(top / 1000).toBeCloseTo(1, 1)
  })

  test('is within 5 % of the true quantile', () => {
    const values = fc.array(fc.double({ min: 0.1, max: 1000, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(values, fc.constantFrom(0.1, 0.5, 0.95, 0.99, 1), (given, share) => {
        const sorted = given.toSorted((a, b) => a - b)
        const truth = sorted[Math.ceil(given.length * share) - 1] ?? 0
        expect(Math.abs((histogram(given).quantile(share) ?? 0) / truth - 1)).toBeLessThan(0.05)
      }),
    )
  })

  test('forgets, and holds for any number of values', () => {
    const made = histogram(
      Array.from({ length: 10_000 }, () => 10),
      0.9,
    )
    for (let value = 0; value < 7; value++) made.add(500)
    // What is left of the old weighs 0.9^7 = 48 %.
    expect((made.quantile(0.4) ?? 0) / 10).toBeCloseTo(1, 1)
    expect((made.quantile(0.6) ?? 0) / 500).toBeCloseTo(1, 1)
  })
})

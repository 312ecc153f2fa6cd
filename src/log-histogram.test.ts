import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LogHistogram } from './log-histogram.ts'

function histogram(values: readonly number[]): LogHistogram {
  const made = new LogHistogram({ least: 0.1, most: 1000 })
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
})

import { expect, test } from 'vitest'
import { RunningQuantile } from './running-quantile.ts'

function seen(values: readonly number[]): RunningQuantile {
  const quantile = new RunningQuantile()
  for (const value of values) quantile.add(value)
  return quantile
}

test('says nothing of fewer than twenty values', () => {
  expect(seen(Array.from({ length: 19 }, () => 5)).value).toBeUndefined()
  expect(seen(Array.from({ length: 20 }, () => 5)).value).toBeGreaterThanOrEqual(5)
})

test('is never low, and at most five percent high', () => {
  const values = Array.from({ length: 1000 }, (_, index) => (index + 1) * 1000)
  const { value = 0 } = seen(values)
  // Of a thousand values all but ten are at most 990,000.
  expect(value).toBeGreaterThanOrEqual(990_000)
  expect(value).toBeLessThanOrEqual(990_000 * 1.06)
})

test('leaves out the dearest hundredth, and no more', () => {
  const cheap = Array.from({ length: 990 }, () => 100)
  const rare = seen([...cheap, ...Array.from({ length: 5 }, () => 1e6)])
  expect(rare.value).toBeLessThan(110)
  const common = seen([...cheap, ...Array.from({ length: 20 }, () => 1e6)])
  expect(common.value).toBeGreaterThanOrEqual(1e6)
})

test('takes nothing for the least there is', () => {
  expect(seen(Array.from({ length: 50 }, () => 0)).value).toBe(1)
})

test('follows what changes', () => {
  const quantile = seen(Array.from({ length: 20_000 }, () => 1e6))
  for (let index = 0; index < 200_000; index++) quantile.add(100)
  expect(quantile.value).toBeLessThan(110)
})

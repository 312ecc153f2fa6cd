import { expect, test } from 'vitest'
import { Random } from './random.ts'
import { retryDelayMs } from './retry.ts'

class Fixed extends Random {
  override float(): number {
    return 1 - 2 ** -32
  }
}

test.each([
  [1, 1000],
  [2, 2000],
  [3, 4000],
  [4, 8000],
  [5, 16_000],
  [6, 30_000],
  [7, 30_000],
  [1000, 30_000],
])('retryDelayMs() after try %i is at most %i ms', (attempt, bound) => {
  expect(retryDelayMs(attempt, undefined, new Fixed(1))).toBeCloseTo(bound, 3)
})

test('retryDelayMs() draws evenly from nothing to the bound', () => {
  const random = new Random(1)
  const delays = Array.from({ length: 4000 }, () => retryDelayMs(3, undefined, random))
  for (const quarter of [0, 1, 2, 3]) {
    const within = delays.filter((delay) => Math.floor(delay / 1000) === quarter).length
    // 1,000 each; five standard deviations are 5 × √(4,000 × ¼ × ¾) = 137.
    expect(Math.abs(within - 1000)).toBeLessThan(137)
  }
})

test('retryDelayMs() waits at least as long as the server says', () => {
  const random = new Random(2)
  const delays = Array.from({ length: 1000 }, () => retryDelayMs(4, 5000, random))
  expect(Math.min(...delays)).toBe(5000)
  expect(Math.max(...delays)).toBeGreaterThan(7000)
  expect(retryDelayMs(1, 3_600_000, random)).toBe(3_600_000)
})

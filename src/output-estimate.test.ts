import { describe, expect, test } from 'vitest'
import { OutputEstimate } from './output-estimate.ts'
import { Random } from './random.ts'

const cap = 100_000

/** Learns so many answers of lengths around a mean; `sigma` is that of the logarithm. */
function teach(
  estimate: OutputEstimate,
  count: number,
  mean: number,
  { kind = 0, sigma = 0, seed = 1 } = {},
): void {
  const random = new Random(seed)
  for (let answer = 0; answer < count; answer++) {
    estimate.learn(kind, Math.round(random.logNormal(mean, sigma)))
  }
}

describe('OutputEstimate', () => {
  test('takes 400 before anything is known, and never more than the cap', () => {
    const estimate = new OutputEstimate()
    expect(estimate.expected(0, cap)).toEqual({ tokens: 400, deviation: 400 })
    expect(estimate.expected(0, 50).tokens).toBe(50)
    expect(estimate.expected(0, 0).tokens).toBe(0)
  })

  test('is a mean, and says how far single answers are from it', () => {
    const estimate = new OutputEstimate()
    for (let answer = 0; answer < 200; answer++) estimate.learn(0, answer % 2 === 0 ? 80 : 120)
    const { tokens, deviation } = estimate.expected(0, cap)
    expect(Math.abs(tokens - 100)).toBeLessThanOrEqual(1)
    expect(deviation).toBeCloseTo(20, 0)
  })

  test('tells kinds apart, and judges a new one by all', () => {
    const estimate = new OutputEstimate()
    for (let round = 0; round < 50; round++) {
      estimate.learn(1, 10)
      estimate.learn(2, 1000)
    }
    expect(estimate.expected(1, cap).tokens).toBe(10)
    expect(estimate.expected(2, cap).tokens).toBe(1000)
    expect(Math.abs(estimate.expected(3, cap).tokens - 505)).toBeLessThan(50)
    for (let answer = 0; answer < 4; answer++) estimate.learn(3, 100)
    expect(estimate.expected(3, cap).tokens).toBe(100)
  })

  test.each([
    [0, 0.02],
    [0.3, 0.2],
  ])('follows a change within 30 answers, of σ %d', (sigma, within) => {
    for (const [before, after] of [
      [100, 300],
      [1000, 100],
    ] as const) {
      const estimate = new OutputEstimate()
      teach(estimate, 1000, before, { sigma })
      teach(estimate, 30, after, { sigma, seed: 2 })
      expect(Math.abs(estimate.expected(0, cap).tokens / after - 1)).toBeLessThan(within)
    }
  })

  test('takes the chance of long answers for no change', () => {
    const errors = Array.from({ length: 50 }, (_, seed) => {
      const estimate = new OutputEstimate()
      teach(estimate, 500, 800, { sigma: 1, seed })
      return Math.abs(estimate.expected(0, cap).tokens / 800 - 1)
    })
    // The mean of some 60 answers of this spread is off by 1.3 ÷ √60 = 17 %.
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
    expect(mean).toBeLessThan(0.2)
  })

  test('keeps a bounded number of kinds', () => {
    const estimate = new OutputEstimate()
    for (let kind = 0; kind < 10_000; kind++) teach(estimate, 4, 100 + (kind % 2) * 900, { kind })
    expect(Math.abs(estimate.expected(0, cap).tokens - 550)).toBeLessThan(200)
    expect(estimate.expected(9999, cap).tokens).toBe(1000)
  })
})

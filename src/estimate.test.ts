import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { usageOf } from '../test/world/drive.ts'
import { Estimator } from './estimate.ts'

const request = { bodyBytes: 1000, maxTokens: 1000 }

/** Learns this many answers of 1,000 bytes. */
function learn(
  estimator: Estimator,
  count: number,
  input: number,
  output: number,
  model = 'm',
): void {
  for (let answer = 0; answer < count; answer++) {
    const estimated = estimator.estimate(model, request)
    estimator.learn(model, 1000, estimated, usageOf(input, output))
  }
}

describe('Estimator', () => {
  test('at first takes three tokens for ten bytes, and 400 or what is asked for output', () => {
    const estimator = new Estimator()
    expect(estimator.estimate('m', { bodyBytes: 1000, maxTokens: 50 })).toEqual({
      input: 300,
      output: 50,
    })
    expect(estimator.estimate('m', { bodyBytes: 1, maxTokens: 64_000 })).toEqual({
      input: 1,
      output: 400,
    })
  })

  test('takes what the first answer took, of each model by itself', () => {
    const estimator = new Estimator()
    learn(estimator, 1, 250, 80)
    expect(estimator.estimate('m', request)).toEqual({ input: 250, output: 80 })
    expect(estimator.estimate('other', request)).toEqual({ input: 300, output: 400 })
  })

  test('output is a mean, and max_tokens its cap', () => {
    const estimator = new Estimator()
    learn(estimator, 200, 250, 80)
    learn(estimator, 1, 250, 10_000)
    const { output } = estimator.estimate('m', request)
    // 1 of about 50: 80 + 9,920 ÷ 49.
    expect(output).toBeGreaterThan(250)
    expect(output).toBeLessThan(310)
    expect(estimator.estimate('m', { bodyBytes: 1000, maxTokens: 100 }).output).toBe(100)
    expect(estimator.estimate('m', { bodyBytes: 1000, maxTokens: 0 }).output).toBe(0)
  })

  test('counts what was read from the cache as input of the prompt', () => {
    const estimator = new Estimator()
    const usage = {
      ...usageOf(10, 5),
      cacheReadTokens: 200,
      cacheWrite5mTokens: 40,
      cacheWrite1hTokens: 50,
    }
    estimator.learn('m', 1000, { input: 300, output: 5 }, usage)
    expect(estimator.estimate('m', request).input).toBe(300)
  })

  test('follows a change of kind within 250 answers', () => {
    const estimator = new Estimator()
    learn(estimator, 1000, 250, 80)
    learn(estimator, 250, 500, 160)
    const { input, output } = estimator.estimate('m', request)
    // What is left of the old weighs 0.98^250 = 0.6 %.
    expect(input).toBeGreaterThan(496)
    expect(output).toBeGreaterThan(158)
  })

  test('errorPercent() compares estimates with what they became, after the first ten answers', () => {
    const estimator = new Estimator()
    expect(estimator.errorPercent()).toBeNull()
    learn(estimator, 10, 250, 80)
    expect(estimator.errorPercent()).toBeNull()
    estimator.learn('m', 1000, { input: 330, output: 0 }, usageOf(300, 0))
    expect(estimator.errorPercent()).toBeCloseTo(10, 6)
  })

  test('estimates are whole, and never below nothing or above the cap', () => {
    const answer = fc.record({
      bytes: fc.integer({ min: 1, max: 1e7 }),
      input: fc.nat({ max: 1e6 }),
      output: fc.nat({ max: 128_000 }),
    })
    fc.assert(
      fc.property(
        fc.array(answer, { maxLength: 30 }),
        fc.integer({ min: 1, max: 1e7 }),
        fc.nat({ max: 128_000 }),
        (answers, bodyBytes, maxTokens) => {
          const estimator = new Estimator()
          for (const { bytes, input, output } of answers)
            estimator.learn('m', bytes, { input: 1, output: 1 }, usageOf(input, output))
          const { input, output } = estimator.estimate('m', { bodyBytes, maxTokens })
          expect(Number.isInteger(input) && input >= 0).toBe(true)
          expect(Number.isInteger(output) && output >= 0 && output <= maxTokens).toBe(true)
        },
      ),
    )
  })
})

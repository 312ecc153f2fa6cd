import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { usageOf, wordsOf } from '../test/world/drive.ts'
import { type Asked, Estimator } from './estimate.ts'
import type { CachePoint } from './cache-points.ts'
import type { Usage } from './outcome.ts'

interface Given {
  readonly model?: string
  readonly bytes?: number
  readonly maxTokens?: number
  readonly prefix?: number
  readonly shape?: number
}

function ask(given: Given = {}): Asked {
  const { model = 'm', bytes = 1000, maxTokens = 1000, prefix = 0, shape = 0 } = given
  const features = { ...wordsOf(bytes), shape }
  return { row: { model, maxTokens, features, cachePoints: pointsOf(prefix) }, bodyBytes: bytes }
}

/** A prompt without marks for 0; others have a part of their own behind what they share. */
function pointsOf(prefix: number): readonly CachePoint[] {
  if (prefix === 0) return []
  const at = { level: 'messages', message: 0, index: 0 } as const
  const first: CachePoint = { key: prefix, share: 0.9, at, mark: '5m' }
  return [first, { ...first, key: nextKey++, share: 1, at: { ...at, index: 1 } }]
}

let nextKey = 1000

/** Learns this many answers. */
function learn(estimator: Estimator, count: number, usage: Usage, asked: Asked = ask()): void {
  for (let answer = 0; answer < count; answer++) {
    estimator.learn(asked, estimator.estimate(asked), usage)
  }
}

/** Of a prompt of 4,000 tokens but for 20 of its own. */
const written = { ...usageOf(20, 100), cacheWrite5mTokens: 3980 }
const read = { ...usageOf(20, 100), cacheReadTokens: 3980 }

describe('Estimator', () => {
  test('at first takes three tokens for ten bytes, and 400 or what is asked for output', () => {
    const estimator = new Estimator()
    const { input, output, asked } = estimator.estimate(ask({ maxTokens: 50 }))
    expect(input).toBeGreaterThan(290)
    expect(input).toBeLessThan(310)
    expect([output, asked]).toEqual([50, 250])
    expect(estimator.estimate(ask({ bytes: 1, maxTokens: 64_000 }))).toMatchObject({
      input: 1,
      output: 400,
    })
  })

  test('takes 30 % less of an older model', () => {
    const estimator = new Estimator()
    const newer = estimator.estimate(ask({ model: 'claude-haiku-5-5' })).input
    const older = estimator.estimate(ask({ model: 'claude-haiku-4-5' })).input
    expect(newer / older).toBeCloseTo(1.3, 1)
  })

  test('takes about what the first answer took, of each model by itself', () => {
    const estimator = new Estimator()
    learn(estimator, 1, usageOf(250, 80))
    const { input, output } = estimator.estimate(ask())
    expect(Math.abs(input - 250)).toBeLessThanOrEqual(3)
    expect(output).toBe(80)
    expect(estimator.estimate(ask({ model: 'other' })).output).toBe(400)
    expect(estimator.estimate(ask({ model: 'other' })).input).toBeGreaterThan(290)
  })

  test('follows a change of kind within 250 answers', () => {
    const estimator = new Estimator()
    learn(estimator, 1000, usageOf(250, 80))
    learn(estimator, 250, usageOf(500, 160))
    const { input, output } = estimator.estimate(ask())
    expect(Math.abs(input - 500)).toBeLessThan(10)
    expect(output).toBe(160)
  })

  test('a prefix that nobody has written counts whole, one that is read does not', () => {
    const estimator = new Estimator()
    const asked = ask({ prefix: 7, bytes: 13_000 })
    expect(estimator.estimate(asked).input).toBe(estimator.estimate(asked).prompt)
    learn(estimator, 1, written, asked)
    expect(estimator.estimate(asked).input).toBeGreaterThan(3900)
    learn(estimator, 8, read, asked)
    const { input, prompt } = estimator.estimate(asked)
    // 20, and of the 4,000 that were written at first a half of a half for each read.
    expect(input).toBeGreaterThanOrEqual(20)
    expect(input).toBeLessThan(60)
    expect(prompt).toBeGreaterThan(3900)
    const { input: ofAnother } = estimator.estimate(ask({ prefix: 8, bytes: 13_000 }))
    expect(ofAnother).toBeGreaterThan(3900)
  })

  test('a prefix that is written again, because it expired, is soon taken whole', () => {
    const estimator = new Estimator()
    const asked = ask({ prefix: 7, bytes: 13_000 })
    learn(estimator, 20, read, asked)
    learn(estimator, 4, written, asked)
    expect(estimator.estimate(asked).input).toBeGreaterThan(3500)
  })

  test('errorPercent() compares prompts with what they became, after the first ten answers', () => {
    const estimator = new Estimator()
    expect(estimator.errorPercent()).toBeNull()
    learn(estimator, 10, usageOf(250, 80))
    expect(estimator.errorPercent()).toBeNull()
    estimator.learn(ask(), { input: 330, output: 0 }, usageOf(300, 0))
    expect(estimator.errorPercent()).toBeCloseTo(10, 6)
    // What is read from the cache was not estimated to count, and is no error of the prompt's.
    estimator.learn(ask(), { input: 30, prompt: 4400, output: 0 }, read)
    expect(estimator.errorPercent()).toBeCloseTo(10, 6)
  })

  test('errors() says how far single answers were off, either way', () => {
    const estimator = new Estimator()
    learn(estimator, 10, usageOf(250, 80))
    expect(estimator.errors()).toEqual({ input: null, output: null })
    for (let answer = 0; answer < 100; answer++) {
      const input = answer < 90 ? (answer % 2 === 0 ? 101 : 99) : 120
      estimator.learn(ask(), { input, output: 50 }, usageOf(100, 100))
    }
    const { input, output } = estimator.errors()
    expect(estimator.errorPercent()).toBeCloseTo(2, 6)
    // A column of the histogram is 4.4 % wide.
    expect(input?.medianPercent).toBeCloseTo(1, 1)
    expect(input?.p95Percent).toBeGreaterThan(19)
    expect(input?.p95Percent).toBeLessThan(21)
    expect(output?.medianPercent).toBeGreaterThan(48)
    expect(output?.medianPercent).toBeLessThan(52)
  })

  test('a row that waits is asked about for nothing, until something is learned', () => {
    const estimator = new Estimator()
    const waiting = ask()
    const before = estimator.estimate(waiting)
    expect(estimator.estimate(waiting)).toBe(before)
    learn(estimator, 1, usageOf(250, 80), ask({ model: 'other' }))
    expect(estimator.estimate(waiting)).toBe(before)
    estimator.learn(ask(), before, usageOf(250, 80))
    expect(estimator.estimate(waiting).output).toBe(80)
  })

  test('an answer without usage teaches nothing of prompts', () => {
    const estimator = new Estimator()
    const before = estimator.estimate(ask()).input
    learn(estimator, 50, usageOf(0, 0))
    expect(estimator.estimate(ask()).input).toBe(before)
  })

  test('estimates are whole, never below nothing or above the cap', () => {
    const answer = fc.record({
      bytes: fc.integer({ min: 1, max: 1e7 }),
      input: fc.nat({ max: 1e6 }),
      cacheReadTokens: fc.nat({ max: 1e6 }),
      output: fc.nat({ max: 128_000 }),
      prefix: fc.nat({ max: 2 }),
      shape: fc.nat({ max: 2 }),
    })
    fc.assert(
      fc.property(
        fc.array(answer, { maxLength: 30 }),
        fc.integer({ min: 1, max: 1e7 }),
        fc.nat({ max: 128_000 }),
        (answers, bytes, maxTokens) => {
          const estimator = new Estimator()
          for (const { input, output, cacheReadTokens, ...given } of answers) {
            const usage = { ...usageOf(input, output), cacheReadTokens }
            learn(estimator, 1, usage, ask(given))
          }
          const cost = estimator.estimate(ask({ bytes, maxTokens }))
          const { input, output, prompt = 0, outputDeviation = -1 } = cost
          expect(Number.isInteger(input) && input >= 1).toBe(true)
          expect(Number.isInteger(prompt) && prompt >= input).toBe(true)
          expect(Number.isInteger(output) && output >= 0 && output <= maxTokens).toBe(true)
          expect(outputDeviation).toBeGreaterThanOrEqual(0)
        },
      ),
    )
  })
})

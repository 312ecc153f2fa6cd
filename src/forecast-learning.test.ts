import { describe, expect, test } from 'vitest'
import { Learned } from './forecast-learning.ts'
import type { Usage } from './outcome.ts'
import { Random } from './random.ts'
import { featuresOf } from './request-features.ts'
import type { RequestFeatures } from './request-features.ts'

const model = 'claude-haiku-4-5'

function features(words: number): RequestFeatures {
  const messages = [{ role: 'user', content: 'lock '.repeat(words) }]
  return featuresOf({ messages, max_tokens: 4000 }, model)
}

function usage(inputTokens: number, outputTokens: number): Usage {
  return {
    inputTokens,
    outputTokens,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    cacheReadTokens: 0,
    webSearches: 0,
    serviceTier: null,
    speed: null,
    inferenceGeo: null,
  }
}

describe('after fifty answers', () => {
  /** Of so many histories, how many sums of 500 rows were within what was said of them. */
  function within(histories: number): { input: number; output: number; width: number } {
    let [input, output, width] = [0, 0, 0]
    for (let seed = 1; seed <= histories; seed++) {
      const random = new Random(seed)
      // A tokenizer that makes half as much again of every word, a tenth off from row to row.
      const draw = (words: number): readonly [number, number] => [
        Math.max(1, Math.round(words * 1.5 * (1 + 0.1 * random.normal()))),
        Math.max(1, Math.round(150 * Math.exp(0.8 * random.normal()))),
      ]
      const learned = new Learned()
      const words = (): number => random.integer(20, 220)
      for (let row = 0; row < 50; row++) {
        const count = words()
        const [tokens, answer] = draw(count)
        learned.learnAnswer({ model, features: features(count) }, usage(tokens, answer))
      }
      const known = learned.of(model)
      const sums = { input: 0, output: 0, expectedInput: 0, expectedOutput: 0 }
      for (let row = 0; row < 500; row++) {
        const count = words()
        const [tokens, answer] = draw(count)
        sums.input += tokens
        sums.output += answer
        sums.expectedInput += known.prompt(features(count))
        sums.expectedOutput += known.answer(features(count), 4000).tokens
      }
      const { shape } = features(20)
      const outputOff = known.outputOff(new Map([[shape, 500]]), sums.expectedOutput)
      const off = (was: number, expected: number): number => Math.abs(was / expected - 1)
      if (off(sums.input, sums.expectedInput) <= known.inputOff(500)) input += 1
      if (off(sums.output, sums.expectedOutput) <= outputOff) output += 1
      width += known.inputOff(500) / histories
    }
    return { input: input / histories, output: output / histories, width }
  }

  test('nineteen of twenty sums are where they were said to be', () => {
    const { input, output, width } = within(200)
    // Answers are long now and then, and fifty do not always show it.
    expect(output).toBeGreaterThan(0.88)
    expect(input).toBeGreaterThan(0.93)
    // Not by being wide: a third before, and a few percent now.
    expect(width).toBeLessThan(0.08)
  })
})

test('an interval narrows with what is known, and never below a percent', () => {
  const learned = new Learned()
  const known = learned.of(model)
  expect(known.inputOff(1000)).toBe(0.35)
  let before = 0.35
  for (let row = 1; row <= 400; row++) {
    learned.learnAnswer({ model, features: features(row) }, usage(row + 10, 100))
    if (row % 100 !== 0) continue
    expect(known.inputOff(1000)).toBeLessThan(before)
    before = known.inputOff(1000)
  }
  expect(before).toBeLessThan(0.02)
  expect(before).toBeGreaterThanOrEqual(0.01)
  const { shape } = features(1)
  expect(known.outputOff(new Map([[shape, 1000]]), 100_000)).toBeCloseTo(0.01)
})

test('a kind with few answers is judged by all, and less surely', () => {
  const learned = new Learned()
  const of = (system: string): RequestFeatures =>
    featuresOf({ system, messages: [], max_tokens: 1000 }, model)
  for (let row = 0; row < 10; row++) {
    learned.learnAnswer({ model, features: of('brief') }, usage(10, 20))
  }
  learned.learnAnswer({ model, features: of('long') }, usage(10, 900))
  const known = learned.of(model)
  expect(known.answer(of('brief'), 1000)).toMatchObject({ tokens: 20, least: 1, most: 1000 })
  // (10 × 20 + 900) ÷ 11
  expect(known.answer(of('long'), 1000)).toMatchObject({ tokens: 100, kind: 'others' })
  expect(known.answer(of('new'), 1000)).toMatchObject({ tokens: 100, kind: 'others' })
  expect(known.answer(of('new'), 50)).toMatchObject({ tokens: 50, most: 50 })
  const brief = known.outputOff(new Map([[of('brief').shape, 10]]), 200)
  const others = known.outputOff(new Map([['others', 10]]), 1000)
  expect(brief).toBeCloseTo(0.01)
  expect(others).toBeGreaterThan(1)
  // Another model knows nothing of it.
  expect(learned.of('claude-opus-5').answer(of('brief'), 1000).kind).toBeUndefined()
})

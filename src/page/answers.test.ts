import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadPrices } from '../money.ts'
import { noUsage } from '../outcome.ts'
import { Answers } from './answers.ts'
import { tokenKinds } from './view.ts'

const prices = loadPrices()
const at = Date.UTC(2026, 10, 1)
const haiku = 'claude-haiku-4-5-20251001'

function answered(
  usage: Partial<typeof noUsage>,
  model = haiku,
): { model: string; usage: typeof noUsage; costNanoUsd: number | null } {
  const whole = { ...noUsage, ...usage }
  return { model, usage: whole, costNanoUsd: prices.costNanoUsd(model, whole, { at }) }
}

/** Adds an answer that was asked live. */
function add(answers: Answers, line: number, latencyMs: number): void {
  const { model, usage, costNanoUsd } = answered({})
  answers.add({ model, usage, costNanoUsd })
  if (!answers.took(latencyMs)) return
  const row = { line, id: `${line}`, attempts: 1, requestId: null, latencyMs }
  answers.keep({ ...row, model, outputTokens: 0, costNanoUsd })
}

describe('Answers', () => {
  test('deals out what a model cost among its kinds of tokens, to the nano-dollar', () => {
    const tokens = fc.integer({ min: 0, max: 100_000 })
    const usage = fc.record({
      inputTokens: tokens,
      cacheWrite5mTokens: tokens,
      cacheWrite1hTokens: tokens,
      cacheReadTokens: tokens,
      outputTokens: tokens,
      serviceTier: fc.constantFrom('standard', 'batch'),
    })
    fc.assert(
      fc.property(fc.array(usage, { minLength: 1, maxLength: 20 }), (usages) => {
        const answers = new Answers()
        for (const each of usages) answers.add(answered(each))
        const { cost } = answers.view(prices, at)
        const [model] = cost.byModel
        const parts = tokenKinds.map((kind) => model?.kinds[kind].nanoUsd ?? 0)
        const whole = parts.reduce((sum, part) => sum + part, 0)
        expect(whole).toBe(model?.nanoUsd)
        expect(cost.nanoUsd).toBe(model?.nanoUsd)
        for (const part of parts) expect(part).toBeGreaterThanOrEqual(0)
      }),
    )
  })

  test('knows the kinds of plain answers exactly', () => {
    const answers = new Answers()
    answers.add(answered({ inputTokens: 1000, outputTokens: 10 }))
    answers.add(answered({ inputTokens: 500, outputTokens: 90 }))
    const [model] = answers.view(prices, at).cost.byModel
    // $1 a million in, $5 out.
    expect(model).toMatchObject({
      model: haiku,
      rows: 2,
      kinds: {
        input: { tokens: 1500, nanoUsd: 1_500_000 },
        output: { tokens: 100, nanoUsd: 500_000 },
        cacheRead: { tokens: 0, nanoUsd: 0 },
      },
    })
  })

  test('says nothing of the cost of a model without a price', () => {
    const answers = new Answers()
    answers.add(answered({ inputTokens: 1000 }, 'somebody-elses'))
    answers.add(answered({ inputTokens: 1000 }))
    const { cost } = answers.view(prices, at)
    expect(cost).toMatchObject({ nanoUsd: 1_000_000, unpriced: 1 })
    const other = cost.byModel.find(({ model }) => model === 'somebody-elses')
    expect(other).toMatchObject({
      nanoUsd: null,
      kinds: { input: { tokens: 1000, nanoUsd: null } },
    })
  })

  test('keeps the slowest rows, slowest first', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 500 }), { maxLength: 300 }), (latencies) => {
        const answers = new Answers()
        for (const [line, latencyMs] of latencies.entries()) {
          add(answers, line, latencyMs)
        }
        const slowest = latencies.toSorted((one, other) => other - one).slice(0, 50)
        expect(answers.slowest.map(({ latencyMs }) => latencyMs)).toEqual(slowest)
      }),
    )
  })

  test('sums up models beyond its bound as one', () => {
    const answers = new Answers()
    for (let number = 0; number < 100; number++)
      answers.add(answered({ outputTokens: 1 }, `m${number}`))
    const { cost, tokens } = answers.view(prices, at)
    expect(cost.byModel.length).toBe(33)
    expect(cost.byModel.find(({ model }) => model === 'other models')?.rows).toBe(68)
    expect(tokens.output).toBe(100)
  })

  test('tells latencies in columns without gaps, which hold all rows', () => {
    const answers = new Answers()
    for (const latencyMs of [100, 120, 130, 5000]) {
      add(answers, 1, latencyMs)
    }
    const { latency } = answers.view(prices, at)
    expect(latency).toMatchObject({ rows: 4, maxMs: 5000, p99Ms: 5000 })
    expect(latency?.medianMs).toBeGreaterThan(110)
    expect(latency?.medianMs).toBeLessThan(130)
    const { buckets = [] } = latency ?? {}
    expect(buckets.reduce((sum, { rows }) => sum + rows, 0)).toBe(4)
    expect(buckets[0]?.fromMs).toBeLessThanOrEqual(100)
    expect(buckets.at(-1)?.toMs).toBeGreaterThan(5000)
    expect(buckets.slice(1).map(({ fromMs }) => fromMs)).toEqual(
      buckets.slice(0, -1).map(({ toMs }) => toMs),
    )
  })
})

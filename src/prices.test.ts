/**
 * The shipped prices against the published page, typed in again by hand, and against an
 * independent price package, with every difference named and explained.
 */

import { calcPrice } from '@pydantic/genai-prices'
import { describe, expect, test } from 'vitest'
import { dayStartMs, modelFacts } from './models.ts'
import { loadPrices } from './money.ts'
import type { Usage } from './outcome.ts'
import { priceTable } from './prices.ts'

const prices = loadPrices()
const now = { at: dayStartMs('2026-11-22') }

const none: Usage = {
  inputTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  cacheReadTokens: 0,
  outputTokens: 0,
  webSearches: 0,
  serviceTier: 'standard',
  speed: null,
  inferenceGeo: null,
}

/** The cost of a thousand tokens of each kind, as the page's dollars a million tokens. */
function figures(model: string, usage: Partial<Usage>, at = now.at): readonly number[] {
  const kinds = [
    'inputTokens',
    'cacheWrite5mTokens',
    'cacheWrite1hTokens',
    'cacheReadTokens',
    'outputTokens',
  ] as const
  return kinds.map((kind) => {
    const cost = prices.costNanoUsd(model, { ...none, ...usage, [kind]: 1000 }, { at })
    return Number(cost) / 1e6
  })
}

/**
 * The other package's cost in nano-dollars. Its input count includes the cache, and its count of
 * writes those to the 1-hour cache.
 */
function theirNanoUsd(model: string, usage: Usage): number | null {
  const writes = usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
  const result = calcPrice(
    {
      input_tokens: usage.inputTokens + writes + usage.cacheReadTokens,
      cache_write_tokens: writes,
      cache_write_1h_tokens: usage.cacheWrite1hTokens,
      cache_read_tokens: usage.cacheReadTokens,
      output_tokens: usage.outputTokens,
      web_searches: usage.webSearches,
    },
    model,
    { providerId: 'anthropic' },
  )
  return result === null ? null : Math.round(result.total_price * 1e9)
}

describe('priceTable', () => {
  // $/MTok: input, 5m write, 1h write, read, output. Anthropic's pricing page, 2026-09-02, and the
  // release notes to 2026-11-12.
  test.each([
    ['claude-fable-5-2', 8, 10, 16, 0.2, 40],
    ['claude-mythos-5-2', 8, 10, 16, 0.2, 40],
    ['claude-fable-5-1', 10, 12.5, 20, 0.25, 50],
    ['claude-mythos-5-1', 10, 12.5, 20, 0.25, 50],
    ['claude-fable-5', 10, 12.5, 20, 1, 50],
    ['claude-mythos-5', 10, 12.5, 20, 1, 50],
    ['claude-opus-5-5', 4, 5, 8, 0.2, 20],
    ['claude-opus-5', 5, 6.25, 10, 0.5, 25],
    ['claude-opus-4-8', 5, 6.25, 10, 0.5, 25],
    ['claude-opus-4-7', 5, 6.25, 10, 0.5, 25],
    ['claude-opus-4-6', 5, 6.25, 10, 0.5, 25],
    ['claude-opus-4-5-20251101', 5, 6.25, 10, 0.5, 25],
    ['claude-sonnet-5-5', 2, 2.5, 4, 0.1, 10],
    ['claude-sonnet-5', 2, 2.5, 4, 0.2, 10],
    ['claude-sonnet-4-6', 3, 3.75, 6, 0.3, 15],
    ['claude-sonnet-4-5-20250929', 3, 3.75, 6, 0.3, 15],
    ['claude-haiku-5-5', 0.1, 0.125, 0.2, 0.01, 0.5],
    ['claude-haiku-4-5-20251001', 1, 1.25, 2, 0.1, 5],
  ])('has the figures of the page for %s, and half of them in batches', (model, ...page) => {
    expect(figures(model, {})).toEqual(page)
    expect(figures(model, { serviceTier: 'batch' })).toEqual(page.map((figure) => figure / 2))
  })

  // The page gives input and output; cache prices are 1.25, 2 and the model's read share of input.
  test.each([
    ['claude-opus-5-5', 8, 10, 16, 0.4, 40],
    ['claude-opus-5', 10, 12.5, 20, 1, 50],
    ['claude-opus-4-8', 10, 12.5, 20, 1, 50],
    ['claude-opus-4-6', 5, 6.25, 10, 0.5, 25],
  ])('has the fast figures for %s', (model, ...page) => {
    expect(figures(model, { speed: 'fast' })).toEqual(page)
  })

  test('has the price of Sonnet 5.5 cache reads of before 2026-10-07', () => {
    const change = dayStartMs('2026-10-07')
    expect(figures('claude-sonnet-5-5', {}, change - 1)).toEqual([2, 2.5, 4, 0.2, 10])
    expect(figures('claude-sonnet-5-5', {}, change)).toEqual([2, 2.5, 4, 0.1, 10])
  })

  test('bills a tenth more for the United States from 4.6 on', () => {
    const flat = Object.keys(priceTable.models).filter((model) => {
      const inUs = { ...none, inputTokens: 10, inferenceGeo: 'us' }
      const elsewhere = { ...none, inputTokens: 11 }
      return prices.costNanoUsd(model, inUs, now) !== prices.costNanoUsd(model, elsewhere, now)
    })
    expect(flat).toEqual(['claude-opus-4-5', 'claude-sonnet-4-5', 'claude-haiku-4-5'])
  })

  test('has a price for every model that answers but the preview', () => {
    const unpriced = modelFacts.map(({ id }) => id).filter((id) => !prices.knows(id))
    expect(unpriced).toEqual(['claude-mythos-preview'])
    expect(Object.keys(priceTable.models).length).toBe(modelFacts.length - 1)
  })
})

describe('priceTable beside @pydantic/genai-prices 0.1.8', () => {
  const small = { inputTokens: 1200, cacheWrite5mTokens: 2100, cacheWrite1hTokens: 3100 }
  const usages: Readonly<Record<string, Partial<Usage>>> = {
    input: { inputTokens: 1234 },
    output: { outputTokens: 987 },
    writes: { ...small, outputTokens: 1 },
    reads: { inputTokens: 7, cacheReadTokens: 54_321, outputTokens: 64 },
    searches: { inputTokens: 900, outputTokens: 90, webSearches: 3 },
    'above 200,000': { inputTokens: 150_000, cacheReadTokens: 60_000, outputTokens: 500 },
  }

  /** Every difference there is, and why ours stands. */
  const differences: Readonly<Record<string, string>> = {
    'claude-sonnet-5-5 reads': 'taken there for Sonnet 5, by prefix; reads halved on 2026-10-07',
    'claude-sonnet-5-5 above 200,000': 'the same: reads',
    'claude-sonnet-4-5 above 200,000': 'a beta that has ended: the context is 200,000 tokens',
    'claude-sonnet-4-5-20250929 above 200,000': 'the same',
  }

  /** Models we price and it does not. */
  const onlyOurs: Readonly<Record<string, string>> = {
    'claude-fable-5-2': 'newer than that package',
    'claude-haiku-5-5': 'newer than that package',
    'claude-mythos-5': 'restricted, not listed there',
    'claude-mythos-5-1': 'restricted, not listed there',
    'claude-mythos-5-2': 'restricted, not listed there',
  }

  const names = modelFacts
    .filter(({ id }) => prices.knows(id))
    .flatMap(({ id, datedId }) => (datedId === undefined ? [id] : [id, datedId]))

  test('agrees to the nano-dollar on every model and usage but the differences listed', () => {
    const found = names.flatMap((model) =>
      Object.entries(usages).flatMap(([name, usage]) => {
        const theirs = theirNanoUsd(model, { ...none, ...usage })
        const ours = prices.costNanoUsd(model, { ...none, ...usage }, now)
        return theirs === null || theirs === ours ? [] : [`${model} ${name}`]
      }),
    )
    expect(found.toSorted()).toEqual(Object.keys(differences).toSorted())
  })

  test('is wider than it by the models listed', () => {
    const found = names.filter((model) => theirNanoUsd(model, none) === null)
    expect(found.toSorted()).toEqual(Object.keys(onlyOurs).toSorted())
  })
})

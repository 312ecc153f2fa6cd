import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionError } from './assert.ts'
import { dayStartMs } from './models.ts'
import { type WorstCase, formatUsd, loadPrices, usdNumber } from './money.ts'
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
  serviceTier: null,
  speed: null,
  inferenceGeo: null,
}

const mixed = {
  inputTokens: 1000,
  cacheWrite5mTokens: 2000,
  cacheWrite1hTokens: 3000,
  cacheReadTokens: 4000,
  outputTokens: 500,
}

function cost(model: string, usage: Partial<Usage>): number | null {
  return prices.costNanoUsd(model, { ...none, ...usage }, now)
}

describe('Prices.costNanoUsd()', () => {
  // By hand, in nano-dollars: tokens × $/MTok × 1,000 of each kind.
  test.each<[string, string, Partial<Usage>, number]>([
    ['nothing', 'claude-opus-5', {}, 0],
    ['one of each', 'claude-opus-5', mixed, 5e6 + 12.5e6 + 30e6 + 2e6 + 12.5e6],
    ['one of each, by alias', 'claude-haiku-4-5', mixed, 1e6 + 2.5e6 + 6e6 + 0.4e6 + 2.5e6],
    ['one of each, by date', 'claude-haiku-4-5-20251001', mixed, 12_400_000],
    ['cheap reads', 'claude-fable-5-1', mixed, 10e6 + 25e6 + 60e6 + 1e6 + 25e6],
    ['batch', 'claude-opus-5', { ...mixed, serviceTier: 'batch' }, 31_000_000],
    ['us', 'claude-opus-5', { ...mixed, inferenceGeo: 'us' }, 68_200_000],
    [
      'us and batch',
      'claude-opus-5',
      { ...mixed, inferenceGeo: 'us', serviceTier: 'batch' },
      34_100_000,
    ],
    ['global', 'claude-opus-5', { ...mixed, inferenceGeo: 'global' }, 62_000_000],
    ['no geography', 'claude-haiku-4-5', { ...mixed, inferenceGeo: 'not_available' }, 12_400_000],
    ['us before 4.6', 'claude-haiku-4-5', { ...mixed, inferenceGeo: 'us' }, 12_400_000],
    ['fast', 'claude-opus-5', { ...mixed, speed: 'fast' }, 124_000_000],
    ['fast, us', 'claude-opus-5', { ...mixed, speed: 'fast', inferenceGeo: 'us' }, 136_400_000],
    ['standard speed', 'claude-opus-5', { ...mixed, speed: 'standard' }, 62_000_000],
    ['searches', 'claude-opus-5', { ...mixed, webSearches: 3 }, 92_000_000],
    // No factor touches the searches: 62,000,000 × 0.55 + 3 × 10,000,000.
    [
      'searches, us and batch',
      'claude-opus-5',
      { ...mixed, webSearches: 3, inferenceGeo: 'us', serviceTier: 'batch' },
      64_100_000,
    ],
    // 125 × 0.5 = 62.5
    [
      'half a nano-dollar up',
      'claude-haiku-5-5',
      { cacheWrite5mTokens: 1, serviceTier: 'batch' },
      63,
    ],
    // 10 × 0.55 = 5.5
    [
      'half up again',
      'claude-haiku-5-5',
      { cacheReadTokens: 1, serviceTier: 'batch', inferenceGeo: 'us' },
      6,
    ],
    // 68.75 + 5.5 = 74.25; rounding each would make 69 + 6.
    [
      'rounding once',
      'claude-haiku-5-5',
      { cacheWrite5mTokens: 1, cacheReadTokens: 1, serviceTier: 'batch', inferenceGeo: 'us' },
      74,
    ],
    // 100 × 100,000 + 500 × 10
    [
      'a prompt of the tier',
      'claude-haiku-5-5',
      { inputTokens: 100_000, outputTokens: 10 },
      10_005_000,
    ],
    // 500 × 100,001 + 2,500 × 10
    [
      'a prompt above it',
      'claude-haiku-5-5',
      { inputTokens: 100_001, outputTokens: 10 },
      50_025_500,
    ],
    // Writes and reads are part of the prompt: 500 + 625 + 1,000 + 50 × 99,998.
    [
      'a cached prompt above it',
      'claude-haiku-5-5',
      { inputTokens: 1, cacheWrite5mTokens: 1, cacheWrite1hTokens: 1, cacheReadTokens: 99_998 },
      5_002_025,
    ],
    // Output is not: 100 × 100,000 + 500 × 100,000.
    [
      'a long answer',
      'claude-haiku-5-5',
      { inputTokens: 100_000, outputTokens: 100_000 },
      60_000_000,
    ],
    [
      'a million tokens of the dearest',
      'claude-fable-5',
      { cacheWrite1hTokens: 1e6, outputTokens: 128_000 },
      26.4e9,
    ],
  ])('prices %s', (_name, model, usage, expected) => {
    expect(cost(model, usage)).toBe(expected)
  })

  test.each<[string, string, Partial<Usage>]>([
    ['a model of no list', 'gpt-x', {}],
    ['a date no list has', 'claude-opus-5-20260724', {}],
    ['a name that only begins like one', 'claude-sonnet-5-6', {}],
    ['a name of an object', 'constructor', {}],
    ['a retired model', 'claude-3-haiku-20240307', {}],
    ['priority tier', 'claude-opus-5', { serviceTier: 'priority' }],
    ['an unheard-of tier', 'claude-opus-5', { serviceTier: 'flex' }],
    ['an unheard-of geography', 'claude-opus-5', { inferenceGeo: 'eu' }],
    ['an unheard-of speed', 'claude-opus-5', { speed: 'slow' }],
    ['fast mode of a model that has none', 'claude-sonnet-5', { speed: 'fast' }],
    ['fast mode in a batch', 'claude-opus-5', { speed: 'fast', serviceTier: 'batch' }],
  ])('does not know the cost of %s', (_name, model, usage) => {
    expect(cost(model, { ...mixed, ...usage })).toBeNull()
  })

  test('asserts that counts are whole and costs exact', () => {
    expect(() => cost('claude-opus-5', { outputTokens: 0.5 })).toThrow(AssertionError)
    expect(() => cost('claude-opus-5', { outputTokens: -1 })).toThrow(AssertionError)
    expect(() => cost('claude-opus-5', { outputTokens: 1e12 })).toThrow(AssertionError)
  })

  const count = fc.integer({ min: 0, max: 1_000_000 })
  const counts = fc.record({
    inputTokens: count,
    cacheWrite5mTokens: count,
    cacheWrite1hTokens: count,
    cacheReadTokens: count,
    outputTokens: count,
    webSearches: fc.integer({ min: 0, max: 20 }),
  })
  const model = fc.constantFrom(...Object.keys(priceTable.models))

  test('adds up: parts cost what the whole costs, without rounding, for every flat price', () => {
    const flat = model.filter((id) => priceTable.models[id]?.above === undefined)
    fc.assert(
      fc.property(flat, counts, (id, usage) => {
        const { webSearches, ...tokens } = usage
        const parts = Object.entries(tokens).map(([kind, value]) => cost(id, { [kind]: value }))
        const sum = parts.reduce<number>((total, part) => total + Number(part), webSearches * 1e7)
        expect(cost(id, usage)).toBe(sum)
      }),
    )
  })

  test('is half the standard cost in a batch, rounded up to a whole number', () => {
    fc.assert(
      fc.property(model, counts, (id, usage) => {
        const tokens = { ...usage, webSearches: 0 }
        const batch = Number(cost(id, { ...tokens, serviceTier: 'batch' }))
        expect(Number.isSafeInteger(batch)).toBe(true)
        const error = 2 * batch - Number(cost(id, tokens))
        expect([0, 1]).toContain(error)
      }),
    )
  })

  test('never exceeds worstCaseNanoUsd()', () => {
    const answer = fc.record({
      serviceTier: fc.constantFrom(null, 'standard', 'batch'),
      speed: fc.constantFrom(null, 'standard', 'fast'),
      inferenceGeo: fc.constantFrom(null, 'global', 'us'),
    })
    const at = fc.integer({ min: dayStartMs('2026-09-01'), max: dayStartMs('2026-11-22') })
    fc.assert(
      fc.property(model, counts, answer, at, fc.boolean(), (id, tokens, kind, at, batch) => {
        fc.pre(!batch || kind.serviceTier === 'batch')
        const usage = { ...tokens, ...kind }
        const paid = prices.costNanoUsd(id, usage, { at })
        const worst = prices.worstCaseNanoUsd(id, {
          inputTokens:
            usage.inputTokens +
            usage.cacheWrite5mTokens +
            usage.cacheWrite1hTokens +
            usage.cacheReadTokens,
          outputTokensMax: usage.outputTokens,
          webSearchesMax: usage.webSearches,
          fast: usage.speed === 'fast',
          batch,
          at,
        })
        fc.pre(paid !== null)
        expect(paid).toBeLessThanOrEqual(Number(worst))
      }),
    )
  })
})

describe('Prices.cacheSavedNanoUsd()', () => {
  // By hand: tokens read × (input − read), less tokens written × (write − input), in $/MTok × 1,000.
  test.each<[string, string, Partial<Usage>, number]>([
    ['nothing without a cache', 'claude-opus-5', { inputTokens: 1000, outputTokens: 9 }, 0],
    ['nothing without a cache, at any price', 'gpt-x', { inputTokens: 1000 }, 0],
    ['reads', 'claude-opus-5', { cacheReadTokens: 4000 }, 4000 * (5000 - 500)],
    ['reads of a twentieth', 'claude-opus-5-5', { cacheReadTokens: 4000 }, 4000 * (4000 - 200)],
    ['writes for 5 minutes', 'claude-opus-5', { cacheWrite5mTokens: 2000 }, -2000 * 1250],
    ['writes for an hour', 'claude-opus-5', { cacheWrite1hTokens: 3000 }, -3000 * 5000],
    // 18,000,000 − 2,500,000 − 15,000,000; the rest of the prompt and the answer change nothing.
    ['one of each', 'claude-opus-5', mixed, 500_000],
    ['half in a batch', 'claude-opus-5', { ...mixed, serviceTier: 'batch' }, 250_000],
    ['a tenth more in the US', 'claude-opus-5', { ...mixed, inferenceGeo: 'us' }, 550_000],
    ['as much with searches', 'claude-opus-5', { ...mixed, webSearches: 5 }, 500_000],
    // Reads count to the length of the prompt, and so they do when nothing is read.
    ['at the tier', 'claude-haiku-5-5', { cacheReadTokens: 100_000 }, 100_000 * (100 - 10)],
    ['above it', 'claude-haiku-5-5', { cacheReadTokens: 100_001 }, 100_001 * (500 - 50)],
    [
      'above it, most of it uncached',
      'claude-haiku-5-5',
      { inputTokens: 100_000, cacheWrite5mTokens: 8 },
      -8 * 125,
    ],
  ])('is %s', (_name, model, usage, expected) => {
    expect(prices.cacheSavedNanoUsd(model, { ...none, ...usage }, now)).toBe(expected)
  })

  test('goes by the prices of the day', () => {
    const usage = { ...none, cacheReadTokens: 1000 }
    const savedAt = (day: string): number | null =>
      prices.cacheSavedNanoUsd('claude-sonnet-5-5', usage, { at: dayStartMs(day) })
    expect([savedAt('2026-10-06'), savedAt('2026-10-07')]).toEqual([1_800_000, 1_900_000])
  })

  test('is not known where the price is not', () => {
    const usage = { ...none, cacheReadTokens: 1 }
    expect(prices.cacheSavedNanoUsd('gpt-x', usage, now)).toBeNull()
    const priority = { ...usage, serviceTier: 'priority' }
    expect(prices.cacheSavedNanoUsd('claude-opus-5', priority, now)).toBeNull()
  })
})

describe('Prices.cacheLostNanoUsd()', () => {
  // By hand: tokens written again × (write − read), in nano-dollars a token; an hour's come first.
  test.each<[string, string, Partial<Usage>, number, number]>([
    ['nothing where none was written again', 'gpt-x', { cacheWrite5mTokens: 9 }, 0, 0],
    ['those for 5 minutes', 'claude-opus-5', { cacheWrite5mTokens: 2000 }, 1500, 1500 * 5750],
    ['those for an hour', 'claude-opus-5', { cacheWrite1hTokens: 2000 }, 2000, 2000 * 9500],
    ['of both, the hour first', 'claude-opus-5', mixed, 3500, 3000 * 9500 + 500 * 5750],
  ])('is of %s', (_name, model, usage, again, expected) => {
    const lost = prices.cacheLostNanoUsd(model, { ...none, ...usage }, { ...now, tokens: again })
    expect(lost).toBe(expected)
  })

  test('is not known where the price is not', () => {
    const usage = { ...none, cacheWrite5mTokens: 1 }
    expect(prices.cacheLostNanoUsd('gpt-x', usage, { ...now, tokens: 1 })).toBeNull()
  })
})

describe('Prices.worstCaseNanoUsd()', () => {
  const request = { inputTokens: 1000, outputTokensMax: 100, at: now.at }

  test.each<[string, string, WorstCase, number | null]>([
    ['1-hour writes and the United States', 'claude-opus-5', request, 13.75e6],
    ['no United States', 'claude-opus-5', { ...request, us: false }, 12.5e6],
    ['a model that has no such factor', 'claude-haiku-4-5', request, 2e6 + 0.5e6],
    ['batch', 'claude-haiku-4-5', { ...request, batch: true }, 1.25e6],
    ['fast', 'claude-opus-5', { ...request, fast: true, us: false }, 25e6],
    ['fast where there is none', 'claude-sonnet-5', { ...request, fast: true }, null],
    ['searches', 'claude-haiku-4-5', { ...request, webSearchesMax: 2 }, 22.5e6],
    [
      'a prompt within the tier',
      'claude-haiku-5-5',
      { ...request, inputTokens: 100_000, us: false },
      20e6 + 0.05e6,
    ],
    [
      'a prompt above it',
      'claude-haiku-5-5',
      { ...request, inputTokens: 100_001, us: false },
      100.001e6 + 0.25e6,
    ],
    ['an unknown model', 'gpt-x', request, null],
  ])('counts %s', (_name, model, worstCase, expected) => {
    expect(prices.worstCaseNanoUsd(model, worstCase)).toBe(expected)
  })
})

describe('loadPrices()', () => {
  const half = { input: '2.5', write5m: '3.125', write1h: '5', read: '0.25', output: '12.5' }

  test('lays a price file over the shipped prices', () => {
    const ours = loadPrices({ models: { 'claude-opus-5': half, mine: half } })
    const usage = { ...none, ...mixed }
    expect(ours.costNanoUsd('claude-opus-5', usage, now)).toBe(31_000_000)
    expect(ours.costNanoUsd('mine', usage, now)).toBe(31_000_000)
    expect(ours.costNanoUsd('claude-opus-4-8', usage, now)).toBe(62_000_000)
    expect(ours.costNanoUsd('mine-too', usage, now)).toBeNull()
  })

  test('prices a dated answer by an entry for its alias, and the other way round', () => {
    const usage = { ...none, ...mixed }
    for (const [key, answered] of [
      ['claude-haiku-4-5', 'claude-haiku-4-5-20251001'],
      ['claude-haiku-4-5-20251001', 'claude-haiku-4-5'],
    ] as const) {
      const ours = loadPrices({ models: { [key]: half } })
      expect(ours.costNanoUsd(answered, usage, now)).toBe(31_000_000)
    }
  })

  test('keeps fractions of a nano-dollar a token until the end', () => {
    // 0.10625 $/MTok is 106.25 nano-dollars a token: 3 of them 318.75.
    const ours = loadPrices({ models: { mine: { ...half, input: 0.10625 } } })
    expect(ours.costNanoUsd('mine', { ...none, inputTokens: 3 }, now)).toBe(319)
  })

  test('takes the period that holds at the time, in whatever order the file has them', () => {
    const ours = loadPrices({
      models: {
        mine: {
          ...half,
          input: '1',
          earlier: [
            { ...half, before: '2026-06-01', input: '2' },
            { ...half, before: '2026-03-01', input: '3' },
          ],
        },
      },
    })
    const usage = { ...none, inputTokens: 1 }
    expect(ours.costNanoUsd('mine', usage, { at: dayStartMs('2026-02-28') })).toBe(3000)
    expect(ours.costNanoUsd('mine', usage, { at: dayStartMs('2026-03-01') })).toBe(2000)
    expect(ours.costNanoUsd('mine', usage, { at: dayStartMs('2026-06-01') })).toBe(1000)
  })

  test('throws PRICES_INVALID naming the file', () => {
    expect(() => loadPrices({ models: 3 }, 'p.json')).toThrow(
      expect.objectContaining({
        code: 'PRICES_INVALID',
        message: 'Cannot use p.json: models: must be an object, got 3',
      }),
    )
  })

  test('says the day of the prices', () => {
    expect(loadPrices().date).toBe('2026-11-12')
    expect(loadPrices({ date: '2026-12-24' }).date).toBe('2026-12-24')
  })
})

const nanoUsd = fc.maxSafeInteger()

describe('formatUsd()', () => {
  test.each([
    [0, '$0.00'],
    [-0, '$0.00'],
    [1, '$0.000000001'],
    [412_000, '$0.000412'],
    [10_000_000, '$0.01'],
    [100_000_000, '$0.10'],
    [1_000_000_000, '$1.00'],
    [1_500_000_000, '$1.50'],
    [12_345_678_900, '$12.3456789'],
    [-20_000_000, '-$0.02'],
    [Number.MAX_SAFE_INTEGER, '$9007199.254740991'],
    [null, 'unknown'],
  ])('prints %s as %s', (value, text) => {
    expect(formatUsd(value)).toBe(text)
  })

  test('loses nothing: the digits are the nano-dollars', () => {
    fc.assert(
      fc.property(nanoUsd, (value) => {
        const [whole = '', fraction = ''] = formatUsd(value).replace('$', '').split('.')
        expect(fraction.length).toBeGreaterThanOrEqual(2)
        expect(fraction.slice(2).endsWith('0')).toBe(false)
        expect(Number(whole + fraction.padEnd(9, '0'))).toBe(value)
      }),
    )
  })

  test('asserts that money is whole nano-dollars', () => {
    expect(() => formatUsd(0.5)).toThrow(AssertionError)
  })
})

describe('usdNumber()', () => {
  test.each([
    [0, '0'],
    [1, '0.000000001'],
    [412_000, '0.000412'],
    [1_500_000_000, '1.5'],
    [2_000_000_000, '2'],
    [-20_000_000, '-0.02'],
    [null, 'null'],
  ])('writes %s as %s', (value, text) => {
    expect(usdNumber(value)).toBe(text)
  })

  test('is JSON for the nearest float', () => {
    fc.assert(
      fc.property(nanoUsd, (value) => {
        expect(JSON.parse(usdNumber(value))).toBe(value / 1e9)
      }),
    )
  })
})

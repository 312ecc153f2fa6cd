import { describe, expect, test } from 'vitest'
import { CacheUse, costOf, readTokens, type Way } from './forecast-cost.ts'
import type { Bill, ModelSum, Range } from './forecast-sums.ts'
import { loadPrices } from './money.ts'
import { SharedPrefixes } from './shared-prefixes.ts'

const prices = loadPrices()
// 2026-11-22T10:00:00Z.
const at = (20_779 * 24 + 10) * 3_600_000
const isLong = (model: string, prompt: number): boolean => prices.isLong(model, prompt, at)
const live: Way = { via: 'live', cache: 'marked' }
const auto: Way = { via: 'live', cache: 'auto' }
const batches: Way = { via: 'batches', cache: 'marked' }
const batchesAuto: Way = { via: 'batches', cache: 'auto' }
const million = 1_000_000
const usd = 1e9

const same = (count: number): Range => ({ low: count, expected: count, high: count })

function bill(model: string, more: Partial<Bill> = {}): Bill {
  const plain = { us: false, fast: false, isLong: false }
  return { model, ...plain, input: same(million), output: same(million), ...more }
}

function sum(model: string, inputOff = 0): ModelSum {
  const tokens = { input: same(million), output: same(million) }
  return { model, pool: model, rows: 1, ...tokens, inputOff, answers: 0 }
}

/** So many rows that begin with a prefix of so many tokens. */
function sharing(model: string, rows: number, tokens: number, mark?: '5m' | '1h'): SharedPrefixes {
  const shared = new SharedPrefixes()
  const place = { level: 'system', message: 0, index: 0 } as const
  for (let line = 1; line <= rows; line++) {
    shared.addPoints([{ key: 77, share: 1, at: place, mark }], { model, line, tokens })
  }
  return shared
}

function cost(bills: readonly Bill[], way: Way, shared = new SharedPrefixes()): Range | null {
  const models = [...new Set(bills.map(({ model }) => model))].map((model) => sum(model))
  return costOf({ bills, models, at }, way, new CacheUse(way, shared, isLong), prices)
}

describe('a million tokens in and a million out', () => {
  test.each([
    ['claude-opus-5', {}, 5 + 25],
    ['claude-sonnet-5-5', {}, 2 + 10],
    ['claude-haiku-4-5', {}, 1 + 5],
    ['claude-haiku-5-5', {}, 0.1 + 0.5],
    ['claude-haiku-5-5', { isLong: true }, 0.5 + 2.5],
    ['claude-opus-5', { us: true }, 30 * 1.1],
    ['claude-opus-5', { fast: true }, 10 + 50],
  ])('%s %o', (model, more, dollars) => {
    expect(cost([bill(model, more)], live)).toEqual(same(Math.round(dollars * usd)))
    const half = 'fast' in more ? null : same(Math.round((dollars / 2) * usd))
    expect(cost([bill(model, more)], batches)).toEqual(half)
  })

  test('bills add up, and one without a price makes the sum unknown', () => {
    expect(cost([bill('claude-opus-5'), bill('claude-haiku-4-5')], live)).toEqual(same(36 * usd))
    expect(cost([bill('claude-opus-5'), bill('claude-next')], live)).toBeNull()
  })

  test('a sum beyond exact integers is unknown: of nine million dollars', () => {
    const output = same(400_000 * million)
    expect(cost([bill('claude-opus-5', { output })], live)).toBeNull()
    const models = ['claude-opus-5', 'claude-fable-5']
    const [opus, fable] = models.map((model) => bill(model, { output: same(150_000 * million) }))
    if (opus === undefined || fable === undefined) throw new Error('two bills')
    expect(cost([opus], live)).not.toBeNull()
    expect(cost([fable], live)).not.toBeNull()
    expect(cost([opus, fable], live)).toBeNull()
  })

  test('each end of the interval is priced by its own tokens', () => {
    const input = { low: 500_000, expected: million, high: 2 * million }
    const output = { low: 100_000, expected: million, high: 3 * million }
    expect(cost([bill('claude-opus-5', { input, output })], live)).toEqual({
      low: 2.5 * usd + 2.5 * usd,
      expected: 30 * usd,
      high: 10 * usd + 75 * usd,
    })
  })
})

describe('ten rows of 100,000 tokens that are all shared', () => {
  const output = same(0)
  const bills = [bill('claude-opus-5', { output })]
  const unmarked = sharing('claude-opus-5', 10, 100_000)

  test('live they are written once at 6.25 and read nine times at 0.50', () => {
    // At the high end a tenth of the nine write as well.
    expect(cost(bills, auto, unmarked)).toEqual({
      low: 0.625 * usd + 0.45 * usd,
      expected: 0.625 * usd + 0.45 * usd,
      high: (0.19 * 6.25 + 0.81 * 0.5) * usd,
    })
  })

  test('without marks they are plain input, unless marks are made', () => {
    expect(cost(bills, live, unmarked)).toEqual(same(5 * usd))
    expect(cost(bills, { via: 'live', cache: 'off' }, unmarked)).toEqual(same(5 * usd))
    expect(cost(bills, batches, unmarked)).toEqual(same(2.5 * usd))
  })

  test('in batches they are written for an hour, at 10, and 30 to 98 % of the others read', () => {
    const of = (hits: number): number => {
      const read = 0.9 * hits
      return Math.round(((1 - read) * 10 + read * 0.5) * 0.5 * usd)
    }
    expect(cost(bills, batchesAuto, unmarked)).toEqual({
      low: of(0.98),
      expected: of(0.64),
      high: of(0.3),
    })
  })

  test('two rows have nothing of an hour, and are left unmarked', () => {
    const two = sharing('claude-opus-5', 2, 100_000)
    expect(cost(bills, batchesAuto, two)).toEqual(same(2.5 * usd))
  })

  test('marks are honoured, for as long as they say, and taken out with strip', () => {
    const marked = sharing('claude-opus-5', 10, 100_000, '1h')
    expect(cost(bills, live, marked)?.expected).toBe(1 * usd + 0.45 * usd)
    expect(cost(bills, auto, marked)?.expected).toBe(1 * usd + 0.45 * usd)
    expect(cost(bills, { via: 'live', cache: 'strip' }, marked)).toEqual(same(5 * usd))
    // Where none waits, all may write, or none but one.
    expect(cost(bills, { via: 'live', cache: 'off' }, marked)).toEqual({
      low: 1.45 * usd,
      expected: (0.55 * 10 + 0.45 * 0.5) * usd,
      high: 10 * usd,
    })
  })

  test('a mark that no other row has is paid for', () => {
    const alone = sharing('claude-opus-5', 1, 100_000, '5m')
    expect(cost(bills, live, alone)).toEqual(same(5 * usd + 0.1 * 1.25 * usd))
  })

  test('what is read is known by model, for the limits', () => {
    const use = new CacheUse(auto, unmarked, isLong)
    const models = [sum('claude-opus-5', 0.1)]
    const read = (level: 'low' | 'expected' | 'high'): number | undefined =>
      readTokens(models, use, level).get('claude-opus-5')
    expect(read('expected')).toBe(900_000)
    expect(read('low')).toBe(810_000)
    // More tokens, of which fewer are read.
    expect(read('high')).toBe(Math.round(900_000 * 1.1 * 0.9))
  })
})

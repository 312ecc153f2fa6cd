import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PoolSnapshot } from './pool-stats.ts'
import { costAtEnd, leftMs, leftRangeMs, type Pace, refillMs } from './time-left.ts'

/** A run that settled so many rows in each of its seconds. */
function paceOf(eachSecond: readonly number[]): Pace {
  const settled = eachSecond.reduce((sum, count) => sum + count, 0)
  const late = eachSecond.slice(-10)
  const perSecond = late.reduce((sum, count) => sum + count, 0) / late.length
  return { settled, elapsedMs: eachSecond.length * 1000, perSecond, eachSecond }
}

function steady(seconds: number, perSecond: number): number[] {
  return Array.from({ length: seconds }, () => perSecond)
}

describe('leftMs()', () => {
  test('goes by the last ten seconds, and by the whole run when nothing came in them', () => {
    expect(leftMs(100, paceOf([...steady(50, 1), ...steady(10, 5)]), 0)).toBe(20_000)
    // 100 rows in 60 s.
    expect(leftMs(100, paceOf([...steady(50, 2), ...steady(10, 0)]), 0)).toBe(60_000)
  })

  test('is no less than what limits allow, and unknown before a row is settled', () => {
    expect(leftMs(100, paceOf(steady(20, 5)), 90_000)).toBe(90_000)
    expect(leftMs(100, paceOf(steady(20, 0)), 0)).toBeNull()
  })
})

describe('leftRangeMs()', () => {
  test('is by chance alone where stretches are all the same', () => {
    // 100 rows in 60 s, give or take twice ten: 80 to 120 a minute.
    const pace = paceOf(steady(60, 100 / 60))
    const range = leftRangeMs(240, pace, 0)
    expect(range?.[0]).toBeCloseTo(120_000, 3)
    expect(range?.[1]).toBeCloseTo(180_000, 3)
  })

  test('is wider where stretches differ', () => {
    // 80 and 120 rows a second in turns, three times: mean 100, deviation √480, error √80.
    const waves = [80, 120, 80, 120, 80, 120].flatMap((rows) => steady(10, rows))
    const [least, most] = leftRangeMs(100_000, paceOf(waves), 0) ?? [0, 0]
    expect(least).toBeCloseTo(1e8 / Math.max(120, 100 + 2 * Math.sqrt(80)), 3)
    expect(most).toBeCloseTo(1e8 / (100 - 2 * Math.sqrt(80)), 3)
  })

  test('counts with a pace that holds on where a run has just gathered speed', () => {
    // Mean 58.33, standard error 8.33: what the last ten seconds had lies beyond twice that.
    const pace = paceOf([...steady(50, 50), ...steady(10, 100)])
    const [least, most] = leftRangeMs(10_000, pace, 0) ?? [0, 0]
    expect(least).toBeCloseTo(100_000, 3)
    expect(most).toBeCloseTo(240_000, 3)
  })

  test('forgets the burst on full limits with which a run begins', () => {
    // 20 rows in the last 20 s, give or take twice their root.
    const pace = paceOf([...steady(20, 60), ...steady(20, 1)])
    const [least, most] = leftRangeMs(100, pace, 0) ?? [0, 0]
    expect(least).toBeCloseTo(100_000 / (1 + (2 * Math.sqrt(20)) / 20), 3)
    expect(most).toBeCloseTo(100_000 / (1 - (2 * Math.sqrt(20)) / 20), 3)
  })

  test('is at least what limits allow, and never narrower than a tenth', () => {
    const [least, most] = leftRangeMs(1000, paceOf(steady(60, 1000)), 600_000) ?? [0, 0]
    expect(least).toBe(600_000)
    expect(most).toBeCloseTo(660_000, 3)
  })

  test.each([
    ['four rows', paceOf([1, 1, 1, 1])],
    ['nothing', paceOf(steady(60, 0))],
    ['one wave in a minute', paceOf([...steady(59, 0), 60])],
  ])('is not said of %s', (_what, pace) => {
    expect(leftRangeMs(100, pace, 0)).toBeNull()
  })

  test('goes by the whole run where a minute holds hardly a row', () => {
    // 400 in 400 min, give or take 40.
    const lately = steady(60, 0)
    const pace = { settled: 400, elapsedMs: 400 * 60_000, perSecond: 0, eachSecond: lately }
    const [least, most] = leftRangeMs(99, pace, 0) ?? [0, 0]
    expect(least).toBeCloseTo(90 * 60_000, 3)
    expect(most).toBeCloseTo(110 * 60_000, 3)
  })

  test('always holds the one figure', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(500), { minLength: 1, maxLength: 60 }),
        fc.nat(1e6),
        fc.nat(1e8),
        (eachSecond, rows, atLeastMs) => {
          const pace = paceOf(eachSecond)
          const range = leftRangeMs(rows, pace, atLeastMs)
          if (range === null) return
          const left = leftMs(rows, pace, atLeastMs) ?? Number.NaN
          expect(range[0]).toBeLessThanOrEqual(left * (1 + 1e-9))
          expect(range[1]).toBeGreaterThanOrEqual(left * (1 - 1e-9))
          expect(range.every(Number.isFinite)).toBe(true)
        },
      ),
    )
  })
})

describe('refillMs()', () => {
  const pool = (limit: number, remaining: number): PoolSnapshot => ({
    name: 'm',
    requestsPerMinute: 0,
    inputTokensPerMinute: 0,
    outputTokensPerMinute: 0,
    limits: { requests: { limit, remaining, resetAt: 0 } },
    others: undefined,
  })

  test('is what all pools together need beyond what they have', () => {
    // 100 of 400 rows pass at once, the others at 150 a minute.
    expect(refillMs(400, [pool(50, 20), pool(100, 80)])).toBe(120_000)
    expect(refillMs(100, [pool(50, 20), pool(100, 80)])).toBe(0)
  })

  test('is not known while a pool has shown no limit', () => {
    expect(refillMs(400, [])).toBe(0)
    expect(refillMs(400, [pool(50, 20), { ...pool(50, 20), limits: undefined }])).toBe(0)
  })
})

describe('costAtEnd()', () => {
  test.each([
    [30, 10, 500, 2000],
    [0, 2, 500, 500],
    [30, 4, 500, null],
  ])('of %d rows to come after %d that cost %d is %j', (rows, asked, cost, expected) => {
    expect(costAtEnd(rows, asked, cost)).toBe(expected)
  })
})

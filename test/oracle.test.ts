/**
 * The benchmark's oracle: schedules worked out by hand, and two properties against a checker that
 * keeps buckets in its own way, event by event.
 */

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type OracleLimits, type OracleRow, oracleTime } from '../bench/limit-use/oracle.ts'

const stepMs = 50

function rows(count: number, row: Partial<OracleRow> = {}): readonly OracleRow[] {
  const whole = { held: 0, input: 0, output: 0, firstByteMs: 0, productionMs: 100, ...row }
  return Array.from({ length: count }, () => whole)
}

/** Instants in seconds, each within two steps of the grid. */
function expectSent(actual: readonly number[], seconds: readonly number[]): void {
  expect(actual).toHaveLength(seconds.length)
  for (const [index, at] of seconds.entries()) {
    expect(Math.abs((actual[index] ?? 0) - at * 1000), `row ${index}`).toBeLessThanOrEqual(
      2 * stepMs,
    )
  }
}

describe('by hand', () => {
  test('requests: a full bucket is drained by the ramp, and then the refill is all there is', () => {
    // 60 in the bucket and one a second: the hundredth can go when 40 have been refilled.
    const { lastSentAt, rampMs } = oracleTime(rows(100), { requests: [[0, 60]] })
    expectSent([lastSentAt], [40])
    // 2 and 2 a second, doubling: 2 + 2 (2^t - 1) / ln 2 = 60 + t where t = 4.5.
    expect(Math.abs(rampMs - 4500)).toBeLessThan(150)
  })

  test('the ramp begins at a fifth of the refill', () => {
    // 1,000 a second: 2 + 200 (2^t - 1) / ln 2 = 1,000 where t = 2.16.
    const { lastSentAt, rampMs, endedAt } = oracleTime(rows(1000), { requests: [[0, 60_000]] })
    expect(Math.abs(lastSentAt - 2160)).toBeLessThan(100)
    expect(rampMs).toBe(endedAt)
  })

  test('input is held at the estimate, and corrected at the first byte', () => {
    // At the last start 29 rows have taken 500 each, and 1,000 must be there:
    // 6,000 + 100 t - 14,500 = 1,000.
    const held = rows(30, { held: 1000, input: 500, firstByteMs: 1000 })
    expectSent([oracleTime(held, { input: [[0, 6000]] }).lastSentAt], [95])
  })

  test('input that is held too low is owed at the first byte', () => {
    // Net 500 each: 6,000 + 100 t - 500 × 30 = 0 at the last first byte, 10 s after its start.
    const owed = rows(30, { held: 100, input: 500, firstByteMs: 10_000 })
    expectSent([oracleTime(owed, { input: [[0, 6000]] }).lastSentAt], [80])
  })

  test('output is taken while it is produced', () => {
    // Each flows at the very rate of the refill, from 10 s to 70 s after its start. Two together
    // take the bucket to zero at 70 s; from then on one may flow at a time.
    const flowing = rows(4, { output: 6000, firstByteMs: 10_000, productionMs: 60_000 })
    const { sentAt, endedAt } = oracleTime(flowing, { output: [[0, 6000]] })
    expectSent(sentAt, [0, 0, 60, 120])
    expectSent([endedAt], [190])
  })

  test('output that is reserved is given back at the end', () => {
    // Two hold all of it. At 5 s they give back 4,000, and 500 came in: one more, and 1,500 left.
    // At 10 s there are 1,500 + 500 + 2,000.
    const held = rows(4, { output: 1000, reserved: 3000, firstByteMs: 1000, productionMs: 4000 })
    expectSent(oracleTime(held, { output: [[0, 6000]] }).sentAt, [0, 0, 5, 10])
  })

  test('a slice of a second holds one of sixty', () => {
    const { sentAt } = oracleTime(rows(5), { requests: [[0, 60]], sliceSeconds: 1 })
    expectSent(sentAt, [0, 1, 2, 3, 4])
  })

  test('tokens are input and output together', () => {
    // 6,000 and 100 a second. A row takes 900 at once, 100 more over the second after.
    const both = rows(10, { held: 900, input: 900, output: 100, productionMs: 1000 })
    // The tenth: 6,000 + 100 (t + 1) - 10,000 = 0.
    expectSent([oracleTime(both, { tokens: [[0, 6000]] }).lastSentAt], [39])
  })

  test.each([
    // By 100 s 160 are gone; the other 40 at one in two seconds, or at two in one.
    ['dropped', 30, 180],
    ['raised', 120, 120],
  ])('a limit that is %s', (_, perMinute, seconds) => {
    const requests = [
      [0, 60],
      [100_000, perMinute],
    ] as const
    expectSent([oracleTime(rows(200), { requests }).lastSentAt], [seconds])
  })

  test('what others take is not there', () => {
    // Half of the refill: 60 + t / 2 = 100.
    const others = Array.from({ length: 500 }, (_, index) => {
      return { at: index * 2000 + 1000, input: 0, output: 0 }
    })
    expectSent([oracleTime(rows(100), { requests: [[0, 60]], others }).lastSentAt], [80])
  })

  test('nothing is sent into an outage, and the bucket fills meanwhile', () => {
    // 70 before it; the last 30 find a full bucket.
    const closed = [[10_000, 70_000]] as const
    const { sentAt } = oracleTime(rows(100), { requests: [[0, 60]], closed })
    expectSent([sentAt[68] ?? 0, sentAt[71] ?? 0, sentAt[99] ?? 0], [9, 70, 70])
  })

  test('a row larger than the limit starts when all of it is there', () => {
    // 9,000 leave it at -3,000: 90 s to the brim.
    const large = rows(3, { held: 9000, input: 9000 })
    expectSent(oracleTime(large, { input: [[0, 6000]] }).sentAt, [0, 90, 180])
  })
})

interface Taken {
  readonly at: number
  readonly amount: number
}

/** The lowest that a bucket comes to, looked at after every single taking. */
function lowest(perMinute: number, seconds: number, taken: readonly Taken[]): number {
  const capacity = (perMinute * seconds) / 60
  let [level, at, least] = [capacity, 0, capacity]
  for (const each of taken.toSorted((a, b) => a.at - b.at || a.amount - b.amount)) {
    level = Math.min(capacity, level + ((each.at - at) * perMinute) / 60_000) - each.amount
    at = each.at
    least = Math.min(least, level)
  }
  return least
}

/** How far below zero the worst meter is, in steps of its refill. */
function worstDebt(all: readonly OracleRow[], sentAt: readonly number[], limits: Limits): number {
  const sliceSeconds = limits.sliceSeconds ?? 60
  let worst = 0
  for (const unit of ['requests', 'input', 'output'] as const) {
    const taken = all.flatMap((row, index) => takenBy(unit, row, sentAt[index] ?? 0))
    const [[, perMinute]] = limits[unit]
    for (const seconds of [60, sliceSeconds]) {
      const stepRefill = (perMinute * stepMs) / 60_000
      worst = Math.max(worst, -lowest(perMinute, seconds, taken) / stepRefill)
    }
  }
  return worst
}

function takenBy(unit: 'requests' | 'input' | 'output', row: OracleRow, at: number): Taken[] {
  if (unit === 'requests') return [{ at, amount: 1 }]
  const firstByteAt = at + row.firstByteMs
  if (unit === 'input') {
    return [
      { at, amount: row.held },
      { at: firstByteAt, amount: row.input - row.held },
    ]
  }
  // Fine drops for a flow.
  const drops = Math.round(row.productionMs / 10)
  return Array.from({ length: drops }, (_, index) => {
    return { at: firstByteAt + (index + 1) * 10, amount: row.output / drops }
  })
}

type One = readonly [readonly [number, number]]
interface Limits extends OracleLimits {
  readonly requests: One
  readonly input: One
  readonly output: One
}

/** Rows that fit into any of the limits drawn, slices too. */
const drawn = fc.record({
  limits: fc.record({
    requests: fc.integer({ min: 60, max: 600 }).map((limit): One => [[0, limit]]),
    input: fc.integer({ min: 30_000, max: 90_000 }).map((limit): One => [[0, limit]]),
    output: fc.integer({ min: 30_000, max: 90_000 }).map((limit): One => [[0, limit]]),
    sliceSeconds: fc.constantFrom(1, 5, 60),
  }),
  rows: fc.array(
    fc
      .record({
        held: fc.integer({ min: 0, max: 450 }),
        input: fc.integer({ min: 1, max: 450 }),
        output: fc.integer({ min: 1, max: 450 }),
        firstByte: fc.integer({ min: 0, max: 100 }),
        production: fc.integer({ min: 2, max: 400 }),
      })
      .map(({ firstByte, production, ...row }) => {
        return { ...row, firstByteMs: firstByte * stepMs, productionMs: production * stepMs }
      }),
    { minLength: 1, maxLength: 150 },
  ),
})

test('no meter is ever taken below zero', () => {
  fc.assert(
    fc.property(drawn, ({ limits, rows: all }) => {
      const { sentAt } = oracleTime(all, limits)
      // Within a step refill, takings and what is given back act together: some steps' refill is
      // what the grid cannot see. A row's input is up to 18 of them.
      expect(worstDebt(all, sentAt, limits)).toBeLessThanOrEqual(4)
    }),
    { seed: 7, numRuns: 300 },
  )
})

test('no steady pace that keeps all limits is faster', () => {
  fc.assert(
    fc.property(drawn, ({ limits, rows: all }) => {
      const { lastSentAt } = oracleTime(all, limits)
      // Half a second between starts is slower than any ramp.
      let paceMs = 500
      const paced = (): readonly number[] => all.map((_, index) => index * paceMs)
      while (worstDebt(all, paced(), limits) > 0) paceMs += stepMs
      expect(lastSentAt).toBeLessThanOrEqual(paced().at(-1) ?? 0)
    }),
    { seed: 7, numRuns: 300 },
  )
})

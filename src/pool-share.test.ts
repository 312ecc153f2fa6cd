import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Cost } from './meter.ts'
import type { LimitReading, LimitReadings } from './outcome.ts'
import { PoolShare } from './pool-share.ts'

const minuteMs = 60_000
const cost: Cost = { input: 10, output: 5 }

function reading(limit: number): LimitReading {
  return { limit, remaining: limit, resetAt: 0 }
}

/** Readings of these limits a minute, all there is left. */
function readings(requests: number, input: number, output: number): LimitReadings {
  return {
    requests: reading(requests),
    input: reading(input),
    output: reading(output),
    tokens: reading(input + output),
    serverAt: 0,
  }
}

const plenty = readings(1e9, 1e12, 1e12)

function make(fraction: number, now = 0): PoolShare {
  return new PoolShare(now, { name: 'p', ramp: 'off', fraction })
}

/** One request is answered at once, with these headers. */
function hear(pool: PoolShare, now: number, limits: LimitReadings | undefined): void {
  const reservation = pool.reserve(now, cost)
  pool.settle(now, reservation, cost)
  pool.observe(now, reservation, limits, false)
}

interface Sent {
  readonly at: number
  readonly cost: Cost
}

/** Sends whenever the pool lets, until an instant; every request costs what it was thought to. */
function drive(pool: PoolShare, untilMs: number, costOf: (index: number) => Cost): Sent[] {
  const sent: Sent[] = []
  let now = 0
  while (now < untilMs) {
    const next = costOf(sent.length)
    const { delayMs } = pool.wait(now, next)
    if (delayMs > 0) {
      now += delayMs
      continue
    }
    pool.settle(now, pool.reserve(now, next), next)
    sent.push({ at: now, cost: next })
  }
  return sent
}

/** The most that 60 s hold, wherever they start. */
function worst(sent: readonly Sent[], amount: (cost: Cost) => number): number {
  let [first, sum, most] = [0, 0, 0]
  for (const { at, cost: last } of sent) {
    sum += amount(last)
    while ((sent[first]?.at ?? at) <= at - minuteMs) sum -= amount(sent[first++]?.cost ?? last)
    most = Math.max(most, sum)
  }
  return most
}

describe('a share of the limits', () => {
  test('no 60 s hold more than fraction × limit and one burst', () => {
    const draws = fc.record({
      fraction: fc.double({ min: 0.05, max: 0.99, noNaN: true }),
      requests: fc.integer({ min: 20, max: 3000 }),
      input: fc.integer({ min: 1000, max: 100_000 }),
      output: fc.integer({ min: 500, max: 50_000 }),
      sizes: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 }),
    })
    fc.assert(
      fc.property(draws, ({ fraction, requests, input, output, sizes }) => {
        const pool = make(fraction)
        hear(pool, 0, readings(requests, input, output))
        const costOf = (index: number): Cost => {
          const size = sizes[index % sizes.length] ?? 1
          return { input: 2 * size, output: size }
        }
        const sent = drive(pool, 3 * minuteMs, costOf)
        const largest = Math.max(...sizes)
        const burst = (limit: number, size: number): number =>
          Math.max((fraction * limit) / 60, size) + 1e-6
        expect(worst(sent, () => 1)).toBeLessThanOrEqual(fraction * requests + burst(requests, 1))
        expect(worst(sent, (each) => each.input)).toBeLessThanOrEqual(
          fraction * input + burst(input, 2 * largest),
        )
        expect(worst(sent, (each) => each.output)).toBeLessThanOrEqual(
          fraction * output + burst(output, largest),
        )
      }),
      { numRuns: 60 },
    )
  })

  test('is used in full', () => {
    const pool = make(0.5)
    hear(pool, 0, { requests: reading(600) })
    // Half of 600 a minute; a second's worth more, which was there at the start.
    const sent = drive(pool, 10 * minuteMs, () => cost)
    expect(sent.length).toBeGreaterThanOrEqual(0.995 * 3000)
  })

  test('is one of each limit that headers show, and says which binds', () => {
    const pool = make(0.1)
    hear(pool, 0, { ...plenty, output: reading(6000) })
    // 600 a minute are 10 a second: two rows of 5 go, and the third waits for half a second.
    expect(pool.wait(minuteMs, cost).delayMs).toBe(0)
    pool.reserve(minuteMs, cost)
    pool.reserve(minuteMs, cost)
    expect(pool.wait(minuteMs, cost)).toEqual({
      delayMs: 500,
      binds: '--limit-fraction output',
      isPace: true,
    })
  })

  test('follows a limit that changes', () => {
    const pool = make(0.5)
    hear(pool, 0, { requests: reading(120) })
    hear(pool, minuteMs, { requests: reading(60) })
    // Half of 60 a minute is one in two seconds.
    pool.reserve(2 * minuteMs, cost)
    expect(pool.wait(2 * minuteMs, cost).delayMs).toBe(2000)
  })

  test('counts what answers cost, not what they were thought to', () => {
    const pool = make(0.5)
    hear(pool, 0, { output: reading(120_000) })
    // 1,000 a second. Thought to be 1,000, it was 3,000: two seconds more.
    const thought = { input: 1, output: 1000 }
    const reservation = pool.reserve(minuteMs, thought)
    pool.settle(minuteMs, reservation, { input: 1, output: 3000 })
    expect(pool.wait(minuteMs, thought).delayMs).toBe(3000)
  })

  test('lets two rows go before the limits are known, whatever the ramp', () => {
    const pool = make(0.5)
    pool.reserve(0, cost)
    const second = pool.reserve(0, cost)
    expect(pool.wait(0, cost)).toEqual({ delayMs: Infinity, binds: 'first reply' })
    pool.observe(0, second, plenty, true)
    expect(pool.wait(0, cost).delayMs).toBe(0)
  })

  test('counts what was under way when the limits came', () => {
    const pool = make(0.5)
    const first = pool.reserve(0, cost)
    pool.reserve(0, cost)
    pool.observe(0, first, { requests: reading(120) }, true)
    // One a second: of the two under way, one is a debt.
    expect(pool.wait(0, cost).delayMs).toBe(2000)
  })

  test('of all of it is no bucket: the meter is enough', () => {
    const pool = make(1)
    hear(pool, 0, readings(600, 1e9, 1e9))
    // A full minute's worth may go at once.
    for (let row = 0; row < 500; row++) {
      expect(pool.wait(0, cost).delayMs).toBe(0)
      pool.reserve(0, cost)
    }
  })
})

describe('ceilings', () => {
  test('hold where replies carry no headers', () => {
    const pool = make(1)
    pool.learnCeilings(0, { requests: 60 })
    hear(pool, 0, undefined)
    pool.reserve(minuteMs, cost)
    expect(pool.wait(minuteMs, cost)).toEqual({ delayMs: 1000, binds: 'requests', isPace: true })
  })

  test('that come late hold from then on', () => {
    const pool = make(1)
    hear(pool, 0, undefined)
    pool.reserve(minuteMs, cost)
    expect(pool.wait(minuteMs, cost).delayMs).toBe(0)
    pool.learnCeilings(minuteMs, { requests: 60 })
    // What is under way counts: nothing is left of the one a second.
    expect(pool.wait(minuteMs, cost).delayMs).toBe(1000)
  })

  test('give way to headers', () => {
    const pool = make(1)
    pool.learnCeilings(0, { requests: 60 })
    hear(pool, 0, readings(6000, 1e9, 1e9))
    for (let row = 0; row < 50; row++) {
      expect(pool.wait(0, cost).delayMs).toBe(0)
      pool.reserve(0, cost)
    }
  })

  test('are shared too', () => {
    const pool = make(0.5)
    pool.learnCeilings(0, { requests: 120 })
    hear(pool, 0, undefined)
    pool.reserve(minuteMs, cost)
    expect(pool.wait(minuteMs, cost).binds).toBe('--limit-fraction requests')
  })
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionError } from './assert.ts'
import { Bucket } from './bucket.ts'

/** At an instant: what was there, what is taken, and the wait then until the bucket holds one. */
type Row = readonly [at: number, level: number, take: number, delayUntilOne: number]

/** Runs the rows in order against one bucket. */
function check(bucket: Bucket, rows: readonly Row[]): void {
  for (const [at, level, take, delay] of rows) {
    expect(bucket.level(at), `level at ${at}`).toBeCloseTo(level, 6)
    bucket.take(at, take)
    expect(bucket.delayUntil(at, 1), `delay at ${at}`).toBeCloseTo(delay, 6)
  }
}

describe('Bucket', () => {
  test('starts full, or at the level given', () => {
    expect(new Bucket(0, { capacity: 5, perMinute: 60 }).level(0)).toBe(5)
    expect(new Bucket(0, { capacity: 5, perMinute: 60, level: 2 }).level(0)).toBe(2)
    expect(new Bucket(0, { capacity: 5, perMinute: 60, level: -7 }).level(0)).toBe(-7)
    expect(new Bucket(0, { capacity: 5, perMinute: 60, level: 9 }).level(0)).toBe(5)
  })

  test('refills evenly, up to its capacity and no further', () => {
    check(new Bucket(0, { capacity: 2, perMinute: 60 }), [
      [0, 2, 2, 1000],
      [250, 0.25, 0, 750],
      [1000, 1, 1, 1000],
      [60_000, 2, 0, 0],
    ])
  })

  test('take() goes into debt, and the debt is waited for', () => {
    check(new Bucket(0, { capacity: 2, perMinute: 60 }), [
      [0, 2, 5, 4000],
      [3000, 0, 0, 1000],
      [4000, 1, 0, 0],
    ])
  })

  test('take() of a negative count gives back, up to the capacity', () => {
    check(new Bucket(0, { capacity: 2, perMinute: 60 }), [
      [0, 2, 2, 1000],
      [0, 0, -0.5, 500],
      [0, 0.5, -100, 0],
      [0, 2, 0, 0],
    ])
  })

  test('delayUntil() of more than the capacity waits until it is full, not for ever', () => {
    const bucket = new Bucket(0, { capacity: 2, perMinute: 60, level: 0 })
    expect(bucket.delayUntil(0, 2)).toBe(2000)
    expect(bucket.delayUntil(0, 1e9)).toBe(2000)
    expect(bucket.delayUntil(2000, 1e9)).toBe(0)
  })

  test('a clock that steps back neither drains nor refills', () => {
    check(new Bucket(1000, { capacity: 3, perMinute: 60 }), [
      [1000, 3, 3, 1000],
      [999, 0, 0, 1000],
      [-1e9, 0, 1, 2000],
      [1000, -1, 0, 2000],
      // What was taken while the clock was back counts from where it had been.
      [2000, 0, 0, 1000],
    ])
  })

  test('setLevel() states the level, capped, from that instant on', () => {
    const bucket = new Bucket(0, { capacity: 10, perMinute: 60 })
    bucket.setLevel(500, -2)
    expect(bucket.level(500)).toBe(-2)
    expect(bucket.level(1500)).toBe(-1)
    bucket.setLevel(1500, 99)
    expect(bucket.level(1500)).toBe(10)
  })

  test('resize() keeps the level, capped, and refills at the new rate from then on', () => {
    const bucket = new Bucket(0, { capacity: 100, perMinute: 6000, level: 50 })
    bucket.resize(100, { capacity: 10, perMinute: 600 })
    expect([bucket.capacity, bucket.perMinute]).toEqual([10, 600])
    expect(bucket.level(100)).toBe(10)
    bucket.take(100, 10)
    bucket.resize(200, { capacity: 1000, perMinute: 60_000 })
    expect(bucket.level(200)).toBe(1)
    expect(bucket.level(300)).toBe(101)
  })

  test.each([5, 50, 7919, 1e6 / 3, 10_000_000])(
    'perMinute is what it was told: %d',
    (perMinute) => {
      expect(new Bucket(0, { capacity: 1, perMinute }).perMinute).toBe(perMinute)
    },
  )

  test.each([
    [{ capacity: 0, perMinute: 1 }],
    [{ capacity: 1, perMinute: 0 }],
    [{ capacity: -1, perMinute: 1 }],
    [{ capacity: Number.NaN, perMinute: 1 }],
  ])('refuses %j', (options) => {
    expect(() => new Bucket(0, options)).toThrow(AssertionError)
    const bucket = new Bucket(0, { capacity: 1, perMinute: 1 })
    expect(() => bucket.resize(0, options)).toThrow(AssertionError)
  })
})

describe('Bucket over time', () => {
  const rates = fc.constantFrom(0.5, 5, 60, 1000, 10_000, 2_000_000, 10_000_000)

  // From the start of the process to eleven days later.
  test('delayUntil() is over when it said, whatever the rate and however late the hour', () => {
    fc.assert(
      fc.property(
        rates,
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        (perMinute, start, share) => {
          const capacity = Math.max(1, perMinute / 60)
          const bucket = new Bucket(start, { capacity, perMinute })
          bucket.take(start, capacity * share)
          const wanted = Math.min(1, capacity)
          const delayMs = bucket.delayUntil(start, wanted)
          if (delayMs > 0) expect(start + delayMs).toBeGreaterThan(start)
          expect(bucket.delayUntil(start + delayMs, wanted)).toBe(0)
          if (delayMs > 1)
            expect(bucket.delayUntil(start + delayMs - 0.5, wanted)).toBeGreaterThan(0)
        },
      ),
    )
  })

  test('agrees with a model that keeps every token and every millisecond', () => {
    const operation = fc.record({
      waitMs: fc.integer({ min: 0, max: 5000 }),
      take: fc.integer({ min: -20, max: 40 }),
    })
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 30 }),
        fc.integer({ min: 0, max: 1e9 }),
        (operations, start) => {
          // 6 a second and 12 at most, counted in thousandths: 6 a millisecond, 12,000 at most.
          const bucket = new Bucket(start, { capacity: 12, perMinute: 360 })
          let thousandths = 12_000
          let now = start
          for (const { waitMs, take } of operations) {
            for (let ms = 0; ms < waitMs; ms++) thousandths = Math.min(12_000, thousandths + 6)
            now += waitMs
            thousandths = Math.min(12_000, thousandths - take * 1000)
            bucket.take(now, take)
            expect(bucket.level(now)).toBeCloseTo(thousandths / 1000, 6)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('drops nothing over a million takes at 10 M a minute, days into the run', () => {
    const start = 1e9
    const bucket = new Bucket(start, { capacity: 1e7, perMinute: 1e7, level: 0 })
    // 166.67 a millisecond are taken as they come: the level stays where it was.
    for (let ms = 1; ms <= 1_000_000; ms++) bucket.take(start + ms, 1e7 / 60_000)
    expect(Math.abs(bucket.level(start + 1_000_000))).toBeLessThan(10)
  })
})

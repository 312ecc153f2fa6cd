import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionError } from './assert.ts'
import { Ramp } from './ramp.ts'

/** Starts whenever the ramp and `paceMs` allow; returns how many started in each second. */
function startsPerSecond(ramp: Ramp, from: number, seconds: number, paceMs = 0): number[] {
  const counts = Array.from({ length: seconds }, () => 0)
  let now = from
  for (let steps = 0; steps < 2_000_000; steps++) {
    const delay = ramp.delay(now)
    if (delay > 0) now += delay
    const second = Math.floor((now - from) / 1000)
    if (second >= seconds) return counts
    if (delay > 0) continue
    ramp.take(now)
    counts[second] = (counts[second] ?? 0) + 1
    now += paceMs
  }
  throw new Error('The ramp lets time stand still')
}

describe('Ramp', () => {
  test('lets both probes start at once, and then makes wait', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.take(0)
    expect(ramp.delay(0)).toBe(0)
    ramp.take(0)
    // A rate of 2 a second that doubles each second has made one start after log2(1 + ln 2 / 2) s.
    expect(ramp.delay(0)).toBeCloseTo(1000 * Math.log2(1 + Math.LN2 / 2), 6)
  })

  test('restart() makes 2 a second double every second', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.restart(0, 2)
    // The integral of 2 × 2^t over second k is 2^(k+1) / ln 2; one more was in hand.
    const counts = startsPerSecond(ramp, 0, 10)
    for (const [second, count] of counts.entries()) {
      expect(Math.abs(count - 2 ** (second + 1) / Math.LN2)).toBeLessThanOrEqual(1.5)
    }
  })

  test('gentle doubles every four seconds', () => {
    const ramp = new Ramp(0, 'gentle')
    ramp.restart(0, 2)
    startsPerSecond(ramp, 0, 20)
    expect(ramp.perSecond).toBeCloseTo(2 * 2 ** 5, 0)
  })

  test('learnRefill() begins at a fifth of the refill, if that is more', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.learnRefill(0, 5)
    expect(ramp.perSecond).toBe(2)
    ramp.learnRefill(0, 100)
    expect(ramp.perSecond).toBe(20)
  })

  test('stays a little above what is sent when something else binds', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.restart(0, 2)
    // 50 a second and no more, for ten minutes.
    const counts = startsPerSecond(ramp, 0, 600, 20)
    expect(counts.slice(10).every((count) => count >= 49)).toBe(true)
    expect(ramp.perSecond).toBeGreaterThan(50)
    expect(ramp.perSecond).toBeLessThan(200)
    expect(ramp.isClimbing(600_000)).toBe(false)
  })

  test('calm() takes it back to twice the refill when the climb is over, and not before', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.restart(0, 2)
    startsPerSecond(ramp, 0, 8)
    ramp.calm(8000, 16)
    expect(ramp.perSecond).toBeGreaterThan(400)
    // Two seconds after its last growth: a quarter of a second's worth starts at once, and no more.
    ramp.calm(10_001, 16)
    expect(ramp.perSecond).toBe(32)
    let burst = 0
    for (; ramp.delay(10_001) === 0; burst++) ramp.take(10_001)
    expect(burst).toBe(8)
    // Whoever presses on is let grow.
    expect(startsPerSecond(ramp, 10_001, 4).at(-1)).toBeGreaterThan(300)
    // What is slower stays as it is.
    const slow = new Ramp(0, 'fast')
    slow.calm(10_000, 16)
    expect(slow.perSecond).toBe(2)
  })

  test('a limit raised tenfold is climbed to, and quickly', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.restart(0, 2)
    startsPerSecond(ramp, 0, 60, 20)
    const before = ramp.perSecond
    const counts = startsPerSecond(ramp, 60_000, 8, 2)
    expect(counts[0]).toBeLessThan(2.5 * before)
    expect(counts[7]).toBeGreaterThan(490)
  })

  test('a pause does not end in a burst', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.restart(0, 2)
    startsPerSecond(ramp, 0, 60, 20)
    let burst = 0
    const resumedAt = 3_600_000
    for (; ramp.delay(resumedAt) === 0; burst++) ramp.take(resumedAt)
    // A quarter of a second's worth.
    expect(burst).toBeGreaterThan(10)
    expect(burst).toBeLessThanOrEqual(ramp.perSecond / 4 + 1)
  })

  test('restart() leaves one start in hand, whatever there was', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.restart(0, 400)
    expect(ramp.delay(10_000)).toBe(0)
    ramp.restart(10_000, 400)
    ramp.take(10_000)
    expect(ramp.delay(10_000)).toBeGreaterThan(0)
  })

  test('slow() halves the rate and then doubles it every four seconds', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.restart(0, 64)
    ramp.slow(0)
    expect(ramp.perSecond).toBe(32)
    startsPerSecond(ramp, 0, 8)
    expect(ramp.perSecond).toBeCloseTo(128, 0)
  })

  test('slow() never goes below one a second, and recovers from there', () => {
    const ramp = new Ramp(0, 'fast')
    for (let time = 0; time < 40; time++) ramp.slow(time)
    expect(ramp.perSecond).toBeGreaterThanOrEqual(1)
    // Ten doublings of four seconds.
    startsPerSecond(ramp, 40, 40)
    expect(ramp.perSecond).toBeGreaterThan(1000)
  })

  test('isClimbing() while starts press against it and two seconds longer', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.restart(0, 2)
    startsPerSecond(ramp, 0, 5)
    expect(ramp.isClimbing(5000)).toBe(true)
    ramp.delay(5500)
    expect(ramp.isClimbing(8000)).toBe(false)
  })

  test('off never makes wait and never climbs, restarted or not', () => {
    const ramp = new Ramp(0, 'off')
    for (let start = 0; start < 1000; start++) ramp.take(0)
    expect(ramp.delay(0)).toBe(0)
    ramp.restart(0, 1)
    ramp.slow(0)
    ramp.take(0)
    expect(ramp.delay(0)).toBe(0)
    expect(ramp.isClimbing(0)).toBe(false)
  })

  test('a clock that steps back gains nothing and blocks nothing', () => {
    const ramp = new Ramp(1000, 'fast')
    ramp.take(1000)
    ramp.take(1000)
    const delay = ramp.delay(1000)
    expect(ramp.delay(400)).toBe(delay)
    expect(ramp.delay(1000 + delay)).toBe(0)
  })

  test('growth without end stays finite, and starts go on', () => {
    const ramp = new Ramp(0, 'fast')
    ramp.restart(0, 1e300)
    for (let ms = 0; ms < 100; ms++) {
      let starts = 0
      for (; ramp.delay(ms) === 0 && starts < 1e6; starts++) ramp.take(ms)
      if (ms > 0) expect(starts).toBeGreaterThan(900)
    }
    expect(ramp.perSecond).toBe(1e6)
  })

  test('restart() refuses a rate that is none', () => {
    expect(() => new Ramp(0, 'fast').restart(0, 0)).toThrow(AssertionError)
    expect(() => new Ramp(0, 'fast').restart(0, Number.NaN)).toThrow(AssertionError)
  })

  test('delay() is over when it said, however late the hour', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1e6, 1e9),
        fc.double({ min: 0.5, max: 1e5, noNaN: true }),
        fc.array(fc.nat({ max: 900 }), { maxLength: 20 }),
        (start, rate, waits) => {
          const ramp = new Ramp(start, 'fast')
          ramp.restart(start, rate)
          let now = start
          for (const waitMs of waits) {
            now += waitMs
            const delay = ramp.delay(now)
            if (delay > 0) expect(now + delay).toBeGreaterThan(now)
            now += delay
            expect(ramp.delay(now)).toBe(0)
            ramp.take(now)
          }
        },
      ),
    )
  })

  test('no second starts more than twice what the one before might, the quarter in hand included', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ paceMs: fc.nat({ max: 200 }), seconds: fc.integer({ min: 1, max: 6 }) }),
          { minLength: 1, maxLength: 6 },
        ),
        (phases) => {
          const ramp = new Ramp(0, 'fast')
          ramp.restart(0, 2)
          let from = 0
          for (const { paceMs, seconds } of phases) {
            const before = ramp.perSecond
            const [first = 0] = startsPerSecond(ramp, from, Math.min(seconds, 6), paceMs + 1)
            // (2 − 1) ÷ ln 2 = 1.44 of a second's worth, and a quarter.
            expect(first).toBeLessThanOrEqual(before * 1.7 + 2)
            from += seconds * 1000
          }
        },
      ),
      { numRuns: 50 },
    )
  })
})

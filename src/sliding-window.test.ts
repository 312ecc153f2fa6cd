import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionError } from './assert.ts'
import { Random } from './random.ts'
import { SlidingWindow } from './sliding-window.ts'

describe('SlidingWindow', () => {
  test('delay() waits until enough has aged out, and no longer', () => {
    const window = new SlidingWindow({ limit: 10, windowMs: 1000 })
    window.add(0, 4)
    window.add(100, 3)
    window.add(200, 3)
    const rows: readonly (readonly [at: number, amount: number, delay: number])[] = [
      [200, 0, 0],
      [200, 1, 800],
      [200, 4, 800],
      [200, 5, 900],
      [200, 7, 900],
      [200, 8, 1000],
      [999, 1, 1],
      [1000, 4, 0],
      [1000, 5, 100],
    ]
    for (const [at, amount, delay] of rows) expect(window.delay(at, amount)).toBe(delay)
  })

  test('sum() is what the window holds; the oldest instant is out of it', () => {
    const window = new SlidingWindow({ limit: 10, windowMs: 1000 })
    window.add(0, 1)
    window.add(500, 2)
    expect([window.sum(999), window.sum(1000), window.sum(1500)]).toEqual([3, 2, 0])
  })

  test('more than the limit fits a window of nothing, even one with additions that came to nothing', () => {
    const window = new SlidingWindow({ limit: 10, windowMs: 1000 })
    expect(window.delay(0, 25)).toBe(0)
    const ticket = window.add(0, 1)
    expect(window.delay(400, 25)).toBe(600)
    window.correct(400, ticket, 0)
    expect(window.delay(400, 25)).toBe(0)
    window.add(400, 25)
    expect(window.delay(400, 1)).toBe(1000)
  })

  test('correct() gives room back, and takes it', () => {
    const window = new SlidingWindow({ limit: 10, windowMs: 1000 })
    const first = window.add(0, 6)
    window.add(100, 4)
    window.correct(200, first, 2)
    expect([window.sum(200), window.delay(200, 4), window.delay(200, 5)]).toEqual([6, 0, 800])
    window.correct(300, first, 8)
    expect([window.sum(300), window.worstExcess]).toEqual([12, 2])
    // 2 over: the 8 must go before anything fits.
    expect(window.delay(300, 1)).toBe(700)
  })

  test('correct() leaves alone what has left the window', () => {
    const window = new SlidingWindow({ limit: 10, windowMs: 1000 })
    const old = window.add(0, 6)
    window.add(900, 3)
    window.correct(1000, old, 1000)
    expect([window.sum(1000), window.worstExcess]).toEqual([3, 0])
  })

  test('worstExcess tells of one amount larger than the limit, too', () => {
    const window = new SlidingWindow({ limit: 10, windowMs: 1000 })
    window.add(0, 25)
    expect(window.worstExcess).toBe(15)
    window.add(1000, 10)
    expect(window.worstExcess).toBe(15)
  })

  test('a clock that steps back lets nothing age', () => {
    const window = new SlidingWindow({ limit: 2, windowMs: 1000 })
    window.add(500, 1)
    window.add(499, 1)
    expect(window.delay(498, 1)).toBe(1002)
    expect(window.delay(1500, 1)).toBe(0)
  })

  test('holds any number of additions', () => {
    const window = new SlidingWindow({ limit: 1e6, windowMs: 60_000 })
    const tickets = Array.from({ length: 5000 }, (_, index) => window.add(index, 1))
    expect(window.sum(4999)).toBe(5000)
    for (const ticket of tickets) window.correct(4999, ticket, 2)
    expect(window.sum(4999)).toBe(10_000)
    // Those of instants up to 2,499 have left.
    expect(window.sum(62_499)).toBe(5000)
  })

  test.each([
    { limit: 0, windowMs: 1 },
    { limit: 1, windowMs: 0 },
    { limit: Number.NaN, windowMs: 1 },
  ])('refuses %j', (options) => {
    expect(() => new SlidingWindow(options)).toThrow(AssertionError)
  })

  test.each([10, 1e6, 1e10])(
    'delay() is over when it said, from instants up to %d on',
    (latest) => {
      const random = new Random(1)
      for (let time = 0; time < 20_000; time++) {
        const window = new SlidingWindow({ limit: 1, windowMs: 60_100 })
        const start = (random.float() + random.float() / 2 ** 32) * latest
        window.add(start, 1)
        const now = start + (random.float() + random.float() / 2 ** 32) * 10
        // Rounding may fall short of the end by the last bit.
        expect(window.delay(now + window.delay(now, 1), 1)).toBe(0)
      }
    },
  )

  test('agrees with a list of all there ever was', () => {
    const operation = fc.record({
      waitMs: fc.integer({ min: 0, max: 400 }),
      amount: fc.integer({ min: 0, max: 12 }),
      correctBack: fc.option(fc.record({ back: fc.nat({ max: 8 }), to: fc.nat({ max: 20 }) })),
    })
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 60 }),
        fc.integer({ min: 0, max: 1e9 }),
        (operations, start) => {
          const window = new SlidingWindow({ limit: 20, windowMs: 1000 })
          const all: { at: number; amount: number; ticket: number }[] = []
          let now = start
          const sum = (at: number): number =>
            all
              .filter((entry) => entry.at > at - 1000)
              .reduce((total, entry) => total + entry.amount, 0)
          for (const { waitMs, amount, correctBack } of operations) {
            now += waitMs
            const delay = window.delay(now, amount)
            // It fits when it said, and did not a millisecond earlier.
            const fits = (at: number): boolean => sum(at) + amount <= 20
            expect(fits(now + delay)).toBe(true)
            if (delay > 0) expect(fits(now + delay - 1)).toBe(false)
            all.push({ at: now, amount, ticket: window.add(now, amount) })
            const corrected = correctBack && all.at(-1 - correctBack.back)
            if (corrected && correctBack) {
              window.correct(now, corrected.ticket, correctBack.to)
              if (corrected.at > now - 1000) corrected.amount = correctBack.to
            }
            expect(window.sum(now)).toBe(sum(now))
          }
        },
      ),
    )
  })
})

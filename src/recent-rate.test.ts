import { describe, expect, test } from 'vitest'
import { RecentRate } from './recent-rate.ts'

describe('RecentRate', () => {
  test('is nothing at first', () => {
    const rate = new RecentRate()
    rate.start(5000)
    expect(rate.perSecond(5000)).toBe(0)
  })

  test.each([0, 1e9 + 321])(
    'of 20 a second from the start at %d is 20, soon and later',
    (start) => {
      const rate = new RecentRate()
      rate.start(start)
      for (let event = 0; event < 20 * 60; event++) {
        const now = start + event * 50
        rate.add(now, 1)
        // At each instant the event just counted is one too many.
        if (event >= 40) expect(Math.abs(rate.perSecond(now) - 20)).toBeLessThan(0.8)
      }
    },
  )

  test('divides by one second at least', () => {
    const rate = new RecentRate()
    rate.start(0)
    rate.add(10, 7)
    expect(rate.perSecond(10)).toBe(7)
  })

  test('forgets what is more than ten seconds old', () => {
    const rate = new RecentRate()
    rate.start(0)
    rate.add(500, 100)
    expect(rate.perSecond(4000)).toBe(25)
    expect(rate.perSecond(9999)).toBeCloseTo(10, 1)
    expect(rate.perSecond(10_000)).toBe(0)
    expect(rate.perSecond(1e6)).toBe(0)
  })

  test('sum() is all of the seconds it remembers, the one under way included', () => {
    const rate = new RecentRate(60)
    rate.start(0)
    for (let second = 0; second < 100; second++) rate.add(second * 1000 + 500, second)
    // Seconds 40 to 99.
    expect(rate.sum(99_999)).toBe(((40 + 99) * 60) / 2)
    expect(rate.perSecond(99_999)).toBeCloseTo(69.5, 2)
    expect(rate.sum(100_000)).toBe(((41 + 99) * 59) / 2)
  })

  test('eachSecond() is the seconds that are over, oldest first', () => {
    const rate = new RecentRate(4)
    rate.start(700)
    expect(rate.eachSecond(1699)).toEqual([])
    rate.add(700, 1)
    rate.add(1700, 2)
    rate.add(1800, 3)
    expect(rate.eachSecond(2699)).toEqual([1])
    expect(rate.eachSecond(2700)).toEqual([1, 5])
    expect(rate.eachSecond(4700)).toEqual([5, 0, 0])
    expect(rate.eachSecond(1e6)).toEqual([0, 0, 0])
  })

  test('a clock that steps back loses nothing', () => {
    const rate = new RecentRate()
    rate.start(0)
    rate.add(5000, 10)
    rate.add(4990, 10)
    expect(rate.perSecond(5000)).toBe(4)
  })
})

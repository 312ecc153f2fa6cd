import { describe, expect, test } from 'vitest'
import { Hold } from './hold.ts'

const cached = { input: 100, output: 10, asked: 5100 }
const plain = { input: 1000, output: 10, asked: 900 }

describe('Hold', () => {
  test.each([
    ['more is asked for than counts', cached, 5000],
    ['less', plain, 0],
    ['nothing is known of it', { input: 100, output: 1 }, 0],
  ])('excess() where %s', (_, cost, excess) => {
    expect(new Hold().excess(cost)).toBe(excess)
  })

  test('counts what is under way, until the first byte or the end', () => {
    const hold = new Hold()
    const [first, second] = [hold.start(0, cached, false), hold.start(10, cached, false)]
    hold.start(20, plain, false)
    expect(hold.amount(20)).toBe(10_000)
    hold.firstByte(700, first)
    expect(hold.amount(700)).toBe(5000)
    hold.ended(9000, first, true)
    expect(hold.amount(9000)).toBe(5000)
    hold.ended(9000, second, false)
    expect(hold.amount(9000)).toBe(0)
  })

  test('a plain answer holds to its end while nothing is known', () => {
    const hold = new Hold()
    const held = hold.start(0, cached, false)
    hold.isPlain(0, held)
    expect([hold.amount(1e6), hold.nextReleaseMs(1e6)]).toEqual([5000, Infinity])
    hold.ended(1e6, held, true)
    expect(hold.amount(1e6)).toBe(0)
  })

  test('and else for one and a half times as long as streams have taken to their first byte', () => {
    const hold = new Hold()
    hold.firstByte(400, hold.start(0, cached, false))
    const [early, late] = [hold.start(1000, cached, false), hold.start(1100, cached, false)]
    hold.isPlain(1000, early)
    hold.isPlain(1100, late)
    expect([hold.amount(1599), hold.nextReleaseMs(1599)]).toEqual([10_000, 1])
    expect([hold.amount(1600), hold.nextReleaseMs(1600)]).toEqual([5000, 100])
    hold.ended(1650, late, true)
    expect([hold.amount(1650), hold.nextReleaseMs(1650)]).toEqual([0, Infinity])
    hold.ended(5000, early, true)
    expect(hold.amount(5000)).toBe(0)
  })

  test('or for half as long as an answer takes, where no stream has shown it', () => {
    const hold = new Hold()
    hold.ended(50, hold.start(0, cached, false), false)
    hold.ended(2000, hold.start(0, cached, false), true)
    const held = hold.start(2000, cached, false)
    hold.isPlain(2000, held)
    expect([hold.amount(2999), hold.amount(3000)]).toEqual([5000, 0])
  })

  test('range() is what is seen to be held, and what may be', () => {
    const hold = new Hold()
    hold.firstByte(400, hold.start(0, cached, false))
    hold.isPlain(1000, hold.start(1000, cached, false))
    const stream = hold.start(1000, cached, false)
    expect(hold.range(1000)).toEqual([5000, 10_000])
    const other = hold.start(1100, cached, false)
    hold.firstByte(1200, stream)
    // The stream's figure is of 1000, or of 1200, when it still held.
    expect(hold.range(1200, stream)).toEqual([5000, 15_000])
    hold.firstByte(1300, other)
    expect(hold.range(1700)).toEqual([0, 0])
  })

  test('must be seen where more than a twentieth of the limit is held with it', () => {
    const hold = new Hold()
    const first = hold.start(0, cached, false)
    expect(hold.mustBeSeen(0, first, 99_000)).toBe(true)
    expect(hold.mustBeSeen(0, first, 100_000)).toBe(false)
    const second = hold.start(0, cached, false)
    expect(hold.mustBeSeen(0, second, 100_000)).toBe(true)
    expect(hold.mustBeSeen(0, hold.start(0, plain, false), 100_000)).toBe(false)
  })

  test('a server that is seen to hold nothing is waited for no more', () => {
    const hold = new Hold()
    const size = { capacity: 100_000, perMinute: 100_000 }
    for (let now = 0; now < 60; now++) {
      const held = hold.start(now, cached, false)
      hold.observe(now, size, { shown: 50_000, slack: 100 })
      hold.ended(now, held, true)
      // Nothing has come back.
      hold.observe(now, size, { shown: 50_000, slack: 100 })
    }
    const held = hold.start(100, cached, false)
    expect([hold.factor, hold.excess(cached), hold.amount(100)]).toEqual([0, 0, 0])
    expect(hold.range(100)).toEqual([0, 0])
    expect(hold.mustBeSeen(100, held, 10_000)).toBe(false)
  })
})

describe('where nobody knows whether the server holds', () => {
  test('one goes rather than wait for long, if none that may show it is under way', () => {
    const hold = new Hold()
    expect([hold.mayTry(0, 10_000), hold.mayTry(0, 10_001)]).toEqual([false, true])
    const trial = hold.start(0, cached, true)
    expect(hold.mayTry(500, 60_000)).toBe(false)
    hold.firstByte(700, trial)
    expect(hold.mayTry(700, 60_000)).toBe(true)
  })

  test.each([
    ['its cost fitted: the server holds', true, true, false],
    ['its cost did not fit: that says nothing', true, false, true],
    ['it had waited for room to hold: that says nothing', false, true, true],
  ])('refused though %s', (_, isTrial, fits, mayTry) => {
    const hold = new Hold()
    const held = hold.start(0, cached, isTrial)
    hold.refused(held, fits)
    hold.ended(100, held, false)
    expect([hold.factor, hold.mayTry(100, 60_000)]).toEqual([1, mayTry])
  })

  test('none does once readings have told', () => {
    const hold = new Hold()
    const size = { capacity: 100_000, perMinute: 100_000 }
    for (let now = 0; now < 10; now++) {
      const held = hold.start(now, cached, false)
      hold.observe(now, size, { shown: 45_000, slack: 100 })
      hold.ended(now, held, true)
      hold.observe(now, size, { shown: 50_000, slack: 100 })
    }
    expect([hold.factor, hold.mayTry(10, 60_000)]).toEqual([1, false])
  })
})

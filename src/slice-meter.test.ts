import { describe, expect, test } from 'vitest'
import { SliceMeter } from './slice-meter.ts'

// 1,000 units a second.
function meterOf(given: { rounding?: number; started?: number } = {}): SliceMeter {
  return new SliceMeter(0, { perMinute: 60_000, rounding: 0, started: 0, ...given })
}

function counted(amount: number): { counted: number; produced: number; excess: number } {
  return { counted: amount, produced: 0, excess: 0 }
}

describe('SliceMeter, of what is counted at the start', () => {
  test('holds what the slice does, and is refilled a little slower than it', () => {
    const meter = meterOf()
    meter.start(0, counted(1500))
    expect(meter.delay(0, counted(500), 2)).toBe(0)
    expect(meter.delay(0, counted(1500), 2)).toBeCloseTo(1000 / 0.985, 3)
    // More than it holds runs when all of it is there.
    expect(meter.delay(0, counted(9000), 2)).toBeCloseTo(1500 / 0.985, 3)
    expect(meter.delay(0, counted(1500), 60)).toBe(0)
  })

  test('is told by readings of a minute what the server has counted of the slice', () => {
    const meter = meterOf()
    // 1,800 are missing of a full minute, so of a slice of 2 s 200 are left.
    meter.observe(0, [58_200, 58_200], 0, false)
    expect(meter.delay(0, counted(200), 2)).toBe(0)
    expect(meter.delay(0, counted(300), 2)).toBeCloseTo(100, 6)
  })

  test('is told by readings of the slice what is left of it', () => {
    const meter = meterOf()
    meter.observe(0, [2000, 2000], 0, true)
    // Seven tenths of it are used: of 900 that are left, 600 stay.
    meter.observe(0, [900, 900], 0, true)
    expect(meter.delay(0, counted(300), 5)).toBe(0)
    expect(meter.delay(0, counted(400), 5)).toBeCloseTo(100, 6)
    // What is carried to now may be more than there ever is.
    meter.observe(0, [9000, 900], 0, true)
    expect(meter.delay(0, counted(400), 5)).toBeCloseTo(100, 6)
  })

  test('where readings are rounded, sets that aside, but half of a small slice at most', () => {
    const meter = meterOf({ rounding: 500 })
    meter.start(0, counted(1000))
    expect(meter.delay(0, counted(500), 2)).toBe(0)
    expect(meter.delay(0, counted(600), 2)).toBeGreaterThan(99)
    // 400 in all, of which 200 are set aside: more than that waits until all of it is there.
    const small = meterOf({ rounding: 500 })
    small.start(0, counted(200))
    expect(small.delay(0, counted(1), 0.4)).toBeCloseTo(1, 6)
    expect(small.delay(0, counted(400), 0.4)).toBeCloseTo(200 / 0.985, 3)
  })

  test('burstSeconds() is what was let start and is not refilled; no reading changes it', () => {
    const meter = meterOf()
    meter.start(0, counted(3000))
    expect(meter.burstSeconds(0)).toBe(3)
    meter.observe(0, [10_000, 10_000], 0, false)
    expect(meter.burstSeconds(2000)).toBe(1)
    expect(meter.burstSeconds(9000)).toBe(0)
  })

  test('keeps what was let start when the limit changes', () => {
    const meter = meterOf()
    meter.start(0, counted(3000))
    meter.resize(0, 120_000)
    expect(meter.burstSeconds(0)).toBe(1.5)
  })
})

describe('SliceMeter, of output that is counted as it is produced', () => {
  const answer = { counted: 0, produced: 8000, excess: 0 }

  test('starts while there is anything left, whatever is still to come', () => {
    const meter = meterOf()
    meter.count(0, 1999)
    expect(meter.delay(0, answer, 2)).toBe(0)
    meter.count(0, 501)
    expect(meter.delay(0, answer, 2)).toBeCloseTo(500, 6)
  })

  test('does not start while more is to come of what is under way than there is room for', () => {
    const meter = meterOf()
    meter.count(0, 1500)
    expect(meter.delay(0, { ...answer, excess: 400 }, 2)).toBe(0)
    expect(meter.delay(0, { ...answer, excess: 600 }, 2)).toBeCloseTo(100, 6)
    // No refill makes room for that: something must end.
    expect(meter.delay(0, { ...answer, excess: 2100 }, 2)).toBe(Infinity)
  })

  test('makes up for what was not produced at four times the refill at most, a few at once', () => {
    const meter = meterOf()
    meter.start(0, answer)
    // A quarter of 8,000 was taken, and a quarter of the slice of 2 s is what may be taken at once.
    expect(meter.delay(0, answer, 2)).toBeCloseTo(2000 / 0.985, 3)
    expect(meter.delay(0, { ...answer, produced: 1000 }, 2)).toBeCloseTo(1750 / 0.985, 3)
  })

  test('where the slice is shown, starts while any of it is left', () => {
    const meter = meterOf()
    meter.observe(0, [2000, 2000], 0, true)
    meter.observe(0, [1, 1], 0, true)
    expect(meter.delay(0, answer, 60)).toBe(0)
    meter.observe(0, [0, 0], 0, true)
    meter.count(0, 400)
    expect(meter.delay(0, answer, 60)).toBeCloseTo(400, 6)
  })
})

/**
 * The arithmetic of the page's charts: where intervals lie, what a minute holds, which ticks.
 */

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { areaPath, bandPath, linePath, stepPath } from '../src/page/browser/paths.ts'
import { amountTicks, logTicks, timeTicks } from '../src/page/browser/ticks.ts'
import {
  axisUnits,
  intervalAt,
  perMinute,
  perSecond,
  runningSum,
  timeAxis,
} from '../src/page/browser/time-axis.ts'

const second = 1000
const hour = 3_600_000

describe('the axis', () => {
  test('leaves out the time between two starts, and marks it', () => {
    const axis = timeAxis({ at: [0, 10 * second, hour], ms: [10_000, 10_000, 20_000] })
    expect(axis.totalMs).toBe(40_000)
    expect(axis.from).toEqual([0, axisUnits / 4, axisUnits / 2])
    expect(axis.to).toEqual([axisUnits / 4, axisUnits / 2, axisUnits])
    expect(axis.elapsedMs).toEqual([0, 10_000, 20_000])
    expect(axis.breaks).toEqual([axisUnits / 2])
  })

  test('takes a breath between intervals for none', () => {
    expect(timeAxis({ at: [0, 1200], ms: [1000, 1000] }).breaks).toEqual([])
  })

  test.each([
    [-1, 0],
    [0, 0],
    [0.24, 0],
    [0.26, 1],
    [0.99, 2],
    [7, 2],
  ])('at %f of the width lies interval %i', (share, index) => {
    const axis = timeAxis({ at: [0, 10_000, 20_000], ms: [10_000, 10_000, 20_000] })
    expect(intervalAt(axis, share)).toBe(index)
  })

  test('of nothing is empty', () => {
    const axis = timeAxis({ at: [], ms: [] })
    expect(axis).toMatchObject({ totalMs: 0, from: [], breaks: [] })
    expect(intervalAt(axis, 0.5)).toBe(0)
  })
})

describe('what a minute holds', () => {
  test('is the sum over the last sixty seconds, intervals cut where it begins', () => {
    // Intervals of 40 s: at 80 s the minute has half of the first, at 120 s half of the second.
    const intervals = { at: [0, 40_000, 80_000], ms: [40_000, 40_000, 40_000] }
    expect(perMinute([40, 80, 20], intervals)).toEqual([40, 100, 60])
  })

  test('forgets an earlier start', () => {
    expect(perMinute([50, 7], { at: [0, hour], ms: [30_000, 30_000] })).toEqual([50, 7])
  })

  test('of a steady rate is that rate, whatever the intervals', () => {
    const lengths = fc.array(fc.integer({ min: 500, max: 150_000 }), {
      minLength: 1,
      maxLength: 80,
    })
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 1000 }), (ms, rate) => {
        const at = runningSum(ms).map((end, index) => end - (ms[index] ?? 0))
        const found = perMinute(
          ms.map((length) => (rate * length) / 60_000),
          { at, ms },
        )
        for (const [index, value] of found.entries()) {
          const end = (at[index] ?? 0) + (ms[index] ?? 0)
          expect(value).toBeCloseTo(rate * Math.min(1, Math.max(end, ms[index] ?? 0) / 60_000), 6)
        }
      }),
    )
  })

  test('a second is a thousandth of its milliseconds', () => {
    expect(perSecond([30, 5, 4], [10_000, 500, 0])).toEqual([3, 10, 4000])
  })
})

describe('ticks', () => {
  test('of amounts reach the value, in at most so many equal steps', () => {
    const values = fc.double({ min: 1e-6, max: 1e15, noNaN: true })
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 6 }), (value, most) => {
        const ticks = amountTicks(value, most)
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(value * (1 - 1e-8))
        expect(ticks.at(-2)).toBeLessThan(value)
        expect(ticks.length).toBeLessThanOrEqual(most + 1)
        expect(ticks[0]).toBe(0)
      }),
    )
  })

  test('of time are round', () => {
    expect(timeTicks(48 * 60_000, 3)).toEqual([0, 1_200_000, 2_400_000])
    expect(timeTicks(0, 3)).toEqual([])
    expect(timeTicks(9 * 86_400_000, 4)).toEqual([0, 259_200_000, 518_400_000, 777_600_000])
  })

  test('of latencies are 1, 2 and 5, or powers alone where these are too many', () => {
    expect(logTicks(90, 1100, 9)).toEqual([100, 200, 500, 1000])
    expect(logTicks(1, 100_000, 9)).toEqual([1, 10, 100, 1000, 10_000, 100_000])
  })
})

describe('outlines', () => {
  // Two halves of the axis; the height is 1,000 units from the top.
  const axis = timeAxis({ at: [0, 1000], ms: [1000, 1000] })

  test('of a line go through the middles', () => {
    expect(linePath(axis, [5, 10], 10)).toBe('M0 500L1000 500L3000 0H4000')
  })

  test('of an area end on the ground', () => {
    expect(areaPath(linePath(axis, [5, 10], 10), axis)).toBe('M0 500L1000 500L3000 0H4000V1000H0Z')
    expect(areaPath(linePath(axis, [], 10), axis)).toBe('')
  })

  test('of bars leave out what is nothing', () => {
    expect(
      bandPath(
        axis,
        [
          [0, 5],
          [0, 10],
        ],
        10,
      ),
    ).toBe('M2000 500V0H4000V500Z')
  })

  test('of a limit stop where it is not known', () => {
    expect(stepPath(axis, [5, 5], 10)).toBe('M0 500H4000')
    expect(stepPath(axis, [null, 5], 10)).toBe('M2000 500H4000')
    expect(stepPath(axis, [5, 10], 10)).toBe('M0 500H2000V0H4000')
  })
})

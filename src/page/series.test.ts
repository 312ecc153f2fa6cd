import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Interval, IntervalFold } from './interval.ts'
import { Series } from './series.ts'
import { pointsMax } from './view.ts'

const nothing = new IntervalFold().close(0)

function second(index: number, more: Partial<Interval> = {}): Interval {
  return { ...nothing, at: index * 1000, ms: 1000, succeeded: 1, ...more }
}

describe('Series', () => {
  test('is bounded, loses no count, and stays in order, however many are added', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6000 }), (count) => {
        const series = new Series()
        for (let index = 0; index < count; index++) series.add(second(index))
        const view = series.view()
        const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
        expect(view?.at.length).toBeLessThanOrEqual(pointsMax)
        expect(sum(view?.succeeded ?? [])).toBe(count)
        expect(sum(view?.ms ?? [])).toBe(count * 1000)
        const ends = view?.at.map((at, index) => at + (view.ms[index] ?? 0)) ?? []
        expect(view?.at.slice(1)).toEqual(ends.slice(0, -1))
      }),
      { numRuns: 30 },
    )
  })

  test('asks for intervals twice as long where there are too many', () => {
    const series = new Series()
    for (let index = 0; index < pointsMax; index++) series.add(second(index))
    expect(series.lengthMs).toBe(1000)
    series.add(second(pointsMax))
    expect(series.lengthMs).toBe(2000)
  })

  test('names what bound longest in each interval', () => {
    const series = new Series()
    series.add(second(0, { bound: { requests: 300, input: 600 } }))
    series.add(second(1))
    series.add(second(2, { bound: { requests: 1000 } }))
    const { binds = [], bindNames = [] } = series.view() ?? {}
    expect(binds.map((index) => bindNames[index])).toEqual(['input', undefined, 'requests'])
  })

  test('has a column for each limit of each pool, from the first interval on', () => {
    const series = new Series()
    series.add(second(0))
    series.add(second(1, { pools: { opus: { input: { used: 7, limit: 50 } } } }))
    expect(series.view()?.pools).toEqual([
      { name: 'opus', meters: [{ name: 'input', used: [0, 7], limit: [null, 50] }] },
    ])
  })

  test('is null without any', () => expect(new Series().view()).toBeNull())
})

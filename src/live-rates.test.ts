import { describe, expect, test } from 'vitest'
import { allPools, LiveRates, limitsUnknown } from './live-rates.ts'

const minute = 60_000
const amounts = { requests: 100, input: 10_000, output: 5000, tokens: 15_000 }

describe('how long live requests take', () => {
  test('is as long as the limit that binds, of which nine tenths count', () => {
    const rates = new LiveRates({})
    rates.learn('p', { requests: 50, input: 100_000, output: 1000 })
    expect(rates.msOf('p', amounts)).toBeCloseTo((5 * minute) / 0.9)
    expect(rates.bindsOf('p', amounts)).toBe('output')
  })

  test('is nothing where no limit is known', () => {
    const rates = new LiveRates({})
    expect(rates.msOf('p', amounts)).toBe(0)
    expect(rates.msOf(allPools, amounts)).toBe(0)
    expect(rates.bindsOf('p', amounts)).toBeUndefined()
  })

  test('is that of bounds, of all pools together', () => {
    const rates = new LiveRates({ requests: 10 })
    expect(rates.isBounded).toBe(true)
    expect(rates.msOf(allPools, amounts)).toBeCloseTo((10 * minute) / 0.9)
    expect(rates.bindsOf(allPools, amounts)).toBe('requests')
  })

  test('is longer where a share of the limits is left to others', () => {
    const rates = new LiveRates({}, 0.5)
    rates.learn('p', { requests: 100 })
    expect(rates.msOf('p', amounts)).toBeCloseTo((2 * minute) / 0.9)
  })

  test('is what was measured: half of the limits are all there is', () => {
    const rates = new LiveRates({})
    rates.learn('p', { requests: 100 })
    for (let times = 0; times < 20; times++) {
      rates.measure('p', { ...amounts, requests: 50 }, minute)
    }
    expect(rates.msOf('p', amounts)).toBeCloseTo((2 * minute) / 0.95, -1)
  })

  test('is never shorter than known limits let, whatever a full bucket gave', () => {
    const rates = new LiveRates({})
    rates.learn('p', { requests: 100 })
    for (let times = 0; times < 20; times++) {
      rates.measure('p', { ...amounts, requests: 400 }, minute)
    }
    expect(rates.msOf('p', amounts)).toBeGreaterThanOrEqual(minute)
  })

  test('of limits that are supposed is what is seen', () => {
    const rates = new LiveRates({})
    rates.learn('p', limitsUnknown, true)
    expect([rates.knows('p'), rates.supposes('p')]).toEqual([false, true])
    for (let times = 0; times < 20; times++) {
      rates.measure('p', { requests: 500, input: 0, output: 0, tokens: 0 }, minute)
    }
    const few = { requests: 100, input: 0, output: 0, tokens: 0 }
    expect(rates.msOf('p', few)).toBeCloseTo(minute / 5 / 0.95, -2)
    expect(rates.told).toEqual({})
    rates.learn('p', { requests: 1000 })
    expect(rates.told).toEqual({ p: { requests: 1000 } })
  })
})

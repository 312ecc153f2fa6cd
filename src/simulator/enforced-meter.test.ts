/**
 * Meters of the simulated server. All figures are worked out by hand: `perMinute: 60_000` is one
 * unit a millisecond.
 */

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { EnforcedMeter, type EnforcedMeterOptions } from './enforced-meter.ts'

function meter(options: Partial<EnforcedMeterOptions> = {}): EnforcedMeter {
  return new EnforcedMeter(0, {
    perMinute: 60_000,
    sliceSeconds: null,
    sliceShown: false,
    ...options,
  })
}

test('holds() counts what was taken and what came back since', () => {
  const requests = meter({ perMinute: 2 })
  requests.take(0, 1)
  requests.take(0, 1)
  expect(requests.holds(0, 1)).toBe(false)
  expect(requests.delayUntil(0, 1)).toBe(30_000)
  expect(requests.holds(29_999, 1)).toBe(false)
  expect(requests.holds(30_000, 1)).toBe(true)
})

test('holds() lets more than the capacity pass when the bucket is full, and only then', () => {
  const tokens = meter()
  expect(tokens.holds(0, 100_000)).toBe(true)
  tokens.take(0, 100_000)
  expect(tokens.level(0)).toBe(-40_000)
  // 100,000 missing to the brim, at one a millisecond.
  expect(tokens.holds(99_999, 100_000)).toBe(false)
  expect(tokens.holds(100_000, 100_000)).toBe(true)
})

test.each([3, 7, 50, 999, 1234])(
  'holds() lets a client pace at exactly %d a minute',
  (perMinute) => {
    // A slice that holds one request, and one request every time it is back: not a bit to spare.
    const intervalMs = 60_000 / perMinute
    const requests = meter({ perMinute, sliceSeconds: intervalMs / 1000 })
    const refused = Array.from({ length: 5000 }, (_, index) => index * intervalMs).filter((now) => {
      const allowed = requests.holds(now, 1)
      requests.take(now, 1)
      return !allowed
    })
    expect(refused).toEqual([])
  },
)

test.each([
  { name: 'drains by flow less refill', flow: 3, taken: 0, at: 1000, level: 58_000 },
  { name: 'goes below zero', flow: 3, taken: 59_000, at: 1000, level: -1000 },
  {
    name: 'stays at the brim while refill is faster',
    flow: 0.5,
    taken: 0,
    at: 1000,
    level: 60_000,
  },
  { name: 'fills by refill less flow', flow: 0.5, taken: 1000, at: 1000, level: 59_500 },
  { name: 'fills up to the brim', flow: 0.5, taken: 1000, at: 3000, level: 60_000 },
])('level() $name', ({ flow, taken, at, level }) => {
  const output = meter()
  output.take(0, taken)
  output.startFlow(0, flow)
  expect(output.level(at)).toBeCloseTo(level, 6)
  // The same however often anybody looks on the way.
  const watched = meter()
  watched.take(0, taken)
  watched.startFlow(0, flow)
  for (let now = 0; now <= at; now += 7) watched.level(now)
  expect(watched.level(at)).toBeCloseTo(level, 6)
})

test('stopFlow() of the last flow leaves no flow at all', () => {
  const output = meter()
  // A sum in which the smaller flow is lost: taking both away again leaves -1.
  for (const flow of [1e16, 1]) output.startFlow(0, flow)
  for (const flow of [1e16, 1]) output.stopFlow(0, flow)
  output.take(0, 60_000)
  expect(output.level(40_000)).toBe(40_000)
})

test('level() never depends on when it was looked at', () => {
  const events = fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 5000 }),
      flow: fc.double({ min: 0, max: 5, noNaN: true }),
      taken: fc.integer({ min: -5000, max: 5000 }),
      looks: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
    }),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(events, (list) => {
      const [plain, watched] = [meter(), meter()]
      let now = 0
      for (const { afterMs, flow, taken, looks } of list) {
        for (const look of looks.toSorted((a, b) => a - b)) watched.level(now + look * afterMs)
        now += afterMs
        for (const each of [plain, watched]) {
          each.take(now, taken)
          each.startFlow(now, flow)
        }
      }
      expect(watched.level(now + 1000)).toBeCloseTo(plain.level(now + 1000), 4)
    }),
  )
})

// Rate limits page: a minute's limit may be enforced over a shorter slice.
test.each([
  { sliceShown: false, level: 59 },
  { sliceShown: true, level: 0 },
])('reading() with sliceShown $sliceShown shows level $level', ({ sliceShown, level }) => {
  const requests = meter({ perMinute: 60, sliceSeconds: 1, sliceShown })
  requests.take(0, 1)
  expect(requests.holds(999, 1)).toBe(false)
  expect(requests.holds(1000, 1)).toBe(true)
  const missing = sliceShown ? 1 - 0 : 60 - 59
  expect(requests.reading(0)).toEqual({ perMinute: 60, level, fullInMs: missing * 1000 })
})

test('a meter without a limit holds anything and reads as nothing', () => {
  const unlimited = meter({ perMinute: null })
  unlimited.take(0, 1e12)
  expect(unlimited.holds(0, 1e12)).toBe(true)
  expect(unlimited.positive(0)).toBe(true)
  expect(unlimited.delayUntil(0, 1e12)).toBe(0)
  expect(unlimited.reading(0)).toBeUndefined()
})

test.each([
  { name: 'keeps the level when it grows', to: 120_000, level: 10_000 },
  { name: 'cuts the level to a smaller capacity', to: 6000, level: 6000 },
])('resize() $name', ({ to, level }) => {
  const tokens = meter()
  tokens.take(0, 50_000)
  tokens.resize(0, to)
  expect(tokens.level(0)).toBe(level)
  expect(tokens.perMinute).toBe(to)
})

test('resize() from no limit starts full and knows the flow under way', () => {
  const output = meter({ perMinute: null })
  output.startFlow(0, 3)
  output.resize(1000, 60_000)
  expect(output.level(1000)).toBe(60_000)
  expect(output.level(2000)).toBe(58_000)
})

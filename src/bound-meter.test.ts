import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BoundMeter } from './bound-meter.ts'
import { Heap } from './heap.ts'
import { Random } from './random.ts'

function requestBound(now: number, perMinute: number): BoundMeter {
  return new BoundMeter(now, { name: '--rpm', unit: 'requests', perMinute })
}

/** Sends whenever it may; each wake-up is late by up to this. Returns the instants. */
function sendAlways(
  meter: BoundMeter,
  options: { from: number; forMs: number; lateMsMax: number; seed?: number },
): readonly number[] {
  const random = new Random(options.seed ?? 1)
  const sends: number[] = []
  let now = options.from
  while (now < options.from + options.forMs) {
    const delay = meter.delay(now, 1)
    if (delay === 0) {
      meter.reserve(now, 1)
      sends.push(now - options.from)
    } else now += delay + random.float() * options.lateMsMax
  }
  return sends
}

/** The most that any half-open 60 s hold, found by looking at each that starts with a send. */
function mostInAnyMinute(sends: readonly { at: number; amount: number }[]): number {
  let most = 0
  let sum = 0
  let first = 0
  for (const { at, amount } of sends) {
    sum += amount
    for (let oldest = sends[first]; oldest && oldest.at <= at - 60_000; oldest = sends[++first])
      sum -= oldest.amount
    most = Math.max(most, sum)
  }
  return most
}

describe('BoundMeter', () => {
  test('starts with one second of its bound, then keeps an even pace', () => {
    const meter = requestBound(0, 240)
    const sends = sendAlways(meter, { from: 0, forMs: 2000, lateMsMax: 0 })
    // 4 at once, then one each 250 ms.
    expect(sends.map((at) => Math.round(at))).toEqual([
      0, 0, 0, 0, 250, 500, 750, 1000, 1250, 1500, 1750,
    ])
  })

  test('of 5 a minute, sends one each 12 s and the sixth after the first has left', () => {
    const sends = sendAlways(requestBound(0, 5), { from: 0, forMs: 61_000, lateMsMax: 0 })
    expect(sends).toEqual([0, 12_000, 24_000, 36_000, 48_000, 60_100])
  })

  test.each([0.5, 0.05])('of less than one a minute (%d) sends at that rate', (perMinute) => {
    const sends = sendAlways(requestBound(0, perMinute), {
      from: 0,
      forMs: 4 * (60_000 / perMinute) - 1,
      lateMsMax: 0,
    })
    expect(sends.map((at) => Math.round((at * perMinute) / 60_000))).toEqual([0, 1, 2, 3])
  })

  for (const perMinute of [5, 40, 50, 1000, 10_000]) {
    for (const lateMsMax of [0, 2]) {
      test(`${perMinute} a minute are used, and kept, when wake-ups are late by up to ${lateMsMax} ms`, () => {
        const minutes = perMinute > 1000 ? 4 : 11
        const from = 1e9
        const sends = sendAlways(requestBound(from, perMinute), {
          from,
          forMs: minutes * 60_000,
          lateMsMax,
        })
        expect(mostInAnyMinute(sends.map((at) => ({ at, amount: 1 })))).toBeLessThanOrEqual(
          perMinute,
        )
        const perFullMinute = Array.from(
          { length: minutes - 1 },
          (_, index) => sends.filter((at) => Math.floor(at / 60_000) === index + 1).length,
        )
        for (const count of perFullMinute)
          expect(count).toBeGreaterThanOrEqual(Math.floor(0.98 * perMinute))
        const total = perFullMinute.reduce((sum, count) => sum + count, 0)
        expect(total).toBeGreaterThanOrEqual(0.98 * perMinute * (minutes - 1))
      })
    }
  }

  test('an amount larger than the bound runs, when 60 s before it were empty, and is paid off', () => {
    const meter = new BoundMeter(0, { name: '--itpm', unit: 'input', perMinute: 6000 })
    expect(meter.delay(0, 15_000)).toBe(0)
    meter.reserve(0, 15_000)
    // From 100 down to −14,900; full again after 15,000 ÷ 100 a second.
    expect(meter.delay(0, 15_000)).toBe(150_000)
    expect(meter.delay(0, 1)).toBe(149_010)
    expect(meter.worstExcess).toBe(9000)
  })

  test('settle() lets a correction downwards be used at once', () => {
    const meter = new BoundMeter(0, { name: '--itpm', unit: 'input', perMinute: 6000 })
    const ticket = meter.reserve(0, 6000)
    expect(meter.delay(1000, 50)).toBe(59_100)
    meter.settle(1000, ticket, 6000, 0)
    expect(meter.delay(1000, 50)).toBe(0)
  })

  test('settle() has an underestimate repaid, also when its window is over', () => {
    const meter = new BoundMeter(0, { name: '--otpm', unit: 'output', perMinute: 6000 })
    const ticket = meter.reserve(0, 100)
    meter.settle(90_000, ticket, 100, 12_100)
    // Full at 100; 12,000 too few were taken; 100 a second come back.
    expect(meter.delay(90_000, 100)).toBe(120_000)
  })

  test('no 60 s hold more, wherever they start, whatever is sent, waited and corrected', () => {
    const step = fc.record({
      waitMs: fc.oneof(fc.constant(0), fc.nat({ max: 3000 }), fc.nat({ max: 40_000 })),
      amount: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 900 })),
      // What it turns out to have cost, in percent, and after how long.
      actual: fc.oneof(fc.constant(100), fc.integer({ min: 0, max: 100 })),
      settledAfterMs: fc.nat({ max: 90_000 }),
    })
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 20, maxLength: 150 }),
        fc.integer({ min: 60, max: 600 }),
        fc.nat({ max: 1e9 }),
        (steps, perMinute, start) => {
          const meter = new BoundMeter(start, { name: 'x', unit: 'input', perMinute })
          const sends: { at: number; amount: number }[] = []
          const corrections = new Heap<() => void>()
          let now = start
          for (const { waitMs, amount, actual, settledAfterMs } of steps) {
            now += waitMs
            for (;;) {
              while (corrections.nextAt <= now) corrections.pop()?.()
              const delay = meter.delay(now, amount)
              if (delay === 0) break
              // A correction may come while it waits.
              now = Math.min(now + delay, Math.max(now, corrections.nextAt))
            }
            const send = { at: now, amount }
            const ticket = meter.reserve(now, amount)
            sends.push(send)
            const within = sends.filter(({ at }) => at > now - 60_000)
            const sum = within.reduce((total, each) => total + each.amount, 0)
            const isAlone = within.every((each) => each === send || each.amount === 0)
            if (!isAlone || amount <= perMinute) expect(sum).toBeLessThanOrEqual(perMinute)
            const settledAt = now + settledAfterMs
            corrections.push(settledAt, () => {
              const cost = Math.floor((amount * actual) / 100)
              meter.settle(settledAt, ticket, amount, cost)
              send.amount = cost
            })
          }
        },
      ),
    )
  })
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Level } from '../test/world/small-server.ts'
import { Heap } from './heap.ts'
import { amountOf, BoundMeter, type Observation, ServerMeter } from './meter.ts'
import { Random } from './random.ts'

test.each([
  ['requests', 1],
  ['input', 30],
  ['output', 7],
  ['tokens', 37],
] as const)('amountOf() of %s', (unit, amount) => {
  expect(amountOf(unit, { input: 30, output: 7 })).toBe(amount)
})

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

const instant = 1_700_000_000_000

/** A reading with nothing under way, as of now. */
function seen(
  given: Partial<Observation> & { limit?: number; remaining: number; fullInMs?: number },
): Observation {
  const { limit = 60_000, remaining, fullInMs = 0, ...rest } = given
  return {
    reading: { limit, remaining, resetAt: instant + fullInMs },
    ageMs: 0,
    takenSince: 0,
    takenJustBefore: 0,
    unsettled: 0,
    serverAt: instant,
    ...rest,
  }
}

function inputMeter(
  remaining: number,
  given: { limit?: number; unsettled?: number } = {},
): ServerMeter {
  const { limit = 60_000, unsettled = 0 } = given
  return new ServerMeter(0, 'input', { limit, remaining, resetAt: instant }, unsettled)
}

// Of 60,000 a minute a reading may be off by 500 + 60,000 ÷ 600 = 600 tokens.
describe('ServerMeter', () => {
  test('begins with what is shown, less what is under way', () => {
    expect(inputMeter(40_000).level(0)).toBe(40_000)
    expect(inputMeter(40_000, { unsettled: 45_000 }).level(0)).toBe(-5000)
    expect(inputMeter(90_000).level(0)).toBe(60_000)
  })

  test('refills evenly to its limit, and waits for what it has not', () => {
    const meter = inputMeter(0)
    expect(meter.delay(0, 500)).toBe(500)
    expect(meter.level(20_000)).toBe(20_000)
    expect(meter.level(90_000)).toBe(60_000)
    meter.take(90_000, 60_000)
    expect(meter.delay(90_000, 1e6)).toBe(60_000)
  })

  // The level is 30,000 before each.
  test.each<[string, Observation, number]>([
    ['leaves alone what agrees', seen({ remaining: 30_000 }), 30_000],
    ['takes no notice of rounding', seen({ remaining: 29_400 }), 30_000],
    ['takes no notice of rounding upwards', seen({ remaining: 30_600 }), 30_000],
    ['falls to what is shown: there is other traffic', seen({ remaining: 29_000 }), 29_000],
    ['rises to the least that is shown', seen({ remaining: 40_000 }), 39_400],
    [
      'does not rise for what the server has yet to take off',
      seen({ remaining: 40_000, unsettled: 10_000 }),
      30_000,
    ],
    ['rises by what is beyond that', seen({ remaining: 50_000, unsettled: 10_000 }), 39_400],
    // 10 s ago there were 5,000; 10,000 came since.
    ['counts the refill since', seen({ remaining: 5000, ageMs: 10_000 }), 15_000],
    ['counts what was taken since', seen({ remaining: 30_000, takenSince: 12_000 }), 18_000],
    [
      'makes nothing of what overtaking may have done',
      seen({ remaining: 40_000, takenJustBefore: 9400 }),
      30_000,
    ],
    ['nor the other way', seen({ remaining: 20_000, takenJustBefore: 9400 }), 30_000],
    // 2 minutes ago it was full, 100,000 were taken and 120,000 refilled: no more than full, no less than none.
    [
      'an old reading says little',
      seen({ remaining: 60_000, ageMs: 120_000, takenSince: 100_000 }),
      30_000,
    ],
    ['a limit shown as none left is none left', seen({ remaining: 0 }), 0],
    // Full in 90 s is half a minute below zero; a second of it may be rounding.
    [
      'the time to full tells how deep below zero',
      seen({ remaining: 0, fullInMs: 91_000 }),
      -30_000,
    ],
    ['a reset in the past is no surplus', seen({ remaining: 0, fullInMs: -5e6 }), 0],
    ['a reset in a year is no debt of ours', seen({ remaining: 0, fullInMs: 3.15e10 }), -600_000],
    [
      'without a date nothing is known below zero',
      seen({ remaining: 0, fullInMs: 91_000, serverAt: undefined }),
      0,
    ],
    ['more than the limit is the limit', seen({ remaining: 1e9 }), 59_400],
    ['a tenth of the limit caps the level', seen({ limit: 6000, remaining: 6000 }), 6000],
    ['a tenfold limit gives room', seen({ limit: 600_000, remaining: 570_000 }), 568_500],
  ])('observe() %s', (_, observation, level) => {
    const meter = inputMeter(30_000)
    meter.observe(0, observation)
    expect(meter.level(0)).toBeCloseTo(level, 6)
    expect(meter.perMinute).toBe(observation.reading.limit)
  })

  test('observe() takes no notice of a reading from before the limit changed', () => {
    const meter = inputMeter(30_000)
    meter.observe(10_000, seen({ limit: 6000, remaining: 3000, ageMs: 1000 }))
    for (const late of [
      seen({ remaining: 60_000, ageMs: 2000 }),
      seen({ limit: 6000, remaining: 6000, ageMs: 1001 }),
    ]) {
      meter.observe(10_000, late)
      expect([meter.perMinute, Math.round(meter.level(10_000))]).toEqual([6000, 3100])
    }
    meter.observe(10_000, seen({ remaining: 60_000, ageMs: 1000 }))
    expect(meter.perMinute).toBe(60_000)
  })

  test('observe() of requests is exact to one and a tenth of a second', () => {
    const meter = new ServerMeter(
      0,
      'requests',
      { limit: 600, remaining: 300, resetAt: instant },
      0,
    )
    meter.observe(0, seen({ limit: 600, remaining: 298 }))
    expect(meter.level(0)).toBe(300)
    meter.observe(0, seen({ limit: 600, remaining: 297 }))
    expect(meter.level(0)).toBe(297)
  })

  // The request was of 2,000.
  test.each<[string, Observation, boolean, number]>([
    ['nothing left', seen({ remaining: 0 }), true, -600],
    ['too little left', seen({ remaining: 1000 }), true, 400],
    ['perhaps too little', seen({ remaining: 2500 }), true, 1900],
    ['enough left, whatever the rounding', seen({ remaining: 2600 }), false, 30_000],
  ])('explainsRefusal() with %s', (_, observation, explains, level) => {
    const meter = inputMeter(30_000)
    expect(meter.explainsRefusal(0, 2000, observation)).toBe(explains)
    expect(meter.level(0)).toBe(level)
  })

  test('explainsRefusal() never raises the level', () => {
    const meter = inputMeter(100)
    meter.explainsRefusal(0, 2000, seen({ remaining: 2000 }))
    expect(meter.level(0)).toBe(100)
  })

  test('explainsRefusal() of a request larger than the limit, unless the limit is full', () => {
    expect(inputMeter(30_000).explainsRefusal(0, 99_999, seen({ remaining: 59_000 }))).toBe(true)
  })

  test('delay() holds over a slice too, whatever the minute has', () => {
    const meter = inputMeter(60_000)
    // 1,000 tokens a second: a slice of 2 s holds 2,000.
    meter.take(0, 1500)
    expect(meter.delay(0, 500, 0, 2)).toBe(0)
    // A little below the rate of the refill.
    expect(meter.delay(0, 1500, 0, 2)).toBeCloseTo(1000 / 0.985, 3)
    expect(meter.delay(0, 1500)).toBe(0)
    // More than it holds runs when all of it is there.
    expect(meter.delay(0, 9000, 0, 2)).toBeCloseTo(1500 / 0.985, 3)
  })

  test('burstSeconds() is what we took and is not refilled, in seconds of refill', () => {
    const meter = inputMeter(60_000)
    expect(meter.burstSeconds(0)).toBe(0)
    meter.take(0, 3000)
    expect(meter.burstSeconds(0)).toBe(3)
    expect(meter.burstSeconds(2000)).toBe(1)
    // No reading changes it.
    meter.observe(2000, seen({ remaining: 0 }))
    expect(meter.burstSeconds(2000)).toBe(1)
    expect(meter.burstSeconds(9000)).toBe(0)
  })

  test('delay() leaves a margin, of a tenth of the capacity at most', () => {
    const meter = inputMeter(1000)
    expect(meter.delay(0, 1000)).toBe(0)
    expect(meter.delay(0, 1000, 500)).toBe(500)
    expect(meter.delay(0, 1000, 1e9)).toBe(6000)
  })

  test('a capacity that several readings in a row show to be short is believed, and its end too', () => {
    const meter = inputMeter(60_000)
    // Full in a second, with 2,000 left: 2,000 to 4,000 is all it holds.
    const short = seen({ remaining: 2000, fullInMs: 1000 })
    for (let count = 0; count < 4; count++) meter.observe(0, short)
    expect(meter.capacitySeconds).toBe(60)
    meter.observe(0, short)
    expect(meter.capacitySeconds).toBe(4.5)
    for (let count = 0; count < 5; count++) meter.observe(0, seen({ remaining: 50_000 }))
    expect(meter.capacitySeconds).toBe(60)
  })

  test('what keeps being missing is what others take, and comes off the refill', () => {
    const meter = inputMeter(30_000)
    // Others take 12,000 a minute; readings come every second.
    for (let second = 1; second <= 120; second++) {
      meter.take(second * 1000, 800)
      meter.observe(second * 1000, seen({ remaining: 30_000 }))
    }
    expect(meter.othersPerMinute).toBeGreaterThan(9000)
    expect(meter.othersPerMinute).toBeLessThan(15_000)
    // They are gone: what is there is more than was thought.
    for (let second = 121; second <= 300; second++) {
      meter.take(second * 1000, 1000)
      meter.observe(second * 1000, seen({ remaining: 30_000 }))
    }
    expect(meter.othersPerMinute).toBeLessThan(3000)
  })

  test('a level that jumps tells of no others', () => {
    const meter = inputMeter(60_000)
    meter.observe(1000, seen({ remaining: 20_000 }))
    expect([Math.round(meter.level(1000)), meter.othersPerMinute]).toEqual([20_000, 0])
  })

  test('capLevel() lowers the level, and never raises it', () => {
    const meter = inputMeter(5000)
    meter.capLevel(0, 700)
    expect(meter.level(0)).toBe(700)
    meter.capLevel(0, 900)
    expect(meter.level(0)).toBe(700)
  })
})

/** One request against the small server: what it is taken for, what it costs, and when. */
interface Sent {
  readonly estimate: number
  readonly hold: number
  readonly actual: number
  readonly arrivesAfterMs: number
  readonly takesMs: number
}

const sent = fc.record({
  waitMs: fc.nat({ max: 3000 }),
  hold: fc.nat({ max: 3000 }),
  estimate: fc.integer({ min: 1, max: 3000 }),
  actual: fc.nat({ max: 3000 }),
  arrivesAfterMs: fc.integer({ min: 1, max: 40 }),
  takesMs: fc.integer({ min: 50, max: 20_000 }),
})

/** Our meter and the server's level, fed with the same requests, with all delays between. */
class TwoSides {
  readonly server: Level
  readonly meter: ServerMeter
  readonly #happenings = new Heap<(now: number) => void>()
  #unsettled = 0
  /** What the server has taken for requests under way beyond what we have. */
  #beyond = 0
  readonly surpluses: number[] = []

  constructor(limit: number) {
    this.server = new Level(limit)
    this.meter = new ServerMeter(0, 'input', this.server.reading(0, 1000), 0)
  }

  send(now: number, { estimate, hold, actual, arrivesAfterMs, takesMs }: Sent): void {
    this.meter.take(now, estimate)
    this.#unsettled += estimate
    this.#happenings.push(now + arrivesAfterMs, (at) => {
      this.server.take(at, hold)
      this.#beyond += Math.max(0, hold - estimate)
    })
    this.#happenings.push(now + arrivesAfterMs + takesMs, (at) => {
      this.server.take(at, actual - hold)
      this.#beyond += Math.max(0, actual - estimate) - Math.max(0, hold - estimate)
    })
    // The reply is read a while after the server made it.
    const settledAt = now + takesMs + 2 * arrivesAfterMs
    let reading = this.server.reading(now, 1000)
    let serverAt = 0
    this.#happenings.push(now + arrivesAfterMs + takesMs + 1e-6, (at) => {
      reading = this.server.reading(at, 1000)
      serverAt = Math.floor(at / 1000) * 1000
    })
    this.#happenings.push(settledAt, (at) => {
      this.meter.take(at, actual - estimate)
      this.#unsettled -= estimate
      this.#beyond -= Math.max(0, actual - estimate)
      this.meter.observe(at, {
        reading,
        ageMs: 0,
        takenSince: 0,
        takenJustBefore: 0,
        unsettled: this.#unsettled,
        serverAt,
      })
      this.surpluses.push(this.meter.level(at) - this.server.at(at) - this.#beyond)
    })
  }

  until(now: number): void {
    while (this.#happenings.size > 0 && this.#happenings.nextAt <= now) {
      const at = this.#happenings.nextAt
      this.#happenings.pop()?.(at)
    }
  }

  reading(now: number): Observation {
    return {
      reading: this.server.reading(now, 1000),
      ageMs: 0,
      takenSince: 0,
      takenJustBefore: 0,
      unsettled: this.#unsettled,
      serverAt: Math.floor(now / 1000) * 1000,
    }
  }
}

describe('ServerMeter beside a server that counts in its own time', () => {
  const limit = 60_000
  // 500 of rounding and a tenth of a second; another for a reply on its way while others arrive (40 ms, 3,000 at most).
  const slack = 600 + 100 + 3000

  test('is never above the server by more than a reading may be off', () => {
    fc.assert(
      fc.property(fc.array(sent, { minLength: 5, maxLength: 120 }), (requests) => {
        const sides = new TwoSides(limit)
        let now = 0
        for (const request of requests) {
          now += request.waitMs
          sides.until(now)
          sides.send(now, request)
        }
        sides.until(Infinity)
        for (const surplus of sides.surpluses) expect(surplus).toBeLessThanOrEqual(slack)
      }),
      { numRuns: 300 },
    )
  })

  test('is never above it when others use the limit as well', () => {
    fc.assert(
      fc.property(
        fc.array(sent, { minLength: 5, maxLength: 80 }),
        fc.integer({ min: 1, max: 30_000 }),
        (requests, others) => {
          const sides = new TwoSides(limit)
          let now = 0
          for (const request of requests) {
            now += request.waitMs
            sides.until(now)
            sides.server.take(now, others / 10)
            sides.send(now, request)
          }
          // Others take while a reply is under way: 20 s at most of theirs are not seen before the last.
          sides.until(Infinity)
          now += 120_000
          sides.server.take(now, others)
          sides.meter.observe(now, sides.reading(now))
          expect(sides.meter.level(now)).toBeLessThanOrEqual(sides.server.at(now) + 600)
        },
      ),
    )
  })

  test('a level that is too low by whatever was never spent is repaired by one reading', () => {
    fc.assert(
      fc.property(
        fc.array(sent, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 2000, max: 200_000 }),
        (requests, lost) => {
          const sides = new TwoSides(limit)
          let now = 0
          for (const request of requests) {
            now += request.waitMs
            sides.until(now)
            sides.send(now, request)
          }
          sides.until(Infinity)
          now += 21_000
          sides.meter.take(now, lost)
          sides.meter.observe(now, sides.reading(now))
          expect(sides.meter.level(now)).toBeGreaterThanOrEqual(sides.server.at(now) - 2 * 600)
        },
      ),
    )
  })
})

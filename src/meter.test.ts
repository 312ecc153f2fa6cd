import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Level } from '../test/world/small-server.ts'
import { Heap } from './heap.ts'
import { amountOf, type MinuteNeed, type Observation, ServerMeter } from './meter.ts'

test.each([
  ['requests', 1],
  ['input', 30],
  ['output', 7],
  ['tokens', 37],
] as const)('amountOf() of %s', (unit, amount) => {
  expect(amountOf(unit, { input: 30, output: 7 })).toBe(amount)
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
    climbedAt: -Infinity,
    takenJustBefore: 0,
    unsettled: 0,
    serverAt: instant,
    ...rest,
  }
}

function need(amount: number, held = 0): MinuteNeed {
  return { amount, margin: 0, held }
}

function inputMeter(
  remaining: number,
  given: { limit?: number; unsettled?: number } = {},
): ServerMeter {
  const { limit = 60_000, unsettled = 0 } = given
  return new ServerMeter(0, 'input', seen({ limit, remaining }), unsettled)
}

// Of 60,000 a minute a reading may be off by 500 + 60,000 ÷ 600 = 600 tokens.
describe('ServerMeter', () => {
  test('begins with what is shown, less what is under way', () => {
    expect(inputMeter(40_000).level(0)).toBe(40_000)
    expect(inputMeter(40_000, { unsettled: 45_000 }).level(0)).toBe(-5000)
    expect(inputMeter(90_000).level(0)).toBe(60_000)
  })

  // 60,000 were there at most, and 150,000 are under way: 90,000 of these are debt.
  test.each([
    ['as deep as we made it', -90_000, -90_000],
    ['of which the server has not counted all that we take it for', -60_000, -90_000],
    ['that others made with us', -110_000, -110_000],
  ])('begins in a debt %s', (_, shown, level) => {
    // Both instants are whole seconds, so one of them is taken off.
    const debt = seen({ remaining: 0, fullInMs: 61_000 - shown })
    expect(new ServerMeter(0, 'input', debt, 150_000).level(0)).toBe(level)
  })

  test('refills evenly to its limit, and waits for what it has not', () => {
    const meter = inputMeter(0)
    // 4 s of refill are kept back for others.
    expect(meter.delay(0, { amount: 500, margin: 0, held: 0 })).toBe(4500)
    expect(meter.level(20_000)).toBe(20_000)
    expect(meter.level(90_000)).toBe(60_000)
    meter.take(90_000, 60_000)
    expect(meter.delay(90_000, { amount: 1e6, margin: 0, held: 0 })).toBe(60_000)
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
    const meter = new ServerMeter(0, 'requests', seen({ limit: 600, remaining: 300 }), 0)
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
    expect(meter.explainsRefusal(0, need(2000), observation)).toBe(explains)
    expect(meter.level(0)).toBe(level)
  })

  test('explainsRefusal() never raises the level', () => {
    const meter = inputMeter(100)
    meter.explainsRefusal(0, need(2000), seen({ remaining: 2000 }))
    expect(meter.level(0)).toBe(100)
  })

  test('explainsRefusal() of a request larger than the limit, unless the limit is full', () => {
    expect(inputMeter(30_000).explainsRefusal(0, need(99_999), seen({ remaining: 59_000 }))).toBe(
      true,
    )
  })

  test('delayOverSlice() waits for the minute and for the slice', () => {
    const meter = inputMeter(60_000)
    const none = { counted: 0, produced: 0, excess: 0 }
    // 1,000 tokens a second: of a slice of 2 s, with half a thousand to spare, 1,500 can be used.
    expect(
      meter.delayOverSlice(0, { amount: 1500, margin: 0, held: 0 }, { ...none, counted: 1500 }, 2),
    ).toBe(0)
    meter.take(0, 1500)
    const more = { ...none, counted: 500 }
    expect(meter.delayOverSlice(0, { amount: 500, margin: 0, held: 0 }, more, 2)).toBe(500)
    // The minute has 58,500.
    expect(meter.delayOverSlice(0, { amount: 59_500, margin: 0, held: 0 }, more, 2)).toBe(1000)
  })

  test('delayOverSlice() leaves output that is counted as it is produced to a slice that is shown', () => {
    const meter = new ServerMeter(0, 'output', seen({ limit: 60_000, remaining: 60_000 }), 0)
    for (let count = 0; count < 5; count++) meter.observe(0, seen({ remaining: 2000, fullInMs: 0 }))
    expect(meter.isSliceShown).toBe(true)
    const need = { amount: 9000, margin: 0, held: 0 }
    expect(meter.delay(0, need)).toBeGreaterThan(0)
    expect(meter.delayOverSlice(0, need, { counted: 0, produced: 9000, excess: 0 }, 2)).toBe(0)
  })

  test('secondsMissing() is what a refusal shows missing, with what it asked for', () => {
    const meter = inputMeter(60_000)
    const shown = { limit: 60_000, remaining: 58_000, resetAt: instant }
    // 2,000 missing, 500 of which may be rounding; 1,000 tokens a second.
    expect(meter.secondsMissing(shown, 0)).toBe(1.5)
    expect(meter.secondsMissing(shown, 700)).toBeCloseTo(2.2, 9)
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

  test('delay() waits for what is held beside, without a bound, and never beyond the brim', () => {
    const meter = inputMeter(20_000)
    // 4 s of refill are kept back for others.
    expect(meter.delay(0, need(1000, 15_000))).toBe(0)
    expect(meter.delay(0, need(1000, 20_000))).toBe(5000)
    // Together they never fit: something held must be released first.
    expect(meter.delay(0, need(30_000, 30_000))).toBe(40_000)
    expect(meter.delay(0, need(30_000, 30_001))).toBe(Infinity)
    expect(meter.delay(0, need(99_000, 1))).toBe(Infinity)
    expect(meter.delay(0, need(99_000, 0))).toBe(40_000)
  })

  // Our level is 40,000, of which 20,000 to 25,000 are held besides; a reading may be off by 600.
  test.each([
    ['all that is held', 15_000, 40_000],
    ['the least that is held', 20_500, 40_000],
    ['less than that', 25_000, 44_400],
    ['more than could be', 10_000, 35_000],
  ])('a reading with %s missing', (_, remaining, level) => {
    const meter = inputMeter(40_000)
    meter.observe(0, seen({ remaining, held: [20_000, 25_000] }))
    expect(meter.level(0)).toBe(level)
  })

  test('what is missing while much is held is not taken for what others take', () => {
    const [held, free] = [inputMeter(40_000), inputMeter(40_000)]
    held.observe(0, seen({ remaining: 17_000, held: [20_000, 21_000] }))
    free.observe(0, seen({ remaining: 38_000 }))
    expect([held.level(0), free.level(0)]).toEqual([38_000, 38_000])
    expect([held.othersPerMinute, free.othersPerMinute]).toEqual([0, 12_000])
  })

  test('a refusal leaves what was shown, and what is held besides', () => {
    const meter = inputMeter(40_000)
    expect(meter.explainsRefusal(0, need(5000, 20_000), seen({ remaining: 2000 }))).toBe(true)
    expect(meter.level(0)).toBe(21_400)
    meter.capLevel(0, need(1000, 15_000))
    expect(meter.level(0)).toBe(16_000)
  })

  test('delay() leaves a margin, of a tenth of the capacity at most', () => {
    const meter = inputMeter(1000)
    // 4 s of refill are kept back for others, whatever the margin.
    expect(meter.delay(0, { amount: 1000, margin: 0, held: 0 })).toBe(4000)
    expect(meter.delay(0, { amount: 1000, margin: 500, held: 0 })).toBe(4500)
    expect(meter.delay(0, { amount: 1000, margin: 1e9, held: 0 })).toBe(6000)
  })

  test.each([
    [4000, 7000],
    [6000, 7000],
    [8000, 7000],
    [9000, 8000],
  ])('delay() of %i keeps nothing back that a large request has waited for', (amount, ms) => {
    // 4,000 where a request is no larger than that, none where it is twice as large.
    expect(inputMeter(1000).delay(0, need(amount))).toBe(ms)
  })

  test.each([
    ['half a minute of them and more', 30, 4000],
    ['fewer', 29, 0],
    ['none', 0, 0],
  ])('delay() of a row after which come %s', (_, behind, ms) => {
    // 1,000 a second, and 1,000 each.
    expect(inputMeter(1000).delay(0, { ...need(1000), behind })).toBe(ms)
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
    meter.capLevel(0, need(700))
    expect(meter.level(0)).toBe(700)
    meter.capLevel(0, need(900))
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
    this.meter = new ServerMeter(
      0,
      'input',
      { reading: this.server.reading(0, 1000), serverAt: undefined },
      0,
    )
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
        climbedAt: -Infinity,
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
      climbedAt: -Infinity,
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

describe('ServerMeter in a climb', () => {
  // 600 a minute, ten a second; 4 s of it are kept back for others.
  function climbing(remaining: number): { meter: ServerMeter; delayMs: () => number } {
    const limit = 600
    const meter = new ServerMeter(0, 'requests', seen({ limit, remaining: 600 }), 0)
    meter.take(0, 400)
    // By the reading, of a moment ago, we had taken 200.
    const observation = { limit, remaining, takenSince: 200, climbedAt: 0, serverAt: undefined }
    meter.observe(0, seen(observation))
    return { meter, delayMs: () => meter.delay(0, need(1)) }
  }

  test('alone, it waits for nothing', () => {
    const { meter, delayMs } = climbing(400)
    expect([meter.level(0), delayMs()]).toEqual([200, 0])
  })

  test('where others took half of what we did, they are taken to go on', () => {
    const { meter, delayMs } = climbing(300)
    // 200 more of ours are in no reading: so may be 100 of theirs, and 100 are left.
    expect(meter.level(0)).toBe(100)
    expect(delayMs()).toBeCloseTo((1 + 100 + 40 - 100) * 100)
  })

  test('until readings of later show what they did', () => {
    const { meter, delayMs } = climbing(300)
    meter.observe(1000, seen({ limit: 600, remaining: 110, climbedAt: 0, serverAt: undefined }))
    expect([meter.level(1000), delayMs() - 1000]).toEqual([110, -1000])
  })
})

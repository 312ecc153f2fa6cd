import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answered, failed, refused } from '../test/world/drive.ts'
import { Limiter, type Reservation } from './limiter.ts'
import type { Cost } from './meter.ts'
import type { LimitReading, LimitReadings, Refused } from './outcome.ts'
import type { PoolLimiter } from './pool-limiter.ts'
import type { RampKind } from './ramp.ts'

const cost: Cost = { input: 1000, output: 200 }
const serverAt = 1_700_000_000_000

function reading(limit: number, remaining: number): LimitReading {
  return { limit, remaining, resetAt: serverAt + 60_000 }
}

/** Limits of 600 requests, 600,000 input and 60,000 output tokens, with this much left. */
function readings(
  left: { requests?: number; input?: number; output?: number; tokens?: LimitReading } = {},
): LimitReadings {
  const { requests = 600, input = 600_000, output = 60_000, tokens } = left
  return {
    requests: reading(600, requests),
    input: reading(600_000, input),
    output: reading(60_000, output),
    ...(tokens && { tokens }),
    serverAt,
  }
}

function limiterOf(bounds = {}, ramp: RampKind = 'off'): { limiter: Limiter; pool: PoolLimiter } {
  const limiter = new Limiter(0, { bounds, ramp })
  return { limiter, pool: limiter.pool(0, 'p') }
}

/** Starts one, is answered at once and learns from these figures. */
function ask(
  limiter: Limiter,
  pool: PoolLimiter,
  now: number,
  limits: LimitReadings | undefined,
  spent: Cost = cost,
): Reservation {
  const reservation = limiter.reserve(now, pool, cost)
  limiter.settle(now, reservation, answered({ input: spent.input, output: spent.output }))
  pool.observe(now, reservation, limits, false)
  return reservation
}

function refuse(
  pool: PoolLimiter,
  now: number,
  reservation: Reservation,
  given: Parameters<typeof refused>[0] = {},
  jitter = 1,
): void {
  const outcome = refused(given) as Refused
  pool.observe(now, reservation, outcome.limits, false)
  pool.refused(now, reservation, outcome, jitter)
}

const levelsOf = (pool: PoolLimiter, now: number): Record<string, number> =>
  Object.fromEntries(
    Object.entries(pool.levels(now)).map(([unit, shown]) => [unit, Math.round(shown.level)]),
  )

describe('PoolLimiter before the first reply', () => {
  test('two may start; then only an event can tell', () => {
    const { limiter, pool } = limiterOf({}, 'fast')
    expect(pool.heard).toBe(false)
    for (let probe = 0; probe < 2; probe++) {
      expect(pool.wait(0, cost).delayMs).toBe(0)
      limiter.reserve(0, pool, cost)
    }
    expect(pool.wait(0, cost)).toEqual({ delayMs: Infinity, binds: 'first reply' })
    expect(pool.wait(1e6, cost).delayMs).toBe(Infinity)
  })

  test('a probe that breaks lets another start', () => {
    const { limiter, pool } = limiterOf({}, 'fast')
    const probe = limiter.reserve(0, pool, cost)
    limiter.reserve(0, pool, cost)
    limiter.settle(100, probe, failed('broken', { unknown: true }))
    expect(pool.wait(100_000, cost).delayMs).toBe(0)
    expect(pool.heard).toBe(false)
  })

  test('ramp off asks nobody', () => {
    const { limiter, pool } = limiterOf({}, 'off')
    for (let sends = 0; sends < 100; sends++) limiter.reserve(0, pool, cost)
    expect([pool.heard, pool.wait(0, cost).delayMs]).toEqual([true, 0])
  })

  test('a reply without headers is a reply: it ramps from two a second', () => {
    const { limiter, pool } = limiterOf({}, 'fast')
    ask(limiter, pool, 1000, undefined)
    expect(pool.heard).toBe(true)
    limiter.reserve(1000, pool, cost)
    const { delayMs, binds } = pool.wait(1000, cost)
    expect(binds).toBe('ramp')
    expect(delayMs).toBeGreaterThan(300)
    expect(delayMs).toBeLessThan(600)
  })

  test('headers that come later are learned as well: a fifth of their refill', () => {
    const { limiter, pool } = limiterOf({}, 'fast')
    ask(limiter, pool, 0, undefined)
    ask(limiter, pool, 0, { requests: reading(6000, 5000), serverAt })
    // 100 a second ÷ 5 = 20 a second, so the next start is no further than 1 ÷ 20 s + what is owed.
    limiter.reserve(2000, pool, cost)
    expect(pool.wait(2000, cost).delayMs).toBeLessThan(50)
  })
})

describe('PoolLimiter.observe()', () => {
  test('makes a meter of each limit that is shown', () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings({ requests: 400, input: 300_000, output: 20_000 }))
    expect(levelsOf(pool, 0)).toEqual({ requests: 400, input: 300_000, output: 20_000 })
  })

  // Each binds alone: one request a tenth of a second, 10 input and 1 output token a millisecond;
  // 4 s of each are kept back for others.
  test.each([
    ['requests', { requests: 0 }, 4100],
    ['input', { input: 0 }, 4100],
    ['output', { output: 0 }, 4200],
  ] as const)('what is used up makes wait: %s', (binds, left, refillMs) => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, { ...readings(left), serverAt: serverAt - 1000 })
    // Full in 61 s from then, of which one may be rounding: the level is 0.
    expect(pool.wait(0, cost)).toEqual({ delayMs: refillMs, binds, isPace: true })
  })

  test.each([
    ['a limit of nothing', { requests: reading(0, 0) }],
    ['a limit below nothing', { requests: reading(-5, 0) }],
    ['no number', { requests: { limit: Number.NaN, remaining: 1, resetAt: 1 } }],
    ['no instant', { requests: { limit: 5, remaining: 1, resetAt: Number.NaN } }],
    ['an infinite limit', { requests: reading(Infinity, 1) }],
  ])('takes no notice of %s', (_, limits) => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, limits)
    expect(pool.levels(0)).toEqual({})
    expect(pool.wait(0, cost).delayMs).toBe(0)
    ask(limiter, pool, 0, readings({ requests: 400 }))
    ask(limiter, pool, 0, limits)
    expect(levelsOf(pool, 0)['requests']).toBe(399)
  })

  test('a combined limit that repeats input and output is none of its own', () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings({ tokens: reading(660_000, 0) }))
    expect(pool.levels(0).tokens).toBeUndefined()
  })

  test('a combined limit of its own counts input and output, until it is lifted', () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings({ tokens: reading(120_000, 100_000) }))
    limiter.reserve(0, pool, cost)
    expect(levelsOf(pool, 0)['tokens']).toBe(98_800)
    ask(limiter, pool, 0, readings({ tokens: reading(660_000, 0) }))
    expect(pool.levels(0).tokens).toBeUndefined()
  })

  test('takes off what was under way before there was a meter', () => {
    const { limiter, pool } = limiterOf()
    for (let sends = 0; sends < 9; sends++) limiter.reserve(0, pool, cost)
    ask(limiter, pool, 0, readings({ input: 300_000 }))
    expect(levelsOf(pool, 0)['input']).toBe(291_000)
  })

  test("a stream's figures are those of its start: what began since is off, what ended since is no surplus", () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings())
    const before = Array.from({ length: 100 }, () => limiter.reserve(0, pool, cost))
    // The server has seen none of those yet, and shows all there is. Ours is right to say 509,000:
    // 100,000 less, 10,000 back, and this one.
    const stream = limiter.reserve(1000, pool, cost)
    expect(levelsOf(pool, 1000)['input']).toBe(509_000)
    for (const reservation of before) limiter.settle(1100, reservation, answered({ input: 1000 }))
    for (let sends = 0; sends < 50; sends++) limiter.reserve(1100, pool, cost)
    pool.observe(1100, stream, readings(), true)
    // 50 more, and a tenth of a second.
    expect(levelsOf(pool, 1100)['input']).toBe(460_000)
  })

  test('what was sent a moment before may have arrived after: a reading proves no surplus of that', () => {
    // 100 a second; a reading may be off by 11. The server shows 40 more than we have.
    for (const [agoMs, level] of [
      [0, 3958],
      [240, 3958],
      [1000, 3987],
    ] as const) {
      const { limiter, pool } = limiterOf()
      ask(limiter, pool, 0, { requests: reading(6000, 2999), serverAt })
      limiter.reserve(8000 - agoMs, pool, cost)
      for (let sends = 0; sends < 39; sends++) limiter.reserve(10_000 - agoMs, pool, cost)
      const last = limiter.reserve(10_000, pool, cost)
      expect(levelsOf(pool, 10_000)['requests']).toBe(2999 + 1000 - 41)
      pool.observe(10_000, last, { requests: reading(6000, 3998), serverAt }, false)
      expect(levelsOf(pool, 10_000)['requests'], `${agoMs} ms ago`).toBe(level)
    }
  })

  test('requests are as of the start, however long the answer took', () => {
    const { limiter, pool } = limiterOf()
    const slow = limiter.reserve(0, pool, cost)
    ask(limiter, pool, 0, readings({ requests: 598 }))
    // Two minutes at full rate: 1,200 sent, 1,200 refilled.
    for (let sends = 0; sends < 1200; sends++) ask(limiter, pool, sends * 100, undefined)
    const before = levelsOf(pool, 120_000)['requests']
    limiter.settle(120_000, slow, answered())
    pool.observe(120_000, slow, readings({ requests: 599 }), false)
    expect(levelsOf(pool, 120_000)['requests']).toBe(before)
  })

  test('a limit that falls to a tenth holds back at once, and one that rises lets go', () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings())
    ask(limiter, pool, 0, { requests: reading(60, 0), serverAt: serverAt + 0 })
    expect(pool.levels(0).requests).toMatchObject({ limit: 60 })
    // One of 60 a minute, and four that are kept back.
    expect(pool.wait(0, cost)).toEqual({ delayMs: 5000, binds: 'requests', isPace: true })
    ask(limiter, pool, 0, { requests: reading(6000, 5990), serverAt })
    expect(pool.wait(0, cost).delayMs).toBe(0)
    expect(levelsOf(pool, 0)['requests']).toBeGreaterThan(5970)
  })
})

describe('PoolLimiter and what the server holds', () => {
  // Of 600,000 tokens of input each asks for 200,000, and 100 will count.
  const cached: Cost = { input: 100, output: 1, asked: 200_000 }

  test('a request waits for a first byte where what is held leaves no room for it', () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings(), { input: 1, output: 1 })
    const [first] = [limiter.reserve(0, pool, cached), limiter.reserve(0, pool, cached)]
    expect(pool.wait(0, cost).delayMs).toBe(0)
    limiter.reserve(0, pool, cached)
    // 300 count, 299,700 + 299,700 are held, and each asks for 200,000.
    expect(pool.wait(0, cached)).toEqual({ delayMs: Infinity, binds: 'input', isPace: true })
    expect(pool.wait(50_000, cached).delayMs).toBe(Infinity)
    pool.hold.firstByte(50_000, first.hold)
    expect(pool.wait(50_000, cached).delayMs).toBe(0)
    limiter.settle(60_000, first, answered({ input: 100, output: 1 }))
    expect(pool.wait(60_000, cached).delayMs).toBe(0)
  })

  test('a plain answer is let pass it at the instant by which streams begin', () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings(), { input: 1, output: 1 })
    pool.hold.firstByte(2000, limiter.reserve(0, pool, cached).hold)
    for (const now of [3000, 3500, 3600]) {
      pool.hold.isPlain(now, limiter.reserve(now, pool, cached).hold)
    }
    // One and a half times 2 s after the first of them.
    expect(pool.wait(4000, cached).delayMs).toBe(2000)
    expect(pool.wait(6000, cached).delayMs).toBe(0)
  })

  test('one that holds more than there can be runs when the limit is full and nothing is held', () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings({ input: 540_000 }))
    const large: Cost = { input: 100, output: 1, asked: 900_000 }
    // A tenth of a minute's refill is missing.
    expect(pool.wait(0, large).delayMs).toBe(6000)
    const other = limiter.reserve(0, pool, cached)
    expect(pool.wait(10_000, large).delayMs).toBe(Infinity)
    pool.hold.firstByte(10_000, other.hold)
    expect(pool.wait(10_000, large).delayMs).toBe(0)
  })

  test('one goes rather than wait for a hold that nobody has seen; its refusal shows it', () => {
    const { limiter, pool } = limiterOf()
    const serverLeft = (input: number): LimitReadings => readings({ input })
    ask(limiter, pool, 0, serverLeft(300_000))
    const large: Cost = { input: 100, output: 1, asked: 900_000 }
    // Its hold would fit after half a minute; its cost fits now.
    expect(pool.wait(0, large).delayMs).toBe(0)
    const trial = limiter.reserve(0, pool, large)
    expect(pool.wait(0, large).delayMs).toBe(Infinity)
    limiter.settle(100, trial, refused())
    refuse(pool, 100, trial, { limits: serverLeft(300_000), retryAfterMs: 1000 })
    expect(pool.wait(1100, large).delayMs).toBeGreaterThan(25_000)
  })

  test('no row tries a hold that costs a wait of seconds only', () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings({ input: 510_000 }))
    expect(pool.wait(0, { input: 100, output: 1, asked: 900_000 }).delayMs).toBe(9000)
  })

  test('a reading below our level by what is held lowers no level', () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings())
    limiter.reserve(0, pool, cached)
    const level = levelsOf(pool, 0)['input']
    const plain = limiter.reserve(0, pool, { input: 0, output: 1 })
    limiter.settle(0, plain, answered({ input: 0, output: 1 }))
    pool.observe(0, plain, readings({ input: 400_000 }), false)
    expect(levelsOf(pool, 0)['input']).toBe(level)
    pool.observe(0, plain, readings({ input: 300_000 }), false)
    // Now others have taken 100,000: 300,000 are left and 199,900 held, give or take 1,500.
    expect(levelsOf(pool, 0)['input']).toBe(499_900)
  })

  test.each([
    ['no limit is known', undefined, 40_000, false],
    ['a twentieth of the limit is held with it', readings(), 30_100, false],
    ['more than that is', readings(), 30_101, true],
  ])('a release must be seen where %s', (_, limits, asked, shows) => {
    const { limiter, pool } = limiterOf()
    if (limits) ask(limiter, pool, 0, limits)
    const reservation = limiter.reserve(0, pool, { input: 100, output: 1, asked })
    expect(pool.showsHold(0, reservation)).toBe(shows)
  })
})

describe('PoolLimiter.refused()', () => {
  test('makes all of the pool wait as long as it was told, and no other pool', () => {
    const { limiter, pool } = limiterOf()
    refuse(pool, 0, limiter.reserve(0, pool, cost), { retryAfterMs: 7000 })
    expect(pool.wait(0, cost)).toEqual({ delayMs: 7000, binds: 'retry-after' })
    expect(pool.wait(6999, cost).delayMs).toBe(1)
    expect(pool.wait(7000, cost).delayMs).toBe(0)
    expect(limiter.pool(0, 'q').wait(0, cost).delayMs).toBe(0)
  })

  test('believes the longest of several, hours included', () => {
    const { limiter, pool } = limiterOf()
    const [one, two] = [limiter.reserve(0, pool, cost), limiter.reserve(0, pool, cost)]
    refuse(pool, 0, one, { retryAfterMs: 3 * 3_600_000 })
    refuse(pool, 10, two, { retryAfterMs: 1000 })
    expect(pool.wait(10, cost).delayMs).toBe(3 * 3_600_000 - 10)
  })

  // Jitter of 0 and 1: half of it, and all.
  test.each([
    [undefined, 0, [500, 1000, 2000, 4000]],
    [undefined, 1, [1000, 2000, 4000, 8000]],
    [0, 1, [1000, 2000, 4000, 8000]],
  ])('told %s, waits longer each time (jitter %d)', (retryAfterMs, jitter, waits) => {
    const { limiter, pool } = limiterOf()
    let now = 0
    for (const waitMs of waits) {
      refuse(
        pool,
        now + 1,
        limiter.reserve(now, pool, cost),
        retryAfterMs === undefined ? {} : { retryAfterMs },
        jitter,
      )
      expect(pool.wait(now + 1, cost).delayMs).toBeCloseTo(waitMs, 6)
      now += 1 + waitMs
    }
  })

  test('told nothing, waits a minute at most, and begins anew after an answer', () => {
    const { limiter, pool } = limiterOf()
    for (let time = 0; time < 20; time++)
      refuse(pool, time * 100_000 + 1, limiter.reserve(time * 100_000, pool, cost))
    expect(pool.wait(1_900_001, cost).delayMs).toBe(60_000)
    pool.answered(1_950_000, limiter.reserve(1_940_000, pool, cost))
    refuse(pool, 2_000_001, limiter.reserve(2_000_000, pool, cost))
    expect(pool.wait(2_000_001, cost).delayMs).toBe(1000)
  })

  test('what was under way together and is refused together counts once', () => {
    const { limiter, pool } = limiterOf()
    const together = Array.from({ length: 50 }, () => limiter.reserve(0, pool, cost))
    for (const reservation of together) refuse(pool, 5, reservation)
    expect(pool.wait(5, cost).delayMs).toBe(1000)
  })

  test('adopts the headers it came with', () => {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, readings({ input: 300_000 }))
    const reservation = limiter.reserve(0, pool, cost)
    limiter.settle(5, reservation, refused())
    refuse(pool, 5, reservation, {
      retryAfterMs: 1,
      limits: { ...readings({ input: 0 }), serverAt: serverAt - 1000 },
    })
    // 500 of rounding and a tenth of a second below none.
    expect(levelsOf(pool, 5)['input']).toBe(-1500)
    expect(pool.wait(6, cost)).toMatchObject({ binds: 'input' })
  })

  test('explained by a limit that is used up, teaches nothing of the ramp or of slices', () => {
    const { limiter, pool } = limiterOf({}, 'fast')
    ask(limiter, pool, 0, { requests: reading(60_000, 60_000), serverAt })
    const reservation = limiter.reserve(1, pool, cost)
    refuse(pool, 2, reservation, {
      retryAfterMs: 1,
      limits: { requests: reading(60_000, 0), serverAt: serverAt + 60_000 },
    })
    // 200 a second as before: a quarter second's worth is in hand soon.
    ask(limiter, pool, 3000, { requests: reading(60_000, 60_000), serverAt })
    expect(burstOf(limiter, pool, 3500)).toBeGreaterThanOrEqual(40)
  })

  test('unexplained in a climb, halves the rate, once for what was under way together', () => {
    const { limiter, pool } = limiterOf({}, 'fast')
    ask(limiter, pool, 0, { requests: reading(60_000, 60_000), serverAt })
    for (const reservation of [1, 2, 3].map(() => limiter.reserve(1, pool, cost))) {
      refuse(pool, 2, reservation, {
        retryAfterMs: 1000,
        code: 'ramp_limit_exceeded',
        limits: { requests: reading(60_000, 59_000), serverAt },
      })
    }
    // 200 a second halved is 100, growing by a fifth in the second it waits; a quarter second's worth.
    const burst = burstOf(limiter, pool, 1002)
    expect(burst).toBeGreaterThanOrEqual(24)
    expect(burst).toBeLessThanOrEqual(31)
  })

  test('unexplained in a climb a second time, is a limit over less than a minute as well', () => {
    const { limiter, pool } = limiterOf({}, 'fast')
    const limits = { requests: reading(60, 59), serverAt }
    ask(limiter, pool, 0, limits)
    refuse(pool, 1, limiter.reserve(0.5, pool, cost), { retryAfterMs: 100, limits })
    // The ramp has two in hand after a pause; a limit of one a second has one.
    expect(burstOf(limiter, pool, 20_000)).toBe(2)
    refuse(pool, 40_002, limiter.reserve(40_001, pool, cost), { retryAfterMs: 100, limits })
    expect(burstOf(limiter, pool, 60_000)).toBe(1)
  })

  test('unexplained without a climb, is a limit over less than a minute', () => {
    const { limiter, pool } = limiterOf({}, 'off')
    ask(limiter, pool, 0, { requests: reading(6000, 6000), serverAt })
    ask(limiter, pool, 3_600_000, { requests: reading(6000, 6000), serverAt })
    expect(pool.wait(3_610_000, cost).delayMs).toBe(0)
    const reservation = limiter.reserve(3_610_000, pool, cost)
    refuse(pool, 3_610_001, reservation, {
      retryAfterMs: 1,
      limits: { requests: reading(6000, 5900), serverAt },
    })
    // 100 were missing, and one more was too many. So of 100 a second the slice holds less than 1.01
    // seconds' worth, and a tenth and a twentieth of a second less to be safe: 85.9, of which one is
    // set aside.
    expect(burstOf(limiter, pool, 3_612_000)).toBe(84)
    expect(pool.wait(3_612_000, cost)).toMatchObject({ binds: 'requests' })
    expect(pool.levels(3_612_000).requests?.level).toBeGreaterThan(5000)
  })

  test('what is to be waited for is a debt, and no part of the slice', () => {
    const { limiter, pool } = limiterOf({}, 'off')
    ask(limiter, pool, 0, { requests: reading(6000, 6000), serverAt })
    ask(limiter, pool, 3_600_000, { requests: reading(6000, 6000), serverAt })
    refuse(pool, 3_610_001, limiter.reserve(3_610_000, pool, cost), {
      retryAfterMs: 3000,
      limits: { requests: reading(6000, 5700), serverAt },
    })
    // Three seconds' worth is missing, of which more than two must come before one fits.
    expect(burstOf(limiter, pool, 3_617_000)).toBe(84)
  })

  test('a slice holds less than a minute, so that less of it held must be seen', () => {
    const { limiter, pool } = limiterOf({}, 'off')
    ask(limiter, pool, 0, readings())
    // Ten requests a second, and ten are missing: 0.85 s, or 8,500 input tokens.
    refuse(pool, 100_001, limiter.reserve(100_000, pool, cost), {
      retryAfterMs: 1,
      limits: readings({ requests: 590 }),
    })
    const less = limiter.reserve(110_000, pool, { input: 100, output: 1, asked: 520 })
    expect(pool.showsHold(110_000, less)).toBe(false)
    const more = limiter.reserve(110_000, pool, { input: 100, output: 1, asked: 110 })
    expect(pool.showsHold(110_000, more)).toBe(true)
  })

  test('where it is output that was short, what is produced of streams is followed', () => {
    const { limiter, pool } = limiterOf({}, 'off')
    // Of 1,000 tokens a second, 2,000 are missing; of all else nothing.
    ask(limiter, pool, 0, readings({ output: 60_000 }))
    expect(pool.showsProgress).toBe(false)
    refuse(pool, 100_001, limiter.reserve(100_000, pool, cost), {
      retryAfterMs: 1,
      limits: readings({ output: 58_000 }),
    })
    pool.wait(110_000, cost)
    expect(pool.showsProgress).toBe(true)
    const streamed = limiter.reserve(110_000, pool, cost)
    expect(pool.wait(110_000, cost).delayMs).toBe(0)
    // 4 characters a token, until an answer tells: 3,000 tokens are more than the slice holds.
    streamed.progress?.read(12_000)
    expect(pool.wait(110_000, cost)).toMatchObject({ binds: 'output', isPace: true })
    // It turns out to have been 10.
    limiter.settle(110_000, streamed, answered({ input: 5, output: 10 }))
    expect(pool.wait(110_000, cost).delayMs).toBe(0)
  })

  test('where it was not output, streams are not needed', () => {
    const { limiter, pool } = limiterOf({}, 'off')
    ask(limiter, pool, 0, readings({}))
    refuse(pool, 100_001, limiter.reserve(100_000, pool, cost), {
      retryAfterMs: 1,
      limits: readings({ requests: 590 }),
    })
    pool.wait(110_000, cost)
    expect(pool.showsProgress).toBe(false)
  })
})

/** How many start at this instant. */
function burstOf(limiter: Limiter, pool: PoolLimiter, now: number): number {
  let burst = 0
  for (; pool.wait(now, cost).delayMs === 0 && burst < 10_000; burst++)
    limiter.reserve(now, pool, cost)
  return burst
}

describe('PoolLimiter after an interruption', () => {
  test('forget() probes again, and waits for nothing that was', () => {
    const { limiter, pool } = limiterOf({}, 'fast')
    ask(limiter, pool, 0, readings({ requests: 1 }))
    refuse(pool, 1, limiter.reserve(1, pool, cost), { retryAfterMs: 1e6 })
    pool.forget(50_000)
    expect([pool.heard, pool.levels(50_000)]).toEqual([false, {}])
    expect(pool.wait(50_000, cost).delayMs).toBe(0)
  })

  test('forget() with the ramp off goes on without probes', () => {
    const { limiter, pool } = limiterOf({}, 'off')
    ask(limiter, pool, 0, readings())
    pool.forget(50_000)
    for (let sends = 0; sends < 100; sends++) limiter.reserve(50_000, pool, cost)
    expect([pool.heard, pool.wait(50_000, cost).delayMs]).toEqual([true, 0])
  })

  test('what was under way when all was forgotten still settles', () => {
    const { limiter, pool } = limiterOf()
    const old = limiter.reserve(0, pool, cost)
    pool.forget(50_000)
    ask(limiter, pool, 50_000, readings({ input: 300_000 }))
    limiter.settle(50_000, old, failed('broken'))
    expect(levelsOf(pool, 50_000)['input']).toBe(300_000)
  })

  test('recover() goes on at half the rate there was, and climbs from there', () => {
    const { limiter, pool } = limiterOf({}, 'fast')
    ask(limiter, pool, 0, { requests: reading(60_000, 60_000), serverAt })
    pool.recover(10_000, 40)
    let starts = 0
    for (let now = 10_000; now < 11_000; now += 10) starts += burstOf(limiter, pool, now)
    // 20 a second, doubling: 20 ÷ ln 2 = 28.9 in the first.
    expect(starts).toBeGreaterThanOrEqual(27)
    expect(starts).toBeLessThanOrEqual(31)
  })

  test('recover() with the ramp off does not begin one', () => {
    const { limiter, pool } = limiterOf({}, 'off')
    pool.recover(0, 1)
    expect(burstOf(limiter, pool, 0)).toBe(10_000)
  })
})

test('a wait that is waited for is over, whatever happened before and however late the hour', () => {
  const step = fc.record({
    waitMs: fc.nat({ max: 20_000 }),
    input: fc.nat({ max: 20_000 }),
    output: fc.nat({ max: 2000 }),
    left: fc.nat({ max: 600 }),
    ends: fc.constantFrom('answered', 'refused', 'broken', 'hangs'),
    retryAfterMs: fc.option(fc.nat({ max: 30_000 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 30 }),
      fc.constantFrom(0, 1e6, 1e9),
      fc.constantFrom<RampKind>('fast', 'gentle', 'off'),
      (steps, start, ramp) => {
        const limiter = new Limiter(start, {
          bounds: { requestsPerMinute: 50, inputTokensPerMinute: 60_000 },
          ramp,
        })
        const pool = limiter.pool(start, 'p')
        let now = start
        for (const { waitMs, input, output, left, ends, retryAfterMs } of steps) {
          const asked = { input, output }
          // Of retry-after, the meters and the bounds each may be the longest once.
          for (let waits = 0; ; waits++) {
            const own = pool.wait(now, asked).delayMs
            const delayMs = own > 0 ? own : limiter.wait(now, asked).delayMs
            if (delayMs === Infinity) return
            if (delayMs === 0) break
            expect(now + delayMs).toBeGreaterThan(now)
            expect(waits).toBeLessThan(3)
            now += delayMs
          }
          const reservation = limiter.reserve(now, pool, asked)
          now += waitMs
          if (ends === 'hangs') continue
          const limits = { ...readings({ requests: left }), serverAt }
          const outcome =
            ends === 'refused'
              ? refused({ limits, ...(retryAfterMs !== undefined && { retryAfterMs }) })
              : ends === 'answered'
                ? answered({ input, output })
                : failed('broken', { unknown: true })
          limiter.settle(now, reservation, outcome)
          if (ends !== 'broken') pool.observe(now, reservation, limits, false)
          if (outcome.kind === 'refused') pool.refused(now, reservation, outcome, 0.5)
          if (ends === 'answered') pool.answered(now, reservation)
        }
      },
    ),
  )
})

describe('PoolLimiter and requests that wait for a connection', () => {
  const shownTo = (requests: number): LimitReadings => ({
    requests: reading(600, requests),
    serverAt,
  })

  // 600 a minute are ten a second. 400 are left; 100 start, and one more just behind them.
  function overtaken(): { limiter: Limiter; pool: PoolLimiter; slow: Reservation[] } {
    const { limiter, pool } = limiterOf()
    ask(limiter, pool, 0, shownTo(400))
    const slow = Array.from({ length: 100 }, () => limiter.reserve(10_000, pool, cost))
    for (const each of slow) pool.waits(each)
    const quick = limiter.reserve(11_000, pool, cost)
    pool.observe(11_500, quick, shownTo(509), false)
    return { limiter, pool, slow }
  }

  test('a reply to one that overtook them raises no level', () => {
    // 400 + 11.5 s of refill, less 101.
    expect(levelsOf(overtaken().pool, 11_500)['requests']).toBe(414)
  })

  test('but one to a request that went out behind them does', () => {
    const { limiter, pool, slow } = overtaken()
    for (const each of slow) pool.sent(12_000, each)
    // They may be as slow to arrive: 400 + 12.5 s of refill, less 102.
    pool.observe(12_500, limiter.reserve(12_500, pool, cost), shownTo(523), false)
    expect(levelsOf(pool, 12_500)['requests']).toBe(423)
    for (const each of slow) limiter.settle(12_900, each, failed('broken'))
    const next = limiter.reserve(13_000, pool, cost)
    // None of the hundred was counted. They went out more than a quarter of a second before.
    pool.observe(13_000, next, shownTo(528), false)
    expect(levelsOf(pool, 13_000)['requests']).toBeGreaterThan(520)
  })

  test('their own reply speaks of when they went out', () => {
    const { limiter, pool, slow } = overtaken()
    const [first] = slow as [Reservation]
    pool.sent(13_000, first)
    limiter.settle(13_100, first, answered({ input: 1, output: 1 }))
    // 99 more are to come: 400 + 13.1 s of refill - 101 at 13.1 s. From others: 50.
    pool.observe(13_100, first, shownTo(479), false)
    expect(levelsOf(pool, 13_100)['requests']).toBe(381)
  })
})

test('after a climb nothing goes out in one burst: a quarter second of twice the refill', () => {
  const { limiter, pool } = limiterOf({}, 'fast')
  ask(limiter, pool, 0, { requests: reading(600, 600), serverAt })
  for (let now = 0; now < 6000; now += 5) burstOf(limiter, pool, now)
  // Then nothing is asked for three seconds. Ten are refilled a second, and some 400 are left.
  expect(levelsOf(pool, 9000)['requests']).toBeGreaterThan(300)
  expect(burstOf(limiter, pool, 9000)).toBe(5)
})

import { describe, expect, test } from 'vitest'
import { answered, rowOf } from '../test/world/drive.ts'
import { Backlog } from './backlog.ts'
import { Limiter } from './limiter.ts'
import type { Cost } from './meter.ts'
import { Pool, Pools } from './pool.ts'
import { Random } from './random.ts'
import type { RampKind } from './ramp.ts'
import { UnderWay } from './under-way.ts'
import type { Attempt, Work } from './work.ts'

const cost: Cost = { input: 300, output: 100 }
const random = new Random(1)

/** A pool, and what starts its tries. */
class Bench {
  readonly limiter: Limiter
  readonly pool: Pool
  readonly underWay = new UnderWay({ maxConcurrency: 10_000, maxInFlightBytes: 1e9 })
  #numbers = 0

  constructor(given: { timeoutMs?: number; maxRowTimeMs?: number; ramp?: RampKind } = {}) {
    const { ramp = 'off', ...times } = given
    this.limiter = new Limiter(0, { bounds: {}, ramp })
    this.pool = new Pool(this.limiter.pool(0, 'm'), {
      timeoutMs: 600_000,
      maxRowTimeMs: Infinity,
      ...times,
    })
  }

  start(now: number, work: Work = rowOf(this.#numbers), expected = cost): Attempt {
    const reservation = this.limiter.reserve(now, this.pool.limiter, expected)
    return this.pool.start(now, {
      number: ++this.#numbers,
      work,
      cost: expected,
      reservation,
      caching: undefined,
    })
  }

  answer(now: number, attempt: Attempt, output = 100): void {
    const outcome = answered({ output })
    this.pool.ended(attempt)
    this.limiter.settle(now, attempt.reservation, outcome)
    if (outcome.kind === 'answered') this.pool.answered(now, attempt, outcome)
  }

  /** Five of five rows break at this instant. */
  breakDown(now: number): void {
    for (let row = 0; row < 5; row++) {
      const attempt = this.start(now - 1, rowOf(row))
      this.pool.ended(attempt)
      this.pool.broke(now, attempt, this.underWay, random)
    }
  }
}

/** What may be so long is streamed. */
const long = (): Work => rowOf(1, { maxTokens: 16_000 })

describe('Pool.overdue()', () => {
  /** The first instant, to the second, at which a try started at 0 is overdue, and why. */
  function overdueAt(bench: Bench, attempt: Attempt): readonly [number, string] | undefined {
    for (let second = 0; second <= 4000; second++) {
      const reason = bench.pool.overdue(second * 1000, attempt)
      if (reason) return [second, reason]
    }
    return undefined
  }

  test('a plain answer has until --timeout while nothing is known', () => {
    const bench = new Bench()
    expect(overdueAt(bench, bench.start(0))).toEqual([600, 'attempt_timeout'])
  })

  test('a plain answer has a minute when they are usually quick, also one that started before that was known', () => {
    const bench = new Bench()
    const attempt = bench.start(0)
    for (let answer = 0; answer < 50; answer++) bench.answer(500, bench.start(0))
    expect(overdueAt(bench, attempt)).toEqual([60, 'attempt_timeout'])
  })

  test('a plain answer has five times the p99 for as many tokens as it may have', () => {
    const bench = new Bench()
    for (let answer = 0; answer < 50; answer++) bench.answer(20_000, bench.start(0))
    // 200 ms a token, of which there may be 100.
    expect(overdueAt(bench, bench.start(0, rowOf(9, { maxTokens: 100 })))).toEqual([
      100,
      'attempt_timeout',
    ])
    expect(overdueAt(bench, bench.start(0, rowOf(9, { maxTokens: 8000 })))).toEqual([
      600,
      'attempt_timeout',
    ])
  })

  test('a stream must show its first byte in half a minute', () => {
    const bench = new Bench()
    expect(overdueAt(bench, bench.start(0, long()))).toEqual([30, 'first_byte_timeout'])
  })

  test('a stream has five times the p99 when first bytes are slow', () => {
    const bench = new Bench()
    for (let answer = 0; answer < 50; answer++) bench.pool.firstByte(8000, bench.start(0))
    expect(overdueAt(bench, bench.start(0, long()))).toEqual([40, 'first_byte_timeout'])
  })

  test('a stream that began must not be silent for a minute', () => {
    const bench = new Bench()
    const attempt = bench.start(0, long())
    attempt.headAt = 5000
    attempt.lastByteAt = 47_000
    expect(overdueAt(bench, attempt)).toEqual([107, 'idle_timeout'])
  })

  test('a stream that flows has until --timeout, and no longer', () => {
    const bench = new Bench({ timeoutMs: 90_000 })
    const attempt = bench.start(0, long())
    attempt.headAt = 5000
    attempt.lastByteAt = 89_999
    expect(overdueAt(bench, attempt)).toEqual([90, 'attempt_timeout'])
  })

  test('all tries of a row have --max-row-time together', () => {
    const bench = new Bench({ maxRowTimeMs: 100_000 })
    const work = rowOf(1)
    work.firstAskedAt = -70_000
    const attempt = bench.start(0, work)
    expect(overdueAt(bench, attempt)).toEqual([30, 'row_timeout'])
    expect(bench.pool.isRowOverdue(29_999, work)).toBe(false)
    expect(bench.pool.isRowOverdue(30_000, work)).toBe(true)
  })

  test('a row that was never asked is not overdue', () => {
    expect(new Bench({ maxRowTimeMs: 1 }).pool.isRowOverdue(1e9, rowOf(1))).toBe(false)
  })
})

describe('Pool.start() streams', () => {
  test.each([
    [8192, false],
    [8193, true],
  ])('max_tokens of %i: %j', (maxTokens, streams) => {
    expect(new Bench().start(0, rowOf(1, { maxTokens })).stream).toBe(streams)
  })

  test('what is expected to take more than 20 s', () => {
    const bench = new Bench()
    for (let answer = 0; answer < 5; answer++) bench.answer(5000, bench.start(0))
    // 50 ms a token.
    expect(bench.start(0, rowOf(1), { input: 1, output: 400 }).stream).toBe(false)
    expect(bench.start(0, rowOf(1), { input: 1, output: 401 }).stream).toBe(true)
  })

  test('probes, of a pool that was not heard and in an outage', () => {
    expect(new Bench({ ramp: 'fast' }).start(0).stream).toBe(true)
    const bench = new Bench()
    bench.breakDown(1000)
    expect(bench.start(2000)).toMatchObject({ stream: true, probe: true })
  })
})

describe('Pool and what the server holds', () => {
  const cached = { input: 100, output: 100, asked: 10_100 }
  const limits = {
    input: { limit: 100_000, remaining: 100_000, resetAt: 1_700_000_000_000 },
    serverAt: 1_700_000_000_000,
  }

  test('what holds more than a twentieth of the limit is streamed, and released at its first byte', () => {
    const bench = new Bench()
    const { limiter } = bench.pool
    const before = bench.start(0, rowOf(0), cached)
    expect(before.stream).toBe(false)
    bench.answer(1000, before)
    limiter.observe(1000, before.reservation, limits, false)
    const attempt = bench.start(1000, rowOf(1), cached)
    expect([attempt.stream, limiter.hold.amount(1000)]).toEqual([true, 10_000])
    bench.pool.firstByte(1400, attempt)
    expect(limiter.hold.amount(1400)).toBe(0)
    // A small one is plain, and released after one and a half times as long.
    const small = bench.start(2000, rowOf(2), { ...cached, asked: 1100 })
    expect([small.stream, limiter.hold.amount(2599)]).toEqual([false, 1000])
    expect(limiter.hold.amount(2600)).toBe(0)
  })
})

describe('Pool in an outage', () => {
  test('lets one probe start, after its wait, and another only when that has ended', () => {
    const bench = new Bench()
    const old = bench.start(0)
    bench.breakDown(1000)
    expect(bench.pool.inOutage).toBe(true)
    const { delayMs, binds } = bench.pool.wait(1000, cost)
    expect(binds).toBe('outage')
    expect(delayMs).toBeGreaterThanOrEqual(500)
    const at = 1000 + delayMs
    // What was asked before may hang for minutes: it does not keep the probe from starting.
    expect(bench.pool.wait(at, cost).delayMs).toBe(0)
    const probe = bench.start(at)
    expect(bench.pool.wait(at + 60_000, cost)).toEqual({ delayMs: Infinity, binds: 'outage' })
    bench.pool.ended(old)
    expect(bench.pool.wait(at + 60_000, cost).delayMs).toBe(Infinity)
    bench.pool.ended(probe)
    expect(bench.pool.broke(at + 60_000, probe, bench.underWay, random)).toBe(false)
    expect(bench.pool.wait(at + 62_000, cost).delayMs).toBe(0)
  })

  test('is over when a probe is answered', () => {
    const bench = new Bench()
    bench.breakDown(1000)
    bench.answer(6000, bench.start(5000))
    expect(bench.pool.inOutage).toBe(false)
    expect(bench.pool.wait(6000, cost).delayMs).toBe(0)
  })

  test('begins again at half the rate there was before, whatever trickled in meanwhile', () => {
    const bench = new Bench({ ramp: 'fast' })
    const heard = bench.start(0)
    bench.pool.limiter.observe(0, heard.reservation, undefined, false)
    bench.answer(0, heard)
    const late = bench.start(900)
    for (let second = 1; second <= 10; second++) {
      for (let answer = 0; answer < 40; answer++)
        bench.answer(second * 1000, bench.start(second * 1000 - 1))
      bench.pool.countRate(1)
    }
    bench.breakDown(11_000)
    bench.answer(12_000, late)
    bench.pool.countRate(1)
    expect(bench.pool.inOutage).toBe(true)
    bench.answer(20_000, bench.start(19_000))
    let starts = 0
    for (let now = 20_000; now < 21_000; now += 10) {
      for (; bench.pool.wait(now, cost).delayMs === 0; starts++) bench.start(now)
    }
    // 20 a second, doubling: 28.9 in the first.
    expect(starts).toBeGreaterThanOrEqual(27)
    expect(starts).toBeLessThanOrEqual(31)
  })
})

describe('Pool in congestion', () => {
  test('waits until tries end', () => {
    const bench = new Bench()
    const attempts = Array.from({ length: 100 }, (_, row) => bench.start(1, rowOf(row)))
    for (const [index, attempt] of attempts.slice(0, 24).entries()) {
      bench.pool.ended(attempt)
      if (index % 3 === 2) bench.pool.replied(2, attempt)
      else bench.pool.broke(2, attempt, bench.underWay, random)
    }
    // Two of three broke: cut once, to four fifths of what was under way, 76 at least.
    const { delayMs, binds } = bench.pool.wait(2, cost)
    expect([delayMs, binds]).toEqual([Infinity, 'congestion'])
    for (const attempt of attempts.slice(24, 44)) bench.pool.ended(attempt)
    expect(bench.pool.wait(2, cost).delayMs).toBe(0)
  })

  test('a pool of which much lives on is in no outage, whatever fails', () => {
    const bench = new Bench()
    for (let time = 0; time < 100; time++) {
      bench.underWay.add(bench.start(time, rowOf(time)))
      if (time % 6 !== 5) continue
      const attempt = bench.start(time, rowOf(1000 + time))
      bench.pool.ended(attempt)
      expect(bench.pool.broke(time + 1, attempt, bench.underWay, random)).toBe(true)
    }
    expect(bench.pool.wait(100, cost).delayMs).toBe(0)
  })

  test('takes no notice of rows that break again and again while others are answered', () => {
    const bench = new Bench()
    const rows = Array.from({ length: 4 }, (_, row) => rowOf(row))
    for (const [time, row] of rows.entries()) {
      const attempt = bench.start(time, row)
      bench.pool.ended(attempt)
      expect(bench.pool.broke(time, attempt, bench.underWay, random)).toBe(true)
    }
    bench.answer(20, bench.start(10))
    for (let time = 30; time < 90; time++) {
      const attempt = bench.start(time, rows[time % 4])
      bench.pool.ended(attempt)
      expect(bench.pool.broke(time, attempt, bench.underWay, random)).toBe(true)
    }
    expect(bench.pool.wait(90, cost).delayMs).toBe(0)
  })
})

describe('Pools', () => {
  test('gives the oldest row of all pools, but of those passed over', () => {
    const pools = new Pools(new Limiter(0, { bounds: {}, ramp: 'off' }), {
      timeoutMs: 1,
      maxRowTimeMs: 1,
    })
    const backlog = new Backlog({
      windowRowsMax: 10,
      windowBytesMax: 1e6,
      windowBodiesBytesMax: 1e6,
    })
    for (const [sequence, pool] of ['b', 'a', 'c'].entries()) {
      const work = rowOf(sequence, { pool })
      expect(pools.of(0, work)).toBe(pools.of(5, work))
      backlog.add(work)
    }
    expect(pools.oldest(0, 1, backlog)?.work.sequence).toBe(0)
    pools.of(0, rowOf(0, { pool: 'b' })).passOver(1)
    expect(pools.oldest(0, 1, backlog)?.pool.limiter.name).toBe('a')
    expect(pools.oldest(0, 2, backlog)?.work.sequence).toBe(0)
    for (const pool of ['a', 'b', 'c']) {
      const work = backlog.head(0, pool)
      if (work !== undefined) backlog.take(work)
    }
    expect(pools.oldest(0, 3, backlog)).toBeUndefined()
    expect([...pools.all].length).toBe(3)
  })
})

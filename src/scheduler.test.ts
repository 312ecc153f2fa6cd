import { describe, expect, test } from 'vitest'
import {
  answered,
  type Answerer,
  drive,
  failed,
  final,
  type History,
  pointsOf,
  refused,
  replying,
  rowOf,
  rowsOf,
} from '../test/world/drive.ts'
import { RunError } from './errors.ts'
import type { LimitReading, Outcome, RunStop } from './outcome.ts'
import { Random } from './random.ts'

const stop = new RunError('INTERRUPTED', 'Stopped as asked')

/** Every try is answered after this long. */
function always(afterMs: number, outcome: Outcome = answered()): Answerer {
  return replying(() => ({ afterMs, outcome }))
}

/** How many rows ended in each way. */
function count(history: History): Record<'succeed' | 'fail' | 'leave', number> {
  const counts = { succeed: 0, fail: 0, leave: 0 }
  for (const { how } of history.settled.values()) counts[how] += 1
  return counts
}

/** When a row was started, each time. */
function startsOf(history: History, row: number): readonly number[] {
  return history.starts.filter(({ attempt }) => attempt.work.sequence === row).map(({ at }) => at)
}

function requests(limit: number, remaining: number): { requests: LimitReading } {
  return { requests: { limit, remaining, resetAt: 0 } }
}

/** The most starts in any 60 s, wherever they begin. */
function mostInAnyMinute(history: History): number {
  const at = history.starts.map((start) => start.at)
  let most = 0
  for (let first = 0, last = 0; last < at.length; last++) {
    while ((at[first] ?? 0) <= (at[last] ?? 0) - 60_000) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

describe('the start', () => {
  test('a row that asks for no tokens is never streamed', () => {
    const rows = [rowOf(0, { maxTokens: 0 }), rowOf(1)]
    const { starts } = drive({ rows, options: { ramp: 'fast' }, answer: always(1000) })
    expect(starts.map(({ attempt }) => attempt.stream)).toEqual([false, true])
  })

  test('two streamed probes, then nothing until one is heard, then the ramp', () => {
    const history = drive({
      rows: rowsOf(40),
      options: { ramp: 'fast' },
      answer: replying(() => ({
        headAfterMs: 1000,
        headLimits: requests(60_000, 60_000),
        afterMs: 5000,
        outcome: answered(),
      })),
    })
    const [first, second, third] = history.starts
    expect([first?.at, second?.at, third?.at]).toEqual([0, 0, 1000])
    expect(history.starts.map(({ attempt }) => attempt.stream)).toEqual([
      true,
      true,
      ...Array.from({ length: 38 }, () => false),
    ])
    // A fifth of 1,000 a second: the other 37 within a quarter of a second.
    expect(history.starts.at(-1)?.at).toBeGreaterThan(1100)
    expect(history.starts.at(-1)?.at).toBeLessThan(1250)
    expect(history.binds).toContain('first reply')
  })

  test('doubles from two a second when no limit is shown', () => {
    const history = drive({ rows: rowsOf(100), options: { ramp: 'fast' }, answer: always(10) })
    const inSecond = (second: number): number =>
      history.starts.filter(({ at }) => Math.floor((at - 10) / 1000) === second).length
    // 2^(k+1) ÷ ln 2 in second k: 2.9, 5.8, 11.5, 23.
    expect(
      [0, 1, 2, 3]
        .map(inSecond)
        .map((starts, second) => Math.abs(starts - 2 ** (second + 1) / Math.LN2) <= 2),
    ).toEqual([true, true, true, true])
  })

  test('ramp off starts all at once', () => {
    const history = drive({ rows: rowsOf(500), answer: always(1000) })
    expect(history.finishedAt).toBe(1000)
    expect(history.mostInFlight).toBe(500)
  })

  test('a probe that is refused, broken or hung does not keep the run from going on', () => {
    for (const outcome of [
      refused({ retryAfterMs: 2000 }),
      failed('overloaded'),
      failed('broken', { status: 0 }),
      undefined,
    ]) {
      const history = drive({
        rows: rowsOf(20),
        options: { ramp: 'fast' },
        answer: replying((attempt) =>
          attempt.number <= 2
            ? { afterMs: 50, ...(outcome && { outcome }) }
            : { afterMs: 50, outcome: answered() },
        ),
      })
      expect(count(history)).toEqual({ succeed: 20, fail: 0, leave: 0 })
    }
  })

  test('rows are asked in their order', () => {
    const history = drive({
      rows: rowsOf(300),
      options: { bounds: { requestsPerMinute: 1000 } },
      answer: always(700),
    })
    expect(history.starts.map(({ attempt }) => attempt.work.sequence)).toEqual(
      Array.from({ length: 300 }, (_, row) => row),
    )
  })
})

describe("the user's bounds", () => {
  test.each([5, 40, 1000])(
    '%i requests a minute hold for any 60 s, retries included, and are used',
    (requestsPerMinute) => {
      // A tenth breaks, a tenth is refused, each once.
      const history = drive({
        rows: rowsOf(requestsPerMinute * 4),
        options: { bounds: { requestsPerMinute } },
        lateMsMax: 2,
        answer: replying(({ work, number }) => {
          const again = number > work.sequence + 1 && work.lastAttempt?.number !== number
          const kind = work.sequence % 10
          const isFirst = work.attempts === 0 && work.unknownAttempts === 0
          if (kind === 3 && isFirst && !again)
            return { afterMs: 300, outcome: failed('broken', { unknown: true }) }
          return { afterMs: 700, outcome: answered() }
        }),
      })
      expect(count(history).succeed).toBe(requestsPerMinute * 4)
      expect(mostInAnyMinute(history)).toBeLessThanOrEqual(requestsPerMinute)
      // Four minutes of rows and a tenth more of tries, in the time they need and a second for each minute.
      const lastAt = history.starts.at(-1)?.at ?? 0
      const needed = ((history.starts.length - 1) / requestsPerMinute) * 60_000
      expect(lastAt).toBeLessThanOrEqual(needed * 1.02 + 1000)
    },
  )

  test('input tokens hold by estimate, and the estimate is learned', () => {
    const inputTokensPerMinute = 60_000
    const history = drive({
      rows: rowsOf(300),
      options: { bounds: { inputTokensPerMinute } },
      answer: always(700, answered({ input: 400 })),
    })
    const sends = history.starts.map(({ at, attempt }) => ({ at, input: attempt.cost.input }))
    // What was thought to cost 300 cost 400; after the first answers, all is known.
    expect(sends.at(-1)?.input).toBe(400)
    for (const { at } of sends) {
      const within = sends.filter((send) => send.at <= at && send.at > at - 60_000)
      expect(within.reduce((sum, { input }) => sum + input, 0)).toBeLessThanOrEqual(
        inputTokensPerMinute,
      )
    }
    // 300 × 400 ÷ 1,000 a second.
    expect(history.finishedAt).toBeGreaterThan(118_000)
    expect(history.finishedAt).toBeLessThan(124_000)
  })

  test('input tokens that are read from the cache are soon not waited for', () => {
    const rows = rowsOf(60, { bodyBytes: 13_000 }).map((work) => {
      return { ...work, row: { ...work.row, cachePoints: pointsOf([7], '5m') } }
    })
    const usage = (read: number): Outcome => {
      const outcome = answered({ input: 3920 - read })
      if (outcome.kind !== 'answered') throw new Error('No answer')
      return { ...outcome, usage: { ...outcome.usage, cacheReadTokens: read } }
    }
    let asked = 0
    const history = drive({
      rows,
      options: { bounds: { inputTokensPerMinute: 60_000 } },
      answer: (exchange) => {
        const read = asked++ === 0 ? 0 : 3900
        exchange.after(10_000, () => exchange.end(usage(read)))
      },
    })
    // Whole prompts would fill the minute 15 at a time, and hold it for ten seconds each.
    expect(count(history).succeed).toBe(60)
    expect(history.finishedAt).toBeLessThan(40_000)
  })

  test('half a request a minute is one each two minutes, and no lack of success', () => {
    const history = drive({
      rows: rowsOf(4),
      options: { bounds: { requestsPerMinute: 0.5 }, patienceMs: 60_000 },
      answer: always(10),
    })
    expect(history.starts.map(({ at }) => Math.round(at / 120_000))).toEqual([0, 1, 2, 3])
    expect(count(history).succeed).toBe(4)
  })

  test('a row larger than every bucket still runs, between others, of all pools', () => {
    // 40,000 tokens by estimate, of 6,000 a minute; small rows of another pool follow without end.
    const rows = [
      rowOf(0),
      rowOf(1, { bodyBytes: 130_000 }),
      ...rowsOf(60, { model: 'other' }).map((work, index) => ({ ...work, sequence: index + 2 })),
    ]
    const history = drive({
      rows,
      options: { bounds: { inputTokensPerMinute: 6000 } },
      answer: always(100),
      untilMs: 4 * 3_600_000,
    })
    expect(count(history).succeed).toBe(62)
    expect(history.starts[1]?.attempt.work.sequence).toBe(1)
  })

  test('a row larger than what the server shows still runs', () => {
    const history = drive({
      rows: [rowOf(0), rowOf(1, { bodyBytes: 1_000_000 }), rowOf(2)],
      answer: replying((attempt) => ({
        afterMs: 100,
        outcome: answered({
          input: attempt.work.bodyBytes * 0.3,
          limits: { input: { limit: 30_000, remaining: 20_000, resetAt: 20_000 }, serverAt: 0 },
        }),
      })),
    })
    expect(count(history).succeed).toBe(3)
  })

  test('a small row does not pass a large one that waits for what they share', () => {
    // In flight: 900 KB of 1 MB. The 500 KB of row 1 must wait, and rows 2 and 3 with it.
    const rows = [
      rowOf(0, { bodyBytes: 900_000 }),
      rowOf(1, { bodyBytes: 500_000 }),
      rowOf(2, { model: 'b' }),
      rowOf(3, { model: 'b' }),
    ]
    const history = drive({ rows, options: { maxInFlightBytes: 1_000_000 }, answer: always(1000) })
    expect([1, 2, 3].map((row) => startsOf(history, row))).toEqual([[1000], [1000], [1000]])
  })

  test('bodies under way keep within their bytes; one beyond them runs alone', () => {
    const rows = [
      rowOf(0, { bodyBytes: 400 }),
      rowOf(1, { bodyBytes: 400 }),
      rowOf(2, { bodyBytes: 5000 }),
      rowOf(3, { bodyBytes: 400 }),
    ]
    const history = drive({ rows, options: { maxInFlightBytes: 1000 }, answer: always(1000) })
    expect([0, 1, 2, 3].map((row) => startsOf(history, row))).toEqual([[0], [0], [1000], [2000]])
  })

  test('--max-concurrency holds', () => {
    const history = drive({
      rows: rowsOf(100),
      options: { maxConcurrency: 7 },
      answer: always(100),
    })
    expect(history.mostInFlight).toBe(7)
    expect(history.finishedAt).toBe(1500)
  })
})

describe('refusals', () => {
  test('are no tries, go to the front, and hold back their pool only', () => {
    const rows = rowsOf(40).map((work) => ({ ...work, pool: work.sequence % 2 ? 'b' : 'a' }))
    let told = 0
    const history = drive({
      rows,
      options: { maxAttempts: 1, maxConcurrency: 4 },
      answer: replying(({ work }) => {
        if (work.sequence === 10 && told++ < 8)
          return { afterMs: 50, outcome: refused({ retryAfterMs: 5000 }) }
        return { afterMs: 100, outcome: answered({ limits: requests(1e6, 1e6) }) }
      }),
    })
    expect(count(history)).toEqual({ succeed: 40, fail: 0, leave: 0 })
    const starts = startsOf(history, 10)
    expect(starts.length).toBe(9)
    for (const [index, at] of starts.entries())
      if (index > 0) expect(at - (starts[index - 1] ?? 0)).toBe(5050)
    // No row of its pool starts while it waits, and it is the first that does after.
    const [first = 0, second = 0] = starts
    const between = history.starts.filter(({ at }) => at > first + 50 && at < second)
    expect(between.length).toBeGreaterThan(5)
    expect(new Set(between.map(({ attempt }) => attempt.work.pool))).toEqual(new Set(['b']))
    expect(history.starts.find(({ at }) => at === second)?.attempt.work.sequence).toBe(10)
  })

  test('a wait of nothing is not taken at its word', () => {
    const history = drive({
      rows: rowsOf(1),
      options: { patienceMs: 100_000 },
      answer: always(1, refused({ retryAfterMs: 0 })),
    })
    expect(history.stops).toEqual(['PATIENCE_EXHAUSTED'])
    // 1, 2, 4, 8, 16, 32, 60 s, half of each at least.
    expect(history.starts.length).toBeLessThan(11)
    expect(history.starts.length).toBeGreaterThan(5)
  })

  test('429 for ever ends the run, resumable, with no row failed', () => {
    const history = drive({
      rows: rowsOf(100),
      options: { bounds: { requestsPerMinute: 1 } },
      answer: always(50, refused({ retryAfterMs: 1000 })),
    })
    expect(history.stops).toEqual(['PATIENCE_EXHAUSTED'])
    expect(count(history)).toEqual({ succeed: 0, fail: 0, leave: 100 })
    expect(history.finishedAt).toBe(900_000)
  })

  test('a wait of hours ends it as well; in the meantime another pool goes on', () => {
    const rows = rowsOf(60).map((work) => ({ ...work, pool: work.sequence % 2 ? 'b' : 'a' }))
    const history = drive({
      rows,
      options: { maxConcurrency: 2 },
      answer: replying(({ work }) =>
        work.pool === 'a'
          ? { afterMs: 10, outcome: refused({ retryAfterMs: 3 * 3_600_000 }) }
          : { afterMs: 10_000, outcome: answered() },
      ),
      untilMs: 4 * 3_600_000,
    })
    expect(count(history)).toEqual({ succeed: 30, fail: 0, leave: 30 })
    // The last of b, two at a time, after 150 s; then 15 minutes of nothing.
    expect(Math.round(history.finishedAt / 1000)).toBe(150 + 900)
  })

  test('the headers of a refusal are adopted at once', () => {
    const history = drive({
      rows: rowsOf(10),
      options: { maxConcurrency: 1 },
      answer: replying(({ number }) => {
        const limits = { requests: { limit: 60, remaining: 0, resetAt: 61_000 }, serverAt: 0 }
        return number === 1
          ? { afterMs: 0, outcome: refused({ retryAfterMs: 1, limits }) }
          : { afterMs: 0, outcome: answered() }
      }),
    })
    // From 1.1 below none to one, at one a second, or a little less: others may have been there.
    expect(history.starts[1]?.at).toBeGreaterThan(2099)
    expect(history.starts[1]?.at).toBeLessThan(2200)
    expect(history.starts[2]?.at).toBeLessThan(3300)
  })
})

describe('broken tries', () => {
  test.each([1, 2, 5])('end the row after --max-attempts %i', (maxAttempts) => {
    const history = drive({
      rows: rowsOf(1),
      options: { maxAttempts },
      answer: always(100, failed('broken')),
    })
    expect(count(history)).toEqual({ succeed: 0, fail: 1, leave: 0 })
    expect(history.starts.length).toBe(maxAttempts)
  })

  test('are retried after growing, jittered waits', () => {
    const waits: number[][] = [[], [], [], []]
    for (let seed = 1; seed <= 200; seed++) {
      const history = drive({ seed, rows: rowsOf(1), answer: always(0, failed('overloaded')) })
      for (const [index, { delayMs }] of history.retries.entries()) waits[index]?.push(delayMs)
    }
    for (const [index, bound] of [1000, 2000, 4000, 8000].entries()) {
      const drawn = waits[index] ?? []
      expect(Math.max(...drawn)).toBeLessThanOrEqual(bound)
      expect(Math.max(...drawn)).toBeGreaterThan(0.95 * bound)
      expect(Math.min(...drawn)).toBeLessThan(0.05 * bound)
    }
  })

  test("wait at least as long as the server says, and hold back nobody else's", () => {
    const history = drive({
      rows: rowsOf(20),
      options: { maxConcurrency: 1 },
      answer: replying(({ work }) =>
        work.sequence === 0 && work.attempts === 0
          ? { afterMs: 0, outcome: failed('broken', { retryAfterMs: 40_000 }) }
          : { afterMs: 100, outcome: answered() },
      ),
    })
    expect(startsOf(history, 0)).toEqual([0, 40_000])
    expect(startsOf(history, 19)).toEqual([1800])
  })

  test('one row that always breaks fails alone', () => {
    const history = drive({
      rows: rowsOf(500),
      options: { bounds: { requestsPerMinute: 600 } },
      answer: replying(({ work }) =>
        work.sequence === 100
          ? { afterMs: 20, outcome: failed('broken', { unknown: true }) }
          : { afterMs: 700, outcome: answered() },
      ),
    })
    expect(count(history)).toEqual({ succeed: 499, fail: 1, leave: 0 })
    expect(history.settled.get(100)?.how).toBe('fail')
    expect(
      history.starts.find(({ attempt }) => attempt.work.sequence === 100)?.attempt.work
        .unknownAttempts,
    ).toBe(5)
  })

  test('many rows that always break fail, and no other: an outage that is none is found out', () => {
    const history = drive({
      rows: rowsOf(300),
      options: { maxConcurrency: 10 },
      answer: replying(({ work }) =>
        work.sequence < 10
          ? { afterMs: 20, outcome: failed('broken') }
          : { afterMs: 100, outcome: answered() },
      ),
    })
    expect(count(history)).toEqual({ succeed: 290, fail: 10, leave: 0 })
    expect(history.binds).toContain('outage')
  })

  test('drop the body of an input that can be read again, and keep that of one that cannot', () => {
    for (const rereadable of [true, false]) {
      const bodies: (Uint8Array | undefined)[] = []
      const rows = rowsOf(1)
      const body = rows[0]?.body
      let asked = 0
      drive({
        rows,
        options: { rereadable },
        events: [[150, { type: 'wake' }]],
        answer: ({ attempt, after, end }) => {
          bodies.push(attempt.work.body)
          after(100, () => end(asked++ === 0 ? failed('broken') : answered()))
        },
      })
      expect(bodies.map((each) => each === body)).toEqual([true, !rereadable])
    }
  })
})

describe('an outage', () => {
  const from = 60_000
  const to = 120_000

  // Tries that began in it fail at once, or after as long as an answer takes.
  test.each([
    [3000, 50],
    [3000, 15_000],
    [600, 50],
    [60, 50],
    [30, 50],
    [30, 15_000],
  ])(
    'of 60 s at %i requests a minute, answers taking 15 s and failures %i ms, fails no row',
    (requestsPerMinute, failureMs) => {
      for (const seed of [1, 2, 3]) {
        const history = drive({
          seed,
          rows: rowsOf(requestsPerMinute * 4),
          options: { ramp: 'fast', bounds: { requestsPerMinute } },
          answer: replying((_, now) =>
            now >= from && now < to
              ? { afterMs: failureMs, outcome: failed('broken') }
              : { afterMs: 15_000, outcome: answered() },
          ),
        })
        expect(count(history)).toEqual({ succeed: requestsPerMinute * 4, fail: 0, leave: 0 })
        // 60 s of it, 15 s for the wait of a probe and 15 s for its answer, and the climb.
        expect(history.finishedAt).toBeLessThan(240_000 + 60_000 + 15_000 + 2 * 15_000 + 20_000)
      }
    },
  )

  // At once, where answers take 15 s: at first, failures are all there is to hear.
  test.each([
    [0.02, 0.99],
    [0.1, 0.95],
    [0.3, 0.5],
  ])('is none when a share of %d fails: %d of the bound is used', (share, use) => {
    const random = new Random(3)
    const history = drive({
      rows: rowsOf(4000),
      options: { bounds: { requestsPerMinute: 1000 } },
      untilMs: 12 * 3_600_000,
      answer: replying(() =>
        random.chance(share)
          ? { afterMs: 50, outcome: failed('overloaded') }
          : { afterMs: random.logNormal(15_000, 0.5), headAfterMs: 300, outcome: answered() },
      ),
    })
    const idealMs = (history.starts.length / 1000) * 60_000
    expect(idealMs / (history.starts.at(-1)?.at ?? 0)).toBeGreaterThan(use)
  })

  test('probes one at a time, with waits of at most 15 s, each with another row; nothing counts as a try', () => {
    const history = drive({
      rows: rowsOf(1000),
      options: { bounds: { requestsPerMinute: 1000 } },
      answer: replying((_, now) =>
        now > 1000 && now < 600_000
          ? { afterMs: 200, outcome: failed('broken') }
          : { afterMs: 700, outcome: answered() },
      ),
    })
    expect(count(history).succeed).toBe(1000)
    const probes = history.starts.filter(({ at }) => at > 5000 && at < 600_000)
    expect(probes.length).toBeGreaterThanOrEqual(595 / 15.2)
    for (const [index, { at }] of probes.entries()) {
      if (index === 0) continue
      const gap = at - (probes[index - 1]?.at ?? 0)
      expect(gap).toBeGreaterThanOrEqual(700)
      expect(gap).toBeLessThanOrEqual(15_200)
    }
    expect(new Set(probes.map(({ attempt }) => attempt.work.sequence)).size).toBe(probes.length)
    expect(probes.every(({ attempt }) => attempt.stream)).toBe(true)
    expect(Math.max(...probes.map(({ attempt }) => attempt.work.attempts))).toBeLessThanOrEqual(1)
  })

  test('is over within 16 s of its end, and the rate is soon what it was', () => {
    const history = drive({
      rows: rowsOf(12_000),
      options: { ramp: 'fast', bounds: { requestsPerMinute: 3000 } },
      answer: replying((_, now) =>
        now > from && now < to
          ? { afterMs: 50, outcome: failed('broken') }
          : { afterMs: 700, outcome: answered() },
      ),
    })
    const inTenSecondsFrom = (start: number): number =>
      history.starts.filter(({ at }) => at >= start && at < start + 10_000).length
    expect(history.starts.some(({ at }) => at > to && at < to + 15_500)).toBe(true)
    expect(inTenSecondsFrom(to + 20_000)).toBeGreaterThanOrEqual(490)
  })

  test('that does not end stops the run at --patience, resumable, with no row failed', () => {
    const history = drive({
      rows: rowsOf(100),
      answer: always(10, failed('broken', { status: 0 })),
    })
    expect(history.stops).toEqual(['PATIENCE_EXHAUSTED'])
    expect(count(history)).toEqual({ succeed: 0, fail: 0, leave: 100 })
    expect(history.finishedAt).toBeGreaterThanOrEqual(900_000)
    expect(history.finishedAt).toBeLessThan(901_000)
  })

  test('of one pool does not touch another', () => {
    const rows = rowsOf(400).map((work) => ({ ...work, pool: work.sequence % 2 ? 'b' : 'a' }))
    const history = drive({
      rows,
      options: { ramp: 'fast' },
      answer: replying(({ work }, now) =>
        work.pool === 'a' && now < 100_000
          ? { afterMs: 20, outcome: failed('overloaded') }
          : { afterMs: 100, outcome: answered() },
      ),
    })
    expect(count(history).succeed).toBe(400)
    const lastOfB = Math.max(
      ...[...history.settled].filter(([row]) => row % 2).map(([, { at }]) => at),
    )
    expect(lastOfB).toBeLessThan(10_000)
  })

  test('is ended by a refusal, too: the server is at work', () => {
    const history = drive({
      rows: rowsOf(40),
      answer: replying((_, now) => {
        if (now < 10_000) return { afterMs: 10, outcome: failed('broken') }
        if (now < 20_000) return { afterMs: 10, outcome: refused({ retryAfterMs: 20_000 }) }
        return { afterMs: 5000, outcome: answered() }
      }),
    })
    const refusedAt = history.retries.find(({ kind }) => kind === 'refused')?.at ?? 0
    // All at once when it may, not one and then the others.
    expect(history.starts.filter(({ at }) => at === refusedAt + 20_000).length).toBe(40)
  })

  test('of hung tries: the probe does not wait for them', () => {
    // All that is under way at 10 s hangs; new tries fail until 60 s. Nobody is told to hurry.
    const history = drive({
      rows: rowsOf(600),
      options: { bounds: { requestsPerMinute: 600 } },
      answer: replying(({ number }, now) => {
        if (now > 9000 && now <= 10_000) return {}
        if (now > 10_000 && now < 60_000) return { afterMs: 50, outcome: failed('broken') }
        return { afterMs: number < 3 ? 1 : 700, outcome: answered() }
      }),
    })
    expect(count(history)).toEqual({ succeed: 600, fail: 0, leave: 0 })
    expect(history.starts.filter(({ at }) => at > 12_000 && at < 60_000).length).toBeGreaterThan(3)
  })
})

describe('hangs', () => {
  test.each<[string, Answerer, number, string, number]>([
    [
      'a stream without a first byte, after 30 s',
      replying(({ number }) => (number === 1 ? {} : { afterMs: 100, outcome: answered() })),
      16_000,
      'first_byte_timeout',
      30_000,
    ],
    [
      'a stream that stalls, 60 s after its last byte',
      replying(({ number }) =>
        number === 1 ? { headAfterMs: 20_000 } : { afterMs: 100, outcome: answered() },
      ),
      16_000,
      'idle_timeout',
      80_000,
    ],
    [
      'a plain answer while nothing is known, at --timeout',
      replying(({ number }) => (number === 1 ? {} : { afterMs: 100, outcome: answered() })),
      100,
      'attempt_timeout',
      600_000,
    ],
    [
      'a stream that flows for ever, at --timeout',
      replying(({ number }) =>
        number === 1 ? { headAfterMs: 1, everyMs: 10_000 } : { afterMs: 100, outcome: answered() },
      ),
      16_000,
      'attempt_timeout',
      600_000,
    ],
  ])('%s', (_, answer, maxTokens, reason, afterMs) => {
    const history = drive({ rows: rowsOf(1, { maxTokens }), answer })
    expect(
      history.aborts.map(({ at, reason: why }) => [why, Math.floor(at / 1000) * 1000]),
    ).toEqual([[reason, afterMs]])
    expect(count(history).succeed).toBe(1)
  })

  test('a plain answer when they are usually quick, after a minute', () => {
    const history = drive({
      rows: rowsOf(100),
      options: { maxConcurrency: 10 },
      answer: replying(({ work, number }) =>
        work.sequence === 70 && number === 71 ? {} : { afterMs: 500, outcome: answered() },
      ),
    })
    expect(history.aborts.map(({ reason }) => reason)).toEqual(['attempt_timeout'])
    expect((history.aborts[0]?.at ?? 0) - (startsOf(history, 70)[0] ?? 0)).toBeLessThan(61_000)
    expect(count(history).succeed).toBe(100)
  })

  test('a row has --max-row-time, tries and waits together', () => {
    const history = drive({
      rows: rowsOf(1),
      options: { maxRowTimeMs: 45_000, maxAttempts: 1000 },
      answer: always(10_000, failed('broken')),
    })
    expect(count(history).fail).toBe(1)
    expect(history.finishedAt).toBeGreaterThan(30_000)
    expect(history.finishedAt).toBeLessThanOrEqual(46_000)
  })

  test('--max-row-time ends a try that is under way, and the row', () => {
    const history = drive({
      rows: rowsOf(1),
      options: { maxRowTimeMs: 45_000 },
      answer: replying(() => ({})),
    })
    expect(history.aborts.map(({ at, reason }) => [reason, Math.floor(at / 1000)])).toEqual([
      ['row_timeout', 45],
    ])
    expect(count(history).fail).toBe(1)
  })

  test('--max-row-time does not ask again what would be too late', () => {
    const history = drive({
      rows: rowsOf(1),
      options: { maxRowTimeMs: 45_000 },
      answer: always(100, failed('broken', { retryAfterMs: 60_000 })),
    })
    expect([history.starts.length, history.finishedAt, count(history).fail]).toEqual([1, 100, 1])
  })

  test('--max-row-time is also of a row that waits for its pool', () => {
    const rows = rowsOf(3)
    const history = drive({
      rows,
      options: { maxRowTimeMs: 45_000, maxConcurrency: 2 },
      answer: replying(({ number }) =>
        number === 1
          ? { afterMs: 100, outcome: refused({ retryAfterMs: 20_000 }) }
          : {
              afterMs: 200,
              outcome: number === 2 ? refused({ retryAfterMs: 50_000 }) : answered(),
            },
      ),
    })
    // The second knows it would be too late; the first finds out when its turn comes; the third was never asked before.
    expect([0, 1, 2].map((row) => history.settled.get(row)?.how)).toEqual([
      'fail',
      'fail',
      'succeed',
    ])
    expect(history.settled.get(1)?.at).toBe(200)
    expect(history.starts.length).toBe(3)
    // The line of the failed file holds the request.
    expect(rows.slice(0, 2).map(({ body }) => body !== undefined)).toEqual([true, true])
  })
})

describe('what stops a run', () => {
  test.each<RunStop['reason']>(['key', 'credit', 'spend_limit'])(
    '%s leaves all rows and burns none; what is under way ends',
    (reason) => {
      const runStop: RunStop = {
        kind: 'run_stop',
        reason,
        status: 401,
        requestId: null,
        error: { type: 'x', message: 'no' },
      }
      const history = drive({
        rows: rowsOf(100),
        options: { maxConcurrency: 5 },
        answer: replying(({ number }) =>
          number === 3 ? { afterMs: 50, outcome: runStop } : { afterMs: 400, outcome: answered() },
        ),
      })
      expect(count(history)).toEqual({ succeed: 4, fail: 0, leave: 96 })
      expect(history.stops.length).toBe(1)
      expect(history.starts.length).toBe(5)
      expect(history.settled.get(2)?.how).toBe('leave')
    },
  )

  test('what breaks while a run stops is left, not failed', () => {
    const history = drive({
      rows: rowsOf(10),
      options: { maxAttempts: 1 },
      events: [[100, { type: 'stop', error: stop }]],
      answer: replying(({ number }) => ({
        afterMs: 200,
        outcome:
          [
            answered(),
            failed('broken', { unknown: true }),
            refused(),
            final('no_socket'),
            final('invalid'),
          ][number % 5] ?? answered(),
      })),
    })
    expect(count(history)).toEqual({ succeed: 2, fail: 2, leave: 6 })
    expect(history.retries).toEqual([])
  })

  test('abandon ends what is under way; it is left', () => {
    const history = drive({
      rows: rowsOf(20),
      options: { maxConcurrency: 4 },
      events: [
        [100, { type: 'stop', error: stop }],
        [25_100, { type: 'abandon' }],
      ],
      answer: replying(() => ({})),
    })
    expect(history.aborts.map(({ reason }) => reason)).toEqual([
      'stopped',
      'stopped',
      'stopped',
      'stopped',
    ])
    expect([history.finishedAt, history.stops]).toEqual([25_100, ['INTERRUPTED']])
    expect(count(history)).toEqual({ succeed: 0, fail: 0, leave: 20 })
  })

  test('deadlines hold while a run stops', () => {
    const history = drive({
      rows: rowsOf(1, { maxTokens: 16_000 }),
      events: [[100, { type: 'stop', error: stop }]],
      answer: replying(() => ({})),
    })
    expect(history.aborts.map(({ reason }) => reason)).toEqual(['first_byte_timeout'])
  })

  test('a row that comes after the stop is left', () => {
    const history = drive({
      rows: rowsOf(50),
      options: { windowRowsMax: 5, maxConcurrency: 1 },
      events: [[50, { type: 'stop', error: stop }]],
      answer: always(100),
    })
    expect(count(history).succeed).toBe(1)
    expect(count(history).leave).toBeGreaterThanOrEqual(5)
  })

  test.each([
    [50, 50, [0, 50, 250], ['SAME_ERROR']],
    [49, 50, [251, 49, 0], []],
  ] as const)(
    'the first %i answers are the same 400',
    (bad, stopAt, [succeed, fail, leave], stops) => {
      expect(stopAt).toBe(50)
      const history = drive({
        rows: rowsOf(300),
        options: { maxConcurrency: 1 },
        answer: replying(({ work }) => ({
          afterMs: 10,
          outcome:
            work.sequence < bad ? final('invalid', `messages.${work.sequence} is bad`) : answered(),
        })),
      })
      expect(count(history)).toEqual({ succeed, fail, leave })
      expect(history.stops).toEqual(stops)
    },
  )

  test('a different one among them lets the run go on', () => {
    const history = drive({
      rows: rowsOf(300),
      options: { maxConcurrency: 1 },
      answer: replying(({ work }) => ({
        afterMs: 10,
        outcome: final('invalid', work.sequence === 20 ? 'something else' : 'bad'),
      })),
    })
    expect(count(history).fail).toBe(300)
  })

  test('--max-failed counts faults that were never asked, too', () => {
    const fault = {
      type: 'fault',
      error: { type: 'invalid_request_error', message: 'no JSON' },
    } as const
    const history = drive({
      rows: rowsOf(300),
      options: { maxConcurrency: 1, maxFailed: { count: 3 } },
      events: [
        [5, fault],
        [6, fault],
        [7, fault],
      ],
      answer: replying(({ work }) => ({
        afterMs: 10,
        outcome: work.sequence === 5 ? final('invalid') : answered(),
      })),
    })
    expect(history.stops).toEqual(['TOO_MANY_FAILED'])
    expect(count(history)).toEqual({ succeed: 5, fail: 1, leave: 294 })
  })
})

describe('a model that does not exist', () => {
  test('has its rows left, wherever they are; others go on', () => {
    const rows = rowsOf(60).map((work) =>
      rowOf(work.sequence, { model: work.sequence % 3 ? 'there' : 'gone', pool: 'both' }),
    )
    const history = drive({
      rows,
      options: { maxConcurrency: 10 },
      answer: replying(({ work }) => {
        if (work.row.model === 'there') return { afterMs: 300, outcome: answered() }
        // Row 0 breaks and waits for its retry, row 3 breaks later, rows 6 and 9 find out.
        if (work.sequence === 0)
          return { afterMs: 10, outcome: failed('broken', { retryAfterMs: 5000 }) }
        if (work.sequence === 3) return { afterMs: 200, outcome: failed('broken') }
        return { afterMs: 100, outcome: final('no_model') }
      }),
    })
    expect(count(history)).toEqual({ succeed: 40, fail: 0, leave: 20 })
    expect(startsOf(history, 0).length + startsOf(history, 3).length).toBe(2)
    expect([...history.scheduler.modelsGone.keys()]).toEqual(['gone'])
    expect(history.stops).toEqual([])
    expect(history.finishedAt).toBeLessThan(5000)
  })

  test('has rows left that come later', () => {
    const rows = rowsOf(30).map((work) =>
      rowOf(work.sequence, { model: work.sequence % 2 ? 'there' : 'gone' }),
    )
    const history = drive({
      rows,
      options: { windowRowsMax: 2, maxConcurrency: 1 },
      answer: replying(({ work }) => ({
        afterMs: 10,
        outcome: work.row.model === 'gone' ? final('no_model') : answered(),
      })),
    })
    expect(count(history)).toEqual({ succeed: 15, fail: 0, leave: 15 })
    expect(history.starts.filter(({ attempt }) => attempt.work.row.model === 'gone').length).toBe(1)
  })
})

describe('pools', () => {
  test('do not wait for one another, and share the bounds by age', () => {
    const rows = rowsOf(200).map((work) => ({ ...work, pool: work.sequence < 100 ? 'a' : 'b' }))
    const history = drive({
      rows,
      options: { bounds: { requestsPerMinute: 600 } },
      answer: replying(({ work }) =>
        work.sequence === 30 && work.attempts === 0
          ? { afterMs: 10, outcome: refused({ retryAfterMs: 60_000 }) }
          : { afterMs: 100, outcome: answered() },
      ),
    })
    // While a waits, b has the whole bound: its 100 rows take 10 s.
    const lastOfB = Math.max(
      ...[...history.settled].filter(([row]) => row >= 100).map(([, { at }]) => at),
    )
    expect(lastOfB).toBeLessThan(15_000)
    expect(history.stops).toEqual(['PATIENCE_EXHAUSTED'])
  })

  test('are named where there are several, with what each waits for', () => {
    const rows = rowsOf(8).map((work) => ({ ...work, pool: work.sequence % 2 === 0 ? 'a' : 'b' }))
    const history = drive({
      rows,
      options: { maxConcurrency: 4 },
      answer: replying(({ work }) => {
        const spent = { limit: 60, remaining: 0, resetAt: 60_000 }
        const limits = work.pool === 'a' ? { requests: spent } : { output: spent }
        return { afterMs: 0, outcome: answered({ limits }) }
      }),
    })
    expect(history.binds).toContain('a: requests')
    expect(history.binds).toContain('b: output')
  })

  test('of one bound, the older row goes first', () => {
    const rows = rowsOf(90).map((work) => ({
      ...work,
      pool: ['a', 'b', 'c'][work.sequence % 3] ?? '',
    }))
    const history = drive({
      rows,
      options: { bounds: { requestsPerMinute: 60 } },
      answer: always(100),
    })
    expect(history.starts.map(({ attempt }) => attempt.work.sequence)).toEqual(
      rows.map(({ sequence }) => sequence),
    )
  })
})

describe('sockets', () => {
  test('when they run out, no try is counted and less is under way', () => {
    let open = 0
    const history = drive({
      rows: rowsOf(2000),
      options: { maxAttempts: 1 },
      answer: ({ after, end }) => {
        if (open >= 200) return after(0, () => end(final('no_socket')))
        open += 1
        return after(500, () => {
          open -= 1
          end(answered())
        })
      },
    })
    expect(count(history).succeed).toBe(2000)
    // At least 180 at a time: 2,000 in six seconds, and not much more.
    expect(history.finishedAt).toBeLessThan(7000)
    // All 2,000 at first; later a few, now and then.
    expect(history.starts.length).toBeLessThan(2000 + 2000 + 200)
  })

  test('when there is none at all, the run tries once a second and stops at --patience', () => {
    const history = drive({
      rows: rowsOf(50),
      options: { patienceMs: 60_000 },
      answer: always(0, final('no_socket')),
    })
    expect(history.stops).toEqual(['PATIENCE_EXHAUSTED'])
    expect(count(history)).toEqual({ succeed: 0, fail: 0, leave: 50 })
    expect(history.starts.length).toBeLessThan(50 + 3 * 60)
  })

  test('when another pool has them, its tries are left alone', () => {
    const rows = rowsOf(300).map((work) => ({ ...work, pool: work.sequence < 150 ? 'a' : 'b' }))
    const history = drive({
      rows,
      answer: replying(({ work }, now) =>
        work.pool === 'b' && now < 2000
          ? { afterMs: 0, outcome: final('no_socket') }
          : { afterMs: 3000, outcome: answered() },
      ),
    })
    expect(count(history).succeed).toBe(300)
    expect(history.starts.length).toBeLessThan(500)
  })
})

describe('interruptions', () => {
  const holds = [
    ['output', 'disk'],
    ['pause', 'pause'],
  ] as const
  test.each(holds)('a hold (%s) starts nothing and loses no patience', (why, binds) => {
    const history = drive({
      rows: rowsOf(200),
      options: { bounds: { requestsPerMinute: 600 }, patienceMs: 60_000 },
      events: [
        [5000, { type: 'hold', why, on: true }],
        [3_605_000, { type: 'hold', why, on: false }],
      ],
      untilMs: 2 * 3_600_000,
      answer: replying((_, now) =>
        now < 5000 && now > 4000
          ? { afterMs: 2000, outcome: failed('broken') }
          : { afterMs: 700, outcome: answered() },
      ),
    })
    expect(count(history)).toEqual({ succeed: 200, fail: 0, leave: 0 })
    expect(history.starts.filter(({ at }) => at > 5000 && at < 3_605_000)).toEqual([])
    expect(history.binds).toContain(binds)
  })

  test('two holds end with the second', () => {
    const history = drive({
      rows: rowsOf(5),
      events: [
        [0, { type: 'hold', why: 'output', on: true }],
        [0, { type: 'hold', why: 'pause', on: true }],
        [1000, { type: 'hold', why: 'output', on: false }],
        [2000, { type: 'hold', why: 'pause', on: false }],
      ],
      options: { maxConcurrency: 1 },
      answer: always(100),
    })
    expect(history.starts.map(({ at }) => at)).toEqual([0, 2000, 2100, 2200, 2300])
  })

  test('a hold ends also while a stop is asked for', () => {
    const history = drive({
      rows: rowsOf(5),
      events: [
        [0, { type: 'hold', why: 'output', on: true }],
        [1000, { type: 'stop', error: stop }],
      ],
      options: { maxConcurrency: 1 },
      answer: always(100),
    })
    expect([history.finishedAt, count(history)]).toEqual([1000, { succeed: 1, fail: 0, leave: 4 }])
  })

  test('sleep of the machine: what was under way is asked again, uncounted, and the pool probes anew', () => {
    const history = drive({
      rows: rowsOf(100),
      options: { ramp: 'fast', maxAttempts: 1 },
      events: [[7_000_000, { type: 'slept', before: 6_998_000 }]],
      answer: replying(({ number }, now) => {
        if (number <= 20) return { afterMs: 100, outcome: answered({ limits: requests(600, 590) }) }
        return now < 6_900_000
          ? {}
          : { headAfterMs: 50, headLimits: requests(600, 590), afterMs: 400, outcome: answered() }
      }),
      untilMs: 8_000_000,
      // Nothing ran while it slept.
      lateMsMax: 0,
    })
    expect(history.aborts.length).toBeGreaterThan(0)
    expect(count(history).fail).toBeLessThanOrEqual(
      history.aborts.filter(({ reason }) => reason !== 'slept').length,
    )
  })

  test('slept: only what began before is aborted, and no try is counted', () => {
    const history = drive({
      rows: rowsOf(6),
      options: { maxAttempts: 1, maxConcurrency: 3 },
      events: [[5000, { type: 'slept', before: 4000 }]],
      answer: replying(({ number }, now) =>
        number <= 2 ? {} : { afterMs: now < 4500 ? 2300 : 100, outcome: answered() },
      ),
    })
    // The third try ends at 2,300, the fourth at 4,600; the fifth is under way.
    expect(history.aborts.map(({ attempt, reason }) => [attempt.number, reason])).toEqual([
      [1, 'slept'],
      [2, 'slept'],
    ])
    expect(count(history)).toEqual({ succeed: 6, fail: 0, leave: 0 })
  })
})

describe('limits of the server', () => {
  test('used up, make wait until there is room, by their own name', () => {
    const history = drive({
      rows: rowsOf(39),
      options: { maxConcurrency: 1 },
      answer: replying(({ number }) => ({
        afterMs: 0,
        outcome: answered(number === 1 ? { limits: requests(60, 0) } : {}),
      })),
    })
    // One a second, after four that are kept back for others; these go when fewer than thirty rows,
    // half a minute, will follow: that is after the ninth.
    const seconds = history.starts.map(({ at }) => Math.round(at / 1000))
    const eachSecond = (from: number, to: number): number[] =>
      Array.from({ length: to - from + 1 }, (_, index) => from + index)
    expect(seconds).toEqual([0, ...eachSecond(5, 12), 12, 12, 12, 12, ...eachSecond(13, 38)])
    expect(history.binds).toContain('requests')
  })

  test.each([
    ['nothing of anything', { requests: { limit: 0, remaining: 0, resetAt: 0 } }],
    [
      'absurd',
      {
        requests: { limit: -1, remaining: 1e30, resetAt: Number.NaN },
        input: { limit: Infinity, remaining: 0, resetAt: 0 },
      },
    ],
    ['debts of years', { input: { limit: 1e6, remaining: 0, resetAt: 1e15 }, serverAt: 0 }],
  ])('that show %s stop no run', (_, limits) => {
    const history = drive({
      rows: rowsOf(20),
      options: { ramp: 'fast' },
      answer: always(100, answered({ limits })),
      untilMs: 3 * 3_600_000,
    })
    expect(count(history).succeed).toBe(20)
  })
})

test('the same events and seed give the same decisions, another seed others', () => {
  const run = (seed: number): readonly string[] =>
    drive({
      seed,
      rows: rowsOf(400),
      options: { ramp: 'fast', bounds: { requestsPerMinute: 600 } },
      answer: replying(({ number }) => ({
        afterMs: (number * 7919) % 3000,
        outcome: number % 7 === 0 ? failed('broken') : number % 31 === 0 ? refused() : answered(),
      })),
    }).log
  expect(run(1)).toEqual(run(1))
  expect(run(1)).not.toEqual(run(2))
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  answered,
  type Answerer,
  drive,
  failed,
  final,
  type History,
  refused,
  rowOf,
  type Script,
} from '../test/world/drive.ts'
import { SmallServer, type SmallServerOptions } from '../test/world/small-server.ts'
import type { SchedulerEvent, SchedulerOptions } from './decision.ts'
import type { Outcome } from './outcome.ts'
import { Random } from './random.ts'
import type { Work } from './work.ts'

/** How often each thing happens to a try while there are faults; each script turns some off. */
const faults = [
  'refused',
  'refused for nothing',
  'overloaded',
  'broken',
  'lost',
  'no_socket',
  'hangs',
  'stalls',
  'invalid',
] as const
type Fault = (typeof faults)[number]

const script = fc.record({
  seed: fc.nat(),
  rowCount: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 200 })),
  poolCount: fc.integer({ min: 1, max: 3 }),
  faults: fc.uniqueArray(fc.constantFrom(...faults), { maxLength: faults.length }),
  faultShare: fc.constantFrom(0, 0.05, 0.3, 0.9, 1),
  faultMs: fc.constantFrom(0, 5000, 120_000, 1_200_000),
  latencyMs: fc.constantFrom(0, 50, 700, 15_000),
  ramp: fc.constantFrom('fast', 'gentle', 'off'),
  rpm: fc.constantFrom<number | undefined>(undefined, 0.7, 5, 50, 1000),
  itpm: fc.constantFrom<number | undefined>(undefined, 500, 20_000),
  maxConcurrency: fc.constantFrom(1, 3, 10_000),
  maxInFlightBytes: fc.constantFrom(2000, 1e9),
  maxRowTimeMs: fc.constantFrom(30_000, Infinity, Infinity),
  windowRowsMax: fc.constantFrom(1, 7, 4096),
  rereadable: fc.boolean(),
  shows: fc.constantFrom('nothing', 'plenty', 'nothing left', 'absurd'),
  holds: fc.array(
    fc.record({
      at: fc.nat({ max: 200_000 }),
      forMs: fc.integer({ min: 1, max: 100_000 }),
      why: fc.constantFrom('output', 'pause'),
    }),
    { maxLength: 3 },
  ),
  sleeps: fc.array(fc.nat({ max: 200_000 }), { maxLength: 2 }),
  patienceMs: fc.constantFrom(900_000, 1e9),
  startAt: fc.constantFrom(0, 1000.25, 1e9),
  lateMsMax: fc.constantFrom(0, 1, 30),
})
type Drawn = typeof script extends fc.Arbitrary<infer T> ? T : never

const limitsOf = {
  nothing: undefined,
  plenty: {
    requests: { limit: 6000, remaining: 5000, resetAt: 0 },
    input: { limit: 1e6, remaining: 9e5, resetAt: 0 },
  },
  'nothing left': {
    requests: { limit: 600, remaining: 0, resetAt: 60_000 },
    output: { limit: 60_000, remaining: 0, resetAt: 70_000 },
    serverAt: 5000,
  },
  absurd: {
    requests: { limit: 0, remaining: -5, resetAt: Number.NaN },
    input: { limit: 1e9, remaining: 1e12, resetAt: 1e15 },
    serverAt: 0,
  },
} as const

function rowsOf({ seed, rowCount, poolCount }: Drawn): readonly Work[] {
  const random = new Random(seed).fork('rows')
  return Array.from({ length: rowCount }, (_, sequence) =>
    rowOf(sequence, {
      pool: `pool ${random.integer(1, poolCount)}`,
      // Some are larger than any bound there is.
      bodyBytes: random.pick([100, 1000, 5000, 100_000]),
      maxTokens: random.pick([1, 400, 20_000]),
    }),
  )
}

function answererOf(drawn: Drawn): Answerer {
  const random = new Random(drawn.seed).fork('answers')
  const healedAt = drawn.startAt + drawn.faultMs
  const limits = limitsOf[drawn.shows]
  return ({ attempt, now, after, head, bytes, end }) => {
    const isFaulty = now() < healedAt && random.chance(drawn.faultShare)
    const fault: Fault | undefined = isFaulty
      ? drawn.faults[random.integer(0, drawn.faults.length - 1)]
      : undefined
    const afterMs = random.float() * 2 * drawn.latencyMs
    const outcomes: Partial<Record<Fault, Outcome>> = {
      refused: refused({ retryAfterMs: random.integer(0, 20) * 1000, limits }),
      'refused for nothing': refused(),
      overloaded: failed('overloaded'),
      broken: failed('broken', { status: 0 }),
      lost: failed('broken', { unknown: true }),
      no_socket: final('no_socket'),
      invalid: final('invalid', random.integer(0, 1) === 0 ? 'this' : 'that'),
    }
    if (fault === 'hangs') return
    if (attempt.stream && (fault === undefined || fault === 'stalls')) {
      after(afterMs / 2, () => {
        head(limits)
        bytes()
      })
    }
    if (fault === 'stalls') return
    const good = answered({
      input: Math.ceil(attempt.work.bodyBytes / 4),
      output: random.integer(0, 100),
      limits,
    })
    after(afterMs, () => end((fault && outcomes[fault]) ?? good))
  }
}

function eventsOf({
  holds,
  sleeps,
  startAt,
}: Drawn): readonly (readonly [number, SchedulerEvent])[] {
  const events: [number, SchedulerEvent][] = []
  for (const { at, forMs, why } of holds) {
    events.push(
      [at, { type: 'hold', why, on: true }],
      [at + forMs, { type: 'hold', why, on: false }],
    )
  }
  for (const at of sleeps) events.push([at, { type: 'slept', before: startAt + at - 2000 }])
  return events.toSorted(([a], [b]) => a - b)
}

function scriptOf(drawn: Drawn): Script {
  const { ramp, maxConcurrency, maxInFlightBytes, maxRowTimeMs, windowRowsMax, rereadable } = drawn
  const options: Partial<SchedulerOptions> = {
    ramp,
    maxConcurrency,
    maxInFlightBytes,
    maxRowTimeMs,
    windowRowsMax,
    rereadable,
    bounds: { requestsPerMinute: drawn.rpm, inputTokensPerMinute: drawn.itpm },
    patienceMs: drawn.patienceMs,
  }
  const { seed, startAt, lateMsMax } = drawn
  const rows = rowsOf(drawn)
  return {
    seed,
    startAt,
    lateMsMax,
    rows,
    options,
    answer: answererOf(drawn),
    events: eventsOf(drawn),
    untilMs: hoursMax(drawn, rows),
  }
}

/** Long enough for whatever there is to wait for once the faults have ended. */
function hoursMax(
  { faultMs, rpm = Infinity, itpm = Infinity, rowCount }: Drawn,
  rows: readonly Work[],
): number {
  const minuteMs = 60_000
  // Each row may be asked a few times more than once, and first by an estimate of 0.3 tokens a byte.
  const tries = rowCount * 6 + (faultMs / 1000) * 0.5
  const tokens = rows.reduce((sum, { bodyBytes }) => sum + bodyBytes, 0) * 6
  return faultMs + 3_600_000 + ((tries + 2) / rpm + tokens / itpm) * minuteMs + tries * 60_000
}

/** The most starts in any 60 s, wherever they begin. */
function mostInAnyMinute({ starts }: History): number {
  let most = 0
  let first = 0
  for (const [last, { at }] of starts.entries()) {
    while ((starts[first]?.at ?? 0) <= at - 60_000) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

describe('whatever happens', () => {
  test('every row ends once, within bounded time after the faults, and nothing runs idle', () => {
    fc.assert(
      fc.property(script, (drawn) => {
        const history = drive(scriptOf(drawn))
        const stopped = history.stops.length > 0
        expect(history.settled.size === drawn.rowCount || stopped).toBe(true)
        // A wake-up each second while something is under way, and some for each start.
        const seconds = (history.finishedAt - drawn.startAt) / 1000
        expect(history.wakes).toBeLessThanOrEqual(
          1.1 * seconds + 8 * (history.starts.length + history.settled.size) + 20,
        )
      }),
      { numRuns: 400 },
    )
  })

  test('the bounds hold: under way, bytes, requests in any minute', () => {
    fc.assert(
      fc.property(script, (drawn) => {
        const history = drive(scriptOf(drawn))
        expect(history.mostInFlight).toBeLessThanOrEqual(drawn.maxConcurrency)
        if (drawn.rpm !== undefined)
          expect(mostInAnyMinute(history)).toBeLessThanOrEqual(Math.max(1, drawn.rpm))
      }),
      { numRuns: 200 },
    )
  })

  test('no row fails but for its own fault: refused, invalid, or broken too often', () => {
    fc.assert(
      fc.property(script, (drawn) => {
        const history = drive(
          scriptOf({
            ...drawn,
            faults: drawn.faults.filter(
              (fault) => fault.startsWith('refused') || fault === 'no_socket',
            ),
            maxRowTimeMs: Infinity,
            patienceMs: 1e9,
          }),
        )
        expect([...history.settled.values()].every(({ how }) => how === 'succeed')).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test('a run told to stop ends as soon as what is under way has ended, every row accounted for', () => {
    const stop = { type: 'run_stop', reason: 'key', status: 401 } as const
    fc.assert(
      fc.property(script, fc.nat({ max: 60 }), (drawn, stopAt) => {
        const whole = scriptOf(drawn)
        const answer: Answerer = (exchange) => {
          if (exchange.attempt.number <= stopAt) return whole.answer(exchange)
          const error = { type: 'authentication_error', message: 'no' }
          return exchange.after(10, () =>
            exchange.end({
              kind: 'run_stop',
              reason: stop.reason,
              status: stop.status,
              requestId: null,
              error,
            }),
          )
        }
        const history = drive({ ...whole, answer })
        const asked = new Set(history.starts.map(({ attempt }) => attempt.work.sequence))
        for (const [row, { how }] of history.settled) {
          if (!asked.has(row)) expect(how).toBe('leave')
        }
      }),
      { numRuns: 100 },
    )
  })

  test('the same script gives the same decisions', () => {
    fc.assert(
      fc.property(script, (drawn) => {
        expect(drive(scriptOf(drawn)).log).toEqual(drive(scriptOf(drawn)).log)
      }),
      { numRuns: 50 },
    )
  })
})

const typical: SmallServerOptions = {
  requests: 1000,
  input: 2_000_000,
  output: 400_000,
  inputTokens: () => 300,
  outputTokens: () => 100,
  latencyMs: (random) => random.logNormal(700, 0.5),
}

/** Asks a server that limits for so many minutes' worth of rows. */
function ride(
  count: number,
  given: Partial<SmallServerOptions>,
  more: Partial<Script> = {},
): { history: History; server: SmallServer } {
  const server = new SmallServer({ ...typical, ...given }, new Random(5))
  const rows = Array.from({ length: count }, (_, sequence) => rowOf(sequence, { maxTokens: 4000 }))
  const history = drive({
    rows,
    options: { ramp: 'fast' },
    answer: server.answer,
    untilMs: 8 * 3_600_000,
    lateMsMax: 1,
    ...more,
  })
  return { history, server }
}

describe('riding the limits of a server', () => {
  // What is full at first is used as well: so many minutes' worth less one take so many minutes less one.
  test.each<[string, number, Partial<SmallServerOptions>, number]>([
    ['requests, 0.7 s', 8000, {}, 1000],
    ['requests, 15 s', 8000, { latencyMs: (random) => random.logNormal(15_000, 0.5) }, 1000],
    ['input tokens', 4000, { requests: 10_000, input: 150_000 }, 500],
    ['output tokens', 4000, { requests: 10_000, output: 50_000 }, 500],
    [
      'output tokens, 15 s',
      4000,
      { requests: 10_000, output: 50_000, latencyMs: (random) => random.logNormal(15_000, 0.5) },
      500,
    ],
    ['five requests', 40, { requests: 5 }, 5],
  ])('uses 0.95 of %s', (_, count, given, perMinute) => {
    const { history, server } = ride(count, given)
    expect(history.settled.size).toBe(count)
    const idealMs = (count / perMinute - 1) * 60_000
    expect(idealMs / (history.starts.at(-1)?.at ?? 0)).toBeGreaterThan(0.95)
    expect(server.refusals.length).toBeLessThanOrEqual(3 + count / 200)
  })

  test('a limit that falls to a tenth is kept to, with few refusals', () => {
    const falling = new SmallServer(typical, new Random(6))
    const rows = Array.from({ length: 3000 }, (_, sequence) => rowOf(sequence, { maxTokens: 4000 }))
    let hasFallen = false
    const fallen = drive({
      rows,
      options: { ramp: 'fast' },
      untilMs: 3_600_000,
      answer: (exchange) => {
        if (!hasFallen && exchange.now() > 60_000) {
          hasFallen = true
          falling.requests.resize(exchange.now(), 100)
        }
        falling.answer(exchange)
      },
    })
    expect(fallen.settled.size).toBe(3000)
    const before = fallen.starts.filter(({ at }) => at <= 60_000).length
    const idealMs = 60_000 + ((3000 - before) / 100) * 60_000
    expect(idealMs / (fallen.starts.at(-1)?.at ?? 0)).toBeGreaterThan(0.95)
    expect(falling.refusals.length).toBeLessThanOrEqual(30)
  })

  test('a limit that rises tenfold is climbed to within seconds', () => {
    const rising = new SmallServer({ ...typical, requests: 100 }, new Random(7))
    const rows = Array.from({ length: 3000 }, (_, sequence) => rowOf(sequence, { maxTokens: 4000 }))
    let hasRisen = false
    const history = drive({
      rows,
      options: { ramp: 'fast' },
      untilMs: 3_600_000,
      answer: (exchange) => {
        if (!hasRisen && exchange.now() > 120_000) {
          hasRisen = true
          rising.requests.resize(exchange.now(), 1000)
        }
        rising.answer(exchange)
      },
    })
    const before = history.starts.filter(({ at }) => at <= 120_000).length
    const idealMs = 120_000 + ((3000 - before) / 1000) * 60_000
    expect(idealMs / (history.starts.at(-1)?.at ?? 0)).toBeGreaterThan(0.95)
    expect(rising.refusals.length).toBeLessThanOrEqual(3)
  })

  test('a limit over one second that nobody shows is found with few refusals', () => {
    const { history, server } = ride(5000, { sliceSeconds: 1 })
    expect(history.settled.size).toBe(5000)
    expect(server.refusals.length).toBeLessThanOrEqual(20)
    // The minute that is full at first cannot be used: 5,000 ÷ 1,000.
    expect(300_000 / (history.starts.at(-1)?.at ?? 0)).toBeGreaterThan(0.95)
  })

  test("the user's bound and the server's limit hold together", () => {
    const { history, server } = ride(
      2000,
      {},
      { options: { ramp: 'fast', bounds: { requestsPerMinute: 400 } } },
    )
    expect(mostInAnyMinute(history)).toBeLessThanOrEqual(400)
    expect(300_000 / (history.starts.at(-1)?.at ?? 0)).toBeGreaterThan(0.97)
    expect(server.refusals).toEqual([])
  })
})

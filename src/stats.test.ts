import { describe, expect, test } from 'vitest'
import type { RowSucceeded, RunEvent, RunStarted } from './events.ts'
import type { Usage } from './outcome.ts'
import type { Snapshot } from './snapshot.ts'
import { Stats } from './stats.ts'

const usage: Usage = {
  inputTokens: 100,
  cacheWrite5mTokens: 20,
  cacheWrite1hTokens: 3,
  cacheReadTokens: 5000,
  outputTokens: 40,
  webSearches: 0,
  serviceTier: 'standard',
  speed: null,
  inferenceGeo: null,
}
const error = { type: 'overloaded_error', message: 'Overloaded' }

function started(at: number, changes: Partial<RunStarted> = {}): RunStarted {
  return {
    type: 'run_started',
    at,
    wallAt: 0,
    input: 'in.jsonl',
    output: 'out.jsonl',
    failedOutput: 'out.failed.jsonl',
    inputBytes: 1000,
    held: { succeeded: 0, failed: 0 },
    killedInFlight: 0,
    ...changes,
  }
}

function read(
  at: number,
  count: number,
  bytes: number,
  held = { succeeded: 0, failed: 0 },
): RunEvent {
  return {
    type: 'rows_read',
    at,
    count,
    heldSucceeded: held.succeeded,
    heldFailed: held.failed,
    bytes,
  }
}

function sent(at: number, line: number, pool = 'haiku'): RunEvent {
  return {
    type: 'attempt_started',
    at,
    attempt: line,
    line,
    id: `line-${line}`,
    model: pool,
    pool,
    stream: false,
  }
}

function succeeded(
  at: number,
  line: number,
  costNanoUsd: number | null = 1000,
  pool = 'haiku',
): RowSucceeded {
  return {
    type: 'row_succeeded',
    at,
    line,
    id: `line-${line}`,
    model: pool,
    pool,
    usage,
    stopReason: 'end_turn',
    costNanoUsd,
    cacheSavedNanoUsd: 0,
    latencyMs: 500,
    attempts: 1,
    requestId: null,
  }
}

type Failure = Extract<RunEvent, { type: 'attempt_failed' }>

function attemptFailed(
  at: number,
  line: number,
  kind: Failure['kind'],
  unknown: Failure['unknown'] = null,
): RunEvent {
  return {
    type: 'attempt_failed',
    at,
    attempt: line,
    line,
    id: `line-${line}`,
    pool: 'haiku',
    kind,
    status: 529,
    error,
    requestId: null,
    latencyMs: 10,
    unknown,
    waitMs: 100,
  }
}

function rowFailed(at: number, line: number): RunEvent {
  return {
    type: 'row_failed',
    at,
    line,
    id: `line-${line}`,
    error,
    status: 400,
    requestId: null,
    attempts: 1,
  }
}

function limitsRead(limit: number): RunEvent {
  const limits = { requests: { limit, remaining: 1, resetAt: 0 } }
  return { type: 'limits_read', at: 1, pool: 'haiku', limits }
}

function binds(at: number, name: string): RunEvent {
  return { type: 'binding_changed', at, binds: name }
}

function fold(events: readonly RunEvent[], now: number): Snapshot {
  const stats = new Stats()
  for (const event of events) stats.observe(event)
  return stats.snapshot(now)
}

describe('Stats', () => {
  test('counts rows, tries and tokens as events tell them', () => {
    const snapshot = fold(
      [
        started(0),
        read(0, 5, 1000, { succeeded: 1, failed: 1 }),
        { type: 'input_ended', at: 0 },
        sent(0, 1),
        sent(0, 2),
        sent(0, 3),
        succeeded(500, 1),
        attemptFailed(500, 2, 'invalid'),
        rowFailed(500, 2),
        { type: 'row_left', at: 500, line: 5, id: 'line-5', model: 'haiku' },
      ],
      1000,
    )
    expect(snapshot.rows).toEqual({
      read: 5,
      readAll: true,
      expected: 5,
      succeeded: 1,
      failed: 1,
      copied: 0,
      heldSucceeded: 1,
      heldFailed: 1,
      left: 1,
      twins: 0,
    })
    expect(snapshot.attempts).toEqual({
      started: 3,
      inFlight: 1,
      refused: 0,
      overloaded: 0,
      broken: 0,
    })
    expect(snapshot.tokens).toEqual({
      input: 100,
      cacheWrite5m: 20,
      cacheWrite1h: 3,
      cacheRead: 5000,
      cacheMissed: 0,
      output: 40,
    })
    expect(snapshot.elapsedMs).toBe(1000)
  })

  test.each([
    ['refused', { refused: 1, overloaded: 0, broken: 0 }],
    ['overloaded', { refused: 0, overloaded: 1, broken: 0 }],
    ['broken', { refused: 0, overloaded: 0, broken: 1 }],
    ['no_socket', { refused: 0, overloaded: 0, broken: 0 }],
    ['invalid', { refused: 0, overloaded: 0, broken: 0 }],
  ] as const)('counts a try that was %s', (kind, counts) => {
    const { attempts } = fold([started(0), sent(0, 1), attemptFailed(1, 1, kind)], 1)
    expect(attempts).toEqual({ started: 1, inFlight: 0, ...counts })
  })

  test('counts batches, and their answers apart from tries and limits', () => {
    const batch = { type: 'batch_submitted', at: 1, isEarlier: false } as const
    const under = [started(0), { ...batch, id: 'a', rows: 3 }, { ...batch, id: 'b', rows: 2 }]
    const none = { collected: 0, answers: 0, cut: 0 }
    expect(fold(under, 1).batches).toEqual({ outstanding: 2, rows: 5, ...none })
    const answer = { ...succeeded(2, 1), batchId: 'a' }
    const collected = { type: 'batch_collected', at: 2, id: 'a', rows: 3 } as const
    const after = fold([...under, read(1, 5, 1000), answer, collected], 2)
    expect(after.batches).toEqual({ outstanding: 1, rows: 2, collected: 1, answers: 1, cut: 0 })
    expect(after.attempts).toMatchObject({ started: 0, inFlight: 0 })
    expect(after.pools).toEqual([])
    // When a batch ends nobody knows, however fast the one before it was read.
    expect(after.leftMs).toBeNull()
  })

  test('counts answers that are not what was asked for, by why they ended', () => {
    const ends = ['end_turn', 'max_tokens', 'max_tokens', 'model_context_window_exceeded']
    const reasons = [...ends, 'refusal', 'pause_turn', 'tool_use', null]
    const answers = reasons.map((stopReason, line) => ({ ...succeeded(1, line), stopReason }))
    // One that was to write to the cache, and to answer nothing.
    const warm = { ...succeeded(1, 9), stopReason: 'max_tokens' }
    const none = { ...warm, usage: { ...usage, outputTokens: 0 } }
    const { incomplete } = fold([started(0), ...answers, none], 1)
    expect(incomplete).toEqual({ truncated: 3, refused: 1, paused: 1, invalid: 0 })
    const invalid = fold([started(0), { ...succeeded(1, 1), isInvalid: true }], 1)
    expect(invalid.incomplete.invalid).toBe(1)
  })

  test('knows until when nothing can change, as long as it is so', () => {
    const waits: RunEvent = { type: 'binding_changed', at: 5, binds: 'batches', untilAt: 40 }
    expect(fold([started(0), waits], 10).bindsForMs).toBe(30)
    expect(fold([started(0), waits], 50).bindsForMs).toBe(0)
    expect(fold([started(0), waits, binds(20, 'reading')], 30).bindsForMs).toBeNull()
  })

  test('counts rows that wait for copies, and those that got one', () => {
    const left: RunEvent = { type: 'row_left', at: 1, line: 2, id: 'b', model: 'm', isTwin: true }
    const other: RunEvent = { type: 'row_left', at: 1, line: 3, id: 'c', model: 'm' }
    expect(fold([started(0), left, other], 1).rows).toMatchObject({ left: 2, twins: 1 })
    const again: RunEvent = { type: 'rows_again', at: 1, count: 1 }
    const copied = { type: 'row_copied', at: 1, line: 2, id: 'b', from: 'a' } as const
    const events = [started(0), left, other, again]
    const answered = fold([...events, { ...copied, isFailure: false }], 1).rows
    expect(answered).toMatchObject({ left: 1, twins: 0, succeeded: 1, failed: 0, copied: 1 })
    const failed = fold([...events, { ...copied, isFailure: true }], 1).rows
    expect(failed).toMatchObject({ succeeded: 0, failed: 1, copied: 1 })
  })

  test('counts answers behind which rows were asked again, and what they took', () => {
    const { attempts: _attempts, ...taken } = succeeded(1, 1, 1500)
    const again = { ...taken, type: 'row_asked_again' } as const
    const reasons = ['truncated', 'truncated', 'paused', 'invalid_output'] as const
    const events = reasons.map((why) => ({ ...again, why }))
    const { askedAgain, costNanoUsd, rows } = fold([started(0), ...events], 1)
    expect(askedAgain).toEqual({ truncated: 2, paused: 1, invalid: 1, costNanoUsd: 6000 })
    expect(costNanoUsd).toBe(6000)
    expect(rows.succeeded).toBe(0)
    const unpriced = { ...again, why: 'paused', costNanoUsd: null } as const
    expect(fold([started(0), unpriced], 1).askedAgain.costNanoUsd).toBeNull()
  })

  test('counts what an answer took that its row failed with', () => {
    const { model, pool, usage: took } = succeeded(1, 1)
    const answer = { model, pool, usage: took, costNanoUsd: 7, cacheSavedNanoUsd: 0 }
    const failed = { ...rowFailed(1, 1), answer }
    const { costNanoUsd, tokens, rows } = fold([started(0), failed], 1)
    expect([costNanoUsd, tokens.output, rows.failed]).toEqual([7, took.outputTokens, 1])
  })

  test('sums costs, and counts answers without a price apart', () => {
    const events = [started(0), succeeded(1, 1, 1500), succeeded(1, 2, null), succeeded(1, 3, 500)]
    const { costNanoUsd, unpriced } = fold(events, 1)
    expect({ costNanoUsd, unpriced }).toEqual({ costNanoUsd: 2000, unpriced: 1 })
  })

  test('expects rows by the share of bytes read until all are read', () => {
    // 10 rows in 250 of 1,000 bytes: 40 in all.
    expect(fold([started(0), read(0, 10, 250)], 0).rows.expected).toBe(40)
    const all = [started(0), read(0, 10, 250), { type: 'input_ended', at: 0 } as const]
    expect(fold(all, 0).rows.expected).toBe(10)
  })

  test.each([
    ['a stream', [started(0, { inputBytes: null }), read(0, 10, 250)]],
    ['an input of which nothing was read', [started(0)]],
  ])('expects nothing of %s', (_what, events) => {
    expect(fold(events, 0).rows.expected).toBeNull()
  })

  test('counts a row that may be billed twice once, however often it was tried', () => {
    const unknown = { costNanoUsdMax: 70 }
    const events = [
      started(0),
      attemptFailed(1, 1, 'broken', unknown),
      attemptFailed(2, 1, 'broken', unknown),
      attemptFailed(3, 2, 'broken', unknown),
      succeeded(4, 1),
    ]
    expect(fold(events, 5).possiblyBilledTwice).toEqual({
      rows: 2,
      attempts: 3,
      costNanoUsdMax: 210,
      killedInFlight: 0,
    })
  })

  test('has no bound on the cost of what may be billed twice when a price is unknown', () => {
    const events = [
      started(0, { killedInFlight: 9 }),
      attemptFailed(1, 1, 'broken', { costNanoUsdMax: 70 }),
      attemptFailed(1, 2, 'broken', { costNanoUsdMax: null }),
    ]
    const { costNanoUsdMax, killedInFlight } = fold(events, 5).possiblyBilledTwice
    expect(costNanoUsdMax).toBeNull()
    expect(killedInFlight).toBe(9)
  })

  test('sums up what caching saved, losses too, and what was written again', () => {
    const events = [
      started(0),
      { ...succeeded(1, 1), cacheSavedNanoUsd: -300 },
      {
        ...succeeded(2, 2),
        cacheSavedNanoUsd: 1000,
        cacheMissedTokens: 20,
        cacheLostNanoUsd: 115,
      },
      { ...succeeded(3, 3), cacheMissedTokens: 3, cacheLostNanoUsd: 5 },
    ]
    const { cacheSavedNanoUsd, cacheLostNanoUsd, tokens } = fold(events, 5)
    expect([cacheSavedNanoUsd, cacheLostNanoUsd, tokens.cacheMissed]).toEqual([700, 120, 23])
    const unknown = { ...succeeded(4, 4), cacheMissedTokens: 1, cacheLostNanoUsd: null }
    expect(fold([...events, unknown], 5).cacheLostNanoUsd).toBeNull()
  })

  test('does not know the saving when that of one answer is unknown', () => {
    const unknown = { ...succeeded(1, 1, null), cacheSavedNanoUsd: null }
    const known = { ...succeeded(2, 2), cacheSavedNanoUsd: 1000 }
    expect(fold([started(0), unknown, known], 5).cacheSavedNanoUsd).toBeNull()
  })

  test('counts what this run read and wrote, and nothing of earlier runs', () => {
    const held = [started(0), read(0, 5, 1000, { succeeded: 4, failed: 0 })]
    const { tokens, cacheSavedNanoUsd } = fold([...held, succeeded(1, 5)], 5)
    expect([tokens.cacheRead, cacheSavedNanoUsd]).toEqual([5000, 0])
  })

  test('measures each pool on its own, and all together', () => {
    // Two rows of one pool and one of another in the first 6 seconds, and so of the last minute.
    const events = [
      started(0),
      ...[1, 2].flatMap((line) => [sent(0, line), succeeded(3000, line)]),
      sent(0, 3, 'opus'),
      succeeded(3000, 3, 1000, 'opus'),
    ]
    const { pools, rates } = fold(events, 6000)
    const each = {
      limits: undefined,
      others: undefined,
      requestsPerMinute: 1,
      inputTokensPerMinute: 123,
      outputTokensPerMinute: 40,
    }
    expect(pools).toEqual([
      {
        ...each,
        name: 'haiku',
        requestsPerMinute: 2,
        inputTokensPerMinute: 246,
        outputTokensPerMinute: 80,
      },
      { ...each, name: 'opus' },
    ])
    expect(rates).toEqual({
      rowsPerSecond: 0.5,
      rowsEachSecond: [0, 0, 0, 3, 0, 0],
      inputTokensPerMinute: 369,
      outputTokensPerMinute: 120,
    })
  })

  test('keeps the newest limits of a pool', () => {
    const { pools } = fold([started(0), limitsRead(50), limitsRead(60)], 2)
    expect(pools[0]?.limits?.requests?.limit).toBe(60)
  })

  test('keeps what others take as long as it is told', () => {
    const others = { requests: 7, output: 0 }
    const told = { ...limitsRead(50), others } as RunEvent
    expect(fold([started(0), told], 2).pools[0]?.others).toEqual(others)
    expect(fold([started(0), told, limitsRead(50)], 2).pools[0]?.others).toBeUndefined()
  })

  test('knows what was commanded last', () => {
    const commanded = (
      command: 'pause' | 'resume' | 'drain' | 'concurrency',
      max = 9,
    ): RunEvent => ({
      type: 'commanded',
      at: 1,
      command,
      maxConcurrency: max,
    })
    const after = (...events: readonly RunEvent[]): unknown => {
      const { paused, maxConcurrency } = fold([started(0), ...events], 2)
      return { paused, maxConcurrency }
    }
    expect(after()).toEqual({ paused: false, maxConcurrency: null })
    expect(after(commanded('pause'))).toEqual({ paused: true, maxConcurrency: 9 })
    const lower = commanded('concurrency', 4)
    expect(after(commanded('pause'), lower)).toEqual({ paused: true, maxConcurrency: 4 })
    expect(after(commanded('pause'), commanded('resume'))).toMatchObject({ paused: false })
    expect(after(commanded('pause'), commanded('drain'))).toMatchObject({ paused: false })
  })

  test('foresees the cost at the end from the rows that were asked', () => {
    const rows = [1, 2, 3, 4, 5].map((line) => succeeded(1000, line, 100))
    const copied = {
      type: 'row_copied',
      at: 1,
      line: 6,
      id: 'b',
      from: 'a',
      isFailure: false,
    } as const
    const whole = [started(0), read(0, 20, 1000, { succeeded: 4, failed: 0 }), ...rows, copied]
    // Of 20 rows 4 are held, 5 cost 500 and one nothing: 10 are to come.
    const end = { type: 'input_ended', at: 0 } as const
    expect(fold([...whole, end], 2000).costAtEndNanoUsd).toBe(1500)
    expect(fold([...whole, end, succeeded(1, 9, null)], 2000).costAtEndNanoUsd).toBeNull()
    const batch = { type: 'batch_submitted', at: 1, isEarlier: false, id: 'a', rows: 3 } as const
    expect(fold([...whole, end, batch], 2000).costAtEndNanoUsd).toBeNull()
    expect(fold([started(0, { inputBytes: null }), ...rows], 1).costAtEndNanoUsd).toBeNull()
  })

  test('watches a bounded number of pools, and counts the rows of all', () => {
    const events = Array.from({ length: 100 }, (_, index) =>
      succeeded(1, index, 10, `model-${index}`),
    )
    const snapshot = fold([started(0), ...events], 1)
    expect(snapshot.pools).toHaveLength(32)
    expect(snapshot.rows.succeeded).toBe(100)
    expect(snapshot.costNanoUsd).toBe(1000)
  })

  test('says how long each thing bound, the longest first', () => {
    const events = [started(0), binds(100, 'ramp'), binds(400, 'requests'), binds(1000, 'ramp')]
    const { bound, binds: now } = fold(events, 1200)
    expect(now).toBe('ramp')
    expect(bound.slice(0, 2)).toEqual([
      ['requests', 600],
      ['ramp', 500],
    ])
    expect(bound.reduce((sum, [, ms]) => sum + ms, 0)).toBe(1200)
  })

  test('knows the stop and what blocks the output', () => {
    const stopping = {
      type: 'run_stopping',
      at: 1,
      code: 'INTERRUPTED',
      message: 'asked',
      hint: null,
    } as const
    const blocked = { type: 'output_blocked', at: 1, code: 'ENOSPC' } as const
    expect(fold([started(0), stopping, blocked], 2)).toMatchObject({
      stopping: { code: 'INTERRUPTED', message: 'asked' },
      outputBlocked: 'ENOSPC',
    })
    expect(fold([started(0), blocked, { ...blocked, code: null }], 2).outputBlocked).toBeNull()
  })

  describe('time left', () => {
    const twenty = [read(0, 20, 1000), { type: 'input_ended', at: 0 } as const]

    test('is what is not settled at the rate of late', () => {
      // 4 of 20 in 2 s, so 16 at 2 a second.
      const rows = [1, 2, 3, 4].map((line) => succeeded(1000, line))
      expect(fold([started(0), ...twenty, ...rows], 2000).leftMs).toBe(8000)
    })

    test('is a range once five rows are settled, and ten seconds have passed', () => {
      const rows = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((line) => succeeded(900, line))
      const all = [started(0), read(0, 90, 1000), { type: 'input_ended', at: 0 } as const]
      const nines = [...rows, ...rows.map((row) => ({ ...row, at: 1800 }))].slice(2)
      expect(fold([...all, ...nines], 9999).leftRangeMs).toBeNull()
      expect(fold([...all, ...nines.slice(12)], 10_000).leftRangeMs).toBeNull()
      // 16 in 10 s, give or take twice 4: 74 at 0.8 to 2.4 a second.
      const range = fold([...all, ...nines], 10_000).leftRangeMs
      expect(range?.map((ms) => Math.round(ms))).toEqual([30_833, 92_500])
    })

    test('counts rows that were held, failed or left as done', () => {
      const held = read(0, 10, 1000, { succeeded: 4, failed: 2 })
      const left = { type: 'row_left', at: 1, line: 9, id: 'line-9', model: 'm' } as const
      const events = [
        started(0),
        held,
        { type: 'input_ended', at: 0 } as const,
        rowFailed(1, 1),
        left,
      ]
      // 2 of 10 are to come, at 1 in 2 s.
      expect(fold(events, 2000).leftMs).toBe(4000)
    })

    test('is unknown before a row is settled, and of a stream', () => {
      expect(fold([started(0), ...twenty], 2000).leftMs).toBeNull()
      const stream = started(0, { inputBytes: null })
      expect(fold([stream, read(0, 20, 1000), succeeded(1, 1)], 2000).leftMs).toBeNull()
    })

    test('goes by the whole run when nothing was settled of late', () => {
      // 1 of 20 in 60 s.
      expect(fold([started(0), ...twenty, succeeded(1000, 1)], 60_000).leftMs).toBe(19 * 60_000)
    })

    test('is no shorter than the requests limit lets the rest pass', () => {
      const limits = {
        type: 'limits_read',
        at: 1000,
        pool: 'haiku',
        limits: { requests: { limit: 6, remaining: 4, resetAt: 0 } },
      } as const
      const rows = [1, 2, 3, 4].map((line) => succeeded(1000, line))
      // 16 are to come: 4 at once, 12 at 6 a minute.
      expect(fold([started(0), ...twenty, ...rows, limits], 2000).leftMs).toBe(120_000)
    })
  })
})

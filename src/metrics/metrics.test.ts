/**
 * Events to metrics: what each says, and that all of them together say what the snapshot says.
 */

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StreamWorld, request } from '../../test/stream-world.ts'
import { type MetricsText, readMetrics } from '../../test/prometheus-text.ts'
import { draw } from '../../test/world/draw.ts'
import type { AnswerTaken, RunEvent } from '../events.ts'
import { noUsage } from '../outcome.ts'
import { run } from '../run.ts'
import type { RunOptions } from '../settings.ts'
import { Stats } from '../stats.ts'
import { Metrics } from './metrics.ts'

const duration = 'gen_ai_client_operation_duration_seconds'
const tokens = 'gen_ai_client_token_usage'
const used = 'gen_ai_client_inference_usage'

/** The metrics after these events, at an instant; by default at the last. */
async function after(events: readonly RunEvent[], now = events.at(-1)?.at ?? 0) {
  let at = now
  const clock = { now: () => at, wallTime: () => at, after: () => () => {} }
  const metrics = new Metrics(clock)
  for (const event of events) metrics.observe(event)
  const read = async (): Promise<MetricsText> => readMetrics(await metrics.text())
  return { ...(await read()), metrics, read, at: (later: number) => void (at = later) }
}

const startsAt = (at: number): RunEvent => ({
  type: 'run_started',
  at,
  wallAt: at,
  input: 'in',
  output: 'out',
  failedOutput: 'failed',
  inputBytes: 100,
  held: { succeeded: 0, failed: 0 },
  killedInFlight: 0,
})
const started = startsAt(0)

const sent = (line: number, at: number, model = 'claude-haiku-5-5'): RunEvent => ({
  type: 'attempt_started',
  at,
  attempt: 1,
  line,
  id: `id-${line}`,
  model,
  pool: 'haiku',
  stream: false,
})

const usage = {
  ...noUsage,
  inputTokens: 10,
  cacheWrite5mTokens: 200,
  cacheWrite1hTokens: 40,
  cacheReadTokens: 1000,
  outputTokens: 7,
}

const taken: AnswerTaken = {
  model: 'claude-haiku-5-5-20260901',
  pool: 'haiku',
  usage,
  costNanoUsd: 2_500_000,
  cacheSavedNanoUsd: 1_000_000_000,
}

const succeeded = (line: number, at: number, changes: Partial<AnswerTaken> = {}): RunEvent => ({
  type: 'row_succeeded',
  at,
  line,
  id: `id-${line}`,
  ...taken,
  ...changes,
  stopReason: 'end_turn',
  latencyMs: 1500,
  attempts: 1,
  requestId: 'req_1',
})

type Kind = Extract<RunEvent, { type: 'attempt_failed' }>['kind']

const failed = (line: number, at: number, kind: Kind, type = 'overloaded_error'): RunEvent => ({
  type: 'attempt_failed',
  at,
  attempt: 1,
  line,
  id: `id-${line}`,
  pool: 'haiku',
  kind,
  status: 529,
  error: { type, message: 'no' },
  requestId: 'req_2',
  latencyMs: 200,
  unknown: null,
  waitMs: 1,
})

const models = {
  gen_ai_operation_name: 'chat',
  gen_ai_provider_name: 'anthropic',
  gen_ai_request_model: 'claude-haiku-5-5',
  gen_ai_response_model: 'claude-haiku-5-5-20260901',
}

describe('calls', () => {
  test('an answer is a call of its length, and tokens of each kind', async () => {
    const { sum } = await after([started, sent(1, 0), succeeded(1, 1500)])
    expect(sum(`${duration}_count`, models)).toBe(1)
    expect(sum(`${duration}_sum`, models)).toBe(1.5)
    // 1.5 s are more than 1.28 and less than 2.56.
    expect(sum(`${duration}_bucket`, { ...models, le: '1.28' })).toBe(0)
    expect(sum(`${duration}_bucket`, { ...models, le: '2.56' })).toBe(1)
    // All input counts, whatever the cache did: 10 + 200 + 40 + 1,000.
    expect(sum(`${tokens}_sum`, { ...models, gen_ai_token_type: 'input' })).toBe(1250)
    expect(sum(`${tokens}_sum`, { ...models, gen_ai_token_type: 'output' })).toBe(7)
    const counted = { ...models, gen_ai_token_modality: 'unknown' }
    expect(sum(`${used}_input_tokens_total`, counted)).toBe(1250)
    expect(sum(`${used}_output_tokens_total`, counted)).toBe(7)
    expect(sum(`${used}_cache_read_input_tokens_total`, counted)).toBe(1000)
    expect(sum(`${used}_cache_write_input_tokens_total`, counted)).toBe(240)
    expect(sum('sluice_cost_usd_total', { model: 'claude-haiku-5-5-20260901' })).toBe(0.0025)
    expect(sum('sluice_cache_saved_usd')).toBe(1)
  })

  test('a try without an answer is a call with its error, and no tokens', async () => {
    const { sum } = await after([
      started,
      sent(1, 0),
      failed(1, 200, 'overloaded'),
      sent(1, 300),
      succeeded(1, 1800),
    ])
    const { gen_ai_response_model: _, ...asked } = models
    const wrong = { ...asked, gen_ai_response_model: '', error_type: 'overloaded_error' }
    expect(sum(`${duration}_count`, wrong)).toBe(1)
    expect(sum(`${duration}_sum`, wrong)).toBe(0.2)
    expect(sum(`${duration}_count`, { ...models, error_type: '' })).toBe(1)
    expect(sum(`${tokens}_count`)).toBe(2)
    expect(sum('sluice_tries_failed_total', { kind: 'overloaded' })).toBe(1)
    expect(sum('sluice_tries_failed_total')).toBe(1)
    expect(sum('sluice_tries_total')).toBe(2)
    expect(sum('sluice_tries_in_flight')).toBe(0)
  })

  test('a try that found no socket is no call', async () => {
    const { sum } = await after([started, sent(1, 0), failed(1, 1, 'no_socket')])
    expect(sum(`${duration}_count`)).toBeUndefined()
    expect(sum('sluice_tries_failed_total', { kind: 'no_socket' })).toBe(1)
  })

  test('an answer of a batch used tokens, and took no time', async () => {
    const { sum } = await after([started, succeeded(1, 90_000, { batchId: 'msgbatch_1' })])
    expect(sum(`${duration}_count`)).toBeUndefined()
    expect(sum(`${tokens}_sum`, { gen_ai_token_type: 'input' })).toBe(1250)
    expect(sum('sluice_batch_answers_total')).toBe(1)
    expect(sum('sluice_cost_usd_total')).toBe(0.0025)
  })

  test('an answer that an earlier run had is nothing but its row', async () => {
    const earlier = { isEarlier: true, usage: noUsage, costNanoUsd: 0, cacheSavedNanoUsd: 0 }
    const { sum } = await after([started, succeeded(1, 10, earlier)])
    expect(sum(`${duration}_count`)).toBeUndefined()
    expect(sum(`${tokens}_count`)).toBeUndefined()
    expect(sum('sluice_rows_total', { outcome: 'succeeded' })).toBe(1)
  })

  test('an answer that its row failed with is a call that ended well', async () => {
    const { sum } = await after([
      started,
      sent(1, 1000),
      {
        type: 'row_failed',
        at: 3000,
        line: 1,
        id: 'id-1',
        error: { type: 'refused', message: '' },
        status: 200,
        requestId: null,
        attempts: 1,
        answer: taken,
      },
    ])
    expect(sum(`${duration}_sum`, { ...models, error_type: '' })).toBe(2)
    expect(sum('sluice_rows_total', { outcome: 'failed' })).toBe(1)
  })
})

describe('the run', () => {
  test('what binds is time, by what it was and of which pool', async () => {
    const { sum } = await after(
      [
        started,
        { type: 'binding_changed', at: 1000, binds: 'requests' },
        { type: 'binding_changed', at: 4000, binds: 'claude-opus-5: input' },
      ],
      6500,
    )
    expect(sum('sluice_bound_seconds_total', { by: 'reading', pool: '' })).toBe(1)
    expect(sum('sluice_bound_seconds_total', { by: 'requests', pool: '' })).toBe(3)
    expect(sum('sluice_bound_seconds_total', { by: 'input', pool: 'claude-opus-5' })).toBe(2.5)
  })

  test('limits are shown as replies show them, and what went against them', async () => {
    const limits = {
      requests: { limit: 50, remaining: 49, resetAt: 0 },
      input: { limit: 30_000, remaining: 28_000, resetAt: 0 },
    }
    const { sum } = await after([
      started,
      sent(1, 0),
      { type: 'limits_read', at: 1500, pool: 'haiku', limits },
      succeeded(1, 1500),
    ])
    expect(sum('sluice_limit_per_minute', { pool: 'haiku', meter: 'requests' })).toBe(50)
    expect(sum('sluice_limit_remaining', { pool: 'haiku', meter: 'input' })).toBe(28_000)
    expect(sum('sluice_limit_per_minute', { meter: 'output' })).toBeUndefined()
    expect(sum('sluice_used_last_minute', { pool: 'haiku', meter: 'requests' })).toBe(1)
    // What was read from the cache counts to no limit.
    expect(sum('sluice_used_last_minute', { pool: 'haiku', meter: 'input' })).toBe(250)
    expect(sum('sluice_used_last_minute', { pool: 'haiku', meter: 'output' })).toBe(7)
  })

  test('a budget in money is dollars, one in tokens tokens', async () => {
    const line = { limit: 2e9, spent: 5e8, unknown: 1e8, reserved: 2e8, overshootMax: 0 }
    const { sum } = await after([
      started,
      { type: 'budget_used', at: 1, mode: 'strict', usd: line, tokens: null },
    ])
    expect(sum('sluice_budget_usd', { part: 'limit' })).toBe(2)
    expect(sum('sluice_budget_usd', { part: 'spent' })).toBe(0.5)
    expect(sum('sluice_budget_usd', { part: 'possibly_spent' })).toBe(0.1)
    expect(sum('sluice_budget_usd', { part: 'reserved' })).toBe(0.2)
    expect(sum('sluice_budget_tokens')).toBeUndefined()
  })

  test('what is not known has no sample, and no zero', async () => {
    const { sum } = await after([started])
    expect(sum('sluice_rows_expected')).toBeUndefined()
    expect(sum('sluice_time_left_seconds')).toBeUndefined()
    expect(sum('sluice_rows_total', { outcome: 'failed' })).toBe(0)
    const unpriced = { ...failed(1, 1, 'broken'), unknown: { costNanoUsdMax: null } } as RunEvent
    const later = await after([started, sent(1, 0), unpriced])
    expect(later.sum('sluice_possibly_billed_tries_total')).toBe(1)
    expect(later.sum('sluice_possibly_billed_usd_total')).toBeUndefined()
  })

  test('batches are there until they are collected', async () => {
    const submitted = (id: string): RunEvent => ({
      type: 'batch_submitted',
      at: 1,
      id,
      rows: 40,
      isEarlier: false,
    })
    const events = [started, submitted('a'), submitted('b')]
    const both = await after(events)
    expect(both.sum('sluice_batches_outstanding')).toBe(2)
    expect(both.sum('sluice_batches_outstanding_rows')).toBe(80)
    const collected = { type: 'batch_collected', at: 2, id: 'a', rows: 40 } as const
    const left = await after([...events, collected])
    expect(left.sum('sluice_batches_outstanding_rows')).toBe(40)
    expect(left.sum('sluice_batches_total')).toBe(1)
  })

  test('states are 0 or 1', async () => {
    const blocked = await after([started, { type: 'output_blocked', at: 1, code: 'ENOSPC' }])
    expect(blocked.sum('sluice_output_blocked')).toBe(1)
    expect(blocked.sum('sluice_stopping')).toBe(0)
  })

  test('after its end no time passes; in the next run counters go on, and gauges are its own', async () => {
    const { metrics, at, read } = await after([started, sent(1, 0), succeeded(1, 1500)], 2000)
    metrics.ended()
    at(1_000_000)
    expect((await read()).sum('sluice_bound_seconds_total')).toBe(2)
    metrics.observe(startsAt(1_000_000))
    const rowsRead = {
      type: 'rows_read',
      at: 1_000_000,
      count: 5,
      heldFailed: 0,
      bytes: 9,
    } as const
    metrics.observe({ ...rowsRead, heldSucceeded: 1 })
    metrics.observe(sent(2, 1_000_000))
    metrics.observe(succeeded(2, 1_001_000))
    at(1_001_000)
    const { sum } = await read()
    expect(sum('sluice_rows_total', { outcome: 'succeeded' })).toBe(2)
    expect(sum('sluice_tries_total')).toBe(2)
    expect(sum('sluice_bound_seconds_total')).toBe(3)
    expect(sum(`${duration}_count`)).toBe(2)
    expect(sum('sluice_rows_read')).toBe(5)
    expect(sum('sluice_rows_held', { outcome: 'succeeded' })).toBe(1)
  })
})

describe('what comes from files and replies', () => {
  test('names are escaped', async () => {
    const model = 'a"b\\c\nd{}é,le="1"'
    const { samples } = await after([started, sent(1, 0, model), succeeded(1, 1, { model })])
    const counts = samples.filter(({ name }) => name === `${duration}_count`)
    expect(counts.map(({ labels }) => labels['gen_ai_request_model'])).toEqual([model])
  })

  test('there are only so many series, whatever is named', async () => {
    const events: RunEvent[] = [started]
    for (let line = 1; line <= 2000; line++) {
      const model = `model-${line}-${'x'.repeat(1000)}`
      const pool = `pool-${line}`
      events.push({ ...sent(line, line, model), pool } as RunEvent)
      if (line % 2 === 0) events.push(failed(line, line, 'broken', `error-${line}`))
      else events.push(succeeded(line, line, { model: `${model}-answered`, pool }))
      events.push({ type: 'binding_changed', at: line, binds: `${pool}: requests` })
    }
    const { samples, sum } = await after(events)
    const ofDuration = samples.filter(({ name }) => name === `${duration}_count`)
    expect(ofDuration.length).toBeLessThan(700)
    expect(samples.filter(({ name }) => name === 'sluice_bound_seconds_total').length).toBe(34)
    for (const { labels } of samples)
      for (const value of Object.values(labels)) expect(value.length).toBeLessThanOrEqual(128)
    // What is not named apart is counted all the same.
    expect(sum(`${duration}_count`)).toBe(2000)
    expect(sum(`${duration}_count`, { error_type: '_OTHER' })).toBe(1000 - 16)
  })

  test('a server that answers each request in another name makes no more', async () => {
    // 16 names asked for and 16 that answer are 256 pairs, of which 32 are kept.
    const events = Array.from({ length: 256 }, (_, line) => [
      sent(line, line, `asked-${line % 16}`),
      succeeded(line, line, { model: `answered-${Math.floor(line / 16)}` }),
    ])
    const { samples, sum } = await after([started, ...events.flat()])
    expect(samples.filter(({ name }) => name === `${duration}_count`)).toHaveLength(33)
    expect(sum(`${duration}_count`, { gen_ai_request_model: 'other' })).toBe(256 - 32)
  })

  test('no id of a row, a request or a batch is in it', async () => {
    const batch = { type: 'batch_submitted', at: 1, id: 'msgbatch_9', rows: 1, isEarlier: false }
    const { metrics } = await after([
      started,
      sent(1, 0),
      failed(1, 1, 'broken'),
      sent(1, 2),
      succeeded(1, 3),
      batch as RunEvent,
    ])
    expect(await metrics.text()).not.toMatch(/id-1|req_|msgbatch_/)
  })
})

/** What a run tells, whatever its server does. */
async function told(seed: number, more: Partial<RunOptions>): Promise<readonly RunEvent[]> {
  const world = new StreamWorld({ ...draw(seed).server, requestsPerMinute: 300 })
  const rows = Array.from({ length: 40 }, (_, index) => JSON.stringify(request(index)))
  world.files.put('/in.jsonl', Buffer.from(`${rows.join('\n')}\nno request\n`))
  const options = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'k', seed, ...more }
  await world.until(run(options, { observers: [world.observe] }, world.context))
  return world.events
}

describe('all together say what the snapshot says', () => {
  const ways = [{}, { via: 'batches' }, { maxAttempts: 2 }] as const
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9])('world seed %i', async (seed) => {
    const events = await told(seed, ways[seed % ways.length] ?? {})
    await expectAsSnapshot(events)
  })

  test('for any events', async () => {
    const count = fc.integer({ min: 0, max: 1e6 })
    const anyUsage = fc.record({
      inputTokens: count,
      outputTokens: count,
      cacheReadTokens: count,
      cacheWrite5mTokens: count,
      cacheWrite1hTokens: count,
    })
    const step = fc.record({
      line: fc.integer({ min: 1, max: 5 }),
      model: fc.string(),
      ends: fc.constantFrom(
        'answered',
        'refused',
        'overloaded',
        'broken',
        'no_socket',
        'left',
        'batch',
      ),
      ms: count,
      cost: fc.option(count),
      usage: anyUsage,
    })
    const plan = fc.array(step, { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(plan, async (steps) => {
        let at = 0
        const events: RunEvent[] = [started]
        for (const { line, model, ends, ms, cost, usage: all } of steps) {
          const took = { model, costNanoUsd: cost, usage: { ...noUsage, ...all } }
          if (ends !== 'batch') events.push(sent(line, at, model))
          at += ms
          if (ends === 'answered') events.push(succeeded(line, at, took))
          else if (ends === 'batch') events.push(succeeded(line, at, { ...took, batchId: 'b' }))
          else if (ends !== 'left') events.push(failed(line, at, ends))
        }
        await expectAsSnapshot(events)
      }),
      { numRuns: 60 },
    )
  })
})

async function expectAsSnapshot(events: readonly RunEvent[]): Promise<void> {
  const stats = new Stats()
  for (const event of events) stats.observe(event)
  const snapshot = stats.snapshot(events.at(-1)?.at ?? 0)
  const { sum } = await after(events)
  const { rows, attempts, tokens: totals, costNanoUsd, bound } = snapshot
  expect(sum('sluice_rows_total', { outcome: 'succeeded' })).toBe(rows.succeeded)
  expect(sum('sluice_rows_total', { outcome: 'failed' })).toBe(rows.failed)
  expect(sum('sluice_tries_total')).toBe(attempts.started)
  const notSent = sum('sluice_tries_failed_total', { kind: 'no_socket' }) ?? 0
  const ended = attempts.started - attempts.inFlight
  expect(sum(`${duration}_count`) ?? 0).toBe(ended - notSent)
  for (const kind of ['refused', 'overloaded', 'broken'] as const)
    expect(sum('sluice_tries_failed_total', { kind })).toBe(attempts[kind])
  const written = totals.cacheWrite5m + totals.cacheWrite1h
  const input = totals.input + written + totals.cacheRead
  expect(sum(`${used}_input_tokens_total`) ?? 0).toBe(input)
  expect(sum(`${used}_output_tokens_total`) ?? 0).toBe(totals.output)
  expect(sum(`${used}_cache_read_input_tokens_total`) ?? 0).toBe(totals.cacheRead)
  expect(sum(`${used}_cache_write_input_tokens_total`) ?? 0).toBe(written)
  expect(sum(`${tokens}_sum`) ?? 0).toBe(input + totals.output)
  expect(sum('sluice_cost_usd_total') ?? 0).toBeCloseTo(costNanoUsd / 1e9, 12)
  const seconds = bound.reduce((total, [, ms]) => total + ms, 0) / 1000
  expect(sum('sluice_bound_seconds_total')).toBeCloseTo(seconds, 6)
}

import { describe, expect, test } from 'vitest'
import { Stats } from './stats.ts'
import { errorJson, type RunSummary, summaryJson } from './summary.ts'

const snapshot = new Stats().snapshot(0)

const summary: RunSummary = {
  exitCode: 1,
  stopped: null,
  modelsGone: [],
  input: 'in.jsonl',
  output: '/data/out.jsonl',
  failedOutput: '/data/out.failed.jsonl',
  rows: { selected: 10, succeeded: 7, failed: 3, left: 0 },
  notInInput: 2,
  estimateErrorPercent: -1.5,
  estimateErrors: { input: { medianPercent: 1.25, p95Percent: 8 }, output: null },
  boundExcess: { '--max-requests-per-minute': 0 },
  snapshot: {
    ...snapshot,
    elapsedMs: 1234.5678,
    rows: {
      ...snapshot.rows,
      read: 10,
      succeeded: 5,
      failed: 2,
      copied: 3,
      heldSucceeded: 2,
      heldFailed: 1,
    },
    attempts: { started: 9, inFlight: 0, refused: 1, overloaded: 2, broken: 3 },
    possiblyBilledTwice: { rows: 1, attempts: 2, costNanoUsdMax: 1_000_000_001, killedInFlight: 4 },
    tokens: {
      input: 11,
      cacheWrite5m: 20,
      cacheWrite1h: 2,
      cacheRead: 33,
      cacheMissed: 7,
      output: 44,
    },
    cacheSavedNanoUsd: -1_000_000_001,
    cacheLostNanoUsd: 3,
    costNanoUsd: 123_456_789,
    budget: {
      mode: 'expected',
      usd: { limit: 2e9, spent: 1e9 + 1, unknown: 5e8, reserved: 6e8, overshootMax: 7 },
      tokens: null,
    },
    incomplete: { truncated: 5, refused: 6, paused: 8, invalid: 9 },
    askedAgain: { truncated: 10, paused: 11, invalid: 12, costNanoUsd: 1_000_000_013 },
    batches: { outstanding: 1, rows: 300, collected: 2, answers: 4, cut: 0 },
    deadline: { at: 1.7e12, isGuaranteed: true, leftMs: -1500.4, isJudged: true },
    bound: [
      ['requests', 900.4],
      ['ramp', 100],
    ],
  },
}

describe('summaryJson()', () => {
  test('says everything under its documented name', () => {
    expect(JSON.parse(summaryJson(summary))).toEqual({
      exit_code: 1,
      stopped: null,
      models_gone: [],
      input: 'in.jsonl',
      output: '/data/out.jsonl',
      failed_output: '/data/out.failed.jsonl',
      rows: { selected: 10, succeeded: 7, failed: 3, left: 0 },
      this_run: {
        succeeded: 5,
        failed: 2,
        copied: 3,
        truncated: 5,
        refusals: 6,
        paused: 8,
        invalid_outputs: 9,
        asked_again: { truncated: 10, paused: 11, invalid_output: 12, cost_usd: 1.000000013 },
        elapsed_ms: 1235,
        attempts: 9,
        refused: 1,
        overloaded: 2,
        broken: 3,
        input_tokens: 11,
        cache_creation_input_tokens: 22,
        cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 2 },
        cache_read_input_tokens: 33,
        cache_missed_input_tokens: 7,
        output_tokens: 44,
        cost_usd: 0.123456789,
        cost_known_usd: 0.123456789,
        answers_without_price: 0,
        cache_saved_usd: -1.000000001,
        cache_lost_usd: 3e-9,
      },
      possibly_billed_twice: {
        rows: 1,
        attempts: 2,
        cost_usd_max: 1.000000001,
        in_flight_when_killed: 4,
      },
      budget: {
        mode: 'expected',
        // Less is left than nothing: two dollars, less 1.000000001, 0.5 and 0.6.
        usd: {
          limit: 2,
          spent: 1.000000001,
          unknown_max: 0.5,
          reserved: 0.6,
          left: -0.100000001,
          overshoot_max: 7e-9,
        },
        tokens: null,
      },
      batches: { outstanding: 1, rows: 300, collected: 2, answers: 4, cut: 0 },
      // 1,700,000,000 s after the epoch, and a second and a half too late.
      deadline: { at: '2023-11-14T22:13:20.000Z', guaranteed: true, met: false, left_ms: -1500 },
      bound: { requests: 900, ramp: 100 },
      bound_excess: { '--max-requests-per-minute': 0 },
      estimate_error_percent: -1.5,
      estimate_errors: { input: { median_percent: 1.25, p95_percent: 8 }, output: null },
      not_in_input: 2,
    })
  })

  test('prints money digit by digit', () => {
    // As a number this sum would lose its last digit.
    const costNanoUsd = Number.MAX_SAFE_INTEGER
    const text = summaryJson({ ...summary, snapshot: { ...summary.snapshot, costNanoUsd } })
    expect(text).toContain('"cost_usd":9007199.254740991')
  })

  test('does not state a cost that is not known', () => {
    const text = summaryJson({ ...summary, snapshot: { ...summary.snapshot, unpriced: 1 } })
    expect(text).toContain('"cost_usd":null,"cost_known_usd":0.123456789,"answers_without_price":1')
  })

  test('does not state a saving that is not known', () => {
    const snapshot = { ...summary.snapshot, cacheSavedNanoUsd: null }
    expect(summaryJson({ ...summary, snapshot })).toContain('"cache_saved_usd":null')
  })

  test('is one line of JSON whatever a message holds', () => {
    const message = 'a\nb"\u0000raw:1" \u2028'
    const stopped = { code: 'BILLING', message, hint: null } as const
    const text = summaryJson({ ...summary, stopped })
    expect(text).not.toContain('\n')
    expect(JSON.parse(text)).toMatchObject({ stopped })
  })
})

describe('errorJson()', () => {
  test('has the members of a summary, and says which error it was', () => {
    const error = { code: 'KEY_MISSING', message: 'no key', hint: 'set it' }
    const parsed: Record<string, unknown> = JSON.parse(errorJson(2, error))
    const full: Record<string, unknown> = JSON.parse(summaryJson(summary))
    expect(Object.keys(parsed)).toEqual(Object.keys(full))
    expect(parsed).toMatchObject({ exit_code: 2, stopped: error, rows: null, this_run: null })
  })
})

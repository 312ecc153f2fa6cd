/**
 * Views for the page: runs of every kind that there is, and some that nobody should have.
 *
 * Figures are made by plain arithmetic from the number of the interval, so that two makes are the same.
 */

import type {
  AnsweredView,
  FailedView,
  PageView,
  PoolSeries,
  SeriesView,
} from '../src/page/view.ts'

const startedAt = Date.UTC(2025, 10, 23, 9, 0, 0)

/** Text that would do harm if it were markup, or turn a line around. */
export const hostileText =
  '</script><img src=x onerror="globalThis.harmed=1">\u202e\u0007<!--{{7*7}}</style>'

/** A wave between 0 and 1, with a finer one on it. */
function wave(index: number, shift = 0): number {
  return 0.5 + 0.35 * Math.sin(index / 17 + shift) + 0.15 * Math.sin(index / 2.3 + shift)
}

interface SeriesOptions {
  readonly points?: number
  readonly ms?: number
  readonly pools?: readonly string[]
  /** From which interval on it is another start, an hour later. */
  readonly againFrom?: number
}

const meterLimits = { requests: 4000, input: 2_000_000, output: 400_000 } as const

/** How a run may have gone. */
export function seriesView(options: SeriesOptions = {}): SeriesView {
  const { points = 600, ms = 12_000, pools = ['claude-sonnet-5'], againFrom = Infinity } = options
  const indexes = Array.from({ length: points }, (_, index) => index)
  const ramp = (index: number): number => Math.min(1, (index + 1) / 20)
  const isOutage = (index: number): boolean => index > 300 && index < 325
  const level = (index: number): number =>
    isOutage(index) ? 0.05 : ramp(index) * (0.86 + 0.14 * wave(index))
  const whole = (value: (index: number) => number): number[] =>
    indexes.map((index) => Math.round(value(index)))
  return {
    at: indexes.map((index) => startedAt + index * ms + (index >= againFrom ? 3_600_000 : 0)),
    ms: indexes.map(() => ms),
    succeeded: whole((index) => (level(index) * 46 * ms) / 1000),
    failed: whole((index) => (index % 40 === 7 ? ms / 1500 : 0)),
    rateLimited: whole((index) => (index === 21 || index % 97 === 3 ? 9 : 0)),
    overloaded: whole((index) => (isOutage(index) ? 30 * wave(index) : 0)),
    broken: whole((index) => (index % 53 === 11 ? 4 : 0)),
    inFlight: whole((index) => 180 * ramp(index) * (0.6 + 0.4 * wave(index, 1))),
    costNanoUsd: whole((index) => level(index) * ms * 34_567),
    cacheReadTokens: whole((index) => (index < 30 ? 0 : ms * 18 * wave(index, 2))),
    binds: indexes.map((index) => {
      if (index < 12) return 0
      if (isOutage(index)) return 3
      return index % 60 < 38 ? 1 : index % 60 < 56 ? 2 : -1
    }),
    bindNames: ['the ramp', 'output tokens', 'input tokens', 'server errors'],
    pools: pools.map((name, index) => poolSeries(name, { indexes, ms, level, shift: index })),
  }
}

interface PoolOptions {
  readonly indexes: readonly number[]
  readonly ms: number
  readonly level: (index: number) => number
  readonly shift: number
}

function poolSeries(name: string, { indexes, ms, level, shift }: PoolOptions): PoolSeries {
  const shares = { requests: 0.62, input: 0.9, output: 0.985 } as const
  return {
    name,
    meters: (['requests', 'input', 'output'] as const).map((meter) => ({
      name: meter,
      used: indexes.map((index) => {
        const share = shares[meter] * level(index + 30 * shift)
        return Math.round((share * meterLimits[meter] * ms) / 60_000)
      }),
      limit: indexes.map((index) => {
        if (index < 2) return null
        return meter === 'output' && index > 450 ? meterLimits.output * 0.8 : meterLimits[meter]
      }),
      ...(meter === 'input'
        ? { others: indexes.map((index) => (index < 100 ? null : 90_000 * wave(index, 4))) }
        : {}),
    })),
  }
}

function answered(count: number): AnsweredView[] {
  return Array.from({ length: count }, (_, index) => ({
    line: 1000 + 37 * index,
    id: `review-${1000 + 37 * index}`,
    attempts: 1 + (index % 3),
    requestId: `req_011CSHoEeqs5C35K2UUqR7Fy${index}`,
    model: index % 4 === 0 ? 'claude-haiku-4-5' : 'claude-sonnet-5',
    latencyMs: 58_000 - 700 * index,
    outputTokens: 4096 - 13 * index,
    costNanoUsd: 61_440_000 - 195_000 * index,
  }))
}

function failures(count: number): FailedView[] {
  return Array.from({ length: count }, (_, index) => ({
    line: 211 + 997 * index,
    id: `review-${211 + 997 * index}`,
    attempts: index % 5 === 0 ? 5 : 1,
    requestId: index % 7 === 0 ? null : `req_011CSHpZ6n2vXQb1rLdWm3Aa${index}`,
    type: index % 5 === 0 ? 'overloaded_error' : 'invalid_request_error',
    message:
      index % 5 === 0
        ? 'Overloaded'
        : `messages.${index % 9}.content: text content blocks must be non-empty`,
  }))
}

const kinds = (input: number, output: number): PageView['cost']['byModel'][number]['kinds'] => ({
  input: { tokens: input, nanoUsd: input * 3000 },
  cacheWrite5m: { tokens: Math.round(input / 40), nanoUsd: Math.round(input / 40) * 3750 },
  cacheWrite1h: { tokens: 0, nanoUsd: 0 },
  cacheRead: { tokens: input * 2, nanoUsd: input * 600 },
  output: { tokens: output, nanoUsd: output * 15_000 },
})

function latencyView(): PageView['latency'] {
  const ratio = 1.189_207
  const buckets = Array.from({ length: 44 }, (_, index) => ({
    fromMs: 60 * ratio ** index,
    toMs: 60 * ratio ** (index + 1),
    rows: Math.round(60_000 * Math.exp(-((index - 22) ** 2) / 60) + (index > 36 ? 40 : 0)),
  }))
  const rows = buckets.reduce((sum, bucket) => sum + bucket.rows, 0)
  return { rows, medianMs: 2720, p90Ms: 7440, p99Ms: 14_900, maxMs: 120_300, buckets }
}

/** A long run, all of it over, with everything there is. */
export function endedView(): PageView {
  const series = seriesView({ pools: ['claude-sonnet-5', 'claude-haiku-4-5'], againFrom: 400 })
  return {
    form: 1,
    state: 'ended',
    at: startedAt + 11_800_000,
    run: {
      name: 'reviews.results.jsonl',
      input: '/data/reviews/reviews.jsonl',
      output: '/data/reviews/reviews.results.jsonl',
      failedOutput: '/data/reviews/reviews.results.failed.jsonl',
      startedAt,
      elapsedMs: 7_212_000,
      starts: 2,
      stopped: null,
      version: '0.1.0',
    },
    rows: {
      expected: 305_218,
      isCounted: true,
      succeeded: 305_018,
      failed: 200,
      copied: 1204,
      inFlight: 0,
      perSecond: 42.3,
      truncated: 12,
      refused: 3,
      invalid: 41,
    },
    leftMs: null,
    cost: {
      nanoUsd: 3_412_340_000_000,
      unpriced: 0,
      atEndNanoUsd: null,
      perhapsNanoUsd: 23_400_000,
      cacheSavedNanoUsd: 1_034_120_000_000,
      byModel: [
        { model: 'claude-sonnet-5', rows: 261_010, nanoUsd: 3_010e9, kinds: kinds(184e6, 61e6) },
        { model: 'claude-haiku-4-5', rows: 44_008, nanoUsd: 402e9, kinds: kinds(29e6, 9e6) },
      ],
    },
    tokens: { input: 213e6, cacheWrite: 5.3e6, cacheRead: 426e6, output: 70e6 },
    binds: '',
    bound: [
      { name: 'output tokens', ms: 4_404_000 },
      { name: 'input tokens', ms: 1_902_000 },
      { name: 'server errors', ms: 288_000 },
      { name: 'the ramp', ms: 144_000 },
    ],
    pools: ['claude-sonnet-5', 'claude-haiku-4-5'].map((name) => ({
      name,
      meters: [
        { name: 'requests', limit: 4000, used: 2480, others: null },
        { name: 'input', limit: 2_000_000, used: 1_780_000, others: 84_000 },
        { name: 'output', limit: 320_000, used: 316_000, others: 0 },
      ],
    })),
    series,
    latency: latencyView(),
    errors: [
      { type: 'overloaded_error', status: 529, tries: 412, rows: 40, message: 'Overloaded' },
      {
        type: 'rate_limit_error',
        status: 429,
        tries: 62,
        rows: 0,
        message: 'This request would exceed the rate limit of your organization.',
      },
      {
        type: 'invalid_request_error',
        status: 400,
        tries: 0,
        rows: 160,
        message: 'messages.3.content: text content blocks must be non-empty',
      },
      { type: 'connection_reset', status: 0, tries: 48, rows: 0, message: 'The peer has reset it' },
    ],
    estimates: { rows: 303_814, bias: 0.003, median: 0.02, p95: 0.09 },
    slowest: answered(50),
    failed: failures(200),
    live: null,
  }
}

/** A run under way; later with a greater step. */
export function runningView(step = 0): PageView {
  const ended = endedView()
  const done = 121_000 + 20 * step
  return {
    ...ended,
    state: 'running',
    at: startedAt + 2_900_000 + 500 * step,
    run: { ...ended.run, elapsedMs: 2_900_000 + 500 * step, starts: 1 },
    rows: {
      ...ended.rows,
      isCounted: false,
      expected: 305_000,
      succeeded: done,
      failed: 79,
      inFlight: 164,
      perSecond: 41 + 4 * wave(step),
    },
    leftMs: [4_100_000, 5_050_000],
    cost: { ...ended.cost, nanoUsd: 1_353e9 + 8e6 * step, atEndNanoUsd: 3_410e9 },
    binds: step % 2 === 0 ? 'output tokens of claude-sonnet-5' : 'input tokens',
    series: seriesView({ points: 240 + (step % 360), pools: ['claude-sonnet-5'] }),
    pools: ended.pools.slice(0, 1),
    failed: failures(79),
    live: {
      inFlight: Array.from({ length: 50 }, (_, index) => ({
        line: done + index,
        id: `review-${done + index}`,
        model: 'claude-sonnet-5',
        ageMs: 41_000 - 800 * index,
      })),
      batches: [
        { id: 'msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d', rows: 40_000, ageMs: 1_240_000 },
        { id: 'msgbatch_01Jx8VbA8kQ2Zs7u5NnTgq3e', rows: 12_218, ageMs: 1_180_000 },
      ],
      notices: [
        { at: startedAt + 2_890_000, message: 'The server is overloaded: fewer at a time' },
        { at: startedAt + 1000, message: 'Limits: 4,000 requests, 2M input, 400k output a minute' },
      ],
    },
  }
}

/** Next to nothing: one row, and nobody recorded how it went. */
export function oneRowView(): PageView {
  const ended = endedView()
  return {
    ...ended,
    run: { ...ended.run, startedAt: null, elapsedMs: null, starts: 1 },
    rows: {
      expected: null,
      isCounted: false,
      succeeded: 1,
      failed: 0,
      copied: 0,
      inFlight: 0,
      perSecond: 0,
      truncated: 0,
      refused: 0,
      invalid: 0,
    },
    cost: {
      nanoUsd: 12_300,
      unpriced: 1,
      atEndNanoUsd: null,
      perhapsNanoUsd: null,
      cacheSavedNanoUsd: null,
      byModel: [
        {
          model: 'claude-next',
          rows: 1,
          nanoUsd: null,
          kinds: { ...kinds(0, 0), output: { tokens: 9, nanoUsd: null } },
        },
      ],
    },
    tokens: { input: 8, cacheWrite: 0, cacheRead: 0, output: 9 },
    bound: [],
    pools: [],
    series: null,
    latency: null,
    errors: [],
    estimates: null,
    slowest: [],
    failed: [],
  }
}

/** Every text that comes from elsewhere does its worst. */
export function hostileView(): PageView {
  const ended = endedView()
  const long = `${'x'.repeat(4000)}${hostileText}`
  const texts = { id: long, requestId: hostileText, request: hostileText, answer: long }
  return {
    ...ended,
    state: 'stopped',
    run: {
      ...ended.run,
      name: hostileText,
      input: long,
      output: hostileText,
      stopped: { code: hostileText, message: long },
      version: hostileText,
    },
    bound: [{ name: long, ms: 1000 }],
    pools: ended.pools.map((pool, index) => ({ ...pool, name: `${index}${long}` })),
    series: ended.series && { ...ended.series, bindNames: [hostileText, long, 'a', 'b'] },
    errors: [{ type: hostileText, status: 400, tries: 1, rows: 1, message: long }],
    cost: {
      ...ended.cost,
      byModel: ended.cost.byModel.map((model, index) => ({ ...model, model: `${index}${long}` })),
    },
    slowest: answered(3).map((row) => ({ ...row, ...texts, model: long })),
    failed: failures(3).map((row) => ({ ...row, ...texts, type: hostileText, message: long })),
  }
}

/** All views, by what they are. */
export const pageViews: Readonly<Record<string, () => PageView>> = {
  running: runningView,
  paused: () => ({ ...runningView(), state: 'paused', leftMs: null }),
  'begun just now': () => ({
    ...oneRowView(),
    state: 'running',
    rows: { ...oneRowView().rows, succeeded: 0 },
    live: { inFlight: [], batches: [], notices: [] },
  }),
  ended: endedView,
  'stopped with failures': () => ({
    ...endedView(),
    state: 'stopped',
    run: {
      ...endedView().run,
      stopped: { code: 'AUTHENTICATION', message: 'The API refused the key (401)' },
    },
  }),
  'without a series': () => ({ ...endedView(), series: null }),
  'of batches only': () => ({
    ...runningView(),
    pools: [],
    latency: null,
    slowest: [],
    series: { ...seriesView({ points: 90, pools: [] }), inFlight: Array(90).fill(0) },
  }),
  'of one row': oneRowView,
  'of a billion rows': () => ({
    ...endedView(),
    rows: { ...endedView().rows, expected: 1e9, succeeded: 999_999_800 },
    cost: { ...endedView().cost, nanoUsd: 9e15 },
  }),
  'from right to left': () => ({
    ...endedView(),
    run: { ...endedView().run, name: 'תוצאות-الردود.jsonl' },
    failed: failures(4).map((row) => ({ ...row, id: 'שורה-12', message: 'خطأ في الطلب' })),
  }),
  hostile: hostileView,
}

import { describe, expect, test } from 'vitest'
import type { TokenTotals } from '../snapshot.ts'
import { Stats } from '../stats.ts'
import type { RunSummary } from '../summary.ts'
import { painter } from './paint.ts'
import { lastLine, summaryLines } from './summary-text.ts'

const empty = new Stats().snapshot(0)

/** A run in which everything happened. */
const eventful: RunSummary = {
  exitCode: 3,
  stopped: { code: 'BILLING', message: 'Stopped', hint: null },
  modelsGone: [],
  input: 'in.jsonl',
  output: 'out.jsonl',
  failedOutput: 'out.failed.jsonl',
  rows: { selected: 3201, succeeded: 3000, failed: 1, left: 200 },
  notInInput: 12,
  estimateErrorPercent: -1.25,
  estimateErrors: {
    input: { medianPercent: 2, p95Percent: 9.04 },
    output: { medianPercent: 30, p95Percent: 120 },
  },
  boundExcess: { '--max-requests-per-minute': 0, '--max-input-tokens-per-minute': 1234 },
  snapshot: {
    ...empty,
    elapsedMs: 258_000,
    rows: { ...empty.rows, succeeded: 2000, failed: 1, heldSucceeded: 1000 },
    incomplete: { truncated: 1200, refused: 3, paused: 1, invalid: 2 },
    askedAgain: { truncated: 40, paused: 2, invalid: 3, costNanoUsd: 12_345_678 },
    attempts: { started: 2214, inFlight: 0, refused: 200, overloaded: 2, broken: 11 },
    possiblyBilledTwice: { rows: 3, attempts: 4, costNanoUsdMax: 20_000_000, killedInFlight: 42 },
    tokens: {
      ...empty.tokens,
      input: 1_230_000,
      cacheWrite5m: 40_000,
      cacheRead: 8_100_000,
      output: 640_000,
    },
    cacheSavedNanoUsd: 21_520_000_000,
    costNanoUsd: 4_123_000_000,
    bound: [
      ['requests', 237_000],
      ['ramp', 20_000],
      ['first reply', 1000],
    ],
  },
}

/** A run in which nothing but answers happened. */
const smooth: RunSummary = {
  ...eventful,
  exitCode: 0,
  stopped: null,
  rows: { selected: 100, succeeded: 100, failed: 0, left: 0 },
  notInInput: 0,
  estimateErrorPercent: null,
  estimateErrors: { input: null, output: null },
  boundExcess: {},
  snapshot: {
    ...empty,
    elapsedMs: 10_000,
    rows: { ...empty.rows, succeeded: 100 },
    attempts: { started: 100, inFlight: 0, refused: 0, overloaded: 0, broken: 0 },
    tokens: { ...empty.tokens, input: 900, output: 400 },
    costNanoUsd: 50_000_000,
  },
}

const plain = painter(false)

test.each([
  { output: 'out.jsonl', failedOutput: 'out.failed.jsonl', says: 'out.failed.jsonl' },
  { output: '-', failedOutput: '-', says: 'on stdout, among the answers' },
  { output: 'out.jsonl', failedOutput: 'out.jsonl', says: 'in the same file, among the answers' },
])('failed rows are $says', ({ says, ...files }) => {
  expect(summaryLines({ ...eventful, ...files }, plain)).toContain(`failed    ${says}`)
})

describe('summaryLines()', () => {
  test('counts everything out', () => {
    expect(summaryLines(eventful, plain)).toEqual([
      'rows      3,201: 3,000 answered, 1 failed, 200 left',
      '          1,000 of them by earlier runs',
      '          1,200 cut at max_tokens, 3 refused by the model, 1 paused by tools',
      '          2 outputs that do not match their schema',
      '          asked again: 40 cut, 2 paused, 3 invalid ($0.0123)',
      'time      4 min 18 s, 7.8 rows/s',
      'tokens    1.23M uncached input, 640k output',
      'cache     8.1M tokens read, 40k written: $21.52 saved',
      'cost      $4.12',
      'billed    possibly twice: 3 rows, at most $0.02',
      '          up to 42 more, under way when an earlier run was killed',
      'tries     2,214: 429s 200, overloaded 2, broken 11',
      'bound by  requests 92 %, ramp 8 %',
      'excess    your --max-input-tokens-per-minute passed by 1,234 in one minute',
      'estimate  input tokens 1.3 % too low; half within 2.0 %, 95 % within 9.0 %',
      'failed    out.failed.jsonl',
      'note      12 answers in the output are of rows no longer in the input',
    ])
  })

  test('says what batches gave, at which price, and what is under way', () => {
    const summary: RunSummary = {
      ...smooth,
      snapshot: {
        ...smooth.snapshot,
        attempts: { ...empty.attempts },
        batches: { outstanding: 1, rows: 300, collected: 2, answers: 100, cut: 0 },
        deadline: null,
        tokens: { ...empty.tokens, input: 100, cacheWrite1h: 100, cacheRead: 800, output: 400 },
      },
    }
    expect(summaryLines(summary, plain)).toEqual([
      'rows      100: 100 answered, 0 failed',
      'time      10 s, 10.0 rows/s',
      'batches   2 collected, 100 answers; 1 under way, 300 rows',
      'tokens    100 uncached input, 400 output',
      'cache     800 tokens read, 100 written: $0.00 saved',
      '          of the written: 100 for an hour',
      '          80 % of all input was read from it',
      'cost      $0.05, at the half price of batches',
    ])
  })

  test('tells batches from rows that were asked live', () => {
    const batches = { outstanding: 0, rows: 0, collected: 1, answers: 99, cut: 0 }
    const lines = summaryLines({ ...smooth, snapshot: { ...smooth.snapshot, batches } }, plain)
    expect(lines).toContain('cost      $0.05, 99 answers at the half price of batches')
    expect(lines).toContain('tries     100: 429s 0')
  })

  test('says nothing of what did not happen, but that no row failed and there were no 429s', () => {
    expect(summaryLines(smooth, plain)).toEqual([
      'rows      100: 100 answered, 0 failed',
      'time      10 s, 10.0 rows/s',
      'tokens    900 input, 400 output',
      'cost      $0.05',
      'tries     100: 429s 0',
    ])
  })

  test('names what bound in words, and bounds as they were typed, on lines of 80', () => {
    const bound: [string, number][] = [
      ['--max-requests-per-minute', 400],
      ['--max-input-tokens-per-minute', 300],
      ['output', 200],
      ['--limit-fraction output', 100],
    ]
    const summary = { ...smooth, snapshot: { ...smooth.snapshot, bound } }
    const spellings = { 'max-requests-per-minute': '--max_requests_per_minute' }
    const lines = summaryLines(summary, plain, spellings)
    const first = lines.findIndex((line) => line.startsWith('bound by'))
    expect(lines.slice(first)).toEqual([
      'bound by  your --max_requests_per_minute 40 %',
      '          your --max-input-tokens-per-minute 30 %, output tokens 20 %',
      '          your --limit-fraction of output tokens 10 %',
    ])
  })

  test('fits 80 columns with large figures', () => {
    const large = {
      ...eventful,
      rows: { selected: 1_000_000, succeeded: 999_000, failed: 500, left: 500 },
      snapshot: {
        ...eventful.snapshot,
        rows: { ...eventful.snapshot.rows, heldSucceeded: 100_000 },
        unpriced: 123_456,
        askedAgain: { truncated: 999_999, paused: 99_999, invalid: 99_999, costNanoUsd: 1e12 },
      },
    }
    for (const line of summaryLines(large, plain)) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('gives no sum as the cost when some answers have no price', () => {
    const unpriced = { ...smooth, snapshot: { ...smooth.snapshot, unpriced: 2 } }
    expect(summaryLines(unpriced, plain)).toContain(
      'cost      $0.05, and 2 answers at unknown prices',
    )
    const none = { ...smooth, snapshot: { ...smooth.snapshot, unpriced: 100, costNanoUsd: 0 } }
    expect(summaryLines(none, plain)).toContain('cost      unknown: 100 answers at unknown prices')
  })

  test.each([
    [0, 'input tokens as estimated'],
    [12.34, 'input tokens 12.3 % too high'],
    [-0.06, 'input tokens 0.1 % too low'],
  ])('tells an estimate that was off by %d', (estimateErrorPercent, text) => {
    expect(summaryLines({ ...smooth, estimateErrorPercent }, plain)).toContain(`estimate  ${text}`)
  })
})

describe('the cache', () => {
  const textsOf = (
    tokens: Partial<TokenTotals>,
    cacheSavedNanoUsd: number | null,
    cacheLostNanoUsd = 0,
  ): string[] => {
    const snapshot = {
      ...smooth.snapshot,
      tokens: { ...smooth.snapshot.tokens, ...tokens },
      cacheSavedNanoUsd,
      cacheLostNanoUsd,
    }
    const lines = summaryLines({ ...smooth, snapshot }, plain)
    const [first, last] = ['tokens', 'cost'].map((label) =>
      lines.findIndex((line) => line.startsWith(label)),
    )
    return lines.slice((first ?? 0) + 1, last)
  }

  test.each<[Partial<TokenTotals>, number | null, string[]]>([
    [{}, 0, []],
    [
      { cacheWrite5m: 40_000 },
      -120e6,
      ['cache     0 tokens read, 40k written: $0.12 more than without'],
    ],
    [
      { cacheWrite5m: 4000 },
      -1,
      ['cache     0 tokens read, 4k written: under $0.0001 more than without'],
    ],
    [{ cacheRead: 500 }, null, ['cache     500 tokens read, 0 written: price unknown']],
    [
      { cacheRead: 9000, cacheWrite5m: 3000, cacheWrite1h: 4000 },
      0,
      [
        'cache     9k tokens read, 7k written: $0.00 saved',
        '          of the written: 4k for an hour',
      ],
    ],
    [
      { cacheRead: 9000, cacheWrite1h: 3000, cacheMissed: 2000 },
      500e6,
      [
        'cache     9k tokens read, 3k written: $0.50 saved',
        '          of the written: 3k for an hour, 2k again',
      ],
    ],
  ])('of %j that saved %j', (tokens, saved, texts) => {
    expect(textsOf(tokens, saved)).toEqual(texts)
  })

  test('says what more could have been saved', () => {
    const [line] = textsOf({ cacheRead: 9000, cacheWrite5m: 300, cacheMissed: 300 }, 5e8, 2e7)
    expect(line).toBe('cache     9k tokens read, 300 written: $0.50 saved of $0.52 at best')
  })

  test('fits 80 columns with all there is to say', () => {
    const much = { cacheRead: 123e9, cacheWrite5m: 123e6, cacheWrite1h: 456e6, cacheMissed: 123e6 }
    for (const line of textsOf(much, -123_456.78e9)) expect(line.length).toBeLessThanOrEqual(80)
  })
})

describe('the budget', () => {
  const line = { limit: 10e9, spent: 4e9, unknown: 0, reserved: 0, overshootMax: 0 }
  const textOf = (usd: typeof line): readonly string[] => {
    const budget = { mode: 'strict', usd, tokens: null } as const
    const lines = summaryLines({ ...smooth, snapshot: { ...smooth.snapshot, budget } }, plain)
    return lines.filter((text) => text.startsWith('budget'))
  }

  test('is what is spent, perhaps spent, and left', () => {
    expect(textOf(line)).toEqual(['budget    $4.00 of $10.00 spent, $6.00 left'])
    expect(textOf({ ...line, unknown: 1e9 })).toEqual([
      'budget    $4.00 of $10.00 spent, $1.00 perhaps, $5.00 left',
    ])
  })

  test('may be lower than what earlier runs spent', () => {
    expect(textOf({ ...line, limit: 3e9 })).toEqual([
      'budget    $4.00 of $3.00 spent, passed by $1.00',
    ])
  })
})

describe('lastLine()', () => {
  test.each([
    ['a smooth run', smooth, 'done 100, failed 0, cost $0.05, out.jsonl'],
    ['a stopped run', eventful, 'done 3,000, failed 1, left 200, cost $4.12, out.jsonl'],
    ['results on stdout', { ...smooth, output: '-' }, 'done 100, failed 0, cost $0.05, stdout'],
  ])('of %s', (_what, summary, line) => {
    expect(lastLine(summary, plain)).toBe(line)
  })
})

import { stripVTControlCharacters } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LimitReading, LimitReadings } from '../outcome.ts'
import type { PoolSnapshot } from '../pool-stats.ts'
import type { Snapshot } from '../snapshot.ts'
import { Stats } from '../stats.ts'
import { painter } from './paint.ts'
import { progressLine, progressLines, type ProgressOptions } from './progress.ts'
import { displayWidth } from './text.ts'

const empty = new Stats().snapshot(0)

function limits(requests: number, input: number, output: number): LimitReadings {
  return { requests: full(requests), input: full(input), output: full(output) }
}

function full(limit: number): LimitReading {
  return { limit, remaining: limit, resetAt: 0 }
}

function pool(name: string, changes: Partial<PoolSnapshot> = {}): PoolSnapshot {
  return {
    name,
    requestsPerMinute: 738,
    inputTokensPerMinute: 81_000,
    outputTokensPerMinute: 12_000,
    limits: limits(1000, 2_000_000, 400_000),
    ...changes,
  }
}

const running: Snapshot = {
  ...empty,
  rows: {
    read: 3201,
    readAll: true,
    expected: 3201,
    succeeded: 733,
    failed: 1,
    copied: 0,
    heldSucceeded: 500,
    heldFailed: 0,
    left: 0,
    twins: 0,
  },
  attempts: { started: 800, inFlight: 42, refused: 0, overloaded: 2, broken: 1 },
  rates: { rowsPerSecond: 12.3, inputTokensPerMinute: 81_000, outputTokensPerMinute: 12_000 },
  pools: [pool('claude-haiku-4-5')],
  costNanoUsd: 12_345_678,
  binds: 'requests',
  leftMs: 160_000,
}

const plain: ProgressOptions = { columns: 80, paint: painter(false), bounds: {} }

/** Two batches are collected, and three are not. */
const batched: Snapshot = {
  ...empty,
  rows: { ...empty.rows, read: 45_000, readAll: true, expected: 45_000, succeeded: 5000 },
  batches: { outstanding: 3, rows: 40_000, collected: 2, answers: 5000, cut: 0 },
  deadline: null,
  rates: { ...empty.rates, rowsPerSecond: 900 },
  costNanoUsd: 1_230_000_000,
  binds: 'batches',
  bindsForMs: 39_400,
}

describe('while batches are under way', () => {
  test('the block says how many, with how many rows, and when it is looked again', () => {
    expect(progressLines(batched, plain)).toEqual([
      'sluice   5,000 of 45,000 rows   11 %',
      '3 batches under way   40,000 rows in them   5,000 rows collected',
      'failed 0   $1.23   next look in 40 s',
    ])
  })

  test('the line of a log says nothing that changes by itself', () => {
    expect(progressLine(batched, { ...plain, columns: 120 })).toBe(
      '5,000 of 45,000 rows  11 %  3 batches under way  40,000 rows in them  ' +
        '5,000 rows collected  failed 0  $1.23',
    )
  })

  test('rows that are asked live besides are told as ever', () => {
    const attempts = { ...empty.attempts, started: 3, inFlight: 2 }
    const lines = progressLines({ ...batched, attempts }, plain)
    expect(lines.at(-1)).toMatch(/^in flight 2 {3}retries 0 {3}429s 0 {3}failed 0/)
  })

  test('one batch is one batch, and a run that stops looks no more', () => {
    const batches = { outstanding: 1, rows: 1, collected: 0, answers: 0, cut: 0 }
    const stopping = { code: 'INTERRUPTED', message: 'm' }
    const lines = progressLines({ ...batched, batches, stopping }, plain)
    expect(lines[1]).toBe('1 batch under way   1 row in it')
    expect(lines[2]).toBe('failed 0   $1.23')
  })

  test('of a batch whose creation was not answered there is nothing to count', () => {
    const lines = progressLines({ ...batched, batches: empty.batches, rows: empty.rows }, plain)
    expect(lines).toEqual([
      'sluice   0 rows',
      'in flight 0   failed 0   $1.23   binds batches under way   next look in 40 s',
    ])
  })

  test('between batches there are no tries to be told either', () => {
    const batches = { outstanding: 0, rows: 0, collected: 2, answers: 5000, cut: 0 }
    const lines = progressLines({ ...batched, batches, binds: 'reading' }, plain)
    expect(lines.at(-1)).toBe('failed 0   $1.23   binds reading the input')
  })

  test.each([20, 40, 60, 79])('no line is longer than %i columns', (columns) => {
    for (const line of progressLines(batched, { ...plain, columns })) {
      expect(displayWidth(line)).toBeLessThanOrEqual(columns)
    }
  })
})

describe('progressLines()', () => {
  test('shows rows, limits and state on three lines', () => {
    expect(progressLines(running, plain)).toEqual([
      'sluice   1,234 of 3,201 rows   38 %   12.3 rows/s   left 2 min 40 s',
      'requests 738 of 1k/min   input 81k of 2M/min   output 12k of 400k/min',
      'in flight 42   retries 3   429s 0   failed 1   $0.0123   binds requests',
    ])
  })

  test('shows what of a budget is gone, and what is held for what is under way', () => {
    const usd = { limit: 5e9, spent: 1e9, unknown: 25e7, reserved: 5e8, overshootMax: 0 }
    const tokens = { limit: 2e6, spent: 1e6, unknown: 0, reserved: 81_000, overshootMax: 0 }
    const budget = { mode: 'strict', usd, tokens } as const
    const [, , state] = progressLines({ ...running, budget }, { ...plain, columns: 160 })
    expect(state).toContain('budget $1.25 + $0.50 of $5.00   budget 1M + 81k of 2M')
  })

  test('shows how much of all prompts was read from the cache, in the place of no 429s', () => {
    // 6,000 of 6,000 + 900 + 80 + 20 tokens.
    const used = { input: 900, cacheWrite5m: 80, cacheWrite1h: 20, cacheRead: 6000 }
    const tokens = { ...empty.tokens, ...used, output: 5000 }
    const lines = progressLines({ ...running, tokens }, plain)
    expect(lines.at(-1)).toBe(
      'in flight 42   cache 85 %   retries 3   failed 1   $0.0123   binds requests',
    )
    expect(progressLine({ ...running, tokens }, { ...plain, columns: 160 })).toContain('cache 85 %')
  })

  test('shows that the cache was written and not read', () => {
    const tokens = { ...empty.tokens, input: 900, cacheWrite1h: 100 }
    expect(progressLines({ ...running, tokens }, plain).at(-1)).toContain('cache 0 %')
  })

  test('shows only what is known at the start', () => {
    expect(progressLines({ ...empty, binds: '' }, plain)).toEqual([
      'sluice   0 rows',
      'in flight 0   retries 0   429s 0   failed 0   $0.00',
    ])
  })

  test('shows an expected number of rows as what it is', () => {
    const rows = { ...running.rows, readAll: false, expected: 9876 }
    expect(progressLines({ ...running, rows }, plain)[0]).toContain('1,234 of ~9,876 rows')
  })

  test('shows rates without limits while none was seen', () => {
    const pools = [pool('m', { limits: undefined })]
    expect(progressLines({ ...running, pools }, plain)[1]).toBe(
      'requests 738/min   input 81k/min   output 12k/min',
    )
  })

  test('shows the lower of the limit and the bound of the user', () => {
    const bounds = { requests: 40, input: 5_000_000 }
    expect(progressLines(running, { ...plain, bounds })[1]).toBe(
      'requests 738 of 40/min   input 81k of 2M/min   output 12k of 400k/min',
    )
  })

  test('shows several pools by name, each beside its own limits', () => {
    const pools = [pool('claude-haiku-4-5'), pool('claude-opus-4.x', { limits: undefined })]
    expect(progressLines({ ...running, pools }, plain).slice(1, -1)).toEqual([
      'claude-haiku-4-5   requests 738/1k   input 81k/2M   output 12k/400k   a minute',
      'claude-opus-4.x    requests 738   input 81k   output 12k   a minute',
    ])
  })

  test('shows the sum of several pools beside the bounds of the user', () => {
    const pools = [pool('claude-haiku-4-5'), pool('claude-opus-4.x')]
    expect(progressLines({ ...running, pools }, { ...plain, bounds: { requests: 2000 } })[3]).toBe(
      'all                requests 1.48k/2k   input 81k   output 12k   a minute',
    )
  })

  test('shows the share of the limits that may be used', () => {
    expect(progressLines(running, { ...plain, fraction: 0.5 })[1]).toBe(
      'requests 738 of 500/min   input 81k of 1M/min   output 12k of 200k/min',
    )
  })

  test('says of several pools which one binds, and by what', () => {
    const binds = 'claude-opus-4.x: output'
    const last = progressLines({ ...running, binds }, { ...plain, columns: 120 }).at(-1)
    expect(last).toMatch(/ binds output tokens of claude-opus-4\.x$/)
  })

  test('shows a bounded number of pools', () => {
    const pools = Array.from({ length: 20 }, (_, index) => pool(`model-${index}`))
    const lines = progressLines({ ...running, pools }, plain)
    expect(lines).toHaveLength(9)
    expect(lines[7]).toBe('and 14 more')
  })

  test('says that it stops, and no longer what binds or when it ends', () => {
    const stopping = { code: 'INTERRUPTED', message: 'asked' }
    const [first, , last] = progressLines({ ...running, stopping }, plain)
    expect(first).toBe('stopping   1,234 of 3,201 rows   38 %   12.3 rows/s')
    expect(last).toBe('in flight 42   retries 3   429s 0   failed 1   $0.0123')
  })

  test('says that the output cannot be written', () => {
    const lines = progressLines({ ...running, outputBlocked: 'ENOSPC' }, plain)
    expect(lines.at(-1)).toContain('cannot write: ENOSPC')
  })

  test('does not state a cost as whole when some answers have no price', () => {
    expect(progressLines({ ...running, unpriced: 1 }, plain).at(-1)).toContain('$0.0123 + unknown')
  })

  test('leaves out the least telling fields when it is narrow', () => {
    expect(progressLines(running, { ...plain, columns: 40 })).toEqual([
      'sluice   1,234 of 3,201 rows',
      'requests 738 of 1k/min',
      'in flight 42   failed 1   $0.0123',
    ])
  })

  test('names what binds at 80 columns, a bound as it was typed', () => {
    const calm = { ...running, attempts: { ...running.attempts, overloaded: 0, broken: 0 } }
    const of = (binds: string, typed?: string): string | undefined => {
      const spellings = typed === undefined ? {} : { [binds.slice(2)]: typed }
      return progressLines({ ...calm, binds }, { ...plain, spellings }).at(-1)
    }
    expect(of('input')).toMatch(/ binds input tokens$/)
    const flag = '--max-input-tokens-per-minute'
    expect(of(flag)).toMatch(/ binds your --max-input-tokens-per-minute$/)
    expect(of(flag, '--itpm')).toMatch(/ binds your --itpm$/)
    expect(of(flag, '--max_tokens_per_minute')).toMatch(/ binds your --max_tokens_per_minute$/)
    // What went wrong is told before what binds.
    const refused = { ...running.attempts, refused: 9 }
    const last = progressLines({ ...running, attempts: refused, binds: flag }, plain).at(-1)
    expect(last).toContain('429s 9')
  })

  test('takes no more columns than there are, whatever the figures and names', () => {
    const figure = fc.nat(2_000_000_000)
    const name = fc.string({ unit: 'grapheme', maxLength: 40 })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 120 }),
        fc.array(name, { maxLength: 9 }),
        figure,
        figure,
        fc.boolean(),
        (columns, names, large, small, bounded) => {
          const rows = { ...running.rows, succeeded: large, failed: small, expected: large * 2 }
          const pools = names.map((each) => pool(each, { requestsPerMinute: large }))
          const bounds = bounded ? { requests: small, output: large } : {}
          const tokens = { ...empty.tokens, input: small, cacheRead: large }
          const money = { costNanoUsd: large, leftMs: large }
          const snapshot = { ...running, rows, pools, tokens, ...money }
          const options = { ...plain, columns, bounds }
          for (const line of [
            ...progressLines(snapshot, options),
            progressLine(snapshot, options),
          ]) {
            expect(displayWidth(line)).toBeLessThanOrEqual(columns)
          }
        },
      ),
    )
  })

  test('shows no control characters of a model name', () => {
    const pools = [pool('m\u001b[2J'), pool('n')]
    expect(progressLines({ ...running, pools }, plain).join('\n')).not.toContain('\u001b')
  })

  test('is the same text in colours', () => {
    const coloured = progressLines(running, { ...plain, paint: painter(true) })
    const stripped = coloured.map((line) => stripVTControlCharacters(line))
    expect(coloured.join('')).toContain('\u001b[')
    expect(stripped).toEqual(progressLines(running, plain))
  })
})

describe('progressLine()', () => {
  test('says in one line what counts', () => {
    expect(progressLine(running, plain)).toBe(
      '1,234 of 3,201 rows  38 %  12.3 rows/s  left 2 min 40 s  failed 1  $0.0123',
    )
  })

  test('leaves out what is zero, but not that no row failed', () => {
    const quiet = {
      ...running,
      rows: { ...running.rows, failed: 0 },
      attempts: { started: 0, inFlight: 0, refused: 0, overloaded: 0, broken: 0 },
      leftMs: null,
      binds: '',
    }
    expect(progressLine(quiet, plain)).toBe(
      '1,233 of 3,201 rows  38 %  12.3 rows/s  failed 0  $0.0123',
    )
  })
})

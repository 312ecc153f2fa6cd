import { stripVTControlCharacters } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LimitReading, LimitReadings } from '../outcome.ts'
import type { PoolSnapshot } from '../pool-stats.ts'
import type { Snapshot } from '../snapshot.ts'
import { Stats } from '../stats.ts'
import { ascii, unicode } from './glyphs.ts'
import { painter } from './paint.ts'
import { progressLine, type BlockOptions, progressLines } from './progress.ts'
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
    others: undefined,
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
  elapsedMs: 63_000,
  rates: {
    rowsPerSecond: 12.3,
    // Nothing, and then as much each second.
    rowsEachSecond: Array.from({ length: 60 }, (_, index) => (index < 27 ? 0 : 12)),
    inputTokensPerMinute: 81_000,
    outputTokensPerMinute: 12_000,
  },
  pools: [pool('claude-haiku-4-5')],
  costNanoUsd: 12_345_678,
  binds: 'requests',
  leftMs: 150_000,
  leftRangeMs: [130_000, 170_000],
  costAtEndNanoUsd: 32_123_456,
}

const plain: BlockOptions = { columns: 79, paint: painter(false), glyphs: unicode, bounds: {} }

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

/** Used and free cells of a bar, of so many. */
function cells(used: string, others: number, count: number): string {
  return `${used}${'▒'.repeat(others)}`.padEnd(count, '·')
}

describe('progressLines()', () => {
  // Of the 4th second to the 63rd those from the 31st on. A cell of the curve is six seconds, or
  // three, counted from the start; the newest may be a part of one.
  test('shows rows, a bar for each limit, state and money', () => {
    // Of 34 cells 0.738 are 25 0.7/8, 0.0405 are 1 3.02/8, and 0.03 are 1 0.2/8.
    expect(progressLines(running, plain)).toEqual([
      'sluice   1,234 of 3,201 rows   38 %   left 2–3 min   12.3 rows/s ▁▁▁▁██████',
      `requests ${cells('█'.repeat(25), 0, 34)}   738 of 1k/min`,
      `input    ${cells('█▍', 0, 34)}   81k of 2M/min`,
      `output   ${cells('█', 0, 34)}   12k of 400k/min`,
      'in flight 42   retries 3 (529s 2, broken 1)   429s 0   failed 1',
      '$0.0123 of about $0.032   binds requests',
    ])
  })

  test('shades what others take, and says how much', () => {
    // Both are 918 of 1,000, and so 31.2 of 34 cells.
    const pools = [pool('m', { others: { requests: 180, output: 0 } })]
    const [, requests, , output] = progressLines({ ...running, pools }, plain)
    const taken = `${'█'.repeat(25)}${'▒'.repeat(6)}···`
    expect(requests).toBe(`requests ${taken}   738 of 1k/min   others 180`)
    expect(output).not.toMatch(/▒|others/)
  })

  test('shades nothing where what others take is not taken from the same', () => {
    const pools = [pool('m', { others: { requests: 180 } })]
    const lines = [
      progressLines({ ...running, pools }, { ...plain, fraction: 0.5 })[1],
      progressLines({ ...running, pools }, { ...plain, bounds: { requests: 900 } })[1],
    ]
    for (const line of lines) expect(line).toMatch(/^[^▒]+others 180$/)
  })

  test.each([
    [
      119,
      [
        `sluice   1,234 of 3,201 rows   38 %   left 2–3 min   12.3 rows/s ${'▁'.repeat(9)}${'█'.repeat(11)}`,
        `requests ${cells('█'.repeat(29) + '▌', 0, 40)}   738 of 1k/min`,
        `input    ${cells('█▌', 0, 40)}   81k of 2M/min`,
        `output   ${cells('█▏', 0, 40)}   12k of 400k/min`,
        'in flight 42   retries 3 (529s 2, broken 1)   429s 0   failed 1',
        '$0.0123 of about $0.032   binds requests   ? keys  p pause  d drain',
      ],
    ],
    [
      59,
      [
        '1,234 of 3,201 rows   38 %   left 2–3 min   12.3 rows/s',
        `requests ${cells('█'.repeat(10) + '▎', 0, 14)}   738 of 1k/min`,
        `input    ${cells('▌', 0, 14)}   81k of 2M/min`,
        `output   ${cells('▍', 0, 14)}   12k of 400k/min`,
        'in flight 42   retries 3   429s 0   failed 1',
        '$0.0123 of about $0.032   binds requests   ? keys',
      ],
    ],
    [
      39,
      [
        '1,234 of 3,201 rows   left 2–3 min',
        `requests ${cells('██████▋', 0, 9)}   738 of 1k/min`,
        `input    ${cells('▎', 0, 9)}   81k of 2M/min`,
        `output   ${cells('▎', 0, 9)}   12k of 400k/min`,
        'in flight 42   retries 3   failed 1',
        '$0.0123   binds requests   ? keys',
      ],
    ],
    [30, ['1,234 of 3,201 rows', 'requests 738 of 1k/min', 'failed 1   $0.0123']],
  ])('leaves out the least telling when it has %i columns', (columns, lines) => {
    expect(progressLines(running, { ...plain, columns, keys: true })).toEqual(lines)
  })

  test.each([
    [24, 6],
    [7, 6],
    [6, 3],
    [4, 3],
    [3, 2],
    [2, 1],
    [1, 0],
  ])('on a terminal of %i rows takes %i', (rows, count) => {
    const lines = progressLines(running, { ...plain, rows })
    expect(lines).toHaveLength(count)
    if (count > 0) expect(lines[0]).toMatch(/^sluice/)
    if (count > 1) expect(lines.join()).toContain('failed 1')
  })

  test('says limits in words, and all state on one line, where there is no room for bars', () => {
    expect(progressLines(running, { ...plain, rows: 6, columns: 100 })).toEqual([
      expect.stringMatching(/^sluice/),
      'requests 738 of 1k/min   input 81k of 2M/min   output 12k of 400k/min',
      'in flight 42   retries 3   429s 0   failed 1   $0.0123 of about $0.032   binds requests',
    ])
  })

  test('has a form of ASCII only', () => {
    const pools = [pool('m', { others: { requests: 180 } })]
    const [head, requests, input] = progressLines(
      { ...running, pools },
      { ...plain, glyphs: ascii },
    )
    expect(head).toBe('sluice   1,234 of 3,201 rows   38 %   left 2-3 min   12.3 rows/s')
    expect(requests).toBe(
      `requests ${'#'.repeat(25)}${'='.repeat(6)}...   738 of 1k/min   others 180`,
    )
    expect(input).toBe(`input    #${'.'.repeat(33)}   81k of 2M/min`)
    const narrow = progressLines(running, { ...plain, columns: 10, glyphs: ascii }).join('')
    // eslint-disable-next-line no-control-regex
    expect(narrow).toMatch(/^[\u0000-\u007f]+$/)
  })

  test('says that it is paused, and not what binds or when it ends', () => {
    const [first, ...lines] = progressLines({ ...running, paused: true }, { ...plain, keys: true })
    expect(first).toMatch(/^paused   1,234 of 3,201 rows   38 %   12\.3 rows\/s/)
    expect(lines.at(-1)).toBe('$0.0123 of about $0.032   ? keys  p go on  d drain')
  })

  test('shows a bound of requests at once that was changed, and not as a flag', () => {
    const bounded = { ...running, maxConcurrency: 50, binds: 'concurrency' }
    const [, , , , state, money] = progressLines(bounded, plain)
    expect(state).toMatch(/^in flight 42 of at most 50   /)
    expect(money).toMatch(/ binds requests at once$/)
  })

  test('shows no time left that is not known to be good, and no cost at the end', () => {
    const early = { ...running, leftRangeMs: null, costAtEndNanoUsd: null }
    const text = progressLines(early, plain).join('\n')
    expect(text).not.toMatch(/left|about/)
    const done = { ...running, costAtEndNanoUsd: 12_400_000 }
    expect(progressLines(done, plain).join('\n')).not.toContain('about')
  })

  test('shows the limit of all tokens where it is the only one of tokens', () => {
    const each = limits(1000, 1, 1)
    const only = { requests: each.requests, tokens: full(200_000) } as LimitReadings
    const lines = progressLines({ ...running, pools: [pool('m', { limits: only })] }, plain)
    // 93,000 of 200,000 are 15.81 of 34 cells.
    expect(lines.slice(2, 4)).toEqual([
      `tokens   ${cells('█'.repeat(15) + '▊', 0, 34)}   93k of 200k/min`,
      'input 81k/min   output 12k/min',
    ])
    const beside = [pool('m', { limits: { ...each, tokens: full(5) } })]
    expect(progressLines({ ...running, pools: beside }, plain).join()).not.toContain('tokens')
  })

  test('shows what of a budget is gone, and what is held for what is under way', () => {
    const usd = { limit: 5e9, spent: 1e9, unknown: 25e7, reserved: 5e8, overshootMax: 0 }
    const tokens = { limit: 2e6, spent: 1e6, unknown: 0, reserved: 81_000, overshootMax: 0 }
    const budget = { mode: 'strict', usd, tokens } as const
    const money = progressLines({ ...running, budget }, { ...plain, columns: 160 }).at(-1)
    expect(money).toContain('budget $1.25 + $0.50 of $5.00   budget 1M + 81k of 2M')
  })

  test('shows how much of all prompts was read from the cache', () => {
    // 6,000 of 6,000 + 900 + 80 + 20 tokens.
    const used = { input: 900, cacheWrite5m: 80, cacheWrite1h: 20, cacheRead: 6000 }
    const tokens = { ...empty.tokens, ...used, output: 5000 }
    const lines = progressLines({ ...running, tokens }, plain)
    expect(lines.at(-2)).toBe(
      'in flight 42   cache 85 %   retries 3 (529s 2, broken 1)   429s 0   failed 1',
    )
    expect(progressLine({ ...running, tokens }, { ...plain, columns: 160 })).toContain('cache 85 %')
  })

  test('shows that the cache was written and not read', () => {
    const tokens = { ...empty.tokens, input: 900, cacheWrite1h: 100 }
    expect(progressLines({ ...running, tokens }, plain).at(-2)).toContain('cache 0 %')
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
    const [, requests, input] = progressLines(running, { ...plain, bounds })
    expect(requests).toBe(`requests ${'█'.repeat(34)}   738 of 40/min`)
    expect(input).toContain(' 81k of 2M/min')
  })

  test('shows several pools by name, each beside its own limits, the nearest as a bar', () => {
    const near = pool('claude-sonnet-5-5', { inputTokensPerMinute: 1_900_000 })
    const unknown = pool('claude-opus-4.x', { limits: undefined })
    const pools = [pool('claude-haiku-4-5'), near, unknown]
    // 16 cells: 0.738 of them are 11 6.5/8, 0.95 are 15 1.6/8.
    expect(progressLines({ ...running, pools }, plain).slice(1, -2)).toEqual([
      `claude-haiku-4-5    requests ${cells('█'.repeat(11) + '▊', 0, 16)}   738 of 1k      input 81k/2M`,
      `claude-sonnet-5-5   input    ${cells('█'.repeat(15) + '▏', 0, 16)}  1.9M of 2M      requests 738/1k`,
      'claude-opus-4.x     requests 738   input 81k   output 12k   a minute',
    ])
    expect(progressLines({ ...running, pools }, { ...plain, columns: 45 }).slice(1, -2)).toEqual([
      'claude-haiku-4-5    requests 738/1k',
      'claude-sonnet-5-5   input 1.9M/2M',
      'claude-opus-4.x     requests 738   input 81k',
    ])
  })

  test('keeps columns in line where a name is wide', () => {
    const wide = '漢'.repeat(12)
    const pools = [pool(wide), pool('m')]
    const [, first = '', second = ''] = progressLines({ ...running, pools }, plain)
    // Nine of twelve, and a mark, are 19 columns of 20.
    expect(first).toMatch(/^漢{9}… {4}requests /)
    expect(second).toMatch(/^m {22}requests /)
    for (const line of [first, second]) expect(displayWidth(line)).toBeLessThanOrEqual(79)
  })

  test('shows the sum of several pools beside the bounds of the user', () => {
    const pools = [pool('claude-haiku-4-5'), pool('claude-opus-4.x')]
    const lines = progressLines({ ...running, pools }, { ...plain, bounds: { requests: 2000 } })
    // 0.738 of 16 cells.
    expect(lines[3]).toBe(
      `all                requests ${cells('█'.repeat(11) + '▊', 0, 16)} 1.48k of 2k      input 81k`,
    )
  })

  test('shows the share of the limits that may be used', () => {
    const [, ...lines] = progressLines(running, { ...plain, fraction: 0.5 })
    expect(lines.slice(0, 3).map((line) => line.slice(-16).trim())).toEqual([
      '738 of 500/min',
      '81k of 1M/min',
      '12k of 200k/min',
    ])
  })

  test('says of several pools which one binds, and by what', () => {
    const binds = 'claude-opus-4.x: output'
    const last = progressLines({ ...running, binds }, { ...plain, columns: 120 }).at(-1)
    expect(last).toMatch(/ binds output tokens of claude-opus-4\.x$/)
  })

  test('shows a bounded number of pools', () => {
    const pools = Array.from({ length: 20 }, (_, index) => pool(`model-${index}`))
    const lines = progressLines({ ...running, pools }, plain)
    expect(lines).toHaveLength(10)
    expect(lines[7]).toBe('and 14 more')
    expect(progressLines({ ...running, pools }, { ...plain, rows: 8 })).toHaveLength(7)
  })

  test('says that it stops, and no longer what binds or when it ends', () => {
    const stopping = { code: 'INTERRUPTED', message: 'asked' }
    const lines = progressLines({ ...running, stopping }, { ...plain, glyphs: ascii, keys: true })
    expect(lines[0]).toBe('stopping   1,234 of 3,201 rows   38 %   12.3 rows/s')
    expect(lines.at(-1)).toBe('$0.0123   ? keys')
  })

  test('says that the output cannot be written', () => {
    const lines = progressLines({ ...running, outputBlocked: 'ENOSPC' }, plain)
    expect(lines.at(-1)).toContain('cannot write: ENOSPC')
  })

  test('does not state a cost as whole when some answers have no price', () => {
    expect(progressLines({ ...running, unpriced: 1 }, plain).at(-1)).toContain('$0.0123 + unknown')
  })

  test('names what binds at 80 columns, a bound as it was typed', () => {
    const short = { ...plain, rows: 6 }
    const calm = { ...running, attempts: { ...running.attempts, overloaded: 0, broken: 0 } }
    const of = (binds: string, typed?: string): string | undefined => {
      const spellings = typed === undefined ? {} : { [binds.slice(2)]: typed }
      return progressLines({ ...calm, binds }, { ...short, spellings }).at(-1)
    }
    expect(of('input')).toMatch(/ binds input tokens$/)
    const flag = '--max-input-tokens-per-minute'
    expect(of(flag)).toMatch(/ binds your --max-input-tokens-per-minute$/)
    expect(of(flag, '--itpm')).toMatch(/ binds your --itpm$/)
    expect(of(flag, '--max_tokens_per_minute')).toMatch(/ binds your --max_tokens_per_minute$/)
    // What went wrong is told before what binds.
    const refused = { ...running.attempts, refused: 9 }
    const last = progressLines({ ...running, attempts: refused, binds: flag }, short).at(-1)
    expect(last).toContain('429s 9')
    expect(last).not.toContain('binds')
  })

  test('takes no more columns and rows than there are, whatever the figures and names', () => {
    const figure = fc.nat(2_000_000_000)
    const name = fc.string({ unit: 'grapheme', maxLength: 40 })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 140 }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(name, { maxLength: 9 }),
        figure,
        figure,
        fc.boolean(),
        (columns, rowCount, names, large, small, bounded) => {
          const rows = { ...running.rows, succeeded: large, failed: small, expected: large * 2 }
          const others = bounded ? undefined : { requests: small, input: large }
          const pools = names.map((each) => pool(each, { requestsPerMinute: large, others }))
          const bounds = bounded ? { requests: small, output: large } : {}
          const tokens = { ...empty.tokens, input: small, cacheRead: large }
          const money = { costNanoUsd: small, costAtEndNanoUsd: large }
          const state = { leftRangeMs: [small, small + large] as const, maxConcurrency: large }
          const snapshot = { ...running, rows, pools, tokens, ...money, ...state }
          const options = { ...plain, columns, bounds, rows: rowCount, keys: bounded }
          const lines = progressLines(snapshot, options)
          expect(lines.length).toBeLessThan(rowCount)
          for (const line of [...lines, progressLine(snapshot, options)]) {
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
      '1,234 of 3,201 rows  38 %  left 2–3 min  12.3 rows/s  failed 1  $0.0123',
    )
  })

  test('leaves out what is zero, but not that no row failed', () => {
    const quiet = {
      ...running,
      rows: { ...running.rows, failed: 0 },
      attempts: { started: 0, inFlight: 0, refused: 0, overloaded: 0, broken: 0 },
      leftRangeMs: null,
      costAtEndNanoUsd: null,
      rates: { ...running.rates, rowsEachSecond: [] },
      binds: '',
    }
    expect(progressLine(quiet, plain)).toBe(
      '1,233 of 3,201 rows  38 %  12.3 rows/s  failed 0  $0.0123',
    )
  })
})

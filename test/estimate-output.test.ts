/**
 * What an estimate prints: lines that fit, notes that say what figures are made of, and JSON of the
 * schema's form.
 */

import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { forecastLines, forecastProgressLine } from '../src/cli/estimate-text.ts'
import { painter } from '../src/cli/paint.ts'
import { displayWidth } from '../src/cli/text.ts'
import { forecast, type ForecastHooks } from '../src/forecast.ts'
import type { ForecastOptions } from '../src/forecast-options.ts'
import { type Forecast, forecastErrorJson, forecastJson } from '../src/forecast-report.ts'
import { expectClosed } from './closed-schema.ts'
import { SimFiles } from './sim-files.ts'

// 2026-11-22T10:00:00Z.
const today = (20_779 * 24 + 10) * 3_600_000
const sheet = { columns: 80, paint: painter(false), name: 'requests.jsonl' }

const schemaFile = new URL('../schemas/estimate.json', import.meta.url)
const schema = JSON.parse(readFileSync(schemaFile, 'utf8')) as object
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema)

const manual = 'The keeper of the lock counts the boats that pass. '.repeat(400)
const good = {
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hi' }],
}
const opus = { ...good, model: 'claude-opus-5', system: manual }
const strange = { ...good, model: `\u001b[31mclaude-${'漢字'.repeat(60)}\n` }
const limitGroups = [
  {
    name: 'Opus 5',
    type: 'model_group',
    models: ['claude-opus-5'],
    limits: [{ type: 'requests_per_minute', value: 50 }],
  },
]

async function foundOf(
  rows: readonly unknown[],
  options: Partial<ForecastOptions> = {},
  hooks: ForecastHooks = {},
): Promise<Forecast> {
  const files = new SimFiles()
  files.put('/in.jsonl', Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')))
  const context = { files, clock: { wallTime: (): number => today } }
  return forecast({ input: '/in.jsonl', ...options }, hooks, context)
}

/** Reports of every kind. */
function allKinds(): Promise<readonly Forecast[]> {
  const many = Array.from({ length: 30 }, (_, index) => ({ ...good, model: `claude-m${index}` }))
  const counting = { countTokens: () => Promise.resolve(1e9) }
  const bounds = { maxRequestsPerMinute: 1, maxInputTokensPerMinute: 1, maxTotalTokens: 5 }
  return Promise.all([
    foundOf([]),
    foundOf([good, {}, { ...good, max_tokens: 'x' }]),
    foundOf([strange, opus, opus], { maxBudgetUsd: 5 }),
    foundOf([...many, opus, opus], { ...bounds, maxBudgetUsd: 0.001, exact: 3 }, counting),
    foundOf([opus, opus], { maxBudgetUsd: 9_007_199, cache: 'auto' }, { limitGroups }),
    foundOf([{ ...good, max_tokens: 1e15 }], { sharing: false, cache: 'off' }),
    foundOf([good], {}, { signal: AbortSignal.abort() }),
    foundOf([good, strange], { via: 'auto' }),
    foundOf(many, { via: 'auto', deadline: 60_000 }),
    foundOf([...many, opus], { via: 'auto', deadline: 9e6, ...bounds }),
    foundOf([...many, opus], { via: 'auto', deadline: '2020-01-01T00:00:00Z', ...bounds }),
  ])
}

describe('the text', () => {
  test.each([80, 60, 200])('fits %i columns, whatever the rows hold', async (columns) => {
    for (const found of await allKinds()) {
      for (const kind of [undefined, 'dry run', 'pilot'] as const) {
        for (const line of forecastLines(found, { ...sheet, columns, ...(kind && { of: kind }) })) {
          expect(displayWidth(line), line).toBeLessThanOrEqual(columns)
          // eslint-disable-next-line no-control-regex
          expect(line).not.toMatch(/[\u0000-\u001f\u007f]/)
        }
      }
    }
  })

  test('says of every figure what it is made of, before anything is known', async () => {
    // 100 of output at 5, and tokens of "Hi" at 1: the output alone is at least half of it.
    const [head, , tokens, input, output, , cost, live, ...rest] = forecastLines(
      await foundOf([good], { sharing: false }),
      sheet,
    )
    expect(head).toBe('1 row to ask')
    expect(tokens).toMatch(/^ +low +expected +high$/)
    expect(input).toMatch(/^ {2}input tokens +\d+ +\d+ +\d+$/)
    expect(output).toMatch(/^ {2}output tokens +40 +100 +100$/)
    expect(cost).toMatch(/^ {2}cost +low +expected +high +time$/)
    expect(live).toMatch(/^ {2}live, as it stands +\$0\.0002 +\$0\.0005 +\$0\.0005 +unknown$/)
    const text = rest.join(' ').replaceAll(/ +/g, ' ')
    expect(text).toContain('batches, as it stands $0.0001 $0.0003 $0.0003 24 h at most')
    expect(text).toContain('--exact 1 has the API count some rows, for free')
    expect(text).toContain(
      'output: a guess, for no answer is known yet; the high end is max_tokens',
    )
    expect(text).toContain('time: unknown without limits: give --rpm, --itpm and --otpm')
    expect(rest.at(-1)).toBe('next: sluice run requests.jsonl')
  })

  test('marks the way of a dry run, and says whether its budget is enough', async () => {
    const found = await foundOf([opus, opus, opus], { cache: 'auto', maxBudgetUsd: '0.001' })
    const lines = forecastLines(found, { ...sheet, of: 'dry run' as const })
    expect(lines.filter((line) => /, .* \* /.test(line))).toHaveLength(1)
    const text = lines.join('\n')
    expect(text).toMatch(/^ {2}live, --cache auto \* +\$/m)
    expect(text).toContain('  * is this run; nothing was sent, and no file changed\n')
    expect(text).toContain('budget: $0.0010 is not enough: the run stops at it')
    expect(lines.at(-1)).toBe('next: the same command without --dry-run')
  })

  test('says what to do next', async () => {
    const last = async (
      rows: readonly unknown[],
      options: Partial<ForecastOptions> = {},
    ): Promise<readonly string[]> => forecastLines(await foundOf(rows, options), sheet).slice(-2)
    expect(await last([])).toEqual(['', 'next: give a file with a request on each line'])
    expect((await last([opus, opus]))[1]).toBe('next: sluice run requests.jsonl --cache auto')
    expect(await last(Array.from({ length: 101 }, () => good))).toEqual([
      'next: sluice run requests.jsonl --pilot 50',
      'it asks some rows, tells all of this again by what they came to, and asks you',
    ])
    const stopped = await foundOf([good], {}, { signal: AbortSignal.abort() })
    const lines = forecastLines(stopped, { ...sheet, runFlags: ' --model m' })
    expect(lines[0]).toBe('0 rows to ask; stopped as asked, the rest was not looked at')
    expect(lines.at(-1)).toBe('next: sluice estimate requests.jsonl --model m')
  })

  test('names the limit that binds, and whose it is', async () => {
    const rows = Array.from({ length: 150 }, () => opus)
    const known = forecastLines(await foundOf(rows, {}, { limitGroups }), sheet).join(' ')
    // Fifty at once, and a hundred at 50 a minute.
    expect(known).toMatch(/live, as it stands +\$\S+ +\$\S+ +\$\S+ +2 min/)
    const flat = known.replaceAll(/ +/g, ' ')
    expect(flat).toContain('what binds is requests a minute, of the pool claude-opus-5;')
    const bounded = forecastLines(await foundOf(rows, { maxOutputTokensPerMinute: 15_000 }), sheet)
    expect(bounded.join(' ').replaceAll(/ +/g, ' ')).toContain(
      'what binds is output tokens a minute, a bound of yours;',
    )
  })

  test('unknown prices are unknown, never a guess', async () => {
    const text = forecastLines(await foundOf([strange, opus]), sheet).join('\n')
    expect(text).toMatch(/^ {2}live, as it stands +unknown +unknown +unknown +unknown$/m)
    expect(text).toMatch(/prices: none is known of .{1,30}, so no sum is; --prices FILE/)
  })

  test('the line of progress fits, and leaves out what matters least', () => {
    const progress = { rows: 1_234_567, bytes: 2.5e9 }
    const of = (columns: number): string =>
      forecastProgressLine(progress, { ...sheet, columns, size: 5e9 })
    expect(of(100)).toBe('estimating requests.jsonl   50 %   2.5GB   1,234,567 rows')
    expect(of(30)).toBe('50 %   1,234,567 rows')
  })
})

describe('the JSON', () => {
  test('is what the schema says, of reports of every kind', async () => {
    for (const found of await allKinds()) {
      const value: unknown = JSON.parse(forecastJson(0, found))
      expect(validate(value), JSON.stringify(validate.errors)).toBe(true)
    }
    const stopped = { code: 'INPUT_UNREADABLE', message: 'm', hint: null }
    expect(validate(JSON.parse(forecastErrorJson(2, stopped)))).toBe(true)
  })

  test('one that lacks a member, or has one more, is refused', async () => {
    const counting = { countTokens: () => Promise.resolve(50), limitGroups }
    const options = { exact: 1, maxBudgetUsd: 1 }
    const found = await foundOf([opus, opus, opus], options, counting)
    const value = JSON.parse(forecastJson(0, found)) as Record<string, unknown>
    expect(expectClosed(validate, value)).toBeGreaterThan(50)
  })

  test('money is exact', async () => {
    const found = await foundOf([good], { sharing: false })
    const value: { ways: { cost_usd: { high: number } }[] } = JSON.parse(forecastJson(0, found))
    const { high } = found.inputTokens
    expect(value.ways[0]?.cost_usd.high).toBe((high * 1000 + 100 * 5000) / 1e9)
  })
})

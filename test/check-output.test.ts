/**
 * What a check prints: lines that fit, and JSON of the schema's form.
 */

import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { check } from '../src/check.ts'
import type { CheckOptions } from '../src/check-options.ts'
import { checkErrorJson, checkJson, type CheckReport } from '../src/check-report.ts'
import { checkLines, checkProgressLine } from '../src/cli/check-text.ts'
import { painter } from '../src/cli/paint.ts'
import { displayWidth } from '../src/cli/text.ts'
import { findingTitles } from '../src/finding.ts'
import { expectClosed } from './closed-schema.ts'
import { SimFiles } from './sim-files.ts'

// 2026-11-22T10:00:00Z.
const today = (20_779 * 24 + 10) * 3_600_000
const paint = painter(false)
const sheet = { columns: 80, paint, name: 'requests.jsonl' }

const schemaFile = new URL('../schemas/check.json', import.meta.url)
const schema = JSON.parse(readFileSync(schemaFile, 'utf8')) as object
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema)

const user = { role: 'user', content: 'How deep is the canal?' }
const good = { model: 'claude-haiku-4-5', max_tokens: 100, messages: [user] }
const manual = 'The keeper of the lock counts the boats that pass. '.repeat(200)
const system = [{ type: 'text', text: manual, cache_control: { type: 'ephemeral' } }]
const opus = { ...good, model: 'claude-opus-5' }

const lines: readonly unknown[] = [
  { ...good, custom_id: 'x'.repeat(200), max_tokens: 1e9 },
  { ...good, [`field_${'long'.repeat(60)}`]: 'x'.repeat(500) },
  { ...good, custom_id: '\u001b[31mred\nline', model: 'claude-2.1' },
  { ...good, messages: [{ role: 'user', content: [{ type: '漢字'.repeat(50) }] }] },
  '{"a": \u0007}',
  { ...good, model: `claude-${'new'.repeat(80)}` },
  { ...opus, system },
  { ...opus, system: manual },
  { ...opus, system: manual, messages: [{ role: 'user', content: 'Other' }] },
  { ...opus, model: 'claude-new', system: manual },
  { ...opus, model: 'claude-new', system: manual },
  ...[1, 2].map((max) => ({ ...opus, max_tokens: max, model: 'new'.repeat(90), system: manual })),
]

async function reportOf(
  rows: readonly unknown[],
  options: Partial<CheckOptions> = {},
): Promise<CheckReport> {
  const files = new SimFiles()
  const texts = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)))
  files.put('/in.jsonl', Buffer.from(texts.join('\n')))
  const context = { files, clock: { wallTime: (): number => today } }
  return check({ input: '/in.jsonl', ...options }, {}, context)
}

describe('the text', () => {
  test.each([80, 50, 200])('fits %i columns, whatever the rows hold', async (columns) => {
    const report = await reportOf(lines, { prefixes: true })
    expect(report.faults).toBeGreaterThan(5)
    for (const show of [20, 1, 0]) {
      const again = await reportOf(lines, { prefixes: true, show })
      for (const line of checkLines(again, { ...sheet, columns })) {
        expect(displayWidth(line), line).toBeLessThanOrEqual(columns)
        // eslint-disable-next-line no-control-regex
        expect(line).not.toMatch(/[\u0000-\u001f\u007f]/)
      }
    }
  })

  test('heads each kind with its count, and says what is left', async () => {
    const tooMany = { ...good, max_tokens: 64_001 }
    const rows = Array.from({ length: 1200 }, () => tooMany)
    expect(checkLines(await reportOf(rows, { show: 1 }), sheet)).toEqual([
      '1,200 faults in 1,200 of 1,200 rows: the API would refuse these',
      '',
      '  1,200  max_tokens is beyond what it may be',
      '         line 1: max_tokens = 64001',
      '           is more than the 64,000 that claude-haiku-4-5 can produce',
      '           fix: write at most 64000',
      '         … and 1,199 more',
      '',
      '1,200 rows checked: 0 without a fault, 1,200 at fault',
      'next: mend these rows, and check again; or leave them:',
      '  sluice run requests.jsonl',
      'asks all rows; what is refused costs nothing and goes to its failed file',
    ])
  })

  test('says what to do next', async () => {
    const last = async (rows: readonly unknown[], prefixes = false): Promise<string | undefined> =>
      checkLines(await reportOf(rows, { prefixes }), sheet).at(-1)
    expect(await last([good])).toBe('next: sluice run requests.jsonl')
    expect(await last([])).toBe('next: give a file with a request on each line')
    const shared = [opus, { ...opus, max_tokens: 5 }].map((row) => ({ ...row, system: manual }))
    expect(await last(shared, true)).toBe('next: sluice run requests.jsonl --cache auto')
    const marked = [opus, { ...opus, max_tokens: 5 }].map((row) => ({ ...row, system }))
    expect(await last(marked, true)).toBe('next: sluice run requests.jsonl')
  })

  test('never cuts a command, and repeats what it depends on', async () => {
    const long = { ...sheet, name: `${'folder/'.repeat(20)}in.jsonl`, runFlags: ' --model m' }
    const report = await reportOf([good])
    expect(checkLines(report, long).slice(-2)).toEqual([
      'next:',
      `  sluice run ${long.name} --model m`,
    ])
  })

  test('tells of prefixes: the groups, their worth, and marks nobody shares', async () => {
    const alone = { ...opus, system: [{ ...system[0], text: `alone ${manual}` }] }
    const text = checkLines(
      await reportOf([...lines.slice(6, 11), alone], { prefixes: true }),
      sheet,
    )
    expect(text.join('\n')).toMatch(/^2 prefixes shared\n\n +rows +tokens +model +ends in/m)
    expect(text.join('\n')).toMatch(/^ +3 +[\d,]+ +claude-opus-5 +system +in part +\$\d/m)
    expect(text.join('\n')).toMatch(/^ +2 +[\d,]+ +claude-new +\w+ +no +unknown/m)
    expect(text.join('\n')).toMatch(/^ +1 mark nobody else shares: \$0\.\d+ for writing/m)
    expect(text.join('\n')).toMatch(/no price is known of claude-new/)
  })

  test('the line of progress fits, and leaves out what matters least', () => {
    const progress = { rows: 1_234_567, bytes: 2.5e9, faults: 3, warnings: 0 }
    const of = (columns: number): string =>
      checkProgressLine(progress, { ...sheet, columns, size: 5e9 })
    expect(of(100)).toBe(
      'checking requests.jsonl   50 %   2.5GB   1,234,567 rows   3 faults   0 warnings',
    )
    expect(of(50)).toBe('50 %   1,234,567 rows   3 faults')
    expect(checkProgressLine(progress, { ...sheet, columns: 100, size: undefined })).not.toContain(
      '%',
    )
  })
})

describe('the JSON', () => {
  test('is what the schema says, of good rows and bad', async () => {
    for (const rows of [lines, [good], []]) {
      for (const prefixes of [true, false]) {
        const report = await reportOf(rows, { prefixes })
        const value: unknown = JSON.parse(checkJson(report.faults > 0 ? 1 : 0, report))
        expect(validate(value), JSON.stringify(validate.errors)).toBe(true)
      }
    }
    const stopped = { code: 'INPUT_UNREADABLE', message: 'm', hint: null }
    expect(validate(JSON.parse(checkErrorJson(2, stopped)))).toBe(true)
  })

  test('one that lacks a member, or has one more, is refused', async () => {
    const report = await reportOf(lines, { prefixes: true })
    const value = JSON.parse(checkJson(1, report)) as Record<string, unknown>
    expect(expectClosed(validate, value)).toBeGreaterThan(40)
  })

  test('knows every kind of finding, and no other', () => {
    const { $defs } = schema as { $defs: { kind_name: { enum: readonly string[] } } }
    expect($defs.kind_name.enum).toEqual(Object.keys(findingTitles))
  })
})

/**
 * schemas/config.json takes what a config file may hold, and nothing else: by the same values, held
 * against the schema and against what reads the file.
 */

import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { configSchema, configSchemaFile } from '../scripts/config-schema.ts'
import { readConfig } from '../src/cli/config-file.ts'
import { camelCase } from '../src/cli/flag.ts'
import { runFlags } from '../src/cli/run-flags.ts'

const text = readFileSync(configSchemaFile, 'utf8')
const schema = JSON.parse(text) as { properties: Record<string, { description?: string }> }
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema)

const isValid = (config: unknown): boolean => validate(config)
const isRead = (config: unknown): boolean =>
  readConfig(runFlags, config, 'c.json').faults.length === 0

const configurable = runFlags.filter(({ inConfig }) => inConfig !== false)

test('schemas/config.json is what the table of flags makes of it ("npm run docs")', () => {
  expect(text).toBe(configSchema())
})

/** Texts of every form there is, right, nearly right and wrong. */
const texts = [
  ['', ' ', 'x', 'true', 'false', 'none', 'keep', 'fail', 'auto', 'always', 'never', 'off', '1s'],
  ['0', '1', '5', '007', '00', '65535', '65536', '1_000', '1,000', '1,00', '12,3456', '1e3'],
  ['1.5', '0.5', '.5', '1.0', '1.01', '1.', '-1', '+1', ' 1', '1 ', '0.0', '0.00', '00.10'],
  ['90s', '10m', '2h', '24h', '1.5h', '5 m', '5  m', '10d', '0s', '0.0m', '100ms', 's', '5M'],
  ['64MB', '64MiB', '64 mib', '64M', '1b', 'ib', '1ib', '0MB', '1.5GB', '1tb'],
  ['5%', '5 %', '0%', '100%', '100.0%', '101%', '100.5%', '99.9%', '%', '5%%', '005%'],
  ['$2.50', '2.50', '$', '$2,500', '2,50', '2.5.0', '$-1', '1.123,456', '1.12,34'],
  ['extend:5', 'extend:0', 'extend:', 'extend:05', 'extend:x', 'retry:2', 'retry:0', 'retry:'],
  ['2026-11-23T18:00:00Z', '2026-11-23T18:00:00.5+01:00', '2026-11-23', '2026-11-23 18:00:00Z'],
  ['2026-11-23T18:00:00', 'tomorrow', 'x-a: 1', 'x-a:', ': 1', ' : 1', 'x', 'a:b:c', 'x a: 1'],
  ['results', 'tuple', 'Results', 'live', 'batches', 'resubmit', 'info', 'INFO', 'fast', 'strict'],
  ['marked', 'strip', 'continue', 'stop', 'gentle', 'expected', 'never ', 'a\nb', '\n'],
].flat()

const numbers = [
  [0, 1, -1, 5, 0.5, 1.5, 0.25, 100, 65_535, 65_536, 86_400, 86_401, 0.000_001, 1e-7, 1e20],
  [1e21, 1e300, -0.5, 0.4, 2 ** 53 - 1, 2 ** 53, 3.0, 1.000_001],
].flat()

const others: readonly unknown[] = [
  [true, false, null, {}, [], [1], [''], ['a'], ['a', 'b'], ['x-a: 1'], ['x-a: 1', 'b']],
  [[true], { a: 'b' }, { 'x-a': '1', 'x-b': 'c: d' }, { '': 'x' }, { ' ': 'x' }, { ':a': 'x' }],
  [{ 'a:b': 'x' }, { a: 1 }, { a: null }, [['a']]],
].flat(1)

/**
 * What a schema cannot tell, or is not worth telling: numbers that are printed with an exponent,
 * lengths of time that are above 24 hours as text, and sizes of less than a byte as text.
 */
function isBeyond(name: string, value: unknown): boolean {
  if (typeof value === 'number') return /e/.test(String(value))
  if (typeof value !== 'string') return false
  if (name === 'max-in-flight-bytes') return /^0+\./.test(value)
  return /^batch-(median|p95|drain)$/.test(name)
}

describe.each(configurable)('$name', ({ name, short = '' }) => {
  const values = [...texts, ...numbers, ...others].filter((value) => !isBeyond(name, value))

  test('takes what is read, and nothing else', () => {
    const differ = values.filter(
      (value) => isValid({ [name]: value }) !== isRead({ [name]: value }),
    )
    expect(differ).toEqual([])
    expect(values.some((value) => isValid({ [name]: value }))).toBe(true)
    expect(values.some((value) => !isValid({ [name]: value }))).toBe(true)
  })

  test('by all its names', () => {
    const names = [camelCase(name), ...(short.length > 1 ? [short] : [])]
    for (const other of names) {
      for (const value of values)
        expect(isValid({ [other]: value })).toBe(isValid({ [name]: value }))
    }
  })

  test('says what it does', () => {
    expect(schema.properties[camelCase(name)]?.description).toMatch(/\w{2}.*\.$/)
  })
})

test('any numbers and plain texts of numbers are taken as they are read', () => {
  const names = fc.constantFrom(...configurable.map(({ name }) => name))
  const digits = fc.stringMatching(/^\d{1,8}([.,_]\d{1,4}){0,2} ?(ms|s|m|h|MB|KiB|%)?$/)
  const value = fc.oneof(digits, fc.integer(), fc.double({ noNaN: true, min: -10, max: 1e6 }))
  fc.assert(
    fc.property(names, value, (name, each) => {
      fc.pre(!isBeyond(name, each))
      expect(isValid({ [name]: each })).toBe(isRead({ [name]: each }))
    }),
    { numRuns: 2000 },
  )
})

describe('batch times as text', () => {
  test.each(['90s', '24h', '0.5h', '100ms', '30m', '0s', 'x', '5 d', ''])('%j', (value) => {
    for (const name of ['batchMedian', 'batchP95', 'batchDrain'])
      expect(isValid({ [name]: value })).toBe(isRead({ [name]: value }))
  })
})

describe('keys', () => {
  test.each([
    {},
    { $schema: './node_modules/sluice/schemas/config.json' },
    { $schema: 'x', maxAttempts: 3, 'max-row-time': '5m', otpm: 10 },
  ])('%j is a config', (config) => {
    expect(isValid(config)).toBe(true)
    expect(isRead(config)).toBe(true)
  })

  test.each([
    [[]],
    [null],
    ['x'],
    [{ maxAttemps: 3 }],
    [{ max_attempts: 3 }],
    [{ 'no-progress': true }],
    // Short ones are for the command line.
    [{ j: 3 }],
    [{ 'x-max-attempts': 3 }],
  ])('%j is none', (config) => {
    expect(isValid(config)).toBe(false)
    expect(isRead(config)).toBe(false)
  })

  test('flags for the command line alone are none', () => {
    const alone = runFlags.filter(({ inConfig }) => inConfig === false)
    expect(alone.length).toBeGreaterThan(4)
    for (const { name } of alone)
      for (const value of [true, 'x', 5]) expect(isValid({ [name]: value })).toBe(false)
  })

  test('editors are offered each flag by its name in camel case', () => {
    const second = configurable.flatMap(({ short = '' }) => (short.length > 1 ? [short] : []))
    const named = configurable.map(({ name }) => camelCase(name))
    expect(Object.keys(schema.properties)).toEqual(['$schema', ...named, ...second])
  })
})

test('the example of docs/cli.md is a config', () => {
  const page = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8')
  const [, example = ''] = /## Config file[\s\S]*?```json\n([\s\S]*?)```/.exec(page) ?? []
  const config: unknown = JSON.parse(example)
  expect(isValid(config)).toBe(true)
  expect(isRead(config)).toBe(true)
})

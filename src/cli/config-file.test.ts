import { describe, expect, test } from 'vitest'
import { readConfig } from './config-file.ts'
import { runFlags } from './run-flags.ts'

function faultsOf(config: unknown): readonly string[] {
  return readConfig(runFlags, config, 'c.json').faults
}

describe('readConfig()', () => {
  test.each([
    ['camel case', { maxConcurrency: 50 }, 'max-concurrency', 50],
    ['kebab case', { 'max-concurrency': 50 }, 'max-concurrency', 50],
    ['an alias', { rpm: 50 }, 'max-requests-per-minute', 50],
    ['text', { maxConcurrency: '50' }, 'max-concurrency', 50],
    ['a duration', { timeout: '5m' }, 'timeout', 300_000],
    ['a duration in seconds', { timeout: 90 }, 'timeout', 90_000],
    ['a share', { maxFailed: '5%' }, 'max-failed', { percent: 5 }],
    ['a switch', { ordered: true }, 'ordered', true],
    ['a switch turned off', { progress: false }, 'progress', false],
    ['a list', { beta: ['a', 'b'] }, 'beta', ['a', 'b']],
    ['one of a list', { beta: 'a' }, 'beta', ['a']],
  ])('takes %s', (_what, config, name, value) => {
    const { values, faults } = readConfig(runFlags, config, 'c.json')
    expect(faults).toEqual([])
    expect(values.get(name)).toMatchObject({ value, source: 'config' })
    expect(values.size).toBe(1)
  })

  test.each([
    ['an object', { header: { 'x-a': '1', 'x-b': 'c: d' } }],
    ['a list', { header: ['x-a: 1', 'x-b: c: d'] }],
  ])('takes headers as %s', (_what, config) => {
    const { headers, faults } = readConfig(runFlags, config, 'c.json')
    expect(faults).toEqual([])
    expect(headers.map(({ name, value }) => [name, value])).toEqual([
      ['x-a', '1'],
      ['x-b', 'c: d'],
    ])
  })

  test.each([
    [[], 'c.json must hold one object of flags'],
    [null, 'c.json must hold one object of flags'],
    ['x', 'c.json must hold one object of flags'],
    [{ maxConcurency: 1 }, 'unknown key "maxConcurency" in c.json, did you mean "maxConcurrency"?'],
    [{ zzz: 1 }, 'unknown key "zzz" in c.json'],
    [{ overwrite: true }, '"overwrite" in c.json is for the command line only'],
    [{ config: 'x' }, '"config" in c.json is for the command line only'],
    [{ ordered: 'true' }, '"ordered" in c.json must be true or false, got "true"'],
    [{ maxConcurrency: true }, '"maxConcurrency" in c.json must be a text or a number'],
    [{ maxConcurrency: 0 }, '"maxConcurrency" in c.json must be a whole number from 1, got "0"'],
    [{ beta: [1] }, '"beta" in c.json must be a list of texts'],
    [{ header: { x: 1 } }, '"header" in c.json must be an object of texts'],
  ])('says of %j: %s', (config, fault) => {
    expect(faultsOf(config)).toEqual([fault])
  })

  test('lets an editor have its $schema', () => {
    expect(faultsOf({ $schema: './schema.json' })).toEqual([])
  })
})

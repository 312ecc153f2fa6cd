import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Layer, LayerBuilder } from './flag.ts'
import { runFlags } from './run-flags.ts'
import { gather } from './sources.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-sources-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): void {
  writeFileSync(path.join(folder, name), text)
}

function gathered(flags: Readonly<Record<string, string>> = {}, variables = {}): Promise<Layer> {
  const layer = new LayerBuilder('flag')
  for (const [name, value] of Object.entries(flags)) layer.set(name, value, `--${name}`)
  const { values, headers, faults } = layer
  return gather({ argument: 'in', values, headers, faults }, runFlags, { folder, variables })
}

describe('gather()', () => {
  test('reads .env and sluice.config.json of the folder, where they are', async () => {
    expect((await gathered()).values.size).toBe(0)
    write('.env', '# mine\nANTHROPIC_API_KEY="sk-1" # comment\nPATH=/nowhere\nSLUICE_FIRST=5\n')
    write('sluice.config.json', '{ "first": 6, "maxAttempts": 7 }')
    const { values, faults } = await gathered()
    expect(faults).toEqual([])
    const found = [...values].map(
      ([name, given]) => `${name}=${String(given.value)} ${given.source}`,
    )
    expect(found.toSorted()).toEqual(['api-key=sk-1 .env', 'first=5 .env', 'max-attempts=7 config'])
  })

  test('reads the files that flags name instead', async () => {
    write('.env', 'SLUICE_FIRST=1')
    write('other.env', 'SLUICE_MAX_ATTEMPTS=2')
    write('sluice.config.json', '{ "maxConcurrency": 3 }')
    write('other.json', '{ "rpm": 4 }')
    const { values } = await gathered({ 'env-file': 'other.env', config: 'other.json' })
    expect([...values.keys()].toSorted()).toEqual([
      'config',
      'env-file',
      'max-attempts',
      'max-requests-per-minute',
    ])
    expect(values.get('max-attempts')?.place).toBe('SLUICE_MAX_ATTEMPTS in other.env')
  })

  test.each(['config.js', 'config.mjs', 'config.ts'])('loads %s', async (config) => {
    const typed = config.endsWith('ts') ? 'const first: number = 9' : 'const first = 9'
    write('package.json', '{ "type": "module" }')
    write(config, `${typed}\nexport default { first }\n`)
    const { values, faults } = await gathered({ config })
    expect(faults).toEqual([])
    expect(values.get('first')?.value).toBe(9)
  })

  test('loads no program that merely lies in the folder', async () => {
    write('sluice.config.js', 'throw new Error("run")')
    write('sluice.config.ts', 'throw new Error("run")')
    expect((await gathered()).faults).toEqual([])
  })

  test.each([
    [{ 'env-file': 'no.env' }, '--env-file cannot be read from no.env: there is no such file'],
    [{ config: 'no.json' }, '--config cannot be read from no.json: there is no such file'],
    [{ config: 'folder' }, '--config cannot be read from folder: it is a folder'],
  ])('says of %j: %s', async (flags, fault) => {
    mkdirSync(path.join(folder, 'folder'))
    expect((await gathered(flags)).faults).toEqual([fault])
  })

  test('says where a config is no JSON, and repeats nothing of it', async () => {
    write('sluice.config.json', '{\n  "apiKey": sk-secret\n}')
    const [fault] = (await gathered()).faults
    expect(fault).toMatch(
      /from sluice\.config\.json: it is no JSON: expected a value at line 2, column 13$/,
    )
    expect(fault).not.toContain('secret')
  })

  test('reads files that begin with a byte order mark', async () => {
    write('.env', '\ufeffSLUICE_FIRST=5')
    write('sluice.config.json', '\ufeff{ "maxAttempts": 7 }')
    const { values, faults } = await gathered()
    expect([[...values.keys()].toSorted(), faults]).toEqual([['first', 'max-attempts'], []])
  })

  test('passes by a .env that is a folder', async () => {
    mkdirSync(path.join(folder, '.env'))
    expect((await gathered()).faults).toEqual([])
  })
})

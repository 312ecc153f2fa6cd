/**
 * `sluice check` as it is used: exit codes, inputs of all kinds, ^C, and `--online`.
 */

import { describe, expect, test } from 'vitest'
import { folder, key, row, rows, simulate, sluice, write } from './spawned.ts'
import { expectUnreadable, interrupted, unreadable } from './reading-commands.ts'

const noKey = { ANTHROPIC_API_KEY: '' }
const bad = row(1, { max_tokens: 1e6 })

describe.concurrent('sluice check', () => {
  test('needs no key, sends nothing, and leaves no file', async () => {
    const cwd = folder()
    write(cwd, 'requests.jsonl', rows(3))
    const { code, stdout, stderr } = await sluice(['check', 'requests.jsonl'], { cwd, env: noKey })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe('3 rows checked, no fault\nnext: sluice run requests.jsonl\n')
  })

  test('exits with 1 where there is a fault, and with 0 where there are warnings alone', async () => {
    const cwd = folder()
    write(cwd, 'bad.jsonl', rows(2) + bad)
    const { code, stdout } = await sluice(['check', 'bad.jsonl'], { cwd })
    expect(code).toBe(1)
    expect(stdout).toContain('line 3: max_tokens = 1000000\n')
    write(cwd, 'new.jsonl', row(1, { model: 'claude-new' }))
    const warned = await sluice(['check', 'new.jsonl'], { cwd })
    expect(warned.code).toBe(0)
    const named = await sluice(['check', 'new.jsonl', '--model', 'claude-opus-5'], { cwd })
    expect(named.stdout).toContain('\nnext: sluice run new.jsonl --model claude-opus-5\n')
    expect(warned.stdout).toContain('1 warning: accepted, but perhaps not what was meant')
  })

  test('reads stdin, and takes the flags of a run that matter', async () => {
    const cwd = folder()
    const args = ['check', '-', '--model', 'claude-haiku-4-5', '--first', '2', '--json']
    const input = row(1, { model: undefined }) + row(2, { model: 'claude-2.1' }) + '{'
    const { code, stdout } = await sluice(args, { cwd, input })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      exit_code: 0,
      input: '-',
      whole: true,
      rows: { checked: 2, at_fault: 0 },
    })
    const newer = ['check', '-', '--anthropic-version', '2026-10-21', '--show', '0']
    const refused = await sluice(newer, { cwd, input: row(1, { temperature: 1 }) })
    expect(refused.code).toBe(1)
    expect(refused.stdout).toContain('… and 1 more, the first in line 1')
  })

  test('an empty file has no faults', async () => {
    const cwd = folder()
    write(cwd, 'empty.jsonl', '')
    const { code, stdout } = await sluice(['check', 'empty.jsonl'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toContain('0 rows checked, no fault\nnext: give a file with a request')
  })

  test.each(unreadable)(
    'an input that cannot be read exits with 2: %s',
    async (_name, ...given) => {
      const told = await expectUnreadable('check', ...given)
      expect(told).toMatchObject({
        exit_code: 2,
        stopped: { code: 'INPUT_UNREADABLE' },
        rows: null,
      })
    },
  )

  test('all that is wrong with a command line is told at once', async () => {
    const args = ['check', '--show', 'many', '--via', 'pidgeon', '--prefix', '--online']
    const { code, stderr } = await sluice(args, { cwd: folder(), env: noKey })
    expect(code).toBe(2)
    expect(stderr).toContain('--show must be a whole number from 0 to 10000, got "many"')
    expect(stderr).toContain('--via must be live or batches, got "pidgeon"')
    expect(stderr).toContain('unknown option --prefix, did you mean "--prefixes"?')
    expect(stderr).toContain('--online needs a key: ANTHROPIC_API_KEY is not set')
    const none = await sluice(['check'], { cwd: folder() })
    expect(none.stderr).toContain('INPUT is missing')
  })

  test('^C tells what was found so far, and exits with 3', async () => {
    const stdout = await interrupted('check', bad + rows(20_000))
    expect(stdout).toContain('line 1: max_tokens = 1000000')
    expect(stdout).toContain('; stopped as asked, the')
    expect(stdout).toMatch(/\nnext: sluice check -\n$/)
  })

  test('--online asks after models that are not known, once each', async () => {
    const cwd = folder()
    const base = ['--base-url', await simulate()]
    const unknown = row(1, { model: 'claude-sonet-5' })
    write(cwd, 'rows.jsonl', unknown + row(2) + unknown)
    const found = await sluice(['check', 'rows.jsonl', '--online', ...base, '--json'], { cwd })
    expect({ code: found.code, stderr: found.stderr }).toEqual({ code: 1, stderr: '' })
    expect(JSON.parse(found.stdout)).toMatchObject({
      faults: 2,
      kinds: [{ kind: 'model_not_found', count: 2, first_line: 1 }],
    })
  })

  test('--online says why it could not ask, and never the key', async () => {
    const cwd = folder()
    write(cwd, 'rows.jsonl', row(1, { model: 'claude-new' }))
    const url = await simulate({ keys: ['another'] })
    const refused = await sluice(['check', 'rows.jsonl', '--online', '--base-url', url], { cwd })
    expect(refused.code).toBe(3)
    expect(refused.stderr).toContain('error[KEY_REFUSED]: Cannot ask after the model "claude-new"')
    const nobody = ['--base-url', 'http://127.0.0.1:9']
    const failed = await sluice(['check', 'rows.jsonl', '--online', ...nobody], { cwd })
    expect(failed.code).toBe(3)
    expect(failed.stderr).toContain('error[MODELS_UNREADABLE]')
    for (const { stdout, stderr } of [refused, failed]) expect(stdout + stderr).not.toContain(key)
  })

  test('--prefixes shows what rows share', async () => {
    const cwd = folder()
    const system = 'The keeper of the lock counts the boats that pass. '.repeat(600)
    const of = (index: number): string => row(index, { system })
    write(cwd, 'rows.jsonl', [1, 2, 3].map(of).join(''))
    const { code, stdout } = await sluice(['check', 'rows.jsonl', '--prefixes'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^1 prefix shared$/m)
    expect(stdout).toMatch(/^ +3 +[\d,]+ +claude-haiku-4-5 +system +no +\$0\.\d+ +1$/m)
    expect(stdout).toContain('next: sluice run rows.jsonl --cache auto')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })
})

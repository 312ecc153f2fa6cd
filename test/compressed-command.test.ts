/**
 * Compressed input and output from the shell, in files as gzip and zstd make them where these are
 * installed, and as Node does.
 */

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { folder, idsIn, read, rows, simulate, sluice, start, wanted, write } from './spawned.ts'

/** So that nothing waits for a limit. */
const fast = { profile: 'scale' } as const

const count = 300
const text = rows(count)
const half = text.indexOf('\n', text.length / 2) - 7

/** What a tool makes of the text; undefined where it is not installed. */
function madeBy(tool: string, args: readonly string[], given: string): Buffer | undefined {
  const { status, stdout, error } = spawnSync(tool, args, { input: given })
  if (error !== undefined) return undefined
  expect(status, tool).toBe(0)
  return stdout
}

/** Two halves, each made on its own, one behind the other. */
function twice(make: (given: string) => Buffer | undefined): Buffer | undefined {
  const [one, two] = [make(text.slice(0, half)), make(text.slice(half))]
  return one && two && Buffer.concat([one, two])
}

const skippable = Buffer.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3)
const made: Readonly<Record<string, Buffer | undefined>> = {
  'Node gzip': gzipSync(text),
  'Node gzip, two members': twice((given) => gzipSync(given)),
  'Node gzip, padded with zeros': Buffer.concat([gzipSync(text), Buffer.alloc(512)]),
  'Node zstd': zstdCompressSync(text),
  'Node zstd, two frames': twice((given) => zstdCompressSync(given)),
  'Node zstd, skippable frames': Buffer.concat([skippable, zstdCompressSync(text), skippable]),
  'Node zstd, CRLF': zstdCompressSync(text.replaceAll('\n', '\r\n')),
  gzip: madeBy('gzip', ['-9c'], text),
  'gzip, two members': twice((given) => madeBy('gzip', ['-c'], given)),
  zstd: madeBy('zstd', ['-qc'], text),
  'zstd -19 --long=27': madeBy('zstd', ['-19', '--long=27', '-qc'], text),
  'zstd -T2, no checksum': madeBy('zstd', ['-T2', '-B4096', '--no-check', '-qc'], text),
  'zstd, two frames': twice((given) => madeBy('zstd', ['-qc'], given)),
  'pzstd, two parts': madeBy('pzstd', ['-p', '2', '-qc'], text),
}
const files = Object.entries(made).flatMap(([name, data]) => (data ? [[name, data] as const] : []))

describe.concurrent('a compressed input', () => {
  test.each(files)('of %s, whatever its name, is asked whole', async (_, data) => {
    const cwd = folder()
    writeFileSync(path.join(cwd, 'in.jsonl'), data)
    const url = await simulate(fast)
    const { code, stdout } = await sluice(['check', 'in.jsonl'], { cwd })
    expect([code, stdout.split('\n')[0]]).toEqual([0, `${count} rows checked, no fault`])
    const told = await sluice(['run', 'in.jsonl', '--base-url', url], { cwd })
    expect(told.code).toBe(0)
    expect(idsIn(read(cwd, 'in.results.jsonl')).toSorted()).toEqual(wanted(count))
  })

  test.each([
    ['gzip', gzipSync(text)],
    ['zstd', zstdCompressSync(text)],
  ])('of %s is read from standard input', async (_, data) => {
    const cwd = folder()
    const url = await simulate(fast)
    const told = await sluice(['run', '-', '--base-url', url, '--quiet'], { cwd, input: data })
    expect(told.code).toBe(0)
    expect(idsIn(told.stdout).toSorted()).toEqual(wanted(count))
  })

  test('that is plain goes by any name', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl.gz', rows(3))
    const url = await simulate(fast)
    expect((await sluice(['run', 'in.jsonl.gz', '--base-url', url], { cwd })).code).toBe(0)
    expect(idsIn(read(cwd, 'in.results.jsonl')).toSorted()).toEqual(wanted(3))
  })

  test.each([
    ['an empty file', Buffer.alloc(0)],
    ['nothing, by gzip', gzipSync('')],
    ['nothing, by zstd', zstdCompressSync('')],
  ])('of %s has no rows', async (_, data) => {
    const cwd = folder()
    writeFileSync(path.join(cwd, 'in.gz'), data)
    const { code, stdout } = await sluice(['check', 'in.gz'], { cwd })
    expect([code, stdout.split('\n')[0]]).toEqual([0, '0 rows checked, no fault'])
  })

  test.each([
    ['cut', gzipSync(text).subarray(0, -20), 'its gzip data is cut: there must be more'],
    ['cut', zstdCompressSync(text).subarray(0, -20), 'its zstd data is cut: there must be more'],
    [
      'followed by text',
      Buffer.concat([zstdCompressSync(text), Buffer.from(rows(1))]),
      'something follows its zstd data that is no such data',
    ],
    [
      'followed by text',
      Buffer.concat([gzipSync(text), Buffer.from(rows(1))]),
      'its gzip data is damaged (incorrect header check)',
    ],
  ])('that is %s is told, and what was read is kept', async (_, data, words) => {
    const cwd = folder()
    writeFileSync(path.join(cwd, 'in.gz'), data)
    const url = await simulate(fast)
    const checked = await sluice(['check', 'in.gz'], { cwd })
    expect(checked.code).toBe(2)
    expect(checked.stderr).toMatch(
      /error\[INPUT_UNREADABLE\]: Cannot read in\.gz behind byte \d+: /,
    )
    expect(checked.stderr).toContain(words)
    const told = await sluice(['run', 'in.gz', '--base-url', url], { cwd })
    expect(told.code).toBe(2)
    expect(told.stderr).toContain(words)
    // The same command goes on with it when it is whole.
    writeFileSync(path.join(cwd, 'in.gz'), gzipSync(text))
    expect((await sluice(['run', 'in.gz', '--base-url', url], { cwd })).code).toBe(0)
    expect(idsIn(read(cwd, 'in.results.jsonl')).toSorted()).toEqual(wanted(count))
  })

  test('is checked whole first, put in order, and estimated', async () => {
    const cwd = folder()
    const url = await simulate(fast)
    writeFileSync(path.join(cwd, 'in.gz'), gzipSync(`${rows(40)}{"no": "request"}\n`))
    const run = ['run', 'in.gz', '--base-url', url]
    const stopped = await sluice([...run, '--on-invalid-row', 'stop'], { cwd })
    expect([stopped.code, stopped.stderr.includes('line 41: ')]).toEqual([2, true])
    writeFileSync(path.join(cwd, 'in.gz'), gzipSync(rows(40)))
    const before = await sluice([...run, '--dry-run'], { cwd })
    expect([before.code, before.stdout.split('\n')[0]]).toEqual([0, '40 rows to ask'])
    const first = ['--ordered', '--on-invalid-row', 'stop', '--first', '30']
    expect((await sluice([...run, ...first], { cwd })).code).toBe(0)
    // Edited, so that an answer belongs before those that are there.
    const held = read(cwd, 'in.results.jsonl').split('\n')
    const edited = rows(41).split(/(?<=\n)/)
    edited.unshift(...edited.splice(40))
    writeFileSync(path.join(cwd, 'in.gz'), gzipSync(edited.join('')))
    const told = await sluice(['estimate', 'in.gz'], { cwd })
    expect(told.stdout.split('\n')[0]).toBe('11 rows to ask, 30 done already')
    expect(told.stdout).toContain('learned from 30 answers')
    expect((await sluice([...run, '--ordered'], { cwd })).code).toBe(0)
    const asked = read(cwd, 'in.results.jsonl').split('\n').slice(0, -1)
    expect(asked).toHaveLength(41)
    expect(asked.slice(1, 31)).toEqual(held.slice(0, 30))
    expect(asked.at(-1)).toContain('"line":41,')
  })

  test.each([
    [['run', '--via', 'batches'], 'batches read rows of it again'],
    [['run', '--via', 'auto', '--deadline', '2h'], 'batches read rows of it again'],
    [['run', '--pilot', '5'], 'a pilot reads some rows of it'],
    [['estimate', '--exact', '5'], 'counting reads some rows of it'],
  ] as const)('is refused before anything is sent by %j', async ([command, ...flags], why) => {
    const cwd = folder()
    writeFileSync(path.join(cwd, 'in.gz'), gzipSync(rows(40)))
    const url = await simulate(fast)
    const told = await sluice([command, 'in.gz', '--base-url', url, ...flags], { cwd })
    expect(told.code).toBe(2)
    expect(told.stderr).toContain(`error[OPTIONS_INVALID]: Cannot use in.gz: it is compressed, and`)
    expect(told.stderr).toContain(why)
    expect(told.stderr).toContain('hint: decompress it first, with gzip -d or zstd -d')
    expect(readdirSync(cwd)).toEqual(['in.gz'])
  })
})

const formats = {
  gz: { tool: 'gzip', decompress: (data: Buffer) => gunzipSync(data).toString() },
  zst: { tool: 'zstd', decompress: (data: Buffer) => zstdDecompressSync(data).toString() },
} as const

/** What another program reads from a file. */
function outputOf(cwd: string, name: string, format: keyof typeof formats): string {
  const file = path.join(cwd, name)
  const { tool, decompress } = formats[format]
  const { stdout, error, status } = spawnSync(tool, ['-dc', file], { maxBuffer: 2 ** 27 })
  if (error !== undefined) return decompress(readFileSync(file))
  expect(status).toBe(0)
  return stdout.toString()
}

describe.concurrent.each(['gz', 'zst'] as const)('a compressed output of .%s', (format) => {
  const name = `out.jsonl.${format}`

  test('is one that other programs read, and runs go on with', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(count))
    const url = await simulate(fast)
    const args = ['run', 'in.jsonl', '-o', name, '--base-url', url]
    expect((await sluice([...args, '--first', '200'], { cwd })).code).toBe(0)
    expect(idsIn(outputOf(cwd, name, format))).toHaveLength(200)
    const told = await sluice(['estimate', 'in.jsonl', '-o', name], { cwd })
    expect(told.stdout.split('\n')[0]).toBe(`100 rows to ask, 200 done already`)
    const { code, stdout } = await sluice([...args, '--json'], { cwd })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ this_run: { attempts: 100 } })
    expect(readdirSync(cwd).toSorted()).toEqual(['in.jsonl', name, `${name}.sluice`])
    expect(readdirSync(path.join(cwd, `${name}.sluice`))).toEqual(['history'])
    expect(idsIn(outputOf(cwd, name, format)).toSorted()).toEqual(wanted(count))
  })

  test('is whole after runs that were killed', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(count))
    const url = await simulate({ ...fast, latencyMs: 300 })
    const args = ['run', 'in.jsonl', '-o', name, '--base-url', url, '-j', '40', '--ramp', 'off']
    let held = 0
    for (let kills = 0; kills < 4; kills++) {
      const { child, ended } = start(args, { cwd })
      const before = held
      for (let waits = 0; held === before && waits < 400; waits++) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        held = linesBeside(cwd, name)
      }
      child.kill('SIGKILL')
      await ended
      held = linesBeside(cwd, name)
      expect(held).toBeGreaterThan(before)
    }
    const { code, stdout } = await sluice([...args, '--json'], { cwd })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ this_run: { succeeded: count - held } })
    expect(idsIn(outputOf(cwd, name, format)).toSorted()).toEqual(wanted(count))
    expect(readdirSync(cwd).toSorted()).toEqual(['in.jsonl', name, `${name}.sluice`])
    expect(readdirSync(path.join(cwd, `${name}.sluice`))).toEqual(['history'])
  })

  test('and a run that is stopped by ^C leaves a whole file', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(count))
    const url = await simulate({ ...fast, latencyMs: 200 })
    const args = ['run', 'in.jsonl', '-o', name, '--base-url', url, '-j', '20', '--ramp', 'off']
    const { child, ended } = start(args, { cwd })
    for (let waits = 0; linesBeside(cwd, name) < 20 && waits < 400; waits++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    child.kill('SIGINT')
    expect((await ended).code).toBe(3)
    expect(readdirSync(cwd).toSorted()).toEqual(['in.jsonl', name, `${name}.sluice`])
    expect(readdirSync(path.join(cwd, `${name}.sluice`))).toEqual(['history'])
    expect(idsIn(outputOf(cwd, name, format)).length).toBeGreaterThanOrEqual(20)
  })

  test.each([
    [['--ordered'], '--ordered needs an output that can be put in order: a plain one'],
    [['--output-format', 'tuple'], '--output-format cannot be "tuple"'],
  ])('is refused with %j', async (flags, words) => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(3))
    const args = ['run', 'in.jsonl', '-o', name, '--base-url', 'http://127.0.0.1:9', ...flags]
    const told = await sluice(args, { cwd })
    expect(told.code).toBe(2)
    expect(told.stderr).toContain(words)
    expect(readdirSync(cwd)).toEqual(['in.jsonl'])
  })
})

/** Whole lines of the part of an output. */
function linesBeside(cwd: string, name: string): number {
  try {
    return read(cwd, `${name}.sluice/part-0.jsonl`).split('\n').length - 1
  } catch {
    return 0
  }
}

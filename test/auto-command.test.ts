/**
 * `sluice run --via auto` from the shell, in processes of its own against the simulator.
 */

import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  expectNarrow,
  folder,
  idsIn,
  lastLine,
  printed,
  read,
  row,
  rows,
  simulate,
  sluice,
  start,
  wanted,
  write,
} from './spawned.ts'

const results = 'in.results.jsonl'
/** Batches that have ended when they are looked at, and such that no test lives to see end. */
const ended = { batchDurationMs: 0 }
const endless = { batchDurationMs: 3_600_000, batchDurationSigma: 0, batchDrainMs: 0 }
/** Rows are taken out of batches some seconds after the start. */
const soon = '--deadline 130s --batch-median 1s --batch-p95 2s --batch-drain 2s'.split(' ')

interface Summary {
  readonly exit_code: number
  readonly rows: Readonly<Record<string, number>>
  readonly batches: Readonly<Record<string, number>>
  readonly deadline: {
    readonly at: string
    readonly guaranteed: boolean
    readonly met: boolean | null
    readonly left_ms: number
  } | null
}

describe.concurrent('sluice run --via auto', () => {
  test('has what batches do in time for half, and says what it plans', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(40))
    const url = await simulate(ended)
    const args = ['run', 'in.jsonl', '--via', 'auto', '--deadline', '2h', '--json']
    const told = await sluice([...args, '--base-url', url], { cwd })
    expect(told.code).toBe(0)
    const summary = printed('summary', told) as Summary
    expect(summary.rows).toEqual({ selected: 40, succeeded: 40, failed: 0, left: 0 })
    // Two rows were asked first, to learn from.
    expect(summary.batches).toMatchObject({ answers: 38, cut: 0, outstanding: 0 })
    expect(summary.deadline).toMatchObject({ guaranteed: true, met: true })
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(40))
    expect(readdirSync(path.join(cwd, `${results}.sluice`))).toEqual(['history'])
    expect(told.stderr).toMatch(/^plan: 40 rows within /m)
    expect(told.stderr).toMatch(/^ {6}the deadline holds whatever batches do/m)
    expect(told.stderr).toMatch(/^deadline +met, with 1 h 59 min/m)
    expect(told.stderr).toMatch(/^cost .*, 38 answers at the half price of batches$/m)
    expectNarrow(told.stderr)
  })

  test('takes rows out of batches that do not end, and asks them live', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(30))
    const url = await simulate(endless)
    const args = ['run', 'in.jsonl', '--via', 'auto', ...soon, '--json', '--base-url', url]
    const told = await sluice(args, { cwd })
    expect(told.code).toBe(0)
    const summary = printed('summary', told) as Summary
    expect(summary.rows['succeeded']).toBe(30)
    expect(summary.batches['cut']).toBeGreaterThan(20)
    expect(summary.deadline?.met).toBe(true)
    expect(told.stderr).toMatch(/^taken out, to be asked live: msgbatch_\w+: 1 row$/m)
    expect(told.stderr).toMatch(/^batches +\d+ collected, \d+ answers?; \d+ canceled in time$/m)
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(30))
  })

  test('stopped by ^C leaves batches to run on, and goes on by the same deadline', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(30))
    const url = await simulate(endless)
    const args = ['run', 'in.jsonl', '--via', 'auto', '--deadline', '1h', '--json']
    const running = start([...args, '--base-url', url], { cwd })
    await running.says('submitted msgbatch_')
    running.child.kill('SIGINT')
    const stopped = await running.ended
    expect(stopped.code).toBe(3)
    const first = printed('summary', stopped) as Summary
    expect(first.deadline?.met).toBeNull()
    expect(stopped.stderr).toMatch(/runs? on at the API; to go on:/)
    const again = start([...args, '--base-url', url], { cwd })
    await again.says('plan: ')
    again.child.kill('SIGINT')
    const second = printed('summary', await again.ended) as Summary
    expect(second.deadline?.at).toBe(first.deadline?.at)
  })

  test('asks live what batches do not take, and needs no deadline for it', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(3) + row(3, { speed: 'fast', model: 'claude-opus-4-6' }))
    const url = await simulate(ended)
    const args = ['run', 'in.jsonl', '--via', 'auto', '--json', '--base-url', url]
    const told = await sluice(args, { cwd })
    const summary = printed('summary', told) as Summary
    expect(summary.batches['answers']).toBe(3)
    expect(summary.deadline).toBeNull()
    expect(told.stderr).toMatch(/^plan: 4 rows without a deadline: all into batches/m)
    expect(lastLine(told.stderr)).toMatch(/^done [34], failed [01]/)
  })

  test('says that a deadline is not guaranteed, and later that it was missed', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(20))
    const url = await simulate({ ...endless, requestsPerMinute: 200 })
    const args = ['run', 'in.jsonl', '--via', 'auto', '--json', '--base-url', url]
    const told = await sluice([...args, '--deadline', '2020-01-01T00:00:00Z'], { cwd })
    expect(told.code).toBe(0)
    const summary = printed('summary', told) as Summary
    expect(summary.deadline).toMatchObject({ guaranteed: false, met: false })
    expect(told.stderr).toMatch(/^plan: 20 rows and the deadline has passed/m)
    expect(told.stderr).toContain('THE DEADLINE IS NOT GUARANTEED')
    expect(told.stderr).toMatch(/^note: the deadline has passed, and \d+ rows have no answer yet/m)
    expect(told.stderr).toMatch(/^deadline +missed by .*, as was feared$/m)
  })
})

describe.concurrent('sluice run --via auto --dry-run', () => {
  test('prints the plan, sends nothing, and leaves no file', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(200))
    const args = [
      'run',
      'in.jsonl',
      '--via',
      'auto',
      '--deadline',
      '3h',
      '--rpm',
      '20',
      '--dry-run',
    ]
    const told = await sluice(args, { cwd })
    expect(told.code).toBe(0)
    expect(told.stdout).toMatch(/^plan: 200 rows within 3 h: into 40 batches, at half the price/m)
    expect(told.stdout).toContain('live requests alone take 11 min')
    expect(told.stdout).toContain('--batch-median')
    expectNarrow(told.stdout)
    expect(existsSync(path.join(cwd, `${results}.sluice`))).toBe(false)
    const json = printed('estimate', await sluice([...args, '--json'], { cwd })) as {
      readonly plan: { readonly guaranteed: boolean; readonly batches: number }
    }
    expect(json.plan).toMatchObject({ guaranteed: true, batches: 40, supposed_pools: [] })
  })

  test('says that limits are supposed where nobody tells them', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(20))
    const args = ['estimate', 'in.jsonl', '--via', 'auto', '--deadline', '3h']
    const { stdout } = await sluice(args, { cwd })
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'the limits of claude-haiku-4-5 are not known: 50 requests, 30,000 input and 8,000 output',
    )
  })

  test.each([
    [['--deadline', '2h'], 'for via'],
    [['--via', 'auto', '--detach'], '--detach cannot go with "auto"'],
    [['--via', 'auto', '--deadline', 'soon'], '--deadline must be a duration such as 2h'],
    [['--via', 'auto', '--batch-p95', '1m'], '--batch-p95 must not be less than the median'],
    [
      ['--via', 'auto', '--batch-drain', '25h'],
      '--batch-drain must be more than 0 and at most 24h',
    ],
    [['--via', 'auto', '-o', '-'], '--via cannot be auto where the output is standard output'],
  ])('refuses %j', async (flags, words) => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(1))
    const told = await sluice(['run', 'in.jsonl', ...flags], { cwd })
    expect(told.code).toBe(2)
    expect(told.stderr).toContain(words)
  })
})

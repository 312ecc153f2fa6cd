/**
 * `sluice run --pilot N` from the shell: some rows for real, what the others come to, and a question
 * that nobody is there to answer.
 */

import { describe, expect, test } from 'vitest'
import { folder, idsIn, read, rows, simulate, sluice, wanted, write } from './spawned.ts'

const results = 'in.results.jsonl'

interface Summary {
  readonly exit_code: number
  readonly stopped: { readonly code: string } | null
  readonly rows: Readonly<Record<string, number>>
}

describe.concurrent('sluice run --pilot', () => {
  test('asks some rows, tells what the others come to, and how to ask them', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(200))
    const url = await simulate()
    const args = ['run', 'in.jsonl', '--base-url', url]
    const told = await sluice([...args, '--pilot', '20', '--json'], { cwd })
    expect(told.code).toBe(3)
    const summary = JSON.parse(told.stdout) as Summary
    expect(summary).toMatchObject({ exit_code: 3, stopped: { code: 'PILOT_DONE' } })
    expect(summary.rows).toMatchObject({ selected: 20, succeeded: 20 })
    expect(told.stderr).toMatch(/^200 rows to ask$/m)
    expect(told.stderr).toMatch(/^180 rows to ask, 20 done already$/m)
    expect(told.stderr).toContain('learned from 20 answers')
    expect(told.stderr).toMatch(/^ {2}live, as it stands \* +\$/m)
    expect(told.stderr).toContain(`180 rows are left; to ask them:\n  node `)
    expect(told.stderr).toMatch(/run in\.jsonl --base-url http:\S+ --json$/m)
    for (const line of told.stderr.split('\n')) expect(line.length).toBeLessThan(200)
    const { code } = await sluice(args, { cwd })
    expect(code).toBe(0)
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(200))
  })

  test('goes on where the question is answered beforehand', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(60))
    const url = await simulate({ batchDurationMs: 0 })
    const args = ['run', 'in.jsonl', '--base-url', url, '--pilot', '6', '--yes', '--json']
    const told = await sluice([...args, '--via', 'batches'], { cwd })
    expect(told.code).toBe(0)
    // One object, of all of it.
    expect(told.stdout.trim().split('\n')).toHaveLength(1)
    const summary = JSON.parse(told.stdout) as Summary
    expect(summary.rows).toEqual({ selected: 60, succeeded: 60, failed: 0, left: 0 })
    expect(told.stderr).toMatch(/^batches +1 collected, 54 answers$/m)
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(60))
  })

  test('of a whole file ends with it, and asks nothing', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(5))
    const url = await simulate()
    const told = await sluice(['run', 'in.jsonl', '--base-url', url, '--pilot', '50'], { cwd })
    expect(told.code).toBe(0)
    expect(told.stderr).toContain('nothing is left to ask')
    expect(told.stderr).not.toContain('are left; to ask them')
  })

  test('that stops tells why, and estimates nothing', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(50))
    const url = await simulate({ keys: ['sk-ant-another'] })
    const args = ['run', 'in.jsonl', '--base-url', url, '--pilot', '5', '--yes', '--json']
    const told = await sluice(args, { cwd })
    expect(told.code).toBe(3)
    const summary = JSON.parse(told.stdout) as Summary
    expect(summary.stopped?.code).toBe('KEY_REFUSED')
    expect(told.stderr.match(/rows to ask/g)).toHaveLength(1)
  })

  test('needs a file, and rows to ask', async () => {
    const cwd = folder()
    for (const [args, words] of [
      [['-', '--pilot', '5'], '--pilot needs a file: a stream cannot be read twice'],
      [['in.jsonl', '--pilot', '0'], '--pilot must be a whole number from 1'],
    ] as const) {
      const told = await sluice(['run', ...args, '--base-url', 'http://127.0.0.1:9'], { cwd })
      expect(told.code).toBe(2)
      expect(told.stderr).toContain(words)
    }
  })
})

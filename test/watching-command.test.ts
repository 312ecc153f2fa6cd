/**
 * `--dashboard`, `--report` and `sluice report` of the built command: what they leave, what they
 * say, and what they refuse.
 */

import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  folder,
  idsIn,
  key,
  read,
  rows,
  simulate,
  sluice,
  start,
  wanted,
  write,
} from './spawned.ts'

const results = 'in.results.jsonl'
const report = 'in.results.report.html'

/** The view that a page has inside. */
function viewIn(html: string): Record<string, unknown> {
  const data = /<script type="application\/json" id="view"[^>]*>(.*?)<\/script>/s.exec(html)?.[1]
  return JSON.parse(data ?? 'null') as Record<string, unknown>
}

async function ran(cwd: string, ...flags: readonly string[]): Promise<string> {
  write(cwd, 'in.jsonl', rows(30))
  const url = await simulate({ latencyMs: 20 })
  const { code, stderr } = await sluice(['run', 'in.jsonl', '--base-url', url, ...flags], { cwd })
  expect(code).toBe(0)
  return stderr
}

describe.concurrent('--report', () => {
  test('leaves a report beside the results, and says where', async () => {
    const cwd = folder()
    const stderr = await ran(cwd, '--report')
    expect(stderr).toContain(`note: report in ${report}\n`)
    const html = read(cwd, report)
    expect(html.length).toBeLessThan(200_000)
    expect(html).not.toContain(key)
    const view = viewIn(html)
    expect(view).toMatchObject({
      state: 'ended',
      rows: { succeeded: 30, failed: 0, expected: 30 },
      run: { starts: 1, stopped: null },
    })
    expect(view['series']).not.toBeNull()
    expect(JSON.stringify(view)).not.toContain('Row 1')
  })

  test('that cannot be written says so, and the run is as it was', async () => {
    const cwd = folder()
    write(cwd, report, 'my notes')
    const stderr = await ran(cwd, '--report')
    const why = 'what is there is no report'
    expect(stderr).toContain(`note: no report was made: Cannot write ${report}: ${why}\n`)
    expect(read(cwd, report)).toBe('my notes')
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(30))
  })

  test('needs results in a file', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(1))
    const { code, stderr } = await sluice(['run', 'in.jsonl', '-o', '-', '--report'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain('--report is made of the results, and these go to stdout')
  })
})

describe.concurrent('sluice report', () => {
  test('is made of what any run leaves', async () => {
    const cwd = folder()
    await ran(cwd)
    const { code, stdout } = await sluice(['report', results], { cwd })
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${report}\n` })
    expect(viewIn(read(cwd, report))).toMatchObject({ state: 'ended', rows: { succeeded: 30 } })
    const again = await sluice(['report', results, '-o', '-'], { cwd })
    expect(viewIn(again.stdout)).toMatchObject({ rows: { succeeded: 30 } })
  })

  test('of a run without a history has all but how it went over time', async () => {
    const cwd = folder()
    await ran(cwd, '--no-history')
    expect(existsSync(path.join(cwd, `${results}.sluice`))).toBe(false)
    await sluice(['report', results], { cwd })
    expect(viewIn(read(cwd, report))).toMatchObject({
      state: 'unknown',
      series: null,
      rows: { succeeded: 30 },
    })
  })

  test('of a run that was killed and gone on with knows both starts', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(60))
    let answered = 0
    const respond = async (): Promise<string> => {
      answered += 1
      if (answered === 20) await new Promise(() => {})
      return 'Yes'
    }
    const args = ['run', 'in.jsonl', '-j', '1', '--base-url']
    const first = start([...args, await simulate({ respond, latencyMs: 20 })], { cwd })
    await expect.poll(() => answered, { timeout: 20_000 }).toBe(20)
    first.child.kill('SIGKILL')
    await first.ended
    await sluice(['report', results], { cwd })
    const killed = { state: 'stopped', run: { starts: 1, stopped: { code: 'NO_END' } } }
    expect(viewIn(read(cwd, report))).toMatchObject(killed)
    await sluice([...args, await simulate({ latencyMs: 20 })], { cwd })
    await sluice(['report', results], { cwd })
    const gone = { state: 'ended', run: { starts: 2 }, rows: { succeeded: 60, expected: 60 } }
    expect(viewIn(read(cwd, report))).toMatchObject(gone)
  })

  test('shows prompts and answers only when asked, and then to their owner alone', async () => {
    const cwd = folder()
    await ran(cwd, '--include-request')
    await sluice(['report', results], { cwd })
    expect(read(cwd, report)).not.toContain('"request"')
    await sluice(['report', results, '--show-content'], { cwd })
    expect(read(cwd, report)).toContain('"request"')
    expect(statSync(path.join(cwd, report)).mode & 0o777).toBe(0o600)
  })

  test.each([
    ['no RESULTS', ['report'], 'RESULTS is missing'],
    ['results that are not there', ['report', 'none.jsonl'], 'there is no such file'],
    ['a flag of others', ['report', 'x', '--rpm', '5'], 'unknown option --rpm'],
    ['the results as the report', ['report', 'in.jsonl', '-o', 'in.jsonl'], 'is no report'],
  ])('refuses %s', async (_what, args, why) => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(1))
    const { code, stderr } = await sluice(args, { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain(why)
    expect(readdirSync(cwd)).toEqual(['in.jsonl'])
    expect(read(cwd, 'in.jsonl')).toBe(rows(1))
  })
})

describe.concurrent('--dashboard', () => {
  test('serves the run under way, and its end', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(20))
    let release: (() => void) | undefined
    let asked = 0
    const url = await simulate({
      latencyMs: 20,
      respond: async () => {
        asked += 1
        if (asked === 11) await new Promise<void>((resolve) => (release = resolve))
        return 'Yes'
      },
    })
    const args = ['run', 'in.jsonl', '--base-url', url, '-j', '1', '--no-progress', '--dashboard']
    const running = start(args, { cwd })
    let said = ''
    running.child.stderr?.on('data', (text: string) => (said += text))
    await running.says('the page of this run: http://127.0.0.1:')
    await expect.poll(() => release, { timeout: 20_000 }).toBeDefined()
    const page = /the page of this run: (\S+)/.exec(said)?.[1] ?? ''
    const html = await (await fetch(page)).text()
    expect(viewIn(html)).toMatchObject({
      state: 'running',
      rows: { succeeded: 10, inFlight: 1 },
      live: { inFlight: [{ line: 11 }] },
    })
    expect(html).not.toContain(key)
    const looking = fetch(page.replace('/?', '/events?')).then((reply) => reply.text())
    release?.()
    const { code } = await running.ended
    expect(code).toBe(0)
    const events = (await looking).trim().split('\n\n')
    expect(events.at(-1)).toBe('event: end\ndata: {}')
    const last = JSON.parse(events.at(-2)?.split('\ndata: ')[1] ?? 'null') as object
    expect(last).toMatchObject({ state: 'ended', rows: { succeeded: 20 }, live: null })
    await expect(fetch(page)).rejects.toThrow()
  })

  test('that cannot have its port is told before anything is sent', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(1))
    let asked = 0
    const url = await simulate({ respond: () => `${(asked += 1)}` })
    const { port } = new URL(url)
    const args = ['run', 'in.jsonl', '--base-url', url, '--dashboard-port', port]
    const { code, stderr } = await sluice(args, { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain(`--dashboard-port cannot be port ${port}: it is in use`)
    expect(asked).toBe(0)
    expect(readdirSync(cwd)).toEqual(['in.jsonl'])
  })
})

/**
 * `--metrics-port` of the built command, scraped while it runs, and what it says where it cannot
 * have the port.
 */

import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { readMetrics } from './prometheus-text.ts'
import {
  folder,
  idsIn,
  read,
  rows,
  simulate,
  sluice,
  start,
  toEnd,
  wanted,
  write,
} from './spawned.ts'

const duration = 'gen_ai_client_operation_duration_seconds_count'

/** What a run serves, once it has said where. */
async function scrape(said: string) {
  const url = /^note: metrics at (http:\S+)$/m.exec(said)?.[1]
  if (url === undefined) throw new Error(`No metrics in ${said}`)
  const reply = await fetch(url)
  expect(reply.status).toBe(200)
  return { url, ...readMetrics(await reply.text()) }
}

/** A port that is in use. */
async function taken(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  toEnd.push(() => server.close())
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('No address')
  return address.port
}

describe.concurrent('--metrics-port', () => {
  test('serves metrics from the first request to the last answer', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(40))
    // One answer at a time, of which each but the first waits until it is looked at.
    let release: (() => void) | undefined
    let asked = 0
    const url = await simulate({
      respond: async () => {
        asked += 1
        if (asked === 11) await new Promise<void>((resolve) => (release = resolve))
        return 'Yes'
      },
    })
    const args = ['run', 'in.jsonl', '--base-url', url, '--metrics-port', '0', '-j', '1']
    const running = start([...args, '--no-progress'], { cwd })
    let said = ''
    running.child.stderr?.on('data', (text: string) => (said += text))
    await running.says('metrics at http://127.0.0.1:')
    await expect.poll(() => release, { timeout: 20_000 }).toBeDefined()
    // Ten rows have their answer, and the eleventh hangs.
    const midway = await scrape(said)
    expect(midway.sum('sluice_rows_total', { outcome: 'succeeded' })).toBe(10)
    expect(midway.sum('sluice_tries_in_flight')).toBe(1)
    expect(midway.sum(duration)).toBe(10)
    expect(midway.sum('sluice_rows_expected')).toBe(40)
    expect(midway.sum('sluice_cost_usd_total')).toBeGreaterThan(0)
    release?.()
    const { code, stderr } = await running.ended
    expect(code).toBe(0)
    expect(stderr).toContain('done 40, failed 0')
    await expect(fetch(midway.url)).rejects.toThrow('fetch failed')
    expect(idsIn(read(cwd, 'in.results.jsonl')).toSorted()).toEqual(wanted(40))
  })

  test('tells the end of the pilot while it asks whether to go on, and counts on from there', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(30))
    let release: (() => void) | undefined
    let asked = 0
    const url = await simulate({
      respond: async () => {
        asked += 1
        if (asked === 30) await new Promise<void>((resolve) => (release = resolve))
        return 'Yes'
      },
    })
    const args = ['run', 'in.jsonl', '--base-url', url, '--metrics-port', '0', '-j', '1']
    const running = start([...args, '--pilot', '5', '--yes', '--no-progress'], { cwd })
    let said = ''
    running.child.stderr?.on('data', (text: string) => (said += text))
    await expect.poll(() => release, { timeout: 20_000 }).toBeDefined()
    const { sum } = await scrape(said)
    expect(sum('sluice_rows_total', { outcome: 'succeeded' })).toBe(29)
    expect(sum('sluice_rows_held', { outcome: 'succeeded' })).toBe(5)
    expect(sum(duration)).toBe(29)
    release?.()
    expect((await running.ended).code).toBe(0)
  })

  test('a port that is in use ends the command before anything is sent', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(3))
    const port = await taken()
    let asked = 0
    const url = await simulate({ observe: () => (asked += 1) })
    const args = ['run', 'in.jsonl', '--base-url', url]
    const given = await sluice([...args, '--metrics-port', String(port)], { cwd })
    expect(given.code).toBe(2)
    expect(given.stderr).toBe(
      `error[OPTIONS_INVALID]: Cannot start: --metrics-port cannot be port ${port}: it is in use\n` +
        '  hint: pass --metrics-port 0 for one that is free\n',
    )
    const env = { SLUICE_METRICS_PORT: String(port) }
    const set = await sluice(args, { cwd, env })
    expect(set.code).toBe(2)
    expect(set.stderr).toContain('SLUICE_METRICS_PORT cannot be port')
    expect(asked).toBe(0)
  })

  test('a config file may say it, and a port that is none is a usage error', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(1))
    write(cwd, 'sluice.config.json', '{ "metricsPort": 0 }')
    const args = ['run', 'in.jsonl', '--base-url', await simulate()]
    expect((await sluice(args, { cwd })).stderr).toMatch(/^note: metrics at http/m)
    const { code, stderr } = await sluice([...args, '--metrics-port', '65536'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain('--metrics-port must be a port from 0 to 65535, got "65536"')
  })

  test('is the same run, with metrics and without', async () => {
    const url = await simulate({ respond: () => 'Yes' })
    const lines = await Promise.all(
      [[], ['--metrics-port', '0']].map(async (more) => {
        const cwd = folder()
        write(cwd, 'in.jsonl', rows(30))
        const args = ['run', 'in.jsonl', '--ordered', '--base-url', url, ...more]
        expect((await sluice(args, { cwd })).code).toBe(0)
        // What differs between two runs of one command.
        const changing = /"(id|request_id)":"[^"]*"|"latency_ms":\d+/g
        return read(cwd, 'in.results.jsonl').replaceAll(changing, '')
      }),
    )
    expect(lines[1] === lines[0]).toBe(true)
  })
})

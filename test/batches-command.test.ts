/**
 * Batches from the shell: `sluice run --via batches`, and `sluice batches` around it, in processes
 * of their own against the simulator.
 */

import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type Ended,
  expectNarrow,
  folder,
  idsIn,
  key,
  lastLine,
  printed,
  read,
  row,
  rows,
  simulate,
  sluice,
  start,
  toEnd,
  wanted,
  write,
} from './spawned.ts'

/** Batches that have ended when they are looked at, and such that no test lives to see end. */
const ended = { batchDurationMs: 0 }
const endless = { batchDurationMs: 3_600_000, batchDurationSigma: 0, batchDrainMs: 0 }

const results = 'in.results.jsonl'
const idPattern = /msgbatch_\w+/

interface Summary {
  readonly exit_code: number
  readonly stopped: { readonly code: string } | null
  readonly rows: Readonly<Record<string, number>>
  readonly this_run: { readonly cost_usd: number }
  readonly batches: Readonly<Record<string, number>>
}

interface Listed {
  readonly results: string
  readonly batches: readonly Readonly<Record<string, unknown>>[]
}

function summaryOf(ended: Ended): Summary {
  return printed('summary', ended) as Summary
}

/** All batches that the API knows of, as it tells of them. */
async function batchesOf(url: string): Promise<readonly { processing_status: string }[]> {
  const headers = { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
  const reply = await fetch(`${url}/v1/messages/batches?limit=100`, { headers })
  const { data } = (await reply.json()) as { data: { processing_status: string }[] }
  return data
}

function expectPlain(text: string): void {
  expectNarrow(text)
  expect(text).not.toContain('\u001b')
}

/** A folder with an input of so many rows whose batches were submitted and left alone. */
async function detached(url: string, count: number): Promise<string> {
  const cwd = folder()
  write(cwd, 'in.jsonl', rows(count))
  const args = ['run', 'in.jsonl', '--via', 'batches', '--detach', '-q', '--base-url', url]
  expect((await sluice(args, { cwd })).code).toBe(5)
  return cwd
}

describe.concurrent('sluice run --via batches', () => {
  test('answers every row, at half of what the same rows cost live', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(20))
    const url = await simulate({ ...ended, outputSigma: 0 })
    const args = ['run', 'in.jsonl', '--json', '--base-url', url]
    const told = await sluice([...args, '--via', 'batches'], { cwd })
    expect(told.code).toBe(0)
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(20))
    expect(readdirSync(path.join(cwd, `${results}.sluice`))).toEqual(['history'])
    const summary = summaryOf(told)
    expect(summary.batches).toEqual({ outstanding: 0, rows: 0, collected: 1, answers: 20, cut: 0 })
    const live = await sluice([...args, '-o', 'live.jsonl'], { cwd })
    expect(summaryOf(live).batches).toEqual({
      outstanding: 0,
      rows: 0,
      collected: 0,
      answers: 0,
      cut: 0,
    })
    expect(summary.this_run.cost_usd).toBeCloseTo(summaryOf(live).this_run.cost_usd / 2, 9)

    expect(told.stderr).toMatch(/^submitted msgbatch_\w+: 20 rows\n/m)
    expect(told.stderr).toMatch(/^collected msgbatch_\w+: 20 rows\n/m)
    expect(told.stderr).toMatch(/^batches +1 collected, 20 answers$/m)
    expect(told.stderr).toMatch(/^cost +\$\S+, at the half price of batches$/m)
    // There were no tries, and so no 429s to be told.
    expect(told.stderr).not.toMatch(/^tries/m)
    expect(lastLine(told.stderr)).toMatch(/^done 20, failed 0, cost \$\S+, in\.results\.jsonl$/)
    expectPlain(told.stderr)
  })

  test('detached ends with 5, can be looked at, and the same command has the answers', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(7))
    const url = await simulate({ ...ended })
    const args = ['run', 'in.jsonl', '--base-url', url, '--via', 'batches']
    const first = await sluice([...args, '--detach', '--json'], { cwd })
    expect(first.code).toBe(5)
    expect(summaryOf(first)).toMatchObject({
      exit_code: 5,
      stopped: { code: 'BATCHES_OUTSTANDING' },
      rows: { selected: 7, succeeded: 0, failed: 0, left: 7 },
      batches: { outstanding: 1, rows: 7, collected: 0 },
    })
    // It is no error, and both commands can be copied.
    expect(first.stderr).not.toContain('error[')
    expect(first.stderr).toMatch(
      /^ {2}node \S+sluice\.js run in\.jsonl --base-url \S+ --via batches --json$/m,
    )
    expect(first.stderr).toMatch(
      /^ {2}node \S+sluice\.js batches status in\.results\.jsonl --base-url \S+$/m,
    )

    // Asking nobody, without a key: the records tell.
    const list = await sluice(['batches', 'list', results], {
      cwd,
      env: { ANTHROPIC_API_KEY: '', ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' },
    })
    expect(list.code).toBe(0)
    expect(list.stdout).toMatch(/^msgbatch_\w+ +7 {2}(in 23 h 59 min|in 1 d)$/m)
    expect(list.stdout).toContain('from in.jsonl')
    expectPlain(list.stdout + list.stderr)
    const status = await sluice(['batches', 'status', results, '--base-url', url], { cwd })
    expect(status.stdout).toMatch(/^msgbatch_\w+ +7 {2}ended$/m)
    expect(status.stdout).toMatch(/^ {2}7 succeeded$/m)
    expect(status.stderr).toBe('1 batch, 7 rows; 1 ended, to be collected\n')
    expectPlain(status.stdout)

    const live = await sluice(['run', 'in.jsonl', '--base-url', url], { cwd })
    expect({ code: live.code, stdout: live.stdout }).toEqual({ code: 5, stdout: '' })
    expect(live.stderr).toContain('error[BATCHES_OUTSTANDING]')

    const { code, stderr } = await sluice(args, { cwd })
    expect(code).toBe(0)
    expect(stderr).toMatch(/^going on with msgbatch_\w+: 7 rows\n/m)
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(7))
    expect(await batchesOf(url)).toHaveLength(1)
  })

  test('stopped by ^C leaves batches to run on, and says so', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(3))
    const url = await simulate(endless)
    const running = start(['run', 'in.jsonl', '--via', 'batches', '--base-url', url], { cwd })
    await running.says('submitted msgbatch_')
    running.child.kill('SIGINT')
    const { code, stderr } = await running.ended
    expect(code).toBe(3)
    expect(stderr).toContain('note: stopping; 1 batch runs on at the API; ^C again')
    expect(stderr).toContain('stopped as asked; 1 batch with 3 rows runs on at the API; to go on:')
    expect(await batchesOf(url)).toMatchObject([{ processing_status: 'in_progress' }])
  })

  test('asks live what a batch has left, when told to', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(3))
    const url = await simulate({ ...ended, faults: { 'batch-request-error': 1 } })
    const how = ['--via', 'batches', '--batch-leftovers', 'live', '--json']
    const told = await sluice(['run', 'in.jsonl', ...how, '--base-url', url], { cwd })
    expect(told.code).toBe(0)
    expect(told.stderr).toContain('note: 3 rows that batches left are asked live\n')
    expect(summaryOf(told)).toMatchObject({
      rows: { selected: 3, succeeded: 3, failed: 0, left: 0 },
      batches: { collected: 1, answers: 0 },
    })
    expect(told.stderr).not.toContain('half price')
  })

  test('detached puts what a batch has left into another, not into live requests', async () => {
    const faults = { 'batch-request-error': 1 }
    const url = await simulate({ ...ended, faults })
    const cwd = await detached(url, 2)
    const args = ['run', 'in.jsonl', '--via', 'batches', '--detach', '--base-url', url]
    const { code, stderr } = await sluice(args, { cwd })
    expect(code).toBe(5)
    expect(stderr).toContain('2 rows go into another batch')
    expect(stderr).toContain('1 batch with 2 rows runs on at the API; to collect:')
    expect(read(cwd, results)).toBe('')
    expect(await batchesOf(url)).toHaveLength(2)
  })

  const batches = ['--via', 'batches']
  test.each([
    ['stdin', ['-', ...batches], /--via cannot be batches where the input is a stream/],
    ['stdout', ['in.jsonl', '-o', '-', ...batches], /--via cannot be batches where the output/],
    ['tuples', ['in.jsonl', '--output-format', 'tuple', ...batches], /cannot be batches with tup/],
    ['no way', ['in.jsonl', '--via', 'batch'], /must be live, batches or auto, got "batch"/],
    ['--detach alone', ['in.jsonl', '--detach'], /--detach needs batches/],
    ['leftovers alone', ['in.jsonl', '--batch-leftovers', 'live'], /--batch-leftovers needs batch/],
  ])('refuses %s, once, and sends nothing', async (_name, args, words) => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(1))
    const { code, stdout, stderr } = await sluice(
      ['run', ...args, '--base-url', 'http://127.0.0.1:9'],
      { cwd, input: rows(1) },
    )
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(words)
    expect(stderr).toMatch(/^error\[OPTIONS_INVALID\]: Cannot start: --/)
    expect(existsSync(path.join(cwd, results))).toBe(false)
  })

  test('says that bounds of requests bound no batch', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(1))
    const args = ['run', 'in.jsonl', ...batches, '--rpm', '5', '--detach']
    const { stderr } = await sluice([...args, '--base-url', await simulate(endless)], { cwd })
    expect(stderr).toContain('note: rows in batches are not bound by --rpm')
  })
})

describe.concurrent('sluice batches collect', () => {
  test('writes the answers there are, and asks no row', async () => {
    const url = await simulate(ended)
    const cwd = await detached(url, 5)
    write(cwd, 'in.jsonl', rows(8))
    const args = ['batches', 'collect', results, '--json', '--base-url', url]
    const told = await sluice(args, { cwd })
    expect(told.code).toBe(3)
    expect(summaryOf(told)).toMatchObject({
      stopped: { code: 'ROWS_LEFT' },
      rows: { selected: 8, succeeded: 5, failed: 0, left: 3 },
      batches: { outstanding: 0, collected: 1, answers: 5 },
    })
    expect(told.stderr).not.toContain('error[')
    expect(told.stderr).toMatch(
      /^3 rows without an answer; to ask what is left:\n {2}\S+ \S+ run in\.jsonl -o in\.results\.jsonl --via batches --base-url \S+$/m,
    )
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(5))
    expect(await batchesOf(url)).toHaveLength(1)

    const again = await sluice(args, { cwd })
    expect(again.code).toBe(0)
    expect(again.stderr).toContain(`no batch of ${results} is outstanding`)
    expect(summaryOf(again)).toMatchObject({ exit_code: 0, stopped: null, rows: null })
    // Nobody but `run` asks the others.
    await sluice(['run', 'in.jsonl', '--base-url', url], { cwd })
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(8))
  })

  test('needs none of the flags that made rows of the lines', async () => {
    const url = await simulate(ended)
    const cwd = folder()
    const line = (index: number): string => row(index, { model: undefined, metadata: { index } })
    write(cwd, 'in.jsonl', line(0) + line(1))
    const how = ['--model', 'claude-haiku-4-5', '--via', 'batches', '--detach']
    expect((await sluice(['run', 'in.jsonl', ...how, '--base-url', url], { cwd })).code).toBe(5)
    const collected = await sluice(['batches', 'collect', results, '--base-url', url], { cwd })
    expect(collected.code).toBe(0)
    expect(lastLine(collected.stderr)).toMatch(/^done 2, failed 0, cost/)
    expect(existsSync(path.join(cwd, 'in.results.failed.jsonl'))).toBe(false)
    const lines = read(cwd, results).trimEnd().split('\n')
    const kept = lines.map((text) => JSON.parse(text) as Record<string, unknown>)
    expect(new Map(kept.map(({ custom_id: id, metadata }) => [id, metadata]))).toEqual(
      new Map([
        ['line-1', { index: 0 }],
        ['line-2', { index: 1 }],
      ]),
    )
  })

  test('detached takes what has ended and waits for nothing', async () => {
    const url = await simulate(endless)
    const cwd = await detached(url, 2)
    const args = ['batches', 'collect', results, '--detach', '--base-url', url]
    const { code, stderr } = await sluice(args, { cwd })
    expect(code).toBe(5)
    expect(stderr).toMatch(/^ {2}node \S+ batches collect in\.results\.jsonl --base-url \S+$/m)
  })

  test('finds a batch whose creation was not answered', async () => {
    const url = await simulate({ ...ended, faults: { 'batch-create-lost': 1 } })
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(4))
    const running = start(['run', 'in.jsonl', '--via', 'batches', '--base-url', url], { cwd })
    await running.says('no reply came')
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(3)
    const target = [results, '--base-url', url]
    const status = await sluice(['batches', 'status', ...target], { cwd })
    expect(status.stdout).toMatch(/^unresolved +4$/m)
    expect(status.stdout).toContain('no reply came')
    const cancel = await sluice(['batches', 'cancel', ...target, '--yes'], { cwd })
    expect(cancel.stderr).toContain('nothing to cancel')
    expect((await sluice(['batches', 'collect', ...target], { cwd })).code).toBe(0)
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(4))
    expect(await batchesOf(url)).toHaveLength(1)
  })

  test('says where the input should be', async () => {
    const url = await simulate(ended)
    const cwd = await detached(url, 1)
    const other = folder()
    const args = ['batches', 'collect', path.join(cwd, results), '--base-url', url]
    const { code, stderr } = await sluice(args, { cwd: other })
    expect(code).toBe(2)
    expect(stderr).toContain('error[INPUT_UNREADABLE]: Cannot read in.jsonl, which these batches')
    expect(stderr).toContain('hint: run this in the folder of that run')
  })
})

describe.concurrent('sluice batches cancel', () => {
  test('cancels what runs; what is left is collected, then asked again', async () => {
    const url = await simulate(endless)
    const cwd = await detached(url, 6)
    const args = ['batches', 'cancel', results, '--base-url', url]
    const unsaid = await sluice(args, { cwd })
    expect(unsaid.code).toBe(2)
    expect(unsaid.stderr).toContain('cancel needs --yes when nobody is there to be asked')
    expect(await batchesOf(url)).toMatchObject([{ processing_status: 'in_progress' }])

    const { code, stdout, stderr } = await sluice([...args, '--yes'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^msgbatch_\w+ +6 {2}(canceling|ended)/m)
    expect(stderr).toContain(`batches collect in.results.jsonl --base-url ${url}\n`)
    expect(stderr).toContain(`-o in.results.jsonl --via batches --base-url ${url}\n`)
    expect(await batchesOf(url)).toMatchObject([{ processing_status: 'ended' }])

    const again = await sluice([...args, '--yes', '--json'], { cwd })
    const listed = JSON.parse(again.stdout) as Listed
    expect(listed.batches).toMatchObject([
      { processing_status: 'ended', request_counts: { canceled: 6, processing: 0 } },
    ])
    const collected = await sluice(['batches', 'collect', results, '--base-url', url], { cwd })
    expect(collected.code).toBe(3)
    expect(lastLine(collected.stderr)).toMatch(/^done 0, failed 0, left 6, cost \$0\.00/)
    const live = await sluice(['run', 'in.jsonl', '--base-url', url], { cwd })
    expect(live.code).toBe(0)
    expect(idsIn(read(cwd, results)).toSorted()).toEqual(wanted(6))
  })
})

describe.concurrent('sluice batches list and status', () => {
  test('tell everything as JSON', async () => {
    const url = await simulate(endless)
    const cwd = await detached(url, 3)
    const list = await sluice(['batches', 'list', results, '--json'], { cwd })
    const { results: place, batches } = JSON.parse(list.stdout) as Listed
    expect(path.basename(place)).toBe(results)
    const [batch] = batches
    expect(batch).toMatchObject({
      id: expect.stringMatching(idPattern) as unknown,
      rows: 3,
      input: 'in.jsonl',
    })
    const { created_at: created, expires_at: expires, age_ms: age } = batch ?? {}
    expect(Date.parse(String(expires)) - Date.parse(String(created))).toBe(86_400_000)
    expect(age).toBeLessThan(60_000)
    expect(batch).not.toHaveProperty('processing_status')
    const status = await sluice(['batches', 'status', results, '--json', '--base-url', url], {
      cwd,
    })
    expect((JSON.parse(status.stdout) as Listed).batches).toMatchObject([
      {
        id: batch?.['id'],
        processing_status: 'in_progress',
        request_counts: { processing: 3, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
        has_results: false,
        error: null,
      },
    ])
  })

  test('colour where they are told to, and not where NO_COLOR says', async () => {
    const cwd = await detached(await simulate(endless), 1)
    const args = ['batches', 'list', results]
    const coloured = await sluice([...args, '--color', 'always'], { cwd })
    expect(coloured.stdout).toContain('\u001b[2m')
    const plain = await sluice(args, { cwd, env: { NO_COLOR: '1' } })
    expectPlain(plain.stdout)
  })

  test.each([
    ['no RESULTS', ['batches', 'status'], 'OPTIONS_INVALID', 'RESULTS is missing'],
    ['what is not there', ['batches', 'list', 'x.jsonl'], 'INPUT_UNREADABLE', 'nor x.jsonl.sluice'],
    ['a folder not there', ['batches', 'list', 'a/x'], 'INPUT_UNREADABLE', 'no such file'],
    ['an input', ['batches', 'list', 'in.jsonl'], 'INPUT_UNREADABLE', `its results are ${results}`],
    [
      'an unknown command',
      ['batches', 'colect', 'x'],
      'OPTIONS_INVALID',
      'did you mean "collect"?',
    ],
    ['an unknown flag', ['batches', 'list', results, '--jsn'], 'OPTIONS_INVALID', '"--json"'],
  ])('say what is wrong with %s', async (_name, args, code, words) => {
    const cwd = await detached(await simulate(endless), 1)
    const told = await sluice(args, { cwd })
    expect({ code: told.code, stdout: told.stdout }).toEqual({ code: 2, stdout: '' })
    expect(told.stderr).toContain(`error[${code}]`)
    expect(told.stderr.replaceAll('\n', ' ')).toContain(words)
  })

  test('have nothing to tell of a run without batches', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(1))
    await sluice(['run', 'in.jsonl', '--base-url', await simulate()], { cwd })
    const { code, stdout, stderr } = await sluice(['batches', 'list', results], { cwd })
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toBe(`no batch of ${results} is outstanding\n`)
  })

  test('never show a key, though the server sends it back; and go on to the next', async () => {
    const cwd = await detached(await simulate(endless), 1)
    const server = createServer(({ headers }, response) => {
      const sent = String(headers.authorization).replace('Bearer ', '')
      // On a line of 80 the third is cut within.
      const message = `you sent ${sent}, ${sent}, ${sent}, ${JSON.stringify(headers)}`
      const error = { type: 'error', error: { type: 'api_error', message } }
      response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify(error))
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    toEnd.push(() => server.close())
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    const args = ['batches', 'status', results, '--base-url', url]
    // One without the form of a key: what is left of it when it is cut looks like any word.
    const token = 'token-0123456789-abc'
    const env = { ANTHROPIC_API_KEY: '', ANTHROPIC_AUTH_TOKEN: token }
    const told = await sluice(args, { cwd, env })
    expect(told.code).toBe(1)
    expect(told.stdout).toMatch(/^msgbatch_\w+ +1 {2}not known/m)
    expect(told.stdout).toContain('api_error: you sent')
    const json = await sluice([...args, '--json'], { cwd, env })
    expect(json.stdout).toContain('"processing_status":null')
    expect(told.stdout + told.stderr + json.stdout + json.stderr).not.toContain(token.slice(0, 9))
  })

  test('stop at a key that is refused', async () => {
    const cwd = await detached(await simulate(endless), 1)
    const url = await simulate({ keys: ['another'] })
    const { code, stderr } = await sluice(['batches', 'status', results, '--base-url', url], {
      cwd,
    })
    expect(code).toBe(3)
    expect(stderr).toContain('error[KEY_REFUSED]')
    const none = await sluice(['batches', 'status', results, '--base-url', url], {
      cwd,
      env: { ANTHROPIC_API_KEY: '' },
    })
    expect(none.code).toBe(2)
    expect(none.stderr).toContain('error[KEY_MISSING]')
  })
})

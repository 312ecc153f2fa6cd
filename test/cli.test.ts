/**
 * The built command, as it is used: real processes, files, pipes and signals, against the
 * simulator (or a small server that misbehaves) in this process.
 */

import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { specs } from '../src/cli/program.ts'
import {
  bin,
  folder,
  idsIn,
  key,
  lastLine,
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

/** A server that refuses every request with the headers it came with. */
async function echo(): Promise<string> {
  const server = createServer((request, response) => {
    const message = `you sent ${JSON.stringify(request.headers)}`
    const error = { type: 'error', error: { type: 'invalid_request_error', message } }
    request.resume().on('end', () => {
      response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(error))
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  toEnd.push(() => server.close())
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

describe.concurrent('sluice run', () => {
  test('answers every row, and says so last', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(20))
    const { code, stdout, stderr } = await sluice(
      ['run', 'in.jsonl', '--base-url', await simulate()],
      { cwd },
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(idsIn(read(cwd, 'in.results.jsonl')).toSorted()).toEqual(wanted(20))
    expect(existsSync(path.join(cwd, 'in.results.failed.jsonl'))).toBe(false)
    expect(lastLine(stderr)).toMatch(/^done 20, failed 0, cost \$0\.\d+, in\.results\.jsonl$/)
    // Nothing that moves a cursor or colours a text goes to what is no terminal.
    expect(stderr).not.toContain('\u001b')
    for (const line of stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('writes failed rows apart, tells them, and exits with 1', async () => {
    const cwd = folder()
    const url = await simulate()
    write(cwd, 'in.jsonl', rows(5) + row(5, { max_tokens: 64_001 }) + 'no json\n')
    const args = ['run', 'in.jsonl', '--base-url', url]
    const { code, stderr } = await sluice(args, { cwd })
    expect(code).toBe(1)
    expect(idsIn(read(cwd, 'in.results.failed.jsonl')).toSorted()).toEqual(['line-6', 'line-7'])
    expect(stderr).toMatch(/^failed line 6: /m)
    expect(stderr).toMatch(/^failed line 7: /m)
    expect(lastLine(stderr)).toMatch(/^done 5, failed 2, cost/)
    // A second run has nothing to do, and when quiet says only that rows are failed.
    const again = await sluice([...args, '-q'], { cwd })
    expect(again.code).toBe(1)
    expect(again.stderr).toMatch(/^done 5, failed 2, cost \$0\.00, in\.results\.jsonl\n$/)
  })

  test('stops at a budget, fails no row, and names the command that goes on', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(20))
    const url = await simulate()
    const args = ['run', 'in.jsonl', '--base-url', url, '--json', '--budget']
    const { code, stdout, stderr } = await sluice([...args, '0.000001'], { cwd })
    expect(code).toBe(4)
    expect(JSON.parse(stdout)).toMatchObject({
      exit_code: 4,
      stopped: { code: 'BUDGET_REACHED' },
      rows: { selected: 20, succeeded: 0, failed: 0, left: 20 },
      budget: { mode: 'strict', usd: { limit: 0.000001, spent: 0, left: 0.000001 } },
    })
    expect(stderr).toContain(
      `sluice.js run in.jsonl --base-url ${url} --json --max-budget-usd 0.000002`,
    )
    expect((await sluice([...args, '1'], { cwd })).code).toBe(0)
    expect(idsIn(read(cwd, 'in.results.jsonl')).toSorted()).toEqual(wanted(20))
    expect(readdirSync(path.join(cwd, 'in.results.jsonl.sluice'))).toEqual(['history'])
  })

  test('when quiet says nothing of a success', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(3))
    const args = ['run', 'in.jsonl', '-q', '--base-url', await simulate()]
    expect(await sluice(args, { cwd })).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test('tells all bad options together, and looks at no file', async () => {
    const args = [
      'run',
      'nowhere.jsonl',
      '--tiemout',
      '--max_attempts',
      '--first',
      '0',
      '--color=red',
    ]
    const { code, stdout, stderr } = await sluice([...args, '-o'], { cwd: folder() })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr.split('\n')).toEqual([
      'error[OPTIONS_INVALID]: Cannot start, as 5 things are wrong',
      '  --output needs a value',
      '  --first must be a whole number from 1, got "0"',
      '  --color must be auto, always or never, got "red"',
      '  unknown option --tiemout, did you mean "--timeout"?',
      '  unknown option --max_attempts: write --max-attempts',
      '',
    ])
  })

  test.each([
    ['an input that is not there', ['run', 'nowhere.jsonl'], 'INPUT_UNREADABLE'],
    [
      'a bad line under --on-invalid-row stop',
      ['run', 'bad.jsonl', '--on-invalid-row', 'stop'],
      'LINE_INVALID',
    ],
    ['a foreign output', ['run', 'bad.jsonl', '-o', 'foreign.jsonl'], 'OUTPUT_FOREIGN'],
    ['prices that are none', ['run', 'bad.jsonl', '--prices', 'foreign.jsonl'], 'PRICES_INVALID'],
    ['a log nobody can write', ['run', 'bad.jsonl', '--log-file', 'no/log'], 'OPTIONS_INVALID'],
  ])('refuses %s, with 2 and the same words as JSON', async (_what, args, name) => {
    const cwd = folder()
    write(cwd, 'bad.jsonl', 'no json\n')
    write(cwd, 'foreign.jsonl', '{"somebody":"else"}\n')
    const url = await simulate()
    const { code, stdout, stderr } = await sluice([...args, '--json', '--base-url', url], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain(`error[${name}]: `)
    expect(JSON.parse(stdout)).toMatchObject({ exit_code: 2, stopped: { code: name }, rows: null })
  })

  test('without a key says how to get on', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(1))
    const { code, stderr } = await sluice(['run', 'in.jsonl'], {
      cwd,
      env: { ANTHROPIC_API_KEY: '' },
    })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error\[KEY_MISSING\]: .*\n {2}hint: set ANTHROPIC_API_KEY/)
    expect(stderr).toContain('sluice simulate')
    expect(stderr).toContain('npm run demo')
  })

  test('stops for a key that is refused, burns no row, and goes on with the right one', async () => {
    const cwd = folder()
    const base = await simulate({ keys: ['sk-ant-the-right-key'] })
    write(cwd, 'my rows.jsonl', rows(30))
    const args = ['run', 'my rows.jsonl', '--base-url', base, '--max-attempts=3']
    const { code, stdout, stderr } = await sluice([...args, '--json', '--overwrite', '--yes'], {
      cwd,
    })
    expect(code).toBe(3)
    expect(stderr).toContain('error[KEY_REFUSED]: Stopped as the API answered 401')
    expect(stderr).toContain(
      `  node ${bin} run 'my rows.jsonl' --base-url ${base} --max-attempts=3 --json\n`,
    )
    expect(lastLine(stderr)).toBe('done 0, failed 0, left 30, cost $0.00, my rows.results.jsonl')
    expect(JSON.parse(stdout)).toMatchObject({
      exit_code: 3,
      stopped: { code: 'KEY_REFUSED' },
      rows: { selected: 30, succeeded: 0, failed: 0, left: 30 },
    })
    const env = { ANTHROPIC_API_KEY: 'sk-ant-the-right-key' }
    expect((await sluice(args, { cwd, env })).code).toBe(0)
    expect(idsIn(read(cwd, 'my rows.results.jsonl')).toSorted()).toEqual(wanted(30))
  })

  test.each([
    ['all succeeded', rows(2), 0],
    ['one failed', rows(2) + row(2, { max_tokens: 64_001 }), 1],
  ])('prints one JSON object when %s', async (_what, text, exitCode) => {
    const cwd = folder()
    write(cwd, 'in.jsonl', text)
    const args = ['run', 'in.jsonl', '--json', '--base-url', await simulate()]
    const { code, stdout } = await sluice(args, { cwd })
    expect(code).toBe(exitCode)
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(JSON.parse(stdout)).toMatchObject({
      exit_code: exitCode,
      stopped: null,
      rows: { succeeded: 2, failed: exitCode, left: 0 },
      this_run: { succeeded: 2, failed: exitCode, answers_without_price: 0 },
    })
  })

  test('from stdin to stdout prints results and nothing else', async () => {
    const spawned = { cwd: folder(), input: rows(10) }
    const { code, stdout, stderr } = await sluice(
      ['run', '-', '--base-url', await simulate()],
      spawned,
    )
    expect(code).toBe(0)
    expect(idsIn(stdout).toSorted()).toEqual(wanted(10))
    expect(stderr.match(/cannot be resumed/g)).toHaveLength(1)
    expect(lastLine(stderr)).toMatch(/^done 10, failed 0, cost \$0\.\d+, stdout$/)
  })

  test('shows lines of 80 columns where there is no terminal', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(12))
    const args = ['run', 'in.jsonl', '--rpm', '60', '--base-url', await simulate()]
    const { code, stderr } = await sluice(args, { cwd })
    expect(code).toBe(0)
    const progress = stderr.split('\n').filter((line) => /of ~?12 rows/.test(line))
    expect(progress.length).toBeGreaterThanOrEqual(2)
    for (const line of stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('keeps a key from a server that a file of the folder names', async () => {
    const cwd = folder()
    const url = await simulate()
    write(cwd, 'in.jsonl', rows(1))
    write(cwd, '.env', 'ANTHROPIC_BASE_URL=https://evil.example\n')
    const refused = await sluice(['run', 'in.jsonl'], { cwd })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('ANTHROPIC_API_KEY is not sent to https://evil.example')
    write(cwd, '.env', `ANTHROPIC_BASE_URL=${url}\n`)
    const allowed = await sluice(['run', 'in.jsonl'], { cwd })
    expect(allowed.code).toBe(0)
    expect(allowed.stderr).toContain(
      `note: requests go to ${url}, as ANTHROPIC_BASE_URL in .env says`,
    )
  })

  test('shows and logs no key, though the server sends it back', async () => {
    const cwd = folder()
    const url = await echo()
    write(cwd, 'in.jsonl', rows(60))
    const logging = ['--log-file', 'run.log', '--log-level', 'trace', '--json']
    const args = ['run', 'in.jsonl', '--base-url', url, '-H', 'x-secret: hidden-header', ...logging]
    const flagged = await sluice([...args, '--api-key', 'another-key-of-ours'], { cwd })
    const { code, stdout, stderr } = flagged
    // The first 50 answers are the same refusal.
    expect(code).toBe(3)
    expect(stderr).toContain('SAME_ERROR')
    expect(stderr).toContain('note: --api-key can be read in process lists')
    expect(stderr).toMatch(/you sent .*\[secret\]/)
    const log = read(cwd, 'run.log')
    expect(log.split('\n').length).toBeGreaterThan(50)
    for (const text of [stdout, stderr, log]) {
      expect(text).not.toContain('another-key-of-ours')
      expect(text).not.toContain('hidden-header')
    }
  })

  test('logs every failed try as a line of JSON', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', row(0, { max_tokens: 64_001 }) + rows(3))
    const args = ['run', 'in.jsonl', '--log-file', 'run.log', '--base-url', await simulate()]
    await sluice(args, { cwd })
    const lines = read(cwd, 'run.log').trimEnd().split('\n')
    const logged = lines.map((line) => {
      const parsed: Record<string, unknown> = JSON.parse(line)
      return parsed
    })
    expect(logged[0]).toMatchObject({ level: 'info', event: 'start' })
    expect(logged.at(-1)).toMatchObject({ level: 'info', event: 'end', exit_code: 1 })
    const failed = logged.find(({ event }) => event === 'attempt_failed')
    expect(failed).toMatchObject({
      line: 1,
      id: 'line-1',
      status: 400,
      type: 'invalid_request_error',
      wait_ms: null,
    })
    expect(failed?.['request_id']).toMatch(/^req_/)
  })

  test.each([
    ['always', {}, true],
    ['auto', {}, false],
    ['never', { FORCE_COLOR: '1' }, false],
  ])('with --color %s and %j colours: %s', async (color, env, coloured) => {
    const { stderr } = await sluice(['run', 'nowhere', '--color', color, '--first', '0'], {
      cwd: folder(),
      env,
    })
    expect(stderr.includes('\u001b[31m')).toBe(coloured)
  })

  test('goes on when nobody reads standard error any more', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(40) + row(40, { max_tokens: 64_001 }))
    const running = start(['run', 'in.jsonl', '--base-url', await simulate({ latencyMs: 50 })], {
      cwd,
    })
    running.child.stderr?.destroy()
    expect((await running.ended).code).toBe(1)
    expect(idsIn(read(cwd, 'in.results.jsonl'))).toHaveLength(40)
  })

  test('a fault of ours is one clear message, its stack in the log, and 70', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(5))
    write(cwd, 'bug.cjs', 'setTimeout(() => { throw new TypeError("x is no function") }, 700)')
    const url = await simulate({ latencyMs: 5000, latencySigma: 0 })
    const args = ['run', 'in.jsonl', '--json', '--log-file', 'run.log', '--base-url', url]
    const nodeArgs = ['--require', path.join(cwd, 'bug.cjs')]
    const { code, stdout, stderr } = await sluice(args, { cwd, nodeArgs })
    expect(code).toBe(70)
    expect(stderr).toBe(
      'error[BUG]: sluice failed: TypeError: x is no function\n' +
        '  hint: answers already written are safe; the details are in run.log\n',
    )
    expect(JSON.parse(stdout)).toMatchObject({ exit_code: 70, stopped: { code: 'BUG' } })
    expect(read(cwd, 'run.log')).toContain('bug.cjs:1')
  })
})

const scriptCommand = '/usr/bin/script'

describe.concurrent('on a terminal', () => {
  test.runIf(process.platform === 'linux' && existsSync(scriptCommand)).each([
    [60, {}, true],
    [100, { NO_COLOR: '1' }, false],
  ])('of %d columns keeps one block up to date, with %j', async (columns, env, coloured) => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(30) + row(30, { max_tokens: 64_001 }))
    const url = await simulate({ latencyMs: 700, latencySigma: 0 })
    const command = `stty cols ${columns} rows 24; ${process.execPath} ${bin} run in.jsonl --base-url ${url}`
    const child = spawn(scriptCommand, ['-qec', command, '/dev/null'], {
      cwd,
      env: { PATH: process.env['PATH'], TERM: 'xterm-256color', ANTHROPIC_API_KEY: key, ...env },
    })
    toEnd.push(() => child.kill('SIGKILL'))
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect(code).toBe(1)
    // The block is written anew in place: the cursor goes up, and is never hidden.
    expect(text.replaceAll('\u001b', '~')).toMatch(/~\[\d+A/)
    expect(text).not.toContain('\u001b[?25l')
    // Labels are dim.
    expect(text.includes('\u001b[2m')).toBe(coloured)
    // What stays at the end is free of it.
    const block = text.slice(text.lastIndexOf('in flight'), text.lastIndexOf('rows      '))
    expect(block).toContain('\u001b[J')
    const ending = text.slice(text.lastIndexOf('rows      '))
    expect(ending).not.toContain('in flight')
    expect(ending).toContain('in.results.jsonl')
    // No line of the block wraps.
    const shown = stripVTControlCharacters(text).split(/\r?\n|\r/)
    expect(shown.filter((line) => line.startsWith('in flight '))).not.toHaveLength(0)
    for (const line of shown.filter((each) => /^(sluice|requests|in flight) /.test(each))) {
      expect(line.length).toBeLessThan(columns)
    }
  })
})

describe.concurrent('signals', () => {
  const slow = { latencyMs: 1500, latencySigma: 0 }

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s finishes what is under way',
    async (signal) => {
      const cwd = folder()
      const url = await simulate(slow)
      write(cwd, 'in.jsonl', rows(40))
      const args = ['run', 'in.jsonl', '--base-url', url]
      const running = start(
        [...args, '-j', '5', '--ramp', 'off', '--json', '--log-level', 'trace'],
        { cwd },
      )
      await running.says('"attempt":5')
      running.child.kill(signal)
      const { code, stdout, stderr } = await running.ended
      expect(code).toBe(3)
      expect(stderr).toContain(
        'note: finishing 5 requests under way (up to 25 s); ^C again to exit at once',
      )
      expect(stderr).toContain('stopped as asked; to go on:\n')
      expect(lastLine(stderr)).toMatch(/^done 5, failed 0, left 35, /)
      expect(JSON.parse(stdout)).toMatchObject({
        exit_code: 3,
        stopped: { code: 'INTERRUPTED' },
        rows: { succeeded: 5, left: 35 },
      })
      expect((await sluice([...args, '--ramp', 'off'], { cwd })).code).toBe(0)
      expect(idsIn(read(cwd, 'in.results.jsonl')).toSorted()).toEqual(wanted(40))
    },
  )

  test('the second ^C ends it at once, with 130 and no JSON', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(40))
    const args = [
      'run',
      'in.jsonl',
      '--json',
      '--base-url',
      await simulate({ ...slow, latencyMs: 60_000 }),
    ]
    const running = start(args, { cwd })
    await running.says('rows')
    running.child.kill('SIGINT')
    await running.says('^C again')
    await new Promise((resolve) => setTimeout(resolve, 300))
    running.child.kill('SIGINT')
    const { code, stdout } = await running.ended
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
  })
})

const everySwitch = (
  '--profile build --rpm 5 --itpm 5 --otpm none --tpm 5 --ramp-per-second 5 --slice shown' +
  ' --output-assessment reserved --no-admission-estimate --no-headers --no-retry-after' +
  ' --bare-refusals --refusals-cost-requests --no-cache --cache-life-seconds 8 --reads-count' +
  ' --latency 2s --refusal-rate 0.1 --models any --seed 3 --count-rpm 5 --edge-refuses-size --admin-shape flat' +
  ' --batch-rpm 5 --batch-queue none --batch-duration 2h --batch-drain 5s --batch-expiry 1h' +
  ' --batch-cache-hits 0.3'
).split(' ')

describe.concurrent('sluice simulate', () => {
  test('serves until ^C, says where, and sums up', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(10))
    const running = start(['simulate', '--port', '0', '--latency', '0', '--rpm', 'none'], { cwd })
    await running.says('--base-url http://127.0.0.1:')
    const url = running.stdout().trim()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect((await sluice(['run', 'in.jsonl', '--base-url', url], { cwd })).code).toBe(0)
    running.child.kill('SIGINT')
    const { code, stdout, stderr } = await running.ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${url}\n` })
    expect(stderr).toContain(`sluice run requests.jsonl --base-url ${url}\n`)
    expect(lastLine(stderr)).toMatch(
      /^10 requests: 10 answered, 429s 0; \d+ input and \d+ output tokens$/,
    )
  })

  test('serves batches, and sums them up apart', async () => {
    const running = start(['simulate', '--port', '0', '--batch-duration', '0'], { cwd: folder() })
    await running.says('--base-url http://127.0.0.1:')
    const url = `${running.stdout().trim()}/v1/messages/batches`
    const headers = { 'x-api-key': 'any', 'anthropic-version': '2023-06-01' }
    const requests = rows(3)
      .trimEnd()
      .split('\n')
      .map((line, index) => {
        const { metadata: _, ...params } = JSON.parse(line) as Record<string, unknown>
        return { custom_id: `r${index}`, params }
      })
    const body = JSON.stringify({ requests })
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(200)
    const { data } = (await (await fetch(url, { headers })).json()) as { data: unknown[] }
    expect(data).toMatchObject([{ processing_status: 'ended', request_counts: { succeeded: 3 } }])
    running.child.kill('SIGINT')
    const { stderr } = await running.ended
    expect(stderr).toMatch(/^2 requests: 0 answered/m)
    expect(lastLine(stderr)).toMatch(
      /^batches that ended: 3 answered; \d+ input and \d+ output tokens$/,
    )
  })

  test.each([
    [['--fault', 'bad=0.1'], 'names an unknown fault "bad"'],
    [['--fault', 'cut=2'], '--fault must look like NAME=RATE'],
    [['--burst-seconds', '99'], '"burstSeconds" must be seconds from 0.001 to 60'],
    [['extra'], 'unexpected argument "extra"'],
    [['--refusal-rate', '2'], '--refusal-rate must be a share from 0 to 1'],
    [['--profile', 'tier4'], '--profile must be start, build or scale'],
    // All the others are in order, or they would be named first.
    [[...everySwitch, '--burst-seconds', '99'], 'Cannot simulate as "burstSeconds" must be'],
  ])('refuses %j', async (args, words) => {
    const { code, stdout, stderr } = await sluice(['simulate', ...args], { cwd: folder() })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(words)
  })

  test('answers as a module of the user says, and says how that fails', async () => {
    const file = fileURLToPath(new URL('../examples/respond.mjs', import.meta.url))
    const args = ['simulate', '--port', '0', '--latency', '0', '--respond', file]
    const running = start(args, { cwd: folder() })
    await running.says('--base-url http://127.0.0.1:')
    const ask = async (content: string, members: object = {}): Promise<unknown> => {
      const messages = [{ role: 'user', content }]
      const response = await fetch(`${running.stdout().trim()}/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' },
        body: row(0, { messages, max_tokens: 500, ...members }),
      })
      return response.json()
    }
    expect(await ask('What is the capital of France?')).toMatchObject({
      content: [{ type: 'text', text: 'Paris.' }],
    })
    const tools = [{ name: 'look', input_schema: { type: 'object' } }]
    expect(await ask('What is the weather?', { tools })).toMatchObject({
      content: [{ type: 'tool_use', name: 'look', input: { city: 'Paris' } }],
      stop_reason: 'tool_use',
    })
    expect(await ask('Anything')).toMatchObject({ type: 'message', role: 'assistant' })
    const failed = { type: 'api_error', message: 'respond failed: asked to fail' }
    expect(await ask('Please fail')).toMatchObject({ type: 'error', error: failed })
    expect(await ask('Please fail')).toMatchObject({ type: 'error', error: failed })
    running.child.kill('SIGINT')
    const { code, stderr } = await running.ended
    expect(code).toBe(0)
    expect(
      stderr.match(/^respond failed: Error: asked to fail \(at .*respond\.mjs:\d+/gm),
    ).toHaveLength(1)
  })

  test.each([
    ['nothing.mjs', undefined, /Cannot load --respond nothing\.mjs: /],
    ['broken.mjs', 'export default (', /Cannot load --respond broken\.mjs: /],
    [
      'named.mjs',
      'export const respond = () => 1',
      /named\.mjs: it exports no function by default\n {2}hint: /,
    ],
    ['value.mjs', 'export default "Paris."', /value\.mjs: it exports no function by default/],
  ])('refuses --respond %s', async (name, text, message) => {
    const cwd = folder()
    if (text !== undefined) write(cwd, name, text)
    const { code, stdout, stderr } = await sluice(['simulate', '--respond', name], { cwd })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^error\[OPTIONS_INVALID\]: /)
    expect(stderr).toMatch(message)
  })

  test('says that its port is taken', async () => {
    const { port } = new URL(await simulate())
    const { code, stderr } = await sluice(['simulate', '--port', port], { cwd: folder() })
    expect(code).toBe(2)
    expect(stderr).toContain(`Cannot listen on port ${port}: it is in use`)
  })
})

describe.concurrent('sluice', () => {
  test('alone shows its help, and exits as for any command line that asks for nothing', async () => {
    const { code, stdout, stderr } = await sluice([], { cwd: folder() })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('run INPUT [options]')
    expect(stderr).not.toContain('error')
  })

  test.each([
    [['--help']],
    [['help', 'run']],
    [['run', '-h']],
    [['batches', '--help']],
    [['--requests_filepath', 'in', '--help']],
    ...specs.map(({ name }): [string[]] => [[...name.split(' '), '--help']]),
  ])('%j shows help of 80 columns on stdout, with examples', async (args) => {
    const { code, stdout, stderr } = await sluice(args, { cwd: folder() })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: sluice /)
    expect(stdout).toMatch(/\nExamples:\n {2}\S/)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  test('--version prints the version of the package', async () => {
    const manifest: { version: string } = JSON.parse(
      readFileSync(path.join(bin, '../../package.json'), 'utf8'),
    )
    const { code, stdout } = await sluice(['--version'], { cwd: folder() })
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${manifest.version}\n` })
  })

  test.each([
    [['rnu', 'x'], 'unknown command "rnu", did you mean "run"?'],
    [['requests.jsonl'], 'to send a file: sluice run FILE'],
    [['--rpm', '5', 'run', 'x'], 'options stand behind the command'],
  ])('%j is told what is wrong', async (args, words) => {
    const { code, stderr } = await sluice(args, { cwd: folder() })
    expect(code).toBe(2)
    expect(stderr).toContain(words)
  })
})

describe.concurrent('bin/sluice.js', () => {
  const words = /^sluice needs Node >= 22\.19, this is v\d+\.\d+\.\d+\n$/

  test.each([
    ['12.22.12', 2, words],
    ['20.20.2', 2, words],
    ['22.18.9', 2, words],
    ['22.19.0', 0, /^$/],
    ['23.0.0', 0, /^$/],
    ['100.0.0', 0, /^$/],
  ])('on a Node that says it is %s exits with %d', async (version, code, said) => {
    const cwd = folder()
    const pretended = `{ value: { ...process.versions, node: '${version}' } }`
    write(cwd, 'pretend.cjs', `Object.defineProperty(process, 'versions', ${pretended})`)
    const nodeArgs = ['--require', path.join(cwd, 'pretend.cjs')]
    const ended = await sluice(['--version'], { cwd, nodeArgs })
    expect(ended.code).toBe(code)
    expect(ended.stderr).toMatch(said)
  })

  const old = oldNode()
  test.runIf(old !== undefined)('is understood by a Node that really is too old', () => {
    const { status, stderr } = spawnSync(old ?? '', [bin, 'run', 'x'], { encoding: 'utf8' })
    expect(status).toBe(2)
    expect(stderr).toMatch(words)
  })

  test('in a clone that is not built says how to build it', async () => {
    const cwd = folder()
    mkdirSync(path.join(cwd, 'bin'))
    cpSync(bin, path.join(cwd, 'bin/sluice.js'))
    write(cwd, 'package.json', '{ "type": "module" }')
    const { code, stderr } = await sluice(['run', 'x'], {
      cwd,
      script: path.join(cwd, 'bin/sluice.js'),
    })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^sluice is not built yet: run "npm run build" in .*\n$/)
  })
})

/** A Node on this machine that is older than the one we need, if there is one. */
function oldNode(): string | undefined {
  return ['/usr/bin/node', '/usr/local/bin/node'].filter(existsSync).find((file) => {
    const { stdout } = spawnSync(file, ['-v'], { encoding: 'utf8' })
    const [major = 0, minor = 0] = stdout.slice(1).split('.').map(Number)
    return major < 22 || (major === 22 && minor < 19)
  })
}

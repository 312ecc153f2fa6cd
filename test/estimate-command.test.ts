/**
 * `sluice estimate` and `sluice run --dry-run` as they are used: exit codes, inputs of all kinds,
 * what is asked of the API and what is not, and that nothing is left behind.
 */

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type RunningSimulator, startSimulator } from '../src/simulator/index.ts'
import { bin, folder, key, read, row, rows, simulate, sluice, toEnd, write } from './spawned.ts'
import { expectUnreadable, interrupted, unreadable } from './reading-commands.ts'

const noKey = { ANTHROPIC_API_KEY: '' }
const adminKey = 'sk-ant-admin01-0123456789-of-this-test'
const admin = { ANTHROPIC_ADMIN_KEY: adminKey }

/** Every path the simulator was asked for. */
async function watchedSimulator(): Promise<{ url: string; asked: readonly string[] }> {
  const simulator: RunningSimulator = await startSimulator({ latencyMs: 0, profile: 'build' })
  toEnd.push(() => simulator.close())
  const asked: string[] = []
  const { createServer, request } = await import('node:http')
  const door = createServer((incoming, reply) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    const target = new URL(incoming.url ?? '/', simulator.url)
    const { method, headers } = incoming
    const handed = request(target, { method, headers }, (answer) => {
      reply.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(reply)
    })
    incoming.pipe(handed)
  })
  await new Promise<void>((resolve) => void door.listen(0, '127.0.0.1', resolve))
  toEnd.push(() => door.close())
  const address = door.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { url: `http://127.0.0.1:${address.port}`, asked }
}

interface Told {
  readonly rows: object
  readonly answers_learned: number
  readonly counted: { readonly rows: number } | null
  readonly input_tokens: { readonly low: number; readonly expected: number; readonly high: number }
  readonly ways: readonly {
    readonly via: string
    readonly cache: string
    readonly run: boolean
    readonly cost_usd: { readonly low: number; readonly high: number }
    readonly time: object | null
  }[]
  readonly budgets: readonly object[]
}

describe.concurrent('sluice estimate', () => {
  test('needs no key, sends nothing, and leaves no file', async () => {
    const cwd = folder()
    write(cwd, 'requests.jsonl', rows(3))
    const { url, asked } = await watchedSimulator()
    const env = { ...noKey, ANTHROPIC_BASE_URL: url }
    const { code, stdout, stderr } = await sluice(['estimate', 'requests.jsonl'], { cwd, env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^3 rows to ask\n/)
    expect(stdout).toMatch(/\nnext: sluice run requests\.jsonl\n$/)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(asked).toEqual([])
    expect(readdirSync(cwd)).toEqual(['requests.jsonl'])
  })

  test('tells after a run began what is left, from what its answers were', async () => {
    const cwd = folder()
    write(cwd, 'requests.jsonl', rows(60))
    const { url, asked } = await watchedSimulator()
    const env = { ANTHROPIC_BASE_URL: url }
    await sluice(['run', 'requests.jsonl', '--first', '50', '-q'], { cwd, env })
    const sent = asked.length
    const before = read(cwd, 'requests.results.jsonl')
    const { stdout } = await sluice(['estimate', 'requests.jsonl', '--json'], { cwd, env })
    const told: Told = JSON.parse(stdout)
    expect(told).toMatchObject({
      exit_code: 0,
      stopped: null,
      input: 'requests.jsonl',
      output: 'requests.results.jsonl',
      rows: { asked: 10, held: 50, at_fault: 0 },
      answers_learned: 50,
    })
    expect(asked).toHaveLength(sent)
    await sluice(['run', 'requests.jsonl', '-q'], { cwd, env })
    const rest = read(cwd, 'requests.results.jsonl').slice(before.length).trimEnd().split('\n')
    const results = rest.map(
      (
        line,
      ): { run: { cost_usd: number }; result: { message: { usage: { input_tokens: number } } } } =>
        JSON.parse(line),
    )
    expect(results).toHaveLength(10)
    const cost = results.reduce((sum, { run }) => sum + run.cost_usd, 0)
    const input = results.reduce((sum, { result }) => sum + result.message.usage.input_tokens, 0)
    const { low = NaN, high = NaN } = told.ways[0]?.cost_usd ?? {}
    expect(cost).toBeGreaterThanOrEqual(low)
    expect(cost).toBeLessThanOrEqual(high)
    expect(Math.abs(told.input_tokens.expected / input - 1)).toBeLessThan(0.05)
  })

  test('reads stdin, and takes the flags of a run that matter', async () => {
    const cwd = folder()
    const args = [
      'estimate',
      '-',
      '--model',
      'claude-opus-5',
      '--first',
      '2',
      '--rpm',
      '1',
      '--json',
    ]
    const input = row(1, { model: undefined }) + row(2) + row(3)
    const { code, stdout } = await sluice(args, { cwd, input })
    expect(code).toBe(0)
    const told: Told = JSON.parse(stdout)
    expect(told).toMatchObject({ input: '-', output: '-', rows: { asked: 2 } })
    expect(told.ways[0]?.time).toEqual({
      ms: { low: 120_000, expected: 120_000, high: 120_000 },
      binds: 'requests',
      pool: null,
    })
    const text = await sluice(args.slice(0, -1), { cwd, input })
    expect(text.stdout).toContain('next:')
    expect(text.stdout).toContain('--model claude-opus-5 --max-requests-per-minute 1 --first 2\n')
  })

  test('an empty file is no fault', async () => {
    const cwd = folder()
    write(cwd, 'empty.jsonl', '')
    const { code, stdout } = await sluice(['estimate', 'empty.jsonl'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toBe('0 rows to ask\n\nnext: give a file with a request on each line\n')
  })

  test.each(unreadable)(
    'an input that cannot be read exits with 2: %s',
    async (_name, ...given) => {
      const told = await expectUnreadable('estimate', ...given)
      expect(told).toMatchObject({ exit_code: 2, rows: null, ways: null })
    },
  )

  test('an output of somebody else is not taken for one of ours', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(1))
    write(cwd, 'letter.txt', 'Dear reader,\n')
    const { code, stderr } = await sluice(['estimate', 'in.jsonl', '-o', 'letter.txt'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toMatch(/error\[OUTPUT_FOREIGN\]: Cannot go on with \S*letter\.txt: line 1 /)
    expect(read(cwd, 'letter.txt')).toBe('Dear reader,\n')
  })

  test('all that is wrong with a command line is told at once', async () => {
    const args = ['estimate', '--exact', 'some', '--cache', 'maybe', '--budjet', '--online']
    const { code, stderr } = await sluice(args, { cwd: folder(), env: noKey })
    expect(code).toBe(2)
    expect(stderr).toContain('--exact must be a whole number from 1 to 2000, got "some"')
    expect(stderr).toContain('--cache must be auto, marked, off or strip, got "maybe"')
    expect(stderr).toContain('unknown option --budjet, did you mean "--budget"?')
    expect(stderr).toContain('--online needs an admin key: ANTHROPIC_ADMIN_KEY is not set')
    const stream = ['estimate', '-', '--exact', '5000']
    const more = await sluice(stream, { cwd: folder(), env: noKey })
    expect(more.stderr).toContain('--exact must be a whole number from 1 to 2000, got "5000"')
    const none = await sluice(['estimate', '--exact', '5', '-'], { cwd: folder(), env: noKey })
    expect(none.stderr).toContain('--exact needs a file: a stream cannot be read twice')
    expect(none.stderr).toContain('--exact needs a key: ANTHROPIC_API_KEY is not set')
  })

  test('^C tells of the rows so far, and exits with 3', async () => {
    const stdout = await interrupted('estimate', rows(20_000))
    expect(stdout).toContain('stopped as asked, the rest was not looked at')
    expect(stdout).toMatch(/\nnext: sluice estimate -\n$/)
  })

  test('--exact has rows counted, and asks nothing else', async () => {
    const cwd = folder()
    write(cwd, 'requests.jsonl', rows(100))
    const { url, asked } = await watchedSimulator()
    const env = { ANTHROPIC_BASE_URL: url }
    const args = ['estimate', 'requests.jsonl', '--exact', '20', '--json']
    const { code, stdout, stderr } = await sluice(args, { cwd, env })
    expect(code, stderr).toBe(0)
    const told: Told = JSON.parse(stdout)
    expect(told.counted?.rows).toBe(20)
    expect(asked).toEqual(Array.from({ length: 20 }, () => 'POST /v1/messages/count_tokens'))
    await sluice(['run', 'requests.jsonl', '-q'], { cwd, env })
    const input = read(cwd, 'requests.results.jsonl')
      .trimEnd()
      .split('\n')
      .reduce((sum, line) => sum + Number(/"input_tokens":(\d+)/.exec(line)?.[1]), 0)
    expect(Math.abs(told.input_tokens.expected / input - 1)).toBeLessThan(0.05)
    const again = await sluice(['estimate', 'requests.jsonl', '--exact', '5', '-o', 'new.jsonl'], {
      cwd,
      env,
    })
    expect(again.stdout).toMatch(/^ {2}input: the API counted 5 rows; the estimate of them was/m)
  })

  test('--exact waits where the API says so', async () => {
    const cwd = folder()
    write(cwd, 'requests.jsonl', rows(100))
    // Of thirty a minute the first go at once, and then there is one every two seconds.
    const url = await simulate({ countRequestsPerMinute: 30 })
    const args = ['estimate', 'requests.jsonl', '--exact', '34', '--json', '--base-url', url]
    const { code, stdout, stderr } = await sluice(args, { cwd })
    expect(code, stderr).toBe(0)
    const told: Told = JSON.parse(stdout)
    expect(told.counted).toMatchObject({ rows: 34, refused: 0 })
  })

  test('--exact says why it could not count, and never the key', async () => {
    const cwd = folder()
    write(cwd, 'requests.jsonl', rows(3))
    const url = await simulate({ keys: ['another'] })
    const args = ['estimate', 'requests.jsonl', '--exact', '2', '--base-url']
    const refused = await sluice([...args, url], { cwd })
    expect(refused.code).toBe(3)
    expect(refused.stderr).toContain(
      'error[KEY_REFUSED]: Cannot count tokens: the API answered 401',
    )
    const failed = await sluice([...args, 'http://127.0.0.1:9'], { cwd })
    expect(failed.code).toBe(3)
    expect(failed.stderr).toContain('error[TOKENS_UNCOUNTED]: Cannot count tokens')
    for (const { stdout, stderr } of [refused, failed]) expect(stdout + stderr).not.toContain(key)
  })

  test('--online asks for the limits, and nothing else', async () => {
    const cwd = folder()
    write(cwd, 'requests.jsonl', rows(3))
    const { url, asked } = await watchedSimulator()
    const env = { ...noKey, ...admin, ANTHROPIC_BASE_URL: url }
    const { code, stdout } = await sluice(['estimate', 'requests.jsonl', '--online'], { cwd, env })
    expect(code).toBe(0)
    expect(asked.every((each) => each.startsWith('GET /v1/organizations/rate_limits'))).toBe(true)
    expect(asked.length).toBeGreaterThan(0)
    // Three rows of 5,000 a minute go in the gradual start.
    expect(stdout).toMatch(/live, as it stands .* \d(\.\d)? s\n/)
    expect(stdout).toContain('what binds is the start, which is gradual')
    expect(stdout).not.toContain(adminKey)
  })
})

describe.concurrent('sluice run --dry-run', () => {
  test('prints the table for its own rows, needs no key, and changes nothing', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(4))
    const { url, asked } = await watchedSimulator()
    const env = { ANTHROPIC_BASE_URL: url }
    await sluice(['run', 'in.jsonl', '-o', 'out.jsonl', '--first', '1', '-q'], { cwd, env })
    const sent = asked.length
    const torn = read(cwd, 'out.jsonl').slice(0, -30)
    write(cwd, 'out.jsonl', torn)
    const files = readdirSync(cwd)
    const args = ['run', 'in.jsonl', '-o', 'out.jsonl', '--cache', 'auto', '--budget', '5']
    const without = { ...env, ...noKey }
    const { code, stdout, stderr } = await sluice([...args, '--dry-run'], { cwd, env: without })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^4 rows to ask\n/)
    expect(stdout).toMatch(/^ {2}live, --cache auto \* /m)
    expect(stdout).toContain('budget: $5.00 is enough, at the high end too')
    expect(stdout).toMatch(/\nnext: the same command without --dry-run\n$/)
    expect(asked).toHaveLength(sent)
    expect(readdirSync(cwd)).toEqual(files)
    expect(read(cwd, 'out.jsonl')).toBe(torn)
    const json = await sluice([...args, '--dry-run', '--json'], { cwd, env })
    const told: Told = JSON.parse(json.stdout)
    expect(told.ways.filter((way) => way.run)).toMatchObject([{ via: 'live', cache: 'auto' }])
    expect(told.budgets).toMatchObject([{ unit: 'usd', limit: 5, enough: 'yes' }])
  })

  test('takes no lock: it tells of a run that is under way', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(4))
    const url = await simulate({ latencyMs: 60_000, latencySigma: 0 })
    const env = { ANTHROPIC_BASE_URL: url }
    const child = spawn(process.execPath, [bin, 'run', 'in.jsonl'], {
      cwd,
      env: { PATH: process.env['PATH'], ANTHROPIC_API_KEY: key, ...env },
    })
    toEnd.push(() => child.kill('SIGKILL'))
    let said = ''
    await new Promise<void>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (readdirSync(cwd).includes('in.results.jsonl.sluice')) resolve()
      })
    })
    expect(said).not.toBe('')
    const { code, stdout } = await sluice(['run', 'in.jsonl', '--dry-run'], { cwd, env })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^4 rows to ask\n/)
    child.kill('SIGKILL')
  })

  test('refuses what the run would refuse', async () => {
    const args = ['run', 'none.jsonl', '--dry-run', '--max-attempts', '0']
    const { code, stderr } = await sluice(args, { cwd: folder() })
    expect(code).toBe(2)
    expect(stderr).toContain('--max-attempts must be a whole number from 1')
  })
})

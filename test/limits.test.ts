/**
 * `sluice limits` as it is used, and the admin key in `sluice run`: where it goes, and where not.
 */

import { createServer, type IncomingMessage, request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { folder, key, read, rows, simulate, sluice, toEnd, write } from './spawned.ts'

const adminKey = 'sk-ant-admin01-0123456789-of-this-test'
const admin = { ANTHROPIC_ADMIN_KEY: adminKey }

interface Call {
  readonly path: string
  readonly key: string
}

/** The answer of a server to a request with a body: a status, and what is sent as JSON. */
type Answer = (request: IncomingMessage, body: string) => readonly [status: number, body: object]

/** A server that answers as told, and keeps who asked what with which key. */
async function serve(answer: Answer): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    request.on('end', () => {
      calls.push({ path: request.url ?? '', key: String(request.headers['x-api-key']) })
      const [status, body] = answer(request, text)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  toEnd.push(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : ''
  return { url: `http://127.0.0.1:${port}`, calls }
}

const error = (message: string): object => ({
  type: 'error',
  error: { type: 'api_error', message },
})

const message = {
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  model: 'claude-new-1',
  content: [{ type: 'text', text: 'x' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 5, output_tokens: 1 },
}

/** What none of these may hold. */
function expectNoKey(...texts: readonly string[]): void {
  for (const text of texts) {
    expect(text).not.toContain(adminKey)
    expect(text).not.toContain(key)
  }
}

describe.concurrent('sluice limits', () => {
  test.each(['group', 'flat'] as const)(
    'with an admin key shows every pool (%s)',
    async (shape) => {
      const url = await simulate({ adminShape: shape, profile: 'build' })
      const { code, stdout, stderr } = await sluice(['limits', '--base-url', url], {
        cwd: folder(),
        env: { ...admin, ANTHROPIC_API_KEY: '' },
      })
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      const lines = stdout.trimEnd().split('\n')
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
      const opus = lines.findIndex((line) => /^(Claude Opus 4\.x|claude-opus-4\.x) /.test(line))
      expect(lines[opus]).toMatch(/ requests\/min +5,000$/)
      expect(lines[opus + 1]).toMatch(/^ +input tokens\/min +5,000,000$/)
      expect(lines[opus + 2]).toMatch(/^ +output tokens\/min +1,000,000$/)
      expect(lines[opus + 3]).toContain('models: claude-opus-4-8, claude-opus-4-7')
      expect(stdout).toMatch(/^Message Batches .*2,000\n.*queued requests +300,000$/m)
      // Ceilings say nothing of what is left.
      expect(lines[0]).toMatch(/^pool +limit +at most$/)
    },
  )

  test('follows pages, and shows each entry once', async () => {
    const entry = (name: string): object => ({
      type: 'rate_limit',
      group: { id: 'rlg_1', type: 'model_group', display_name: name },
      limits: [{ type: 'requests_per_minute', value: 7 }],
      models: [name],
    })
    const { url, calls } = await serve(({ url: path = '' }) => {
      const isLast = path.includes('page=second')
      return [200, { data: [entry(isLast ? 'two' : 'one')], next_page: isLast ? null : 'second' }]
    })
    const other = ['-H', 'X-Api-Key: of-a-gateway', '-H', 'authorization: Bearer x']
    const args = ['limits', '--base-url', `${url}/prefix/`, '--json', ...other]
    const { code, stdout } = await sluice(args, { cwd: folder(), env: admin })
    expect(code).toBe(0)
    const { pools } = JSON.parse(stdout) as { pools: { name: string }[] }
    expect(pools.map(({ name }) => name)).toEqual(['one', 'two'])
    expect(calls.map(({ path }) => path)).toEqual([
      '/prefix/v1/organizations/rate_limits',
      '/prefix/v1/organizations/rate_limits?page=second',
    ])
    expect(new Set(calls.map((call) => call.key))).toEqual(new Set([adminKey]))
  })

  test('with --model shows what is left, from one request of one token each', async () => {
    const url = await simulate({ latencyMs: 0, requestsPerMinute: 60 })
    const args = ['limits', '--model', 'claude-opus-4-6', '--base-url', url]
    const { code, stdout, stderr } = await sluice(args, { cwd: folder() })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    // One of 60 was taken: it is there again in a second.
    expect(stdout).toMatch(/^claude-opus-4\.x +requests\/min +60 +59 +in [12] s$/m)
    expect(stdout).toMatch(/^ +input tokens\/min +2,000,000 +2,000,000 /m)
    expect(stdout).toMatch(/models: claude-opus-4-8, claude-opus-4-7, claude-opus-4-6, /)
    expect(stdout).not.toMatch(/^ +tokens\/min/m)
  })

  test('sends no more than one token’s request, with the API key alone', async () => {
    const bodies: unknown[] = []
    const { url, calls } = await serve((_request, body) => {
      bodies.push(JSON.parse(body))
      return [200, message]
    })
    const args = ['limits', '--model', 'claude-new-1', '--base-url', url]
    const { code, stdout, stderr } = await sluice(args, { cwd: folder() })
    expect(calls).toEqual([{ path: '/v1/messages', key }])
    expect(bodies).toMatchObject([{ model: 'claude-new-1', max_tokens: 1 }])
    // A server without such headers shows nothing, and that is said.
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe('failed claude-new-1: its reply carries no rate limit headers\n')
  })

  test('joins both sources, as JSON', async () => {
    const url = await simulate({ latencyMs: 0 })
    const args = ['limits', '--model', 'claude-haiku-4-5', '--json', '--base-url', url]
    const { code, stdout } = await sluice(args, { cwd: folder(), env: admin })
    expect(code).toBe(0)
    const { pools } = JSON.parse(stdout) as {
      pools: { name: string; models: string[]; limits: Record<string, unknown>[] }[]
    }
    const haiku = pools.find(({ name }) => name === 'Claude Haiku 4.5')
    expect(haiku?.models).toEqual(['claude-haiku-4-5', 'claude-haiku-4-5-20251001'])
    expect(haiku?.limits).toHaveLength(3)
    expect(haiku?.limits[0]).toMatchObject({ value: 1000, remaining: 999 })
    const others = pools.filter(({ name }) => name !== 'Claude Haiku 4.5')
    expect(others[0]?.limits[0]).toMatchObject({ remaining: null, full_in_ms: null })
  })

  test('shows what a workspace has of its own beside what it inherits', async () => {
    const url = await simulate({ combinedTokens: 60_000 })
    const args = ['limits', '--workspace', 'wrkspc_1', '--base-url', url]
    const { code, stdout } = await sluice(args, { cwd: folder(), env: admin })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Claude Opus 5 +requests\/min +1,000$/m)
    expect(stdout).toMatch(/^ +tokens\/min +60,000$/m)
  })

  test('one model that is not there does not hide the others', async () => {
    const url = await simulate()
    const models = ['--model', 'claude-nope', '--model', 'claude-haiku-4-5']
    const { code, stdout, stderr } = await sluice(['limits', ...models, '--base-url', url], {
      cwd: folder(),
    })
    expect(code).toBe(1)
    expect(stdout).toContain('claude-haiku-4-5  requests/min')
    expect(stderr).toBe('failed claude-nope: 404 not_found_error: model: claude-nope\n')
  })

  test.each([
    ['nothing to ask with', [], { ANTHROPIC_API_KEY: key }, 2, 'OPTIONS_INVALID', /--model NAME/],
    ['no key for a model', ['--model', 'm'], { ANTHROPIC_API_KEY: '' }, 2, 'KEY_MISSING', /none/],
    [
      'a workspace without an admin key',
      ['--workspace', 'w', '--model', 'm'],
      {},
      2,
      'OPTIONS_INVALID',
      /ANTHROPIC_ADMIN_KEY is not set/,
    ],
    [
      'an API key for an admin key',
      [],
      { ANTHROPIC_ADMIN_KEY: 'sk-ant-api03-x' },
      3,
      'PERMISSION_REFUSED',
      /403/,
    ],
    ['an unknown flag', ['--modle', 'x'], admin, 2, 'OPTIONS_INVALID', /did you mean "--model"/],
  ] as const)('with %s says so, once', async (_name, args, env, exit, name, words) => {
    const url = await simulate()
    const spawned = { cwd: folder(), env }
    const { code, stdout, stderr } = await sluice(['limits', ...args, '--base-url', url], spawned)
    expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
    expect(stderr).toMatch(words)
    expect(stderr.match(/^error\[/gm)).toHaveLength(1)
    expect(stderr).toContain(`error[${name}]`)
    expectNoKey(stderr)
  })

  test('never shows a key, though the server sends it back', async () => {
    const { url } = await serve(({ headers }) => [
      500,
      error(`you sent ${JSON.stringify(headers)}`),
    ])
    const args = ['limits', '--model', 'm', '--json', '--base-url', url]
    const { code, stdout, stderr } = await sluice(args, { cwd: folder(), env: admin })
    expect(code).toBe(3)
    expect(stderr).toContain(
      'error[LIMITS_UNREADABLE]: Cannot read rate limits: the API answered 500',
    )
    expectNoKey(stdout, stderr)
  })

  test.each(['x', '[]', '{"data":5}'])(
    'an answer that is no list (%s) is an error',
    async (text) => {
      const server = createServer((_request, response) => void response.end(text))
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
      toEnd.push(() => server.close())
      const address = server.address()
      const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
      const { code, stderr } = await sluice(['limits', '--base-url', url], {
        cwd: folder(),
        env: admin,
      })
      expect(code).toBe(3)
      expect(stderr).toContain('error[LIMITS_UNREADABLE]')
    },
  )

  test('goes through the proxy that requests go through', async () => {
    const url = await simulate()
    const seen: (string | undefined)[] = []
    const proxy = createServer((incoming, response) => {
      seen.push(incoming.url, incoming.headers['proxy-authorization'])
      const { pathname, search } = new URL(incoming.url ?? '')
      const headers = { ...incoming.headers, host: 'api.test' }
      const passedOn = request(`${url}${pathname}${search}`, { headers }, (reply) => {
        response.writeHead(reply.statusCode ?? 0, reply.headers)
        reply.pipe(response)
      })
      passedOn.end()
    })
    await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve))
    toEnd.push(() => proxy.close())
    const address = proxy.address()
    const port = typeof address === 'object' ? address?.port : ''
    const { code, stdout } = await sluice(['limits', '--base-url', 'http://api.test'], {
      cwd: folder(),
      env: { ...admin, HTTP_PROXY: `http://me:secret@127.0.0.1:${port}` },
    })
    expect(seen).toEqual([
      'http://api.test/v1/organizations/rate_limits',
      `Basic ${Buffer.from('me:secret').toString('base64')}`,
    ])
    expect(code).toBe(0)
    expect(stdout).toContain('Claude Opus 5')
  })

  test('does not go where a file of the folder says', async () => {
    const cwd = folder()
    write(cwd, '.env', 'ANTHROPIC_BASE_URL=https://elsewhere.example\n')
    const { code, stderr } = await sluice(['limits'], { cwd, env: admin })
    expect(code).toBe(2)
    expect(stderr).toContain('ANTHROPIC_ADMIN_KEY is not sent to https://elsewhere.example')
  })

  test('takes no models to pay for from files or variables', async () => {
    const cwd = folder()
    write(cwd, 'sluice.config.json', '{"model":"claude-haiku-4-5","maxRequestsPerMinute":5}')
    const { code, stderr } = await sluice(['limits', '--base-url', await simulate()], {
      cwd,
      env: { SLUICE_MODEL: 'claude-haiku-4-5' },
    })
    expect(code).toBe(2)
    expect(stderr).toContain('without an admin key or a model to ask')
  })
})

describe.concurrent('sluice run with an admin key', () => {
  test('asks for limits with it, and for answers with the other', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(3))
    const { url, calls } = await serve(({ url: path = '' }) =>
      path.startsWith('/v1/messages') ? [200, message] : [200, { data: [], next_page: null }],
    )
    const { code, stderr } = await sluice(['run', 'in.jsonl', '--base-url', url], {
      cwd,
      env: admin,
    })
    expect(code).toBe(0)
    expect(calls.filter(({ path }) => path === '/v1/messages')).toEqual(
      Array.from({ length: 3 }, () => ({ path: '/v1/messages', key })),
    )
    expect(calls.filter((call) => call.key === adminKey)).toEqual([
      { path: '/v1/organizations/rate_limits', key: adminKey },
    ])
    expect(stderr).not.toContain('note')
  })

  test('goes on without what it cannot learn, and says so once, without the key', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(20))
    const { url } = await serve(({ url: path = '', headers }) =>
      path.startsWith('/v1/messages')
        ? [200, message]
        : [403, error(`no: ${String(headers['x-api-key'])}`)],
    )
    const args = ['run', 'in.jsonl', '--log-file', 'run.log', '--base-url', url]
    const { code, stderr } = await sluice(args, { cwd, env: admin })
    expect(code).toBe(0)
    expect(stderr.match(/^note: .*rate limits.*$/gm)).toHaveLength(1)
    expectNoKey(stderr, read(cwd, 'run.log'), read(cwd, 'in.results.jsonl'))
  })

  test('does not wait for limits: neither to begin nor to end', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(3))
    const server = createServer((request, response) => {
      // What is no Messages request is never answered.
      if (request.url !== '/v1/messages') return
      request.resume().on('end', () => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(message))
      })
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    toEnd.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    const { code, stderr } = await sluice(['run', 'in.jsonl', '--base-url', url], {
      cwd,
      env: admin,
    })
    expect(code).toBe(0)
    expect(stderr).not.toContain('note')
  })

  test('leaves the key where it is when a file of the folder chose the address', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', rows(3))
    const { url, calls } = await serve(() => [200, message])
    // The same server, by an address that is not this machine's to everybody.
    const far = url.replace('127.0.0.1', '0.0.0.0')
    write(cwd, '.env', `ANTHROPIC_BASE_URL=${far}\nANTHROPIC_API_KEY=sk-ant-of-the-file\n`)
    const { code, stderr } = await sluice(['run', 'in.jsonl'], {
      cwd,
      env: { ...admin, ANTHROPIC_API_KEY: '' },
    })
    expect(code).toBe(0)
    expect(stderr).toContain(`note: ANTHROPIC_ADMIN_KEY is not sent to ${far}`)
    expect(calls).toEqual(
      Array.from({ length: 3 }, () => ({ path: '/v1/messages', key: 'sk-ant-of-the-file' })),
    )
  })
})

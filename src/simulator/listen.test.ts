/**
 * The simulator over real loopback sockets, with the plainest of clients.
 */

import http from 'node:http'
import https from 'node:https'
import type net from 'node:net'

import { afterEach, assert, expect, test } from 'vitest'

import { systemErrorCode } from '../files.ts'
import type { RespondRequest } from './given-answer.ts'
import {
  startSimulator,
  type RunningSimulator,
  type SimulatorEvent,
  type StartOptions,
} from './listen.ts'

const running: RunningSimulator[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()))
})

/** Starts a simulator that this test ends, and what it observes. */
async function start(
  options: StartOptions = {},
): Promise<{ simulator: RunningSimulator; events: SimulatorEvent[] }> {
  const events: SimulatorEvent[] = []
  const observe = (event: SimulatorEvent): unknown => events.push(event)
  const simulator = await startSimulator({ latencyMs: 0, observe, ...options })
  running.push(simulator)
  return { simulator, events }
}

const headers = { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01' }

function bodyOf(members: object = {}): string {
  const messages = [{ role: 'user', content: 'How deep is the canal?' }]
  return JSON.stringify({ model: 'claude-opus-5', max_tokens: 500, messages, ...members })
}

interface Reply {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

interface SendOptions {
  /** Called with all that was read so far; ends the connection when it says so. */
  readonly leaveWhen?: (text: string) => boolean
  readonly agent?: http.Agent
  readonly method?: string
  readonly path?: string
}

/** One request. A failure of its connection holds what was read of the body. */
function send(
  simulator: RunningSimulator,
  body: string,
  options: SendOptions = {},
): Promise<Reply> {
  const { leaveWhen, agent, method = 'POST', path = '/v1/messages' } = options
  const client = simulator.url.startsWith('https') ? https : http
  const trust = client === https ? { ca: certificate } : {}
  const chunks: Buffer[] = []
  const text = (): string => Buffer.concat(chunks).toString()
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => reject(new Error(text(), { cause }))
    const init = { method, headers, ...trust, ...(agent === undefined ? {} : { agent }) }
    const request = client.request(simulator.url + path, init, (response) => {
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        if (leaveWhen?.(text()) === true) request.destroy()
      })
      response.on('error', fail)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: text() }),
      )
    })
    request.on('error', fail)
    request.end(body)
  })
}

/** How a request fails: the system's code, and what was read before. */
async function failureOf(
  sent: Promise<Reply>,
): Promise<{ code: string | undefined; text: string }> {
  const failure: unknown = await sent.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert(failure instanceof Error, 'the request must fail')
  return { code: systemErrorCode(failure.cause), text: failure.message }
}

const hasStarted = (text: string): boolean => text.includes('message_start')

/** Lets the event loop turn until something holds. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100_000 && !holds(); turn++) {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  assert(holds(), 'what was waited for never came')
}

test('startSimulator() answers a plain request, and tells', async () => {
  const { simulator, events } = await start()
  const body = bodyOf()
  const reply = await send(simulator, body)
  expect(reply.status).toBe(200)
  expect(JSON.parse(reply.text)).toMatchObject({ type: 'message', model: 'claude-opus-5' })
  expect(reply.headers).toMatchObject({
    'content-type': 'application/json',
    'anthropic-ratelimit-requests-limit': '1000',
    'anthropic-ratelimit-requests-remaining': '999',
    'request-id': expect.stringMatching(/^req_/),
    date: expect.stringMatching(/GMT$/),
  })
  expect(events.map(({ type, id, status }) => ({ type, id, status }))).toEqual([
    { type: 'received', id: 1, status: 0 },
    { type: 'answered', id: 1, status: 200 },
  ])
  expect(events.map((event) => Buffer.from(event.body).toString())).toEqual([body, body])
})

test('startSimulator() streams while it produces', async () => {
  const { simulator, events } = await start({ latencyMs: 10, latencySigma: 0 })
  const reply = await send(simulator, bodyOf({ stream: true }))
  expect(reply.headers['content-type']).toBe('text/event-stream; charset=utf-8')
  expect(reply.text).toMatch(/^event: message_start\n[^]*event: message_stop\n.*\n\n$/)
  const [received, answered] = events
  assert(received?.type === 'received' && answered?.type === 'answered', 'two events')
  // 3 ms before the first byte, and production on top.
  expect(answered.at - received.at).toBeGreaterThanOrEqual(3)
})

test('startSimulator() refuses beyond the limit with all headers', async () => {
  const { simulator, events } = await start({ requestsPerMinute: 1 })
  await send(simulator, bodyOf())
  const reply = await send(simulator, bodyOf())
  expect(reply.status).toBe(429)
  expect(reply.headers).toMatchObject({
    'x-should-retry': 'true',
    'retry-after': expect.stringMatching(/^(59|60)$/),
    'anthropic-ratelimit-requests-remaining': '0',
    'anthropic-ratelimit-tokens-limit': '2400000',
  })
  expect(events.at(-1)).toMatchObject({ type: 'refused', status: 429, id: 2 })
})

test.each([
  { fault: 'reset-before', stream: false },
  { fault: 'reset-after', stream: true },
] as const)('a $fault (streamed: $stream) resets before any byte', async ({ fault, stream }) => {
  const { simulator, events } = await start({ faults: { [fault]: 1 } })
  const failure = await failureOf(send(simulator, bodyOf({ stream })))
  expect(failure).toEqual({ code: 'ECONNRESET', text: '' })
  expect(events.at(-1)).toMatchObject({ type: 'faulted', fault, status: 0 })
  expect(simulator.model.inFlight).toBe(0)
})

test.each([
  { stream: false, begins: /^\{"id"/ },
  { stream: true, begins: /^event: message_start/ },
])('a cut (streamed: $stream) resets after what was sent', async ({ stream, begins }) => {
  const { simulator, events } = await start({ faults: { cut: 1 } })
  const failure = await failureOf(send(simulator, bodyOf({ stream })))
  expect(failure).toEqual({ code: 'ECONNRESET', text: expect.stringMatching(begins) })
  expect(events.at(-1)).toMatchObject({ type: 'faulted', fault: 'cut', status: 200 })
  expect(simulator.model.inFlight).toBe(0)
})

test.each(['hang-head', 'hang-body'] as const)(
  'a %s lasts until the client leaves',
  async (fault) => {
    const { simulator, events } = await start({ faults: { [fault]: 1 } })
    const leaving = new AbortController()
    const { signal } = leaving
    const request = http.request(`${simulator.url}/v1/messages`, {
      method: 'POST',
      headers,
      signal,
    })
    request.on('error', () => undefined)
    request.on('response', (response) => response.on('error', () => undefined))
    request.end(bodyOf())
    await until(() => events.some(({ type }) => type === 'faulted'))
    expect(simulator.model.inFlight).toBe(1)
    leaving.abort()
    await until(() => simulator.model.inFlight === 0)
    expect(simulator.model.totals).toMatchObject({ billedRequests: 1, answered: 0 })
    // Its leaving is no second event.
    expect(events.map(({ type }) => type)).toEqual(['received', 'faulted'])
  },
)

test('a client that leaves is told of, and its work is billed all the same', async () => {
  // Long enough that it has left before the answer is complete, on a busy machine too.
  const { simulator, events } = await start({ latencyMs: 400, latencySigma: 0, outputSigma: 0 })
  await failureOf(send(simulator, bodyOf({ stream: true }), { leaveWhen: hasStarted }))
  await until(() => events.length === 2)
  expect(events[1]).toMatchObject({ type: 'disconnected', status: 200 })
  expect(simulator.model.totals.billedRequests).toBe(0)
  await until(() => simulator.model.inFlight === 0)
  expect(simulator.model.totals).toMatchObject({ answered: 0, billedRequests: 1 })
  expect(events).toHaveLength(2)
})

test('one connection carries many requests, with a broken one between', async () => {
  const { simulator } = await start()
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const ports = new Set<number | undefined>()
  agent.on('free', (socket: net.Socket) => ports.add(socket.localPort))
  const statuses: number[] = []
  for (const body of [bodyOf(), '{"model":', bodyOf({ stream: true }), bodyOf()]) {
    statuses.push((await send(simulator, body, { agent })).status)
  }
  agent.destroy()
  expect(statuses).toEqual([200, 400, 200, 200])
  expect(ports.size).toBe(1)
})

test('a body beyond 32 MB is read to its end and refused with 413', async () => {
  const { simulator } = await start()
  const reply = await send(simulator, ' '.repeat(40 * 2 ** 20))
  expect(reply.status).toBe(413)
  expect(JSON.parse(reply.text)).toHaveProperty('error.type', 'request_too_large')
})

test('GET / says what this is', async () => {
  const { simulator } = await start()
  const reply = await send(simulator, '', { method: 'GET', path: '/' })
  expect(JSON.parse(reply.text)).toHaveProperty('name', 'sluice simulator')
})

test('startSimulator() holds hundreds of requests, and answers others', async () => {
  const { simulator } = await start({ faults: { 'hang-head': 1 } })
  const failures = Array.from({ length: 300 }, () => failureOf(send(simulator, bodyOf())))
  await until(() => simulator.model.inFlight === 300)
  simulator.model.setFaults({})
  expect((await send(simulator, bodyOf())).status).toBe(200)
  await simulator.close()
  const codes = (await Promise.all(failures)).map(({ code }) => code)
  expect(new Set(codes)).toEqual(new Set(['ECONNRESET']))
})

test('startSimulator() serves TLS, and cuts it', async () => {
  const { simulator } = await start({ tls: { key: privateKey, cert: certificate } })
  expect(simulator.url).toMatch(/^https:/)
  expect((await send(simulator, bodyOf())).status).toBe(200)
  simulator.model.setFaults({ cut: 1 })
  expect((await failureOf(send(simulator, bodyOf()))).text).toMatch(/^\{"id"/)
})

test.each([
  ['at once', (): string => 'Paris.'],
  ['later', (): Promise<string> => Promise.resolve('Paris.')],
])('respond() decides the answer, %s', async (_when, respond) => {
  const asked: RespondRequest[] = []
  const { simulator, events } = await start({
    respond: (request) => {
      asked.push(request)
      return respond()
    },
  })
  const plain = await send(simulator, bodyOf({ metadata: { user_id: 'someone' } }))
  expect(JSON.parse(plain.text)).toMatchObject({
    content: [{ type: 'text', text: 'Paris.' }],
    stop_reason: 'end_turn',
    // "Paris" and the full stop: two tokens of the older tokenizer, 2.6 of the newer.
    usage: { output_tokens: 3 },
  })
  expect(plain.headers['anthropic-ratelimit-requests-remaining']).toBe('999')
  const streamed = await send(simulator, bodyOf({ stream: true }))
  expect(streamed.text).toContain('"delta":{"type":"text_delta","text":"Paris."}')
  expect(asked).toMatchObject([{ metadata: { user_id: 'someone' } }, { stream: true }])
  expect(simulator.model.totals).toMatchObject({ answered: 2, outputTokens: 6 })
  expect(events.map(({ type }) => type)).toEqual(['received', 'answered', 'received', 'answered'])
})

test('respond() leaves what it does not decide, and is not asked of what is refused', async () => {
  let asked = 0
  const { simulator } = await start({
    respond: () => {
      asked++
      return undefined
    },
  })
  const message: { usage: { output_tokens: number } } = JSON.parse(
    (await send(simulator, bodyOf())).text,
  )
  expect(message.usage.output_tokens).toBeGreaterThan(3)
  expect((await send(simulator, '{"model":')).status).toBe(400)
  expect((await send(simulator, bodyOf({ messages: [] }))).status).toBe(400)
  const path = '/v1/messages/count_tokens'
  expect((await send(simulator, bodyOf({ max_tokens: undefined }), { path })).status).toBe(200)
  expect(asked).toBe(1)
})

test.each([
  ['throws', (): never => assert.fail('the dike broke'), /respond failed: the dike broke/],
  ['rejects', (): Promise<never> => Promise.reject(new Error('too late')), /failed: too late/],
  ['returns no answer', (): never => 42 as never, /must return a string, .*, got number/],
])('respond() that %s makes a 500, and is told of', async (_what, respond, message) => {
  const { simulator, events } = await start({ respond })
  const reply = await send(simulator, bodyOf())
  expect(reply.status).toBe(500)
  expect(JSON.parse(reply.text)).toMatchObject({
    type: 'error',
    error: { type: 'api_error', message: expect.stringMatching(message) as string },
    request_id: reply.headers['request-id'],
  })
  expect(events.map(({ type, status, error }) => [type, status, error !== undefined])).toEqual([
    ['received', 0, false],
    ['refused', 500, true],
  ])
  expect(simulator.model.totals.billedRequests).toBe(0)
})

test('a given answer is not declined, and a prompt that is only cached has none', async () => {
  const { simulator } = await start({ respond: () => 'Paris.', refusalRate: 1 })
  const given: unknown = JSON.parse((await send(simulator, bodyOf())).text)
  expect(given).toMatchObject({ content: [{ text: 'Paris.' }], stop_reason: 'end_turn' })
  const cached: unknown = JSON.parse((await send(simulator, bodyOf({ max_tokens: 0 }))).text)
  expect(cached).toMatchObject({ content: [], usage: { output_tokens: 0 } })
})

test('limits and faults hold for answers that are given', async () => {
  const { simulator } = await start({ respond: () => 'Paris.', requestsPerMinute: 1 })
  expect((await send(simulator, bodyOf())).status).toBe(200)
  expect((await send(simulator, bodyOf())).status).toBe(429)
  simulator.model.setFaults({ cut: 1 })
  simulator.model.setLimits(0, { requestsPerMinute: null })
  expect((await failureOf(send(simulator, bodyOf()))).text).toMatch(/^\{"id"/)
})

test('a client that leaves while respond() thinks is billed and forgotten', async () => {
  const thinking: ((text: string) => void)[] = []
  const { simulator, events } = await start({
    respond: () => new Promise((resolve) => thinking.push(resolve)),
  })
  simulator.model.setFaults({ 'hang-head': 1 })
  const leaving = new AbortController()
  const { signal } = leaving
  const request = http.request(`${simulator.url}/v1/messages`, { method: 'POST', headers, signal })
  const gone = new Promise((resolve) => request.on('error', resolve))
  request.end(bodyOf())
  await until(() => thinking.length === 1)
  leaving.abort()
  await gone
  // By the time the server has answered another, it knows.
  await send(simulator, '')
  thinking[0]?.('Paris.')
  await until(() => simulator.model.totals.billedRequests === 1 && simulator.model.inFlight === 0)
  expect(events.filter(({ id }) => id === 2).map(({ type }) => type)).toEqual([
    'received',
    'disconnected',
  ])
})

test('close() forgets a request that respond() still thinks about', async () => {
  const thinking: ((text: string) => void)[] = []
  const { simulator, events } = await start({
    respond: () => new Promise((resolve) => thinking.push(resolve)),
  })
  const failure = failureOf(send(simulator, bodyOf()))
  await until(() => thinking.length === 1)
  await simulator.close()
  expect(await failure).toEqual({ code: 'ECONNRESET', text: '' })
  thinking[0]?.('Paris.')
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  expect(events).toEqual([])
})

test('close() ends connections that hang and frees the port', async () => {
  const { simulator } = await start({ faults: { 'hang-head': 1 } })
  const failure = failureOf(send(simulator, bodyOf()))
  await until(() => simulator.model.inFlight === 1)
  await simulator.close()
  expect(await failure).toEqual({ code: 'ECONNRESET', text: '' })
  const { simulator: next } = await start({ port: simulator.port })
  expect(next.port).toBe(simulator.port)
})

test('startSimulator() rejects when the port is taken, or an option is not valid', async () => {
  const { simulator } = await start()
  const taken = startSimulator({ port: simulator.port })
  await expect(taken).rejects.toHaveProperty('code', 'EADDRINUSE')
  const invalid = startSimulator({ latencyMs: -1 })
  await expect(invalid).rejects.toHaveProperty('code', 'OPTIONS_INVALID')
  const noFunction = startSimulator({ respond: 'Paris.' as never })
  await expect(noFunction).rejects.toHaveProperty('code', 'OPTIONS_INVALID')
})

// Made for this test and used nowhere else; valid until 2126.
const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7zAorwjuNj+jJ32f
GTDRjdZHm4ZIwHwHxZT93urz4bWhRANCAARNW6IjZJ+Sgk3ClpkbADLedoLAJkzS
UFGykXFwi0+bBJWRx6MThUUtVlw6DxLDsquvmuCi17BIjQWuKg392d6Z
-----END PRIVATE KEY-----`

const certificate = `-----BEGIN CERTIFICATE-----
MIIBkTCCATagAwIBAgIUE/z/LWVWp+ctG9AnMk/NrDOJhyEwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMjE2NTExNFoYDzIxMjYxMDI5
MTY1MTE0WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARNW6IjZJ+Sgk3ClpkbADLedoLAJkzSUFGykXFwi0+bBJWRx6MThUUt
Vlw6DxLDsquvmuCi17BIjQWuKg392d6Zo2QwYjAdBgNVHQ4EFgQU5t5GNjqIyglW
EkGiPdXjUQcsQmUwHwYDVR0jBBgwFoAU5t5GNjqIyglWEkGiPdXjUQcsQmUwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0kAMEYC
IQCHzgWjHox56TNrLJZ3HY3KmlmGN2LHVWhlnw2Or/TljAIhAPgdfgRacxPLKT8j
MMLeFU7Z/1ZcTqROdOdI2KJIYr9R
-----END CERTIFICATE-----`

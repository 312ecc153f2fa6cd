import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import type { Cancel, Clock } from './clock.ts'
import { HttpTransport } from './http.ts'
import type { Connect, HttpTransportOptions } from './http.ts'
import type { Outcome } from './outcome.ts'
import type { Dispatch, Exchange, Listener } from './transport.ts'

/** Stands still until it is told to go on; only what is due at once happens by itself. */
class StillClock implements Clock {
  readonly thrown: unknown[] = []
  readonly #timers = new Map<() => void, number>()
  #now = 0

  now(): number {
    return this.#now
  }

  wallTime(): number {
    return this.#now
  }

  after(delayMs: number, callback: () => void): Cancel {
    if (delayMs > 0) this.#timers.set(callback, this.#now + delayMs)
    else setImmediate(() => this.#call(callback))
    return () => this.#timers.delete(callback)
  }

  advance(byMs: number): void {
    this.#now += byMs
    for (const [callback, at] of [...this.#timers]) {
      if (at > this.#now) continue
      this.#timers.delete(callback)
      this.#call(callback)
    }
  }

  #call(callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.thrown.push(error)
    }
  }
}

/** A try under way, and what was heard of it. */
interface Try {
  readonly exchange: Exchange
  readonly outcomes: Outcome[]
  readonly statuses: number[]
  readonly outcome: Promise<Outcome>
}

const answer = JSON.stringify({
  type: 'message',
  model: 'm',
  content: [],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1, output_tokens: 2 },
})
const events = [
  '{"type":"message_start","message":{"type":"message","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":0}}}',
  '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}',
  '{"type":"message_stop"}',
].map((data) => `data: ${data}\n\n`)
const body = Buffer.from('{"model":"m","max_tokens":5,"id":12345678901234567890}')
const plainReply = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length}\r\n\r\n${answer}`

const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  // Transports first: a server waits for its connections.
  for (const close of closers.splice(0).toReversed()) await close()
})

function transportTo(
  baseUrl: string,
  options: Partial<HttpTransportOptions> = {},
): HttpTransport & { readonly testClock: StillClock } {
  const testClock = new StillClock()
  const transport = new HttpTransport({
    baseUrl,
    apiKey: 'sk-ant-secret',
    version: '2023-06-01',
    userAgent: 'sluice/test',
    socketsMax: 100,
    clock: testClock,
    environment: {},
    ...options,
  })
  closers.push(() => transport.close())
  return Object.assign(transport, { testClock })
}

function send(
  transport: HttpTransport,
  options: Partial<Dispatch> & { readonly onOutcome?: () => void } = {},
): Try {
  const outcomes: Outcome[] = []
  const statuses: number[] = []
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const listener: Listener = {
    head: (status) => void statuses.push(status),
    bytes: () => undefined,
    outcome(outcome) {
      outcomes.push(outcome)
      resolve(outcome)
      options.onOutcome?.()
    },
  }
  const { stream = false } = options
  const exchange = transport.send({ body: options.body ?? body, stream, model: 'm' }, listener)
  return { exchange, outcomes, statuses, outcome: promise }
}

/** A server on loopback; `server.close` runs after the test. */
async function listen(server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>()
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

/** An HTTP server whose handler is called with each request once its body was read. */
async function serve(
  handle: (request: http.IncomingMessage, reply: http.ServerResponse, body: string) => void,
): Promise<{ readonly url: string; readonly server: http.Server }> {
  const server = http.createServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => handle(request, reply, Buffer.concat(chunks).toString()))
  })
  return { url: `http://127.0.0.1:${await listen(server)}`, server }
}

/** A TCP server; `handle` is called with each request that came in one piece. */
async function serveRaw(
  handle: (socket: net.Socket, requestNumber: number, socketNumber: number) => void,
): Promise<string> {
  let socketCount = 0
  const server = net.createServer((socket) => {
    const socketNumber = ++socketCount
    let requestCount = 0
    socket.on('data', () => handle(socket, ++requestCount, socketNumber))
  })
  return `http://127.0.0.1:${await listen(server)}`
}

function answerJson(reply: http.ServerResponse | http2.Http2ServerResponse): void {
  reply.setHeader('content-type', 'application/json')
  reply.end(answer)
}

/** Lets the turns pass that a connection on loopback needs to be made, used and closed. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve))
}

function messageOf(outcome: Outcome): string {
  return outcome.kind === 'answered' ? '' : outcome.error.message
}

describe('send()', () => {
  test('posts the body to the byte and gives the answer', async () => {
    const seen: unknown[] = []
    const { url } = await serve((request, reply, text) => {
      seen.push(request.method, request.url, text, request.headers)
      reply.setHeader('request-id', 'req_7')
      answerJson(reply)
    })
    const transport = transportTo(`${url}/prefix/`, {
      betas: ['b1', 'b2'],
      headers: { 'X-A': 'ö' },
    })
    const sent = send(transport)
    expect(await sent.outcome).toMatchObject({
      kind: 'answered',
      message: answer,
      requestId: 'req_7',
      usage: { outputTokens: 2 },
    })
    expect(sent.statuses).toEqual([200])
    expect(seen.slice(0, 3)).toEqual(['POST', '/prefix/v1/messages', body.toString()])
    expect(seen[3]).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(body.length),
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'b1,b2',
      'x-api-key': 'sk-ant-secret',
      'user-agent': 'sluice/test',
      'x-a': 'ö',
    })
  })

  test('asks for a stream in the body, and answers before the reply has ended', async () => {
    let asked = ''
    const { url } = await serve((_, reply, text) => {
      asked = text
      reply.setHeader('content-type', 'text/event-stream; charset=utf-8')
      for (const event of events) reply.write(event)
    })
    const transport = transportTo(url)
    const sent = send(transport, { stream: true })
    expect(await sent.outcome).toMatchObject({ kind: 'answered', stopReason: 'end_turn' })
    expect(asked).toBe(`{"stream":true,${body.toString().slice(1)}`)
  })

  test('reads a reply past what the server says meanwhile', async () => {
    const { url } = await serve((_, reply) => {
      reply.writeEarlyHints({ link: '</x>; rel=preload' })
      setImmediate(() => answerJson(reply))
    })
    const sent = send(transportTo(url))
    expect((await sent.outcome).kind).toBe('answered')
    expect(sent.statuses).toEqual([200])
  })

  test('lets no key into an outcome, even from a server that quotes it', async () => {
    const { url } = await serve((request, reply) => {
      reply.statusCode = 400
      const text = JSON.stringify(request.headers)
      reply.end(JSON.stringify({ type: 'error', error: { type: 'e', message: text } }))
    })
    for (const key of [{ apiKey: 'hunter-2' }, { apiKey: undefined, authToken: 'hunter-2' }]) {
      const outcome = await send(transportTo(url, key)).outcome
      expect(messageOf(outcome)).toContain('anthropic-version')
      expect(JSON.stringify(outcome)).not.toContain('hunter-2')
    }
  })

  test('hands what a listener throws to nobody but the process', async () => {
    const { url } = await serve((_, reply) => answerJson(reply))
    const transport = transportTo(url)
    const bug = new Error('bug')
    const sent = send(transport, {
      onOutcome() {
        throw bug
      },
    })
    await until(() => transport.testClock.thrown.length > 0)
    expect(transport.testClock.thrown).toEqual([bug])
    expect(sent.outcomes).toHaveLength(1)
  })
})

describe('sockets', () => {
  test('are used again, the last one first', async () => {
    const ports: (number | undefined)[] = []
    const { url } = await serve((request, reply) => {
      ports.push(request.socket.remotePort)
      answerJson(reply)
    })
    const transport = transportTo(url)
    await Promise.all([send(transport).outcome, send(transport).outcome, send(transport).outcome])
    expect(new Set(ports).size).toBe(3)
    const before = new Set(ports)
    for (let round = 0; round < 5; round++) await send(transport).outcome
    expect(new Set(ports.slice(3)).size).toBe(1)
    expect(before.has(ports.at(-1))).toBe(true)
  })

  test('are used again by who sends from within an outcome', async () => {
    const ports = new Set<number | undefined>()
    const { url } = await serve((request, reply) => {
      ports.add(request.socket.remotePort)
      answerJson(reply)
    })
    const transport = transportTo(url)
    const { promise, resolve } = Promise.withResolvers<void>()
    let left = 20
    const next = (): void => {
      if (left-- === 0) resolve()
      else send(transport, { onOutcome: next })
    }
    next()
    await promise
    expect(ports.size).toBe(1)
    expect(transport.staleRetries).toBe(0)
  })

  test('are not kept where the server closes them', async () => {
    const ports = new Set<number | undefined>()
    const { url } = await serve((request, reply) => {
      ports.add(request.socket.remotePort)
      reply.setHeader('connection', 'close')
      answerJson(reply)
    })
    const transport = transportTo(url)
    for (let round = 0; round < 3; round++) {
      expect((await send(transport).outcome).kind).toBe('answered')
    }
    expect(ports.size).toBe(3)
  })

  test('beyond the bound are no_socket, in a later turn', async () => {
    const held: http.ServerResponse[] = []
    const { url } = await serve((_, reply) => held.push(reply))
    const transport = transportTo(url, { socketsMax: 2 })
    const first = [send(transport), send(transport)]
    const third = send(transport)
    expect(third.outcomes).toEqual([])
    expect(await third.outcome).toMatchObject({ kind: 'no_socket', status: 0 })
    await until(() => held.length === 2)
    for (const reply of held) answerJson(reply)
    for (const { outcome } of first) expect((await outcome).kind).toBe('answered')
    expect((await send(transport).outcome).kind).not.toBe('no_socket')
  })

  test('that a settled stream keeps open are closed after five seconds', async () => {
    const { url, server } = await serve((_, reply) => {
      reply.setHeader('content-type', 'text/event-stream')
      reply.write(events.join(''))
    })
    const connections = (): Promise<number> =>
      new Promise((resolve) => server.getConnections((_, count) => resolve(count)))
    const transport = transportTo(url, { socketsMax: 1 })
    expect((await send(transport, { stream: true }).outcome).kind).toBe('answered')
    transport.testClock.advance(4999)
    expect((await send(transport).outcome).kind).toBe('no_socket')
    expect(await connections()).toBe(1)
    transport.testClock.advance(5001)
    expect((await send(transport, { stream: true }).outcome).kind).toBe('answered')
    expect(await connections()).toBe(1)
  })
})

describe('a connection that breaks', () => {
  test('as it is used again is replaced once, unseen', async () => {
    const url = await serveRaw((socket, requestNumber) => {
      if (requestNumber === 1) socket.write(plainReply)
      else socket.resetAndDestroy()
    })
    const transport = transportTo(url)
    expect((await send(transport).outcome).kind).toBe('answered')
    const sent = send(transport)
    expect((await sent.outcome).kind).toBe('answered')
    expect(sent.outcomes).toHaveLength(1)
    expect(transport.staleRetries).toBe(1)
  })

  test('again on the new socket is broken and may be billed', async () => {
    let sockets = 0
    const url = await serveRaw((socket, requestNumber, socketNumber) => {
      sockets = socketNumber
      if (socketNumber === 1 && requestNumber === 1) socket.write(plainReply)
      else socket.destroy()
    })
    const transport = transportTo(url)
    await send(transport).outcome
    expect(await send(transport).outcome).toMatchObject({ kind: 'broken', unknown: true })
    expect(sockets).toBe(2)
    expect(transport.staleRetries).toBe(1)
  })

  test('long after the request was sent is not taken for stale', async () => {
    const sockets: net.Socket[] = []
    const url = await serveRaw((socket, requestNumber) => {
      if (requestNumber === 1) socket.write(plainReply)
      else sockets.push(socket)
    })
    const transport = transportTo(url)
    await send(transport).outcome
    const sent = send(transport)
    await until(() => sockets.length === 1)
    transport.testClock.advance(1000)
    sockets[0]?.destroy()
    expect(await sent.outcome).toMatchObject({ kind: 'broken', unknown: true })
    expect(transport.staleRetries).toBe(0)
  })

  test('on its first request is broken and may be billed', async () => {
    const url = await serveRaw((socket) => socket.resetAndDestroy())
    const transport = transportTo(url)
    const outcome = await send(transport).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: true, status: 0 })
    expect(messageOf(outcome)).toContain(`${new URL(url).host} was closed before a reply came`)
    expect(transport.staleRetries).toBe(0)
  })

  test('within a reply is broken and may be billed, also when the socket was used before', async () => {
    const url = await serveRaw((socket, requestNumber) => {
      if (requestNumber === 1) return socket.write(plainReply)
      return socket.end(plainReply.slice(0, -10))
    })
    const transport = transportTo(url)
    await send(transport).outcome
    const outcome = await send(transport).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: true, status: 200 })
    expect(messageOf(outcome)).toContain('in the middle of a reply')
    expect(transport.staleRetries).toBe(0)
  })

  test('is broken for a reply that is no HTTP', async () => {
    const url = await serveRaw((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
    expect(await send(transportTo(url)).outcome).toMatchObject({ kind: 'broken', unknown: true })
  })
})

describe('a connection that cannot be made', () => {
  test('is broken, names the place, and cannot be billed', async () => {
    const server = net.createServer()
    const port = await listen(server)
    server.close()
    const outcome = await send(transportTo(`http://127.0.0.1:${port}`)).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: false, status: 0 })
    expect(messageOf(outcome)).toBe(
      `Cannot connect to 127.0.0.1:${port}: nothing listens there (ECONNREFUSED)`,
    )
  })

  test.each(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL'])(
    'for %s is no_socket, in a later turn, and the next is tried anew',
    async (code) => {
      const connect: Connect = (_, callback) => {
        callback(Object.assign(new Error('connect'), { code }), null)
      }
      const transport = transportTo('http://127.0.0.1:1', { connect, socketsMax: 1 })
      for (let round = 0; round < 3; round++) {
        const sent = send(transport)
        expect(sent.outcomes).toEqual([])
        expect(await sent.outcome).toMatchObject({ kind: 'no_socket' })
      }
    },
  )
})

describe('connections being made', () => {
  /** A connector that waits to be told, on top of a plain one. */
  function heldConnector(): { readonly connect: Connect; readonly held: (() => void)[] } {
    const held: (() => void)[] = []
    const connect: Connect = (to, callback) => {
      held.push(() => {
        const socket = net.connect(Number(to.port), to.hostname)
        socket.on('connect', () => callback(null, socket))
      })
    }
    return { connect, held }
  }

  test('are bounded, and the others wait in order', async () => {
    const order: string[] = []
    const { url } = await serve((_, reply, text) => {
      order.push(text)
      answerJson(reply)
    })
    const { connect, held } = heldConnector()
    const transport = transportTo(url, { connect, connectsMax: 3 })
    const tries = [0, 1, 2, 3, 4, 5].map((n) =>
      send(transport, { body: Buffer.from(`{"n":${n}}`) }),
    )
    expect(held).toHaveLength(3)
    tries[3]?.exchange.abort('stopped')
    expect(tries[3]?.outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
    expect(held).toHaveLength(3)
    for (let index = 0; index < 5; index++) {
      await until(() => held.length > index)
      held[index]?.()
      await until(() => order.length === index + 1)
    }
    expect(order).toEqual(['{"n":0}', '{"n":1}', '{"n":2}', '{"n":4}', '{"n":5}'])
  })

  test('leave their place when they are aborted', async () => {
    const { connect, held } = heldConnector()
    const transport = transportTo('http://127.0.0.1:1', { connect, connectsMax: 1, socketsMax: 2 })
    const first = send(transport)
    send(transport)
    expect(held).toHaveLength(1)
    first.exchange.abort('row_timeout')
    expect(first.outcomes).toMatchObject([
      { kind: 'broken', unknown: false, error: { type: 'timeout_error' } },
    ])
    expect(held).toHaveLength(2)
  })
})

describe('abort()', () => {
  test.each([
    ['first_byte_timeout', 'timeout_error', /first|No byte/],
    ['idle_timeout', 'timeout_error', /stalled/],
    ['attempt_timeout', 'timeout_error', /try took longer/],
    ['row_timeout', 'timeout_error', /row took longer/],
    ['stopped', 'aborted', /stopped/],
    ['slept', 'aborted', /slept/],
  ] as const)(
    'for %s ends the try in this turn and closes its socket',
    async (reason, type, words) => {
      let closed = 0
      const sockets: net.Socket[] = []
      const url = await serveRaw((socket) => {
        sockets.push(socket)
        socket.on('close', () => closed++)
      })
      const transport = transportTo(url, { socketsMax: 1 })
      const sent = send(transport)
      await until(() => sockets.length === 1)
      sent.exchange.abort(reason)
      expect(sent.outcomes).toMatchObject([{ kind: 'broken', unknown: true, error: { type } }])
      expect(messageOf(await sent.outcome)).toMatch(words)
      const second = send(transport)
      await until(() => closed === 1 && sockets.length === 2)
      sent.exchange.abort(reason)
      expect(sent.outcomes).toHaveLength(1)
      second.exchange.abort('stopped')
    },
  )

  test('within a reply and after it does what it says and no more', async () => {
    const { url } = await serve((_, reply) => {
      reply.setHeader('content-type', 'application/json')
      reply.write(answer.slice(0, 10))
    })
    const sent = send(transportTo(url))
    await until(() => sent.statuses.length === 1)
    sent.exchange.abort('idle_timeout')
    expect(sent.outcomes).toMatchObject([{ kind: 'broken', unknown: true, status: 200 }])
    sent.exchange.abort('stopped')
    expect(sent.outcomes).toHaveLength(1)
  })

  test('before a no_socket outcome takes its place', async () => {
    const transport = transportTo('http://127.0.0.1:1', { connect: () => undefined, socketsMax: 1 })
    send(transport)
    const sent = send(transport)
    sent.exchange.abort('stopped')
    expect(sent.outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
    await new Promise((resolve) => setImmediate(resolve))
    expect(sent.outcomes).toHaveLength(1)
  })
})

describe('close()', () => {
  test('ends what is under way and waits for every socket', async () => {
    const { url, server } = await serve((_, reply, text) => {
      if (text.includes('quick')) answerJson(reply)
    })
    const transport = transportTo(url)
    await send(transport, { body: Buffer.from('{"quick":1}') }).outcome
    const waiting = [send(transport), send(transport)]
    await until(() => transport.testClock.now() === 0)
    const closing = transport.close()
    for (const { outcomes } of waiting) {
      expect(outcomes).toMatchObject([{ kind: 'broken', error: { type: 'aborted' } }])
    }
    await closing
    let count = -1
    await until(() => {
      server.getConnections((_, now) => (count = now))
      return count === 0
    })
    expect(await send(transport).outcome).toMatchObject({ kind: 'broken', unknown: false })
  })

  test('resolves when nothing was ever opened', async () => {
    await transportTo('http://127.0.0.1:1').close()
  })
})

describe('a proxy', () => {
  test('is handed whole URLs for http, with its own credentials', async () => {
    const seen: unknown[] = []
    const { url } = await serve((request, reply) => {
      seen.push(request.url, request.headers)
      answerJson(reply)
    })
    const environment = { HTTP_PROXY: url.replace('http://', 'http://user:pass@') }
    const transport = transportTo('http://api.invalid:8080/x', { environment })
    expect((await send(transport).outcome).kind).toBe('answered')
    expect(seen[0]).toBe('http://api.invalid:8080/x/v1/messages')
    expect(seen[1]).toMatchObject({
      host: 'api.invalid:8080',
      'proxy-authorization': `Basic ${Buffer.from('user:pass').toString('base64')}`,
    })
  })

  test.each([
    [407, 'run_stop'],
    [403, 'run_stop'],
    [502, 'broken'],
  ])('that refuses a tunnel with %i is %s, and nothing was sent', async (status, kind) => {
    const server = http.createServer()
    server.on('connect', (_, socket) => {
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)
    })
    const port = await listen(server)
    const environment = { HTTPS_PROXY: `http://user:pass@127.0.0.1:${port}` }
    const outcome = await send(transportTo('https://api.invalid', { environment })).outcome
    expect(outcome.kind).toBe(kind)
    expect(messageOf(outcome)).toContain(`proxy 127.0.0.1:${port}`)
    expect(messageOf(outcome)).not.toContain('pass')
    if (outcome.kind === 'broken') expect(outcome.unknown).toBe(false)
  })

  test('that is not there is named', async () => {
    const server = net.createServer()
    const port = await listen(server)
    server.close()
    const environment = { HTTPS_PROXY: `http://127.0.0.1:${port}` }
    const outcome = await send(transportTo('https://api.invalid', { environment })).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: false })
    expect(messageOf(outcome)).toBe(
      `Cannot connect to the proxy 127.0.0.1:${port}: nothing listens there (ECONNREFUSED)`,
    )
  })

  test('is left when a tunnel that is being opened is aborted', async () => {
    let opened = 0
    let closed = 0
    const server = http.createServer()
    server.on('connect', (_, socket) => {
      opened++
      socket.on('close', () => closed++)
    })
    const environment = { HTTPS_PROXY: `http://127.0.0.1:${await listen(server)}` }
    const sent = send(transportTo('https://api.invalid', { environment }))
    await until(() => opened === 1)
    sent.exchange.abort('attempt_timeout')
    expect(sent.outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
    await until(() => closed === 1)
  })
})

describe('TLS', () => {
  let folder = ''
  let ca = ''
  let key = ''
  let cert = ''

  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-tls-'))
    const run = (line: string): unknown =>
      execFileSync('openssl', line.split(' '), { cwd: folder, stdio: 'pipe' })
    fs.writeFileSync(
      path.join(folder, 'san'),
      'subjectAltName=DNS:localhost,DNS:api.invalid,IP:127.0.0.1',
    )
    const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
    run(`req -x509 ${newKey} -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority`)
    run(`req ${newKey} -keyout key.pem -out csr.pem -subj /CN=api.invalid`)
    run(
      'x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out cert.pem',
    )
    const read = (name: string): string => fs.readFileSync(path.join(folder, name), 'utf8')
    ca = read('ca.pem')
    key = read('key.pem')
    cert = read('cert.pem')
  })

  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

  async function serveTls(): Promise<string> {
    const server = https.createServer({ key, cert }, (request, reply) => {
      request.resume().on('end', () => answerJson(reply))
    })
    return `https://127.0.0.1:${await listen(server)}`
  }

  /** A proxy that leads to `port` whatever it is asked for; writes down what it was asked. */
  async function serveTunnel(port: number, asked: unknown[]): Promise<string> {
    const server = http.createServer()
    server.on('connect', (request, socket) => {
      asked.push(request.url, request.headers['proxy-authorization'], request.headers['x-api-key'])
      const onward = net.connect(port, '127.0.0.1')
      onward.on('error', () => socket.destroy())
      socket.on('error', () => onward.destroy())
      socket.on('close', () => onward.destroy())
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    return `http://user:pass@127.0.0.1:${await listen(server)}`
  }

  /** An HTTP/2 server; `handle` is called with each request once its body was read. */
  async function serveHttp2(
    handle: (reply: http2.Http2ServerResponse, body: string) => void,
    onSession: (session: http2.ServerHttp2Session) => void = () => undefined,
  ): Promise<string> {
    const server = http2.createSecureServer({ key, cert }, (request, reply) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => handle(reply, Buffer.concat(chunks).toString()))
    })
    server.on('session', onSession)
    return `https://127.0.0.1:${await listen(server)}`
  }

  test('trusts an authority of our own', async () => {
    const transport = transportTo(await serveTls(), { ca })
    expect((await send(transport).outcome).kind).toBe('answered')
  })

  test('trusts nobody else, and says what to do', async () => {
    const url = await serveTls()
    const outcome = await send(transportTo(url)).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: false })
    expect(messageOf(outcome)).toContain(`Cannot connect to ${new URL(url).host}: TLS failed`)
    expect(messageOf(outcome)).toContain('NODE_EXTRA_CA_CERTS')
  })

  test('goes through a tunnel that sees neither name nor key of ours', async () => {
    const asked: unknown[] = []
    const port = Number(new URL(await serveTls()).port)
    const environment = { HTTPS_PROXY: await serveTunnel(port, asked) }
    const transport = transportTo('https://api.invalid', { ca, environment })
    for (let round = 0; round < 3; round++) {
      expect((await send(transport).outcome).kind).toBe('answered')
    }
    const authorization = `Basic ${Buffer.from('user:pass').toString('base64')}`
    expect(asked).toEqual(['api.invalid:443', authorization, undefined])
  })

  test('carries HTTP/2: a hundred requests to a connection', async () => {
    let sessions = 0
    const held: http2.Http2ServerResponse[] = []
    const url = await serveHttp2(
      (reply) => held.push(reply),
      () => sessions++,
    )
    const transport = transportTo(url, { ca, http2: true, socketsMax: 200 })
    const tries = Array.from({ length: 150 }, () => send(transport))
    await until(() => held.length === 150)
    expect(sessions).toBe(2)
    for (const reply of held) answerJson(reply)
    for (const { outcome } of tries) expect((await outcome).kind).toBe('answered')
    held.length = 0
    const more = send(transport)
    await until(() => held.length === 1)
    held.forEach(answerJson)
    expect((await more.outcome).kind).toBe('answered')
    expect(sessions).toBe(2)
  })

  test('carries HTTP/2: an abort ends a stream and leaves the others alone', async () => {
    const replies = new Map<string, http2.Http2ServerResponse>()
    let closed = 0
    const url = await serveHttp2((reply, text) => {
      replies.set(text, reply)
      reply.stream.on('close', () => closed++)
    })
    const transport = transportTo(url, { ca, http2: true })
    const tries = ['{"n":0}', '{"n":1}'].map((text) => send(transport, { body: Buffer.from(text) }))
    await until(() => replies.size === 2)
    tries[0]?.exchange.abort('first_byte_timeout')
    expect(tries[0]?.outcomes).toMatchObject([{ kind: 'broken', unknown: true }])
    await until(() => closed === 1)
    const other = replies.get('{"n":1}')
    if (other !== undefined) answerJson(other)
    expect(await tries[1]?.outcome).toMatchObject({ kind: 'answered' })
  })

  test('carries HTTP/2: an abort before the connection stands sends nothing', async () => {
    const seen: string[] = []
    const url = await serveHttp2((reply, text) => {
      seen.push(text)
      answerJson(reply)
    })
    const transport = transportTo(url, { ca, http2: true })
    const first = send(transport, { body: Buffer.from('{"n":0}') })
    const second = send(transport, { body: Buffer.from('{"n":1}') })
    first.exchange.abort('stopped')
    expect(first.outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
    expect((await second.outcome).kind).toBe('answered')
    expect(seen).toEqual(['{"n":1}'])
    expect(first.outcomes).toHaveLength(1)
  })

  test('carries HTTP/2: a stream refused for good was not carried out', async () => {
    let refused = 0
    const url = await serveHttp2((reply) => {
      refused++
      reply.stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
    })
    const outcome = await send(transportTo(url, { ca, http2: true })).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: false })
    expect(refused).toBe(2)
  })

  test('carries HTTP/2: a stream that breaks, or its connection, may be billed', async () => {
    const url = await serveHttp2((reply, text) => {
      if (text.includes('all')) reply.stream.session?.destroy()
      else reply.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
    })
    const transport = transportTo(url, { ca, http2: true })
    for (const text of ['{"one":1}', '{"all":1}']) {
      const outcome = await send(transport, { body: Buffer.from(text) }).outcome
      expect(outcome).toMatchObject({ kind: 'broken', unknown: true })
    }
  })

  test('refuses HTTP/2 to a server that does not speak it', async () => {
    const url = await serveTls()
    const transport = transportTo(url, { ca, http2: true })
    const tries = [send(transport), send(transport)]
    for (const { outcome } of tries) {
      expect(await outcome).toMatchObject({ kind: 'broken', unknown: false })
      expect(messageOf(await outcome)).toContain('it does not speak HTTP/2')
    }
  })
})

test('HTTP/2 without TLS is spoken where the switch says so', async () => {
  const server = http2.createServer((request, reply) => {
    request.resume().on('end', () => answerJson(reply))
  })
  const transport = transportTo(`http://127.0.0.1:${await listen(server)}`, { http2: true })
  const tries = [send(transport), send(transport)]
  for (const { outcome } of tries) expect((await outcome).kind).toBe('answered')
})

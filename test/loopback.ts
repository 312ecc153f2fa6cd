/**
 * What the transport's tests need on loopback: servers, a transport to them, a clock that stands
 * still, and an ear for what is heard of a try.
 */

import { once } from 'node:events'
import http from 'node:http'
import type http2 from 'node:http2'
import net from 'node:net'

import type { Cancel, Clock } from '../src/clock.ts'
import { HttpTransport } from '../src/http.ts'
import type { HttpTransportOptions } from '../src/http.ts'
import type { Outcome } from '../src/outcome.ts'
import type { Dispatch, Exchange, Listener } from '../src/transport.ts'

/** Stands still until it is told to go on; only what is due at once happens by itself. */
export class StillClock implements Clock {
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
    for (const [callback, at] of this.#timers) {
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
export interface Try {
  readonly exchange: Exchange
  readonly outcomes: Outcome[]
  readonly statuses: number[]
  /** How often it was told that it is sent after all. */
  readonly sent: number[]
  readonly outcome: Promise<Outcome>
}

/** A Message. */
export const answer = JSON.stringify({
  type: 'message',
  model: 'm',
  content: [],
  stop_reason: 'end_turn',
  usage: { input_tokens: 1, output_tokens: 2 },
})
/** The same as a stream. */
export const events = [
  {
    type: 'message_start',
    message: {
      type: 'message',
      model: 'm',
      content: [],
      usage: { input_tokens: 1, output_tokens: 0 },
    },
  },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
  { type: 'message_stop' },
].map((data) => `data: ${JSON.stringify(data)}\n\n`)
/** A request. */
export const body = Buffer.from('{"model":"m","max_tokens":5,"id":12345678901234567890}')
/** The whole reply with the answer, as it goes over the wire. */
export const plainReply = [
  'HTTP/1.1 200 OK',
  'content-type: application/json',
  `content-length: ${answer.length}`,
  '',
  answer,
].join('\r\n')

const closers: (() => Promise<unknown>)[] = []

/** Closes what the test opened: transports first, as a server waits for its connections. */
export async function closeAll(): Promise<void> {
  for (const close of closers.splice(0).toReversed()) await close()
}

/** A transport that ends with the test. */
export function transportTo(
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

/** Sends a request and listens. */
export function send(
  transport: HttpTransport,
  options: Partial<Dispatch> & { readonly onOutcome?: () => void } = {},
): Try {
  const outcomes: Outcome[] = []
  const statuses: number[] = []
  const sent: number[] = []
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const listener: Listener = {
    sent: () => void sent.push(1),
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
  return { exchange, outcomes, statuses, sent, outcome: promise }
}

/** A server on loopback; `server.close` runs after the test. */
export async function listen(server: net.Server): Promise<number> {
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
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** An HTTP server whose handler is called with each request once its body was read. */
export async function serve(
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
export async function serveRaw(
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

/** Replies with the answer. */
export function answerJson(reply: http.ServerResponse | http2.Http2ServerResponse): void {
  reply.setHeader('content-type', 'application/json')
  reply.end(answer)
}

/** Lets the turns pass that a connection on loopback needs to be made, used and closed. */
export async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve))
}

/** What an outcome says went wrong. */
export function messageOf(outcome: Outcome): string {
  return outcome.kind === 'answered' ? '' : outcome.error.message
}

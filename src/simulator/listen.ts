/**
 * The simulated API on a loopback socket: `node:http` before, the model behind.
 *
 * This file owns what the model has not: sockets, timers and the time. It reads a request
 * to its end, hands it over, does what the step says, and comes back at `nextAt`, also for
 * an exchange whose client has gone, because its work goes on.
 *
 * An answer that is complete at once leaves in the turn in which the request was read,
 * with no timer and nothing kept: that is the way of benchmarks.
 */

import http from 'node:http'
import https from 'node:https'

import { assert } from '../assert.ts'
import { SystemClock, type Cancel, type Clock } from '../clock.ts'
import { RunError } from '../errors.ts'
import { batchBytesMax } from './batch-envelope.ts'
import { requestBytesMax } from './door.ts'
import { readGivenAnswer, type Respond, type RespondRequest } from './given-answer.ts'
import { SimulatorModel } from './model.ts'
import type { FaultName, SimulatorOptions } from './options.ts'
import type { Step, SuppliedAnswer, WireAction, WireRequest } from './wire.ts'

/** Something a running simulator did. */
export interface SimulatorEvent {
  /**
   * `received`: a request was read to its end. Then one of: `refused`, an error it brought on
   * itself or a limit; `answered`, the complete answer was handed to the socket; `faulted`, a fault
   * took its course; `disconnected`, the client went away before its answer was complete.
   */
  readonly type: 'received' | 'refused' | 'answered' | 'faulted' | 'disconnected'
  /** The clock's `now`. */
  readonly at: number
  /** Names the request, from 1. */
  readonly id: number
  /** The request's body. */
  readonly body: Uint8Array
  /** 0 when no head was sent. */
  readonly status: number
  readonly fault?: FaultName
  /** What `respond` threw, or what is wrong with what it returned; the answer is an `api_error`. */
  readonly error?: Error
}

/** What to simulate, and where. */
export interface StartOptions extends SimulatorOptions {
  /** 0 takes a free one. @default 0 */
  readonly port?: number
  /** Serves HTTPS with this key and certificate (PEM). @default undefined */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** @default new SystemClock() */
  readonly clock?: Clock
  /**
   * Decides what a Messages request that is in order is answered with, and each request of a batch
   * when it is created; undefined: invented prose. Asked before limits and faults, which stay as
   * they are; one that throws makes a 500, in a batch an `api_error`.
   * @default undefined
   */
  readonly respond?: Respond
  /** Told of every request, in this turn of the event loop. @default undefined */
  readonly observe?: (event: SimulatorEvent) => void
}

/** A simulator that listens. */
export interface RunningSimulator {
  /** Origin without a slash at its end: what `--base-url` takes. */
  readonly url: string
  readonly port: number
  /** The model behind it, to read totals and to change faults and limits. */
  readonly model: SimulatorModel
  /** Closes every connection and forgets work under way. */
  close(): Promise<void>
}

/**
 * Starts the simulated API on 127.0.0.1. Rejects with `RunError` when options are not valid, and
 * with the system's error when the port is taken.
 *
 * @example
 * ```ts
 * const simulator = await startSimulator({ latencyMs: 0 })
 * simulator.url.startsWith('http://127.0.0.1:') // => true
 * await simulator.close()
 * ```
 */
export async function startSimulator(options: StartOptions = {}): Promise<RunningSimulator> {
  const { port = 0, tls, clock = new SystemClock(), observe, respond, ...simulated } = options
  if (respond !== undefined && typeof respond !== 'function') {
    throw new RunError('OPTIONS_INVALID', 'Cannot simulate as "respond" must be a function')
  }
  const model = new SimulatorModel(simulated)
  const driver = new Driver({ clock, model, observe, respond })
  const handle: http.RequestListener = (request, response) => driver.handle(request, response)
  const server =
    tls === undefined
      ? http.createServer(serverOptions, handle)
      : https.createServer({ ...serverOptions, ...tls }, handle)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // A client that opens thousands of connections at once must not overflow the listen queue.
    server.listen({ port, host: '127.0.0.1', backlog: 8192 }, resolve)
  })
  const address = server.address()
  assert(typeof address === 'object' && address !== null, 'A listening server has an address')
  const { port: boundPort } = address
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${boundPort}`,
    port: boundPort,
    model,
    close: () => closeServer(server, driver),
  }
}

const serverOptions: http.ServerOptions = {
  // A hang must stay one: the server itself never gives up on a client.
  requestTimeout: 0,
  headersTimeout: 0,
  // Idle connections are dropped in the end, as any front of an API does.
  keepAliveTimeout: 60_000,
}

/** A request whose exchange is not over. */
interface Pending {
  readonly id: number
  readonly response: http.ServerResponse
  readonly body: Uint8Array
  readonly fault: FaultName | undefined
  readonly error: Error | undefined
  /** Nothing more is reported of it. */
  isReported: boolean
  cancel: Cancel | undefined
}

interface DriverParts {
  readonly clock: Clock
  readonly model: SimulatorModel
  readonly observe: ((event: SimulatorEvent) => void) | undefined
  readonly respond: Respond | undefined
}

/** Moves requests to the model and steps to the sockets. */
class Driver {
  readonly #clock: Clock
  readonly #model: SimulatorModel
  readonly #observe: ((event: SimulatorEvent) => void) | undefined
  readonly #respond: Respond | undefined
  readonly #pending = new Set<Pending>()
  #isStopped = false

  constructor({ clock, model, observe, respond }: DriverParts) {
    this.#clock = clock
    this.#model = model
    this.#observe = observe
    this.#respond = respond
  }

  /** Reads a request to its end and answers it. */
  handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    const chunks: Uint8Array[] = []
    let length = 0
    const { method = '', url: path = '' } = request
    const bytesMax = path.startsWith(batchesPath) ? batchBytesMax : requestBytesMax
    request.on('data', (chunk: Uint8Array) => {
      // Of a body that is too large, enough is kept to see that it is; the rest is dropped.
      if (length <= bytesMax) chunks.push(chunk)
      length += chunk.length
    })
    request.on('end', () => {
      const [first] = chunks
      const body = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
      const headers = plainHeaders(request.headers)
      const wire = { method, path, headers, body, origin: originOf(request) }
      if (this.#respond === undefined) this.#receive(response, wire)
      else void this.#askAndReceive(response, wire, this.#respond)
    })
  }

  /** Drops all timers; exchanges under way are forgotten. */
  stop(): void {
    this.#isStopped = true
    for (const pending of this.#pending) pending.cancel?.()
    this.#pending.clear()
  }

  /** Never rejects: what goes wrong with `respond` is the answer. */
  async #askAndReceive(
    response: http.ServerResponse,
    wire: WireRequest,
    respond: Respond,
  ): Promise<void> {
    const answers = new Map<number, SuppliedAnswer>()
    let failed: Error | undefined
    for (const { index, body } of this.#model.questions(this.#clock.wallTime(), wire)) {
      try {
        const answer = readGivenAnswer(await respond(readRequest(body)))
        if (answer !== undefined) answers.set(index, answer)
      } catch (thrown) {
        failed = thrown instanceof Error ? thrown : new Error(String(thrown))
        answers.set(index, { failure: `respond failed: ${failed.message}` })
      }
    }
    const asked = { ...wire, answers }
    if (!this.#isStopped) this.#receive(response, asked, failed)
  }

  #receive(response: http.ServerResponse, wire: WireRequest, error?: Error): void {
    const reception = this.#model.receive(this.#clock.now(), this.#clock.wallTime(), wire)
    const { id, step, fault } = reception
    // Bodies are kept for the observer alone.
    const body = this.#observe === undefined ? empty : wire.body
    const pending = { id, response, body, fault, error, isReported: false, cancel: undefined }
    this.#report(pending, 'received', 0)
    if (step.nextAt === undefined && isEnded(step)) {
      this.#perform(pending, step)
      return
    }
    response.on('close', () => this.#closed(pending))
    this.#pending.add(pending)
    // It may have left while its answer was asked for, and its `close` event with it.
    if (response.destroyed) this.#model.disconnect(this.#clock.now(), id)
    this.#perform(pending, step)
  }

  #advance(pending: Pending): void {
    pending.cancel = undefined
    const step = this.#model.advance(this.#clock.now(), this.#clock.wallTime(), pending.id)
    this.#perform(pending, step)
  }

  /** Does a step, and sees to the next. */
  #perform(pending: Pending, step: Step): void {
    const isThere = act(pending.response, step.actions)
    const { nextAt } = step
    const ended = isEnded(step)
    // Its leaving may be known before its `close` event has come.
    if (!isThere) this.#reportLeaving(pending)
    else if (ended) this.#reportEnd(pending)
    if (step.isPaced === true && pending.response.writableNeedDrain) {
      // One that leaves before it has read is told of by `close`.
      pending.response.once('drain', () => {
        if (this.#pending.has(pending)) this.#advance(pending)
      })
    } else if (nextAt !== undefined) {
      const delayMs = Math.max(0, nextAt - this.#clock.now())
      pending.cancel = this.#clock.after(delayMs, () => this.#advance(pending))
    } else if (ended || pending.isReported) {
      this.#pending.delete(pending)
    } else if (pending.fault !== undefined) {
      // It hangs from now on, and stays pending until the client goes away.
      this.#reportEnd(pending)
    }
  }

  #closed(pending: Pending): void {
    if (pending.response.writableFinished) return
    if (!this.#pending.has(pending)) return
    this.#model.disconnect(this.#clock.now(), pending.id)
    this.#reportLeaving(pending)
    if (pending.cancel === undefined) this.#pending.delete(pending)
  }

  #reportLeaving(pending: Pending): void {
    if (pending.isReported) return
    pending.isReported = true
    this.#report(pending, 'disconnected', statusOf(pending.response))
  }

  #reportEnd(pending: Pending): void {
    if (pending.isReported) return
    pending.isReported = true
    const { fault } = pending
    const status = statusOf(pending.response)
    if (fault !== undefined && fault !== 'slow-first-byte') this.#report(pending, 'faulted', status)
    else this.#report(pending, status === 200 ? 'answered' : 'refused', status)
  }

  #report(pending: Pending, type: SimulatorEvent['type'], status: number): void {
    if (this.#observe === undefined) return
    const { id, body, fault, error } = pending
    this.#observe({
      type,
      at: this.#clock.now(),
      id,
      body,
      status,
      ...(fault === undefined ? {} : { fault }),
      ...(error === undefined || type === 'received' ? {} : { error }),
    })
  }
}

const batchesPath = '/v1/messages/batches'

/** Where the client found the server. */
function originOf({ headers, socket }: http.IncomingMessage): string {
  const { host = `127.0.0.1:${socket.localPort}` } = headers
  return `${'encrypted' in socket ? 'https' : 'http'}://${host}`
}

const empty = new Uint8Array()

const decoder = new TextDecoder()

/** The body of a request that was found in order. */
function readRequest(body: Uint8Array): RespondRequest {
  const request: RespondRequest = JSON.parse(decoder.decode(body))
  return request
}

function isEnded({ actions }: Step): boolean {
  const last = actions.at(-1)?.type
  return last === 'end' || last === 'reset'
}

function statusOf(response: http.ServerResponse): number {
  return response.headersSent ? response.statusCode : 0
}

/** Does the actions on the client's connection; false, and nothing, if it is not there any more. */
function act(response: http.ServerResponse, actions: readonly WireAction[]): boolean {
  const { socket } = response
  if (response.destroyed) return false
  // A response that has ended has no socket any more, and nothing left to do.
  if (socket === null) return true
  for (const [index, action] of actions.entries()) {
    const next = actions[index + 1]?.type
    switch (action.type) {
      case 'head':
        // Ours has a `date`, of the clock's wall time.
        response.sendDate = false
        response.writeHead(action.status, action.headers.flat())
        break
      case 'data':
        // Body and end in one call leave the process in one write.
        if (next === 'end') response.end(action.bytes)
        // A reset throws away what has not left yet.
        else if (next === 'reset') response.write(action.bytes, () => reset(socket))
        else response.write(action.bytes)
        break
      case 'end':
        if (!response.writableEnded) response.end()
        break
      case 'reset':
        if (actions[index - 1]?.type !== 'data') reset(socket)
        break
    }
  }
  return true
}

function reset(socket: http.IncomingMessage['socket']): void {
  // Only a plain connection knows how to send a reset; a TLS one is cut without its goodbye.
  if ('encrypted' in socket) socket.destroy()
  else socket.resetAndDestroy()
}

function plainHeaders(headers: http.IncomingHttpHeaders): Record<string, string> {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return plain
}

function closeServer(server: http.Server, driver: Driver): Promise<void> {
  driver.stop()
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/**
 * One try over HTTP: what undici tells of a request, told on to a `ReplyReader`.
 *
 * It is undici's handler and our `Exchange` in one object, so that a request costs two objects
 * of ours and no closure. undici calls back in the turn in which bytes arrive, and so do we.
 *
 * A request that undici may have begun to write is `unknown` if no reply comes. The one thing
 * done twice is a request on a kept-alive socket that the server had closed meanwhile.
 */

import type { Clock } from './clock.ts'
import { isClosed, isGivenUp, isUnprocessed, readConnectionError } from './connection-error.ts'
import type {
  Condition,
  Connection,
  ConnectionClient,
  Connections,
  ConnectionUser,
} from './connections.ts'
import type { HttpRoute } from './http-route.ts'
import type { ApiError } from './outcome.ts'
import { ReplyReader } from './reply-reader.ts'
import type { ReplyReaderOptions } from './reply-reader.ts'
import type { AbortReason, Exchange, Listener } from './transport.ts'

/** One request as undici's `dispatch` takes it. */
export interface HttpRequest {
  path: string
  method: 'POST'
  headers: string[]
  body: Uint8Array
}

/** Ends a request that undici has begun. */
interface Controller {
  /** The headers as they came. */
  rawHeaders?: unknown
  abort(reason: Error): void
}

/** A client that takes exchanges. */
export type HttpClient = ConnectionClient<HttpRequest, HttpExchange>

/** What all exchanges of a transport share. */
export interface HttpContext {
  readonly clock: Clock
  readonly connections: Connections<HttpClient>
  readonly route: HttpRoute
  /** Requests sent again because a kept-alive socket turned out to be closed. */
  staleRetries: number
}

/** The proxy answered that it will not open a tunnel. */
export class ProxyRefusal extends Error {
  override readonly name = 'ProxyRefusal'
  readonly status: number

  constructor(place: string, status: number) {
    super(`The proxy ${place} refused to open a tunnel with status ${status}`)
    this.status = status
  }
}

/** The proxy could not be reached, or it failed while a tunnel was being opened. */
export class ProxyFailure extends Error {
  override readonly name = 'ProxyFailure'
  readonly place: string

  constructor(place: string, cause: unknown) {
    super(`The proxy ${place} cannot be used`, { cause })
    this.place = place
  }
}

/** A kept-alive socket that breaks within this time of a request's writing was stale. */
const staleMsMax = 1000

/** Statuses with which a proxy refuses every request alike. */
const proxyRefusals: ReadonlySet<number> = new Set([401, 403, 407])

const abortErrors: Readonly<Record<AbortReason, ApiError>> = {
  first_byte_timeout: timeoutError('No byte of a reply came within the time allowed'),
  idle_timeout: timeoutError('The reply stalled: no byte of it came within the time allowed'),
  attempt_timeout: timeoutError('The try took longer than the time allowed for one'),
  row_timeout: timeoutError('The row took longer than the time allowed for it'),
  stopped: { type: 'aborted', message: 'The run was stopped before the answer was complete' },
  slept: { type: 'aborted', message: 'The machine slept while the answer was under way' },
}

/** One try; see above. */
export class HttpExchange implements Exchange, ConnectionUser {
  readonly #context: HttpContext
  readonly #listener: Listener
  readonly #reader: ReplyReader
  readonly #body: Uint8Array
  settledAt: number | undefined
  /** Its connection is still to be opened; written here only. */
  isWaiting = false
  #connection: Connection<HttpClient> | undefined
  #controller: Controller | undefined
  #sentAt = 0
  #isStarting = false
  /** undici may have written some of it. */
  #isSent = false
  #hasBegun = false
  #wasRetried = false
  #isGivenUp = false

  constructor(
    context: HttpContext,
    body: Uint8Array,
    listener: Listener,
    reading: ReplyReaderOptions,
  ) {
    this.#context = context
    this.#body = body
    this.#listener = listener
    this.#reader = new ReplyReader(listener, reading)
  }

  /** Sends it, or sees to it that an outcome comes later. */
  start(): void {
    const { connections, route } = this.#context
    this.#connection = connections.take(this, this.#wasRetried && !connections.isShared)
    if (this.#connection === undefined) return this.#later(() => this.#finishUnconnected())
    this.#isStarting = true
    const { path, headers } = route
    this.#connection.client.dispatch({ path, method: 'POST', headers, body: this.#body }, this)
    this.#isStarting = false
    this.isWaiting = !this.#isSent && this.#connection?.socket === undefined
  }

  abort(reason: AbortReason): void {
    if (this.#reader.settled) return
    this.giveUp()
    this.#reader.fail({ error: abortErrors[reason], unknown: this.#isSent })
  }

  giveUp(): void {
    this.#isGivenUp = true
    if (!this.#context.connections.isShared) return this.#release('failed')
    // Without a controller the request waits for its session, and is ended when that comes.
    this.#controller?.abort(new Error('Given up'))
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller
    if (this.#isGivenUp) return controller.abort(new Error('Given up'))
    this.#isSent = true
    if (this.isWaiting) this.#tellSent()
    if (this.#connection?.wasUsed === true) this.#sentAt = this.#context.clock.now()
  }

  onResponseStarted(): void {
    this.#hasBegun = true
  }

  onResponseStart(
    controller: Controller,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    dropRawHeaders(controller)
    // 1xx: the reply proper is still to come.
    if (status < 200) return
    try {
      this.#reader.head(status, headers)
    } catch (error) {
      this.#crash(error)
    }
  }

  onResponseData(_controller: unknown, chunk: Uint8Array): void {
    try {
      this.#reader.data(chunk)
    } catch (error) {
      this.#crash(error)
    }
    if (this.#reader.settled && this.settledAt === undefined) {
      this.settledAt = this.#context.clock.now()
      this.#context.connections.drain()
    }
  }

  onResponseEnd(): void {
    // The connection first: whoever hears the outcome may send the next request on it.
    this.#release('good')
    try {
      this.#reader.end()
    } catch (error) {
      this.#crash(error)
    }
  }

  onResponseError(controller: unknown, given: Error): void {
    // An outcome must not come before `send` has returned.
    if (this.#isStarting) return this.#later(() => this.onResponseError(controller, given))
    // One that waited for a connection which failed others before it has failed for their reason.
    const error = isGivenUp(given) ? (this.#connection?.failure ?? given) : given
    const isStale = this.#isStale(error)
    this.#release(this.#isSent || this.#isGivenUp ? 'failed' : 'lost')
    if (this.#isGivenUp || this.#reader.settled) return
    if (!isStale) return this.#fail(error)
    this.#context.staleRetries++
    this.#wasRetried = true
    this.start()
  }

  /**
   * The server had closed a kept-alive socket when we wrote to it. A socket that breaks much
   * later broke while the request was being worked on: that is no accident of timing, it may
   * be billed, and whether to try again is not ours to decide.
   */
  #isStale(error: Error): boolean {
    const connection = this.#connection
    if (this.#wasRetried || this.#hasBegun || connection === undefined) return false
    // HTTP/2 announces its end. But a session that is lost takes those with it that had yet to
    // be sent over it.
    if (!isClosed(error)) return false
    if (this.#context.connections.isShared) return !this.#isSent
    if (!connection.wasUsed) return false
    return !this.#isSent || this.#context.clock.now() - this.#sentAt < staleMsMax
  }

  #release(condition: Condition): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    this.#context.connections.release(this, connection, condition)
  }

  #finishUnconnected(): void {
    const unknown = this.#isSent
    if (this.#context.connections.isClosed) {
      return this.#reader.fail({ error: abortErrors.stopped, unknown })
    }
    const error = { type: 'connection_error', message: 'Every socket that is allowed is in use' }
    this.#reader.fail({ kind: unknown ? 'broken' : 'no_socket', error, unknown })
  }

  #fail(error: Error): void {
    try {
      if (error instanceof ProxyRefusal && proxyRefusals.has(error.status)) {
        // The proxy's no is a reply: it says that no other request will fare better.
        this.#reader.head(error.status, {})
        this.#reader.data(Buffer.from(error.message))
        return this.#reader.end()
      }
      const stage = this.#hasBegun ? 'replying' : this.#isSent ? 'sent' : 'connecting'
      const fault =
        error instanceof ProxyFailure
          ? readConnectionError(error.cause, `the proxy ${error.place}`, stage)
          : readConnectionError(error, this.#context.route.place, stage)
      const unknown = this.#isSent && !isUnprocessed(error)
      this.#reader.fail({ kind: this.#isSent ? 'broken' : fault.kind, error: fault.error, unknown })
    } catch (thrown) {
      this.#crash(thrown)
    }
  }

  #tellSent(): void {
    this.isWaiting = false
    try {
      this.#listener.sent()
    } catch (error) {
      this.#crash(error)
    }
  }

  #later(callback: () => void): void {
    this.#context.clock.after(0, callback)
  }

  /** undici would take what a listener throws for a failure of the request. It is a bug of ours. */
  #crash(error: unknown): void {
    this.#later(() => {
      throw error
    })
  }
}

/**
 * Empties the list of forty small buffers that nobody reads. undici makes it when the reply before
 * was read; by now it is an old object to the collector, and what old objects hold, dead or alive,
 * stays until the next full collection: it was most of what the heap kept.
 */
function dropRawHeaders({ rawHeaders }: Controller): void {
  if (Array.isArray(rawHeaders)) rawHeaders.length = 0
}

function timeoutError(message: string): ApiError {
  return { type: 'timeout_error', message }
}

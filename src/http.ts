/**
 * The transport over HTTP: the only file that knows undici.
 *
 * undici writes requests and parses replies; which connection a request takes is connections.ts,
 * what becomes of it http-exchange.ts, and where it goes http-route.ts. What is left here is how
 * a connection is opened: TLS, HTTP/2, and tunnels through proxies.
 */

import { Socket } from 'node:net'
import { createSecureContext, getCACertificates } from 'node:tls'

import { buildConnector, Client } from 'undici'

import type { Clock } from './clock.ts'
import { Connections } from './connections.ts'
import type { Destroyable } from './connections.ts'
import { HttpExchange, ProxyFailure, ProxyRefusal } from './http-exchange.ts'
import type { HttpClient, HttpContext } from './http-exchange.ts'
import { routeTo } from './http-route.ts'
import type { HttpRoute, HttpRouteOptions } from './http-route.ts'
import { splice } from './json-spans.ts'
import type { Proxy } from './proxy.ts'
import type { ReplyReaderOptions } from './reply-reader.ts'
import type { Dispatch, Exchange, Listener, Transport } from './transport.ts'

/** Opens a connection, as undici's connectors do; may return something to `destroy`. */
export type Connect = buildConnector.connector

/** Where and how requests are sent. */
export interface HttpTransportOptions extends HttpRouteOptions {
  /** The most requests under way: sockets with HTTP/1.1, streams with HTTP/2. */
  readonly socketsMax: number
  /** The most connections being opened at once. @default 256 */
  readonly connectsMax?: number
  /** Speak HTTP/2, many requests to a connection. @default false */
  readonly http2?: boolean
  /** PEM certificates of authorities to trust besides the usual ones. @default none */
  readonly ca?: string | undefined
  /** Opens TCP and TLS connections instead of undici's own connector. @default none */
  readonly connect?: Connect | undefined
  readonly clock: Clock
}

/** How long a connection may take to open, and each step of a tunnel. */
const connectTimeoutMs = 30_000

/** How long an idle socket is kept when the server does not say. */
const keepAliveMs = 30_000

/** The longest a server's hint may stretch that: many routers forget a silent flow after 350 s. */
const keepAliveMsMax = 300_000

/** Requests to one HTTP/2 connection: what servers commonly allow. */
const streamsMax = 100

/** Sends requests to one Messages endpoint; the contract is that of `Transport`. */
export class HttpTransport implements Transport {
  readonly #context: HttpContext
  readonly #reading: ReplyReaderOptions

  /** @throws RunError `OPTIONS_INVALID` for a URL, a header or a proxy that cannot be used */
  constructor(options: HttpTransportOptions) {
    const { clock, http2 = false, connectsMax = 256, socketsMax } = options
    const route = routeTo(options)
    const connect = connectorTo(route, options)
    const loadMax = http2 ? streamsMax : 1
    const connections = new Connections<HttpClient>({
      clock,
      connectsMax,
      loadMax,
      connectionsMax: Math.ceil(socketsMax / loadMax),
      makeClient: (connection) =>
        makeClient(route.origin, http2, (to, callback) =>
          connections.open(connection, (opened) =>
            connect(to, (error, socket) => {
              opened(error ?? socket)
              if (error === null) callback(null, socket)
              else callback(error, null)
            }),
          ),
        ),
    })
    this.#context = { clock, connections, route, staleRetries: 0 }
    this.#reading = { secret: options.apiKey ?? options.authToken }
  }

  /** Requests sent again because a kept-alive socket turned out to be closed. */
  get staleRetries(): number {
    return this.#context.staleRetries
  }

  send(dispatch: Dispatch, listener: Listener): Exchange {
    const body = dispatch.stream ? withStream(dispatch.body) : dispatch.body
    const exchange = new HttpExchange(this.#context, body, listener, this.#reading)
    exchange.start()
    return exchange
  }

  close(): Promise<void> {
    return this.#context.connections.close()
  }
}

/** The body with `stream` as its first member; it has no such member, and at least one other. */
function withStream(body: Uint8Array): Uint8Array {
  return splice(body, [{ start: 0, end: 1, text: '{"stream":true,' }])
}

function makeClient(origin: string, http2: boolean, connect: Connect): Client {
  return new Client(origin, {
    connect,
    allowH2: http2,
    h2Options: { maxConcurrentStreams: streamsMax },
    pipelining: 1,
    // How long is too long, the scheduler decides.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMsMax,
  })
}

/** What opens connections along a route. */
function connectorTo(route: HttpRoute, options: HttpTransportOptions): Connect {
  const { http2 = false, ca } = options
  // One context for all sockets: making one for each would cost more than the rest of a handshake.
  const secureContext = createSecureContext(
    ca === undefined ? {} : { ca: [...getCACertificates(), ca] },
  )
  const direct = (allowH2: boolean): Connect =>
    buildConnector({ timeout: connectTimeoutMs, secureContext, allowH2, preferH2: allowH2 })
  const first = options.connect ?? direct(http2 && route.tunnel === undefined)
  const { tunnel, servername } = route
  let connect = first
  if (tunnel !== undefined) connect = tunnelThrough(tunnel, first, direct(http2))
  if (servername !== undefined) connect = (to, callback) => first({ ...to, servername }, callback)
  return http2 ? requireHttp2(connect, route.isTls) : connect
}

/** A hundred requests on one HTTP/1.1 connection would wait for each other: better to say no. */
function requireHttp2(connect: Connect, isTls: boolean): Connect {
  return (to, callback) =>
    connect(to, (error, socket) => {
      if (error !== null) return callback(error, null)
      // Without TLS nothing is negotiated: that the switch is set is the agreement.
      if (!isTls) Object.assign(socket, { alpnProtocol: 'h2' })
      if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') return callback(null, socket)
      socket.destroy()
      callback(new Error('it does not speak HTTP/2'), null)
    })
}

/** Opens connections through a proxy, which is asked to pass bytes on and sees nothing but TLS. */
function tunnelThrough(proxy: Proxy, toProxy: Connect, overTunnel: Connect): Connect {
  return (to, callback) => {
    const client = new Client(proxy.origin, {
      connect: toProxy,
      allowH2: false,
      headersTimeout: connectTimeoutMs,
    })
    const target = to.port === '' ? `${to.host ?? to.hostname}:443` : (to.host ?? to.hostname)
    const headers: Record<string, string> = { host: target }
    if (proxy.authorization !== undefined) headers['proxy-authorization'] = proxy.authorization
    let stage: Destroyable = { destroy: () => client.destroy(noop) }
    client.connect({ path: target, headers }, (error, reply) => {
      if (error !== null) return callback(new ProxyFailure(proxy.place, error), null)
      const httpSocket = reply.socket
      if (reply.statusCode !== 200 || !(httpSocket instanceof Socket)) {
        httpSocket.destroy()
        return callback(new ProxyRefusal(proxy.place, reply.statusCode), null)
      }
      stage = httpSocket
      overTunnel({ ...to, httpSocket }, callback)
    })
    return { destroy: () => stage.destroy() }
  }
}

function noop(): void {}

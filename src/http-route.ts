/**
 * Where requests go and what stands in front of their bodies: base URL, credentials, versions
 * and the environment's proxy, worked out once.
 *
 * Three ways lead to the API: directly; through a tunnel that a proxy opens (https); or by
 * handing the proxy whole URLs (http). The first two look alike to the API and to us.
 */

import { RunError } from './errors.ts'
import { portOf, proxyFor } from './proxy.ts'
import type { Environment, Proxy } from './proxy.ts'

/** What a route is made of. */
export interface HttpRouteOptions {
  /** Origin plus optional prefix; `/v1/messages` is appended. */
  readonly baseUrl: string
  /** Sent as `x-api-key`. @default none */
  readonly apiKey?: string | undefined
  /** Sent as `authorization: Bearer`. @default none */
  readonly authToken?: string | undefined
  /** The value of `anthropic-version`. */
  readonly version: string
  /** Joined into `anthropic-beta`. @default [] */
  readonly betas?: readonly string[]
  /** Further headers, which win over all of ours. @default {} */
  readonly headers?: Readonly<Record<string, string>>
  readonly userAgent: string
  /** Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are looked up. @default {} */
  readonly environment?: Environment
}

/** How every request is sent. */
export interface HttpRoute {
  /** What is connected to: the API, or the proxy that is handed whole URLs. */
  readonly origin: string
  readonly isTls: boolean
  /** Host and port connected to, for messages. */
  readonly place: string
  /** What the request line names. */
  readonly path: string
  /** Names and values in turn; shared by all requests, so not to be changed. */
  readonly headers: string[]
  /** The proxy to open a tunnel through. */
  readonly tunnel?: Proxy
  /** Whom the certificate must name, where it is not the host of the URL. */
  readonly servername?: string
}

/** The sender's own headers would contradict these, which come from the body and the connection. */
const framingNames: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
])

/**
 * Works out the route.
 *
 * @throws RunError `OPTIONS_INVALID` for a URL, a header or a proxy that cannot be used
 */
export function routeTo(options: HttpRouteOptions): HttpRoute {
  const url = readBaseUrl(options.baseUrl)
  const path = `${url.pathname.replace(/\/+$/, '')}/v1/messages`
  const proxy = proxyFor(url, options.environment ?? {})
  const isTls = url.protocol === 'https:'
  const place = `${url.hostname}:${portOf(url)}`
  const headers = readHeaders(options)
  if (proxy === undefined) return { origin: url.origin, isTls, place, path, headers }
  if (isTls) return { origin: url.origin, isTls, place, path, headers, tunnel: proxy }
  return {
    origin: proxy.origin,
    isTls: proxy.origin.startsWith('https:'),
    servername: new URL(proxy.origin).hostname,
    place: proxy.place,
    path: url.origin + path,
    headers: [
      ...(headers.includes('host') ? [] : ['host', url.host]),
      ...(proxy.authorization === undefined ? [] : ['proxy-authorization', proxy.authorization]),
      ...headers,
    ],
  }
}

function readBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new RunError('OPTIONS_INVALID', `Cannot send to "${text}" as it is no http(s) URL`)
  }
  return url
}

/**
 * Names and values in turn of the headers that every request has.
 *
 * @throws RunError `OPTIONS_INVALID` for one that cannot be sent
 */
export function readHeaders(options: HttpRouteOptions): string[] {
  const { apiKey, authToken, version, betas = [], userAgent, headers = {} } = options
  const byName = new Map([
    ['content-type', 'application/json'],
    ['anthropic-version', version],
    ['user-agent', userAgent],
  ])
  if (apiKey !== undefined) byName.set('x-api-key', apiKey)
  if (authToken !== undefined) byName.set('authorization', `Bearer ${authToken}`)
  if (betas.length > 0) byName.set('anthropic-beta', betas.join(','))
  for (const [name, value] of Object.entries(headers)) byName.set(name.toLowerCase(), value)
  for (const [name, value] of byName) checkHeader(name, value)
  return [...byName].flat()
}

/** Checked here, once, since a bad header would fail every single row. The value stays unsaid. */
function checkHeader(name: string, value: string): void {
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || framingNames.has(name)) {
    throw new RunError('OPTIONS_INVALID', `Cannot send a header named ${JSON.stringify(name)}`)
  }
  if (!/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)) {
    throw new RunError(
      'OPTIONS_INVALID',
      `Cannot send header ${name} as its value holds characters that HTTP does not allow`,
      { hint: 'look for a line break or a stray character at its end' },
    )
  }
}

/**
 * Which proxy, if any, the environment wants between us and a URL.
 *
 * The conventions are those that curl and most tools share: `HTTPS_PROXY` for https URLs,
 * `HTTP_PROXY` for http ones, lower-case spellings first, `NO_PROXY` as a list of hosts. As in
 * Go, the machine itself is never reached through a proxy, which could only mean another machine
 * by `localhost`.
 */

import { RunError } from './errors.ts'

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** A proxy to go through. */
export interface Proxy {
  /** Scheme, host and port. */
  readonly origin: string
  /** Host and port, for messages; never the credentials. */
  readonly place: string
  /** The value of `proxy-authorization`, when the proxy's URL holds credentials. */
  readonly authorization?: string
}

/**
 * The proxy for a URL, or undefined to go there directly.
 *
 * @throws RunError `OPTIONS_INVALID` when the variable holds something we cannot go through
 * @example
 * ```ts
 * const environment = { HTTPS_PROXY: 'http://proxy.example:3128' }
 * proxyFor(new URL('https://a.example/'), environment)?.place // => 'proxy.example:3128'
 * proxyFor(new URL('https://localhost/'), environment) // => undefined
 * ```
 */
export function proxyFor(url: URL, environment: Environment): Proxy | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  const value = read(environment, name)
  if (value === '' || isLoopback(url.hostname)) return undefined
  if (isExempt(url, read(environment, 'NO_PROXY'))) return undefined

  const text = /^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`
  const proxy = URL.canParse(text) ? new URL(text) : undefined
  if (proxy === undefined || (proxy.protocol !== 'http:' && proxy.protocol !== 'https:')) {
    // The value itself is not shown: it may hold a password.
    throw new RunError('OPTIONS_INVALID', `Cannot use the proxy that ${name} names`, {
      hint: `set ${name} to http://HOST:PORT, or list ${url.hostname} in NO_PROXY`,
    })
  }
  const { origin, hostname, username, password } = proxy
  const place = `${hostname}:${portOf(proxy)}`
  if (username === '' && password === '') return { origin, place }
  const credentials = `${decode(username)}:${decode(password)}`
  return { origin, place, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}

/** The port of a URL, written or implied. */
export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? 443 : 80
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A percent sign that stands for itself.
    return text
  }
}

function read(environment: Environment, name: string): string {
  return (environment[name.toLowerCase()] ?? environment[name] ?? '').trim()
}

function isLoopback(hostname: string): boolean {
  return hostname === '[::1]' || /^(.*\.)?localhost$|^127(\.\d+){3}$/.test(hostname)
}

function isExempt(url: URL, list: string): boolean {
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && matches(url, entry))
}

/** Does `entry` (`*`, a host or a domain, each with or without a port) mean the URL's host? */
function matches(url: URL, entry: string): boolean {
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? []
  // An IPv6 address without brackets ends in what looks like a port.
  const isBareIpv6 = /^[\da-f:]*:[\da-f:]*:[\da-f:]*$/.test(entry)
  if (!isBareIpv6 && port !== undefined && Number(port) !== portOf(url)) return false
  const wanted = (isBareIpv6 ? entry : host).replace(/^\*?\./, '').replace(/^\[(.*)\]$/, '$1')
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  return wanted === '*' || hostname === wanted || hostname.endsWith(`.${wanted}`)
}

/**
 * Connections for the few requests that are no Messages, through the same proxy by the same rules.
 */

import { Agent, type Dispatcher, ProxyAgent } from 'undici'

import { type Environment, proxyFor } from './proxy.ts'

/** Where to, and by which environment. */
export interface DispatcherOptions {
  /** Origin and optional prefix. */
  readonly baseUrl: string
  readonly environment: Environment
}

/** Connections to an API; to be destroyed by whoever asked for them. */
export function dispatcherTo({ baseUrl, environment }: DispatcherOptions): Dispatcher {
  const proxy = proxyFor(new URL(baseUrl), environment)
  if (proxy === undefined) return new Agent()
  const token = proxy.authorization === undefined ? {} : { token: proxy.authorization }
  return new ProxyAgent({ uri: proxy.origin, ...token })
}

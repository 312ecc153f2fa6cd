/**
 * Where a run takes place: clock, disk, machine, chance and the way to the API.
 *
 * The defaults are the real ones. Tests pass their own, and the same `run` replays
 * under a virtual clock, on a disk in memory, against the simulator's model.
 */

import { readLimitGroups } from './admin.ts'
import type { ApiCalls } from './api-calls.ts'
import type { LimitGroup } from './ceilings.ts'
import { type Clock, SystemClock } from './clock.ts'
import { type Files, NodeFiles } from './files.ts'
import { type Host, systemHost } from './host.ts'
import { HttpCalls } from './http-calls.ts'
import type { HttpRouteOptions } from './http-route.ts'
import { HttpTransport } from './http.ts'
import type { Settings } from './settings.ts'
import { entropySeed } from './random.ts'
import type { Transport } from './transport.ts'
import { version } from './version.ts'

/** What a run needs of the world. */
export interface RunContext {
  readonly clock: Clock
  readonly files: Files
  readonly host: Host
  /** Made once the settings are known; closed by the run. */
  readonly transport: (settings: Settings) => Transport
  /** For calls to batches; made once the settings are known, closed by the run. @default none */
  readonly calls?: (settings: Settings) => ApiCalls
  /** The most of one batch. @default what the API takes */
  readonly packBounds?: { readonly rowsMax: number; readonly bytesMax: number }
  /** Asks the Rate Limits API; only called with an admin key. @default nobody is asked */
  readonly limitGroups?: (settings: Settings, signal: AbortSignal) => Promise<readonly LimitGroup[]>
  /** Seeds the run's jitter when no seed was given. */
  readonly seed: () => number
}

/** The machine itself. */
export function systemContext(): RunContext {
  const clock = new SystemClock()
  return {
    clock,
    files: new NodeFiles(),
    host: systemHost(clock),
    seed: entropySeed,
    limitGroups: (settings, signal) =>
      readLimitGroups({
        baseUrl: settings.baseUrl,
        adminKey: settings.adminKey ?? '',
        version: settings.anthropicVersion,
        headers: settings.headers,
        userAgent: `sluice/${version}`,
        environment: process.env,
        signal,
      }),
    calls: (settings) => new HttpCalls(routeOptionsOf(settings)),
    transport: (settings) =>
      new HttpTransport({
        ...routeOptionsOf(settings),
        socketsMax: settings.maxConcurrency,
        http2: settings.http2,
        clock,
      }),
  }
}

function routeOptionsOf(settings: Settings): HttpRouteOptions {
  return {
    baseUrl: settings.baseUrl,
    ...(settings.apiKey !== undefined && { apiKey: settings.apiKey }),
    ...(settings.authToken !== undefined && { authToken: settings.authToken }),
    version: settings.anthropicVersion,
    betas: settings.betas,
    headers: settings.headers,
    userAgent: `sluice/${version}`,
    environment: process.env,
  }
}

/**
 * Who watches a run from outside: servers that observe it, started only when they are asked for.
 *
 * They are there before the first row is sent, or the run does not start; and until the process
 * ends, so that the last values can be had.
 */

import type { Clock } from '../clock.ts'
import { RunError } from '../errors.ts'
import type { Observer } from '../events.ts'
import { systemErrorCode } from '../files.ts'
import type { Given, Layer } from './flag.ts'
import { faultText } from './sources.ts'

/** What watches. */
export interface Watching {
  readonly observers: readonly Observer[]
  /** To be said at the start. */
  readonly notices: readonly string[]
  /** A run has ended; another may follow. */
  ended(): void
  close(): Promise<void>
}

/** Nobody does. */
export const noWatching: Watching = {
  observers: [],
  notices: [],
  ended: () => {},
  close: () => Promise.resolve(),
}

/** Starts what the flags ask for. Throws `RunError` when a port cannot be had. */
export async function startWatching(clock: Clock, { values }: Layer): Promise<Watching> {
  const given = values.get('metrics-port')
  if (given === undefined) return noWatching
  const { Metrics } = await import('../metrics/metrics.ts')
  const { serveMetrics } = await import('../metrics/listen.ts')
  const metrics = new Metrics(clock)
  const server = await serveMetrics(metrics, Number(given.value)).catch((error: unknown) => {
    throw portFault(given, error)
  })
  return {
    observers: [(event) => metrics.observe(event)],
    notices: [`metrics at ${server.url}`],
    ended: () => metrics.ended(),
    close: () => server.close(),
  }
}

function portFault({ value, place }: Given, error: unknown): RunError {
  const isInUse = systemErrorCode(error) === 'EADDRINUSE'
  const reason = isInUse ? 'it is in use' : faultText(error)
  const message = `Cannot start: ${place} cannot be port ${String(value)}: ${reason}`
  return new RunError('OPTIONS_INVALID', message, {
    hint: 'pass --metrics-port 0 for one that is free',
    cause: error,
  })
}

/**
 * Who watches a run: its history, the page and the metrics. Each observes it, and none can hold it
 * up.
 *
 * Servers are there before the first row is sent, or the run does not start; and until the process
 * ends, so that the last values can be had.
 */

import type { Clock } from '../clock.ts'
import { RunError } from '../errors.ts'
import type { Observer } from '../events.ts'
import { type Files, systemErrorCode } from '../files.ts'
import { loadPrices } from '../money.ts'
import { reportPath } from '../options.ts'
import type { RunOptions } from '../settings.ts'
import type { RunSummary } from '../summary.ts'
import { bindName, typedSpellings } from './bind-names.ts'
import type { Given, Layer } from './flag.ts'
import { faultText } from './sources.ts'
import { shownPath } from './text.ts'

/** What watches. */
export interface Watching {
  readonly observers: readonly Observer[]
  /** To be said at the start. */
  readonly notices: readonly string[]
  /**
   * A run has ended, in whatever way; another may follow. Resolves to what there is to say.
   * `summary`: how it went, if it came about.
   */
  ended(summary?: RunSummary): Promise<readonly string[]>
  close(): Promise<void>
}

/** With what, and what, it watches. */
export interface WatchingParts {
  readonly clock: Clock
  readonly files: Files
  readonly layer: Layer
  readonly options: RunOptions
}

/** Nobody does. */
export const noWatching: Watching = {
  observers: [],
  notices: [],
  ended: () => Promise.resolve([]),
  close: () => Promise.resolve(),
}

/** Starts what the flags ask for. Throws `RunError` when a port cannot be had. */
export async function startWatching(parts: WatchingParts): Promise<Watching> {
  const watching: Watching[] = []
  try {
    for (const start of [startHistory, startDashboard, startMetrics, startReport]) {
      watching.push(await start(parts))
    }
  } catch (error) {
    for (const each of watching) await each.close()
    throw error
  }
  return {
    observers: watching.flatMap(({ observers }) => observers),
    notices: watching.flatMap(({ notices }) => notices),
    ended: async (summary) => {
      const said: string[] = []
      for (const each of watching) said.push(...(await each.ended(summary)))
      return said
    },
    close: async () => {
      for (const each of watching) await each.close()
    },
  }
}

/** How the run goes, beside its output: a report is made of it. */
async function startHistory({ clock, files, layer, options }: WatchingParts): Promise<Watching> {
  if (layer.values.get('history')?.value === false || options.output === '-') return noWatching
  const { HistoryWriter } = await import('../page/history.ts')
  let writer = new HistoryWriter(files)
  return {
    ...noWatching,
    observers: [(event) => writer.observe(event)],
    ended: (summary) => {
      const ending = writer
      writer = new HistoryWriter(files)
      try {
        if (summary === undefined) ending.close()
        else ending.end(clock.now(), summary)
        return Promise.resolve([])
      } catch (error) {
        return Promise.resolve([`the history ends early: ${faultText(error)}`])
      }
    },
  }
}

async function startDashboard({ clock, layer, options }: WatchingParts): Promise<Watching> {
  const port = layer.values.get('dashboard-port')
  if (layer.values.get('dashboard')?.value !== true && port === undefined) return noWatching
  const { LiveFold } = await import('../page/live-view.ts')
  const { dashboardHtml, dashboardPolicy } = await import('../page/html.ts')
  const { serveDashboard } = await import('../page/serve.ts')
  const { inWords } = await import('../page/in-words.ts')
  const { randomToken } = await import('../random.ts')
  const spellings = typedSpellings(layer)
  const prices = loadPrices(options.prices)
  let fold = new LiveFold(prices)
  let isOver = false
  const dashboard = await serveDashboard({
    clock,
    port: Number(port?.value ?? 0),
    token: randomToken(tokenBytes),
    view: () => inWords(fold.view(clock.now()), (binds) => bindName(binds, spellings)),
    html: dashboardHtml,
    policy: dashboardPolicy(),
  }).catch((error: unknown) => {
    throw portFault(port, error)
  })
  return {
    observers: [
      (event) => {
        if (isOver && event.type === 'run_started') fold = new LiveFold(prices)
        isOver = false
        fold.observe(event)
      },
    ],
    notices: [`the page of this run: ${dashboard.url}`],
    ended: (summary) => {
      isOver = true
      if (summary !== undefined) fold.end(summary)
      return Promise.resolve([])
    },
    close: () => dashboard.end(),
  }
}

const tokenBytes = 16

async function startMetrics({ clock, layer }: WatchingParts): Promise<Watching> {
  const given = layer.values.get('metrics-port')
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
    ended: () => {
      metrics.ended()
      return Promise.resolve([])
    },
    close: () => server.close(),
  }
}

/** A report of the run, when it has ended. */
function startReport({ clock, files, layer, options }: WatchingParts): Watching {
  if (layer.values.get('report')?.value !== true) return noWatching
  if (options.output === '-') {
    const message = 'Cannot start: --report is made of the results, and these go to stdout'
    throw new RunError('OPTIONS_INVALID', message, { hint: 'give -o FILE' })
  }
  const showsContent = layer.values.get('show-content')?.value === true
  return {
    ...noWatching,
    ended: async (summary) => {
      if (summary === undefined) return []
      const results = shownPath(summary.output, process.cwd())
      const path = reportPath(results)
      const prices = loadPrices(options.prices)
      try {
        // Only now: the run need not wait for it to be loaded.
        const { writeReport } = await import('./report-file.ts')
        await writeReport({ files, clock, prices, results, showsContent }, path)
        return [`report in ${path}`]
      } catch (error) {
        return [`no report was made: ${faultText(error)}`]
      }
    },
  }
}

function portFault(given: Given | undefined, error: unknown): RunError {
  const place = given?.place ?? '--dashboard'
  const isInUse = systemErrorCode(error) === 'EADDRINUSE'
  const reason = isInUse ? 'it is in use' : faultText(error)
  const port = given === undefined ? 'have a port' : `be port ${String(given.value)}`
  return new RunError('OPTIONS_INVALID', `Cannot start: ${place} cannot ${port}: ${reason}`, {
    hint: `pass ${place} 0 for one that is free`,
    cause: error,
  })
}

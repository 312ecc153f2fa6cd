/**
 * The part of a run that `run` and `stream` share: from rows to outcomes, whatever the rows come
 * from and wherever the results go.
 */

import type { Books } from './books.ts'
import { bounds } from './bounds.ts'
import type { RunContext } from './context.ts'
import type { Observer } from './events.ts'
import { Loop } from './loop.ts'
import type { Prices } from './money.ts'
import { parseOptionsOf, type Settings } from './options.ts'
import { Plan } from './plan.ts'
import { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import type { Source } from './source.ts'
import { Stats } from './stats.ts'
import { toAll } from './telling.ts'
import type { Transport } from './transport.ts'

/** What a pipeline joins. */
export interface Ends {
  readonly source: Source
  readonly books: Books
  readonly transport: Transport
  readonly prices: Prices
  readonly observers: readonly Observer[]
}

/** The joined parts. */
export interface Pipeline {
  readonly loop: Loop
  readonly scheduler: Scheduler
  readonly stats: Stats
  readonly observe: Observer
}

/** Joins source and books by what lies between them. */
export function join(context: RunContext, settings: Settings, ends: Ends): Pipeline {
  const { source, books, transport, prices, observers } = ends
  const scheduler = makeScheduler(context, settings, source)
  const stats = new Stats()
  const observe = toAll([(event) => stats.observe(event), ...observers])
  const plan = new Plan(books, { ...parseOptionsOf(settings), retryFailed: settings.retryFailed })
  const parts = { context, settings, source, plan, scheduler, transport, books, prices, observe }
  return { loop: new Loop(parts), scheduler, stats, observe }
}

function makeScheduler(context: RunContext, settings: Settings, source: Source): Scheduler {
  const { maxRequestsPerMinute, maxInputTokensPerMinute, maxOutputTokensPerMinute } = settings
  const options = {
    ...settings,
    bounds: {
      requestsPerMinute: maxRequestsPerMinute,
      inputTokensPerMinute: maxInputTokensPerMinute,
      outputTokensPerMinute: maxOutputTokensPerMinute,
    },
    windowRowsMax: bounds.windowRowsMax,
    windowBytesMax: bounds.windowBytesMax,
    rereadable: source.reread !== undefined,
  }
  return new Scheduler(context.clock.now(), options, new Random(settings.seed ?? context.seed()))
}

/**
 * The part of a run that `run` and `stream` share: from rows to outcomes, whatever the rows come
 * from and wherever the results go.
 */

import type { Books } from './books.ts'
import { bounds } from './bounds.ts'
import type { RunContext } from './context.ts'
import type { RunControl } from './control.ts'
import type { Observer } from './events.ts'
import { learnCeilings } from './learning.ts'
import { Loop } from './loop.ts'
import type { Prices } from './money.ts'
import { parseOptionsOf } from './options.ts'
import type { Settings } from './settings.ts'
import { Schemas } from './output-rules.ts'
import { Plan } from './plan.ts'
import type { PrefixKind } from './prefixes.ts'
import { Random } from './random.ts'
import type { RampMemory } from './ramp-memory.ts'
import { Scheduler } from './scheduler.ts'
import type { Source } from './source.ts'
import type { Spending } from './spending.ts'
import { Stats } from './stats.ts'
import { toAll, toldBefore } from './telling.ts'
import type { Transport } from './transport.ts'

/** What a pipeline joins. */
export interface Ends {
  readonly source: Source
  readonly books: Books
  readonly transport: Transport
  readonly prices: Prices
  /** Absent in a run without a budget. */
  readonly spending: Spending | undefined
  /** Which starts were too steep; absent where nothing is kept beside the results. */
  readonly ramps?: RampMemory | undefined
  readonly observers: readonly Observer[]
  /** What the user tells the run while it goes on. @default nothing */
  readonly control?: RunControl | undefined
  /** The part of the run before this one. @default there was none */
  readonly before?: Before | undefined
}

/** A part of a run, in which the input was read, and after which another asks what it left. */
export interface Before {
  readonly stats: Stats
  /** Tells the stats, and everyone else. */
  readonly observe: Observer
  /** Whether a row of this key that is held as failed was asked again then, and left. */
  readonly wasRetried: (key: string) => boolean
}

/** The joined parts. */
export interface Pipeline {
  readonly loop: Loop
  readonly scheduler: Scheduler
  readonly stats: Stats
  readonly observe: Observer
  /** To be called when nothing is waited for any more. */
  readonly close: () => void
}

/** Joins source and books by what lies between them. */
export function join(context: RunContext, settings: Settings, ends: Ends): Pipeline {
  const { observers, before } = ends
  const scheduler = makeScheduler(context, settings, ends)
  const stats = before?.stats ?? new Stats()
  const learning = learnCeilings(context, settings, {
    loop: () => loop,
    notice: (message) => observe({ type: 'notice', at: context.clock.now(), message }),
  })
  const own: readonly Observer[] = [(event) => stats.observe(event), ...observers]
  const told = before === undefined ? own : [toldBefore(before.observe)]
  const observe = toAll([...told, learning.observe])
  const plan = new Plan(ends.books, {
    ...parseOptionsOf(settings),
    cachePoints: settings.cache === 'auto' ? ('all' as const) : ('marked' as const),
    schemas: new Schemas(),
    retryFailed: settings.retryFailed,
    policies: settings.policies,
    dedupe: settings.dedupe,
    ...(before && { wasRetried: before.wasRetried }),
  })
  const parts = { ...ends, context, settings, plan, scheduler, observe }
  const loop = new Loop(parts)
  const unheard = ends.control?.listen((command) => loop.command(command))
  const close = (): void => {
    unheard?.()
    learning.close()
    loop.close()
  }
  return { loop, scheduler, stats, observe, close }
}

function makeScheduler(
  context: RunContext,
  settings: Settings,
  { source, spending, ramps }: Ends,
): Scheduler {
  const { maxRequestsPerMinute, maxInputTokensPerMinute, maxOutputTokensPerMinute } = settings
  const rereadable = source.reread !== undefined
  const options = {
    ...settings,
    budget: spending?.budget,
    gentlePools: ramps?.pools,
    prefixes: prefixKindOf(settings),
    bounds: {
      requestsPerMinute: maxRequestsPerMinute,
      inputTokensPerMinute: maxInputTokensPerMinute,
      outputTokensPerMinute: maxOutputTokensPerMinute,
    },
    windowRowsMax: bounds.windowRowsMax,
    windowBytesMax: rereadable ? bounds.windowBytesMax : bounds.windowBodiesBytesMax,
    windowBodiesBytesMax: rereadable ? bounds.windowBodiesBytesMax : Infinity,
    rereadable,
  }
  return new Scheduler(context.clock.now(), options, new Random(settings.seed ?? context.seed()))
}

function prefixKindOf({ cache }: Settings): PrefixKind | undefined {
  return cache === 'auto' || cache === 'marked' ? cache : undefined
}

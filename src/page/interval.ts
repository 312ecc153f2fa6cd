/**
 * A run cut into intervals of time: what happened in each, as a fold of its events.
 *
 * An interval is plain JSON: it is shown by the page, and a line of the history (history.ts).
 */

import type { AnswerTaken, AttemptFailed, RunEvent } from '../events.ts'
import { meteredInputTokens } from '../outcome.ts'
import type { MeterName } from './view.ts'

/** What was taken of one limit in an interval, and what it was then, per minute. */
export interface MeterInterval {
  readonly used: number
  /** Null when no reply has shown it yet. */
  readonly limit: number | null
}

/** That of each limit of a pool; absent: the pool has none of that name. */
export type PoolInterval = Readonly<{ [Name in MeterName]?: MeterInterval | undefined }>

/** What happened in one interval; see `SeriesView` for what its counts are. */
export interface Interval {
  /** Wall time at which it begins, ms since the epoch, and its length in ms. */
  readonly at: number
  readonly ms: number
  readonly succeeded: number
  readonly failed: number
  readonly rateLimited: number
  readonly overloaded: number
  readonly broken: number
  readonly inFlight: number
  readonly costNanoUsd: number
  readonly cacheReadTokens: number
  /** Milliseconds that each thing bound. */
  readonly bound: Readonly<Record<string, number>>
  readonly pools: Readonly<Record<string, PoolInterval>>
}

const counts = [
  'succeeded',
  'failed',
  'rateLimited',
  'overloaded',
  'broken',
  'costNanoUsd',
  'cacheReadTokens',
] as const

/** A file may name any number of models; more pools than this are not told apart. */
const poolsMax = 32

/** One that follows another, as one of both. */
export function joined(first: Interval, second: Interval): Interval {
  const sums = counts.map((name) => [name, first[name] + second[name]] as const)
  return {
    ...first,
    ...Object.fromEntries(sums),
    ms: first.ms + second.ms,
    inFlight: Math.max(first.inFlight, second.inFlight),
    bound: joinedBy(first.bound, second.bound, (one, other) => one + other),
    pools: joinedBy(first.pools, second.pools, joinedPools),
  }
}

function joinedPools(first: PoolInterval, second: PoolInterval): PoolInterval {
  return joinedBy<MeterInterval>(first, second, (one, other) => ({
    used: one.used + other.used,
    limit: other.limit ?? one.limit,
  }))
}

function joinedBy<T>(
  first: Readonly<Record<string, T | undefined>>,
  second: Readonly<Record<string, T | undefined>>,
  join: (one: T, other: T) => T,
): Record<string, T> {
  const all = new Map<string, T>()
  for (const [name, value] of [...Object.entries(first), ...Object.entries(second)]) {
    if (value === undefined) continue
    const before = all.get(name)
    all.set(name, before === undefined ? value : join(before, value))
  }
  return Object.fromEntries(all)
}

/** What an interval has counted so far. */
type Counts = Record<(typeof counts)[number], number>

const nothing: Readonly<Counts> = {
  succeeded: 0,
  failed: 0,
  rateLimited: 0,
  overloaded: 0,
  broken: 0,
  costNanoUsd: 0,
  cacheReadTokens: 0,
}

/** Folds events into one interval after the other. */
export class IntervalFold {
  #wallOffset = 0
  #from = 0
  #counts: Counts = { ...nothing }
  #inFlight = 0
  #inFlightMost = 0
  #binds = ''
  #bindsSince = 0
  readonly #bound = new Map<string, number>()
  readonly #used = new Map<string, Map<MeterName, number>>()
  readonly #limits = new Map<string, Map<MeterName, number>>()
  #isStarted = false

  /** How long the interval under way is, in ms; 0 before the run has started. */
  length(now: number): number {
    return this.#isStarted ? now - this.#from : 0
  }

  observe(event: RunEvent): void {
    const { type } = event
    if (type === 'run_started') this.#start(event.at, event.wallAt)
    else if (type === 'attempt_started') this.#attemptStarted(event.pool)
    else if (type === 'attempt_failed') this.#attemptFailed(event.kind)
    else if (type === 'row_succeeded') this.#settled('succeeded', event)
    else if (type === 'row_failed') this.#settled('failed', event.answer)
    else if (type === 'row_asked_again') this.#taken(event)
    else if (type === 'row_copied') this.#settled(event.isFailure ? 'failed' : 'succeeded')
    else if (type === 'limits_read') this.#limitsRead(event)
    else if (type === 'binding_changed') {
      this.#countBound(event.at)
      this.#binds = event.binds
    }
  }

  /** Ends the interval under way, and begins the next. */
  close(now: number): Interval {
    this.#countBound(now)
    const interval: Interval = {
      at: Math.round(this.#wallOffset + this.#from),
      ms: Math.round(now - this.#from),
      ...this.#counts,
      inFlight: this.#inFlightMost,
      bound: Object.fromEntries([...this.#bound].map(([name, ms]) => [name, Math.round(ms)])),
      pools: Object.fromEntries([...this.#used].map(([name]) => [name, this.#poolInterval(name)])),
    }
    this.#from = now
    this.#counts = { ...nothing }
    this.#inFlightMost = this.#inFlight
    this.#bound.clear()
    for (const meters of this.#used.values()) meters.clear()
    return interval
  }

  #start(at: number, wallAt: number): void {
    // The part of a run after its batches is told of as another start.
    if (this.#isStarted) return
    this.#isStarted = true
    this.#wallOffset = wallAt - at
    this.#from = at
    this.#bindsSince = at
  }

  #attemptStarted(pool: string): void {
    this.#inFlight += 1
    this.#inFlightMost = Math.max(this.#inFlightMost, this.#inFlight)
    this.#use(pool, 'requests', 1)
  }

  #attemptFailed(kind: AttemptFailed['kind']): void {
    this.#inFlight -= 1
    if (kind === 'refused') this.#counts.rateLimited += 1
    else if (kind === 'overloaded') this.#counts.overloaded += 1
    else this.#counts.broken += 1
  }

  #settled(how: 'succeeded' | 'failed', taken?: AnswerTaken): void {
    this.#counts[how] += 1
    if (taken !== undefined) this.#taken(taken)
  }

  #taken(taken: AnswerTaken): void {
    if (taken.isEarlier === true) return
    this.#counts.costNanoUsd += taken.costNanoUsd ?? 0
    this.#counts.cacheReadTokens += taken.usage.cacheReadTokens
    // The limits of pools are not touched by batches.
    if (taken.batchId !== undefined) return
    this.#inFlight -= 1
    const input = meteredInputTokens(taken.usage)
    const { outputTokens } = taken.usage
    this.#use(taken.pool, 'input', input)
    this.#use(taken.pool, 'output', outputTokens)
    this.#use(taken.pool, 'tokens', input + outputTokens)
  }

  #limitsRead({ pool, limits }: Extract<RunEvent, { type: 'limits_read' }>): void {
    const known = this.#limits.get(pool) ?? new Map<MeterName, number>()
    this.#limits.set(pool, known)
    for (const name of ['requests', 'input', 'output', 'tokens'] as const) {
      const limit = limits[name]?.limit
      if (limit !== undefined) known.set(name, limit)
    }
  }

  #use(pool: string, meter: MeterName, amount: number): void {
    let used = this.#used.get(pool)
    if (used === undefined) {
      if (this.#used.size >= poolsMax) return
      used = new Map()
      this.#used.set(pool, used)
    }
    used.set(meter, (used.get(meter) ?? 0) + amount)
  }

  #poolInterval(name: string): PoolInterval {
    const used = this.#used.get(name)
    const limits = this.#limits.get(name)
    const meter = (of: MeterName): MeterInterval => ({
      used: used?.get(of) ?? 0,
      limit: limits?.get(of) ?? null,
    })
    const own = { requests: meter('requests'), input: meter('input'), output: meter('output') }
    // Tokens together are a limit only where replies show one.
    return limits?.has('tokens') === true ? { ...own, tokens: meter('tokens') } : own
  }

  #countBound(at: number): void {
    const ms = at - this.#bindsSince
    this.#bindsSince = at
    if (this.#binds === '' || ms <= 0) return
    this.#bound.set(this.#binds, (this.#bound.get(this.#binds) ?? 0) + ms)
  }
}

/**
 * The state of a run as a fold of its events: what progress shows and the summary says.
 *
 * `Stats` is fed every event and read at any time; reading changes nothing. Counts are
 * rows unless they say otherwise, money is whole nano-dollars, durations are milliseconds.
 */

import { unreachable } from './assert.ts'
import type { BudgetState } from './budget.ts'
import type {
  AttemptFailed,
  BatchLost,
  LimitsRead,
  RowFailed,
  RowSucceeded,
  RunEvent,
  RunStarted,
} from './events.ts'
import { meteredInputTokens } from './outcome.ts'
import { type PoolSnapshot, PoolStats } from './pool-stats.ts'
import { RecentRate } from './recent-rate.ts'

/** A file may name any number of models; more pools than this are not watched one by one. */
const poolsMax = 32

/** Tokens by kind, as the API reported them. */
export interface TokenTotals {
  /** Neither written to the cache nor read from it. */
  readonly input: number
  readonly cacheWrite5m: number
  readonly cacheWrite1h: number
  readonly cacheRead: number
  /** Written though an entry was there before: part of the writes. */
  readonly cacheMissed: number
  readonly output: number
}

/** A run at one instant. */
export interface Snapshot {
  readonly elapsedMs: number
  readonly rows: {
    /** Rows read from the input so far; all selected rows once `readAll`. */
    readonly read: number
    readonly readAll: boolean
    /**
     * All selected rows: exact once `readAll`, before that from the share of bytes read; null for
     * a stream.
     */
    readonly expected: number | null
    /** Settled in this run. */
    readonly succeeded: number
    readonly failed: number
    /** Settled by earlier runs of this output. */
    readonly heldSucceeded: number
    readonly heldFailed: number
    /** Not asked in this run, and not to be. */
    readonly left: number
  }
  readonly batches: {
    /** Message Batches that are outstanding, and the rows in them. */
    readonly outstanding: number
    readonly rows: number
    /** Batches whose results were all read, and answers of rows that batches gave. */
    readonly collected: number
    readonly answers: number
  }
  readonly attempts: {
    readonly started: number
    readonly inFlight: number
    /** 429s. */
    readonly refused: number
    readonly overloaded: number
    readonly broken: number
  }
  /** Tries sent without a complete reply: rows and the most they can have cost. */
  readonly possiblyBilledTwice: {
    readonly rows: number
    readonly attempts: number
    /** Null when a price was unknown. */
    readonly costNanoUsdMax: number | null
    /** Most that were under way when an earlier run was killed; their cost is not known here. */
    readonly killedInFlight: number
  }
  readonly tokens: TokenTotals
  /** Of the answers whose price is known. */
  readonly costNanoUsd: number
  /** Answers of models without a known price. */
  readonly unpriced: number
  /**
   * What the answers would have cost without a prompt cache, less what they cost; below zero where
   * they cost more, and null when one that used the cache has no known price.
   */
  readonly cacheSavedNanoUsd: number | null
  /** What more could have been saved: tokens were written to the cache again. Null as above. */
  readonly cacheLostNanoUsd: number | null
  /** Null in a run without one. */
  readonly budget: BudgetState | null
  /** All pools together: rows over about the last ten seconds, tokens of the last sixty. */
  readonly rates: {
    readonly rowsPerSecond: number
    readonly inputTokensPerMinute: number
    readonly outputTokensPerMinute: number
  }
  /** The pools that were sent to, in the order of their first send; of very many, the first. */
  readonly pools: readonly PoolSnapshot[]
  /** What keeps the next row from starting now. */
  readonly binds: string
  /** Milliseconds until that can change at the soonest; null while that is not known. */
  readonly bindsForMs: number | null
  /** Milliseconds each thing bound, longest first. */
  readonly bound: readonly (readonly [string, number])[]
  /** Until the last row, at the present rate; null while that cannot be said. */
  readonly leftMs: number | null
  readonly outputBlocked: string | null
  readonly stopping: { readonly code: string; readonly message: string } | null
}

const noTokens: TokenTotals = {
  input: 0,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  cacheRead: 0,
  cacheMissed: 0,
  output: 0,
}

/** Folds events into snapshots. */
export class Stats {
  #startedAt = 0
  #inputBytes: number | null = null
  #bytesRead = 0
  readonly #rows = { read: 0, succeeded: 0, failed: 0, heldSucceeded: 0, heldFailed: 0, left: 0 }
  #readAll = false
  readonly #attempts = { started: 0, ended: 0, refused: 0, overloaded: 0, broken: 0 }
  readonly #unknown = { attempts: 0, costNanoUsd: 0, priced: true, killedInFlight: 0 }
  #unknownRows = 0
  readonly #unknownPending = new Set<number>()
  readonly #tokens = { ...noTokens }
  #costNanoUsd = 0
  #unpriced = 0
  #cacheSavedNanoUsd: number | null = 0
  #cacheLostNanoUsd: number | null = 0
  #budget: BudgetState | null = null
  readonly #settledRate = new RecentRate()
  readonly #pools = new Map<string, PoolStats>()
  readonly #bound = new Map<string, number>()
  #binds = 'reading'
  #bindsSince = 0
  #bindsUntil: number | undefined
  #outputBlocked: string | null = null
  #stopping: { code: string; message: string } | null = null
  /** Rows of each batch that is outstanding, by its id. */
  readonly #batches = new Map<string, number>()
  readonly #fromBatches = { collected: 0, answers: 0 }

  observe(event: RunEvent): void {
    switch (event.type) {
      case 'run_started':
        return this.#runStarted(event)
      case 'rows_read':
        this.#rows.read += event.count
        this.#rows.heldSucceeded += event.heldSucceeded
        this.#rows.heldFailed += event.heldFailed
        this.#bytesRead = event.bytes
        return
      case 'input_ended':
        this.#readAll = true
        return
      case 'attempt_started':
        this.#attempts.started += 1
        this.#pool(event.at, event.pool)?.requests.add(event.at, 1)
        return
      case 'attempt_failed':
        return this.#attemptFailed(event)
      case 'row_succeeded':
        return this.#rowSucceeded(event)
      case 'row_failed':
        return this.#rowFailed(event)
      case 'row_left':
        this.#rows.left += 1
        this.#unknownPending.delete(event.line)
        return
      case 'rows_again':
        this.#rows.left -= event.count
        return
      case 'batch_submitted':
        this.#batches.set(event.id, event.rows)
        return
      case 'batch_collected':
        this.#batches.delete(event.id)
        this.#fromBatches.collected += 1
        return
      case 'batch_lost':
        return this.#batchLost(event)
      case 'limits_read':
        return this.#limitsRead(event)
      case 'binding_changed':
        this.#countBound(event.at)
        this.#binds = event.binds
        this.#bindsUntil = event.untilAt
        return
      case 'budget_used': {
        const { type: _type, at: _at, ...budget } = event
        this.#budget = budget
        return
      }
      case 'output_blocked':
        this.#outputBlocked = event.code
        return
      case 'run_stopping':
        this.#stopping = { code: event.code, message: event.message }
        return
      case 'notice':
        return
      default:
        unreachable(event)
    }
  }

  /** The run as of `now`. */
  snapshot(now: number): Snapshot {
    const { started, ended, refused, overloaded, broken } = this.#attempts
    const { attempts, costNanoUsd, priced, killedInFlight } = this.#unknown
    const pools = [...this.#pools].map(([name, pool]) => pool.snapshot(now, name))
    const bound = new Map(this.#bound)
    bound.set(this.#binds, (bound.get(this.#binds) ?? 0) + now - this.#bindsSince)
    return {
      elapsedMs: now - this.#startedAt,
      rows: { ...this.#rows, readAll: this.#readAll, expected: this.#expected() },
      batches: {
        outstanding: this.#batches.size,
        rows: sum([...this.#batches.values()]),
        ...this.#fromBatches,
      },
      attempts: { started, inFlight: started - ended, refused, overloaded, broken },
      possiblyBilledTwice: {
        rows: this.#unknownRows,
        attempts,
        costNanoUsdMax: priced ? costNanoUsd : null,
        killedInFlight,
      },
      tokens: { ...this.#tokens },
      costNanoUsd: this.#costNanoUsd,
      unpriced: this.#unpriced,
      cacheSavedNanoUsd: this.#cacheSavedNanoUsd,
      cacheLostNanoUsd: this.#cacheLostNanoUsd,
      budget: this.#budget,
      rates: {
        rowsPerSecond: this.#settledRate.perSecond(now),
        inputTokensPerMinute: sum(pools.map((pool) => pool.inputTokensPerMinute)),
        outputTokensPerMinute: sum(pools.map((pool) => pool.outputTokensPerMinute)),
      },
      pools,
      binds: this.#binds,
      bindsForMs: this.#bindsUntil === undefined ? null : Math.max(0, this.#bindsUntil - now),
      bound: [...bound].toSorted((a, b) => b[1] - a[1]),
      leftMs: this.#leftMs(now),
      outputBlocked: this.#outputBlocked,
      stopping: this.#stopping,
    }
  }

  #runStarted(event: RunStarted): void {
    this.#startedAt = event.at
    this.#bindsSince = event.at
    this.#inputBytes = event.inputBytes
    this.#unknown.killedInFlight = event.killedInFlight
    this.#settledRate.start(event.at)
  }

  #attemptFailed(event: AttemptFailed): void {
    this.#attempts.ended += 1
    if (event.kind === 'refused') this.#attempts.refused += 1
    else if (event.kind === 'overloaded') this.#attempts.overloaded += 1
    else if (event.kind === 'broken') this.#attempts.broken += 1
    this.#countUnknown(event.line, event.unknown)
  }

  #countUnknown(line: number, unknown: AttemptFailed['unknown']): void {
    if (unknown === null) return
    if (!this.#unknownPending.has(line)) {
      this.#unknownPending.add(line)
      this.#unknownRows += 1
    }
    this.#unknown.attempts += 1
    if (unknown.costNanoUsdMax === null) this.#unknown.priced = false
    else this.#unknown.costNanoUsd += unknown.costNanoUsdMax
  }

  #batchLost({ id, rows, costNanoUsdMax: cost }: BatchLost): void {
    if (id !== null) this.#batches.delete(id)
    this.#unknownRows += rows
    this.#unknown.attempts += rows
    if (cost === null) this.#unknown.priced = false
    else this.#unknown.costNanoUsd += cost
  }

  #rowSucceeded(event: RowSucceeded): void {
    const { usage } = event
    this.#rows.succeeded += 1
    // A settled row cannot be counted again, so the set holds only rows under way.
    this.#unknownPending.delete(event.line)
    this.#countTokens(event)
    if (event.costNanoUsd === null) this.#unpriced += 1
    else this.#costNanoUsd += event.costNanoUsd
    this.#settledRate.add(event.at, 1)
    if (event.batchId !== undefined) {
      // The limits of pools are not touched by batches.
      this.#fromBatches.answers += 1
      return
    }
    this.#attempts.ended += 1
    const pool = this.#pool(event.at, event.pool)
    pool?.input.add(event.at, meteredInputTokens(usage))
    pool?.output.add(event.at, usage.outputTokens)
  }

  #countTokens(event: RowSucceeded): void {
    const { usage, cacheMissedTokens = 0, cacheSavedNanoUsd, cacheLostNanoUsd = 0 } = event
    this.#tokens.input += usage.inputTokens
    this.#tokens.cacheWrite5m += usage.cacheWrite5mTokens
    this.#tokens.cacheWrite1h += usage.cacheWrite1hTokens
    this.#tokens.cacheRead += usage.cacheReadTokens
    this.#tokens.cacheMissed += cacheMissedTokens
    this.#tokens.output += usage.outputTokens
    this.#cacheSavedNanoUsd = added(this.#cacheSavedNanoUsd, cacheSavedNanoUsd)
    this.#cacheLostNanoUsd = added(this.#cacheLostNanoUsd, cacheLostNanoUsd)
  }

  #rowFailed(event: RowFailed): void {
    this.#rows.failed += 1
    this.#unknownPending.delete(event.line)
    this.#settledRate.add(event.at, 1)
  }

  #limitsRead({ at, pool, limits }: LimitsRead): void {
    const stats = this.#pool(at, pool)
    if (stats !== undefined) stats.limits = limits
  }

  /** Undefined for a pool beyond the number that is kept. */
  #pool(at: number, name: string): PoolStats | undefined {
    let pool = this.#pools.get(name)
    if (pool === undefined && this.#pools.size < poolsMax) {
      pool = new PoolStats(at)
      this.#pools.set(name, pool)
    }
    return pool
  }

  #countBound(at: number): void {
    const sofar = this.#bound.get(this.#binds) ?? 0
    this.#bound.set(this.#binds, sofar + at - this.#bindsSince)
    this.#bindsSince = at
  }

  #expected(): number | null {
    if (this.#readAll) return this.#rows.read
    if (this.#inputBytes === null || this.#bytesRead === 0) return null
    return Math.round((this.#rows.read * this.#inputBytes) / this.#bytesRead)
  }

  #leftMs(now: number): number | null {
    const expected = this.#expected()
    const { succeeded, failed, heldSucceeded, heldFailed, left } = this.#rows
    const settled = succeeded + failed
    // When a batch ends nobody knows.
    if (expected === null || settled === 0 || this.#batches.size > 0) return null
    const rows = Math.max(0, expected - settled - heldSucceeded - heldFailed - left)
    // Where answers are minutes apart the last ten seconds say nothing; the whole run does.
    const wholeRun = settled / Math.max(1, (now - this.#startedAt) / 1000)
    const perSecond = this.#settledRate.perSecond(now) || wholeRun
    return Math.max((rows / perSecond) * 1000, this.#refillMs(rows))
  }

  /**
   * The time in which the requests limits let so many rows pass. A run begins on full buckets,
   * far above the rate at which it must go on; that rate is known from the first reply.
   */
  #refillMs(rows: number): number {
    const readings = [...this.#pools.values()].map(({ limits }) => limits?.requests)
    const known = readings.filter((reading) => reading !== undefined)
    if (known.length === 0 || known.length < readings.length) return 0
    const remaining = sum(known.map((reading) => reading.remaining))
    const perMinute = sum(known.map((reading) => reading.limit))
    return (Math.max(0, rows - remaining) / perMinute) * 60_000
  }
}

/** What is unknown in part is unknown. */
function added(before: number | null, more: number | null): number | null {
  return before === null || more === null ? null : before + more
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/**
 * The state of a run as a fold of its events: what progress shows and the summary says.
 *
 * `Stats` is fed every event and read at any time; reading changes nothing. Counts are
 * rows unless they say otherwise, money is whole nano-dollars, durations are milliseconds.
 */

import { unreachable } from './assert.ts'
import { BindingStats } from './binding-stats.ts'
import type { BudgetState } from './budget.ts'
import type {
  AnswerTaken,
  AttemptFailed,
  BatchCollected,
  BatchCut,
  BatchLost,
  BatchSubmitted,
  Commanded,
  DeadlineJudged,
  LimitsRead,
  RowAskedAgain,
  RowFailed,
  RowLeft,
  RowSucceeded,
  RunEvent,
  RunStarted,
  SplitPlanned,
} from './events.ts'
import { isTruncated, meteredInputTokens } from './outcome.ts'
import { PoolStats } from './pool-stats.ts'
import { RecentRate } from './recent-rate.ts'
import type { Snapshot, TokenTotals } from './snapshot.ts'
import { costAtEnd, leftMs, leftRangeMs, type Pace, refillMs } from './time-left.ts'
import { UnknownTries } from './unknown-tries.ts'

/** A file may name any number of models; more pools than this are not watched one by one. */
const poolsMax = 32

const noTokens: TokenTotals = {
  input: 0,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  cacheRead: 0,
  cacheMissed: 0,
  output: 0,
}

/** What is known of the deadline; `judgedMs`: what was left of it in the end. */
interface Deadline {
  readonly at: number
  readonly isGuaranteed: boolean
  judgedMs: number | undefined
}

/** Folds events into snapshots. */
export class Stats {
  #startedAt = 0
  #startedWallAt = 0
  #inputBytes: number | null = null
  #bytesRead = 0
  readonly #rows = {
    read: 0,
    succeeded: 0,
    failed: 0,
    copied: 0,
    heldSucceeded: 0,
    heldFailed: 0,
    left: 0,
    twins: 0,
  }
  #readAll = false
  readonly #attempts = { started: 0, ended: 0, refused: 0, overloaded: 0, broken: 0 }
  readonly #unknown = new UnknownTries()
  readonly #tokens = { ...noTokens }
  #costNanoUsd = 0
  #unpriced = 0
  #cacheSavedNanoUsd: number | null = 0
  #cacheLostNanoUsd: number | null = 0
  #budget: BudgetState | null = null
  readonly #settledRate = new RecentRate()
  readonly #settledLately = new RecentRate(61)
  readonly #pools = new Map<string, PoolStats>()
  readonly #binding = new BindingStats()
  #paused = false
  #maxConcurrency: number | null = null
  #outputBlocked: string | null = null
  #stopping: { code: string; message: string } | null = null
  /** Rows of each batch that is outstanding, by its id. */
  readonly #batches = new Map<string, number>()
  readonly #incomplete = { truncated: 0, refused: 0, paused: 0, invalid: 0 }
  readonly #askedAgain = { truncated: 0, paused: 0, invalid: 0 }
  #askedAgainNanoUsd: number | null = 0
  readonly #fromBatches = { collected: 0, answers: 0, cut: 0 }
  #deadline: Deadline | null = null

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
      case 'row_asked_again':
        return this.#rowAskedAgain(event)
      case 'row_failed':
        return this.#rowFailed(event)
      case 'row_left':
        return this.#rowLeft(event)
      case 'rows_again':
        this.#rows.left -= event.count
        this.#rows.twins = 0
        return
      case 'row_copied':
        this.#rows[event.isFailure ? 'failed' : 'succeeded'] += 1
        this.#rows.copied += 1
        return
      case 'batch_submitted':
      case 'batch_collected':
      case 'batch_lost':
      case 'batch_cut':
        return this.#batchEvent(event)
      case 'split_planned':
      case 'deadline_judged':
        return this.#deadlineEvent(event)
      case 'limits_read':
        return this.#limitsRead(event)
      case 'binding_changed':
        return this.#binding.changed(event)
      case 'budget_used': {
        const { type: _type, at: _at, ...budget } = event
        this.#budget = budget
        return
      }
      case 'commanded':
        return this.#commanded(event)
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
    const pools = [...this.#pools].map(([name, pool]) => pool.snapshot(now, name))
    const pace = this.#pace(now)
    const toCome = this.#toCome()
    const atLeastMs = refillMs(toCome ?? 0, pools)
    return {
      elapsedMs: now - this.#startedAt,
      rows: { ...this.#rows, readAll: this.#readAll, expected: this.#expected() },
      incomplete: { ...this.#incomplete },
      askedAgain: { ...this.#askedAgain, costNanoUsd: this.#askedAgainNanoUsd },
      batches: {
        outstanding: this.#batches.size,
        rows: sum([...this.#batches.values()]),
        ...this.#fromBatches,
      },
      deadline: this.#deadline && this.#leftOf(this.#deadline, now),
      paused: this.#paused,
      maxConcurrency: this.#maxConcurrency,
      attempts: { started, inFlight: started - ended, refused, overloaded, broken },
      possiblyBilledTwice: this.#unknown.snapshot(),
      tokens: { ...this.#tokens },
      costNanoUsd: this.#costNanoUsd,
      costAtEndNanoUsd: toCome === null ? null : this.#costAtEnd(toCome),
      unpriced: this.#unpriced,
      cacheSavedNanoUsd: this.#cacheSavedNanoUsd,
      cacheLostNanoUsd: this.#cacheLostNanoUsd,
      budget: this.#budget,
      rates: {
        rowsPerSecond: pace.perSecond,
        rowsEachSecond: pace.eachSecond,
        inputTokensPerMinute: sum(pools.map((pool) => pool.inputTokensPerMinute)),
        outputTokensPerMinute: sum(pools.map((pool) => pool.outputTokensPerMinute)),
      },
      pools,
      ...this.#binding.snapshot(now),
      leftMs: toCome === null ? null : leftMs(toCome, pace, atLeastMs),
      leftRangeMs: toCome === null ? null : leftRangeMs(toCome, pace, atLeastMs),
      outputBlocked: this.#outputBlocked,
      stopping: this.#stopping,
    }
  }

  #leftOf({ at, isGuaranteed, judgedMs }: Deadline, now: number): Snapshot['deadline'] {
    const leftMs = judgedMs ?? at - (this.#startedWallAt + now - this.#startedAt)
    return { at, isGuaranteed, leftMs, isJudged: judgedMs !== undefined }
  }

  #runStarted(event: RunStarted): void {
    this.#startedAt = event.at
    this.#startedWallAt = event.wallAt
    this.#binding.start(event.at)
    this.#inputBytes = event.inputBytes
    this.#unknown.killedInFlight = event.killedInFlight
    this.#settledRate.start(event.at)
    this.#settledLately.start(event.at)
  }

  #attemptFailed(event: AttemptFailed): void {
    this.#attempts.ended += 1
    if (event.kind === 'refused') this.#attempts.refused += 1
    else if (event.kind === 'overloaded') this.#attempts.overloaded += 1
    else if (event.kind === 'broken') this.#attempts.broken += 1
    this.#unknown.failed(event.line, event.unknown)
  }

  #batchEvent(event: BatchSubmitted | BatchCollected | BatchLost | BatchCut): void {
    switch (event.type) {
      case 'batch_submitted':
        this.#batches.set(event.id, event.rows)
        return
      case 'batch_collected':
        this.#batches.delete(event.id)
        this.#fromBatches.collected += 1
        return
      case 'batch_cut':
        this.#fromBatches.cut += 1
        return
      case 'batch_lost':
        if (event.id !== null) this.#batches.delete(event.id)
        return this.#unknown.lost(event.rows, event.costNanoUsdMax)
      default:
        unreachable(event)
    }
  }

  #deadlineEvent(event: SplitPlanned | DeadlineJudged): void {
    if (event.type === 'split_planned') {
      const {
        deadlineAt: at,
        plan: { isGuaranteed },
      } = event
      if (at !== null) this.#deadline = { at, isGuaranteed, judgedMs: undefined }
    } else if (this.#deadline !== null) this.#deadline.judgedMs = event.leftMs
  }

  #rowSucceeded(event: RowSucceeded): void {
    this.#rows.succeeded += 1
    this.#countIncomplete(event)
    this.#countSettled(event)
    this.#countTaken(event.at, event)
  }

  #countIncomplete(event: RowSucceeded): void {
    if (event.stopReason === 'refusal') this.#incomplete.refused += 1
    else if (event.stopReason === 'pause_turn') this.#incomplete.paused += 1
    else if (isTruncated(event)) this.#incomplete.truncated += 1
    if (event.isInvalid === true) this.#incomplete.invalid += 1
  }

  #rowAskedAgain(event: RowAskedAgain): void {
    const { why, costNanoUsd } = event
    this.#askedAgain[why === 'invalid_output' ? 'invalid' : why] += 1
    this.#askedAgainNanoUsd = added(this.#askedAgainNanoUsd, costNanoUsd)
    this.#countTaken(event.at, event)
  }

  /** What an answer took, whatever becomes of its row. */
  #countTaken(at: number, taken: AnswerTaken): void {
    this.#countTokens(taken)
    if (taken.costNanoUsd === null) this.#unpriced += 1
    else this.#costNanoUsd += taken.costNanoUsd
    if (taken.isEarlier === true) return
    if (taken.batchId !== undefined) {
      // The limits of pools are not touched by batches.
      this.#fromBatches.answers += 1
      return
    }
    this.#attempts.ended += 1
    const pool = this.#pool(at, taken.pool)
    pool?.input.add(at, meteredInputTokens(taken.usage))
    pool?.output.add(at, taken.usage.outputTokens)
  }

  #countTokens(taken: AnswerTaken): void {
    const { usage, cacheMissedTokens = 0, cacheSavedNanoUsd, cacheLostNanoUsd = 0 } = taken
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
    this.#countSettled(event)
    if (event.answer !== undefined) this.#countTaken(event.at, event.answer)
  }

  #countSettled({ at, line }: RowSucceeded | RowFailed): void {
    this.#unknown.forget(line)
    this.#settledRate.add(at, 1)
    this.#settledLately.add(at, 1)
  }

  #rowLeft({ line, isTwin }: RowLeft): void {
    this.#rows.left += 1
    if (isTwin === true) this.#rows.twins += 1
    this.#unknown.forget(line)
  }

  #limitsRead({ at, pool, limits, others }: LimitsRead): void {
    const stats = this.#pool(at, pool)
    if (stats === undefined) return
    stats.limits = limits
    stats.others = others
  }

  #commanded({ command, maxConcurrency }: Commanded): void {
    if (command !== 'concurrency') this.#paused = command === 'pause'
    this.#maxConcurrency = maxConcurrency
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

  #expected(): number | null {
    if (this.#readAll) return this.#rows.read
    if (this.#inputBytes === null || this.#bytesRead === 0) return null
    return Math.round((this.#rows.read * this.#inputBytes) / this.#bytesRead)
  }

  /** Rows that are to be settled yet; null where that is not known, or when nobody knows. */
  #toCome(): number | null {
    const expected = this.#expected()
    // When a batch ends nobody knows.
    if (expected === null || this.#batches.size > 0) return null
    const { succeeded, failed, heldSucceeded, heldFailed, left } = this.#rows
    return Math.max(0, expected - succeeded - failed - heldSucceeded - heldFailed - left)
  }

  #pace(now: number): Pace {
    return {
      settled: this.#rows.succeeded + this.#rows.failed,
      elapsedMs: now - this.#startedAt,
      perSecond: this.#settledRate.perSecond(now),
      eachSecond: this.#settledLately.eachSecond(now),
    }
  }

  #costAtEnd(toCome: number): number | null {
    const { succeeded, failed, copied } = this.#rows
    if (this.#unpriced > 0) return null
    return costAtEnd(toCome, succeeded + failed - copied, this.#costNanoUsd)
  }
}

/** What is unknown in part is unknown. */
function added(before: number | null, more: number | null): number | null {
  return before === null || more === null ? null : before + more
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

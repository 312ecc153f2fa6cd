/**
 * What the page shows of a run under way: a fold of its events, in bounded space.
 *
 * Counts, rates and limits are those of `Stats`; here is what the page shows besides.
 */

import type {
  AnswerTaken,
  AttemptStarted,
  Notice,
  RowFailed,
  RowSucceeded,
  RunEvent,
  RunStarted,
} from '../events.ts'
import type { Prices } from '../money.ts'
import type { LimitReadings } from '../outcome.ts'
import type { PoolSnapshot } from '../pool-stats.ts'
import type { Snapshot } from '../snapshot.ts'
import { Stats } from '../stats.ts'
import type { RunSummary } from '../summary.ts'
import { version } from '../version.ts'
import { Answers } from './answers.ts'
import { Errors } from './errors.ts'
import { estimatesOf } from './estimates.ts'
import { nameOf } from './file-name.ts'
import { IntervalFold } from './interval.ts'
import { Series } from './series.ts'
import type { FailedView, LiveView, MeterView, PageView, PoolView, RunState } from './view.ts'

const failedMax = 200
const inFlightMax = 50
const batchesMax = 50
const noticesMax = 50
const messageCharsMax = 300

interface InFlight {
  readonly line: number
  readonly id: string
  readonly model: string
  readonly at: number
}

/** See above. An observer. */
export class LiveFold {
  readonly #prices: Prices
  readonly #stats = new Stats()
  readonly #answers = new Answers()
  readonly #errors = new Errors()
  readonly #intervals = new IntervalFold()
  readonly #series = new Series()
  /** By line: a row has one try at a time. */
  readonly #inFlight = new Map<number, InFlight>()
  readonly #batches = new Map<string, { readonly rows: number; readonly at: number }>()
  readonly #failed: FailedView[] = []
  #notices: { readonly at: number; readonly message: string }[] = []
  #started: RunStarted | undefined
  #ended: RunSummary | undefined

  constructor(prices: Prices) {
    this.#prices = prices
  }

  observe(event: RunEvent): void {
    if (this.#intervals.length(event.at) >= this.#series.lengthMs) {
      this.#series.add(this.#intervals.close(event.at))
    }
    this.#intervals.observe(event)
    this.#stats.observe(event)
    const { type } = event
    if (type === 'run_started') this.#started ??= event
    else if (type === 'attempt_started') this.#attemptStarted(event)
    else if (type === 'attempt_failed') {
      this.#inFlight.delete(event.line)
      this.#errors.addTry(event.status, event.error)
    } else if (type === 'row_succeeded') this.#taken(event.line, event, event)
    else if (type === 'row_asked_again') this.#taken(event.line, event)
    else if (type === 'row_failed') this.#rowFailed(event)
    else if (type === 'notice') this.#notice(event)
    else if (type === 'batch_submitted') {
      this.#batches.set(event.id, { rows: event.rows, at: event.at })
    } else if (type === 'batch_collected' || type === 'batch_lost') {
      this.#batches.delete(event.id ?? '')
    }
  }

  /** The run is over, and this is how it went. */
  end(summary: RunSummary): void {
    this.#ended = summary
  }

  /** The run as of `now`, of its clock. */
  view(now: number): PageView {
    const snapshot = this.#stats.snapshot(now)
    const at = this.#wallAt(now)
    const answers = this.#answers.view(this.#prices, at)
    const ended = this.#ended
    return {
      form: 1,
      state: this.#stateOf(snapshot),
      at,
      run: this.#runOf(snapshot),
      rows: rowsOf(snapshot),
      leftMs: ended === undefined ? snapshot.leftRangeMs : null,
      cost: {
        ...answers.cost,
        atEndNanoUsd: ended === undefined ? snapshot.costAtEndNanoUsd : null,
        perhapsNanoUsd: snapshot.possiblyBilledTwice.costNanoUsdMax,
        cacheSavedNanoUsd: snapshot.cacheSavedNanoUsd,
      },
      tokens: answers.tokens,
      binds: ended === undefined ? snapshot.binds : '',
      bound: snapshot.bound.map(([name, ms]) => ({ name, ms: Math.round(ms) })),
      pools: snapshot.pools.map(poolOf),
      series: this.#series.view(),
      latency: answers.latency,
      errors: this.#errors.view(),
      estimates: ended === undefined ? null : estimatesOf(ended),
      slowest: answers.slowest,
      failed: this.#failed,
      live: ended === undefined ? this.#liveOf(now) : null,
    }
  }

  #attemptStarted({ line, id, model, at }: AttemptStarted): void {
    this.#inFlight.set(line, { line, id, model, at })
  }

  #taken(line: number, taken: AnswerTaken, row?: RowSucceeded): void {
    this.#inFlight.delete(line)
    if (taken.isEarlier === true) return
    const { model, usage, costNanoUsd } = taken
    this.#answers.add({ model, usage, costNanoUsd })
    if (row === undefined || taken.batchId !== undefined) return
    const latencyMs = Math.round(row.latencyMs)
    if (!this.#answers.took(latencyMs)) return
    const { id, attempts, requestId } = row
    const { outputTokens } = usage
    this.#answers.keep({
      line,
      id,
      attempts,
      requestId,
      latencyMs,
      model,
      outputTokens,
      costNanoUsd,
    })
  }

  #rowFailed(event: RowFailed): void {
    const { line, id, attempts, requestId, error, status, answer } = event
    this.#inFlight.delete(line)
    this.#errors.addRow(status, error)
    if (answer !== undefined) this.#taken(line, answer)
    if (this.#failed.length >= failedMax) return
    const message = error.message.slice(0, messageCharsMax)
    this.#failed.push({ line, id, attempts, requestId, type: error.type, message })
  }

  #notice({ at, message }: Notice): void {
    const notice = { at: this.#wallAt(at), message }
    this.#notices = [notice, ...this.#notices].slice(0, noticesMax)
  }

  #wallAt(at: number): number {
    const { wallAt = 0, at: startedAt = 0 } = this.#started ?? {}
    return Math.round(wallAt + at - startedAt)
  }

  #stateOf({ stopping, paused }: Snapshot): RunState {
    if (this.#ended !== undefined) return this.#ended.stopped === null ? 'ended' : 'stopped'
    if (stopping !== null) return 'stopping'
    return paused ? 'paused' : 'running'
  }

  #runOf({ elapsedMs, stopping }: Snapshot): PageView['run'] {
    const { input = '', output = '', failedOutput = '', wallAt = null } = this.#started ?? {}
    const { stopped = stopping } = this.#ended ?? {}
    return {
      name: nameOf(output === '-' ? input : output),
      input,
      output,
      failedOutput,
      startedAt: wallAt === null ? null : Math.round(wallAt),
      elapsedMs: Math.round(elapsedMs),
      starts: 1,
      stopped: stopped === null ? null : { code: stopped.code, message: stopped.message },
      version,
    }
  }

  #liveOf(now: number): LiveView {
    // In the order in which they began: a map keeps that of its entries.
    const first = [...this.#inFlight.values()].slice(0, inFlightMax)
    return {
      inFlight: first.map(({ at, ...row }) => ({ ...row, ageMs: Math.round(now - at) })),
      batches: [...this.#batches].slice(0, batchesMax).map(([id, { rows, at }]) => ({
        id,
        rows,
        ageMs: Math.round(now - at),
      })),
      notices: this.#notices,
    }
  }
}

function rowsOf({ rows, attempts, rates, incomplete }: Snapshot): PageView['rows'] {
  return {
    expected: rows.expected,
    isCounted: rows.readAll,
    succeeded: rows.succeeded + rows.heldSucceeded,
    failed: rows.failed + rows.heldFailed,
    copied: rows.copied,
    inFlight: attempts.inFlight,
    perSecond: rates.rowsPerSecond,
    truncated: incomplete.truncated,
    refused: incomplete.refused,
    invalid: incomplete.invalid,
  }
}

function poolOf(pool: PoolSnapshot): PoolView {
  const { name, limits, others } = pool
  const meter = (of: keyof LimitReadings & MeterView['name'], used: number): MeterView => ({
    name: of,
    limit: limits?.[of]?.limit ?? null,
    used,
    others: limits === undefined ? null : (others?.[of] ?? 0),
  })
  const { requestsPerMinute, inputTokensPerMinute: input, outputTokensPerMinute: output } = pool
  const own = [meter('requests', requestsPerMinute), meter('input', input), meter('output', output)]
  const together = limits?.tokens === undefined ? [] : [meter('tokens', input + output)]
  return { name, meters: [...own, ...together] }
}

/**
 * The loop of a run: performs what the scheduler decides, tells it what happened.
 *
 * Everything passes through `#step`: an event goes in, decisions come out and are done at
 * once, in the same turn. Rows are read only as far ahead as the scheduler has room. One
 * timer is armed at a time, for the instant the scheduler names; nothing polls.
 *
 * Observers see events after they are true: `row_succeeded` when the answer was handed to
 * `write()`, not when it was read.
 */

import type { Cancel } from './clock.ts'
import type { RunContext } from './context.ts'
import type { Decision, SchedulerEvent, Unanswered } from './decision.ts'
import { RunError } from './errors.ts'
import type { Observer, RunEvent } from './events.ts'
import type { Ledger } from './ledger.ts'
import type { Line } from './lines.ts'
import type { Prices } from './money.ts'
import { parseOptionsOf, type Settings } from './options.ts'
import type { Answered, LimitReadings, Outcome } from './outcome.ts'
import type { Plan } from './plan.ts'
import { parseLine } from './request.ts'
import type { Scheduler } from './scheduler.ts'
import { Settled } from './settled.ts'
import type { Source } from './source.ts'
import type { Exchange, Listener, Transport } from './transport.ts'
import type { Attempt, Work } from './work.ts'

/** The parts a loop joins. */
export interface LoopParts {
  readonly context: RunContext
  readonly settings: Settings
  readonly source: Source
  readonly plan: Plan
  readonly scheduler: Scheduler
  readonly transport: Transport
  readonly ledger: Ledger
  readonly prices: Prices
  readonly observe: Observer
}

/** The lock shows this often that its holder lives. */
const beatMs = 2000
/** A timer this late means the machine, or the process, did not run. */
const sleptMs = 5000
/** After such a pause, what arrived meanwhile is read first. */
const wakeGraceMs = 2000
const limitsShownEveryMs = 1000

export class Loop {
  readonly #parts: LoopParts
  readonly #exchanges = new Map<Attempt, Exchange>()
  readonly #settled = new Settled()
  readonly #limitsShownAt = new Map<string, number>()
  #timer: { at: number; cancel: Cancel } | undefined
  #beat: Cancel | undefined
  #mostInFlight = 0
  #binds = ''
  #roomWaiter: (() => void) | undefined
  #finish: () => void = () => {}
  #fail: (error: unknown) => void = () => {}
  #giveUp: () => void = () => {}
  #readAll = false
  #heldSince = { count: 0, succeeded: 0, failed: 0, bytes: 0 }

  constructor(parts: LoopParts) {
    this.#parts = parts
  }

  /** True when the input was read to its end (or as far as `first` asks). */
  get readAll(): boolean {
    return this.#readAll
  }

  /** Resolves when the user's grace is over: what is not written by then is not waited for. */
  readonly graceOver: Promise<void> = new Promise((resolve) => {
    this.#giveUp = resolve
  })

  /** Rows that were read and are not counted out. */
  get unsettled(): number {
    return this.#parts.plan.count - this.#settled.count
  }

  /** Runs until nothing is left to do or to wait for. Rejects only for bugs and lost files. */
  async run(): Promise<void> {
    const finished = new Promise<void>((resolve, reject) => {
      this.#finish = resolve
      this.#fail = reject
    })
    this.#scheduleBeat()
    try {
      // Reading may wait for ever for a pipe; a run that is told to stop does not wait for it.
      this.#feed().catch((error: unknown) => this.#fail(error))
      await finished
    } finally {
      this.#beat?.()
      this.#timer?.cancel()
    }
  }

  /** Starts nothing more, and ends what is under way after `graceMs`. */
  stop(error: RunError, graceMs: number): void {
    this.#step({ type: 'stop', error })
    this.#parts.context.clock.after(graceMs, () => {
      this.#step({ type: 'abandon' })
      this.#giveUp()
    })
  }

  /** The output cannot be written (`ENOSPC`…), or can again (null). */
  hold(code: string | null): void {
    this.#observe({ type: 'output_blocked', at: this.#now(), code })
    this.#step({ type: 'hold', why: 'output', on: code !== null })
  }

  /** The files are lost to us: nothing that arrives can be kept. */
  lost(error: RunError): void {
    this.#step({ type: 'stop', error })
    this.#step({ type: 'abandon' })
  }

  // Reading.

  async #feed(): Promise<void> {
    const { source, settings, plan, scheduler } = this.#parts
    for await (const lines of source.batches()) {
      for (const line of lines) {
        if (scheduler.stopping !== undefined) return
        if (plan.count >= settings.first) break
        if (!scheduler.hasRoom) await this.#room()
        this.#take(line)
      }
      this.#tellRowsRead()
      if (plan.count >= settings.first) break
    }
    if (scheduler.stopping !== undefined) return
    this.#readAll = true
    this.#observe({ type: 'input_ended', at: this.#now() })
    this.#step({ type: 'input_ended' })
  }

  #room(): Promise<void> {
    this.#tellRowsRead()
    return new Promise((resolve) => {
      this.#roomWaiter = resolve
    })
  }

  #take(line: Line): void {
    const { plan, ledger } = this.#parts
    const planned = plan.next(line)
    const since = this.#heldSince
    since.count += 1
    since.bytes = line.offset + line.bytes.length
    if (planned.type === 'work') return this.#step({ type: 'row', work: planned.work })
    if (planned.type === 'held') {
      if (planned.as === 'failed') since.failed += 1
      else since.succeeded += 1
      this.#settled.mark(plan.count - 1)
      return ledger.held(plan.count - 1, planned.key, planned.as)
    }
    const { fault, sequence } = planned
    ledger.fault(planned, () => {
      this.#settled.mark(sequence)
      const { lineNumber, id, error } = fault
      const failed = { line: lineNumber, id, error, status: 0, requestId: null, attempts: 0 }
      this.#observe({ type: 'row_failed', at: this.#now(), ...failed })
    })
    this.#step({ type: 'fault', error: fault.error })
  }

  #tellRowsRead(): void {
    const { count, succeeded, failed, bytes } = this.#heldSince
    if (count === 0) return
    const held = { heldSucceeded: succeeded, heldFailed: failed }
    this.#observe({ type: 'rows_read', at: this.#now(), count, ...held, bytes })
    this.#heldSince = { count: 0, succeeded: 0, failed: 0, bytes }
  }

  // Deciding and doing.

  #step(event: SchedulerEvent): void {
    try {
      const { scheduler } = this.#parts
      this.#perform(scheduler.step(this.#now(), event))
      this.#afterStep(scheduler)
    } catch (error) {
      this.#fail(error)
    }
  }

  #perform(decisions: readonly Decision[]): void {
    for (const decision of decisions) {
      switch (decision.type) {
        case 'start':
          this.#start(decision.attempt)
          break
        case 'abort':
          this.#exchanges.get(decision.attempt)?.abort(decision.reason)
          break
        case 'succeed':
          this.#succeed(decision.attempt, decision.outcome)
          break
        case 'fail':
          this.#failRow(decision.attempt, decision.outcome)
          break
        case 'leave':
          this.#leave(decision.work)
          break
        case 'stop':
          this.#stopping(decision.error)
          break
        case 'retry':
          break
        default:
          decision satisfies never
      }
    }
  }

  #afterStep(scheduler: Scheduler): void {
    if (scheduler.binds !== this.#binds) {
      this.#binds = scheduler.binds
      this.#observe({ type: 'binding_changed', at: this.#now(), binds: this.#binds })
    }
    this.#mostInFlight = Math.max(this.#mostInFlight, scheduler.inFlight)
    if (this.#roomWaiter && (scheduler.wantsRows || scheduler.stopping)) {
      const resume = this.#roomWaiter
      this.#roomWaiter = undefined
      resume()
    }
    if (scheduler.finished) return this.#finish()
    this.#arm(scheduler.nextWakeAt)
  }

  /** A timer that fires too early costs an empty step; one too late costs throughput. */
  #arm(at: number): void {
    if (at === Infinity || (this.#timer && this.#timer.at <= at)) return
    this.#timer?.cancel()
    const { clock } = this.#parts.context
    // Timers count whole milliseconds, and a wait of none would never let time pass.
    const delayMs = Math.max(1, Math.ceil(at - clock.now()))
    const cancel = clock.after(delayMs, () => {
      this.#timer = undefined
      this.#noticeSleep(clock.now() - at)
      this.#step({ type: 'wake' })
    })
    this.#timer = { at, cancel }
  }

  #noticeSleep(lateMs: number): void {
    if (lateMs < sleptMs) return
    const { clock } = this.#parts.context
    const before = clock.now()
    clock.after(wakeGraceMs, () => this.#step({ type: 'slept', before }))
    const seconds = Math.round(lateMs / 1000)
    const message = `the machine slept for about ${seconds} s: connections are opened anew`
    this.#observe({ type: 'notice', at: before, message })
  }

  #scheduleBeat(): void {
    const { context, ledger } = this.#parts
    this.#beat = context.clock.after(beatMs, () => {
      try {
        ledger.beat(this.#mostInFlight)
      } catch (error) {
        if (!(error instanceof RunError)) return this.#fail(error)
        this.lost(error)
      }
      this.#mostInFlight = this.#parts.scheduler.inFlight
      this.#scheduleBeat()
    })
  }

  // Tries.

  #start(attempt: Attempt): void {
    const { transport } = this.#parts
    const { work } = attempt
    work.body ??= this.#readBodyAgain(work)
    if (work.body === undefined) return this.#inputChanged(attempt)
    const { lineNumber: line, id, model } = work.row
    const { number, stream } = attempt
    const started = { attempt: number, line, id, model, pool: work.pool, stream }
    this.#observe({ type: 'attempt_started', at: attempt.startedAt, ...started })
    const dispatch = { body: work.body, stream, model }
    this.#exchanges.set(attempt, transport.send(dispatch, this.#listener(attempt)))
  }

  /** The body of a row that waited for its retry; undefined if the input is no longer what it was. */
  #readBodyAgain(work: Work): Uint8Array | undefined {
    const { source, settings } = this.#parts
    const { offset, byteLength, lineNumber, key } = work.row
    const bytes = source.reread?.(offset, byteLength)
    const line = bytes && { number: lineNumber, offset, bytes }
    const row = line && parseLine(line, parseOptionsOf(settings))
    return row?.kind === 'row' && row.key === key ? row.body : undefined
  }

  #inputChanged(attempt: Attempt): void {
    const message = `Cannot retry line ${attempt.work.row.lineNumber}: the input changed meanwhile`
    const hint = 'run the same command again; only new and edited rows are asked'
    this.#step({ type: 'stop', error: new RunError('INPUT_CHANGED', message, { hint }) })
    // Nothing was sent; the run is stopping, so the row is left.
    const error = { type: 'input_changed', message }
    this.#outcome(attempt, { kind: 'broken', status: 0, requestId: null, error, unknown: false })
  }

  #listener(attempt: Attempt): Listener {
    return {
      head: (status, limits) => {
        this.#showLimits(attempt, limits)
        // The head of a plain answer comes with its end, and says nothing sooner.
        if (attempt.stream) this.#step({ type: 'head', attempt, status, limits })
      },
      bytes: () => {
        attempt.lastByteAt = this.#now()
      },
      outcome: (outcome) => this.#outcome(attempt, outcome),
    }
  }

  #outcome(attempt: Attempt, outcome: Outcome): void {
    try {
      this.#exchanges.delete(attempt)
      const { scheduler } = this.#parts
      const decisions = scheduler.step(this.#now(), { type: 'outcome', attempt, outcome })
      if (outcome.kind !== 'answered') this.#tellFailure(attempt, outcome, decisions)
      this.#perform(decisions)
      this.#afterStep(scheduler)
    } catch (error) {
      this.#fail(error)
    }
  }

  #tellFailure(attempt: Attempt, outcome: Unanswered, decisions: readonly Decision[]): void {
    const { work } = attempt
    const retry = decisions.find((decision) => decision.type === 'retry')
    const unknown = 'unknown' in outcome && outcome.unknown
    this.#observe({
      type: 'attempt_failed',
      at: this.#now(),
      attempt: attempt.number,
      line: work.row.lineNumber,
      id: work.row.id,
      pool: work.pool,
      kind: outcome.kind,
      status: outcome.status,
      error: outcome.error,
      requestId: outcome.requestId,
      latencyMs: this.#now() - attempt.startedAt,
      unknown: unknown ? { costNanoUsdMax: this.#worstCase(attempt) } : null,
      waitMs: retry?.delayMs ?? null,
    })
  }

  #worstCase({ work, cost }: Attempt): number | null {
    const { prices, context } = this.#parts
    // The estimate may be low; twice it, or a token a byte, is not.
    const inputTokens = Math.min(work.bodyBytes, 2 * cost.input)
    const request = { inputTokens, outputTokensMax: work.row.maxTokens }
    return prices.worstCaseNanoUsd(work.row.model, { ...request, at: context.clock.wallTime() })
  }

  #showLimits(attempt: Attempt, limits: LimitReadings | undefined): void {
    if (limits === undefined) return
    const now = this.#now()
    const { pool } = attempt.work
    if (now - (this.#limitsShownAt.get(pool) ?? -Infinity) < limitsShownEveryMs) return
    this.#limitsShownAt.set(pool, now)
    this.#observe({ type: 'limits_read', at: now, pool, limits })
  }

  // Settling.

  #succeed(attempt: Attempt, outcome: Answered): void {
    const { context, ledger, prices } = this.#parts
    const { work } = attempt
    const at = context.clock.wallTime()
    const costNanoUsd = prices.costNanoUsd(outcome.model, outcome.usage, { at })
    const latencyMs = this.#now() - attempt.startedAt
    const attempts = work.attempts + 1
    ledger.succeed(work, { outcome, costNanoUsd, latencyMs, attempts }, () => {
      this.#settled.mark(work.sequence)
      this.#observe({
        type: 'row_succeeded',
        at: this.#now(),
        line: work.row.lineNumber,
        id: work.row.id,
        model: outcome.model,
        pool: work.pool,
        usage: outcome.usage,
        stopReason: outcome.stopReason,
        costNanoUsd,
        latencyMs,
        attempts,
        requestId: outcome.requestId,
      })
    })
    work.body = undefined
  }

  #failRow(attempt: Attempt, outcome: Unanswered): void {
    const { work } = attempt
    const { lineNumber: line, id } = work.row
    const { error, status, requestId } = outcome
    const attempts = Math.max(1, work.attempts)
    const latencyMs = this.#now() - attempt.startedAt
    this.#parts.ledger.fail(work, { outcome, latencyMs, attempts }, () => {
      this.#settled.mark(work.sequence)
      const failed = { line, id, error, status, requestId, attempts }
      this.#observe({ type: 'row_failed', at: this.#now(), ...failed })
    })
    work.body = undefined
  }

  #leave(work: Work): void {
    this.#settled.mark(work.sequence)
    const { ledger, scheduler } = this.#parts
    ledger.leave(work, scheduler.stopping === undefined)
    work.body = undefined
    const { lineNumber: line, id, model } = work.row
    this.#observe({ type: 'row_left', at: this.#now(), line, id, model })
  }

  #stopping(error: RunError): void {
    const { code, message } = error
    this.#observe({
      type: 'run_stopping',
      at: this.#now(),
      code,
      message,
      hint: error.hint ?? null,
    })
  }

  /**
   * Every row that was read is settled, or the run says which are not. To be called when all is written.
   *
   * @throws {RunError} `COUNT_MISMATCH`
   */
  countOut(): void {
    const { plan, scheduler } = this.#parts
    const missing = this.#settled.missing(plan.count, 20)
    if (missing.length === 0) return
    const rows = missing.join(', ')
    throw new RunError(
      'COUNT_MISMATCH',
      `Lost count of ${plan.count - this.#settled.count} of ${plan.count} rows, among them ${rows}`,
      {
        hint: 'run the same command again: rows without a line are asked',
        cause: scheduler.stopping,
      },
    )
  }

  #now(): number {
    return this.#parts.context.clock.now()
  }

  #observe(event: RunEvent): void {
    this.#parts.observe(event)
  }
}

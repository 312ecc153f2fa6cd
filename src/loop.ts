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

import type { Books } from './books.ts'
import type { Cancel } from './clock.ts'
import type { RunContext } from './context.ts'
import type { Decision, SchedulerEvent, Unanswered } from './decision.ts'
import { RunError } from './errors.ts'
import type { Observer, RunEvent } from './events.ts'
import { Feed } from './feed.ts'
import type { Prices } from './money.ts'
import type { Settings } from './options.ts'
import type { Answered, LimitReadings, Outcome } from './outcome.ts'
import type { Plan, Planned } from './plan.ts'
import type { Scheduler } from './scheduler.ts'
import { Settled } from './settled.ts'
import type { Source } from './source.ts'
import * as telling from './telling.ts'
import type { Listener, Transport } from './transport.ts'
import type { Attempt, Work } from './work.ts'

/** The parts a loop joins. */
export interface LoopParts {
  readonly context: RunContext
  readonly settings: Settings
  readonly source: Source
  readonly plan: Plan
  readonly scheduler: Scheduler
  readonly transport: Transport
  readonly books: Books
  readonly prices: Prices
  readonly observe: Observer
}

/** The lock shows this often that its holder lives. */
const beatMs = 2000
/** A timer this late means the machine, or the process, did not run. */
const sleptMs = 5000
const limitsShownEveryMs = 1000

export class Loop {
  readonly #parts: LoopParts
  readonly #feed: Feed
  readonly #settled = new Settled()
  readonly #limitsShownAt = new Map<string, number>()
  #timer: { at: number; cancel: Cancel } | undefined
  #grace: Cancel | undefined
  #beat: Cancel | undefined
  #mostInFlight = 0
  #binds = ''
  #finish: () => void = () => {}
  #fail: (error: unknown) => void = () => {}
  #giveUp: () => void = () => {}
  #readAll = false

  constructor(parts: LoopParts) {
    const { scheduler } = parts
    this.#parts = parts
    this.#feed = new Feed(parts, {
      get hasRoom() {
        return scheduler.hasRoom
      },
      get isStopping() {
        return scheduler.stopping !== undefined
      },
      take: (planned, sequence) => this.#take(planned, sequence),
      read: (rows) => this.#observe({ type: 'rows_read', at: this.#now(), ...rows }),
    })
  }

  /** True when the input was read to its end (or as far as `first` asks). */
  get readAll(): boolean {
    return this.#readAll
  }

  /** Resolves when the user's grace is over: what is not written by then is not waited for. */
  readonly graceOver: Promise<void> = new Promise((resolve) => {
    this.#giveUp = resolve
  })

  /** To be called when nothing is waited for any more. */
  close(): void {
    this.#grace?.()
  }

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
    // It may have been stopped before it began.
    if (this.#parts.scheduler.finished) return
    this.#scheduleBeat()
    try {
      // Reading may wait for ever for a pipe; a run that is told to stop does not wait for it.
      this.#feed.run().then(
        (readAll) => this.#inputEnded(readAll),
        (error: unknown) => this.#fail(error),
      )
      await finished
    } finally {
      this.#beat?.()
      this.#timer?.cancel()
    }
  }

  /** Starts nothing more, and ends what is under way after `graceMs`. */
  stop(error: RunError, graceMs: number): void {
    this.#step({ type: 'stop', error })
    this.#grace ??= this.#parts.context.clock.after(graceMs, () => this.abandon(error))
  }

  /** The output cannot be written (`ENOSPC`…), or can again (null). */
  hold(code: string | null): void {
    this.#observe({ type: 'output_blocked', at: this.#now(), code })
    this.#step({ type: 'hold', why: 'output', on: code !== null })
  }

  /** Results wait for someone to take them; nothing starts until some are taken. */
  awaitTaker(on: boolean): void {
    this.#step({ type: 'hold', why: 'results', on })
  }

  /** Starts nothing more, and ends what is under way: what arrives can not be kept any more. */
  abandon(error: RunError): void {
    this.#step({ type: 'stop', error })
    this.#step({ type: 'abandon' })
    this.#giveUp()
  }

  /** To be called when all is written. @throws {RunError} `COUNT_MISMATCH` */
  countOut(): void {
    const { plan, scheduler } = this.#parts
    this.#settled.countOut(plan.count, scheduler.stopping)
  }

  // Reading.

  #inputEnded(readAll: boolean): void {
    if (!readAll) return
    this.#readAll = true
    this.#observe({ type: 'input_ended', at: this.#now() })
    this.#step({ type: 'input_ended' })
  }

  #take(planned: Planned, sequence: number): void {
    const { books } = this.#parts
    if (planned.type === 'work') return this.#step({ type: 'row', work: planned.work })
    if (planned.type === 'held') {
      this.#settled.mark(sequence)
      return books.held(sequence, planned.key, planned.as)
    }
    books.fault(planned, () => {
      this.#settled.mark(sequence)
      this.#observe(telling.faultFailed(this.#now(), planned.fault))
    })
    this.#step({ type: 'fault', error: planned.fault.error })
  }

  // Deciding and doing.

  #step(event: SchedulerEvent): void {
    try {
      this.#noticeSleep()
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
          decision.attempt.exchange?.abort(decision.reason)
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
        case 'notice':
          this.#observe({ type: 'notice', at: this.#now(), message: decision.message })
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
    if (scheduler.wantsRows || scheduler.stopping !== undefined) this.#feed.wake()
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
      this.#noticeSleep()
      this.#timer?.cancel()
      this.#timer = undefined
      this.#step({ type: 'wake' })
    })
    this.#timer = { at, cancel }
  }

  /** To be called before anything else is made of an event: it may be the first since the sleep. */
  #noticeSleep(): void {
    const before = this.#now()
    const lateMs = before - (this.#timer?.at ?? before)
    if (lateMs < sleptMs) return
    this.#timer?.cancel()
    this.#timer = undefined
    const seconds = Math.round(lateMs / 1000)
    const message = `the machine slept for about ${seconds} s: connections are opened anew`
    this.#observe({ type: 'notice', at: before, message })
    this.#step({ type: 'slept', before })
  }

  #scheduleBeat(): void {
    const { context, books, scheduler } = this.#parts
    this.#beat = context.clock.after(beatMs, () => {
      try {
        books.beat(this.#mostInFlight)
      } catch (error) {
        if (!(error instanceof RunError)) return this.#fail(error)
        this.abandon(error)
      }
      this.#mostInFlight = scheduler.inFlight
      this.#scheduleBeat()
    })
  }

  // Tries.

  #start(attempt: Attempt): void {
    const { transport, scheduler } = this.#parts
    const { work, stream } = attempt
    // The run was stopped by what was done since the decision: a line that could not be written.
    if (scheduler.stopping !== undefined) return this.#notSent(attempt, scheduler.stopping.message)
    work.body ??= this.#feed.bodyAgain(work)
    if (work.body === undefined) return this.#inputChanged(attempt)
    this.#observe(telling.attemptStarted(attempt.startedAt, attempt))
    const dispatch = { body: work.body, stream, model: work.row.model }
    attempt.exchange = transport.send(dispatch, this.#listener(attempt))
  }

  #inputChanged(attempt: Attempt): void {
    const message = `Cannot retry line ${attempt.work.row.lineNumber}: the input changed meanwhile`
    const hint = 'run the same command again; only new and edited rows are asked'
    this.#step({ type: 'stop', error: new RunError('INPUT_CHANGED', message, { hint }) })
    this.#notSent(attempt, message)
  }

  /** The run is stopping, so the row is left. Nobody was told that a try began. */
  #notSent(attempt: Attempt, message: string): void {
    const error = { type: 'not_sent', message }
    const outcome = { kind: 'broken', status: 0, requestId: null, error, unknown: false } as const
    this.#step({ type: 'outcome', attempt, outcome })
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
      this.#noticeSleep()
      attempt.exchange = undefined
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
    const retry = decisions.find((decision) => decision.type === 'retry')
    const { prices, context } = this.#parts
    const isUnknown = 'unknown' in outcome && outcome.unknown
    const at = context.clock.wallTime()
    const unknown = isUnknown
      ? { costNanoUsdMax: telling.costNanoUsdMax(prices, attempt, at) }
      : null
    const waitMs = retry?.delayMs ?? null
    this.#observe(telling.attemptFailed(this.#now(), attempt, { outcome, unknown, waitMs }))
  }

  #showLimits({ work }: Attempt, limits: LimitReadings | undefined): void {
    if (limits === undefined) return
    const now = this.#now()
    const { pool } = work
    if (now - (this.#limitsShownAt.get(pool) ?? -Infinity) < limitsShownEveryMs) return
    this.#limitsShownAt.set(pool, now)
    this.#observe({ type: 'limits_read', at: now, pool, limits })
  }

  // Settling.

  #succeed({ work, startedAt }: Attempt, outcome: Answered): void {
    const { context, books, prices } = this.#parts
    const at = context.clock.wallTime()
    const costNanoUsd = prices.costNanoUsd(outcome.model, outcome.usage, { at })
    const latencyMs = this.#now() - startedAt
    const answer = { outcome, costNanoUsd, latencyMs, attempts: work.attempts + 1 }
    books.succeed(work, answer, () => {
      this.#settled.mark(work.sequence)
      this.#observe(telling.rowSucceeded(this.#now(), work, answer))
    })
    work.body = undefined
  }

  #failRow({ work, startedAt }: Attempt, outcome: Unanswered): void {
    const latencyMs = this.#now() - startedAt
    const failure = { outcome, latencyMs, attempts: Math.max(1, work.attempts) }
    this.#parts.books.fail(work, failure, () => {
      this.#settled.mark(work.sequence)
      this.#observe(telling.rowFailed(this.#now(), work, failure))
    })
    work.body = undefined
  }

  #leave(work: Work): void {
    const { books, scheduler } = this.#parts
    this.#settled.mark(work.sequence)
    books.leave(work, scheduler.stopping === undefined)
    work.body = undefined
    this.#observe(telling.rowLeft(this.#now(), work))
  }

  #stopping({ code, message, hint }: RunError): void {
    this.#observe({ type: 'run_stopping', at: this.#now(), code, message, hint: hint ?? null })
  }

  #now(): number {
    return this.#parts.context.clock.now()
  }

  #observe(event: RunEvent): void {
    this.#parts.observe(event)
  }
}

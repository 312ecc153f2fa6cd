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

import { Alarm } from './alarm.ts'
import type { Books } from './books.ts'
import type { Ceilings } from './ceilings.ts'
import type { Cancel } from './clock.ts'
import type { RunContext } from './context.ts'
import type { Decision, SchedulerEvent, Unanswered } from './decision.ts'
import { RunError } from './errors.ts'
import type { Observer } from './events.ts'
import { Feed } from './feed.ts'
import type { Prices } from './money.ts'
import type { Settings } from './options.ts'
import type { Answered, LimitReadings, Outcome } from './outcome.ts'
import type { Plan, Planned } from './plan.ts'
import type { Scheduler } from './scheduler.ts'
import { Settled } from './settled.ts'
import type { Source } from './source.ts'
import { recordNotice, type Spending } from './spending.ts'
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
  /** Absent in a run without a budget. */
  readonly spending: Spending | undefined
  readonly observe: Observer
}

/** The lock shows this often that its holder lives. */
const beatMs = 2000

export class Loop {
  readonly #parts: LoopParts
  readonly #observe: Observer
  readonly #feed: Feed
  readonly #alarm: Alarm
  readonly #settled = new Settled()
  readonly #limitsTold = new telling.LimitsTold()
  #grace: Cancel | undefined
  #beat: Cancel | undefined
  #mostInFlight = 0
  #binds = ''
  #finish: () => void = () => {}
  #fail: (error: unknown) => void = () => {}
  #giveUp: () => void = () => {}

  constructor(parts: LoopParts) {
    const { scheduler } = parts
    this.#parts = parts
    this.#observe = parts.observe
    this.#alarm = new Alarm(parts.context.clock, {
      wake: () => this.#step({ type: 'wake' }),
      slept: (before, ms) => this.#slept(before, ms),
    })
    this.#feed = new Feed(parts, {
      get hasRoom() {
        return scheduler.hasRoom
      },
      get isStopping() {
        return scheduler.stopping !== undefined
      },
      take: (planned, sequence) => this.#take(planned, sequence),
      read: (rows) => {
        this.#observe({ type: 'rows_read', at: this.#now(), ...rows })
        this.#openBudget()
      },
    })
  }

  /** True when the input was read to its end (or as far as `first` asks). Only read it. */
  readAll = false

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
      this.#alarm.cancel()
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

  /** The Rate Limits API has told what limits there are. */
  learn(ceilings: Ceilings): void {
    this.#step({ type: 'ceilings', ceilings })
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

  /** What was spent cannot be recorded (`ENOSPC`…), or can again (null). */
  holdForRecord(code: string | null): void {
    this.#notice(recordNotice(code))
    this.#step({ type: 'hold', why: 'record', on: code !== null })
  }

  // Reading.
  #inputEnded(readAll: boolean): void {
    if (!readAll) return
    this.readAll = true
    this.#observe({ type: 'input_ended', at: this.#now() })
    this.#step({ type: 'input_ended' })
  }

  #take(planned: Planned, sequence: number): void {
    const { books } = this.#parts
    if (planned.type === 'work') {
      const error = this.#parts.spending?.measure(planned.work)
      if (error !== undefined) this.#step({ type: 'stop', error })
      return this.#step({ type: 'row', work: planned.work })
    }
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

  /** The first rows were read: says what the budget lets, and lets them start. */
  #openBudget(): void {
    const notices = this.#parts.spending?.open()
    for (const message of notices ?? []) this.#notice(message)
    if (notices !== undefined) this.#step({ type: 'hold', why: 'window', on: false })
  }

  // Deciding and doing.

  #step(event: SchedulerEvent): void {
    try {
      this.#alarm.noticeSleep()
      const { scheduler } = this.#parts
      this.#perform(scheduler.step(this.#now(), event))
      this.#afterStep(scheduler)
    } catch (error) {
      this.#fail(error)
    }
  }

  #perform(decisions: readonly Decision[]): void {
    const { spending } = this.#parts
    const maySend = spending?.sending(decisions) ?? true
    for (const decision of decisions) {
      switch (decision.type) {
        case 'start':
          if (maySend) this.#start(decision.attempt)
          else this.#notSent(decision.attempt, 'the record of what is spent cannot be written')
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
          this.#notice(decision.message)
          break
        case 'retry':
          break
        default:
          decision satisfies never
      }
    }
    spending?.done(decisions)
  }

  #afterStep(scheduler: Scheduler): void {
    if (scheduler.binds !== this.#binds) {
      this.#binds = scheduler.binds
      this.#observe({ type: 'binding_changed', at: this.#now(), binds: this.#binds })
    }
    this.#mostInFlight = Math.max(this.#mostInFlight, scheduler.inFlight)
    this.#parts.spending?.tell(this.#now(), this.#parts.observe)
    if (scheduler.wantsRows || scheduler.stopping !== undefined) this.#feed.wake()
    if (scheduler.finished) return this.#finish()
    this.#alarm.arm(scheduler.nextWakeAt)
  }

  #slept(before: number, ms: number): void {
    this.#notice(telling.sleptFor(ms))
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
    const outcome = { kind: 'no_socket', status: 0, requestId: null, error } as const
    this.#parts.spending?.unanswered(attempt, outcome)
    this.#step({ type: 'outcome', attempt, outcome })
  }

  #listener(attempt: Attempt): Listener {
    return {
      head: (status, limits) => {
        this.#showLimits(attempt, limits)
        // The head of a plain answer comes with its end, and says nothing sooner.
        if (attempt.stream) this.#step({ type: 'head', attempt, status, limits })
      },
      bytes: (count) => {
        attempt.lastByteAt = this.#now()
        attempt.reservation.progress?.read(count)
      },
      outcome: (outcome) => this.#outcome(attempt, outcome),
    }
  }

  #outcome(attempt: Attempt, outcome: Outcome): void {
    try {
      this.#alarm.noticeSleep()
      attempt.exchange = undefined
      const { scheduler, spending } = this.#parts
      const cost = spending?.costOf(attempt, outcome)
      const decisions = scheduler.step(this.#now(), { type: 'outcome', attempt, outcome, cost })
      if (outcome.kind !== 'answered') this.#tellFailure(attempt, outcome, decisions)
      this.#perform(decisions)
      this.#afterStep(scheduler)
    } catch (error) {
      this.#fail(error)
    }
  }

  #tellFailure(attempt: Attempt, outcome: Unanswered, decisions: readonly Decision[]): void {
    const retry = decisions.find((decision) => decision.type === 'retry')
    const { prices, context, spending } = this.#parts
    spending?.unanswered(attempt, outcome)
    const unknown = telling.unknownOf(prices, attempt, outcome, context.clock.wallTime())
    const rest = { outcome, unknown, waitMs: retry?.delayMs ?? null }
    this.#observe(telling.attemptFailed(this.#now(), attempt, rest))
  }

  #showLimits({ work }: Attempt, limits: LimitReadings | undefined): void {
    const event = this.#limitsTold.read(this.#now(), work.pool, limits)
    if (event !== undefined) this.#observe(event)
  }

  #succeed(attempt: Attempt, outcome: Answered): void {
    const { work, startedAt } = attempt
    const { context, books, prices } = this.#parts
    const at = context.clock.wallTime()
    const costNanoUsd = prices.costNanoUsd(outcome.model, outcome.usage, { at })
    const latencyMs = this.#now() - startedAt
    const answer = { outcome, costNanoUsd, latencyMs, attempts: work.attempts + 1 }
    books.succeed(work, answer, () => {
      this.#settled.mark(work.sequence)
      this.#parts.spending?.answered(attempt, outcome)
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

  #notice(message: string): void {
    this.#observe({ type: 'notice', at: this.#now(), message })
  }
}

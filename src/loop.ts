/**
 * The loop of a run: performs what the scheduler decides, tells it what happened.
 *
 * Everything passes through `#step`: an event goes in, decisions come out and are done at
 * once, in the same turn. Rows are read only as far ahead as the scheduler has room. One
 * timer is armed at a time, for the instant the scheduler names; nothing polls. Tries are made in
 * tries.ts, and what became of a row goes out through settling.ts.
 */

import { Alarm } from './alarm.ts'
import { Beat } from './beat.ts'
import type { Books } from './books.ts'
import type { Ceilings } from './ceilings.ts'
import type { Cancel } from './clock.ts'
import type { Command } from './control.ts'
import type { RunContext } from './context.ts'
import type { Decision, SchedulerEvent } from './decision.ts'
import type { RunError } from './errors.ts'
import type { Observer } from './events.ts'
import { Feed } from './feed.ts'
import { goOnFrom } from './going-on.ts'
import type { Prices } from './money.ts'
import type { Settings } from './settings.ts'
import type { Plan, Planned } from './plan.ts'
import type { RampMemory } from './ramp-memory.ts'
import { stoppedAsAsked } from './run-stop.ts'
import type { Scheduler } from './scheduler.ts'
import { Settling } from './settling.ts'
import type { Source } from './source.ts'
import { recordNotice, type Spending } from './spending.ts'
import * as telling from './telling.ts'
import type { Transport } from './transport.ts'
import { Tries } from './tries.ts'

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
  /** Absent where nothing is kept beside the results. */
  readonly ramps?: RampMemory | undefined
  readonly observe: Observer
}

/** Which rows share a prefix is seen when they are read: a file's window in less than this. */
const prefixesWaitMs = 200
/** Why nothing is sent in a run with a budget whose record is full. */
const unrecorded = 'the record of what is spent cannot be written'

export class Loop {
  readonly #parts: LoopParts
  readonly #observe: Observer
  readonly #feed: Feed
  readonly #alarm: Alarm
  readonly #settling: Settling
  readonly #tries: Tries
  #grace: Cancel | undefined
  #beat: Beat | undefined
  #opening: Cancel | undefined
  #mostInFlight = 0
  #concurrencyMax: number
  #isOpen = false
  #binds = ''
  #finish: () => void = () => {}
  #fail: (error: unknown) => void = () => {}
  #giveUp: () => void = () => {}

  constructor(parts: LoopParts) {
    const { scheduler } = parts
    this.#parts = parts
    this.#concurrencyMax = parts.settings.maxConcurrency
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
        if (!scheduler.hasRoom) this.#openPrefixes()
      },
    })
    this.#settling = new Settling(parts)
    const stripsMarks = parts.settings.cache === 'strip'
    this.#tries = new Tries(
      { ...parts, stripsMarks },
      {
        get stopping() {
          return scheduler.stopping
        },
        bodyAgain: (work) => this.#feed.bodyAgain(work),
        othersOf: (pool) => {
          const now = this.#now()
          return telling.othersOf(scheduler.limiter.pool(now, pool).levels(now))
        },
        step: (event, decided) => this.#step(event, decided),
      },
    )
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
    return this.#parts.plan.count - this.#settling.count
  }

  /** Runs until nothing is left to do or to wait for. Rejects only for bugs and lost files. */
  async run(): Promise<void> {
    const finished = new Promise<void>((resolve, reject) => {
      this.#finish = resolve
      this.#fail = reject
    })
    // It may have been stopped before it began.
    if (this.#parts.scheduler.finished) return
    this.#beat = this.#startBeat()
    const { settings, context } = this.#parts
    if (settings.cache === 'auto') {
      this.#step({ type: 'hold', why: 'prefixes', on: true })
      this.#opening = context.clock.after(prefixesWaitMs, () => this.#openPrefixes())
    }
    try {
      // Reading may wait for ever for a pipe; a run that is told to stop does not wait for it.
      this.#feed.run().then(
        (readAll) => this.#inputEnded(readAll),
        (error: unknown) => this.#fail(error),
      )
      await finished
    } finally {
      this.#beat?.end()
      this.#opening?.()
      this.#alarm.cancel()
    }
  }

  /** Does what the user tells the run, and says so. */
  command(command: Command): void {
    const { scheduler } = this.#parts
    // It is over, or about to be.
    if (scheduler.finished) return
    if (command.type === 'concurrency') this.#concurrencyMax = command.max
    // Before what comes of it.
    this.#observe(telling.commanded(this.#now(), command, this.#concurrencyMax))
    if (command.type === 'drain') this.#step({ type: 'stop', error: stoppedAsAsked() })
    else if (command.type === 'concurrency') this.#step(command)
    else this.#step({ type: 'hold', why: 'pause', on: command.type === 'pause' })
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
    this.#settling.countOut(plan.count, scheduler.stopping)
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
    this.#openPrefixes()
    this.#observe({ type: 'input_ended', at: this.#now() })
    this.#step({ type: 'input_ended' })
  }

  #take(planned: Planned, sequence: number): void {
    if (planned.type === 'work') {
      const error = this.#parts.spending?.measure(planned.work, 'live')
      if (error !== undefined) this.#step({ type: 'stop', error })
      return this.#step({ type: 'row', work: planned.work })
    }
    if (planned.type === 'held') return this.#settling.held(sequence, planned.key, planned.as)
    if (planned.type === 'resolved') return this.#settling.resolve(planned.work, planned.resolved)
    if (planned.type === 'twin') return this.#settling.leave(planned.work, false, true)
    this.#settling.fault(sequence, planned)
    this.#step({ type: 'fault', error: planned.fault.error })
  }

  /** The first rows were read: says what the budget lets, and lets them start. */
  #openBudget(): void {
    const { spending } = this.#parts
    if (spending === undefined || this.#isOpen) return
    this.#isOpen = true
    for (const message of spending.open() ?? []) this.#notice(message)
    this.#step({ type: 'hold', why: 'window', on: false })
  }

  /** Enough was read to see what rows share, or waiting for more is not worth it. */
  #openPrefixes(): void {
    if (this.#opening === undefined) return
    this.#opening()
    this.#opening = undefined
    this.#step({ type: 'hold', why: 'prefixes', on: false })
  }

  // Deciding and doing.

  #step(event: SchedulerEvent, decided?: (decisions: readonly Decision[]) => void): void {
    try {
      this.#alarm.noticeSleep()
      const { scheduler } = this.#parts
      const decisions = scheduler.step(this.#now(), event)
      decided?.(decisions)
      this.#perform(decisions)
      this.#afterStep(scheduler)
    } catch (error) {
      this.#fail(error)
    }
  }

  #perform(decisions: readonly Decision[]): void {
    const { spending, scheduler } = this.#parts
    const maySend = spending?.sending(decisions) ?? true
    for (const decision of decisions) {
      switch (decision.type) {
        case 'start':
          if (maySend) this.#tries.start(decision.attempt)
          else this.#tries.notSent(decision.attempt, unrecorded)
          break
        case 'abort':
          decision.attempt.exchange?.abort(decision.reason)
          break
        case 'succeed':
          this.#settling.succeed(decision.attempt, decision.outcome, decision.isInvalid)
          break
        case 'turn':
          this.#turn(decision)
          break
        case 'fail':
          this.#settling.fail(decision.attempt, decision.outcome)
          break
        case 'leave':
          this.#settling.leave(decision.work, scheduler.stopping === undefined)
          break
        case 'stop':
          this.#stopping(decision.error)
          break
        case 'ramp_slowed':
          this.#parts.ramps?.add(decision.pool)
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

  /** When the answer is on record, the row is asked again. */
  #turn({ work, attempt, outcome, again }: Extract<Decision, { type: 'turn' }>): void {
    this.#settling.turn(attempt, outcome, again, (turn) => {
      goOnFrom(work, [...work.turns, turn])
      const error = this.#parts.spending?.measure(work, 'live')
      if (error !== undefined) this.#step({ type: 'stop', error })
      this.#step({ type: 'turned', work })
    })
  }

  #afterStep(scheduler: Scheduler): void {
    if (scheduler.binds !== this.#binds) {
      this.#binds = scheduler.binds
      this.#observe({ type: 'binding_changed', at: this.#now(), binds: this.#binds })
    }
    this.#mostInFlight = Math.max(this.#mostInFlight, scheduler.inFlight)
    this.#parts.spending?.tell(this.#now(), this.#parts.observe)
    if (scheduler.wantsRows || scheduler.stopping !== undefined) this.#feed.wake()
    if (scheduler.finished) {
      this.#noticeCache(scheduler)
      return this.#finish()
    }
    this.#alarm.arm(scheduler.nextWakeAt)
  }

  #slept(before: number, ms: number): void {
    this.#notice(telling.sleptFor(ms))
    this.#step({ type: 'slept', before })
  }

  #startBeat(): Beat {
    const { context, books, scheduler } = this.#parts
    return new Beat({
      clock: context.clock,
      books,
      inFlight: () => {
        const most = this.#mostInFlight
        this.#mostInFlight = scheduler.inFlight
        return most
      },
      failed: (error) => this.abandon(error),
      bug: (error) => this.#fail(error),
    })
  }

  #stopping({ code, message, hint }: RunError): void {
    this.#observe({ type: 'run_stopping', at: this.#now(), code, message, hint: hint ?? null })
  }

  #now(): number {
    return this.#parts.context.clock.now()
  }

  /** Once, at the end. */
  #noticeCache(scheduler: Scheduler): void {
    const message = scheduler.cacheEnding()
    if (message !== undefined) this.#notice(message)
  }

  #notice(message: string): void {
    this.#observe({ type: 'notice', at: this.#now(), message })
  }
}

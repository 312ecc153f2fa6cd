/**
 * Which row starts next, and what becomes of one that ended: decided here, done elsewhere.
 *
 * `step(now, event)` takes whatever happened and returns what to do about it. It has no
 * clock, timers, sockets or disk, and draws chance from a seeded `Random`, so that a run
 * replays from its events. `run.ts` performs the decisions.
 *
 *            row                 start
 *   input ────────► queue ──────────────► under way ──► succeed | fail | leave
 *                     ▲  ▲                    │
 *                     │  └── refused, outage ─┤  (front of the queue, no attempt counted)
 *                     └── delayed ◄── broken ─┘  (counted, after a jittered wait)
 *
 * Invariants: an attempt ends in exactly one outcome; a row is in exactly one place;
 * whenever a row is queued, either something is under way, or `nextWakeAt` is finite,
 * or the run is held: no wake-up can be lost.
 */

import { assert, unreachable } from './assert.ts'
import { Backlog } from './backlog.ts'
import { Brake } from './brake.ts'
import type { Decision, Hold, SchedulerEvent, SchedulerOptions, Unanswered } from './decision.ts'
import { RunError } from './errors.ts'
import { Estimator } from './estimate.ts'
import { Limiter } from './limiter.ts'
import type { Cost } from './meter.ts'
import {
  type Answered,
  type Broken,
  type LimitReadings,
  meteredInputTokens,
  type Outcome,
  type Overloaded,
  type Refused,
} from './outcome.ts'
import { Pool } from './pool.ts'
import type { Random } from './random.ts'
import { retryDelayMs } from './retry.ts'
import { modelGoneError, runStopError } from './run-stop.ts'
import type { Attempt, Work } from './work.ts'

/** Deadlines are looked at this often; they are tens of seconds long. */
const checkMs = 1000

export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #random: Random
  readonly #limiter: Limiter
  readonly #estimator = new Estimator()
  readonly #brake: Brake
  readonly #backlog = new Backlog()
  readonly #pools = new Map<string, Pool>()
  readonly #inFlight = new Set<Attempt>()
  readonly #modelsGone = new Map<string, RunError>()
  readonly #holds = new Set<Hold>()
  #decisions: Decision[] = []
  #attempts = 0
  #inFlightBytes = 0
  #inputEnded = false
  #stopping: RunError | undefined
  #sleptAt = -Infinity
  #progressAt: number
  #checkedAt: number
  #wakeAt = Infinity
  #binds = 'input'

  constructor(now: number, options: SchedulerOptions, random: Random) {
    this.#options = options
    this.#random = random
    this.#limiter = new Limiter(now, options)
    this.#brake = new Brake(options.maxFailed)
    this.#progressAt = now
    this.#checkedAt = now
  }

  /** True while more rows may be given to it. */
  get hasRoom(): boolean {
    const { windowRowsMax, windowBytesMax } = this.#options
    return this.#backlog.rows < windowRowsMax && this.#backlog.bytes < windowBytesMax
  }

  /** True when it would rather have more rows than few: reading on is worth waking the reader. */
  get wantsRows(): boolean {
    const { windowRowsMax, windowBytesMax } = this.#options
    return this.#backlog.rows < 0.75 * windowRowsMax && this.#backlog.bytes < 0.75 * windowBytesMax
  }

  /** Tries under way. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  get stopping(): RunError | undefined {
    return this.#stopping
  }

  /** Nothing is queued or under way, and nothing will come. */
  get finished(): boolean {
    if (this.#inFlight.size > 0) return false
    return this.#stopping !== undefined || (this.#inputEnded && this.#backlog.rows === 0)
  }

  /** The instant by which `step` must be called with `wake`; Infinity when only an event can help. */
  get nextWakeAt(): number {
    return this.#wakeAt
  }

  /** What keeps the next row from starting: the name of a meter, a bound or a state. */
  get binds(): string {
    return this.#binds
  }

  get limiter(): Limiter {
    return this.#limiter
  }

  get estimator(): Estimator {
    return this.#estimator
  }

  /** Models that turned out not to exist, with the error that says so. */
  get modelsGone(): ReadonlyMap<string, RunError> {
    return this.#modelsGone
  }

  /** Takes what happened at `now`, returns what to do, in order. */
  step(now: number, event: SchedulerEvent): readonly Decision[] {
    this.#decisions = []
    this.#apply(now, event)
    this.#checkNowAndThen(now)
    this.#pump(now)
    return this.#decisions
  }

  #apply(now: number, event: SchedulerEvent): void {
    switch (event.type) {
      case 'row':
        return this.#enqueue(now, event.work)
      case 'input_ended':
        this.#inputEnded = true
        return
      case 'fault':
        return this.#stopFor(this.#brake.failed(event.error, false))
      case 'head':
        return this.#head(now, event.attempt, event.status, event.limits)
      case 'outcome':
        return this.#ended(now, event.attempt, event.outcome)
      case 'wake':
        return
      case 'hold':
        if (event.on) this.#holds.add(event.why)
        else this.#holds.delete(event.why)
        this.#progressAt = now
        return
      case 'slept':
        return this.#slept(now, event.before)
      case 'stop':
        return this.#stopFor(event.error)
      case 'abandon':
        for (const attempt of this.#inFlight) {
          this.#decisions.push({ type: 'abort', attempt, reason: 'stopped' })
        }
        return
      default:
        unreachable(event)
    }
  }

  #enqueue(now: number, work: Work): void {
    if (this.#stopping !== undefined || this.#modelsGone.has(work.row.model)) {
      this.#decisions.push({ type: 'leave', work })
      return
    }
    // A source that was slow is no lack of success: patience begins when there is work.
    if (this.#backlog.rows === 0 && this.#inFlight.size === 0) this.#progressAt = now
    this.#pool(now, work)
    this.#backlog.add(work)
  }

  #pool(now: number, { pool: name }: Work): Pool {
    let pool = this.#pools.get(name)
    if (pool === undefined) {
      pool = new Pool(this.#limiter.pool(now, name), this.#options)
      this.#pools.set(name, pool)
    }
    return pool
  }

  // Starting.

  #pump(now: number): void {
    this.#wakeAt = this.#inFlight.size > 0 ? now + checkMs : Infinity
    if (this.#stopping !== undefined) return this.#leave(() => true)
    this.#backlog.release(now)
    this.#wakeNoLaterThan(this.#backlog.nextReleaseAt)
    if (this.#backlog.rows > 0) this.#wakeNoLaterThan(this.#progressAt + this.#options.patienceMs)
    if (this.#holds.size > 0) {
      this.#binds = this.#holds.has('output') ? 'output' : 'pause'
      return
    }
    this.#binds = this.#inputEnded ? 'answers' : 'input'
    for (const pool of this.#pools.values()) this.#startFrom(now, pool)
    if (this.#inFlight.size > 0) this.#wakeNoLaterThan(now + checkMs)
  }

  #wakeNoLaterThan(at: number): void {
    this.#wakeAt = Math.min(this.#wakeAt, at)
  }

  /** Starts rows of a pool, in order, until one must wait. */
  #startFrom(now: number, pool: Pool): void {
    const { name } = pool.limiter
    for (let work = this.#backlog.head(name); work; work = this.#backlog.head(name)) {
      const held = this.#heldBy(now, pool, work)
      if (held !== undefined) {
        this.#binds = held
        return
      }
      const cost = this.#estimator.estimate(work.row.model, {
        bodyBytes: work.bodyBytes,
        maxTokens: work.row.maxTokens,
      })
      const wait = this.#limiter.wait(now, pool.limiter, cost)
      if (wait.delayMs > 0) {
        this.#binds = wait.binds
        this.#wakeNoLaterThan(now + wait.delayMs)
        return
      }
      this.#backlog.take(name)
      this.#start(now, pool, work, cost)
    }
  }

  /** What, other than a meter, keeps this row from starting. */
  #heldBy(now: number, pool: Pool, work: Work): string | undefined {
    const { maxConcurrency, maxInFlightBytes } = this.#options
    if (this.#inFlight.size >= maxConcurrency) return 'concurrency'
    // A body larger than the whole bound runs alone.
    const bytes = this.#inFlightBytes + work.bodyBytes
    if (bytes > maxInFlightBytes && this.#inFlight.size > 0) return 'in-flight bytes'
    const probeDelayMs = pool.congestion.delay(now)
    if (probeDelayMs > 0) {
      this.#wakeNoLaterThan(now + probeDelayMs)
      return 'outage'
    }
    if (pool.inFlight < pool.congestion.ceiling(now)) return undefined
    return pool.congestion.inOutage ? 'outage' : 'congestion'
  }

  #start(now: number, pool: Pool, work: Work, cost: Cost): void {
    const stream = pool.streams(work, cost)
    this.#attempts += 1
    const attempt: Attempt = {
      number: this.#attempts,
      work,
      stream,
      cost,
      reservation: this.#limiter.reserve(now, pool.limiter, cost),
      startedAt: now,
      deadlineAt: pool.deadlineAt(now, work, stream),
      headAt: undefined,
      lastByteAt: now,
    }
    work.firstAskedAt ??= now
    pool.inFlight += 1
    this.#inFlight.add(attempt)
    this.#inFlightBytes += work.bodyBytes
    this.#decisions.push({ type: 'start', attempt })
  }

  // What is under way.

  #checkNowAndThen(now: number): void {
    if (now - this.#checkedAt < checkMs) return
    const seconds = (now - this.#checkedAt) / 1000
    this.#checkedAt = now
    for (const pool of this.#pools.values()) pool.countRate(seconds)
    for (const attempt of this.#inFlight) {
      const reason = this.#pool(now, attempt.work).overdue(now, attempt)
      if (reason) this.#decisions.push({ type: 'abort', attempt, reason })
    }
    const idle = this.#backlog.rows === 0 && this.#inFlight.size === 0
    if (idle || this.#holds.size > 0) this.#progressAt = now
    if (now - this.#progressAt < this.#options.patienceMs) return
    const minutes = Math.round(this.#options.patienceMs / 6000) / 10
    const message = `Stopped as no row was answered for ${minutes} min (--patience)`
    const hint = 'run the same command again when the service answers; no row was failed for it'
    this.#stopFor(new RunError('PATIENCE_EXHAUSTED', message, { hint }))
  }

  #slept(now: number, before: number): void {
    this.#sleptAt = before
    this.#progressAt = now
    for (const pool of this.#pools.values()) pool.limiter.forget(now)
    for (const attempt of this.#inFlight) {
      if (attempt.startedAt > before) continue
      this.#decisions.push({ type: 'abort', attempt, reason: 'slept' })
    }
  }

  #head(now: number, attempt: Attempt, status: number, limits: LimitReadings | undefined): void {
    attempt.headAt = now
    attempt.lastByteAt = now
    if (!attempt.stream || status !== 200) return
    const pool = this.#pool(now, attempt.work)
    pool.firstByte(now, attempt)
    pool.limiter.observe(now, attempt.reservation, limits, true)
  }

  // Outcomes.

  #ended(now: number, attempt: Attempt, outcome: Outcome): void {
    assert(this.#inFlight.delete(attempt), `Attempt ${attempt.number} ended twice`)
    const { work } = attempt
    const pool = this.#pool(now, work)
    pool.inFlight -= 1
    this.#inFlightBytes -= work.bodyBytes
    this.#limiter.settle(now, attempt.reservation, spentBy(outcome))
    // A stream's headers spoke of its start and were used then; all others speak of now.
    if (outcome.status > 0 && !(attempt.stream && outcome.status === 200)) {
      pool.limiter.observe(now, attempt.reservation, outcome.limits, false)
    }
    switch (outcome.kind) {
      case 'answered':
        return this.#answered(now, pool, attempt, outcome)
      case 'refused':
        return this.#refused(now, pool, attempt, outcome)
      case 'overloaded':
      case 'broken':
        return this.#broke(now, pool, attempt, outcome)
      case 'no_socket':
        pool.congestion.noSocket(now, this.#inFlight.size)
        return this.#again(now, attempt, outcome, 0)
      case 'invalid':
        this.#progressAt = now
        pool.congestion.succeeded(now)
        return this.#fail(attempt, outcome)
      case 'no_model':
        this.#progressAt = now
        pool.congestion.succeeded(now)
        this.#modelsGone.set(work.row.model, modelGoneError(work.row.model, outcome.error))
        this.#decisions.push({ type: 'leave', work })
        return this.#leave((other) => other.row.model === work.row.model)
      case 'run_stop':
        this.#decisions.push({ type: 'leave', work })
        return this.#stopFor(runStopError(outcome))
      default:
        unreachable(outcome)
    }
  }

  #answered(now: number, pool: Pool, attempt: Attempt, outcome: Answered): void {
    const { work } = attempt
    this.#progressAt = now
    pool.answered(now, attempt, outcome)
    this.#estimator.learn(work.row.model, work.bodyBytes, attempt.cost, outcome.usage)
    this.#brake.succeeded()
    this.#decisions.push({ type: 'succeed', work, attempt, outcome })
  }

  #refused(now: number, pool: Pool, attempt: Attempt, outcome: Refused): void {
    pool.congestion.succeeded(now)
    pool.limiter.refused(now, attempt.reservation, outcome, this.#random.float())
    this.#again(now, attempt, outcome, 0)
  }

  #broke(now: number, pool: Pool, attempt: Attempt, outcome: Broken | Overloaded): void {
    const { work } = attempt
    if (outcome.unknown) work.unknownAttempts += 1
    // Sockets that died while the machine slept say nothing about the server or the row.
    if (attempt.startedAt <= this.#sleptAt) return this.#again(now, attempt, outcome, 0)
    if (this.#stopping !== undefined) return this.#again(now, attempt, outcome, 0)
    const failure = { row: work.sequence, startedAt: attempt.startedAt, inFlight: pool.inFlight }
    pool.congestion.failed(now, failure, this.#random)
    const rowMs = now - (work.firstAskedAt ?? now)
    if (rowMs >= this.#options.maxRowTimeMs) return this.#fail(attempt, outcome)
    if (pool.congestion.inOutage) return this.#again(now, attempt, outcome, 0)
    work.attempts += 1
    if (work.attempts >= this.#options.maxAttempts) return this.#fail(attempt, outcome)
    const delayMs = retryDelayMs(work.attempts, outcome.retryAfterMs, this.#random)
    this.#again(now, attempt, outcome, delayMs)
  }

  /** The row waits to start again, at the front of its queue or after a delay. */
  #again(now: number, attempt: Attempt, outcome: Unanswered, delayMs: number): void {
    const { work } = attempt
    if (this.#stopping !== undefined) {
      this.#decisions.push({ type: 'leave', work })
      return
    }
    if (this.#options.rereadable) work.body = undefined
    if (delayMs > 0) this.#backlog.putBackAt(now + delayMs, work)
    else this.#backlog.putBack(work)
    this.#decisions.push({ type: 'retry', work, attempt, outcome, delayMs })
  }

  #fail(attempt: Attempt, outcome: Unanswered): void {
    this.#decisions.push({ type: 'fail', work: attempt.work, attempt, outcome })
    this.#stopFor(this.#brake.failed(outcome.error, true))
  }

  /** Rows that wait and will not be asked in this run. */
  #leave(leaves: (work: Work) => boolean): void {
    for (const work of this.#backlog.remove(leaves)) this.#decisions.push({ type: 'leave', work })
  }

  #stopFor(error: RunError | undefined): void {
    if (error === undefined || this.#stopping !== undefined) return
    this.#stopping = error
    this.#decisions.push({ type: 'stop', error })
  }
}

/** What an outcome cost the limits; undefined when nobody knows. */
function spentBy(outcome: Outcome): Cost | undefined {
  if (outcome.kind === 'answered') {
    return { input: meteredInputTokens(outcome.usage), output: outcome.usage.outputTokens }
  }
  const unknown = (outcome.kind === 'broken' || outcome.kind === 'overloaded') && outcome.unknown
  return unknown ? undefined : { input: 0, output: 0 }
}

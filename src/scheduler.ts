/**
 * Which row starts next, and what becomes of one that ended: decided here, done elsewhere.
 *
 * `step(now, event)` takes whatever happened and returns what to do about it. It has no
 * clock, timers, sockets or disk, and draws chance from a seeded `Random`, so that a run
 * replays from its events. `loop.ts` performs the decisions.
 *
 *            row                 start
 *   input ────────► queue ──────────────► under way ──► succeed | fail | leave
 *                     ▲  ▲                    │
 *                     │  └── refused, outage ─┤  (no attempt counted; to the front, a failed
 *                     │                       │   probe to the back: the next is another row)
 *                     └── delayed ◄── broken ─┘  (counted, after a jittered wait)
 *
 * Invariants: an attempt ends in exactly one outcome; a row is in exactly one place; whenever
 * a row is queued, something is under way, or `nextWakeAt` is finite, or the run is held: no
 * wake-up can be lost. One that finds nothing to do names a later one: none repeats without end.
 */

import { unreachable } from './assert.ts'
import { Backlog } from './backlog.ts'
import { Brake } from './brake.ts'
import type { Decision, Ended, Hold, SchedulerEvent } from './decision.ts'
import type { SchedulerOptions, Unanswered } from './decision.ts'
import type { RunError } from './errors.ts'
import { Estimator } from './estimate.ts'
import { Limiter } from './limiter.ts'
import type { Cost } from './meter.ts'
import type { Answered, Broken, LimitReadings, Overloaded } from './outcome.ts'
import { type Doing, Patience } from './patience.ts'
import type { Wait } from './pool-limiter.ts'
import { type Pool, Pools } from './pool.ts'
import type { Random } from './random.ts'
import { retryDelayMs } from './retry.ts'
import { modelGoneError, patienceError, rowTimeOutcome, runStopError } from './run-stop.ts'
import { UnderWay } from './under-way.ts'
import type { Attempt, Work } from './work.ts'

/** Deadlines are looked at this often; they are tens of seconds long. */
const checkMs = 1000
/** After the machine slept, what arrived meanwhile is read first. */
const wakeGraceMs = 2000

/** Decides for one run; see above. */
export class Scheduler {
  readonly limiter: Limiter
  readonly estimator: Estimator = new Estimator()
  readonly #options: SchedulerOptions
  readonly #random: Random
  readonly #brake: Brake
  readonly #backlog: Backlog
  readonly #pools: Pools
  readonly #underWay: UnderWay
  readonly #patience: Patience
  readonly #modelsGone = new Map<string, RunError>()
  readonly #holds = new Set<Hold>()
  #decisions: Decision[] = []
  #attempts = 0
  #inputEnded = false
  #stopping: RunError | undefined
  #sleptAt = -Infinity
  #checkedAt: number
  #wakeAt = Infinity
  #binds = 'reading'
  #isPaced = false
  #round = 0

  constructor(now: number, options: SchedulerOptions, random: Random) {
    this.#options = options
    this.#random = random
    this.limiter = new Limiter(now, options)
    this.#brake = new Brake(options.maxFailed)
    this.#backlog = new Backlog(options)
    this.#pools = new Pools(this.limiter, options)
    this.#underWay = new UnderWay(options)
    this.#patience = new Patience(now, options.patienceMs)
    this.#checkedAt = now
    if (options.budget !== undefined) this.#holds.add('window')
  }

  /** True while more rows may be given to it. A row at fault is a result as soon as it is read. */
  get hasRoom(): boolean {
    return this.#backlog.fill < 1 && !this.#holds.has('results')
  }

  /** True when reading on is worth waking the reader. */
  get wantsRows(): boolean {
    return this.#backlog.fill < 0.75 && !this.#holds.has('results')
  }

  /** Tries under way. */
  get inFlight(): number {
    return this.#underWay.size
  }

  /** Why nothing more is started, if nothing is. */
  get stopping(): RunError | undefined {
    return this.#stopping
  }

  /** Nothing is queued or under way, and nothing will come. */
  get finished(): boolean {
    if (this.inFlight > 0) return false
    return this.#stopping !== undefined || (this.#inputEnded && this.#backlog.rows === 0)
  }

  /** By then `step` must be called with `wake`; Infinity when only an event can help. */
  get nextWakeAt(): number {
    return this.#wakeAt
  }

  /** What keeps the next row from starting: the name of a meter, a bound or a state. */
  get binds(): string {
    return this.#binds
  }

  /** Models that do not exist, with the error that says so. */
  get modelsGone(): ReadonlyMap<string, RunError> {
    return this.#modelsGone
  }

  /** Takes what happened at `now`, returns what to do, in order. */
  step(now: number, event: SchedulerEvent): readonly Decision[] {
    this.#decisions = []
    this.#apply(now, event)
    this.#check(now)
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
        return this.#ended(now, event)
      case 'wake':
        return
      case 'ceilings':
        return this.#pools.learnCeilings(now, event.ceilings, this.#backlog)
      case 'hold':
        if (event.on) this.#holds.add(event.why)
        else this.#holds.delete(event.why)
        this.#patience.restart(now)
        return
      case 'slept':
        return this.#slept(now, event.before)
      case 'stop':
        return this.#stopFor(event.error)
      case 'abandon':
        for (const attempt of this.#underWay.attempts) {
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
    if (this.#backlog.rows === 0 && this.inFlight === 0) this.#patience.succeeded(now)
    this.#brake.read()
    this.#pools.enter(now, work, this.#backlog)
  }

  // Starting.

  #pump(now: number): void {
    if (this.#stopping === undefined) {
      this.#backlog.release(now)
      const startAt = this.#startRows(now)
      const isSpent = this.#binds === 'budget' && this.inFlight === 0
      if (isSpent) this.#stopFor(this.limiter.budgetReached())
      const patienceEndsAt = this.#patience.endsAt(this.#doing)
      this.#wakeAt = Math.min(startAt, this.#backlog.nextReleaseAt, patienceEndsAt)
    }
    if (this.#stopping !== undefined) {
      this.#wakeAt = Infinity
      this.#leave(() => true)
    }
    if (this.inFlight > 0) this.#wakeAt = Math.min(this.#wakeAt, this.#checkedAt + checkMs)
  }

  /**
   * Starts all that may start; returns when to look again. The oldest row goes first, whatever
   * its pool; a pool that must wait lets the others pass. Nobody passes a row that waits for
   * what all share: a large row would else see it taken by small ones for ever.
   */
  #startRows(now: number): number {
    if (this.#holds.size > 0) {
      const [hold] = this.#holds
      this.#binds = hold === 'output' || hold === 'record' ? 'disk' : String(hold)
      return Infinity
    }
    this.#round += 1
    this.#binds = ''
    const before = this.#doing
    this.#isPaced = false
    let againAt = Infinity
    for (;;) {
      const next = this.#pools.oldest(this.#round, this.#backlog)
      if (next === undefined) break
      const { pool, work } = next
      if (work.lastAttempt !== undefined && pool.isRowOverdue(now, work)) {
        this.#backlog.take(work.pool)
        this.#fail(work.lastAttempt, rowTimeOutcome)
        if (this.#stopping !== undefined) break
        continue
      }
      const cost = this.estimator.estimate(work)
      const own = pool.wait(now, cost)
      const wait = own.delayMs > 0 ? own : this.#sharedWait(now, work, cost)
      if (wait.delayMs > 0) {
        if (wait !== own) this.#binds = wait.binds
        else if (this.#binds === '') this.#binds = this.#pools.bindsOf(pool, wait)
        this.#isPaced ||= wait.isPace === true
        againAt = Math.min(againAt, now + wait.delayMs)
        if (wait !== own) break
        pool.passOver(this.#round)
        continue
      }
      this.#backlog.take(work.pool)
      if (this.inFlight === 0) this.#patience.started(now, before)
      this.#start(now, pool, work, cost)
    }
    if (this.#binds === '') this.#binds = this.#inputEnded ? 'answers' : 'reading'
    return againAt
  }

  /** How long a row must wait for what all pools share, and for what. */
  #sharedWait(now: number, work: Work, cost: Cost): Wait {
    const wait = this.#underWay.wait(now, work.bodyBytes)
    return wait.delayMs > 0 ? wait : this.limiter.wait(now, cost, work)
  }

  #start(now: number, pool: Pool, work: Work, cost: Cost): void {
    const reservation = this.limiter.reserve(now, pool.limiter, cost, work.most)
    const asked = { number: ++this.#attempts, work, cost, reservation }
    const attempt = pool.start(now, asked, this.#underWay.leader.isWanted)
    this.#underWay.add(attempt)
    this.#decisions.push({ type: 'start', attempt })
  }

  // What is under way.

  #check(now: number): void {
    if (now >= this.#patience.endsAt(this.#doing)) {
      this.#stopFor(patienceError(this.#options.patienceMs))
    }
    if (now < this.#checkedAt + checkMs) return
    const seconds = (now - this.#checkedAt) / 1000
    this.#checkedAt = now
    for (const pool of this.#pools.all) pool.countRate(seconds)
    for (const attempt of this.#underWay.attempts) {
      const isOld = attempt.startedAt <= this.#sleptAt
      const reason = isOld ? 'slept' : this.#pools.of(now, attempt.work).overdue(now, attempt)
      if (reason) this.#decisions.push({ type: 'abort', attempt, reason })
    }
  }

  get #doing(): Doing {
    const { inFlight } = this
    const isHeld = this.#holds.size > 0
    return { inFlight, waiting: this.#backlog.rows, isHeld, isPaced: this.#isPaced }
  }

  #slept(now: number, before: number): void {
    this.#sleptAt = before
    this.#patience.restart(now)
    this.#checkedAt = now + wakeGraceMs - checkMs
    for (const pool of this.#pools.all) pool.limiter.forget(now)
  }

  #head(now: number, attempt: Attempt, status: number, limits: LimitReadings | undefined): void {
    if (!attempt.stream || status !== 200) return
    attempt.headAt = now
    attempt.lastByteAt = now
    this.#underWay.leader.firstByte(attempt)
    const pool = this.#pools.of(now, attempt.work)
    pool.firstByte(now, attempt)
    pool.limiter.observe(now, attempt.reservation, limits, true)
  }

  #ended(now: number, { attempt, outcome, cost }: Ended): void {
    const { work } = attempt
    const pool = this.#pools.of(now, work)
    this.#underWay.remove(attempt)
    this.#underWay.leader.ended(attempt, outcome.kind === 'answered')
    pool.ended(attempt)
    this.limiter.settle(now, attempt.reservation, outcome, cost)
    // A stream's headers speak of its start, and were used when they came; all others speak of now.
    if (outcome.status > 0 && attempt.headAt === undefined) {
      const asOfSend = attempt.stream && outcome.status === 200
      pool.limiter.observe(now, attempt.reservation, outcome.limits, asOfSend)
    }
    switch (outcome.kind) {
      case 'answered':
        return this.#answered(now, pool, attempt, outcome)
      case 'refused':
        pool.replied(now, attempt)
        pool.limiter.refused(now, attempt.reservation, outcome, this.#random.float())
        return this.#again(now, attempt, outcome, 0, outcome.retryAfterMs)
      case 'overloaded':
      case 'broken':
        return this.#broke(now, pool, attempt, outcome)
      case 'no_socket':
        if (!this.#holds.has('record')) this.#underWay.noSocket(now)
        return this.#again(now, attempt, outcome)
      case 'invalid':
        this.#patience.succeeded(now)
        pool.replied(now, attempt)
        return this.#fail(attempt, outcome)
      case 'no_model':
        this.#patience.succeeded(now)
        pool.replied(now, attempt)
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
    this.#patience.succeeded(now)
    pool.answered(now, attempt, outcome)
    this.estimator.learn(work, attempt.cost, outcome.usage)
    this.#brake.succeeded()
    work.lastAttempt = undefined
    const finding = this.#underWay.leader.finding(attempt, outcome.usage)
    if (finding !== undefined) this.#decisions.push({ type: 'notice', message: finding })
    this.#decisions.push({ type: 'succeed', work, attempt, outcome })
  }

  #broke(now: number, pool: Pool, attempt: Attempt, outcome: Broken | Overloaded): void {
    const { work } = attempt
    if (outcome.unknown) work.unknownAttempts += 1
    if (this.#stopping !== undefined) return this.#again(now, attempt, outcome)
    // Sockets that died while the machine slept say nothing about the server or the row.
    const isAwake = attempt.startedAt > this.#sleptAt
    const counts = isAwake && pool.broke(now, attempt, this.#underWay, this.#random)
    if (!counts) return this.#again(now, attempt, outcome)
    const tries = pool.countTry(work, outcome)
    if (tries >= this.#options.maxAttempts) return this.#fail(attempt, outcome)
    const delayMs = retryDelayMs(work.attempts, outcome.retryAfterMs, this.#random)
    this.#again(now, attempt, outcome, delayMs)
  }

  /** The row waits to start again: after a delay, or in its queue, there for `poolMs` at least. */
  #again(now: number, attempt: Attempt, outcome: Unanswered, delayMs = 0, poolMs = 0): void {
    const { work, probe } = attempt
    const { rereadable, maxRowTimeMs } = this.#options
    if (this.#stopping !== undefined || this.#modelsGone.has(work.row.model)) {
      this.#decisions.push({ type: 'leave', work })
      return
    }
    this.#patience.failed()
    const pool = this.#pools.of(now, work)
    if (pool.isRowOverdue(now + delayMs + poolMs, work)) return this.#fail(attempt, outcome)
    // What may fail while it waits needs its body then, for the failed file.
    if (rereadable && maxRowTimeMs === Infinity) work.body = undefined
    if (delayMs > 0) this.#backlog.putBackAt(now + delayMs, work)
    // The next probe is another row's: one that breaks whatever it meets would keep the outage up.
    else if (probe) this.#backlog.add(work)
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

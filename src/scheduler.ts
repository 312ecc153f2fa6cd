/**
 * Which row starts next, and what becomes of one that ended: decided here, done elsewhere.
 *
 * `step(now, event)` takes whatever happened and returns what to do about it. It has no
 * clock, timers, sockets or disk, and draws chance from a seeded `Random`, so that a run
 * replays from its events. `loop.ts` performs the decisions. Which row starts is decided in this
 * file; what becomes of one whose try ended, in endings.ts.
 *
 *            row                 start
 *   input ────────► queue ──────────────► under way ──► succeed | fail | leave
 *                     ▲  ▲                    │
 *                     │  └── refused, outage ─┤  (no attempt counted; to the front, a failed
 *                     │                       │   probe to the back: the next is another row)
 *                     ├── turned ◄─── turn ───┤  (answered, to be asked again: to the front)
 *                     └── delayed ◄── broken ─┘  (counted, after a jittered wait)
 *
 * Invariants: an attempt ends in exactly one outcome; a row is in exactly one place; whenever
 * a row is queued, something is under way, or `nextWakeAt` is finite, or the run is held: no
 * wake-up can be lost. One that finds nothing to do names a later one: none repeats without end.
 */

import { unreachable } from './assert.ts'
import { Backlog } from './backlog.ts'
import type { Decision, Hold, SchedulerEvent, SchedulerOptions } from './decision.ts'
import { Endings } from './endings.ts'
import type { RunError } from './errors.ts'
import { Estimator } from './estimate.ts'
import { Limiter } from './limiter.ts'
import { longestFirst } from './long-first.ts'
import type { Cost } from './meter.ts'
import type { LimitReadings } from './outcome.ts'
import { Passing } from './passing.ts'
import { type Doing, Patience } from './patience.ts'
import { type Pool, Pools } from './pool.ts'
import { Prefixes } from './prefixes.ts'
import type { Random } from './random.ts'
import { patienceError, rowTimeOutcome } from './run-stop.ts'
import { fullBinds, UnderWay } from './under-way.ts'
import { Verdicts } from './verdicts.ts'
import type { Wait, Waiting } from './wait.ts'
import type { Attempt, Work } from './work.ts'

/** Deadlines are looked at this often; they are tens of seconds long. */
const checkMs = 1000
/** The window is filled again from here: rows that share a prefix should meet in it. */
const readOnFill = 0.95
/** After the machine slept, what arrived meanwhile is read first. */
const wakeGraceMs = 2000

/** Decides for one run; see above. */
export class Scheduler {
  readonly limiter: Limiter
  readonly estimator: Estimator = new Estimator()
  readonly #options: SchedulerOptions
  readonly #backlog: Backlog
  readonly #pools: Pools
  readonly #prefixes: Prefixes | undefined
  readonly #underWay: UnderWay
  readonly #passing: Passing
  readonly #patience: Patience
  readonly #verdicts: Verdicts
  readonly #endings: Endings
  readonly #holds = new Set<Hold>()
  #attempts = 0
  #inputEnded = false
  #checkedAt: number
  #wakeAt = Infinity
  #binds = 'reading'
  #isPaced = false
  #round = 0

  constructor(now: number, options: SchedulerOptions, random: Random) {
    this.#options = options
    this.limiter = new Limiter(now, options)
    if (options.prefixes !== undefined) {
      this.#prefixes = new Prefixes(options.prefixes, {
        tokensOf: (work) => this.estimator.estimate(work).prompt ?? 0,
        inputPerMinute: (pool) => this.limiter.pool(now, pool).levels(now).input?.limit ?? Infinity,
        isAskedFor: options.isCacheGiven === true,
      })
    }
    this.#backlog = new Backlog(options, this.#prefixes)
    this.#pools = new Pools(this.limiter, options)
    this.#underWay = new UnderWay(options)
    this.#passing = new Passing({
      limiter: this.limiter,
      underWay: this.#underWay,
      passers: (at, pool) => this.#backlog.passers(at, pool),
      costOf: (at, work) => this.#costOf(at, work),
    })
    this.#patience = new Patience(now, options.patienceMs)
    this.#verdicts = new Verdicts(options.maxFailed)
    this.#endings = new Endings({
      options,
      random,
      limiter: this.limiter,
      estimator: this.estimator,
      backlog: this.#backlog,
      pools: this.#pools,
      underWay: this.#underWay,
      prefixes: this.#prefixes,
      patience: this.#patience,
      verdicts: this.#verdicts,
      holds: this.#holds,
    })
    this.#checkedAt = now
    if (options.budget !== undefined) this.#holds.add('window')
  }

  /** True while more rows may be given to it. A row at fault is a result as soon as it is read. */
  get hasRoom(): boolean {
    return this.#backlog.fill < 1 && !this.#holds.has('results')
  }

  /** True when reading on is worth waking the reader. */
  get wantsRows(): boolean {
    return this.#backlog.fill < readOnFill && !this.#holds.has('results')
  }

  /** Tries under way. */
  get inFlight(): number {
    return this.#underWay.size
  }

  /** Why nothing more is started, if nothing is. */
  get stopping(): RunError | undefined {
    return this.#verdicts.stopping
  }

  /** Nothing is queued or under way, and nothing will come. */
  get finished(): boolean {
    if (this.inFlight > 0) return false
    if (this.stopping !== undefined) return true
    return this.#inputEnded && this.#backlog.rows === 0 && this.#verdicts.turning === 0
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
    return this.#verdicts.modelsGone
  }

  /** What there is to say at the end of what the prompt cache did; undefined: nothing. */
  cacheEnding(): string | undefined {
    return this.#prefixes?.ending()
  }

  /** Takes what happened at `now`, returns what to do, in order. */
  step(now: number, event: SchedulerEvent): readonly Decision[] {
    this.#apply(now, event)
    this.#check(now)
    this.#pump(now)
    return this.#verdicts.take()
  }

  #apply(now: number, event: SchedulerEvent): void {
    switch (event.type) {
      case 'row':
        return this.#enqueue(now, event.work)
      case 'turned':
        return this.#endings.turned(event.work)
      case 'input_ended':
        this.#inputEnded = true
        return
      case 'fault':
        return this.#verdicts.fault(event.error)
      case 'waits':
        return event.attempt.reservation.pool.waits(event.attempt.reservation)
      case 'sent':
        return event.attempt.reservation.pool.sent(now, event.attempt.reservation)
      case 'head':
        return this.#head(now, event.attempt, event.status, event.limits)
      case 'outcome':
        return this.#endings.ended(now, event)
      case 'wake':
        return
      case 'ceilings':
        return this.#pools.learnCeilings(now, event.ceilings, this.#backlog)
      case 'hold':
        if (event.on) this.#holds.add(event.why)
        else this.#holds.delete(event.why)
        this.#patience.restart(now)
        return
      case 'concurrency':
        return this.#underWay.bound(event.max)
      case 'slept':
        return this.#slept(now, event.before)
      case 'stop':
        return this.#verdicts.stop(event.error)
      case 'abandon':
        for (const attempt of this.#underWay.attempts) {
          this.#verdicts.add({ type: 'abort', attempt, reason: 'stopped' })
        }
        return
      default:
        unreachable(event)
    }
  }

  #enqueue(now: number, work: Work): void {
    if (this.#verdicts.isOut(work)) return this.#verdicts.leave(work)
    // A source that was slow is no lack of success: patience begins when there is work.
    if (this.#backlog.rows === 0 && this.inFlight === 0) this.#patience.succeeded(now)
    this.#verdicts.read()
    this.#pools.enter(now, work, this.#backlog)
  }

  // Starting.

  #pump(now: number): void {
    if (this.stopping === undefined) {
      this.#backlog.release(now)
      const startAt = this.#startRows(now)
      const isSpent = this.#binds === 'budget' && this.inFlight === 0
      if (isSpent) this.#verdicts.stop(this.limiter.budgetReached())
      const patienceEndsAt = this.#patience.endsAt(this.#doing)
      this.#wakeAt = Math.min(startAt, this.#backlog.nextReleaseAt, patienceEndsAt)
    }
    if (this.stopping !== undefined) {
      this.#wakeAt = Infinity
      for (const work of this.#backlog.remove(() => true)) this.#verdicts.leave(work)
    }
    if (this.inFlight > 0) this.#wakeAt = Math.min(this.#wakeAt, this.#checkedAt + checkMs)
  }

  /**
   * Starts all that may start; returns when to look again. The oldest row goes first, whatever
   * its pool; a pool that must wait lets the others pass, and its own rows as passing.ts says.
   * Nobody passes a row that waits for what all share: a large row would else see it taken by small
   * ones for ever.
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
      const next = this.#pools.oldest(now, this.#round, this.#backlog)
      if (next === undefined) break
      const { pool } = next
      const work = this.#inputEnded ? this.#longestFirst(now, next) : next.work
      if (work.lastAttempt !== undefined && pool.isRowOverdue(now, work)) {
        this.#backlog.take(work)
        this.#verdicts.fail(work.lastAttempt, rowTimeOutcome)
        if (this.stopping === undefined) continue
        this.#passing.close()
        break
      }
      // Where none may start, nobody need know what else this one would wait for.
      if (this.#underWay.isFull) {
        if (this.#binds === '') this.#binds = fullBinds
        this.#passing.close()
        break
      }
      const cost = this.#costOf(now, work)
      const own = pool.wait(now, cost, this.#waitingBehind(work))
      const wait = own.delayMs > 0 ? own : this.#sharedWait(now, work, cost)
      if (wait.delayMs > 0) {
        if (wait !== own) this.#binds = wait.binds
        else if (this.#binds === '') this.#binds = this.#pools.bindsOf(pool, wait)
        this.#isPaced ||= wait.isPace === true
        againAt = Math.min(againAt, now + wait.delayMs)
        if (wait !== own) {
          this.#passing.close()
          break
        }
        if (this.#backlog.mayPass(work.pool)) {
          this.#passing.headWaits(now, { pool, work, cost }, wait)
        }
        pool.passOver(this.#round)
        continue
      }
      if (this.inFlight === 0) this.#patience.started(now, before)
      this.#start(now, pool, work, cost)
      this.#backlog.take(work)
    }
    againAt = Math.min(againAt, this.#startPassers(now, before))
    // None is next though some wait: each waits for what another writes.
    if (this.#binds === '' && this.#backlog.hasPrefixed) this.#binds = 'cache writer'
    if (this.#binds === '' && this.#backlog.hasParked) this.#binds = 'schema'
    if (this.#binds === '') this.#binds = this.#inputEnded ? 'answers' : 'reading'
    return againAt
  }

  /** At the end, rows with long answers go first; those with prefixes keep their order. */
  #longestFirst(now: number, { pool, work }: { pool: Pool; work: Work }): Work {
    if (!this.#backlog.mayPass(work.pool) || (work.prefixes?.length ?? 0) > 0) return work
    return longestFirst({
      head: work,
      rows: this.#backlog.rowsOf(work.pool),
      firsts: this.#backlog.firstsOf(work.pool),
      ...pool.answers,
      costOf: (each) => this.#costOf(now, each),
      refillsOf: (cost) => this.limiter.refills(now, pool.limiter, cost),
    })
  }

  /** Starts the rows that may pass a head; returns when to look again. */
  #startPassers(now: number, before: Doing): number {
    for (;;) {
      const passer = this.#passing.next(now)
      if (passer === undefined) break
      const { pool, work, cost } = passer
      if (this.inFlight === 0) this.#patience.started(now, before)
      this.#start(now, pool, work, cost)
      this.#backlog.takePasser(work)
    }
    const { againAt } = this.#passing
    this.#passing.close()
    return againAt
  }

  #costOf(now: number, work: Work): Cost {
    const estimate = this.estimator.estimate(work)
    return this.#prefixes?.costOf(now, work, estimate) ?? estimate
  }

  /** Once all input is read, it is known how many follow; those that wait for a retry may not. */
  #waitingBehind({ pool }: Work): Waiting | undefined {
    return this.#inputEnded ? { behind: this.#backlog.rowsOf(pool) - 1 } : undefined
  }

  /** How long a row must wait for what all pools share, and for what. */
  #sharedWait(now: number, work: Work, cost: Cost): Wait {
    const wait = this.#underWay.wait(now, work.bodyBytes)
    return wait.delayMs > 0 ? wait : this.limiter.wait(now, cost, work)
  }

  #start(now: number, pool: Pool, work: Work, cost: Cost): void {
    const reservation = this.limiter.reserve(now, pool.limiter, cost, work.most)
    const caching = this.#prefixes?.useOf(now, work)
    const asked = { number: ++this.#attempts, work, cost, reservation, caching }
    const { schemas } = this.#backlog
    const isFirst = schemas.leads(now, work)
    const leads = caching !== undefined && this.#prefixes?.leads(caching) === true
    const attempt = pool.start(now, asked, leads || isFirst)
    if (isFirst) schemas.started(attempt)
    this.#prefixes?.started(now, attempt)
    this.#underWay.add(attempt)
    this.#verdicts.add({ type: 'start', attempt })
  }

  // What is under way.

  #check(now: number): void {
    if (now >= this.#patience.endsAt(this.#doing)) {
      this.#verdicts.stop(patienceError(this.#options.patienceMs))
    }
    if (now < this.#checkedAt + checkMs) return
    const seconds = (now - this.#checkedAt) / 1000
    this.#checkedAt = now
    for (const pool of this.#pools.all) pool.countRate(seconds)
    for (const attempt of this.#underWay.attempts) {
      const isDead = this.#underWay.isFromBeforeSleep(attempt)
      const reason = isDead ? 'slept' : this.#pools.of(now, attempt.work).overdue(now, attempt)
      if (reason) this.#verdicts.add({ type: 'abort', attempt, reason })
      this.#endings.supersede(now, attempt)
    }
  }

  get #doing(): Doing {
    const { inFlight } = this
    const isHeld = this.#holds.size > 0
    return { inFlight, waiting: this.#backlog.rows, isHeld, isPaced: this.#isPaced }
  }

  #slept(now: number, before: number): void {
    this.#underWay.slept(before)
    this.#patience.restart(now)
    this.#checkedAt = now + wakeGraceMs - checkMs
    for (const pool of this.#pools.all) pool.limiter.forget(now)
  }

  #head(now: number, attempt: Attempt, status: number, limits: LimitReadings | undefined): void {
    if (!attempt.stream || status !== 200) return
    attempt.headAt = now
    attempt.lastByteAt = now
    this.#backlog.answerBegan(now, attempt)
    if (this.#prefixes) this.#backlog.freed(attempt, this.#prefixes.firstByte(attempt))
    const pool = this.#pools.of(now, attempt.work)
    pool.firstByte(now, attempt)
    pool.limiter.observe(now, attempt.reservation, limits, true)
  }
}

/**
 * Endings: what becomes of a row whose try ended.
 *
 * Whoever learns from the outcome is told of it: limits, estimates, latencies, patience. Then the
 * row gets its verdict, or goes back to wait: to the front of its queue where the try does not
 * count (a refusal, an outage), after a jittered delay where it does.
 */

import { judgeAnswer, keepAll } from './answer-policy.ts'
import { unreachable } from './assert.ts'
import type { Backlog } from './backlog.ts'
import type { Ended, Hold, SchedulerOptions, Unanswered } from './decision.ts'
import type { Estimator } from './estimate.ts'
import type { Limiter } from './limiter.ts'
import { rejected } from './outcome.ts'
import type { Answered, Broken, Outcome, Overloaded, Refused } from './outcome.ts'
import type { Patience } from './patience.ts'
import type { Pool, Pools } from './pool.ts'
import type { Prefixes } from './prefixes.ts'
import type { Random } from './random.ts'
import { retryDelayMs } from './retry.ts'
import { runStopError } from './run-stop.ts'
import type { UnderWay } from './under-way.ts'
import type { Verdicts } from './verdicts.ts'
import type { Attempt, Work } from './work.ts'

/** Who is told, and where rows go. */
export interface EndingsParts {
  readonly options: SchedulerOptions
  readonly random: Random
  readonly limiter: Limiter
  readonly estimator: Estimator
  readonly backlog: Backlog
  readonly pools: Pools
  readonly underWay: UnderWay
  readonly prefixes: Prefixes | undefined
  readonly patience: Patience
  readonly verdicts: Verdicts
  /** What holds the run just now. */
  readonly holds: ReadonlySet<Hold>
}

export class Endings {
  readonly #parts: EndingsParts

  constructor(parts: EndingsParts) {
    this.#parts = parts
  }

  /** A try is over. */
  ended(now: number, { attempt, outcome, cost }: Ended): void {
    const { limiter, pools, underWay, backlog } = this.#parts
    const pool = pools.of(now, attempt.work)
    underWay.remove(attempt)
    pool.ended(attempt)
    if (outcome.kind === 'answered') backlog.answerBegan(now, attempt)
    else backlog.leaderFailed(attempt)
    this.#prefixesEnded(attempt, outcome)
    limiter.settle(now, attempt.reservation, outcome, cost)
    // A stream's headers speak of its start, and were used when they came; all others speak of now.
    if (outcome.status > 0 && attempt.headAt === undefined) {
      const asOfSend = attempt.stream && outcome.status === 200
      pool.limiter.observe(now, attempt.reservation, outcome.limits, asOfSend)
    }
    this.#judge(now, pool, { attempt, outcome })
  }

  #prefixesEnded(attempt: Attempt, outcome: Outcome): void {
    const { prefixes, backlog, verdicts } = this.#parts
    if (prefixes === undefined) return
    const answer = outcome.kind === 'answered' ? outcome : undefined
    backlog.freed(attempt, prefixes.ended(attempt, answer))
    for (const message of prefixes.findings.take()) verdicts.add({ type: 'notice', message })
  }

  #judge(now: number, pool: Pool, { attempt, outcome }: Pick<Ended, 'attempt' | 'outcome'>): void {
    const { underWay, patience, verdicts, holds } = this.#parts
    switch (outcome.kind) {
      case 'answered':
        return this.#answered(now, pool, attempt, outcome)
      case 'refused':
        pool.replied(now, attempt)
        this.#refused(now, pool, attempt, outcome)
        return this.#again(now, attempt, outcome, 0, outcome.retryAfterMs)
      case 'overloaded':
      case 'broken':
        return this.#broke(now, pool, attempt, outcome)
      case 'no_socket':
        if (!holds.has('record')) underWay.noSocket(now)
        return this.#again(now, attempt, outcome)
      case 'invalid':
        patience.succeeded(now)
        pool.replied(now, attempt)
        return verdicts.fail(attempt, outcome)
      case 'no_model':
        patience.succeeded(now)
        pool.replied(now, attempt)
        return this.#modelGone(attempt, outcome)
      case 'run_stop':
        verdicts.leave(attempt.work)
        return verdicts.stop(runStopError(outcome))
      default:
        unreachable(outcome)
    }
  }

  #refused(now: number, { limiter }: Pool, attempt: Attempt, outcome: Refused): void {
    const { random, verdicts } = this.#parts
    const wasSlowed = limiter.ramp.isSlowed
    limiter.refused(now, attempt.reservation, outcome, random.float())
    if (limiter.ramp.isSlowed && !wasSlowed) {
      verdicts.add({ type: 'ramp_slowed', pool: limiter.name })
    }
  }

  #answered(now: number, pool: Pool, attempt: Attempt, outcome: Answered): void {
    const { options, estimator, patience, verdicts } = this.#parts
    const { work } = attempt
    patience.succeeded(now)
    pool.answered(now, attempt, outcome)
    estimator.learn(work, attempt.cost, outcome.usage)
    work.lastAttempt = undefined
    const { maxTokens, outputs } = work.row
    const row = { maxTokens, outputs, turns: work.turns }
    const verdict = judgeAnswer(options.policies ?? keepAll, row, outcome)
    const flaw = outputs?.takeFlaw()
    if (flaw !== undefined) verdicts.add({ type: 'notice', message: flaw })
    if (verdict.type === 'again') return verdicts.turn(attempt, outcome, verdict)
    if (verdict.type === 'keep') return verdicts.succeed(attempt, outcome, verdict.isInvalid)
    verdicts.fail(attempt, rejected(outcome, verdict.error))
  }

  /** What a row asks behind its answer is on record: it goes before what was read since. */
  turned(work: Work): void {
    const { backlog, verdicts } = this.#parts
    verdicts.turned()
    if (verdicts.isOut(work)) verdicts.leave(work)
    else backlog.putBack(work)
  }

  /** What others wait for, and is late, is tried by another. */
  supersede(now: number, attempt: Attempt): void {
    const { backlog, pools, prefixes } = this.#parts
    const isWriter = prefixes?.isAwaited(attempt) === true
    if (!isWriter && !backlog.schemas.isAwaited(attempt)) return
    if (!pools.of(now, attempt.work).isLate(now, attempt)) return
    backlog.leaderFailed(attempt)
    if (isWriter) backlog.freed(attempt, prefixes.supersede(attempt))
  }

  #modelGone({ work }: Attempt, { error }: Unanswered): void {
    const { backlog, verdicts } = this.#parts
    const { model } = work.row
    verdicts.modelGone(model, error)
    verdicts.leave(work)
    for (const other of backlog.remove(({ row }) => row.model === model)) verdicts.leave(other)
  }

  #broke(now: number, pool: Pool, attempt: Attempt, outcome: Broken | Overloaded): void {
    const { options, random, underWay, verdicts } = this.#parts
    const { work } = attempt
    if (outcome.unknown) work.unknownAttempts += 1
    if (verdicts.stopping !== undefined) return this.#again(now, attempt, outcome)
    // Sockets that died while the machine slept say nothing about the server or the row.
    const isAwake = !underWay.isFromBeforeSleep(attempt)
    const counts = isAwake && pool.broke(now, attempt, underWay, random)
    if (!counts) return this.#again(now, attempt, outcome)
    const tries = pool.countTry(work, outcome)
    if (tries >= options.maxAttempts) return verdicts.fail(attempt, outcome)
    const delayMs = retryDelayMs(work.attempts, outcome.retryAfterMs, random)
    this.#again(now, attempt, outcome, delayMs)
  }

  /** The row waits to start again: after a delay, or in its queue, there for `poolMs` at least. */
  #again(now: number, attempt: Attempt, outcome: Unanswered, delayMs = 0, poolMs = 0): void {
    const { backlog, pools, patience, verdicts } = this.#parts
    const { work, probe } = attempt
    const { rereadable, maxRowTimeMs } = this.#parts.options
    if (verdicts.isOut(work)) return verdicts.leave(work)
    patience.failed()
    const pool = pools.of(now, work)
    if (pool.isRowOverdue(now + delayMs + poolMs, work)) return verdicts.fail(attempt, outcome)
    // What may fail while it waits needs its body then, for the failed file.
    if (rereadable && maxRowTimeMs === Infinity) work.body = undefined
    if (delayMs > 0) backlog.putBackAt(now + delayMs, work)
    // The next probe is another row's: one that breaks whatever it meets would keep the outage up.
    else if (probe) backlog.add(work)
    else backlog.putBack(work)
    verdicts.add({ type: 'retry', work, attempt, outcome, delayMs })
  }
}

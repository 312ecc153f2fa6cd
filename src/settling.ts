/**
 * Settling: what became of a row, to the books first, then counted out and told.
 *
 * Observers hear of it when it is true: of an answer when its line was handed to `write()`, not
 * when it was read.
 */

import type { Answer, Books, Fault } from './books.ts'
import type { RunContext } from './context.ts'
import type { AskingAgain, Failing } from './decision.ts'
import type { RunError } from './errors.ts'
import type { Observer } from './events.ts'
import type { Prices } from './money.ts'
import type { Resolved } from './going-on.ts'
import { type Answered, rejected } from './outcome.ts'
import type { Holding } from './plan.ts'
import type { BatchPlace } from './result-line.ts'
import { Settled } from './settled.ts'
import type { Spending } from './spending.ts'
import * as telling from './telling.ts'
import { joinedMessage, type Turn } from './turns.ts'
import type { Attempt, Work } from './work.ts'

/** Who is told. */
export interface SettlingParts {
  readonly context: RunContext
  readonly books: Books
  readonly prices: Prices
  readonly spending: Spending | undefined
  readonly observe: Observer
}

/** The try that ended a row: of its own, or as part of a batch. */
export interface Ending extends Pick<
  Attempt,
  'number' | 'work' | 'startedAt' | 'cacheMissedTokens'
> {
  readonly batch?: BatchPlace
}

export class Settling {
  readonly #parts: SettlingParts
  readonly #settled = new Settled()

  constructor(parts: SettlingParts) {
    this.#parts = parts
  }

  /** Rows that were counted out. */
  get count(): number {
    return this.#settled.count
  }

  /** So many rows were read. @throws {RunError} `COUNT_MISMATCH` unless all are counted out */
  countOut(count: number, stopping: RunError | undefined): void {
    this.#settled.countOut(count, stopping)
  }

  /** The row was settled by another part of the run, which has told of it. */
  counted(sequence: number): void {
    this.#settled.mark(sequence)
  }

  /** The row has its line from an earlier run. */
  held(sequence: number, key: string, as: Holding): void {
    this.#settled.mark(sequence)
    this.#parts.books.held(sequence, key, as)
  }

  /** The row is no request. */
  fault(sequence: number, planned: Fault): void {
    this.#parts.books.fault(planned, () => {
      this.#settled.mark(sequence)
      this.#parts.observe(telling.faultFailed(this.#now(), planned.fault))
    })
  }

  succeed(attempt: Ending, outcome: Answered, isInvalid = false): void {
    this.#succeed(attempt, outcome, { ...this.answerOf(attempt, outcome), isInvalid })
  }

  #succeed(attempt: Ending, outcome: Answered, answer: Answer): void {
    const { work } = attempt
    const { books, spending, observe } = this.#parts
    books.succeed(work, answer, () => {
      this.#settled.mark(work.sequence)
      spending?.answered(attempt, outcome)
      observe(telling.rowSucceeded(this.#now(), work, answer))
    })
    work.body = undefined
  }

  /** The row is asked again behind an answer. `onWritten`: what was bought is on record. */
  turn(
    attempt: Ending,
    outcome: Answered,
    { why, ask }: AskingAgain,
    onWritten: (turn: Turn) => void,
  ): void {
    const { work, batch } = attempt
    const { books, spending, observe } = this.#parts
    const { message, requestId } = outcome
    const answer = this.answerOf(attempt, outcome)
    const { costNanoUsd } = answer
    const turn = { why, ask, message, costNanoUsd, requestId, batchRequest: batch?.request }
    books.turn(work, turn, () => {
      spending?.answered(attempt, outcome)
      observe(telling.rowAskedAgain(this.#now(), work, { why, answer }))
      onWritten(turn)
    })
  }

  /** An answer of an earlier run is the row's result. */
  resolve(work: Work, { outcome, costNanoUsd, verdict }: Resolved): void {
    const ending = { number: 0, work, startedAt: this.#now(), cacheMissedTokens: 0 }
    const answer = { ...this.answerOf(ending, outcome), paidNanoUsd: costNanoUsd }
    if (verdict.type === 'fail') return this.#fail(ending, rejected(outcome, verdict.error), answer)
    this.#succeed(ending, outcome, { ...answer, isInvalid: verdict.isInvalid })
  }

  /** What the books are told of an answer. */
  answerOf(attempt: Ending, outcome: Answered): Answer {
    const { work, startedAt, cacheMissedTokens, batch } = attempt
    const { context, prices } = this.#parts
    const at = context.clock.wallTime()
    const { model, usage } = outcome
    const costNanoUsd = prices.costNanoUsd(model, usage, { at })
    const cacheSavedNanoUsd = prices.cacheSavedNanoUsd(model, usage, { at })
    const latencyMs = this.#now() - startedAt
    const again = { at, tokens: cacheMissedTokens }
    const cacheLostNanoUsd = prices.cacheLostNanoUsd(model, usage, again)
    const attempts = work.attempts + work.turns.length + 1
    const message = joinedMessage(outcome.message, work.turns)
    return {
      outcome: message === outcome.message ? outcome : { ...outcome, message },
      costNanoUsd,
      cacheSavedNanoUsd,
      cacheMissedTokens,
      cacheLostNanoUsd,
      latencyMs,
      attempts,
      batch,
    }
  }

  fail(ending: Ending, outcome: Failing): void {
    const answer = outcome.kind === 'rejected' && this.answerOf(ending, outcome.answered)
    this.#fail(ending, outcome, answer || undefined)
  }

  #fail(ending: Ending, outcome: Failing, answer: Answer | undefined): void {
    const { work, startedAt, batch } = ending
    const { books, spending, observe } = this.#parts
    const latencyMs = this.#now() - startedAt
    const tries = work.attempts + work.turns.length + (answer === undefined ? 0 : 1)
    const failure = { outcome, answer, latencyMs, attempts: Math.max(1, tries), batch }
    books.fail(work, failure, () => {
      this.#settled.mark(work.sequence)
      if (outcome.kind === 'rejected') spending?.answered(ending, outcome.answered)
      observe(telling.rowFailed(this.#now(), work, failure))
    })
    work.body = undefined
  }

  /**
   * The row stays as it was. `forGood`: the run goes on without it. `isTwin`: until it gets a copy.
   */
  leave(work: Work, forGood: boolean, isTwin = false): void {
    this.#settled.mark(work.sequence)
    this.#parts.books.leave(work, forGood)
    work.body = undefined
    this.#parts.observe(telling.rowLeft(this.#now(), work, isTwin))
  }

  #now(): number {
    return this.#parts.context.clock.now()
  }
}

/**
 * Settling: what became of a row, to the books first, then counted out and told.
 *
 * Observers hear of it when it is true: of an answer when its line was handed to `write()`, not
 * when it was read.
 */

import type { Answer, Books, Fault } from './books.ts'
import type { RunContext } from './context.ts'
import type { Unanswered } from './decision.ts'
import type { RunError } from './errors.ts'
import type { Observer } from './events.ts'
import type { Prices } from './money.ts'
import type { Answered } from './outcome.ts'
import type { Holding } from './record.ts'
import type { BatchPlace } from './result-line.ts'
import { Settled } from './settled.ts'
import type { Spending } from './spending.ts'
import * as telling from './telling.ts'
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

  succeed(attempt: Ending, outcome: Answered): void {
    const { work } = attempt
    const { books, spending, observe } = this.#parts
    const answer = this.answerOf(attempt, outcome)
    books.succeed(work, answer, () => {
      this.#settled.mark(work.sequence)
      spending?.answered(attempt, outcome)
      observe(telling.rowSucceeded(this.#now(), work, answer))
    })
    work.body = undefined
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
    const attempts = work.attempts + 1
    return {
      outcome,
      costNanoUsd,
      cacheSavedNanoUsd,
      cacheMissedTokens,
      cacheLostNanoUsd,
      latencyMs,
      attempts,
      batch,
    }
  }

  fail({ work, startedAt, batch }: Ending, outcome: Unanswered): void {
    const latencyMs = this.#now() - startedAt
    const failure = { outcome, latencyMs, attempts: Math.max(1, work.attempts), batch }
    this.#parts.books.fail(work, failure, () => {
      this.#settled.mark(work.sequence)
      this.#parts.observe(telling.rowFailed(this.#now(), work, failure))
    })
    work.body = undefined
  }

  /** The row stays as it was. `forGood`: the run goes on without it. */
  leave(work: Work, forGood: boolean): void {
    this.#settled.mark(work.sequence)
    this.#parts.books.leave(work, forGood)
    work.body = undefined
    this.#parts.observe(telling.rowLeft(this.#now(), work))
  }

  #now(): number {
    return this.#parts.context.clock.now()
  }
}

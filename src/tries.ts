/**
 * Tries: sends what the scheduler starts, and tells it how each try ended.
 *
 * A try that cannot be sent after all (its row's body is gone, the run was stopped meanwhile) ends
 * as one that found no socket: nobody was told that it began.
 */

import type { RunContext } from './context.ts'
import type { Decision, SchedulerEvent, Unanswered } from './decision.ts'
import { RunError } from './errors.ts'
import type { LimitsRead, Observer } from './events.ts'
import { withMarks, withoutMarks } from './marked-body.ts'
import type { Prices } from './money.ts'
import type { LimitReadings, Outcome } from './outcome.ts'
import type { Spending } from './spending.ts'
import * as telling from './telling.ts'
import type { Listener, Transport } from './transport.ts'
import { bodyBehind } from './turns.ts'
import type { Attempt, Work } from './work.ts'

/** What tries are made with. */
export interface TriesParts {
  readonly context: RunContext
  readonly transport: Transport
  readonly prices: Prices
  readonly spending: Spending | undefined
  readonly observe: Observer
  /** No mark for the prompt cache is sent. */
  readonly stripsMarks: boolean
}

/** Who has tries made. */
export interface TriesOwner {
  /** Why nothing more is started, if nothing is. */
  readonly stopping: RunError | undefined
  /** What others take of the limits of a pool, a minute. */
  othersOf(pool: string): LimitsRead['others']
  /** The body of a row that waited for its retry; undefined if it cannot be had. */
  bodyAgain(work: Work): Uint8Array | undefined
  /** Something happened; `decided` is called with what is decided before that is done. */
  step(event: SchedulerEvent, decided?: (decisions: readonly Decision[]) => void): void
}

export class Tries {
  readonly #parts: TriesParts
  readonly #owner: TriesOwner
  readonly #limitsTold = new telling.LimitsTold()

  constructor(parts: TriesParts, owner: TriesOwner) {
    this.#parts = parts
    this.#owner = owner
  }

  start(attempt: Attempt): void {
    const { work, stream } = attempt
    const { stopping } = this.#owner
    // The run was stopped by what was done since the decision: a line that could not be written.
    if (stopping !== undefined) return this.notSent(attempt, stopping.message)
    work.body ??= this.#owner.bodyAgain(work)
    if (work.body === undefined) return this.#inputChanged(attempt)
    this.#parts.observe(telling.attemptStarted(attempt.startedAt, attempt))
    const body = this.#bodyOf(attempt, bodyBehind(work.body, work.turns))
    const dispatch = { body, stream, model: work.row.model }
    attempt.exchange = this.#parts.transport.send(dispatch, this.#listener(attempt))
    if (attempt.exchange.isWaiting === true) this.#owner.step({ type: 'waits', attempt })
  }

  /** The body as it is sent: with marks for the cache, or without any, as was asked. */
  #bodyOf({ caching }: Attempt, body: Uint8Array): Uint8Array {
    if (this.#parts.stripsMarks) return withoutMarks(body)
    if (caching === undefined || caching.marks.length === 0) return body
    return withMarks(body, caching.marks) ?? body
  }

  /** The run is stopping, so the row is left. Nobody was told that a try began. */
  notSent(attempt: Attempt, message: string): void {
    const error = { type: 'not_sent', message }
    const outcome = { kind: 'no_socket', status: 0, requestId: null, error } as const
    this.#parts.spending?.unanswered(attempt, outcome)
    this.#owner.step({ type: 'outcome', attempt, outcome })
  }

  #inputChanged(attempt: Attempt): void {
    const message = `Cannot retry line ${attempt.work.row.lineNumber}: the input changed meanwhile`
    const hint = 'run the same command again; only new and edited rows are asked'
    this.#owner.step({ type: 'stop', error: new RunError('INPUT_CHANGED', message, { hint }) })
    this.notSent(attempt, message)
  }

  #listener(attempt: Attempt): Listener {
    return {
      sent: () => this.#owner.step({ type: 'sent', attempt }),
      head: (status, limits) => {
        this.#showLimits(attempt, limits)
        // The head of a plain answer comes with its end, and says nothing sooner.
        if (attempt.stream) this.#owner.step({ type: 'head', attempt, status, limits })
      },
      bytes: (_count, content) => {
        attempt.lastByteAt = this.#now()
        attempt.reservation.progress?.read(content)
      },
      outcome: (outcome) => this.#ended(attempt, outcome),
    }
  }

  #ended(attempt: Attempt, outcome: Outcome): void {
    attempt.exchange = undefined
    const cost = this.#parts.spending?.costOf(attempt, outcome)
    const event = { type: 'outcome', attempt, outcome, cost } as const
    if (outcome.kind === 'answered') return this.#owner.step(event)
    this.#owner.step(event, (decisions) => this.#tellFailure(attempt, outcome, decisions))
  }

  #tellFailure(attempt: Attempt, outcome: Unanswered, decisions: readonly Decision[]): void {
    const retry = decisions.find((decision) => decision.type === 'retry')
    const { prices, context, spending, observe } = this.#parts
    spending?.unanswered(attempt, outcome)
    const unknown = telling.unknownOf(prices, attempt, outcome, context.clock.wallTime())
    const rest = { outcome, unknown, waitMs: retry?.delayMs ?? null }
    observe(telling.attemptFailed(this.#now(), attempt, rest))
  }

  #showLimits({ work }: Attempt, limits: LimitReadings | undefined): void {
    const event = this.#limitsTold.read(this.#now(), work.pool, limits)
    if (event === undefined) return
    const others = this.#owner.othersOf(work.pool)
    this.#parts.observe(others === undefined ? event : { ...event, others })
  }

  #now(): number {
    return this.#parts.context.clock.now()
  }
}

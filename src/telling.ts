/**
 * What observers are told of tries and rows, made from what the loop has in hand.
 */

import type { Answer, Failure } from './books.ts'
import { bounds } from './bounds.ts'
import type { Command } from './control.ts'
import type { Unanswered } from './decision.ts'
import type {
  AnswerTaken,
  AttemptFailed,
  AttemptStarted,
  Commanded,
  LimitsRead,
  Observer,
  RowAskedAgain,
  RowFailed,
  RowLeft,
  RowSucceeded,
  RunEvent,
} from './events.ts'
import type { Prices } from './money.ts'
import type { LimitReadings, Outcome } from './outcome.ts'
import type { Levels } from './pool-meters.ts'
import type { RowFault } from './request.ts'
import type { TurnReason } from './turns.ts'
import type { Attempt, Work } from './work.ts'

/** A try was sent. */
export function attemptStarted(at: number, { number, work, stream }: Attempt): AttemptStarted {
  const { lineNumber: line, id, model } = work.row
  const { pool } = work
  return { type: 'attempt_started', at, attempt: number, line, id, model, pool, stream }
}

/** A try gave no answer. */
export function attemptFailed(
  at: number,
  { number, work, startedAt }: Attempt,
  { outcome, ...rest }: Pick<AttemptFailed, 'waitMs' | 'unknown'> & { outcome: Unanswered },
): AttemptFailed {
  const { kind, status, error, requestId } = outcome
  return {
    type: 'attempt_failed',
    at,
    attempt: number,
    line: work.row.lineNumber,
    id: work.row.id,
    pool: work.pool,
    kind,
    status,
    error,
    requestId,
    latencyMs: at - startedAt,
    ...rest,
  }
}

/** A row's answer was written. */
export function rowSucceeded(at: number, work: Work, answer: Answer): RowSucceeded {
  const { outcome, latencyMs, attempts, isInvalid } = answer
  const { stopReason, requestId } = outcome
  const { lineNumber: line, id } = work.row
  const taken = takenBy(work, answer)
  const rest = { stopReason, latencyMs, attempts, requestId }
  const event: RowSucceeded = { type: 'row_succeeded', at, line, id, ...taken, ...rest }
  return isInvalid === true ? { ...event, isInvalid } : event
}

/** A row's answer is on record, and the row is asked again. */
export function rowAskedAgain(
  at: number,
  work: Work,
  { why, answer }: { readonly why: TurnReason; readonly answer: Answer },
): RowAskedAgain {
  const { outcome, latencyMs } = answer
  const { stopReason, requestId } = outcome
  const { lineNumber: line, id } = work.row
  const taken = takenBy(work, answer)
  const rest = { stopReason, latencyMs, requestId }
  return { type: 'row_asked_again', at, line, id, why, ...taken, ...rest }
}

function takenBy({ pool }: Work, answer: Answer): AnswerTaken {
  const { costNanoUsd, cacheSavedNanoUsd, batch } = answer
  const { cacheMissedTokens = 0, cacheLostNanoUsd = 0 } = answer
  const { model, usage } = answer.outcome
  const isEarlier = answer.paidNanoUsd !== undefined
  const took = { model, pool, usage, costNanoUsd, cacheSavedNanoUsd }
  const taken = isEarlier ? { ...took, isEarlier } : took
  const missed = cacheMissedTokens > 0 ? { cacheMissedTokens, cacheLostNanoUsd } : undefined
  const via = batch === undefined ? undefined : { batchId: batch.id }
  return missed === undefined && via === undefined ? taken : { ...taken, ...missed, ...via }
}

/** A row's failure was written. */
export function rowFailed(at: number, work: Work, failure: Failure): RowFailed {
  const { outcome, attempts, answer } = failure
  const { error, status, requestId } = outcome
  const { lineNumber: line, id } = work.row
  const event: RowFailed = { type: 'row_failed', at, line, id, error, status, requestId, attempts }
  return answer === undefined ? event : { ...event, answer: takenBy(work, answer) }
}

/** A line that is no request was written to the failed file. */
export function faultFailed(at: number, { lineNumber: line, id, error }: RowFault): RowFailed {
  return { type: 'row_failed', at, line, id, error, status: 0, requestId: null, attempts: 0 }
}

/** A row was left. */
export function rowLeft(at: number, { row }: Work, isTwin: boolean): RowLeft {
  const { lineNumber: line, id, model } = row
  return { type: 'row_left', at, line, id, model, ...(isTwin && { isTwin }) }
}

/** What there is to say of a try that may have been billed, at `at` wall time. */
export function unknownOf(
  prices: Prices,
  attempt: Attempt,
  outcome: Outcome,
  at: number,
): AttemptFailed['unknown'] {
  const isUnknown = 'unknown' in outcome && outcome.unknown
  return isUnknown ? { costNanoUsdMax: costNanoUsdMax(prices, attempt, at) } : null
}

/** The most a try can have cost; null when the price is unknown. */
export function costNanoUsdMax(prices: Prices, { work, cost }: Attempt, at: number): number | null {
  // A budget counts with the most there can be.
  if (work.most !== undefined && work.most.nanoUsd > 0) return work.most.nanoUsd
  // The estimate may be low; twice it, or a token a byte, is not.
  const inputTokens = Math.min(work.bodyBytes, 2 * (cost.prompt ?? cost.input))
  const request = { inputTokens, outputTokensMax: work.row.maxTokens, at }
  return prices.worstCaseNanoUsd(work.row.model, request)
}

/** The machine, or the process, did not run for so long. */
export function sleptFor(ms: number): string {
  return `the machine slept for about ${Math.round(ms / 1000)} s: connections are opened anew`
}

/** The user has told the run something. */
export function commanded(
  at: number,
  { type: command }: Command,
  maxConcurrency: number,
): Commanded {
  const isBound = maxConcurrency < bounds.socketsMax
  return { type: 'commanded', at, command, maxConcurrency: isBound ? maxConcurrency : null }
}

const limitsToldEveryMs = 1000

/** Tells the limits of each pool, and not at every reply. */
export class LimitsTold {
  readonly #toldAt = new Map<string, number>()

  read(at: number, pool: string, limits: LimitReadings | undefined): LimitsRead | undefined {
    if (limits === undefined) return undefined
    if (at - (this.#toldAt.get(pool) ?? -Infinity) < limitsToldEveryMs) return undefined
    this.#toldAt.set(pool, at)
    return { type: 'limits_read', at, pool, limits }
  }
}

/** What others take of each limit, a minute; undefined: nothing, as far as is known. */
export function othersOf(levels: Levels): LimitsRead['others'] {
  const taken = Object.entries(levels).map(
    ([unit, { others }]) => [unit, Math.round(others)] as const,
  )
  const some = taken.filter(([, others]) => others > 0)
  return some.length === 0 ? undefined : Object.fromEntries(some)
}

/** All observers as one. One that throws is dropped: watching must not change what is watched. */
export function toAll(observers: readonly Observer[]): Observer {
  let watching = [...observers]
  return (event: RunEvent) => {
    for (const observer of watching) {
      try {
        observer(event)
      } catch (error) {
        watching = watching.filter((other) => other !== observer)
        const message = `an observer failed and was dropped: ${String(error)}`
        for (const other of watching) other({ type: 'notice', at: event.at, message })
      }
    }
  }
}

/** An observer of a later part of a run: in the first it was told of the input. */
export function toldBefore(observe: Observer): Observer {
  return (event) => {
    const { type } = event
    if (type !== 'run_started' && type !== 'rows_read' && type !== 'input_ended') observe(event)
  }
}

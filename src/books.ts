/**
 * The books: where a run says what became of every row, whatever keeps it.
 *
 * A row passes exactly one of `held`, `succeed`, `fail`, `fault` and `leave`. `run` keeps its books
 * in files (ledger.ts), `stream` hands results over in memory (delivery.ts); the loop knows this
 * interface alone.
 */

import type { Unanswered } from './decision.ts'
import { usdNumber } from './money.ts'
import type { Answered } from './outcome.ts'
import type { Held, Planned } from './plan.ts'
import type { Holding } from './record.ts'
import type { RowFault } from './request.ts'
import type { BatchPlace, RunFields } from './result-line.ts'
import type { Work } from './work.ts'

/** How a row was answered. */
export interface Answer {
  readonly outcome: Answered
  readonly costNanoUsd: number | null
  readonly cacheSavedNanoUsd: number | null
  /** Tokens written to the cache that an earlier answer had written already. @default 0 */
  readonly cacheMissedTokens?: number
  /** What reading these would have saved. @default 0 */
  readonly cacheLostNanoUsd?: number | null
  readonly latencyMs: number
  readonly attempts: number
  readonly batch?: BatchPlace | undefined
}

/** How a row failed. */
export interface Failure {
  readonly outcome: Unanswered
  readonly latencyMs: number
  readonly attempts: number
  readonly batch?: BatchPlace | undefined
}

/** A line that cannot be asked. */
export type Fault = Extract<Planned, { type: 'fault' }>

/** `onWritten` is called when the row is out of our hands: then it counts as done. */
export interface Books extends Held {
  /** The row has its line from an earlier run. */
  held(sequence: number, key: string, as: Holding): void
  /** The row was answered. */
  succeed(work: Work, answer: Answer, onWritten: () => void): void
  /** The row failed. */
  fail(work: Work, failure: Failure, onWritten: () => void): void
  /** The row is no request, and was not sent. */
  fault(planned: Fault, onWritten: () => void): void
  /** The row stays as it was. `forGood`: the run goes on without it. */
  leave(work: Work, forGood: boolean): void
  /** Shows that the run lives. @throws {RunError} `LOCK_LOST` */
  beat(inFlight: number): void
}

/** What `run` of a result says of a row that was answered. */
export function answeredFields(work: Work, answer: Answer): RunFields {
  const { costNanoUsd } = answer
  return endedFields(work, answer, costNanoUsd === null ? null : usdNumber(costNanoUsd))
}

/** What it says of a row that failed. */
export function failedFields(work: Work, failure: Failure): RunFields {
  // What was refused costs nothing; what was lost, nobody knows.
  return endedFields(work, failure, work.unknownAttempts > 0 ? null : '0')
}

/** What it says of a row that was not sent. */
export function faultFields({ lineNumber, key }: RowFault): RunFields {
  return { line: lineNumber, key, attempts: 0, requestId: null, latencyMs: 0, costUsd: '0' }
}

function endedFields(work: Work, end: Answer | Failure, costUsd: string | null): RunFields {
  return {
    line: work.row.lineNumber,
    key: work.row.key,
    attempts: end.attempts,
    requestId: end.outcome.requestId,
    latencyMs: Math.round(end.latencyMs),
    costUsd,
    unknownAttempts: work.unknownAttempts,
    batch: end.batch,
  }
}

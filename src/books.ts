/**
 * The books: where a run says what became of every row, whatever keeps it.
 *
 * A row passes exactly one of `held`, `succeed`, `fail`, `fault` and `leave`. `run` keeps its books
 * in files (ledger.ts), `stream` hands results over in memory (delivery.ts); the loop knows this
 * interface alone.
 */

import type { Failing } from './decision.ts'
import { usdNumber } from './money.ts'
import type { Answered } from './outcome.ts'
import type { Held, Planned } from './plan.ts'
import type { Holding } from './plan.ts'
import type { RowFault } from './request.ts'
import type { BatchPlace, RunFields } from './result-line.ts'
import { costBehind, type KeptTurn } from './turns.ts'
import type { Work } from './work.ts'

/** How a row was answered. */
export interface Answer {
  /** Of a row that was paused before, with all that it was answered as one Message. */
  readonly outcome: Answered
  /** Of this answer alone. */
  readonly costNanoUsd: number | null
  /** What it cost an earlier run, which had it and went on from it. @default this run has it */
  readonly paidNanoUsd?: number | null
  /** Its output does not conform to its schema. @default false */
  readonly isInvalid?: boolean
  readonly cacheSavedNanoUsd: number | null
  /** Tokens written to the cache that an earlier answer had written already. @default 0 */
  readonly cacheMissedTokens?: number
  /** What reading these would have saved. @default 0 */
  readonly cacheLostNanoUsd?: number | null
  readonly latencyMs: number
  readonly attempts: number
  readonly batch?: BatchPlace | undefined
}

/** How a row failed. It may have answers all the same. */
export interface Failure {
  readonly outcome: Failing
  /** The answer that it failed with, if it has one. @default it has none */
  readonly answer?: Answer | undefined
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
  /** The row was answered, and is asked again; `onWritten`: that may be done. */
  turn(work: Work, turn: KeptTurn, onWritten: () => void): void
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
  const costUsd = usdNumber(costBehind(work.turns, paidFor(answer)))
  const fields = endedFields(work, answer, costUsd)
  return answer.isInvalid === true ? { ...fields, isInvalid: true } : fields
}

/** What it says of a row that failed. */
export function failedFields(work: Work, failure: Failure): RunFields {
  // What was refused costs nothing; what was lost, nobody knows.
  const { answer } = failure
  const cost = costBehind(work.turns, answer === undefined ? 0 : paidFor(answer))
  return endedFields(work, failure, work.unknownAttempts > 0 ? null : usdNumber(cost))
}

function paidFor({ costNanoUsd, paidNanoUsd = costNanoUsd }: Answer): number | null {
  return paidNanoUsd
}

/** The answers of a row that are not its result, as JSON texts. */
export function earlierOf({ turns }: Work, rejected?: Answer): readonly string[] {
  const before = turns.map(({ message }) => message)
  return rejected === undefined ? before : [...before, rejected.outcome.message]
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
    turns: work.turns.length,
    batch: end.batch,
  }
}

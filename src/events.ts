/**
 * Everything an observer of a run may learn, as one union.
 *
 * Progress, log, summary and later the page and the metrics are folds of this one
 * stream. Observers only observe: removing them all changes nothing but what is seen.
 * Instants (`at`) are monotonic milliseconds of the run's clock, durations end in `Ms`.
 */

import type { BudgetState } from './budget.ts'
import type { Command } from './control.ts'
import type { Unanswered } from './decision.ts'
import type { ErrorCode } from './errors.ts'
import type { MeterUnit } from './meter.ts'
import type { ApiError, LimitReadings, Usage } from './outcome.ts'
import type { SplitForecast } from './split-forecast.ts'
import type { TurnReason } from './turns.ts'

interface Base {
  readonly at: number
}

/** The run is about to read its input. */
export interface RunStarted extends Base {
  readonly type: 'run_started'
  /** Wall time, ms since the epoch. */
  readonly wallAt: number
  readonly input: string
  readonly output: string
  readonly failedOutput: string
  /** Size of the input in bytes; null when it is a stream. */
  readonly inputBytes: number | null
  /** Answers and failures the output files held already. */
  readonly held: { readonly succeeded: number; readonly failed: number }
  /**
   * Most requests that were under way when an earlier run of this output was killed; each may have
   * been billed.
   */
  readonly killedInFlight: number
}

/**
 * Rows were read from the input. `heldSucceeded` and `heldFailed` of them had their line already.
 */
export interface RowsRead extends Base {
  readonly type: 'rows_read'
  readonly count: number
  readonly heldSucceeded: number
  readonly heldFailed: number
  /** Bytes of the input read so far, from its start. */
  readonly bytes: number
}

/** The input was read to its end, or as far as `--first` asks. */
export interface InputEnded extends Base {
  readonly type: 'input_ended'
}

/** A try was sent. */
export interface AttemptStarted extends Base {
  readonly type: 'attempt_started'
  readonly attempt: number
  readonly line: number
  readonly id: string
  readonly model: string
  readonly pool: string
  readonly stream: boolean
}

/** A try ended without an answer; what becomes of its row follows in its own event. */
export interface AttemptFailed extends Base {
  readonly type: 'attempt_failed'
  readonly attempt: number
  readonly line: number
  readonly id: string
  readonly pool: string
  readonly kind: Unanswered['kind']
  readonly status: number
  readonly error: ApiError
  readonly requestId: string | null
  readonly latencyMs: number
  /** It was sent and no complete reply was read: it may have been billed, for at most this much. */
  readonly unknown: { readonly costNanoUsdMax: number | null } | null
  /** Until the row may start again, not counting limits; null when it will not in this run. */
  readonly waitMs: number | null
}

/** What an answer took. */
export interface AnswerTaken {
  readonly model: string
  readonly pool: string
  readonly usage: Usage
  /** Null when the model's price is unknown. */
  readonly costNanoUsd: number | null
  /**
   * What it would have cost without a prompt cache, less what it cost; below zero where it cost
   * more. Null when it used the cache and the price is unknown.
   */
  readonly cacheSavedNanoUsd: number | null
  /**
   * Of the tokens it wrote to the cache, those an earlier answer of the run had written already.
   * @default 0
   */
  readonly cacheMissedTokens?: number
  /**
   * What it would have cost less if it had read these. Null when the price is unknown. @default 0
   */
  readonly cacheLostNanoUsd?: number | null
  /** The batch that answered it. @default it was asked live */
  readonly batchId?: string
  /** An earlier run had it, and counted what it took: that is nothing here. @default false */
  readonly isEarlier?: boolean
}

/** A row's answer was handed to `write()`. */
export interface RowSucceeded extends Base, AnswerTaken {
  readonly type: 'row_succeeded'
  readonly line: number
  readonly id: string
  readonly stopReason: string | null
  /** Its output does not conform to its schema. @default false */
  readonly isInvalid?: boolean
  readonly latencyMs: number
  readonly attempts: number
  readonly requestId: string | null
}

/** A row's answer is not its result: it is on record, and the row is asked again behind it. */
export interface RowAskedAgain extends Base, AnswerTaken {
  readonly type: 'row_asked_again'
  readonly line: number
  readonly id: string
  /** It was cut and has more room now, goes on where it was paused, or is shown its faults. */
  readonly why: TurnReason
  readonly stopReason: string | null
  readonly latencyMs: number
  readonly requestId: string | null
}

/** A row's failure was handed to `write()`. */
export interface RowFailed extends Base {
  readonly type: 'row_failed'
  readonly line: number
  readonly id: string
  readonly error: ApiError
  readonly status: number
  readonly requestId: string | null
  /** Tries that counted; 0 when it was no request and was not sent. */
  readonly attempts: number
  /** What the answer took that it failed with. @default it has none */
  readonly answer?: AnswerTaken
}

/** A row was not asked, or its answer not read, and will not be in this run. */
export interface RowLeft extends Base {
  readonly type: 'row_left'
  readonly line: number
  readonly id: string
  readonly model: string
  /** It asks what another row asks, and gets a copy of its line at the end. @default false */
  readonly isTwin?: boolean
}

/** A row got a copy of the line of another that asks the very same: it cost nothing. */
export interface RowCopied extends Base {
  readonly type: 'row_copied'
  readonly line: number
  readonly id: string
  /** The id of the row that was asked. */
  readonly from: string
  /** That row failed, and so does this one. */
  readonly isFailure: boolean
}

/** Rows that were left are asked again in this run. */
export interface RowsAgain extends Base {
  readonly type: 'rows_again'
  readonly count: number
}

/** A Message Batch of ours is there. `isEarlier`: an earlier run has submitted it. */
export interface BatchSubmitted extends Base {
  readonly type: 'batch_submitted'
  readonly id: string
  readonly rows: number
  readonly isEarlier: boolean
}

/** All of its results were read. */
export interface BatchCollected extends Base {
  readonly type: 'batch_collected'
  readonly id: string
  readonly rows: number
}

/** A batch may have been created, or answered, and its results cannot be had. */
export interface BatchLost extends Base {
  readonly type: 'batch_lost'
  /** Null: it was never seen. */
  readonly id: string | null
  readonly rows: number
  /** The most it can have cost; null where a price is unknown. */
  readonly costNanoUsdMax: number | null
}

/** What a run that chooses between batches and live requests is to do. */
export interface SplitPlanned extends Base {
  readonly type: 'split_planned'
  /** Wall time by which all is to be answered, ms since the epoch; null: whenever it is. */
  readonly deadlineAt: number | null
  readonly plan: SplitForecast
}

/** A batch was canceled, for its rows to be asked live in time. */
export interface BatchCut extends Base {
  readonly type: 'batch_cut'
  readonly id: string
  readonly rows: number
}

/** A run with a deadline is over, or its deadline has passed. */
export interface DeadlineJudged extends Base {
  readonly type: 'deadline_judged'
  /** Milliseconds that were left at the end; below zero: by so much it was missed. */
  readonly leftMs: number
}

/** What others take of each limit of a pool, per minute, as far as replies show. */
export type OtherTraffic = Readonly<Partial<Record<MeterUnit, number>>>

/** A reply showed the limits of its pool. */
export interface LimitsRead extends Base {
  readonly type: 'limits_read'
  readonly pool: string
  readonly limits: LimitReadings
  /** What others take of these limits, per minute, as far as replies show. @default nothing */
  readonly others?: OtherTraffic
}

/** What keeps the next row from starting changed. */
export interface BindingChanged extends Base {
  readonly type: 'binding_changed'
  /**
   * `requests`, `input`, `output`, `tokens`, a bound's flag, `concurrency`, `ramp`, `retry-after`,
   * `outage`, `budget`, `reading` (the input), `disk` (the output), `results` (that nobody takes)…
   * Of several pools, the one it is of stands before it: `claude-opus-4.x: requests`.
   */
  readonly binds: string
  /** Until this instant nothing can change. @default that is not known */
  readonly untilAt?: number
}

/** How the budget stands; told now and then, and at the end. Money is nano-dollars. */
export interface BudgetUsed extends Base, BudgetState {
  readonly type: 'budget_used'
}

/** The user has told the run something while it goes on (control.ts). */
export interface Commanded extends Base {
  readonly type: 'commanded'
  readonly command: Command['type']
  /** How many requests may be in flight at once from now on; null: as many as there are sockets. */
  readonly maxConcurrency: number | null
}

/** The output cannot be written (`ENOSPC`…); nothing starts until it can. Null: it can again. */
export interface OutputBlocked extends Base {
  readonly type: 'output_blocked'
  readonly code: string | null
}

/** Nothing more is started; what is under way may finish. */
export interface RunStopping extends Base {
  readonly type: 'run_stopping'
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string | null
}

/** Something the user should know, said once. */
export interface Notice extends Base {
  readonly type: 'notice'
  readonly message: string
}

/** Anything that happens in a run. */
export type RunEvent =
  | RunStarted
  | RowsRead
  | InputEnded
  | AttemptStarted
  | AttemptFailed
  | RowSucceeded
  | RowAskedAgain
  | RowFailed
  | RowLeft
  | RowCopied
  | RowsAgain
  | BatchSubmitted
  | BatchCollected
  | BatchLost
  | BatchCut
  | SplitPlanned
  | DeadlineJudged
  | LimitsRead
  | BindingChanged
  | BudgetUsed
  | Commanded
  | OutputBlocked
  | RunStopping
  | Notice

/** Learns what happens in a run. An observer that throws is dropped; the run goes on. */
export type Observer = (event: RunEvent) => void

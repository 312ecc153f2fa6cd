/**
 * What the scheduler is told, and what it answers: the two unions between `run.ts`,
 * which does, and `scheduler.ts`, which decides.
 */

import type { MaxFailed } from './brake.ts'
import type { Budget } from './budget.ts'
import type { Ceilings } from './ceilings.ts'
import type { RunError } from './errors.ts'
import type { Bounds } from './limiter.ts'
import type { AnswerPolicies } from './answer-policy.ts'
import type { Answered, ApiError, LimitReadings, Outcome, Rejected } from './outcome.ts'
import type { PrefixKind } from './prefixes.ts'
import type { RampKind } from './ramp.ts'
import type { AbortReason } from './transport.ts'
import type { TurnAsk, TurnReason } from './turns.ts'
import type { Attempt, Work } from './work.ts'
import type { Amount } from './worst-case.ts'

/** Durations in milliseconds, sizes in bytes. */
export interface SchedulerOptions {
  readonly bounds: Bounds
  /** What is spent once. The first rows wait until `window` is off. @default none */
  readonly budget?: Budget | undefined
  readonly ramp: RampKind
  /** Pools whose start was too steep in an earlier run. @default none */
  readonly gentlePools?: ReadonlySet<string> | undefined
  /** The share of each limit that may be used. @default 1 */
  readonly limitFraction?: number
  readonly maxAttempts: number
  /** What becomes of answers that are not what was asked for. @default all are results */
  readonly policies?: AnswerPolicies
  readonly timeoutMs: number
  readonly maxRowTimeMs: number
  readonly patienceMs: number
  readonly maxConcurrency: number
  readonly maxInFlightBytes: number
  readonly maxFailed: MaxFailed | undefined
  /** Whose prefixes one row writes before the others read them. @default none's */
  readonly prefixes?: PrefixKind | undefined
  /** Whether the user said how. @default false */
  readonly isCacheGiven?: boolean
  readonly windowRowsMax: number
  readonly windowBytesMax: number
  /** Bytes of bodies that wait in memory; only of what is `rereadable` there may wait others. */
  readonly windowBodiesBytesMax: number
  /** Whether a body can be read from the input again; if not, it is kept for retries. */
  readonly rereadable: boolean
}

/**
 * Why nothing may start for now: a full disk (of the output, or of the record of what is spent),
 * results that nobody takes, the first rows not read (for a budget, or to see what they share),
 * the user's wish.
 */
export type Hold = 'output' | 'record' | 'results' | 'window' | 'prefixes' | 'pause'

/** An outcome that is no answer. */
export type Unanswered = Exclude<Outcome, Answered>

/** What a row can fail with. */
export type Failing = Unanswered | Rejected

/** An answer that is not its row's last. */
export interface AskingAgain {
  readonly why: TurnReason
  readonly ask: TurnAsk
}

/** What happened. */
export type SchedulerEvent =
  | { readonly type: 'row'; readonly work: Work }
  /** What a row is to be asked again is on record: it goes before the others. */
  | { readonly type: 'turned'; readonly work: Work }
  | { readonly type: 'input_ended' }
  /** A row failed without being asked: it was no request. */
  | { readonly type: 'fault'; readonly error: ApiError }
  /** A try that was started waits for a connection. */
  | { readonly type: 'waits'; readonly attempt: Attempt }
  /** One that waited is sent. */
  | { readonly type: 'sent'; readonly attempt: Attempt }
  /** The head of a stream was read. */
  | {
      readonly type: 'head'
      readonly attempt: Attempt
      readonly status: number
      readonly limits: LimitReadings | undefined
    }
  | {
      readonly type: 'outcome'
      readonly attempt: Attempt
      readonly outcome: Outcome
      /** What an answer cost, in a run with a budget. */
      readonly cost?: Amount | undefined
    }
  | { readonly type: 'wake' }
  /** The Rate Limits API told which models share limits, and what these are. */
  | { readonly type: 'ceilings'; readonly ceilings: Ceilings }
  /** While held nothing starts; what is under way goes on. */
  | { readonly type: 'hold'; readonly why: Hold; readonly on: boolean }
  /** So many tries may be under way at once from now on. */
  | { readonly type: 'concurrency'; readonly max: number }
  /** The machine slept: what began before is dead, levels and latencies are unknown. */
  | { readonly type: 'slept'; readonly before: number }
  /** Start nothing more; what is under way may finish. */
  | { readonly type: 'stop'; readonly error: RunError }
  /** Waiting for what is under way is over: end it. */
  | { readonly type: 'abandon' }

/** A try is over. */
export type Ended = Extract<SchedulerEvent, { type: 'outcome' }>

/** What to do. */
export type Decision =
  | { readonly type: 'start'; readonly attempt: Attempt }
  | { readonly type: 'abort'; readonly attempt: Attempt; readonly reason: AbortReason }
  | {
      readonly type: 'succeed'
      readonly work: Work
      readonly attempt: Attempt
      readonly outcome: Answered
      /** Its output does not conform to its schema, and that is accepted. */
      readonly isInvalid: boolean
    }
  | {
      readonly type: 'fail'
      readonly work: Work
      readonly attempt: Attempt
      readonly outcome: Failing
    }
  /** It was answered, and is asked again: the scheduler waits for `turned`. */
  | {
      readonly type: 'turn'
      readonly work: Work
      readonly attempt: Attempt
      readonly outcome: Answered
      readonly again: AskingAgain
    }
  /** The row was not asked, or its answer not read, and will not be in this run. */
  | { readonly type: 'leave'; readonly work: Work }
  /** A try did not settle its row, which may start again in `delayMs`. */
  | {
      readonly type: 'retry'
      readonly work: Work
      readonly attempt: Attempt
      readonly outcome: Unanswered
      readonly delayMs: number
    }
  | { readonly type: 'stop'; readonly error: RunError }
  /** The server said that sending grew too fast in this pool: worth knowing at the next start. */
  | { readonly type: 'ramp_slowed'; readonly pool: string }
  /** Something worth saying. */
  | { readonly type: 'notice'; readonly message: string }

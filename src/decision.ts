/**
 * What the scheduler is told, and what it answers: the two unions between `run.ts`,
 * which does, and `scheduler.ts`, which decides.
 */

import type { MaxFailed } from './brake.ts'
import type { RunError } from './errors.ts'
import type { Bounds } from './limiter.ts'
import type { Answered, ApiError, LimitReadings, Outcome } from './outcome.ts'
import type { RampKind } from './ramp.ts'
import type { AbortReason } from './transport.ts'
import type { Attempt, Work } from './work.ts'

/** Durations in milliseconds, sizes in bytes. */
export interface SchedulerOptions {
  readonly bounds: Bounds
  readonly ramp: RampKind
  readonly maxAttempts: number
  readonly timeoutMs: number
  readonly maxRowTimeMs: number
  readonly patienceMs: number
  readonly maxConcurrency: number
  readonly maxInFlightBytes: number
  readonly maxFailed: MaxFailed | undefined
  /** `marked`: the first row leads (leader.ts). @default 'off' */
  readonly cache?: 'marked' | 'off'
  readonly windowRowsMax: number
  readonly windowBytesMax: number
  /** Whether a body can be read from the input again; if not, it is kept for retries. */
  readonly rereadable: boolean
}

/** Why nothing may start for now: a full disk, results that nobody takes, the user's wish. */
export type Hold = 'output' | 'results' | 'pause'

/** An outcome that is no answer. */
export type Unanswered = Exclude<Outcome, Answered>

/** What happened. */
export type SchedulerEvent =
  | { readonly type: 'row'; readonly work: Work }
  | { readonly type: 'input_ended' }
  /** A row failed without being asked: it was no request. */
  | { readonly type: 'fault'; readonly error: ApiError }
  /** The head of a stream was read. */
  | {
      readonly type: 'head'
      readonly attempt: Attempt
      readonly status: number
      readonly limits: LimitReadings | undefined
    }
  | { readonly type: 'outcome'; readonly attempt: Attempt; readonly outcome: Outcome }
  | { readonly type: 'wake' }
  /** While held nothing starts; what is under way goes on. */
  | { readonly type: 'hold'; readonly why: Hold; readonly on: boolean }
  /** The machine slept: what began before is dead, levels and latencies are unknown. */
  | { readonly type: 'slept'; readonly before: number }
  /** Start nothing more; what is under way may finish. */
  | { readonly type: 'stop'; readonly error: RunError }
  /** Waiting for what is under way is over: end it. */
  | { readonly type: 'abandon' }

/** What to do. */
export type Decision =
  | { readonly type: 'start'; readonly attempt: Attempt }
  | { readonly type: 'abort'; readonly attempt: Attempt; readonly reason: AbortReason }
  | {
      readonly type: 'succeed'
      readonly work: Work
      readonly attempt: Attempt
      readonly outcome: Answered
    }
  | {
      readonly type: 'fail'
      readonly work: Work
      readonly attempt: Attempt
      readonly outcome: Unanswered
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
  /** Something worth saying. */
  | { readonly type: 'notice'; readonly message: string }

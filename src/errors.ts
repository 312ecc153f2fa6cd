/**
 * Errors that stop a run, and their codes.
 *
 * A row's own failure is never one of these: it is a line in the failed file.
 * Every code has a heading in docs/errors.md, and never changes its meaning.
 */

/** Why a run ended. */
export type ExitReason =
  | 'succeeded'
  | 'someFailed'
  | 'usage'
  | 'stopped'
  | 'budget'
  | 'outstanding'
  | 'bug'
  | 'interrupted'

/** Exit codes of the command (cli.md, "Exit codes"). */
export const exitCodes: Readonly<Record<ExitReason, number>> = {
  succeeded: 0,
  someFailed: 1,
  usage: 2,
  stopped: 3,
  budget: 4,
  outstanding: 5,
  bug: 70,
  interrupted: 130,
}

/** Every code; docs/errors.md has a heading for each. */
export type ErrorCode =
  | 'OPTIONS_INVALID'
  | 'INPUT_UNREADABLE'
  | 'LINE_INVALID'
  | 'OUTPUT_FOREIGN'
  | 'OUTPUT_DAMAGED'
  | 'OUTPUT_UNWRITABLE'
  | 'KEY_MISSING'
  | 'PRICES_INVALID'
  | 'OUTPUT_LOCKED'
  | 'LOCK_LOST'
  | 'KEY_REFUSED'
  | 'PERMISSION_REFUSED'
  | 'BILLING'
  | 'CREDIT_EXHAUSTED'
  | 'SPEND_LIMIT_REACHED'
  | 'URL_NOT_FOUND'
  | 'LIMITS_UNREADABLE'
  | 'MODELS_UNREADABLE'
  | 'TOKENS_UNCOUNTED'
  | 'MODEL_NOT_FOUND'
  | 'SAME_ERROR'
  | 'TOO_MANY_FAILED'
  | 'PATIENCE_EXHAUSTED'
  | 'COST_UNKNOWN'
  | 'BUDGET_REACHED'
  | 'INTERRUPTED'
  | 'OUTPUT_CLOSED'
  | 'INPUT_CHANGED'
  | 'BATCHES_OUTSTANDING'
  | 'BATCH_REFUSED'
  | 'ROWS_LEFT'
  | 'PILOT_DONE'
  | 'COUNT_MISMATCH'

/** The exit code each error leads to. */
export const errorCodes: Readonly<Record<ErrorCode, number>> = {
  OPTIONS_INVALID: exitCodes.usage,
  INPUT_UNREADABLE: exitCodes.usage,
  LINE_INVALID: exitCodes.usage,
  OUTPUT_FOREIGN: exitCodes.usage,
  OUTPUT_DAMAGED: exitCodes.usage,
  OUTPUT_UNWRITABLE: exitCodes.usage,
  KEY_MISSING: exitCodes.usage,
  PRICES_INVALID: exitCodes.usage,
  OUTPUT_LOCKED: exitCodes.stopped,
  LOCK_LOST: exitCodes.stopped,
  KEY_REFUSED: exitCodes.stopped,
  PERMISSION_REFUSED: exitCodes.stopped,
  BILLING: exitCodes.stopped,
  CREDIT_EXHAUSTED: exitCodes.stopped,
  SPEND_LIMIT_REACHED: exitCodes.stopped,
  URL_NOT_FOUND: exitCodes.stopped,
  LIMITS_UNREADABLE: exitCodes.stopped,
  MODELS_UNREADABLE: exitCodes.stopped,
  TOKENS_UNCOUNTED: exitCodes.stopped,
  MODEL_NOT_FOUND: exitCodes.stopped,
  SAME_ERROR: exitCodes.stopped,
  TOO_MANY_FAILED: exitCodes.stopped,
  PATIENCE_EXHAUSTED: exitCodes.stopped,
  COST_UNKNOWN: exitCodes.stopped,
  BUDGET_REACHED: exitCodes.budget,
  INTERRUPTED: exitCodes.stopped,
  OUTPUT_CLOSED: exitCodes.stopped,
  INPUT_CHANGED: exitCodes.stopped,
  BATCHES_OUTSTANDING: exitCodes.outstanding,
  BATCH_REFUSED: exitCodes.stopped,
  ROWS_LEFT: exitCodes.stopped,
  PILOT_DONE: exitCodes.stopped,
  COUNT_MISMATCH: exitCodes.bug,
}

/**
 * Stops a run, or keeps it from starting. The message says action, value and place; the hint, the
 * fix. *
 * @example
 * ```ts
 * const error = new RunError('KEY_MISSING', 'Cannot start without an API key')
 * error.exitCode // => 2
 * ```
 */
export class RunError extends Error {
  override readonly name = 'RunError'
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }

  get exitCode(): number {
    return errorCodes[this.code]
  }
}

/**
 * Errors that the scheduler ends a run or a row with: what to tell the user.
 */

import { RunError } from './errors.ts'
import { retirementNotice } from './models.ts'
import type { ApiError, Broken, RunStop } from './outcome.ts'

const codes = {
  key: 'KEY_REFUSED',
  permission: 'PERMISSION_REFUSED',
  billing: 'BILLING',
  credit: 'CREDIT_EXHAUSTED',
  spend_limit: 'SPEND_LIMIT_REACHED',
  url: 'URL_NOT_FOUND',
} as const

const hints = {
  key: 'check ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN), then run the same command again',
  permission: 'the key may not do this; use another key or ask its owner, then run again',
  billing: 'settle billing in the Console, then run the same command again',
  credit: 'buy credits in the Console, then run the same command again',
  spend_limit: 'raise the limit in the Console or wait until it resets, then run again',
  url: 'check --base-url: it is the origin and prefix to which /v1/messages is appended',
} as const

/** The error that stops the run; no row is failed for it. */
export function runStopError({ reason, status, error }: RunStop): RunError {
  const message = `Stopped as the API answered ${status} ${error.type}: ${error.message}`
  return new RunError(codes[reason], message, { hint: hints[reason] })
}

/** The error of a run that its user has stopped; `hint`: how to go on. */
export function stoppedAsAsked(hint = 'run the same command again to go on'): RunError {
  return new RunError('INTERRUPTED', 'Stopped as asked', { hint })
}

/** The error of a model that does not exist; its rows are left, not failed. */
export function modelGoneError(model: string, error: ApiError): RunError {
  // The API refuses it, so that of the announced day nothing is left to come.
  const retired = retirementNotice(model, Infinity)
  const reply = `the API answered 404 ${error.message}`
  const message =
    retired === null ? `Cannot ask the model ${model}: ${reply}` : `${retired}: ${reply}`
  const hint = 'pass --model NAME to use another; rows of this model were left, not failed'
  return new RunError('MODEL_NOT_FOUND', message, { hint })
}

/** The error of a run in which nothing succeeded for so long. */
export function patienceError(patienceMs: number): RunError {
  const minutes = Math.round(patienceMs / 6000) / 10
  const message = `Stopped as no row was answered for ${minutes} min (--patience)`
  const hint = 'run the same command again when the service answers; no row was failed for it'
  return new RunError('PATIENCE_EXHAUSTED', message, { hint })
}

/** What a row ends with whose time ran out while it waited to be asked again. */
export const rowTimeOutcome: Broken = {
  kind: 'broken',
  status: 0,
  requestId: null,
  error: { type: 'timeout_error', message: 'The row took longer than the time allowed for it' },
  unknown: false,
}

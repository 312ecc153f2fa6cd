import { expect, test } from 'vitest'
import type { RunStopReason } from './outcome.ts'
import { modelGoneError, patienceError, rowTimeOutcome, runStopError } from './run-stop.ts'

test.each<[RunStopReason, number, string, string]>([
  ['key', 401, 'KEY_REFUSED', 'ANTHROPIC_API_KEY'],
  ['permission', 403, 'PERMISSION_REFUSED', 'another key'],
  ['billing', 402, 'BILLING', 'Console'],
  ['credit', 400, 'CREDIT_EXHAUSTED', 'credits'],
  ['spend_limit', 429, 'SPEND_LIMIT_REACHED', 'raise the limit'],
  ['url', 404, 'URL_NOT_FOUND', '--base-url'],
])(
  'runStopError() of %s says what the API answered and what to do',
  (reason, status, code, hint) => {
    const error = runStopError({
      kind: 'run_stop',
      reason,
      status,
      requestId: null,
      error: { type: 'some_error', message: 'Not you.' },
    })
    expect([error.code, error.exitCode]).toEqual([code, 3])
    expect(error.message).toBe(`Stopped as the API answered ${status} some_error: Not you.`)
    expect(error.hint).toContain(hint)
  },
)

test('modelGoneError() names the model and the way out', () => {
  const error = modelGoneError('claude-x', { type: 'not_found_error', message: 'model: claude-x' })
  expect([error.code, error.exitCode]).toEqual(['MODEL_NOT_FOUND', 3])
  expect(error.message).toContain('claude-x')
  expect(error.hint).toContain('--model')
})

test.each([
  [900_000, '15 min'],
  [90_000, '1.5 min'],
  [6000, '0.1 min'],
])('patienceError() of %i ms says %s', (patienceMs, text) => {
  const error = patienceError(patienceMs)
  expect([error.code, error.exitCode]).toEqual(['PATIENCE_EXHAUSTED', 3])
  expect(error.message).toContain(`for ${text} (--patience)`)
})

test('rowTimeOutcome is no try that may have been billed', () => {
  expect(rowTimeOutcome).toMatchObject({ kind: 'broken', status: 0, unknown: false })
})

/**
 * Options are checked all at once, and every one of them is.
 */

import { assert, expect, test } from 'vitest'

import { RunError } from '../errors.ts'
import { defaultSettings, resolveSettings, type SimulatorOptions } from './options.ts'

/** The message of the error that these options lead to. */
function problem(options: object): string {
  try {
    resolveSettings(options)
  } catch (error) {
    assert(error instanceof RunError && error.code === 'OPTIONS_INVALID', String(error))
    return error.message
  }
  return ''
}

test('resolveSettings() keeps defaults for what is not given', () => {
  expect(resolveSettings({})).toEqual(defaultSettings)
  expect(resolveSettings({ requestsPerMinute: null, seed: 7 })).toEqual({
    ...defaultSettings,
    limits: { requestsPerMinute: null },
    seed: 7,
  })
})

test('resolveSettings() names everything wrong in one error', () => {
  const message = problem({ requestPerMinute: 5, latencyMs: -1, slice: 'some' })
  expect(message).toBe(
    'Cannot simulate as "requestPerMinute" is not an option; ' +
      '"latencyMs" must be 0 or more, got -1; ' +
      '"slice" must be one of "hidden", "shown", "none", got "some"',
  )
})

test.each<[option: keyof SimulatorOptions, bad: unknown]>([
  ['seed', '1'],
  ['requestsPerMinute', 0],
  ['inputTokensPerMinute', Number.NaN],
  ['outputTokensPerMinute', -5],
  ['combinedTokens', 'none'],
  ['slice', null],
  ['burstSeconds', 61],
  ['outputAssessment', 'both'],
  ['admissionEstimate', 1],
  ['refusalsCostRequests', 'no'],
  ['retryAfter', null],
  ['headers', 'off'],
  ['profile', 'tier 4'],
  ['bareRefusals', 1],
  ['readsCount', 'yes'],
  ['cache', null],
  ['cacheLifeSeconds', 0],
  ['refusalRate', 1.5],
  ['rampPerSecond', 0],
  ['latencyMs', Number.POSITIVE_INFINITY],
  ['latencySigma', -0.1],
  ['firstByteShare', 1.1],
  ['outputTokens', 0],
  ['outputSigma', 9],
  ['edgeRefusesSize', 'yes'],
  ['countRequestsPerMinute', 0],
  ['faults', { flood: 0.1 }],
  ['faults', { overloaded: 2 }],
  ['faults', { overloaded: 0.6, cut: 0.6 }],
  ['faultUntil', 'soon'],
  ['models', 'all'],
  ['keys', [1]],
])('resolveSettings() refuses %s of %j', (option, bad) => {
  expect(problem({ [option]: bad })).toContain(`Cannot simulate as "${option}" `)
})

test('resolveSettings() takes rates that add up to 1 but for rounding', () => {
  const rates = { cut: 0.1, html: 0.2, credit: 0.3, overloaded: 0.4 }
  expect(resolveSettings({ faults: rates }).faults).toEqual(rates)
})

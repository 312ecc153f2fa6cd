/**
 * Headers against the wire facts of the API (rate limits page).
 */

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { parseInstant } from '../instants.ts'
import type { EnforcedMeterReading } from './enforced-meter.ts'
import { httpDate, rateLimitHeaders, requestHeaders, rfc3339 } from './headers.ts'
import type { Readings } from './limits.ts'

// 2026-11-22T10:00:00Z: 20,779 days and 10 hours after the epoch.
const tenOClock = (20_779 * 24 + 10) * 3_600_000

test.each([
  [0, '1970-01-01T00:00:00Z', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  [tenOClock, '2026-11-22T10:00:00Z', 'Sun, 22 Nov 2026 10:00:00 GMT'],
  // 30 years with 7 leap days, then January and 28 days: the leap day that centuries do not have.
  [(30 * 365 + 7 + 31 + 28) * 86_400_000, '2000-02-29T00:00:00Z', 'Tue, 29 Feb 2000 00:00:00 GMT'],
  [86_399_000, '1970-01-01T23:59:59Z', 'Thu, 01 Jan 1970 23:59:59 GMT'],
  [tenOClock + 1, '2026-11-22T10:00:01Z', 'Sun, 22 Nov 2026 10:00:00 GMT'],
  [tenOClock + 39 * 86_400_000, '2026-12-31T10:00:00Z', 'Thu, 31 Dec 2026 10:00:00 GMT'],
  [tenOClock + 40 * 86_400_000, '2027-01-01T10:00:00Z', 'Fri, 01 Jan 2027 10:00:00 GMT'],
])('rfc3339(%d) is %s and httpDate() %s', (wallTime, rfc, http) => {
  expect(rfc3339(wallTime)).toBe(rfc)
  expect(httpDate(wallTime)).toBe(http)
})

test('rfc3339() and httpDate() are what the client reads: one up, one down to the second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e12 }), (wallTime) => {
      expect(parseInstant(rfc3339(wallTime))).toBe(Math.ceil(wallTime / 1000) * 1000)
      expect(parseInstant(httpDate(wallTime))).toBe(Math.floor(wallTime / 1000) * 1000)
    }),
  )
})

function reading(perMinute: number, level: number): EnforcedMeterReading {
  return { perMinute, level, fullInMs: ((perMinute - level) / perMinute) * 60_000 }
}

function headers(readings: Partial<Readings>): Record<string, string> {
  const none = { requests: undefined, input: undefined, output: undefined, combined: undefined }
  const all = { ...none, ...readings }
  return Object.fromEntries(
    rateLimitHeaders(tenOClock, all, requestHeaders(tenOClock, all)).map(([name, value]) => [
      name.replace('anthropic-ratelimit-', ''),
      value,
    ]),
  )
}

test('rateLimitHeaders() are the sample of rate limits page after one small request', () => {
  const shown = headers({
    requests: { perMinute: 1000, level: 999, fullInMs: 0 },
    input: { perMinute: 2_000_000, level: 1_998_951, fullInMs: 0 },
    output: { perMinute: 400_000, level: 399_800, fullInMs: 0 },
  })
  expect(shown).toEqual({
    'requests-limit': '1000',
    'requests-remaining': '999',
    'requests-reset': '2026-11-22T10:00:00Z',
    'input-tokens-limit': '2000000',
    'input-tokens-remaining': '1999000',
    'input-tokens-reset': '2026-11-22T10:00:00Z',
    'output-tokens-limit': '400000',
    'output-tokens-remaining': '400000',
    'output-tokens-reset': '2026-11-22T10:00:00Z',
    'tokens-limit': '2400000',
    'tokens-remaining': '2399000',
    'tokens-reset': '2026-11-22T10:00:00Z',
  })
})

test.each([
  { name: 'rounds down below half a thousand', level: 12_499, remaining: '12000' },
  { name: 'rounds up from half a thousand', level: 12_500, remaining: '13000' },
  { name: 'never goes below zero', level: -15_000, remaining: '0' },
  { name: 'never exceeds the limit', level: 40_000, remaining: '40000' },
])('rateLimitHeaders() $name', ({ level, remaining }) => {
  expect(headers({ input: reading(40_000, level) })['input-tokens-remaining']).toBe(remaining)
})

test('rateLimitHeaders() reset is beyond a minute when in debt (rate limits page)', () => {
  // 40,000 a minute and 2,000 in debt: 42,000 missing are 63 s.
  const shown = headers({ input: reading(40_000, -2000), output: reading(8000, 8000) })
  expect(shown['input-tokens-reset']).toBe('2026-11-22T10:01:03Z')
  expect(shown['tokens-reset']).toBe('2026-11-22T10:00:00Z')
  expect(shown['tokens-limit']).toBe('48000')
  expect(shown['tokens-remaining']).toBe('8000')
})

test('rateLimitHeaders() tokens is the combined limit where there is one', () => {
  const shown = headers({
    input: reading(40_000, 40_000),
    output: reading(8000, 8000),
    combined: reading(20_000, 5000),
  })
  expect(shown['tokens-limit']).toBe('20000')
  expect(shown['tokens-remaining']).toBe('5000')
  expect(shown['tokens-reset']).toBe('2026-11-22T10:00:45Z')
})

test('rateLimitHeaders() leaves out limits there are not', () => {
  expect(headers({})).toEqual({})
  expect(Object.keys(headers({ output: reading(8000, 8000) }))).toEqual([
    'output-tokens-limit',
    'output-tokens-remaining',
    'output-tokens-reset',
    'tokens-limit',
    'tokens-remaining',
    'tokens-reset',
  ])
})

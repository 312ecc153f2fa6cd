/**
 * The headers of a response: the twelve of the rate limits, and those every response has.
 *
 * What they say is deliberately coarse, as the API's is: tokens to the nearest
 * thousand and never below zero, instants in whole seconds of wall time. A client
 * must read them as intervals.
 */

import type { Readings } from './limits.ts'
import type { EnforcedMeterReading } from './enforced-meter.ts'

/** A header's name, in lower case, and its value. */
export type Header = readonly [name: string, value: string]

/**
 * The rate limit headers for these readings. `requests` may be older than the token figures: a
 * response shows the requests left when it was admitted, and the tokens left when its head is sent.
 */
export function rateLimitHeaders(
  wallTime: number,
  { input, output, combined }: Readings,
  requests: readonly Header[],
): readonly Header[] {
  const tokens = combined === undefined ? sum(input, output) : tokenFigures(combined)
  return [
    ...requests,
    ...figureHeaders(wallTime, 'input-tokens', input && tokenFigures(input)),
    ...figureHeaders(wallTime, 'output-tokens', output && tokenFigures(output)),
    ...figureHeaders(wallTime, 'tokens', tokens),
  ]
}

/** The three headers of the requests limit. */
export function requestHeaders(wallTime: number, { requests }: Readings): readonly Header[] {
  const figures = requests && {
    limit: requests.perMinute,
    remaining: Math.max(0, Math.floor(requests.level)),
    fullInMs: requests.fullInMs,
  }
  return figureHeaders(wallTime, 'requests', figures)
}

/**
 * An instant in the form of the `reset` headers: RFC 3339, UTC, whole seconds. Rounded up, so
 * that by then the bucket is indeed full.
 *
 * @example
 * ```ts
 * rfc3339(86_399_001) // => '1970-01-02T00:00:00Z'
 * ```
 */
export function rfc3339(wallTime: number): string {
  const { year, month, day, hour, minute, second } = calendar(Math.ceil(wallTime / 1000))
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}Z`
}

/**
 * An instant as objects tell it: RFC 3339, UTC, with microseconds.
 *
 * @example
 * ```ts
 * timestamp(86_400_123) // => '1970-01-02T00:00:00.123000Z'
 * ```
 */
export function timestamp(wallTime: number): string {
  const seconds = Math.floor(wallTime / 1000)
  const micros = Math.floor((wallTime - seconds * 1000) * 1000)
  return rfc3339(seconds * 1000).replace('Z', `.${String(micros).padStart(6, '0')}Z`)
}

/**
 * An instant in the form of the `date` header, to the second that has begun.
 *
 * @example
 * ```ts
 * httpDate(999) // => 'Thu, 01 Jan 1970 00:00:00 GMT'
 * ```
 */
export function httpDate(wallTime: number): string {
  const seconds = Math.floor(wallTime / 1000)
  const { year, month, day, hour, minute, second } = calendar(seconds)
  const weekday = weekdays[(Math.floor(seconds / 86_400) + 4) % 7]
  const time = `${two(hour)}:${two(minute)}:${two(second)}`
  return `${weekday}, ${two(day)} ${monthNames[month - 1]} ${year} ${time} GMT`
}

interface Figures {
  readonly limit: number
  readonly remaining: number
  readonly fullInMs: number
}

function tokenFigures({ perMinute, level, fullInMs }: EnforcedMeterReading): Figures {
  const rounded = Math.round(Math.max(0, level) / 1000) * 1000
  return { limit: perMinute, remaining: Math.min(perMinute, rounded), fullInMs }
}

/** Without a combined limit of its own, `tokens` is input and output added up, as shown. */
function sum(
  input: EnforcedMeterReading | undefined,
  output: EnforcedMeterReading | undefined,
): Figures | undefined {
  if (input === undefined || output === undefined) {
    const only = input ?? output
    return only && tokenFigures(only)
  }
  const [left, right] = [tokenFigures(input), tokenFigures(output)]
  return {
    limit: left.limit + right.limit,
    remaining: left.remaining + right.remaining,
    fullInMs: Math.min(left.fullInMs, right.fullInMs),
  }
}

function figureHeaders(
  wallTime: number,
  name: string,
  figures: Figures | undefined,
): readonly Header[] {
  if (figures === undefined) return []
  return [
    [`anthropic-ratelimit-${name}-limit`, String(figures.limit)],
    [`anthropic-ratelimit-${name}-remaining`, String(figures.remaining)],
    [`anthropic-ratelimit-${name}-reset`, rfc3339(wallTime + figures.fullInMs)],
  ]
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const monthNames = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
]
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)

/** Days from 1 January of the year 1 to 1 January of `year`. */
function daysBefore(year: number): number {
  const years = year - 1
  return years * 365 + Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400)
}

/** The UTC calendar, from seconds since the epoch: the model has no clock, so no `Date` either. */
function calendar(seconds: number): {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
} {
  const days = Math.floor(seconds / 86_400) + daysBefore(1970)
  let year = Math.floor(days / 365.2425) + 1
  // The mean year is right to within one.
  while (daysBefore(year + 1) <= days) year++
  while (daysBefore(year) > days) year--
  let day = days - daysBefore(year) + 1
  let month = 1
  for (const length of monthDays) {
    const monthLength = length === 28 && isLeap(year) ? 29 : length
    if (day <= monthLength) break
    day -= monthLength
    month++
  }
  const inDay = ((seconds % 86_400) + 86_400) % 86_400
  return {
    year,
    month,
    day,
    hour: Math.floor(inDay / 3600),
    minute: Math.floor(inDay / 60) % 60,
    second: inDay % 60,
  }
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

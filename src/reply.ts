/**
 * One complete HTTP reply → an `Outcome`. Pure: status, headers and text in, value out.
 *
 * The table it follows is the API's: HTTP status first, then `error.details.error_code`, then
 * `error.type`. Wording is looked at in two places only, because the API says these things in
 * no other way: customer-set spend limits and exhausted credit are 400s told by their message.
 *
 * Invariants: a reply that was read to its end and is an error was not billed, so nothing but
 * a 2xx that is no Message is `unknown`; and the text of a Message is the server's own, never
 * re-serialised.
 */

import { parseInstant } from './instants.ts'
import { isJsonObject, type JsonObject, parseJson } from './json.ts'
import type {
  Answered,
  ApiError,
  LimitReading,
  LimitReadings,
  Outcome,
  RunStop,
  RunStopReason,
  Usage,
} from './outcome.ts'

/** Response headers by lower-case name; a header sent more than once is a list. */
export type ReplyHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** What every outcome says of the reply it was read from. */
export type ReplyHead = Pick<Answered, 'status' | 'requestId' | 'limits'>

/** The longest error message that is kept; a server may quote the whole request in one. */
const messageCharsMax = 4000

/** The longest excerpt of a body that is not the API's, and how much of it is looked at. */
const excerptCharsMax = 200
const excerptSourceCharsMax = 4096

/** A number of so many digits is exact. */
const wholeCharsMax = 15

/** The longest wait a timer takes; a longer `retry-after` is not believed. */
const retryAfterMsMax = 2 ** 31 - 1

/** What has no such part counts nothing there. */
const noCounts: JsonObject = {}

const spendCodes: ReadonlySet<string> = new Set([
  'enforced_spend_limit_reached',
  'contract_spend_limit_reached',
  'linked_organization_spend_limit_reached',
])

const typesByStatus: ReadonlyMap<number, string> = new Map([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [408, 'timeout_error'],
  [409, 'conflict_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [500, 'api_error'],
  [503, 'api_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
])

/** Names of the headers of one limit, written out once: they are looked up for every reply. */
const limitNames = {
  requests: namesOf('requests'),
  input: namesOf('input-tokens'),
  output: namesOf('output-tokens'),
  tokens: namesOf('tokens'),
} as const

/**
 * The limits a reply's headers show, or undefined when they show none.
 * A limit is read whole (limit, remaining and reset) or not at all.
 *
 * @example
 * ```ts
 * readLimits({ 'content-type': 'application/json' }) // => undefined
 * ```
 */
export function readLimits(headers: ReplyHeaders): LimitReadings | undefined {
  const requests = readLimit(headers, limitNames.requests)
  const input = readLimit(headers, limitNames.input)
  const output = readLimit(headers, limitNames.output)
  const tokens = readLimit(headers, limitNames.tokens)
  if (!requests && !input && !output && !tokens) return undefined
  const readings: { -readonly [Name in keyof LimitReadings]: LimitReadings[Name] } = {}
  if (requests) readings.requests = requests
  if (input) readings.input = input
  if (output) readings.output = output
  if (tokens) readings.tokens = tokens
  const serverAt = readInstant(headers, 'date')
  if (serverAt !== undefined) readings.serverAt = serverAt
  return readings
}

/** What a complete reply that was no stream means. */
export function readReply(
  status: number,
  headers: ReplyHeaders,
  body: string,
  limits: LimitReadings | undefined = readLimits(headers),
): Outcome {
  const head = readHead(status, headers, limits)
  const json = parseJson(body)
  if (status >= 200 && status < 300) return readAnswer(head, json, body)
  const shaped = isJsonObject(json) && json['type'] === 'error'
  const error = readApiError(isJsonObject(json) ? json['error'] : undefined, status) ?? {
    type: typesByStatus.get(status) ?? 'http_error',
    message: `Status ${status}: ${excerpt(body)}`,
  }
  const requestId = head.requestId ?? (isJsonObject(json) ? textOrNull(json['request_id']) : null)
  return classify({ head: { ...head, requestId }, headers, error, shaped })
}

/** Status, request id and limits of a reply, in the form that outcomes carry. */
export function readHead(
  status: number,
  headers: ReplyHeaders,
  limits: LimitReadings | undefined,
): ReplyHead {
  const requestId = first(headers, 'request-id') ?? null
  return limits === undefined ? { status, requestId } : { status, requestId, limits }
}

/**
 * The tokens of a Message's `usage`, or undefined when it has none that can be trusted.
 * Fields that are null or not there count as 0, except input and output tokens.
 *
 * @example
 * ```ts
 * readUsage({ input_tokens: 3, output_tokens: 5 })?.outputTokens // => 5
 * readUsage({ input_tokens: 3 }) // => undefined
 * ```
 */
export function readUsage(value: unknown): Usage | undefined {
  if (!isJsonObject(value)) return undefined
  const split = isJsonObject(value['cache_creation']) ? value['cache_creation'] : noCounts
  const tools = isJsonObject(value['server_tool_use']) ? value['server_tool_use'] : noCounts
  const input = value['input_tokens']
  const output = value['output_tokens']
  const read = value['cache_read_input_tokens'] ?? 0
  const written = value['cache_creation_input_tokens'] ?? 0
  const written5m = split['ephemeral_5m_input_tokens'] ?? 0
  const written1h = split['ephemeral_1h_input_tokens'] ?? 0
  const searches = tools['web_search_requests'] ?? 0
  if (!isCount(input) || !isCount(output) || !isCount(read) || !isCount(written)) return undefined
  if (!isCount(written5m) || !isCount(written1h) || !isCount(searches)) return undefined
  return {
    inputTokens: input,
    // What the split does not account for was written for five minutes, the default.
    cacheWrite5mTokens: Math.max(written5m, written - written1h),
    cacheWrite1hTokens: written1h,
    cacheReadTokens: read,
    outputTokens: output,
    webSearches: searches,
    serviceTier: textOrNull(value['service_tier']),
    speed: textOrNull(value['speed']),
    inferenceGeo: textOrNull(value['inference_geo']),
  }
}

/** The API's error object, without anything that looks like a key; undefined if it is none. */
export function readApiError(value: unknown, status = 0): ApiError | undefined {
  if (!isJsonObject(value) || typeof value['message'] !== 'string') return undefined
  const type = textOrNull(value['type']) ?? typesByStatus.get(status) ?? 'http_error'
  const message = redact(value['message'].slice(0, messageCharsMax))
  const details = value['details']
  const code = isJsonObject(details) ? textOrNull(details['error_code']) : null
  return code === null ? { type, message } : { type, message, code }
}

/** JSON that is valid, on one line. No JSON string holds a raw line break, so any may go. */
export function onOneLine(json: string): string {
  return (/[\r\n]/.test(json) ? json.replace(/[\r\n]+/g, '') : json).trim()
}

/**
 * What a Message means that stood in a reply of this head: `json` is what `text` stands for.
 */
export function readAnswer(head: ReplyHead, json: unknown, text: string): Outcome {
  const usage =
    isJsonObject(json) && json['type'] === 'message' ? readUsage(json['usage']) : undefined
  if (!isJsonObject(json) || usage === undefined) {
    const message = `Status ${head.status} with a body that is no Message: ${excerpt(text)}`
    return { ...head, kind: 'broken', error: { type: 'invalid_response', message }, unknown: true }
  }
  return {
    ...head,
    kind: 'answered',
    message: onOneLine(text),
    usage,
    model: textOrNull(json['model']) ?? '',
    stopReason: textOrNull(json['stop_reason']),
  }
}

interface ErrorReply {
  readonly head: ReplyHead
  readonly headers: ReplyHeaders
  readonly error: ApiError
  /** The body is the API's own error form, so the URL is that of an API. */
  readonly shaped: boolean
}

function classify(reply: ErrorReply): Outcome {
  const { head, headers, shaped } = reply
  const { status } = head
  const reason = stopReasonOf(reply)
  if (reason !== undefined) return runStop(reply, reason)
  const error =
    status >= 300 && status < 400
      ? { ...reply.error, message: `Status ${status} ${redirection(headers)}` }
      : reply.error
  if ((status >= 300 && status < 400) || (!shaped && (status === 404 || status === 405))) {
    return runStop({ ...reply, error }, 'url')
  }

  const retryAfterMs = readRetryAfter(headers)
  const wait = retryAfterMs === undefined ? undefined : { retryAfterMs }
  if (status === 429) return { ...head, kind: 'refused', error, ...wait }
  // An overloaded server may tell clients not to retry, to shed load; no row is to blame for it.
  if (status === 529 || error.type === 'overloaded_error') {
    return { ...head, kind: 'overloaded', error, unknown: false, ...wait }
  }
  const retryHint = first(headers, 'x-should-retry')
  const transient = status === 408 || status === 409 || status >= 500 || status < 200
  if (status === 404 && error.type === 'not_found_error' && error.message.startsWith('model:')) {
    return { ...head, kind: 'no_model', error }
  }
  if (transient ? retryHint !== 'false' : retryHint === 'true') {
    return { ...head, kind: 'broken', error, unknown: false, ...wait }
  }
  return { ...head, kind: 'invalid', error }
}

/** Why no request at all can succeed, if this reply says so. */
function stopReasonOf({ head, error }: ErrorReply): RunStopReason | undefined {
  const { code, message } = error
  if (code !== undefined && spendCodes.has(code)) return 'spend_limit'
  if (code === 'organization_on_hold') return 'billing'
  switch (head.status) {
    case 400:
      if (/credit balance is too low/i.test(message)) return 'credit'
      if (/specified (workspace )?API usage limits/i.test(message)) return 'spend_limit'
      return undefined
    case 401:
      return 'key'
    case 402:
      return 'billing'
    case 403:
    // A proxy that asks for credentials refuses every row alike.
    case 407:
      return 'permission'
    default:
      return undefined
  }
}

function runStop({ head, error }: ErrorReply, reason: RunStopReason): RunStop {
  return { ...head, kind: 'run_stop', reason, error }
}

function redirection(headers: ReplyHeaders): string {
  const location = first(headers, 'location')
  return location === undefined
    ? 'redirects to nowhere'
    : `redirects to ${excerpt(location)}, which is not followed`
}

interface LimitNames {
  readonly limit: string
  readonly remaining: string
  readonly reset: string
}

function namesOf(name: string): LimitNames {
  const prefix = `anthropic-ratelimit-${name}`
  return { limit: `${prefix}-limit`, remaining: `${prefix}-remaining`, reset: `${prefix}-reset` }
}

function readLimit(headers: ReplyHeaders, names: LimitNames): LimitReading | undefined {
  const limit = readWhole(headers, names.limit)
  if (limit === undefined) return undefined
  const remaining = readWhole(headers, names.remaining)
  const resetAt = readInstant(headers, names.reset)
  if (remaining === undefined || resetAt === undefined) return undefined
  return { limit, remaining, resetAt }
}

function readWhole(headers: ReplyHeaders, name: string): number | undefined {
  const text = first(headers, name)
  if (text === undefined || text === '' || text.length > wholeCharsMax) return undefined
  let value = 0
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 48
    if (!(digit >= 0 && digit <= 9)) return undefined
    value = value * 10 + digit
  }
  return value
}

function readInstant(headers: ReplyHeaders, name: string): number | undefined {
  const text = first(headers, name)
  return text === undefined ? undefined : parseInstant(text)
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date told from the server's own clock. */
function readRetryAfter(headers: ReplyHeaders): number | undefined {
  const delayMs =
    readDecimal(first(headers, 'retry-after-ms'), 1) ??
    readDecimal(first(headers, 'retry-after'), 1000) ??
    readRetryAt(headers)
  return delayMs !== undefined && delayMs <= retryAfterMsMax ? delayMs : undefined
}

function readRetryAt(headers: ReplyHeaders): number | undefined {
  const retryAt = readInstant(headers, 'retry-after')
  const serverAt = readInstant(headers, 'date')
  if (retryAt === undefined || serverAt === undefined) return undefined
  return Math.max(0, retryAt - serverAt)
}

function readDecimal(text: string | undefined, factor: number): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) * factor : undefined
}

function first(headers: ReplyHeaders, name: string): string | undefined {
  const value = headers[name]
  const text = typeof value === 'string' ? value : value?.[0]
  // Nearly none has blanks around it, and to look is cheaper than to trim.
  return text === undefined || isTrim(text) ? text : text.trim()
}

/** Whether a text begins and ends with characters of ASCII that are no blanks. */
function isTrim(text: string): boolean {
  return isInk(text.charCodeAt(0)) && isInk(text.charCodeAt(text.length - 1))
}

function isInk(code: number): boolean {
  return code > 0x20 && code < 0x7f
}

/** A short piece of a body that is not the API's (an edge's HTML page), on one line. */
function excerpt(body: string): string {
  const text = body
    .slice(0, excerptSourceCharsMax)
    .replace(/<(script|style)\b[^<>]*>[^<]*/gi, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  if (text === '') return '(nothing to read)'
  const clean = redact(text)
  return clean.length <= excerptCharsMax ? clean : `${clean.slice(0, excerptCharsMax - 1)}…`
}

/** A gateway may quote the request's headers in its error; a key must not reach a file or a log. */
function redact(text: string): string {
  return text
    .replace(/sk-ant-[\w-]+/g, 'sk-ant-…')
    .replace(/(bearer\s+|x-api-key[\\"']*\s*[:=]\s*[\\"']*)[^\s\\"',;]+/gi, '$1…')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

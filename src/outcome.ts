/**
 * What one try of a request gave, as a value.
 *
 * Nothing a server or a network does is thrown: it arrives here, already sorted
 * by what to do next. The kinds are exclusive, and each says who suffers it:
 *
 *   answered    the row has its answer
 *   refused     the pool must wait (429, the limit): not an attempt of the row
 *   overloaded  the server is (529): try again, more slowly
 *   broken      a fault on the way: try again; `unknown` says it may have been billed
 *   no_socket   nothing was sent (no descriptors left): not an attempt, fewer at once
 *   invalid     this row will never succeed as it stands
 *   no_model    no row of this model will
 *   run_stop    no row will: key, credit, spend cap
 */

/**
 * Tokens of one answer, as the API reported them (its `usage` object). All whole
 * numbers.
 */
export interface Usage {
  /** Input after the last cache breakpoint; counts to the input limit. */
  readonly inputTokens: number
  /** Written to the 5-minute cache; counts to the input limit. */
  readonly cacheWrite5mTokens: number
  /** Written to the 1-hour cache; counts to the input limit. */
  readonly cacheWrite1hTokens: number
  /** Read from the cache; does not count to the input limit. */
  readonly cacheReadTokens: number
  /** Produced, thinking included. */
  readonly outputTokens: number
  /** Server-side web searches, billed apart. */
  readonly webSearches: number
  readonly serviceTier: string | null
  readonly speed: string | null
  readonly inferenceGeo: string | null
}

/** Nothing of anything. */
export const noUsage: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  cacheReadTokens: 0,
  webSearches: 0,
  serviceTier: null,
  speed: null,
  inferenceGeo: null,
}

/** One limit as a response's headers show it. */
export interface LimitReading {
  /** Units a minute. */
  readonly limit: number
  /** Units left; tokens are rounded to the nearest thousand by the server. */
  readonly remaining: number
  /** Server wall time, ms since the epoch, at which the bucket is full again; whole seconds. */
  readonly resetAt: number
}

/** All `anthropic-ratelimit-*` headers of one response; a limit that was not shown is absent. */
export interface LimitReadings {
  readonly requests?: LimitReading
  readonly input?: LimitReading
  readonly output?: LimitReading
  /** The combined or most restrictive token limit. */
  readonly tokens?: LimitReading
  /** The server's `Date`, ms since the epoch, if it sent one. */
  readonly serverAt?: number
}

/** The error object of the API, or our own words in its form when there was none. */
export interface ApiError {
  /**
   * `error.type`, for instance `invalid_request_error`; ours are `connection_error`,
   * `timeout_error`…
   */
  readonly type: string
  readonly message: string
  /** `error.details.error_code`, when there is one. */
  readonly code?: string
}

interface Reply {
  /** HTTP status; 0 when no response head was read. */
  readonly status: number
  readonly requestId: string | null
  readonly limits?: LimitReadings
}

/** A complete answer was read. */
export interface Answered extends Reply {
  readonly kind: 'answered'
  /**
   * The Message as JSON on one line: the server's own bytes, or what its stream was assembled
   * into.
   */
  readonly message: string
  readonly usage: Usage
  /** The model that answered: the dated id where one exists. */
  readonly model: string
  readonly stopReason: string | null
}

interface Failure extends Reply {
  readonly error: ApiError
}

/** 429 for a rate: the server's limiter said no. */
export interface Refused extends Failure {
  readonly kind: 'refused'
  /** From `retry-after`; absent when the server did not say. */
  readonly retryAfterMs?: number
}

/** 529, or a stream that ended in `overloaded_error`. */
export interface Overloaded extends Failure {
  readonly kind: 'overloaded'
  readonly retryAfterMs?: number
  readonly unknown: boolean
}

/**
 * 408, 409, 5xx, a connection that failed, a body cut short, a timeout, an answer that is no
 * Message.
 */
export interface Broken extends Failure {
  readonly kind: 'broken'
  readonly retryAfterMs?: number
  /** True when the request was sent and no complete reply was read: it may have been billed. */
  readonly unknown: boolean
}

/** The process could not open a socket; nothing was sent. */
export interface NoSocket extends Failure {
  readonly kind: 'no_socket'
}

/** 400, 413, 422 and other final refusals of this one request. */
export interface Invalid extends Failure {
  readonly kind: 'invalid'
}

/** 404: the model does not exist for this key. */
export interface NoModel extends Failure {
  readonly kind: 'no_model'
}

/** What became of a row whose answer the user does not take for a result. It was paid for. */
export interface Rejected extends Failure {
  readonly kind: 'rejected'
  readonly answered: Answered
}

/** Why no request at all can succeed now. */
export type RunStopReason = 'key' | 'permission' | 'billing' | 'credit' | 'spend_limit' | 'url'

/** 401, 402, 403, spend caps, credit; also a URL that is no Messages endpoint. */
export interface RunStop extends Failure {
  readonly kind: 'run_stop'
  readonly reason: RunStopReason
}

export type Outcome =
  | Answered
  | Refused
  | Overloaded
  | Broken
  | NoSocket
  | Invalid
  | NoModel
  | RunStop

/** The row fails with the answer that it has. */
export function rejected(answered: Answered, error: ApiError): Rejected {
  const { status, requestId } = answered
  return { kind: 'rejected', status, requestId, error, answered }
}

/** Cut at `max_tokens`, or where the context window ends. What was to have no answer is not. */
export function isTruncated({
  stopReason,
  usage,
}: Pick<Answered, 'stopReason' | 'usage'>): boolean {
  if (stopReason === 'model_context_window_exceeded') return true
  return stopReason === 'max_tokens' && usage.outputTokens > 0
}

/** Tokens of the whole prompt, cached or not. */
export function promptTokens(usage: Usage): number {
  return meteredInputTokens(usage) + usage.cacheReadTokens
}

/** Input tokens that count to the input limit: uncached input and cache writes, not reads. */
export function meteredInputTokens(usage: Usage): number {
  return usage.inputTokens + usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
}

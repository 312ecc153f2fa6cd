/**
 * What became of one request: the output line as a value.
 *
 * A result has the members of an output line (result-line.ts) less the request, which the caller
 * gave and can find again by `custom_id`, and is told apart by `result.type`.
 */

import type { Message } from './api-types.ts'

/** The request was answered. */
export interface Succeeded {
  readonly type: 'succeeded'
  readonly message: Message
}

/** The request failed for good: the API refused it, its tries were used up, or it is none. */
export interface Errored {
  readonly type: 'errored'
  readonly error: {
    readonly type: 'error'
    readonly error: {
      /** For instance `invalid_request_error`; ours are `connection_error`, `timeout_error`… */
      readonly type: string
      readonly message: string
      readonly details?: { readonly error_code: string }
    }
    readonly request_id: string | null
  }
}

/** What sluice says of a row beside its answer. */
export interface ResultRun {
  /** Place among the requests, from 1. */
  readonly line: number
  /** Digest of the request: 32 hexadecimal characters. */
  readonly key: string
  /** Tries that counted; 0 when it was no request and was not sent. */
  readonly attempts: number
  /** Tries that may have been billed and gave no answer; absent when there were none. */
  readonly unknown_attempts?: number
  /** Answers behind which it was asked again; absent when there were none. */
  readonly turns?: number
  /** The `custom_id` of the row whose result this is a copy of; absent where it is none. */
  readonly copied_from?: string
  /** Its output does not conform to its schema; absent when it does, or has none. */
  readonly invalid_output?: true
  readonly request_id: string | null
  /** Of the last try. */
  readonly latency_ms: number
  /** Dollars; null when the model's price is unknown, or what a lost try cost. */
  readonly cost_usd: number | null
}

/** What became of one request. */
export interface Result<Metadata = unknown> {
  readonly custom_id: string
  readonly result: Succeeded | Errored
  /**
   * Messages it was answered with that are not its result, the oldest first: those behind which it
   * was asked again, and one that it failed with. Absent when there are none.
   */
  readonly earlier?: readonly Message[]
  /** The very value that was given; absent when there was none. */
  readonly metadata?: Metadata
  readonly run: ResultRun
}

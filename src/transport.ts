/**
 * The contract between the run and whatever carries a request: one try per call.
 *
 * A transport never throws for what a server or network does and never retries
 * on its own, with one exception (a kept-alive socket found closed before the
 * first byte of a reply is tried once more, on a new one). It keeps no clock for
 * the caller: timeouts are decided by the scheduler, which calls `abort`.
 *
 * Callbacks, not promises: an answer must be handed to `write()` in the turn of
 * the event loop in which its last byte was read.
 */

import type { LimitReadings, Outcome } from './outcome.ts'

/** What one try sends. */
export interface Dispatch {
  /** The request body, JSON without a `stream` member. */
  readonly body: Uint8Array
  /** Ask for a stream; it is assembled into the same Message. */
  readonly stream: boolean
  /** Named by the body; for log lines and for transports that route by it. */
  readonly model: string
}

/** What a try reports; `outcome` is called exactly once, and nothing after it. */
export interface Listener {
  /** It was waiting for a connection until now (see `Exchange.isWaiting`), and is being sent. */
  sent(): void
  /** The response's head was read. `status` 200 of a stream means the first byte is here. */
  head(status: number, limits: LimitReadings | undefined): void
  /**
   * Bytes of the response's body were read: the server is alive. Of a stream they brought so many
   * characters of the answer's content; of any other reply `content` is 0.
   */
  bytes(count: number, content: number): void
  outcome(outcome: Outcome): void
}

/** Why a try is ended from our side; becomes the error's message. */
export type AbortReason =
  | 'first_byte_timeout'
  | 'idle_timeout'
  | 'attempt_timeout'
  | 'row_timeout'
  | 'stopped'
  | 'slept'

/** A try under way. */
export interface Exchange {
  /**
   * When `send` returns: it waits for a connection to open, and others may overtake it. Then `sent`
   * is called when it goes out. @default false
   */
  readonly isWaiting?: boolean
  /**
   * Ends the try and closes its connection; the listener gets a `broken` outcome in this turn,
   * `unknown` if the request may have reached the server. Does nothing after the outcome.
   */
  abort(reason: AbortReason): void
}

/** Sends requests; see the contract above. */
export interface Transport {
  send(dispatch: Dispatch, listener: Listener): Exchange
  /** Closes idle connections and ends what is under way. Resolves when every socket is closed. */
  close(): Promise<void>
}

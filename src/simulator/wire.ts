/**
 * What crosses the wire, as plain objects: the contract between the simulator's model
 * and whatever drives it (`listen.ts` over sockets, the tests' world over nothing).
 *
 * The driver hands a whole request in and gets a `Step` back: what to do now, and
 * when to ask again. A step is about the wire as much as about the work behind it,
 * so `nextAt` may outlive the answer: the driver calls `advance` at every `nextAt`,
 * even after an `end`, a `reset` or the client's going away, and drops actions that
 * have nobody left to go to.
 */

import type { GivenContent } from './given-answer.ts'

/** What to answer with, or why that could not be had, which is then an `api_error`. */
export type SuppliedAnswer = GivenContent | { readonly failure: string }

/** A request, read to its end. */
export interface WireRequest {
  readonly method: string
  /** Path and query, as on the request line. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Kept as it is with a batch it creates. */
  readonly body: Uint8Array
  /** The server's, for links in its answers. @default 'https://api.anthropic.com' */
  readonly origin?: string
  /**
   * What to answer with: a batch's requests by their place, Messages at 0. Looked at only for a
   * request that is in order. @default undefined: invented prose
   */
  readonly answers?: ReadonlyMap<number, SuppliedAnswer>
}

/** Something to do to the client's connection. After `end` or `reset` comes nothing. */
export type WireAction =
  | {
      readonly type: 'head'
      readonly status: number
      readonly headers: readonly (readonly [name: string, value: string])[]
    }
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  /** The connection is torn down; what `data` came before it was handed over. */
  | { readonly type: 'reset' }

/**
 * What to do now, and when to come back.
 *
 * Without `nextAt` the model is done with the exchange, except when no `end` and no `reset` has
 * come: then it hangs, and nothing more happens until the client disconnects.
 */
export interface Step {
  readonly actions: readonly WireAction[]
  /** The model's time (`now`, ms) at which `advance` is due. Calling it earlier does no harm. */
  readonly nextAt?: number
  /** The driver may come later: what is next waits until the client has read what it was sent. */
  readonly isPaced?: true
}

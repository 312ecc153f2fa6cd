/**
 * Calls to the API that ask for no Message: to batches, above all. One call, one reply.
 *
 * Nothing that a server or a network does is thrown: a call that failed has a reply too, which says
 * how far it came. What a reply means is for the caller to say.
 */

import type { ReplyHeaders } from './reply.ts'

/** A body that is made while it is sent, for it may be larger than memory. */
export interface CallBody {
  /** Bytes. */
  readonly length: number
  /** Called once for each time it is sent. */
  chunks(): AsyncIterable<Uint8Array>
}

/** One call. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Behind `/v1/messages`, its query included: `/batches?limit=100`. */
  readonly path: string
  readonly body?: CallBody
  /** Takes the body of a 200 as it comes; it is not kept then. */
  readonly onBytes?: (bytes: Uint8Array) => void
  /** Ends it. */
  readonly signal: AbortSignal
}

/** What came of one. */
export interface CallReply {
  /** 0 when no head was read. */
  readonly status: number
  readonly headers: ReplyHeaders
  /** What was read of the body, as text; empty where `onBytes` took it. */
  readonly body: string
  /** The reply was read to its end. */
  readonly isWhole: boolean
  /** Something of the request may have been read by the server. */
  readonly wasSent: boolean
  /** What went wrong with the connection, in words without secrets; absent: nothing. */
  readonly failure?: string
}

/** A way to make calls. */
export interface ApiCalls {
  /** Never rejects. */
  call(call: ApiCall): Promise<CallReply>
  /** Lets go of connections; calls under way end. */
  close(): Promise<void>
}

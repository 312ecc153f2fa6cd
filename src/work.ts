/**
 * Work: a row on its way to an answer, and the tries made for it.
 *
 * A row's body is in memory only while it waits in the look-ahead window or is under
 * way; a row that must wait for a retry drops it and reads it again from the input by
 * offset, where the input can be read again.
 */

import type { Reservation } from './limiter.ts'
import type { Cost } from './meter.ts'
import type { OverloadsMet } from './overloads.ts'
import type { Prefix } from './prefix.ts'
import type { CacheUse } from './prefixes.ts'
import type { Row } from './request.ts'
import type { Exchange } from './transport.ts'
import type { Turn } from './turns.ts'
import type { Amount } from './worst-case.ts'

/** A row the run has taken on. */
export interface Work {
  /** Place among the selected rows, from 0. */
  readonly sequence: number
  /** Changes only when it is asked again for more than before. */
  row: Omit<Row, 'body'>
  /** Its answers so far, none of which is its result; what is sent goes on from them. */
  turns: readonly Turn[]
  /** An earlier run failed it: its old line goes when it is settled anew. */
  readonly retriesFailed: boolean
  /** Of what is sent, and of the answers that it goes on from. Changes only with these. */
  bodyBytes: number
  /**
   * The request as the user has it. Undefined while the row waits for a retry of an input that can
   * be read again.
   */
  body: Uint8Array | undefined
  /** Changes only while the row waits. */
  pool: string
  /** What one try of it may cost at most; of a run with a budget. */
  most?: Amount
  /** What of its prompt others may have too, the shortest first; while it waits. */
  prefixes?: readonly Prefix[]
  /** Tries; a refusal, and a failure during an outage, are none. */
  attempts: number
  /** The overloads among them, if there were any. */
  overloads?: OverloadsMet
  /** Tries that were sent and gave no complete reply: each may have been billed. */
  unknownAttempts: number
  /** When the first of its tries that broke began. */
  brokeAt: number | undefined
  /** When its first try began. */
  firstAskedAt: number | undefined
  /** The latest try, ended or not; a row whose time runs out while it waits fails with it. */
  lastAttempt: Attempt | undefined
}

/** One try under way. */
export interface Attempt {
  /** From 1, unique in the run. */
  readonly number: number
  readonly work: Work
  readonly stream: boolean
  /** In an outage, one try at a time finds out whether it is over. */
  readonly probe: boolean
  readonly cost: Cost
  readonly reservation: Reservation
  readonly startedAt: number
  /** What it writes to the prompt cache and reads from it; undefined: nothing that is known. */
  readonly caching: CacheUse | undefined
  /** Tokens that it wrote though they should have been there to read. */
  cacheMissedTokens: number
  /** When the response's head was read. */
  headAt: number | undefined
  /**
   * When anything of it was last read. Written by the loop: an event for every chunk would cost
   * too much.
   */
  lastByteAt: number
  /** When it must have ended, or shown life, as of now. */
  deadlineAt: number
  /** What carries it while it is under way. The loop's own: it writes it, and nobody else looks. */
  exchange: Exchange | undefined
}

/**
 * What became of a batch whose creation was not answered: decided from lists of batches.
 *
 * Creating has no idempotency key, and a listed batch does not show the ids of its rows. So any
 * batch of the same size that was created at about that time, and is no one else's, may be it:
 * while such a one runs, the rows are not sent again. Its first result tells by the nonce in its
 * id. When three lists over ten minutes have no candidate, there is none, as far as can be known.
 */

import type { Batch } from './batch-api.ts'
import type { Intent } from './intents.ts'

/** A batch created so long before or after its intent was sent may be it: clocks differ. */
const aboutMs = 600_000
const listsMin = 3
const lostAfterMs = 600_000

/** What is to be done. */
export type Resolution =
  /** Look at the first result of each of these, which have ended. */
  | { readonly type: 'look'; readonly batches: readonly Batch[] }
  /** One may be it, and runs; or it is too early to tell. */
  | { readonly type: 'wait' }
  /** There is none: send again. */
  | { readonly type: 'lost' }

/** What is known. `now` is our wall time. */
export interface Search {
  readonly now: number
  readonly listed: readonly Batch[]
  /** The server's wall time less ours. */
  readonly skewMs: number
  /** Ids of batches that are others' for certain. */
  readonly owned: ReadonlySet<string>
  /** Lists without a candidate since the intent was sent last, this one not counted. */
  readonly emptyLists: number
}

/** Those of the listed batches that may be the intent's. */
export function candidatesFor(
  { sentAt, firstSentAt, rows, notOurs }: Intent,
  { listed, owned, skewMs }: Pick<Search, 'listed' | 'owned' | 'skewMs'>,
): readonly Batch[] {
  // Nobody knows whether our clock was set since: either reading of it may be right.
  const from = firstSentAt + Math.min(0, skewMs) - aboutMs
  const to = sentAt + Math.max(0, skewMs) + aboutMs
  return listed.filter(
    ({ id, requests, createdAt }) =>
      requests === rows &&
      createdAt >= from &&
      createdAt <= to &&
      !owned.has(id) &&
      !notOurs.includes(id),
  )
}

/** Decides; see above. */
export function resolve(intent: Intent, search: Search): Resolution {
  const candidates = candidatesFor(intent, search)
  if (candidates.length > 0) {
    const ended = candidates.filter(({ status }) => status === 'ended')
    return ended.length > 0 ? { type: 'look', batches: ended } : { type: 'wait' }
  }
  const isOver = search.emptyLists + 1 >= listsMin && search.now >= intent.sentAt + lostAfterMs
  return { type: isOver ? 'lost' : 'wait' }
}

/** Lists need go back no further than this. */
export function listedSince({ firstSentAt }: Intent, skewMs: number): number {
  return firstSentAt + Math.min(0, skewMs) - aboutMs
}

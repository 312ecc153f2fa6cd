/**
 * One batch, from its creation to the day its results go.
 *
 *   in_progress ──all done, or 24 h──────────────► ended ──29 days──► archived
 *       └──cancel──► canceling ──drain, or the same──►┘
 *
 * What becomes of each request is fixed when processing ends, at an instant that is known as soon
 * as the batch is: looking later changes nothing, and nobody need look in between.
 */

import type { AskCounts } from './answer.ts'
import type { BatchRows, Outcome } from './batch-rows.ts'
import type { BatchUsage } from './batch-usage.ts'
import { timestamp } from './headers.ts'

/** A batch as the API tells of it. */
export interface MessageBatch {
  readonly id: string
  readonly type: 'message_batch'
  readonly processing_status: 'in_progress' | 'canceling' | 'ended'
  readonly request_counts: Readonly<Record<Outcome | 'processing', number>>
  readonly created_at: string
  readonly expires_at: string
  readonly ended_at: string | null
  readonly cancel_initiated_at: string | null
  readonly archived_at: string | null
  readonly results_url: string | null
}

/** A batch as it is known from within, for tests and reports. */
export interface BatchReport {
  readonly id: string
  /** The instant (`now`) of its creation. */
  readonly createdAt: number
  readonly isEnded: boolean
  /** In the order in which they were sent; none any more when the results are gone. */
  readonly customIds: readonly string[]
  /** What each came to, in that order; empty before the end. */
  readonly outcomes: readonly Outcome[]
}

/** What a batch is made of. */
export interface BatchParts {
  readonly id: string
  readonly workspace: string
  readonly createdAt: number
  readonly createdWallTime: number
  /** The first instant at which it can be seen. */
  readonly visibleAt: number
  readonly expiryMs: number
  readonly drainMs: number
  readonly rows: BatchRows
}

/** Days from creation that results are kept. */
const resultsKeptMs = 29 * 86_400_000

/** One batch. */
export class Batch {
  readonly id: string
  readonly workspace: string
  readonly visibleAt: number
  readonly #parts: BatchParts
  readonly #total: number
  readonly #doneAt: number
  /** Gone once the results are. */
  #rows: BatchRows | undefined
  #cancelledAt: number | undefined
  /** Set when it ended, with the counts as they stay. */
  #counts: MessageBatch['request_counts'] | undefined

  constructor(parts: BatchParts) {
    this.#parts = parts
    this.id = parts.id
    this.workspace = parts.workspace
    this.visibleAt = parts.visibleAt
    this.#rows = parts.rows
    this.#total = parts.rows.count
    this.#doneAt = parts.rows.doneAt
  }

  /** When processing ends as things stand. */
  get endAt(): number {
    const { createdAt, expiryMs, drainMs } = this.#parts
    const drainedAt = (this.#cancelledAt ?? Infinity) + drainMs
    return Math.min(this.#doneAt, createdAt + expiryMs, drainedAt)
  }

  /** When `advance` is due next. */
  get dueAt(): number {
    if (!this.isEnded) return this.endAt
    return this.#rows === undefined ? Infinity : this.#archivedAt
  }

  /** Whether its end was settled. */
  get isEnded(): boolean {
    return this.#counts !== undefined
  }

  /** The requests, while there are results to have of them. */
  get results(): BatchRows | undefined {
    return this.isEnded ? this.#rows : undefined
  }

  /** What is in it, and what came of it. */
  get report(): BatchReport {
    const { id, isEnded } = this
    const { customIds = [], outcomes = [] } = this.#rows ?? {}
    return { id, createdAt: this.#parts.createdAt, isEnded, customIds, outcomes }
  }

  /** Requests that wait to be processed. */
  queued(now: number): number {
    return this.isEnded ? 0 : (this.#rows?.waiting(now) ?? 0)
  }

  /** Does what is due by `now`. Gives what the batch took, at its end alone. */
  advance(now: number, asks: AskCounts): BatchUsage | undefined {
    if (this.isEnded) {
      if (now >= this.#archivedAt) this.#rows = undefined
      return undefined
    }
    if (now < this.endAt || this.#rows === undefined) return undefined
    const { createdAt, expiryMs } = this.#parts
    const hasExpired = this.endAt === createdAt + expiryMs
    const rows = this.#rows
    const usage = rows.settle(this.endAt, hasExpired ? 'expired' : 'canceled', asks)
    this.#counts = {
      processing: 0,
      succeeded: rows.tally('succeeded'),
      errored: rows.tally('errored'),
      canceled: rows.tally('canceled'),
      expired: rows.tally('expired'),
    }
    return usage
  }

  /** Cancelling once more changes nothing. */
  cancel(now: number): void {
    this.#cancelledAt ??= now
  }

  /** What the API tells of it. */
  describe(now: number, origin: string): MessageBatch {
    const { id, createdAt, expiryMs } = this.#parts
    const isArchived = this.isEnded && now >= this.#archivedAt
    const hasResults = this.isEnded && !isArchived
    const isCanceling = this.#cancelledAt !== undefined
    return {
      id,
      type: 'message_batch',
      processing_status: this.isEnded ? 'ended' : isCanceling ? 'canceling' : 'in_progress',
      request_counts: this.#counts ?? { ...noCounts, processing: this.#total },
      created_at: this.#time(createdAt),
      expires_at: this.#time(createdAt + expiryMs),
      ended_at: this.isEnded ? this.#time(this.endAt) : null,
      cancel_initiated_at: this.#cancelledAt === undefined ? null : this.#time(this.#cancelledAt),
      archived_at: isArchived ? this.#time(this.#archivedAt) : null,
      results_url: hasResults ? `${origin}/v1/messages/batches/${id}/results` : null,
    }
  }

  get #archivedAt(): number {
    return this.#parts.createdAt + resultsKeptMs
  }

  #time(at: number): string {
    const { createdAt, createdWallTime } = this.#parts
    return timestamp(createdWallTime + at - createdAt)
  }
}

const noCounts = { processing: 0, succeeded: 0, errored: 0, canceled: 0, expired: 0 }

/**
 * The Message Batches API: its calls, and what their replies mean, as values.
 *
 * Facts are those of Anthropic's Message Batches reference: a batch is created by one POST, has
 * no idempotency key, and shows no counts but `processing` until all of it has ended.
 */

import type { ApiCall, ApiCalls, CallBody, CallReply } from '../api-calls.ts'
import type { RunError } from '../errors.ts'
import { parseInstant } from '../instants.ts'
import { isJsonObject, type JsonObject, parseJson } from '../json.ts'
import type { ApiError, Outcome } from '../outcome.ts'
import { readReply } from '../reply.ts'
import { runStopError } from '../run-stop.ts'

/** A batch as the API shows it. Instants are server wall time, ms since the epoch. */
export interface Batch {
  readonly id: string
  readonly status: 'in_progress' | 'canceling' | 'ended'
  /** Requests of it, whatever became of them. */
  readonly requests: number
  readonly counts: BatchCounts
  readonly createdAt: number
  readonly expiresAt: number
  /** Its results are there to be read. */
  readonly hasResults: boolean
  /** They are not kept any more. */
  readonly isArchived: boolean
}

/** Requests by what became of them; all but `processing` are 0 until the batch has ended. */
export interface BatchCounts {
  readonly processing: number
  readonly succeeded: number
  readonly errored: number
  readonly canceled: number
  readonly expired: number
}

/** What a call gave. */
export type Called<T> =
  | { readonly kind: 'done'; readonly value: T }
  /** 429: not yet. */
  | { readonly kind: 'refused'; readonly error: ApiError; readonly retryAfterMs?: number }
  /** Try again. `mayBeDone`: the call may have been performed. */
  | { readonly kind: 'failed'; readonly error: ApiError; readonly mayBeDone: boolean }
  /** There is no such batch, or none yet, or no results any more. */
  | { readonly kind: 'missing'; readonly error: ApiError }
  /** It will never be taken as it stands. */
  | { readonly kind: 'invalid'; readonly error: ApiError; readonly status: number }
  /** Nothing can succeed now: key, credit, spend limit. */
  | { readonly kind: 'stop'; readonly error: RunError }

/** A page of the list, newest first. */
export interface BatchPage {
  readonly batches: readonly Batch[]
  /** To be given for the next page; undefined: this is the last. */
  readonly after: string | undefined
}

/** Its calls; see above. */
export class BatchApi {
  readonly #calls: ApiCalls
  readonly #signal: AbortSignal

  readonly #wallTime: (() => number) | undefined
  #skewMs = 0

  /** `signal` ends what is under way; `wallTime`: ours, to be compared with the server's. */
  constructor(calls: ApiCalls, signal: AbortSignal, wallTime?: () => number) {
    this.#calls = calls
    this.#signal = signal
    this.#wallTime = wallTime
  }

  /** The server's wall time less ours, by its last reply. */
  get skewMs(): number {
    return this.#skewMs
  }

  create(body: CallBody): Promise<Called<Batch>> {
    return this.#ask({ method: 'POST', path: '/batches', body }, readBatch)
  }

  retrieve(id: string): Promise<Called<Batch>> {
    return this.#ask({ method: 'GET', path: `/batches/${encodeURIComponent(id)}` }, readBatch)
  }

  cancel(id: string): Promise<Called<Batch>> {
    const path = `/batches/${encodeURIComponent(id)}/cancel`
    return this.#ask({ method: 'POST', path, body: emptyBody }, readBatch)
  }

  list(after?: string): Promise<Called<BatchPage>> {
    const next = after === undefined ? '' : `&after_id=${encodeURIComponent(after)}`
    return this.#ask({ method: 'GET', path: `/batches?limit=100${next}` }, readPage)
  }

  /**
   * Hands on the results' bytes as they come; done when all of them came. False: no more of them.
   * What `take` throws is thrown.
   */
  async results(id: string, take: (bytes: Uint8Array) => boolean): Promise<Called<undefined>> {
    const path = `/batches/${encodeURIComponent(id)}/results`
    const ending = new AbortController()
    let thrown: { readonly error: unknown } | undefined
    const onBytes = (bytes: Uint8Array): void => {
      if (ending.signal.aborted) return
      try {
        if (!take(bytes)) ending.abort()
      } catch (error) {
        thrown = { error }
        ending.abort()
      }
    }
    const signal = AbortSignal.any([this.#signal, ending.signal])
    const reply = await this.#call({ method: 'GET', path, onBytes, signal })
    if (thrown !== undefined) throw thrown.error
    return reply.status === 200 && reply.isWhole
      ? { kind: 'done', value: undefined }
      : failureOf(reply)
  }

  async #call(call: ApiCall): Promise<CallReply> {
    const reply = await this.#calls.call(call)
    const { date } = reply.headers
    const serverAt = typeof date === 'string' ? parseInstant(date) : undefined
    if (serverAt !== undefined && this.#wallTime !== undefined) {
      this.#skewMs = serverAt - this.#wallTime()
    }
    return reply
  }

  async #ask<T>(
    call: Omit<ApiCall, 'signal'>,
    read: (json: JsonObject) => T | undefined,
  ): Promise<Called<T>> {
    const reply = await this.#call({ ...call, signal: this.#signal })
    if (reply.status < 200 || reply.status >= 300 || !reply.isWhole) return failureOf(reply)
    const json = parseJson(reply.body)
    const value = isJsonObject(json) ? read(json) : undefined
    if (value !== undefined) return { kind: 'done', value }
    const message = 'The answer is not what the Message Batches API answers'
    return { kind: 'failed', error: { type: 'invalid_response', message }, mayBeDone: true }
  }
}

const emptyBody: CallBody = {
  length: 2,
  async *chunks() {
    yield Buffer.from('{}')
  },
}

/** What a reply that is no success means. */
function failureOf(reply: CallReply): Exclude<Called<never>, { kind: 'done' }> {
  const { status, headers, body, isWhole, wasSent, failure } = reply
  if (status === 0 || (status < 300 && !isWhole)) {
    const message = failure ?? 'The connection was lost'
    return { kind: 'failed', error: { type: 'connection_error', message }, mayBeDone: wasSent }
  }
  const outcome = readReply(status, headers, body)
  if (outcome.kind === 'answered') {
    const error = { type: 'invalid_response', message: `Status ${status} without results` }
    return { kind: 'failed', error, mayBeDone: true }
  }
  return meaningOf(outcome, isWhole)
}

function meaningOf(
  outcome: Exclude<Outcome, { kind: 'answered' }>,
  isWhole: boolean,
): Exclude<Called<never>, { kind: 'done' }> {
  const { kind, status, error } = outcome
  switch (kind) {
    case 'refused': {
      const { retryAfterMs } = outcome
      return { kind, error, ...(retryAfterMs !== undefined && { retryAfterMs }) }
    }
    case 'run_stop':
      return { kind: 'stop', error: runStopError(outcome) }
    case 'no_model':
      return { kind: 'missing', error }
    case 'invalid':
      return status === 404 ? { kind: 'missing', error } : { kind: 'invalid', error, status }
    case 'no_socket':
      return { kind: 'failed', error, mayBeDone: false }
    case 'overloaded':
    case 'broken':
      // 529 is said at the door. What fails inside may have been done by then.
      return { kind: 'failed', error, mayBeDone: kind === 'broken' || !isWhole }
    default:
      return outcome satisfies never
  }
}

function readBatch(json: JsonObject): Batch | undefined {
  const { id, processing_status: status, request_counts: counts } = json
  const createdAt = instantOf(json['created_at'])
  const expiresAt = instantOf(json['expires_at'])
  if (typeof id !== 'string' || !isStatus(status) || !isJsonObject(counts)) return undefined
  if (createdAt === undefined) return undefined
  const countOf = (name: string): number => {
    const count = counts[name]
    return typeof count === 'number' ? count : 0
  }
  const requests = Object.keys(counts).reduce((sum, name) => sum + countOf(name), 0)
  const named: BatchCounts = {
    processing: countOf('processing'),
    succeeded: countOf('succeeded'),
    errored: countOf('errored'),
    canceled: countOf('canceled'),
    expired: countOf('expired'),
  }
  const hasResults = typeof json['results_url'] === 'string'
  const isArchived = typeof json['archived_at'] === 'string'
  const counted = { requests, counts: named }
  const ends = { expiresAt: expiresAt ?? Infinity, hasResults, isArchived }
  return { id, status, ...counted, createdAt, ...ends }
}

function readPage(json: JsonObject): BatchPage | undefined {
  const { data, has_more: hasMore, last_id: last } = json
  if (!Array.isArray(data)) return undefined
  const batches = data.filter(isJsonObject).flatMap((each) => readBatch(each) ?? [])
  return { batches, after: hasMore === true && typeof last === 'string' ? last : undefined }
}

function isStatus(value: unknown): value is Batch['status'] {
  return value === 'in_progress' || value === 'canceling' || value === 'ended'
}

function instantOf(value: unknown): number | undefined {
  return typeof value === 'string' ? parseInstant(value) : undefined
}

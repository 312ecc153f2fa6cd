/**
 * The Message Batches API: which call a request is, and its answer.
 *
 *   POST   /v1/messages/batches               create
 *   GET    /v1/messages/batches               list, newest first
 *   GET    /v1/messages/batches/{id}          retrieve
 *   DELETE /v1/messages/batches/{id}          delete, once it has ended
 *   POST   /v1/messages/batches/{id}/cancel   cancel, before it has
 *   GET    /v1/messages/batches/{id}/results  a line of JSON for each request, in any order
 *
 * All of them share one limit of requests a minute, and none draws on the limits of Messages.
 *
 * Where the documents leave room, this is the reading: results that are not there yet, or not any
 * more, are 404; what comes too early (delete) or too late (cancel) is 400; a batch of another
 * workspace is 404; a batch that would go over the queue limit is refused whole, without
 * `retry-after`, as nobody knows when there will be room; batches share no cache entries, neither
 * with one another nor with Messages.
 */

import { unreachable } from '../assert.ts'
import { Random } from '../random.ts'
import type { AskCounts } from './answer.ts'
import { Batch, type BatchReport } from './batch.ts'
import { batchBytesMax, readEnvelope, type BatchEnvelope } from './batch-envelope.ts'
import { batchFaultReply, drawBatchFault, type BatchCall } from './batch-faults.ts'
import { listBatches } from './batch-list.ts'
import { ResultsDownload } from './batch-results.ts'
import { BatchRows } from './batch-rows.ts'
import type { BatchUsage } from './batch-usage.ts'
import { checkDoor, invalid, problem, type Problem } from './door.ts'
import type { Ongoing } from './exchange.ts'
import { shouldRetry } from './faults.ts'
import { identifier } from './identifier.ts'
import type { ApiVersion } from './message-form.ts'
import type { FaultName, FaultRates, SimulatorSettings } from './options.ts'
import { encodeJson, errorReply, jsonReply, problemReply, type ReplyContext } from './replies.ts'
import { RequestGate } from './request-gate.ts'
import type { WireAction, WireRequest } from './wire.ts'

/** What batches need of the model. */
export interface BatchesParts {
  readonly settings: SimulatorSettings
  readonly asks: AskCounts
  readonly random: Random
  /** The rates as of now. */
  readonly faultsAt: (now: number) => FaultRates
  /** Told when a batch ends. */
  readonly onUsage: (usage: BatchUsage) => void
}

/** What a call is answered with. */
export interface BatchReply {
  readonly actions: readonly WireAction[]
  readonly fault?: FaultName
  /** What comes instead of actions, piece by piece. */
  readonly download?: Ongoing
}

interface Asked {
  readonly now: number
  readonly context: ReplyContext
  readonly wire: WireRequest
  readonly version: ApiVersion
  readonly rates: FaultRates
  readonly fault: FaultName | undefined
}

/** All batches there are. */
export class MessageBatches {
  readonly #parts: BatchesParts
  readonly #gate: RequestGate
  readonly #faultRandom: Random
  readonly #replyRandom: Random
  /** In the order of their creation. */
  readonly #batches = new Map<string, Batch>()
  /** The first instant at which something of them is due. */
  #dueAt = Infinity

  constructor(parts: BatchesParts) {
    const { settings, random } = parts
    const perMinute = settings.batchRequestsPerMinute
    this.#parts = parts
    this.#gate = new RequestGate(settings, { perMinute, what: 'Message Batches requests' })
    this.#faultRandom = random.fork('faults')
    this.#replyRandom = random.fork('replies')
  }

  /** Ends what is due by `now`, so that later requests find it done. */
  settle(now: number): void {
    if (now < this.#dueAt) return
    this.#dueAt = Infinity
    for (const batch of this.#batches.values()) {
      const usage = batch.advance(now, this.#parts.asks)
      if (usage !== undefined) this.#parts.onUsage(usage)
      this.#dueAt = Math.min(this.#dueAt, batch.dueAt)
    }
  }

  /** All there are, in the order of their creation. */
  reports(): readonly BatchReport[] {
    return [...this.#batches.values()].map(({ report }) => report)
  }

  /** The answer to a request for batches; undefined for any other. */
  answer(now: number, context: ReplyContext, wire: WireRequest): BatchReply | undefined {
    const [path = ''] = wire.path.split('?', 1)
    const [, id, action] = batchPath.exec(path) ?? [undefined, undefined, undefined]
    if (path !== root && id === undefined) return undefined
    const place = id === undefined ? 'all' : (action ?? 'one')
    const calls = callsByPlace[place] ?? {}
    const call = calls[wire.method]
    if (call === undefined) {
      const allow = Object.keys(calls).join(', ')
      return { actions: errorReply(context, notAllowed, [['allow', allow]]) }
    }
    const { settings, faultsAt } = this.#parts
    const version = checkDoor(wire, settings, call === 'create' ? batchBytesMax : bytesMax)
    if (typeof version !== 'string') return { actions: problemReply(context, version, settings) }
    const refused = this.#gate.refuse(now, context)
    if (refused !== undefined) return { actions: refused }
    const rates = faultsAt(now)
    const fault = drawBatchFault(this.#faultRandom, rates, call)
    const asked: Asked = { now, context, wire, version, rates, fault }
    if (call === 'create') return this.#create(asked)
    const early = this.#faultReply(asked)
    if (early !== undefined) return early
    if (call === 'list') return this.#list(asked)
    const isLost = fault === 'batch-not-found'
    const batch = isLost ? undefined : this.#visible(asked, id ?? '')
    if (batch === undefined) return withFault(fault, errorReply(context, notFound(id ?? '')))
    return this.#callOf(batch, call, asked)
  }

  #callOf(batch: Batch, call: Exclude<BatchCall, 'create' | 'list'>, asked: Asked): BatchReply {
    switch (call) {
      case 'retrieve':
        return { actions: this.#describe(batch, asked) }
      case 'cancel':
        return this.#cancel(batch, asked)
      case 'delete':
        return this.#delete(batch, asked)
      case 'results':
        return download(batch, asked)
      default:
        return unreachable(call)
    }
  }

  #cancel(batch: Batch, asked: Asked): BatchReply {
    const { now, context } = asked
    if (batch.isEnded) return refuse(context, `Message Batch ${batch.id} has already ended`)
    batch.cancel(now)
    this.#dueAt = Math.min(this.#dueAt, batch.dueAt)
    return { actions: this.#describe(batch, asked) }
  }

  #delete({ id, isEnded }: Batch, { context }: Asked): BatchReply {
    if (!isEnded) return refuse(context, `Message Batch ${id} must end before it is deleted`)
    this.#batches.delete(id)
    const deleted = { id, type: 'message_batch_deleted' }
    return { actions: jsonReply(context, 200, encodeJson(deleted)) }
  }

  #create(asked: Asked): BatchReply {
    const { now, context, wire, fault } = asked
    const envelope = readEnvelope(wire.body)
    if ('status' in envelope) return { actions: errorReply(context, envelope) }
    const early = this.#faultReply(asked)
    if (early !== undefined) return early
    const { batchQueuedRequests: limit } = this.#parts.settings
    const queued = this.#queued(now)
    if (limit !== null && queued + envelope.customIds.length > limit) {
      return { actions: errorReply(context, queueFull(limit, queued), [shouldRetry]) }
    }
    const batch = this.#makeBatch(asked, envelope)
    if ('status' in batch) return { actions: errorReply(context, batch) }
    this.#batches.set(batch.id, batch)
    this.#dueAt = Math.min(this.#dueAt, batch.dueAt)
    if (fault === 'batch-create-lost') return { actions: [{ type: 'reset' }], fault }
    const actions = this.#describe(batch, asked)
    return withFault(fault, actions)
  }

  #makeBatch(asked: Asked, envelope: BatchEnvelope): Batch | Problem {
    const { now, context, wire, version, rates, fault } = asked
    const { settings } = this.#parts
    const random = new Random(this.#parts.random.uint32())
    const id = `msgbatch_01${identifier(random, 22)}`
    const lateMs =
      fault === 'batch-late' ? 1000 * random.fork('late').integer(1, lateSecondsMax) : 0
    const errorRate = rates['batch-request-error'] ?? 0
    const check = { wallTime: context.wallTime, version, headers: wire.headers }
    try {
      const { answers } = wire
      const parts = { envelope, check, settings, createdAt: now, random, answers, errorRate }
      return new Batch({
        id,
        workspace: workspaceOf(wire),
        createdAt: now,
        createdWallTime: context.wallTime,
        visibleAt: now + lateMs,
        expiryMs: settings.batchExpiryMs,
        drainMs: settings.batchDrainMs,
        rows: new BatchRows(parts),
      })
    } catch (thrown) {
      // Of params that are no JSON, or no UTF-8.
      if (thrown instanceof SyntaxError || thrown instanceof TypeError) {
        return invalid('The request body is not valid JSON')
      }
      throw thrown
    }
  }

  #list(asked: Asked): BatchReply {
    const { now, context, wire } = asked
    const [, query = ''] = wire.path.split('?', 2)
    const seen = [...this.#batches.values()].filter((batch) => isSeen(batch, asked)).toReversed()
    const page = listBatches(seen, new URLSearchParams(query))
    if ('status' in page) return { actions: errorReply(context, page) }
    const data = page.data.map((batch) => batch.describe(now, originOf(wire)))
    return { actions: jsonReply(context, 200, encodeJson({ ...page, data })) }
  }

  #describe(batch: Batch, { now, context, wire }: Asked): readonly WireAction[] {
    return jsonReply(context, 200, encodeJson(batch.describe(now, originOf(wire))))
  }

  #visible(asked: Asked, id: string): Batch | undefined {
    const batch = this.#batches.get(id)
    return batch !== undefined && isSeen(batch, asked) ? batch : undefined
  }

  #faultReply({ context, fault }: Asked): BatchReply | undefined {
    if (fault === undefined) return undefined
    const { retryAfter, bareRefusals } = this.#parts.settings
    const saysRetryAfter = retryAfter && !bareRefusals
    const random = this.#replyRandom
    const door = { context, random, headersNow: () => [], saysRetryAfter }
    const actions = batchFaultReply(fault, door)
    return actions === undefined ? undefined : { actions, fault }
  }

  #queued(now: number): number {
    let sum = 0
    for (const batch of this.#batches.values()) sum += batch.queued(now)
    return sum
  }
}

const root = '/v1/messages/batches'
const batchPath = /^\/v1\/messages\/batches\/([^/]+)(?:\/(cancel|results))?$/

const callsByPlace: Readonly<Record<string, Readonly<Record<string, BatchCall>>>> = {
  all: { GET: 'list', POST: 'create' },
  one: { GET: 'retrieve', DELETE: 'delete' },
  cancel: { POST: 'cancel' },
  results: { GET: 'results' },
}

/** Of calls that need no body. */
const bytesMax = 2 ** 20

/** How long a batch can be late, in seconds. */
const lateSecondsMax = 10

const notAllowed: Problem = problem(405, 'invalid_request_error', 'Method Not Allowed')

function notFound(id: string): Problem {
  return problem(404, 'not_found_error', `Message Batch ${id} not found`)
}

function noResults(batch: Batch): Problem {
  const why = batch.isEnded ? 'are not kept any more' : 'are there when it has ended'
  return problem(404, 'not_found_error', `Results of Message Batch ${batch.id} ${why}`)
}

function queueFull(limit: number, queued: number): Problem {
  const words = `${limit} requests in the processing queue of Message Batches (${queued} are)`
  const message = `This request would exceed your organization's limit of ${words}`
  return problem(429, 'rate_limit_error', message)
}

function download(batch: Batch, { context, fault }: Asked): BatchReply {
  const rows = batch.results
  if (rows === undefined) return { actions: errorReply(context, noResults(batch)) }
  const isCut = fault === 'batch-results-cut'
  const results = new ResultsDownload(rows, context, isCut)
  return { actions: [], download: results, ...(isCut ? { fault } : {}) }
}

function refuse(context: ReplyContext, message: string): BatchReply {
  return { actions: errorReply(context, invalid(message)) }
}

function withFault(fault: FaultName | undefined, actions: readonly WireAction[]): BatchReply {
  return fault === undefined ? { actions } : { actions, fault }
}

function isSeen(batch: Batch, { now, wire }: Asked): boolean {
  return now >= batch.visibleAt && batch.workspace === workspaceOf(wire)
}

function workspaceOf({ headers }: WireRequest): string {
  return headers['anthropic-workspace-id'] ?? ''
}

function originOf({ origin = 'https://api.anthropic.com' }: WireRequest): string {
  return origin
}

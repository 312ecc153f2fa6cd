/**
 * One admitted request, from admission to the end of its work.
 *
 *   prompt ──firstByteAt──► producing ──endAt──► done, or silent
 *
 * The work and its delivery are apart: a client that goes away, a reset or a cut ends
 * what is delivered, never what is produced, counted to the limits and billed. `silent` is
 * an answer that will not come: only the client can end it.
 *
 * Delivery of a stream: head and opening at the first byte, equal pieces during production, closing
 * at the end. Otherwise all of it at the end, with headers that show the levels after it.
 */

import type { AnswerForm } from './answer-form.ts'
import { composeMessage, type Message, type Work } from './answer.ts'
import type { CacheStore, CacheUse } from './cache-store.ts'
import type { AdmittedRequest } from './check.ts'
import { problems } from './faults.ts'
import { rateLimitHeaders, type Header } from './headers.ts'
import type { Hold, PoolLimiter } from './limits.ts'
import type { FaultName } from './options.ts'
import {
  encodeJson,
  errorMembers,
  errorReply,
  jsonReply,
  replyHead,
  type ReplyContext,
} from './replies.ts'
import { encodeEvents, streamPieces } from './stream.ts'
import type { Step, WireAction } from './wire.ts'

/** What an exchange needs to know. */
export interface ExchangeParts {
  readonly limiter: PoolLimiter
  readonly hold: Hold
  readonly request: AdmittedRequest
  readonly form: AnswerForm
  readonly work: Work
  readonly cache: CacheStore
  readonly cacheUse: CacheUse
  /** Input tokens that count to the limits. */
  readonly countedInput: number
  readonly fault: FaultName | undefined
  readonly requestId: string
  readonly organizationId: string
  /** The requests figures, as of admission; undefined when no rate limit headers are sent. */
  readonly requestHeaders: readonly Header[] | undefined
}

/** What an exchange has come to. */
export interface ExchangeResult {
  /** The work is charged: tokens count in the totals. */
  readonly isBilled: boolean
  /** A complete answer was handed over. */
  readonly isAnswered: boolean
  readonly cacheUse: CacheUse
  /** Neither read from the cache nor written to it. */
  readonly inputTokens: number
  readonly outputTokens: number
}

/** What the model keeps of a request until nothing more comes of it. */
export interface Ongoing {
  /** Set when its work is over, of a request that has work. */
  readonly result: ExchangeResult | undefined
  readonly isOver: boolean
  advance(now: number, wallTime: number): Step
  disconnect(): void
}

/** Bytes due while the answer is produced, in order. */
interface Delivery {
  readonly at: number
  readonly bytes: Uint8Array
  /** What follows these bytes, if delivery stops here. */
  readonly ending?: 'end' | 'reset' | 'silence'
}

const slowFirstByteFactor = 10

/** An admitted request under way. */
export class Exchange implements Ongoing {
  readonly #parts: ExchangeParts
  readonly #startedAt: number
  readonly #firstByteAt: number
  #endAt: number
  #phase: 'prompt' | 'producing' | 'silent' | 'done' = 'prompt'
  #deliveries: Delivery[] = []
  #delivered = 0
  /** Nothing more goes to the client: it went, or the connection was ended under it. */
  #isDeliveryOver = false
  #isClientGone = false
  #isSilent = false
  #result: ExchangeResult | undefined

  constructor(now: number, parts: ExchangeParts) {
    const { work, fault } = parts
    const factor = fault === 'slow-first-byte' ? slowFirstByteFactor : 1
    this.#parts = parts
    this.#startedAt = now
    this.#firstByteAt = now + work.firstByteMs * factor
    this.#endAt = this.#firstByteAt + work.productionMs
  }

  /** Set when the work is over. */
  get result(): ExchangeResult | undefined {
    return this.#result
  }

  /** Whether nothing can come of it any more. */
  get isOver(): boolean {
    return this.#phase === 'done' || (this.#phase === 'silent' && this.#isClientGone)
  }

  /** The client's connection closed. */
  disconnect(): void {
    this.#isClientGone = true
    this.#isDeliveryOver = true
  }

  /** Does all that is due by `now`. */
  advance(now: number, wallTime: number): Step {
    const actions: WireAction[] = []
    if (this.#phase === 'prompt' && now >= this.#firstByteAt) this.#begin(now, wallTime, actions)
    if (this.#phase === 'producing') this.#deliver(now, actions)
    if (this.#phase === 'producing' && now >= this.#endAt) this.#finish(now, wallTime, actions)
    const nextAt = this.#nextAt()
    return nextAt === undefined ? { actions } : { actions, nextAt }
  }

  #nextAt(): number | undefined {
    if (this.#phase === 'prompt') return this.#firstByteAt
    if (this.#phase !== 'producing') return undefined
    const delivery = this.#isDeliveryOver ? undefined : this.#deliveries[this.#delivered]
    return Math.min(delivery?.at ?? this.#endAt, this.#endAt)
  }

  /** The prompt is processed: the input is known, production starts. */
  #begin(now: number, wallTime: number, actions: WireAction[]): void {
    const { limiter, hold, request, work, fault, cache, cacheUse, countedInput } = this.#parts
    if (fault === 'server-error' || (fault === 'stream-error' && !request.isStreamed)) {
      limiter.firstByte(now, hold, countedInput, 0, 0)
      limiter.end(now, hold, 0)
      this.#send(actions, errorReply(this.#context(wallTime), problems['server-error']))
      this.#phase = 'done'
      this.#result = this.#makeResult({ isBilled: false, isAnswered: false, outputTokens: 0 })
      return
    }
    // What is not billed leaves nothing behind; whether anybody hears the answer does not matter.
    if (this.#isBilled()) cache.write(now, this.#startedAt, cacheUse)
    // A driver that comes late shortens production; one that comes very late skips it.
    this.#endAt = Math.max(now, this.#endAt)
    if (this.#isDeliveredAsStream()) this.#openStream(now, wallTime, actions)
    limiter.firstByte(now, hold, countedInput, work.outputTokens, this.#endAt - now)
    this.#phase = 'producing'
  }

  /** Of work that is done to its end. */
  #isBilled(): boolean {
    const { work, fault } = this.#parts
    return fault !== 'gateway-timeout' && work.refusing?.isBilled !== false
  }

  #isDeliveredAsStream(): boolean {
    const { request, fault } = this.#parts
    const hasNoHead =
      fault === 'gateway-timeout' || fault === 'reset-after' || fault === 'hang-head'
    return request.isStreamed && !hasNoHead
  }

  /** Sends the head, whose figures still show the estimate, and plans the rest of the stream. */
  #openStream(now: number, wallTime: number, actions: WireAction[]): void {
    const { fault, requestId } = this.#parts
    const message = this.#compose()
    const share = fault === 'stream-error' ? 0.5 : 1
    const productionMs = this.#endAt - now
    const { opening, middle, closing } = streamPieces(message, { productionMs, share })
    const headers = this.#rateHeaders(now, wallTime)
    const type = 'text/event-stream; charset=utf-8'
    this.#send(actions, [
      replyHead(this.#context(wallTime), 200, type, [...headers, ['cache-control', 'no-cache']]),
      { type: 'data', bytes: opening },
    ])
    const stepMs = (productionMs * share) / (middle.length + 1)
    const pieces = middle.map((bytes, index) => ({ at: now + stepMs * (index + 1), bytes }))
    if (fault === 'cut' || fault === 'hang-body') {
      const half = pieces.slice(0, Math.floor(pieces.length / 2))
      const at = half.at(-1)?.at ?? now
      const ending = fault === 'cut' ? 'reset' : 'silence'
      this.#deliveries = [...half, { at, bytes: new Uint8Array(), ending }]
    } else if (fault === 'stream-error') {
      const error = { type: 'error', ...errorMembers(problems.overloaded, requestId) }
      const bytes = encodeEvents([{ name: 'error', data: error }])
      this.#deliveries = [
        ...pieces,
        { at: now + stepMs * (middle.length + 1), bytes, ending: 'end' },
      ]
    } else {
      const bytes = fault === 'invalid-json' ? concat([brokenFrame, closing]) : closing
      this.#deliveries = [...pieces, { at: this.#endAt, bytes, ending: 'end' }]
    }
  }

  /** Hands over the pieces that are due, as one. */
  #deliver(now: number, actions: WireAction[]): void {
    const bytes: Uint8Array[] = []
    let ending: Delivery['ending']
    while (ending === undefined) {
      const delivery = this.#deliveries[this.#delivered]
      if (delivery === undefined || delivery.at > now) break
      this.#delivered++
      bytes.push(delivery.bytes)
      ending = delivery.ending
    }
    const joined = concat(bytes)
    if (joined.length > 0) this.#send(actions, [{ type: 'data', bytes: joined }])
    if (ending === 'silence') this.#isSilent = true
    else if (ending !== undefined) this.#send(actions, [{ type: ending }])
  }

  /** The work is done: settles the limits, and delivers what is delivered only now. */
  #finish(now: number, wallTime: number, actions: WireAction[]): void {
    const { limiter, hold, work, fault } = this.#parts
    const isBilled = this.#isBilled()
    limiter.end(now, hold, work.outputTokens)
    if (!this.#isDeliveredAsStream()) this.#replyWhole(now, wallTime, actions)
    this.#phase = this.#isSilent ? 'silent' : 'done'
    this.#result = this.#makeResult({
      isBilled,
      isAnswered: !this.#isClientGone && (fault === undefined || fault === 'slow-first-byte'),
      outputTokens: work.outputTokens,
    })
  }

  #makeResult(members: Omit<ExchangeResult, 'cacheUse' | 'inputTokens'>): ExchangeResult {
    const { request, cacheUse } = this.#parts
    const { readTokens, write5mTokens, write1hTokens } = cacheUse
    const inputTokens = request.inputTokens - readTokens - write5mTokens - write1hTokens
    return { ...members, cacheUse, inputTokens }
  }

  #compose(): Message {
    const { request, form, work, cacheUse } = this.#parts
    return composeMessage(request, form, work, cacheUse)
  }

  #replyWhole(now: number, wallTime: number, actions: WireAction[]): void {
    const { fault } = this.#parts
    const context = this.#context(wallTime)
    if (fault === 'hang-head') {
      this.#isSilent = true
      return
    }
    if (fault === 'reset-after') return this.#send(actions, [{ type: 'reset' }])
    if (fault === 'gateway-timeout') {
      return this.#send(actions, errorReply(context, problems['gateway-timeout']))
    }
    const body = encodeJson(this.#compose())
    const headers = this.#rateHeaders(now, wallTime)
    const half = body.subarray(0, Math.floor(body.length / 2))
    if (fault === 'invalid-json') return this.#send(actions, jsonReply(context, 200, half, headers))
    const whole = jsonReply(context, 200, body, headers)
    if (fault !== 'cut' && fault !== 'hang-body') return this.#send(actions, whole)
    // The head promises the whole length.
    this.#send(actions, [...whole.slice(0, 1), { type: 'data', bytes: half }])
    if (fault === 'cut') this.#send(actions, [{ type: 'reset' }])
    else this.#isSilent = true
  }

  #send(actions: WireAction[], added: readonly WireAction[]): void {
    if (this.#isDeliveryOver) return
    actions.push(...added)
    const last = added.at(-1)?.type
    if (last === 'end' || last === 'reset') this.#isDeliveryOver = true
  }

  #rateHeaders(now: number, wallTime: number): readonly Header[] {
    const { limiter, requestHeaders } = this.#parts
    if (requestHeaders === undefined) return []
    return rateLimitHeaders(wallTime, limiter.readings(now), requestHeaders)
  }

  #context(wallTime: number): ReplyContext {
    const { requestId, organizationId } = this.#parts
    return { wallTime, requestId, organizationId }
  }
}

/** An event whose data ends in the middle of a string. */
const brokenFrame: Uint8Array = new TextEncoder().encode(
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"te\n\n',
)

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

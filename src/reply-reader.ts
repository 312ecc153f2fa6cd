/**
 * One reply, as it arrives → calls of a `Listener`, its outcome exactly once.
 *
 * It is fed `head`, `data`, and then `end` or `fail`, by whatever carries bytes: undici in
 * http.ts, a plain function call in the tests' world. It chooses between stream and plain text
 * by what the server says it sends, not by what was asked for.
 *
 * The outcome may come before `end`: a stream is over with `message_stop`, and an answer in hand
 * is handed on at once, whatever the connection does next. What is fed after it is ignored.
 */

import { assert } from './assert.ts'
import { MessageStream, replyBytesMax } from './message-stream.ts'
import type { StreamResult } from './message-stream.ts'
import type { ApiError, LimitReadings, Outcome } from './outcome.ts'
import { readHead, readLimits, readReply } from './reply.ts'
import type { ReplyHeaders } from './reply.ts'
import type { Listener } from './transport.ts'

/** Why a try ended without a complete reply. */
export interface ReplyFailure {
  /** `no_socket`: nothing was sent, for want of descriptors. @default 'broken' */
  readonly kind?: 'broken' | 'no_socket'
  readonly error: ApiError
  /** Bytes of the request had been handed to a socket, so it may have been carried out. */
  readonly unknown: boolean
}

/** What may be set about reading. */
export interface ReplyReaderOptions {
  /** Never let through in an error's message: the key. @default none */
  readonly secret?: string | undefined
  /** The longest body that is read. @default replyBytesMax */
  readonly bytesMax?: number
}

/** Of an error's body no more than this is kept: it is an error object or an edge's HTML page. */
const errorBytesMax = 1024 * 1024

const secretCharsMin = 6

const noHeaders: ReplyHeaders = {}

/** Whoever is told of a reply. */
export type ReplyListener = Omit<Listener, 'sent'>

/** Reads one reply; see above. */
export class ReplyReader {
  readonly #listener: ReplyListener
  readonly #secret: string | undefined
  readonly #bytesMax: number
  #status = 0
  #headers = noHeaders
  #limits: LimitReadings | undefined
  #stream: MessageStream | undefined
  /** Nearly every body comes in one piece: it is decoded as it lies, without a list. */
  #first: Uint8Array | undefined
  #rest: Uint8Array[] | undefined
  #bytes = 0
  #settled = false

  constructor(listener: ReplyListener, options: ReplyReaderOptions = {}) {
    this.#listener = listener
    this.#secret = options.secret
    this.#bytesMax = options.bytesMax ?? replyBytesMax
  }

  /** The outcome has been given. */
  get settled(): boolean {
    return this.#settled
  }

  /** The reply's status and headers; at most once, before any data. */
  head(status: number, headers: ReplyHeaders): void {
    if (this.#settled) return
    assert(this.#status === 0, `A reply has one head; a second one says status ${status}`)
    this.#status = status
    this.#headers = headers
    this.#limits = readLimits(headers)
    if (status === 200 && String(headers['content-type']).startsWith('text/event-stream')) {
      this.#stream = new MessageStream(this.#bytesMax)
    }
    this.#listener.head(status, this.#limits)
  }

  /** Bytes of its body. They are kept, not copied. */
  data(chunk: Uint8Array): void {
    if (this.#settled) return
    const stream = this.#stream
    const before = stream?.contentChars ?? 0
    const result = stream?.push(chunk)
    this.#listener.bytes(chunk.length, (stream?.contentChars ?? 0) - before)
    // The listener may have ended the try just now.
    if (this.#settled) return
    if (stream !== undefined) {
      if (result !== undefined) this.#finishStream(result)
      return
    }
    const isError = this.#status >= 300
    if (isError && this.#bytes >= errorBytesMax) return
    this.#bytes += chunk.length
    if (this.#first === undefined) this.#first = chunk
    else (this.#rest ??= [this.#first]).push(chunk)
    if (!isError && this.#bytes > this.#bytesMax) {
      this.#first = this.#rest = undefined
      const message = `The reply is longer than ${this.#bytesMax} bytes`
      this.fail({ error: { type: 'invalid_response', message }, unknown: true })
    }
  }

  /** The reply is complete. */
  end(): void {
    if (this.#settled) return
    if (this.#stream !== undefined) return this.#finishStream(this.#stream.end())
    this.#settle(readReply(this.#status, this.#headers, this.#text(), this.#limits))
  }

  /** There will be no more of it. */
  fail({ kind = 'broken', error, unknown }: ReplyFailure): void {
    if (this.#settled) return
    // A connection may break after the last event of a stream: the answer is here all the same.
    const result = this.#stream?.end()
    if (result?.kind === 'answered') return this.#finishStream(result)
    const head = readHead(this.#status, this.#headers, this.#limits)
    if (kind === 'no_socket') return this.#settle({ ...head, kind, error })
    // A status that says it was not carried out is to be believed, though its body was cut.
    this.#settle({ ...head, kind, error, unknown: unknown && this.#status < 300 })
  }

  #finishStream(result: StreamResult): void {
    const head = readHead(this.#status, this.#headers, this.#limits)
    if (result.kind === 'answered') return this.#settle({ ...head, ...result })
    // The API had begun to answer, so it may bill.
    this.#settle({ ...head, ...result, unknown: true })
  }

  #text(): string {
    const bytes = this.#rest === undefined ? this.#first : Buffer.concat(this.#rest)
    if (bytes === undefined) return ''
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  }

  #settle(outcome: Outcome): void {
    this.#settled = true
    // By now this is an old object to the collector, and what it held would live as long as it.
    this.#headers = noHeaders
    this.#first = this.#rest = this.#limits = undefined
    this.#listener.outcome(this.#withoutSecret(outcome))
  }

  #withoutSecret(outcome: Outcome): Outcome {
    const secret = this.#secret
    if (outcome.kind === 'answered' || secret === undefined) return outcome
    // What is so short is no secret, and would be found in ordinary words.
    if (secret.length < secretCharsMin) return outcome
    if (!outcome.error.message.includes(secret)) return outcome
    const message = outcome.error.message.replaceAll(secret, '…')
    return { ...outcome, error: { ...outcome.error, message } }
  }
}

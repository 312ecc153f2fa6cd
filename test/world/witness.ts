/**
 * What crossed the wire in one life, as the checkers see it: every try from its send to its end,
 * and what its reply said. Replies are read here anew, from their bytes.
 */

import type { Reception, WireAction } from '../../src/simulator/index.ts'
import type { Watcher } from './sim-transport.ts'

/** Tokens of an answer, from its bytes. */
export interface ReadUsage {
  /** All that counts to the input limit: uncached, and written to the cache. */
  readonly input: number
  readonly output: number
  /** Of the input. */
  readonly written5m: number
  readonly written1h: number
  /** Besides. */
  readonly read: number
}

/** The usage of a Message. */
export interface UsageJson {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_read_input_tokens: number
  readonly cache_creation_input_tokens: number
  readonly cache_creation: {
    readonly ephemeral_5m_input_tokens: number
    readonly ephemeral_1h_input_tokens: number
  }
}

/** Its tokens. */
export function usageOf(json: UsageJson): ReadUsage {
  const written5m = json.cache_creation.ephemeral_5m_input_tokens
  const written1h = json.cache_creation.ephemeral_1h_input_tokens
  const input = json.input_tokens + written5m + written1h
  return {
    input,
    output: json.output_tokens,
    written5m,
    written1h,
    read: json.cache_read_input_tokens,
  }
}

/** What a whole reply was. */
export type Reply =
  | {
      readonly type: 'answer'
      readonly requestId: string
      readonly model: string
      readonly usage: ReadUsage
    }
  | { readonly type: 'error'; readonly status: number }
  /** Read to its end, and no Message. */
  | { readonly type: 'nonsense' }

/** One try. */
export interface Sent {
  readonly at: number
  readonly body: string
  readonly bytes: number
  readonly model: string
  readonly maxTokens: number
  /** Tries under way with it, and the bytes of their bodies. */
  readonly inFlight: number
  readonly inFlightBytes: number
  arrivedAt: number | undefined
  /** The server admitted it: its work is counted and, but for its own errors, billed. */
  admitted: boolean
  /** The server's limiter refused it. */
  refused: boolean
  fault: string | undefined
  headAt: number | undefined
  /** When its outcome was known; undefined while it is under way. */
  endedAt: number | undefined
  /** Undefined: its end was not read. */
  reply: Reply | undefined
}

/** The tries of one life. */
export class Witness {
  readonly sends: Sent[] = []
  #inFlight = 0
  #inFlightBytes = 0
  readonly #faulted: (fault: string) => void

  /** `faulted` is told of every fault that befalls a request. */
  constructor(faulted: (fault: string) => void) {
    this.#faulted = faulted
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get inFlightBytes(): number {
    return this.#inFlightBytes
  }

  send(at: number, bytes: Uint8Array): Sent {
    const body = Buffer.from(bytes).toString()
    const { model, max_tokens: maxTokens } = JSON.parse(body)
    this.#inFlight += 1
    this.#inFlightBytes += bytes.length
    const sent: Sent = {
      at,
      body,
      bytes: bytes.length,
      model: String(model),
      maxTokens: Number(maxTokens),
      inFlight: this.#inFlight,
      inFlightBytes: this.#inFlightBytes,
      arrivedAt: undefined,
      admitted: false,
      refused: false,
      fault: undefined,
      headAt: undefined,
      endedAt: undefined,
      reply: undefined,
    }
    this.sends.push(sent)
    return sent
  }

  end(at: number, sent: Sent): void {
    sent.endedAt = at
    this.#inFlight -= 1
    this.#inFlightBytes -= sent.bytes
  }

  watch(sent: Sent): Watcher {
    const reading = new Reading()
    return {
      arrived: (at, reception) => {
        sent.arrivedAt = at
        this.#arrived(sent, reception)
      },
      read: (at, action) => {
        if (action.type === 'head') sent.headAt = at
        sent.reply = reading.read(action) ?? sent.reply
      },
    }
  }

  #arrived(sent: Sent, { fault, step }: Reception): void {
    sent.fault = fault
    if (fault !== undefined) this.#faulted(fault)
    const first = step.actions[0]
    const isReset = first?.type === 'reset'
    const status = first?.type === 'head' ? first.status : undefined
    // Work that takes no time at all answers at once; what is turned away answers with an error.
    sent.admitted = !isReset && (status === undefined || status === 200)
    sent.refused = status === 429 && fault === undefined
    if (sent.refused) this.#faulted('refused by limits')
  }
}

/** Reads one reply from what arrives. */
class Reading {
  #status = 0
  #requestId = ''
  #isStream = false
  #text = ''

  /** The reply, once it is whole. */
  read(action: WireAction): Reply | undefined {
    if (action.type === 'head') {
      this.#status = action.status
      const header = (wanted: string): string =>
        action.headers.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? ''
      this.#isStream = header('content-type').startsWith('text/event-stream')
      this.#requestId = header('request-id')
      return undefined
    }
    if (action.type === 'data') {
      this.#text += Buffer.from(action.bytes).toString()
      return this.#isStream && this.#text.includes('"message_stop"') ? this.#whole() : undefined
    }
    return action.type === 'end' ? this.#whole() : undefined
  }

  #whole(): Reply | undefined {
    if (this.#status >= 400) return { type: 'error', status: this.#status }
    try {
      const message = this.#isStream ? readEvents(this.#text) : JSON.parse(this.#text)
      return message && readMessage(this.#requestId, message)
    } catch {
      return { type: 'nonsense' }
    }
  }
}

interface MessageJson {
  readonly model: string
  readonly usage: UsageJson
}

function readMessage(requestId: string, { model, usage }: MessageJson): Reply {
  return { type: 'answer', requestId, model, usage: usageOf(usage) }
}

/** A stream that ends without `message_stop` is no answer. */
function readEvents(text: string): MessageJson | undefined {
  const events = text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)))
  if (!events.some(({ type }) => type === 'message_stop')) return undefined
  const start: MessageJson = events.find(({ type }) => type === 'message_start').message
  const delta: { usage: { output_tokens: number } } = events.findLast(
    ({ type }) => type === 'message_delta',
  )
  return { ...start, usage: { ...start.usage, ...delta.usage } }
}

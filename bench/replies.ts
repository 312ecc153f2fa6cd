/**
 * What the benchmarks' server sends: one Message, as JSON or as a stream, with the API's headers.
 *
 * The bytes are made once a second, since only the date and the `reset` instants change.
 */

import type { OutgoingHttpHeaders } from 'node:http2'
import type { Clock } from '../src/clock.ts'

/** Far more than any machine sends: no limit of this server ever binds. */
const limitPerMinute = 1_000_000_000_000
const text =
  'The channel carries what it can, and the gate lets through no more than that. '.repeat(7)
const usage = {
  input_tokens: 512,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens: 128,
  service_tier: 'standard',
}
const message = {
  id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
  type: 'message',
  role: 'assistant',
  model: 'claude-haiku-4-5-20251001',
  content: [{ type: 'text', text }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage,
}

/** Bytes of replies, ready to be sent. */
export class Replies {
  readonly #clock: Clock
  readonly #json = Buffer.from(JSON.stringify(message))
  readonly #events = Buffer.from(eventText())
  #second = 0
  #headers: Record<string, string> = {}
  #jsonReply: Buffer = Buffer.alloc(0)
  #eventReply: Buffer = Buffer.alloc(0)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A whole HTTP/1.1 reply. */
  http1(streams: boolean): Buffer {
    this.#refresh()
    return streams ? this.#eventReply : this.#jsonReply
  }

  http2Head(streams: boolean): OutgoingHttpHeaders {
    this.#refresh()
    return { ':status': 200, 'content-type': typeOf(streams), ...this.#headers }
  }

  body(streams: boolean): Buffer {
    return streams ? this.#events : this.#json
  }

  #refresh(): void {
    const second = Math.floor(this.#clock.wallTime() / 1000)
    if (second === this.#second) return
    this.#second = second
    this.#headers = headersAt(second * 1000)
    this.#jsonReply = this.#http1Reply(false)
    this.#eventReply = this.#http1Reply(true)
  }

  #http1Reply(streams: boolean): Buffer {
    const body = this.body(streams)
    const lines = Object.entries(this.#headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const head =
      `HTTP/1.1 200 OK\r\ncontent-type: ${typeOf(streams)}\r\ncontent-length: ${body.length}\r\n` +
      `connection: keep-alive\r\n${lines.join('')}\r\n`
    return Buffer.concat([Buffer.from(head), body])
  }
}

function typeOf(streams: boolean): string {
  return streams ? 'text/event-stream; charset=utf-8' : 'application/json'
}

function headersAt(wallAt: number): Record<string, string> {
  const now = new Date(wallAt)
  const headers: Record<string, string> = {
    date: now.toUTCString(),
    'request-id': 'req_011CSHoEeqs5C35K2UUqR7Fy',
    'anthropic-organization-id': '2d2f0a3c-77b1-4f5e-9c47-6d1f8c6f5b1a',
  }
  const reset = `${now.toISOString().slice(0, 19)}Z`
  for (const unit of ['requests', 'input-tokens', 'output-tokens', 'tokens']) {
    // The combined figure is the sum of the other two, as the API shows it.
    const limit = String(unit === 'tokens' ? 2 * limitPerMinute : limitPerMinute)
    headers[`anthropic-ratelimit-${unit}-limit`] = limit
    headers[`anthropic-ratelimit-${unit}-remaining`] = limit
    headers[`anthropic-ratelimit-${unit}-reset`] = reset
  }
  return headers
}

function eventText(): string {
  const { content, ...rest } = message
  const delta = { type: 'text_delta', text }
  const stop = { stop_reason: 'end_turn', stop_sequence: null }
  const events = [
    { type: 'message_start', message: { ...rest, content: [], stop_reason: null } },
    { type: 'content_block_start', index: 0, content_block: { ...content[0], text: '' } },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: stop, usage: { output_tokens: usage.output_tokens } },
    { type: 'message_stop' },
  ]
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')
}

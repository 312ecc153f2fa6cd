/**
 * A Message as a stream of server-sent events, cut into pieces for the wire.
 *
 * The first piece holds the events that open a stream and the last those that close
 * it; what is between is cut into equal pieces at any byte, in the middle of events and
 * of characters, because that is how a network hands them over.
 */

import type { Message } from './answer.ts'

/** One server-sent event. */
export interface StreamEvent {
  readonly name: string
  readonly data: object
}

/** The wire form of a stream. */
export interface StreamPieces {
  /** Sent at the first byte: `message_start`, the block's start, a ping. */
  readonly opening: Uint8Array
  /** Sent while the answer is produced. */
  readonly middle: readonly Uint8Array[]
  /** Sent at the end: the block's stop, `message_delta`, `message_stop`. */
  readonly closing: Uint8Array
}

const deltasMax = 16
const deltaChars = 60

/** All events of a message, in order. */
export function messageEvents(message: Message): {
  readonly opening: readonly StreamEvent[]
  readonly deltas: readonly StreamEvent[]
  readonly closing: readonly StreamEvent[]
} {
  const { usage, stop_reason, stop_sequence, stop_details, container } = message
  const started: Message = {
    ...message,
    content: [],
    stop_reason: null,
    // Input is final from the start; of the output, one token is there.
    usage: { ...usage, output_tokens: Math.min(1, usage.output_tokens) },
  }
  const opening: StreamEvent[] = [
    event('message_start', { message: started }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    event('ping', {}),
  ]
  const deltas = sliceText(message.content[0]?.text ?? '').map((text) =>
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
  )
  const closing = [
    event('content_block_stop', { index: 0 }),
    event('message_delta', {
      delta: { stop_reason, stop_sequence, stop_details, container },
      usage: {
        input_tokens: usage.input_tokens,
        cache_creation_input_tokens: usage.cache_creation_input_tokens,
        cache_read_input_tokens: usage.cache_read_input_tokens,
        output_tokens: usage.output_tokens,
        output_tokens_details: usage.output_tokens_details,
        server_tool_use: usage.server_tool_use,
      },
    }),
    event('message_stop', {}),
  ]
  return { opening, deltas, closing }
}

/** The bytes of a message's stream; of its text, only this share (it always ends with an event). */
export function streamPieces(message: Message, share: number = 1): StreamPieces {
  const { opening, deltas, closing } = messageEvents(message)
  const middle = encodeEvents(deltas.slice(0, Math.floor(deltas.length * share)))
  // One piece more than events: equal pieces of equal events must not end where those do.
  const size = Math.max(1, Math.ceil(middle.length / (deltas.length + 1)))
  const pieces: Uint8Array[] = []
  for (let at = 0; at < middle.length; at += size) pieces.push(middle.subarray(at, at + size))
  return { opening: encodeEvents(opening), middle: pieces, closing: encodeEvents(closing) }
}

/** The bytes of events: for each, its name, its data and an empty line. */
export function encodeEvents(events: readonly StreamEvent[]): Uint8Array {
  const frames = events.map(({ name, data }) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
  return encoder.encode(frames.join(''))
}

const encoder = new TextEncoder()

function event(name: string, members: object): StreamEvent {
  return { name, data: { type: name, ...members } }
}

/** At most `deltasMax` slices, none of which parts a surrogate pair: JSON would carry halves. */
function sliceText(text: string): readonly string[] {
  const size = Math.max(deltaChars, Math.ceil(text.length / deltasMax))
  const slices: string[] = []
  let start = 0
  while (start < text.length) {
    let end = Math.min(text.length, start + size)
    const code = text.charCodeAt(end - 1)
    if (code >= 0xd800 && code < 0xdc00 && end < text.length) end++
    slices.push(text.slice(start, end))
    start = end
  }
  return slices
}

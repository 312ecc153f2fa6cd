/**
 * A Message as a stream of server-sent events, cut into pieces for the wire.
 *
 * The first piece holds the events that open a stream and the last those that close
 * it; what is between is cut into equal pieces at any byte, in the middle of events and
 * of characters, because that is how a network hands them over.
 *
 * How much a delta brings is not documented; streams that were recorded have a token or a few in
 * each. Here it is about twenty tokens, or what is produced in a quarter of a second if that is
 * less, and there are at most 256 of them, which then bring more. A text is taken to be produced
 * evenly. What is produced within ten milliseconds arrives together.
 */

import type { ContentBlock } from './answer-content.ts'
import type { Message } from './answer.ts'

/** One server-sent event. */
export interface StreamEvent {
  readonly name: string
  readonly data: object
}

/** The wire form of a stream. */
export interface StreamPieces {
  /** Sent at the first byte: `message_start`, the first block's start, a ping. */
  readonly opening: Uint8Array
  /** Sent while the answer is produced. */
  readonly middle: readonly Uint8Array[]
  /** Sent at the end: the last block's stop, `message_delta`, `message_stop`. */
  readonly closing: Uint8Array
}

const deltaTokens = 20
const deltaMs = 250
const deltasMax = 256
/** About a token: a delta has no less. */
const deltaCharsMin = 4
const pieceMs = 10

/**
 * All events of a message, in order: those at its start, in between and at its end.
 * `productionMs`: from the first byte to the last.
 */
export function messageEvents(
  message: Message,
  productionMs: number = 0,
): {
  readonly opening: readonly StreamEvent[]
  readonly deltas: readonly StreamEvent[]
  readonly closing: readonly StreamEvent[]
} {
  const { content, usage, stop_reason, stop_sequence, stop_details, container } = message
  const started: Message = {
    ...message,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    // Input is final from the start; of the output, one token is there.
    usage: {
      ...usage,
      output_tokens: Math.min(1, usage.output_tokens),
      output_tokens_details: { thinking_tokens: 0 },
    },
  }
  const wanted = Math.ceil(Math.max(usage.output_tokens / deltaTokens, productionMs / deltaMs))
  const slicesMax = Math.max(1, Math.floor(Math.min(deltasMax, wanted) / content.length))
  const blocks = content.map((block, index) => blockEvents(block, index, slicesMax))
  const [firstStart] = blocks[0] ?? []
  const lastStop = blocks.at(-1)?.at(-1)
  const ping = event('ping', {})
  const opening: readonly StreamEvent[] = [
    event('message_start', { message: started }),
    ...(firstStart === undefined ? [ping] : [firstStart, ping]),
  ]
  const closing = [
    ...(lastStop === undefined ? [] : [lastStop]),
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
  return { opening, deltas: blocks.flat().slice(1, -1), closing }
}

/** A block from its start to its stop. */
function blockEvents(
  block: ContentBlock,
  index: number,
  slicesMax: number,
): readonly StreamEvent[] {
  const [empty, deltas] = blockParts(block, slicesMax)
  return [
    event('content_block_start', { index, content_block: empty }),
    ...deltas.map((delta) => event('content_block_delta', { index, delta })),
    event('content_block_stop', { index }),
  ]
}

/** A block as it starts, and what is added to it. */
function blockParts(
  block: ContentBlock,
  slicesMax: number,
): readonly [empty: object, deltas: readonly object[]] {
  if (block.type === 'text') {
    const slices = sliceText(block.text, slicesMax)
    return [{ type: 'text', text: '' }, slices.map((text) => ({ type: 'text_delta', text }))]
  }
  if (block.type === 'thinking') {
    const slices = sliceText(block.thinking, slicesMax)
    const deltas = slices.map((thinking) => ({ type: 'thinking_delta', thinking }))
    const signed = { type: 'signature_delta', signature: block.signature }
    return [{ type: 'thinking', thinking: '', signature: '' }, [...deltas, signed]]
  }
  // The first delta is empty, as the API's is.
  const slices = ['', ...sliceText(JSON.stringify(block.input), slicesMax)]
  const deltas = slices.map((json) => ({ type: 'input_json_delta', partial_json: json }))
  return [{ ...block, input: {} }, deltas]
}

/**
 * The bytes of a message's stream, produced over so many milliseconds; of what is between only this
 * share, ending with an event.
 */
export function streamPieces(
  message: Message,
  { productionMs = 0, share = 1 }: { productionMs?: number; share?: number } = {},
): StreamPieces {
  const { opening, deltas, closing } = messageEvents(message, productionMs)
  const middle = encodeEvents(deltas.slice(0, Math.floor(deltas.length * share)))
  // One piece more than events: equal pieces of equal events must not end where those do. Two at
  // least, so that there is a middle in which a stream can break.
  const arriving = Math.floor((productionMs * share) / pieceMs)
  const count = Math.max(2, Math.min(deltas.length + 1, arriving))
  const size = Math.max(1, Math.ceil(middle.length / count))
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

/** At most `slicesMax` slices, none of which parts a surrogate pair: JSON would carry halves. */
function sliceText(text: string, slicesMax: number): readonly string[] {
  const size = Math.max(deltaCharsMin, Math.ceil(text.length / slicesMax))
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

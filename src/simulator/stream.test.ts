/**
 * A stream says what its Message says (streaming page), however it is cut.
 */

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import type { Message } from './answer.ts'
import { messageEvents, streamPieces } from './stream.ts'

function messageOf(text: string, outputTokens = 300): Message {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-5',
    content: [{ type: 'text', text }],
    container: null,
    diagnostics: null,
    stop_reason: 'end_turn',
    stop_sequence: null,
    stop_details: null,
    usage: {
      input_tokens: 25,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
      output_tokens: outputTokens,
      output_tokens_details: { thinking_tokens: 0 },
      server_tool_use: null,
      service_tier: 'standard',
      speed: 'standard',
      inference_geo: 'global',
    },
  }
}

interface Parsed {
  readonly name: string
  /** Whatever the frame said. */
  readonly data: ReturnType<typeof JSON.parse>
}

/** Reads frames as a client does, from all bytes together. */
function parse(pieces: readonly Uint8Array[]): readonly Parsed[] {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces))
  return text
    .split('\n\n')
    .filter((frame) => frame !== '')
    .map((frame) => {
      const [first = '', second = ''] = frame.split('\n')
      return { name: first.replace('event: ', ''), data: JSON.parse(second.replace('data: ', '')) }
    })
}

function parseStream(message: Message): readonly Parsed[] {
  const { opening, middle, closing } = streamPieces(message)
  return parse([opening, ...middle, closing])
}

test('streamPieces() are the events of streaming page, in their order', () => {
  const names = parseStream(messageOf('A short answer.', 4)).map(({ name }) => name)
  expect(names).toEqual([
    'message_start',
    'content_block_start',
    'ping',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ])
})

test('message_start has the final input, message_delta all usage (streaming page)', () => {
  const events = parseStream(messageOf('A short answer.'))
  expect(events[0]?.data.message).toMatchObject({
    content: [],
    stop_reason: null,
    usage: { input_tokens: 25, output_tokens: 1 },
  })
  expect(events.at(-2)?.data).toEqual({
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null, stop_details: null, container: null },
    usage: {
      input_tokens: 25,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 300,
      output_tokens_details: { thinking_tokens: 0 },
      server_tool_use: null,
    },
  })
})

test('streamPieces() put together give the text back, in few pieces', () => {
  const texts = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6000 })
  fc.assert(
    fc.property(texts, fc.nat(8000), fc.nat(120_000), (text, tokens, productionMs) => {
      const { opening, middle, closing } = streamPieces(messageOf(text, tokens), { productionMs })
      const events = parse([opening, ...middle, closing])
      for (const { name, data } of events) expect(data.type).toBe(name)
      const deltas = events.filter(({ name }) => name === 'content_block_delta')
      expect(deltas.map(({ data }) => data.delta.text).join('')).toBe(text)
      // The stop of the block is one more event, and the pieces are one more than events.
      expect(deltas.length).toBeLessThanOrEqual(256)
      expect(middle.length).toBeLessThanOrEqual(258)
    }),
    { numRuns: 60 },
  )
})

test('streamPieces() brings about twenty tokens at a time, a quarter of a second, or more', () => {
  const text = 'lock '.repeat(1024)
  const count = (tokens: number, productionMs: number): number => {
    const { middle } = streamPieces(messageOf(text, tokens), { productionMs })
    const deltas = messageEvents(messageOf(text, tokens), productionMs).deltas.length - 1
    expect(middle.length).toBeLessThanOrEqual(deltas + 2)
    return middle.length
  }
  // 800 tokens in 5 s are 40 times twenty tokens, and in 30 s 120 quarters of a second.
  expect(Math.abs(count(800, 5000) - 41)).toBeLessThanOrEqual(1)
  expect(Math.abs(count(800, 30_000) - 121)).toBeLessThanOrEqual(1)
  expect(Math.abs(count(8000, 60_000) - 257)).toBeLessThanOrEqual(1)
  // What is produced within ten milliseconds arrives together; what is produced at once, in two.
  expect(count(800, 100)).toBe(10)
  expect(count(800, 0)).toBe(2)
})

test('streamPieces() cuts the middle at any byte, inside characters too', () => {
  const { middle } = streamPieces(messageOf('水門🚢'.repeat(400)), { productionMs: 5000 })
  const broken = middle.filter((piece) => new TextDecoder().decode(piece).includes('\uFFFD'))
  expect(broken.length).toBeGreaterThan(0)
})

test('messageEvents() never parts a surrogate pair', () => {
  // Pairs begin at odd places, so slices of an even length would end inside one.
  const { deltas } = messageEvents(messageOf(`x${'🚢'.repeat(400)}`))
  expect(deltas.map(({ data }) => JSON.stringify(data)).join('')).not.toContain('\\ud')
})

test('streamPieces() of a share ends with a whole event', () => {
  const message = messageOf('a lock '.repeat(200))
  const whole = messageEvents(message).deltas
  const events = parse(streamPieces(message, { share: 0.5 }).middle)
  expect(events.map(({ data }) => data)).toEqual(
    whole.slice(0, Math.floor(whole.length / 2)).map(({ data }) => data),
  )
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { MessageStream } from './message-stream.ts'
import type { StreamResult } from './message-stream.ts'

type Event = Record<string, unknown> | string

/** Events as the API frames them. An event given as text is its data. */
function framed(events: readonly Event[], lineEnd = '\n'): string {
  return events
    .map((event) => {
      const data = typeof event === 'string' ? event : JSON.stringify(event)
      return `event: x${lineEnd}data: ${data}${lineEnd}${lineEnd}`
    })
    .join('')
}

/** What a stream of these bytes comes to, fed in pieces of `size` bytes. */
function assemble(text: string, size = Number.POSITIVE_INFINITY): StreamResult {
  const stream = new MessageStream()
  const bytes = Buffer.from(text)
  for (let start = 0; start < bytes.length; start += size) {
    stream.push(bytes.subarray(start, start + size))
  }
  return stream.end()
}

/** The assembled Message, parsed. */
function messageOf(events: readonly Event[]): unknown {
  const result = assemble(framed(events))
  if (result.kind !== 'answered') throw new Error(result.error.message)
  return JSON.parse(result.message)
}

const started = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-haiku-4-5-20251001',
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: {
    input_tokens: 25,
    cache_read_input_tokens: 7,
    output_tokens: 1,
    service_tier: 'standard',
  },
}
const start = { type: 'message_start', message: started }
const stop = { type: 'message_stop' }

function block(index: number, contentBlock: unknown): Event {
  return { type: 'content_block_start', index, content_block: contentBlock }
}

function delta(index: number, value: unknown): Event {
  return { type: 'content_block_delta', index, delta: value }
}

function text(index: number, value: string): Event {
  return delta(index, { type: 'text_delta', text: value })
}

function input(index: number, json: string): Event {
  return delta(index, { type: 'input_json_delta', partial_json: json })
}

function cite(n: number): Event {
  return delta(0, { type: 'citations_delta', citation: { n } })
}

function ending(stopReason: string, usage: Record<string, unknown> = { output_tokens: 15 }): Event {
  const change = { stop_reason: stopReason, stop_sequence: null }
  return { type: 'message_delta', delta: change, usage }
}

/** A stream with a little of everything, two-, three- and four-byte characters included. */
const rich = [
  start,
  { type: 'ping' },
  block(0, { type: 'thinking', thinking: '', signature: '' }),
  delta(0, { type: 'thinking_delta', thinking: 'Hm, ' }),
  delta(0, { type: 'thinking_delta', thinking: 'naïve?' }),
  delta(0, { type: 'signature_delta', signature: 'c2lnbmF0dXJl' }),
  { type: 'content_block_stop', index: 0 },
  block(1, { type: 'text', text: '' }),
  text(1, 'Grüße, '),
  text(1, '世界 "quoted"\n'),
  text(1, '🚀'),
  { type: 'content_block_stop', index: 1 },
  block(2, { type: 'tool_use', id: 'toolu_1', name: 'f', input: {} }),
  input(2, ''),
  input(2, '{"city": "Mün'),
  input(2, 'chen", "days": [1, 2]}'),
  { type: 'content_block_stop', index: 2 },
  ending('tool_use', { output_tokens: 89, input_tokens: null, cache_read_input_tokens: 8 }),
  stop,
]

const richMessage = {
  ...started,
  content: [
    { type: 'thinking', thinking: 'Hm, naïve?', signature: 'c2lnbmF0dXJl' },
    { type: 'text', text: 'Grüße, 世界 "quoted"\n🚀' },
    { type: 'tool_use', id: 'toolu_1', name: 'f', input: { city: 'München', days: [1, 2] } },
  ],
  stop_reason: 'tool_use',
  usage: { ...started.usage, cache_read_input_tokens: 8, output_tokens: 89 },
}

describe('MessageStream of a whole stream', () => {
  test('gives the Message that a reply without streaming would hold', () => {
    const result = assemble(framed(rich))
    expect(result).toMatchObject({
      kind: 'answered',
      model: 'claude-haiku-4-5-20251001',
      stopReason: 'tool_use',
      usage: { inputTokens: 25, cacheReadTokens: 8, outputTokens: 89, serviceTier: 'standard' },
    })
    expect(messageOf(rich)).toEqual(richMessage)
    // The order of members is the server's: `usage` stays where it was.
    expect(Object.keys(messageOf(rich) ?? {})).toEqual(Object.keys(started))
  })

  test('gives the same wherever the bytes are split, and however lines end', () => {
    const expected = assemble(framed(rich))
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 }),
        fc.constantFrom('\n', '\r\n'),
        (sizes, lineEnd) => {
          const stream = new MessageStream()
          let bytes = Buffer.from(framed(rich, lineEnd))
          for (let turn = 0; bytes.length > 0; turn++) {
            const size = sizes[turn % sizes.length] ?? 1
            stream.push(bytes.subarray(0, size))
            bytes = bytes.subarray(size)
          }
          expect(stream.end()).toEqual(expected)
        },
      ),
    )
    expect(assemble(framed(rich), 1)).toEqual(expected)
  })

  test('gives it in the push that completes message_stop, and only then', () => {
    const stream = new MessageStream()
    const whole = framed(rich)
    expect(stream.push(Buffer.from(whole.slice(0, -1)))).toBeUndefined()
    expect(stream.push(Buffer.from('\n'))?.kind).toBe('answered')
    expect(stream.push(Buffer.from('junk'))?.kind).toBe('answered')
    expect(stream.end().kind).toBe('answered')
  })

  test('reads comments, padding, data in several lines and a missing last line end', () => {
    const whole = framed([start, block(0, { type: 'text', text: 'Hi' }), ending('end_turn')])
    const padded = whole.replaceAll('\n\n', '   \n: comment\nid: 7\n\n')
    const split = 'data: {"type":\ndata: "message_stop"}'
    expect(assemble(padded + split)).toEqual(assemble(whole + framed([stop])))
    expect(assemble(padded + split).kind).toBe('answered')
  })

  test('is on one line even where the server broke lines between tokens', () => {
    const broken = JSON.stringify(start, null, 1).replaceAll('\n', '\ndata:')
    const result = assemble(framed([broken, ending('end_turn'), stop]))
    expect(result.kind === 'answered' && result.message).not.toMatch(/[\r\n]/)
  })

  test('keeps numbers to the digit, of tools and of everything else', () => {
    const result = assemble(
      framed([
        start,
        '{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}',
        input(0, '{"id": 12345678901234567890, '),
        input(0, '"price": 1.0}'),
        '{"type":"content_block_start","index":1,"content_block":{"type":"server_result","content":{"n":98765432109876543210}}}',
        ending('tool_use'),
        stop,
      ]),
    )
    const message = result.kind === 'answered' ? result.message : ''
    expect(message).toContain('"input":{"id": 12345678901234567890, "price": 1.0}')
    expect(message).toContain('{"n":98765432109876543210}')
  })

  test('collects citations behind those a block started with', () => {
    for (const [before, expected] of [
      [[], [{ n: 1 }, { n: 2 }]],
      [null, [{ n: 1 }, { n: 2 }]],
      [[{ n: 0 }], [{ n: 0 }, { n: 1 }, { n: 2 }]],
    ]) {
      const first = block(0, { type: 'text', text: 'a', citations: before })
      const events = [start, first, cite(1), text(0, 'b'), cite(2), ending('end_turn'), stop]
      expect(messageOf(events)).toMatchObject({ content: [{ text: 'ab', citations: expected }] })
    }
  })

  test('passes over events and deltas it does not know, and keeps blocks it does not know', () => {
    const odd = { type: 'hologram', data: { deep: [1] } }
    const events = [
      start,
      { type: 'weather', wind: 3 },
      block(0, odd),
      delta(0, { type: 'hologram_delta', more: 1 }),
      ending('end_turn'),
      stop,
    ]
    expect(messageOf(events)).toMatchObject({ content: [odd] })
  })

  test('takes over what message_delta says, but not its nulls', () => {
    const last = {
      type: 'message_delta',
      delta: { stop_reason: 'refusal', stop_details: { category: 'bio' }, container: null },
      context_management: { applied_edits: [] },
      usage: { output_tokens: 3, cache_read_input_tokens: null, server_tool_use: null },
    }
    expect(messageOf([start, ending('end_turn'), last, stop])).toEqual({
      ...started,
      stop_reason: 'refusal',
      stop_details: { category: 'bio' },
      container: null,
      context_management: { applied_edits: [] },
      usage: { ...started.usage, output_tokens: 3, server_tool_use: null },
    })
  })

  test.each([
    ['{"a":1,"b":"cut of', '{"a":1}'],
    ['{"a":1,"b":', '{"a":1}'],
    ['{"a', '{}'],
    ['{"a":nonsense,', '{}'],
  ])('keeps the complete members of a tool input that max_tokens cut: %s', (json, expected) => {
    const tool = block(0, { type: 'tool_use', id: 't', name: 'f', input: {} })
    const events = [start, tool, input(0, json), ending('max_tokens'), stop]
    expect(messageOf(events)).toMatchObject({ content: [{ input: JSON.parse(expected) }] })
  })
})

describe('MessageStream that fails', () => {
  function fault(events: readonly Event[]): string {
    const result = assemble(framed(events))
    return result.kind === 'answered' ? 'answered' : `${result.kind} ${result.error.type}`
  }

  test.each([
    ['overloaded_error', 'overloaded overloaded_error'],
    ['api_error', 'broken api_error'],
    ['rate_limit_error', 'broken rate_limit_error'],
    ['timeout_error', 'broken timeout_error'],
  ])('by an %s event is %s', (type, expected) => {
    const event = { type: 'error', error: { details: null, type, message: 'x' }, request_id: 'r' }
    expect(fault([start, text(0, 'never started'), event])).toBe('broken invalid_response')
    expect(fault([start, block(0, { type: 'text', text: '' }), text(0, 'a'), event])).toBe(expected)
    expect(fault([event])).toBe(expected)
  })

  test.each<[string, Event[], string]>([
    ['an error without words', [start, { type: 'error' }], 'broken api_error'],
    ['no event', [], 'broken connection_error'],
    ['only the start', [start], 'broken connection_error'],
    ['no message_stop', rich.slice(0, -1), 'broken connection_error'],
    ['no message_start', [stop], 'broken invalid_response'],
    ['data that is no JSON', [start, '[DONE', stop], 'broken invalid_response'],
    ['data that is no object', [start, '7', stop], 'broken invalid_response'],
    [
      'no usage',
      [{ type: 'message_start', message: { type: 'message' } }, stop],
      'broken invalid_response',
    ],
    [
      'something else than a Message',
      [{ type: 'message_start', message: { ...started, type: 'poem' } }, stop],
      'broken invalid_response',
    ],
    [
      'a tool input that is no JSON',
      [
        start,
        block(0, { type: 'tool_use', input: {} }),
        input(0, '{"a":'),
        ending('tool_use'),
        stop,
      ],
      'broken invalid_response',
    ],
  ])('by %s', (_, events, expected) => {
    expect(fault(events)).toBe(expected)
  })

  test('by any cut is broken, never an answer, and says that it was cut', () => {
    const bytes = Buffer.from(framed(rich))
    const whole = bytes.lastIndexOf('}') + 1
    for (let length = 0; length < whole; length++) {
      const stream = new MessageStream()
      expect(stream.push(bytes.subarray(0, length))).toBeUndefined()
      expect(stream.end()).toMatchObject({ kind: 'broken', error: { type: 'connection_error' } })
    }
  })

  test('by its size stops reading', () => {
    const stream = new MessageStream(100)
    expect(stream.push(Buffer.alloc(100, ':'))).toBeUndefined()
    expect(stream.push(Buffer.alloc(1, ':'))).toMatchObject({
      kind: 'broken',
      error: { type: 'invalid_response' },
    })
  })
})

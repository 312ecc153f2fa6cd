import { describe, expect, test } from 'vitest'

import type { LimitReadings, Outcome } from './outcome.ts'
import { ReplyReader } from './reply-reader.ts'
import type { ReplyFailure, ReplyListener, ReplyReaderOptions } from './reply-reader.ts'

/** Writes down what it hears. */
class Recorder implements ReplyListener {
  readonly calls: string[] = []
  readonly outcomes: Outcome[] = []
  onBytes: () => void = () => undefined

  head(status: number, limits: LimitReadings | undefined): void {
    this.calls.push(`head ${status}${limits === undefined ? '' : ' with limits'}`)
  }

  bytes(count: number, content: number): void {
    this.calls.push(`bytes ${count}${content === 0 ? '' : `, content ${content}`}`)
    this.onBytes()
  }

  outcome(outcome: Outcome): void {
    this.calls.push(outcome.kind)
    this.outcomes.push(outcome)
  }
}

function setUp(options?: ReplyReaderOptions): { recorder: Recorder; reader: ReplyReader } {
  const recorder = new Recorder()
  return { recorder, reader: new ReplyReader(recorder, options) }
}

const json = { 'content-type': 'application/json', 'request-id': 'req_1' }
const sse = { 'content-type': 'text/event-stream; charset=utf-8', 'request-id': 'req_1' }
const message =
  '{"type":"message","model":"m","content":[{"type":"text","text":"Grüße"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}'
const events = [
  '{"type":"message_start","message":{"type":"message","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":0}}}',
  '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}',
  '{"type":"message_stop"}',
].map((data) => `data: ${data}\n\n`)
const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`
const delta = (value: object): string =>
  event({ type: 'content_block_delta', index: 0, delta: value })
const reset: ReplyFailure = {
  error: { type: 'connection_error', message: 'reset' },
  unknown: true,
}

describe('ReplyReader of a plain reply', () => {
  test('tells head, bytes and one outcome at the end', () => {
    const { recorder, reader } = setUp()
    const limits = {
      'anthropic-ratelimit-tokens-limit': '1',
      'anthropic-ratelimit-tokens-remaining': '1',
      'anthropic-ratelimit-tokens-reset': '2026-11-22T10:00:00Z',
    }
    reader.head(200, { ...json, ...limits })
    reader.data(Buffer.from(message))
    expect(reader.settled).toBe(false)
    reader.end()
    expect(reader.settled).toBe(true)
    const bytes = Buffer.byteLength(message)
    expect(recorder.calls).toEqual(['head 200 with limits', `bytes ${bytes}`, 'answered'])
    expect(recorder.outcomes[0]).toMatchObject({ message, status: 200, requestId: 'req_1' })
    expect(recorder.outcomes[0]?.limits?.tokens?.limit).toBe(1)
  })

  test('puts pieces together that split a character', () => {
    const { recorder, reader } = setUp()
    reader.head(200, json)
    for (const byte of Buffer.from(message)) reader.data(Uint8Array.of(byte))
    reader.end()
    expect(recorder.outcomes[0]).toMatchObject({ kind: 'answered', message })
  })

  test('tells errors apart by status and body', () => {
    const { recorder, reader } = setUp()
    reader.head(429, { ...json, 'retry-after': '3' })
    reader.end()
    expect(recorder.outcomes).toMatchObject([{ kind: 'refused', retryAfterMs: 3000 }])
  })

  test('says nothing after the outcome', () => {
    const { recorder, reader } = setUp()
    reader.fail(reset)
    reader.head(200, json)
    reader.data(Buffer.from('x'))
    reader.end()
    reader.fail(reset)
    expect(recorder.calls).toEqual(['broken'])
  })

  test('says nothing more when the listener ends the try while it hears of bytes', () => {
    for (const headers of [json, sse]) {
      const { recorder, reader } = setUp()
      recorder.onBytes = () => reader.fail(reset)
      reader.head(200, headers)
      reader.data(Buffer.from(events.join('')))
      expect(recorder.outcomes).toHaveLength(1)
    }
  })

  test('gives up an answer that is longer than allowed', () => {
    const { recorder, reader } = setUp({ bytesMax: 10 })
    reader.head(200, json)
    reader.data(Buffer.alloc(10, ' '))
    expect(reader.settled).toBe(false)
    reader.data(Buffer.alloc(1, ' '))
    expect(recorder.outcomes).toMatchObject([
      { kind: 'broken', unknown: true, error: { type: 'invalid_response' } },
    ])
  })

  test('reads the beginning of an error page however long it is', () => {
    const { recorder, reader } = setUp({ bytesMax: 10 })
    reader.head(500, {})
    for (let part = 0; part < 40; part++) reader.data(Buffer.alloc(65_536, 'long '))
    reader.end()
    expect(recorder.outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
  })
})

describe('ReplyReader of a stream', () => {
  test('gives the answer with message_stop, before the end', () => {
    const { recorder, reader } = setUp()
    reader.head(200, sse)
    for (const event of events) reader.data(Buffer.from(event))
    expect(recorder.outcomes).toMatchObject([
      { kind: 'answered', status: 200, requestId: 'req_1', usage: { outputTokens: 2 } },
    ])
    reader.fail(reset)
    reader.end()
    expect(recorder.outcomes).toHaveLength(1)
  })

  test('tells how much of the content has come, whatever it is framed in', () => {
    const { recorder, reader } = setUp()
    reader.head(200, sse)
    const [start = ''] = events
    const parts = [
      start,
      event({ type: 'content_block_start', index: 0, content_block: { type: 'thinking' } }),
      event({ type: 'ping' }),
      delta({ type: 'thinking_delta', thinking: 'Hm, ' }),
      delta({ type: 'signature_delta', signature: 'c2lnbmF0dXJl' }),
      delta({ type: 'text_delta', text: '水門 ' }) + delta({ type: 'text_delta', text: 'ok' }),
      delta({ type: 'input_json_delta', partial_json: '{"a":1' }),
    ]
    for (const part of parts) reader.data(Buffer.from(part))
    const content = recorder.calls.map((call) => /content (\d+)/.exec(call)?.[1] ?? null)
    expect(content).toEqual([null, null, null, null, '4', null, '5', '6'])
    // Half an event brings nothing until the other half has come.
    const last = Buffer.from(delta({ type: 'text_delta', text: 'end' }))
    reader.data(last.subarray(0, 70))
    reader.data(last.subarray(70))
    expect(recorder.calls.slice(-2)).toEqual(['bytes 70', `bytes ${last.length - 70}, content 3`])
  })

  test('may have been billed when it ends early or reports an error', () => {
    const overloaded =
      'data: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n'
    for (const [data, kind] of [
      [events[0], 'broken'],
      [overloaded, 'overloaded'],
    ]) {
      const { recorder, reader } = setUp()
      reader.head(200, sse)
      reader.data(Buffer.from(data ?? ''))
      reader.end()
      expect(recorder.outcomes).toMatchObject([{ kind, unknown: true, requestId: 'req_1' }])
    }
  })

  test('keeps an answer that was complete when the connection broke', () => {
    const { recorder, reader } = setUp()
    reader.head(200, sse)
    reader.data(Buffer.from(events.join('').trimEnd()))
    expect(reader.settled).toBe(false)
    reader.fail(reset)
    expect(recorder.outcomes).toMatchObject([{ kind: 'answered' }])
  })

  test('is read as plain text when its status is an error', () => {
    const { recorder, reader } = setUp()
    reader.head(529, sse)
    reader.end()
    expect(recorder.outcomes).toMatchObject([{ kind: 'overloaded', unknown: false }])
  })
})

describe('ReplyReader.fail()', () => {
  test('is unknown as the caller says, before a reply and within one', () => {
    for (const unknown of [true, false]) {
      const { recorder, reader } = setUp()
      reader.fail({ ...reset, unknown })
      expect(recorder.outcomes).toEqual([
        { kind: 'broken', status: 0, requestId: null, error: reset.error, unknown },
      ])
    }
    const { recorder, reader } = setUp()
    reader.head(200, json)
    reader.data(Buffer.from(message.slice(0, 20)))
    reader.fail(reset)
    expect(recorder.outcomes).toMatchObject([{ kind: 'broken', status: 200, unknown: true }])
  })

  test('is never unknown when the status had said no', () => {
    const { recorder, reader } = setUp()
    reader.head(500, json)
    reader.fail(reset)
    expect(recorder.outcomes).toMatchObject([{ kind: 'broken', status: 500, unknown: false }])
  })

  test('says no_socket when told so', () => {
    const { recorder, reader } = setUp()
    reader.fail({ ...reset, kind: 'no_socket', unknown: false })
    expect(recorder.outcomes).toEqual([
      { kind: 'no_socket', status: 0, requestId: null, error: reset.error },
    ])
  })
})

test('ReplyReader lets no secret through in an error', () => {
  const { recorder, reader } = setUp({ secret: 'hunter2' })
  reader.head(400, json)
  reader.data(Buffer.from('{"type":"error","error":{"type":"e","message":"key hunter2 is bad"}}'))
  reader.end()
  expect(recorder.outcomes).toMatchObject([{ error: { message: 'key … is bad' } }])
})

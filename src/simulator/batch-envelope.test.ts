/**
 * What of a batch is looked at at once, and what is not.
 */

import { assert, describe, expect, test } from 'vitest'

import { paramsBytes, readEnvelope, type BatchEnvelope } from './batch-envelope.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const params = { model: 'claude-opus-5', max_tokens: 10, messages: [] }

function read(body: unknown): ReturnType<typeof readEnvelope> {
  return readEnvelope(bytesOf(typeof body === 'string' ? body : JSON.stringify(body)))
}

function envelopeOf(body: unknown): BatchEnvelope {
  const envelope = read(body)
  assert(!('status' in envelope), JSON.stringify(envelope))
  return envelope
}

test('params are kept as they were written, byte for byte', () => {
  const written = ['{"a": 1,\n "b":"é}"}', '{}', '{"n":1.50,"1":2}']
  const requests = written.map((text, index) => ` {"custom_id":"r${index}" , "params": ${text} }`)
  const envelope = envelopeOf(`{ "requests" : [${requests.join(',\n')} ] }\n`)
  expect(envelope.customIds).toEqual(['r0', 'r1', 'r2'])
  const kept = written.map((_text, index) => {
    return new TextDecoder().decode(paramsBytes(envelope, index))
  })
  expect(kept).toEqual(written)
})

test('params come before or after the name', () => {
  const envelope = envelopeOf({ requests: [{ params, custom_id: 'r' }] })
  expect(JSON.parse(new TextDecoder().decode(paramsBytes(envelope, 0)))).toEqual(params)
})

test('what is in params does not matter yet', () => {
  envelopeOf({ requests: [{ custom_id: 'r', params: { stream: true, nonsense: [] } }] })
})

describe('a custom_id', () => {
  test.each(['a', 'A-Z_09', 'x'.repeat(64)])('%j is taken', (id) => {
    expect(envelopeOf({ requests: [{ custom_id: id, params }] }).customIds).toEqual([id])
  })

  test.each(['', 'x'.repeat(65), 'a b', 'a.b', 'é', 'a\n', 7, null])('%j is not', (id) => {
    expect(read({ requests: [{ custom_id: id, params }] })).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      message: expect.stringMatching(/^requests\.0\.custom_id: (String should match|Input should)/),
    })
  })
})

const one = { custom_id: 'a', params }

test.each([
  ['no JSON', '{"requests":[', /not valid JSON/],
  ['no JSON behind it', `${JSON.stringify({ requests: [one] })}x`, /not valid JSON/],
  ['a list', [], /must be a JSON object/],
  ['nothing', '', /not valid JSON/],
  ['no requests', {}, /^requests: Field required/],
  ['requests that are no list', { requests: {} }, /^requests: Input should be a valid list/],
  ['none', { requests: [] }, /^requests: List should have at least 1 item/],
  ['what is not known', { requests: [one], priority: 1 }, /^priority: Extra inputs/],
  ['a request that is none', { requests: [one, 3] }, /^requests\.1: Input should be an object/],
  ['no name', { requests: [{ params }] }, /^requests\.0\.custom_id: Field required/],
  ['no params', { requests: [{ custom_id: 'a' }] }, /^requests\.0\.params: Field required/],
  [
    'params that are none',
    { requests: [{ custom_id: 'a', params: 'x' }] },
    /Input should be an obj/,
  ],
  ['more beside params', { requests: [{ ...one, method: 'x' }] }, /^requests\.0\.method: Extra/],
  ['one name twice', { requests: [one, { ...one, custom_id: 'b' }, one] }, /^requests\.2.*: a is/],
])('%s is refused at once', (_what, body, message) => {
  expect(read(body)).toEqual({
    status: 400,
    type: 'invalid_request_error',
    message: expect.stringMatching(message),
  })
})

test('100,000 requests are taken, and not one more', () => {
  const many = Array.from({ length: 100_000 }, (_, index) => `{"custom_id":"${index}","params":{}}`)
  expect(envelopeOf(`{"requests":[${many.join(',')}]}`).customIds).toHaveLength(100_000)
  many.push('{"custom_id":"more","params":{}}')
  expect(read(`{"requests":[${many.join(',')}]}`)).toMatchObject({
    status: 400,
    message: 'requests: List should have at most 100000 items',
  })
})

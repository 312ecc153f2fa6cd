import { expect, test } from 'vitest'
import { readBatchResult } from './results.ts'

function read(value: unknown) {
  return readBatchResult(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
}

const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-haiku-4-5',
  content: [],
  stop_reason: 'end_turn',
  usage: { input_tokens: 3, output_tokens: 4, service_tier: 'batch' },
}

function errored(type: string) {
  const error = { type: 'error', error: { type, message: 'Why' }, request_id: 'req_1' }
  return { custom_id: 'a-0', result: { type: 'errored', error } }
}

test('an answer is kept in the bytes of the server', () => {
  const text = JSON.stringify(message).replace(
    '"end_turn"',
    '"end_turn", "big": 12345678901234567890',
  )
  const outcome = read(`{"custom_id": "a-0", "result": {"type":"succeeded", "message": ${text} }}`)
  expect(outcome?.wire).toBe('a-0')
  expect(outcome?.outcome).toMatchObject({
    kind: 'answered',
    model: 'claude-haiku-4-5',
    usage: { inputTokens: 3, outputTokens: 4 },
    message: text,
  })
})

test.each([
  ['invalid_request_error', 'invalid', 400],
  ['not_found_error', 'invalid', 404],
  ['request_too_large', 'invalid', 413],
  ['api_error', 'broken', 0],
  ['overloaded_error', 'broken', 0],
  ['rate_limit_error', 'broken', 0],
  ['something_new', 'broken', 0],
])('errored by %s is %s', (type, kind, status) => {
  const { outcome } = read(errored(type)) ?? {}
  expect(outcome).toMatchObject({
    kind,
    status,
    requestId: 'req_1',
    error: { type, message: 'Why' },
  })
  // None of these was billed.
  expect(outcome).not.toHaveProperty('unknown', true)
})

test.each(['expired', 'canceled'])('%s is to be asked again, unbilled', (type) => {
  const result = read({ custom_id: 'a-0', result: { type } })
  expect(result?.outcome).toMatchObject({ kind: 'broken', unknown: false, error: { type } })
})

test('an answer that is no Message was billed, perhaps', () => {
  const result = read({ custom_id: 'a-0', result: { type: 'succeeded', message: { id: 1 } } })
  expect(result?.outcome).toMatchObject({ kind: 'broken', unknown: true })
})

test('an error without a reason is one to ask again', () => {
  const result = read({ custom_id: 'a-0', result: { type: 'errored' } })
  expect(result?.outcome).toMatchObject({ kind: 'broken', error: { type: 'api_error' } })
})

test.each([
  'no JSON',
  '[]',
  {},
  { custom_id: 5, result: { type: 'expired' } },
  { custom_id: 'a-0' },
  { custom_id: 'a-0', result: { type: 'later' } },
])('%j is no result', (value) => {
  expect(read(value)).toBeUndefined()
})

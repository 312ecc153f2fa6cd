import { expect, test } from 'vitest'
import { rowOf } from '../test/world/drive.ts'
import { copiedOf, copyLine } from './copied-line.ts'
import { lineForms } from './line-form.ts'

const run = '"run":{"line":1,"key":"00112233445566778899aabbccddeeff","attempts":2'
const work = rowOf(4)
const place = { line: 5, key: '4', attempts: 0, latency_ms: 0, cost_usd: 0 }

function copyOf(line: string, isIncluded = false): object {
  const copied = copiedOf(Buffer.from(line))
  if (copied === undefined) throw new Error('It is no line')
  const params = { text: '{"max_tokens":1.0}', isIncluded }
  return JSON.parse(copyLine(lineForms.results, work, copied, params)) as object
}

test('an answer is copied by the byte, under the id of the row', () => {
  const message = '{"id":"msg_1","usage":{"n":1.0},"big":12345678901234567890}'
  const head = '{"custom_id":"a","result":{"type":"succeeded","message":'
  const line = `${head}${message}},"metadata":{"of":"a"},${run},"request_id":"req_1"}}`
  const copied = copiedOf(Buffer.from(line))
  expect(copied).toEqual({ from: 'a', requestId: 'req_1', end: { message } })
  expect(copyOf(line)).toEqual({
    custom_id: 'line-5',
    result: { type: 'succeeded', message: JSON.parse(message) as object },
    run: { ...place, request_id: 'req_1', copied_from: 'a' },
  })
  expect(copyOf(line, true)).toHaveProperty('request')
})

test('a failure is copied with all that it says, and what to ask again', () => {
  const error =
    '{"type":"invalid_request_error","message":"no","details":{"error_code":"too_large"}}'
  const result = `{"type":"errored","error":{"type":"error","error":${error},"request_id":null}}`
  const line = `{"custom_id":"a","result":${result},"params":{"x":1},${run},"request_id":null}}`
  expect(copyOf(line)).toEqual({
    custom_id: 'line-5',
    result: JSON.parse(result) as object,
    params: { max_tokens: 1 },
    run: { ...place, request_id: null, copied_from: 'a' },
  })
})

test('a copy names the row that was asked', () => {
  const message = '{"id":"msg_1"}'
  const head = `{"custom_id":"b","result":{"type":"succeeded","message":${message}}`
  const line = `${head},${run},"copied_from":"a","request_id":null}}`
  expect(copiedOf(Buffer.from(line))?.from).toBe('a')
})

test.each(['{', '[]', '{"custom_id":"a"}', '{"custom_id":"a","result":{"type":"errored"}}'])(
  'what is no line is not copied: %s',
  (line) => {
    expect(copiedOf(Buffer.from(line))).toBeUndefined()
  },
)

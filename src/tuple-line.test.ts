import { assert, dictionary, jsonValue, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  failedTuple,
  parseTupleLine,
  startsLikeTuple,
  succeededTuple,
  tupleKey,
  tupleRequest,
} from './tuple-line.ts'

const run = {
  line: 1,
  key: '0'.repeat(32),
  attempts: 1,
  requestId: null,
  latencyMs: 1,
  costUsd: '0',
}

function keyIn(line: string): string | undefined {
  return parseTupleLine(Buffer.from(line))?.key
}

describe('tupleRequest() gives the line less its metadata', () => {
  const cases: readonly (readonly [what: string, line: string, request: string])[] = [
    ['last member', '{"a": 1, "metadata": {"b": 2}}', '{"a": 1}'],
    ['first member', '{"metadata":null,"a":12345678901234567890}', '{"a":12345678901234567890}'],
    ['only member', '{"metadata":3}', '{}'],
    ['none', '{"b":1.0,"a":"é"}', '{"b":1.0,"a":"é"}'],
    ['within a value it stays', '{"a":{"metadata":1}}', '{"a":{"metadata":1}}'],
    ['no object: a text', '[1]', '"[1]"'],
    ['no JSON: a text', 'it said "no"', '"it said \\"no\\""'],
  ]
  test.each(cases)('%s', (_what, line, request) => {
    expect(tupleRequest(Buffer.from(line))).toBe(request)
  })
})

describe('tuple lines', () => {
  test('of an answer: request, message, metadata', () => {
    const line = succeededTuple({ id: 'x', original: '{"a":1}', message: '{"id":"m"}', run })
    expect(line).toBe('[{"a":1},{"id":"m"}]\n')
    const told = { id: 'x', original: '{"a":1}', message: '{\n"id":"m"}', metadata: '[7]', run }
    expect(succeededTuple(told)).toBe('[{"a":1},{ "id":"m"},[7]]\n')
    expect(parseTupleLine(Buffer.from(line))?.type).toBe('succeeded')
  })

  test('of a failure: a list of texts takes the place of the message', () => {
    const error = { type: 'invalid_request_error', message: 'a "quote"' }
    const row = { id: 'x', original: '{"a":1}', type: 'errored', error, run } as const
    const line = failedTuple({ ...row, requestId: 'req_1', metadata: '{"n":1}' })
    const errors = ['invalid_request_error: a "quote" (req_1)']
    expect(JSON.parse(line)).toEqual([{ a: 1 }, errors, { n: 1 }])
    expect(parseTupleLine(Buffer.from(line))?.type).toBe('errored')
  })
})

describe('the key of a tuple is that of its line', () => {
  const line = '{"model":"m","n":1.5,"t":"é\\n","metadata":{"row":1},"x":[1,2]}'
  const message = '{"type":"message"}'

  test('as it was written here', () => {
    const original = tupleRequest(Buffer.from(line))
    const tuple = succeededTuple({ id: 'x', original, message, metadata: '{"row":1}', run })
    expect(keyIn(tuple)).toBe(tupleKey(Buffer.from(line)))
  })

  test('as Python writes it: blanks, escapes', () => {
    const python = String.raw`[{"model": "m", "n": 1.5, "t": "\u00e9\n", "x": [1, 2]}, {"type": "message"}, {"row": 1}]`
    expect(keyIn(python)).toBe(tupleKey(Buffer.from(line)))
  })

  test.each(['null', '{}', '[]', '""', '0', 'false'])(
    'metadata that says nothing (%s) may be left out',
    (nothing) => {
      const key = tupleKey(Buffer.from(`{"a":1,"metadata":${nothing}}`))
      expect(key).toBe(tupleKey(Buffer.from('{"a":1}')))
      expect(keyIn(`[{"a":1},{}]`)).toBe(key)
    },
  )

  test('differs with the metadata, the request, and digits no double can tell apart', () => {
    const lines = [
      '{"a":1}',
      '{"a":2}',
      '{"a":1,"metadata":{"b":1}}',
      '{"a":1,"metadata":{"b":2}}',
      '{"a":12345678901234567890}',
      '{"a":12345678901234567891}',
      '{"a":"12345678901234567890"}',
      'no JSON',
    ]
    expect(new Set(lines.map((each) => tupleKey(Buffer.from(each)))).size).toBe(lines.length)
  })

  test('whatever the line is', () => {
    assert(
      property(dictionary(string(), jsonValue()), jsonValue(), (members, told) => {
        const { metadata: _metadata, ...request } = members
        const bytes = Buffer.from(JSON.stringify({ ...request, metadata: told }))
        const original = tupleRequest(bytes)
        expect(tupleRequest(bytes, true)).toBe(original)
        const metadata = JSON.stringify(told)
        const tuple = succeededTuple({ id: 'x', original, message, metadata, run })
        expect(keyIn(tuple.trimEnd())).toBe(tupleKey(bytes))
      }),
    )
  })
})

describe('what is no tuple', () => {
  test.each([
    '{"custom_id":"a"}',
    '[]',
    '[{}]',
    '[{},1]',
    '[1,{}]',
    '[{},{},{},{}]',
    '[{},{}',
    'nothing',
  ])('%s', (line) => {
    expect(parseTupleLine(Buffer.from(line))).toBeUndefined()
  })

  test('startsLikeTuple() knows a torn line from a foreign one', () => {
    const begins = (text: string): boolean =>
      startsLikeTuple(Buffer.from(text), 0, Buffer.from(text).length)
    expect(['[', '[{', '[{"a":1},{"id', '["no JSON'].map(begins)).toEqual([true, true, true, true])
    expect(['[1', '{"a"', 'x', '[ {'].map(begins)).toEqual([false, false, false, false])
  })
})

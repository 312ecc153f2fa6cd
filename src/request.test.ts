import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bounds } from './bounds.ts'
import { digest } from './hash.ts'
import type { Line } from './lines.ts'
import { featuresOf } from './request-features.ts'
import { parseLine } from './request.ts'
import type { ParseOptions, Row, RowFault } from './request.ts'

const defaults: ParseOptions = { sendUserId: true }

function lineOf(content: string | Uint8Array, number = 7): Line {
  return { number, offset: 100, bytes: Buffer.from(content) }
}

function rowOf(content: string, options = defaults, number = 7): Row {
  const row = parseLine(lineOf(content, number), options)
  if (row.kind === 'fault') throw new Error(row.error.message)
  return row
}

function faultOf(content: string | Uint8Array, options = defaults): RowFault {
  const fault = parseLine(lineOf(content), options)
  if (fault.kind === 'row') throw new Error('The line is a row')
  return fault
}

const rest = '"max_tokens":5,"messages":[{"role":"user","content":"hi"}]'
const good = `"model":"m",${rest}`
const modelN: ParseOptions = { ...defaults, model: 'n' }

const bodies: [name: string, content: string, body: string, options?: ParseOptions][] = [
  ['a bare body', `{${good}}`, `{${good}}`],
  ['a bare body without custom_id', `{"custom_id":"a",${good}}`, `{${good}}`],
  ['custom_id last', `{${good},"custom_id":"a"}`, `{${good}}`],
  ['custom_id with an escaped key', `{"custom\\u005fid":"a",${good}}`, `{${good}}`],
  ['custom_id twice', `{"custom_id":"a",${good},"custom_id":"b"}`, `{${good}}`],
  ['metadata gone', `{"model":"m","metadata":{"k":1},${rest}}`, `{${good}}`],
  [
    'user_id alone of metadata, its escapes as they are',
    `{"model":"m","metadata":{"k":1, "user_id" : "\\u0061" ,"l":2},${rest}}`,
    `{"model":"m","metadata":{"user_id":"\\u0061"},${rest}}`,
  ],
  [
    'user_id null',
    `{"model":"m","metadata":{"user_id":null},${rest}}`,
    `{"model":"m","metadata":{"user_id":null},${rest}}`,
  ],
  [
    'user_id of the last metadata',
    `{"metadata":{"user_id":"a"},${good},"metadata":{"user_id":"b"}}`,
    `{${good},"metadata":{"user_id":"b"}}`,
  ],
  ['no user_id that is a number', `{"metadata":{"user_id":5},${good}}`, `{${good}}`],
  [
    'no user_id that is too long',
    `{"metadata":{"user_id":"${'x'.repeat(257)}"},${good}}`,
    `{${good}}`,
  ],
  [
    'no user_id when told so',
    `{"metadata":{"user_id":"a"},${good}}`,
    `{${good}}`,
    { sendUserId: false },
  ],
  ['metadata that is no object', `{"metadata":"user_id",${good}}`, `{${good}}`],
  ['stream gone', `{"stream":true,${good}}`, `{${good}}`],
  ['stream gone, false and twice', `{"stream":1,${good},"stream":false}`, `{${good}}`],
  [
    'the model replaced in its place',
    `{"stop":1,"model": "m" ,${rest}}`,
    `{"stop":1,"model": "n\\"" ,${rest}}`,
    { ...defaults, model: 'n"' },
  ],
  ['the model supplied in front', `{ ${rest}}`, `{"model":"n", ${rest}}`, modelN],
  ['a faulty model replaced', `{"model":7,${rest}}`, `{"model":"n",${rest}}`, modelN],
  ['the same model given', `{"model":"\\u006e",${rest}}`, `{"model":"\\u006e",${rest}}`, modelN],
  ['params', `{"custom_id":"a","params": {${good}} }`, `{${good}}`],
  [
    'params with the API’s metadata',
    `{"params":{"metadata":{"user_id":"a"},${good}},"metadata":{"user_id":"b"}}`,
    `{"metadata":{"user_id":"a"},${good}}`,
  ],
  ['params without stream', `{"params":{${good},"stream":false}}`, `{${good}}`],
  ['params with another model', `{"params":{${good}}}`, `{"model":"n",${rest}}`, modelN],
  ['params with a model', `{"params":{${rest}}}`, `{"model":"n",${rest}}`, modelN],
  ['the last of two params', `{"params":{"model":"k"},"params":{${good}}}`, `{${good}}`],
  [
    'body',
    `{"custom_id":"a","method":"POST","url":"/v1/messages","body":{${good}},"metadata":1}`,
    `{${good}}`,
  ],
  [
    'a line of a failed file',
    `{"custom_id":"a","result":{"type":"errored"},"metadata":{},"run":{"line":3},"params":{${good}}}`,
    `{${good}}`,
  ],
  [
    'numbers and order as they are',
    `{"z":12345678901234567890,"1":1.0,"0":-0e+5,"custom_id":"a",${good}}`,
    `{"z":12345678901234567890,"1":1.0,"0":-0e+5,${good}}`,
  ],
  [
    'look-alikes within values',
    `{"model":"m","tools":[{"stream":true,"custom_id":1}],"system":"\\"stream\\":true,",${rest},"__proto__":{"stream":1}}`,
    `{"model":"m","tools":[{"stream":true,"custom_id":1}],"system":"\\"stream\\":true,",${rest},"__proto__":{"stream":1}}`,
  ],
  [
    'any script',
    `{"custom_id":"é😀","system":"日本語 😀 \\ud83d",${good}}`,
    `{"system":"日本語 😀 \\ud83d",${good}}`,
  ],
  ['carriage returns between tokens', `{\r"model":"m",\r${rest}}`, `{ "model":"m", ${rest}}`],
]

test.each(bodies)('parseLine() makes the body: %s', (_name, content, body, options) => {
  expect(String(rowOf(content, options).body)).toBe(body)
})

test('parseLine() says all there is to know of a row', () => {
  const content = `{"custom_id":"a","model":"m","metadata":{"big": 12345678901234567890},${rest}}`
  expect(rowOf(content)).toEqual({
    kind: 'row',
    lineNumber: 7,
    offset: 100,
    byteLength: content.length,
    id: 'a',
    idGiven: true,
    key: digest(Buffer.from(content)),
    model: 'm',
    maxTokens: 5,
    features: featuresOf(JSON.parse(`{${good}}`), 'm'),
    cachePoints: [],
    metadata: '{"big": 12345678901234567890}',
    body: Buffer.from(`{${good}}`),
  })
})

test('parseLine() keeps the outer metadata, whatever JSON it is, on one line', () => {
  const params = `"params":{${good}}}`
  expect(rowOf(`{${params}`).metadata).toBeUndefined()
  expect(rowOf(`{"metadata":null,${params}`).metadata).toBe('null')
  const twice = `{"metadata":"x","metadata": [1.0,\r"é"] ,${params}`
  expect(rowOf(twice).metadata).toBe('[1.0, "é"]')
})

test('parseLine() names a row without id after its line, also where the user did', () => {
  expect(rowOf(`{${good}}`, defaults, 12)).toMatchObject({ id: 'line-12', idGiven: false })
  const named = rowOf(`{"custom_id":"line-12",${good}}`, defaults, 12)
  expect(named).toMatchObject({ id: 'line-12', idGiven: false })
  const failed = `{"custom_id":"line-3","result":{},"run":{"line":3},"params":{${good}}}`
  expect(rowOf(failed)).toMatchObject({ id: 'line-3', idGiven: true })
})

test('parseLine() leaves result and run out of the key of a failed file’s line only', () => {
  const params = `"params":{${good}}`
  const plain = rowOf(`{"custom_id":"a", ${params}}`)
  const failed = rowOf(`{"custom_id":"a", "result":{"n":1},"run":{"line":1}, ${params}}`)
  expect(failed.key).toBe(plain.key)
  expect(rowOf(`{"custom_id":"b", ${params}}`).key).not.toBe(plain.key)
  expect(rowOf(`{"custom_id":"a", ${params},"metadata":1}`).key).not.toBe(plain.key)
  const content = `{"result":1,${good}}`
  expect(rowOf(content).key).toBe(digest(Buffer.from(content)))
})

test('parseLine() leaves nothing in a row that is part of the line’s bytes', () => {
  const content = Buffer.from(`{"custom_id":"a","metadata":{"k":"v"},"params":{${good}}}`)
  const chunk = new Uint8Array(1000)
  chunk.set(content, 500)
  const bytes = chunk.subarray(500, 500 + content.length)
  const row = parseLine({ number: 1, offset: 500, bytes }, defaults)
  const again = parseLine({ number: 1, offset: 500, bytes }, defaults)
  chunk.fill(0)
  expect(row).toEqual(again)
  expect(row).toMatchObject({ id: 'a', metadata: '{"k":"v"}' })
  expect(row.kind === 'row' && String(row.body)).toBe(`{${good}}`)
})

const held: [name: string, content: string, message: string, params: string][] = [
  [
    'a bare body',
    `{"custom_id":"a","stream":true,"messages":[{}],"model":"m"}`,
    '"max_tokens" is missing; it must be a whole number',
    `{"stream":true,"messages":[{}],"model":"m"}`,
  ],
  ['an empty object', '{}', '"model" is missing; add it, or give one model for all rows', '{}'],
  [
    'a body that has user_id',
    `{"metadata":{"user_id":"u","k":1},"model":""}`,
    '"model" must be a non-empty string, got ""',
    '{"metadata":{"user_id":"u"},"model":""}',
  ],
  [
    'params',
    '{"params": {"model":"m","messages":[]} }',
    '"params.messages" must be a non-empty array, got []',
    '{"model":"m","messages":[]}',
  ],
  [
    'params that are no object',
    '{"params":[1 ]}',
    '"params" must be an object, got an array',
    '[1 ]',
  ],
  [
    'an unknown member',
    `{"params":{"a":1},"x":1}`,
    'unknown member "x" beside "params"; there may be custom_id, params, metadata',
    '{"a":1}',
  ],
  [
    'another method',
    '{"method":"GET","url":"/v1/messages","body":{}}',
    '"method" must be "POST", got "GET"',
    '{}',
  ],
  [
    'a bad id',
    `{"custom_id":5,${good}}`,
    '"custom_id" must be a non-empty string, got 5',
    `{${good}}`,
  ],
  [
    'a line of a failed file',
    '{"custom_id":"a","result":{},"run":{},"params":{"model":5}}',
    '"params.model" must be a non-empty string, got 5',
    '{"model":5}',
  ],
  [
    'carriage returns',
    '{"params":{\r"a":1}}',
    '"params.model" is missing; add it, or give one model for all rows',
    '{ "a":1}',
  ],
]

test.each(held)(
  'parseLine() keeps the request of a fault: %s',
  (_name, content, message, params) => {
    const error = { type: 'invalid_request_error', message }
    expect(faultOf(content)).toMatchObject({ kind: 'fault', error, params, raw: undefined })
  },
)

test('parseLine() says all there is to know of a fault', () => {
  const content = '{"custom_id":"a","metadata":[1],"params":5}'
  expect(faultOf(content)).toEqual({
    kind: 'fault',
    lineNumber: 7,
    offset: 100,
    byteLength: content.length,
    id: 'a',
    idGiven: true,
    key: digest(Buffer.from(content)),
    metadata: '[1]',
    error: { type: 'invalid_request_error', message: '"params" must be an object, got 5' },
    params: '5',
    raw: undefined,
    rawEncoding: 'utf8',
  })
})

const rawLines: [content: string, message: string][] = [
  ['{"a":}', 'invalid JSON at character 6: expected a value, got "}"'],
  ['hello', 'invalid JSON at character 1: expected a value, got "hello"'],
  ['\ufeff{}', 'invalid JSON at character 1: expected a value, got U+FEFF'],
  ['[1]', 'the line must be a JSON object, got an array'],
  ['null', 'the line must be a JSON object, got null'],
  ['{"method":"POST","url":"/v1/messages"}', '"body" is missing beside "method" and "url"'],
  [
    '{"custom_id":"a","result":{"type":"succeeded"},"run":{"line":1}}',
    'the line is an answer, not a request; give the file of requests',
  ],
]

test.each(rawLines)('parseLine() keeps a line that holds no request: %s', (content, message) => {
  const error = { type: 'invalid_request_error', message }
  expect(faultOf(content)).toMatchObject({
    error,
    params: undefined,
    raw: content,
    rawEncoding: 'utf8',
  })
})

test('parseLine() keeps a line that is not UTF-8 as base64', () => {
  for (const bytes of [[0x7b, 0xff, 0x7d], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    const fault = faultOf(Buffer.from(bytes))
    expect(fault.error.message).toBe('the line is not UTF-8')
    expect(fault).toMatchObject({ id: 'line-7', idGiven: false, rawEncoding: 'base64' })
    expect([...Buffer.from(fault.raw ?? '', 'base64')]).toEqual(bytes)
  }
})

test('parseLine() takes a replacement character that the user wrote', () => {
  expect(String(rowOf(`{"system":"\ufffd",${good}}`).body)).toContain('\ufffd')
})

test('parseLine() hands the raw line of a failed file on as it was', () => {
  const line = { custom_id: 'line-3', result: {}, run: { line: 3 }, raw: '{"a":' }
  const fault = faultOf(JSON.stringify(line))
  expect(fault).toMatchObject({ id: 'line-3', idGiven: true, raw: '{"a":', rawEncoding: 'utf8' })
  expect(fault.error.message).toContain('"params"')
  const other = faultOf(JSON.stringify({ ...line, raw: '/w==', raw_encoding: 'base64' }))
  expect(other).toMatchObject({ raw: '/w==', rawEncoding: 'base64', params: undefined })
})

test('parseLine() keeps the head of a line that is too long, without half a character', () => {
  const [x, é, y] = ['x'.repeat(999), Buffer.from('é').subarray(0, 1), Buffer.of(0xff)]
  const fault = parseLine(
    { ...lineOf(Buffer.concat([Buffer.from(x), é])), truncated: 9e7 },
    defaults,
  )
  expect(fault).toMatchObject({ kind: 'fault', byteLength: 9e7, raw: x, rawEncoding: 'utf8' })
  const message = `the line has 90000000 bytes; at most ${64 * 2 ** 20} are read, and its beginning is kept here`
  expect(fault).toMatchObject({ error: { type: 'request_too_large', message } })
  const longer = parseLine(
    { ...lineOf(Buffer.concat([Buffer.from(x), é])), truncated: 9e7 + 1 },
    defaults,
  )
  expect(longer.key).not.toBe(fault.key)
  const bytes = Buffer.concat([Buffer.from(x), y])
  const faulty = parseLine({ ...lineOf(bytes), truncated: 9e7 }, defaults)
  expect(faulty).toMatchObject({ raw: bytes.toString('base64'), rawEncoding: 'base64' })
})

test('parseLine() takes a body of the greatest size and refuses one byte more', () => {
  const head = `{${good},"system":"`
  const text = 'x'.repeat(bounds.bodyBytesMax - head.length - 2)
  expect(rowOf(`{"params":${head}${text}"}}`).body.length).toBe(bounds.bodyBytesMax)
  // What is taken out does not count.
  expect(rowOf(`{"stream":true,${head.slice(1)}${text}"}`).body.length).toBe(bounds.bodyBytesMax)
  const { error, params } = faultOf(`{"params":${head}${text}x"}}`)
  expect(error).toEqual({
    type: 'request_too_large',
    message: `the request has ${2 ** 25 + 1} bytes; the API takes at most ${2 ** 25}`,
  })
  expect(params?.length).toBe(bounds.bodyBytesMax + 1)
})

const member = fc.record({
  name: fc.constantFrom(
    'custom_id',
    'metadata',
    'stream',
    'system',
    'tools',
    'é',
    '1',
    '__proto__',
  ),
  value: fc.oneof(fc.json(), fc.constantFrom('12345678901234567890', '1.0', '"\\"stream\\":"')),
})
const valid = new Map([
  ['custom_id', '"a"'],
  ['stream', 'true'],
])

test('parseLine() sends exactly what is left of a bare body, to the byte', () => {
  fc.assert(
    fc.property(fc.array(member, { maxLength: 6 }), fc.nat(6), (members, at) => {
      const texts = members.map(({ name, value }) => `"${name}":${valid.get(name) ?? value}`)
      const kept = texts.filter((text) => !/^"(custom_id|metadata|stream)":/.test(text))
      const content = `{${texts.toSpliced(at, 0, good).join(',')}}`
      const row = rowOf(content, { sendUserId: false })
      const before = texts.slice(0, at).filter((text) => kept.includes(text)).length
      expect(String(row.body)).toBe(`{${kept.toSpliced(before, 0, good).join(',')}}`)
      expect(row.metadata).toBe(members.findLast(({ name }) => name === 'metadata')?.value)
    }),
  )
})

test('parseLine() gives a row or a fault for any line, and holds all of it', () => {
  const anyJson = fc.json().map((json) => Buffer.from(json))
  const anyBytes = fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.oneof(anyJson, anyBytes), (bytes) => {
      const fault = faultOf(bytes)
      expect((fault.params === undefined) !== (fault.raw === undefined)).toBe(true)
      const back = Buffer.from(fault.raw ?? '', fault.rawEncoding)
      expect(fault.params !== undefined || back.equals(bytes)).toBe(true)
    }),
  )
})

test('withoutFeatures leaves all of a row but what its tokens are told by', () => {
  const { features, ...row } = rowOf(`{${good}}`, { ...defaults, withoutFeatures: true })
  const { features: counted, ...whole } = rowOf(`{${good}}`)
  expect(row).toEqual(whole)
  expect(Math.max(...features.counts)).toBe(0)
  expect(Math.max(...counted.counts)).toBeGreaterThan(0)
})

describe('cachePoints', () => {
  const ephemeral = '"cache_control":{"type":"ephemeral"}'
  const marked = `{"model":"m",${rest},"system":[{"type":"text","text":"Brief.",${ephemeral}}]}`
  const optionsOf = (cachePoints: 'marked' | 'all', more = {}): ParseOptions => {
    return { ...defaults, cachePoints, ...more }
  }

  test('of a row are those that are asked for', () => {
    const placesOf = (content: string, options: ParseOptions): readonly object[] => {
      return rowOf(content, options).cachePoints.map(({ at: { level }, mark }) => ({ level, mark }))
    }
    const own = [{ level: 'system', mark: '5m' }]
    expect(placesOf(marked, defaults)).toEqual([])
    expect(placesOf(marked, optionsOf('marked'))).toEqual(own)
    expect(placesOf(`{"params":${marked}}`, optionsOf('all'))).toEqual(own)
    expect(placesOf(marked, optionsOf('marked', { outputFormat: 'tuple' }))).toEqual(own)
    expect(placesOf(marked, optionsOf('all', { withoutFeatures: true }))).toEqual([])
    expect(placesOf(`{${good}}`, optionsOf('marked'))).toEqual([])
    expect(placesOf(`{${good}}`, optionsOf('all'))).toEqual([
      { level: 'messages', mark: undefined },
    ])
  })

  test('go by the model that is sent, not the one that is said', () => {
    const keyOf = (content: string, model?: string): number | undefined => {
      return rowOf(content, optionsOf('all', model === undefined ? {} : { model })).cachePoints[0]
        ?.key
    }
    expect(keyOf(marked, 'n')).toBe(keyOf(marked.replace('"m"', '"n"')))
    expect(keyOf(marked, 'n')).not.toBe(keyOf(marked))
  })
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerLine, keyOf } from '../test/result-lines.ts'
import {
  failedLine,
  parseResultLine,
  readResultLine,
  startsLikeOurs,
  succeededLine,
} from './result-line.ts'
import type { FailedRow, ResultLine, RunFields } from './result-line.ts'

const key = 'aabbccddeeff00112233445566778899'
const run: RunFields = {
  line: 17,
  key,
  attempts: 1,
  requestId: 'req_9',
  latencyMs: 812,
  costUsd: '0.000412',
}
const runText =
  `"run":{"line":17,"key":"${key}","attempts":1,"request_id":"req_9",` +
  '"latency_ms":812,"cost_usd":0.000412}'

function read(text: string): ResultLine | undefined {
  return readResultLine(Buffer.from(text))
}

/** What a line of ours says, by the slow way. */
function parsed(text: string): ResultLine | undefined {
  return parseResultLine(Buffer.from(text))
}

describe('succeededLine()', () => {
  test('writes the form of cli.md', () => {
    const line = succeededLine({ id: '17', message: '{"id":"msg_1"}', metadata: '{"a":1}', run })
    expect(line).toBe(
      '{"custom_id":"17","result":{"type":"succeeded","message":{"id":"msg_1"}},' +
        `"metadata":{"a":1},${runText}}\n`,
    )
  })

  test('splices the text of others as it stands', () => {
    const message = '{"n":12345678901234567890,"f":1.0,"u":"\\u00e9"}'
    const line = succeededLine({ id: 'a', message, request: '{"z":1,"a":2e0}', run })
    expect(line).toContain(`"message":${message}}`)
    expect(line).toContain(',"request":{"z":1,"a":2e0},"run":')
    expect(line).not.toContain('metadata')
  })

  test.each([
    ['no price', { costUsd: null }, '"cost_usd":null}}'],
    ['no request id', { requestId: null }, '"request_id":null,'],
    ['a part of a millisecond', { latencyMs: 811.7 }, '"latency_ms":812,'],
    ['tries that may be billed', { unknownAttempts: 2 }, '"attempts":1,"unknown_attempts":2,'],
    ['no tries that may be billed', { unknownAttempts: 0 }, '"attempts":1,"request_id"'],
  ])('with %s, says so', (_, fields, text) => {
    expect(succeededLine({ id: 'a', message: '{}', run: { ...run, ...fields } })).toContain(text)
  })

  test('is one line even if the message is not', () => {
    const line = succeededLine({ id: 'a\n', message: '{\r\n "a":\n1}', metadata: '[\n]', run })
    expect(line.indexOf('\n')).toBe(line.length - 1)
    expect(line).not.toContain('\r')
    expect(JSON.parse(line)).toMatchObject({ custom_id: 'a\n', result: { message: { a: 1 } } })
  })
})

describe('failedLine()', () => {
  const error = { type: 'invalid_request_error', message: 'max_tokens: "0" is too few' }
  const row: FailedRow = { id: 'a', type: 'errored', error, requestId: 'req_9', run }

  test('writes the form of cli.md', () => {
    expect(failedLine({ ...row, params: '{"model":"m"}', metadata: '7' })).toBe(
      '{"custom_id":"a","result":{"type":"errored","error":{"type":"error","error":' +
        '{"type":"invalid_request_error","message":"max_tokens: \\"0\\" is too few"},' +
        `"request_id":"req_9"}},"params":{"model":"m"},"metadata":7,${runText}}\n`,
    )
  })

  test.each(['expired', 'canceled'] as const)('writes the type %s', (type) => {
    expect(read(failedLine({ ...row, type }).trimEnd())).toMatchObject({ type })
  })

  test('keeps the error code in details', () => {
    const line = failedLine({ ...row, error: { ...error, code: 'ramp_limit_exceeded' } })
    expect(JSON.parse(line).result.error.error.details).toEqual({
      error_code: 'ramp_limit_exceeded',
    })
  })

  test('keeps a line that was no request', () => {
    const text = JSON.parse(failedLine({ ...row, raw: '{"a":"\t' }))
    expect(text).toMatchObject({ raw: '{"a":"\t' })
    expect(text).not.toHaveProperty('raw_encoding')
    const bytes = JSON.parse(failedLine({ ...row, raw: '/w==', rawEncoding: 'base64' }))
    expect(bytes).toMatchObject({ raw: '/w==', raw_encoding: 'base64' })
  })
})

/** The text of the cost in a line that was written with it. */
function readCost(costUsd: string | null): string | undefined {
  return read(succeededLine({ id: 'a', message: '{}', run: { ...run, costUsd } }).trimEnd())
    ?.costText
}

function starts(text: string): boolean {
  return startsLikeOurs(Buffer.from(`x${text}`), 1, Buffer.byteLength(text) + 1)
}

describe('readResultLine()', () => {
  test('reads what succeededLine() wrote, whatever is in it', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(runText, `,${runText}}`))
    const json = fc.oneof(
      fc.json(),
      text.map((value) => JSON.stringify(value)),
      fc.constantFrom(`{${runText}}`, `{"a":{${runText}}}`, `[{"x":1,${runText}}]`),
    )
    const rows = fc.record({
      id: text,
      message: json,
      metadata: fc.option(json, { nil: undefined }),
      request: fc.option(json, { nil: undefined }),
      number: fc.nat(),
      requestId: fc.option(text, { nil: null }),
    })
    fc.assert(
      fc.property(rows, ({ number, requestId, ...row }) => {
        const own = { ...run, line: number + 1, key: keyOf(number), requestId }
        const line = succeededLine({ ...row, run: own }).slice(0, -1)
        const id = String(JSON.parse(JSON.stringify(row.id)))
        const expected = { type: 'succeeded', key: own.key, line: number + 1, id }
        expect(read(line)).toEqual({ ...expected, costText: '0.000412' })
        expect(parsed(line)).toEqual({ ...expected, costText: '0.000412' })
      }),
      { numRuns: 500 },
    )
  })

  test('looks at head and tail alone', () => {
    const line = answerLine(key).replace('"text":"yes"', '"text":"yes" this is no JSON')
    expect(parsed(line.trimEnd())).toBeUndefined()
    expect(read(line.trimEnd())).toMatchObject({ type: 'succeeded', key })
  })

  test('reads a part of a buffer', () => {
    const line = answerLine(key)
    const bytes = Buffer.from(`x\n${line}${line}`)
    expect(readResultLine(bytes, 2, 1 + line.length)).toMatchObject({ key, type: 'succeeded' })
  })

  test('gives the cost as it was written, and none for null', () => {
    expect(readCost('0.00000000100')).toBe('0.00000000100')
    expect(readCost(null)).toBeUndefined()
  })

  const own = `"result":{"type":"errored","error":{}},"run":{"line":2,"key":"${key}"}`
  test.each([
    ['members in another order', `{"run":{"key":"${key}","line":2},"result":{"type":"errored"}}`],
    ['blanks', `{ "custom_id": "a", ${own.replaceAll(':', ': ').replaceAll(',', ', ')} }`],
    ['a carriage return', `{"custom_id":"a",${own}}\r`],
    ['a byte order mark', `\ufeff{"custom_id":"a",${own}}`],
    ['no id', `{${own}}`],
    ['a member after run', `{"custom_id":"a",${own},"note":1}`],
    ['a member in run', `{"custom_id":"a",${own.slice(0, -1)},"by":{"x":[1]}}}`],
    ['a brace in run', `{"custom_id":"a",${own.slice(0, -1)},"request_id":"{"}}`],
    ['an escape in run', `{"custom_id":"a",${own.slice(0, -1)},"request_id":"\\"}}"}}`],
    ['a run in the metadata', `{"custom_id":"a","metadata":{"x":1,${runText}},${own}}`],
    ['a run in the metadata, last', `{"custom_id":"a",${own},"metadata":{"x":1,${runText}}}`],
    ['a type in the id', `{"custom_id":"a\\",\\"result\\":{\\"type\\":\\"succeeded\\"",${own}}`],
  ])('reads a line with %s', (_, line) => {
    expect(read(line)).toMatchObject({ type: 'errored', key, line: 2 })
  })

  test.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['another JSON', '{"custom_id":"a","params":{}}'],
    ['a list', '[1,2]'],
    ['no run', '{"custom_id":"a","result":{"type":"succeeded","message":{}}}'],
    ['no result', `{"custom_id":"a",${runText}}`],
    [
      'a run in the metadata only',
      `{"custom_id":"a","result":{"type":"succeeded"},"m":{"x":1,${runText}}}`,
    ],
    [
      'a member that is only like run',
      `{"custom_id":"a","result":{"type":"errored"},"ran":{"line":1,"key":"${key}"}}`,
    ],
    ['a bracket at the end', `{"custom_id":"a","result":{"type":"errored"},${runText}]`],
    ['another type', `{"custom_id":"a","result":{"type":"processing"},${runText}}`],
    ['a short key', '{"custom_id":"a","result":{"type":"errored"},"run":{"line":1,"key":"ab"}}'],
    [
      'a key in capitals',
      `{"result":{"type":"errored"},"run":{"line":1,"key":"${key.toUpperCase()}"}}`,
    ],
    [
      'a line number that is none',
      `{"result":{"type":"errored"},"run":{"line":"1","key":"${key}"}}`,
    ],
  ])('finds no result line in %s', (_, line) => {
    expect(read(line)).toBeUndefined()
  })

  test('finds no result line in the beginning of one', () => {
    const line = answerLine(key).trimEnd()
    for (let end = 0; end < line.length; end++) expect(read(line.slice(0, end))).toBeUndefined()
  })
})

describe('startsLikeOurs()', () => {
  test('holds for any beginning of a line of ours', () => {
    const line = succeededLine({ id: 'a\\"é', message: '{}', run })
    for (let end = 0; end <= line.length; end++) expect(starts(line.slice(0, end))).toBe(true)
    expect(starts('{"custom_id":"a","result":{"type":"canceled","error":garbage')).toBe(true)
  })

  test.each([
    'hello',
    '{"custom',
    '{"custom_id":"a","params":{',
    '{"custom_id": "a"',
    '{"custom_id":"a","result":{"type":"none"',
    '[',
  ])('does not hold for %s, unless it is shorter than our head', (text) => {
    const head = '{"custom_id":"'
    expect(starts(text)).toBe(head.startsWith(text))
  })
})

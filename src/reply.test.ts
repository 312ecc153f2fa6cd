import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { onOneLine, readLimits, readReply, readUsage } from './reply.ts'
import type { ReplyHeaders } from './reply.ts'

const usage = { input_tokens: 10, output_tokens: 20 }
const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-haiku-4-5-20251001',
  content: [{ type: 'text', text: 'Hi' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage,
}

/** An error body of the API. */
function errorBody(type: string, text: string, code?: string): string {
  const details = code === undefined ? {} : { details: { error_code: code } }
  return JSON.stringify({
    type: 'error',
    error: { type, message: text, ...details },
    request_id: 'req_body',
  })
}

/** The outcome in one word, with what distinguishes it. */
function kindOf(status: number, body: string, headers: ReplyHeaders = {}): string {
  const outcome = readReply(status, headers, body)
  if (outcome.kind === 'run_stop') return `run_stop ${outcome.reason}`
  if (outcome.kind === 'broken' || outcome.kind === 'overloaded') {
    return `${outcome.kind}${outcome.unknown ? ' unknown' : ''}`
  }
  return outcome.kind
}

describe('readReply() of an error of the API', () => {
  test.each([
    [400, 'invalid_request_error', 'prompt is too long', undefined, 'invalid'],
    [400, 'invalid_request_error', 'x', 'image_dimensions_too_large', 'invalid'],
    [400, 'invalid_request_error', 'x', 'organization_on_hold', 'run_stop billing'],
    [
      400,
      'invalid_request_error',
      'Your credit balance is too low to access the Claude API.',
      undefined,
      'run_stop credit',
    ],
    [
      400,
      'invalid_request_error',
      'You have reached your specified API usage limits. You will regain access on 2026-12-01.',
      undefined,
      'run_stop spend_limit',
    ],
    [
      400,
      'invalid_request_error',
      'You have reached your specified workspace API usage limits.',
      undefined,
      'run_stop spend_limit',
    ],
    [401, 'authentication_error', 'invalid x-api-key', undefined, 'run_stop key'],
    [402, 'billing_error', 'x', undefined, 'run_stop billing'],
    [402, 'billing_error', 'x', 'linked_organization_billing_unavailable', 'run_stop billing'],
    [402, 'billing_error', 'x', 'linked_organization_spend_limit_reached', 'run_stop spend_limit'],
    [403, 'permission_error', 'x', undefined, 'run_stop permission'],
    [404, 'not_found_error', 'model: claude-nonsense', undefined, 'no_model'],
    [404, 'not_found_error', 'no such file', undefined, 'invalid'],
    [405, 'invalid_request_error', 'Method Not Allowed', undefined, 'invalid'],
    [408, 'timeout_error', 'x', undefined, 'broken'],
    [409, 'conflict_error', 'x', undefined, 'broken'],
    [413, 'request_too_large', 'x', undefined, 'invalid'],
    [413, 'request_too_large', 'x', 'request_body_too_large_after_decoding', 'invalid'],
    [422, 'invalid_request_error', 'x', undefined, 'invalid'],
    [429, 'rate_limit_error', 'x', undefined, 'refused'],
    [429, 'rate_limit_error', 'x', 'ramp_limit_exceeded', 'refused'],
    [429, 'rate_limit_error', 'x', 'enforced_spend_limit_reached', 'run_stop spend_limit'],
    [429, 'rate_limit_error', 'x', 'contract_spend_limit_reached', 'run_stop spend_limit'],
    [500, 'api_error', 'x', undefined, 'broken'],
    [503, 'api_error', 'x', 'cmek_unavailable', 'broken'],
    [503, 'overloaded_error', 'Overloaded', undefined, 'overloaded'],
    [504, 'timeout_error', 'x', undefined, 'broken'],
    [529, 'overloaded_error', 'Overloaded', undefined, 'overloaded'],
    [529, 'api_error', 'x', 'compaction_unavailable', 'overloaded'],
  ])('%i %s "%s" %s is %s', (status, type, text, code, expected) => {
    expect(kindOf(status, errorBody(type, text, code))).toBe(expected)
  })

  test.each([
    [500, 'false', 'invalid'],
    [409, 'false', 'invalid'],
    [408, 'false', 'invalid'],
    [529, 'false', 'overloaded'],
    [400, 'true', 'broken'],
    [422, 'true', 'broken'],
    [401, 'true', 'run_stop key'],
    [429, 'false', 'refused'],
    [500, 'true', 'broken'],
    [400, 'false', 'invalid'],
  ])('%i with x-should-retry: %s is %s', (status, hint, expected) => {
    const headers = { 'x-should-retry': hint }
    expect(kindOf(status, errorBody('any_error', 'x'), headers)).toBe(expected)
  })

  test('keeps type, message, code, request id and limits', () => {
    const headers = {
      'request-id': 'req_head',
      'anthropic-ratelimit-requests-limit': '50',
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': '1970-01-01T00:01:00Z',
    }
    const body = errorBody('rate_limit_error', 'Too fast', 'ramp_limit_exceeded')
    expect(readReply(429, headers, body)).toEqual({
      kind: 'refused',
      status: 429,
      requestId: 'req_head',
      limits: { requests: { limit: 50, remaining: 0, resetAt: 60_000 } },
      error: { type: 'rate_limit_error', message: 'Too fast', code: 'ramp_limit_exceeded' },
    })
  })

  test('takes the request id from the body when no header has it', () => {
    expect(readReply(500, {}, errorBody('api_error', 'x')).requestId).toBe('req_body')
  })
})

describe('readReply() of something else', () => {
  const html = '<html><head><title>413 Too Large</title><style>b{}</style></head><body>cf</body>'

  test.each([
    [400, html, 'invalid'],
    [403, html, 'run_stop permission'],
    [404, html, 'run_stop url'],
    [404, '{"error":{"message":"Invalid URL","type":"invalid_request_error"}}', 'run_stop url'],
    [404, '', 'run_stop url'],
    [405, html, 'run_stop url'],
    [407, html, 'run_stop permission'],
    [413, html, 'invalid'],
    [418, html, 'invalid'],
    [429, html, 'refused'],
    [500, '', 'broken'],
    [502, html, 'broken'],
    [529, html, 'overloaded'],
    [301, html, 'run_stop url'],
    [307, '', 'run_stop url'],
  ])('%i with %j is %s', (status, body, expected) => {
    expect(kindOf(status, body)).toBe(expected)
  })

  test.each([
    [400, 'invalid_request_error'],
    [401, 'authentication_error'],
    [402, 'billing_error'],
    [403, 'permission_error'],
    [404, 'not_found_error'],
    [413, 'request_too_large'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [504, 'timeout_error'],
    [529, 'overloaded_error'],
    [418, 'http_error'],
  ])('%i without an error object has type %s', (status, type) => {
    expect(readReply(status, {}, html)).toMatchObject({ error: { type } })
  })

  test('quotes a page as one short line without tags', () => {
    const outcome = readReply(413, {}, `${html}\n${'<p>word </p>\n'.repeat(1000)}`)
    const text = outcome.kind === 'invalid' ? outcome.error.message : ''
    expect(text).toMatch(/^Status 413: 413 Too Large cf word word/)
    expect(text.length).toBeLessThan(220)
    expect(text).not.toMatch(/[<>\n]/)
  })

  test('says where a redirection leads', () => {
    const outcome = readReply(308, { location: 'https://elsewhere.example/v1' }, '')
    expect(outcome).toMatchObject({
      kind: 'run_stop',
      error: {
        message: 'Status 308 redirects to https://elsewhere.example/v1, which is not followed',
      },
    })
  })

  test.each([
    errorBody('api_error', 'request with x-api-key: KEY-123 and sk-ant-api03-KEY-123 failed'),
    '<p>authorization: Bearer KEY-123</p>',
    '{"error":{"message":"headers {\\"x-api-key\\":\\"KEY-123\\"}"}}',
  ])('hides a key that %s quotes', (body) => {
    for (const status of [200, 302, 400, 500]) {
      expect(JSON.stringify(readReply(status, {}, body))).not.toContain('KEY-123')
    }
  })
})

describe('readReply() of retry-after', () => {
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT'

  test.each<[ReplyHeaders, number | undefined]>([
    [{}, undefined],
    [{ 'retry-after': '24' }, 24_000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': ['7'] }, 7000],
    [{ 'retry-after-ms': '12.5', 'retry-after': '24' }, 12.5],
    [{ 'retry-after-ms': 'soon', 'retry-after': '24' }, 24_000],
    [{ 'retry-after': '-1' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{ 'retry-after': '2147484' }, undefined],
    [{ 'retry-after': '2147483' }, 2_147_483_000],
    [{ 'retry-after': 'Sun, 06 Nov 1994 08:50:07 GMT', date }, 30_000],
    [{ 'retry-after': 'Sun, 06 Nov 1994 08:48:07 GMT', date }, 0],
    [{ 'retry-after': 'Sun, 06 Nov 1994 08:50:07 GMT' }, undefined],
  ])('%j is %s ms', (headers, expected) => {
    for (const status of [429, 529, 500]) {
      const outcome = readReply(status, headers, '')
      expect('retryAfterMs' in outcome ? outcome.retryAfterMs : undefined).toBe(expected)
    }
  })
})

describe('readReply() of a Message', () => {
  test('keeps the text of the server, big numbers and spaces included', () => {
    const body = JSON.stringify(message).replace(
      '"Hi"',
      '"Hi\\n", "n": 12345678901234567890, "f":1.0',
    )
    expect(readReply(200, { 'request-id': 'req_1' }, body)).toEqual({
      kind: 'answered',
      status: 200,
      requestId: 'req_1',
      message: body,
      usage: readUsage(usage),
      model: 'claude-haiku-4-5-20251001',
      stopReason: 'end_turn',
    })
  })

  test('puts it on one line', () => {
    const body = `\n${JSON.stringify(message, null, 2).replaceAll('\n', '\r\n')}\r\n`
    const outcome = readReply(200, {}, body)
    const text = outcome.kind === 'answered' ? outcome.message : ''
    expect(text).not.toMatch(/[\r\n]/)
    expect(JSON.parse(text)).toEqual(message)
  })

  test.each([
    '',
    'null',
    '[]',
    '"text"',
    '{"type":"message"',
    '{"type":"message"}',
    '{"type":"message","usage":null}',
    '{"type":"message","usage":{"input_tokens":1}}',
    '{"type":"message","usage":{"input_tokens":1.5,"output_tokens":1}}',
    '{"type":"completion","usage":{"input_tokens":1,"output_tokens":1}}',
    errorBody('api_error', 'x'),
    '<html>hello</html>',
  ])('is broken, and may be billed, for 200 with %j', (body) => {
    expect(kindOf(200, body)).toBe('broken unknown')
    expect(readReply(200, {}, body)).toMatchObject({ error: { type: 'invalid_response' } })
  })
})

describe('readUsage()', () => {
  const none = {
    inputTokens: 10,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    cacheReadTokens: 0,
    outputTokens: 20,
    webSearches: 0,
    serviceTier: null,
    speed: null,
    inferenceGeo: null,
  }

  test.each([
    [{}, none],
    [{ cache_read_input_tokens: null, cache_creation: null, server_tool_use: null }, none],
    [{ cache_read_input_tokens: 7 }, { ...none, cacheReadTokens: 7 }],
    [{ cache_creation_input_tokens: 9 }, { ...none, cacheWrite5mTokens: 9 }],
    [
      {
        cache_creation_input_tokens: 9,
        cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 5 },
      },
      { ...none, cacheWrite5mTokens: 4, cacheWrite1hTokens: 5 },
    ],
    [
      { cache_creation: { ephemeral_5m_input_tokens: null, ephemeral_1h_input_tokens: 5 } },
      { ...none, cacheWrite1hTokens: 5 },
    ],
    [
      { cache_creation_input_tokens: 9, cache_creation: { ephemeral_1h_input_tokens: 5 } },
      { ...none, cacheWrite5mTokens: 4, cacheWrite1hTokens: 5 },
    ],
    [{ server_tool_use: { web_search_requests: 3 } }, { ...none, webSearches: 3 }],
    [
      { service_tier: 'standard', speed: 'fast', inference_geo: 'us' },
      { ...none, serviceTier: 'standard', speed: 'fast', inferenceGeo: 'us' },
    ],
  ])('reads %j', (more, expected) => {
    expect(readUsage({ ...usage, ...more })).toEqual(expected)
  })

  test.each([
    undefined,
    null,
    7,
    {},
    { input_tokens: 1 },
    { input_tokens: null, output_tokens: 1 },
    { input_tokens: -1, output_tokens: 1 },
    { input_tokens: '1', output_tokens: 1 },
    { ...usage, cache_read_input_tokens: 0.5 },
    { ...usage, cache_creation: { ephemeral_1h_input_tokens: '5' } },
  ])('is undefined for %j', (value) => {
    expect(readUsage(value)).toBeUndefined()
  })
})

describe('readLimits()', () => {
  const whole = {
    'anthropic-ratelimit-requests-limit': '1000',
    'anthropic-ratelimit-requests-remaining': '999',
    'anthropic-ratelimit-requests-reset': '1970-01-01T00:00:01Z',
    'anthropic-ratelimit-input-tokens-limit': '2000000',
    'anthropic-ratelimit-input-tokens-remaining': '1999000',
    'anthropic-ratelimit-input-tokens-reset': '1970-01-01T00:00:02Z',
    'anthropic-ratelimit-output-tokens-limit': '400000',
    'anthropic-ratelimit-output-tokens-remaining': '0',
    'anthropic-ratelimit-output-tokens-reset': '1970-01-01T00:00:03Z',
    'anthropic-ratelimit-tokens-limit': '2400000',
    'anthropic-ratelimit-tokens-remaining': '1999000',
    'anthropic-ratelimit-tokens-reset': '1970-01-01T00:00:02Z',
    date: 'Thu, 01 Jan 1970 00:00:00 GMT',
  }

  test('reads all of them', () => {
    expect(readLimits(whole)).toEqual({
      requests: { limit: 1000, remaining: 999, resetAt: 1000 },
      input: { limit: 2_000_000, remaining: 1_999_000, resetAt: 2000 },
      output: { limit: 400_000, remaining: 0, resetAt: 3000 },
      tokens: { limit: 2_400_000, remaining: 1_999_000, resetAt: 2000 },
      serverAt: 0,
    })
  })

  test.each(['limit', 'remaining', 'reset'])('leaves out a limit whose %s is bad', (part) => {
    for (const bad of [undefined, '', 'many', '-1', '1.5', '1e3', '9'.repeat(20)]) {
      const limits = readLimits({ ...whole, [`anthropic-ratelimit-input-tokens-${part}`]: bad })
      expect(limits?.input).toBeUndefined()
      expect(limits?.output).toBeDefined()
    }
  })

  test('is undefined when no limit is shown, and needs no date', () => {
    expect(readLimits({ date: whole.date })).toBeUndefined()
    expect(readLimits({ ...whole, date: 'yesterday' })).not.toHaveProperty('serverAt')
  })

  test('takes the first of a header that was sent twice', () => {
    const headers = { ...whole, 'anthropic-ratelimit-requests-limit': ['5', '6'] }
    expect(readLimits(headers)?.requests?.limit).toBe(5)
  })

  test('never throws and never gives a number that is none', () => {
    const names = Object.keys(whole)
    const values = fc.option(fc.oneof(fc.string(), fc.array(fc.string())), { nil: undefined })
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), values), (headers) => {
        expect(JSON.stringify(readLimits(headers) ?? {})).not.toContain('null')
      }),
    )
  })
})

test('onOneLine() changes no value of a JSON text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const line = onOneLine(JSON.stringify(value, null, 2))
      expect(line).not.toMatch(/[\r\n]/)
      expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

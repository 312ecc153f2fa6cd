/**
 * The model driven as a driver would, without sockets: every step is done at its instant.
 */

import * as fc from 'fast-check'
import { assert, describe, expect, test } from 'vitest'

import { parseInstant } from '../instants.ts'
import { SimulatorModel } from './model.ts'
import { faultNames, type FaultName, type SimulatorOptions } from './options.ts'
import type { Step, WireAction, WireRequest } from './wire.ts'

// 2026-11-22T10:00:00Z.
const wallAtZero = (20_779 * 24 + 10) * 3_600_000

const unlimited = {
  requestsPerMinute: null,
  inputTokensPerMinute: null,
  outputTokensPerMinute: null,
}

/** One second for every answer, 300 ms of it before the first byte; 100 tokens. */
const steady = { latencyMs: 1000, latencySigma: 0, outputTokens: 100, outputSigma: 0 }

function request(members: object = {}): WireRequest {
  const body = {
    model: 'claude-opus-5',
    max_tokens: 1024,
    messages: [{ role: 'user', content: 'How deep is the canal at the lower gate?' }],
    ...members,
  }
  return {
    method: 'POST',
    path: '/v1/messages',
    headers: { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01' },
    body: new TextEncoder().encode(JSON.stringify(body)),
  }
}

interface Delivered {
  readonly id: number
  readonly fault: FaultName | undefined
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly ending: 'end' | 'reset' | 'hang'
  /** Instants at which something was sent. */
  readonly sentAt: readonly number[]
  /** When the model wanted to be asked no more. */
  readonly doneAt: number
}

/** Sends a request at `now` and does every step at its instant. */
function deliver(model: SimulatorModel, now: number, wire: WireRequest): Delivered {
  const { id, step, fault } = model.receive(now, wallAtZero + now, wire)
  const sent: { at: number; action: WireAction }[] = []
  let at = now
  let current: Step = step
  for (;;) {
    for (const action of current.actions) sent.push({ at, action })
    if (current.nextAt === undefined) break
    at = current.nextAt
    current = model.advance(at, wallAtZero + at, id)
  }
  const actions = sent.map(({ action }) => action)
  const head = actions.find((action) => action.type === 'head')
  const data = actions.flatMap((action) => (action.type === 'data' ? [action.bytes] : []))
  const last = actions.at(-1)?.type
  return {
    id,
    fault,
    status: head?.status,
    headers: Object.fromEntries(head?.headers ?? []),
    text: new TextDecoder().decode(Buffer.concat(data)),
    ending: last === 'end' || last === 'reset' ? last : 'hang',
    sentAt: [...new Set(sent.map((each) => each.at))],
    doneAt: at,
  }
}

const ratelimits = (headers: Readonly<Record<string, string>>): readonly string[] =>
  Object.keys(headers).filter((name) => name.startsWith('anthropic-ratelimit-'))

describe('an answer', () => {
  test('that is not streamed comes whole, when it is produced', () => {
    const model = new SimulatorModel(steady)
    const answer = deliver(model, 0, request())
    expect(answer).toMatchObject({ status: 200, ending: 'end', sentAt: [1000] })
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(new TextEncoder().encode(answer.text).length),
      date: 'Sun, 22 Nov 2026 10:00:01 GMT',
      'request-id': expect.stringMatching(/^req_/),
      'anthropic-organization-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    expect(JSON.parse(answer.text)).toMatchObject({ usage: { output_tokens: 100 } })
    expect(ratelimits(answer.headers)).toHaveLength(12)
  })

  test('that is streamed starts at its first byte and ends with its production', () => {
    const model = new SimulatorModel(steady)
    const answer = deliver(model, 0, request({ stream: true }))
    expect(answer).toMatchObject({ status: 200, ending: 'end' })
    expect(answer.headers).toMatchObject({ 'content-type': 'text/event-stream; charset=utf-8' })
    expect(answer.sentAt[0]).toBe(300)
    expect(answer.sentAt.at(-1)).toBe(1000)
    expect(answer.sentAt.length).toBeLessThanOrEqual(20)
    expect(answer.text).toMatch(/^event: message_start\n[^]*event: message_stop\n.*\n\n$/)
  })

  test('says the same streamed or not, but for what the body draws', () => {
    const model = new SimulatorModel({ ...steady, latencyMs: 0 })
    const plain = JSON.parse(deliver(model, 0, request()).text)
    const { text } = deliver(model, 0, request({ stream: true }))
    const started = JSON.parse(/^data: (.*message_start.*)$/m.exec(text)?.[1] ?? '').message
    expect(Object.keys(started)).toEqual(Object.keys(plain))
    expect(started.usage.input_tokens).toBe(plain.usage.input_tokens)
  })

  test.each([false, true])('comes in one step when latency is 0 (streamed: %s)', (stream) => {
    const model = new SimulatorModel({ latencyMs: 0 })
    const { step } = model.receive(0, wallAtZero, request({ stream }))
    expect(step.nextAt).toBeUndefined()
    expect(step.actions.at(-1)).toEqual({ type: 'end' })
    expect(model.inFlight).toBe(0)
  })

  test('advances no further than its time, and then all at once if the driver is late', () => {
    const model = new SimulatorModel(steady)
    const { id, step } = model.receive(0, wallAtZero, request({ stream: true }))
    expect(step).toEqual({ actions: [], nextAt: 300 })
    expect(model.advance(299, wallAtZero, id)).toEqual({ actions: [], nextAt: 300 })
    const late = model.advance(5000, wallAtZero, id)
    expect(late.actions.map(({ type }) => type)).toEqual(['head', 'data', 'data', 'end'])
    expect(late.nextAt).toBeUndefined()
    expect(model.advance(6000, wallAtZero, id)).toEqual({ actions: [] })
  })
})

describe('rate limit headers (rate limits page)', () => {
  const wire = request({ messages: [{ role: 'user', content: 'lock '.repeat(4000) }] })
  const estimate = Math.ceil(wire.body.length / 4)
  const limits = { ...steady, inputTokensPerMinute: 60_000, outputTokensPerMinute: 60_000 }
  const streamed = request({
    stream: true,
    messages: [{ role: 'user', content: 'lock '.repeat(4000) }],
  })

  test('of an answer that is not streamed show the levels after it', () => {
    const model = new SimulatorModel({ ...limits, inputTokensPerMinute: 6000 })
    const answer = deliver(model, 0, wire)
    const real: number = JSON.parse(answer.text).usage.input_tokens
    // 4,000 words of one token, 30 % more under the newer tokenizer: about 5,200.
    expect(real).toBeGreaterThan(5200)
    // Less what was taken, plus a second of refill: 6,000 − 5,2xx + 100.
    const level = 6000 - real + 100
    expect(answer.headers).toMatchObject({
      'anthropic-ratelimit-input-tokens-remaining': String(Math.round(level / 1000) * 1000),
      'anthropic-ratelimit-requests-remaining': '999',
    })
    const reset = parseInstant(answer.headers['anthropic-ratelimit-input-tokens-reset'] ?? '')
    // Missing tokens come back at 6,000 a minute: 10 ms each, after the second that passed.
    expect(reset).toBe(wallAtZero + Math.ceil((1000 + (6000 - level) * 10) / 1000) * 1000)
  })

  test('of a stream show the estimate, and requests as of admission', () => {
    const model = new SimulatorModel({ ...limits, requestsPerMinute: 600 })
    const answer = deliver(model, 0, streamed)
    const estimateStreamed = Math.ceil(streamed.body.length / 4)
    // At the first byte 300 tokens have come back.
    const level = 60_000 - estimateStreamed + 300
    expect(answer.headers).toMatchObject({
      'anthropic-ratelimit-input-tokens-remaining': String(Math.round(level / 1000) * 1000),
      'anthropic-ratelimit-output-tokens-remaining': '60000',
      // Three requests came back meanwhile, which is not shown.
      'anthropic-ratelimit-requests-remaining': '599',
      'anthropic-ratelimit-requests-reset': '2026-11-22T10:00:01Z',
    })
  })

  test.each([
    { admissionEstimate: true, held: estimate },
    // 4,000 words and a message: 4,004 × 1.3 rounded up, and 7 for the request.
    { admissionEstimate: false, held: 5213 },
  ])(
    'admissionEstimate $admissionEstimate holds $held until the first byte (rate limits page)',
    (row) => {
      const { admissionEstimate, held } = row
      const model = new SimulatorModel({ ...limits, admissionEstimate })
      const { id } = model.receive(0, wallAtZero, wire)
      const level = (now: number): number | undefined =>
        model.levels(now, 'claude-opus-5')?.input?.level
      expect(level(0)).toBe(60_000 - held)
      model.advance(300, wallAtZero, id)
      // Refill is one a millisecond.
      expect(level(300)).toBe(60_000 - 5213 + 300)
    },
  )

  test('are absent when switched off, on answers and on 429s', () => {
    const model = new SimulatorModel({ latencyMs: 0, requestsPerMinute: 1, headers: false })
    const [answer, refused] = [deliver(model, 0, request()), deliver(model, 0, request())]
    expect([answer.status, refused.status]).toEqual([200, 429])
    expect([...ratelimits(answer.headers), ...ratelimits(refused.headers)]).toEqual([])
    expect(refused.headers).toMatchObject({ 'retry-after': '60', 'x-should-retry': 'true' })
  })
})

describe('a 429 (rate limits page)', () => {
  test('names its bucket, says when, and carries all headers', () => {
    const model = new SimulatorModel({ latencyMs: 0, requestsPerMinute: 2 })
    deliver(model, 0, request())
    deliver(model, 0, request())
    const refused = deliver(model, 10_500, request())
    // 0.35 of a request came back; 0.65 more take 19.5 s.
    expect(refused).toMatchObject({ status: 429, ending: 'end', sentAt: [10_500] })
    expect(refused.headers).toMatchObject({
      'retry-after': '20',
      'x-should-retry': 'true',
      'anthropic-ratelimit-requests-remaining': '0',
      'anthropic-ratelimit-requests-reset': '2026-11-22T10:01:00Z',
    })
    expect(ratelimits(refused.headers)).toHaveLength(12)
    expect(JSON.parse(refused.text)).toEqual({
      type: 'error',
      error: {
        type: 'rate_limit_error',
        message: expect.stringMatching(
          /rate limit of 2 requests per minute \(org: .*claude-opus-5/,
        ),
      },
      request_id: refused.headers['request-id'],
    })
    expect(model.totals).toMatchObject({ received: 3, answered: 2, refused429: 1, faulted: 0 })
    expect(deliver(model, 30_500, request()).status).toBe(200)
  })

  test('has no retry-after when switched off', () => {
    const model = new SimulatorModel({ latencyMs: 0, requestsPerMinute: 1, retryAfter: false })
    deliver(model, 0, request())
    expect(deliver(model, 0, request()).headers).not.toHaveProperty('retry-after')
  })

  test('may come bare, as some of the API’s do (rate limits page)', () => {
    const options = { latencyMs: 0, requestsPerMinute: 1, bareRefusals: true }
    const model = new SimulatorModel(options)
    expect(ratelimits(deliver(model, 0, request()).headers)).toHaveLength(12)
    const refused = deliver(model, 0, request())
    expect(refused.status).toBe(429)
    expect(ratelimits(refused.headers)).toEqual([])
    expect(refused.headers).not.toHaveProperty('retry-after')
    model.setFaults({ 'rate-limit': 1 })
    const faulted = deliver(model, 0, request())
    expect(ratelimits(faulted.headers)).toEqual([])
    expect(faulted.headers).not.toHaveProperty('retry-after')
  })

  test('for acceleration has its code (rate limits page)', () => {
    const model = new SimulatorModel({ latencyMs: 0, rampPerSecond: 1 })
    deliver(model, 0, request())
    const refused = deliver(model, 1, request())
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1' } })
    expect(JSON.parse(refused.text).error.details).toEqual({ error_code: 'ramp_limit_exceeded' })
  })
})

test('pools have limits of their own, models of one pool share them (rate limits page)', () => {
  const model = new SimulatorModel({ latencyMs: 0, requestsPerMinute: 1 })
  const status = (name: string): number | undefined =>
    deliver(model, 0, request({ model: name })).status
  expect(status('claude-opus-4-8')).toBe(200)
  expect(status('claude-opus-4-5')).toBe(429)
  expect(status('claude-opus-5')).toBe(200)
  expect(status('claude-opus-5-5')).toBe(200)
})

test('a pool has its tier’s limits, unless options say otherwise (rate limits page)', () => {
  const limits = (options: SimulatorOptions, name: string): readonly (string | undefined)[] => {
    const model = new SimulatorModel({ latencyMs: 0, ...options })
    const { headers } = deliver(model, 0, request({ model: name }))
    return ['requests', 'input-tokens', 'output-tokens', 'tokens'].map(
      (meter) => headers[`anthropic-ratelimit-${meter}-limit`],
    )
  }
  expect(limits({}, 'claude-opus-5')).toEqual(['1000', '2000000', '400000', '2400000'])
  expect(limits({}, 'claude-fable-5-1')).toEqual(['1000', '500000', '100000', '600000'])
  expect(limits({ profile: 'scale' }, 'claude-haiku-4-5')).toEqual([
    '10000',
    '10000000',
    '2000000',
    '12000000',
  ])
  const own = { profile: 'build', requestsPerMinute: 7, combinedTokens: 99_000 } as const
  expect(limits(own, 'claude-fable-5-1')).toEqual(['7', '1500000', '300000', '99000'])
  expect(limits({ profile: 'build', requestsPerMinute: null }, 'claude-opus-5')[0]).toBeUndefined()
})

test('setLimits() changes every pool, or one, also before its first request', () => {
  const model = new SimulatorModel({ latencyMs: 0, requestsPerMinute: 1 })
  const status = (name: string): number | undefined =>
    deliver(model, 0, request({ model: name })).status
  expect(status('claude-opus-5')).toBe(200)
  model.setLimits(0, { requestsPerMinute: null })
  expect(status('claude-opus-5')).toBe(200)
  model.setLimits(0, { requestsPerMinute: 1 }, 'claude-sonnet-5')
  expect([status('claude-sonnet-5'), status('claude-sonnet-5')]).toEqual([200, 429])
  expect([status('claude-opus-5'), status('claude-opus-5')]).toEqual([200, 200])
  model.setLimits(0, { requestsPerMinute: 1 }, 'claude-opus-5')
  expect([status('claude-opus-5'), status('claude-opus-5')]).toEqual([200, 429])
  expect(() => model.setLimits(0, { requestsPerMinute: -1 })).toThrow('"requestsPerMinute"')
})

test.each([
  ['GET', '/', 200],
  ['POST', '/v1/messages?beta=true', 200],
  ['GET', '/v1/messages', 405],
  ['POST', '/v1/nothing', 404],
])('receive() of %s %s is %d', (method, path, status) => {
  const model = new SimulatorModel({ latencyMs: 0 })
  expect(deliver(model, 0, { ...request(), method, path }).status).toBe(status)
})

test('an error has the form of errors page and no rate limit headers', () => {
  const refused = deliver(new SimulatorModel(), 0, request({ model: 'nobody' }))
  expect(refused.status).toBe(404)
  expect(ratelimits(refused.headers)).toEqual([])
  expect(JSON.parse(refused.text)).toEqual({
    type: 'error',
    error: { type: 'not_found_error', message: 'model: nobody' },
    request_id: refused.headers['request-id'],
  })
})

interface FaultRow {
  /** Or a matcher. */
  readonly status: unknown
  readonly ending: Delivered['ending']
  readonly at: number
  readonly isBilled: boolean
  readonly text: RegExp
}

const gone = { status: undefined, isBilled: true, text: /^$/ } as const
const door = { ending: 'end', at: 0, isBilled: false } as const
const page = { ...door, text: /^<html>/ }

const doorRows: Partial<Record<FaultName, FaultRow>> = {
  'rate-limit': { ...door, status: 429, text: /rate_limit_error/ },
  overloaded: { ...door, status: 529, text: /overloaded_error.*"Overloaded"/ },
  'reset-before': { ...gone, ending: 'reset', at: 0, isBilled: false },
  'spend-limit': { ...door, status: 429, text: /"error_code":"enforced_spend_limit_reached"/ },
  'customer-spend-limit': {
    ...door,
    status: 400,
    text: /You have reached your specified API usage/,
  },
  credit: { ...door, status: 400, text: /invalid_request_error.*Your credit balance is too low/ },
  billing: { ...door, status: 402, text: /billing_error/ },
  permission: { ...door, status: 403, text: /permission_error/ },
  conflict: { ...door, status: 409, text: /conflict_error/ },
  unavailable: { ...door, status: 503, text: /api_error/ },
  // Which of two is drawn; see below.
  html: { ...page, status: expect.any(Number) },
}

/** First byte at 300 ms, end at 1,000 ms. */
const plainRows: Partial<Record<FaultName, FaultRow>> = {
  'server-error': { status: 500, ending: 'end', at: 300, isBilled: false, text: /api_error/ },
  'gateway-timeout': { status: 504, ending: 'end', at: 1000, isBilled: false, text: /timeout_err/ },
  'reset-after': { ...gone, ending: 'reset', at: 1000 },
  cut: { status: 200, ending: 'reset', at: 1000, isBilled: true, text: /^\{"id".*[^}]$/ },
  'hang-head': { ...gone, ending: 'hang', at: 1000 },
  'hang-body': { status: 200, ending: 'hang', at: 1000, isBilled: true, text: /^\{"id".*[^}]$/ },
  'stream-error': { status: 500, ending: 'end', at: 300, isBilled: false, text: /api_error/ },
  'invalid-json': { status: 200, ending: 'end', at: 1000, isBilled: true, text: /^\{"id".*[^}]$/ },
  'slow-first-byte': { status: 200, ending: 'end', at: 3700, isBilled: true, text: /"usage"/ },
}

const streamRows: Partial<Record<FaultName, FaultRow>> = {
  'server-error': { status: 500, ending: 'end', at: 300, isBilled: false, text: /api_error/ },
  'gateway-timeout': { status: 504, ending: 'end', at: 1000, isBilled: false, text: /timeout_err/ },
  'reset-after': { ...gone, ending: 'reset', at: 1000 },
  cut: { status: 200, ending: 'reset', at: 1000, isBilled: true, text: /^event: message_start/ },
  'hang-head': { ...gone, ending: 'hang', at: 1000 },
  'hang-body': { status: 200, ending: 'hang', at: 1000, isBilled: true, text: /^event: message_s/ },
  'stream-error': {
    status: 200,
    ending: 'end',
    at: 1000,
    isBilled: true,
    text: /\n\nevent: error\ndata: \{"type":"error","error":\{"type":"overloaded_error".*\}\n\n$/,
  },
  'invalid-json': {
    status: 200,
    ending: 'end',
    at: 1000,
    isBilled: true,
    text: /\ndata: [^\n]*"te\n\n[^]*message_stop/,
  },
  'slow-first-byte': { status: 200, ending: 'end', at: 3700, isBilled: true, text: /message_stop/ },
}

describe.each([
  ['plain', false, { ...doorRows, ...plainRows }],
  ['streamed', true, { ...doorRows, ...streamRows }],
] as const)('a fault of a %s request:', (_kind, stream, rows) => {
  test.each(faultNames)('%s', (fault) => {
    const row: FaultRow | undefined = rows[fault]
    assert(row !== undefined, `no row for ${fault}`)
    const model = new SimulatorModel({ ...steady, faults: { [fault]: 1 } })
    const wire = request({ stream })
    const answer = deliver(model, 0, wire)
    expect(answer).toMatchObject({ fault, status: row.status, ending: row.ending, doneAt: row.at })
    expect(answer.text).toMatch(row.text)
    const { billedRequests, outputTokens, answered, faulted } = model.totals
    expect({ billedRequests, outputTokens }).toEqual({
      billedRequests: row.isBilled ? 1 : 0,
      outputTokens: row.isBilled ? 100 : 0,
    })
    const isSlow = fault === 'slow-first-byte'
    expect({ answered, faulted }).toEqual({ answered: isSlow ? 1 : 0, faulted: isSlow ? 0 : 1 })
    expect(model.inFlight).toBe(row.ending === 'hang' ? 1 : 0)
    model.disconnect(answer.doneAt, answer.id)
    expect(model.inFlight).toBe(0)
  })
})

test('a body that is cut or hangs stops half-way, and what came is a part of an answer', () => {
  for (const fault of ['cut', 'hang-body'] as const) {
    const model = new SimulatorModel({ ...steady, faults: { [fault]: 1 } })
    const plain = deliver(model, 0, request())
    expect(() => JSON.parse(plain.text)).toThrow('JSON')
    expect(Number(plain.headers['content-length'])).toBeGreaterThan(plain.text.length)
    const streamed = deliver(model, 0, request({ stream: true }))
    expect(streamed.text).not.toContain('message_stop')
    // It ended before the work did, which went on.
    expect(streamed.sentAt.at(-1)).toBeLessThan(1000)
  }
})

test('faults at the door and 5xx carry no rate limit headers, 429s do (rate limits page)', () => {
  const shown = Object.fromEntries(
    faultNames.map((fault) => {
      const model = new SimulatorModel({ ...steady, faults: { [fault]: 1 } })
      return [fault, ratelimits(deliver(model, 0, request()).headers).length]
    }),
  )
  expect(shown).toMatchObject({
    'rate-limit': 12,
    'spend-limit': 12,
    overloaded: 0,
    'server-error': 0,
    'gateway-timeout': 0,
    html: 0,
    credit: 0,
  })
})

function headersOf(fault: FaultName): Delivered['headers'] {
  return deliver(new SimulatorModel({ faults: { [fault]: 1 } }), 0, request()).headers
}

test('a spend limit says nothing of trying again (rate limits page); a rate limit and 529 do', () => {
  expect(headersOf('spend-limit')).not.toHaveProperty('retry-after')
  expect(headersOf('rate-limit')).toMatchObject({ 'retry-after': '1', 'x-should-retry': 'true' })
  expect(headersOf('overloaded')).toMatchObject({ 'x-should-retry': 'true' })
  expect(headersOf('overloaded')).not.toHaveProperty('retry-after')
})

test('a fault of the work befalls only what the limits let in', () => {
  const model = new SimulatorModel({ latencyMs: 0, requestsPerMinute: 1, faults: { cut: 1 } })
  expect(deliver(model, 0, request())).toMatchObject({ fault: 'cut', ending: 'reset' })
  expect(deliver(model, 0, request())).toMatchObject({ fault: undefined, status: 429 })
  expect(model.totals).toMatchObject({ faulted: 1, refused429: 1 })
})

test('html is either of a proxy’s two pages', () => {
  const model = new SimulatorModel({ faults: { html: 1 } })
  const statuses = Array.from({ length: 40 }, () => deliver(model, 0, request()).status)
  expect(new Set(statuses)).toEqual(new Set([502, 413]))
})

test('faults befall the share of requests they are set to', () => {
  const model = new SimulatorModel({
    ...unlimited,
    latencyMs: 0,
    faults: { overloaded: 0.2, 'server-error': 0.1 },
  })
  const faults = Array.from({ length: 5000 }, () => deliver(model, 0, request()).fault)
  const share = (name: FaultName): number => faults.filter((fault) => fault === name).length / 5000
  // Five standard errors of a share of 0.2 are 0.028.
  expect(Math.abs(share('overloaded') - 0.2)).toBeLessThan(0.028)
  expect(Math.abs(share('server-error') - 0.1)).toBeLessThan(0.022)
})

test('faults end at faultUntil, and by setFaults()', () => {
  const model = new SimulatorModel({ latencyMs: 0, faults: { credit: 1 }, faultUntil: 1000 })
  expect(deliver(model, 999, request()).status).toBe(400)
  expect(deliver(model, 1000, request()).status).toBe(200)
  const other = new SimulatorModel({ latencyMs: 0 })
  other.setFaults({ overloaded: 1 })
  expect(deliver(other, 0, request()).status).toBe(529)
  other.setFaults({})
  expect(deliver(other, 0, request()).status).toBe(200)
  expect(() => other.setFaults({ cut: 2 })).toThrow('"cut"')
})

test.each([0, 100, 500])('disconnect() at %d ms leaves the work to be done and billed', (at) => {
  const model = new SimulatorModel({ ...steady, outputTokensPerMinute: 6000 })
  const { id, step } = model.receive(0, wallAtZero, request({ stream: true }))
  let next = step
  while (next.nextAt !== undefined && next.nextAt <= at) {
    next = model.advance(next.nextAt, wallAtZero, id)
  }
  model.disconnect(at, id)
  const actions: WireAction[] = []
  while (next.nextAt !== undefined) {
    next = model.advance(next.nextAt, wallAtZero, id)
    actions.push(...next.actions)
  }
  expect(actions).toEqual([])
  expect(model.inFlight).toBe(0)
  expect(model.totals).toMatchObject({ answered: 0, billedRequests: 1, outputTokens: 100 })
  // 100 tokens over 700 ms, less refill of 0.1 a millisecond: the brim was left at 300 ms.
  expect(model.levels(1000, 'claude-opus-5')?.output?.level).toBeCloseTo(6000 - 100 + 70, 6)
})

const faultRates = Object.fromEntries(faultNames.map((name) => [name, 1 / 32]))

/** A run of random requests against a model, as text. */
function history(options: SimulatorOptions, rows: readonly { ms: number; n: number }[]): string {
  const model = new SimulatorModel({ ...options, requestsPerMinute: 60, faults: faultRates })
  let now = 0
  const delivered = rows.map(({ ms, n }) => {
    now += ms
    return deliver(model, now, request({ max_tokens: n, stream: n % 2 === 0 }))
  })
  return JSON.stringify([delivered, model.totals])
}

test('the same calls give the same steps, and another seed others', () => {
  const rows = fc.array(
    fc.record({ ms: fc.integer({ min: 0, max: 2000 }), n: fc.integer({ min: 1, max: 500 }) }),
    { minLength: 5, maxLength: 20 },
  )
  fc.assert(
    fc.property(rows, fc.integer(), (list, seed) => {
      expect(history({ seed }, list)).toBe(history({ seed }, list))
      expect(history({ seed: seed + 1 }, list)).not.toBe(history({ seed }, list))
    }),
    { numRuns: 20 },
  )
})

test('a row costs the same in whatever order rows are sent; asked again it may not', () => {
  const wires = Array.from({ length: 50 }, (_, index) =>
    request({ messages: [{ role: 'user', content: `Row ${index}` }] }),
  )
  const costs = (order: readonly WireRequest[]): Map<WireRequest, number> => {
    const model = new SimulatorModel({ ...unlimited, latencyMs: 0 })
    return new Map(
      order.map((wire) => [wire, JSON.parse(deliver(model, 0, wire).text).usage.output_tokens]),
    )
  }
  const [forward, backward] = [costs(wires), costs(wires.toReversed())]
  expect(wires.map((wire) => backward.get(wire))).toEqual(wires.map((wire) => forward.get(wire)))
  const [wire] = wires
  assert(wire !== undefined)
  const model = new SimulatorModel({ ...unlimited, latencyMs: 0 })
  const texts = Array.from({ length: 3 }, () => JSON.parse(deliver(model, 0, wire).text).content)
  expect(new Set(texts.map((content) => JSON.stringify(content))).size).toBe(3)
})

test('nothing is kept of requests that are over', () => {
  const model = new SimulatorModel({ ...steady, ...unlimited, faults: faultRates })
  for (let index = 0; index < 300; index++) {
    const { id, doneAt } = deliver(model, index * 10, request({ stream: index % 2 === 0 }))
    model.disconnect(doneAt, id)
  }
  expect(model.inFlight).toBe(0)
  expect(model.totals.received).toBe(300)
})

/**
 * The endpoints beside Messages, asked of the model as a driver asks them.
 */

import { assert, describe, expect, test } from 'vitest'

import { SimulatorModel } from './model.ts'
import type { ModelInfo, ModelPage } from './model-catalog.ts'
import type { SimulatorOptions } from './options.ts'
import type { WireAction } from './wire.ts'

// 2026-11-22T10:00:00Z.
const today = (20_779 * 24 + 10) * 3_600_000
const dayMs = 86_400_000
const goodHeaders = { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01' }

interface Call {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object | string
  readonly now?: number
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** What the model answers at once. */
function ask(model: SimulatorModel, call: Call): Answer {
  const { method = 'GET', path, headers = goodHeaders, body = '', now = 0 } = call
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const wire = { method, path, headers, body: new TextEncoder().encode(text) }
  const { step } = model.receive(now, today + now, wire)
  expect(step.nextAt).toBeUndefined()
  const head = step.actions.find((action) => action.type === 'head')
  assert(head !== undefined, 'an answer has a head')
  const data = step.actions.flatMap((action: WireAction) =>
    action.type === 'data' ? [action.bytes] : [],
  )
  return {
    status: head.status,
    headers: Object.fromEntries(head.headers),
    text: new TextDecoder().decode(Buffer.concat(data)),
  }
}

function errorOf({ status, text }: Answer): unknown {
  const { type, error } = JSON.parse(text) as { type: string; error: object }
  return { status, form: type, ...error }
}

const question = {
  model: 'claude-opus-5',
  messages: [{ role: 'user', content: 'How deep is the canal at the lower gate?' }],
}

function count(model: SimulatorModel, body: object | string = question, now = 0): Answer {
  return ask(model, { method: 'POST', path: '/v1/messages/count_tokens', body, now })
}

function inputTokens(answer: Answer): number {
  expect(answer.status).toBe(200)
  const { input_tokens: tokens, ...others } = JSON.parse(answer.text) as Record<string, number>
  expect(others).toEqual({})
  return tokens ?? 0
}

describe('routing', () => {
  test.each([
    ['GET', '/', 200],
    ['GET', '/v1/models?limit=5', 200],
    ['GET', '/v1/models/claude-opus-5', 200],
    ['GET', '/v1/models/', 404],
    ['GET', '/v1/models/claude-opus-5/cost', 404],
    ['GET', '/v1/nothing', 404],
    ['GET', '/favicon.ico', 404],
    ['GET', '/v1/messages', 405],
    ['PUT', '/v1/messages', 405],
    ['GET', '/v1/messages/count_tokens', 405],
    ['POST', '/v1/models', 405],
    ['DELETE', '/v1/models/claude-opus-5', 405],
  ])('%s %s is %d', (method, path, status) => {
    expect(ask(new SimulatorModel(), { method, path }).status).toBe(status)
  })

  test('an unknown path and a wrong method are told in the form of the API', () => {
    const model = new SimulatorModel()
    const unknown = ask(model, { path: '/v2/messages' })
    expect(errorOf(unknown)).toEqual({
      status: 404,
      form: 'error',
      type: 'not_found_error',
      message: 'Not Found',
    })
    const wrong = ask(model, { path: '/v1/messages' })
    expect(errorOf(wrong)).toMatchObject({ status: 405, type: 'invalid_request_error' })
    expect(wrong.headers['allow']).toBe('POST')
    expect(JSON.parse(wrong.text)).toHaveProperty('request_id', wrong.headers['request-id'])
  })

  test.each([
    ['no key', { 'anthropic-version': '2023-06-01' }, 401, /x-api-key header is required/],
    ['a wrong key', { ...goodHeaders, 'x-api-key': 'other' }, 401, /invalid x-api-key/],
    ['no version', { 'x-api-key': 'sk-ant-test' }, 400, /anthropic-version: header is required/],
    ['no such version', { ...goodHeaders, 'anthropic-version': '2024-01-01' }, 400, /2024-01-01/],
  ])('%s is refused alike everywhere', (_name, headers, status, message) => {
    const model = new SimulatorModel({ keys: ['sk-ant-test'] })
    for (const [method, path] of [
      ['POST', '/v1/messages'],
      ['POST', '/v1/messages/count_tokens'],
      ['GET', '/v1/models'],
      ['GET', '/v1/models/claude-opus-5'],
    ] as const) {
      const answer = ask(model, { method, path, headers, body: question })
      expect(answer.status, path).toBe(status)
      expect(answer.text).toMatch(message)
    }
  })

  test.each([
    ['x-api-key', { 'x-api-key': 'sk-ant-test' }, 200],
    ['Authorization', { authorization: 'Bearer sk-ant-test' }, 200],
    [
      'x-api-key where both are sent',
      { 'x-api-key': 'sk-ant-test', authorization: 'Bearer x' },
      200,
    ],
    ['x-api-key, also if wrong', { 'x-api-key': 'x', authorization: 'Bearer sk-ant-test' }, 401],
  ])('%s is what counts', (_name, keys, status) => {
    const model = new SimulatorModel({ keys: ['sk-ant-test'] })
    const headers = { 'anthropic-version': '2026-10-21', ...keys }
    expect(ask(model, { path: '/v1/models', headers }).status).toBe(status)
    const body = { ...question, max_tokens: 0.5 }
    // Beyond the door, what is wrong is the body.
    const message = ask(model, { method: 'POST', path: '/v1/messages', headers, body })
    expect(message.status).toBe(status === 200 ? 400 : status)
  })

  test.each([
    [false, 'application/json', /"request_too_large"/],
    [true, 'text/html', /^<html>.*413/s],
  ])('a body beyond 32 MB is 413; from the edge (%s) as %s', (edgeRefusesSize, type, text) => {
    const model = new SimulatorModel({ edgeRefusesSize })
    for (const path of ['/v1/messages', '/v1/messages/count_tokens']) {
      const answer = ask(model, { method: 'POST', path, body: ' '.repeat(32 * 2 ** 20 + 1) })
      expect(answer.status).toBe(413)
      expect(answer.headers['content-type']).toBe(type)
      expect(answer.text).toMatch(text)
      expect('request-id' in answer.headers).toBe(!edgeRefusesSize)
    }
  })
})

test('the edge refuses nothing but size', () => {
  const model = new SimulatorModel({ edgeRefusesSize: true })
  const answer = count(model, { ...question, messages: [] })
  expect(errorOf(answer)).toMatchObject({ status: 400, type: 'invalid_request_error' })
})

describe('count_tokens', () => {
  test.each([
    {},
    { system: 'You are the keeper of the lock.' },
    { tools: [{ name: 'gauge', input_schema: { type: 'object' } }] },
    { thinking: { type: 'adaptive' }, output_config: { effort: 'low' }, speed: 'standard' },
  ])('counts what asking reports: %j', (members) => {
    const model = new SimulatorModel({ latencyMs: 0 })
    const body = { ...question, ...members }
    const asked = ask(model, {
      method: 'POST',
      path: '/v1/messages',
      body: { ...body, max_tokens: 100 },
    })
    const { usage } = JSON.parse(asked.text) as { usage: { input_tokens: number } }
    expect(inputTokens(count(model, body))).toBe(usage.input_tokens)
  })

  test('counts by the tokenizer of the model: the newer makes more of the same text', () => {
    const model = new SimulatorModel()
    const body = { ...question, system: 'lock gate basin '.repeat(400) }
    const newer = inputTokens(count(model, body))
    const older = inputTokens(count(model, { ...body, model: 'claude-haiku-4-5' }))
    expect(newer / older).toBeGreaterThan(1.25)
  })

  test('counts a prompt that no model would take', () => {
    const body = { ...question, model: 'claude-haiku-4-5', system: 'gate '.repeat(250_000) }
    expect(inputTokens(count(new SimulatorModel(), body))).toBeGreaterThan(200_000)
  })

  test('knows no max_tokens that a budget of thinking could be too large for', () => {
    const thinking = { type: 'enabled', budget_tokens: 50_000 }
    const body = { ...question, model: 'claude-haiku-4-5', thinking }
    expect(count(new SimulatorModel(), body).status).toBe(200)
  })

  test.each([
    ['max_tokens', 10],
    ['stream', false],
    ['metadata', {}],
    ['stop_sequences', []],
    ['temperature', 1],
    ['service_tier', 'auto'],
  ])('refuses %s', (name, value) => {
    expect(errorOf(count(new SimulatorModel(), { ...question, [name]: value }))).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      message: `${name}: Extra inputs are not permitted`,
    })
  })

  test.each([
    ['no JSON', '{"model":', 400],
    ['no messages', { model: 'claude-opus-5' }, 400],
    ['no model', { messages: question.messages }, 400],
    ['a model there is not', { ...question, model: 'claude-2.1' }, 404],
    [
      'a thinking the model cannot do',
      { ...question, thinking: { type: 'enabled', budget_tokens: 5000 } },
      400,
    ],
  ])('refuses %s', (_name, body, status) => {
    expect(count(new SimulatorModel(), body).status).toBe(status)
  })

  test('has a limit of requests of its own, and touches no other', () => {
    const model = new SimulatorModel({ countRequestsPerMinute: 2, latencyMs: 0 })
    expect([count(model).status, count(model).status]).toEqual([200, 200])
    const refused = count(model)
    expect(errorOf(refused)).toMatchObject({ status: 429, type: 'rate_limit_error' })
    // One of two a minute comes back after 30 seconds.
    expect(refused.headers).toMatchObject({ 'retry-after': '30', 'x-should-retry': 'true' })
    const names = Object.keys(refused.headers)
    expect(names.filter((name) => name.startsWith('anthropic-ratelimit-'))).toEqual([])
    expect(count(model, question, 29_000).status).toBe(429)
    expect(count(model, question, 30_000).status).toBe(200)
    const pool = 'claude-opus-5'
    expect(model.levels(30_000, pool)).toBeUndefined()
    const body = { ...question, max_tokens: 5 }
    const asked = ask(model, { method: 'POST', path: '/v1/messages', body, now: 30_000 })
    expect(asked.headers['anthropic-ratelimit-requests-remaining']).toBe('999')
    expect(model.totals).toMatchObject({ received: 6, answered: 1, refused429: 2 })
  })

  test.each([
    [{}, 5000],
    [{ profile: 'build' }, 10_000],
    [{ profile: 'build', countRequestsPerMinute: 3 }, 3],
  ] as const)('of %j, %d a minute are counted (rate limits page)', (options, perMinute) => {
    const model = new SimulatorModel(options)
    const statuses = Array.from({ length: perMinute + 1 }, () => count(model).status)
    expect(statuses.lastIndexOf(200)).toBe(perMinute - 1)
    expect(statuses.at(-1)).toBe(429)
  })

  test.each([{ retryAfter: false }, { bareRefusals: true }])('%j holds for counts', (options) => {
    const model = new SimulatorModel({ countRequestsPerMinute: 1, ...options })
    count(model)
    expect(count(model).headers).not.toHaveProperty('retry-after')
  })
})

function list(query: string, options: SimulatorOptions = {}, now = 0): ModelPage {
  const answer = ask(new SimulatorModel(options), { path: `/v1/models${query}`, now })
  expect(answer.status).toBe(200)
  return JSON.parse(answer.text) as ModelPage
}

function retrieve(name: string, options: SimulatorOptions = {}, now = 0): ModelInfo {
  const answer = ask(new SimulatorModel(options), { path: `/v1/models/${name}`, now })
  expect(answer.status).toBe(200)
  return JSON.parse(answer.text) as ModelInfo
}

describe('the list of models', () => {
  test('holds what can be asked for, by the dated id where there is one', () => {
    const { data, has_more, first_id, last_id } = list('?limit=1000')
    const ids = data.map(({ id }) => id)
    expect(ids).toContain('claude-haiku-4-5-20251001')
    expect(ids).not.toContain('claude-haiku-4-5')
    expect(ids).not.toContain('claude-opus-4-1-20250805')
    expect(new Set(ids).size).toBe(ids.length)
    expect([has_more, first_id, last_id]).toEqual([false, ids[0], ids.at(-1)])
    for (const { id } of data)
      expect(count(new SimulatorModel(), { ...question, model: id }).status).toBe(200)
  })

  test('pages in either direction, without gap or overlap', () => {
    const all = list('?limit=1000').data.map(({ id }) => id)
    const forward: string[] = []
    for (let after: string | null = null, more = true; more;) {
      const page = list(`?limit=4${after === null ? '' : `&after_id=${after}`}`)
      expect(page.data.length).toBeLessThanOrEqual(4)
      forward.push(...page.data.map(({ id }) => id))
      ;({ last_id: after, has_more: more } = page)
    }
    expect(forward).toEqual(all)
    const last = all.at(-1) ?? ''
    const backward = [last]
    for (let before: string | null = last, more = true; more;) {
      const page = list(`?limit=4&before_id=${before}`)
      backward.unshift(...page.data.map(({ id }) => id))
      ;({ first_id: before, has_more: more } = page)
    }
    expect(backward).toEqual(all)
  })

  test('is empty behind its last model', () => {
    const last = list('?limit=1000').last_id
    expect(list(`?after_id=${last}`)).toEqual({
      data: [],
      has_more: false,
      first_id: null,
      last_id: null,
    })
  })

  test.each([
    ['', ['active', 'deprecated']],
    ['&lifecycle[]=active', ['active']],
    ['&lifecycle%5B%5D=retired', ['retired']],
    ['&lifecycle[]=deprecated&lifecycle[]=retired', ['deprecated', 'retired']],
  ])('holds the stages asked for: "%s"', (query, stages) => {
    const found = new Set(list(`?limit=1000${query}`).data.map(({ lifecycle }) => lifecycle))
    expect([...found].toSorted()).toEqual(stages)
  })

  test.each([
    'limit=0',
    'limit=1001',
    'limit=ten',
    'lifecycle[]=dead',
    'after_id=nobody',
    'before_id=nobody',
    'after_id=claude-opus-5&before_id=claude-opus-5',
  ])('refuses ?%s', (query) => {
    const answer = ask(new SimulatorModel(), { path: `/v1/models?${query}` })
    expect(errorOf(answer)).toMatchObject({ status: 400, type: 'invalid_request_error' })
  })
})

describe('one model', () => {
  test.each([
    ['claude-haiku-4-5', 'claude-haiku-4-5-20251001', 'Claude Haiku 4.5', 'haiku', 200_000],
    [
      'claude-haiku-4-5-20251001',
      'claude-haiku-4-5-20251001',
      'Claude Haiku 4.5',
      'haiku',
      200_000,
    ],
    ['claude-fable-5-2', 'claude-fable-5-2', 'Claude Fable 5.2', 'fable', 1_000_000],
    ['claude-3-5-sonnet-latest', 'claude-3-5-sonnet-20241022', 'Claude Sonnet 3.5', 'sonnet', null],
    [
      'claude-3-5-sonnet-20240620',
      'claude-3-5-sonnet-20240620',
      'Claude Sonnet 3.5',
      'sonnet',
      null,
    ],
    ['claude-opus-4-0', 'claude-opus-4-20250514', 'Claude Opus 4', 'opus', null],
    ['claude-2.1', 'claude-2.1', 'Claude 2.1', null, null],
  ])('%s is %s', (name, id, display_name, line, max_input_tokens) => {
    const info = retrieve(name)
    expect(info).toMatchObject({ type: 'model', id, display_name, line, max_input_tokens })
    // No release date is published to the day.
    expect(info.created_at).toBe('1970-01-01T00:00:00Z')
  })

  test('lives: Sonnet 4.5 retires on 2026-11-30, Opus 4.1 went on 2026-08-05 (deprecations page)', () => {
    const life = ({ lifecycle, retires_at }: ModelInfo): unknown => [lifecycle, retires_at]
    expect(life(retrieve('claude-opus-5'))).toEqual(['active', null])
    expect(life(retrieve('claude-opus-4-1'))).toEqual(['retired', '2026-08-05T00:00:00Z'])
    const retiresAt = '2026-11-30T00:00:00Z'
    // From 10 o'clock on the 22nd, seven and a half days are not enough.
    expect(life(retrieve('claude-sonnet-4-5', {}, 7.5 * dayMs))).toEqual(['deprecated', retiresAt])
    const gone = retrieve('claude-sonnet-4-5', {}, 7.6 * dayMs)
    expect(life(gone)).toEqual(['retired', retiresAt])
    expect(gone.capabilities).toBeNull()
  })

  test('can think as a request to it can ask it to (migration pages)', () => {
    const types = (name: string): readonly string[] => {
      const { thinking } = retrieve(name).capabilities ?? {}
      const supported = Object.entries(thinking?.types ?? {}).filter(([, type]) => type.supported)
      return supported.map(([type]) => type)
    }
    expect(types('claude-sonnet-5-5')).toEqual(['adaptive', 'between_tools'])
    expect(types('claude-opus-5')).toEqual(['adaptive', 'disabled'])
    expect(types('claude-opus-4-6')).toEqual(['adaptive', 'disabled', 'enabled'])
    expect(types('claude-haiku-4-5')).toEqual(['disabled', 'enabled'])
  })

  test('that there is not is 404, unless any will do', () => {
    const path = '/v1/models/gate-keeper%202'
    expect(errorOf(ask(new SimulatorModel(), { path }))).toMatchObject({
      status: 404,
      type: 'not_found_error',
      message: 'model: gate-keeper 2',
    })
    expect(retrieve('gate-keeper', { models: 'any' })).toMatchObject({
      id: 'gate-keeper',
      lifecycle: 'active',
      capabilities: null,
    })
    expect(ask(new SimulatorModel(), { path: '/v1/models/%E0%A4%A' }).status).toBe(404)
  })
})

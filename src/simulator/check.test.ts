/**
 * What the API refuses, a row a rule. Sections in the names are those of the API facts.
 */

import { describe, expect, test } from 'vitest'

import { checkRequest, type CheckedRequest } from './check.ts'
import { requestBytesMax, type Problem } from './door.ts'
import type { SimulatorSettings } from './options.ts'

const goodHeaders = { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01' }
const newer = { ...goodHeaders, 'anthropic-version': '2026-10-21' }

// 2026-11-22T10:00:00Z.
const today = (20_779 * 24 + 10) * 3_600_000

const user = { role: 'user', content: 'How deep is the canal?' }
const tool = { name: 'measure', input_schema: { type: 'object' } }
const mark = { type: 'ephemeral' }

function text(members: object = {}): object {
  return { type: 'text', text: 'A lock.', ...members }
}

interface Call {
  readonly body?: object | string
  readonly headers?: Record<string, string>
  readonly settings?: Partial<SimulatorSettings>
  readonly wallTime?: number
}

/** The check of a good request with these members changed. */
function check({ body = {}, headers, settings, wallTime = today }: Call): CheckedRequest | Problem {
  const good = { model: 'claude-opus-5', max_tokens: 1024, messages: [user] }
  const json = typeof body === 'string' ? body : JSON.stringify({ ...good, ...body })
  const wire = {
    method: 'POST',
    path: '/v1/messages',
    headers: headers ?? goodHeaders,
    body: new TextEncoder().encode(json),
  }
  return checkRequest(wallTime, wire, { models: 'current', keys: null, ...settings })
}

function invalid(message: string): Problem {
  return { status: 400, type: 'invalid_request_error', message }
}

test('checkRequest() gives what the work needs of a good request', () => {
  expect(check({ body: { stream: true, inference_geo: 'us' } })).toMatchObject({
    answeringModel: 'claude-opus-5',
    maxTokens: 1024,
    isStreamed: true,
    speed: 'standard',
    inferenceGeo: 'us',
  })
  expect(check({})).toMatchObject({ isStreamed: false, inferenceGeo: 'global' })
})

const keyRequired = 'x-api-key header is required'

describe('checkRequest() of headers', () => {
  test.each<{ name: string; headers: Record<string, string>; problem: Problem | 'none' }>([
    {
      name: 'no key (errors page)',
      headers: { 'anthropic-version': '2023-06-01' },
      problem: { status: 401, type: 'authentication_error', message: keyRequired },
    },
    {
      name: 'an empty key',
      headers: { ...goodHeaders, 'x-api-key': ' ' },
      problem: { status: 401, type: 'authentication_error', message: keyRequired },
    },
    {
      name: 'a placeholder for a key',
      headers: { ...goodHeaders, 'x-api-key': 'your-api-key-here' },
      problem: { status: 401, type: 'authentication_error', message: 'invalid x-api-key' },
    },
    {
      name: 'a bearer token (errors page: SDK 1.12)',
      headers: { authorization: 'Bearer sk-ant-test', 'anthropic-version': '2023-06-01' },
      problem: 'none',
    },
    {
      name: 'both, of which x-api-key wins (errors page)',
      headers: { ...goodHeaders, 'x-api-key': '<key>', authorization: 'Bearer sk-ant-test' },
      problem: { status: 401, type: 'authentication_error', message: 'invalid x-api-key' },
    },
    {
      name: 'no version (errors page)',
      headers: { 'x-api-key': 'sk-ant-test' },
      problem: invalid('anthropic-version: header is required'),
    },
    {
      name: 'a version there is not (errors page)',
      headers: { ...goodHeaders, 'anthropic-version': '2024-01-01' },
      problem: invalid('anthropic-version: "2024-01-01" is not a valid version'),
    },
    { name: 'the newer version (errors page)', headers: newer, problem: 'none' },
    {
      name: 'a compressed body (errors page: unconfirmed)',
      headers: { ...goodHeaders, 'content-encoding': 'gzip' },
      problem: {
        ...invalid('Unsupported content encoding: gzip'),
        code: 'request_body_encoding_unsupported',
      },
    },
  ])('$name', ({ headers, problem }) => {
    const result = check({ headers })
    expect('status' in result ? result : 'none').toEqual(problem)
  })

  test('accepts only the keys it is given', () => {
    const settings = { keys: ['one', 'two'] }
    const withKey = (key: string): object =>
      check({ settings, headers: { ...goodHeaders, 'x-api-key': key } })
    expect(withKey('two')).not.toHaveProperty('status')
    expect(withKey('three')).toHaveProperty('status', 401)
  })
})

test('checkRequest() refuses a body beyond 32 MB with 413 (errors page)', () => {
  const wire = { method: 'POST', path: '/v1/messages', headers: goodHeaders }
  const settings = { models: 'current', keys: null } as const
  const tooLarge = new Uint8Array(requestBytesMax + 1)
  expect(checkRequest(today, { ...wire, body: tooLarge }, settings)).toMatchObject({
    status: 413,
    type: 'request_too_large',
  })
  const largest = tooLarge.subarray(1)
  expect(checkRequest(today, { ...wire, body: largest }, settings)).toHaveProperty('status', 400)
})

const extra = 'Extra inputs are not permitted'

describe('checkRequest() refuses with 400', () => {
  test.each<[name: string, call: Call, message: string]>([
    ['no JSON', { body: '{"model":' }, 'The request body is not valid JSON'],
    ['no object', { body: '[]' }, 'The request body must be a JSON object'],
    ['an unknown field (errors page)', { body: { custom_id: 'a' } }, `custom_id: ${extra}`],
    [
      'metadata of another name (API reference)',
      { body: { metadata: { row: 1 } } },
      `metadata.row: ${extra}`,
    ],
    [
      'a user_id beyond 256 characters (API reference)',
      { body: { metadata: { user_id: 'x'.repeat(257) } } },
      'metadata.user_id: String should have at most 256 characters',
    ],
    [
      'a user_id that is a number (API reference)',
      { body: { metadata: { user_id: 5 } } },
      'metadata.user_id: Input should be a valid string',
    ],
    ['no model', { body: { model: undefined } }, 'model: Field required'],
    ['no max_tokens', { body: { max_tokens: undefined } }, 'max_tokens: Field required'],
    [
      'max_tokens below 0',
      { body: { max_tokens: -1 } },
      'max_tokens: Input should be greater than or equal to 0',
    ],
    [
      'max_tokens as a fraction',
      { body: { max_tokens: 1.5 } },
      'max_tokens: Input should be a valid integer',
    ],
    ['no messages', { body: { messages: undefined } }, 'messages: Field required'],
    [
      'empty messages (errors page)',
      { body: { messages: [] } },
      'messages: at least one message is required',
    ],
    [
      'a role there is not',
      { body: { messages: [{ role: 'tool', content: 'x' }] } },
      "messages.0.role: Input should be 'user', 'assistant' or 'system'",
    ],
    [
      'an assistant first',
      { body: { messages: [{ role: 'assistant', content: 'x' }, user] } },
      'messages: first message must use the "user" role',
    ],
    [
      'content of another type',
      { body: { messages: [{ role: 'user', content: 7 }] } },
      'messages.0.content: Input should be a valid string or list',
    ],
    [
      'empty content',
      { body: { messages: [{ role: 'user', content: '' }] } },
      'messages.0: all messages must have non-empty content',
    ],
    [
      'a message with an unknown field',
      { body: { messages: [{ ...user, name: 'Ann' }] } },
      `messages.0.name: ${extra}`,
    ],
    [
      'a block of an unknown type',
      { body: { messages: [{ role: 'user', content: [{ type: 'video' }] }] } },
      'messages.0.content.0: Input tag "video" does not match any of the expected',
    ],
    [
      'an empty text block (prompt caching page)',
      { body: { messages: [{ role: 'user', content: [text({ text: '' })] }] } },
      'messages.0.content.0: text content blocks must be non-empty',
    ],
    [
      'a text block with an unknown field',
      { body: { system: [text({ note: 1 })] } },
      `system.0.text.note: ${extra}`,
    ],
    ['stream as text', { body: { stream: 'yes' } }, 'stream: Input should be a valid boolean'],
    [
      'a tool_choice without tools',
      { body: { tool_choice: { type: 'auto' } } },
      'tool_choice: may only be specified while providing tools',
    ],
    [
      'an open schema (API reference)',
      { body: { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } } },
      "output_config.format.schema: For 'object' type, 'additionalProperties' must be false",
    ],
    [
      'a sampling field under the newer version, even at its default (errors page)',
      { body: { temperature: 1 }, headers: newer },
      `temperature: ${extra}`,
    ],
    [
      'a document in an assistant message under the newer version (errors page)',
      {
        headers: newer,
        body: {
          messages: [user, { role: 'assistant', content: [{ type: 'document', source: {} }] }],
        },
      },
      'messages.1.content.0: document blocks are not permitted in assistant messages',
    ],
    [
      'citations on user text under the newer version (errors page)',
      {
        headers: newer,
        body: { messages: [{ role: 'user', content: [text({ citations: [{}] })] }] },
      },
      `messages.0.content.0.text.citations: ${extra}`,
    ],
    [
      'five cache marks (prompt caching page)',
      {
        body: {
          messages: [{ role: 'user', content: Array(5).fill(text({ cache_control: mark })) }],
        },
      },
      'A maximum of 4 blocks with cache_control may be provided. Found 5.',
    ],
    [
      'four cache marks and the automatic one (prompt caching page)',
      {
        body: {
          cache_control: mark,
          tools: [{ ...tool, cache_control: mark }],
          system: Array(3).fill(text({ cache_control: mark })),
        },
      },
      'A maximum of 4 blocks with cache_control may be provided. Found 5.',
    ],
    [
      'a 5m mark before a 1h mark (prompt caching page)',
      {
        body: {
          system: [
            text({ cache_control: mark }),
            text({ cache_control: { type: 'ephemeral', ttl: '1h' } }),
          ],
        },
      },
      "cache_control: a ttl='1h' block must not come after a ttl='5m' block",
    ],
    [
      'a 5m mark before the automatic one of 1h (prompt caching page)',
      {
        body: {
          cache_control: { type: 'ephemeral', ttl: '1h' },
          system: [text({ cache_control: mark })],
        },
      },
      "cache_control: a ttl='1h' block must not come after a ttl='5m' block",
    ],
    [
      'an automatic mark of another life than its block asks for (prompt caching page)',
      {
        body: {
          cache_control: { type: 'ephemeral', ttl: '1h' },
          messages: [{ role: 'user', content: [text({ cache_control: mark })] }],
        },
      },
      "cache_control: the last block has a cache_control with another 'ttl'",
    ],
    [
      'a mark of another life than there is (API reference)',
      { body: { cache_control: { type: 'ephemeral', ttl: '1d' } } },
      "cache_control: Input should be of type 'ephemeral', with a ttl of '5m' or '1h'",
    ],
    [
      'a mark on thinking (prompt caching page)',
      {
        body: {
          messages: [
            user,
            {
              role: 'assistant',
              content: [{ type: 'thinking', thinking: '', signature: '', cache_control: mark }],
            },
            user,
          ],
        },
      },
      'messages.1.content.0: cache_control is not permitted on thinking blocks',
    ],
    [
      'a mark on an empty text (prompt caching page)',
      { body: { system: [text({ text: '', cache_control: mark })] } },
      'system.0: cache_control cannot be set for empty text blocks',
    ],
    [
      'a prompt only to cache, streamed (prompt caching page)',
      { body: { max_tokens: 0, stream: true } },
      'max_tokens: 0 is not supported with stream',
    ],
    [
      'a prompt only to cache, with an output format (prompt caching page)',
      {
        body: {
          max_tokens: 0,
          output_config: {
            format: {
              type: 'json_schema',
              schema: { type: 'object', additionalProperties: false },
            },
          },
        },
      },
      'max_tokens: 0 is not supported with output_config.format',
    ],
    [
      'a prompt only to cache, with thinking (prompt caching page)',
      { body: { max_tokens: 0, thinking: { type: 'enabled', budget_tokens: 1024 } } },
      '`max_tokens` must be greater than `thinking.budget_tokens`',
    ],
    [
      'a prompt only to cache, with a forced tool (prompt caching page)',
      { body: { max_tokens: 0, tools: [tool], tool_choice: { type: 'any' } } },
      'max_tokens: 0 is not supported with tool_choice',
    ],
    [
      'a thinking budget below 1,024 (API reference)',
      { body: { model: 'claude-opus-4-5', thinking: { type: 'enabled', budget_tokens: 1023 } } },
      'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024',
    ],
    [
      'a thinking budget of max_tokens (API reference)',
      { body: { model: 'claude-opus-4-5', thinking: { type: 'enabled', budget_tokens: 1024 } } },
      '`max_tokens` must be greater than `thinking.budget_tokens`',
    ],
    [
      'max_tokens above the cap (models page)',
      { body: { model: 'claude-haiku-4-5', max_tokens: 64_001 } },
      'max_tokens: 64001 > 64000, the most that claude-haiku-4-5 can produce',
    ],
  ])('%s', (_name, call, message) => {
    expect(check(call)).toEqual(invalid(message))
  })

  test.each<[name: string, body: object]>([
    [
      'four marks of which the automatic one says nothing new',
      {
        cache_control: mark,
        tools: [{ ...tool, cache_control: mark }],
        system: Array(2).fill(text({ cache_control: mark })),
        messages: [{ role: 'user', content: [text({ cache_control: mark })] }],
      },
    ],
    [
      '1h marks before 5m ones',
      {
        cache_control: mark,
        system: [text({ cache_control: { type: 'ephemeral', ttl: '1h' } })],
      },
    ],
    ['a mark that is null', { cache_control: null, system: [text({ cache_control: null })] }],
    ['a prompt only to cache', { max_tokens: 0, tools: [tool], tool_choice: { type: 'auto' } }],
  ])('not %s (prompt caching page)', (_name, body) => {
    expect(check({ body })).not.toHaveProperty('status')
  })

  test('a prompt longer than the context, with both figures (errors page)', () => {
    // A hundred thousand runs of two marks and a space are 100,000 tokens; twice that is 200,000.
    const content = '?? '.repeat(200_001)
    const result = check({
      body: { model: 'claude-haiku-4-5', messages: [{ role: 'user', content }] },
    })
    expect(result).toMatchObject({ status: 400 })
    expect(result).toHaveProperty(
      'message',
      expect.stringMatching(/^prompt is too long: 2000\d\d tokens > 200000 maximum$/),
    )
  })
})

const modelBody = (model: string, body: object = {}): Call => ({ body: { model, ...body } })

const effort = (value: string): object => ({ output_config: { effort: value } })

describe('checkRequest() of a model', () => {
  test.each([
    ['an alias', 'claude-haiku-4-5', 'claude-haiku-4-5-20251001'],
    ['a dated id', 'claude-opus-4-5-20251101', 'claude-opus-4-5-20251101'],
    ['an id without a date', 'claude-sonnet-4-6', 'claude-sonnet-4-6'],
  ])('answers for %s as its dated id (streaming page)', (_name, model, answeringModel) => {
    expect(check(modelBody(model))).toMatchObject({ answeringModel })
  })

  test.each(['claude-3-opus-20240229', 'claude-opus-4-1', 'gpt-5', 'claude-haiku-4-5-20991231'])(
    'refuses %s with 404 (errors page, models page)',
    (model) => {
      const problem = { status: 404, type: 'not_found_error', message: `model: ${model}` }
      expect(check(modelBody(model))).toEqual(problem)
      expect(check({ ...modelBody(model), settings: { models: 'any' } })).toMatchObject({
        answeringModel: model,
      })
    },
  )

  test('refuses Sonnet 4.5 from the day it retires (models page: 2026-11-30)', () => {
    const call = modelBody('claude-sonnet-4-5')
    expect(check(call)).not.toHaveProperty('status')
    // Day 20,787 after the epoch is 2026-11-30.
    const lastMs = 20_787 * 86_400_000 - 1
    expect(check({ ...call, wallTime: lastMs })).not.toHaveProperty('status')
    expect(check({ ...call, wallTime: lastMs + 1 })).toHaveProperty('status', 404)
  })

  const assistant = { role: 'assistant', content: 'The' }
  const prefill = { messages: [user, assistant] }
  const enabled = { thinking: { type: 'enabled', budget_tokens: 1024 }, max_tokens: 2048 }
  const adaptive = { thinking: { type: 'adaptive' } }
  const disabled = { thinking: { type: 'disabled' } }
  const between = { thinking: { type: 'between_tools' } }
  const forced = { tools: [tool], tool_choice: { type: 'any' } }
  const fast = { speed: 'fast' }

  test.each<[rule: string, body: object, takes: readonly string[], refuses: readonly string[]]>([
    [
      'prefill (errors page)',
      prefill,
      ['opus-4-5', 'haiku-4-5'],
      ['opus-4-6', 'sonnet-4-6', 'opus-5'],
    ],
    ['enabled thinking (errors page)', enabled, ['opus-4-5', 'opus-4-6'], ['opus-4-7', 'sonnet-5']],
    [
      'adaptive thinking (errors page)',
      adaptive,
      ['opus-4-6', 'opus-5'],
      ['opus-4-5', 'haiku-4-5'],
    ],
    [
      'disabled thinking (errors page)',
      disabled,
      ['opus-5', 'opus-4-8', 'haiku-5-5'],
      ['fable-5', 'mythos-5-2', 'opus-5-5', 'sonnet-5-5'],
    ],
    [
      'disabled thinking at effort max (errors page)',
      { ...disabled, ...effort('max') },
      ['opus-5'],
      ['haiku-5-5'],
    ],
    [
      'thinking between tools (errors page)',
      between,
      ['sonnet-5-5'],
      ['opus-5-5', 'sonnet-5', 'haiku-5-5'],
    ],
    [
      'thinking between tools at effort xhigh (errors page)',
      { ...between, ...effort('xhigh') },
      [],
      ['sonnet-5-5'],
    ],
    [
      'forced tools (errors page)',
      forced,
      ['opus-5', 'fable-5', 'haiku-5-5'],
      ['fable-5-1', 'fable-5-2', 'opus-5-5', 'sonnet-5-5'],
    ],
    [
      'temperature 0 (errors page)',
      { temperature: 0 },
      ['opus-4-6', 'haiku-4-5'],
      ['opus-4-7', 'sonnet-5'],
    ],
    ['temperature 1 (errors page)', { temperature: 1 }, ['opus-4-6', 'opus-4-7', 'sonnet-5'], []],
    ['top_k (errors page)', { top_k: 40 }, ['opus-4-6'], ['opus-4-7']],
    [
      'inference_geo (models page)',
      { inference_geo: 'us' },
      ['opus-4-6'],
      ['opus-4-5', 'haiku-4-5'],
    ],
    [
      'fast mode (API reference)',
      fast,
      ['opus-5-5', 'opus-4-6'],
      ['opus-4-7', 'opus-5', 'sonnet-5-5'],
    ],
  ])('%s', (_rule, body, takes, refuses) => {
    for (const model of takes) {
      expect(check(modelBody(`claude-${model}`, body))).not.toHaveProperty('status')
    }
    for (const model of refuses) {
      expect(check(modelBody(`claude-${model}`, body))).toHaveProperty('status', 400)
    }
  })

  test('takes fast mode on Opus 5 with its beta, and ignores it on Opus 4.6 (API reference)', () => {
    const headers = { ...goodHeaders, 'anthropic-beta': 'other, fast-mode-2026-02-01' }
    expect(check({ ...modelBody('claude-opus-5', fast), headers })).toHaveProperty('speed', 'fast')
    expect(check(modelBody('claude-opus-4-6', fast))).toHaveProperty('speed', 'standard')
  })
})

import { expect, test } from 'vitest'
import type { JsonObject } from './json.ts'
import {
  envelopeProblem,
  formOf,
  isUserId,
  readId,
  readLine,
  readRequest,
} from './request-rules.ts'
import type { Form } from './request-rules.ts'

const own = { result: {}, run: { line: 3 } }

const forms: [line: JsonObject, form: Form][] = [
  [{}, 'bare'],
  [{ model: 'm' }, 'bare'],
  [{ messages: [], custom_id: 'a', metadata: {} }, 'bare'],
  [{ params: {} }, 'params'],
  [{ params: null, messages: [] }, 'params'],
  [{ params: {}, ...own }, 'params'],
  [{ body: {}, method: 'POST', url: '/v1/messages' }, 'body'],
  [{ body: {} }, 'body'],
  [{ method: 'POST', url: '/v1/messages' }, 'none'],
  [own, 'none'],
  [{ raw: 'x', ...own }, 'none'],
  [{ raw: 'x' }, 'none'],
  [{ raw: 'x', messages: [] }, 'bare'],
]

test.each(forms)('formOf(%j) is %s', (line, form) => {
  expect(formOf(line)).toBe(form)
})

function reserved(id: string): string {
  return `"custom_id" must not be "${id}" in line 7: names of this form belong to rows without an id`
}

const ids: [line: JsonObject, expected: unknown][] = [
  [{}, { id: 'line-7', idGiven: false }],
  [{ custom_id: 'a' }, { id: 'a', idGiven: true }],
  [{ custom_id: 'line-7' }, { id: 'line-7', idGiven: false }],
  [{ custom_id: 'line-7b' }, { id: 'line-7b', idGiven: true }],
  [
    { custom_id: 'line-3', ...own },
    { id: 'line-3', idGiven: true },
  ],
  [
    { custom_id: 'line-7', ...own },
    { id: 'line-7', idGiven: false },
  ],
  [
    { custom_id: 'line-7', result: {}, run: { line: 7 } },
    { id: 'line-7', idGiven: true },
  ],
  [{ custom_id: 'x'.repeat(256) }, { id: 'x'.repeat(256), idGiven: true }],
  [{ custom_id: '😀'.repeat(256) }, { id: '😀'.repeat(256), idGiven: true }],
  [{ custom_id: '' }, '"custom_id" must be a non-empty string, got ""'],
  [{ custom_id: 17 }, '"custom_id" must be a non-empty string, got 17'],
  [{ custom_id: null }, '"custom_id" must be a non-empty string, got null'],
  [{ custom_id: ['a'] }, '"custom_id" must be a non-empty string, got an array'],
  [
    { custom_id: 'x'.repeat(257) },
    `"custom_id" must have at most 256 characters, got "${'x'.repeat(40)}"…`,
  ],
  [
    { custom_id: '😀'.repeat(257) },
    `"custom_id" must have at most 256 characters, got "${'😀'.repeat(20)}"…`,
  ],
  [{ custom_id: 'a\nb' }, '"custom_id" must hold no control characters, got "a\\nb"'],
  [{ custom_id: 'a\u0085' }, '"custom_id" must hold no control characters, got "a\u0085"'],
  [{ custom_id: 'line-3' }, reserved('line-3')],
  [{ custom_id: 'line-07' }, reserved('line-07')],
  [{ custom_id: 'line-4', ...own }, reserved('line-4')],
  [{ custom_id: 'line-3', result: {}, run: 'x' }, reserved('line-3')],
]

test.each(ids)('readId(%j) of line 7', (line, expected) => {
  expect(readId(line, 7)).toEqual(expected)
})

const post = { method: 'POST', url: '/v1/messages', body: {} }

const envelopes: [form: 'params' | 'body', line: JsonObject, expected: string | undefined][] = [
  ['params', { params: {} }, undefined],
  ['params', { custom_id: 'a', params: {}, metadata: 1 }, undefined],
  ['params', { custom_id: 'a', params: {}, ...own }, undefined],
  [
    'params',
    { params: {}, result: {} },
    'unknown member "result" beside "params"; there may be custom_id, params, metadata',
  ],
  [
    'params',
    { params: {}, meta: 1 },
    'unknown member "meta" beside "params"; there may be custom_id, params, metadata',
  ],
  ['body', { ...post, custom_id: 'a', metadata: 1 }, undefined],
  [
    'body',
    { ...post, run: {}, result: {} },
    'unknown member "run" beside "body"; there may be custom_id, method, url, body, metadata',
  ],
  ['body', { ...post, method: 'GET' }, '"method" must be "POST", got "GET"'],
  ['body', { body: {}, url: '/v1/messages' }, '"method" is missing; it must be "POST"'],
  ['body', { ...post, url: '/v1/complete' }, '"url" must be "/v1/messages", got "/v1/complete"'],
]

test.each(envelopes)('envelopeProblem(%s, %j)', (form, line, expected) => {
  expect(envelopeProblem(form, line)).toBe(expected)
})

const good = { model: 'm', messages: [{}], max_tokens: 5 }

const requests: [change: JsonObject, expected: unknown][] = [
  [{}, { model: 'm', maxTokens: 5 }],
  [{ max_tokens: 0 }, { model: 'm', maxTokens: 0 }],
  [{ stream: true }, { model: 'm', maxTokens: 5 }],
  [
    { stream: false, unheard_of: 1 },
    { model: 'm', maxTokens: 5 },
  ],
  [{ model: undefined }, '"p.model" is missing; add it, or give one model for all rows'],
  [{ model: '' }, '"p.model" must be a non-empty string, got ""'],
  [{ model: { a: 1 } }, '"p.model" must be a non-empty string, got an object'],
  [{ messages: undefined }, '"p.messages" is missing; it must be a non-empty array'],
  [{ messages: [] }, '"p.messages" must be a non-empty array, got []'],
  [{ messages: 'hello' }, '"p.messages" must be a non-empty array, got "hello"'],
  [{ max_tokens: undefined }, '"p.max_tokens" is missing; it must be a whole number'],
  [{ max_tokens: 0.5 }, '"p.max_tokens" must be a whole number, got 0.5'],
  [{ max_tokens: '5' }, '"p.max_tokens" must be a whole number, got "5"'],
  [{ max_tokens: 1e300 }, '"p.max_tokens" must be a whole number, got 1e+300'],
  [{ max_tokens: Infinity }, '"p.max_tokens" must be a whole number, got Infinity'],
  [{ max_tokens: -1 }, '"p.max_tokens" must be 0 or more, got -1'],
  [{ stream: 'yes' }, '"p.stream" must be true or false, got "yes"'],
  [{ stream: null }, '"p.stream" must be true or false, got null'],
]

test.each(requests)('readRequest() with %j', (change, expected) => {
  expect(readRequest({ ...good, ...change }, 'p.', undefined)).toEqual(expected)
})

test('readRequest() takes the model given for all rows before the line’s own', () => {
  expect(readRequest({ ...good, model: 5 }, '', 'x')).toEqual({ model: 'x', maxTokens: 5 })
})

const lines: [value: unknown, expected: unknown][] = [
  [{ a: 1 }, { a: 1 }],
  [[{ a: 1 }], 'the line must be a JSON object, got an array'],
  [null, 'the line must be a JSON object, got null'],
  ['x', 'the line must be a JSON object, got "x"'],
]

test.each(lines)('readLine(%j)', (value, expected) => {
  expect(readLine(value)).toEqual(expected)
})

const userIds: [value: unknown, expected: boolean][] = [
  [null, true],
  ['', true],
  ['x'.repeat(256), true],
  ['😀'.repeat(256), true],
  ['x'.repeat(257), false],
  [5, false],
  [undefined, false],
]

test.each(userIds)('isUserId(%j) is %s', (value, expected) => {
  expect(isUserId(value)).toBe(expected)
})

import { describe, expect, test } from 'vitest'
import type { ApiCall, ApiCalls, CallReply } from '../api-calls.ts'
import { BatchApi } from './batch-api.ts'

const shown = {
  id: 'msgbatch_1',
  type: 'message_batch',
  processing_status: 'ended',
  request_counts: { processing: 0, succeeded: 3, errored: 1, canceled: 0, expired: 2 },
  created_at: '2026-11-22T10:00:00.123456Z',
  expires_at: '2026-11-23T10:00:00Z',
  archived_at: null,
  results_url: 'https://api.anthropic.com/v1/messages/batches/msgbatch_1/results',
}

function reply(status: number, body: unknown, more: Partial<CallReply> = {}): CallReply {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { status, headers: {}, body: text, isWhole: true, wasSent: true, ...more }
}

function failure(status: number, type: string, message = 'Why'): CallReply {
  return reply(status, { type: 'error', error: { type, message } })
}

/** An API that gives one reply; `pieces` are of results. */
function given(answer: CallReply, pieces: readonly string[] = []) {
  const asked: ApiCall[] = []
  const calls: ApiCalls = {
    call: async (call) => {
      asked.push(call)
      for (const piece of pieces) call.onBytes?.(Buffer.from(piece))
      return answer
    },
    close: async () => {},
  }
  return { api: new BatchApi(calls, new AbortController().signal, () => 1000), asked }
}

test('a batch is read', async () => {
  const { api, asked } = given(reply(200, shown))
  const createdAt = Date.UTC(2026, 10, 22, 10, 0, 0, 123)
  expect(await api.retrieve('msgbatch_1/..')).toEqual({
    kind: 'done',
    value: {
      id: 'msgbatch_1',
      status: 'ended',
      requests: 6,
      counts: { processing: 0, succeeded: 3, errored: 1, canceled: 0, expired: 2 },
      createdAt,
      expiresAt: Date.UTC(2026, 10, 23, 10),
      hasResults: true,
      isArchived: false,
    },
  })
  expect(asked[0]).toMatchObject({ method: 'GET', path: '/batches/msgbatch_1%2F..' })
})

test('lists are read page by page, whatever else is in them', async () => {
  const list = { data: [shown, { id: 5 }, null], has_more: true, last_id: 'msgbatch_9' }
  const { api, asked } = given(reply(200, list))
  const page = await api.list('a b')
  expect(page).toMatchObject({ kind: 'done', value: { after: 'msgbatch_9' } })
  expect(page.kind === 'done' && page.value.batches).toHaveLength(1)
  expect(asked[0]?.path).toBe('/batches?limit=100&after_id=a%20b')
})

describe('what a reply means', () => {
  test.each<[string, CallReply, object]>([
    ['429', failure(429, 'rate_limit_error'), { kind: 'refused' }],
    [
      '429 and when',
      { ...failure(429, 'rate_limit_error'), headers: { 'retry-after': '7' } },
      { kind: 'refused', retryAfterMs: 7000 },
    ],
    ['529', failure(529, 'overloaded_error'), { kind: 'failed', mayBeDone: false }],
    ['500', failure(500, 'api_error'), { kind: 'failed', mayBeDone: true }],
    ['a page of a proxy', reply(502, '<html>'), { kind: 'failed', mayBeDone: true }],
    ['404', failure(404, 'not_found_error'), { kind: 'missing' }],
    ['400', failure(400, 'invalid_request_error'), { kind: 'invalid', status: 400 }],
    ['413', failure(413, 'request_too_large'), { kind: 'invalid', status: 413 }],
    ['401', failure(401, 'authentication_error'), { kind: 'stop', error: { code: 'KEY_REFUSED' } }],
    [
      'no connection',
      reply(0, '', { isWhole: false, wasSent: false, failure: 'refused' }),
      { kind: 'failed', mayBeDone: false, error: { message: 'refused' } },
    ],
    ['a reset', reply(0, '', { isWhole: false }), { kind: 'failed', mayBeDone: true }],
    ['half a reply', reply(200, '{"id":', { isWhole: false }), { kind: 'failed', mayBeDone: true }],
    ['no batch', reply(200, {}), { kind: 'failed', mayBeDone: true }],
    ['no JSON', reply(200, 'OK'), { kind: 'failed', mayBeDone: true }],
    [
      'an unknown state',
      reply(200, { ...shown, processing_status: 'new' }),
      { kind: 'failed', mayBeDone: true },
    ],
  ])('%s', async (_, answer, meaning) => {
    const { api } = given(answer)
    expect(await api.retrieve('a')).toMatchObject(meaning)
  })
})

describe('results', () => {
  test('are handed on as they come, as long as they are taken', async () => {
    const { api } = given(reply(200, ''), ['a', 'b', 'c'])
    const taken: string[] = []
    const called = await api.results('a', (bytes) => {
      taken.push(Buffer.from(bytes).toString())
      return taken.length < 2
    })
    expect(taken).toEqual(['a', 'b'])
    expect(called.kind).toBe('done')
  })

  test('that are cut are not done', async () => {
    const { api } = given(reply(200, '', { isWhole: false }), ['a'])
    expect(await api.results('a', () => true)).toMatchObject({ kind: 'failed' })
  })

  test('what their taker throws is thrown, and no failure of the connection', async () => {
    const { api } = given(reply(200, '', { isWhole: false }), ['a', 'b'])
    const taking = api.results('a', () => {
      throw new Error('a fault of ours')
    })
    await expect(taking).rejects.toThrow('a fault of ours')
  })
})

test('how far the clocks are apart is known from the last reply', async () => {
  const headers = { date: 'Thu, 01 Jan 1970 00:00:31 GMT' }
  const { api } = given(reply(200, shown, { headers }))
  expect(api.skewMs).toBe(0)
  await api.retrieve('a')
  expect(api.skewMs).toBe(30_000)
})

/**
 * Message Batches as their page has them (read 2026-08-22), on the model as a whole: what a batch
 * says of itself, when it ends, and what its results hold.
 */

import { assert, describe, expect, test } from 'vitest'

import {
  Api,
  batchesPath as root,
  errorOf,
  paramsOf,
  parse,
  requestsOf,
  wallAtZero,
} from '../../test/batch-api.ts'
import type { Message } from './answer.ts'
import type { MessageBatch } from './batch.ts'
import type { SimulatorOptions } from './options.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

function sum(counts: MessageBatch['request_counts']): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

const nothing = { succeeded: 0, errored: 0, canceled: 0, expired: 0 }

describe('a batch', () => {
  test('tells of itself when it is created', () => {
    const batch = new Api().create(1234.5, requestsOf(3))
    expect(batch).toEqual({
      id: expect.stringMatching(/^msgbatch_01\w{22}$/),
      type: 'message_batch',
      processing_status: 'in_progress',
      request_counts: { ...nothing, processing: 3 },
      created_at: '2026-11-22T10:00:01.234500Z',
      expires_at: '2026-11-23T10:00:01.234500Z',
      ended_at: null,
      cancel_initiated_at: null,
      archived_at: null,
      results_url: null,
    })
  })

  test('shows nothing of its progress until it ends as a whole', () => {
    const api = new Api()
    const { id } = api.create(0, requestsOf(50))
    for (const now of [1, minuteMs, 9 * minuteMs, 10 * minuteMs - 1]) {
      const batch = api.get(now, id)
      expect(batch.request_counts).toEqual({ ...nothing, processing: 50 })
      expect(batch.processing_status).toBe('in_progress')
    }
    const batch = api.get(10 * minuteMs, id)
    expect(batch).toMatchObject({
      processing_status: 'ended',
      request_counts: { ...nothing, processing: 0, succeeded: 50 },
      ended_at: '2026-11-22T10:10:00.000000Z',
      results_url: `https://api.anthropic.com${root}/${id}/results`,
    })
  })

  test('tells the same however late it is looked at', () => {
    const [early, late] = [new Api(), new Api()]
    const { id } = early.create(0, requestsOf(20))
    expect(late.create(0, requestsOf(20)).id).toBe(id)
    early.get(10 * minuteMs, id)
    expect(early.get(dayMs, id)).toEqual(late.get(dayMs, id))
    expect(early.results(dayMs, id)).toEqual(late.results(dayMs, id))
  })

  test('takes times about the mean, and no less than a second', () => {
    const durations = Array.from({ length: 200 }, (_, seed) => {
      const api = new Api({ seed, batchDurationSigma: 0.5 })
      const { id } = api.create(0, requestsOf(1))
      const { ended_at: endedAt } = api.get(20 * hourMs, id)
      return Date.parse(endedAt ?? '') - wallAtZero
    })
    const mean = durations.reduce((total, ms) => total + ms, 0) / durations.length
    // The standard error of a mean of 200 such draws is 4 %.
    expect(mean / (10 * minuteMs)).toBeGreaterThan(0.85)
    expect(mean / (10 * minuteMs)).toBeLessThan(1.15)
    expect(new Set(durations).size).toBe(200)
    const short = new Api({ batchDurationMs: 1100, batchDurationSigma: 5, seed: 3 })
    const { id } = short.create(0, requestsOf(1))
    expect(short.get(999, id).processing_status).toBe('in_progress')
  })

  test('ends at once where it takes no time', () => {
    const api = new Api({ batchDurationMs: 0 })
    const { id } = api.create(5, requestsOf(2))
    expect(api.get(5, id).processing_status).toBe('ended')
  })

  test('can be looked into from outside: who asked what, and what came of it', () => {
    const api = new Api({ batchDrainMs: 0 })
    const { id } = api.create(0, requestsOf(40))
    api.cancel(5 * minuteMs, id)
    const [batch, ...others] = api.model.batches(5 * minuteMs)
    expect(others).toEqual([])
    assert(batch !== undefined, 'it is there')
    const { customIds, outcomes } = batch
    expect(batch).toMatchObject({ id, createdAt: 0, isEnded: true })
    expect(customIds).toEqual(requestsOf(40).map((one) => one.custom_id))
    const told = api.results(hourMs, id).map((line) => `${line.custom_id} ${line.result.type}`)
    const seen = customIds.map((name, index) => `${name} ${outcomes[index]}`)
    expect(seen.toSorted()).toEqual(told.toSorted())
  })

  test('is of its workspace alone', () => {
    const api = new Api()
    const mine = { 'anthropic-workspace-id': 'wrkspc_1' }
    const { id } = api.create(0, requestsOf(1), mine)
    expect(api.call(1, 'GET', `${root}/${id}`, undefined, mine).status).toBe(200)
    expect(api.call(1, 'GET', `${root}/${id}`).status).toBe(404)
    expect(parse(api.call(1, 'GET', root))).toMatchObject({ data: [], first_id: null })
  })
})

describe('results', () => {
  test('hold every request once, in no order, and always the same one', () => {
    const api = new Api()
    const requests = requestsOf(200)
    const { id } = api.create(0, requests)
    const ids = api.results(hourMs, id).map((line) => line.custom_id)
    const sent = requests.map((request) => request.custom_id)
    expect(ids).not.toEqual(sent)
    expect(ids.toSorted()).toEqual(sent.toSorted())
    expect(api.results(hourMs, id).map((line) => line.custom_id)).toEqual(ids)
    const other = new Api({ seed: 2 })
    const otherId = other.create(0, requests).id
    expect(other.results(hourMs, otherId).map((line) => line.custom_id)).not.toEqual(ids)
  })

  test('are answers as Messages gives, but for the tier', () => {
    const requests = requestsOf(30)
    const options = { latencyMs: 0, latencySigma: 0 }
    const [api, live] = [new Api(options), new Api(options)]
    const { id } = api.create(0, requests)
    const lines = new Map(api.results(hourMs, id).map((line) => [line.custom_id, line.result]))
    for (const { custom_id: name, params } of requests) {
      const message: { usage: object } = parse(live.call(0, 'POST', '/v1/messages', params))
      const usage = { ...message.usage, service_tier: 'batch' }
      expect(lines.get(name)).toEqual({ type: 'succeeded', message: { ...message, usage } })
    }
    const { totals } = live.model
    expect(api.model.totals.batches).toMatchObject({
      billedRequests: 30,
      inputTokens: totals.inputTokens,
      outputTokens: totals.outputTokens,
    })
    // What costs half is not among what costs whole.
    expect(api.model.totals).toMatchObject({ billedRequests: 0, inputTokens: 0, outputTokens: 0 })
  })

  test('may be refusals, which have succeeded', () => {
    const api = new Api({ refusalRate: 1 })
    const { id } = api.create(0, requestsOf(5))
    expect(api.get(hourMs, id).request_counts.succeeded).toBe(5)
    for (const { result } of api.results(hourMs, id)) {
      expect(result).toMatchObject({ type: 'succeeded', message: { stop_reason: 'refusal' } })
    }
  })

  test('are billed as on Messages, where some refusals before any output are free', () => {
    const [api, live] = [0, 1].map(() => new Api({ refusalRate: 1, latencyMs: 0 }))
    assert(api !== undefined && live !== undefined, 'there are two')
    const { id } = api.create(0, requestsOf(60))
    api.get(hourMs, id)
    for (const { params } of requestsOf(60)) live.call(0, 'POST', '/v1/messages', params)
    const { billedRequests, inputTokens, outputTokens } = live.model.totals
    expect(billedRequests).toBeGreaterThan(30)
    expect(billedRequests).toBeLessThan(60)
    const { batches } = api.model.totals
    expect(batches).toMatchObject({ billedRequests, inputTokens, outputTokens })
  })

  test('another answer is given to the same request asked again', () => {
    const api = new Api()
    const [first, second] = [0, hourMs].map((now) => {
      const { id } = api.create(now, requestsOf(1))
      return api.results(now + hourMs, id)[0]?.result.message?.['id']
    })
    expect(first).toBeDefined()
    expect(second).not.toBe(first)
  })

  test('are not there before the end, and go 29 days after the creation', () => {
    const api = new Api()
    const { id } = api.create(0, requestsOf(2))
    const path = `${root}/${id}/results`
    expect(errorOf(api.call(minuteMs, 'GET', path))).toMatchObject({
      status: 404,
      type: 'not_found_error',
    })
    expect(api.results(29 * dayMs - 1, id)).toHaveLength(2)
    expect(api.get(29 * dayMs - 1, id).archived_at).toBeNull()
    expect(api.get(29 * dayMs, id)).toMatchObject({
      processing_status: 'ended',
      request_counts: { succeeded: 2 },
      archived_at: '2026-12-21T10:00:00.000000Z',
      results_url: null,
    })
    expect(api.call(29 * dayMs, 'GET', path).status).toBe(404)
  })

  test('link to where the server was found', () => {
    const { model } = new Api({ batchDurationMs: 0 })
    const ask = (method: string, path: string, body: string): MessageBatch => {
      const { step } = model.receive(0, wallAtZero, {
        method,
        path,
        headers: { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01' },
        body: new TextEncoder().encode(body),
        origin: 'http://127.0.0.1:4010',
      })
      const data = step.actions.find((action) => action.type === 'data')
      return JSON.parse(Buffer.from(data?.bytes ?? []).toString()) as MessageBatch
    }
    const { id } = ask('POST', root, JSON.stringify({ requests: requestsOf(1) }))
    const { results_url: url } = ask('GET', `${root}/${id}`, '')
    expect(url).toBe(`http://127.0.0.1:4010${root}/${id}/results`)
  })
})

describe('params', () => {
  test.each<[string, object, RegExp, string?]>([
    ['stream', { stream: true }, /^stream: /],
    ['speed', { speed: 'fast', model: 'claude-opus-5-5' }, /^speed: /],
    ['the ordinary speed', { speed: 'standard' }, /^speed: /],
    ['max_tokens 0', { max_tokens: 0 }, /^max_tokens: 0/],
    ['fallbacks', { fallbacks: [] }, /^fallbacks: Extra inputs/],
    ['store', { store: true }, /^store: Extra inputs/],
    ['a field of ours', { metadata: { row: 1 } }, /^metadata.row: Extra inputs/],
    ['no messages', { messages: [] }, /^messages/],
    ['a rule of the model', { temperature: 0.5 }, /^temperature: /],
    ['more than the model can say', { max_tokens: 200_000 }, /^max_tokens: 200000/],
    ['a model there is not', { model: 'claude-1' }, /^model: claude-1/, 'not_found_error'],
  ])('%s shows only at the end, as errored', (_what, members, message, type) => {
    const api = new Api()
    const good = { custom_id: 'good', params: paramsOf('Hello') }
    const bad = { custom_id: 'bad', params: paramsOf('Hello', members) }
    const { id, request_counts: counts } = api.create(0, [bad, good])
    expect(counts).toEqual({ ...nothing, processing: 2 })
    expect(api.get(hourMs, id).request_counts).toMatchObject({ errored: 1, succeeded: 1 })
    const { result } = api.results(hourMs, id).find((line) => line.custom_id === 'bad') ?? {}
    expect(result).toEqual({
      type: 'errored',
      error: {
        type: 'error',
        error: {
          type: type ?? 'invalid_request_error',
          message: expect.stringMatching(message),
        },
        request_id: expect.stringMatching(/^req_011C\w{20}$/),
      },
    })
    expect(api.model.totals.batches.billedRequests).toBe(1)
  })

  test('that are no JSON refuse the batch', () => {
    const api = new Api()
    const body = '{"requests":[{"custom_id":"a","params":{"model":oops}}]}'
    expect(errorOf(api.call(0, 'POST', root, body))).toMatchObject({
      status: 400,
      message: 'The request body is not valid JSON',
    })
    expect(parse(api.call(0, 'GET', root))).toMatchObject({ data: [] })
  })

  test.each<[string, string, number]>([
    ['claude-opus-5', 'output-300k-2026-03-24', 1],
    ['claude-opus-5', 'another-beta', 0],
    ['claude-haiku-4-5', 'output-300k-2026-03-24', 0],
    ['claude-sonnet-4-6', 'output-300k-2026-03-24', 1],
    ['claude-sonnet-4-6', '', 0],
  ])('of %s with the beta %j may ask for 300,000 tokens: %d', (model, beta, succeeded) => {
    const api = new Api()
    const requests = requestsOf(1, { model, max_tokens: 300_000 })
    const { id } = api.create(0, requests, { 'anthropic-beta': beta })
    expect(api.get(hourMs, id).request_counts).toMatchObject({ succeeded })
  })

  test('are read by the version of the call', () => {
    const api = new Api()
    const params = paramsOf('Hello', { model: 'claude-haiku-4-5', temperature: 1 })
    const counts = ['2023-06-01', '2026-10-21'].map((version) => {
      const requests = [{ custom_id: 'a', params }]
      const { id } = api.create(0, requests, { 'anthropic-version': version })
      return api.get(hourMs, id).request_counts.succeeded
    })
    expect(counts).toEqual([1, 0])
  })
})

describe('canceling', () => {
  test('drains, then ends with what was done', () => {
    const api = new Api({ batchDrainMs: minuteMs })
    const { id } = api.create(0, requestsOf(400))
    const canceling = api.cancel(4 * minuteMs, id)
    expect(canceling).toMatchObject({
      processing_status: 'canceling',
      cancel_initiated_at: '2026-11-22T10:04:00.000000Z',
      request_counts: { ...nothing, processing: 400 },
      ended_at: null,
    })
    expect(api.cancel(4.5 * minuteMs, id)).toEqual(canceling)
    expect(api.get(5 * minuteMs - 1, id)).toEqual(canceling)
    const ended = api.get(5 * minuteMs, id)
    expect(ended).toMatchObject({
      processing_status: 'ended',
      cancel_initiated_at: '2026-11-22T10:04:00.000000Z',
      ended_at: '2026-11-22T10:05:00.000000Z',
    })
    const { succeeded, canceled } = ended.request_counts
    expect(sum(ended.request_counts)).toBe(400)
    expect(succeeded + canceled).toBe(400)
    // Half of the time has passed: half of the requests, give or take four deviations.
    expect(Math.abs(succeeded - 200)).toBeLessThan(40)
    const lines = api.results(hourMs, id)
    expect(lines.filter(({ result }) => result.type === 'succeeded')).toHaveLength(succeeded)
    const left = lines.filter(({ result }) => result.type === 'canceled')
    expect(left).toHaveLength(canceled)
    expect(left[0]?.result).toEqual({ type: 'canceled' })
    expect(api.model.totals.batches.billedRequests).toBe(succeeded)
  })

  test('may come too late to cancel anything', () => {
    const api = new Api({ batchDrainMs: 2 * minuteMs })
    const { id } = api.create(0, requestsOf(10))
    api.cancel(9 * minuteMs, id)
    expect(api.get(hourMs, id)).toMatchObject({
      ended_at: '2026-11-22T10:10:00.000000Z',
      request_counts: { succeeded: 10, canceled: 0 },
    })
  })

  test('is refused once it has ended', () => {
    const api = new Api()
    const { id } = api.create(0, requestsOf(1))
    expect(errorOf(api.call(hourMs, 'POST', `${root}/${id}/cancel`))).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
    })
    expect(api.get(hourMs, id).cancel_initiated_at).toBeNull()
  })
})

describe('expiry', () => {
  test('ends after 24 hours what is not done', () => {
    const api = new Api({ batchDurationMs: 2 * dayMs })
    const { id } = api.create(0, requestsOf(400))
    expect(api.get(dayMs - 1, id).processing_status).toBe('in_progress')
    const { request_counts: counts, ended_at: endedAt } = api.get(dayMs, id)
    expect(endedAt).toBe('2026-11-23T10:00:00.000000Z')
    expect(counts.succeeded + counts.expired).toBe(400)
    expect(Math.abs(counts.expired - 200)).toBeLessThan(40)
    const expired = api.results(dayMs, id).filter(({ result }) => result.type === 'expired')
    expect(expired).toHaveLength(counts.expired)
    expect(expired[0]?.result).toEqual({ type: 'expired' })
  })

  test('comes when it is set to', () => {
    const api = new Api({ batchExpiryMs: minuteMs })
    const batch = api.create(0, requestsOf(100))
    expect(batch.expires_at).toBe('2026-11-22T10:01:00.000000Z')
    const { canceled, expired } = api.get(minuteMs, batch.id).request_counts
    expect(canceled).toBe(0)
    expect(expired).toBeGreaterThan(50)
  })

  test('a canceled batch that expires first has expired', () => {
    const api = new Api({ batchExpiryMs: minuteMs, batchDrainMs: hourMs })
    const { id } = api.create(0, requestsOf(100))
    api.cancel(1000, id)
    const { request_counts: counts, ended_at: endedAt } = api.get(minuteMs, id)
    expect(endedAt).toBe('2026-11-22T10:01:00.000000Z')
    expect(counts.canceled).toBe(0)
    expect(counts.expired).toBeGreaterThan(50)
  })
})

describe('deleting', () => {
  test('is for batches that have ended', () => {
    const api = new Api()
    const { id } = api.create(0, requestsOf(1))
    const early = api.call(minuteMs, 'DELETE', `${root}/${id}`)
    expect(errorOf(early)).toMatchObject({ status: 400, type: 'invalid_request_error' })
    const deleted = parse(api.call(hourMs, 'DELETE', `${root}/${id}`))
    expect(deleted).toEqual({ id, type: 'message_batch_deleted' })
    for (const [method, path] of [
      ['GET', `${root}/${id}`],
      ['GET', `${root}/${id}/results`],
      ['DELETE', `${root}/${id}`],
    ] as const) {
      expect(errorOf(api.call(hourMs, method, path))).toMatchObject({
        status: 404,
        type: 'not_found_error',
      })
    }
    expect(parse(api.call(hourMs, 'GET', root))).toMatchObject({ data: [] })
  })
})

describe('the list', () => {
  interface Page {
    readonly data: readonly MessageBatch[]
    readonly has_more: boolean
    readonly first_id: string | null
    readonly last_id: string | null
  }

  function filled(count: number): { api: Api; ids: readonly string[] } {
    const api = new Api()
    const ids = Array.from({ length: count }, (_, at) => api.create(at, requestsOf(1)).id)
    return { api, ids: ids.toReversed() }
  }

  const pageOf = (api: Api, query = ''): Page => parse(api.call(1000, 'GET', `${root}${query}`))

  test('gives the newest first, 20 unless told otherwise', () => {
    const { api, ids } = filled(25)
    const page = pageOf(api)
    expect(page.data.map(({ id }) => id)).toEqual(ids.slice(0, 20))
    expect(page).toMatchObject({ has_more: true, first_id: ids[0], last_id: ids[19] })
    expect(pageOf(api, '?limit=1000').data).toHaveLength(25)
    expect(pageOf(api, '?limit=25').has_more).toBe(false)
    expect(page.data[0]).toEqual(api.get(1000, ids[0] ?? ''))
  })

  test('goes on after a batch, and back before one', () => {
    const { api, ids } = filled(10)
    const after = pageOf(api, `?limit=4&after_id=${ids[3]}`)
    expect(after.data.map(({ id }) => id)).toEqual(ids.slice(4, 8))
    expect(after.has_more).toBe(true)
    expect(pageOf(api, `?limit=4&after_id=${ids[7]}`)).toMatchObject({
      has_more: false,
      first_id: ids[8],
      last_id: ids[9],
    })
    const before = pageOf(api, `?limit=4&before_id=${ids[6]}`)
    expect(before.data.map(({ id }) => id)).toEqual(ids.slice(2, 6))
    expect(before.has_more).toBe(true)
    expect(pageOf(api, `?before_id=${ids[2]}`)).toMatchObject({ has_more: false, last_id: ids[1] })
    expect(pageOf(api, `?after_id=${ids[9]}`)).toEqual({
      data: [],
      has_more: false,
      first_id: null,
      last_id: null,
    })
  })

  test.each(['limit=0', 'limit=1001', 'limit=x', 'after_id=msgbatch_no', 'before_id=msgbatch_no'])(
    '%s is refused',
    (query) => {
      const { api } = filled(1)
      expect(errorOf(api.call(1, 'GET', `${root}?${query}`))).toMatchObject({
        status: 400,
        message: expect.stringContaining(query.split('=')[0] ?? ''),
      })
    },
  )
})

describe('limits', () => {
  test('the queue holds so many requests of all batches, whatever their models', () => {
    const api = new Api({ batchQueuedRequests: 100 })
    api.create(0, requestsOf(60))
    const { id } = api.create(0, requestsOf(40, { model: 'claude-haiku-4-5' }))
    const refused = api.call(0, 'POST', root, { requests: requestsOf(1) })
    expect(errorOf(refused)).toMatchObject({ status: 429, type: 'rate_limit_error' })
    expect(refused.headers).toHaveProperty('x-should-retry', 'true')
    expect(refused.headers).not.toHaveProperty('retry-after')
    expect(api.model.totals.refused429).toBe(1)
    // A request leaves the queue when it is done, not when its batch ends.
    expect(api.get(5 * minuteMs, id).processing_status).toBe('in_progress')
    api.create(5 * minuteMs, requestsOf(30))
    expect(api.call(5 * minuteMs, 'POST', root, { requests: requestsOf(100) }).status).toBe(429)
    api.create(hourMs, requestsOf(100))
  })

  test('cancelling makes room', () => {
    const api = new Api({ batchQueuedRequests: 100, batchDrainMs: 0 })
    const { id } = api.create(0, requestsOf(100))
    expect(api.call(1, 'POST', root, { requests: requestsOf(50) }).status).toBe(429)
    api.cancel(1, id)
    api.create(2, requestsOf(50))
  })

  test('requests a minute are of all endpoints together, and of no other', () => {
    const api = new Api({ batchRequestsPerMinute: 6, countRequestsPerMinute: 6 })
    const { id } = api.create(0, requestsOf(1))
    api.get(0, id)
    parse(api.call(0, 'GET', root))
    api.cancel(0, id)
    api.call(0, 'GET', `${root}/${id}/results`)
    api.call(0, 'GET', `${root}/msgbatch_no`)
    const refused = api.call(0, 'GET', `${root}/${id}`)
    expect(errorOf(refused)).toMatchObject({ status: 429, type: 'rate_limit_error' })
    // Six a minute is one every ten seconds.
    expect(refused.headers).toHaveProperty('retry-after', '10')
    expect(Object.keys(refused.headers).filter((name) => name.includes('ratelimit'))).toEqual([])
    expect(api.call(9999, 'GET', root).status).toBe(429)
    expect(api.call(10_000, 'GET', root).status).toBe(200)
    const { max_tokens: _, ...question } = paramsOf('Hello') as Record<string, unknown>
    expect(api.call(0, 'POST', '/v1/messages/count_tokens', question).status).toBe(200)
  })

  test('of Messages are not touched', () => {
    const api = new Api({ requestsPerMinute: 1, inputTokensPerMinute: 100, latencyMs: 0 })
    api.create(0, requestsOf(500))
    expect(api.call(0, 'POST', '/v1/messages', paramsOf('Hello')).status).toBe(200)
  })

  test.each([
    ['start', 1000, 200_000],
    ['build', 2000, 300_000],
    ['scale', 4000, 500_000],
  ] as const)('of %s: %d requests a minute, %d in the queue', (profile, perMinute, queue) => {
    const api = new Api({ profile })
    for (let sent = 0; sent < perMinute; sent++) {
      expect(api.call(0, 'GET', `${root}?limit=1`).status).toBe(200)
    }
    expect(api.call(0, 'GET', root).status).toBe(429)
    const admin = { 'x-api-key': 'sk-ant-admin-of-the-test' }
    const path = '/v1/organizations/rate_limits?group_type=batch'
    expect(parse(api.call(0, 'GET', path, undefined, admin))).toMatchObject({
      data: [
        {
          limits: [
            { type: 'requests_per_minute', value: perMinute },
            { type: 'enqueued_batch_requests', value: queue },
          ],
        },
      ],
    })
  })
})

describe('the prompt cache', () => {
  const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } }
  const document = (word: string): object => ({
    system: [{ type: 'text', text: `${word} `.repeat(2000), ...mark }],
  })

  function usages(options: SimulatorOptions, requests: readonly object[]): readonly number[][] {
    const api = new Api(options)
    const { id } = api.create(0, requests)
    return api.results(dayMs, id).map(({ result }) => {
      const { usage } = result.message ?? {}
      assert(usage !== undefined, 'all are answered')
      return [
        Number(usage['cache_read_input_tokens']),
        Number(usage['cache_creation_input_tokens']),
      ]
    })
  }

  const isRead = ([read = 0, write = 0]: number[]): boolean => read >= 2000 && write === 0
  const isWrite = ([read = 0, write = 0]: number[]): boolean => read === 0 && write >= 2000

  test('is read as often as is set, after one has written', () => {
    const requests = requestsOf(400, document('gate'))
    for (const batchCacheHits of [0, 0.3, 0.98, 1]) {
      const found = usages({ batchCacheHits }, requests)
      const reads = found.filter(isRead).length
      expect(reads + found.filter(isWrite).length).toBe(400)
      // Four deviations at most, and the one that writes first.
      const spread = 4 * Math.sqrt(400 * batchCacheHits * (1 - batchCacheHits))
      expect(Math.abs(reads - 399 * batchCacheHits)).toBeLessThanOrEqual(spread)
    }
  })

  test('is written once for each prefix where everything that can be read is', () => {
    const requests = [
      ...requestsOf(50, document('gate')),
      ...requestsOf(50, document('lock')).map((one) => ({
        ...one,
        custom_id: `x${one.custom_id}`,
      })),
    ]
    const found = usages({ batchCacheHits: 1 }, requests)
    expect(found.filter(isWrite)).toHaveLength(2)
    expect(found.filter(isRead)).toHaveLength(98)
  })

  test('an entry of 5m is gone where requests are further apart', () => {
    const short = { ...document('gate'), cache_control: undefined }
    const text = 'gate '.repeat(2000)
    const system = [{ type: 'text', text, cache_control: { type: 'ephemeral' } }]
    const options = { batchCacheHits: 1, batchDurationMs: 20 * hourMs }
    const found = usages(options, requestsOf(20, { ...short, system }))
    expect(found.filter(isWrite).length).toBeGreaterThan(10)
    const long = usages(options, requestsOf(20, document('gate')))
    expect(long.filter(isWrite).length).toBeLessThan(found.filter(isWrite).length)
  })

  test.each<[string, SimulatorOptions, object]>([
    ['nothing is marked', {}, { system: 'gate '.repeat(2000) }],
    ['what is marked is too short', {}, { system: [{ type: 'text', text: 'gate', ...mark }] }],
    ['there is no cache', { cache: false }, document('gate')],
  ])('is not used where %s', (_name, options, members) => {
    const found = usages({ batchCacheHits: 1, ...options }, requestsOf(20, members))
    expect(found).toEqual(Array.from({ length: 20 }, () => [0, 0]))
  })

  test('what Messages wrote is not read by a batch, nor the other way round', () => {
    const api = new Api({ batchCacheHits: 1, latencyMs: 0, batchDurationMs: 0 })
    const params = (word: string): object => paramsOf('Hello', document(word))
    const live = (now: number, word: string): boolean => {
      const { usage }: Message = parse(api.call(now, 'POST', '/v1/messages', params(word)))
      return isWrite([usage.cache_read_input_tokens, usage.cache_creation_input_tokens])
    }
    const batch = (now: number, word: string): boolean => {
      const { id } = api.create(now, [{ custom_id: 'a', params: params(word) }])
      const usage = api.results(now, id)[0]?.result.message?.usage ?? {}
      const { cache_read_input_tokens: read, cache_creation_input_tokens: written } = usage
      return isWrite([Number(read), Number(written)])
    }
    expect([live(0, 'gate'), batch(1, 'gate')]).toEqual([true, true])
    expect([batch(2, 'lock'), live(3, 'lock')]).toEqual([true, true])
    // Each of them reads what it wrote itself.
    expect(live(4, 'gate')).toBe(false)
  })
})

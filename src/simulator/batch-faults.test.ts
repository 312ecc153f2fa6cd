/**
 * What goes wrong with batches, fault by fault: what the client sees, and what is so all the same.
 */

import { describe, expect, test } from 'vitest'

import { Api, batchesPath as root, errorOf, parse, requestsOf } from '../../test/batch-api.ts'
import type { MessageBatch } from './batch.ts'
import { batchFaultNames, type FaultName } from './options.ts'

const hourMs = 3_600_000
const requests = requestsOf(20)

const create = (api: Api, now = 0): ReturnType<Api['call']> =>
  api.call(now, 'POST', root, { requests })

/** The batches there are, when faults are over. */
function listed(api: Api, now = 60_000): readonly MessageBatch[] {
  api.model.setFaults({})
  const { data }: { data: readonly MessageBatch[] } = parse(api.call(now, 'GET', root))
  return data
}

describe('create', () => {
  test('batch-create-refused is a 500 or a 529, and no batch', () => {
    const api = new Api({ faults: { 'batch-create-refused': 1 } })
    const answers = Array.from({ length: 40 }, () => create(api))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([500, 529]))
    expect(new Set(answers.map(({ fault }) => fault))).toEqual(new Set(['batch-create-refused']))
    for (const { status, headers } of answers) {
      expect(headers['x-should-retry']).toBe(status === 529 ? 'true' : undefined)
    }
    expect(api.model.totals.faulted).toBe(40)
    expect(listed(api)).toEqual([])
  })

  test('batch-create-lost is a reset, and a batch all the same', () => {
    const api = new Api({ faults: { 'batch-create-lost': 1 } })
    expect(create(api)).toMatchObject({ status: 0, isReset: true, fault: 'batch-create-lost' })
    const [batch, ...others] = listed(api)
    expect(others).toEqual([])
    expect(batch?.request_counts.processing).toBe(20)
    expect(api.results(hourMs, batch?.id ?? '')).toHaveLength(20)
    expect(api.model.totals.batches.billedRequests).toBe(20)
  })

  test('batch-late is not found for some seconds, wherever it is looked for', () => {
    const foundAfter = Array.from({ length: 30 }, (_, seed) => {
      const api = new Api({ seed, faults: { 'batch-late': 1 } })
      const { id }: MessageBatch = parse(create(api))
      api.model.setFaults({})
      const path = `${root}/${id}`
      expect(errorOf(api.call(0, 'GET', path))).toMatchObject({
        status: 404,
        type: 'not_found_error',
      })
      expect(listed(api, 0)).toEqual([])
      expect(api.call(0, 'POST', `${path}/cancel`).status).toBe(404)
      const seconds = Array.from({ length: 11 }, (_, second) => second)
      return seconds.find((second) => api.call(second * 1000, 'GET', path).status === 200)
    })
    for (const second of foundAfter) {
      expect(second).toBeGreaterThanOrEqual(1)
      expect(second).toBeLessThanOrEqual(10)
    }
    expect(new Set(foundAfter).size).toBeGreaterThan(3)
  })

  test('a lost reply of what is not in order is told as ever', () => {
    const api = new Api({ faults: { 'batch-create-lost': 1 } })
    expect(api.call(0, 'POST', root, { requests: [] }).status).toBe(400)
  })
})

describe('looking', () => {
  test('batch-not-found is a 404 for what is there', () => {
    const api = new Api()
    const { id }: MessageBatch = parse(create(api))
    api.model.setFaults({ 'batch-not-found': 1 })
    expect(errorOf(api.call(1, 'GET', `${root}/${id}`))).toMatchObject({
      status: 404,
      type: 'not_found_error',
    })
    expect(api.call(hourMs, 'GET', `${root}/${id}/results`).status).toBe(404)
    api.model.setFaults({})
    expect(api.results(hourMs, id)).toHaveLength(20)
  })

  test('batch-poll-error is a 500, 503 or 529, and changes nothing', () => {
    const api = new Api()
    const { id }: MessageBatch = parse(create(api))
    api.model.setFaults({ 'batch-poll-error': 1 })
    const paths = [`${root}/${id}`, root, `${root}/${id}/results`]
    for (const path of paths) {
      const found = Array.from({ length: 60 }, (_, at) => api.call(at * 1000, 'GET', path).status)
      expect(new Set(found)).toEqual(new Set([500, 503, 529]))
    }
    expect(parse(create(api))).toMatchObject({ request_counts: { processing: 20 } })
    api.model.setFaults({})
    expect(api.get(hourMs, id).request_counts.succeeded).toBe(20)
  })

  test('batch-results-cut ends in the middle of a line', () => {
    const api = new Api()
    const { id }: MessageBatch = parse(create(api))
    const whole = api.call(hourMs, 'GET', `${root}/${id}/results`).text
    api.model.setFaults({ 'batch-results-cut': 1 })
    const cut = api.call(hourMs, 'GET', `${root}/${id}/results`)
    expect(cut).toMatchObject({ status: 200, isReset: true, fault: 'batch-results-cut' })
    expect(whole.startsWith(cut.text)).toBe(true)
    expect(cut.text.split('\n')).toHaveLength(11)
    expect(cut.text.at(-1)).not.toBe('\n')
  })
})

describe('requests', () => {
  test('batch-request-error errs of its own accord, and is not billed', () => {
    const api = new Api({ faults: { 'batch-request-error': 0.3 } })
    const { id } = api.create(0, requestsOf(1000))
    const { request_counts: counts } = api.get(hourMs, id)
    // Four deviations of a draw of 1000 at 0.3.
    expect(Math.abs(counts.errored - 300)).toBeLessThan(58)
    expect(counts.succeeded + counts.errored).toBe(1000)
    const errored = api.results(hourMs, id).filter(({ result }) => result.type === 'errored')
    expect(errored).toHaveLength(counts.errored)
    const types = new Set(errored.map(({ result }) => result.error?.error.type))
    expect(types).toEqual(new Set(['api_error', 'overloaded_error']))
    expect(api.model.totals.batches.billedRequests).toBe(counts.succeeded)
  })

  test('are as likely to err when they are sent once more', () => {
    const api = new Api({ faults: { 'batch-request-error': 0.5 } })
    const names = (now: number): readonly string[] => {
      const { id } = api.create(now, requestsOf(100))
      const lines = api.results(now + hourMs, id)
      return lines
        .filter(({ result }) => result.type === 'errored')
        .map(({ custom_id: name }) => name)
        .toSorted()
    }
    expect(names(0)).not.toEqual(names(hourMs))
  })
})

describe('faults at the door', () => {
  test.each<[FaultName, number]>([
    ['overloaded', 529],
    ['rate-limit', 429],
    ['unavailable', 503],
    ['spend-limit', 429],
    ['credit', 400],
    ['billing', 402],
    ['permission', 403],
    ['reset-before', 0],
  ])('%s befalls the calls of batches too: %d', (fault, status) => {
    const api = new Api()
    const { id }: MessageBatch = parse(create(api))
    api.model.setFaults({ [fault]: 1 })
    const path = `${root}/${id}`
    const answers = [
      create(api),
      api.call(1, 'GET', path),
      api.call(1, 'GET', root),
      api.call(1, 'POST', `${path}/cancel`),
      api.call(hourMs, 'GET', `${path}/results`),
      api.call(hourMs, 'DELETE', path),
    ]
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => status))
    expect(answers.map((answer) => answer.fault)).toEqual(answers.map(() => fault))
    expect(listed(api, hourMs).map((batch) => batch.id)).toEqual([id])
  })

  test('a 429 says when to come again, unless told not to', () => {
    const waits = [{}, { retryAfter: false }, { bareRefusals: true }].map((options) => {
      const api = new Api({ ...options, faults: { 'rate-limit': 1 } })
      return create(api).headers['retry-after']
    })
    expect(waits).toEqual(['1', undefined, undefined])
  })

  test('faults of batches leave Messages alone', () => {
    const rate = 1 / batchFaultNames.length
    const faults = Object.fromEntries(batchFaultNames.map((name) => [name, rate]))
    const api = new Api({ faults, latencyMs: 0 })
    const { params } = requests[0] ?? {}
    for (let sent = 0; sent < 100; sent++) {
      expect(api.call(0, 'POST', '/v1/messages', params).status).toBe(200)
    }
    expect(api.model.totals.faulted).toBe(0)
  })

  test('nothing is faulted any more from the instant that is set', () => {
    const faults = { 'batch-create-refused': 0.5, 'batch-request-error': 0.5 }
    const api = new Api({ faults, faultUntil: 1000 })
    const { id } = api.create(1000, requestsOf(50))
    expect(api.get(hourMs, id).request_counts.succeeded).toBe(50)
  })
})

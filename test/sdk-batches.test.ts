/**
 * Message Batches of the official SDK, unchanged, against the simulator on a socket.
 */

import { once } from 'node:events'
import http from 'node:http'
import { Anthropic } from '@anthropic-ai/sdk'
import { afterEach, assert, describe, expect, expectTypeOf, test } from 'vitest'
import {
  type MessageBatch,
  type RunningSimulator,
  startSimulator,
  type StartOptions,
} from '../src/simulator/index.ts'

const running: RunningSimulator[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()))
})

const key = 'sk-ant-of-this-test'
const headers = { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
const path = '/v1/messages/batches'

/** A simulator whose batches end at once, and a client of it that does not retry. */
async function start(
  options: StartOptions = {},
): Promise<{ simulator: RunningSimulator; client: Anthropic }> {
  const simulator = await startSimulator({ batchDurationMs: 0, keys: [key], ...options })
  running.push(simulator)
  const { url: baseURL } = simulator
  const client = new Anthropic({
    apiKey: key,
    authToken: null,
    baseURL,
    maxRetries: 0,
    logLevel: 'off',
  })
  return { simulator, client }
}

type BatchRequest = Anthropic.Messages.BatchCreateParams.Request

function requestsOf(count: number, members: object = {}): BatchRequest[] {
  return Array.from({ length: count }, (_, index) => ({
    custom_id: `r${index}`,
    params: {
      model: 'claude-opus-5',
      max_tokens: 300,
      messages: [{ role: 'user', content: `How deep is lock ${index}?` }],
      ...members,
    },
  }))
}

async function failureOf(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call
  } catch (error) {
    return error
  }
  return assert.fail('the call must fail')
}

describe('messages.batches', () => {
  test('create, retrieve and results', async () => {
    const { client, simulator } = await start()
    const { id, request_counts: counts } = await client.messages.batches.create({
      requests: requestsOf(100),
    })
    expect(counts.processing).toBe(100)
    const batch = await client.messages.batches.retrieve(id)
    expect(batch).toMatchObject({ processing_status: 'ended', request_counts: { succeeded: 100 } })
    expect(batch.results_url).toBe(`${simulator.url}${path}/${id}/results`)
    const found: string[] = []
    for await (const { custom_id: name, result } of await client.messages.batches.results(id)) {
      found.push(name)
      assert(result.type === 'succeeded', result.type)
      expect(result.message.usage.service_tier).toBe('batch')
    }
    expect(found.toSorted()).toEqual(
      requestsOf(100)
        .map((request) => request.custom_id)
        .toSorted(),
    )
    expect(simulator.model.inFlight).toBe(0)
  })

  test('results of a batch that has not ended', async () => {
    const { client } = await start({ batchDurationMs: 3_600_000 })
    const { id } = await client.messages.batches.create({ requests: requestsOf(1) })
    const failure = await failureOf(client.messages.batches.results(id))
    expect(failure).toBeInstanceOf(Anthropic.AnthropicError)
    expect(String(failure)).toContain('in_progress')
  })

  test('list, page by page', async () => {
    const { client } = await start()
    const created: string[] = []
    for (let index = 0; index < 7; index++) {
      created.push((await client.messages.batches.create({ requests: requestsOf(1) })).id)
    }
    const listed: string[] = []
    for await (const { id } of client.messages.batches.list({ limit: 3 })) listed.push(id)
    expect(listed).toEqual(created.toReversed())
    // A cursor that is given goes backwards, towards the newest.
    const back: string[] = []
    const cursor = { limit: 3, before_id: created[0] ?? '' }
    for await (const { id } of client.messages.batches.list(cursor)) back.push(id)
    expect(new Set(back)).toEqual(new Set(created.slice(1)))
  })

  test('cancel', async () => {
    const { client } = await start({ batchDurationMs: 3_600_000, batchDrainMs: 0 })
    const { id } = await client.messages.batches.create({ requests: requestsOf(10) })
    expect(await client.messages.batches.cancel(id)).toMatchObject({
      processing_status: 'canceling',
    })
    const batch = await client.messages.batches.retrieve(id)
    expect(batch).toMatchObject({ processing_status: 'ended', request_counts: { canceled: 10 } })
    for await (const { result } of await client.messages.batches.results(id)) {
      expect(result).toEqual({ type: 'canceled' })
    }
    const failure = await failureOf(client.messages.batches.cancel(id))
    expect(failure).toBeInstanceOf(Anthropic.BadRequestError)
  })

  test('delete', async () => {
    const { client } = await start()
    const { id } = await client.messages.batches.create({ requests: requestsOf(1) })
    const deleted = await client.messages.batches.delete(id)
    expect(deleted).toMatchObject({ id, type: 'message_batch_deleted' })
    const failure = await failureOf(client.messages.batches.retrieve(id))
    expect(failure).toBeInstanceOf(Anthropic.NotFoundError)
  })

  test('errored requests tell what is wrong with them', async () => {
    const { client } = await start()
    const { id } = await client.messages.batches.create({
      requests: requestsOf(1, { max_tokens: 0 }),
    })
    for await (const { result } of await client.messages.batches.results(id)) {
      assert(result.type === 'errored', result.type)
      expect(result.error.error.type).toBe('invalid_request_error')
      expect(result.error.request_id).toMatch(/^req_/)
    }
  })

  test.each<[string, BatchRequest[], new (...args: never[]) => Error]>([
    ['no requests', [], Anthropic.BadRequestError],
    ['one name twice', [...requestsOf(1), ...requestsOf(1)], Anthropic.BadRequestError],
    ['more than the queue holds', requestsOf(21), Anthropic.RateLimitError],
  ])('%s is refused at once', async (_what, requests, error) => {
    const { client } = await start({ batchQueuedRequests: 20 })
    const failure = await failureOf(client.messages.batches.create({ requests }))
    expect(failure).toBeInstanceOf(error)
  })

  test('what is retried after a lost reply makes a second batch', async () => {
    const { client, simulator } = await start({ faults: { 'batch-create-lost': 1 } })
    const call = client.messages.batches.create({ requests: requestsOf(1) }, { maxRetries: 1 })
    expect(await failureOf(call)).toBeInstanceOf(Anthropic.APIConnectionError)
    simulator.model.setFaults({})
    expect((await client.messages.batches.list()).data).toHaveLength(2)
  })

  test('results that are cut are an error, not an end', async () => {
    const { client } = await start({ faults: { 'batch-results-cut': 1 } })
    const { id } = await client.messages.batches.create({ requests: requestsOf(200) })
    let found = 0
    const read = async (): Promise<void> => {
      for await (const _line of await client.messages.batches.results(id)) found++
    }
    await failureOf(read())
    expect(found).toBeLessThanOrEqual(100)
  })
})

describe('on a socket', () => {
  test('respond() decides the answers of a batch as those of Messages', async () => {
    let asked = 0
    const { client, simulator } = await start({
      respond: ({ messages }) => {
        asked++
        const [{ content } = { content: '' }] = messages
        if (content === 'How deep is lock 1?') throw new Error('the dike broke')
        return content === 'How deep is lock 2?' ? undefined : 'Paris.'
      },
    })
    const [bad] = requestsOf(1, { max_tokens: 0 })
    assert(bad !== undefined, 'there is one')
    const requests = [...requestsOf(3), { ...bad, custom_id: 'bad' }]
    const { id } = await client.messages.batches.create({ requests })
    // Not of what is wrong, nor again for the results.
    expect(asked).toBe(3)
    const results = new Map<string, unknown>()
    for await (const line of await client.messages.batches.results(id)) {
      results.set(line.custom_id, line.result)
    }
    expect(results.get('r0')).toMatchObject({
      message: { content: [{ type: 'text', text: 'Paris.' }], usage: { output_tokens: 3 } },
    })
    expect(results.get('r1')).toMatchObject({
      type: 'errored',
      error: { error: { type: 'api_error', message: 'respond failed: the dike broke' } },
    })
    expect(results.get('r2')).toMatchObject({ type: 'succeeded' })
    expect(results.get('bad')).toMatchObject({ type: 'errored' })
    expect(simulator.model.totals.batches.billedRequests).toBe(2)
    expect(asked).toBe(3)
  })

  test('a body of more than 32 MB is taken, and of more than 256 MB not', async () => {
    const { simulator } = await start()
    const long = 'gate '.repeat(200_000)
    const requests = requestsOf(40).map((one) => {
      return { ...one, params: { ...one.params, system: long } }
    })
    const send = (body: string | Uint8Array<ArrayBuffer>): Promise<Response> =>
      fetch(simulator.url + path, { method: 'POST', headers, body })
    const taken = await send(JSON.stringify({ requests }))
    expect(taken.status).toBe(200)
    const refused = await send(new Uint8Array(256 * 2 ** 20 + 1))
    expect(refused.status).toBe(413)
    expect(await refused.json()).toMatchObject({ error: { type: 'request_too_large' } })
  }, 60_000)

  test('a slow reader is waited for, and one that leaves is forgotten', async () => {
    const { simulator } = await start({ outputTokens: 2000, outputSigma: 0 })
    const created = await fetch(simulator.url + path, {
      method: 'POST',
      headers,
      body: JSON.stringify({ requests: requestsOf(3000, { max_tokens: 4000 }) }),
    })
    const { id } = (await created.json()) as MessageBatch
    const get = (): Promise<http.IncomingMessage> =>
      new Promise((resolve, reject) => {
        const url = `${simulator.url}${path}/${id}/results`
        http.get(url, { headers }, resolve).on('error', reject)
      })
    const linesOf = async (response: http.IncomingMessage): Promise<number> => {
      let lines = 0
      response.on('data', (chunk: Buffer) => {
        for (const byte of chunk) if (byte === 10) lines++
      })
      await once(response, 'end')
      return lines
    }
    const startedAt = performance.now()
    expect(await linesOf(await get())).toBe(3000)
    const slow = await get()
    // Nothing is read for as long as all could be made: sockets fill up, and no more is made.
    await new Promise((resolve) => {
      setTimeout(resolve, 3 * (performance.now() - startedAt))
    })
    expect(simulator.model.inFlight).toBe(1)
    expect(await linesOf(slow)).toBe(3000)
    expect(simulator.model.inFlight).toBe(0)
    const leaving = await get()
    expect(simulator.model.inFlight).toBe(1)
    leaving.destroy()
    for (let turn = 0; turn < 1000 && simulator.model.inFlight > 0; turn++) {
      await new Promise((resolve) => {
        setTimeout(resolve, 5)
      })
    }
    expect(simulator.model.inFlight).toBe(0)
  }, 30_000)
})

test('the types of batches are the SDK’s', () => {
  expectTypeOf<MessageBatch>().toExtend<Anthropic.Messages.MessageBatch>()
})

/**
 * The Batches API in the world: whole lives of batches, an hour or a month long, in virtual time.
 */

import { expect, test } from 'vitest'
import { Random } from '../../src/random.ts'
import { SimulatorModel } from '../../src/simulator/index.ts'
import type { MessageBatch, SimulatorOptions } from '../../src/simulator/index.ts'
import { SimCalls, type SimReply } from './sim-call.ts'
import { SimClock } from './sim-clock.ts'

function batchOf({ status, body }: SimReply): MessageBatch {
  expect(status).toBe(200)
  return JSON.parse(Buffer.from(body).toString()) as MessageBatch
}

function world(options: SimulatorOptions): { calls: SimCalls; clock: SimClock } {
  const clock = new SimClock()
  const model = new SimulatorModel(options)
  const calls = new SimCalls({ clock, model, random: new Random(1), networkMs: 40 })
  return { calls, clock }
}

function wait(clock: SimClock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve)
  })
}

const root = '/v1/messages/batches'

const requests = Array.from({ length: 500 }, (_, index) => ({
  custom_id: `row-${index}`,
  params: {
    model: 'claude-opus-5',
    max_tokens: 200,
    messages: [{ role: 'user', content: `How deep is lock ${index}?` }],
  },
}))

test('a batch is created, polled to its end and read, whatever the length of its life', async () => {
  const { calls, clock } = world({ batchDurationMs: 3_600_000 })
  const life = async (): Promise<readonly string[]> => {
    let batch = batchOf(await calls.call({ method: 'POST', path: root, body: { requests } }))
    expect(batch.request_counts.processing).toBe(500)
    for (let polls = 0; batch.processing_status !== 'ended'; polls++) {
      expect(polls).toBeLessThan(1440)
      await wait(clock, 60_000)
      batch = batchOf(await calls.call({ method: 'GET', path: `${root}/${batch.id}` }))
    }
    const path = batch.results_url ?? ''
    const results = await calls.call({ method: 'GET', path })
    expect(results).toMatchObject({ status: 200, isCut: false })
    return Buffer.from(results.body).toString().trimEnd().split('\n')
  }
  const lines = await clock.runUntil(life())
  const ids = lines.map((line) => (JSON.parse(line) as { custom_id: string }).custom_id)
  expect(new Set(ids).size).toBe(500)
  expect(ids).toHaveLength(500)
  expect(ids).not.toEqual(requests.map((request) => request.custom_id))
})

test('results that are cut end in the middle of a line', async () => {
  const { calls, clock } = world({ batchDurationMs: 0, faults: { 'batch-results-cut': 1 } })
  const life = async (): Promise<SimReply> => {
    const created = await calls.call({ method: 'POST', path: root, body: { requests } })
    const { id } = batchOf(created)
    return calls.call({ method: 'GET', path: `${root}/${id}/results` })
  }
  const { status, isCut, body } = await clock.runUntil(life())
  expect({ status, isCut }).toEqual({ status: 200, isCut: true })
  const lines = Buffer.from(body).toString().split('\n')
  expect(lines).toHaveLength(251)
  expect(() => JSON.parse(lines[249] ?? '') as unknown).not.toThrow()
  expect(() => JSON.parse(lines[250] ?? '') as unknown).toThrow(SyntaxError)
})

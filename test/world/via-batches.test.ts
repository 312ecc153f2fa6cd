/**
 * A run by batches in the world: whole lives of it, hours or weeks long, in virtual time.
 */

import { describe, expect, test } from 'vitest'
import type { SimulatorOptions } from '../../src/simulator/index.ts'
import { BatchWorld, failed, idsOf, judge, namedRows, via } from './batch-world.ts'
import { counts, output } from './small-world.ts'

const hour = 3_600_000

describe('a run by batches', () => {
  test('answers every row, at half the price', async () => {
    const world = new BatchWorld(50, { batchDurationMs: 600_000 })
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([50, 0, 0])
    expect(summary.exitCode).toBe(0)
    expect(judge(world, idsOf(50))).toEqual([])
    // Haiku 4.5: $1 and $5 a million tokens, by batches half of it.
    const { input, output: written } = summary.snapshot.tokens
    expect(summary.snapshot.costNanoUsd).toBe((input * 1000 + written * 5000) / 2)
    expect(world.disk.list(`${output}.sluice`)).toEqual([])
  })

  test('packs no more into a batch than it may hold', async () => {
    const world = new BatchWorld(50, {}, { rowsMax: 20 })
    await world.live(via)
    const sizes = world.server.batches(world.clock.now()).map(({ customIds }) => customIds.length)
    expect(sizes).toEqual([20, 20, 10])
    const small = new BatchWorld(50, {}, { rowsMax: 100, bytesMax: 4000 })
    await small.live(via)
    expect(small.server.bodies.length).toBeGreaterThan(1)
    for (const body of small.server.bodies) expect(body.length).toBeLessThanOrEqual(4000)
    expect(judge(small, idsOf(50))).toEqual([])
  })

  test('asks little of the API while a batch runs for a day', async () => {
    const world = new BatchWorld(5, { batchDurationMs: 23 * hour })
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([5, 0, 0])
    // One look in 60 s, jittered by a fifth, and some more at the beginning.
    expect(world.server.calls).toBeGreaterThan(23 * 50)
    expect(world.server.calls).toBeLessThan(23 * 75 + 10)
  })

  test('uploads that take longer than a look are not taken for lost', async () => {
    // A queue that others fill refuses the second batch for two hours.
    const world = new BatchWorld(
      40,
      { batchQueuedRequests: 20, batchDurationMs: 2 * hour },
      {
        rowsMax: 20,
      },
    )
    const { life, summary } = await world.live(via)
    expect(counts(summary)).toEqual([40, 0, 0])
    expect(life.events.filter(({ type }) => type === 'batch_lost')).toEqual([])
    expect(judge(world, idsOf(40))).toEqual([])
  })
})

const faults: readonly (readonly [string, SimulatorOptions])[] = [
  ['create lost', { faults: { 'batch-create-lost': 0.5 } }],
  ['create refused', { faults: { 'batch-create-refused': 0.5 } }],
  ['404 right after create', { faults: { 'batch-late': 1 } }],
  ['404 now and then', { faults: { 'batch-not-found': 0.4 } }],
  ['poll errors', { faults: { 'batch-poll-error': 0.5 } }],
  ['results cut', { faults: { 'batch-results-cut': 0.5 } }],
  ['errors of its own', { faults: { 'batch-request-error': 0.3 } }],
  ['expiry', { batchExpiryMs: hour, batchDurationMs: hour, batchDurationSigma: 0.5 }],
  ['a full queue', { batchQueuedRequests: 25, batchDurationMs: hour }],
  ['few calls a minute', { batchRequestsPerMinute: 5 }],
  ['the door', { faults: { 'server-error': 0.2, 'reset-before': 0.2, overloaded: 0.1 } }],
  ['the wire', { faults: { 'rate-limit': 0.2, html: 0.1, unavailable: 0.2 } }],
]

describe.each([1, 2, 3])('seed %i', (seed) => {
  test.each(faults)('every row is answered once: %s', async (_, server) => {
    const world = new BatchWorld(60, { seed, ...server }, { rowsMax: 20 })
    const { summary } = await world.live({ ...via, maxAttempts: 30 })
    expect(counts(summary)).toEqual([60, 0, 0])
    expect(judge(world, idsOf(60))).toEqual([])
    expect(world.beside()).toEqual([])
  })

  test.each(faults)('and with leftovers asked live: %s', async (_, server) => {
    const world = new BatchWorld(60, { seed, ...server }, { rowsMax: 20 })
    const { summary } = await world.live({ ...via, maxAttempts: 30, batchLeftovers: 'live' })
    expect(counts(summary)).toEqual([60, 0, 0])
    expect([...world.lineCounts().values()]).toEqual(Array.from({ length: 60 }, () => 1))
    expect(world.beside()).toEqual([])
  })
})

describe('rows that are wrong', () => {
  const bad = { custom_id: 'bad', params: { model: 'claude-haiku-4-5', max_tokens: 10 } }
  const wrong = {
    custom_id: 'wrong',
    params: { ...body('wrong'), temperature: 7 },
  }
  const gone = { custom_id: 'gone', params: { ...body('gone'), model: 'claude-none' } }
  const fast = { custom_id: 'fast', params: { ...body('fast'), speed: 'fast' } }
  const warm = { custom_id: 'warm', params: { ...body('warm'), max_tokens: 0 } }

  test('fail alone, with what the API, or we, say of them', async () => {
    const world = new BatchWorld([...namedRows(5), bad, wrong, gone, fast, warm])
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([5, 5, 0])
    const failures = new Map(world.lines(failed).map((line) => [line.custom_id, line]))
    expect([...failures.keys()].toSorted()).toEqual(['bad', 'fast', 'gone', 'warm', 'wrong'])
    expect(JSON.stringify(failures.get('fast'))).toContain('do not take \\"speed\\"')
    expect(JSON.stringify(failures.get('warm'))).toContain('max_tokens')
    expect(JSON.stringify(failures.get('wrong'))).toContain('"temperature":7')
    expect(failures.get('wrong')?.run.batch_request).toMatch(/^[0-9a-z]{10}-/)
    // What is no fault of the API's own is asked once.
    expect(world.server.bodies).toHaveLength(1)
  })

  test('are asked again by --retry-failed, and others are not', async () => {
    const world = new BatchWorld([...namedRows(5), wrong])
    await world.live(via)
    const { summary } = await world.live({ ...via, retryFailed: true })
    expect(counts(summary)).toEqual([5, 1, 0])
    expect(world.server.bodies).toHaveLength(2)
    expect(world.server.bodies[1]).not.toContain('Row 1')
    expect(world.lines(failed)).toHaveLength(1)
  })
})

function body(content: string): object {
  return { model: 'claude-haiku-4-5', max_tokens: 100, messages: [{ role: 'user', content }] }
}

describe('leftovers', () => {
  test('that were cancelled go into another batch', async () => {
    const world = new BatchWorld(20, { batchDurationMs: 2 * hour })
    const cancel = cancelAfter(world, hour)
    const { summary } = await world.live(via)
    await cancel
    expect(counts(summary)).toEqual([20, 0, 0])
    expect(world.server.bodies).toHaveLength(2)
    expect(judge(world, idsOf(20))).toEqual([])
    expect(summary.snapshot.possiblyBilledTwice.rows).toBe(0)
  })

  test('or live, at the full price and by none of the batches', async () => {
    const world = new BatchWorld(20, { batchDurationMs: 2 * hour })
    const cancel = cancelAfter(world, hour)
    const { summary } = await world.live({ ...via, batchLeftovers: 'live' })
    await cancel
    expect(counts(summary)).toEqual([20, 0, 0])
    expect(world.server.bodies).toHaveLength(1)
    const live = world.lines().filter(({ run }) => run.batch_id === undefined)
    expect(live.length).toBeGreaterThan(0)
    expect(live.length).toBeLessThan(20)
  })

  test.each(['resubmit', 'live'] as const)(
    'of rows that had failed are asked again: %s',
    async (batchLeftovers) => {
      const world = new BatchWorld(20, { faults: { 'batch-request-error': 1 } })
      await world.live({ ...via, maxAttempts: 1 })
      world.server.setFaults({ 'batch-request-error': 0.5 })
      const options = { ...via, retryFailed: true, maxAttempts: 20, batchLeftovers }
      const { summary } = await world.live(options)
      expect(counts(summary)).toEqual([20, 0, 0])
      expect(summary.exitCode).toBe(0)
      expect([...world.lineCounts().values()]).toEqual(Array.from({ length: 20 }, () => 1))
    },
  )

  test('fail in the end, if none of the tries is answered', async () => {
    const world = new BatchWorld(6, { faults: { 'batch-request-error': 1 } })
    const { summary } = await world.live({ ...via, maxAttempts: 3 })
    expect(counts(summary)).toEqual([0, 6, 0])
    expect(world.server.bodies).toHaveLength(3)
    expect(world.lines(failed).every(({ run }) => run.attempts === 3)).toBe(true)
  })
})

/** Somebody else cancels what there is. */
async function cancelAfter(world: BatchWorld, ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    world.clock.after(ms, resolve)
  })
  for (const { id } of world.server.batches(world.clock.now())) {
    world.server.receive(world.clock.now(), world.clock.trueTime(), {
      method: 'POST',
      path: `/v1/messages/batches/${id}/cancel`,
      headers: { 'x-api-key': 'sk-ant-world', 'anthropic-version': '2023-06-01' },
      body: new Uint8Array(),
    })
  }
}

describe('forms of the output', () => {
  test('in the order of the input', async () => {
    const world = new BatchWorld(60, {}, { rowsMax: 20 })
    const { summary } = await world.live({ ...via, ordered: true })
    expect(counts(summary)).toEqual([60, 0, 0])
    expect(world.lines().map(({ custom_id: id }) => id)).toEqual(idsOf(60))
  })

  test('in the order of the input, with leftovers', async () => {
    const world = new BatchWorld(60, { faults: { 'batch-request-error': 0.3 } }, { rowsMax: 20 })
    const { summary } = await world.live({ ...via, ordered: true, maxAttempts: 20 })
    expect(counts(summary)).toEqual([60, 0, 0])
    expect(world.lines().map(({ custom_id: id }) => id)).toEqual(idsOf(60))
  })

  test('with the request beside the answer', async () => {
    const world = new BatchWorld(10)
    await world.live({ ...via, includeRequest: true })
    for (const { custom_id: id, request } of world.lines())
      expect(request?.messages[0]?.content).toBe(id)
  })
})

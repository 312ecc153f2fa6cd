/**
 * Batches whose creation was not answered: found, waited for, told from those of others, and sent
 * again only when there is none.
 */

import { describe, expect, test } from 'vitest'
import type { SimulatorOptions } from '../../src/simulator/index.ts'
import { BatchWorld, idsOf, judge, via } from './batch-world.ts'
import type { Life } from './life.ts'
import { counts } from './small-world.ts'

const minute = 60_000
const hour = 60 * minute

/** Of so many creations, these are lost on the way: in the server, or before it. */
function losing(world: BatchWorld, which: readonly number[], where: 'there' | 'back'): void {
  const { server } = world
  const receive = server.receive.bind(server)
  let creations = 0
  server.receive = (now, wallTime, wire) => {
    const isCreation = wire.method === 'POST' && wire.path === '/v1/messages/batches'
    if (!isCreation || !which.includes(creations++)) return receive(now, wallTime, wire)
    if (where === 'back') receive(now, wallTime, wire)
    return { id: -1, step: { actions: [{ type: 'reset' }] } }
  }
}

/** Somebody else of the organisation submits a batch of that size. */
function foreignBatch(world: BatchWorld, rows: number): void {
  const requests = Array.from({ length: rows }, (_, index) => ({
    custom_id: `theirs-${index}`,
    params: {
      model: 'claude-haiku-4-5',
      max_tokens: 10,
      messages: [{ role: 'user', content: `Theirs ${index}` }],
    },
  }))
  world.server.receive(world.clock.now(), world.clock.trueTime(), {
    method: 'POST',
    path: '/v1/messages/batches',
    headers: { 'x-api-key': 'sk-ant-other', 'anthropic-version': '2023-06-01' },
    body: Buffer.from(JSON.stringify({ requests })),
  })
}

function lostOf({ events }: Life): readonly unknown[] {
  return events.filter(({ type }) => type === 'batch_lost')
}

const running: SimulatorOptions = { batchDurationMs: 2 * hour }

describe('a create whose reply was lost', () => {
  test('is found by the nonce of its first result, and nothing is paid twice', async () => {
    const world = new BatchWorld(30, running)
    losing(world, [0], 'back')
    const { life, summary } = await world.live(via)
    expect(counts(summary)).toEqual([30, 0, 0])
    expect(lostOf(life)).toEqual([])
    expect(judge(world, idsOf(30))).toEqual([])
    expect(world.server.batches(world.clock.now())).toHaveLength(1)
    expect(summary.snapshot.possiblyBilledTwice.rows).toBe(0)
  })

  test('that never came is sent again after ten minutes, and counted', async () => {
    const world = new BatchWorld(30, { batchDurationMs: minute })
    losing(world, [0], 'there')
    const { life, summary } = await world.live(via)
    expect(counts(summary)).toEqual([30, 0, 0])
    expect(lostOf(life)).toEqual([expect.objectContaining({ id: null, rows: 30 })])
    const { possiblyBilledTwice: unknown } = summary.snapshot
    expect(unknown).toMatchObject({ rows: 30, attempts: 30 })
    // Each at most 100 tokens of answer and a token a byte, at half of $1 and $5 a million.
    expect(unknown.costNanoUsdMax).toBeGreaterThan((30 * 100 * 5000) / 2)
    expect(unknown.costNanoUsdMax).toBeLessThan((30 * (100 * 5000 + 600 * 1000)) / 2)
    expect(world.lines().every(({ run }) => run.unknown_attempts === 1)).toBe(true)
    expect(world.clock.now()).toBeGreaterThan(10 * minute)
    expect(world.clock.now()).toBeLessThan(14 * minute)
  })

  test('is not mistaken for one of others, of the same size', async () => {
    const world = new BatchWorld(30, running)
    losing(world, [0], 'there')
    world.clock.after(minute, () => foreignBatch(world, 30))
    world.clock.after(2 * minute, () => foreignBatch(world, 30))
    const { life, summary } = await world.live(via)
    expect(counts(summary)).toEqual([30, 0, 0])
    expect(lostOf(life)).toHaveLength(1)
    expect(judge(world, idsOf(30))).toEqual([])
    // While theirs ran it might have been ours.
    expect(world.clock.now()).toBeGreaterThan(4 * hour)
  })

  test('is told from another of ours, of the same size', async () => {
    const world = new BatchWorld(40, running, { rowsMax: 20 })
    losing(world, [0, 1], 'back')
    const { life, summary } = await world.live(via)
    expect(counts(summary)).toEqual([40, 0, 0])
    expect(lostOf(life)).toEqual([])
    expect(judge(world, idsOf(40))).toEqual([])
    expect(world.server.batches(world.clock.now())).toHaveLength(2)
  })

  test('is told from another of ours, of which one never came', async () => {
    const world = new BatchWorld(40, running, { rowsMax: 20 })
    losing(world, [0], 'there')
    losing(world, [1], 'back')
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([40, 0, 0])
    expect(judge(world, idsOf(40))).toEqual([])
    expect(summary.snapshot.possiblyBilledTwice.rows).toBe(20)
  })

  test.each([-5 * hour, 5 * hour])('is found by a clock that is %i ms off', async (off) => {
    const world = new BatchWorld(30, running)
    world.clock.stepWall(off)
    losing(world, [0], 'back')
    const { life, summary } = await world.live(via)
    expect(counts(summary)).toEqual([30, 0, 0])
    expect(lostOf(life)).toEqual([])
    expect(judge(world, idsOf(30))).toEqual([])
  })

  test('is counted by the run that goes on, too', async () => {
    const world = new BatchWorld(30, running)
    losing(world, [0], 'there')
    const death = { kind: 'kill', afterMs: 30 * minute, midWrite: false } as const
    await world.try(via, death)
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([30, 0, 0])
    expect(summary.snapshot.possiblyBilledTwice).toMatchObject({ rows: 30, attempts: 30 })
  })

  test('leaves others to be collected while the queue has no room for it', async () => {
    const world = new BatchWorld(
      40,
      { batchDurationMs: hour, batchQueuedRequests: 20 },
      {
        rowsMax: 20,
      },
    )
    losing(world, [0], 'there')
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([40, 0, 0])
    expect(judge(world, idsOf(40))).toEqual([])
  })

  test('with --detach is left to the next run while one that may be it runs on', async () => {
    const world = new BatchWorld(30, running)
    losing(world, [0], 'back')
    const { summary } = await world.live({ ...via, detach: true })
    expect(summary.exitCode).toBe(5)
    expect(world.clock.now()).toBeLessThan(minute)
    const { summary: last } = await world.live(via)
    expect(counts(last)).toEqual([30, 0, 0])
    expect(world.server.bodies).toHaveLength(1)
  })
})

describe('a create that is answered late', () => {
  test('is waited for, and not looked for meanwhile', async () => {
    // One that is watched meanwhile keeps the run awake.
    const world = new BatchWorld(60, { batchDurationMs: 10 * minute }, { rowsMax: 30 })
    const { server } = world
    const receive = server.receive.bind(server)
    let creations = 0
    const advance = server.advance.bind(server)
    let late: ReturnType<typeof receive> | undefined
    server.receive = (now, wallTime, wire) => {
      const reception = receive(now, wallTime, wire)
      if (wire.method !== 'POST' || ++creations !== 2) return reception
      late = reception
      return { id: -7, step: { actions: [], nextAt: now + 30 * minute } }
    }
    server.advance = (now, wallTime, id) =>
      id === -7 && late !== undefined ? late.step : advance(now, wallTime, id)
    const { life, summary } = await world.live(via)
    expect(counts(summary)).toEqual([60, 0, 0])
    const types = life.events.map(({ type }) => type)
    expect(types.filter((type) => type === 'batch_submitted')).toHaveLength(2)
    expect(types).not.toContain('batch_lost')
    expect(world.beside()).toEqual([])
    expect(judge(world, idsOf(60))).toEqual([])
  })
})

describe('results of others', () => {
  test('that cannot be read for now decide nothing', async () => {
    const world = new BatchWorld(30, { batchDurationMs: 0 })
    losing(world, [0], 'back')
    const { server } = world
    const receive = server.receive.bind(server)
    let downloads = 0
    server.receive = (now, wallTime, wire) => {
      const isLost = wire.path.endsWith('/results') && downloads++ < 3
      if (isLost) server.setFaults({ 'batch-not-found': 1 })
      const reception = receive(now, wallTime, wire)
      server.setFaults({})
      return reception
    }
    const { life, summary } = await world.live(via)
    expect(counts(summary)).toEqual([30, 0, 0])
    expect(lostOf(life)).toEqual([])
    expect(world.server.batches(world.clock.now())).toHaveLength(1)
  })
})

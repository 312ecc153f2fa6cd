/**
 * What else befalls a run that chooses between batches and live requests: forms of the output,
 * pools, stops, budgets, and rows that are wrong.
 */

import { describe, expect, test } from 'vitest'
import type { SimulatorOptions } from '../../src/simulator/index.ts'
import { BatchWorld, failed, folder, idsOf, judge, namedRows } from './batch-world.ts'
import { counts } from './small-world.ts'

const minute = 60_000
const hour = 60 * minute
const times = { batchMedianMs: 20 * minute, batchP95Ms: hour, batchDrainMs: minute }
/** Most rows are taken out of batches: these end after the deadline. */
const auto = { via: 'auto', deadline: 40 * minute, ...times } as const
const slow: SimulatorOptions = {
  batchDurationMs: hour,
  batchDrainMs: 30_000,
  requestsPerMinute: 60,
  latencyMs: 3000,
}

describe('forms of the output', () => {
  test('in the order of the input', async () => {
    const world = new BatchWorld(200, slow)
    const { summary } = await world.live({ ...auto, ordered: true })
    expect(counts(summary)).toEqual([200, 0, 0])
    expect(summary.snapshot.batches.cut).toBeGreaterThan(10)
    expect(world.lines().map(({ custom_id: id }) => id)).toEqual(idsOf(200))
  })

  test('with the request beside the answer', async () => {
    const world = new BatchWorld(100, slow)
    await world.live({ ...auto, includeRequest: true })
    expect(world.lines()).toHaveLength(100)
    for (const { custom_id: id, request } of world.lines()) {
      expect(request?.messages[0]?.content).toBe(id)
    }
  })

  test('of the first rows alone, and of all later', async () => {
    const world = new BatchWorld(100, slow)
    const { summary } = await world.live({ ...auto, first: 30 })
    expect(counts(summary)).toEqual([30, 0, 0])
    const { summary: all } = await world.live(auto)
    expect(counts(all)).toEqual([100, 0, 0])
    expect(judge(world, idsOf(100))).toEqual([])
    expect(world.server.askedBeside).toEqual([])
  })
})

describe('pools', () => {
  const sonnet = namedRows(300, 1000).map((row, index) => ({
    custom_id: `Row ${1000 + index}`,
    params: { ...(Reflect.get(row, 'params') as object), model: 'claude-sonnet-5' },
  }))
  const haiku = namedRows(60)

  test('that have time for their rows leave these in batches', async () => {
    // Sonnet's rows take half an hour live, Haiku's a minute.
    const world = new BatchWorld([...haiku, ...sonnet], { ...slow, requestsPerMinute: 10 })
    const { summary } = await world.live({ ...auto, deadline: 50 * minute })
    expect(counts(summary)).toEqual([360, 0, 0])
    const live = world.lines().filter(({ run }) => run.batch_id === undefined)
    const ofSonnet = live.filter(({ custom_id: id }) => Number(id.slice(4)) >= 1000)
    expect(ofSonnet.length / 300).toBeGreaterThan(0.5)
    expect((live.length - ofSonnet.length) / 60).toBeLessThan(0.9)
  })

  test('and bounds on all of them are kept', async () => {
    const world = new BatchWorld([...haiku, ...sonnet], slow)
    const bounded = { ...auto, deadline: 2 * hour, maxRequestsPerMinute: 6 }
    const { summary, life } = await world.live(bounded)
    expect(counts(summary)).toEqual([360, 0, 0])
    const sends = life.events.filter(({ type }) => type === 'attempt_started')
    for (const [index, { at }] of sends.entries()) {
      expect((sends[index + 6]?.at ?? Infinity) - at).toBeGreaterThanOrEqual(minute - 1)
    }
    expect(summary.boundExcess).toBeDefined()
  })
})

describe('rows that are wrong', () => {
  const wrong = { custom_id: 'wrong', params: { ...body('wrong'), temperature: 7 } }
  const none = { custom_id: 'none', params: { model: 'claude-haiku-4-5', max_tokens: 10 } }
  const fast = {
    custom_id: 'fast',
    params: { ...body('fast'), model: 'claude-opus-4-6', speed: 'fast' },
  }

  test('fail alone, wherever they are asked; what batches do not take is asked live', async () => {
    const rows = [...namedRows(50), wrong, none, fast]
    for (const server of [slow, { ...slow, batchDurationMs: minute }]) {
      const world = new BatchWorld(rows, server)
      const { summary } = await world.live(auto)
      expect(counts(summary)).toEqual([51, 2, 0])
      const failures = world.lines(failed).map(({ custom_id: id }) => id)
      expect(failures.toSorted()).toEqual(['none', 'wrong'])
      expect(world.server.live.get('fast')).toBe(1)
      const { summary: again } = await world.live({ ...auto, retryFailed: true })
      expect(counts(again)).toEqual([51, 2, 0])
      expect(world.lines(failed)).toHaveLength(2)
    }
  })

  test('stop a run that burns its file', async () => {
    const rows = namedRows(300).map((row, index) => {
      const params = { ...(Reflect.get(row, 'params') as object), temperature: 7 }
      return { custom_id: `Row ${index}`, params }
    })
    const world = new BatchWorld(rows, slow)
    const { summary } = await world.live({ ...auto, deadline: 5 * minute })
    expect(summary.stopped?.code).toBe('SAME_ERROR')
    expect(summary.rows.selected).toBe(
      summary.rows.succeeded + summary.rows.failed + summary.rows.left,
    )
  })

  test.each([2, 40])('more of them than --max-failed lets stop it: %i min', async (min) => {
    const also = { custom_id: 'also', params: { ...body('also'), temperature: 8 } }
    const world = new BatchWorld([...namedRows(60), wrong, also], slow)
    const options = { ...auto, deadline: min * minute, maxFailed: { count: 1 } }
    const { summary } = await world.live(options)
    expect(summary.stopped?.code).toBe('TOO_MANY_FAILED')
  })

  test('of a model that does not exist are left, and no other', async () => {
    const gone = { custom_id: 'gone', params: { ...body('gone'), model: 'claude-none' } }
    const world = new BatchWorld([...namedRows(40), gone], slow)
    const { summary } = await world.live(auto)
    expect(summary.rows.succeeded).toBe(40)
    expect(summary.exitCode).not.toBe(0)
  })
})

function body(content: string): object {
  return { model: 'claude-haiku-4-5', max_tokens: 100, messages: [{ role: 'user', content }] }
}

test('one try is enough for rows that are taken out: that is no try', async () => {
  const world = new BatchWorld(80, slow)
  const { summary } = await world.live({ ...auto, maxAttempts: 1 })
  expect(counts(summary)).toEqual([80, 0, 0])
  const live = world.lines().filter(({ run }) => run.batch_id === undefined)
  expect(live.length).toBeGreaterThan(20)
  for (const { run } of live) expect(run.attempts).toBe(1)
})

describe('a stop', () => {
  test.each(Array.from({ length: 24 }, (_, index) => index))('by ^C: %i', async (index) => {
    const world = new BatchWorld(120, { ...slow, seed: index })
    const steps = [1, 20, 200, 3000, 6000, 20_000, 30, 35, 38, 38.5, 39, 39.5]
    const step = steps[index % 12] ?? 1
    const afterMs = index % 12 < 6 ? step : step * minute
    const { summary } = await world.live(auto, { kind: 'interrupt', afterMs, midWrite: false })
    const { selected, succeeded, failed: failures, left } = summary.rows
    expect(selected).toBe(succeeded + failures + left)
    if (summary.stopped !== null) expect(summary.stopped.code).toBe('INTERRUPTED')
    const { summary: all } = await world.live(auto)
    expect(counts(all)).toEqual([120, 0, 0])
    expect(judge(world, idsOf(120))).toEqual([])
    expect(world.server.askedBeside).toEqual([])
    // An answer that was read is not bought again.
    for (const [words, times] of world.server.live) expect(times, words).toBeLessThanOrEqual(2)
    expect(world.disk.list(folder)).toEqual([])
  })

  test('by a key that is refused, in the midst of it', async () => {
    const world = new BatchWorld(100, { ...slow, keys: ['sk-ant-world'] })
    world.clock.after(36 * minute, () => {
      world.key = 'sk-ant-other'
    })
    const { summary } = await world.live(auto)
    expect(summary.stopped?.code).toBe('KEY_REFUSED')
    world.key = 'sk-ant-world'
    const { summary: all } = await world.live(auto)
    expect(counts(all)).toEqual([100, 0, 0])
    expect(judge(world, idsOf(100))).toEqual([])
  })
})

test('a deadline is forgotten with the last row, however that is asked', async () => {
  const world = new BatchWorld(80, slow)
  const death = { kind: 'interrupt', afterMs: 5000, midWrite: false } as const
  await world.live({ ...auto, first: 10, deadline: minute }, death)
  const beside = () => world.disk.list(folder).filter((name) => name === 'deadline.json')
  expect(beside()).toEqual(['deadline.json'])
  await world.live()
  expect(beside()).toEqual([])
})

describe('a queue of batches that is full', () => {
  // Of batches of five rows four have room, and none ends; or none ever has.
  test.each([22, 3])('is no reason to miss the deadline: %i', async (batchQueuedRequests) => {
    const world = new BatchWorld(200, { ...slow, batchQueuedRequests })
    const { summary } = await world.live(auto)
    expect(counts(summary)).toEqual([200, 0, 0])
    expect(summary.snapshot.deadline?.leftMs).toBeGreaterThanOrEqual(0)
    expect(world.server.askedBeside).toEqual([])
    expect(world.disk.list(folder)).toEqual([])
  })
})

describe('a full disk', () => {
  test('keeps rows that are all asked live from being sent', async () => {
    const world = new BatchWorld(300, slow)
    world.clock.after(2 * minute, () => world.disk.failWrites('ENOSPC', { after: 700 }))
    world.clock.after(32 * minute, () => world.disk.failWrites(undefined))
    const { life, summary } = await world.live({ ...auto, deadline: minute, patienceMs: 2 * hour })
    expect(counts(summary)).toEqual([300, 0, 0])
    const codes = life.events.filter(({ type }) => type === 'output_blocked')
    const [from = 0, to = 0] = codes.map(({ at }) => at)
    expect(to - from).toBeGreaterThan(29 * minute)
    const sends = life.events.filter(
      ({ type, at }) => type === 'attempt_started' && at > from && at < to,
    )
    expect(sends).toEqual([])
  })

  test.each([5, 35.5, 36.5])(
    'after %i minutes: nothing is sent until there is room',
    async (min) => {
      const world = new BatchWorld(150, slow)
      const beforeMs = min * minute
      world.clock.after(beforeMs, () => world.disk.failWrites('ENOSPC', { after: 700 }))
      world.clock.after(beforeMs + 30 * minute, () => world.disk.failWrites(undefined))
      const { life, summary } = await world.live({ ...auto, patienceMs: 2 * hour })
      expect(counts(summary)).toEqual([150, 0, 0])
      expect(judge(world, idsOf(150))).toEqual([])
      expect(world.server.askedBeside).toEqual([])
      const codes = life.events.flatMap((event) => (event.type === 'output_blocked' ? [event] : []))
      const [blocked, freed] = codes
      expect([blocked?.code, freed?.code]).toEqual(['ENOSPC', null])
      const isBlocked = (at: number): boolean =>
        at > (blocked?.at ?? Infinity) && at < (freed?.at ?? 0)
      const sends = life.events.filter(
        ({ type, at }) => type === 'attempt_started' && isBlocked(at),
      )
      expect(sends).toEqual([])
    },
  )
})

describe('a budget', () => {
  test('holds for rows that are all asked live, at the price of these', async () => {
    const world = new BatchWorld(120, {
      requestsPerMinute: 6000,
      latencyMs: 10_000,
      outputTokens: 200,
      outputSigma: 0,
    })
    const { summary } = await world.live({ ...auto, deadline: minute, maxBudgetUsd: 0.03 })
    expect(summary.snapshot.costNanoUsd).toBeGreaterThan(20_000_000)
    expect(summary.snapshot.costNanoUsd).toBeLessThanOrEqual(30_000_000)
    expect(summary.stopped?.code).toBe('BUDGET_REACHED')
  })

  test('is not passed, by batches and live requests together', async () => {
    for (const maxBudgetUsd of [0.01, 0.03]) {
      const world = new BatchWorld(120, { ...slow, outputTokens: 200, outputSigma: 0 })
      const { summary } = await world.live({ ...auto, maxBudgetUsd })
      const { batches } = world.server.totals
      const inBatches = batches.inputTokens * 500 + batches.outputTokens * 2500
      expect(inBatches).toBeLessThanOrEqual(maxBudgetUsd * 1e9)
      const { spent = 0, unknown = 0 } = summary.snapshot.budget?.usd ?? {}
      expect(spent + unknown).toBeLessThanOrEqual(maxBudgetUsd * 1e9)
      expect(summary.snapshot.costNanoUsd).toBeLessThanOrEqual(maxBudgetUsd * 1e9)
      expect(summary.stopped?.code).toBe('BUDGET_REACHED')
      const { summary: all } = await world.live({ ...auto, maxBudgetUsd: 1 })
      expect(counts(all)).toEqual([120, 0, 0])
      expect(judge(world, idsOf(120))).toEqual([])
    }
  })
})

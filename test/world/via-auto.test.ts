/**
 * A run that chooses between batches and live requests, in the world: whole lives of it, with
 * batches that take as long as they like.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../../src/random.ts'
import type { SimulatorOptions } from '../../src/simulator/index.ts'
import { BatchWorld, folder, idsOf, judge, namedRows } from './batch-world.ts'
import { counts } from './small-world.ts'

const minute = 60_000
const hour = 60 * minute
const auto = { via: 'auto' } as const

describe('a run that chooses', () => {
  test('puts all rows into batches where no deadline is given', async () => {
    const world = new BatchWorld(50, { batchDurationMs: hour })
    const { summary } = await world.live(auto)
    expect(counts(summary)).toEqual([50, 0, 0])
    expect(summary.snapshot.batches.answers).toBe(50)
    expect(judge(world, idsOf(50))).toEqual([])
    expect(world.disk.list(folder)).toEqual([])
  })

  test('asks all live where there is no time for batches', async () => {
    const world = new BatchWorld(50, { batchDurationMs: hour })
    const { summary } = await world.live({ ...auto, deadline: 2 * minute })
    expect(counts(summary)).toEqual([50, 0, 0])
    expect(summary.snapshot.batches.answers).toBe(0)
    expect(summary.snapshot.deadline?.leftMs).toBeGreaterThan(0)
  })

  test('takes rows out of batches in time', async () => {
    const world = new BatchWorld(400, { batchDurationMs: 10 * hour, batchDrainMs: 5 * minute })
    const { summary } = await world.live({ ...auto, deadline: 2 * hour })
    expect(counts(summary)).toEqual([400, 0, 0])
    expect(summary.snapshot.deadline?.leftMs).toBeGreaterThan(0)
    expect([...world.lineCounts().values()]).toEqual(Array.from({ length: 400 }, () => 1))
  })
})

describe('what rows need is not known beforehand', () => {
  /** Answers of 3,500 tokens, of which 100,000 a minute are let through. */
  const wordy = {
    outputTokensPerMinute: 100_000,
    outputTokens: 3500,
    outputSigma: 0,
    latencyMs: 20_000,
    batchDrainMs: minute,
  }
  const rows = namedRows(400).map((row, index) => {
    const params = { ...(Reflect.get(row, 'params') as object), max_tokens: 4000 }
    return { custom_id: `Row ${index}`, params }
  })

  test('the most is counted with, and the deadline met', async () => {
    const world = new BatchWorld(rows, { ...wordy, batchDurationMs: 10 * hour })
    const options = { ...auto, deadline: 35 * minute, batchDrainMs: minute }
    const { summary } = await world.live(options)
    expect(counts(summary)).toEqual([400, 0, 0])
    expect(summary.snapshot.deadline).toMatchObject({ isGuaranteed: true, isJudged: true })
    expect(summary.snapshot.deadline?.leftMs).toBeGreaterThan(0)
  })

  test('answers tell what they are, and more is left to batches', async () => {
    // Twenty answers tell that these are as short as can be: live requests take a minute.
    const many = [...rows, ...namedRows(3600, 400)].map((row) => row)
    const world = new BatchWorld(many, {
      ...wordy,
      outputTokens: 100,
      batchDurationMs: 12 * minute,
      batchDurationSigma: 0,
    })
    const { summary } = await world.live({ ...auto, deadline: 40 * minute })
    expect(counts(summary)).toEqual([4000, 0, 0])
    expect(summary.snapshot.batches.answers).toBeGreaterThan(3900)
  })
})

/** A world within what is assumed: limits are shown, batches take what they are said to take. */
function drawn(seed: number) {
  const random = new Random(seed)
  const rows = random.pick([60, 200, 500, 900])
  const rpm = random.pick([20, 50, 100])
  const medianMs = random.pick([5, 20, 60]) * minute
  const sigma = random.pick([0.3, 0.6, 1])
  const p95Ms = medianMs * Math.exp(1.645 * sigma)
  const drainMs = random.pick([10_000, minute, 5 * minute])
  const liveMs = (rows / rpm / 0.9) * minute
  const isShort = random.chance(0.2)
  const spareMs = 6 * minute + drainMs + random.float() * random.pick([0.2, 1, 3]) * medianMs
  const deadline = Math.round(isShort ? liveMs * (0.5 + 0.4 * random.float()) : liveMs + spareMs)
  const server: SimulatorOptions = {
    seed,
    requestsPerMinute: rpm,
    inputTokensPerMinute: random.pick([null, rpm * 40]),
    outputTokensPerMinute: random.pick([null, rpm * 120]),
    latencyMs: random.pick([700, 5000, 15_000]),
    latencySigma: random.pick([0, 0.5, 1]),
    batchDurationMs: medianMs * Math.exp((sigma * sigma) / 2),
    batchDurationSigma: sigma,
    batchDrainMs: drainMs * (0.5 + 0.45 * random.float()),
  }
  const times = { batchMedianMs: medianMs, batchP95Ms: p95Ms, batchDrainMs: drainMs }
  return { rows, server, options: { ...auto, ...times, deadline } }
}

describe('50 worlds within what is assumed', () => {
  const ended: { readonly cost: number; readonly expected: number }[] = []

  test.each(Array.from({ length: 50 }, (_, seed) => seed + 1))(
    'seed %i: the deadline is met, or was said not to be certain',
    async (seed) => {
      const { rows, server, options } = drawn(seed)
      const world = new BatchWorld(rows, server)
      const { summary, life } = await world.live(options)
      expect(counts(summary)).toEqual([rows, 0, 0])
      expect([...world.lineCounts().values()]).toEqual(Array.from({ length: rows }, () => 1))
      expect(judge(world, idsOf(rows))).toEqual([])
      expect(world.server.askedBeside).toEqual([])
      const planned = life.events.find((event) => event.type === 'split_planned')
      const { deadline, costNanoUsd } = summary.snapshot
      expect(deadline?.isGuaranteed).toBe(planned?.plan.isGuaranteed)
      if (deadline?.isGuaranteed === true) expect(deadline.leftMs).toBeGreaterThanOrEqual(0)
      ended.push({ cost: costNanoUsd, expected: planned?.plan.cost?.expected ?? 0 })
    },
  )

  test('the cost is what was expected, or less: canceled batches have done a part', () => {
    const of = (sum: number, { cost, expected }: { cost: number; expected: number }): number =>
      sum + cost / expected
    expect(ended).toHaveLength(50)
    expect(ended.reduce(of, 0) / ended.length).toBeLessThan(1.02)
  })
})

describe('worlds outside of it are told of', () => {
  const slow = { batchDurationMs: 10 * hour, batchDrainMs: minute }
  const times = { batchMedianMs: 20 * minute, batchP95Ms: hour, batchDrainMs: minute }

  /** What was said of the deadline, before and after. */
  async function told(world: BatchWorld, deadline: number, more: object = {}) {
    const { summary, life } = await world.live({ ...auto, ...times, deadline, ...more })
    const notices = life.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))
    const isLate = notices.some((message) => message.includes('the deadline has passed'))
    const [started] = life.events
    const inTime = life.events.filter(
      ({ type, at }) => type === 'row_succeeded' && at <= (started?.at ?? 0) + deadline,
    ).length
    return { rows: counts(summary), deadline: summary.snapshot.deadline, isLate, inTime }
  }

  test('canceling that takes longer than assumed', async () => {
    const world = new BatchWorld(300, { ...slow, batchDrainMs: 40 * minute })
    const { rows, deadline, isLate } = await told(world, hour)
    expect(rows).toEqual([300, 0, 0])
    expect(deadline?.isGuaranteed).toBe(true)
    expect(deadline?.leftMs).toBeLessThan(0)
    expect(isLate).toBe(true)
  })

  test('limits that fall while it goes on', async () => {
    const world = new BatchWorld(300, { ...slow, requestsPerMinute: 60 })
    world.clock.after(20 * minute, () => {
      world.server.setLimits(world.clock.now(), { requestsPerMinute: 5 })
    })
    const { rows, deadline, isLate } = await told(world, 40 * minute)
    expect(rows).toEqual([300, 0, 0])
    expect(deadline?.isGuaranteed).toBe(true)
    expect(deadline?.leftMs).toBeLessThan(0)
    expect(isLate).toBe(true)
  })

  test('more rows than live requests have time for', async () => {
    const world = new BatchWorld(600, { ...slow, requestsPerMinute: 20 })
    const { rows, deadline, isLate, inTime } = await told(world, 20 * minute)
    expect(rows).toEqual([600, 0, 0])
    expect(deadline?.isGuaranteed).toBe(false)
    expect(isLate).toBe(true)
    // Live requests were kept busy up to the deadline: a full bucket of 20, and 20 minutes more.
    expect(inTime).toBeGreaterThan(0.9 * 420)
  })

  test('a deadline that has passed when it starts', async () => {
    const world = new BatchWorld(30)
    const { rows, deadline, isLate } = await told(world, 0, { deadline: '2020-01-01T00:00:00Z' })
    expect(rows).toEqual([30, 0, 0])
    expect(deadline?.isGuaranteed).toBe(false)
    expect(deadline?.leftMs).toBeLessThan(0)
    expect(isLate).toBe(true)
  })

  test('limits that no reply shows', async () => {
    const world = new BatchWorld(200, { ...slow, headers: false, requestsPerMinute: 100 })
    const { rows, deadline } = await told(world, 90 * minute)
    expect(rows).toEqual([200, 0, 0])
    expect(deadline?.leftMs).toBeGreaterThanOrEqual(0)
  })
})

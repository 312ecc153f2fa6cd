/**
 * A pilot: some rows, spread over the file, are asked before the others, and count.
 */

import { describe, expect, test } from 'vitest'
import { BatchWorld, failed, idsOf, judge, namedRows } from './batch-world.ts'
import { counts } from './small-world.ts'

const bad = { custom_id: 'bad', params: { model: 'claude-haiku-4-5', max_tokens: 10 } }

function numbers(world: BatchWorld): readonly number[] {
  return world.lines().map(({ custom_id: id }) => Number(id.slice(4)))
}

describe('a pilot', () => {
  test('asks rows spread over the file, each of them once', async () => {
    const world = new BatchWorld(500)
    const { summary } = await world.live({ pilot: 20 })
    expect(counts(summary)).toEqual([20, 0, 0])
    expect(summary.exitCode).toBe(0)
    const asked = numbers(world).toSorted((a, b) => a - b)
    for (const [index, number] of asked.entries()) {
      expect(Math.abs(number - index * 25)).toBeLessThanOrEqual(50)
    }
    const { summary: all } = await world.live()
    expect(counts(all)).toEqual([500, 0, 0])
    for (const times of world.server.live.values()) expect(times).toBe(1)
    expect(judge(world, idsOf(500))).toEqual([])
  })

  test('takes rows that have no answer, and no line that is no request', async () => {
    const world = new BatchWorld([...namedRows(40), bad])
    await world.live({ first: 30 })
    const { summary } = await world.live({ pilot: 8 })
    expect(summary.rows).toEqual({ selected: 8, succeeded: 8, failed: 0, left: 0 })
    expect(
      numbers(world)
        .slice(30)
        .every((number) => number >= 30),
    ).toBe(true)
    expect(world.lines(failed)).toEqual([])
    const { summary: all } = await world.live()
    expect(counts(all)).toEqual([40, 1, 0])
  })

  test('of more rows than there are is all of them; of none, nothing', async () => {
    const world = new BatchWorld(5)
    const { summary } = await world.live({ pilot: 50 })
    expect(counts(summary)).toEqual([5, 0, 0])
    const { summary: again } = await world.live({ pilot: 50 })
    expect(again.rows.selected).toBe(0)
    expect(again.exitCode).toBe(0)
    expect(world.lines()).toHaveLength(5)
  })

  test('is among the first rows, where only these are asked for', async () => {
    const world = new BatchWorld(100)
    await world.live({ pilot: 5, first: 10 })
    expect(numbers(world).every((number) => number < 10)).toBe(true)
  })

  test('leaves the output in order, once all is asked', async () => {
    const world = new BatchWorld(60)
    await world.live({ pilot: 7, ordered: true })
    const { summary } = await world.live({ ordered: true })
    expect(counts(summary)).toEqual([60, 0, 0])
    expect(world.lines().map(({ custom_id: id }) => id)).toEqual(idsOf(60))
  })

  test('is asked live, and batches ask the rest', async () => {
    const world = new BatchWorld(60)
    const { summary } = await world.live({ pilot: 6, via: 'batches' })
    expect(summary.snapshot.batches.answers).toBe(0)
    const { summary: all } = await world.live({ via: 'batches' })
    expect(counts(all)).toEqual([60, 0, 0])
    expect(all.snapshot.batches.answers).toBe(54)
    expect(judge(world, idsOf(60))).toEqual([])
  })

  test('asks rows that had failed, where these are asked again, and their old lines go', async () => {
    const world = new BatchWorld(30, { faults: { 'batch-request-error': 1 } })
    await world.live({ via: 'batches', maxAttempts: 1 })
    expect(world.lines(failed)).toHaveLength(30)
    const { summary } = await world.live({ pilot: 10, retryFailed: true })
    expect(counts(summary)).toEqual([10, 0, 0])
    expect(world.lines(failed)).toHaveLength(20)
  })

  test('that is killed is asked for no more than is left', async () => {
    const world = new BatchWorld(100, { latencyMs: 3000 })
    const { ending } = await world.try(
      { pilot: 20 },
      { kind: 'kill', afterMs: 4000, midWrite: false },
    )
    expect(ending.type).toBe('kill')
    const { summary } = await world.live()
    expect(counts(summary)).toEqual([100, 0, 0])
    expect([...world.lineCounts().values()]).toEqual(Array.from({ length: 100 }, () => 1))
  })
})

/**
 * A run by batches that is left, killed, or meets a full disk, and is gone on with: what was paid
 * for is collected once, whatever the input has become.
 */

import { describe, expect, test } from 'vitest'
import type { RunOptions } from '../../src/settings.ts'
import { BatchWorld, failed, folder, idsOf, judge, namedRows, via } from './batch-world.ts'
import { counts, output } from './small-world.ts'

const hour = 3_600_000
const day = 24 * hour
const detached = { ...via, detach: true } as const

/** The world goes on without us. */
function pass(world: BatchWorld, ms: number): Promise<void> {
  return world.clock.runUntil(
    new Promise((resolve) => {
      world.clock.after(ms, resolve)
    }),
  )
}

async function detach(world: BatchWorld, more: Partial<RunOptions> = {}): Promise<void> {
  const { summary } = await world.live({ ...detached, ...more })
  expect(summary.stopped?.code).toBe('BATCHES_OUTSTANDING')
  expect(summary.exitCode).toBe(5)
  await pass(world, 3 * hour)
}

describe('--detach', () => {
  test('ends when all is submitted; the same run collects', async () => {
    const world = new BatchWorld(60, { batchDurationMs: hour }, { rowsMax: 20 })
    const { summary } = await world.live(detached)
    expect(counts(summary)).toEqual([0, 0, 60])
    expect(summary.exitCode).toBe(5)
    expect(world.server.bodies).toHaveLength(3)
    const { summary: again } = await world.live(detached)
    expect(again.exitCode).toBe(5)
    expect(world.server.bodies).toHaveLength(3)
    await pass(world, 2 * hour)
    const { summary: last } = await world.live(detached)
    expect(counts(last)).toEqual([60, 0, 0])
    expect(last.exitCode).toBe(0)
    expect(judge(world, idsOf(60))).toEqual([])
    expect(world.beside()).toEqual([])
  })

  test('leaves what is cancelled for the run after', async () => {
    const world = new BatchWorld(20, { faults: { 'batch-request-error': 0.5 } })
    await detach(world)
    const { summary } = await world.live(detached)
    expect(summary.rows.left).toBeGreaterThan(0)
    expect(summary.exitCode).toBe(5)
    expect(world.server.bodies).toHaveLength(2)
  })

  test('of rows that had failed: the run after need not say so again', async () => {
    const server = { faults: { 'batch-request-error': 1 } }
    const world = new BatchWorld(6, server)
    await world.live({ ...via, maxAttempts: 1 })
    expect(world.lines(failed)).toHaveLength(6)
    world.server.setFaults({})
    await detach(world, { retryFailed: true })
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([6, 0, 0])
    expect(summary.notInInput).toBe(0)
    expect(judge(world, idsOf(6))).toEqual([])
  })

  test('keeps rows from being asked live, and the output from being put aside', async () => {
    const world = new BatchWorld(20, { batchDurationMs: hour })
    await world.live(detached)
    for (const options of [{}, { ...via, overwrite: true }, { overwrite: true }]) {
      const { ending } = await world.try(options)
      expect(ending).toMatchObject({ type: 'refused', error: { code: 'BATCHES_OUTSTANDING' } })
    }
    expect(world.paid().size).toBe(0)
  })
})

describe('an input that was edited meanwhile', () => {
  const rows = namedRows(30)

  test.each([false, true])(
    'asks what is new and keeps what is gone; ordered: %s',
    async (ordered) => {
      const world = new BatchWorld(rows, {}, { rowsMax: 10 })
      await detach(world, { ordered })
      const [first, , , gone, ...rest] = rows
      const edited = { custom_id: 'Row 0', params: { ...paramsOf(first), max_tokens: 50 } }
      const added = { custom_id: 'new', params: { ...paramsOf(first), max_tokens: 60 } }
      world.edit([added, edited, ...rows.slice(1, 3), ...rest])
      const { summary } = await world.live({ ...via, ordered })
      expect(counts(summary)).toEqual([30, 0, 0])
      expect(summary.notInInput).toBe(2)
      expect(gone).toBeDefined()
      const asked = world.server.bodies.slice(3)
      expect(asked).toHaveLength(1)
      expect(asked[0]?.match(/custom_id/g)).toHaveLength(2)
      const ids = world.lines().map(({ custom_id: id }) => id)
      expect(ids.toSorted()).toEqual(['new', 'Row 0', ...idsOf(30)].toSorted())
      // Lines say where rows stand now.
      const moved = world.lines().find(({ custom_id: id }) => id === 'Row 29')
      expect(moved?.run.line).toBe(30)
      if (ordered) expect(ids.slice(0, 4)).toEqual(['new', 'Row 0', 'Row 1', 'Row 2'])
      const { summary: last } = await world.live({ ...via, ordered })
      expect(last.notInInput).toBe(2)
      expect(world.server.bodies).toHaveLength(4)
    },
  )

  test('says what a row that moved had asked, if it fails', async () => {
    const wrong = { custom_id: 'wrong', params: { ...paramsOf(rows[0]), temperature: 7 } }
    const world = new BatchWorld([...rows, wrong])
    await detach(world)
    world.edit([...rows.slice(5), wrong])
    await world.live(via)
    expect(JSON.stringify(world.lines(failed))).toContain('"temperature":7')
  })

  test('may be shorter than it was', async () => {
    const world = new BatchWorld(rows)
    await detach(world)
    world.edit(rows.slice(0, 2))
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([2, 0, 0])
    expect(summary.notInInput).toBe(28)
  })

  test('or asked for in part', async () => {
    const world = new BatchWorld(rows)
    await detach(world)
    const { summary } = await world.live({ ...via, first: 10 })
    expect(counts(summary)).toEqual([10, 0, 0])
    const { summary: all } = await world.live(via)
    expect(counts(all)).toEqual([30, 0, 0])
    expect(all.notInInput).toBe(0)
    expect(judge(world, idsOf(30))).toEqual([])
  })

  test('identical rows are work of their own', async () => {
    const twin = paramsOf(rows[0])
    const world = new BatchWorld([twin, twin, twin])
    await detach(world)
    world.edit([twin, twin, twin, twin])
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([4, 0, 0])
    expect(world.server.bodies.map((text) => text.match(/custom_id/g)?.length)).toEqual([3, 1])
  })
})

function paramsOf(row: object | undefined): object {
  return Reflect.get(row ?? {}, 'params') as object
}

describe('time', () => {
  test('results that are gone are asked again, and counted', async () => {
    const world = new BatchWorld(20)
    await world.live(detached)
    await pass(world, 30 * day)
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([20, 0, 0])
    expect(summary.snapshot.possiblyBilledTwice).toMatchObject({ rows: 20, attempts: 20 })
    expect(summary.snapshot.possiblyBilledTwice.costNanoUsdMax).toBeGreaterThan(0)
  })

  test('results that will soon be gone are told of', async () => {
    const world = new BatchWorld(20)
    await world.live(detached)
    await pass(world, 26 * day)
    const { life, summary } = await world.live(via)
    expect(counts(summary)).toEqual([20, 0, 0])
    const notices = life.events.filter(({ type }) => type === 'notice')
    expect(JSON.stringify(notices)).toContain('26 days old')
    expect(summary.snapshot.possiblyBilledTwice.rows).toBe(0)
  })

  test('a batch that this key does not find is not bought again', async () => {
    const world = new BatchWorld(20)
    await detach(world)
    world.server.setFaults({ 'batch-not-found': 1 })
    const { summary } = await world.live(via)
    expect(summary.stopped?.code).toBe('BATCHES_OUTSTANDING')
    expect(summary.stopped?.hint).toContain(`${folder}/batches/`)
    expect(world.server.bodies).toHaveLength(1)
    world.server.setFaults({})
    const { summary: last } = await world.live(via)
    expect(counts(last)).toEqual([20, 0, 0])
  })
})

describe('^C', () => {
  test.each(Array.from({ length: 24 }, (_, index) => index))('at any time: %i', async (index) => {
    const server = { seed: index, batchDurationMs: 60_000, latencyMs: 2000 }
    const world = new BatchWorld(60, server, { rowsMax: 20 })
    const afterMs = [1, 5, 10, 14, 18, 22, 30, 45, 60, 5000, 61_000, 65_000][index % 12] ?? 0
    const stopped = await world.live(via, { kind: 'interrupt', afterMs, midWrite: false })
    if (stopped.summary.stopped !== null) expect(stopped.summary.stopped.code).toBe('INTERRUPTED')
    // What was being sent was answered within the grace, and noted.
    for (const path of world.beside().filter((each) => each.endsWith('.json')))
      expect(world.disk.readText(path)).toContain('"batch":{"id":"msgbatch_')
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([60, 0, 0])
    expect(judge(world, idsOf(60))).toEqual([])
    expect(summary.snapshot.possiblyBilledTwice.rows).toBe(0)
    expect(world.server.bodies).toHaveLength(3)
    expect(world.beside()).toEqual([])
  })
})

describe('a full disk', () => {
  const places: readonly (readonly [string, string | undefined, number])[] = [
    ['the rows', '.rows', 700],
    ['the body', '.pack', 900],
    ['the intent', '.json', 0],
    ['the output', output, 2000],
    ['the failed file', failed, 100],
  ]

  test.each(places)('is waited for: %s', async (_, ending, after) => {
    const wrong = { custom_id: 'wrong', params: { ...paramsOf(namedRows(1)[0]), temperature: 7 } }
    const world = new BatchWorld([...namedRows(40), wrong], {}, { rowsMax: 20 })
    fill(world, ending ?? '', after)
    world.clock.after(hour, () => {
      world.disk.onOperation = undefined
      world.disk.failWrites(undefined)
    })
    const { life, summary } = await world.live(via)
    expect(counts(summary)).toEqual([40, 1, 0])
    const codes = life.events.flatMap((event) =>
      event.type === 'output_blocked' ? [event.code] : [],
    )
    expect(codes[0]).toBe('ENOSPC')
    expect(codes.at(-1)).toBe(null)
    expect(judge(world, [...idsOf(40), 'wrong'])).toEqual([])
    expect(world.server.bodies).toHaveLength(3)
  })

  test.each(places)('and ^C ends it: %s', async (_, ending, after) => {
    const wrong = { custom_id: 'wrong', params: { ...paramsOf(namedRows(1)[0]), temperature: 7 } }
    const world = new BatchWorld([...namedRows(40), wrong], {}, { rowsMax: 20 })
    fill(world, ending ?? '', after)
    const { summary: stopped } = await world.live(
      { ...via, graceMs: 5000 },
      { kind: 'interrupt', afterMs: hour, midWrite: false },
    )
    expect(['INTERRUPTED', 'OUTPUT_UNWRITABLE']).toContain(stopped.stopped?.code)
    expect(world.clock.now()).toBeLessThan(hour + 10_000)
    world.disk.onOperation = undefined
    world.disk.failWrites(undefined)
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([40, 1, 0])
    expect(judge(world, [...idsOf(40), 'wrong'])).toEqual([])
  })

  test.each(places)('a disk that fails ends it, resumable: %s', async (_, ending, after) => {
    const wrong = { custom_id: 'wrong', params: { ...paramsOf(namedRows(1)[0]), temperature: 7 } }
    const world = new BatchWorld([...namedRows(40), wrong], {}, { rowsMax: 20 })
    fill(world, ending ?? '', after, 'EIO')
    const { summary: stopped } = await world.live(via)
    expect(stopped.stopped?.code).toBe('OUTPUT_UNWRITABLE')
    world.disk.onOperation = undefined
    world.disk.failWrites(undefined)
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([40, 1, 0])
    expect(judge(world, [...idsOf(40), 'wrong'])).toEqual([])
  })
})

/** Files of this ending have no more room, from so many bytes on. */
function fill(world: BatchWorld, ending: string, after: number, code = 'ENOSPC'): void {
  world.disk.onOperation = (operation, path) => {
    if (!path.endsWith(ending)) return
    world.disk.failWrites(code, { after, path })
    if (operation === 'open' || operation === 'writeText') world.disk.onOperation = undefined
  }
}

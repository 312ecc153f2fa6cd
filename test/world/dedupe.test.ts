/**
 * Rows that ask the very same: one of them is asked, and the others get copies of its line, by runs
 * that are killed in between too.
 */

import { describe, expect, test } from 'vitest'
import type { RunOptions } from '../../src/settings.ts'
import { Random } from '../../src/random.ts'
import { systemError } from '../sim-file.ts'
import { BatchWorld, failed, judge } from './batch-world.ts'
import { counts, output, rowsOf } from './small-world.ts'

/** Rows with ids of their own, of which every third asks what the first of three asks. */
function twinRows(count: number): readonly object[] {
  return rowsOf(count).map((_, index) => ({
    custom_id: `id-${index}`,
    metadata: { index },
    params: rowsOf(count)[index - (index % 3)],
  }))
}

const ids = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `id-${index}`)

/** What is wrong with lines that all rows are said to have. */
function problems(world: BatchWorld, count: number): readonly string[] {
  const lines = [...world.lines(), ...world.lines(failed)]
  const found = lines.map(({ custom_id: id }) => id).toSorted()
  const missing = ids(count).filter((id) => found.filter((other) => other === id).length !== 1)
  const wrong = lines.flatMap((line) => {
    const {
      custom_id: id,
      result,
      run,
      metadata,
    } = line as typeof line & {
      metadata?: { index: number }
      run: { copied_from?: string }
    }
    const index = Number(id.slice(3))
    const from = run.copied_from
    const source = lines.find(({ custom_id: other }) => other === from)
    const isCopy =
      from === undefined ||
      (JSON.stringify(source?.result) === JSON.stringify(result) &&
        Number(from.slice(3)) === index - (index % 3) &&
        run.cost_usd === 0 &&
        run.attempts === 0)
    return metadata?.index === index && run.line === index + 1 && isCopy ? [] : [id]
  })
  return [...missing.map((id) => `${id} has not one line`), ...wrong.map((id) => `${id} is wrong`)]
}

const dedupe: Partial<RunOptions> = { dedupe: true }

describe('identical rows', () => {
  test('are all asked, unless it is said otherwise', async () => {
    const world = new BatchWorld(twinRows(30))
    await world.live()
    expect([...world.server.live.values()].reduce((sum, times) => sum + times, 0)).toBe(30)
  })

  test('are asked once, and have each their line', async () => {
    const world = new BatchWorld(twinRows(30))
    const { summary } = await world.live(dedupe)
    expect(counts(summary)).toEqual([30, 0, 0])
    expect(summary.exitCode).toBe(0)
    expect(summary.snapshot.rows.copied).toBe(20)
    expect([...world.server.live.values()]).toEqual(Array.from({ length: 10 }, () => 1))
    expect(problems(world, 30)).toEqual([])
    const { summary: again } = await world.live(dedupe)
    expect(counts(again)).toEqual([30, 0, 0])
    expect(again.snapshot.attempts.started).toBe(0)
    expect(again.snapshot.rows.copied).toBe(0)
  })

  test('without ids are told apart by their lines', async () => {
    const row = rowsOf(1)[0] ?? {}
    const world = new BatchWorld([row, row, row])
    const { summary } = await world.live(dedupe)
    expect(counts(summary)).toEqual([3, 0, 0])
    expect(world.lines().map(({ run }) => run.line)).toEqual([1, 2, 3])
    expect(world.lines().map(({ custom_id: id }) => id)).toEqual(['line-1', 'line-2', 'line-3'])
    expect(world.server.live.get('Row 0')).toBe(1)
  })

  test('fail alike, and are asked again alike', async () => {
    const wrong = { params: { ...rowsOf(1)[0], model: 'claude-haiku-4-5', temperature: 7 } }
    const rows = [...twinRows(3), { custom_id: 'a', ...wrong }, { custom_id: 'b', ...wrong }]
    const world = new BatchWorld(rows)
    const { summary } = await world.live(dedupe)
    expect(counts(summary)).toEqual([3, 2, 0])
    expect(summary.exitCode).toBe(1)
    const [a, b] = world.lines(failed)
    expect(b?.result).toEqual(a?.result)
    const { summary: again } = await world.live({ ...dedupe, retryFailed: true })
    expect(counts(again)).toEqual([3, 2, 0])
    expect(again.snapshot.attempts.started).toBe(1)
    expect(world.lines(failed)).toHaveLength(2)
  })

  test('of which one had failed get the answer of the other', async () => {
    const world = new BatchWorld(twinRows(9), { faults: { 'server-error': 1 } })
    await world.live({ maxAttempts: 1, maxFailed: { count: 100 }, patienceMs: 1000 })
    world.server.setFaults({})
    const { summary } = await world.live({ ...dedupe, retryFailed: true })
    expect(counts(summary)).toEqual([9, 0, 0])
    expect(world.lines(failed)).toEqual([])
    expect(problems(world, 9)).toEqual([])
  })

  test('that come with more rows are copied from those that are there', async () => {
    const world = new BatchWorld(twinRows(9))
    await world.live({ ...dedupe, first: 4 })
    const { summary } = await world.live(dedupe)
    expect(counts(summary)).toEqual([9, 0, 0])
    expect([...world.server.live.values()]).toEqual([1, 1, 1])
    expect(problems(world, 9)).toEqual([])
  })

  test('beyond the first that are asked for wait', async () => {
    const world = new BatchWorld(twinRows(9))
    const { summary } = await world.live({ ...dedupe, first: 5 })
    expect(counts(summary)).toEqual([5, 0, 0])
    expect(world.lines()).toHaveLength(5)
  })

  test('name the row that was asked, though it is gone', async () => {
    const world = new BatchWorld(twinRows(2))
    await world.live(dedupe)
    world.edit(twinRows(3).slice(1))
    const { summary } = await world.live(dedupe)
    expect(counts(summary)).toEqual([2, 0, 0])
    const copies = world.lines().map(({ run }) => (run as { copied_from?: string }).copied_from)
    expect(copies).toEqual([undefined, 'id-0', 'id-0'])
    expect(world.server.live.get('Row 0')).toBe(1)
  })

  test('that are in a batch all the same have each its result', async () => {
    const world = new BatchWorld(twinRows(9), { batchDurationMs: 600_000 })
    await world.try({ via: 'batches' }, { kind: 'kill', afterMs: 60_000, midWrite: false })
    expect(world.server.asked.size).toBe(9)
    const { summary } = await world.live({ ...dedupe, via: 'batches' })
    expect(counts(summary)).toEqual([9, 0, 0])
    expect(summary.snapshot.rows.copied).toBe(0)
    expect(summary.notInInput).toBe(0)
    expect(judge(world, ids(9))).toEqual([])
  })

  test('are asked once by a deadline too', async () => {
    const server = { batchDurationMs: 3_600_000, requestsPerMinute: 60, models: 'any' } as const
    const world = new BatchWorld(twinRows(90), server)
    const { summary } = await world.live({ ...dedupe, via: 'auto', deadline: 1_800_000 })
    expect(counts(summary)).toEqual([90, 0, 0])
    expect(summary.snapshot.rows.copied).toBe(60)
    expect(problems(world, 90)).toEqual([])
    expect(summary.snapshot.batches.answers).toBeLessThan(30)
  })

  test('are copied with what was asked, where that is in the lines', async () => {
    const world = new BatchWorld(twinRows(6))
    await world.live({ ...dedupe, includeRequest: true })
    const asked = world.lines().map(({ request }) => request?.messages[0]?.content)
    const words = asked.map(String).toSorted((a, b) => a.localeCompare(b))
    expect(words).toEqual(['Row 0', 'Row 0', 'Row 0', 'Row 3', 'Row 3', 'Row 3'])
  })

  test('go into batches once', async () => {
    const world = new BatchWorld(twinRows(30), { batchDurationMs: 60_000 }, { rowsMax: 4 })
    const notices: string[] = []
    const { summary } = await world.live({ ...dedupe, via: 'batches' }, undefined, (event) => {
      if (event.type === 'notice') notices.push(event.message)
    })
    expect(counts(summary)).toEqual([30, 0, 0])
    expect(world.server.asked.size).toBe(10)
    expect(world.server.live.size).toBe(0)
    expect(problems(world, 30)).toEqual([])
    expect(notices).toEqual([])
  })

  test('go into batches again where these did not answer, and then once', async () => {
    const faults = { 'batch-request-error': 0.3 } as const
    const world = new BatchWorld(twinRows(60), { batchDurationMs: 60_000, faults })
    const options = { ...dedupe, via: 'batches', maxAttempts: 30 } as const
    const notices: string[] = []
    const { summary } = await world.live(options, undefined, (event) => {
      if (event.type === 'notice') notices.push(event.message)
    })
    expect(world.server.bodies.length).toBeGreaterThan(1)
    expect(notices.join()).not.toContain('live')
    expect(counts(summary)).toEqual([60, 0, 0])
    expect(problems(world, 60)).toEqual([])
    for (const paid of world.paid().values()) expect(paid).toBe(1)
  })

  test('cost nothing, and the budget knows it', async () => {
    const world = new BatchWorld(twinRows(30))
    const { summary } = await world.live({ ...dedupe, maxBudgetUsd: 1 })
    const spent = summary.snapshot.budget?.usd?.spent ?? 0
    const cost = world.lines().reduce((sum, { run }) => sum + (run.cost_usd ?? 0), 0)
    expect(spent).toBe(Math.round(cost * 1e9))
    const { summary: next } = await world.live({ ...dedupe, maxBudgetUsd: 1 })
    expect(next.snapshot.budget?.usd?.spent).toBe(spent)
  })
})

describe('a run that is killed', () => {
  const random = new Random(5)
  test.each(Array.from({ length: 40 }, (_, index) => index))(
    'at write %i copies what is left, and asks nothing twice',
    async (kill) => {
      const world = new BatchWorld(twinRows(30), { latencyMs: 200 })
      let writes = 0
      await world.try({ ...dedupe, maxConcurrency: 3 }, undefined, undefined, (life) => {
        world.disk.onOperation = (operation, path) => {
          if (operation !== 'write' || path !== output) return
          writes += 1
          if (writes <= kill) return
          life.kill()
          throw systemError('EBADF', 'write', path)
        }
      })
      world.disk.onOperation = undefined
      const inFlight = 3
      const before = [...world.server.live.values()].reduce((sum, times) => sum + times, 0)
      const { summary } = await world.live({ ...dedupe, maxConcurrency: random.integer(1, 5) })
      expect(counts(summary)).toEqual([30, 0, 0])
      expect(problems(world, 30)).toEqual([])
      const after = [...world.server.live.values()].reduce((sum, times) => sum + times, 0)
      // What was under way when it was killed is asked once more.
      expect(after).toBeLessThanOrEqual(10 + inFlight)
      expect(before).toBeLessThanOrEqual(10)
    },
  )

  test('or interrupted while it copies goes on', async () => {
    const world = new BatchWorld(twinRows(300), { latencyMs: 1, requestsPerMinute: null })
    let copied = 0
    const { life, ending } = await world.try(dedupe, undefined, (event) => {
      if (event.type === 'row_copied') copied += 1
    })
    expect(life.problems).toEqual([])
    expect(ending.type).toBe('summary')
    expect(copied).toBe(200)
  })

  test('on a disk that fails stops, and the next goes on', async () => {
    const world = new BatchWorld(twinRows(30), { latencyMs: 200 })
    const { summary } = await world.live(dedupe, undefined, (event) => {
      if (event.type !== 'rows_again') return
      world.disk.onOperation = (operation, path) => {
        if (operation === 'write' && path === output) throw systemError('EIO', 'write', path)
      }
    })
    world.disk.onOperation = undefined
    expect(summary.stopped?.code).toBe('OUTPUT_UNWRITABLE')
    expect(summary.exitCode).toBe(3)
    const { summary: next } = await world.live(dedupe)
    expect(counts(next)).toEqual([30, 0, 0])
    expect(problems(world, 30)).toEqual([])
  })

  test('on a full disk waits for room', async () => {
    const world = new BatchWorld(twinRows(30), { latencyMs: 200 })
    let isFull = false
    world.disk.onOperation = (operation, path) => {
      if (!isFull || operation !== 'write' || path !== output) return
      throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    }
    const { summary } = await world.live(dedupe, undefined, (event) => {
      if (event.type !== 'rows_again') return
      isFull = true
      world.clock.after(20_000, () => {
        isFull = false
      })
    })
    expect(counts(summary)).toEqual([30, 0, 0])
    expect(problems(world, 30)).toEqual([])
    expect(judge(world, ids(30))).toEqual([])
  })
})

describe('dedupe is refused', () => {
  test.each<[string, Partial<RunOptions>]>([
    ['on standard output', { output: '-' }],
    ['in order', { ordered: true }],
    ['in tuples', { outputFormat: 'tuple' }],
    ['for a pilot', { pilot: 5 }],
    ['in a compressed output', { output: '/data/out.jsonl.gz' }],
  ])('%s', async (_, options) => {
    const world = new BatchWorld(twinRows(3))
    const { ending } = await world.try({ ...dedupe, ...options })
    expect(ending.type === 'refused' && ending.error.message).toMatch(/"dedupe"/)
    expect(world.server.calls).toBe(0)
  })
})

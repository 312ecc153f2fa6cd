/**
 * Single lives in which one thing goes wrong at one moment: faults that histories have found.
 */

import { expect, test } from 'vitest'
import type { Death } from './draw.ts'
import type { Life } from './life.ts'
import { counts, output, rowsOf, SmallWorld } from './small-world.ts'

function deathOf(kind: Death['kind'], afterMs: number): Death {
  return { kind, afterMs, midWrite: false }
}

function answersOf({ witness }: Life): number {
  return witness.sends.filter(({ reply }) => reply?.type === 'answer').length
}

test('a machine that sleeps longer than --patience goes on where it was', async () => {
  const world = new SmallWorld(rowsOf(20))
  world.clock.after(500, () => world.clock.sleep(3_600_000))
  const { summary } = await world.live({ maxConcurrency: 4, patienceMs: 60_000 })
  expect([summary.stopped, counts(summary)]).toEqual([null, [20, 0, 0]])
  // What had been answered meanwhile was read, not thrown away and asked again.
  expect(summary.snapshot.attempts.started).toBe(20)
})

test('once an answer cannot be written, nothing more is sent', async () => {
  const world = new SmallWorld(rowsOf(20))
  world.disk.failWrites('EIO', { path: output })
  const { life, summary } = await world.live({ maxConcurrency: 2 })
  expect(summary.stopped?.code).toBe('OUTPUT_UNWRITABLE')
  // Two were under way; the first to be answered frees a place that nobody takes.
  expect([life.witness.sends.length, counts(summary)]).toEqual([2, [0, 0, 20]])
  expect(summary.snapshot.attempts.inFlight).toBeLessThanOrEqual(1)
})

test('an answer that could not be written is told of, whatever else stopped the run', async () => {
  const world = new SmallWorld(rowsOf(40))
  // What is under way when the key is refused is answered by a server that knew the old one.
  world.clock.after(900, () => {
    world.key = 'xxx-revoked'
  })
  const { life, summary } = await world.live({ maxConcurrency: 10 }, undefined, ({ type }) => {
    if (type === 'run_stopping') world.disk.failWrites('EIO', { path: output })
  })
  const stopping = life.events.find((event) => event.type === 'run_stopping')
  expect(stopping?.code).toBe('KEY_REFUSED')
  const written = life.events.filter(({ type }) => type === 'row_succeeded')
  expect(written.length).toBeLessThan(answersOf(life))
  expect(summary.stopped?.code).toBe('OUTPUT_UNWRITABLE')
})

test('a disk that is full when the failed file is rewritten is told of', async () => {
  const poisoned = rowsOf(3, { frequency_penalty: 1 })
  const world = new SmallWorld([...rowsOf(2), ...poisoned])
  expect(counts((await world.live()).summary)).toEqual([2, 3, 0])
  world.disk.failWrites('ENOSPC', { path: '/data/out.failed.jsonl.rewrite' })
  const { summary } = await world.live({ retryFailed: true })
  expect([summary.exitCode, summary.stopped?.code]).toEqual([3, 'OUTPUT_UNWRITABLE'])
  world.disk.failWrites(undefined)
  expect(counts((await world.live({ retryFailed: true })).summary)).toEqual([2, 3, 0])
  const failed = Buffer.from(world.disk.bytes('/data/out.failed.jsonl')).toString()
  expect(failed.trimEnd().split('\n').length).toBe(3)
})

test('what only waits for its sync when the grace is over has been written', async () => {
  const world = new SmallWorld(rowsOf(4))
  // The sync begins before the grace is over, and ends after it.
  world.disk.delaySyncs(
    () =>
      new Promise((resolve) => {
        world.clock.after(700, resolve)
      }),
  )
  const options = { maxConcurrency: 4, fsync: 'always', graceMs: 600 } as const
  const { life, summary } = await world.live(options, deathOf('interrupt', 600))
  // Two tries, or more, were answered less than a sync's time before the end of the grace.
  expect(answersOf(life)).toBeGreaterThan(1)
  expect([summary.stopped?.code, counts(summary)[0]]).toEqual(['INTERRUPTED', answersOf(life)])
})

test('what a run finds is safe from a power loss too, though the run that wrote it was killed', async () => {
  const world = new SmallWorld(rowsOf(10))
  const lines = (): number =>
    Buffer.from(world.disk.bytes(output)).toString().split('\n').length - 1
  // Killed within a second of its last line, before the next sync.
  await world.try({ fsync: '1s' }, deathOf('kill', 2000))
  const found = lines()
  expect(found).toBeGreaterThan(2)
  // A run that finds them, and has nothing to write before the power fails.
  world.model.setFaults({ 'hang-head': 1 })
  await world.try({ fsync: '1s' }, deathOf('power', 5000))
  expect(lines()).toBe(found)
})

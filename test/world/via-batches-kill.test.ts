/**
 * The kill table of runs by batches: processes killed at random instants, a good part of them
 * between the intent's write and the id's, with and without lost replies. Afterwards every row has
 * one line, and what was paid for twice, by the server's books, the row's line says.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../../src/random.ts'
import { systemError } from '../sim-file.ts'
import { BatchWorld, folder, idsOf, judge, killFaults, namedRows, via } from './batch-world.ts'
import type { Life } from './life.ts'
import { counts } from './small-world.ts'

/** 200,000 for the table of docs/testing.md. */
const rowsAtFirst = Number(process.env['SLUICE_KILL_ROWS'] ?? 300)
const isLarge = rowsAtFirst >= 1000
const batchRows = rowsAtFirst / 20
const rowsMore = 4 * batchRows
const killsPerSeed = 20
const betweenMin = 8
const livesMax = 60
const minute = 60_000

/** What one seed came to. */
interface Tally {
  kills: number
  /** Of these, when an intent was on disk and its batch's id was not. */
  between: number
  lives: number
  batches: number
  paidTwice: number
  saidTwice: number
  problems: readonly string[]
}

describe.each(Object.entries(killFaults))('killed, with %s', (_, faults) => {
  test.each([1, 2, 3])(
    'seed %i: none lost, none doubled',
    async (seed) => {
      const tally = await killTable(seed, faults)
      expect(tally.problems).toEqual([])
      expect(tally.kills).toBe(killsPerSeed)
      expect(tally.between).toBeGreaterThanOrEqual(betweenMin)
      expect(tally.saidTwice).toBeGreaterThanOrEqual(tally.paidTwice)
    },
    900_000,
  )
})

async function killTable(seed: number, faults: Readonly<Record<string, number>>): Promise<Tally> {
  const random = new Random(seed)
  const server = { seed, faults, batchDurationMs: 10 * minute, batchDurationSigma: 0.5 }
  const world = new BatchWorld(rowsAtFirst, server, { rowsMax: batchRows })
  let rows = rowsAtFirst
  const tally = { kills: 0, between: 0, lives: 0, batches: 0, paidTwice: 0, saidTwice: 0 }
  const options = { ...via, maxAttempts: 100 }
  while (tally.kills < killsPerSeed && tally.lives < livesMax) {
    tally.lives += 1
    const since = world.clock.wallTime()
    // A large file is not made larger: what one life submits no other can.
    const isBetween = random.chance(isLarge ? 0.95 : 0.7)
    // There is always something left to submit, of a file that is made larger.
    if (!isLarge && rows - new Set(world.server.asked.values()).size < rowsMore) {
      rows += rowsMore
      world.edit(namedRows(rows))
    }
    const { ending, life } = await world.try(options, undefined, undefined, (born) =>
      isBetween ? killBetween(world, born, random) : killAnywhere(world, born, random),
    )
    world.disk.onOperation = undefined
    if (ending.type === 'summary') continue
    expect(ending, `life ${life.plan.number}`).toEqual({ type: 'kill' })
    tally.kills += 1
    if (isUnresolved(world, since)) tally.between += 1
    // Some are gone on with at once, others later.
    if (random.chance(0.3)) await pass(world, random.integer(1, 30) * minute)
  }
  world.server.setFaults({})
  const { summary } = await world.live(options)
  const problems = [...judge(world, idsOf(rows))]
  const ended = counts(summary).join()
  if (ended !== `${rows},0,0`) problems.push(`it ended with ${ended}`)
  problems.push(...world.beside().map((path) => `${path} was left`))
  tally.batches = world.server.batches(world.clock.now()).length
  for (const count of world.paid().values()) tally.paidTwice += count - 1
  for (const { run } of world.lines()) tally.saidTwice += run.unknown_attempts ?? 0
  process.stderr.write(
    `${JSON.stringify({ seed, faults: Object.keys(faults).length, rows, ...tally })}\n`,
  )
  return { ...tally, problems }
}

/** After some intent was written, before the id of its batch is, or in the very write of that. */
function killBetween(world: BatchWorld, life: Life, random: Random): void {
  const known = new Set(intents(world).map(([path]) => path))
  const inWrite = random.chance(0.4)
  let left = isLarge ? 1 : random.integer(1, 3)
  let chosen: string | undefined
  world.disk.onOperation = (operation, path) => {
    if (operation !== 'writeText' || !path.endsWith('.json') || !path.startsWith(folder)) return
    if (path === chosen && inWrite) {
      life.kill()
      throw systemError('EBADF', 'write', path)
    }
    if (known.has(path)) return
    known.add(path)
    left -= 1
    if (left > 0 || chosen !== undefined) return
    chosen = path
    // It is on its way, or the answer is.
    if (!inWrite) world.clock.after(random.integer(0, 12), () => life.kill())
  }
  world.clock.after(minute, () => life.kill())
}

/** At any operation on the disk, or at any time. */
function killAnywhere(world: BatchWorld, life: Life, random: Random): void {
  if (random.chance(0.5)) return killLater(world, life, random)
  let left = random.integer(1, 400)
  world.disk.onOperation = (operation, path) => {
    left -= 1
    if (left > 0 || !path.startsWith('/data/out')) return
    world.disk.onOperation = undefined
    life.kill()
    throw systemError('EBADF', operation, path)
  }
  killLater(world, life, random)
}

function killLater(world: BatchWorld, life: Life, random: Random): void {
  const scale = random.pick([50, 500, 5000, minute])
  world.clock.after(random.float() * scale, () => life.kill())
}

interface Sent {
  readonly batch: unknown
  readonly sentAt: number
}

function intents(world: BatchWorld): readonly (readonly [string, Sent])[] {
  const paths = world.beside().filter((path) => path.endsWith('.json'))
  return paths.map((path) => [path, JSON.parse(world.disk.readText(path)) as never])
}

/** Whether one was sent since then, and what became of it is not written. */
function isUnresolved(world: BatchWorld, since: number): boolean {
  return intents(world).some(([, { batch, sentAt }]) => batch === null && sentAt >= since)
}

function pass(world: BatchWorld, ms: number): Promise<void> {
  return world.clock.runUntil(
    new Promise((resolve) => {
      world.clock.after(ms, resolve)
    }),
  )
}

/**
 * A run that chooses between batches and live requests, killed at random instants: while it
 * surveys, samples, packs, cancels, collects and asks live. Afterwards every row has one line, no
 * row was ever asked live while a batch held it, and what was paid for twice the line says.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../../src/random.ts'
import { BatchWorld, folder, idsOf, judge, killFaults } from './batch-world.ts'
import { counts } from './small-world.ts'

const minute = 60_000
const rows = 240
const kills = 12

describe.each(Object.entries(killFaults))('killed, with %s', (_, faults) => {
  test.each([1, 2, 3, 4, 5, 6])('seed %i: none lost, none doubled', async (seed) => {
    const random = new Random(seed)
    const server = {
      seed,
      faults,
      requestsPerMinute: 40,
      batchDurationMs: 20 * minute,
      batchDrainMs: 20_000,
      latencyMs: 4000,
    }
    const world = new BatchWorld(rows, server)
    const deadline = random.integer(15, 50) * minute
    const times = { batchMedianMs: 15 * minute, batchP95Ms: 60 * minute, batchDrainMs: minute }
    const options = { via: 'auto', deadline, maxAttempts: 100, ...times } as const
    let [killed, lives] = [0, 0]
    while (killed < kills && lives < 40) {
      lives += 1
      const afterMs = random.float() * random.pick([200, 5000, minute, 6 * minute])
      const { ending } = await world.try(options, undefined, undefined, (born) => {
        world.clock.after(afterMs, () => born.kill())
      })
      if (ending.type === 'summary') break
      expect(ending).toEqual({ type: 'kill' })
      killed += 1
    }
    world.server.setFaults({})
    const { summary } = await world.live(options)
    expect(counts(summary)).toEqual([rows, 0, 0])
    expect(judge(world, idsOf(rows))).toEqual([])
    expect(world.server.askedBeside).toEqual([])
    expect(world.disk.list(folder)).toEqual([])
    expect(killed).toBeGreaterThan(4)
  })
})

/**
 * A start that was too steep is remembered beside the output: the next run begins gently.
 */

import { expect, test } from 'vitest'
import type { RunEvent } from '../../src/events.ts'
import { counts, output, rowsOf, SmallWorld } from './small-world.ts'

const ramps = `${output}.sluice/ramps.json`
/** Two a second, or twice as many as in the second before; the start is at 4 a second. */
const server = { rampPerSecond: 2, requestsPerMinute: 1200 }

/** Refused for growing too fast, and started in the first eight seconds. */
function startOf(events: readonly RunEvent[]): { refused: number; started: number } {
  const starts = events.filter(({ type }) => type === 'attempt_started')
  const until = (starts[0]?.at ?? 0) + 8000
  const codes = events.map((event) => event.type === 'attempt_failed' && event.error.code)
  return {
    refused: codes.filter((code) => code === 'ramp_limit_exceeded').length,
    started: starts.filter(({ at }) => at < until).length,
  }
}

/** Two runs of the same output; `between` happens before the second. */
async function lives(between: (world: SmallWorld) => void): Promise<{
  readonly first: ReturnType<typeof startOf>
  readonly second: ReturnType<typeof startOf>
  readonly events: readonly RunEvent[]
  readonly world: SmallWorld
}> {
  const world = new SmallWorld(rowsOf(800), server)
  const one = await world.live({ first: 400 })
  expect(counts(one.summary)).toEqual([400, 0, 0])
  between(world)
  const two = await world.live({ first: 790 })
  expect(counts(two.summary)).toEqual([790, 0, 0])
  const { events } = two.life
  return { first: startOf(one.life.events), second: startOf(events), events, world }
}

function noticesOf(events: readonly RunEvent[]): readonly string[] {
  return events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))
}

test('a start that was refused is gentle the next time', async () => {
  const { first, second, events, world } = await lives(() => {})
  expect(first.refused).toBeGreaterThan(0)
  expect(second.refused).toBeLessThan(first.refused)
  // From 4 a second, doubled twice: 4 × 4 s ÷ ln 2 × 3 are 69, and some in hand.
  expect(second.started).toBeLessThan(80)
  expect(world.disk.readText(ramps)).toBe('{"gentle":["claude-haiku-4-5"]}\n')
  expect(noticesOf(events)).toEqual([])
})

test('when all rows have their line, nothing of it is left', async () => {
  const { world } = await lives(() => {})
  expect(counts((await world.live()).summary)).toEqual([800, 0, 0])
  expect(world.disk.stat(`${output}.sluice`)).toBeUndefined()
})

test('it may be deleted, and is learned again', async () => {
  const { second, world } = await lives((each) => each.disk.remove(ramps))
  expect(second.refused).toBeGreaterThan(0)
  expect(second.started).toBeGreaterThan(80)
  expect(world.disk.stat(ramps)).toBeDefined()
})

test('what cannot be read is told of, and learned again', async () => {
  const { second, events } = await lives((world) => world.disk.writeText(ramps, '{'))
  expect(second.refused).toBeGreaterThan(0)
  expect(second.started).toBeGreaterThan(80)
  expect(noticesOf(events)).toEqual([expect.stringContaining(ramps)])
})

test('where nothing was refused, nothing is kept', async () => {
  const world = new SmallWorld(rowsOf(50))
  await world.live()
  expect(world.disk.stat(`${output}.sluice`)).toBeUndefined()
})

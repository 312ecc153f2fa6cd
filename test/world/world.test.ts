/**
 * Two hundred histories, the same each time, one of them played twice, and those that
 * SLUICE_WORLD_SEED asks for. `npm run world -- --seed N` replays one.
 */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { runWorld } from './world.ts'

const standing = 200
/** So many follow from one that is given. */
const fresh = 10

/** Seeds that once found a fault. */
const remembered = readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => /^\d/.test(line))
  .map((line) => Number.parseInt(line, 10))

/** Seeds from a commit's hash, or any text of hexadecimal digits. */
function freshSeeds(text: string | undefined): readonly number[] {
  if (text === undefined || text === '') return []
  const first = Number.parseInt(text.slice(0, 8), 16)
  if (!Number.isSafeInteger(first)) throw new Error(`SLUICE_WORLD_SEED is no hash: ${text}`)
  return Array.from({ length: fresh }, (_, index) => first + index)
}

const seeds = new Set([
  ...Array.from({ length: standing }, (_, index) => index + 1),
  ...remembered,
  ...freshSeeds(process.env['SLUICE_WORLD_SEED']),
])

describe('every row is counted out, whatever happens', () => {
  test.each([...seeds])('seed %i', async (seed) => {
    const { problems, drawn } = await runWorld(seed)
    expect(problems, `npm run world -- --seed ${seed}\n${JSON.stringify(drawn)}`).toEqual([])
  })
})

describe('the same seed gives the same history', () => {
  // Kills, torn writes, a shown slice, an ordered output: see what --table says of them.
  test.each([1, 12, 95])('seed %i', async (seed) => {
    const first = await runWorld(seed)
    const second = await runWorld(seed)
    // Every try, event and summary, and a digest of each file after each life.
    expect(second.log).toEqual(first.log)
    expect(first.log.length).toBeGreaterThan(20)
  })
})

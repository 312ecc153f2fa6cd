/**
 * Two runs on one organisation. With a half of the limits each, they use them up together. Where
 * neither knows of the other they use them up too, and what is sent is to settle within 60/40;
 * `node bench/shares.ts` has more seeds.
 */

import { describe, expect, test } from 'vitest'
import { sharedWorlds, sharesOf } from './shares.ts'

const name = '$bound, answers in $latencyMs ms, the second $gapMs ms after the first'

describe('two runs with a half each use 0.95 of the limit, and no more than their half', () => {
  // Quick answers together, slow ones one after the other.
  const some = sharedWorlds.filter(({ latencyMs, gapMs }) => latencyMs > 1000 === gapMs > 0)
  test.each(some)(`half each: ${name}`, async (world) => {
    const [first = 0, second = 0] = await sharesOf({ ...world, seed: 1, limitFraction: 0.5 })
    expect(first + second).toBeGreaterThanOrEqual(0.95)
    // How long answers will be is known on average: 700 of them, log-normal, to a few in a hundred.
    const most = world.bound === 'output' ? 0.55 : 0.51
    expect(Math.max(first, second)).toBeLessThanOrEqual(most)
  })
})

describe('two runs that know nothing of each other', () => {
  test.each(sharedWorlds)(`use 0.95 of it, within 60/40: ${name}`, async (world) => {
    const [first = 0, second = 0] = await sharesOf({ ...world, seed: 1 })
    expect(first + second).toBeGreaterThanOrEqual(0.95)
    const share = first / (first + second)
    expect(Math.max(share, 1 - share)).toBeLessThanOrEqual(0.6)
  })
})

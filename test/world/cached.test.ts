/**
 * What was learned of a prefix that is read from the cache holds for that prefix alone.
 */

import { expect, test } from 'vitest'
import { counts, rowsOf, SmallWorld } from './small-world.ts'

const mark = { cache_control: { type: 'ephemeral' } }
const model = 'claude-sonnet-4-6'

test('rows without a mark count whole to a bound, though those before them were read', async () => {
  const text = 'gate '.repeat(2000)
  const marked = rowsOf(40, { model, system: [{ type: 'text', text, ...mark }] })
  const plain = rowsOf(40, { model, system: text })
  const noLimits = { requestsPerMinute: null, inputTokensPerMinute: null }
  const world = new SmallWorld([...marked, ...plain], { ...noLimits, outputTokensPerMinute: null })
  const { life, summary } = await world.live({ maxInputTokensPerMinute: 20_000, cache: 'marked' })
  expect(counts(summary)).toEqual([80, 0, 0])
  const sends = life.witness.sends.map(({ at }) => at)
  const mostPerMinute = (from: number, to: number): number => {
    const some = sends.slice(from, to)
    return Math.max(
      ...some.map((at) => some.filter((other) => other >= at && other < at + 60_000).length),
    )
  }
  // Some 2,000 tokens each: ten a minute. Of those that read, one is as much as all others.
  expect(mostPerMinute(0, 40)).toBeGreaterThan(20)
  expect(mostPerMinute(40, 80)).toBeLessThan(15)
})

/**
 * The tiers, row by row as the rate limits page (read 2026-09-02) has them.
 */

import { expect, test } from 'vitest'

import { poolOf } from '../pools.ts'
import { poolCountsReads, profileLimits } from './limit-profiles.ts'

const most = {
  start: [1000, 2_000_000, 400_000],
  build: [5000, 5_000_000, 1_000_000],
  scale: [10_000, 10_000_000, 2_000_000],
} as const
const fable = {
  start: [1000, 500_000, 100_000],
  build: [2000, 1_500_000, 300_000],
  scale: [4000, 4_000_000, 800_000],
} as const
const oldHaiku = {
  start: [1000, 100_000, 20_000],
  build: [2000, 200_000, 40_000],
  scale: [4000, 400_000, 80_000],
} as const

test.each([
  ['claude-fable-5-2', fable],
  ['claude-fable-5', fable],
  ['claude-mythos-5-1', fable],
  ['claude-opus-5-5', most],
  ['claude-opus-4-5-20251101', most],
  ['claude-sonnet-5', most],
  ['claude-sonnet-4-6', most],
  ['claude-haiku-5-5', most],
  ['claude-haiku-4-5', most],
  ['claude-3-5-haiku-20241022', oldHaiku],
  ['some-other-model', most],
])('profileLimits() of %s', (model, rows) => {
  for (const profile of ['start', 'build', 'scale'] as const) {
    const limits = profileLimits(profile, poolOf(model))
    const { requestsPerMinute, inputTokensPerMinute, outputTokensPerMinute } = limits
    const figures = [requestsPerMinute, inputTokensPerMinute, outputTokensPerMinute]
    expect(figures).toEqual(rows[profile])
    expect(limits.combinedTokens).toBeNull()
  }
})

test('only Haiku 3.5 counts what is read from the cache', () => {
  expect(poolCountsReads('claude-3-5-haiku-latest')).toBe(true)
  expect(poolCountsReads('claude-haiku-4-5')).toBe(false)
})

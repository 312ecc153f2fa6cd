/**
 * The start of a run, when sending doubles every second until the bucket is drained: what was sent
 * and has not arrived, and what others do meanwhile, shows in no header yet.
 */

import { describe, expect, test } from 'vitest'
import { play } from '../../bench/limit-use/play.ts'
import type { Scenario } from '../../bench/limit-use/stage.ts'

/** Requests bind: a minute's are there at first, and as many come in a minute. */
function scenario(seed: number, latencyMs: number, change: Partial<Scenario>): Scenario {
  return {
    name: 'start',
    server: {
      requestsPerMinute: 1000,
      inputTokensPerMinute: null,
      outputTokensPerMinute: null,
      latencyMs,
      outputTokens: 100,
    },
    rows: 2000,
    seed,
    // One answer in ten thousand takes more than the ten minutes that a try has by default.
    options: { timeoutMs: 3_600_000 },
    ...change,
  }
}

describe.each([1, 2, 3])('seed %i', (seed) => {
  test.each([700, 15_000])(
    'connections that take two seconds to open draw no refusals (%i ms)',
    async (latencyMs) => {
      const played = await play(scenario(seed, latencyMs, { connectMs: 2000 }))
      expect(played.lost).toBe(0)
      expect(played.refusedAt.length).toBeLessThanOrEqual(3)
      // The bucket and a minute of refill, and no more than some seconds besides.
      expect(played.lastSentAt).toBeLessThan(75_000)
    },
  )

  test.each([700, 15_000])(
    'two runs that know nothing of each other draw few (%i ms)',
    async (latencyMs) => {
      const played = await play(scenario(seed, latencyMs, { runs: 2, rows: 1000 }))
      expect(played.lost).toBe(0)
      expect(played.refusedAt.length).toBeLessThanOrEqual(5)
      expect(played.asked.filter(({ sentAt }) => sentAt > 75_000)).toEqual([])
    },
  )
})

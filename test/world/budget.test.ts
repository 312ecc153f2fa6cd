/**
 * A strict budget is never passed: two hundred histories of kills, lost replies, retries and resets,
 * most with answers that cost nearly all they can, held to the server's own books.
 */

import { describe, expect, test } from 'vitest'
import { playOne } from '../../bench/limit-use/play.ts'
import type { Scenario } from '../../bench/limit-use/stage.ts'
import type { RunSummary } from '../../src/summary.ts'
import { runWorld } from './world.ts'

const worlds = 200

describe('the server bills no more than the budget, over all lives', () => {
  const seeds = Array.from({ length: worlds }, (_, index) => index + 1)
  test.each(seeds)('seed %i', async (seed) => {
    const { problems, drawn } = await runWorld(seed, { budgeted: true })
    expect(problems, JSON.stringify(drawn)).toEqual([])
  })
})

describe('an expected budget', () => {
  const rows = 4000
  const scenario: Scenario = {
    name: 'expected',
    server: {
      requestsPerMinute: 300,
      inputTokensPerMinute: null,
      outputTokensPerMinute: null,
      latencyMs: 3000,
      outputTokens: 300,
    },
    rows,
    words: (random) => random.integer(20, 300),
    seed: 7,
  }
  const costOf = ({ summary }: { summary: RunSummary }): number => summary.snapshot.costNanoUsd
  const within = (budgetNanoUsd: number, maxConcurrency: number): ReturnType<typeof playOne> => {
    const maxBudgetUsd = String(budgetNanoUsd / 1e9)
    const options = { maxBudgetUsd, budgetMode: 'expected', maxConcurrency } as const
    return playOne({ ...scenario, options })
  }

  test('of one and a half times the cost holds nothing up', async () => {
    const free = await playOne(scenario)
    const held = await within(Math.round(costOf(free) * 1.5), 1000)
    expect(held.summary.rows).toEqual({ selected: rows, succeeded: rows, failed: 0, left: 0 })
    expect(free.played.endedAt / held.played.endedAt).toBeGreaterThanOrEqual(0.95)
  })

  test('is passed by no more than was said, and is nearly used up', async () => {
    const free = await playOne(scenario)
    const budget = Math.round(costOf(free) / 2)
    const { summary } = await within(budget, 50)
    expect(summary.stopped?.code).toBe('BUDGET_REACHED')
    const { usd } = summary.snapshot.budget ?? {}
    expect(usd?.limit).toBe(budget)
    expect(usd?.overshootMax).toBeGreaterThan(0)
    const spent = summary.snapshot.costNanoUsd
    expect(spent).toBeLessThanOrEqual(budget + (usd?.overshootMax ?? 0))
    expect(spent).toBeGreaterThan(0.95 * budget)
  })
})

import { describe, expect, test } from 'vitest'
import { answered, failed, refused } from '../test/world/drive.ts'
import { type Bounds, Limiter } from './limiter.ts'
import type { Cost } from './meter.ts'
import type { PoolLimiter } from './pool-limiter.ts'

const cost: Cost = { input: 1000, output: 200 }

function limiterOf(bounds: Bounds): { limiter: Limiter; pool: PoolLimiter } {
  const limiter = new Limiter(0, { bounds, ramp: 'off' })
  return { limiter, pool: limiter.pool(0, 'p') }
}

describe("the user's bounds", () => {
  test('hold back each unit by its own name', () => {
    const { limiter, pool } = limiterOf({
      requestsPerMinute: 60,
      inputTokensPerMinute: 6000,
      outputTokensPerMinute: 6000,
    })
    limiter.reserve(0, pool, { input: 1, output: 1 })
    expect(limiter.wait(0, { input: 1, output: 1 })).toEqual({
      delayMs: 1000,
      binds: '--max-requests-per-minute',
      isPace: true,
    })
    limiter.reserve(1000, pool, { input: 600, output: 1 })
    expect(limiter.wait(1000, { input: 100, output: 1 })).toEqual({
      delayMs: 6000,
      binds: '--max-input-tokens-per-minute',
      isPace: true,
    })
    limiter.reserve(7000, pool, { input: 1, output: 900 })
    expect(limiter.wait(7000, { input: 1, output: 100 })).toEqual({
      delayMs: 9000,
      binds: '--max-output-tokens-per-minute',
      isPace: true,
    })
  })

  test('are those of all pools together', () => {
    const { limiter, pool } = limiterOf({ requestsPerMinute: 60 })
    limiter.reserve(0, pool, cost)
    limiter.reserve(1000, limiter.pool(0, 'q'), cost)
    expect(limiter.wait(1000, cost).delayMs).toBe(1000)
  })

  test('that were not given hold nothing back', () => {
    const { limiter, pool } = limiterOf({ requestsPerMinute: undefined })
    for (let sends = 0; sends < 1000; sends++) limiter.reserve(0, pool, cost)
    expect(limiter.wait(0, cost)).toEqual({ delayMs: 0, binds: '' })
    expect(limiter.bounds).toEqual([])
  })

  // 6,000 a minute; the estimate was 1,000; a full bucket holds 100.
  test.each([
    ['an answer costs what it cost', answered({ input: 300 }), 200],
    ['an answer costs more than thought', answered({ input: 1500 }), 1400],
    ['a refusal costs nothing', refused(), 0],
    ['a failure that was not billed costs nothing', failed('broken'), 0],
    ['one that may have been billed keeps its estimate', failed('broken', { unknown: true }), 900],
    ['so does an overload in the midst of an answer', failed('overloaded', { unknown: true }), 900],
  ])('settle(): %s', (_, outcome, debt) => {
    const { limiter, pool } = limiterOf({ inputTokensPerMinute: 6000 })
    limiter.settle(0, limiter.reserve(0, pool, cost), outcome)
    // Full again after the debt and those 100, at 100 a second.
    expect(limiter.wait(0, { input: 100, output: 0 }).delayMs).toBeCloseTo(
      debt > 0 ? (debt + 100) * 10 : 0,
      6,
    )
  })

  test('settle() counts cache writes, and not reads', () => {
    const { limiter, pool } = limiterOf({ inputTokensPerMinute: 6000 })
    const outcome = answered({ input: 10 })
    if (outcome.kind !== 'answered') throw new Error('unreachable')
    const usage = {
      ...outcome.usage,
      cacheWrite5mTokens: 200,
      cacheWrite1hTokens: 300,
      cacheReadTokens: 4000,
    }
    limiter.settle(0, limiter.reserve(0, pool, cost), { ...outcome, usage })
    // 510 taken of 100: 410 in debt.
    expect(limiter.wait(0, { input: 100, output: 0 }).delayMs).toBeCloseTo(5100, 6)
  })

  test('settle() leaves the send counted, whatever came of it', () => {
    const { limiter, pool } = limiterOf({ requestsPerMinute: 60 })
    limiter.settle(0, limiter.reserve(0, pool, cost), refused())
    expect(limiter.wait(0, cost).delayMs).toBe(1000)
  })
})

import { describe, expect, test } from 'vitest'
import type { RunEvent } from '../events.ts'
import { type Interval, IntervalFold, joined } from './interval.ts'
import { answer, started, try_ } from '../../test/page-events.ts'

/** Folds events and closes at `now`. */
function fold(events: readonly RunEvent[], now: number): Interval {
  const intervals = new IntervalFold()
  for (const event of events) intervals.observe(event)
  return intervals.close(now)
}

describe('IntervalFold', () => {
  test('counts what pools took, and what their limits were', () => {
    const { at, ms, succeeded, inFlight, costNanoUsd, pools } = fold(
      [
        started(5000, 1_700_000_000_000),
        try_(5000, 1),
        try_(5100, 2),
        {
          type: 'limits_read',
          at: 5200,
          pool: 'haiku',
          limits: { requests: { limit: 50, remaining: 48, resetAt: 0 } },
        },
        answer(5500, 1, { input: 100, output: 20, costNanoUsd: 700 }),
      ],
      6000,
    )
    expect({ at, ms, succeeded, inFlight, costNanoUsd }).toEqual({
      at: 1_700_000_000_000,
      ms: 1000,
      succeeded: 1,
      inFlight: 2,
      costNanoUsd: 700,
    })
    expect(pools).toEqual({
      haiku: {
        requests: { used: 2, limit: 50 },
        input: { used: 100, limit: null },
        output: { used: 20, limit: null },
      },
    })
  })

  test('gives each interval its own, and what is in flight to both', () => {
    const intervals = new IntervalFold()
    const begin = [started(0, 0), try_(100, 1), try_(200, 2), answer(300, 1, { output: 5 })]
    for (const event of begin) intervals.observe(event)
    expect(intervals.close(1000)).toMatchObject({ at: 0, ms: 1000, succeeded: 1, inFlight: 2 })
    expect(intervals.length(1600)).toBe(600)
    const second = intervals.close(1600)
    expect(second).toMatchObject({ at: 1000, ms: 600, succeeded: 0, inFlight: 1 })
    expect(second.pools['haiku']?.requests).toEqual({ used: 0, limit: null })
  })

  test('parts the time in which something bound where an interval ends', () => {
    const intervals = new IntervalFold()
    intervals.observe(started(0, 0))
    intervals.observe({ type: 'binding_changed', at: 400, binds: 'requests' })
    expect(intervals.close(1000).bound).toEqual({ requests: 600 })
    intervals.observe({ type: 'binding_changed', at: 1250, binds: '' })
    expect(intervals.close(2000).bound).toEqual({ requests: 250 })
    expect(intervals.close(3000).bound).toEqual({})
  })

  test('takes no tokens of batches, nor of earlier runs, from the limits', () => {
    const { succeeded, costNanoUsd, pools } = fold(
      [
        started(0, 0),
        answer(1, 1, { input: 9, costNanoUsd: 3, batchId: 'msgbatch_1' }),
        answer(2, 2, { input: 9, costNanoUsd: 5, isEarlier: true }),
      ],
      10,
    )
    expect({ succeeded, costNanoUsd, pools }).toEqual({ succeeded: 2, costNanoUsd: 3, pools: {} })
  })

  test('counts tries that failed by what they say of the server', () => {
    const failed = (kind: 'refused' | 'overloaded' | 'broken' | 'no_socket'): RunEvent => ({
      type: 'attempt_failed',
      at: 5,
      attempt: 1,
      line: 1,
      id: 'a',
      pool: 'haiku',
      kind,
      status: 0,
      error: { type: 'x', message: '' },
      requestId: null,
      latencyMs: 1,
      unknown: null,
      waitMs: null,
    })
    const kinds = ['refused', 'overloaded', 'overloaded', 'broken', 'no_socket'] as const
    const events = kinds.flatMap((kind) => [try_(1, 1), failed(kind)])
    expect(fold([started(0, 0), ...events], 10)).toMatchObject({
      rateLimited: 1,
      overloaded: 2,
      broken: 2,
      inFlight: 1,
    })
  })
})

test('joined() adds up what is counted, and keeps the newest limit', () => {
  const nothing = fold([], 0)
  const limit = (requests: number | null): Interval['pools'] => ({
    haiku: { requests: { used: 10, limit: requests } },
  })
  const first = { ...nothing, at: 0, ms: 1000, succeeded: 3, inFlight: 9, bound: { requests: 200 } }
  const second = { ...nothing, at: 1000, ms: 500, succeeded: 4, inFlight: 2, bound: { ramp: 1 } }
  const both = joined(
    { ...first, pools: limit(50) },
    { ...second, pools: { ...limit(null), opus: { input: { used: 1, limit: 7 } } } },
  )
  expect(both).toMatchObject({
    at: 0,
    ms: 1500,
    succeeded: 7,
    inFlight: 9,
    bound: { requests: 200, ramp: 1 },
    pools: {
      haiku: { requests: { used: 20, limit: 50 } },
      opus: { input: { used: 1, limit: 7 } },
    },
  })
})

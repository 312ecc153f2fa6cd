/**
 * The server's limiter, by arithmetic: with most limits here a unit comes back every millisecond.
 * Sections are those of the API facts.
 */

import * as fc from 'fast-check'
import { assert, describe, expect, test } from 'vitest'

import { PoolLimiter, type Ask, type Hold, type Refusal } from './limits.ts'
import { defaultSettings, type SimulatorOptions } from './options.ts'

const unlimited = {
  requestsPerMinute: null,
  inputTokensPerMinute: null,
  outputTokensPerMinute: null,
  combinedTokens: null,
}

function limiter(options: SimulatorOptions): PoolLimiter {
  const settings = { ...defaultSettings, ...unlimited, ...options }
  return new PoolLimiter(0, settings, settings)
}

function admitted(admission: Hold | Refusal): Hold {
  assert('heldInput' in admission, `refused: ${JSON.stringify(admission)}`)
  return admission
}

const small: Ask = { heldInput: 10, maxTokens: 10 }

describe('admit() refuses', () => {
  test.each<{ name: string; options: SimulatorOptions; first: Ask; second: Ask; refusal: Refusal }>(
    [
      {
        name: 'a request more than the limit (rate limits page)',
        options: { requestsPerMinute: 1 },
        first: small,
        second: small,
        refusal: { meter: 'requests', limit: 1, retryAfterMs: 60_000 },
      },
      {
        name: 'input that is not there (rate limits page)',
        options: { inputTokensPerMinute: 60_000 },
        first: { heldInput: 59_500, maxTokens: 1 },
        second: { heldInput: 700, maxTokens: 1 },
        refusal: { meter: 'input tokens', limit: 60_000, retryAfterMs: 200 },
      },
      {
        name: 'max_tokens that is not there, when reserving (rate limits page)',
        options: { outputTokensPerMinute: 60_000, outputAssessment: 'reserved' },
        first: { heldInput: 1, maxTokens: 60_000 },
        second: { heldInput: 1, maxTokens: 4096 },
        refusal: { meter: 'output tokens', limit: 60_000, retryAfterMs: 4096 },
      },
      {
        name: 'what a combined limit has not left (rate limits page)',
        options: { combinedTokens: 60_000 },
        first: { heldInput: 60_000, maxTokens: 1 },
        second: { heldInput: 500, maxTokens: 4096 },
        refusal: { meter: 'tokens', limit: 60_000, retryAfterMs: 500 },
      },
      {
        name: 'by the slice though the minute has room (rate limits page)',
        options: { requestsPerMinute: 60, slice: 'hidden', burstSeconds: 1 },
        first: small,
        second: small,
        refusal: { meter: 'requests', limit: 60, retryAfterMs: 1000 },
      },
    ],
  )('$name', ({ options, first, second, refusal }) => {
    const limits = limiter(options)
    admitted(limits.admit(0, first))
    expect(limits.admit(0, second)).toEqual(refusal)
    admitted(limits.admit(refusal.retryAfterMs, second))
  })

  test('anything once production has used up the output, and not before (rate limits page)', () => {
    const limits = limiter({ outputTokensPerMinute: 60_000 })
    const hold = admitted(limits.admit(0, small))
    // 120,000 tokens in 30 s are 4 a millisecond, less 1 of refill: 20 s to the ground.
    limits.firstByte(0, hold, 10, 120_000, 30_000)
    admitted(limits.admit(19_999, small))
    expect(limits.admit(20_001, small)).toMatchObject({ meter: 'output tokens', limit: 60_000 })
    limits.end(30_000, hold, 120_000)
    expect(limits.readings(30_000).output?.level).toBeCloseTo(60_000 + 30_000 - 120_000, 6)
  })
})

test('admit() of a prompt beyond the capacity waits for a full bucket, then leaves a debt', () => {
  const limits = limiter({ inputTokensPerMinute: 60_000 })
  admitted(limits.admit(0, { heldInput: 90_000, maxTokens: 1 }))
  expect(limits.readings(0).input?.level).toBe(-30_000)
  expect(limits.admit(0, { heldInput: 90_000, maxTokens: 1 })).toMatchObject({
    retryAfterMs: 90_000,
  })
})

test('firstByte() corrects the estimate to the real input (rate limits page)', () => {
  const limits = limiter({ inputTokensPerMinute: 60_000 })
  const hold = admitted(limits.admit(0, { heldInput: 2000, maxTokens: 1 }))
  expect(limits.readings(0).input?.level).toBe(58_000)
  limits.firstByte(500, hold, 1049, 0, 0)
  // 58,000 + 500 of refill + 951 given back.
  expect(limits.readings(500).input?.level).toBe(59_451)
})

test('end() corrects a reservation to what was produced (rate limits page)', () => {
  const limits = limiter({ outputTokensPerMinute: 60_000, outputAssessment: 'reserved' })
  const hold = admitted(limits.admit(0, { heldInput: 1, maxTokens: 8000 }))
  expect(limits.readings(0).output?.level).toBe(52_000)
  limits.firstByte(0, hold, 1, 300, 1000)
  expect(limits.readings(1000).output?.level).toBe(53_000)
  limits.end(1000, hold, 300)
  expect(limits.readings(1000).output?.level).toBe(60_000)
})

test.each([
  { refusalsCostRequests: false, level: 0.5, admittedAt: 1000 },
  // Half a request had come back, and the refusal took it.
  { refusalsCostRequests: true, level: 0, admittedAt: 1500 },
])('admit() with refusalsCostRequests $refusalsCostRequests', (row) => {
  const { refusalsCostRequests, level, admittedAt } = row
  const slice = { slice: 'shown', burstSeconds: 1 } as const
  const limits = limiter({ requestsPerMinute: 60, ...slice, refusalsCostRequests })
  admitted(limits.admit(0, small))
  expect(limits.admit(500, small)).toHaveProperty('meter', 'requests')
  expect(limits.readings(500).requests?.level).toBe(level)
  admitted(limits.admit(admittedAt, small))
})

test('admit() under an acceleration limit allows the floor, then twice the second before', () => {
  const limits = limiter({ rampPerSecond: 3 })
  const admittedIn = (second: number): number => {
    let count = 0
    while (count < 100 && 'heldInput' in limits.admit(second * 1000, small)) count++
    return count
  }
  expect([0, 1, 2, 4].map(admittedIn)).toEqual([3, 6, 12, 3])
  expect(limits.admit(4500, small)).toEqual({ meter: 'acceleration', limit: 3, retryAfterMs: 1000 })
})

test('resize() changes what is named and keeps the rest', () => {
  const limits = limiter({ requestsPerMinute: 10, inputTokensPerMinute: 60_000 })
  admitted(limits.admit(0, { heldInput: 20_000, maxTokens: 1 }))
  limits.resize(0, { inputTokensPerMinute: 30_000 })
  const { input, requests } = limits.readings(0)
  expect(input).toEqual({ perMinute: 30_000, level: 30_000, fullInMs: 0 })
  expect(requests?.perMinute).toBe(10)
})

const arrivals = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 300 }),
    input: fc.integer({ min: 1, max: 2000 }),
  }),
  { minLength: 1, maxLength: 150 },
)

test.each([
  { name: 'a minute', options: {}, seconds: 60 },
  { name: 'a slice', options: { slice: 'hidden', burstSeconds: 2 } as const, seconds: 2 },
])('admit() keeps every window within capacity and refill of $name', ({ options, seconds }) => {
  const [requestsPerMinute, inputTokensPerMinute] = [120, 60_000]
  fc.assert(
    fc.property(arrivals, (list) => {
      const limits = limiter({ requestsPerMinute, inputTokensPerMinute, ...options })
      const starts: { at: number; input: number }[] = []
      let now = 0
      for (const { afterMs, input } of list) {
        now += afterMs
        const admission = limits.admit(now, { heldInput: input, maxTokens: 1 })
        if ('heldInput' in admission) starts.push({ at: now, input })
      }
      // Counted anew from every start to every later one, with no bucket.
      for (const [index, { at }] of starts.entries()) {
        let [count, tokens] = [0, 0]
        for (const start of starts.slice(index)) {
          count++
          tokens += start.input
          const minutes = seconds / 60 + (start.at - at) / 60_000
          expect(count).toBeLessThanOrEqual(requestsPerMinute * minutes + 1e-3)
          expect(tokens).toBeLessThanOrEqual(inputTokensPerMinute * minutes + 1e-3)
        }
      }
    }),
    { numRuns: 40 },
  )
})

test('production whose end is told late flows no longer than it lasts', () => {
  const limits = limiter({ outputTokensPerMinute: 60_000 })
  const hold = admitted(limits.admit(0, small))
  limits.firstByte(0, hold, 10, 30_000, 100)
  // 30,000 are gone at 100 ms, and one comes back in each of the 900 ms since.
  expect(limits.readings(1000).output?.level).toBeCloseTo(30_000 + 1000, 6)
  limits.end(2000, hold, 30_000)
  expect(limits.readings(2000).output?.level).toBeCloseTo(30_000 + 2000, 6)
})

test('a request that ended has cost its real input and output, whatever was held meanwhile', () => {
  const exchange = fc.record({
    startAt: fc.integer({ min: 0, max: 1000 }),
    held: fc.integer({ min: 1, max: 5000 }),
    input: fc.integer({ min: 1, max: 5000 }),
    output: fc.integer({ min: 1, max: 5000 }),
    promptMs: fc.integer({ min: 0, max: 500 }),
    productionMs: fc.integer({ min: 0, max: 2000 }),
    lateMs: fc.integer({ min: 0, max: 200 }),
  })
  const assessments = fc.constantFrom('produced' as const, 'reserved' as const)
  fc.assert(
    fc.property(fc.array(exchange, { maxLength: 8 }), assessments, (list, outputAssessment) => {
      const perMinute = 600_000
      const limits = limiter({
        inputTokensPerMinute: perMinute,
        outputTokensPerMinute: perMinute,
        outputAssessment,
      })
      // Far enough from the brim that nothing is lost to it.
      const drain = admitted(limits.admit(0, { heldInput: perMinute / 2, maxTokens: 100_000 }))
      limits.firstByte(0, drain, perMinute / 2, 0, 0)
      limits.end(0, drain, perMinute / 2)
      const calls: { at: number; act: () => void }[] = []
      for (const each of list) {
        let hold: Hold
        const firstByteAt = each.startAt + each.promptMs
        const endAt = firstByteAt + each.productionMs + each.lateMs
        calls.push(
          {
            at: each.startAt,
            act: () => {
              const ask = { heldInput: each.held, maxTokens: 5000 }
              hold = admitted(limits.admit(each.startAt, ask))
            },
          },
          {
            at: firstByteAt,
            act: () =>
              limits.firstByte(firstByteAt, hold, each.input, each.output, each.productionMs),
          },
          { at: endAt, act: () => limits.end(endAt, hold, each.output) },
        )
      }
      for (const { act } of calls.toSorted((a, b) => a.at - b.at)) act()
      const sum = (of: 'input' | 'output'): number =>
        list.reduce((total, each) => total + each[of], 0)
      const at = 4000
      const { input, output } = limits.readings(at)
      const refilled = perMinute / 2 + (at * perMinute) / 60_000
      expect(input?.level).toBeCloseTo(refilled - sum('input'), 4)
      expect(output?.level).toBeCloseTo(refilled - sum('output'), 4)
    }),
  )
})

/**
 * What is drawn for a request, and the Message made of it.
 */

import { assert, describe, expect, test } from 'vitest'

import { Random } from '../random.ts'
import { answerForm } from './answer-form.ts'
import { AskCounts, composeMessage, drawWork, hashBytes } from './answer.ts'
import { noCacheUse } from './cache-store.ts'
import type { AdmittedRequest } from './check.ts'
import { identifier } from './identifier.ts'
import { findSimulatedModel } from './model-rules.ts'
import { defaultSettings } from './options.ts'
import { prose } from './prose.ts'
import { textTokens } from './tokens.ts'

const hash = (text: string): number => hashBytes(new TextEncoder().encode(text))

/** Work for many different requests. */
function works(options: Partial<typeof defaultSettings> = {}, maxTokens = 100_000) {
  const settings = { ...defaultSettings, ...options }
  return Array.from({ length: 20_000 }, (_, index) =>
    drawWork(settings, hash(`row ${index}`), 0, maxTokens),
  )
}

/** All that is drawn for one request, the next draw included. */
function drawn(seed: number, text: string, asks: number, refusalRate = 0): object {
  const settings = { ...defaultSettings, seed, refusalRate }
  const { random, ...work } = drawWork(settings, hash(text), asks, 100_000)
  return { ...work, next: random.uint32() }
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

function deviation(values: readonly number[]): number {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}

test('hashBytes() is FNV-1a', () => {
  // Published values of the 32-bit function.
  expect(hash('')).toBe(0x811c9dc5)
  expect(hash('a')).toBe(0xe40c292c)
  expect(hash('foobar')).toBe(0xbf9cf968)
})

describe('drawWork()', () => {
  test('is the same for the same seed, bytes and count, and differs when one does', () => {
    expect(drawn(1, 'row', 0)).toEqual(drawn(1, 'row', 0))
    expect(drawn(2, 'row', 0)).not.toEqual(drawn(1, 'row', 0))
    expect(drawn(1, 'other row', 0)).not.toEqual(drawn(1, 'row', 0))
    expect(drawn(1, 'row', 1)).not.toEqual(drawn(1, 'row', 0))
  })

  test('of a row that is not declined is the same at any rate of refusals', () => {
    const rows = Array.from({ length: 200 }, (_, index) => `row ${index}`)
    const answered = rows.filter(
      (row) => !JSON.stringify(drawn(1, row, 0, 0.5)).includes('"category"'),
    )
    expect(answered.length).toBeGreaterThan(60)
    expect(answered.length).toBeLessThan(140)
    for (const row of answered) expect(drawn(1, row, 0, 0.5)).toEqual(drawn(1, row, 0))
  })

  test('has the means and spreads that were asked for', () => {
    const drawn = works()
    const tokens = drawn.map(({ outputTokens }) => outputTokens)
    // Five standard errors: 200·√(e^0.36 − 1)/√20,000 is 0.93; of 700 ms about 8.
    expect(Math.abs(mean(tokens) - 200)).toBeLessThan(5)
    expect(deviation(tokens.map(Math.log))).toBeCloseTo(0.6, 1)
    const latencies = drawn.map((work) => work.firstByteMs + work.productionMs)
    expect(Math.abs(mean(latencies) - 700)).toBeLessThan(50)
    const firstBytes = drawn.map(({ firstByteMs }) => firstByteMs)
    expect(Math.abs(mean(firstBytes) - 210)).toBeLessThan(12)
    expect(deviation(firstBytes.map(Math.log))).toBeCloseTo(1, 1)
  })

  test('without spread is the mean', () => {
    const [work] = works({ latencySigma: 0, outputSigma: 0 })
    expect(work).toMatchObject({ outputTokens: 200, isCapped: false, firstByteMs: 210 })
    expect(work?.productionMs).toBeCloseTo(490, 9)
  })

  test('takes longer for a longer answer, but not before its first byte', () => {
    // 490 ms of production for 200 tokens.
    const off = works({ latencySigma: 0 }).filter(
      ({ outputTokens, firstByteMs, productionMs }) =>
        firstByteMs !== 210 || Math.abs(productionMs - outputTokens * 2.45) > 1e-6,
    )
    expect(off).toEqual([])
  })

  test('caps the answer at max_tokens and says so', () => {
    const drawn = works({}, 150)
    expect(Math.max(...drawn.map(({ outputTokens }) => outputTokens))).toBe(150)
    for (const { outputTokens, isCapped } of drawn) expect(isCapped).toBe(outputTokens === 150)
  })

  test('answers at once when latency is 0', () => {
    expect(works({ latencyMs: 0 })[0]).toMatchObject({ firstByteMs: 0, productionMs: 0 })
  })
})

test('AskCounts counts each hash by itself', () => {
  const asks = new AskCounts()
  expect([1, 1, 2, 1, 2].map((bodyHash) => asks.count(bodyHash))).toEqual([0, 1, 0, 2, 1])
})

test('composeMessage() is a whole Message (streaming page, API reference)', () => {
  const model = findSimulatedModel(0, 'claude-haiku-4-5', 'current')
  assert(model !== undefined)
  const request: AdmittedRequest = {
    model,
    answeringModel: model.answersAs,
    maxTokens: 50,
    isStreamed: false,
    inputTokens: 123,
    speed: 'standard',
    inferenceGeo: 'global',
    workspace: '',
  }
  const settings = { ...defaultSettings, outputTokens: 50, outputSigma: 0 }
  const message = composeMessage(
    request,
    answerForm({}, model),
    drawWork(settings, 5, 0, 50),
    noCacheUse,
  )
  expect(message).toEqual({
    id: expect.stringMatching(/^msg_01[1-9A-HJ-NP-Za-km-z]{22}$/),
    type: 'message',
    role: 'assistant',
    model: 'claude-haiku-4-5-20251001',
    content: [{ type: 'text', text: expect.any(String) }],
    container: null,
    diagnostics: null,
    stop_reason: 'max_tokens',
    stop_sequence: null,
    stop_details: null,
    usage: {
      input_tokens: 123,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
      output_tokens: 50,
      output_tokens_details: { thinking_tokens: 0 },
      server_tool_use: null,
      service_tier: 'standard',
      speed: 'standard',
      inference_geo: 'global',
    },
  })
})

test.each([1, 2, 50, 1000, 30_000])('prose() of %d tokens is about as long', (tokens) => {
  for (const seed of [1, 2, 3]) {
    // At most a word too long.
    const counted = textTokens(prose(new Random(seed), tokens))
    expect(counted).toBeGreaterThanOrEqual(tokens - 3)
    expect(counted).toBeLessThanOrEqual(tokens + 8)
  }
})

test('identifier() is as long as asked and of letters and digits', () => {
  const names = Array.from({ length: 100 }, (_, seed) => identifier(new Random(seed), 20))
  for (const name of names) expect(name).toMatch(/^[A-Za-z1-9]{20}$/)
  expect(new Set(names).size).toBe(100)
})

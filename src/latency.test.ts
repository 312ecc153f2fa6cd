import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LatencyModel, RecentPercentile } from './latency.ts'

describe('RecentPercentile', () => {
  test('is unknown until there are enough samples', () => {
    const percentile = new RecentPercentile(0.99)
    for (let count = 0; count < 19; count++) percentile.add(7)
    expect(percentile.value()).toBeUndefined()
    expect(percentile.value(19)).toBe(7)
    percentile.add(7)
    expect(percentile.value()).toBe(7)
  })

  test.each([
    [0.5, 51],
    [0.99, 100],
    [0, 1],
    [1, 100],
  ])('of 1 to 100 the share %d is %i', (share, value) => {
    const percentile = new RecentPercentile(share)
    for (let sample = 100; sample >= 1; sample--) percentile.add(sample)
    percentile.value()
    // What is read is at most 64 samples old.
    for (let sample = 100; sample >= 1; sample--) percentile.add(sample)
    expect(percentile.value()).toBe(value)
  })

  test('forgets what is more than 256 samples old, and notices within 64', () => {
    const percentile = new RecentPercentile(1)
    percentile.add(1e6)
    for (let count = 0; count < 255 + 64; count++) {
      percentile.add(1)
      percentile.value()
    }
    expect(percentile.value()).toBe(1)
  })

  test('lies between the least and the greatest of what it was given', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 20, maxLength: 250 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (samples, share) => {
          const percentile = new RecentPercentile(share)
          for (const sample of samples) percentile.add(sample)
          const value = percentile.value() ?? Number.NaN
          expect(samples).toContain(value)
        },
      ),
    )
  })
})

/** Answers of so many tokens, each after so many milliseconds. */
function learned(count: number, elapsedMs: number, tokens: number): LatencyModel {
  const latency = new LatencyModel()
  for (let answer = 0; answer < count; answer++) {
    latency.learnFirstByte(elapsedMs)
    latency.learnAnswer(elapsedMs, tokens)
  }
  return latency
}

describe('LatencyModel', () => {
  test.each([
    ['before anything is known', 0, 0, 30_000],
    ['when it is usually quick', 50, 1000, 30_000],
    ['when it is usually slow', 50, 12_000, 60_000],
  ])('firstByteMsMax() %s', (_, count, elapsedMs, most) => {
    expect(learned(count, elapsedMs, 1).firstByteMsMax()).toBe(most)
  })

  // What others wait for is tried anew much sooner than what hangs is ended.
  test.each([
    ['before anything is known', 0, 0, 10_000],
    ['of too few', 19, 12_000, 10_000],
    ['when it is usually quick', 50, 3000, 10_000],
    ['when it is usually slow', 50, 12_000, 36_000],
  ])('firstByteLateMs() %s', (_, count, elapsedMs, late) => {
    expect(learned(count, elapsedMs, 1).firstByteLateMs()).toBe(late)
  })

  test('of a first byte, the slowest twentieth does not say what is late', () => {
    const latency = learned(96, 5000, 1)
    for (let slow = 0; slow < 4; slow++) latency.learnFirstByte(100_000)
    // All of these make the sorted copy anew.
    for (let more = 0; more < 28; more++) latency.learnFirstByte(5000)
    expect(latency.firstByteLateMs()).toBe(15_000)
    expect(latency.firstByteMsMax()).toBe(500_000)
  })

  // 20 ms a token; five times that for each token there may be.
  test.each([
    ['knows nothing at first', 19, 100, Infinity],
    ['is a minute for what is short', 50, 100, 60_000],
    ['is longer for what may be long', 50, 4096, 409_600],
  ])('answerMsMax() %s', (_, count, maxTokens, most) => {
    expect(learned(count, 2000, 100).answerMsMax(maxTokens)).toBe(most)
  })

  test('expectedMs() is the usual time of that many tokens, once five are known', () => {
    expect(learned(4, 2000, 100).expectedMs(100)).toBeUndefined()
    expect(learned(5, 2000, 100).expectedMs(1500)).toBe(30_000)
  })

  test('an answer of no tokens is taken for one', () => {
    expect(learned(5, 2000, 0).expectedMs(1)).toBe(2000)
  })
})

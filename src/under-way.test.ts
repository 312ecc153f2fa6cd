import { describe, expect, test } from 'vitest'
import { attemptOf, rowOf } from '../test/world/drive.ts'
import { AssertionError } from './assert.ts'
import { UnderWay } from './under-way.ts'
import type { Attempt } from './work.ts'

/** With so many tries under way. */
function underWay(
  count: number,
  bounds: { maxConcurrency?: number; maxInFlightBytes?: number } = {},
): { it: UnderWay; attempts: Attempt[] } {
  const it = new UnderWay({ maxConcurrency: 10_000, maxInFlightBytes: 1e9, ...bounds })
  const attempts = Array.from({ length: count }, (_, sequence) => attemptOf(rowOf(sequence)))
  for (const attempt of attempts) it.add(attempt)
  return { it, attempts }
}

describe('UnderWay', () => {
  test('waits for an end at --max-concurrency', () => {
    const { it, attempts } = underWay(2, { maxConcurrency: 2 })
    expect(it.wait(0, 1)).toEqual({ delayMs: Infinity, binds: 'concurrency' })
    for (const attempt of attempts.slice(1)) it.remove(attempt)
    expect(it.wait(0, 1)).toEqual({ delayMs: 0, binds: '' })
    expect([it.size, [...it.attempts]]).toEqual([1, attempts.slice(0, 1)])
  })

  test.each([
    [2, 1000, 0],
    [2, 1001, Infinity],
    [3, 1, Infinity],
    [0, 1e9, 0],
    [1, 1e9, Infinity],
  ])('with %i KB of 3 under way, a body of %d bytes waits %d', (count, bodyBytes, delayMs) => {
    expect(underWay(count, { maxInFlightBytes: 3000 }).it.wait(0, bodyBytes).delayMs).toBe(delayMs)
  })

  test('count() is of one pool, and of starts after one instant up to another', () => {
    const { it } = underWay(0)
    for (const [sequence, startedAt] of [10, 20, 20, 30, 40].entries()) {
      const attempt = { ...attemptOf(rowOf(sequence)), startedAt }
      it.add(sequence === 2 ? { ...attempt, work: { ...attempt.work, pool: 'another' } } : attempt)
    }
    expect(it.count('m', { after: 10, until: 30 })).toBe(2)
    expect(it.count('m', { after: -Infinity, until: 40 })).toBe(4)
    expect(it.count('another', { after: 0, until: 40 })).toBe(1)
  })

  test('slept() tells the tries that began by then from those after', () => {
    const { it, attempts } = underWay(1)
    const isDead = (startedAt: number): boolean[] =>
      attempts.map((attempt) => it.isFromBeforeSleep({ ...attempt, startedAt }))
    expect(isDead(0)).toEqual([false])
    it.slept(20)
    expect([isDead(0), isDead(20), isDead(21)]).toEqual([[true], [true], [false]])
  })

  test('noSocket() lowers what may be under way, for all pools', () => {
    const { it, attempts } = underWay(10)
    for (const attempt of attempts.slice(9)) it.remove(attempt)
    it.noSocket(0)
    // Nine were open; nine tenths of them are eight.
    expect(it.wait(0, 1)).toEqual({ delayMs: Infinity, binds: 'sockets' })
    for (const attempt of attempts.slice(7, 9)) it.remove(attempt)
    expect(it.wait(0, 1).delayMs).toBe(0)
  })

  test('noSocket() with nothing under way waits, and does not try without end', () => {
    const { it } = underWay(0)
    it.noSocket(0)
    expect(it.wait(0, 1)).toEqual({ delayMs: 1000, binds: 'sockets' })
    expect(it.wait(1000, 1).delayMs).toBe(0)
  })

  test('remove() of a try that ended before is a bug of ours', () => {
    const { it, attempts } = underWay(1)
    for (const attempt of attempts) it.remove(attempt)
    for (const attempt of attempts) expect(() => it.remove(attempt)).toThrow(AssertionError)
  })
})

import { describe, expect, test } from 'vitest'
import { rowsOf } from '../test/world/drive.ts'
import { type Ending, longestFirst } from './long-first.ts'
import type { Attempt, Work } from './work.ts'

/** A head and two others, each the first of ten alike, at a row a second; answers of a minute. */
function next(
  outputs: readonly number[],
  given: Partial<Ending> = {},
  asked: readonly number[] = [],
): number {
  const works = rowsOf(3)
  for (const number of asked) {
    const work = works[number]
    if (work) work.lastAttempt = {} as Attempt
  }
  const head = works[0] as Work
  const ending: Ending = {
    head,
    firsts: works.map((work) => ({ work, rows: 10 })),
    rows: 30,
    perSecond: 1,
    slowMs: 60_000,
    costOf: ({ sequence }) => ({ input: 1, output: outputs[sequence] ?? 0 }),
    refillsOf: () => ({ requests: { ms: 1000, owedMs: 0 } }),
    ...given,
  }
  return longestFirst(ending).sequence
}

describe('at the end of a run', () => {
  test('the longest goes first, if it is expected to be twice as long as the head', () => {
    expect(next([100, 200, 150])).toBe(1)
    expect(next([100, 200, 500])).toBe(2)
    expect(next([100, 199, 150])).toBe(0)
  })

  test('of those alike the one that came first', () => {
    expect(next([100, 500, 500])).toBe(1)
    expect(next([100, 100, 100])).toBe(0)
  })

  test('nobody goes before a row that was asked before, or because it was', () => {
    expect(next([100, 500, 100], {}, [0])).toBe(0)
    expect(next([100, 500, 100], {}, [1])).toBe(0)
  })
})

describe('it is the end', () => {
  const outputs = [100, 500, 100]

  test('when at the rate of answers all would have started before a slow one is there', () => {
    expect(next(outputs, { rows: 59 })).toBe(1)
    expect(next(outputs, { rows: 60 })).toBe(0)
    expect(next(outputs, { slowMs: undefined })).toBe(0)
    expect(next(outputs, { perSecond: 0 })).toBe(0)
  })

  test('and when the limits gain by then what all that waits takes', () => {
    // Ten of each kind, whose heads take one, and the one with 500 tokens four or five seconds.
    const refillsOf = (seconds: number) => (cost: { output: number }) => ({
      input: { ms: 1000, owedMs: 0 },
      output: { ms: cost.output === 500 ? seconds * 1000 : 1000, owedMs: 0 },
    })
    expect(next(outputs, { refillsOf: refillsOf(3.9) })).toBe(1)
    expect(next(outputs, { refillsOf: refillsOf(4) })).toBe(0)
  })
})

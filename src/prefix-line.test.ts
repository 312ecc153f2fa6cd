import { describe, expect, test } from 'vitest'
import { answered, attemptOf, pointsOf, rowOf } from '../test/world/drive.ts'
import type { CachePoint } from './cache-points.ts'
import { PrefixLine } from './prefix-line.ts'
import { Prefixes, type PrefixKind } from './prefixes.ts'
import type { Attempt, Work } from './work.ts'

const minuteMs = 60_000

/** A line, and what is started from it. */
class Given {
  readonly prefixes: Prefixes
  readonly line: PrefixLine
  #rows = 0

  constructor(kind: PrefixKind = 'marked') {
    this.prefixes = new Prefixes(kind, {
      tokensOf: () => 100_000,
      inputPerMinute: () => Infinity,
      isAskedFor: false,
    })
    this.line = new PrefixLine(this.prefixes)
  }

  add(...rows: readonly (readonly number[] | readonly CachePoint[])[]): readonly Work[] {
    return rows.map((keys) => {
      const cachePoints = keys.flatMap((key, index) =>
        typeof key === 'number' ? (pointsOf(keys as readonly number[], '5m')[index] ?? []) : [key],
      )
      const work = rowOf(this.#rows++, { cachePoints })
      this.line.add(work)
      return work
    })
  }

  /** Starts the row that is next, as the scheduler does. */
  start(now: number): Attempt {
    const work = this.line.peek(now)
    if (work === undefined) throw new Error('All wait')
    const attempt = {
      ...attemptOf(work),
      startedAt: now,
      caching: this.prefixes.useOf(now, work),
    }
    this.prefixes.started(now, attempt)
    this.line.take(work)
    return attempt
  }

  begin(attempt: Attempt): void {
    this.line.freed(attempt, this.prefixes.firstByte(attempt))
  }

  end(attempt: Attempt, isAnswered = true): void {
    const answer = isAnswered ? answered({ cacheWrite: 100 }) : undefined
    this.line.freed(attempt, this.prefixes.ended(attempt, answer))
  }

  /** Starts all that may go, and returns their sequences. */
  startAll(now: number): readonly number[] {
    const started: number[] = []
    while (this.line.peek(now)) started.push(this.start(now).work.sequence)
    return started
  }
}

describe('the line of rows that have prefixes', () => {
  test('one of each prefix goes, the others follow at its first byte', () => {
    const given = new Given()
    given.add([1], [1], [2], [2], [1])
    const first = given.start(0)
    expect(first.work.sequence).toBe(0)
    const other = given.start(0)
    expect(other.work.sequence).toBe(2)
    expect(given.line.peek(0)).toBeUndefined()
    expect(given.line.size).toBe(3)
    given.begin(first)
    expect(given.startAll(100)).toEqual([1, 4])
    given.begin(other)
    expect(given.startAll(200)).toEqual([3])
    expect(given.line.size).toBe(0)
  })

  test('when its writer failed, the next in the order of the input writes', () => {
    const given = new Given()
    given.add([1], [1], [1])
    const first = given.start(0)
    expect(given.line.peek(0)).toBeUndefined()
    given.end(first, false)
    expect(given.start(100).work.sequence).toBe(1)
    expect(given.line.peek(100)).toBeUndefined()
  })

  test('a row that comes back goes before those that came after it', () => {
    const given = new Given()
    given.add([1], [1], [1])
    const first = given.start(0)
    given.end(first, false)
    given.line.add(first.work)
    expect(given.start(100).work.sequence).toBe(0)
  })

  test('while a warm prefix has rows, no other is begun', () => {
    const given = new Given()
    given.add([1], [2], [1], [2], [1])
    given.begin(given.start(0))
    expect(given.startAll(100)).toEqual([2, 4, 1])
  })

  test('of the warm ones, that which was used longest ago goes first', () => {
    const given = new Given()
    given.add([1], [2], [3], [1], [1], [2], [2], [3], [3])
    const writers = [given.start(0), given.start(10), given.start(20)]
    // The answers begin in another order than the requests were sent in.
    for (const writer of writers.toReversed()) given.begin(writer)
    const order = Array.from({ length: 6 }, (_, index) => given.start(100 + index).work.sequence)
    expect(order).toEqual([3, 5, 7, 4, 6, 8])
  })

  test('what is there, was used long ago and gets rows again is found', () => {
    const given = new Given()
    given.add([1])
    given.end(given.start(0))
    expect(given.line.peek(100)).toBeUndefined()
    given.add([2], [1])
    expect(given.start(200).work.sequence).toBe(2)
  })

  test('of one whose life is over, one row writes again', () => {
    const given = new Given()
    given.add([1], [1], [1], [1])
    given.begin(given.start(0))
    given.start(minuteMs)
    const again = given.start(6 * minuteMs + 1)
    expect(again.caching?.writes).toHaveLength(1)
    expect(given.line.peek(6 * minuteMs + 1)).toBeUndefined()
    given.begin(again)
    expect(given.startAll(6 * minuteMs + 100)).toEqual([3])
  })

  test('a row left far behind goes all the same', () => {
    const given = new Given()
    given.add([1], [2])
    given.begin(given.start(0))
    let passed = 0
    for (; passed < 20_000; passed++) {
      given.add([1])
      if (given.start(passed / 100).work.sequence === 1) break
    }
    expect(passed).toBeGreaterThan(4000)
    expect(passed).toBeLessThan(10_000)
  })

  test('who shares a longer one that is being written waits, others of the root go on', () => {
    const given = new Given()
    given.add([1], [1, 2], [1, 2], [1, 3], [1, 3], [1], [1])
    const root = given.start(0)
    expect(given.line.peek(0)).toBeUndefined()
    given.begin(root)
    expect(given.startAll(100)).toEqual([5, 6, 1, 3])
    expect(given.line.size).toBe(2)
  })

  test('where all are looked for, rows that share nothing go in their order', () => {
    const given = new Given('auto')
    given.add(...[1, 2, 3, 4, 5].map((key) => pointsOf([key])))
    expect(given.startAll(0)).toEqual([0, 1, 2, 3, 4])
  })

  test('rows that are taken out are gone, waiting for a writer or not', () => {
    const given = new Given()
    const rows = given.add([1], [1], [2], [2])
    const writer = given.start(0)
    expect(given.line.peek(0)).toBe(rows[2])
    expect(given.line.remove(({ sequence }) => sequence < 3)).toEqual([rows[1], rows[2]])
    given.begin(writer)
    expect(given.startAll(100)).toEqual([3])
    given.line.take(writer.work)
    expect(given.line.size).toBe(0)
  })
})

describe('memory', () => {
  test('a prefix lets go of the rows that left', () => {
    const given = new Given()
    const [first] = given.add([1], [1])
    given.begin(given.start(0))
    let most = 0
    for (let row = 0; row < 5000; row++) {
      given.add([1])
      given.end(given.start(row))
      most = Math.max(most, first?.prefixes?.[0]?.rows.size ?? Infinity)
    }
    expect(most).toBeLessThan(200)
    expect(given.line.size).toBe(1)
  })

  test('a prefix that nobody gets written lets go of them too', () => {
    const given = new Given()
    given.add([1])
    let most = 0
    for (let row = 0; row < 5000; row++) {
      const [work] = given.add([1])
      given.end(given.start(row), false)
      most = Math.max(most, work?.prefixes?.[0]?.rows.size ?? Infinity)
    }
    expect(most).toBeLessThan(200)
  })

  test('unique prefixes, and a root whose rows all go otherwise, are let go of', () => {
    const given = new Given()
    const [first] = given.add([1, 10], [1, 11])
    given.begin(given.start(0))
    for (let row = 0; row < 5000; row++) {
      given.add([1, 100 + row])
      given.end(given.start(row))
    }
    expect(first?.prefixes?.[0]?.rows.size).toBeLessThan(200)
    expect(given.prefixes.size).toBeLessThan(5100)
  })
})

import { describe, expect, test } from 'vitest'
import { answered, attemptOf, pointsOf, rowOf } from '../test/world/drive.ts'
import type { CachePoint } from './cache-points.ts'
import type { Prefix } from './prefix.ts'
import { Prefixes, type PrefixKind } from './prefixes.ts'
import type { Attempt, Work } from './work.ts'

const minuteMs = 60_000

/** Prefixes, and rows that come and are started one by one. */
class Given {
  readonly prefixes: Prefixes
  #rows = 0

  /** `tokens`: of every prompt. `perMinute`: of input, that the limit allows. */
  constructor(kind: PrefixKind, tokens = 100_000, perMinute = Infinity) {
    const parts = { tokensOf: () => tokens, inputPerMinute: () => perMinute, isAskedFor: false }
    this.prefixes = new Prefixes(kind, parts)
  }

  /** A row that waits, with these points; of mere keys, each is marked for five minutes. */
  row(keys: readonly number[] | readonly CachePoint[], model = 'm'): Work {
    const cachePoints = keys.flatMap((key, index) =>
      typeof key === 'number' ? (pointsOf(keys as readonly number[], '5m')[index] ?? []) : [key],
    )
    const work = rowOf(this.#rows++, { model, cachePoints })
    this.prefixes.enter(work)
    return work
  }

  /** Starts a row that waits. */
  start(now: number, work: Work): Attempt {
    const caching = this.prefixes.useOf(now, work)
    const attempt = { ...attemptOf(work), startedAt: now, caching }
    this.prefixes.started(now, attempt)
    this.prefixes.leave(work)
    return attempt
  }

  /** Starts it, and it is answered at once. */
  answer(now: number, work: Work, usage: { cacheWrite?: number; cacheRead?: number }): Attempt {
    const attempt = this.start(now, work)
    this.prefixes.ended(attempt, answered(usage))
    return attempt
  }
}

function keysOf(prefixes: readonly Prefix[] | undefined): readonly number[] | undefined {
  return prefixes?.map(({ key }) => key)
}

const unmarked = (keys: readonly number[]): readonly CachePoint[] => pointsOf(keys)

describe('who writes, and who waits', () => {
  test('the first of a prefix writes it, the next waits for its first byte and reads', () => {
    const given = new Given('marked')
    const [first, second] = [given.row([1]), given.row([1])]
    expect(given.prefixes.waitsFor(0, first)).toBeUndefined()
    const attempt = given.start(0, first)
    expect(keysOf(attempt.caching?.writes)).toEqual([1])
    expect(attempt.caching?.reads).toBeUndefined()
    const awaited = given.prefixes.waitsFor(0, second)
    expect(awaited?.key).toBe(1)
    awaited?.parked.push(second)
    expect(given.prefixes.firstByte(attempt)).toEqual([second])
    expect(given.prefixes.firstByte(attempt)).toEqual([])
    expect(given.prefixes.waitsFor(500, second)).toBeUndefined()
    const reader = given.start(500, second)
    expect(reader.caching?.writes).toEqual([])
    expect(reader.caching?.reads?.key).toBe(1)
    expect(reader.caching?.unusedMs).toBe(500)
  })

  // The end of one prompt that nobody else has; the root may be shared by rows yet to come.
  test.each([
    ['others wait for its end', [1, 2], true],
    ['nobody has its end', [1, 3], false],
    ['it is the first of its root', [4], true],
  ])('whether its first byte matters: %s', (_what, keys, leads) => {
    const given = new Given('marked')
    given.answer(0, given.row([1]), { cacheWrite: 2000 })
    given.row([1, 2])
    const use = given.prefixes.useOf(100, given.row(keys))
    expect(use && given.prefixes.leads(use)).toBe(leads)
  })

  test.each(['marked', 'auto'] as const)('a row without prefixes does not count: %s', (kind) => {
    const given = new Given(kind)
    const work = given.row([])
    expect(given.prefixes.useOf(0, work)).toBeUndefined()
    expect(given.prefixes.waitsFor(0, work)).toBeUndefined()
    expect(given.prefixes.longest(0, work)).toBeUndefined()
    expect(given.prefixes.size).toBe(0)
    given.answer(0, work, {})
    expect(given.prefixes.findings.take()).toEqual([])
  })

  test.each([
    ['a first byte', (given: Given, writer: Attempt) => given.prefixes.firstByte(writer), true],
    ['an end', (given: Given, writer: Attempt) => given.prefixes.ended(writer, undefined), false],
    [
      'an answer',
      (given: Given, writer: Attempt) => given.prefixes.ended(writer, answered({ cacheWrite: 9 })),
      true,
    ],
    ['being late', (given: Given, writer: Attempt) => given.prefixes.supersede(writer), false],
  ])('the writer is none after %s', (_what, happens, isWarm) => {
    const given = new Given('marked')
    const [first, second] = [given.row([1]), given.row([1])]
    const writer = given.start(1000, first)
    expect(given.prefixes.isAwaited(writer)).toBe(true)
    const prefix = given.prefixes.waitsFor(1000, second)
    prefix?.parked.push(second)
    expect(happens(given, writer)).toEqual([second])
    expect(given.prefixes.isAwaited(writer)).toBe(false)
    expect(prefix?.isWarm(1000)).toBe(isWarm)
    // The life of what it wrote counts from when the request began.
    expect(prefix?.usedAt).toBe(isWarm ? 1000 : -Infinity)
  })

  test('a late writer takes nothing from its successor, however it ends', () => {
    const given = new Given('marked')
    const [first, second, third] = [given.row([1]), given.row([1]), given.row([1])]
    const late = given.start(0, first)
    given.prefixes.supersede(late)
    const writer = given.start(10_000, second)
    given.prefixes.waitsFor(10_000, third)?.parked.push(third)
    expect(given.prefixes.ended(late, undefined)).toEqual([])
    expect(given.prefixes.isAwaited(writer)).toBe(true)
    expect(given.prefixes.waitsFor(10_000, third)?.writer).toBe(writer)
    expect(given.prefixes.firstByte(writer)).toEqual([third])
  })

  test('what expired is written by one again, and all others wait', () => {
    const given = new Given('marked')
    const [first, second, third] = [given.row([1]), given.row([1]), given.row([1])]
    given.answer(0, first, { cacheWrite: 2000 })
    const again = given.start(5 * minuteMs, second)
    expect(keysOf(again.caching?.writes)).toEqual([1])
    expect(given.prefixes.waitsFor(5 * minuteMs, third)?.key).toBe(1)
  })
})

describe('nested prefixes', () => {
  test('a row writes all of its own that are cold', () => {
    const given = new Given('marked')
    const attempt = given.start(0, given.row([1, 2, 3]))
    expect(keysOf(attempt.caching?.writes)).toEqual([1, 2, 3])
  })

  test('what is behind a warm one is written, and that one is read', () => {
    const given = new Given('marked')
    given.row([1, 2])
    given.answer(0, given.row([1, 2]), { cacheWrite: 2000 })
    const { caching } = given.start(1000, given.row([1, 2, 3]))
    expect(keysOf(caching?.writes)).toEqual([3])
    expect(caching?.reads?.key).toBe(2)
    expect(keysOf(caching?.chain)).toEqual([1, 2, 3])
  })

  test.each([
    ['the root that another writes', [1], [1, 2], 1],
    ['the branch that another writes', [1, 2], [1, 2, 3], 1],
    ['none, if only its own are cold', [4], [1, 2], undefined],
    ['the root, whatever else the writer writes', [1, 5], [1, 2], 1],
  ] as const)('a row waits for %s', (_what, writes, has, awaited) => {
    const given = new Given('marked')
    const [writer, work] = [given.row(writes), given.row(has)]
    given.start(0, writer)
    expect(given.prefixes.waitsFor(0, work)?.key).toBe(awaited)
  })

  test('nobody waits for what is within a longer one that is there', () => {
    const given = new Given('marked')
    const rows = [given.row([1, 2]), given.row([1, 2]), given.row([1, 2]), given.row([1, 3])]
    const [first, second, third, other] = rows as [Work, Work, Work, Work]
    given.answer(0, first, { cacheWrite: 2000 })
    // Only the longest is read: the root's life is over first, and another writes it again.
    given.answer(4 * minuteMs, second, { cacheRead: 2000 })
    given.start(5 * minuteMs, other)
    expect(given.prefixes.waitsFor(5 * minuteMs, third)).toBeUndefined()
    expect(given.prefixes.useOf(5 * minuteMs, third)?.reads?.key).toBe(2)
  })

  test('its longest is the longest that is shared', () => {
    const given = new Given('marked')
    const work = given.row([1, 2, 3])
    expect(given.prefixes.longest(0, work)).toBeUndefined()
    given.row([1])
    expect(given.prefixes.longest(0, work)?.key).toBe(1)
    given.row([1, 2])
    expect(given.prefixes.longest(0, work)?.key).toBe(2)
  })
})

describe('marks put where there are none', () => {
  test('only what at least two wait for, which is there, or is being written', () => {
    const given = new Given('auto')
    const [first, second, third] = [0, 1, 2].map(() => given.row(unmarked([1]))) as [
      Work,
      Work,
      Work,
    ]
    given.prefixes.leave(second)
    given.prefixes.leave(third)
    expect(given.prefixes.useOf(0, first)).toBeUndefined()
    for (const work of [second, third]) given.prefixes.enter(work)
    const writer = given.start(0, first)
    expect(keysOf(writer.caching?.writes)).toEqual([1])
    given.prefixes.leave(third)
    expect(given.prefixes.waitsFor(0, second)?.key).toBe(1)
    given.prefixes.firstByte(writer)
    expect(given.start(100, second).caching?.reads?.key).toBe(1)
  })

  // A model caches nothing shorter; an estimate may be a tenth too high.
  test.each([
    ['claude-haiku-4-5', 4096 * 1.09, false],
    ['claude-haiku-4-5', 4096 * 1.11, true],
    ['claude-sonnet-4-5', 1024 * 1.09, false],
    ['claude-sonnet-4-5', 1024 * 1.11, true],
    ['unknown', 1024 * 1.09, false],
    ['unknown', 1024 * 1.11, true],
  ])('of %s, %d tokens are marked: %s', (model, tokens, isMarked) => {
    const given = new Given('auto', tokens * 2)
    const halves = [{ ...unmarked([1])[0], share: 0.5 } as CachePoint]
    const work = given.row(halves, model)
    given.row(halves, model)
    expect(given.prefixes.useOf(0, work) !== undefined).toBe(isMarked)
  })

  test('a shorter one only if more rows have it', () => {
    const given = new Given('auto')
    const work = given.row(unmarked([1, 2, 3, 4, 5]))
    given.row(unmarked([1, 2, 3, 4]))
    given.row(unmarked([1, 2]))
    expect(keysOf(given.prefixes.useOf(0, work)?.chain)).toEqual([2, 4])
  })

  test('at most four, the longest', () => {
    const given = new Given('auto')
    const keys = [1, 2, 3, 4, 5, 6]
    const work = given.row(unmarked(keys))
    for (const count of [1, 2, 3, 4, 5, 6]) given.row(unmarked(keys.slice(0, count)))
    const use = given.prefixes.useOf(0, work)
    expect(keysOf(use?.chain)).toEqual([3, 4, 5, 6])
    expect(use?.marks.map(({ at, life }) => [at.index, life])).toEqual(
      [2, 3, 4, 5].map((index) => [index, '5m']),
    )
  })

  test("the user's own are left as they are, few or many, shared or not", () => {
    const given = new Given('auto', 10)
    const use = given.prefixes.useOf(0, given.row(pointsOf([1, 2, 3, 4, 5], '1h')))
    expect(keysOf(use?.chain)).toEqual([1, 2, 3, 4, 5])
    expect(use?.marks).toEqual([])
    expect(use?.chain.map(({ life }) => life)).toEqual(Array.from({ length: 5 }, () => '1h'))
  })

  // What another writes at this time, or has written, must not be written again beside it.
  test.each([
    ['being written', false],
    ['there', true],
  ])('a shorter one that is %s counts, though no more rows have it', (_what, isThere) => {
    const given = new Given('auto')
    const [first, second] = [given.row(unmarked([1])), given.row(unmarked([1, 2]))]
    given.row(unmarked([1, 2]))
    const writer = given.start(0, first)
    if (isThere) {
      given.prefixes.firstByte(writer)
      const { caching } = given.start(100, second)
      expect(caching?.reads?.key).toBe(1)
      expect(keysOf(caching?.writes)).toEqual([2])
    } else expect(given.prefixes.waitsFor(100, second)?.key).toBe(1)
  })
})

describe('for how long it is kept', () => {
  // At 25,000 tokens a minute these 100,000 take four minutes, and five are soon over.
  test.each([
    [24_000, 3, '1h'],
    [24_000, 2, '5m'],
    [26_000, 3, '5m'],
    [Infinity, 9, '5m'],
  ])('%d tokens a minute, %d rows: %s', (perMinute, rows, life) => {
    const given = new Given('auto', 100_000, perMinute)
    const works = Array.from({ length: rows }, () => given.row(unmarked([1])))
    const use = given.prefixes.useOf(0, works[0] as Work)
    expect(use?.marks.map((mark) => mark.life)).toEqual([life])
  })

  test('what is there keeps the life it was written with', () => {
    const given = new Given('auto', 100_000, 24_000)
    const works = [0, 1, 2].map(() => given.row(unmarked([1]))) as [Work, Work, Work]
    given.answer(0, works[0], { cacheWrite: 100_000 })
    expect(given.start(minuteMs, works[1]).caching?.marks.map(({ life }) => life)).toEqual(['1h'])
  })

  test('a mark says it itself', () => {
    const given = new Given('marked', 100_000, 1)
    const attempt = given.start(0, given.row(pointsOf([1], '1h')))
    given.prefixes.firstByte(attempt)
    expect(attempt.caching?.chain[0]?.isWarm(50 * minuteMs)).toBe(true)
  })
})

describe('what answers say', () => {
  test('a request that was refused has read nothing, and renews nothing', () => {
    const given = new Given('marked')
    const [first, second, third] = [given.row([1]), given.row([1]), given.row([1])]
    given.answer(0, first, { cacheWrite: 2000 })
    const refused = given.start(4 * minuteMs, second)
    given.prefixes.ended(refused, undefined)
    expect(given.prefixes.useOf(5 * minuteMs, third)?.reads).toBeUndefined()
    const begun = given.start(4 * minuteMs, given.row([1]))
    given.prefixes.ended({ ...begun, headAt: 4 * minuteMs + 300 }, undefined)
    expect(given.prefixes.useOf(5 * minuteMs, third)?.reads?.key).toBe(1)
  })

  test('who reads what another writes may be answered first: nothing was written twice', () => {
    const given = new Given('marked')
    const [first, second] = [given.row([1]), given.row([1])]
    const writer = given.start(0, first)
    given.prefixes.firstByte(writer)
    given.answer(500, second, { cacheRead: 2000 })
    given.prefixes.ended(writer, answered({ cacheWrite: 2000 }))
    expect(writer.cacheMissedTokens).toBe(0)
  })

  test('written anew when its life was over, it was written again', () => {
    const given = new Given('marked')
    const [first, second] = [given.row([1]), given.row([1])]
    given.answer(0, first, { cacheWrite: 2000 })
    const late = given.answer(6 * minuteMs, second, { cacheWrite: 2100 })
    expect(late.cacheMissedTokens).toBe(2000)
  })

  test('of nested ones, what was known and not read was written again', () => {
    const given = new Given('marked')
    const rows = [given.row([1, 2]), given.row([1, 3]), given.row([1, 2])] as const
    given.answer(0, rows[0], { cacheWrite: 5000 })
    expect(given.answer(10, rows[1], { cacheRead: 2000, cacheWrite: 3000 }).cacheMissedTokens).toBe(
      0,
    )
    // Its own part had gone, what it shares with all had not.
    expect(given.answer(20, rows[2], { cacheRead: 2000, cacheWrite: 3000 }).cacheMissedTokens).toBe(
      3000,
    )
  })

  test('found gone after two minutes, nothing is taken to live longer', () => {
    const given = new Given('marked')
    const [first, second] = [given.row([1]), given.row([1])]
    const others = [given.row([2]), given.row([2])] as const
    given.answer(0, first, { cacheWrite: 2000 })
    const missed = given.answer(2 * minuteMs, second, { cacheWrite: 2000 })
    expect(missed.cacheMissedTokens).toBe(2000)
    given.answer(3 * minuteMs, others[0], { cacheWrite: 2000 })
    const after = (minutes: number): number | undefined =>
      given.prefixes.useOf((3 + minutes) * minuteMs, others[1])?.reads?.key
    expect(after(1.9)).toBe(2)
    expect(after(2)).toBeUndefined()
  })

  test('gone within a second, it was not its life that was over', () => {
    const given = new Given('marked')
    const rows = [given.row([1]), given.row([1]), given.row([1])] as const
    given.answer(0, rows[0], { cacheWrite: 2000 })
    expect(given.answer(900, rows[1], { cacheWrite: 2000 }).cacheMissedTokens).toBe(2000)
    expect(given.prefixes.useOf(4 * minuteMs, rows[2])?.reads?.key).toBe(1)
  })

  test('of what was not kept at all, nobody is writer or waits any more', () => {
    const given = new Given('marked')
    const rows = [0, 1, 2].map(() => given.row([1, 2])) as [Work, Work, Work]
    const writer = given.start(0, rows[0])
    given.prefixes.waitsFor(0, rows[1])?.parked.push(rows[1])
    expect(given.prefixes.ended(writer, answered())).toEqual([rows[1]])
    expect(given.prefixes.useOf(0, rows[1])).toBeUndefined()
    given.start(0, rows[1])
    expect(given.prefixes.waitsFor(0, rows[2])).toBeUndefined()
  })

  test.each([
    [2, true],
    [3, false],
  ])('missed %d times in a row by all, it is waited for: %s', (misses, isKept) => {
    const given = new Given('marked')
    const rows = Array.from({ length: misses + 2 }, () => given.row([1]))
    given.answer(0, rows.shift() as Work, { cacheWrite: 2000 })
    for (const work of rows.splice(0, misses)) given.answer(100, work, { cacheWrite: 2000 })
    expect(given.prefixes.useOf(200, rows[0] as Work) !== undefined).toBe(isKept)
  })

  test('a prefix that was ever read is never given up', () => {
    const given = new Given('marked')
    const rows = Array.from({ length: 9 }, () => given.row([1]))
    given.answer(0, rows.shift() as Work, { cacheWrite: 2000 })
    given.answer(0, rows.shift() as Work, { cacheRead: 2000 })
    for (const work of rows.splice(0, 5)) given.answer(100, work, { cacheWrite: 2000 })
    expect(given.prefixes.useOf(200, rows[0] as Work)).toBeDefined()
  })

  // Rows that each write an end of their own read what they have in common all the same.
  test('a root is read, and missed, by rows that write more besides', () => {
    const given = new Given('marked')
    const [first, ...rows] = [2, 3, 4].map((end) => given.row([1, end])) as [Work, Work, Work]
    given.answer(0, first, { cacheWrite: 3000 })
    given.answer(100, rows[0], { cacheRead: 2000, cacheWrite: 1000 })
    const root = given.prefixes.useOf(200, rows[1])?.reads
    expect(root).toMatchObject({ key: 1, reads: 1, tokens: 2000 })
    given.answer(2 * minuteMs, rows[1], { cacheWrite: 3000 })
    expect(root?.misses).toBe(1)
    expect(root?.isWarm(4.1 * minuteMs)).toBe(false)
  })

  test('what is read does not count to the cost', () => {
    const given = new Given('marked')
    const cost = { input: 900, output: 5, prompt: 1000 }
    const [first, second, third] = [given.row([1, 2]), given.row([1, 3]), given.row([1, 3])]
    expect(given.prefixes.costOf(0, first, cost)).toEqual({ ...cost, input: 1000 })
    const writer = given.start(0, first)
    given.prefixes.firstByte(writer)
    // Half of it by its share, until an answer tells.
    expect(given.prefixes.costOf(0, second, cost)).toEqual({ ...cost, input: 500 })
    given.answer(0, second, { cacheWrite: 300, cacheRead: 0 })
    expect(given.prefixes.costOf(0, third, cost)).toEqual({ ...cost, input: 700 })
    const plain = given.row([])
    expect(given.prefixes.costOf(0, plain, cost)).toBe(cost)
  })
})

describe('memory', () => {
  test('a prefix that no row has any more and nobody wrote is forgotten', () => {
    const given = new Given('marked')
    const work = given.row([1, 2])
    expect(given.prefixes.size).toBe(2)
    const attempt = given.start(0, work)
    expect(given.prefixes.size).toBe(2)
    given.prefixes.ended(attempt, undefined)
    expect(given.prefixes.size).toBe(0)
  })

  test('what the server may have is kept for those that come', () => {
    const given = new Given('marked')
    given.answer(0, given.row([1]), { cacheWrite: 2000 })
    expect(given.prefixes.useOf(100, given.row([1]))?.reads?.key).toBe(1)
  })

  test.each(['marked', 'auto'] as const)('is bounded, however many there are: %s', (kind) => {
    const given = new Given(kind)
    for (let key = 0; key < 20_000; key++) {
      const points = pointsOf([-1, key], kind === 'auto' ? undefined : '5m')
      given.answer(key, given.row(points), { cacheWrite: 10 })
    }
    expect(given.prefixes.size).toBeLessThan(4200)
  })
})

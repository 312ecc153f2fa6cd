/**
 * The store by itself: its bounds, and what single requests on the whole model do not show.
 */

import { expect, test } from 'vitest'

import type { CacheTtl } from './cache-marks.ts'
import type { CachePlan } from './cache-prefix.ts'
import { CacheStore } from './cache-store.ts'

/** A prompt of blocks of 1,000 tokens each, marked at some of them. */
function plan(
  digests: readonly string[],
  marks: readonly [at: number, ttl: CacheTtl][],
): CachePlan {
  return {
    digests,
    tokens: digests.map((_, index) => (index + 1) * 1000),
    breakpoints: marks.map(([at, ttl]) => ({ at, ttl })),
  }
}

/** Looks, starts and begins to answer at once. */
function ask(store: CacheStore, now: number, of: CachePlan): ReturnType<CacheStore['look']> {
  const use = store.look(now, of)
  store.refresh(now, use)
  store.write(now, now, use)
  return use
}

test('look() changes nothing', () => {
  const store = new CacheStore()
  const one = plan(['a'], [[0, '5m']])
  store.look(0, one)
  expect(store.size).toBe(0)
  ask(store, 0, one)
  expect(store.look(299_999, one).readTokens).toBe(1000)
  expect(store.look(300_000, one).readTokens).toBe(0)
})

test('what every breakpoint finds is refreshed, not the longest alone', () => {
  const store = new CacheStore()
  ask(
    store,
    0,
    plan(
      ['a', 'b'],
      [
        [0, '5m'],
        [1, '5m'],
      ],
    ),
  )
  expect(
    ask(
      store,
      200_000,
      plan(
        ['a', 'b'],
        [
          [0, '5m'],
          [1, '5m'],
        ],
      ),
    ).readTokens,
  ).toBe(2000)
  expect(store.look(400_000, plan(['a', 'c'], [[0, '5m']])).readTokens).toBe(1000)
})

test('within what is read nothing is written', () => {
  const store = new CacheStore()
  ask(store, 0, plan(['a', 'b'], [[1, '5m']]))
  expect(
    ask(
      store,
      1,
      plan(
        ['a', 'b'],
        [
          [0, '5m'],
          [1, '5m'],
        ],
      ),
    ),
  ).toMatchObject({
    readTokens: 2000,
    writes: [],
  })
  expect(store.look(2, plan(['a', 'c'], [[0, '5m']])).readTokens).toBe(0)
})

test('a mark of 1h reads an entry of 5m, which lives no longer for it', () => {
  const store = new CacheStore()
  ask(store, 0, plan(['a'], [[0, '5m']]))
  const hour = plan(['a'], [[0, '1h']])
  expect(ask(store, 1000, hour)).toMatchObject({ readTokens: 1000, write1hTokens: 0 })
  expect(store.look(300_999, hour).readTokens).toBe(1000)
  expect(store.look(301_000, hour).readTokens).toBe(0)
})

test('of twins of both lives the longer one stays', () => {
  const store = new CacheStore()
  const [short, long] = [plan(['a'], [[0, '5m']]), plan(['a'], [[0, '1h']])]
  const uses = [store.look(0, long), store.look(0, short)]
  for (const use of uses) store.write(0, 0, use)
  expect(store.look(3_599_999, short).readTokens).toBe(1000)
})

test('an entry that expired and is written anew lives as long as its new writer says', () => {
  const store = new CacheStore()
  ask(store, 0, plan(['a'], [[0, '1h']]))
  const short = plan(['a'], [[0, '5m']])
  expect(ask(store, 3_600_000, short)).toMatchObject({ readTokens: 0, write5mTokens: 1000 })
  expect(ask(store, 3_700_000, short).readTokens).toBe(1000)
  expect(store.look(4_000_000, short).readTokens).toBe(0)
})

test('entries that expired are swept', () => {
  const store = new CacheStore({ shortLifeMs: 1000 })
  for (let index = 0; index < 100_000; index++) {
    ask(store, index, plan([`entry ${index}`], [[0, '5m']]))
    expect(store.size).toBeLessThanOrEqual(2100)
  }
})

test('beyond the most entries those longest unused go', () => {
  const store = new CacheStore({ entriesMax: 3 })
  const one = (name: string): CachePlan => plan([name], [[0, '5m']])
  for (const name of ['a', 'b', 'c']) ask(store, 0, one(name))
  ask(store, 1, one('a'))
  ask(store, 2, one('d'))
  const left = ['a', 'b', 'c', 'd'].filter((name) => store.look(3, one(name)).readTokens > 0)
  expect(left).toEqual(['a', 'c', 'd'])
  expect(store.size).toBe(3)
})

import { expect, test } from 'vitest'
import { RecentMap } from './recent-map.ts'

test('RecentMap keeps what was set last', () => {
  const map = new RecentMap<string>(4)
  map.set(1, 'a')
  map.set(2, 'b')
  map.set(1, 'A')
  map.set(3, 'c')
  expect([map.get(1), map.get(2), map.get(3)]).toEqual(['A', undefined, 'c'])
})

test('RecentMap holds at least half of its size of those set last, and never more than all', () => {
  const map = new RecentMap<number>(10)
  for (let last = 0; last < 100; last++) {
    map.set(last, last)
    const held = Array.from({ length: last + 1 }, (_, key) => map.get(key) === key)
    const count = held.filter(Boolean).length
    expect(count).toBeLessThanOrEqual(10)
    expect(held.slice(-5)).toEqual(Array.from({ length: Math.min(5, last + 1) }, () => true))
  }
})

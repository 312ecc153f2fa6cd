import { expect, test } from 'vitest'
import { RecentMap } from './recent-map.ts'

test('RecentMap keeps what was set last', () => {
  const map = new RecentMap<string>(2)
  map.set(1, 'a')
  map.set(2, 'b')
  map.set(1, 'A')
  map.set(3, 'c')
  expect([map.get(1), map.get(2), map.get(3)]).toEqual(['A', undefined, 'c'])
})

import { describe, expect, test } from 'vitest'
import { type LifeSeen, Prefix } from './prefix.ts'

const minuteMs = 60_000

function prefixOf(life: '5m' | '1h' = '5m', seen: LifeSeen = { msMax: Infinity }): Prefix {
  const prefix = new Prefix(1, 'm', seen)
  prefix.life = life
  return prefix
}

describe('a prefix', () => {
  test('that nobody wrote is cold at any time', () => {
    for (const now of [-1e9, 0, 1e9]) expect(prefixOf().isWarm(now)).toBe(false)
  })

  // A request that leaves in the last seconds of its life may come too late.
  test.each([
    ['5m', 0, true],
    ['5m', 4.8, true],
    ['5m', 4.9, false],
    ['5m', 5, false],
    ['1h', 5, true],
    ['1h', 58, true],
    ['1h', 59, false],
  ] as const)('kept for %s, used %d minutes ago: warm is %s', (life, minutes, isWarm) => {
    const prefix = prefixOf(life)
    prefix.use(1000)
    expect(prefix.isWarm(1000 + minutes * minuteMs)).toBe(isWarm)
  })

  test('lives from its last use, and an older one takes nothing from it', () => {
    const prefix = prefixOf()
    prefix.use(0)
    prefix.use(4 * minuteMs)
    prefix.use(minuteMs)
    expect(prefix.usedAt).toBe(4 * minuteMs)
    expect(prefix.isWarm(8 * minuteMs)).toBe(true)
    expect(prefix.isWarm(9 * minuteMs)).toBe(false)
  })

  test.each(['5m', '1h'] as const)('kept for %s lives no longer than was seen', (life) => {
    const seen: LifeSeen = { msMax: Infinity }
    const prefix = prefixOf(life, seen)
    prefix.use(0)
    seen.msMax = 2 * minuteMs
    expect(prefix.isWarm(1.9 * minuteMs)).toBe(true)
    expect(prefix.isWarm(2 * minuteMs)).toBe(false)
  })
})

import { expect, test } from 'vitest'
import { ShownLevel } from './shown-level.ts'

// One unit a millisecond, 1,000 at most.
function levelOf(left: number): ShownLevel {
  const level = new ShownLevel(0, { capacity: 1000, perMinute: 60_000 })
  level.take(0, 1000 - left)
  return level
}

test('ShownLevel falls by what is counted and is refilled to its capacity', () => {
  const level = levelOf(300)
  expect(level.level(0)).toBe(300)
  expect(level.level(200)).toBe(500)
  expect(level.level(5000)).toBe(1000)
  expect(level.delayUntil(100, 600)).toBe(200)
  expect(level.delayUntil(100, 400)).toBe(0)
  expect(levelOf(-500).delayUntil(0, 100)).toBe(600)
})

test.each([
  ['leaves alone what agrees', [350, 350], 300],
  ['falls to what is shown, and what it may be off', [100, 100], 200],
  ['rises to what is shown, less that', [700, 700], 600],
  ['is left alone between two that it may be', [100, 700], 300],
  ['falls to the higher', [0, 150], 250],
  ['rises to the lower', [700, 500], 400],
  ['is none where none is left', [0, 0], 0],
] as const)('ShownLevel.observe() %s', (_, left, expected) => {
  const level = levelOf(300)
  level.observe(0, left, 100)
  expect(level.level(0)).toBe(expected)
})

test('ShownLevel.observe() does not raise a debt to nothing: nothing is shown of debts', () => {
  const level = levelOf(-400)
  level.observe(0, [0, 0], 100)
  expect(level.level(0)).toBe(-400)
})

test('ShownLevel.resize() keeps what is left, as far as it fits', () => {
  const level = levelOf(300)
  level.resize(0, { capacity: 200, perMinute: 120_000 })
  expect(level.level(0)).toBe(200)
  level.take(0, 200)
  expect(level.level(50)).toBe(100)
})

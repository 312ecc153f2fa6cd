import { expect, test } from 'vitest'
import { Slice } from './slice.ts'

test('Slice is a minute until a refusal says less', () => {
  const slice = new Slice()
  expect(slice.seconds(0)).toBe(60)
  slice.refused(0, 2)
  // A tenth less, and a twentieth of a second for what arrives closer together than it left.
  expect(slice.seconds(0)).toBeCloseTo(1.75, 9)
})

test('Slice believes the shortest, and no less than a tenth of a second', () => {
  const slice = new Slice()
  slice.refused(0, 2)
  slice.refused(0, 5)
  expect(slice.seconds(0)).toBeCloseTo(1.75, 9)
  slice.refused(0, 0)
  expect(slice.seconds(0)).toBeCloseTo(0.1, 9)
})

test('Slice is tried longer after five minutes, a quarter each time, never beyond a minute', () => {
  const slice = new Slice()
  slice.refused(0, 2)
  expect(slice.seconds(299_999)).toBeCloseTo(1.75, 9)
  expect(slice.seconds(300_000)).toBeCloseTo(1.75 * 1.25, 9)
  expect(slice.seconds(300_001)).toBeCloseTo(1.75 * 1.25, 9)
  for (let minutes = 10; minutes < 500; minutes += 5) slice.seconds(minutes * 60_000)
  expect(slice.seconds(500 * 60_000)).toBe(60)
})

test('Slice is tried longer half as often each time that a longer one is refused too', () => {
  const slice = new Slice()
  const minute = 60_000
  slice.refused(0, 2)
  // Refused again before anything longer was tried: nothing is learned of trials.
  slice.refused(minute, 2)
  expect(slice.seconds(6 * minute)).toBeGreaterThan(2)
  slice.refused(7 * minute, 2)
  expect(slice.seconds(17 * minute - 1)).toBeCloseTo(1.75, 9)
  expect(slice.seconds(17 * minute)).toBeGreaterThan(2)
  slice.refused(18 * minute, 2)
  expect(slice.seconds(38 * minute - 1)).toBeCloseTo(1.75, 9)
  expect(slice.seconds(38 * minute)).toBeGreaterThan(2)
})

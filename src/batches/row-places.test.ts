import { expect, test } from 'vitest'
import { RowPlaces } from './row-places.ts'

function row(sequence: number) {
  return {
    sequence,
    line: sequence + 1,
    offset: sequence * 2 ** 33,
    bytes: 100 + sequence,
    retriesFailed: sequence % 3 === 0,
    attempts: sequence % 7,
    unknownAttempts: sequence % 2,
  }
}

test('rows come out as they went in, however many wait', () => {
  const places = new RowPlaces()
  let [pushed, taken] = [0, 0]
  for (const [push, take] of [
    [1, 1],
    [3000, 100],
    [1, 2500],
    [5000, 5401],
  ]) {
    for (let count = 0; count < (push ?? 0); count++) places.push(row(pushed++))
    for (let count = 0; count < (take ?? 0); count++) expect(places.shift()).toEqual(row(taken++))
    expect(places.length).toBe(pushed - taken)
  }
  expect(places.shift()).toBeUndefined()
  expect(places.length).toBe(0)
})

test('tries beyond what a byte holds are as many as it holds', () => {
  const places = new RowPlaces()
  places.push({ ...row(1), attempts: 300, unknownAttempts: 1000 })
  expect(places.shift()).toMatchObject({ attempts: 255, unknownAttempts: 255 })
})

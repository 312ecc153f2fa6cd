import { expect, test } from 'vitest'
import { Taken } from './taken.ts'

test('Taken.justBefore() is what was taken in one to two quarters of a second', () => {
  const taken = new Taken()
  taken.justBefore(0)
  taken.add('input', 100)
  expect(taken.justBefore(100).input).toBe(100)
  // The period in which it was taken is the one before this one.
  expect(taken.justBefore(250).input).toBe(100)
  taken.add('input', 20)
  expect(taken.justBefore(500).input).toBe(20)
  expect(taken.justBefore(2000).input).toBe(0)
  expect(taken.ever.input).toBe(120)
})

test('Taken.justBefore() is nothing when more was given back', () => {
  const taken = new Taken()
  taken.add('output', -5)
  expect(taken.justBefore(0).output).toBe(0)
})

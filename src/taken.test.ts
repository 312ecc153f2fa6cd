import { expect, test } from 'vitest'
import { Taken } from './taken.ts'

test('Taken.justBefore() is what was taken in one to two quarters of a second', () => {
  const taken = new Taken()
  taken.justBefore(0)
  taken.add(1, { input: 100, output: 0 })
  expect(taken.justBefore(100).input).toBe(100)
  // The period in which it was taken is the one before this one.
  expect(taken.justBefore(250).input).toBe(100)
  taken.add(1, { input: 20, output: 5 })
  expect(taken.justBefore(500).input).toBe(20)
  expect(taken.justBefore(2000).input).toBe(0)
  expect(taken.ever).toEqual({ requests: 2, input: 120, output: 5, tokens: 125 })
})

test('Taken.justBefore() is nothing when more was given back', () => {
  const taken = new Taken()
  taken.add(0, { input: 0, output: -5 })
  expect(taken.justBefore(0).output).toBe(0)
})

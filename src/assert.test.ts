import { expect, test } from 'vitest'
import { assert, AssertionError, unreachable } from './assert.ts'

test.each([true, 1, 'x', {}, []])('assert() passes %j', (condition) => {
  expect(() => assert(condition, 'no')).not.toThrow()
})

test.each([false, 0, '', null, undefined, Number.NaN])('assert() throws for %j', (condition) => {
  expect(() => assert(condition, 'Level must be positive')).toThrow(AssertionError)
  expect(() => assert(condition, 'Level must be positive')).toThrow('Level must be positive')
})

test('unreachable() names the value that was not foreseen', () => {
  const value = 'new kind' as never
  expect(() => unreachable(value)).toThrow(AssertionError)
  expect(() => unreachable(value)).toThrow('"new kind"')
})

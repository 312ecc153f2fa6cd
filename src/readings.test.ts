import { expect, test } from 'vitest'
import type { LimitReading } from './outcome.ts'
import { isUsable, repeatsOthers } from './readings.ts'

const reading = (limit: number): LimitReading => ({ limit, remaining: 1, resetAt: 1 })

test.each([
  ['a limit', reading(5), true],
  ['a limit of nothing', reading(0), false],
  ['a limit below nothing', reading(-5), false],
  ['no number', { ...reading(5), remaining: Number.NaN }, false],
  ['no instant', { ...reading(5), resetAt: Infinity }, false],
])('isUsable() of %s', (_, given, usable) => {
  expect(isUsable(given)).toBe(usable)
})

test.each([
  ['the sum', { tokens: reading(12), input: reading(10), output: reading(2) }, true],
  ['a limit of its own', { tokens: reading(11), input: reading(10), output: reading(2) }, false],
  ['that of input, alone', { tokens: reading(10), input: reading(10) }, true],
  ['none', { input: reading(10), output: reading(2) }, false],
])('repeatsOthers() of %s', (_, given, repeats) => {
  expect(repeatsOthers(given)).toBe(repeats)
})

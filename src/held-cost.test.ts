import { expect, test } from 'vitest'
import { HeldCost } from './held-cost.ts'
import { usdNumber } from './money.ts'

test('sums answers exactly, where floats would not', () => {
  const cost = new HeldCost()
  // 0.1 + 0.2 is 0.30000000000000004; the sum of a hundred thousand is off by far more.
  for (let index = 0; index < 100_000; index++) {
    cost.add({ type: 'succeeded', costText: usdNumber(100_000_001) })
  }
  expect(cost.nanoUsd).toBe(10_000_000_100_000)
})

test('reads what another tool wrote', () => {
  const cost = new HeldCost()
  cost.add({ type: 'succeeded', costText: '4.12e-7' })
  cost.add({ type: 'succeeded', costText: '0' })
  expect(cost.nanoUsd).toBe(412)
})

test('counts the answers that do not say what they cost, and no failures', () => {
  const cost = new HeldCost()
  cost.add({ type: 'succeeded', costText: undefined })
  cost.add({ type: 'errored', costText: undefined })
  cost.add({ type: 'errored', costText: '0.5' })
  expect([cost.nanoUsd, cost.unpriced]).toEqual([0, 1])
})

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

test('counts the answers that do not say what they cost', () => {
  const cost = new HeldCost()
  cost.add({ type: 'succeeded', costText: undefined })
  cost.add({ type: 'succeeded', costText: 'much' })
  expect([cost.nanoUsd, cost.unpriced]).toEqual([0, 2])
})

test('counts what a failure says its answers cost, and no failure that says nothing', () => {
  const cost = new HeldCost()
  cost.add({ type: 'errored', costText: undefined })
  cost.add({ type: 'errored', costText: '0' })
  cost.add({ type: 'errored', costText: '0.5' })
  expect([cost.nanoUsd, cost.unpriced]).toEqual([500_000_000, 0])
})

test('takes in a sum of what has no line', () => {
  const cost = new HeldCost()
  cost.add({ type: 'succeeded', costText: '0.000000007' })
  cost.addSum({ nanoUsd: 3, unpriced: 1 })
  expect([cost.nanoUsd, cost.unpriced]).toEqual([10, 1])
})

import { describe, expect, test } from 'vitest'
import { OutputAccount } from './output-account.ts'

const cost = { input: 10, output: 200, outputMax: 4000 }
const minute = 60_000

describe('OutputAccount', () => {
  test('takes what is expected until a refusal speaks for max_tokens', () => {
    const account = new OutputAccount()
    expect(account.costOf(0, cost).output).toBe(200)
    expect(account.refused(0, 5000, cost)).toBe(false)
    expect(account.costOf(0, cost).output).toBe(200)
    expect(account.refused(0, 3000, cost)).toBe(true)
    expect(account.costOf(0, cost).output).toBe(4000)
  })

  test('answers that started with less speak against it, for long', () => {
    const account = new OutputAccount()
    for (let count = 0; count < 5; count++) account.answered(0, 3000, cost)
    expect(account.refused(minute, 3000, cost)).toBe(false)
    expect(account.refused(21 * minute, 3000, cost)).toBe(true)
  })

  test('a few of them may have had more than was thought', () => {
    const account = new OutputAccount()
    for (let count = 0; count < 4; count++) account.answered(0, 3000, cost)
    expect(account.refused(minute, 3000, cost)).toBe(true)
    for (let count = 0; count < 4; count++) account.answered(2 * minute, 3000, cost)
    account.refused(2 * minute, 3000, cost)
    account.answered(2 * minute, 3000, cost)
    account.started(2 * minute)
    expect(account.costOf(2 * minute + 1, cost).output).toBe(4000)
  })

  test('one that had about as much as it asked for speaks for nothing', () => {
    const account = new OutputAccount()
    account.answered(0, 3300, cost)
    account.answered(0, Infinity, cost)
    expect(account.refused(minute, 3000, cost)).toBe(true)
  })

  test('lets one start with less now and then, and believes its answer', () => {
    const account = new OutputAccount()
    account.refused(0, 3000, cost)
    expect(account.costOf(minute - 1, cost).output).toBe(4000)
    expect(account.costOf(minute, cost).output).toBe(200)
    account.started(minute)
    expect(account.costOf(minute + 1, cost).output).toBe(4000)
    account.answered(minute + 500, 3000, cost)
    // The next are tried at once, and five in a row end it.
    expect(account.costOf(minute + 501, cost).output).toBe(200)
    for (let count = 0; count < 4; count++) account.answered(minute + 600, 3000, cost)
    account.started(minute + 600)
    expect(account.costOf(minute + 601, cost).output).toBe(200)
  })

  test('tries less often each time it is refused', () => {
    const account = new OutputAccount()
    account.refused(0, 3000, cost)
    account.started(minute)
    expect(account.refused(minute, 3000, cost)).toBe(true)
    expect(account.costOf(2.9 * minute, cost).output).toBe(4000)
    expect(account.costOf(3 * minute, cost).output).toBe(200)
  })
})

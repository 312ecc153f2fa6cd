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

  test('an answer that started with less speaks against it, for long', () => {
    const account = new OutputAccount()
    account.answered(0, 3000, cost)
    expect(account.refused(minute, 3000, cost)).toBe(false)
    expect(account.refused(21 * minute, 3000, cost)).toBe(true)
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
    expect(account.costOf(minute + 501, cost).output).toBe(200)
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

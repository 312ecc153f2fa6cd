import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Budget, type BudgetOptions, type Spent } from './budget.ts'
import type { Amount } from './worst-case.ts'

const none: Amount = { nanoUsd: 0, tokens: 0 }

function usd(nanoUsd: number): Amount {
  return { nanoUsd, tokens: 0 }
}

function budget(given: Partial<BudgetOptions> & { limit?: number }): Budget {
  const before = { spent: none, unknown: none }
  const { limit = 100 } = given
  return new Budget({
    limits: { nanoUsd: limit },
    mode: 'strict',
    before,
    concurrencyMax: 8,
    ...given,
  })
}

describe('a strict budget', () => {
  test('lets start what fits at its most, to the last unit', () => {
    const money = budget({ limit: 100 })
    expect(money.fits(usd(100))).toBe(true)
    expect(money.fits(usd(101))).toBe(false)
    money.start(usd(60))
    expect(money.fits(usd(40))).toBe(true)
    expect(money.fits(usd(41))).toBe(false)
  })

  test.each<[string, Spent, number]>([
    ['an answer frees what it did not cost', usd(10), 90],
    ['a refusal frees all', 'nothing', 100],
    ['a lost reply frees nothing', 'unknown', 40],
  ])('%s', (_, spent, left) => {
    const money = budget({ limit: 100 })
    money.start(usd(60))
    money.settle(usd(60), spent)
    expect(money.fits(usd(left))).toBe(true)
    expect(money.fits(usd(left + 1))).toBe(false)
  })

  test('counts what earlier runs spent, and may have', () => {
    const money = budget({ limit: 100, before: { spent: usd(50), unknown: usd(30) } })
    expect(money.fits(usd(20))).toBe(true)
    expect(money.fits(usd(21))).toBe(false)
  })

  test('of tokens is held beside one of money', () => {
    const both = budget({ limits: { nanoUsd: 100, tokens: 10 } })
    expect(both.fits({ nanoUsd: 100, tokens: 10 })).toBe(true)
    expect(both.fits({ nanoUsd: 1, tokens: 11 })).toBe(false)
    expect(both.reached(7, { nanoUsd: 1, tokens: 11 }).message).toBe(
      'Stopped at the budget of 10 tokens: line 7 may cost 11 tokens, with 10 tokens left ' +
        '(0 tokens spent)',
    )
  })

  test('is never passed, whatever the replies', () => {
    const most = fc.integer({ min: 1, max: 50 })
    const step = fc.oneof(
      fc.record({ start: most }),
      fc.record({ end: fc.nat(100), as: fc.constantFrom('answer', 'nothing', 'unknown') }),
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.array(step, { maxLength: 200 }),
        (limit, steps) => {
          const money = budget({ limit })
          const underWay: number[] = []
          // What the server may have billed: answers at their cost, lost ones at their most.
          let billed = 0
          for (const each of steps) {
            if ('start' in each) {
              if (!money.fits(usd(each.start))) continue
              money.start(usd(each.start))
              underWay.push(each.start)
            } else {
              const [size] = underWay.splice(each.end % Math.max(1, underWay.length), 1)
              if (size === undefined) continue
              const cost = each.as === 'answer' ? Math.ceil((size * each.end) / 100) : size
              if (each.as !== 'nothing') billed += cost
              money.settle(usd(size), each.as === 'answer' ? usd(cost) : each.as)
            }
            const worst = billed + underWay.reduce((sum, size) => sum + size, 0)
            expect(worst).toBeLessThanOrEqual(limit)
          }
        },
      ),
    )
  })
})

describe('an expected budget', () => {
  function learned(limit: number, cost: number): Budget {
    const money = budget({ limit, mode: 'expected', concurrencyMax: 10 })
    money.open([usd(100)])
    for (let index = 0; index < 20; index++) {
      money.start(usd(100))
      money.settle(usd(100), usd(cost))
    }
    return money
  }

  test('is strict until twenty answers have said what requests cost', () => {
    const money = budget({ limit: 1000, mode: 'expected' })
    money.open([usd(600)])
    money.start(usd(600))
    expect(money.fits(usd(600))).toBe(false)
  })

  test('then counts what is under way with what they cost', () => {
    const money = learned(300, 10)
    // 200 are spent; ten requests of about 10 fit into the rest, at their most only one.
    for (let index = 0; index < 9; index++) {
      expect(money.fits(usd(100)), String(index)).toBe(true)
      money.start(usd(100))
    }
    expect(money.fits(usd(100))).toBe(false)
  })

  test('is passed by no more than was said, however large a row', () => {
    const money = learned(300, 10)
    expect(money.state.usd?.overshootMax).toBe(10 * 100)
    // At its most it is 1,900 beyond the 100 that are left, and 1,000 were said.
    expect(money.fits(usd(2000))).toBe(false)
    expect(money.fits(usd(1100))).toBe(true)
  })
})

describe('what it says', () => {
  test('beforehand: how much may be under way, and what else to do when that is little', () => {
    const window = [usd(20_000_000), usd(10_000_000), usd(10_000_000)]
    expect(budget({ limit: 1e9 }).open(window)).toEqual([
      'budget $1.00: 100 requests at once, as one may cost $0.01 (the largest $0.02: 50)',
    ])
    const before = { spent: usd(900_000_000), unknown: usd(50_000_000) }
    expect(budget({ limit: 1e9, before }).open([usd(10_000_000)])).toEqual([
      'budget $1.00, $0.95 of it used by earlier runs: 5 requests at once, as one may cost $0.01; ' +
        'a lower max_tokens or --budget-mode expected lets more run',
    ])
  })

  test('beforehand, of an expected one: by how much it may be passed', () => {
    const money = budget({ limit: 1e9, mode: 'expected', concurrencyMax: 50 })
    expect(money.open([usd(10_000_000), usd(20_000_000)])).toEqual([
      'budget $1.00: may be passed by $1.00 at most (50 under way at $0.02 each); -j lowers that',
    ])
  })

  test('in between: what is spent, perhaps spent and reserved', () => {
    const money = budget({ limit: 100 })
    for (const spent of [usd(5), 'unknown', 'nothing'] as const) {
      money.start(usd(20))
      money.settle(usd(20), spent)
    }
    money.start(usd(30))
    expect(money.state).toEqual({
      mode: 'strict',
      usd: { limit: 100, spent: 5, unknown: 20, reserved: 30, overshootMax: 0 },
      tokens: null,
    })
  })
})

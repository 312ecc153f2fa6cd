import { expect, test } from 'vitest'
import { Production } from './production.ts'

test('Production counts what has arrived, by the characters that a token made before', () => {
  const production = new Production()
  const first = production.started()
  first.read(5000)
  // 100 tokens in 5,000 characters; all that was not counted before is counted at the end.
  expect(production.ended(first, 1000, 100)).toBe(100)
  const second = production.started()
  expect(production.count()).toBe(0)
  second.read(1000)
  expect(production.count()).toBe(20)
  expect(production.count()).toBe(0)
  second.read(3000)
  expect(production.count()).toBe(60)
  expect(production.ended(second, 1000, 70)).toBe(-10)
  expect(production.count()).toBe(0)
})

test('Production learns nothing from a stream that brought nothing', () => {
  const production = new Production()
  const first = production.started()
  first.read(5000)
  production.ended(first, 1000, 100)
  const broken = production.started()
  broken.read(10)
  production.ended(broken, 50, 0)
  const third = production.started()
  third.read(50)
  expect(production.count()).toBe(1)
})

test('Production learns nothing of characters from answers that show none', () => {
  const production = new Production()
  production.ended(production.started(), 1000, 100)
  const second = production.started()
  second.read(40)
  // As before the first answer: 4 characters a token.
  expect(production.count()).toBe(10)
  expect(production.ended(second, 1000, 12)).toBe(2)
})

test('Production.excess() is what more than the refill comes until enough have ended', () => {
  const production = new Production()
  const end = (): void => {
    const each = production.started()
    each.read(1)
    production.ended(each, 10_000, 1000)
  }
  end()
  end()
  // With two answers nothing is known yet.
  production.started()
  expect(production.excess(1)).toBe(0)
  end()
  // One under way and one more: 200 tokens a second; refilled at 300: none too many.
  expect(production.excess(300 * 60)).toBe(0)
  // At 100: 100 a second too many, and none after the 5 s in which half of the work ends.
  expect(production.excess(100 * 60)).toBeCloseTo((100 * 5) / 2, 6)
})

test('Production.excess() never holds back the only one', () => {
  const production = new Production()
  for (let count = 0; count < 3; count++) production.ended(production.started(), 10_000, 1000)
  expect(production.excess(1)).toBe(0)
})

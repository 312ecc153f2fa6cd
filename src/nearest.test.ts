import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nearest } from './nearest.ts'

const known = ['output', 'ordered', 'max-attempts', 'max-concurrency', 'run']

describe('nearest()', () => {
  test.each([
    ['a letter left out', 'outpt', 'output'],
    ['a letter too many', 'outputt', 'output'],
    ['a wrong letter', 'outqut', 'output'],
    ['two neighbours swapped', 'rnu', 'run'],
    ['another case', 'OUTPUT', 'output'],
    ['the front missing', 'concurrency', 'max-concurrency'],
  ])('finds a name with %s', (_what, name, expected) => {
    expect(nearest(name, known)).toBe(`, did you mean "${expected}"?`)
  })

  test.each(['x', 'zzz', 'dashboard', ''])('says nothing when none is near %j', (name) => {
    expect(nearest(name, known)).toBe('')
  })

  test('says nothing when nothing is known', () => {
    expect(nearest('output', [])).toBe('')
  })

  test('prefers the nearer of two', () => {
    expect(nearest('cat', ['carts', 'cats'])).toBe(', did you mean "cats"?')
  })

  test('finds any name of six letters or more in which one letter was changed', () => {
    const word = fc.stringMatching(/^[a-z]{6,20}$/)
    fc.assert(
      fc.property(word, fc.nat(), fc.constantFrom('-', '7'), (name, at, letter) => {
        const index = at % name.length
        const misspelt = name.slice(0, index) + letter + name.slice(index + 1)
        expect(nearest(misspelt, [name])).toBe(`, did you mean "${name}"?`)
      }),
    )
  })
})

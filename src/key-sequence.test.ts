import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyOf } from '../test/result-lines.ts'
import { KeySequence } from './key-sequence.ts'

function sequenceOf(numbers: readonly number[]): KeySequence {
  const sequence = new KeySequence()
  for (const number of numbers) sequence.add(keyOf(number))
  return sequence
}

test('equals() holds for the same keys in the same order and no others', () => {
  const numbers = fc.array(fc.nat({ max: 3 }), { maxLength: 6 })
  fc.assert(
    fc.property(numbers, numbers, (one, other) => {
      const isSame = one.join() === other.join()
      expect(sequenceOf(one).equals(sequenceOf(other))).toBe(isSame)
    }),
    { numRuns: 2000 },
  )
})

test('equals() tells two keys that changed places from where they were', () => {
  const numbers = Array.from({ length: 50 }, (_, index) => index)
  for (let at = 0; at + 1 < numbers.length; at++) {
    const swapped = [...numbers]
    swapped.splice(at, 2, at + 1, at)
    expect(sequenceOf(swapped).equals(sequenceOf(numbers))).toBe(false)
  }
})

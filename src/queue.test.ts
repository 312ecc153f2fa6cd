import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Queue } from './queue.ts'

test('Queue agrees with an array', () => {
  const operation = fc.constantFrom('pushBack', 'pushBack', 'pushFront', 'popFront')
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const queue = new Queue<number>()
      const array: number[] = []
      for (const [item, name] of operations.entries()) {
        if (name === 'pushBack') {
          queue.pushBack(item)
          array.push(item)
        } else if (name === 'pushFront') {
          queue.pushFront(item)
          array.unshift(item)
        } else expect(queue.popFront()).toBe(array.shift())
        expect([queue.size, queue.peek()]).toEqual([array.length, array[0]])
      }
      while (array.length > 0) expect(queue.popFront()).toBe(array.shift())
      expect(queue.popFront()).toBeUndefined()
    }),
  )
})

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Heap } from './heap.ts'

test('Heap that is empty has nothing, at no time', () => {
  const heap = new Heap<string>()
  expect([heap.size, heap.nextAt, heap.pop()]).toEqual([0, Infinity, undefined])
  heap.push(1, 'x')
  heap.pop()
  expect([heap.size, heap.nextAt, heap.pop()]).toEqual([0, Infinity, undefined])
})

test('Heap agrees with a list that is sorted anew each time', () => {
  const operation = fc.oneof(
    fc.double({ min: -1e9, max: 1e9, noNaN: true }),
    fc.nat({ max: 5 }),
    fc.constant('pop'),
  )
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const heap = new Heap<{ readonly at: number }>()
      let list: { readonly at: number }[] = []
      for (const operation of operations) {
        if (typeof operation === 'number') {
          const item = { at: operation }
          heap.push(operation, item)
          list.push(item)
        } else {
          const popped = heap.pop()
          const earliest = Math.min(...list.map(({ at }) => at))
          expect(popped?.at).toBe(list.length === 0 ? undefined : earliest)
          // Of several at one instant any may come, but each once.
          expect(popped === undefined || list.includes(popped)).toBe(true)
          list = list.filter((item) => item !== popped)
        }
        expect(heap.size).toBe(list.length)
        expect(heap.nextAt).toBe(Math.min(Infinity, ...list.map(({ at }) => at)))
      }
    }),
  )
})

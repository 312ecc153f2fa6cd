import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rowOf } from '../test/world/drive.ts'
import { KindQueue } from './kind-queue.ts'
import type { Work } from './work.ts'

/** Bodies and caps of four kinds: steps of four tell them apart. */
const kinds = [
  { bodyBytes: 300, maxTokens: 100 },
  { bodyBytes: 300, maxTokens: 4000 },
  { bodyBytes: 60_000, maxTokens: 100 },
  { bodyBytes: 5_000_000, maxTokens: 64_000 },
] as const

const kindOf = ({ bodyBytes, row }: Work): string => `${bodyBytes} ${row.maxTokens}`

describe('KindQueue', () => {
  test('agrees with an array, whatever the kinds', () => {
    const operation = fc.record({
      name: fc.constantFrom('pushBack', 'pushBack', 'pushFront', 'take', 'take a first', 'filter'),
      kind: fc.nat({ max: kinds.length - 1 }),
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const queue = new KindQueue()
        let array: Work[] = []
        for (const [sequence, { name, kind }] of operations.entries()) {
          const work = rowOf(sequence, kinds[kind])
          const first = array[0]
          const seen = new Set<string>()
          const firsts = array.filter((each) => {
            const isNew = !seen.has(kindOf(each))
            seen.add(kindOf(each))
            return isNew
          })
          const passer = firsts[kind]
          if (name === 'pushBack') {
            queue.pushBack(work)
            array.push(work)
          } else if (name === 'pushFront') {
            queue.pushFront(work)
            array.unshift(work)
          } else if (name === 'take' && first !== undefined) {
            expect(queue.take(first)).toBe(true)
            array.shift()
          } else if (name === 'take a first' && passer !== undefined) {
            expect(queue.firsts().map((first) => first.work)).toEqual(firsts)
            expect(queue.firsts().reduce((sum, { rows }) => sum + rows, 0)).toBe(array.length)
            expect(queue.kinds).toBe(firsts.length)
            expect(queue.take(passer)).toBe(true)
            array = array.filter((each) => each !== passer)
          } else if (name === 'filter') {
            const keeps = (each: Work): boolean => each.sequence % 5 !== kind
            queue.filter(keeps)
            array = array.filter(keeps)
          }
          expect([queue.size, queue.peek()]).toEqual([array.length, array[0]])
        }
      }),
    )
  })

  test('takes no row that is not the first of its kind', () => {
    const queue = new KindQueue()
    const [first, second, other] = [rowOf(0), rowOf(1), rowOf(2, { bodyBytes: 90_000 })]
    for (const work of [first, second, other]) queue.pushBack(work)
    expect(queue.take(second)).toBe(false)
    expect(queue.take(rowOf(3, { bodyBytes: 9 }))).toBe(false)
    expect(queue.take(other)).toBe(true)
    expect([queue.size, queue.peek()]).toEqual([2, first])
  })

  test('rows of about one size are one kind', () => {
    const queue = new KindQueue()
    for (const bodyBytes of [600, 1100, 2000]) queue.pushBack(rowOf(bodyBytes, { bodyBytes }))
    expect(queue.kinds).toBe(1)
  })
})

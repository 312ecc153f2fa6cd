import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Groups } from './groups.ts'

function arrange(rows: readonly (readonly number[])[]) {
  const groups = new Groups()
  for (const keys of rows) groups.add(keys)
  return groups.arrange()
}

describe('an arrangement', () => {
  test('puts rows that share a prefix next to one another, in the order of the first', () => {
    const { order, isReordered } = arrange([[1], [2], [1], [3], [2], [1]])
    expect(order).toEqual([0, 2, 5, 1, 4, 3])
    expect(isReordered).toBe(true)
  })

  test('leaves rows that share nothing where they are', () => {
    const { order, isReordered } = arrange([[1], [2], [], [3]])
    expect(order).toEqual([0, 1, 2, 3])
    expect(isReordered).toBe(false)
  })

  test('puts longer prefixes next to one another within shorter', () => {
    const { order } = arrange([
      [1, 10],
      [1, 20],
      [2, 30],
      [1, 10],
      [2, 30],
      [1, 20],
    ])
    expect(order).toEqual([0, 3, 1, 5, 2, 4])
  })

  test('a mark pays for three and more', () => {
    const { paysMark, rowsWith } = arrange([[1], [1], [2], [2], [2], [3]])
    expect([1, 2, 3, 4].map(paysMark)).toEqual([false, true, false, false])
    expect([1, 2, 3].map(rowsWith)).toEqual([2, 3, 1])
  })

  test('holds every row once, and each group together, whatever the rows', () => {
    // Nested prefixes, as prompts have them: a path in a tree.
    const path = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 3 })
    const row = path.map((steps) => steps.map((_, end) => keyOf(steps.slice(0, end + 1))))
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
        const { order } = arrange(rows)
        expect(order.toSorted((a, b) => a - b)).toEqual(rows.map((_, index) => index))
        const keys = new Set(rows.flat())
        for (const key of keys) {
          const places = order.flatMap((index, place) =>
            rows[index]?.includes(key) ? [place] : [],
          )
          expect((places.at(-1) ?? 0) - (places[0] ?? 0) + 1).toBe(places.length)
        }
      }),
    )
  })

  test('takes more points than there was room for at first', () => {
    const rows = Array.from({ length: 3000 }, (_, index) => [index % 7, 100 + (index % 14)])
    const { order } = arrange(rows)
    expect(
      order.map((index) => index % 7).filter((key, place, all) => key !== all[place - 1]),
    ).toHaveLength(7)
  })
})

function keyOf(steps: readonly number[]): number {
  return steps.reduce((key, step) => key * 4 + step + 1, 0)
}

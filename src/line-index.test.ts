import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyOf } from '../test/result-lines.ts'
import { LineIndex } from './line-index.ts'

describe('LineIndex', () => {
  test('agrees with lists in a Map', () => {
    const lines = fc.array(fc.nat({ max: 20 }), { maxLength: 200 })
    const takes = fc.array(fc.nat({ max: 22 }), { maxLength: 100 })
    fc.assert(
      fc.property(lines, takes, fc.boolean(), (lines, takes, isSized) => {
        const index = new LineIndex(isSized ? lines.length : undefined)
        const model = new Map<number, number[]>()
        lines.forEach((number, at) => {
          // Offsets beyond 2^32, as in a large file.
          const offset = at * 3_000_000_000
          index.add(keyOf(number), offset)
          model.set(number, [...(model.get(number) ?? []), offset])
        })
        index.seal()
        for (const number of takes) {
          expect(index.take(keyOf(number))).toBe(model.get(number)?.shift())
        }
        const rest = [...model.values()].flat().toSorted((a, b) => a - b)
        expect([...index.rest()]).toEqual(rest)
        expect(index.left).toBe(rest.length)
      }),
    )
  })

  test('a hundred thousand lines of one key are as quick as others', () => {
    const count = 100_000
    const index = new LineIndex(count)
    const key = keyOf(0)
    for (let at = 0; at < count; at++) index.add(key, at)
    index.seal()
    let misplaced = 0
    for (let at = 0; at < count; at++) if (index.take(key) !== at) misplaced++
    expect(misplaced).toBe(0)
    expect(index.take(keyOf(0))).toBeUndefined()
  })

  test('holds at most 24 bytes a line when their number is known', () => {
    const count = 10_000
    const index = new LineIndex(count)
    for (let at = 0; at < count; at++) index.add(keyOf(at), at)
    index.seal()
    expect(index.bytes / count).toBeLessThanOrEqual(24)
  })

  test('an empty index has nothing', () => {
    const index = new LineIndex(0)
    index.seal()
    expect(index.take(keyOf(1))).toBeUndefined()
    expect([...index.rest()]).toEqual([])
  })
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SequenceRing } from './sequence-ring.ts'

type Change =
  | { readonly type: 'keep' | 'skip'; readonly ahead: number }
  | { readonly type: 'pass'; readonly count: number }

describe('SequenceRing', () => {
  test('agrees with a Map as its window moves', () => {
    const ahead = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 5000 }))
    const change: fc.Arbitrary<Change> = fc.oneof(
      fc.record({ type: fc.constantFrom('keep' as const, 'skip' as const), ahead }),
      fc.record({ type: fc.constant('pass' as const), count: fc.nat({ max: 1500 }) }),
    )
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const ring = new SequenceRing()
        const model = new Map<number, string>()
        for (const change of changes) {
          if (change.type === 'pass') {
            for (let count = 0; count < change.count; count++) {
              model.delete(ring.next)
              ring.pass()
            }
            continue
          }
          const sequence = ring.next + change.ahead
          if (ring.state(sequence) !== 'unknown') continue
          if (change.type === 'keep') ring.keep(sequence, sequence * 1e10, sequence + 1)
          else ring.skip(sequence)
          model.set(sequence, change.type === 'keep' ? 'kept' : 'skipped')
        }
        for (let sequence = ring.next; sequence < ring.next + 6000; sequence += 7) {
          const state = model.get(sequence) ?? 'unknown'
          expect(ring.state(sequence)).toBe(state)
          if (state !== 'kept') continue
          expect(ring.offset(sequence)).toBe(sequence * 1e10)
          expect(ring.length(sequence)).toBe(sequence + 1)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('keeps what it knows when it grows with its places turned round', () => {
    const ring = new SequenceRing()
    const keep = (sequence: number): void => ring.keep(sequence, sequence, 1)
    for (let sequence = 0; sequence < 1000; sequence++) keep(sequence)
    for (let count = 0; count < 700; count++) ring.pass()
    for (let sequence = 1000; sequence < 5000; sequence++) keep(sequence)
    const misplaced: number[] = []
    for (; ring.next < 5000; ring.pass()) {
      if (ring.offset(ring.next) !== ring.next) misplaced.push(ring.next)
    }
    expect(misplaced).toEqual([])
    expect(ring.state(5000)).toBe('unknown')
  })

  test('a row behind the window is passed, and none is placed twice', () => {
    const ring = new SequenceRing()
    ring.pass()
    expect(ring.state(0)).toBe('passed')
    expect(() => ring.skip(0)).toThrow('placed twice')
    ring.keep(3, 0, 1)
    expect(() => ring.keep(3, 0, 1)).toThrow('placed twice')
  })

  test('holds at most 16 bytes for each row between the next and the farthest', () => {
    const ring = new SequenceRing()
    let most = 0
    for (let sequence = 1; sequence <= 100_000; sequence++) {
      ring.keep(sequence, 0, 1)
      if (sequence > 1024) most = Math.max(most, ring.bytes / (sequence + 1))
    }
    expect(most).toBeLessThanOrEqual(16)
  })
})

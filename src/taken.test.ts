import { describe, expect, test } from 'vitest'
import { type Amounts, nothing, Taken } from './taken.ts'

function of(requests: number): Amounts {
  return { ...nothing(), requests }
}

describe('Taken.since()', () => {
  test('a reading of when a request went out misses what was taken later', () => {
    const taken = new Taken()
    taken.start(0, of(10))
    const sent = taken.start(1000, of(1))
    taken.start(2000, of(5))
    expect(taken.since('requests', sent)).toMatchObject({ takenSince: 5, unsettled: 11 })
    expect(taken.since('requests')).toMatchObject({ takenSince: 0, unsettled: 16 })
  })

  test('and what was given back later', () => {
    const taken = new Taken()
    const sent = taken.start(0, of(10))
    taken.settle(sent, of(-4))
    expect(taken.since('requests', sent)).toMatchObject({ takenSince: -4, unsettled: 10 })
    expect(taken.unsettled.requests).toBe(0)
  })

  test('just before is what was taken in one to two quarters of a second', () => {
    const taken = new Taken()
    const justBefore = (at: number): number =>
      taken.since('requests', taken.start(at, nothing())).takenJustBefore
    justBefore(0)
    const first = taken.start(50, of(100))
    expect(justBefore(100)).toBe(100)
    // The period in which it was taken is the one before this one.
    expect(justBefore(250)).toBe(100)
    taken.start(300, of(20))
    expect(justBefore(500)).toBe(20)
    expect(justBefore(2000)).toBe(0)
    // Given back: nothing, and not less.
    taken.settle(first, of(-100))
    expect(justBefore(2100)).toBe(0)
  })
})

describe('a request that waits for a connection', () => {
  test('is in no reading of those that overtake it', () => {
    const taken = new Taken()
    const slow = taken.start(0, of(3))
    taken.waits(slow)
    const quick = taken.start(100, of(1))
    // 3 had not gone out: they are still to come, as is what starts later, and are not just before.
    expect(taken.since('requests', quick)).toEqual({
      takenSince: 3,
      takenJustBefore: 0,
      unsettled: 1,
      unarrived: 0,
    })
    expect(taken.since('requests')).toMatchObject({ takenSince: 3, unsettled: 1 })
  })

  test('is in those of its own and later ones, which are of when it went out', () => {
    const taken = new Taken()
    const slow = taken.start(0, of(3))
    taken.waits(slow)
    taken.start(100, of(1))
    taken.goesOut(2000, slow)
    expect(slow.at).toBe(2000)
    expect(taken.since('requests', slow)).toMatchObject({ takenSince: 0, unsettled: 4 })
    // It may be slow to arrive too, until it is answered; its own reply is proof.
    expect(taken.since('requests', slow).unarrived).toBe(0)
    const next = taken.since('requests', taken.start(2100, of(1)))
    expect(next).toMatchObject({ takenSince: 0, unarrived: 1 })
    // It is told of once.
    taken.goesOut(3000, slow)
    expect(slow.at).toBe(2000)
    taken.settle(slow, of(0))
    expect(taken.since('requests', taken.start(3000, of(1))).unarrived).toBe(0)
  })

  test('and ends without going out is under way no more', () => {
    const taken = new Taken()
    const lost = taken.start(0, of(3))
    taken.waits(lost)
    taken.settle(lost, of(-3))
    expect(taken.since('requests')).toMatchObject({ takenSince: 0, unsettled: 0 })
  })
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attemptOf, rowOf } from '../test/world/drive.ts'
import { Backlog } from './backlog.ts'
import type { Work } from './work.ts'

const bounds = { windowRowsMax: 10, windowBytesMax: 5000, windowBodiesBytesMax: Infinity }

/** Takes the row that is next. */
function takeHead(backlog: Backlog, pool: string): Work | undefined {
  const work = backlog.head(0, pool)
  if (work !== undefined) backlog.take(work)
  return work
}

/** All rows that may start now, in the order in which they would. */
function drain(backlog: Backlog, pool = 'm'): number[] {
  const taken: number[] = []
  for (let work = takeHead(backlog, pool); work; work = takeHead(backlog, pool)) {
    taken.push(work.sequence)
  }
  return taken
}

describe('Backlog', () => {
  test('gives new rows in their order, returned ones first', () => {
    const backlog = new Backlog(bounds)
    for (const sequence of [1, 2, 3]) backlog.add(rowOf(sequence))
    backlog.putBack(rowOf(0))
    expect(backlog.head(0, 'm')?.sequence).toBe(0)
    expect(drain(backlog)).toEqual([0, 1, 2, 3])
  })

  test('keeps each pool to itself', () => {
    const backlog = new Backlog(bounds)
    backlog.add(rowOf(1, { pool: 'a' }))
    backlog.add(rowOf(2, { pool: 'b' }))
    expect(drain(backlog, 'b')).toEqual([2])
    expect(drain(backlog, 'a')).toEqual([1])
    expect(backlog.head(0, 'never seen')).toBeUndefined()
  })

  test('holds a delayed row until it is due; then it takes turns with the others', () => {
    const backlog = new Backlog(bounds)
    for (const sequence of [4, 5, 6]) backlog.add(rowOf(sequence))
    backlog.putBackAt(200, rowOf(2))
    backlog.putBackAt(100, rowOf(1))
    backlog.putBackAt(300, rowOf(3))
    expect(backlog.nextReleaseAt).toBe(100)
    backlog.release(99)
    expect(backlog.head(0, 'm')?.sequence).toBe(4)
    backlog.release(200)
    expect(backlog.nextReleaseAt).toBe(300)
    expect(drain(backlog)).toEqual([1, 4, 2, 5, 6])
    expect(backlog.rows).toBe(1)
    backlog.release(300)
    expect(drain(backlog)).toEqual([3])
  })

  test('lets the first of each other kind pass; whose turn it is stays as it was', () => {
    const backlog = new Backlog(bounds)
    const large = { bodyBytes: 100_000 }
    backlog.add(rowOf(1, large))
    expect(backlog.mayPass('m')).toBe(false)
    expect(backlog.mayPass('never seen')).toBe(false)
    for (const sequence of [2, 3]) backlog.add(rowOf(sequence))
    backlog.add(rowOf(4, large))
    backlog.putBackAt(100, rowOf(0))
    backlog.release(100)
    expect(backlog.mayPass('m')).toBe(true)
    // One that is due has gone, so it is the others' turn.
    expect(takeHead(backlog, 'm')?.sequence).toBe(0)
    backlog.putBackAt(200, rowOf(5))
    backlog.release(200)
    const [head, passer] = backlog.passers(200, 'm')
    expect(head?.sequence).toBe(1)
    expect(passer?.sequence).toBe(2)
    if (passer) backlog.takePasser(passer)
    expect(backlog.rows).toBe(4)
    expect(drain(backlog)).toEqual([1, 5, 3, 4])
  })

  test('counts rows wherever they wait, and the bytes of the bodies it holds', () => {
    const backlog = new Backlog(bounds)
    const without = { ...rowOf(2), body: undefined }
    backlog.add(rowOf(1))
    backlog.putBackAt(5, without)
    backlog.putBack(rowOf(3, { bodyBytes: 500 }))
    expect([backlog.rows, backlog.bodiesBytes]).toEqual([3, 1500])
    backlog.release(5)
    drain(backlog)
    expect([backlog.rows, backlog.bodiesBytes]).toEqual([0, 0])
  })

  test('lets go of the bodies of new rows beyond its bound, and of no others', () => {
    const backlog = new Backlog({ ...bounds, windowBodiesBytesMax: 2500 })
    const rows = [1, 2, 3, 4].map((sequence) => rowOf(sequence))
    const held = (): boolean[] => rows.map((row) => row.body !== undefined)
    for (const row of rows) backlog.add(row)
    expect(held()).toEqual([true, true, false, false])
    // Those without are as far ahead as the others.
    expect([backlog.bodiesBytes, backlog.fill]).toEqual([2000, 0.8])
    takeHead(backlog, 'm')
    const later = rowOf(5)
    backlog.add(later)
    expect(later.body).toBeDefined()
    const tried = rowOf(6)
    tried.lastAttempt = attemptOf(tried)
    backlog.add(tried)
    expect(tried.body).toBeDefined()
    expect([backlog.bodiesBytes, backlog.fill]).toEqual([3000, 1])
    drain(backlog)
    expect([backlog.bodiesBytes, backlog.fill]).toEqual([0, 0])
  })

  test.each([
    ['nothing', [], 0],
    ['rows', [10, 10, 10], 0.3],
    ['bytes', [4000], 0.8],
    ['one body beyond all bounds', [20_000], 4],
  ])('fill says how full it is: %s', (_, sizes, fill) => {
    const backlog = new Backlog(bounds)
    for (const [sequence, bodyBytes] of sizes.entries()) backlog.add(rowOf(sequence, { bodyBytes }))
    expect(backlog.fill).toBeCloseTo(fill, 9)
  })

  test('remove() takes rows from wherever they wait and leaves the others in their order', () => {
    const backlog = new Backlog(bounds)
    for (const sequence of [1, 2, 3, 4])
      backlog.add(rowOf(sequence, { model: sequence % 2 ? 'odd' : 'even', pool: 'p' }))
    backlog.putBackAt(10, rowOf(5, { model: 'odd', pool: 'p' }))
    backlog.putBackAt(10, rowOf(6, { model: 'even', pool: 'p' }))
    backlog.putBackAt(20, rowOf(7, { model: 'odd', pool: 'q' }))
    backlog.release(10)
    const removed = backlog.remove((work) => work.row.model === 'odd')
    expect(removed.map((work) => work.sequence)).toEqual([5, 1, 3, 7])
    expect([backlog.rows, backlog.bodiesBytes, backlog.nextReleaseAt]).toEqual([3, 3000, Infinity])
    expect(drain(backlog, 'p')).toEqual([6, 2, 4])
  })

  test('agrees with a list of rows and where they wait', () => {
    const operation = fc.record({
      name: fc.constantFrom('add', 'add', 'putBack', 'putBackAt', 'take', 'take', 'wait', 'remove'),
      pool: fc.constantFrom('a', 'b'),
      ms: fc.nat({ max: 50 }),
      hasBody: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
        const backlog = new Backlog(bounds)
        const here = new Map<Work, number>()
        let now = 0
        for (const [sequence, { name, pool, ms, hasBody }] of operations.entries()) {
          const work = { ...rowOf(sequence, { pool }), ...(!hasBody && { body: undefined }) }
          if (name === 'add') backlog.add(work)
          if (name === 'putBack') backlog.putBack(work)
          if (name === 'putBackAt') backlog.putBackAt(now + ms, work)
          if (name === 'add' || name === 'putBack') here.set(work, now)
          if (name === 'putBackAt') here.set(work, now + ms)
          if (name === 'wait') {
            now += ms
            backlog.release(now)
          }
          if (name === 'take') {
            backlog.release(now)
            const head = backlog.head(0, pool)
            const due = [...here].filter(([each, at]) => each.pool === pool && at <= now)
            const taken = takeHead(backlog, pool)
            expect(taken).toBe(head)
            expect(taken === undefined).toBe(due.length === 0)
            if (taken) expect(here.delete(taken)).toBe(true)
          }
          if (name === 'remove') {
            const leaves = (each: Work): boolean => each.sequence % 3 === 0
            const removed = backlog.remove(leaves)
            expect(new Set(removed)).toEqual(new Set([...here.keys()].filter(leaves)))
            for (const each of removed) here.delete(each)
          }
          expect(backlog.rows).toBe(here.size)
          const held = [...here.keys()].filter((each) => each.body !== undefined)
          expect(backlog.bodiesBytes).toBe(held.length * 1000)
        }
      }),
    )
  })
})

import { describe, expect, test } from 'vitest'
import {
  answered,
  drive,
  failed,
  type History,
  pointsOf,
  refused,
  replying,
  rowOf,
} from '../test/world/drive.ts'
import { OutputRules } from './output-rules.ts'
import type { Work } from './work.ts'

const none = new Map<string, never>()
const rules = [1, 2].map((key) => new OutputRules(key, { type: 'object' }, none))

/** Rows by their schemas, from 1, in this order; 0 is a row without one. */
function rowsWith(schemas: readonly number[], more: Parameters<typeof rowOf>[1] = {}): Work[] {
  return schemas.map((schema, sequence) => {
    const work = rowOf(sequence, more)
    work.row = { ...work.row, outputs: rules[schema - 1] }
    return work
  })
}

function startsOf({ starts }: History): readonly (readonly [row: number, at: number])[] {
  return starts.map(({ at, attempt }) => [attempt.work.sequence, at])
}

function settledOf({ settled }: History): readonly string[] {
  return [...settled.values()].map(({ how }) => how)
}

const usual = { headAfterMs: 1500, afterMs: 9000, outcome: answered() }
const answer = replying(() => usual)

describe('rows that share a schema', () => {
  test('follow the first of them when its answer begins, and it is streamed', () => {
    const history = drive({ rows: rowsWith([1, 1, 1, 1]), answer })
    expect(startsOf(history)).toEqual([
      [0, 0],
      [1, 1500],
      [2, 1500],
      [3, 1500],
    ])
    expect(history.starts[0]?.attempt.stream).toBe(true)
    expect(history.binds).toContain('schema')
    expect(settledOf(history)).toEqual(['succeed', 'succeed', 'succeed', 'succeed'])
  })

  test('hold up no others: of another schema, of another model, or of none', () => {
    const rows = rowsWith([1, 1, 2, 0, 2])
    const other = rowsWith([1], { model: 'n' })[0]
    if (other !== undefined) rows.push(Object.assign(other, { sequence: 5 }))
    const starts = new Map(startsOf(drive({ rows, answer })))
    expect([...starts].filter(([, at]) => at === 0).map(([row]) => row)).toEqual([0, 2, 3, 5])
    expect([starts.get(1), starts.get(4)]).toEqual([1500, 1500])
  })

  test('that has come once wait for nobody any more', () => {
    const rows = rowsWith(Array.from({ length: 30 }, () => 1))
    const { starts } = drive({ rows, answer, options: { maxConcurrency: 3 } })
    // Ten turns of 9 s, the first of which began when it had come.
    expect(Math.max(...starts.map(({ at }) => at))).toBeLessThanOrEqual(9 * 9000 + 1500)
    expect(starts).toHaveLength(30)
  })

  test('follow another, where the first is refused, breaks, or is wrong', () => {
    for (const outcome of [refused({ retryAfterMs: 1000 }), failed('broken')]) {
      const history = drive({
        rows: rowsWith([1, 1, 1]),
        answer: replying(({ number }) => (number === 1 ? { afterMs: 800, outcome } : usual)),
      })
      expect(settledOf(history)).toEqual(['succeed', 'succeed', 'succeed'])
      // Nobody starts beside the one that goes ahead.
      const [, second, third] = history.starts
      expect((third?.at ?? 0) - (second?.at ?? 0)).toBeGreaterThanOrEqual(1500)
    }
  })

  test('follow another, where the first is late', () => {
    const rows = rowsWith([0, 0, 0, 0, 0, 0, 1, 1, 1])
    const hangs = { headAfterMs: 1e9, afterMs: 1e9 }
    const history = drive({
      rows,
      answer: replying(({ work }) => (work.sequence === 6 ? hangs : usual)),
      untilMs: 200_000,
      options: { maxAttempts: 1 },
    })
    const starts = new Map(startsOf(history))
    expect(starts.get(7)).toBeGreaterThan(1500)
    expect(starts.get(7)).toBeLessThan(60_000)
    expect(starts.get(8)).toBeGreaterThan(starts.get(7) ?? 0)
  })

  test('are left when the run is stopped while they wait', () => {
    const history = drive({
      rows: rowsWith([1, 1, 1]),
      answer,
      events: [[700, { type: 'stop', error: new (class extends Error {})() as never }]],
    })
    expect(settledOf(history).toSorted()).toEqual(['leave', 'leave', 'succeed'])
  })

  test('may share a prefix too', () => {
    const rows = rowsWith([1, 1, 1, 1], { cachePoints: pointsOf([7], '5m') })
    const history = drive({ rows, answer, options: { prefixes: 'marked' } })
    expect(startsOf(history).map(([, at]) => at)).toEqual([0, 1500, 1500, 1500])
  })
})

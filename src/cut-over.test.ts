import { describe, expect, test } from 'vitest'
import { CutOver } from './cut-over.ts'
import { LiveRates } from './live-rates.ts'
import { amountsOf, timesOf } from './needs.ts'

const minute = 60_000
const row = amountsOf({ input: 0, output: 0 })
const rows = (count: number) => timesOf(row, count)

/** 90 rows a minute, of which each takes 1/81 of a minute: nine tenths of the limit count. */
function make(deadlineMin: number, pools: readonly string[] = ['p']) {
  const rates = new LiveRates({})
  for (const pool of pools) rates.learn(pool, { requests: 100 })
  const times = { drainMs: 5 * minute, usefulMs: 2 * minute }
  return new CutOver({ rates, deadlineAt: deadlineMin * minute, ...times }, minute)
}

describe('when a batch is cut', () => {
  test('is the last moment at which its rows can still be asked live', () => {
    const cutOver = make(60)
    const batch = { pool: 'p' }
    cutOver.put('p', 'batched', rows(900))
    // 10 minutes live, 5 to drain, 1 for the last answers.
    expect(cutOver.nextCutAt(0, [batch])).toBeCloseTo(44 * minute)
    expect(cutOver.due(44 * minute - 1, [batch])).toBeUndefined()
    expect(cutOver.due(44 * minute + 1, [batch])).toBe(batch)
  })

  test('is put off by what ends', () => {
    const cutOver = make(60)
    cutOver.put('p', 'batched', rows(900))
    cutOver.take('p', 'batched', rows(450))
    expect(cutOver.nextCutAt(0, [{ pool: 'p' }])).toBeCloseTo(49 * minute)
  })

  test('is put off by each that is cut, by as long as its rows take', () => {
    const cutOver = make(60)
    cutOver.put('p', 'batched', rows(900))
    cutOver.move('p', 'batched', 'live', rows(90))
    expect(cutOver.nextCutAt(44 * minute, [{ pool: 'p' }])).toBeCloseTo(45 * minute)
  })

  test('is not before live requests will have room for it', () => {
    const cutOver = make(60)
    cutOver.put('p', 'batched', rows(900))
    cutOver.put('p', 'live', rows(1800))
    // 20 minutes of work are at hand: 7 are enough to begin to cancel.
    expect(cutOver.due(50 * minute, [{ pool: 'p' }])).toBeUndefined()
    expect(cutOver.nextCutAt(50 * minute, [{ pool: 'p' }])).toBeCloseTo(63 * minute)
  })

  test('counts what is not read yet', () => {
    const cutOver = make(60)
    cutOver.put('p', 'batched', rows(450))
    cutOver.put('p', 'waiting', rows(450))
    expect(cutOver.nextCutAt(0, [{ pool: 'p' }])).toBeCloseTo(44 * minute)
  })

  test('is that of its own pool', () => {
    const cutOver = make(60, ['p', 'q'])
    cutOver.put('p', 'batched', rows(90))
    cutOver.put('q', 'batched', rows(2700))
    const batches = [{ pool: 'p' }, { pool: 'q' }]
    expect(cutOver.due(30 * minute, batches)).toBe(batches[1])
    expect(cutOver.longest()).toMatchObject({ channel: 'q' })
    expect(cutOver.longest().ms).toBeCloseTo(30 * minute)
  })

  test('is any, where what the user lets through binds', () => {
    const rates = new LiveRates({ requests: 100 })
    const times = { drainMs: 0, usefulMs: 0 }
    const cutOver = new CutOver({ rates, deadlineAt: 60 * minute, ...times })
    cutOver.put('p', 'batched', rows(90))
    cutOver.put('q', 'batched', rows(2700))
    const batches = [{ pool: 'p' }, { pool: 'q' }]
    expect(cutOver.nextCutAt(0, batches)).toBeCloseTo(29 * minute)
    expect(cutOver.due(30 * minute, batches)).toBe(batches[0])
  })

  test('is never, without a deadline', () => {
    const cutOver = make(Infinity)
    cutOver.put('p', 'batched', rows(900))
    expect(cutOver.nextCutAt(0, [{ pool: 'p' }])).toBe(Infinity)
    expect(cutOver.isLive(0, 'p')).toBe(false)
  })

  test('comes sooner where rows need more than was expected', () => {
    const rates = new LiveRates({})
    rates.learn('p', { requests: 100 })
    const times = { drainMs: 5 * minute, usefulMs: 2 * minute }
    const needsOf = (_: string, expected: typeof row) => timesOf(expected, 2)
    const options = { rates, deadlineAt: 60 * minute, ...times, needsOf }
    const cutOver = new CutOver(options, minute)
    cutOver.put('p', 'batched', rows(900))
    expect(cutOver.nextCutAt(0, [{ pool: 'p' }])).toBeCloseTo(34 * minute)
  })
})

describe('a row that is in no batch', () => {
  test('goes into one while that has time to be of use', () => {
    const cutOver = make(60)
    cutOver.put('p', 'waiting', rows(900))
    expect(cutOver.isLive(41 * minute, 'p')).toBe(false)
    expect(cutOver.isLive(43 * minute, 'p')).toBe(true)
  })

  test('goes into one where live requests have enough to do', () => {
    const cutOver = make(15)
    cutOver.put('p', 'waiting', rows(1800))
    let live = 0
    // Live requests alone would take 20 minutes of these 15.
    while (cutOver.isLive(0, 'p')) {
      cutOver.move('p', 'waiting', 'live', row)
      live += 1
    }
    // What they do while a batch drains, and two minutes more; and while it would be of no use.
    expect(live / 90).toBeCloseTo(5 + 2 + 2, 1)
  })

  test('is asked live where no batch has any time', () => {
    const cutOver = make(8)
    cutOver.put('p', 'waiting', rows(9000))
    cutOver.put('p', 'live', rows(9000))
    expect(cutOver.isLive(0, 'p')).toBe(true)
    expect(cutOver.missedBy(0)).toBeCloseTo((200 + 1 - 8) * minute)
  })
})

import { describe, expect, test } from 'vitest'
import { answer, started, try_ } from '../../test/page-events.ts'
import type { RowFailed, RunEvent } from '../events.ts'
import { loadPrices } from '../money.ts'
import { LiveFold } from './live-view.ts'

const wallAt = 1_700_000_000_000

function foldOf(events: readonly RunEvent[]): LiveFold {
  const fold = new LiveFold(loadPrices())
  for (const event of events) fold.observe(event)
  return fold
}

function failed(at: number, line: number): RowFailed {
  const error = { type: 'invalid_request_error', message: 'no' }
  const place = { at, line, id: `line-${line}`, requestId: null, attempts: 1, status: 400 }
  return { type: 'row_failed', error, ...place }
}

describe('LiveFold', () => {
  test('shows what is in flight, the oldest first, and for how long', () => {
    const fold = foldOf([started(0, wallAt), try_(100, 7), try_(300, 2), answer(400, 7)])
    const { live, rows, state, at } = fold.view(1000)
    expect({ state, at, inFlight: rows.inFlight }).toEqual({
      state: 'running',
      at: wallAt + 1000,
      inFlight: 1,
    })
    expect(live?.inFlight).toEqual([
      { line: 2, id: 'line-2', model: 'claude-haiku-4-5', ageMs: 700 },
    ])
  })

  test('has the series from the first second on, and none of a part of one', () => {
    const fold = foldOf([started(0, wallAt), try_(0, 1), answer(999, 1)])
    expect(fold.view(999).series).toBeNull()
    fold.observe(try_(1000, 2))
    expect(fold.view(1000).series).toMatchObject({ at: [wallAt], ms: [1000], succeeded: [1] })
  })

  test('does not grow with the run: a day of a thousand rows a second is as large as an hour', () => {
    const size = (seconds: number): number => {
      const fold = foldOf([started(0, wallAt)])
      for (let second = 0; second < seconds; second++) {
        fold.observe(try_(second * 1000, second))
        fold.observe(second % 2 ? answer(second * 1000 + 9, second) : failed(second * 1000, second))
        fold.observe({ type: 'notice', at: second * 1000, message: `notice ${second % 10}` })
      }
      return JSON.stringify(fold.view(seconds * 1000)).length
    }
    // Digits grow, and no more.
    expect(size(86_400)).toBeLessThan(size(3600) * 1.3)
  })

  test('forgets rows that have ended, in whatever way', () => {
    const fold = foldOf([
      started(0, wallAt),
      ...[1, 2, 3].map((line) => try_(0, line)),
      failed(5, 1),
      answer(6, 2),
    ])
    expect(fold.view(10).live?.inFlight.map(({ line }) => line)).toEqual([3])
  })

  test('lists what batches are under way, and what was said, newest first', () => {
    const fold = foldOf([
      started(0, wallAt),
      { type: 'batch_submitted', at: 1000, id: 'msgbatch_1', rows: 50, isEarlier: false },
      { type: 'batch_submitted', at: 2000, id: 'msgbatch_2', rows: 60, isEarlier: false },
      { type: 'batch_collected', at: 3000, id: 'msgbatch_1', rows: 50 },
      { type: 'notice', at: 100, message: 'one' },
      { type: 'notice', at: 4000, message: 'two' },
    ])
    const { live } = fold.view(5000)
    expect(live?.batches).toEqual([{ id: 'msgbatch_2', rows: 60, ageMs: 3000 }])
    expect(live?.notices).toEqual([
      { at: wallAt + 4000, message: 'two' },
      { at: wallAt + 100, message: 'one' },
    ])
  })

  test('says that a run is paused, is stopping, and why', () => {
    const fold = foldOf([started(0, wallAt)])
    fold.observe({ type: 'commanded', at: 1, command: 'pause', maxConcurrency: null })
    expect(fold.view(2).state).toBe('paused')
    fold.observe({ type: 'commanded', at: 3, command: 'resume', maxConcurrency: null })
    expect(fold.view(4).state).toBe('running')
    const stop = { code: 'INTERRUPTED', message: 'Stopped as asked', hint: null } as const
    fold.observe({ type: 'run_stopping', at: 5, ...stop })
    expect(fold.view(6)).toMatchObject({ state: 'stopping', run: { stopped: { code: stop.code } } })
  })

  test('adds up what models took', () => {
    const fold = foldOf([
      started(0, wallAt),
      answer(1, 1, { input: 1000, output: 10, costNanoUsd: 1_050_000, latencyMs: 70 }),
      answer(2, 2, { input: 5, costNanoUsd: 7, isEarlier: true }),
      answer(3, 3, { input: 500, cacheRead: 40, costNanoUsd: 504_000, batchId: 'b' }),
    ])
    const { cost, tokens, latency, slowest } = fold.view(10)
    expect(cost).toMatchObject({ nanoUsd: 1_554_000, byModel: [{ rows: 2 }] })
    expect(tokens).toEqual({ input: 1500, cacheWrite: 0, cacheRead: 40, output: 10 })
    // Of a batch nobody waits for an answer.
    expect(latency?.rows).toBe(1)
    expect(slowest).toMatchObject([{ line: 1, latencyMs: 70, requestId: 'req_1' }])
  })
})

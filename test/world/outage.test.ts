/**
 * A server that is in trouble for a while, or for ever: no row is failed for it, and what was left
 * is asked by the next run, and nothing else.
 */

import { describe, expect, test } from 'vitest'
import type { FaultRates } from '../../src/simulator/index.ts'
import { documentRows } from './cache-books.ts'
import { counts, rowsOf, SmallWorld } from './small-world.ts'

const minuteMs = 60_000

/** Five minutes of rows, at a user's bound. */
const perMinute = 200
const rows = 5 * perMinute
const options = { maxRequestsPerMinute: perMinute }

/** A world in which these faults befall so many requests, from one instant to another. */
function troubled(
  faults: FaultRates,
  { latencyMs, fromMs, untilMs }: { latencyMs: number; fromMs: number; untilMs: number },
): SmallWorld {
  const world = new SmallWorld(rowsOf(rows), { latencyMs, latencySigma: 0.5 })
  world.clock.after(fromMs, () => world.model.setFaults(faults))
  if (untilMs < Infinity) world.clock.after(untilMs, () => world.model.setFaults({}))
  return world
}

describe('trouble of a minute fails no row', () => {
  const spans = { fromMs: minuteMs, untilMs: 2 * minuteMs }
  const all = ['overloaded', 'server-error', 'reset-before', 'gateway-timeout', 'rate-limit']

  test.each([
    ...all.map((fault) => ({ fault, share: 1, latencyMs: 15_000 })),
    { fault: 'overloaded', share: 1, latencyMs: 700 },
    { fault: 'overloaded', share: 0.5, latencyMs: 15_000 },
    { fault: 'overloaded', share: 0.5, latencyMs: 700 },
    { fault: 'overloaded', share: 0.8, latencyMs: 700 },
  ])('$fault, of $share of the requests, answers in $latencyMs ms', async (given) => {
    const { fault, share, latencyMs } = given
    const world = troubled({ [fault]: share }, { latencyMs, ...spans })
    const { life, summary } = await world.live(options)
    expect([summary.stopped, counts(summary)]).toEqual([null, [rows, 0, 0]])
    // It was felt.
    const isFelt = life.witness.sends.some((sent) => sent.fault === fault)
    expect(isFelt).toBe(true)
  })
})

// One at a time, a row that is tried again must not keep all others from being tried: it takes three
// to tell an outage from bad rows.
test.each([true, false])('one at a time, with documents that are marked: %s', async (isMarked) => {
  const given = documentRows({ documents: 6, rows: 12, isMarked })
  const world = new SmallWorld(given, { latencyMs: 15_000, faults: { 'server-error': 1 } })
  world.clock.after(10 * minuteMs, () => world.model.setFaults({}))
  const { summary } = await world.live({ cache: 'auto', maxConcurrency: 1 })
  expect([summary.stopped, counts(summary)]).toEqual([null, [given.length, 0, 0]])
})

describe('trouble without end stops the run, resumable, and fails no row', () => {
  const patienceMs = 15 * minuteMs

  test.each([
    ['an outage of two hours', 'overloaded'],
    ['a network that is down for two hours', 'reset-before'],
    ['a gateway that says 429 to all for two hours', 'rate-limit'],
  ] as const)('%s', async (_name, fault) => {
    const span = { fromMs: minuteMs, untilMs: 121 * minuteMs }
    const world = troubled({ [fault]: 1 }, { latencyMs: 15_000, ...span })
    const first = await world.live(options)
    expect(first.summary.stopped?.code).toBe('PATIENCE_EXHAUSTED')
    const [succeeded = 0, failed, left] = counts(first.summary)
    expect([failed, left]).toEqual([0, rows - succeeded])
    // What was under way at its beginning is answered within its latency, and then patience begins.
    const stoppedAt = world.clock.now()
    expect(stoppedAt).toBeGreaterThanOrEqual(minuteMs + patienceMs)
    expect(stoppedAt).toBeLessThan(minuteMs + patienceMs + 3 * minuteMs)

    // The same command, while it lasts: nothing is done, nothing failed.
    const second = await world.live(options)
    expect(second.summary.stopped?.code).toBe('PATIENCE_EXHAUSTED')
    expect(counts(second.summary)).toEqual([succeeded, 0, left])

    world.model.setFaults({})
    const last = await world.live(options)
    expect([last.summary.stopped, counts(last.summary)]).toEqual([null, [rows, 0, 0]])
    // Nothing that was answered is asked again.
    const answered = [first, second, last].map(
      ({ life }) => life.witness.sends.filter(({ reply }) => reply?.type === 'answer').length,
    )
    expect(answered).toEqual([succeeded, 0, rows - succeeded])
  })
})

import { describe, expect, test } from 'vitest'
import { type BatchTimes, drawBatchMs } from './batch-times.ts'
import { LiveRates } from './live-rates.ts'
import { Random } from './random.ts'
import { playSplit } from './split-play.ts'

const minute = 60_000

/** One pool bound by its requests: so many rows, so many a minute. */
interface Drawn {
  readonly rows: number
  readonly perMinute: number
  readonly times: BatchTimes
  readonly deadlineMs: number
  readonly tailMs: number
  readonly batches: number
}

function draw(seed: number): Drawn {
  const random = new Random(seed)
  const perMinute = random.pick([50, 1000, 4000])
  const medianMs = random.pick([10, 30, 60, 180]) * minute
  const liveMs = random.pick([10, 60, 240]) * minute * (0.5 + random.float())
  const times = {
    medianMs,
    p95Ms: medianMs * (1.5 + 6 * random.float()),
    drainMs: random.pick([1, 5, 10]) * minute,
  }
  // From just enough for live requests alone to as much as one would ever give.
  const spare = times.drainMs + random.pick([0, 0.3, 1, 4]) * medianMs * random.float()
  return {
    rows: Math.round((liveMs / minute) * perMinute * 0.9),
    perMinute,
    times,
    deadlineMs: liveMs + spare + 2 * minute,
    tailMs: 2 * minute,
    batches: 40,
  }
}

function played({ rows, perMinute, times, deadlineMs, tailMs, batches }: Drawn, seed: number) {
  const rates = new LiveRates({})
  rates.learn('pool', { requests: perMinute })
  const amounts = { requests: rows, input: 0, output: 0, tokens: 0 }
  const loads = [{ pool: 'pool', amounts, batches }]
  const { live, endMs } = playSplit({ loads, rates, times, deadlineMs, tailMs }, new Random(seed))
  return { live: live.get('pool') ?? 0, endMs }
}

/**
 * The cost of a split that is fixed beforehand: a share live from the beginning, the rest in
 * batches, and what of these has not ended goes live when it must: all at once, or one by one.
 * Undefined: the deadline would be missed. It shares nothing with what it judges but the draws.
 */
function fixedSplit(
  { rows, perMinute, times, deadlineMs, tailMs, batches }: Drawn,
  share: number,
  isAllAtOnce: boolean,
  draws: readonly number[],
): number | undefined {
  const wholeMs = (rows / (perMinute * 0.9)) * minute
  const lastMs = deadlineMs - tailMs
  const each = ((1 - share) * wholeMs) / batches
  if (share * wholeMs > lastMs + 1e-6) return undefined
  let cut = 0
  if (isAllAtOnce) {
    // All that has not ended when the last instant for all of them has come.
    const cutAt = lastMs - times.drainMs - (1 - share) * wholeMs
    cut = draws.filter((end) => end > Math.max(0, cutAt)).length
    const freeAt = Math.max(share * wholeMs, Math.max(0, cutAt) + times.drainMs)
    if (cut > 0 && freeAt + cut * each > lastMs + 1e-6) return undefined
  } else {
    // Each is cut at the last instant for what is left then; which of them ends soon, nobody knows.
    let at = 0
    let freeAt = share * wholeMs
    let left = [...draws]
    while (left.length > 0) {
      const dueAt = Math.max(at, lastMs - times.drainMs - left.length * each)
      const first = Math.min(...left)
      at = Math.min(dueAt, Math.max(at, first))
      if (first <= dueAt) {
        left.splice(left.indexOf(first), 1)
        continue
      }
      left = left.slice(1)
      cut += 1
      freeAt = Math.max(freeAt, at + times.drainMs) + each
    }
    if (cut > 0 && freeAt > lastMs + 1e-6) return undefined
  }
  return costOf(share + (cut / batches) * (1 - share))
}

describe('50 worlds within what is assumed', () => {
  const worlds = Array.from({ length: 50 }, (_, seed) => draw(seed))

  test.each(worlds.map((world, seed) => ({ world, seed })))(
    'world $seed: the deadline is met, at hardly more than the best fixed split costs',
    ({ world }) => {
      const plays = Array.from({ length: playsOfWorld }, (_, seed) => played(world, seed))
      // What may change is looked at once a second.
      for (const { endMs } of plays) expect(endMs).toBeLessThanOrEqual(world.deadlineMs + 5000)
      const cost = mean(plays.map(({ live }) => costOf(live)))
      const best = bestFixedSplit(world)
      expect(best).toBeLessThan(Infinity)
      // The issue asks for 1.05; what is lost is the size of a batch.
      expect(cost / best).toBeLessThanOrEqual(1.02)
    },
  )
})

test('a deadline that live requests cannot keep is kept as far as they go', () => {
  const { deadlineMs, ...world } = {
    ...draw(1),
    perMinute: 50,
    rows: 5000,
    deadlineMs: 40 * minute,
  }
  const slow = { medianMs: 600 * minute, p95Ms: 900 * minute, drainMs: minute }
  const { live, endMs } = played({ ...world, times: slow, deadlineMs }, 1)
  expect(live).toBe(1)
  // 5,000 rows take 111 minutes: they never had to wait for one.
  expect(endMs / minute).toBeCloseTo(5000 / 45 + 2, 0)
})

const playsOfWorld = 60

/** The least that any of them costs, with the very draws that the plays had. */
function bestFixedSplit(world: Drawn): number {
  const draws = Array.from({ length: playsOfWorld }, (_, seed) => {
    const random = new Random(seed)
    return Array.from({ length: world.batches }, () => drawBatchMs(world.times, random))
  })
  let best = Infinity
  for (let share = 0; share <= 1; share += 0.0125) {
    for (const isAllAtOnce of [true, false]) {
      const costs = draws.map((each) => fixedSplit(world, share, isAllAtOnce, each) ?? Infinity)
      best = Math.min(best, mean(costs))
    }
  }
  return best
}

/** Of all rows, where live requests cost 1. */
function costOf(live: number): number {
  return live + (1 - live) / 2
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

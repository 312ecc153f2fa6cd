import { describe, expect, test } from 'vitest'
import { Bucket } from './bucket.ts'
import { Pace } from './pace.ts'
import { Random } from './random.ts'

/** A server that lets `perSecond` through, asked as often as the pace allows, up to `ask` a second. */
function play(
  perSecond: number,
  { seconds, ask }: { seconds: number; ask: number },
): { let: number; refused: number; refusedLate: number } {
  const pace = new Pace()
  const server = new Bucket(0, { capacity: perSecond * 60, perMinute: perSecond * 60 })
  const counts = { let: 0, refused: 0, refusedLate: 0 }
  let waitUntil = 0
  let next = 0
  for (let now = 0; now < seconds * 1000; now += 5) {
    if (now < waitUntil || now < next || pace.delay(now) > 0) continue
    next = now + 1000 / ask
    pace.take(now)
    if (server.level(now) >= 1) {
      server.take(now, 1)
      counts.let += 1
    } else {
      pace.refused(now, true)
      counts.refused += 1
      if (now > 120_000) counts.refusedLate += 1
      waitUntil = now + 1000
    }
  }
  return counts
}

describe('Pace', () => {
  test('waits for nothing until something was refused', () => {
    const pace = new Pace()
    for (let count = 0; count < 1000; count++) pace.take(0)
    expect(pace.delay(0)).toBe(0)
  })

  test.each([1, 10, 100])('finds a limit of %d a second, and holds it', (perSecond) => {
    const seconds = 1200
    const counts = play(perSecond, { seconds, ask: 190 })
    // All that was refilled, and the minute that was there at first.
    expect(counts.let / (perSecond * (seconds + 60))).toBeGreaterThan(0.93)
    // One refusal each time the rate has grown past the limit, which takes tens of seconds.
    expect(counts.refusedLate).toBeLessThan(60)
  })

  test('a few that are refused one by one do not slow it', () => {
    const pace = new Pace()
    for (const now of [0, 10_000, 20_000]) {
      pace.take(now)
      pace.refused(now, true)
    }
    expect(pace.delay(30_000)).toBe(0)
  })

  // From one in a hundred on they can hardly be told from those of a limit: it is slow, not stuck.
  test.each([
    [0.005, 0.6],
    [0.01, 0.2],
  ])('refusals by chance (%d of all) do not starve a run', (share, least) => {
    const pace = new Pace()
    const random = new Random(1)
    let answered = 0
    for (let now = 0, waitUntil = 0; now < 600_000; now += 10) {
      if (now < waitUntil || pace.delay(now) > 0) continue
      pace.take(now)
      if (random.chance(share)) {
        pace.refused(now, true)
        waitUntil = now + 1000
      } else answered += 1
    }
    // A hundred a second are asked for, and one refusal stops all for a second.
    const possible = 60_000 / (1 + 100 * share)
    expect(answered / possible).toBeGreaterThan(least)
  })

  test('refusals one upon the other halve the rate', () => {
    const pace = new Pace()
    for (let count = 0; count < 100; count++) pace.take(count * 10)
    // Three within a few requests are no chance any more.
    for (let count = 0; count < 3; count++) pace.refused(1000, true)
    for (let count = 0; count < 10; count++) pace.take(1100)
    const before = pace.delay(1100)
    for (let count = 0; count < 4; count++) pace.take(1100)
    for (let count = 0; count < 3; count++) pace.refused(1200, true)
    expect(pace.delay(1200)).toBeGreaterThan(1.5 * before)
  })
})

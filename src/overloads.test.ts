import { describe, expect, test } from 'vitest'
import { answered, drive, failed, type History, replying, rowsOf } from '../test/world/drive.ts'
import { Overloads, type OverloadsMet } from './overloads.ts'
import { Random } from './random.ts'

/** How many overloads a row must meet to be at fault, when so many others are seen meanwhile. */
function untilAtFault({ answers, overloads }: { answers: number; overloads: number }): number {
  const seen = new Overloads()
  let met: OverloadsMet | undefined = seen.met(undefined)
  for (let other = 0; other < answers; other++) seen.answered()
  for (let other = 0; other < overloads; other++) seen.met(undefined)
  while (seen.mayBeChance(met)) met = seen.met(met)
  return met.count
}

describe('a row is at fault', () => {
  // The least count for which (one more ÷ two more) ** count is below 1e-9.
  test.each([
    [{ answers: 1998, overloads: 0 }, 3],
    [{ answers: 98, overloads: 0 }, 5],
    [{ answers: 989, overloads: 9 }, 5],
    [{ answers: 799, overloads: 199 }, 13],
    [{ answers: 500, overloads: 500 }, 30],
    [{ answers: 0, overloads: 0 }, 30],
    [{ answers: 99, overloads: 899 }, 197],
  ])('when of others %o, after so many overloads', (others, count) => {
    expect(untilAtFault(others)).toBe(count)
  })

  test('by what others met since its first, not before', () => {
    const seen = new Overloads()
    for (let other = 0; other < 1000; other++) seen.answered()
    let met = seen.met(undefined)
    while (met.count < 29) met = seen.met(met)
    expect(seen.mayBeChance(met)).toBe(true)
  })

  test('whatever other rows meet that were overloaded before', () => {
    const seen = new Overloads()
    let met = seen.met(undefined)
    let other = seen.met(undefined)
    for (let answer = 0; answer < 98; answer++) seen.answered()
    for (let again = 0; again < 1000; again++) other = seen.met(other)
    // 2 of 101 first tries: chance falls below one in a billion with the sixth.
    while (met.count < 6) met = seen.met(met)
    expect(seen.mayBeChance(met)).toBe(false)
  })
})

function failedRows({ settled }: History): readonly number[] {
  return [...settled].flatMap(([row, { how }]) => (how === 'fail' ? [row] : []))
}

function triesOf({ starts }: History, row: number): readonly number[] {
  return starts.flatMap(({ at, attempt }) => (attempt.work.sequence === row ? [at] : []))
}

/** So many rows a minute for three minutes more than a time in which a share meets a 529. */
function storm(given: {
  readonly perMinute: number
  readonly share: number
  readonly minutes: number
  readonly latencyMs: number
  readonly always?: number
  readonly seed?: number
}): History {
  const { perMinute, share, minutes, latencyMs, always, seed = 1 } = given
  const random = new Random(seed)
  const from = 60_000
  return drive({
    seed,
    rows: rowsOf(perMinute * (minutes + 3)),
    options: { bounds: { requestsPerMinute: perMinute } },
    untilMs: 12 * 3_600_000,
    answer: replying(({ work }, now) => {
      const isStruck = now > from && now < from + minutes * 60_000 && random.chance(share)
      return isStruck || work.sequence === always
        ? { afterMs: 50, outcome: failed('overloaded') }
        : { afterMs: random.logNormal(latencyMs, 0.5), headAfterMs: 300, outcome: answered() }
    }),
  })
}

describe('overloads that meet any row', () => {
  test.each([
    [0.3, 1000, 700],
    [0.5, 1000, 700],
    [0.5, 1000, 15_000],
    [0.5, 50, 700],
    [0.5, 50, 15_000],
    [0.9, 1000, 700],
    [0.9, 50, 15_000],
  ])('a share of %d for five minutes, %i rows a minute, %i ms, fail none', (...given) => {
    const [share, perMinute, latencyMs] = given
    for (const seed of [1, 2, 3]) {
      const history = storm({ share, perMinute, latencyMs, minutes: 5, seed })
      expect(failedRows(history)).toEqual([])
      expect(history.stops).toEqual([])
    }
  })

  test('for ever: a row is asked more often than --max-attempts, and answered', () => {
    const history = storm({ share: 0.5, perMinute: 100, latencyMs: 700, minutes: 20 })
    const most = Math.max(...history.starts.map(({ attempt }) => attempt.work.attempts))
    expect(most).toBeGreaterThan(5)
    expect(failedRows(history)).toEqual([])
  })
})

describe('a row that always meets an overload', () => {
  test('where others are answered fails after --max-attempts', () => {
    const calm = { share: 0, minutes: 0, latencyMs: 700, always: 100 }
    const history = storm({ ...calm, perMinute: 3000 })
    expect(failedRows(history)).toEqual([100])
    // Fifty are answered a second, so that a second is enough to tell: 1 in 60 ** 5.
    expect(triesOf(history, 100).length).toBeLessThanOrEqual(6)
    const slow = storm({ ...calm, perMinute: 50 })
    expect(failedRows(slow)).toEqual([100])
    // Ten others are enough for eight: 1 in 12 ** 9 is less than one in a billion.
    expect(triesOf(slow, 100).length).toBeLessThanOrEqual(9)
  })

  test('while any other meets one in two fails as well, in minutes', () => {
    const history = storm({ share: 0.5, perMinute: 200, minutes: 20, latencyMs: 700, always: 300 })
    expect(failedRows(history)).toEqual([300])
    const tries = triesOf(history, 300)
    // 30 by the share of a half, which is measured: 0.45 to 0.55 makes 26 to 35.
    expect(Math.abs(tries.length - 30)).toBeLessThanOrEqual(5)
    // Waits of 30 s at most, 15 s on average, and its turn in the queue.
    expect((tries.at(-1) ?? 0) - (tries[0] ?? 0)).toBeLessThan(20 * 60_000)
  })

  test('and has no others fails after thirty tries, within 30 × 30 s', () => {
    const answer = replying(() => ({ afterMs: 50, outcome: failed('overloaded') }))
    const history = drive({ rows: rowsOf(1), answer })
    expect(failedRows(history)).toEqual([0])
    expect(history.starts.length).toBe(30)
    expect(history.finishedAt).toBeLessThan(900_000)
  })

  test('in the midst of its answer fails after --max-attempts: each may have been billed', () => {
    const outcome = failed('overloaded', { unknown: true })
    const history = drive({ rows: rowsOf(1), answer: replying(() => ({ afterMs: 50, outcome })) })
    expect(history.starts.length).toBe(5)
  })

  test('and broken tries between: those count, whatever the overloads are', () => {
    const answer = replying(({ work }) => ({
      afterMs: 50,
      outcome: failed(work.attempts % 2 === 0 ? 'broken' : 'overloaded'),
    }))
    const history = drive({ rows: rowsOf(1), answer })
    // The fifth that broke is the ninth.
    expect(history.starts.length).toBe(9)
  })
})

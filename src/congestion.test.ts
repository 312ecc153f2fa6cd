import { describe, expect, test } from 'vitest'
import { Congestion, type TryFailure } from './congestion.ts'
import { Random } from './random.ts'

/** Draws nothing but this. */
class Fixed extends Random {
  readonly #value: number

  constructor(value: number) {
    super(1)
    this.#value = value
  }

  override float(): number {
    return this.#value
  }
}

const least = new Fixed(0)
const most = new Fixed(1 - 2 ** -32)

/** A failure beside which nothing else lives on. */
function failureOf(given: Partial<TryFailure> & Pick<TryFailure, 'row' | 'startedAt'>): TryFailure {
  return { isSuspect: false, inFlight: 100, answerMs: 0, survivors: () => 0, ...given }
}

/** Failures of rows 1, 2, 3…, each a millisecond after it began, from this instant on. */
function fail(
  congestion: Congestion,
  from: number,
  rows: readonly number[],
  inFlight = 100,
): boolean[] {
  return rows.map((row, index) => {
    const startedAt = from + index
    return congestion.failed(
      startedAt + 1,
      failureOf({ row: row, startedAt: startedAt, inFlight: inFlight }),
      least,
    )
  })
}

function inOutage(): Congestion {
  const congestion = new Congestion()
  fail(congestion, 0, [1, 2, 3, 4, 5])
  return congestion
}

describe('an outage', () => {
  test('begins with five failures in a row over three rows, of which the fifth does not count', () => {
    const congestion = new Congestion()
    expect(fail(congestion, 0, [1, 2, 3, 1])).toEqual([true, true, true, true])
    expect(congestion.inOutage).toBe(false)
    expect(fail(congestion, 10, [2])).toEqual([false])
    expect(congestion.inOutage).toBe(true)
  })

  test.each<[string, readonly number[]]>([
    ['one row', [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
    ['two rows', [1, 2, 1, 2, 1, 2, 1, 2, 1, 2]],
    ['four in a row', [1, 2, 3, 4]],
  ])('does not begin with %s', (_, rows) => {
    const congestion = new Congestion()
    expect(fail(congestion, 0, rows).every(Boolean)).toBe(true)
    expect(congestion.inOutage).toBe(false)
  })

  test('does not begin while some succeed', () => {
    const congestion = new Congestion()
    for (let round = 0; round < 20; round++) {
      fail(congestion, round * 10, [1, 2, 3, 4])
      congestion.succeeded(round * 10 + 9, round * 10 + 8)
    }
    expect(congestion.inOutage).toBe(false)
  })

  test('is not hidden by slow answers to what was asked before', () => {
    const congestion = new Congestion()
    // One that hung, some time ago, has nothing to do with it.
    congestion.failed(10_000, failureOf({ row: 9, startedAt: -50_000 }), least)
    congestion.succeeded(11_000, 10_500)
    const outcomes: boolean[] = []
    for (let index = 0; index < 5; index++) {
      const now = 15_000 + index * 1000
      outcomes.push(congestion.failed(now + 50, failureOf({ row: index, startedAt: now }), least))
      congestion.succeeded(now + 500, now - 14_000)
    }
    expect(outcomes).toEqual([true, true, true, true, false])
  })

  test('is none if what was asked at the same time is answered', () => {
    const congestion = new Congestion()
    // Answers take as long as failures; each is of a try from just before the failures began.
    for (let index = 0; index < 100; index++) {
      const now = 15_000 + index * 10
      congestion.failed(now, failureOf({ row: index, startedAt: now - 14_000 }), least)
      if (index % 4 === 3) congestion.succeeded(now + 1, now - 14_100)
    }
    expect(congestion.inOutage).toBe(false)
  })

  // Five failures of tries begun at 1,000 to 1,400 that lived 50, 90, 50… ms.
  test.each([
    [0, 5],
    [1, 6],
    [2, 11],
    [4, 21],
  ])('with %i tries that live on, takes %i failures', (alive, failures) => {
    const congestion = new Congestion()
    const asked: (readonly number[])[] = []
    const survivors = (after: number, until: number): number => {
      asked.push([after, until])
      return alive
    }
    const outcomes = Array.from({ length: failures }, (_, index) => {
      const startedAt = 1000 + index * 100
      const now = startedAt + (index === 1 ? 90 : 50)
      return congestion.failed(now, failureOf({ row: index, startedAt, survivors }), least)
    })
    expect(outcomes.indexOf(false)).toBe(failures - 1)
    // Of those that began after the first of them and have lived as long as any of them did.
    expect(asked[0]).toEqual([1000, 1400 + 50 - 90])
  })

  test('is none while more live on than fail; then failures are looked at anew', () => {
    const congestion = new Congestion()
    let alive = 5
    const survivors = (): number => alive
    const next = (startedAt: number): boolean =>
      congestion.failed(startedAt + 50, failureOf({ row: startedAt, startedAt, survivors }), least)
    for (let index = 0; index < 50; index++) expect(next(1000 + index)).toBe(true)
    alive = 0
    expect([0, 1, 2, 3, 4].map((index) => next(2000 + index))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ])
  })

  test('waits 0.5 to 1 s for its first probe, twice as long for each next, 15 s at most', () => {
    for (const [random, share] of [
      [least, 0.5],
      [most, 1],
    ] as const) {
      const congestion = new Congestion()
      for (const row of [1, 2, 3, 4, 5])
        congestion.failed(0, failureOf({ row: row, startedAt: 0, inFlight: 0 }), random)
      let now = 0
      for (const boundMs of [1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]) {
        expect(congestion.delay(now)).toBeCloseTo(share * boundMs, 3)
        now += congestion.delay(now)
        expect(
          congestion.failed(now + 100, failureOf({ row: 9, startedAt: now, inFlight: 0 }), random),
        ).toBe(false)
        now += 100
      }
    }
  })

  test('is ended by a probe that is answered', () => {
    const congestion = inOutage()
    expect(congestion.succeeded(2000, 1500)).toBe(true)
    expect(congestion.inOutage).toBe(false)
    expect([congestion.delay(2000), congestion.ceiling(2000)]).toEqual([0, Infinity])
    expect(congestion.succeeded(2001, 2000)).toBe(false)
  })

  test('is not ended by an answer to what was asked before it', () => {
    const congestion = inOutage()
    expect(congestion.succeeded(2000, 4)).toBe(false)
    expect(congestion.inOutage).toBe(true)
  })

  test('is not made longer by failures of what was asked before it', () => {
    const congestion = inOutage()
    const before = congestion.delay(100)
    expect(congestion.failed(100, failureOf({ row: 9, startedAt: 3, inFlight: 50 }), most)).toBe(
      false,
    )
    expect(congestion.delay(100)).toBe(before)
  })

  test('leaves no failures behind: what was under way in it counts for nothing later', () => {
    const congestion = inOutage()
    congestion.succeeded(2000, 1500)
    for (let row = 0; row < 50; row++) {
      expect(
        congestion.failed(2100, failureOf({ row: row, startedAt: 1900, inFlight: 50 }), least),
      ).toBe(false)
    }
    expect(congestion.inOutage).toBe(false)
    expect(congestion.ceiling(2100)).toBe(Infinity)
    expect(fail(congestion, 3000, [1, 2, 3, 4, 5])).toEqual([true, true, true, true, false])
  })
})

describe('the ceiling', () => {
  /** So many of 100 tries fail, evenly spread; 100 are under way. */
  function mix(congestion: Congestion, from: number, failures: number): void {
    for (let index = 0; index < 100; index++) {
      const now = from + index
      const fails =
        Math.floor((index * failures) / 100) !== Math.floor(((index + 1) * failures) / 100)
      if (fails)
        congestion.failed(now, failureOf({ row: index, startedAt: now, inFlight: 99 }), least)
      else congestion.succeeded(now, now)
    }
  }

  test('is none while one in seven fails', () => {
    const congestion = new Congestion()
    for (let time = 0; time < 10; time++) mix(congestion, time * 100, 14)
    expect(congestion.ceiling(1000)).toBe(Infinity)
  })

  /** So many failures of tries from this instant, in fours, of 100 under way. */
  function foursFail(congestion: Congestion, startedAt: number, failures: number): void {
    for (let row = 1; row <= failures; row++) {
      congestion.failed(
        startedAt + 5,
        failureOf({ row: row, startedAt: startedAt, inFlight: 99 }),
        least,
      )
      if (row % 4 === 0) congestion.succeeded(startedAt + 5, startedAt + 5)
    }
  }

  test('is cut by a fifth when more than a fifth fails', () => {
    const congestion = new Congestion()
    // 0.2 takes 11.05 failures, 1 − 0.98^n; two answers between them take one off each time.
    foursFail(congestion, 5, 11)
    expect(congestion.ceiling(10)).toBe(Infinity)
    foursFail(congestion, 5, 3)
    expect(congestion.ceiling(10)).toBe(80)
  })

  test('is cut once for what was under way together', () => {
    const congestion = new Congestion()
    foursFail(congestion, 5, 40)
    expect(congestion.ceiling(10)).toBe(80)
    // What began after the cut and fails, cuts again: 0.8 × 80.
    congestion.failed(20, failureOf({ row: 50, startedAt: 15, inFlight: 99 }), least)
    expect(Math.floor(congestion.ceiling(20))).toBe(64)
  })

  test('is cut again only when what was under way has had time to be answered', () => {
    const congestion = new Congestion()
    const next = (startedAt: number): void => {
      congestion.failed(startedAt + 5, failureOf({ row: 1, startedAt, answerMs: 15_000 }), least)
    }
    foursFail(congestion, 5, 40)
    for (let time = 100; time < 14_000; time += 100) next(time)
    expect(congestion.ceiling(14_000)).toBeGreaterThan(80)
    next(15_100)
    expect(congestion.ceiling(15_200)).toBeLessThan(100)
  })

  test('is none while four times as many live on as failed of late', () => {
    const congestion = new Congestion()
    const asked: (readonly number[])[] = []
    const beside = (alive: number): void => {
      for (let row = 1; row <= 40; row++) {
        const survivors = (after: number, until: number): number => {
          asked.push([after, until])
          return alive
        }
        congestion.failed(10, failureOf({ row, startedAt: 5, survivors }), least)
        if (row % 4 === 0) congestion.succeeded(10, 10)
      }
    }
    beside(160)
    expect(congestion.ceiling(10)).toBe(Infinity)
    // As old as the one that failed, or older.
    expect(asked.at(-1)).toEqual([-Infinity, 5])
    beside(80)
    expect(congestion.ceiling(10)).toBe(80)
  })

  test('is none after an outage', () => {
    const congestion = new Congestion()
    foursFail(congestion, 5, 20)
    fail(congestion, 20, [1, 2, 3, 4, 5])
    expect([congestion.inOutage, congestion.ceiling(30) < 100]).toEqual([true, true])
    congestion.succeeded(2000, 1500)
    expect(congestion.ceiling(2000)).toBe(Infinity)
  })

  test('is not cut below a quarter of what it was: fewer failures do not come of it', () => {
    const congestion = new Congestion()
    for (let round = 0; round < 40; round++) foursFail(congestion, round * 10, 8)
    expect(congestion.ceiling(400)).toBeGreaterThanOrEqual(25)
    expect(congestion.ceiling(400)).toBeLessThan(30)
  })

  test('takes no notice of rows that broke before while others did not', () => {
    const congestion = new Congestion()
    for (let row = 0; row < 100; row++) {
      expect(
        congestion.failed(
          row,
          failureOf({ row: row, startedAt: row, inFlight: 99, isSuspect: true }),
          least,
        ),
      ).toBe(true)
    }
    expect([congestion.inOutage, congestion.ceiling(100)]).toEqual([false, Infinity])
  })

  test('never falls below one, so that something is always under way', () => {
    const congestion = new Congestion()
    for (let round = 1; round < 100; round++) {
      congestion.failed(round, failureOf({ row: 1, startedAt: round, inFlight: 0 }), least)
    }
    expect(congestion.ceiling(100)).toBeGreaterThanOrEqual(1)
  })

  test('rises by a twentieth a second, and is none once it is far above', () => {
    const congestion = new Congestion()
    foursFail(congestion, -5, 16)
    expect(congestion.ceiling(0)).toBe(80)
    expect(congestion.ceiling(1000)).toBeCloseTo(85, 6)
    expect(congestion.ceiling(5000)).toBeCloseTo(105, 6)
    expect(congestion.ceiling(60_000)).toBe(Infinity)
  })
})

describe('noSocket()', () => {
  test('leaves a tenth of what was under way to others', () => {
    const congestion = new Congestion()
    congestion.noSocket(0, 200)
    expect([congestion.ceiling(0), congestion.delay(0)]).toEqual([180, 0])
  })

  test('of many at once, ends at what was really open', () => {
    const congestion = new Congestion()
    for (let others = 499; others >= 200; others--) congestion.noSocket(0, others)
    expect(congestion.ceiling(0)).toBe(180)
  })

  test('with nothing under way looks again after a second: no try can free one', () => {
    const congestion = new Congestion()
    congestion.noSocket(500, 0)
    expect([congestion.delay(500), congestion.ceiling(500)]).toEqual([1000, 1])
    expect(congestion.delay(1500)).toBe(0)
  })
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answered, rowOf } from '../test/world/drive.ts'
import { assert } from './assert.ts'
import { Budget } from './budget.ts'
import { type Bounds, Limiter } from './limiter.ts'
import type { Cost } from './meter.ts'
import { Passing } from './passing.ts'
import { Pool } from './pool.ts'
import type { RampKind } from './ramp.ts'
import { Random } from './random.ts'
import { UnderWay } from './under-way.ts'
import type { Attempt, Work } from './work.ts'

/** What is left of limits of 600 requests, 60,000 input and 30,000 output tokens. */
interface Left {
  readonly requests?: number
  readonly input?: number
  readonly output?: number
}

interface Given {
  readonly left?: Left
  readonly bounds?: Bounds
  readonly fraction?: number
  readonly ramp?: RampKind
  readonly maxConcurrency?: number
  readonly maxInFlightBytes?: number
  readonly budget?: Budget
}

const nothing = { nanoUsd: 0, tokens: 0 }
const limits = { requests: 600, input: 60_000, output: 30_000 }
const bodyBytes = 1000

/** One pool, a head, and rows behind it; nothing that starts ever ends. */
class Stage {
  readonly limiter: Limiter
  readonly pool: Pool
  readonly underWay: UnderWay
  readonly passing: Passing
  readonly head: Work
  readonly behind: readonly Work[]
  /** The rows that passed, and when. */
  readonly passed: { readonly at: number; readonly row: number }[] = []
  readonly #costs: ReadonlyMap<Work, Cost>
  /** Behind the head, by kind. */
  readonly #kinds: Work[][]
  #number = 0
  #rows = 0

  constructor(head: Cost, kinds: readonly (readonly Cost[])[], given: Given = {}) {
    const { left = {}, bounds = {}, fraction = 1, ramp = 'off', budget } = given
    const { maxConcurrency = 1e6, maxInFlightBytes = 1e9 } = given
    this.limiter = new Limiter(0, { bounds, ramp, limitFraction: fraction, budget })
    const times = { timeoutMs: 1e9, maxRowTimeMs: Infinity }
    this.pool = new Pool(this.limiter.pool(0, 'm'), times)
    this.underWay = new UnderWay({ maxConcurrency, maxInFlightBytes })
    this.head = this.#row()
    const costs = new Map([[this.head, head]])
    this.#kinds = kinds.map((kind) =>
      kind.map((cost) => {
        const work = this.#row()
        costs.set(work, cost)
        return work
      }),
    )
    this.#costs = costs
    this.behind = this.#kinds.flat()
    this.passing = new Passing({
      limiter: this.limiter,
      underWay: this.underWay,
      passers: () => this.#kinds.flatMap((kind) => kind[0] ?? []),
      costOf: (_now, work) => this.#costOf(work),
    })
    this.#learn(left)
  }

  /** Until the head starts; returns when it does. `withPassers`: those behind it may pass. */
  run(withPassers: boolean): number {
    let now = 0
    for (let turn = 0; turn < 10_000; turn++) {
      const cost = this.#costOf(this.head)
      const own = this.pool.wait(now, cost)
      const shared = this.limiter.wait(now, cost)
      if (own.delayMs === 0 && shared.delayMs === 0) return now
      let againAt = now + Math.max(own.delayMs > 0 ? own.delayMs : shared.delayMs, 0.001)
      if (withPassers && own.delayMs > 0) againAt = Math.min(againAt, this.#letPass(now, own))
      if (againAt === Infinity) return Infinity
      now = Math.max(againAt, now + 0.001)
    }
    throw new Error('The head never starts')
  }

  /** Lets pass who may, once; returns when to look again. */
  letPass(now = 0): readonly number[] {
    this.#letPass(now, this.pool.wait(now, this.#costOf(this.head)))
    return this.passed.map(({ row }) => row)
  }

  #letPass(now: number, wait: ReturnType<Pool['wait']>): number {
    this.passing.headWaits(now, { ...this.#candidate(this.head) }, wait)
    for (;;) {
      const next = this.passing.next(now)
      if (next === undefined) break
      assert(this.pool.wait(now, next.cost).delayMs === 0, 'A row that passes need not wait')
      this.start(now, next.work)
      this.passed.push({ at: now, row: next.work.sequence })
      for (const kind of this.#kinds) if (kind[0] === next.work) kind.shift()
    }
    const { againAt } = this.passing
    this.passing.close()
    return againAt
  }

  start(now: number, work: Work, cost = this.#costOf(work)): Attempt {
    const reservation = this.limiter.reserve(now, this.pool.limiter, cost, work.most)
    const number = ++this.#number
    const attempt = this.pool.start(now, { number, work, cost, reservation, caching: undefined })
    this.underWay.add(attempt)
    return attempt
  }

  #candidate(work: Work): { pool: Pool; work: Work; cost: Cost } {
    return { pool: this.pool, work, cost: this.#costOf(work) }
  }

  #costOf(work: Work): Cost {
    return this.#costs.get(work) ?? { input: 1, output: 1 }
  }

  #row(): Work {
    return rowOf(this.#rows++, { pool: 'm', bodyBytes })
  }
  #learn(left: Left): void {
    const cost = { input: 1, output: 1 }
    const attempt = this.start(0, rowOf(-1, { pool: 'm' }), cost)
    const serverAt = 1_700_000_000_000
    const readingOf = (
      unit: keyof typeof limits,
    ): { limit: number; remaining: number } & {
      resetAt: number
    } => {
      const limit = limits[unit]
      const remaining = left[unit] ?? limit
      return { limit, remaining, resetAt: serverAt + ((limit - remaining) / limit) * 60_000 }
    }
    const outcome = answered({ input: 1, output: 1 })
    this.limiter.settle(0, attempt.reservation, outcome)
    this.pool.ended(attempt)
    this.underWay.remove(attempt)
    const [requests, input, output] = [
      readingOf('requests'),
      readingOf('input'),
      readingOf('output'),
    ]
    this.pool.limiter.observe(0, attempt.reservation, { requests, input, output, serverAt }, false)
  }
}

/** Waits 35 s for input: of 40,000, 5,000 are there; one so large keeps nothing back. */
const heavy: Cost = { input: 40_000, output: 50 }
const noInput = { left: { input: 5000 } }
/** Moves it by 20 ms. */
const light: Cost = { input: 20, output: 1000 }
const many = (count: number, cost: Cost): Cost[] => Array.from({ length: count }, () => cost)

describe('a row passes a head that waits for input', () => {
  test('if it takes next to nothing of it; all together a hundredth of the wait', () => {
    const stage = new Stage(heavy, [many(100, light)], noInput)
    // 350 ms, of 20 ms each.
    expect(stage.letPass()).toHaveLength(17)
  })

  test('but none that takes more of it', () => {
    expect(new Stage(heavy, [[{ input: 500, output: 1 }]], noInput).letPass()).toEqual([])
  })

  test('another kind, if those of the first take too much', () => {
    const kinds = [[{ input: 30_000, output: 10 }], [light]]
    expect(new Stage(heavy, kinds, noInput).letPass()).toEqual([2])
  })

  test('when its own limits allow, and before those behind it', () => {
    const left = { input: 5000, output: 10_000 }
    const dear = { input: 20, output: 12_000 }
    const stage = new Stage(heavy, [[dear], [light]], { left })
    expect(stage.letPass()).toEqual([])
    stage.run(true)
    expect(stage.passed.map(({ row }) => row)).toEqual([1, 2])
    // 12,000 and four seconds of reserve, of which 10,000 were there, at 500 a second.
    expect(stage.passed[0]?.at).toBeCloseTo(8000, 0)
  })

  test('no more of them than a minute gains of any limit', () => {
    const dear = { input: 1, output: 9000 }
    const stage = new Stage({ input: 59_000, output: 50 }, [many(100, dear)], noInput)
    stage.run(true)
    // 30,000 a minute: three of 9,000, though 60,000 were there while the head waited.
    expect(stage.passed).toHaveLength(3)
  })

  test('but none that leaves too little of the others for the head', () => {
    // It waits three seconds for input, and wants 3,000 of output, as it is not sure of its answer:
    // of 30,000 there would be 1,000, and 2,500 by then.
    const unsure = { input: 36_000, output: 50, outputDeviation: 1500 }
    const rest = { input: 1, output: 28_900 }
    const given = { left: { input: 33_000 } }
    expect(new Stage(unsure, [[rest]], given).letPass()).toEqual([])
    expect(new Stage({ ...unsure, outputDeviation: 0 }, [[rest]], given).letPass()).toEqual([1])
  })

  test('but none that takes the start that the ramp allows the head', () => {
    // It waits 900 ms for input; of the ramp there is one start, and two a second.
    const given = { left: { input: 39_100 } }
    const tiny = { input: 1, output: 50 }
    expect(new Stage(heavy, [[tiny]], { ...given, ramp: 'fast' }).letPass()).toEqual([])
    expect(new Stage(heavy, [[tiny]], { ...given, ramp: 'off' }).letPass()).toEqual([1])
  })

  test('not so close to its start that what it owes would not be paid', () => {
    const bounds = { outputTokensPerMinute: 30_000 }
    // Of the bound 8,500 take 17 s, which must be within half of 35 s, and 8,800 are not.
    const inTime = { input: 1, output: 8500 }
    expect(new Stage(heavy, [[inTime]], { ...noInput, bounds }).letPass(100)).toEqual([1])
    const late = { input: 1, output: 8800 }
    expect(new Stage(heavy, [[late]], { ...noInput, bounds }).letPass(100)).toEqual([])
  })
})

describe('nobody passes', () => {
  test('where the head waits for requests', () => {
    const stage = new Stage(light, [[{ input: 1, output: 1 }]], { left: { requests: 0 } })
    expect(stage.letPass()).toEqual([])
  })

  test('in an outage', () => {
    const stage = new Stage(heavy, [[light]], noInput)
    const random = new Random(1)
    for (let row = 100; row < 110; row++) {
      const attempt = stage.start(0, rowOf(row, { pool: 'm' }), { input: 1, output: 1 })
      stage.underWay.remove(attempt)
      stage.pool.ended(attempt)
      stage.pool.broke(10, attempt, stage.underWay, random)
    }
    expect(stage.pool.inOutage).toBe(true)
    expect(stage.letPass(10)).toEqual([])
  })

  test('if there were no room beside it for the head: tries, bytes', () => {
    const one = { ...noInput, maxConcurrency: 1 }
    expect(new Stage(heavy, [[light]], one).letPass()).toEqual([])
    const two = { ...noInput, maxConcurrency: 2 }
    expect(new Stage(heavy, [[light]], two).letPass()).toEqual([1])
    const bytes = { ...noInput, maxInFlightBytes: 1999 }
    expect(new Stage(heavy, [[light]], bytes).letPass()).toEqual([])
  })

  test('if it was asked before', () => {
    const stage = new Stage(heavy, [[light]], noInput)
    const [work] = stage.behind
    if (work) work.lastAttempt = stage.start(0, work, { input: 1, output: 1 })
    expect(stage.letPass()).toEqual([])
  })

  test('if the budget has no room for both', () => {
    const passed = [1999, 2000].map((tokens) => {
      const before = { spent: nothing, unknown: nothing }
      const budget = new Budget({ limits: { tokens }, mode: 'strict', before, concurrencyMax: 9 })
      const stage = new Stage(heavy, [[light]], { ...noInput, budget })
      for (const work of [stage.head, ...stage.behind]) work.most = { nanoUsd: 0, tokens: 1000 }
      return stage.letPass()
    })
    expect(passed).toEqual([[], [1]])
  })
})

describe('whatever waits and passes', () => {
  const cost = (most: { input: number; output: number }): fc.Arbitrary<Cost> =>
    fc.record({
      input: fc.integer({ min: 1, max: most.input }),
      output: fc.integer({ min: 1, max: most.output }),
      outputDeviation: fc.constantFrom(0, 10, 500, 3000),
    })
  const small = fc.oneof(cost({ input: 50, output: 50 }), cost({ input: 50, output: 5000 }))
  const any = fc.oneof(small, cost({ input: 5000, output: 20 }), cost({ input: 9e4, output: 5e4 }))
  const drawn = fc.record({
    head: fc.oneof(cost({ input: 90_000, output: 50 }), cost({ input: 50, output: 50_000 }), any),
    kinds: fc.array(fc.array(any, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 4 }),
    left: fc.record({
      requests: fc.constantFrom(0, 2, 600),
      input: fc.constantFrom(0, 5000, 60_000),
      output: fc.constantFrom(0, 2000, 30_000),
    }),
    bounds: fc.constantFrom<Bounds>(
      {},
      {},
      { outputTokensPerMinute: 20_000 },
      { inputTokensPerMinute: 40_000, requestsPerMinute: 100 },
    ),
    fraction: fc.constantFrom(1, 1, 0.5),
    ramp: fc.constantFrom<RampKind>('off', 'fast', 'gentle'),
  })

  test('the start of the head is moved by a hundredth of its wait at most', () => {
    let passed = 0
    fc.assert(
      fc.property(drawn, ({ head, kinds, ...given }) => {
        const alone = new Stage(head, kinds, given).run(false)
        const stage = new Stage(head, kinds, given)
        const startAt = stage.run(true)
        passed += stage.passed.length
        expect(startAt).toBeLessThanOrEqual(alone * 1.01 + 1)
      }),
      { numRuns: 500 },
    )
    expect(passed).toBeGreaterThan(100)
  })
})

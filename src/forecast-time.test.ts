import { describe, expect, test } from 'vitest'
import type { ModelSum } from './forecast-sums.ts'
import { durationOf, type LimitsKnown } from './forecast-time.ts'

const same = (count: number): ModelSum['input'] => ({ low: count, expected: count, high: count })

function model(name: string, pool: string, rows: number, input: number, output: number): ModelSum {
  const tokens = { input: same(input), output: same(output) }
  return { model: name, pool, rows, ...tokens, inputOff: 0, answers: 0 }
}

const nothingRead = (): ReadonlyMap<string, number> => new Map()
const unknown: LimitsKnown = {
  bounds: {},
  ofPool: undefined,
  poolOf: undefined,
  fraction: 1,
  ramp: 'fast',
}

describe('durationOf()', () => {
  test('a bound is spread evenly: 6,000 rows at 1,000 a minute take 6 minutes', () => {
    const models = [model('a', 'a', 4000, 10, 10), model('b', 'b', 2000, 10, 10)]
    const limits = { ...unknown, bounds: { requests: 1000, input: 1e6 } }
    expect(durationOf(models, nothingRead, limits)).toEqual({
      ms: same(360_000),
      binds: 'requests',
      pool: null,
    })
  })

  test("a limit of the server's begins full: of 450k input tokens, 150k a minute, 300k wait", () => {
    const models = [model('a', 'p', 100, 450_000, 1000)]
    const limits = { ...unknown, ofPool: () => ({ requests: 1000, input: 150_000 }) }
    expect(durationOf(models, nothingRead, limits)).toEqual({
      ms: same(120_000),
      binds: 'input',
      pool: 'p',
    })
    // A share of it has no full bucket: 450k at 75k a minute.
    const half = durationOf(models, nothingRead, { ...limits, fraction: 0.5 })
    expect(half?.ms).toEqual(same(360_000))
  })

  test('what is read from the cache does not count to the input', () => {
    const models = [model('a', 'p', 100, 450_000, 1000)]
    const limits = { ...unknown, ofPool: () => ({ input: 150_000 }) }
    const read = (): ReadonlyMap<string, number> => new Map([['a', 225_000]])
    // 225,000 are left, of which 75,000 wait for half a minute.
    expect(durationOf(models, read, limits)?.ms).toEqual(same(30_000))
  })

  test('pools go side by side, and the longest is what it takes', () => {
    const models = [
      model('a', 'p', 10, 100, 300_000),
      model('b', 'p', 10, 100, 300_000),
      model('c', 'q', 10, 100, 300_000),
    ]
    const limits = { ...unknown, ofPool: () => ({ output: 100_000 }) }
    const found = durationOf(models, nothingRead, limits)
    expect(found).toEqual({ ms: same(300_000), binds: 'output', pool: 'p' })
    // Somebody who knows better says that one of them is of another pool.
    const poolOf = (name: string): string | undefined => (name === 'b' ? 'q' : undefined)
    expect(durationOf(models.slice(0, 2), nothingRead, { ...limits, poolOf })?.ms).toEqual(
      same(120_000),
    )
  })

  test('input and output together are one meter where that is the limit', () => {
    const models = [model('a', 'p', 10, 60_000, 40_000)]
    const limits = { ...unknown, ofPool: () => ({ tokens: 50_000 }) }
    expect(durationOf(models, nothingRead, limits)).toMatchObject({
      ms: same(60_000),
      binds: 'tokens',
    })
  })

  test('the start is gradual: two a second, doubled each second, make 62 in five', () => {
    const models = [model('a', 'p', 62, 10, 10)]
    const limits = { ...unknown, ofPool: () => ({ output: 1e6 }) }
    expect(durationOf(models, nothingRead, limits)).toMatchObject({ ms: same(5000), binds: 'ramp' })
    const gentle = durationOf(models, nothingRead, { ...limits, ramp: 'gentle' })
    expect(gentle?.ms).toEqual(same(20_000))
    expect(durationOf(models, nothingRead, { ...limits, ramp: 'off' })?.ms).toEqual(same(0))
    // 6,000 a minute refill 100 a second, of which a fifth are 20: 620 in five seconds.
    const fast = { ...unknown, ofPool: () => ({ requests: 6000 }) }
    expect(durationOf([model('a', 'p', 620, 1, 1)], nothingRead, fast)?.ms).toEqual(same(5000))
  })

  test('nothing is said where no limit is known, or that of one pool is not', () => {
    const models = [model('a', 'p', 10, 100, 100), model('b', 'q', 10, 100, 100)]
    expect(durationOf(models, nothingRead, unknown)).toBeNull()
    const ofPool = (pool: string): { output?: number } => (pool === 'p' ? { output: 50 } : {})
    expect(durationOf(models, nothingRead, { ...unknown, ofPool })).toBeNull()
    expect(durationOf([], nothingRead, { ...unknown, ofPool })).toBeNull()
  })
})

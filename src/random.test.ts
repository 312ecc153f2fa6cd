import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { entropySeed, Random, randomToken } from './random.ts'

const draws = 20_000

/** The first numbers of a stream. */
function sample(random: Random, count: number): readonly number[] {
  return Array.from({ length: count }, () => random.uint32())
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** sfc32 in unbounded integers, from its definition: three words and a counter. */
function* sfc32(a: bigint, b: bigint, c: bigint): Generator<number> {
  const word = (value: bigint): bigint => value & 0xffff_ffffn
  for (let counter = 1n; ; counter++) {
    const sum = word(a + b + counter)
    a = b ^ (b >> 9n)
    b = word(c + (c << 3n))
    c = word(word((c << 21n) | (c >> 11n)) + sum)
    yield Number(sum)
  }
}

describe('Random', () => {
  test.each([0, 1, 7, 2 ** 31, 2 ** 32 - 1])(
    'draws sfc32 from seed %d, after twelve rounds',
    (seed) => {
      const reference = sfc32(0x9e3779b9n ^ BigInt(seed), 0x243f6a88n, 0xb7e15162n)
      for (let round = 0; round < 12; round++) reference.next()
      const expected = Array.from({ length: 50 }, () => reference.next().value)
      expect(sample(new Random(seed), 50)).toEqual(expected)
    },
  )

  test('streams of seeds that differ in any bit of 53 differ', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 0, max: 52 }), (seed, bit) => {
        const flipped = Number(BigInt(seed) ^ (1n << BigInt(bit)))
        expect(sample(new Random(flipped), 4)).not.toEqual(sample(new Random(seed), 4))
        const forks = [seed, flipped].map((each) => sample(new Random(each).fork('x'), 4))
        expect(forks[0]).not.toEqual(forks[1])
      }),
    )
  })

  test('float() stays in [0, 1) with mean 1/2', () => {
    const random = new Random(3)
    const values = Array.from({ length: draws }, () => random.float())
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true)
    // Five standard errors: 5 × 0.2887 / √20,000.
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(0.0103)
  })

  test('integer() draws both ends and nothing beyond, about equally often', () => {
    const random = new Random(4)
    const counts = new Map<number, number>()
    for (let draw = 0; draw < draws; draw++) {
      const value = random.integer(-1, 3)
      counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual([-1, 0, 1, 2, 3])
    // 4,000 each; five standard deviations are 5 × √(20,000 × 0.2 × 0.8) = 283.
    for (const count of counts.values()) expect(Math.abs(count - 4000)).toBeLessThan(283)
  })

  test.each([0, 0.03, 0.5, 1])('chance(%d) is true that often', (probability) => {
    const random = new Random(5)
    const hits = Array.from({ length: draws }, () => random.chance(probability)).filter(Boolean)
    const deviation = Math.sqrt(draws * probability * (1 - probability))
    expect(Math.abs(hits.length - draws * probability)).toBeLessThanOrEqual(5 * deviation)
  })

  test('normal() has mean 0 and variance 1', () => {
    const random = new Random(6)
    const values = Array.from({ length: draws }, () => random.normal())
    expect(values.every(Number.isFinite)).toBe(true)
    expect(Math.abs(mean(values))).toBeLessThan(5 / Math.sqrt(draws))
    // The variance of a squared standard normal is 2.
    expect(Math.abs(mean(values.map((value) => value * value)) - 1)).toBeLessThan(
      5 * Math.sqrt(2 / draws),
    )
  })

  test('logNormal() has the mean it is given, and its median below', () => {
    const random = new Random(7)
    const values = Array.from({ length: draws }, () => random.logNormal(800, 1))
    // Relative deviation of one draw: √(e − 1) = 1.31.
    expect(Math.abs(mean(values) / 800 - 1)).toBeLessThan((5 * 1.31) / Math.sqrt(draws))
    const median = values.toSorted((a, b) => a - b)[draws / 2] ?? 0
    // The median is e^(μ) = 800 / √e = 485.
    expect(median).toBeGreaterThan(465)
    expect(median).toBeLessThan(505)
  })

  test('logNormal() without spread is its mean', () => {
    expect(new Random(8).logNormal(700, 0)).toBe(700)
  })

  test('pick() draws every item and nothing else', () => {
    const random = new Random(9)
    const picked = new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b', 'c'])))
    expect([...picked].toSorted()).toEqual(['a', 'b', 'c'])
  })

  test('fork() gives the same stream for a name whatever was drawn or forked before', () => {
    const used = new Random(10)
    sample(used, 17)
    used.fork('faults')
    expect(sample(used.fork('latency'), 5)).toEqual(sample(new Random(10).fork('latency'), 5))
    expect(sample(used.fork('faults'), 5)).not.toEqual(sample(used.fork('latency'), 5))
  })
})

test('randomToken() is hexadecimal, two characters a byte, and new each time', () => {
  expect(randomToken(16)).toMatch(/^[0-9a-f]{32}$/)
  expect(randomToken(16)).not.toBe(randomToken(16))
})

test('entropySeed() is a whole number of 32 bits', () => {
  const seed = entropySeed()
  expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true)
})

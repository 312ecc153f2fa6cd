import { describe, expect, test } from 'vitest'
import { Bucket } from './bucket.ts'
import { HoldFactor } from './hold-factor.ts'
import { Random } from './random.ts'

const limit = 150_000
const size = { capacity: limit, perMinute: limit }
const excess = 6000

interface Server {
  /** The share of the excess that it holds until the first byte. */
  readonly holds: number
  /** What others take at random instants, a minute. */
  readonly others?: number
  readonly seed?: number
  readonly replies?: number
}

/**
 * Five requests a second of 100 tokens that ask for 6,100, with a first byte after 0.2 to 1.8 s,
 * whose readings are rounded to a thousand and of just before that.
 */
function follow(factor: HoldFactor, start: number, server: Server): readonly number[] {
  const { holds, others = 0, seed = 1, replies = 60 } = server
  const random = new Random(seed)
  const truth = new Bucket(start, { ...size, level: 90_000 })
  const releases: number[] = []
  const values: number[] = []
  for (let now = start; values.length < replies; now += 20) {
    if (random.float() < 0.05) truth.take(now, (others / 60_000) * 20 * 20)
    while (releases[0] !== undefined && releases[0] <= now) {
      releases.shift()
      const shown = Math.round(truth.level(now) / 1000) * 1000
      const levels = factor.levels(now)
      factor.observe(now, size, { shown, slack: 750, levels: levels ? [levels] : [] })
      values.push(factor.value)
      truth.take(now, -holds * excess)
      factor.hold(now, -excess)
    }
    if ((now - start) % 200 !== 0) continue
    truth.take(now, 100 + holds * excess)
    factor.take(now, 100)
    factor.hold(now, excess)
    releases.push(now + 200 + 1600 * random.float())
    releases.sort((a, b) => a - b)
  }
  return values
}

const seeds = [1, 2, 3, 4, 5]

describe('HoldFactor', () => {
  test('begins with the hold, and says nothing of levels before a reading', () => {
    const factor = new HoldFactor()
    expect([factor.value, factor.levels(0)]).toEqual([1, undefined])
  })

  test.each([0, 15_000, 60_000])('stays with a server that holds; others take %i', (others) => {
    for (const seed of seeds) {
      const values = follow(new HoldFactor(), 0, { holds: 1, others, seed, replies: 300 })
      expect(Math.min(...values)).toBeGreaterThan(0.99)
    }
  })

  test.each([0, 15_000, 60_000])('falls to none where none is; others take %i', (others) => {
    for (const seed of seeds) {
      const values = follow(new HoldFactor(), 0, { holds: 0, others, seed, replies: 300 })
      // A single reading, or two, are not believed.
      expect(values[2]).toBeGreaterThan(0.5)
      expect(values.slice(60).every((value) => value === 0)).toBe(true)
    }
  })

  test('returns when the server begins to hold', () => {
    const factor = new HoldFactor()
    follow(factor, 0, { holds: 0 })
    expect(factor.value).toBe(0)
    follow(factor, 1e6, { holds: 1 })
    expect(factor.value).toBe(1)
  })

  test('what is taken from both alike is no vote, nor is what is rounded away', () => {
    const factor = new HoldFactor()
    factor.observe(0, size, { shown: 100_000, slack: 750, levels: [] })
    for (let now = 1; now < 100; now++) {
      factor.hold(now, 600)
      const levels = [factor.levels(now)].filter((each) => each !== undefined)
      const shown = (levels[0]?.without ?? 0) - 20_000 - 300
      factor.observe(now, size, { shown, slack: 750, levels })
      factor.hold(now, -600)
      factor.take(now, -15_000)
    }
    expect(factor.value).toBe(1)
  })

  test.each([20_000, -20_000])(
    'a jump of both says little, by whom it may be nearer: %i',
    (jump) => {
      for (const holds of [0, 1]) {
        const factor = new HoldFactor()
        follow(factor, 0, { holds, replies: 100 })
        const before = factor.value
        for (let now = 1e6; now < 1e6 + 10; now++) {
          factor.forget()
          factor.observe(now, size, { shown: 50_000, slack: 0, levels: [] })
          factor.hold(now, 4000)
          const levels = factor.levels(now)
          const shown = (jump > 0 ? 50_000 : 46_000) + jump
          factor.observe(now, size, { shown, slack: 0, levels: levels ? [levels] : [] })
        }
        expect(factor.value).toBe(before)
      }
    },
  )

  // The level without a hold is 100,000, that with it 90,000.
  test.each([
    ['only a hold explains: it is believed again', 90_000, 1],
    ['others explain', 40_000, 0],
    ['nothing was missing', 100_000, 0],
  ])('a refusal that %s', (_, shown, value) => {
    const factor = new HoldFactor()
    follow(factor, 0, { holds: 0, replies: 100 })
    expect(factor.value).toBe(0)
    factor.forget()
    factor.observe(1e6, size, { shown: 100_000, slack: 0, levels: [] })
    factor.hold(1e6, 10_000)
    const levels = factor.levels(1e6)
    factor.observe(1e6, size, { shown, slack: 750, levels: levels ? [levels] : [] })
    factor.refused()
    expect(factor.value).toBe(value)
  })

  test('a reading may be of either of two instants', () => {
    const factor = new HoldFactor()
    factor.observe(0, size, { shown: 100_000, slack: 0, levels: [] })
    const levels = [
      { without: 100_000, held: 60_000 },
      { without: 100_000, held: 90_000 },
    ]
    // In between nothing contradicts the hold.
    for (let now = 0; now < 50; now++) {
      factor.observe(now, size, { shown: 75_000, slack: 0, levels })
    }
    expect(factor.value).toBe(1)
  })
})

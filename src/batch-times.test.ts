import { describe, expect, test } from 'vitest'
import { batchTimesDefault, drawBatchMs, shareEndedBy, usefulMs } from './batch-times.ts'
import { Random } from './random.ts'

const hour = 3_600_000

describe('how long batches are assumed to take', () => {
  test('half end by the median, 95 % by the other, all by 24 hours', () => {
    expect(shareEndedBy(batchTimesDefault, 0)).toBe(0)
    expect(shareEndedBy(batchTimesDefault, hour / 2)).toBeCloseTo(0.5, 6)
    expect(shareEndedBy(batchTimesDefault, 2 * hour)).toBeCloseTo(0.95, 6)
    expect(shareEndedBy(batchTimesDefault, 24 * hour)).toBe(1)
  })

  test('most end within an hour', () => {
    expect(shareEndedBy(batchTimesDefault, hour)).toBeGreaterThan(0.75)
  })

  test('draws are distributed so', () => {
    const random = new Random(1)
    const draws = Array.from({ length: 4000 }, () => drawBatchMs(batchTimesDefault, random))
    for (const ms of [hour / 4, hour / 2, hour, 2 * hour]) {
      const share = draws.filter((each) => each <= ms).length / draws.length
      expect(share).toBeCloseTo(shareEndedBy(batchTimesDefault, ms), 1)
    }
    expect(Math.max(...draws)).toBeLessThanOrEqual(24 * hour)
  })

  test('one in a hundred has ended when it is worth waiting', () => {
    expect(shareEndedBy(batchTimesDefault, usefulMs(batchTimesDefault))).toBeCloseTo(0.01, 4)
  })

  test('all may take the same', () => {
    const times = { medianMs: hour, p95Ms: hour, drainMs: 1 }
    expect(shareEndedBy(times, hour - 1)).toBe(0)
    expect(shareEndedBy(times, hour)).toBe(1)
    expect(drawBatchMs(times, new Random(1))).toBe(hour)
  })
})

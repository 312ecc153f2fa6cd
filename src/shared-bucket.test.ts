import { describe, expect, test } from 'vitest'
import { SharedBucket } from './shared-bucket.ts'

/** Of 60 a minute, all of it gone at 0. */
function emptied(): SharedBucket {
  return new SharedBucket(0, { capacity: 60, perMinute: 60 }, 0)
}

describe('SharedBucket', () => {
  test('gains what others leave', () => {
    const bucket = emptied()
    bucket.heard(0)
    bucket.setOthers(0, 40)
    expect([bucket.perMinute, bucket.level(30_000), bucket.delayUntil(0, 10)]).toEqual([
      20, 10, 30_000,
    ])
  })

  test.each([
    ['no less than nothing', -5, 0],
    ['a tenth is always ours', 60, 54],
  ])('others take %s', (_, given, others) => {
    const bucket = emptied()
    bucket.setOthers(0, given)
    expect(bucket.others).toBe(others)
  })

  test('what nobody has confirmed for a minute is believed no more', () => {
    const bucket = emptied()
    bucket.heard(10_000)
    bucket.setOthers(10_000, 54)
    // 10 by then, 6 in the minute after it, and one a second from then on.
    expect(bucket.delayUntil(10_000, 40)).toBe(60_000 + 24_000)
    expect(bucket.level(70_000)).toBe(16)
    expect(bucket.level(94_000)).toBe(40)
    expect(bucket.others).toBe(0)
  })

  test('and for another minute where a reply confirms it', () => {
    const bucket = emptied()
    bucket.heard(0)
    bucket.setOthers(0, 54)
    bucket.heard(50_000)
    expect(bucket.level(100_000)).toBe(10)
    expect(bucket.others).toBe(54)
  })

  test('what is taken and stated meanwhile counts from the same belief', () => {
    const bucket = emptied()
    bucket.heard(0)
    bucket.setOthers(0, 30)
    bucket.take(20_000, 5)
    expect(bucket.level(20_000)).toBe(5)
    bucket.setLevel(61_000, 20)
    expect(bucket.level(62_000)).toBe(21)
  })

  test('a limit that shrinks leaves others no more than it has', () => {
    const bucket = emptied()
    bucket.heard(0)
    bucket.setOthers(0, 54)
    bucket.resize(0, { capacity: 20, perMinute: 20 })
    expect([bucket.others, bucket.perMinute]).toEqual([18, 2])
  })
})

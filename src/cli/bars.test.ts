import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bar, sparkline } from './bars.ts'
import { ascii, unicode } from './glyphs.ts'
import { painter } from './paint.ts'

const paint = painter(false)
const plain = { glyphs: unicode, paint }

describe('bar()', () => {
  test.each([
    [0, 0, '········'],
    [50, 0, '████····'],
    [51, 0, '████····'],
    [52, 0, '████▏···'],
    [100, 0, '████████'],
    [180, 0, '████████'],
    [99.9, 0, '███████▉'],
    [0.01, 0, '▏·······'],
    [50, 25, '████▒▒··'],
    [50, 50, '████▒▒▒▒'],
    [50, 90, '████▒▒▒▒'],
    // Something is never shown as nothing, where there is a cell left.
    [50, 0.1, '████▒···'],
    [0, 0.1, '▒·······'],
    [99.9, 0.1, '███████▉'],
  ])('of %d and %d of 100 is %s', (ours, others, text) => {
    expect(bar({ ours, others, limit: 100 }, 8, plain)).toBe(text)
  })

  test('has whole cells only where there are no others', () => {
    expect(bar({ ours: 30, others: 20, limit: 100 }, 10, { glyphs: ascii, paint })).toBe(
      '###==.....',
    )
    expect(bar({ ours: 1, others: 0, limit: 100 }, 10, { glyphs: ascii, paint })).toBe('#.........')
  })

  test('has as many cells as asked for, whatever is used', () => {
    const amount = fc.double({ min: 0, max: 1e12, noNaN: true })
    const limit = fc.double({ min: 1e-3, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(
        amount,
        amount,
        limit,
        fc.integer({ min: 1, max: 60 }),
        (ours, others, of, count) => {
          for (const glyphs of [unicode, ascii]) {
            const text = bar({ ours, others, limit: of }, count, { glyphs, paint })
            expect(text).toHaveLength(count)
          }
        },
      ),
    )
  })
})

describe('sparkline()', () => {
  const seconds = (eachSecond: readonly number[], elapsedMs = eachSecond.length * 1000) => ({
    eachSecond,
    elapsedMs,
  })

  test('is nothing before a second is over, and where there are no glyphs for it', () => {
    expect(sparkline(seconds([]), 10, unicode)).toBe('')
    expect(sparkline(seconds([1, 2]), 10, ascii)).toBe('')
  })

  test('goes from nothing to the most of the time it shows', () => {
    const each = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((rate) => [rate, rate, rate])
    expect(sparkline(seconds(each), 20, unicode)).toBe('▁▂▃▄▅▆▇█')
    expect(sparkline(seconds([0, 0, 0]), 20, unicode)).toBe('▁')
  })

  test('shows a little as more than nothing', () => {
    expect(sparkline(seconds([0, 0, 0, 1, 0, 0, 500, 500, 500]), 20, unicode)).toBe('▁▂█')
  })

  test('keeps the seconds of a cell together while time goes on', () => {
    const of = (second: number): number => Math.floor(second / 6) % 2
    for (let now = 60; now < 90; now++) {
      const each = Array.from({ length: 60 }, (_, index) => of(now - 60 + index))
      const text = sparkline(seconds(each, now * 1000 + 400), 10, unicode)
      expect(text).toMatch(/^(▁█){5}$|^(█▁){5}$/)
      expect(text.at(-1)).toBe(of(now - 1) === 1 ? '█' : '▁')
    }
  })
})

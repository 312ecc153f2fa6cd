import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatCost,
  formatCostAbout,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  formatShort,
  formatSpan,
  plural,
} from './figures.ts'

/** One row a case: what goes in, what comes out. */
function check<T>(format: (value: T) => string, rows: readonly (readonly [T, string])[]): void {
  test.each(rows)('of %j is %j', (value, text) => {
    expect(format(value)).toBe(text)
  })
}

describe('formatCount()', () => {
  check(formatCount, [
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [999_999, '999,999'],
    [1_234_567, '1,234,567'],
    [12.6, '13'],
  ])
})

describe('formatShort()', () => {
  check(formatShort, [
    [0, '0'],
    [999.4, '999'],
    [999.6, '1k'],
    [1000, '1k'],
    [1234, '1.23k'],
    [12_345, '12.3k'],
    [81_234, '81.2k'],
    [400_000, '400k'],
    [999_499, '999k'],
    [999_500, '1M'],
    [2_000_000, '2M'],
    [1_050_000, '1.05M'],
    [99_960_000, '100M'],
    [3_000_000_000, '3G'],
  ])
})

describe('formatDuration()', () => {
  check(formatDuration, [
    [0, '0 s'],
    [40, '0 s'],
    [400, '0.4 s'],
    [9949, '9.9 s'],
    [9950, '10 s'],
    [59_499, '59 s'],
    [59_500, '1 min'],
    [60_000, '1 min'],
    [160_000, '2 min 40 s'],
    [3_599_499, '59 min 59 s'],
    [3_600_000, '1 h'],
    [3_840_000, '1 h 04 min'],
    [86_400_000, '1 d'],
    [270_000_000, '3 d 03 h'],
  ])
})

describe('formatSpan()', () => {
  const of =
    (least: number, most: number): ((to: string) => string) =>
    (to) =>
      formatSpan([least * 1000, most * 1000], to)

  test.each([
    // A step of half the width or more, of a tenth of the most or more; in seconds whole ones.
    [0, 0, 'under 1 s'],
    [0, 0.4, 'under 1 s'],
    [0.9, 4.1, 'under 6 s'],
    [20, 22, '20–25 s'],
    [97, 107, '80–120 s'],
    [100, 120, '100–120 s'],
    [121, 123, '2–2.5 min'],
    [130, 170, '2–3 min'],
    [1800, 2000, '30–35 min'],
    [60, 6000, 'under 100 min'],
    [7260, 7300, '2–2.5 h'],
    [36_000, 50_000, '10–14 h'],
    [864_000, 1_000_000, '10–12 d'],
    [86_400_000, 172_800_000, '1000–2000 d'],
  ])('from %d s to %d s is %s', (least, most, text) => {
    expect(of(least, most)('–')).toBe(text)
    expect(of(least, most)('-')).toBe(text.replace('–', '-'))
  })

  test('never says less than the range', () => {
    const unitMs = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.double({ min: 1, max: 9, noNaN: true }),
        (least, times) => {
          const text = formatSpan([least, least * times])
          const [, from = '0', until, unit] =
            /^(?:under |([\d.]+)–)([\d.]+) (s|min|h|d)$/.exec(text) ?? []
          const ms = unitMs[unit as keyof typeof unitMs]
          expect(Number(from) * ms).toBeLessThanOrEqual(least * (1 + 1e-9))
          expect(Number(until) * ms).toBeGreaterThanOrEqual(least * times * (1 - 1e-9))
        },
      ),
    )
  })
})

describe('formatShare()', () => {
  test.each([
    [0, 0, '0 %'],
    [0, 10, '0 %'],
    [1999, 2000, '99 %'],
    [2000, 2000, '100 %'],
  ])('of %d of %d is %j', (part, whole, text) => {
    expect(formatShare(part, whole)).toBe(text)
  })
})

describe('formatRate()', () => {
  check(formatRate, [
    [0, '0 rows/min'],
    [0.5, '30 rows/min'],
    [1, '1.0 rows/s'],
    [12.34, '12.3 rows/s'],
    [1234, '1,234 rows/s'],
  ])
})

describe('formatCost()', () => {
  check(formatCost, [
    [0, '$0.00'],
    [1, 'under $0.0001'],
    [12_345_678, '$0.0123'],
    [500_000_000, '$0.50'],
    [999_940_000, '$0.9999'],
    [999_950_000, '$1.00'],
    [1_234_567_000_000, '$1,234.57'],
    [1_999_999_999, '$2.00'],
  ])
})

describe('formatCostAbout()', () => {
  check(formatCostAbout, [
    [0, '$0.00'],
    [40_000, 'under $0.0001'],
    [123_456, '$0.00012'],
    [32_123_456, '$0.032'],
    [999_000_000, '$1.00'],
    [1_264_000_000, '$1.30'],
    [12_640_000_000, '$13'],
    [1_264_567_000_000, '$1,300'],
  ])
})

describe('plural()', () => {
  test.each([
    [0, '0 rows'],
    [1, '1 row'],
    [2000, '2,000 rows'],
  ])('of %d is %j', (count, text) => {
    expect(plural(count, 'row')).toBe(text)
  })
})

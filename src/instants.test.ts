import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { parseInstant } from './instants.ts'

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

describe('parseInstant()', () => {
  // The numbers are those of `date -u -d … +%s`.
  test.each([
    ['1970-01-01T00:00:00Z', 0],
    ['2026-11-22T10:00:00Z', 1_795_341_600_000],
    ['2000-02-29T23:59:59Z', 951_868_799_000],
    ['2024-02-29T00:00:00Z', 1_709_164_800_000],
    ['2100-03-01T00:00:00Z', 4_107_542_400_000],
    ['1999-12-31T00:00:00z', 946_598_400_000],
    ['1970-01-01T00:00:01.2345Z', 1234],
    ['1970-01-01T02:00:00+02:00', 0],
    ['1969-12-31T20:30:00-03:30', 0],
    ['1970-01-01T00:00:60Z', 60_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 784_111_777_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ])('reads %s', (text, expected) => {
    expect(parseInstant(text)).toBe(expected)
  })

  test.each([
    '',
    '60',
    'tomorrow',
    '2026-11-22',
    '2026-11-22T10:00:00',
    '2026-13-22T10:00:00Z',
    '2026-00-22T10:00:00Z',
    '2026-11-32T10:00:00Z',
    '2026-11-22T24:00:00Z',
    '2026-11-22T10:60:00Z',
    '2026-11-22T10:00:0xZ',
    '2026-11-22T10:00:00+2',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Sun, 06 anF 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 CET',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
  ])('is undefined for %j', (text) => {
    expect(parseInstant(text)).toBeUndefined()
  })

  test('grows by 86,400,000 from each day to the next', () => {
    const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9998 }), fc.nat(11), (year, monthIndex) => {
        const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
        const days = (lengths[monthIndex] ?? 0) + (monthIndex === 1 && isLeap ? 1 : 0)
        const last = `${pad(year, 4)}-${pad(monthIndex + 1, 2)}-${pad(days, 2)}T00:00:00Z`
        const nextYear = monthIndex === 11 ? year + 1 : year
        const first = `${pad(nextYear, 4)}-${pad(((monthIndex + 1) % 12) + 1, 2)}-01T00:00:00Z`
        expect((parseInstant(first) ?? 0) - (parseInstant(last) ?? 0)).toBe(86_400_000)
      }),
    )
  })
})

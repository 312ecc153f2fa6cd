import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ModelFacts,
  dayStartMs,
  findModel,
  modelFacts,
  retiredModels,
  retirementNotice,
} from './models.ts'

const today = dayStartMs('2026-11-22')

/** Models for which the fact is as given, by id, sorted. */
function idsWhere(holds: (facts: ModelFacts) => boolean): readonly string[] {
  return modelFacts
    .filter(holds)
    .map(({ id }) => id)
    .toSorted()
}

describe('modelFacts', () => {
  test('names every model once, retired ones included', () => {
    const names = [
      ...modelFacts.flatMap(({ id, datedId }) => (datedId === undefined ? [id] : [id, datedId])),
      ...retiredModels.flatMap(({ ids }) => ids),
    ]
    expect(names.length).toBe(new Set(names).size)
  })

  test('holds every model the official client names, and no other', () => {
    // The Model union of @anthropic-ai/sdk 1.12.0.
    const families = {
      fable: ['5-2', '5-1', '5'],
      mythos: ['5-2', '5-1', '5', 'preview'],
      opus: ['5-5', '5', '4-8', '4-7', '4-6', '4-5'],
      sonnet: ['5-5', '5', '4-6', '4-5'],
      haiku: ['5-5', '4-5'],
    }
    const ids = Object.entries(families).flatMap(([family, versions]) =>
      versions.map((version) => `claude-${family}-${version}`),
    )
    expect(idsWhere(() => true)).toEqual(ids.toSorted())
  })

  // Prompt caching page, 2026-08-22, and model pages to October 2026.
  test.each([
    [1024, ['opus-4-8', 'sonnet-4-5', 'sonnet-4-6', 'sonnet-5']],
    [2048, ['mythos-preview', 'opus-4-7']],
    [4096, ['haiku-4-5', 'opus-4-5', 'opus-4-6']],
  ])('has a cache minimum of %i tokens for %j; all others have 512', (minimum, names) => {
    const ids = names.map((name) => `claude-${name}`)
    expect(idsWhere((facts) => facts.cacheTokensMin === minimum)).toEqual(ids)
    expect(
      idsWhere(({ cacheTokensMin }) => ![512, 1024, 2048, 4096].includes(cacheTokensMin)),
    ).toEqual([])
  })

  test('has 200,000 tokens of context and 64,000 of output for the 4.5 models only', () => {
    const small = ['claude-haiku-4-5', 'claude-opus-4-5', 'claude-sonnet-4-5']
    expect(idsWhere((facts) => facts.contextTokensMax === 200_000)).toEqual(small)
    expect(idsWhere((facts) => facts.outputTokensMax === 64_000)).toEqual(small)
    expect(idsWhere((facts) => facts.outputTokensMax === null)).toEqual(['claude-mythos-preview'])
    const others = modelFacts.length - small.length
    expect(idsWhere((facts) => facts.contextTokensMax === 1_000_000).length).toBe(others)
    expect(idsWhere((facts) => facts.outputTokensMax === 128_000).length).toBe(others - 1)
  })

  test('has the older tokenizer up to 4.6', () => {
    expect(idsWhere((facts) => facts.tokenizer === 'older')).toEqual([
      'claude-haiku-4-5',
      'claude-opus-4-5',
      'claude-opus-4-6',
      'claude-sonnet-4-5',
      'claude-sonnet-4-6',
    ])
  })
})

describe('findModel()', () => {
  test('finds a model by id and by dated id', () => {
    expect(findModel('claude-opus-4-5')?.datedId).toBe('claude-opus-4-5-20251101')
    expect(findModel('claude-opus-4-5-20251101')?.id).toBe('claude-opus-4-5')
  })

  test.each(['claude-opus-5-20260724', 'claude-opus-4-5-20251102', 'claude-3-opus-20240229'])(
    'does not find %s: another date, or retired',
    (model) => {
      expect(findModel(model)).toBeUndefined()
    },
  )
})

describe('retirementNotice()', () => {
  // Model deprecations page, read 2026-09-02.
  test.each([
    ['claude-3-5-sonnet-20240620', 'claude-3-5-sonnet-20240620 retired on 2025-10-28'],
    ['claude-3-opus-20240229', 'claude-3-opus-20240229 retired on 2026-01-05'],
    ['claude-3-7-sonnet-20250219', 'claude-3-7-sonnet-20250219 retired on 2026-02-19'],
    ['claude-3-5-haiku-20241022', 'claude-3-5-haiku-20241022 retired on 2026-02-19'],
    ['claude-3-haiku-20240307', 'claude-3-haiku-20240307 retired on 2026-04-20'],
    ['claude-sonnet-4-20250514', 'claude-sonnet-4-20250514 retired on 2026-06-15'],
    ['claude-opus-4-20250514', 'claude-opus-4-20250514 retired on 2026-06-15'],
    ['claude-opus-4-1-20250805', 'claude-opus-4-1-20250805 retired on 2026-08-05'],
    ['claude-sonnet-4-5', 'claude-sonnet-4-5 retires on 2026-11-30'],
    ['claude-opus-4-5', null],
    ['some-other-model', null],
  ])('says of %s: %s', (model, notice) => {
    expect(retirementNotice(model, today)).toBe(notice)
  })

  test('says "retired" from the first moment of the day', () => {
    const day = dayStartMs('2026-11-30')
    const model = 'claude-sonnet-4-5-20250929'
    expect(retirementNotice(model, day - 1)).toBe(`${model} retires on 2026-11-30`)
    expect(retirementNotice(model, day)).toBe(`${model} retired on 2026-11-30`)
  })
})

describe('dayStartMs()', () => {
  // By hand: 365 or 366 days a year, 86,400,000 ms a day.
  test.each([
    ['1970-01-01', 0],
    ['1970-03-01', 59],
    ['1971-01-01', 365],
    ['1972-03-01', 365 + 365 + 31 + 29],
    ['2000-01-01', 30 * 365 + 7],
    ['2000-03-01', 30 * 365 + 7 + 31 + 29],
    ['2100-03-01', 130 * 365 + 32 + 31 + 28],
    ['2026-10-07', 56 * 365 + 14 + 273 + 6],
  ])('puts %s %i days after the epoch', (day, days) => {
    expect(dayStartMs(day)).toBe(days * 86_400_000)
  })

  test('grows by one day from each day of a month to the next', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1970, max: 2400 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 27 }),
        (year, month, day) => {
          const text = (dayOfMonth: number): string =>
            [year, month, dayOfMonth].map((part) => String(part).padStart(2, '0')).join('-')
          expect(dayStartMs(text(day + 1)) - dayStartMs(text(day))).toBe(86_400_000)
        },
      ),
    )
  })

  test('refuses what is no day', () => {
    expect(() => dayStartMs('7 October 2026')).toThrow('YYYY-MM-DD')
  })
})

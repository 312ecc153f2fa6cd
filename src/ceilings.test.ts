import { describe, expect, test } from 'vitest'
import { Ceilings, readLimitPage } from './ceilings.ts'

const limits = [
  { type: 'requests_per_minute', value: 100 },
  { type: 'output_tokens_per_minute', value: 3000 },
]

describe('readLimitPage()', () => {
  test('reads both shapes of an entry alike', () => {
    const rest = { limits, models: ['claude-new-1', 'claude-new-2'] }
    const group = { id: 'rlg_1', type: 'model_group', display_name: 'Claude New 1.x' }
    const nested = { id: 'r', type: 'rate_limit', group, ...rest }
    const flat = { type: 'rate_limit', group_type: 'model_group', ...rest }
    expect(readLimitPage({ data: [nested, flat], next_page: 'x' })).toEqual({
      groups: [
        { name: 'Claude New 1.x', type: 'model_group', ...rest },
        // A flat entry has no name: that of its first model.
        { name: 'claude-new-1', type: 'model_group', ...rest },
      ],
      next: 'x',
    })
  })

  test('names a flat entry by the pool of a model we know', () => {
    const models = ['claude-new-9', 'claude-opus-4-6']
    const entry = { group_type: 'model_group', limits, models }
    expect(readLimitPage({ data: [entry] })?.groups[0]?.name).toBe('claude-opus-4.x')
  })

  test('keeps what the organisation has beside what a workspace has', () => {
    const own = [
      { type: 'tokens_per_minute', value: 5, org_limit: 9, source: { type: 'workspace' } },
    ]
    const entry = { group_type: 'model_group', limits: own, models: [] }
    expect(readLimitPage({ data: [entry] })?.groups[0]?.limits).toEqual([
      { type: 'tokens_per_minute', value: 5, organizationValue: 9 },
    ])
  })

  test.each([
    null,
    5,
    {},
    { type: 'model_group' },
    { group_type: 'model_group' },
    { group: { type: 5 }, limits },
    {
      group_type: 'model_group',
      limits: [null, { type: 'x' }, { value: 5 }, { type: 'x', value: '5' }],
    },
  ])('leaves out what it cannot read: %j', (entry) => {
    const page = readLimitPage({ data: [entry], next_page: null })
    expect(page?.groups.flatMap((group) => group.limits)).toEqual([])
  })

  test.each([null, 'x', [], {}, { data: {} }])('knows what is no page: %j', (value) => {
    expect(readLimitPage(value)).toBeUndefined()
  })
})

describe('Ceilings', () => {
  const group = (name: string, models: string[] | null): object => ({
    group: { type: 'model_group', display_name: name },
    limits,
    models,
  })
  const of = (...entries: object[]): Ceilings =>
    new Ceilings(readLimitPage({ data: entries })?.groups ?? [])

  test('puts a model nobody knew into the pool of one that is known', () => {
    const ceilings = of(group('Claude Opus 4.x', ['claude-opus-4-9', 'claude-opus-4-8']))
    expect(ceilings.poolOf('claude-opus-4-9')).toBe('claude-opus-4.x')
    expect(ceilings.limitsOf('claude-opus-4.x')).toEqual({ requests: 100, output: 3000 })
  })

  test('puts models nobody knew into one pool of their own', () => {
    const ceilings = of(group('Claude New 1.x', ['claude-new-1', 'claude-new-2']))
    expect(ceilings.poolOf('claude-new-1')).toBe('Claude New 1.x')
    expect(ceilings.poolOf('claude-new-2')).toBe('Claude New 1.x')
    expect(ceilings.limitsOf('Claude New 1.x').requests).toBe(100)
  })

  test('moves no model that our tables know', () => {
    const ceilings = of(group('Something else', ['claude-opus-5', 'claude-haiku-4-5']))
    expect(ceilings.poolOf('claude-haiku-4-5')).toBeUndefined()
  })

  test('says nothing of what it was told nothing of', () => {
    const ceilings = of(group('Message Batches', null))
    expect(ceilings.poolOf('x')).toBeUndefined()
    expect(ceilings.limitsOf('Message Batches')).toEqual({})
  })

  test('takes the lower of two limits on one unit, and none of nothing', () => {
    const ceilings = new Ceilings([
      {
        name: 'p',
        type: 'model_group',
        models: ['m'],
        limits: [
          { type: 'input_tokens_per_minute_cache_aware', value: 500 },
          { type: 'input_tokens_per_minute', value: 300 },
          { type: 'requests_per_minute', value: 0 },
          { type: 'tokens_per_day', value: 9 },
        ],
      },
    ])
    expect(ceilings.limitsOf('p')).toEqual({ input: 300 })
  })
})

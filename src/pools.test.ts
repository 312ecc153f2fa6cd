import { describe, expect, test } from 'vitest'
import { poolOf } from './pools.ts'

// Anthropic's rate limits page, read 2026-09-02: the rows of its tables and their footnotes.
const shared: readonly (readonly [pool: string, ...models: string[]])[] = [
  ['claude-fable-5.x', 'claude-fable-5-2', 'claude-fable-5-1', 'claude-fable-5'],
  ['claude-mythos-5.x', 'claude-mythos-5-2', 'claude-mythos-5-1', 'claude-mythos-5'],
  [
    'claude-opus-4.x',
    'claude-opus-4-8',
    'claude-opus-4-7',
    'claude-opus-4-6',
    'claude-opus-4-5',
    'claude-opus-4-5-20251101',
  ],
  ['claude-sonnet-4.x', 'claude-sonnet-4-6', 'claude-sonnet-4-5', 'claude-sonnet-4-5-20250929'],
  ['claude-haiku-4-5', 'claude-haiku-4-5', 'claude-haiku-4-5-20251001'],
]

describe('poolOf()', () => {
  for (const [pool, ...models] of shared) {
    test.each(models)(`puts %s in ${pool}`, (model) => {
      expect(poolOf(model)).toBe(pool)
    })
  }

  test.each([
    'claude-opus-5-5',
    'claude-opus-5',
    'claude-sonnet-5-5',
    'claude-sonnet-5',
    'claude-haiku-5-5',
    'claude-mythos-preview',
  ])('gives %s a pool of its own', (model) => {
    expect(poolOf(model)).toBe(model)
  })

  test.each(['claude-opus-4-9', 'claude-opus-4-5-20990101', 'claude-opus-5-fast', 'x', ''])(
    'gives unknown %j a pool of its own instead of guessing from its name',
    (model) => {
      expect(poolOf(model)).toBe(model)
    },
  )
})

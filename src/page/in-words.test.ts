import { expect, test } from 'vitest'
import { started } from '../../test/page-events.ts'
import { loadPrices } from '../money.ts'
import { inWords } from './in-words.ts'
import { LiveFold } from './live-view.ts'

test('inWords() names what bound, and adds up what has one name in words', () => {
  const fold = new LiveFold(loadPrices())
  fold.observe(started(0, 0))
  const binds = ['reading', 'input', 'prefixes', 'input'] as const
  for (const [second, each] of binds.entries()) {
    fold.observe({ type: 'binding_changed', at: second * 2000, binds: each })
  }
  const words = (name: string): string => (name === 'input' ? 'input tokens' : 'reading the input')
  const view = inWords(fold.view(9000), words)
  expect(view.binds).toBe('input tokens')
  // What binds before anything else is said is the reading of the input, too.
  expect(view.bound).toEqual([
    { name: 'input tokens', ms: 5000 },
    { name: 'reading the input', ms: 4000 },
  ])
  expect(new Set(view.series?.bindNames)).toEqual(new Set(['reading the input', 'input tokens']))
})

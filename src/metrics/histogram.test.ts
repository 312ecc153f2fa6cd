import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { FoldedHistogram } from './histogram.ts'

function histogram(registry: Registry): FoldedHistogram {
  const named = { name: 'size', help: 'How large.', labels: ['kind'] }
  return new FoldedHistogram({ ...named, bounds: [1, 4, 16], registry })
}

test('a bound counts what is as large as it is, and +Inf counts all', async () => {
  const registry = new Registry()
  const observed = histogram(registry).with({ kind: 'a' })
  for (const value of [1, 4, 4.5, 17]) observed.observe(value)
  expect(await registry.metrics()).toBe(
    [
      '# HELP size How large.',
      '# TYPE size histogram',
      'size_bucket{kind="a",le="1"} 1',
      'size_bucket{kind="a",le="4"} 2',
      'size_bucket{kind="a",le="16"} 3',
      'size_bucket{kind="a",le="+Inf"} 4',
      'size_sum{kind="a"} 26.5',
      'size_count{kind="a"} 4',
      '',
    ].join('\n'),
  )
})

test('labels of which nothing was observed are not there', async () => {
  const registry = new Registry()
  const sizes = histogram(registry)
  sizes.with({ kind: 'never' })
  sizes.with({ kind: 'once' }).observe(2)
  const text = await registry.metrics()
  expect(text).not.toContain('never')
  expect(text).toContain('size_count{kind="once"} 1')
})

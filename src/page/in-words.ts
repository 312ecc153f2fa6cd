/**
 * A view in which what bound is named as people know it; who makes views knows names of the
 * scheduler alone.
 */

import type { PageView } from './view.ts'

/** Two names that say the same in words are one. */
export function inWords(view: PageView, words: (binds: string) => string): PageView {
  const { series } = view
  const sums = new Map<string, number>()
  for (const { name, ms } of view.bound) {
    sums.set(words(name), (sums.get(words(name)) ?? 0) + ms)
  }
  const bound = [...sums].map(([name, ms]) => ({ name, ms }))
  return {
    ...view,
    binds: view.binds === '' ? '' : words(view.binds),
    bound: bound.toSorted((one, other) => other.ms - one.ms),
    series: series && { ...series, bindNames: series.bindNames.map(words) },
  }
}

/**
 * What the rows of each pool need of the limits of live requests, by a survey of the file.
 */

import { CacheUse, costOf, readTokens } from './forecast-cost.ts'
import { type ModelSum, sumOf } from './forecast-sums.ts'
import type { Survey } from './forecast-survey.ts'
import type { Prices } from './money.ts'
import type { Tokens } from './needs.ts'
import type { Settings } from './settings.ts'
import { SharedPrefixes } from './shared-prefixes.ts'
import type { Amounts } from './taken.ts'

/** The rows of one pool. */
export interface PoolRows {
  readonly pool: string
  /** Rows, and the tokens that are expected of them, cached or not. */
  readonly expected: Readonly<Amounts>
  /** By what tokens may have to be multiplied: reads of a cache taken off, and the worst put on. */
  readonly most: Tokens
  /** The pool's share of what all rows cost. */
  readonly costShare: number
}

/** By pool, those with most rows first. */
export function poolRowsOf(survey: Survey, run: Settings, prices: Prices): readonly PoolRows[] {
  const { models } = survey.order
  const pools = [...new Set(models.map(({ pool }) => pool))]
  const use = new CacheUse({ via: 'live', cache: run.cache }, survey.shared, survey.isLong)
  const read = readTokens(models, use, 'high')
  const costs = pools.map((pool) => plainCost(survey, pool, prices))
  const whole = costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0)
  const isPriced = whole > 0 && costs.every((cost) => cost !== null)
  const rowsOf = (pool: string): number =>
    models.reduce((sum, model) => sum + (model.pool === pool ? model.rows : 0), 0)
  const all = models.reduce((sum, { rows }) => sum + rows, 0)
  return pools.map((pool, index) => {
    const own = models.filter((model) => model.pool === pool)
    const rows = rowsOf(pool)
    const costShare = isPriced ? (costs[index] ?? 0) / whole : rows / Math.max(1, all)
    return { ...loadOf(own, read), pool, costShare }
  })
}

function loadOf(
  models: readonly ModelSum[],
  read: ReadonlyMap<string, number>,
): Pick<PoolRows, 'expected' | 'most'> {
  const requests = models.reduce((sum, { rows }) => sum + rows, 0)
  const input = sumOf(models.map((model) => model.input))
  const output = sumOf(models.map((model) => model.output))
  const fromCache = models.reduce((sum, { model }) => sum + (read.get(model) ?? 0), 0)
  const tokens = input.expected + output.expected
  return {
    expected: { requests, input: input.expected, output: output.expected, tokens },
    most: {
      input: Math.max(0, input.high - fromCache) / Math.max(1, input.expected),
      output: output.high / Math.max(1, output.expected),
    },
  }
}

/** Of one pool, live and without a cache; null where a price is not known. */
function plainCost({ order, isLong }: Survey, pool: string, prices: Prices): number | null {
  const models = order.models.filter((model) => model.pool === pool)
  const names = new Set(models.map(({ model }) => model))
  const bills = order.bills.filter(({ model }) => names.has(model))
  const way = { via: 'live', cache: 'strip' } as const
  const use = new CacheUse(way, new SharedPrefixes(), isLong)
  return costOf({ bills, models, at: order.at }, way, use, prices)?.expected ?? null
}

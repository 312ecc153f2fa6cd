/**
 * What rows cost, sent in one way or another: live or in batches, with the cache or without.
 *
 * The whole prompt is priced as plain input; what is written to the cache and read from it is taken
 * off at that price, and put on at its own. Of a prefix one row writes, and of the others a share
 * reads: all of them where one row goes ahead, a documented 30 to 98 % in batches.
 */

import type { Bill, Level, ModelSum, Range } from './forecast-sums.ts'
import { levels } from './forecast-sums.ts'
import type { Prices } from './money.ts'
import type { CacheMode } from './settings.ts'
import { noUsage, type Usage } from './outcome.ts'
import { type CacheablePart, cacheableParts } from './prefix-savings.ts'
import type { SharedPrefixes } from './shared-prefixes.ts'

/** How rows are sent. */
export interface Way {
  readonly via: 'live' | 'batches'
  readonly cache: CacheMode
}

/** Of rows that share a prefix, all but the one that writes it: the share that reads. */
export type HitShares = Range

/** The share at its least, as expected, and at its best; where nobody waits, nobody knows. */
export function hitSharesOf({ via, cache }: Way): HitShares {
  if (cache === 'strip') return { low: 0, expected: 0, high: 0 }
  // Documented: 30 to 98 %.
  if (via === 'batches') return { low: 0.3, expected: 0.64, high: 0.98 }
  // Rows go as they stand: those sent together with the first all write.
  if (cache === 'off') return { low: 0, expected: 0.5, high: 1 }
  return { low: 0.9, expected: 1, high: 1 }
}

/** Tokens of one model that the cache takes a part in: of the first rows, and of the others. */
interface CacheTokens {
  readonly model: string
  readonly isLong: boolean
  first5m: number
  first1h: number
  others5m: number
  others1h: number
}

/** What one way of sending does to the cache. */
export class CacheUse {
  readonly hitShares: HitShares
  readonly #way: Way
  readonly #tokens = new Map<string, CacheTokens>()

  constructor(
    way: Way,
    shared: SharedPrefixes,
    isLong: (model: string, prompt: number) => boolean,
  ) {
    this.#way = way
    this.hitShares = hitSharesOf(way)
    if (way.cache === 'strip') return
    for (const part of cacheableParts(shared)) {
      const { model, tokens } = part.entry
      this.#add(part, isLong(model, tokens))
    }
  }

  /** All there are. */
  tokens(): readonly CacheTokens[] {
    return [...this.#tokens.values()]
  }

  /** The share of reads at a level of cost: the best where it is low. */
  hitShareAt(level: Level): number {
    const { low, expected, high } = this.hitShares
    return level === 'low' ? high : level === 'high' ? low : expected
  }

  #add({ entry, tokens }: CacheablePart, isLong: boolean): void {
    const { model } = entry
    const { rows, isHour } = this.#writersOf(entry)
    if (rows === 0) return
    const name = `${isLong} ${model}`
    const sum = this.#tokens.get(name) ?? { model, isLong, ...noTokens }
    this.#tokens.set(name, sum)
    if (isHour) {
      sum.first1h += tokens
      sum.others1h += tokens * (rows - 1)
    } else {
      sum.first5m += tokens
      sum.others5m += tokens * (rows - 1)
    }
  }

  /** How many rows have it marked when they are sent, and for how long. */
  #writersOf({ rows, marked, isHour }: CacheablePart['entry']): { rows: number; isHour: boolean } {
    const { via, cache } = this.#way
    if (cache !== 'auto') return { rows: marked, isHour }
    // For an hour a write costs as much as two rows without, so that two have nothing of it.
    if (via === 'batches') return rows > 2 ? { rows, isHour: true } : { rows: marked, isHour }
    return { rows: rows > 1 ? rows : marked, isHour }
  }
}

const noTokens = { first5m: 0, first1h: 0, others5m: 0, others1h: 0 }

/** What a way does to the prompts of one model, in tokens. */
interface Moved {
  readonly cacheWrite5mTokens: number
  readonly cacheWrite1hTokens: number
  readonly cacheReadTokens: number
}

function movedOf(tokens: CacheTokens, factor: number, hitShare: number): Moved {
  const of = (first: number, others: number): number =>
    Math.round(factor * (first + others * (1 - hitShare)))
  return {
    cacheWrite5mTokens: of(tokens.first5m, tokens.others5m),
    cacheWrite1hTokens: of(tokens.first1h, tokens.others1h),
    cacheReadTokens: Math.round(factor * (tokens.others5m + tokens.others1h) * hitShare),
  }
}

/** What is to be paid for. */
export interface Order {
  readonly bills: readonly Bill[]
  readonly models: readonly ModelSum[]
  /** Wall time, ms since the epoch. */
  readonly at: number
}

/** What rows cost in one way, in nano-dollars; null where a price is not known. */
export function costOf(order: Order, way: Way, use: CacheUse, prices: Prices): Range | null {
  const [low, expected, high] = levels.map((level) => costAt(order, way, use, prices, level))
  const isKnown = typeof low === 'number' && typeof expected === 'number'
  return isKnown && typeof high === 'number' ? { low, expected, high } : null
}

function costAt(
  { bills, models, at }: Order,
  { via }: Way,
  use: CacheUse,
  prices: Prices,
  level: Level,
): number | null {
  const plain = { ...noUsage, serviceTier: via === 'batches' ? 'batch' : null }
  let total = 0
  for (const { model, isLong, input, output, ...billing } of bills) {
    const tokens = { inputTokens: input[level], outputTokens: output[level] }
    const cost = prices.sumNanoUsd(
      model,
      { ...plain, ...tokens, ...billedAs(billing) },
      {
        at,
        isLong,
      },
    )
    if (cost === null) return null
    total += cost
  }
  for (const tokens of use.tokens()) {
    const { model, isLong } = tokens
    const moved = movedOf(tokens, factorAt(models, model, level), use.hitShareAt(level))
    const billing = bills.find((bill) => bill.model === model) ?? { us: false, fast: false }
    const usage = { ...plain, ...billedAs(billing) }
    const when = { at, isLong }
    const cached = prices.sumNanoUsd(model, { ...usage, ...moved }, when)
    const inputTokens = moved.cacheWrite5mTokens + moved.cacheWrite1hTokens + moved.cacheReadTokens
    const uncached = prices.sumNanoUsd(model, { ...usage, inputTokens }, when)
    // What has no price has none as plain input either, and was found out above.
    total += (cached ?? 0) - (uncached ?? 0)
  }
  // Beyond exact integers nothing is said.
  return Number.isSafeInteger(total) ? Math.max(0, total) : null
}

/** Tokens that are read from the cache, and so are not counted to the limit on input, by model. */
export function readTokens(
  models: readonly ModelSum[],
  use: CacheUse,
  level: Level,
): ReadonlyMap<string, number> {
  const read = new Map<string, number>()
  for (const tokens of use.tokens()) {
    const { model } = tokens
    const moved = movedOf(tokens, factorAt(models, model, level), use.hitShareAt(level))
    read.set(model, (read.get(model) ?? 0) + moved.cacheReadTokens)
  }
  return read
}

/** A prefix is as far off as the prompts it begins. */
function factorAt(models: readonly ModelSum[], model: string, level: Level): number {
  const off = models.find((each) => each.model === model)?.inputOff ?? 0
  return level === 'low' ? 1 - off : level === 'high' ? 1 + off : 1
}

function billedAs({ us, fast }: Pick<Bill, 'us' | 'fast'>): Partial<Usage> {
  return { ...(us && { inferenceGeo: 'us' }), ...(fast && { speed: 'fast' }) }
}

/**
 * Tokens to money, in whole nano-dollars: $0.03 a million tokens is 30 a token.
 *
 * A cost is computed from the usage the API reported, exactly, and rounded once, half up. Where the
 * price of an answer is not published (its model, service tier, speed or geography is not in the
 * list) the cost is null, and is printed as unknown: never a guess from a similar name.
 *
 * Inside, rates are bigints in pico-dollars a token, which is what six decimal places of dollars a
 * million tokens come to, so that no product is rounded and none overflows.
 */

import { assert } from './assert.ts'
import { dayStartMs, findModel } from './models.ts'
import { promptTokens, type Usage } from './outcome.ts'
import { mergePrices } from './price-override.ts'
import {
  type ModelPrices,
  type PriceTable,
  type Rates,
  type TokenPrices,
  priceTable,
} from './prices.ts'

/** What a request asks to be written to the cache: nothing, or for 5 minutes, or for an hour. */
export type CacheWrites = 'none' | '5m' | '1h'

/** A request before it is sent, at its dearest. */
export interface WorstCase {
  /** At least what its prompt holds, cached or not. */
  readonly inputTokens: number
  /** Its `max_tokens`. */
  readonly outputTokensMax: number
  /** Wall time, ms since the epoch. */
  readonly at: number
  /** It goes by Message Batches. @default false */
  readonly batch?: boolean
  /** It asks for `speed: "fast"`; the API may still answer at standard speed. @default false */
  readonly fast?: boolean
  /**
   * It may run in the United States only. A workspace can make that the default, which the request
   * does not show, so rule it out only if `inference_geo` is in the request. @default true
   */
  readonly us?: boolean
  /** The dearest way in which it may write to the cache. @default '1h' */
  readonly writes?: CacheWrites
  /** Web searches it may make. @default 0 */
  readonly webSearchesMax?: number
}

/**
 * The prices of one run.
 *
 * @example
 * ```ts
 * const prices = loadPrices()
 * prices.knows('claude-opus-5') // => true
 * prices.knows('claude-opus-5-20991231') // => false
 * const request = { inputTokens: 1000, outputTokensMax: 100, at: 0 }
 * prices.worstCaseNanoUsd('claude-haiku-4-5', request) // => 2500000
 * ```
 */
export class Prices {
  /** The UTC day of the price list. */
  readonly date: string
  readonly #models: ReadonlyMap<string, CompiledModel>
  readonly #batchFactor: bigint
  readonly #nanoUsdPerSearch: bigint

  constructor(table: PriceTable) {
    this.date = table.date
    const models = Object.entries(table.models)
    this.#models = new Map(models.map(([id, prices]) => [id, compileModel(prices)] as const))
    this.#batchFactor = scaled(table.batchFactor, factorDecimals)
    // A millionth of a dollar a thousand searches is a billionth of a dollar a search.
    this.#nanoUsdPerSearch = scaled(table.webSearchUsdPerThousand, priceDecimals)
  }

  /** Whether the list has a price for the model, by its id or dated id. */
  knows(model: string): boolean {
    return this.#find(model) !== undefined
  }

  /**
   * What an answer cost, in nano-dollars; null where its price is not known.
   * `at` is when it was given: wall time, ms since the epoch.
   */
  costNanoUsd(model: string, usage: Usage, { at }: { readonly at: number }): number | null {
    const isLong = this.isLong(model, promptTokens(usage), at)
    const total = this.#costOf(model, usage, at, isLong)
    return total === null ? null : exact(total)
  }

  /** Whether a prompt of so many tokens has the dearer prices of long ones. */
  isLong(model: string, prompt: number, at: number): boolean {
    const prices = this.#find(model)
    const above = prices === undefined ? undefined : planAt(prices, at).above
    return above !== undefined && prompt > above.promptTokens
  }

  /**
   * What many answers cost together, in nano-dollars: `usage` is the sum of theirs, and `isLong` is
   * what their prompts are, each by itself. Null where their price is not known, or the sum is
   * beyond exact integers: nine million dollars.
   */
  sumNanoUsd(
    model: string,
    usage: Usage,
    { at, isLong }: { readonly at: number; readonly isLong: boolean },
  ): number | null {
    const total = this.#costOf(model, usage, at, isLong)
    return total !== null && Number.isSafeInteger(total) ? total : null
  }

  /**
   * By how much the cache made an answer cheaper, in nano-dollars: what the same prompt costs
   * uncached, less what it cost. Below zero where writes cost more than reads saved; 0 of an answer
   * that has neither, and else null where its price is not known.
   */
  cacheSavedNanoUsd(model: string, usage: Usage, when: { readonly at: number }): number | null {
    const inputTokens = promptTokens(usage)
    if (inputTokens === usage.inputTokens) return 0
    const nothingCached = { cacheWrite5mTokens: 0, cacheWrite1hTokens: 0, cacheReadTokens: 0 }
    const uncached = { ...usage, ...nothingCached, inputTokens }
    const cost = this.costNanoUsd(model, usage, when)
    const costUncached = this.costNanoUsd(model, uncached, when)
    return cost === null || costUncached === null ? null : costUncached - cost
  }

  /**
   * By how much an answer would have been cheaper if so many of the tokens that it wrote to the
   * cache had been read, in nano-dollars. Those for an hour stand before those for 5 minutes, so
   * they are counted first. 0 where it wrote none of them again, else null where its price is not
   * known.
   */
  cacheLostNanoUsd(
    model: string,
    usage: Usage,
    { at, tokens: again }: { readonly at: number; readonly tokens: number },
  ): number | null {
    if (again === 0) return 0
    const again1h = Math.min(again, usage.cacheWrite1hTokens)
    const read = {
      ...usage,
      cacheReadTokens: usage.cacheReadTokens + again,
      cacheWrite1hTokens: usage.cacheWrite1hTokens - again1h,
      cacheWrite5mTokens: usage.cacheWrite5mTokens - (again - again1h),
    }
    const cost = this.costNanoUsd(model, usage, { at })
    const costRead = this.costNanoUsd(model, read, { at })
    return cost === null || costRead === null ? null : cost - costRead
  }

  /**
   * The most an answer can cost, in nano-dollars; null where the price is not known. All input
   * counts at the dearest rate that could apply, and output up to its maximum.
   */
  worstCaseNanoUsd(model: string, request: WorstCase): number | null {
    const prices = this.#find(model)
    if (prices === undefined) return null
    const plan = planAt(prices, request.at)
    if (request.fast === true && plan.fast === undefined) return null
    const candidates = [plan.standard]
    if (plan.above !== undefined && request.inputTokens > plan.above.promptTokens) {
      candidates.push(plan.above.rates)
    }
    if (request.fast === true && plan.fast !== undefined) candidates.push(plan.fast)
    const input = tokens(request.inputTokens)
    const output = tokens(request.outputTokensMax)
    const { writes = '1h' } = request
    const worst = candidates.map(
      (rates) => input * dearestInput(rates, writes) + output * rates.output,
    )
    const us = request.us === false ? one : greater(one, prices.usFactor)
    const factor = us * (request.batch === true ? this.#batchFactor : one)
    return exact(this.#total(worst.reduce(greater), factor, request.webSearchesMax ?? 0))
  }

  #find(model: string): CompiledModel | undefined {
    return this.#models.get(findModel(model)?.id ?? model)
  }

  /** What multiplies token prices, `one` times `one` meaning 1; null where it is not published. */
  #factorOf(prices: CompiledModel, usage: Usage): bigint | null {
    // Priority tier is bought in advance: its tokens have no list price. Batches take no fast mode.
    const batch = usage.serviceTier === 'batch'
    if (!batch && usage.serviceTier !== null && usage.serviceTier !== 'standard') return null
    if (batch && usage.speed === 'fast') return null
    const us = usage.inferenceGeo === 'us'
    if (!us && !plainGeos.has(usage.inferenceGeo)) return null
    return (batch ? this.#batchFactor : one) * (us ? prices.usFactor : one)
  }

  #costOf(model: string, usage: Usage, at: number, isLong: boolean): number | null {
    const prices = this.#find(model)
    if (prices === undefined) return null
    const rates = ratesOf(planAt(prices, at), usage, isLong)
    const factor = this.#factorOf(prices, usage)
    if (rates === null || factor === null) return null
    const picoUsd =
      tokens(usage.inputTokens) * rates.input +
      tokens(usage.cacheWrite5mTokens) * rates.write5m +
      tokens(usage.cacheWrite1hTokens) * rates.write1h +
      tokens(usage.cacheReadTokens) * rates.read +
      tokens(usage.outputTokens) * rates.output
    return this.#total(picoUsd, factor, usage.webSearches)
  }

  #total(picoUsd: bigint, factor: bigint, searches: number): number {
    const unit = one * one * 1000n
    const nanoUsd = (picoUsd * factor + unit / 2n) / unit
    return Number(nanoUsd + tokens(searches) * this.#nanoUsdPerSearch)
  }
}

/** Of one answer, nothing is so dear. */
function exact(total: number): number {
  assert(Number.isSafeInteger(total), `A cost of ${total} nano-dollars is beyond exact integers`)
  return total
}

/**
 * The shipped prices, with a user's price file laid over them, a model at a time.
 * Throws `RunError` PRICES_INVALID with every fault of the file; `place` names it there.
 */
export function loadPrices(override?: unknown, place = 'the price file'): Prices {
  return new Prices(override === undefined ? priceTable : mergePrices(override, place))
}

/**
 * A cost for people: exact, with two decimal places or as many as it takes.
 *
 * @example
 * ```ts
 * formatUsd(412000) // => '$0.000412'
 * formatUsd(1500000000) // => '$1.50'
 * formatUsd(null) // => 'unknown'
 * ```
 */
export function formatUsd(nanoUsd: number | null): string {
  if (nanoUsd === null) return 'unknown'
  const { sign, whole, fraction } = decimalOf(nanoUsd)
  return `${sign}$${whole}.${fraction.padEnd(2, '0')}`
}

/**
 * Dollars as exact decimal text to nano-dollars; undefined if the text is no such amount, or has
 * more than nine decimal places, or is beyond exact integers.
 *
 * @example
 * ```ts
 * readUsd('2.50') // => 2500000000
 * readUsd('1e3') // => undefined
 * ```
 */
export function readUsd(text: string): number | undefined {
  const [, whole = '', fraction = ''] = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text) ?? []
  const nanoUsd = Number(whole + fraction.padEnd(9, '0'))
  return whole !== '' && Number.isSafeInteger(nanoUsd) ? nanoUsd : undefined
}

/**
 * A cost as a JSON number, digit for digit, or `null`: to be spliced into a line, since a float
 * printed by JSON.stringify might show an exponent.
 *
 * @example
 * ```ts
 * usdNumber(412000) // => '0.000412'
 * usdNumber(1) // => '0.000000001'
 * ```
 */
export function usdNumber(nanoUsd: number | null): string {
  if (nanoUsd === null) return 'null'
  const { sign, whole, fraction } = decimalOf(nanoUsd)
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`
}

/** Pico-dollars a token. */
type TokenRates = Readonly<Record<keyof TokenPrices, bigint>>

interface Plan {
  readonly standard: TokenRates
  readonly above: { readonly promptTokens: number; readonly rates: TokenRates } | undefined
  readonly fast: TokenRates | undefined
}

interface CompiledModel {
  readonly now: Plan
  /** Ascending by the instant at which they ended. */
  readonly earlier: readonly { readonly beforeAt: number; readonly plan: Plan }[]
  readonly usFactor: bigint
}

const priceDecimals = 6
const factorDecimals = 4
/** A factor of 1. */
const one = 10n ** BigInt(factorDecimals)

/** Geographies billed at the standard price; answers of models before 4.6 say `not_available`. */
const plainGeos: ReadonlySet<string | null> = new Set([null, 'global', 'not_available'])

function compileModel(prices: ModelPrices): CompiledModel {
  const earlier = (prices.earlier ?? []).map((rates) => ({
    beforeAt: dayStartMs(rates.before),
    plan: compilePlan(rates),
  }))
  return {
    now: compilePlan(prices),
    earlier: earlier.toSorted((left, right) => left.beforeAt - right.beforeAt),
    usFactor: scaled(prices.usFactor ?? '1', factorDecimals),
  }
}

function compilePlan({ above, fast, ...standard }: Rates): Plan {
  return {
    standard: compileRates(standard),
    above: above && { promptTokens: above.promptTokens, rates: compileRates(above) },
    fast: fast && compileRates(fast),
  }
}

function compileRates(prices: TokenPrices): TokenRates {
  return {
    input: scaled(prices.input, priceDecimals),
    write5m: scaled(prices.write5m, priceDecimals),
    write1h: scaled(prices.write1h, priceDecimals),
    read: scaled(prices.read, priceDecimals),
    output: scaled(prices.output, priceDecimals),
  }
}

function planAt(prices: CompiledModel, at: number): Plan {
  return prices.earlier.find(({ beforeAt }) => at < beforeAt)?.plan ?? prices.now
}

function ratesOf(plan: Plan, { speed }: Usage, isLong: boolean): TokenRates | null {
  if (speed === 'fast') return plan.fast ?? null
  if (speed !== null && speed !== 'standard') return null
  return isLong && plan.above !== undefined ? plan.above.rates : plan.standard
}

/** What is not marked is neither written nor read. */
function dearestInput(rates: TokenRates, writes: CacheWrites): bigint {
  if (writes === 'none') return rates.input
  const marked = greater(greater(rates.input, rates.write5m), rates.read)
  return writes === '5m' ? marked : greater(marked, rates.write1h)
}

function greater(left: bigint, right: bigint): bigint {
  return left > right ? left : right
}

function tokens(count: number): bigint {
  assert(Number.isSafeInteger(count) && count >= 0, `Cannot price a count of ${count}`)
  return BigInt(count)
}

/** A decimal text times 10^decimals, exactly. */
function scaled(text: string, decimals: number): bigint {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(text)
  const [, whole = '', fraction = ''] = match ?? []
  assert(match !== null && fraction.length <= decimals, `Not a decimal of ${decimals}: ${text}`)
  return BigInt(whole + fraction.padEnd(decimals, '0'))
}

function decimalOf(nanoUsd: number): { sign: string; whole: number; fraction: string } {
  assert(Number.isSafeInteger(nanoUsd), `Money is whole nano-dollars, got ${nanoUsd}`)
  const size = Math.abs(nanoUsd)
  const fraction = String(size % 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return { sign: nanoUsd < 0 ? '-' : '', whole: Math.floor(size / 1e9), fraction }
}

/**
 * What answers took, in bounded space: by model and kind of token, how long, and the slowest.
 *
 * Fed with events by a run under way, and with lines of its output by a report.
 */

import type { Prices } from '../money.ts'
import { noUsage, type Usage } from '../outcome.ts'
import { LatencyFold } from './latency.ts'
import { tokenKinds } from './view.ts'
import type { AnsweredView, KindView, ModelView, PageView, TokenKind } from './view.ts'

/** One answer. */
export interface TakenAnswer {
  readonly model: string
  readonly usage: Usage
  /** Null when its price is not known. */
  readonly costNanoUsd: number | null
}

interface ModelSum {
  rows: number
  nanoUsd: number
  isPriced: boolean
  /** A batch costs half: its tokens stand beside the others. */
  readonly usage: Record<TokenKind, number>
}

/** Models beyond so many are summed up as one. */
const modelsMax = 32
const otherModels = 'other models'
const slowestMax = 50

const usageNames = {
  input: 'inputTokens',
  cacheWrite5m: 'cacheWrite5mTokens',
  cacheWrite1h: 'cacheWrite1hTokens',
  cacheRead: 'cacheReadTokens',
  output: 'outputTokens',
} as const satisfies Record<TokenKind, keyof Usage>

/** See above. */
export class Answers {
  readonly #models = new Map<string, ModelSum>()
  readonly #latency = new LatencyFold()
  /** The slowest first. */
  #slowest: AnsweredView[] = []
  #unpriced = 0

  add({ model, usage, costNanoUsd }: TakenAnswer): void {
    const sum = this.#sumOf(model)
    sum.rows += 1
    if (costNanoUsd === null) {
      sum.isPriced = false
      this.#unpriced += 1
    } else sum.nanoUsd += costNanoUsd
    for (const kind of tokenKinds) sum.usage[kind] += usage[usageNames[kind]]
  }

  /**
   * One was asked live, is its row's result, and took so long. Whether it is among the slowest, and
   * `keep` is to be told of it: few are.
   */
  took(latencyMs: number): boolean {
    this.#latency.add(latencyMs)
    const fastest = this.#slowest.at(-1)
    return this.#slowest.length < slowestMax || latencyMs > (fastest?.latencyMs ?? 0)
  }

  /** A row that is among the slowest. */
  keep(row: AnsweredView): void {
    const after = this.#slowest.findIndex(({ latencyMs }) => latencyMs < row.latencyMs)
    this.#slowest.splice(after === -1 ? this.#slowest.length : after, 0, row)
    if (this.#slowest.length > slowestMax) this.#slowest.pop()
  }

  /** The slowest rows, slowest first. */
  get slowest(): readonly AnsweredView[] {
    return this.#slowest
  }

  /** What they come to. `at` is wall time: prices are dated. */
  view(
    prices: Prices,
    at: number,
  ): Pick<PageView, 'latency' | 'slowest' | 'tokens'> & {
    readonly cost: { nanoUsd: number; unpriced: number; byModel: readonly ModelView[] }
  } {
    const sums = [...this.#models]
    const total = (read: (sum: ModelSum) => number): number =>
      sums.reduce((sofar, [, sum]) => sofar + read(sum), 0)
    return {
      latency: this.#latency.view(),
      slowest: this.#slowest,
      tokens: {
        input: total(({ usage }) => usage.input),
        cacheWrite: total(({ usage }) => usage.cacheWrite5m + usage.cacheWrite1h),
        cacheRead: total(({ usage }) => usage.cacheRead),
        output: total(({ usage }) => usage.output),
      },
      cost: {
        nanoUsd: total(({ nanoUsd }) => nanoUsd),
        unpriced: this.#unpriced,
        byModel: sums
          .map(([model, sum]) => modelView(model, sum, prices, at))
          .toSorted((one, other) => (other.nanoUsd ?? 0) - (one.nanoUsd ?? 0)),
      },
    }
  }

  #sumOf(model: string): ModelSum {
    const name = this.#models.size < modelsMax || this.#models.has(model) ? model : otherModels
    let sum = this.#models.get(name)
    if (sum === undefined) {
      const usage = { input: 0, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, output: 0 }
      sum = { rows: 0, nanoUsd: 0, isPriced: true, usage }
      this.#models.set(name, sum)
    }
    return sum
  }
}

/**
 * What the answers of a model cost is known to the nano-dollar, each by its own price; of kinds of
 * tokens only sums are kept. So the cost is dealt out by what these cost at the list price of now,
 * and the parts add up to it.
 */
function modelView(model: string, sum: ModelSum, prices: Prices, at: number): ModelView {
  const { usage, rows, isPriced } = sum
  const nanoUsd = isPriced ? sum.nanoUsd : null
  const weights = tokenKinds.map((kind) => {
    const only = { ...noUsage, [usageNames[kind]]: usage[kind] }
    return prices.sumNanoUsd(model, only, { at, isLong: false }) ?? Number.NaN
  })
  const whole = weights.reduce((total, weight) => total + weight, 0)
  let left = sum.nanoUsd
  const parts = weights.map((weight, index) => {
    const isLast = weights.slice(index + 1).every((later) => later === 0)
    const part = isLast ? left : Math.round((sum.nanoUsd * weight) / whole)
    left -= weight === 0 ? 0 : part
    return weight === 0 ? 0 : part
  })
  const kindOf = (kind: TokenKind): KindView => {
    const part = nanoUsd === null || !(whole > 0) ? null : (parts[tokenKinds.indexOf(kind)] ?? null)
    return { tokens: usage[kind], nanoUsd: part }
  }
  return {
    model,
    rows,
    nanoUsd,
    kinds: {
      input: kindOf('input'),
      cacheWrite5m: kindOf('cacheWrite5m'),
      cacheWrite1h: kindOf('cacheWrite1h'),
      cacheRead: kindOf('cacheRead'),
      output: kindOf('output'),
    },
  }
}

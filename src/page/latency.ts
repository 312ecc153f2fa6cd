/**
 * How long answers took: a histogram whose columns grow by a constant factor, in constant space.
 */

import { LogHistogram } from '../log-histogram.ts'
import type { LatencyView } from './view.ts'

/** Columns to a doubling: a chart is to be read, and its quantiles have finer ones. */
const columnsPerDoubling = 2
const leastMs = 1
const mostMs = 86_400_000

/** Folds latencies. */
export class LatencyFold {
  readonly #fine = new LogHistogram({ least: leastMs, most: mostMs })
  readonly #columns = new Map<number, number>()
  #rows = 0
  #maxMs = 0

  add(ms: number): void {
    this.#rows += 1
    this.#maxMs = Math.max(this.#maxMs, ms)
    this.#fine.add(ms)
    const column = Math.floor(Math.log2(Math.max(leastMs, ms)) * columnsPerDoubling)
    this.#columns.set(column, (this.#columns.get(column) ?? 0) + 1)
  }

  /** Null while there is none. */
  view(): LatencyView | null {
    if (this.#rows === 0) return null
    const known = [...this.#columns.keys()]
    const [first, last] = [Math.min(...known), Math.max(...known)]
    const quantile = (share: number): number =>
      Math.round(Math.min(this.#maxMs, this.#fine.quantile(share) ?? 0))
    return {
      rows: this.#rows,
      medianMs: quantile(0.5),
      p90Ms: quantile(0.9),
      p99Ms: quantile(0.99),
      maxMs: Math.round(this.#maxMs),
      buckets: Array.from({ length: last - first + 1 }, (_, index) => ({
        fromMs: startOf(first + index),
        toMs: startOf(first + index + 1),
        rows: this.#columns.get(first + index) ?? 0,
      })),
    }
  }
}

function startOf(column: number): number {
  return 2 ** (column / columnsPerDoubling)
}

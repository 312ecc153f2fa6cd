/**
 * A histogram whose columns grow by a constant factor: quantiles of any number of values to
 * within 5 %, in constant space.
 */

const columnsPerDoubling = 16

/** Values from `least` to `most`; what is below or above counts as the nearer of them. */
export class LogHistogram {
  readonly #least: number
  readonly #columns: Float64Array
  #total = 0

  constructor({ least, most }: { least: number; most: number }) {
    this.#least = least
    this.#columns = new Float64Array(Math.ceil(Math.log2(most / least) * columnsPerDoubling) + 1)
  }

  /**
   * Counts a value.
   *
   * @example
   * ```ts
   * const histogram = new LogHistogram({ least: 1, most: 1000 })
   * for (let value = 1; value <= 100; value++) histogram.add(value)
   * Math.round(histogram.quantile(0.5) ?? 0) // => 49
   * ```
   */
  add(value: number): void {
    const column = Math.round(Math.log2(Math.max(1, value / this.#least)) * columnsPerDoubling)
    const index = Math.min(column, this.#columns.length - 1)
    this.#columns[index] = (this.#columns[index] ?? 0) + 1
    this.#total += 1
  }

  /** The value that this share of them does not exceed; null when there is none. */
  quantile(share: number): number | null {
    if (this.#total === 0) return null
    let left = this.#total * share
    let last = 0
    for (const [index, count] of this.#columns.entries()) {
      if (count === 0) continue
      last = index
      left -= count
      if (left <= 1e-9 * this.#total) break
    }
    return this.#least * 2 ** (last / columnsPerDoubling)
  }
}

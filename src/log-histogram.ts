/**
 * A histogram whose columns grow by a constant factor: quantiles of any number of values to
 * within 5 %, in constant space.
 */

const columnsPerDoubling = 16
/** Added up, weights that grow would overflow: before they do, all are made small again. */
const weightMax = 1e12

/** Values from `least` to `most`; what is below or above counts as the nearer of them. */
export class LogHistogram {
  readonly #least: number
  readonly #columns: Float64Array
  readonly #growth: number
  #weight = 1
  #total = 0

  /**
   * `forgetting`: the weight that older values keep with each new one; 1 keeps them all.
   */
  constructor(options: { least: number; most: number; forgetting: number }) {
    const { least, most, forgetting } = options
    this.#least = least
    this.#columns = new Float64Array(Math.ceil(Math.log2(most / least) * columnsPerDoubling) + 1)
    this.#growth = 1 / forgetting
  }

  /**
   * Counts a value.
   *
   * @example
   * ```ts
   * const histogram = new LogHistogram({ least: 1, most: 1000, forgetting: 1 })
   * for (let value = 1; value <= 100; value++) histogram.add(value)
   * Math.round(histogram.quantile(0.5) ?? 0) // => 49
   * ```
   */
  add(value: number): void {
    const column = Math.round(Math.log2(Math.max(1, value / this.#least)) * columnsPerDoubling)
    const index = Math.min(column, this.#columns.length - 1)
    this.#columns[index] = (this.#columns[index] ?? 0) + this.#weight
    this.#total += this.#weight
    this.#weight *= this.#growth
    if (this.#weight > weightMax) this.#shrink()
  }

  /** The value that this share of the weight does not exceed; null when there is none. */
  quantile(share: number): number | null {
    if (this.#total === 0) return null
    let left = this.#total * share
    let last = 0
    for (const [index, weight] of this.#columns.entries()) {
      if (weight === 0) continue
      last = index
      left -= weight
      if (left <= 1e-9 * this.#total) break
    }
    return this.#least * 2 ** (last / columnsPerDoubling)
  }

  #shrink(): void {
    for (const [index, weight] of this.#columns.entries()) {
      this.#columns[index] = weight / this.#weight
    }
    this.#total /= this.#weight
    this.#weight = 1
  }
}

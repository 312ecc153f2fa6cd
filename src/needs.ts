/**
 * What rows of a pool really need of the limits, beside what was expected of them.
 *
 * Before there are answers the most is counted with that is not out of the question: a deadline is
 * no place for hope. With answers it is what these needed, and as much more as so few of them may
 * be off.
 */

import { type Amounts, units } from './taken.ts'

/** Tokens of a row, or of several together. */
export interface Tokens {
  /** That counts to the limit on input: not what is read from a cache. */
  readonly input: number
  readonly output: number
}

/** Answers from which it is judged by them. */
const answersMin = 8
/** Nineteen of twenty sums are within so many deviations. */
const deviations = 2

/** One kind of token. */
class Ratio {
  readonly #most: number
  #rows = 0
  #expected = 0
  #actual = 0
  /** Of single rows. */
  #count = 0
  #sum = 0
  #squares = 0

  constructor(most: number) {
    this.#most = most
  }

  learn(expected: number, actual: number, rows: number): void {
    this.#rows += rows
    this.#expected += expected
    this.#actual += actual
    if (rows !== 1 || expected === 0) return
    this.#count += 1
    this.#sum += actual / expected
    this.#squares += (actual / expected) ** 2
  }

  get factor(): number {
    if (this.#rows < answersMin || this.#expected === 0) return this.#most
    const ratio = this.#actual / this.#expected
    const mean = this.#sum / Math.max(1, this.#count)
    const variance = Math.max(0, this.#squares / Math.max(1, this.#count) - mean ** 2)
    return Math.min(this.#most, ratio + deviations * Math.sqrt(variance / this.#rows))
  }
}

/** Of one pool; see above. */
export class Needs {
  readonly #input: Ratio
  readonly #output: Ratio

  /** `most`: by what the expected tokens may have to be multiplied at the most. */
  constructor(most: Tokens) {
    this.#input = new Ratio(most.input)
    this.#output = new Ratio(most.output)
  }

  /** An answer to a live row: what it took, and what was expected. */
  answered(expected: Tokens, actual: Tokens): void {
    this.#input.learn(expected.input, actual.input, 1)
    this.#output.learn(expected.output, actual.output, 1)
  }

  /** Rows that batches answered: these have caches of their own, and tell of output alone. */
  produced(rows: number, expected: number, actual: number): void {
    if (rows > 0) this.#output.learn(expected, actual, rows)
  }

  /** By what is multiplied what was expected. */
  get factors(): Tokens {
    return { input: this.#input.factor, output: this.#output.factor }
  }

  /** What is to be counted with where so much was expected. */
  of(expected: Readonly<Amounts>): Amounts {
    const { factors } = this
    const input = expected.input * factors.input
    const output = expected.output * factors.output
    return { requests: expected.requests, input, output, tokens: input + output }
  }
}

/** Amounts that are expected of a row. */
export function amountsOf({ input, output }: Tokens): Amounts {
  return { requests: 1, input, output, tokens: input + output }
}

/** Puts more onto a sum, so many times. */
export function addTo(sum: Amounts, more: Readonly<Amounts>, times = 1): void {
  for (const unit of units) sum[unit] += times * more[unit]
}

/** So many times as much. */
export function timesOf(amounts: Readonly<Amounts>, times: number): Amounts {
  const scaled = { ...amounts }
  for (const unit of units) scaled[unit] *= times
  return scaled
}

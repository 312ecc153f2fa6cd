/**
 * Linear regression as answers come in, with forgetting.
 *
 * What is kept is information: a matrix and a vector, sums over all answers of what each says of
 * the coefficients, older ones weighing less. The prior is added anew whenever the sums are
 * solved, so that what no recent answer tells of falls back to it, and the matrix is positive
 * definite whatever the data. Sums of squares only grow and decay: there is nothing in
 * which errors of rounding could pile up, however many answers there are.
 *
 * One answer costs features² to add, and features³ ÷ 6 to solve, which is done less often once
 * there are many. A recursive solution would cost as much, and lose definiteness in time.
 */

import { assert } from './assert.ts'

/** What is held of the coefficients before any answer, and after all are forgotten. */
export interface Prior {
  readonly means: readonly number[]
  readonly deviations: readonly number[]
  /**
   * How far those of `scaled` may be off all together, as a share of their means: they measure one
   * thing in an unknown unit.
   */
  readonly scaleDeviation: number
  readonly scaled: readonly boolean[]
}

/** Weight an old answer loses with each new one: the memory is about 100 answers. */
const forgetting = 0.99
/** Beyond so many deviations an answer pulls no harder: its features may be wrong. */
const outlierDeviations = 3
/** So many outliers in a row are a change: what was learned before keeps this weight. */
const outliersInRowMax = 4
/** None of the first is an outlier: it is the prior that may be far off. */
const answersFirst = 4
/**
 * From so many answers on one says little, and every eighth time is often enough to solve; unless
 * it has what was hardly known: of its variance so much is the coefficients'.
 */
const answersMany = 64
const solvedEvery = 8
const newsMin = 0.5
const changeForgetting = 0.1
/** What rounding may leave of a diagonal at least, as a share of it. */
const pivotMin = 1e-14
/** How fast the noise is learned, and within what factors of what it was thought to be. */
const noiseForgetting = 0.95
const noiseMin = 0.25
const noiseMax = 1e4

/** Coefficients of one sum; see above. */
export class Regression {
  readonly #count: number
  readonly #prior: Float64Array
  readonly #priorVector: Float64Array
  readonly #matrix: Float64Array
  readonly #vector: Float64Array
  /** The lower triangle whose square is matrix and prior, as of the last solution. */
  readonly #root: Float64Array
  readonly #coefficients: Float64Array
  readonly #scratch: Float64Array
  /** Variance of answers over what it was thought to be; of all that are kept, old and new. */
  #noise = 1
  #outliersInRow = 0
  /** Since the start, or the last change. */
  #answers = 0
  #isSolved = false

  constructor(prior: Prior) {
    this.#count = prior.means.length
    const size = this.#count ** 2
    this.#prior = informationOf(prior)
    this.#priorVector = times(this.#prior, prior.means)
    this.#matrix = new Float64Array(size)
    this.#vector = new Float64Array(this.#count)
    this.#root = new Float64Array(size)
    this.#coefficients = new Float64Array(this.#count)
    this.#scratch = new Float64Array(this.#count)
  }

  /** The sum that is expected of these features. */
  predict(features: Float64Array): number {
    this.#solve()
    let sum = 0
    for (let index = 0; index < this.#count; index++) {
      sum += at(this.#coefficients, index) * at(features, index)
    }
    return sum
  }

  /**
   * Takes in what the sum was; returns the weight it was given, which is 1 but for outliers.
   * `deviation` says how far a sum may be off by its nature.
   */
  learn(features: Float64Array, sum: number, deviation: number): number {
    if (!Number.isFinite(sum) || !(deviation > 0)) return 0
    const error = sum - this.predict(features)
    const own2 = deviation ** 2
    const variance = this.#noise * own2
    const uncertainty = this.#uncertainty(features)
    const distance = Math.abs(error) / Math.sqrt(variance + uncertainty)
    const isOutlier = distance > outlierDeviations && this.#answers >= answersFirst
    this.#outliersInRow = isOutlier ? this.#outliersInRow + 1 : 0
    if (this.#outliersInRow >= outliersInRowMax) {
      this.#outliersInRow = 0
      this.#answers = 1
      this.#add(features, sum, 1 / own2, changeForgetting)
      this.#isSolved = false
      return 1
    }
    this.#answers += 1
    const weight = isOutlier ? outlierDeviations / distance : 1
    this.#add(features, sum, weight / own2, forgetting)
    const isDue = this.#answers < answersMany || this.#answers % solvedEvery === 0
    this.#isSolved = !isDue && uncertainty < newsMin * variance
    // What the first answers are off by is the prior's error.
    if (this.#answers > answersFirst) {
      const shown = Math.min(distance, outlierDeviations) ** 2
      const noise = this.#noise * (noiseForgetting + (1 - noiseForgetting) * shown)
      this.#noise = Math.min(noiseMax, Math.max(noiseMin, noise))
    }
    return weight
  }

  #add(features: Float64Array, sum: number, weight: number, kept: number): void {
    const count = this.#count
    for (let row = 0; row < count; row++) {
      const weighted = at(features, row) * weight
      for (let column = 0; column <= row; column++) {
        const index = row * count + column
        this.#matrix[index] = at(this.#matrix, index) * kept + weighted * at(features, column)
      }
      this.#vector[row] = at(this.#vector, row) * kept + weighted * sum
    }
  }

  /** Variance of the prediction, by what is not known of the coefficients. */
  #uncertainty(features: Float64Array): number {
    const solved = this.#scratch
    solveLower(this.#root, features, solved)
    let sum = 0
    for (let index = 0; index < this.#count; index++) sum += at(solved, index) ** 2
    return sum
  }

  #solve(): void {
    if (this.#isSolved) return
    this.#isSolved = true
    const count = this.#count
    for (let index = 0; index < count ** 2; index++) {
      this.#root[index] = at(this.#matrix, index) / this.#noise + at(this.#prior, index)
    }
    factorize(this.#root, count)
    for (let index = 0; index < count; index++) {
      this.#scratch[index] = at(this.#vector, index) / this.#noise + at(this.#priorVector, index)
    }
    solveLower(this.#root, this.#scratch, this.#coefficients)
    solveUpper(this.#root, this.#coefficients)
  }
}

/** The index is always within; the compiler does not know. */
function at(numbers: Float64Array, index: number): number {
  return numbers[index] ?? 0
}

/** The inverse of the prior's variances: diagonal, but for the unit that many share. */
function informationOf({ means, deviations, scaleDeviation, scaled }: Prior): Float64Array {
  const count = means.length
  const matrix = new Float64Array(count ** 2)
  const shared = means.map((mean, index) => {
    return scaled[index] === true ? mean / (deviations[index] ?? 1) ** 2 : 0
  })
  const weight = shared.reduce((sum, value, index) => sum + value * (means[index] ?? 0), 0)
  const divisor = 1 / scaleDeviation ** 2 + weight
  for (let row = 0; row < count; row++) {
    const deviation = deviations[row] ?? 0
    assert(deviation > 0, 'A coefficient that cannot move is none')
    for (let column = 0; column < count; column++) {
      const own = row === column ? 1 / deviation ** 2 : 0
      const together = ((shared[row] ?? 0) * (shared[column] ?? 0)) / divisor
      matrix[row * count + column] = own - together
    }
  }
  return matrix
}

function times(matrix: Float64Array, vector: readonly number[]): Float64Array {
  const count = vector.length
  return Float64Array.from(vector, (_, row) => {
    return vector.reduce((sum, value, column) => sum + at(matrix, row * count + column) * value, 0)
  })
}

/** Cholesky: the lower triangle becomes its own root. */
function factorize(matrix: Float64Array, count: number): void {
  for (let row = 0; row < count; row++) {
    const least = at(matrix, row * count + row) * pivotMin
    for (let column = 0; column <= row; column++) {
      let sum = at(matrix, row * count + column)
      for (let index = 0; index < column; index++) {
        sum -= at(matrix, row * count + index) * at(matrix, column * count + index)
      }
      const pivot = at(matrix, column * count + column)
      matrix[row * count + column] = row === column ? Math.sqrt(Math.max(sum, least)) : sum / pivot
    }
  }
}

function solveLower(root: Float64Array, from: Float64Array, to: Float64Array): void {
  const count = from.length
  for (let row = 0; row < count; row++) {
    let sum = at(from, row)
    for (let column = 0; column < row; column++)
      sum -= at(root, row * count + column) * at(to, column)
    to[row] = sum / at(root, row * count + row)
  }
}

function solveUpper(root: Float64Array, values: Float64Array): void {
  const count = values.length
  for (let row = count - 1; row >= 0; row--) {
    let sum = at(values, row)
    for (let column = row + 1; column < count; column++) {
      sum -= at(root, column * count + row) * at(values, column)
    }
    values[row] = sum / at(root, row * count + row)
  }
}

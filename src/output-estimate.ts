/**
 * Output tokens of one model's answers, learned: a running distribution for each kind of request,
 * and one for all.
 *
 * A kind is what a request shows before it is sent of how it will be answered
 * (`RequestFeatures.shape`). `max_tokens` is a cap and not a cost. What is known of a kind fades
 * slowly; where the last dozen answers are plainly others than those before, it is dropped, and
 * the last few are what is known.
 */

import { bounds } from './bounds.ts'
import { RecentMap } from './recent-map.ts'

/** Tokens of an answer before any is known. */
const tokensAtFirst = 400
/** The weight that what is known keeps with each new answer. */
const forgetting = 0.97
/** Answers of a kind from which it is judged by its own alone. */
const ownAnswers = 4

const recentAnswers = 12
const changedAnswers = 6
/** The mean of a dozen is off by 0.29 of one's deviation; four times that is no chance. */
const changedDeviations = 1.15
/** Of the logarithm: answers that hardly differ change all the same by a tenth. */
const deviationMin = 0.1

/** What an answer is expected to be. */
export interface ExpectedOutput {
  readonly tokens: number
  /** Standard deviation. */
  readonly deviation: number
}

/** Answers of one model. */
export class OutputEstimate {
  readonly #all = new Answers()
  readonly #kinds = new RecentMap<Answers>(bounds.answerKindsMax)

  /** What is expected of a kind with this cap. */
  expected(kind: number, maxTokens: number): ExpectedOutput {
    const own = this.#kinds.get(kind)
    const share = Math.min(1, (own?.count ?? 0) / ownAnswers)
    const tokens = share * (own?.mean ?? 0) + (1 - share) * this.#all.mean
    const deviation = share * (own?.deviation ?? 0) + (1 - share) * this.#all.deviation
    return { tokens: Math.min(maxTokens, Math.round(tokens)), deviation }
  }

  /** Takes in an answer. */
  learn(kind: number, tokens: number): void {
    this.#all.learn(tokens)
    const own = this.#kinds.get(kind) ?? new Answers()
    own.learn(tokens)
    this.#kinds.set(kind, own)
  }
}

/** A running distribution. */
class Answers {
  #count = 0
  #weight = 0
  #sum = 0
  #squares = 0
  /** The same of the logarithms, in which a long answer among short ones weighs no more. */
  #logSum = 0
  #logSquares = 0
  /** The last ones, in a ring, and their logarithms. */
  readonly #recent: number[] = []
  readonly #recentLogs: number[] = []

  get count(): number {
    return this.#count
  }

  get mean(): number {
    return this.#weight === 0 ? tokensAtFirst : this.#sum / this.#weight
  }

  get deviation(): number {
    if (this.#count < 2) return this.mean
    return deviationOf(this.#sum / this.#weight, this.#squares / this.#weight)
  }

  learn(tokens: number): void {
    this.#add(tokens)
    if (!this.#hasChanged()) return
    const last = Array.from({ length: changedAnswers }, (_, index) => {
      return this.#recent[(this.#count - changedAnswers + index) % recentAnswers] ?? tokens
    })
    this.#forget()
    for (const answer of last) this.#add(answer)
  }

  #add(tokens: number): void {
    const log = Math.log1p(tokens)
    const place = this.#count % recentAnswers
    this.#recent[place] = tokens
    this.#recentLogs[place] = log
    this.#count += 1
    this.#weight = this.#weight * forgetting + 1
    this.#sum = this.#sum * forgetting + tokens
    this.#squares = this.#squares * forgetting + tokens ** 2
    this.#logSum = this.#logSum * forgetting + log
    this.#logSquares = this.#logSquares * forgetting + log ** 2
  }

  #hasChanged(): boolean {
    if (this.#count < 2 * recentAnswers) return false
    const mean = this.#logSum / this.#weight
    const deviation = deviationOf(mean, this.#logSquares / this.#weight)
    let sum = 0
    for (const log of this.#recentLogs) sum += log
    const recent = sum / recentAnswers
    return Math.abs(recent - mean) > changedDeviations * Math.max(deviation, deviationMin)
  }

  #forget(): void {
    this.#count = 0
    this.#weight = 0
    this.#sum = 0
    this.#squares = 0
    this.#logSum = 0
    this.#logSquares = 0
  }
}

function deviationOf(mean: number, meanOfSquares: number): number {
  return Math.sqrt(Math.max(0, meanOfSquares - mean ** 2))
}

/**
 * What answers that are held, or rows the API has counted, tell of those that are still to be
 * asked: input tokens by model, output tokens by model and kind of request; and how far off a
 * sum of so many rows may be.
 *
 * The expectation of a row is the run's own (input-estimate.ts). What is added here is the
 * interval. Before anything is known it is wide and a guess; with answers it is made of how far
 * these were from what was expected of them, and narrows as they grow in number.
 */

import { bounds } from './bounds.ts'
import { InputEstimate } from './input-estimate.ts'
import { findModel } from './models.ts'
import { type Usage, promptTokens } from './outcome.ts'
import { OutputEstimate } from './output-estimate.ts'
import type { RequestFeatures } from './request-features.ts'

/** Four characters a token is off by so much, either way, and rarely by more. */
const ballparkOff = 0.35
/** The ballpark counts as so many errors, until there are real ones. */
const ballparkErrors = 2
/** The scale of all is found from the first answers: their errors say nothing of later ones. */
const scaleAnswers = 5
/** No interval is narrower: the rows that were answered are not those that are to be asked. */
const offLeast = 0.01
/** Nineteen of twenty sums are within so many deviations. */
const deviations = 2
/** Answers of a kind from which it is judged by its own. */
const ownAnswers = 4
/** What an answer is at the least, before any is known. */
const answerLeast = 40

/** No answer of any model is longer; more is refused, or is no cap. */
const outputTokensMost = 1_000_000

/** A number and squares, of which mean and deviation are made. */
class Moments {
  count = 0
  #sum = 0
  #squares = 0

  add(value: number): void {
    this.count += 1
    this.#sum += value
    this.#squares += value ** 2
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.#sum / this.count
  }

  /** Of one alone, what it is itself. */
  get variance(): number {
    if (this.count < 2) return this.mean ** 2
    const spread = this.#squares - this.count * this.mean ** 2
    return Math.max(0, spread / (this.count - 1))
  }
}

/** What an answer is expected to be. */
export interface ExpectedAnswer {
  readonly tokens: number
  /** The least and the most that are not out of the question. */
  readonly least: number
  readonly most: number
  /** The kind it was learned of; `others` of those of which too little is known. */
  readonly kind: number | 'others' | undefined
}

/** Rows of one model. */
export class ModelLearned {
  readonly #input: InputEstimate
  readonly #guess = new OutputEstimate()
  readonly #inputErrors = new Moments()
  readonly #kinds = new Map<number, Moments>()
  readonly #all = new Moments()
  /** Rows whose input is known. */
  #inputs = 0
  readonly #outputMost: number

  constructor(model: string) {
    this.#input = new InputEstimate(model)
    this.#outputMost = findModel(model)?.outputTokensMax ?? outputTokensMost
  }

  /** Rows whose output is known. */
  get answers(): number {
    return this.#all.count
  }

  /** Input tokens of a row; at least one. */
  prompt(features: RequestFeatures): number {
    return Math.max(1, Math.round(this.#input.tokens(features)))
  }

  answer({ shape }: RequestFeatures, cap: number): ExpectedAnswer {
    const maxTokens = Math.min(cap, this.#outputMost)
    if (this.#all.count === 0) {
      const { tokens } = this.#guess.expected(shape, maxTokens)
      return { tokens, least: Math.min(tokens, answerLeast), most: maxTokens, kind: undefined }
    }
    const own = this.#kinds.get(shape)
    const isKnown = own !== undefined && own.count >= ownAnswers
    const { mean } = isKnown ? own : this.#all
    const tokens = Math.min(maxTokens, Math.round(mean))
    const least = Math.min(1, tokens)
    return { tokens, least, most: maxTokens, kind: isKnown ? shape : 'others' }
  }

  learnInput(features: RequestFeatures, tokens: number): void {
    if (tokens === 0) return
    this.#inputs += 1
    if (this.#inputs > scaleAnswers) {
      this.#inputErrors.add(this.#input.tokens(features) / tokens - 1)
    }
    this.#input.learn(features, tokens)
  }

  learnOutput({ shape }: RequestFeatures, tokens: number): void {
    this.#all.add(tokens)
    const own = this.#kinds.get(shape) ?? new Moments()
    own.add(tokens)
    this.#kinds.set(shape, own)
  }

  /** By which share the input of so many rows together may be off, either way. */
  inputOff(rows: number): number {
    if (this.#inputs === 0) return ballparkOff
    const { count, mean, variance } = this.#inputErrors
    const squares = count < 2 ? 0 : (variance + mean ** 2) * count
    const each = (squares + ballparkErrors * ballparkOff ** 2) / (count + ballparkErrors)
    const sum = deviations * Math.sqrt(each * (1 / this.#inputs + 1 / Math.max(1, rows)))
    return Math.min(ballparkOff, Math.hypot(sum, offLeast))
  }

  /** By which share their output may be; `rows` are counted by kind, `tokens` all of them. */
  outputOff(rows: ReadonlyMap<number | 'others', number>, tokens: number): number {
    let variance = 0
    for (const [kind, count] of rows) {
      const known = kind === 'others' ? undefined : this.#kinds.get(kind)
      // Of those of which too little is known, as many kinds as there are tell one thing each.
      const told = known === undefined ? this.#kinds.size : known.count
      variance += (known ?? this.#all).variance * (count + count ** 2 / Math.max(1, told))
    }
    return Math.hypot((deviations * Math.sqrt(variance)) / Math.max(1, tokens), offLeast)
  }
}

/** How far the estimate of the rows that the API counted was off. */
export interface CountedRows {
  readonly rows: number
  /** Rows the API would not count. */
  readonly refused: number
  readonly countedTokens: number
  /** What was expected of them before. */
  readonly expectedTokens: number
}

/** All that is known, model by model. */
export class Learned {
  readonly #models = new Map<string, ModelLearned>()
  #answers = 0
  #counted: CountedRows | null = null

  /** Answers it learned from. */
  get answers(): number {
    return this.#answers
  }

  /** Null where none were to be counted. */
  get counted(): CountedRows | null {
    return this.#counted
  }

  /** Models beyond the most that are told apart share what is known. */
  of(model: string): ModelLearned {
    const isNew = !this.#models.has(model)
    const name = isNew && this.#models.size >= bounds.forecastModelsMax ? '' : model
    let known = this.#models.get(name)
    if (known === undefined) {
      known = new ModelLearned(name)
      this.#models.set(name, known)
    }
    return known
  }

  /** Takes in an answer that is held. */
  learnAnswer(row: LearnedRow, usage: Usage): void {
    const known = this.of(row.model)
    known.learnInput(row.features, promptTokens(usage))
    known.learnOutput(row.features, usage.outputTokens)
    this.#answers += 1
  }

  /** Takes in what the API counted, undefined where it would not. */
  learnCounts(counts: readonly (readonly [row: LearnedRow, tokens: number | undefined])[]): void {
    let [rows, countedTokens, expectedTokens] = [0, 0, 0]
    // Before any of them is learned: that is what it would have been without them.
    for (const [{ model, features }, tokens] of counts) {
      if (tokens === undefined) continue
      rows += 1
      countedTokens += tokens
      expectedTokens += this.of(model).prompt(features)
    }
    for (const [{ model, features }, tokens] of counts) {
      if (tokens !== undefined) this.of(model).learnInput(features, tokens)
    }
    this.#counted = { rows, refused: counts.length - rows, countedTokens, expectedTokens }
  }
}

/** What of a row is learned by. */
export interface LearnedRow {
  readonly model: string
  readonly features: RequestFeatures
}

/**
 * The rows of a forecast, added up: by what a token of theirs costs, and by model.
 *
 * Money is linear in tokens where model, geography, speed and the class of length are the same, so
 * sums are priced and not rows: what they come to is, to the nano-dollar, what rows would.
 */

import { bounds } from './bounds.ts'
import type { Learned } from './forecast-learning.ts'
import { poolOf } from './pools.ts'
import type { Row } from './request.ts'
import { type Billing, billingOf } from './worst-case.ts'

/** What is expected, and what is not out of the question on either side; whole. */
export interface Range {
  readonly low: number
  readonly expected: number
  readonly high: number
}

/** The three of them, in order. */
export const levels = ['low', 'expected', 'high'] as const

/** One of the three. */
export type Level = (typeof levels)[number]

/** Rows whose tokens cost the same. */
export interface Bill extends Billing {
  readonly model: string
  /** Their prompts have the prices of long ones. */
  readonly isLong: boolean
  readonly input: Range
  readonly output: Range
}

/** What a model is asked. */
export interface ModelSum {
  readonly model: string
  readonly pool: string
  readonly rows: number
  readonly input: Range
  readonly output: Range
  /** By which share the input may be off, either way. */
  readonly inputOff: number
  /** Answers of this model that were learned from. */
  readonly answers: number
}

/** Rows of one price, and alike in what is known of their answers. */
interface Tally extends Billing {
  readonly isLong: boolean
  readonly isLearned: boolean
  input: number
  output: number
  least: number
  most: number
}

interface ModelTally {
  rows: number
  readonly tallies: Map<string, Tally>
  /** Rows whose answers are learned, by kind, and what they come to. */
  readonly kinds: Map<number | 'others', number>
  learnedOutput: number
}

/** The name of all models beyond those that are told apart; it has no price. */
export const otherModels = 'other models'

/** Adds up rows. */
export class RowSums {
  readonly #learned: Learned
  readonly #isLong: (model: string, prompt: number) => boolean
  readonly #models = new Map<string, ModelTally>()

  constructor(learned: Learned, isLong: (model: string, prompt: number) => boolean) {
    this.#learned = learned
    this.#isLong = isLong
  }

  /** Takes in a row; returns the tokens its prompt is expected to have. */
  add({ model, features, maxTokens, body }: Row): number {
    const known = this.#learned.of(model)
    const prompt = known.prompt(features)
    const answer = known.answer(features, maxTokens)
    const sum = this.#modelOf(model)
    const billing = billingOf(body)
    const tally = tallyOf(sum, billing, this.#isLong(model, prompt), answer.kind !== undefined)
    sum.rows += 1
    tally.input += prompt
    tally.output += answer.tokens
    tally.least += answer.least
    tally.most += answer.most
    if (answer.kind !== undefined) {
      sum.kinds.set(answer.kind, (sum.kinds.get(answer.kind) ?? 0) + 1)
      sum.learnedOutput += answer.tokens
    }
    return prompt
  }

  /** What there is to be paid. */
  bills(): readonly Bill[] {
    return [...this.#models].flatMap(([model, sum]) => this.#billsOf(model, sum))
  }

  /** The models, those with most rows first. */
  models(): readonly ModelSum[] {
    const all = [...this.#models].map(([model, sum]) => {
      const bills = this.#billsOf(model, sum)
      const known = this.#learned.of(model)
      return {
        model,
        pool: poolOf(model),
        rows: sum.rows,
        input: sumOf(bills.map(({ input }) => input)),
        output: sumOf(bills.map(({ output }) => output)),
        inputOff: known.inputOff(sum.rows),
        answers: known.answers,
      }
    })
    return all.toSorted((left, right) => right.rows - left.rows)
  }

  #billsOf(model: string, { rows, tallies, kinds, learnedOutput }: ModelTally): readonly Bill[] {
    const known = this.#learned.of(model)
    const inputOff = known.inputOff(rows)
    const outputOff = known.outputOff(kinds, learnedOutput)
    return [...tallies.values()].map(
      ({ us, fast, isLong, isLearned, input, output, least, most }) => {
        const answers = isLearned
          ? {
              low: Math.max(least, Math.round(output * (1 - outputOff))),
              expected: output,
              high: Math.min(most, Math.round(output * (1 + outputOff))),
            }
          : { low: least, expected: output, high: most }
        return { model, us, fast, isLong, input: around(input, inputOff), output: answers }
      },
    )
  }

  #modelOf(name: string): ModelTally {
    const isNew = !this.#models.has(name)
    const model = isNew && this.#models.size >= bounds.forecastModelsMax ? otherModels : name
    let sum = this.#models.get(model)
    if (sum === undefined) {
      sum = { rows: 0, tallies: new Map(), kinds: new Map(), learnedOutput: 0 }
      this.#models.set(model, sum)
    }
    return sum
  }
}

/** So much, give or take a share of it. */
function around(tokens: number, off: number): Range {
  const of = (factor: number): number => Math.round(tokens * factor)
  return { low: of(1 - off), expected: tokens, high: of(1 + off) }
}

/** Ranges together: as if all were low, or high, at once. */
export function sumOf(ranges: readonly Range[]): Range {
  const of = (level: Level): number => ranges.reduce((sum, range) => sum + range[level], 0)
  return { low: of('low'), expected: of('expected'), high: of('high') }
}

function tallyOf(
  { tallies }: ModelTally,
  { us, fast }: Billing,
  isLong: boolean,
  isLearned: boolean,
): Tally {
  const name = `${us} ${fast} ${isLong} ${isLearned}`
  let tally = tallies.get(name)
  if (tally === undefined) {
    tally = { us, fast, isLong, isLearned, input: 0, output: 0, least: 0, most: 0 }
    tallies.set(name, tally)
  }
  return tally
}

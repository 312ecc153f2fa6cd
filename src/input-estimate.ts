/**
 * Input tokens of one model's prompts, learned from the answers: a regression over what stands in
 * them (request-features.ts).
 *
 * It begins at the ballpark of four characters a token, and 30 % more on newer models, spread over
 * the kinds of character as tokenizers in general do. The first answers move the scale of all
 * of it, later ones each kind by itself.
 */

import { findModel } from './models.ts'
import { Regression } from './regression.ts'
import { columnCount, columns, type RequestFeatures } from './request-features.ts'

/**
 * Tokens each count stands for at first, under an older tokenizer, and how far that may be off, in
 * the order of the counts. All but those of a formula share a scale.
 */
const counted: readonly (readonly [column: keyof typeof columns, tokens: number, off: number])[] = [
  ['requests', 6, 6],
  ['blocks', 3, 3],
  ['members', 2.5, 1.5],
  ['words', 0.75, 0.3],
  ['letters', 0.1, 0.06],
  ['longLetters', 0.15, 0.1],
  ['capitals', 0.15, 0.15],
  ['numbers', 0.4, 0.3],
  ['digits', 0.3, 0.2],
  ['markRuns', 0.6, 0.3],
  ['marks', 0.25, 0.2],
  ['lines', 0.8, 0.3],
  ['blanks', 0.1, 0.08],
  ['accented', 0.8, 0.4],
  ['otherScripts', 0.5, 0.3],
  ['ideographs', 1, 0.6],
  ['surrogates', 1.2, 0.8],
  ['toolPrompt', 1, 0.3],
  ['pictures', 1, 0.1],
  ['documents', 1, 0.5],
]

const formulas: ReadonlySet<keyof typeof columns> = new Set(['toolPrompt', 'pictures', 'documents'])
const scaleDeviation = 0.35
const newerScale = 1.3

/** How far a prompt is off by its nature: shares of its text and media, and a few tokens. */
const textNoise = 0.02
const pictureNoise = 0.05
const documentNoise = 0.4
const tokensNoise = 1.5
/** Words are rare or not by chance, which evens out in a long text: this times its root. */
const rootNoise = 0.6

/** Beyond these factors of what the ballpark makes of a prompt, a prediction is no prediction. */
const factorMax = 4
const ratioForgetting = 0.98
/** The level is what the last ten answers had in common; this many that had nothing come first. */
const levelForgetting = 0.9
const levelAnswersFirst = 6

/** Prompts of one model. */
export class InputEstimate {
  readonly #regression: Regression
  readonly #scales: readonly number[]
  readonly #features = new Float64Array(columnCount)
  /** Tokens that came, and that the ballpark had made of the same prompts, lately. */
  #came = 0
  #ballpark = 0
  /** Errors as shares of what the regression said, and their number, lately. */
  #errors = 0
  #answers = 0

  constructor(model: string) {
    const scale = findModel(model)?.tokenizer === 'older' ? 1 : newerScale
    this.#scales = counted.map(([name, tokens]) => (formulas.has(name) ? tokens : tokens * scale))
    // Features are in tokens, so that each coefficient is about one.
    this.#regression = new Regression({
      means: counted.map(() => 1),
      deviations: counted.map(([, tokens, off]) => off / tokens),
      scaleDeviation,
      scaled: counted.map(([name]) => !formulas.has(name)),
    })
  }

  /** All input tokens of a prompt, at least one. */
  tokens(request: RequestFeatures): number {
    return this.#expected(this.#read(request))
  }

  /** Takes in what a prompt was. */
  learn(request: RequestFeatures, tokens: number): void {
    const ballpark = this.#read(request)
    const { counts } = request
    const pictures = counts[columns.pictures] ?? 0
    const documents = counts[columns.documents] ?? 0
    const expected = this.#expected(ballpark)
    const text = Math.max(0, expected - pictures - documents)
    const variance =
      (text * textNoise) ** 2 +
      text * rootNoise ** 2 +
      tokensNoise ** 2 +
      (pictures * pictureNoise) ** 2 +
      (documents * documentNoise) ** 2
    const deviation = Math.sqrt(variance)
    const weight = this.#regression.learn(this.#features, tokens, deviation)
    // What the coefficients have taken in already is no error of the level.
    const error = weight * (tokens - this.#regression.predict(this.#features))
    this.#errors = this.#errors * levelForgetting + error / expected
    this.#answers = this.#answers * levelForgetting + 1
    const isFirst = this.#ballpark === 0
    const came = isFirst ? tokens : within(tokens, expected / factorMax, expected * factorMax)
    this.#came = this.#came * ratioForgetting + came
    this.#ballpark = this.#ballpark * ratioForgetting + ballpark
  }

  /** Of the features that were read last. */
  #expected(ballpark: number): number {
    const likely = this.#ballpark > 0 ? (ballpark * this.#came) / this.#ballpark : ballpark
    // Where a new kind of text is off as a whole, this is known before its coefficients are.
    const level = 1 + this.#errors / (this.#answers + levelAnswersFirst)
    const predicted = this.#regression.predict(this.#features) * level
    return Math.max(1, within(predicted, likely / factorMax, likely * factorMax))
  }

  /** Features in tokens by the ballpark, and their sum. */
  #read({ counts }: RequestFeatures): number {
    let sum = 0
    for (let column = 0; column < columnCount; column++) {
      const tokens = (counts[column] ?? 0) * (this.#scales[column] ?? 0)
      this.#features[column] = tokens
      sum += tokens
    }
    return sum
  }
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}

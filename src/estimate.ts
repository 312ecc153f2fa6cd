/**
 * Tokens of a request before it is sent, learned from the usage of those that came back.
 *
 * Input: bytes of the body times a ratio learned per model (tokenizers differ by
 * 30 % between model generations, so no ratio is carried from one model to another).
 * Output: the recent mean per model, at most `max_tokens`, which is a cap and not a cost.
 * Both forget slowly, so a change of kind in the middle of a file is followed.
 */

import type { Cost } from './meter.ts'
import { meteredInputTokens, type Usage } from './outcome.ts'

/**
 * Tokens for each byte before anything is known: "about 4 characters a token" and 30 % more on
 * newer models.
 */
const tokensPerByteAtFirst = 0.3
const outputTokensAtFirst = 400
/** What the server has been seen to take a request for until it has counted its tokens. */
const askedTokensPerByte = 0.25
/** Weight an old answer loses with each new one: the memory is about 50 answers. */
const forgetting = 0.98

interface ModelEstimate {
  bytes: number
  inputTokens: number
  outputWeight: number
  outputTokens: number
  /** Sum of the squares, forgotten alike. */
  outputSquares: number
}

/**
 * Learned estimates of one run.
 *
 * @example
 * ```ts
 * const estimator = new Estimator()
 * estimator.estimate('claude-haiku-5-5', { bodyBytes: 1000, maxTokens: 50 }) // => { input: 300, output: 50 }
 * ```
 */
export class Estimator {
  readonly #models = new Map<string, ModelEstimate>()
  #estimatedInput = 0
  #actualInput = 0
  #learned = 0

  /** What a request will cost. */
  estimate(model: string, request: { bodyBytes: number; maxTokens: number }): Cost {
    const known = this.#models.get(model)
    const perByte = known ? known.inputTokens / known.bytes : tokensPerByteAtFirst
    const output = known ? known.outputTokens / known.outputWeight : outputTokensAtFirst
    return {
      input: Math.max(1, Math.round(request.bodyBytes * perByte)),
      output: Math.min(request.maxTokens, Math.round(output)),
      asked: Math.ceil(request.bodyBytes * askedTokensPerByte),
      outputDeviation: known ? deviationOf(known) : output,
      outputMax: request.maxTokens,
    }
  }

  /** Learns from an answer; `estimated` is what was taken on account for it. */
  learn(model: string, bodyBytes: number, estimated: Cost, usage: Usage): void {
    const input = meteredInputTokens(usage) + usage.cacheReadTokens
    // What was learned from the first answers is the estimate's error from there on.
    if (this.#learned >= 10) {
      this.#estimatedInput += estimated.input
      this.#actualInput += input
    }
    this.#learned += 1
    const known = this.#models.get(model)
    if (known === undefined) {
      const first = { bytes: bodyBytes, inputTokens: Math.max(1, input) }
      const { outputTokens } = usage
      const squares = { outputSquares: outputTokens ** 2 }
      this.#models.set(model, { ...first, outputWeight: 1, outputTokens, ...squares })
      return
    }
    known.bytes = known.bytes * forgetting + bodyBytes
    known.inputTokens = known.inputTokens * forgetting + input
    known.outputWeight = known.outputWeight * forgetting + 1
    known.outputTokens = known.outputTokens * forgetting + usage.outputTokens
    known.outputSquares = known.outputSquares * forgetting + usage.outputTokens ** 2
  }

  /**
   * Estimated over actual input tokens less one, in percent; null before there is anything to
   * compare.
   */
  errorPercent(): number | null {
    if (this.#actualInput === 0) return null
    return (this.#estimatedInput / this.#actualInput - 1) * 100
  }
}

function deviationOf({ outputWeight, outputTokens, outputSquares }: ModelEstimate): number {
  const mean = outputTokens / outputWeight
  return Math.sqrt(Math.max(0, outputSquares / outputWeight - mean ** 2))
}

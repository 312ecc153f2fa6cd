/**
 * Tokens of a request before it is sent, learned from the usage of those that came back.
 *
 * Input: what stands in the prompt, by a regression for each model, since tokenizers differ
 * (input-estimate.ts). What counts to the limit is the prompt less what is read from the cache:
 * that share is learned for each prefix that is marked. Output: a running distribution for each
 * model and kind of request (output-estimate.ts). All forget, so a change of kind in the
 * middle of a file is followed.
 */

import { bounds } from './bounds.ts'
import { InputEstimate } from './input-estimate.ts'
import { LogHistogram } from './log-histogram.ts'
import type { Cost } from './meter.ts'
import { meteredInputTokens, type Usage } from './outcome.ts'
import { OutputEstimate } from './output-estimate.ts'
import { RecentMap } from './recent-map.ts'
import type { Row } from './request.ts'

/** What the server has been seen to take a request for until it has counted its tokens. */
const askedTokensPerByte = 0.25
/** A prefix is read by all who come after its writer: the last answer says most of the next. */
const shareForgetting = 0.5
/** What was learned from the first answers is the estimate's error from there on. */
const answersFirst = 10

/** A row to be sent. */
export interface Asked {
  readonly row: Pick<Row, 'model' | 'maxTokens' | 'features' | 'cachePoints'>
  readonly bodyBytes: number
}

/** Absolute errors, as percent of what it was: half are within one, 95 % within the other. */
export interface ErrorSpread {
  readonly medianPercent: number
  readonly p95Percent: number
}

/** How far single estimates were off; null before there is anything to compare. */
export interface EstimateErrors {
  readonly input: ErrorSpread | null
  readonly output: ErrorSpread | null
}

interface ModelEstimate {
  readonly input: InputEstimate
  readonly output: OutputEstimate
  /** Of a prompt, by its marked prefix: the share that counts to the limit. */
  readonly meteredShares: RecentMap<number>
  /** The last estimate, until something is learned: a row that waits is asked about often. */
  last: { readonly asked: Asked; readonly cost: Cost } | undefined
}

/** Learned estimates of one run. */
export class Estimator {
  readonly #models = new Map<string, ModelEstimate>()
  readonly #inputErrors = emptyErrors()
  readonly #outputErrors = emptyErrors()
  #estimatedInput = 0
  #actualInput = 0
  #learned = 0

  /** What a request will cost. */
  estimate(asked: Asked): Cost {
    const model = this.#model(asked.row.model)
    if (model.last?.asked !== asked) model.last = { asked, cost: costOf(asked, model) }
    return model.last.cost
  }

  /** Learns from an answer; `estimated` is what was taken on account for it. */
  learn({ row }: Asked, estimated: Cost, usage: Usage): void {
    const { features } = row
    const metered = meteredInputTokens(usage)
    const prompt = metered + usage.cacheReadTokens
    this.#compare(estimated, prompt, usage.outputTokens)
    const model = this.#model(row.model)
    const { input, output, meteredShares } = model
    model.last = undefined
    output.learn(features.shape, usage.outputTokens)
    if (prompt === 0) return
    input.learn(features, prompt)
    const prefix = prefixOf(row)
    const share = meteredShares.get(prefix) ?? metered / prompt
    const learned = share * shareForgetting + (metered / prompt) * (1 - shareForgetting)
    meteredShares.set(prefix, learned)
  }

  /**
   * Estimated over actual input tokens less one, in percent; null before there is anything to
   * compare.
   */
  errorPercent(): number | null {
    if (this.#actualInput === 0) return null
    return (this.#estimatedInput / this.#actualInput - 1) * 100
  }

  /** How far single estimates were off. */
  errors(): EstimateErrors {
    return { input: spreadOf(this.#inputErrors), output: spreadOf(this.#outputErrors) }
  }

  #compare(estimated: Cost, prompt: number, outputTokens: number): void {
    this.#learned += 1
    if (this.#learned <= answersFirst) return
    const expected = estimated.prompt ?? estimated.input
    this.#estimatedInput += expected
    this.#actualInput += prompt
    this.#inputErrors.add(percentOff(expected, prompt))
    this.#outputErrors.add(percentOff(estimated.output, outputTokens))
  }

  #model(name: string): ModelEstimate {
    const known = this.#models.get(name)
    if (known) return known
    const made: ModelEstimate = {
      input: new InputEstimate(name),
      output: new OutputEstimate(),
      meteredShares: new RecentMap<number>(bounds.cachePrefixesMax),
      last: undefined,
    }
    this.#models.set(name, made)
    return made
  }
}

/** The prompt up to its first mark; 0 where there is none. */
function prefixOf({ cachePoints }: Asked['row']): number {
  return cachePoints.find(({ mark }) => mark !== undefined)?.key ?? 0
}

function costOf({ row, bodyBytes }: Asked, model: ModelEstimate): Cost {
  const { features, maxTokens } = row
  const { input, output, meteredShares } = model
  const prompt = input.tokens(features)
  // A prefix that nobody has written yet is written, and all of the prompt counts.
  const share = meteredShares.get(prefixOf(row)) ?? 1
  const expected = output.expected(features.shape, maxTokens)
  return {
    input: Math.max(1, Math.round(prompt * share)),
    output: expected.tokens,
    asked: Math.ceil(bodyBytes * askedTokensPerByte),
    prompt: Math.max(1, Math.round(prompt)),
    outputDeviation: expected.deviation,
    outputMax: maxTokens,
  }
}

function percentOff(estimated: number, actual: number): number {
  return (Math.abs(estimated - actual) / Math.max(1, actual)) * 100
}

/** From a hundredth of a percent, which is none. */
function emptyErrors(): LogHistogram {
  return new LogHistogram({ least: 0.01, most: 1e6 })
}

function spreadOf(errors: LogHistogram): ErrorSpread | null {
  const [medianPercent, p95Percent] = [errors.quantile(0.5), errors.quantile(0.95)]
  if (medianPercent === null || p95Percent === null) return null
  return { medianPercent, p95Percent }
}

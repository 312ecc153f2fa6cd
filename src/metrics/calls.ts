/**
 * Metrics of single calls: how long they took, what tokens they used, how they failed.
 *
 * Their names are those of OpenTelemetry's conventions for generative AI, as its exporters write
 * them for Prometheus, and so are their labels and buckets. Conventions have two generations of
 * token metrics: a histogram with a type of token, which dashboards know, and counters that say
 * what was cached. Both are here.
 *
 * Every try that was sent is observed once, when it ends; one that had no socket was not. An answer
 * of a batch used tokens and took no time that says anything; one that an earlier run had is
 * nothing here.
 */

import { Counter, type Registry } from 'prom-client'
import type { AnswerTaken, AttemptFailed, RunEvent } from '../events.ts'
import type { Usage } from '../outcome.ts'
import { FoldedHistogram, type Observed } from './histogram.ts'
import { Names } from './names.ts'

const modelsMax = 32
const errorsMax = 16

/** As the conventions recommend them, in seconds. */
const durationBuckets = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
]

/** As the conventions recommend them, in tokens. */
const tokenBuckets = [
  1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
  67_108_864,
]

const operation = { gen_ai_operation_name: 'chat', gen_ai_provider_name: 'anthropic' } as const
/** The API does not tell text from images. */
const modality = { gen_ai_token_modality: 'unknown' } as const
const operationLabels = Object.keys(operation)
const modelLabels = ['gen_ai_request_model', 'gen_ai_response_model'] as const

/** Why tries end without an answer. */
const failureKinds: readonly AttemptFailed['kind'][] = [
  'refused',
  'overloaded',
  'broken',
  'no_socket',
  'invalid',
  'no_model',
  'run_stop',
]

interface Models {
  readonly gen_ai_request_model?: string
  readonly gen_ai_response_model?: string
}

/** What calls of one pair of models are counted into; kept, as finding it costs more. */
interface Series {
  readonly models: Models
  readonly duration: Observed
  readonly input: Observed
  readonly output: Observed
  /** Tokens by kind, told when they are asked for. */
  readonly used: Record<TokenKind, number>
  /** How the model that answered is called. */
  readonly response: string
  /** What its answers cost, in whole nano-dollars; undefined while no price is known. */
  costNanoUsd: number | undefined
}

/** The kinds of tokens that are counted, in the order in which they are shown. */
const tokenKinds = ['input', 'output', 'cache_read_input', 'cache_write_input'] as const
type TokenKind = (typeof tokenKinds)[number]

const tokenHelp: Readonly<Record<TokenKind, string>> = {
  input: 'Input tokens, cached ones included.',
  output: 'Output tokens.',
  cache_read_input: 'Of the input tokens, those read from the prompt cache.',
  cache_write_input: 'Of the input tokens, those written to the prompt cache.',
}

interface UnderWay {
  readonly model: string
  readonly startedAt: number
}

/** Observes calls into a registry. */
export class Calls {
  readonly #duration: FoldedHistogram
  readonly #tokens: FoldedHistogram
  /** How long tries took that failed, by their model and error. */
  readonly #failures = new Map<string, Observed>()
  readonly #failed: Counter
  /** Tries under way, by the line of their row. */
  readonly #underWay = new Map<number, UnderWay>()
  readonly #series = new Map<string, Series>()
  readonly #models = new Names(modelsMax)
  readonly #errors = new Names(errorsMax, '_OTHER')
  /** That of the last answer: most are of the same models. */
  #last:
    | { readonly requested: string | undefined; readonly answered: string; series: Series }
    | undefined

  constructor(registry: Registry) {
    const of = [...operationLabels, ...modelLabels]
    this.#duration = new FoldedHistogram({
      name: 'gen_ai_client_operation_duration_seconds',
      help: 'How long live requests took, each try of its own.',
      labels: [...of, 'error_type'],
      bounds: durationBuckets,
      registry,
    })
    this.#tokens = new FoldedHistogram({
      name: 'gen_ai_client_token_usage',
      help: 'Tokens of each answer, cached input included.',
      labels: [...of, 'gen_ai_token_type'],
      bounds: tokenBuckets,
      registry,
    })
    for (const kind of tokenKinds) this.#addUsed(registry, kind)
    this.#failed = new Counter({
      name: 'sluice_tries_failed_total',
      help: 'Requests that gave no answer.',
      labelNames: ['kind'],
      registers: [registry],
    })
    // A rate over a counter that begins at 1 misses the first.
    for (const kind of failureKinds) this.#failed.inc({ kind }, 0)
    this.#addCosts(registry)
  }

  observe(event: RunEvent): void {
    const { type } = event
    if (type === 'attempt_started') {
      this.#underWay.set(event.line, { model: event.model, startedAt: event.at })
    } else if (type === 'attempt_failed') this.#attemptFailed(event)
    else if (type === 'row_succeeded' || type === 'row_asked_again') {
      this.#answered(event, event.line, event.latencyMs)
    } else if (type === 'row_failed' && event.answer !== undefined) {
      const startedAt = this.#underWay.get(event.line)?.startedAt ?? event.at
      this.#answered(event.answer, event.line, event.at - startedAt)
    } else if (type === 'row_left') this.#underWay.delete(event.line)
  }

  #addUsed(registry: Registry, kind: TokenKind): void {
    const series = this.#series
    const told = new Counter({
      name: `gen_ai_client_inference_usage_${kind}_tokens_total`,
      help: tokenHelp[kind],
      labelNames: [...operationLabels, ...modelLabels, ...Object.keys(modality)],
      registers: [registry],
      collect(): void {
        told.reset()
        for (const { models, used } of series.values())
          told.inc({ ...operation, ...models, ...modality }, used[kind])
      },
    })
  }

  /** Money is summed in whole nano-dollars, and told when it is asked for. */
  #addCosts(registry: Registry): void {
    const series = this.#series
    const told = new Counter({
      name: 'sluice_cost_usd_total',
      help: 'What answers cost, by the model that gave them.',
      labelNames: ['model'],
      registers: [registry],
      collect(): void {
        told.reset()
        for (const { response: model, costNanoUsd } of series.values())
          if (costNanoUsd !== undefined) told.inc({ model }, costNanoUsd / 1e9)
      },
    })
  }

  #attemptFailed({ line, kind, error, latencyMs }: AttemptFailed): void {
    const model = this.#underWay.get(line)?.model
    this.#underWay.delete(line)
    this.#failed.inc({ kind })
    if (kind === 'no_socket') return
    const models = model === undefined ? {} : { gen_ai_request_model: this.#models.of(model) }
    const labels = { ...operation, ...models, error_type: this.#errors.of(error.type) }
    const key = `${models.gen_ai_request_model ?? ''}\n${labels.error_type}`
    let failures = this.#failures.get(key)
    if (failures === undefined) {
      failures = this.#duration.with(labels)
      this.#failures.set(key, failures)
    }
    failures.observe(latencyMs / 1000)
  }

  #answered(taken: AnswerTaken, line: number, latencyMs: number): void {
    if (taken.isEarlier === true) return
    const isLive = taken.batchId === undefined
    const requested = isLive ? this.#underWay.get(line)?.model : undefined
    if (isLive) this.#underWay.delete(line)
    const series = this.#seriesOf(requested, taken.model)
    if (isLive) series.duration.observe(latencyMs / 1000)
    this.#countTokens(series, taken.usage)
    if (taken.costNanoUsd === null) return
    series.costNanoUsd = (series.costNanoUsd ?? 0) + taken.costNanoUsd
  }

  #countTokens({ input, output, used }: Series, usage: Usage): void {
    const written = usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
    const all = usage.inputTokens + written + usage.cacheReadTokens
    input.observe(all)
    output.observe(usage.outputTokens)
    used.input += all
    used.output += usage.outputTokens
    used.cache_read_input += usage.cacheReadTokens
    used.cache_write_input += written
  }

  #seriesOf(requested: string | undefined, answered: string): Series {
    const last = this.#last
    if (last?.requested === requested && last?.answered === answered) return last.series
    const series = this.#findSeries(requested, answered)
    this.#last = { requested, answered, series }
    return series
  }

  #findSeries(requested: string | undefined, answered: string): Series {
    const request = requested === undefined ? '' : this.#models.of(requested)
    const response = this.#models.of(answered)
    const key = `${request}\n${response}`
    let series = this.#series.get(key)
    if (series !== undefined) return series
    // The pairs are bounded as well: a server may answer each request in another's name.
    const isMany = this.#series.size >= modelsMax
    if (isMany && key !== otherPair) return this.#findSeries('other', 'other')
    const models = { ...(request !== '' && { gen_ai_request_model: request }) }
    series = this.#makeSeries({ ...models, gen_ai_response_model: response }, response)
    this.#series.set(key, series)
    return series
  }

  #makeSeries(models: Models, response: string): Series {
    const labels = { ...operation, ...models }
    const of = (type: string): Series['input'] =>
      this.#tokens.with({ ...labels, gen_ai_token_type: type })
    return {
      models,
      duration: this.#duration.with(labels),
      input: of('input'),
      output: of('output'),
      used: { input: 0, output: 0, cache_read_input: 0, cache_write_input: 0 },
      response,
      costNanoUsd: undefined,
    }
  }
}

const otherPair = 'other\nother'

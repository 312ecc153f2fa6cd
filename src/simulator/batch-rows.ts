/**
 * The requests of one batch: when each is done, what is wrong with it, what it gets of the
 * cache, and its line of the results.
 *
 * Everything is checked and counted when the batch is created, though nothing of it shows before
 * its end; an answer is made when its line is read, and made again alike whenever it is. So a batch
 * takes the bytes of its body and some numbers a request.
 *
 * A request that is answered draws its answer as on Messages: from its bytes, and how often they
 * were answered before.
 */

import { assert } from '../assert.ts'
import type { Random } from '../random.ts'
import { answerForm } from './answer-form.ts'
import { composeMessage, hashBytes, type AskCounts, type Work } from './answer.ts'
import { paramsBytes, type BatchEnvelope } from './batch-envelope.ts'
import { addUsages, noUsage, type BatchUsage } from './batch-usage.ts'
import { planCache } from './cache-prefix.ts'
import { CacheStore, noCacheUse, type CacheUse } from './cache-store.ts'
import { checkParams, type CheckContext, type CheckedRequest } from './check.ts'
import type { Problem } from './door.ts'
import { problems } from './faults.ts'
import { workOf } from './given-answer.ts'
import { identifier } from './identifier.ts'
import type { JsonRecord } from './json.ts'
import { sliceText } from './json-slices.ts'
import type { SimulatedModel } from './model-rules.ts'
import type { SimulatorSettings } from './options.ts'
import { errorMembers } from './replies.ts'
import type { WireRequest } from './wire.ts'

/** What became of a request. */
export type Outcome = 'succeeded' | 'errored' | 'canceled' | 'expired'

/** What rows are made with. */
export interface BatchRowsParts {
  readonly envelope: BatchEnvelope
  readonly check: Omit<CheckContext, 'settings'>
  readonly settings: SimulatorSettings
  /** The instant (`now`) of creation. */
  readonly createdAt: number
  /** The batch's own. */
  readonly random: Random
  /** What the requests are answered with, as far as that is not to be made up. */
  readonly answers: WireRequest['answers']
  /** The share of requests that fail on their way. */
  readonly errorRate: number
}

/** The requests of a batch. */
export class BatchRows {
  readonly #parts: BatchRowsParts
  /** When each is done if nothing comes between. */
  readonly #doneAt: Float64Array
  readonly #models: (SimulatedModel | undefined)[]
  readonly #inputTokens: Uint32Array
  readonly #maxTokens: Uint32Array
  readonly #problems = new Map<number, Problem>()
  readonly #cacheUses = new Map<number, CacheUse>()
  /** What came of each; set by `settle`. */
  #outcomes: readonly Outcome[] = []
  /** Of those that succeeded: the hash of their bytes, and how often these were asked before. */
  readonly #hashes: Uint32Array
  readonly #asks: Uint8Array

  /** Throws `SyntaxError` when params are no JSON. */
  constructor(parts: BatchRowsParts) {
    const { length } = parts.envelope.customIds
    this.#parts = parts
    this.#models = Array.from({ length })
    this.#inputTokens = new Uint32Array(length)
    this.#maxTokens = new Uint32Array(length)
    this.#hashes = new Uint32Array(length)
    this.#asks = new Uint8Array(length)
    this.#doneAt = drawInstants(parts, length)
    this.#checkAll()
  }

  /** How many requests there are. */
  get count(): number {
    return this.#doneAt.length
  }

  /** When the last of them is done. */
  get doneAt(): number {
    return this.#doneAt.reduce((last, at) => Math.max(last, at), -Infinity)
  }

  /** Those not done by `now`. */
  waiting(now: number): number {
    return this.#doneAt.reduce((count, at) => (at > now ? count + 1 : count), 0)
  }

  /** Processing ends: what is not done by `endAt` never will be. Gives what the rest took. */
  settle(endAt: number, left: 'canceled' | 'expired', asks: AskCounts): BatchUsage {
    const outcomes: Outcome[] = []
    let usage = noUsage
    for (let index = 0; index < this.count; index++) {
      const outcome = this.#outcomeAt(index, endAt, left)
      outcomes.push(outcome)
      if (outcome !== 'succeeded') continue
      const hash = hashBytes(paramsBytes(this.#parts.envelope, index))
      this.#hashes[index] = hash
      this.#asks[index] = asks.count(hash)
      usage = addUsages(usage, this.#usage(index))
    }
    this.#outcomes = outcomes
    return usage
  }

  /** How many came to this. */
  tally(outcome: Outcome): number {
    return this.#outcomes.reduce((count, one) => (one === outcome ? count + 1 : count), 0)
  }

  /** The names of all, in the order in which they were sent. */
  get customIds(): readonly string[] {
    return this.#parts.envelope.customIds
  }

  /** What each came to, in that order; empty before the end. */
  get outcomes(): readonly Outcome[] {
    return this.#outcomes
  }

  /** The order of the results: any but that of the requests, and always the same. */
  resultOrder(): Uint32Array {
    const random = this.#parts.random.fork('order')
    const order = Uint32Array.from(this.#doneAt, (_at, index) => index)
    for (let index = order.length - 1; index > 0; index--) {
      const other = random.integer(0, index)
      const moved = order[index] ?? 0
      order[index] = order[other] ?? 0
      order[other] = moved
    }
    return order
  }

  /** The line of one request in the results. */
  resultLine(index: number): string {
    const customId = this.#parts.envelope.customIds[index] ?? ''
    return `${JSON.stringify({ custom_id: customId, result: this.#result(index) })}\n`
  }

  #result(index: number): object {
    const outcome = this.#outcomes[index]
    if (outcome === 'succeeded') return { type: outcome, message: this.#message(index) }
    if (outcome !== 'errored') return { type: outcome }
    const requestId = `req_011C${identifier(this.#random(index).fork('request'), 20)}`
    const failed = this.#problems.get(index) ?? this.#accident(index)
    return { type: outcome, error: { type: 'error', ...errorMembers(failed, requestId) } }
  }

  #message(index: number): object {
    const checked = this.#check(index)
    assert(!('status' in checked), 'What is answered was in order')
    const { body, prompt: _prompt, ...request } = checked
    const form = answerForm(body, request.model)
    return composeMessage(request, form, this.#work(index), this.#cacheUse(index), 'batch')
  }

  #work(index: number): Work {
    const { settings, answers } = this.#parts
    const model = this.#models[index]
    assert(model !== undefined, 'What is answered has a model')
    const [bodyHash = 0, asks = 0] = [this.#hashes[index], this.#asks[index]]
    const maxTokens = this.#maxTokens[index] ?? 0
    return workOf(settings, { bodyHash, asks, maxTokens, model }, answers?.get(index))
  }

  /** What an answer is billed for. */
  #usage(index: number): BatchUsage {
    const { refusing, outputTokens } = this.#work(index)
    if (refusing?.isBilled === false) return noUsage
    const { readTokens, write5mTokens, write1hTokens } = this.#cacheUse(index)
    const cached = readTokens + write5mTokens + write1hTokens
    return {
      billedRequests: 1,
      inputTokens: (this.#inputTokens[index] ?? 0) - cached,
      cacheReadTokens: readTokens,
      cacheWrite5mTokens: write5mTokens,
      cacheWrite1hTokens: write1hTokens,
      outputTokens,
    }
  }

  #outcomeAt(index: number, endAt: number, left: 'canceled' | 'expired'): Outcome {
    if ((this.#doneAt[index] ?? 0) > endAt) return left
    const isWrong = this.#problems.has(index)
    return isWrong || this.#random(index).chance(this.#parts.errorRate) ? 'errored' : 'succeeded'
  }

  /** What went wrong with a request that is in order. */
  #accident(index: number): Problem {
    const isOverload = this.#random(index).fork('accident').chance(0.5)
    return problems[isOverload ? 'overloaded' : 'server-error']
  }

  /** A request's own stream: what is drawn of one shifts nothing of another. */
  #random(index: number): Random {
    return this.#parts.random.fork(`request ${index}`)
  }

  #check(index: number): CheckedRequest | Problem {
    const { envelope, check, settings } = this.#parts
    const bytes = paramsBytes(envelope, index)
    const body: JsonRecord = JSON.parse(sliceText(bytes, 0, bytes.length))
    return checkParams(body, { ...check, settings })
  }

  /** In the order in which they are done, which is that in which they meet the cache. */
  #checkAll(): void {
    const { settings } = this.#parts
    const cache = new CacheStore({ shortLifeMs: settings.cacheLifeSeconds * 1000 })
    // One object for each model, however many requests.
    const models = new Map<string, SimulatedModel>()
    const order = Uint32Array.from(this.#doneAt, (_at, index) => index)
    order.sort((left, right) => (this.#doneAt[left] ?? 0) - (this.#doneAt[right] ?? 0))
    for (const index of order) {
      const checked = this.#check(index)
      if ('status' in checked) {
        this.#problems.set(index, checked)
        continue
      }
      const answer = this.#parts.answers?.get(index)
      if (answer !== undefined && 'failure' in answer) {
        this.#problems.set(index, { ...problems['server-error'], message: answer.failure })
      }
      const model = models.get(checked.model.id) ?? checked.model
      models.set(model.id, model)
      this.#models[index] = model
      this.#inputTokens[index] = checked.inputTokens
      this.#maxTokens[index] = checked.maxTokens
      if (settings.cache) this.#useCache(cache, index, checked)
    }
  }

  #useCache(cache: CacheStore, index: number, checked: CheckedRequest): void {
    const plan = planCache(checked)
    if (plan === undefined) return
    const at = this.#doneAt[index] ?? 0
    const isLucky = this.#random(index).fork('cache').chance(this.#parts.settings.batchCacheHits)
    const use = (isLucky ? cache : new CacheStore()).look(at, plan)
    cache.refresh(at, use)
    cache.write(at, at, use)
    this.#cacheUses.set(index, { ...use, found: noCacheUse.found, writes: noCacheUse.writes })
  }

  #cacheUse(index: number): CacheUse {
    return this.#cacheUses.get(index) ?? noCacheUse
  }
}

/** A batch ends within its time only as a whole: one request, any, is done last. */
function drawInstants(
  { settings, createdAt, random }: BatchRowsParts,
  count: number,
): Float64Array {
  const { batchDurationMs: meanMs, batchDurationSigma } = settings
  const drawn = random.fork('duration').logNormal(meanMs, batchDurationSigma)
  const durationMs = Math.max(drawn, Math.min(meanMs, leastDurationMs))
  const within = random.fork('instants')
  const instants = Float64Array.from({ length: count }, () => {
    return createdAt + durationMs * within.float()
  })
  instants[within.integer(0, count - 1)] = createdAt + durationMs
  return instants
}

/** No batch is done sooner, unless the mean is shorter. */
const leastDurationMs = 1000

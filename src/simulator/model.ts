/**
 * The API as a pure model: requests in, what to do on the wire out.
 *
 * It has no clock, no timer, no socket and no chance but its own seed. Whoever drives it says
 * what time it is and comes back when a step's `nextAt` is due. The same calls give the same steps.
 *
 * A request passes: path (`batch-endpoints.ts`, `endpoints.ts`) → checks (`check.ts`) → faults at
 * the door → a look into the prompt cache → the limits of its pool → its work (`exchange.ts`).
 * Only work under way is kept, a bounded number of cache entries, and batches with their bodies
 * until their results go; totals are all that remains of the rest.
 */

import { poolOf } from '../pools.ts'
import { Random } from '../random.ts'
import { RunError } from '../errors.ts'
import { answerForm } from './answer-form.ts'
import { AskCounts, hashBytes, type Work } from './answer.ts'
import type { BatchReport } from './batch.ts'
import { MessageBatches, type BatchReply } from './batch-endpoints.ts'
import { addUsages, noUsage, type BatchUsage } from './batch-usage.ts'
import { planCache } from './cache-prefix.ts'
import { CacheStore, noCacheUse, type CacheUse } from './cache-store.ts'
import { checkRequest, type AdmittedRequest, type CheckedRequest } from './check.ts'
import { Endpoints } from './endpoints.ts'
import { Exchange, type ExchangeResult, type Ongoing } from './exchange.ts'
import { doorFault, drawFault, problems, shouldRetry } from './faults.ts'
import { workOf } from './given-answer.ts'
import { Grammars } from './grammars.ts'
import { rateLimitHeaders, requestHeaders, type Header } from './headers.ts'
import { identifier, uuid } from './identifier.ts'
import { poolCountsReads, profileLimits, type PoolLimits } from './limit-profiles.ts'
import { PoolLimiter, type Refusal } from './limits.ts'
import {
  faultNames,
  faultsProblem,
  resolveSettings,
  type FaultName,
  type FaultRates,
  type SimulatorOptions,
  type SimulatorSettings,
} from './options.ts'
import { questionsOf, type Question } from './questions.ts'
import { errorReply, problemReply, refusalProblem, type ReplyContext } from './replies.ts'
import type { Step, SuppliedAnswer, WireAction, WireRequest } from './wire.ts'

/** What the model did with a request that just came. */
export interface Reception {
  /** Names the exchange in `advance` and `disconnect`. */
  readonly id: number
  readonly step: Step
  /** The fault that befalls it. */
  readonly fault?: FaultName
}

/** Counts since the model was made. */
export interface SimulatorTotals {
  received: number
  /** Complete answers that were handed over. */
  answered: number
  /** Requests the limits refused. */
  refused429: number
  /** Requests that met a fault; one that is only slow is not counted. */
  faulted: number
  /** Of billed requests; neither read from the cache nor written to it. */
  inputTokens: number
  /** Of billed requests. */
  cacheReadTokens: number
  /** Of billed requests, to live 5 minutes. */
  cacheWrite5mTokens: number
  /** Of billed requests, to live an hour. */
  cacheWrite1hTokens: number
  /** Of billed requests. */
  outputTokens: number
  /** Work that was charged, whether or not anybody got its answer. */
  billedRequests: number
  /** The same figures of the batches that have ended, which cost half; not among those above. */
  batches: BatchUsage
}

/** Beyond this many pools, further models share one: names are free under `models: 'any'`. */
const poolsMax = 1000

/**
 * The simulated API.
 *
 * @example
 * ```ts
 * const model = new SimulatorModel({ requestsPerMinute: 50 })
 * model.totals.received // => 0
 * ```
 */
export class SimulatorModel {
  readonly #settings: SimulatorSettings
  readonly #organizationId: string
  readonly #faultRandom: Random
  readonly #pageRandom: Random
  readonly #idRandom: Random
  readonly #asks = new AskCounts()
  readonly #endpoints: Endpoints
  readonly #batches: MessageBatches
  readonly #exchanges = new Map<number, Ongoing>()
  readonly #pools = new Map<string, PoolLimiter>()
  readonly #cache: CacheStore
  readonly #grammars: Grammars
  readonly #totals: SimulatorTotals = {
    received: 0,
    answered: 0,
    refused429: 0,
    faulted: 0,
    inputTokens: 0,
    cacheReadTokens: 0,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    outputTokens: 0,
    billedRequests: 0,
    batches: noUsage,
  }
  /** Limits that differ from the profile's: of all pools, and of single ones. */
  #limits: Partial<PoolLimits>
  readonly #poolLimits = new Map<string, Partial<PoolLimits>>()
  #faults: FaultRates
  #lastId = 0

  constructor(options: SimulatorOptions = {}) {
    const settings = resolveSettings(options)
    const random = new Random(settings.seed)
    this.#settings = settings
    this.#grammars = new Grammars(settings.schemaCompileMs)
    this.#limits = settings.limits
    this.#cache = new CacheStore({ shortLifeMs: settings.cacheLifeSeconds * 1000 })
    this.#faults = settings.faults
    this.#faultRandom = random.fork('faults')
    this.#pageRandom = random.fork('pages')
    this.#idRandom = random.fork('ids')
    this.#organizationId = uuid(random.fork('organization'))
    this.#endpoints = new Endpoints({ settings, limitsOf: (pool) => this.#limitsOf(pool) })
    this.#batches = new MessageBatches({
      settings,
      asks: this.#asks,
      random: random.fork('batches'),
      faultsAt: (now) => (this.#isHealed(now) ? {} : this.#faults),
      onUsage: (usage) => {
        this.#totals.batches = addUsages(this.#totals.batches, usage)
      },
    })
  }

  /** Counts so far. */
  get totals(): Readonly<SimulatorTotals> {
    return this.#totals
  }

  /** Requests whose work is not over, and those that hang. */
  get inFlight(): number {
    return this.#exchanges.size
  }

  /** A request was read to its end. `wallTime` is the server's: what its headers tell. */
  receive(now: number, wallTime: number, wire: WireRequest): Reception {
    const id = ++this.#lastId
    this.#totals.received++
    const context: ReplyContext = {
      wallTime,
      requestId: `req_011C${identifier(this.#idRandom, 20)}`,
      organizationId: this.#organizationId,
    }
    this.#batches.settle(now)
    const ofBatches = this.#batches.answer(now, context, wire)
    if (ofBatches !== undefined) return this.#answerBatches(now, id, wallTime, ofBatches)
    const elsewhere = this.#endpoints.answer(now, context, wire)
    if (elsewhere !== undefined) return this.#answerAtOnce(id, elsewhere)
    const checked = checkRequest(wallTime, wire, this.#settings)
    if ('status' in checked) {
      return { id, step: done(problemReply(context, checked, this.#settings)) }
    }
    const answer = wire.answers?.get(0)
    if (answer !== undefined && 'failure' in answer) {
      const problem = { ...problems['server-error'], message: answer.failure }
      return { id, step: done(errorReply(context, problem)) }
    }
    return this.#consider(now, id, context, checked, wire)
  }

  /** What a request asks the model, as far as it would be answered if limits and faults allow. */
  questions(wallTime: number, wire: WireRequest): readonly Question[] {
    return questionsOf(wallTime, wire, this.#settings)
  }

  /** Goes on with an exchange whose `nextAt` is due; nothing happens for one that is over. */
  advance(now: number, wallTime: number, id: number): Step {
    const exchange = this.#exchanges.get(id)
    if (exchange === undefined) return { actions: [] }
    const hadResult = exchange.result !== undefined
    const step = exchange.advance(now, wallTime)
    if (!hadResult && exchange.result !== undefined) this.#count(exchange.result)
    if (exchange.isOver) this.#exchanges.delete(id)
    return step
  }

  /**
   * The client of an exchange went away. Its work goes on, is counted and billed: the driver keeps
   * calling `advance` at its `nextAt`.
   */
  disconnect(_now: number, id: number): void {
    const exchange = this.#exchanges.get(id)
    exchange?.disconnect()
    if (exchange?.isOver === true) this.#exchanges.delete(id)
  }

  /** Replaces the fault rates for requests from now on. */
  setFaults(faults: FaultRates): void {
    const problem = faultsProblem(faults)
    if (problem !== undefined) {
      throw new RunError('OPTIONS_INVALID', `Cannot set faults as "faults" ${problem}`)
    }
    this.#faults = faults
  }

  /** Changes limits in mid-run, of one pool (see `poolOf`) or of all; levels are kept. */
  setLimits(now: number, limits: Partial<PoolLimits>, pool?: string): void {
    resolveSettings(limits)
    if (pool !== undefined) {
      this.#poolLimits.set(pool, { ...this.#poolLimits.get(pool), ...limits })
      this.#pools.get(pool)?.resize(now, limits)
      return
    }
    this.#limits = { ...this.#limits, ...limits }
    for (const [name, own] of this.#poolLimits) this.#poolLimits.set(name, { ...own, ...limits })
    for (const limiter of this.#pools.values()) limiter.resize(now, limits)
  }

  /** What a pool's limits stand at, for tests and reports; undefined before its first request. */
  levels(now: number, pool: string): ReturnType<PoolLimiter['readings']> | undefined {
    return this.#pools.get(pool)?.readings(now)
  }

  /** The batches there are, in the order of their creation, for tests and reports. */
  batches(now: number): readonly BatchReport[] {
    this.#batches.settle(now)
    return this.#batches.reports()
  }

  #answerBatches(now: number, id: number, wallTime: number, reply: BatchReply): Reception {
    const { actions, fault, download } = reply
    if (fault !== undefined) this.#totals.faulted++
    if (download !== undefined) this.#exchanges.set(id, download)
    const { step } =
      download === undefined
        ? this.#answerAtOnce(id, actions, fault)
        : { step: this.advance(now, wallTime, id) }
    return fault === undefined ? { id, step } : { id, step, fault }
  }

  /** An endpoint other than Messages has answered. */
  #answerAtOnce(id: number, actions: readonly WireAction[], fault?: FaultName): Reception {
    const [head] = actions
    if (fault === undefined && head?.type === 'head' && head.status === 429)
      this.#totals.refused429++
    return { id, step: done(actions) }
  }

  /** Faults and limits, for a request that is in order. */
  #consider(
    now: number,
    id: number,
    context: ReplyContext,
    checked: CheckedRequest,
    { body: bytes, answers }: WireRequest,
  ): Reception {
    const settings = this.#settings
    const { body, prompt: _prompt, ...request } = checked
    const limiter = this.#limiter(now, request.model.id)
    const fault = this.#drawFault(now)
    /** Of a 429. */
    const headersNow = (): readonly Header[] => {
      if (!settings.headers || settings.bareRefusals) return []
      const readings = limiter.readings(now)
      return rateLimitHeaders(
        context.wallTime,
        readings,
        requestHeaders(context.wallTime, readings),
      )
    }
    if (fault !== undefined) {
      const random = this.#pageRandom
      const saysRetryAfter = settings.retryAfter && !settings.bareRefusals
      const actions = doorFault(fault, { context, random, headersNow, saysRetryAfter })
      if (actions !== undefined) {
        this.#totals.faulted++
        return { id, step: done(actions), fault }
      }
    }
    const cacheUse = this.#lookUp(now, checked)
    const countedInput = request.inputTokens - this.#freeReads(request, cacheUse)
    const heldInput = settings.admissionEstimate ? Math.ceil(bytes.length / 4) : countedInput
    const admission = limiter.admit(now, { heldInput, maxTokens: request.maxTokens })
    if ('meter' in admission) {
      this.#totals.refused429++
      const extra = [...headersNow(), ...this.#retryAfter(admission), shouldRetry]
      const problem = refusalProblem(admission, context, request.model.id)
      return { id, step: done(errorReply(context, problem, extra)) }
    }
    this.#cache.refresh(now, cacheUse)
    if (fault !== undefined && fault !== 'slow-first-byte') this.#totals.faulted++
    const { requestId, organizationId, wallTime } = context
    const form = answerForm(body, request.model)
    const work = this.#work(request, bytes, answers?.get(0))
    const compileMs = this.#grammars.compileMs(now, request.model.id, form.grammar)
    const exchange = new Exchange(now, {
      limiter,
      hold: admission,
      request,
      form,
      cache: this.#cache,
      cacheUse,
      countedInput,
      work: { ...work, firstByteMs: work.firstByteMs + compileMs },
      fault,
      requestId,
      organizationId,
      requestHeaders: settings.headers
        ? requestHeaders(wallTime, limiter.readings(now))
        : undefined,
    })
    this.#exchanges.set(id, exchange)
    const step = this.advance(now, wallTime, id)
    return fault === undefined ? { id, step } : { id, step, fault }
  }

  #work(
    { model, maxTokens }: AdmittedRequest,
    bytes: Uint8Array,
    answer: SuppliedAnswer | undefined,
  ): Work {
    const bodyHash = hashBytes(bytes)
    const asks = this.#asks.count(bodyHash)
    return workOf(this.#settings, { bodyHash, asks, maxTokens, model }, answer)
  }

  /** What the request would get of the cache if it started now. */
  #lookUp(now: number, request: CheckedRequest): CacheUse {
    if (!this.#settings.cache) return noCacheUse
    const plan = planCache(request)
    return plan === undefined ? noCacheUse : this.#cache.look(now, plan)
  }

  /** Input tokens that do not count to the limits. */
  #freeReads({ model }: Pick<CheckedRequest, 'model'>, { readTokens }: CacheUse): number {
    return this.#settings.readsCount || poolCountsReads(poolOf(model.id)) ? 0 : readTokens
  }

  #count({ isBilled, isAnswered, inputTokens, outputTokens, cacheUse }: ExchangeResult): void {
    if (isAnswered) this.#totals.answered++
    if (!isBilled) return
    this.#totals.billedRequests++
    this.#totals.inputTokens += inputTokens
    this.#totals.outputTokens += outputTokens
    this.#totals.cacheReadTokens += cacheUse.readTokens
    this.#totals.cacheWrite5mTokens += cacheUse.write5mTokens
    this.#totals.cacheWrite1hTokens += cacheUse.write1hTokens
  }

  #drawFault(now: number): FaultName | undefined {
    // Drawn even when none can happen, so that healing does not shift what is drawn after it.
    const fault = drawFault(this.#faultRandom, this.#faults, faultNames)
    return this.#isHealed(now) ? undefined : fault
  }

  #isHealed(now: number): boolean {
    const { faultUntil } = this.#settings
    return faultUntil !== null && now >= faultUntil
  }

  #limiter(now: number, model: string): PoolLimiter {
    const pool = poolOf(model)
    const name = this.#pools.has(pool) || this.#pools.size < poolsMax ? pool : 'others'
    const known = this.#pools.get(name)
    if (known !== undefined) return known
    const limiter = new PoolLimiter(now, this.#settings, this.#limitsOf(name))
    this.#pools.set(name, limiter)
    return limiter
  }

  #limitsOf(pool: string): PoolLimits {
    return {
      ...profileLimits(this.#settings.profile, pool),
      ...this.#limits,
      ...this.#poolLimits.get(pool),
    }
  }

  #retryAfter({ retryAfterMs }: Refusal): readonly Header[] {
    if (!this.#settings.retryAfter || this.#settings.bareRefusals) return []
    return [['retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000)))]]
  }
}

function done(actions: readonly WireAction[]): Step {
  return { actions }
}

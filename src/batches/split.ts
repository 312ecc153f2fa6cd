/**
 * Which rows of a run go into batches and which are asked live, while it goes on: the rules of
 * cut-over.ts, fed with what rows are expected to need, what answers show, and where rows are.
 *
 * Instants here are wall time: a deadline does not wait for a machine that sleeps.
 */

import type { Answer } from '../books.ts'
import { usefulMs } from '../batch-times.ts'
import { CutOver } from '../cut-over.ts'
import type { Learned } from '../forecast-learning.ts'
import type { LiveRates } from '../live-rates.ts'
import { addTo, amountsOf, Needs, timesOf } from '../needs.ts'
import { type LimitReadings, meteredInputTokens, type Usage } from '../outcome.ts'
import type { PoolRows } from '../pool-loads.ts'
import { poolOf } from '../pools.ts'
import type { Settings } from '../settings.ts'
import { batchesOfPool, isFarOff, tailOf } from '../split-forecast.ts'
import { type Amounts, nothing } from '../taken.ts'
import type { Work } from '../work.ts'
import type { OutstandingBatch } from './outstanding.ts'

/** What is known when it begins. */
export interface SplitParts {
  readonly settings: Settings
  readonly rates: LiveRates
  readonly pools: readonly PoolRows[]
  /** What answers of earlier runs tell of rows. */
  readonly learned: Learned
  /** Wall time; Infinity: none. */
  readonly deadlineAt: number
  readonly wallTime: () => number
}

/** A batch whose rows may be taken out. */
interface Piece {
  readonly batch: OutstandingBatch
  readonly pool: string
  amounts: Amounts
  /** Output tokens of its answers, and how many these are. */
  produced: number
  answers: number
}

/** A share of what is left, within bounds. */
const sampleShare = 0.02
const sampleMsMin = 20_000
const sampleMsMax = 120_000
/** Nothing is looked at more often. */
const lookMsMin = 1000
/** What is learned meanwhile may make it sooner. */
const lookMsMax = 30_000
/** The last answers may take twice as long as any took yet, and a look at the batches. */
const lookMs = 75_000
/** What live requests give is measured over so long without a pause. */
const measureMs = 60_000

/** See above. */
export class Split {
  readonly #parts: SplitParts
  readonly #cutOver: CutOver
  readonly #needs = new Map<string, Needs>()
  readonly #pieces = new Map<OutstandingBatch, Piece>()
  readonly #measures = new Map<string, { since: number; taken: Amounts }>()
  /** What batches left for the next round while the input was read. */
  readonly #left = new Map<string, Amounts>()
  #longestMs = 0

  constructor(parts: SplitParts) {
    const { settings, rates, pools, deadlineAt } = parts
    this.#parts = parts
    for (const { pool, most } of pools) this.#needs.set(pool, new Needs(most))
    const { drainMs } = settings.batchTimes
    const options = {
      rates,
      deadlineAt,
      drainMs,
      usefulMs: usefulMs(settings.batchTimes),
      needsOf: (pool: string, expected: Readonly<Amounts>) =>
        this.#needs.get(pool)?.of(expected) ?? expected,
    }
    this.#cutOver = new CutOver(options, tailOf(pools))
    for (const { pool, expected } of pools) this.#cutOver.put(pool, 'waiting', expected)
  }

  get deadlineAt(): number {
    return this.#parts.deadlineAt
  }

  /** The pools, with what is known by now of what rows need. */
  get pools(): readonly PoolRows[] {
    return this.#parts.pools.map((pool) => ({
      ...pool,
      most: this.#needs.get(pool.pool)?.factors ?? pool.most,
    }))
  }

  /** What a row is expected to need. */
  amountsOf({ row }: Pick<Work, 'row'>): Amounts {
    const known = this.#parts.learned.of(row.model)
    const input = known.prompt(row.features)
    return amountsOf({ input, output: known.answer(row.features, row.maxTokens).tokens })
  }

  /** There is no time for any batch: all rows are asked live. */
  get isAllLive(): boolean {
    return !this.#cutOver.hasTimeForBatches(this.#parts.wallTime())
  }

  /** How long the answers of samples are waited for. */
  get sampleMs(): number {
    const leftMs = this.#parts.deadlineAt - this.#parts.wallTime()
    return Math.min(sampleMsMax, Math.max(sampleMsMin, sampleShare * leftMs))
  }

  /** Whether a row that was read is to be asked live. */
  isLive({ row }: Pick<Work, 'row'>): boolean {
    return this.#cutOver.isLive(this.#parts.wallTime(), poolOf(row.model))
  }

  /** A row that was read goes to the lane. */
  goesLive(work: Pick<Work, 'row'>): void {
    const pool = poolOf(work.row.model)
    this.#cutOver.move(pool, 'waiting', 'live', this.amountsOf(work))
  }

  /** A row that was read is packed; returns what it needs. */
  goesIntoBatch(work: Pick<Work, 'row'>): Amounts {
    const amounts = this.amountsOf(work)
    this.#cutOver.move(poolOf(work.row.model), 'waiting', 'batched', amounts)
    return amounts
  }

  /** The most rows of one batch. */
  rowsMax(pool: string): number {
    const { settings, pools, deadlineAt, wallTime } = this.#parts
    const { drainMs } = settings.batchTimes
    const own = pools.find((each) => each.pool === pool)
    if (own === undefined) return Infinity
    if (isFarOff(deadlineAt - wallTime(), this.#cutOver.longest().ms, drainMs)) return Infinity
    return Math.max(1, Math.ceil(own.expected.requests / batchesOfPool(pools.length)))
  }

  /** A batch of this run is about to be sent. */
  packed(batch: OutstandingBatch, pool: string, amounts: Amounts): void {
    this.#pieces.set(batch, { batch, pool, amounts, produced: 0, answers: 0 })
  }

  /** A row was found in a batch of an earlier run. */
  matched(batch: OutstandingBatch, work: Pick<Work, 'row'>): void {
    const pool = poolOf(work.row.model)
    const amounts = this.goesIntoBatch(work)
    const piece = this.#pieces.get(batch)
    if (piece === undefined) return this.packed(batch, pool, amounts)
    addTo(piece.amounts, amounts)
    if (batch.isCut) this.#cutOver.move(pool, 'batched', 'live', amounts)
  }

  /** What a batch has not answered is to be asked live, or waits for the next round. */
  leftOver(batch: OutstandingBatch, work: Work): 'live' | 'wait' {
    const piece = this.#pieces.get(batch)
    if (piece === undefined || batch.isCut) return 'live'
    const each = timesOf(piece.amounts, 1 / batch.intent.rows)
    const isLive = this.isLive(work) || this.#parts.settings.batchLeftovers === 'live'
    this.#cutOver.put(piece.pool, isLive ? 'live' : 'waiting', each)
    if (isLive) return 'live'
    const left = this.#left.get(piece.pool) ?? nothing()
    addTo(left, each)
    this.#left.set(piece.pool, left)
    return 'wait'
  }

  /** All of a batch was collected, or it was never sent. */
  over(batch: OutstandingBatch): void {
    const piece = this.#pieces.get(batch)
    if (piece === undefined) return
    this.#pieces.delete(batch)
    const { pool, amounts, answers, produced } = piece
    const share = 1 / Math.max(1, batch.intent.rows)
    this.#needs.get(pool)?.produced(answers, amounts.output * answers * share, produced)
    if (!batch.isCut) return this.#cutOver.take(pool, 'batched', amounts)
    this.#cutOver.take(pool, 'live', timesOf(amounts, 1 - batch.askedLive * share))
  }

  /** All rows of the input are known: what waits is what batches left. */
  allRead(): void {
    for (const pool of this.#cutOver.pools) this.#cutOver.clear(pool, 'waiting')
    for (const [pool, amounts] of this.#left) this.#cutOver.put(pool, 'waiting', amounts)
    this.#left.clear()
  }

  /** Nothing is asked live any more, nor about to be. */
  laneIdle(): void {
    this.#measures.clear()
    if ([...this.#pieces.keys()].some(({ isCut }) => isCut)) return
    for (const pool of this.#cutOver.pools) this.#cutOver.clear(pool, 'live')
  }

  /** A row of the lane is over; `isSaturated`: others wait for the limits. */
  settled(work: Pick<Work, 'row'>, answer: Answer | undefined, isSaturated: boolean): void {
    const pool = poolOf(work.row.model)
    const expected = this.amountsOf(work)
    this.#cutOver.take(pool, 'live', expected)
    if (answer === undefined) return
    const { usage } = answer.outcome
    const actual = { input: meteredInputTokens(usage), output: usage.outputTokens }
    this.#needs.get(pool)?.answered(expected, actual)
    this.#longestMs = Math.max(this.#longestMs, answer.latencyMs)
    this.#cutOver.tailMs = Math.max(this.#cutOver.tailMs, 2 * this.#longestMs + lookMs)
    if (isSaturated) this.#took(pool, amountsOf(actual))
    else this.#measures.delete(pool)
  }

  /** A reply to a row of the lane showed the limits of its pool. */
  learnLimits(pool: string, { requests, input, output }: LimitReadings): void {
    this.#parts.rates.learn(pool, {
      ...(requests && { requests: requests.limit }),
      ...(input && { input: input.limit }),
      ...(output && { output: output.limit }),
    })
  }

  /** A row of a batch is answered. */
  answered(batch: OutstandingBatch, { outputTokens }: Usage): void {
    const piece = this.#pieces.get(batch)
    if (piece === undefined) return
    piece.produced += outputTokens
    piece.answers += 1
  }

  /** Batches that are to be canceled now, the last one first: the others have come further. */
  due(): readonly OutstandingBatch[] {
    const now = this.#parts.wallTime()
    const due: OutstandingBatch[] = []
    for (;;) {
      const next = this.#cutOver.due(now, this.#uncut.toReversed())
      if (next === undefined) return due
      next.batch.isCut = true
      this.#cutOver.move(next.pool, 'batched', 'live', next.amounts)
      due.push(next.batch)
    }
  }

  /** Until it should be looked again, in milliseconds. */
  get dueInMs(): number {
    const now = this.#parts.wallTime()
    const uncut = this.#uncut
    if (uncut.length === 0 || this.deadlineAt === Infinity) return Infinity
    const dueInMs = this.#cutOver.nextCutAt(now, uncut) - now
    return Math.min(lookMsMax, Math.max(lookMsMin, dueInMs))
  }

  get #uncut(): readonly Piece[] {
    return [...this.#pieces.values()].filter(({ batch }) => !batch.isCut)
  }

  /** What a pool gives is measured while rows wait for it, from when it has got going. */
  #took(pool: string, amounts: Amounts): void {
    const now = this.#parts.wallTime()
    const measure = this.#measures.get(pool)
    if (measure === undefined) {
      this.#measures.set(pool, { since: now + measureMs, taken: nothing() })
      return
    }
    if (now < measure.since) return
    addTo(measure.taken, amounts)
    const ms = now - measure.since
    if (ms < measureMs) return
    this.#parts.rates.measure(pool, measure.taken, ms)
    this.#measures.set(pool, { since: now, taken: nothing() })
  }
}

/**
 * One round by batches: the input is read once, what has no line yet is packed and submitted, and
 * the results of all that is outstanding are collected.
 *
 *   input ─► plan ─► held, fault ─► settled
 *                └─► row ─► matched to a batch of an earlier run
 *                      └──► pack ─► intent ─► create ─► watch ─► collect ─► settled
 *
 * Reading and watching go on side by side. Rows that a batch did not answer, through no fault of
 * theirs, are left for the next round. Every row passes `Settling` once: a round counts out by
 * itself.
 */

import { Brake } from '../brake.ts'
import { RunError } from '../errors.ts'
import { Feed } from '../feed.ts'
import { parseOptionsOf } from '../options.ts'
import { Plan, type Planned } from '../plan.ts'
import { Settling } from '../settling.ts'
import type { Work } from '../work.ts'
import { Outstanding } from './outstanding.ts'
import { Packing } from './packing.ts'
import { Pauses, type RoundParts, type Shared } from './round-parts.ts'
import { workOfFault, workOfRecord } from './row-record.ts'
import { Watch } from './watch.ts'

/** How a round ended. */
export interface RoundEnd {
  readonly stopping: RunError | undefined
  /** All rows of the input were read. */
  readonly readAll: boolean
  /** Rows to be asked again. */
  readonly leftovers: number
  /** Rows in batches that run on. */
  readonly outstanding: number
  readonly notInInput: number
}

export class Round {
  readonly #parts: RoundParts
  readonly #shared: Shared
  readonly #plan: Plan
  readonly #settling: Settling
  readonly #brake: Brake
  readonly #pauses: Pauses
  readonly #outstanding = new Outstanding()
  readonly #packing: Packing
  readonly #watch: Watch
  readonly #feed: Feed
  #stopping: RunError | undefined
  #isRead = false
  /** Rows that were left as they are in no batch. */
  #unasked = 0
  #blocked: string | null = null

  /** `flush`: makes what was settled durable. */
  constructor(parts: RoundParts, flush: () => Promise<void>) {
    const { settings, context } = parts
    this.#parts = parts
    this.#settling = new Settling(parts)
    this.#brake = new Brake(settings.maxFailed)
    this.#pauses = new Pauses(context)
    this.#plan = new Plan(parts.books, {
      ...parseOptionsOf(settings),
      ...(settings.cache === 'auto' && { cachePoints: 'all' as const }),
      ...(settings.cache === 'marked' && { cachePoints: 'marked' as const }),
      retryFailed: settings.retryFailed && parts.number === 1,
    })
    this.#shared = {
      ...parts,
      outstanding: this.#outstanding,
      settling: this.#settling,
      brake: this.#brake,
      pauses: this.#pauses,
      success: { at: context.clock.now() },
      isRead: () => this.#isRead,
      stopping: () => this.#stopping,
      stop: (error) => this.stop(error),
      notice: (message) => parts.observe({ type: 'notice', at: context.clock.now(), message }),
      bodyOf: (offset, bytes, key, line) => this.#bodyOf(offset, bytes, key, line),
    }
    this.#packing = new Packing(this.#shared, () => this.#feed.wake())
    this.#watch = new Watch(this.#shared, { isBlocked: () => this.#blocked !== null, flush })
    this.#feed = this.#makeFeed()
  }

  /** Starts nothing more. */
  stop(error: RunError): void {
    if (this.#stopping !== undefined) return
    this.#stopping = error
    const { code, message, hint } = error
    const at = this.#parts.context.clock.now()
    this.#parts.observe({ type: 'run_stopping', at, code, message, hint: hint ?? null })
    this.#feed.wake()
    this.#pauses.end()
  }

  /** The output cannot be written (`ENOSPC`…), or can again (null). */
  hold(code: string | null): void {
    this.#blocked = code
    this.#parts.observe({ type: 'output_blocked', at: this.#parts.context.clock.now(), code })
    if (code !== null) return
    this.#watch.hasten()
    this.#pauses.wake()
    this.#feed.wake()
  }

  /** Runs until nothing is left to do, or to wait for. Rejects for bugs and lost files. */
  async run(): Promise<RoundEnd> {
    this.#expectEarlier()
    try {
      await Promise.all([this.#read(), this.#keepWatching()])
      return this.#end()
    } finally {
      this.#packing.close()
      this.#outstanding.close()
    }
  }

  /** Every row is settled or left. @throws {RunError} `COUNT_MISMATCH` */
  countOut(): void {
    this.#settling.countOut(this.#plan.count, this.#stopping)
  }

  #makeFeed(): Feed {
    const packing = this.#packing
    const isHeld = (): boolean => this.#blocked !== null
    const isStopping = (): boolean => this.#stopping !== undefined
    const { source, settings } = this.#parts
    return new Feed(
      { source, settings, plan: this.#plan },
      {
        get hasRoom() {
          return packing.hasRoom && !isHeld()
        },
        get isStopping() {
          return isStopping()
        },
        take: (planned, sequence) => this.#take(planned, sequence),
        read: (rows) => {
          const at = this.#parts.context.clock.now()
          this.#parts.observe({ type: 'rows_read', at, ...rows })
        },
      },
    )
  }

  #expectEarlier(): void {
    const { context, intents, collected, observe, spending } = this.#parts
    for (const intent of intents.load()) {
      const batch = this.#outstanding.expect(context.files, intents, intent, collected)
      for (let index = 0; spending !== undefined && index < intent.rows; index++) {
        const { most } = batch.record(index)
        if (most !== undefined && !batch.done.has(index)) spending.budget.start(most)
      }
      const { id } = intent.batch ?? {}
      if (id === undefined) continue
      const at = context.clock.now()
      observe({ type: 'batch_submitted', at, id, rows: intent.rows, isEarlier: true })
    }
  }

  // Reading.

  async #read(): Promise<void> {
    try {
      const readAll = await this.#feed.run()
      if (!readAll) return
      await this.#packing.finish()
      if (this.#stopping !== undefined) return
      this.#isRead = true
      this.#parts.observe({ type: 'input_ended', at: this.#parts.context.clock.now() })
      this.#watch.hasten()
    } catch (error) {
      if (!(error instanceof RunError)) {
        this.#pauses.end()
        throw error
      }
      this.stop(error)
    } finally {
      this.#pauses.wake()
    }
  }

  #take(planned: Planned, sequence: number): void {
    if (planned.type === 'held') return this.#settling.held(sequence, planned.key, planned.as)
    if (this.#parts.settings.collectOnly) return this.#collectOnly(planned, sequence)
    if (planned.type === 'fault') {
      this.#settling.fault(sequence, planned)
      return this.#judged(this.#brake.failed(planned.fault.error, false))
    }
    const { work } = planned
    this.#brake.read()
    if (this.#outstanding.match(work)) return
    const refusal = this.#packing.refusalOf(work)
    if (refusal === undefined) return this.#packing.add(work)
    const ending = { number: 0, work, startedAt: this.#parts.context.clock.now() }
    this.#settling.fail({ ...ending, cacheMissedTokens: 0 }, refusal)
    this.#judged(this.#brake.failed(refusal.error, false))
  }

  /** A row that no batch has is left. What is a fault may be none as the run had read it. */
  #collectOnly(planned: Exclude<Planned, { type: 'held' }>, sequence: number): void {
    const work =
      planned.type === 'work' ? planned.work : workOfFault(planned.fault, sequence, planned)
    this.#brake.read()
    if (this.#outstanding.match(work)) return
    this.#unasked += 1
    this.#settling.leave(work, false)
  }

  #judged(error: RunError | undefined): void {
    if (error !== undefined) this.stop(error)
  }

  #bodyOf(
    offset: number,
    byteLength: number,
    key: string,
    lineNumber: number,
  ): Uint8Array | undefined {
    const row = { offset, byteLength, key, lineNumber }
    return this.#feed.bodyAgain({ row } as Work)
  }

  // Watching.

  async #keepWatching(): Promise<void> {
    const { clock } = this.#parts.context
    try {
      while (!this.#isOver) {
        const nextAt = await this.#watch.look()
        this.#packing.collected()
        if (this.#isOver) return
        this.#tellBinds(nextAt)
        await this.#pauses.wait(Math.max(0, nextAt - clock.now()))
      }
    } catch (error) {
      if (!(error instanceof RunError)) {
        this.#pauses.end()
        throw error
      }
      this.stop(error)
    }
  }

  get #isOver(): boolean {
    if (this.#stopping !== undefined) return true
    if (!this.#isRead) return false
    const { batches } = this.#outstanding
    if (batches.size === 0) return true
    // Who does not wait for results takes those that are there.
    const { detach, collectOnly } = this.#parts.settings
    return [...batches].every(
      (batch) =>
        (detach && this.#watch.hasLookedAt(batch)) || (collectOnly && this.#watch.isLost(batch)),
    )
  }

  #tellBinds(untilAt: number): void {
    if (!this.#isRead || this.#outstanding.batches.size === 0) return
    const at = this.#parts.context.clock.now()
    const until = untilAt === Infinity ? {} : { untilAt }
    this.#parts.observe({ type: 'binding_changed', at, binds: 'batches', ...until })
  }

  /** What is not settled stays as it was. */
  #end(): RoundEnd {
    let outstanding = 0
    for (const batch of this.#outstanding.batches) {
      for (let index = 0; index < batch.intent.rows; index++) {
        const row = batch.done.has(index) ? undefined : batch.row(index)
        if (row === undefined) continue
        outstanding += 1
        this.#settling.leave(workOfRecord(row.record, row.sequence), false)
      }
    }
    for (const work of this.#packing.unsent()) this.#settling.leave(work, false)
    const { collector } = this.#watch
    const leftovers = collector.leftovers + this.#unasked
    const end = { leftovers, notInInput: collector.notInInput, outstanding }
    return { stopping: this.#stopping, readAll: this.#isRead, ...end }
  }
}

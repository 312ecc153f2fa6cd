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
import type { Cancel } from '../clock.ts'
import { RunError } from '../errors.ts'
import { Feed, type RowPlace } from '../feed.ts'
import { systemErrorCode } from '../files.ts'
import { parseOptionsOf } from '../options.ts'
import { Schemas } from '../output-rules.ts'
import { Plan, type Planned } from '../plan.ts'
import { Settling } from '../settling.ts'
import type { Work } from '../work.ts'
import { Account } from './account.ts'
import { unwritable } from './disk-file.ts'
import { oldNotice, resultsKeptMs, warnAgeMs } from './find.ts'
import { Outstanding } from './outstanding.ts'
import { LiveRows } from './live-rows.ts'
import { refusalOf } from './packing.ts'
import { Packings } from './packings.ts'
import { Pauses, type RoundParts, type Shared, type Writer } from './round-parts.ts'
import { workOfFault, workOfRecord } from './row-record.ts'
import { Watch } from './watch.ts'

/** How a round ended. */
export interface RoundEnd {
  readonly stopping: RunError | undefined
  /** All rows of the input were read. */
  readonly readAll: boolean
  /** Rows to be asked again, as batches did not answer them. */
  readonly leftovers: number
  /** Rows that had no room in a budget while it was held for others. */
  readonly deferred: number
  /** Rows that get a copy of the line of another at the end. */
  readonly twins: number
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
  readonly #packing: Packings
  readonly #watch: Watch
  readonly #feed: Feed
  readonly #schemas = new Schemas()
  readonly #live: LiveRows | undefined
  #stopping: RunError | undefined
  #cancelGrace: Cancel | undefined
  #isRead = false
  /** Rows that were left as they are in no batch, and those that get copies. */
  #unasked = 0
  #twins = 0
  /** Who waits for room on the disk, and why. */
  readonly #blocks = new Map<Writer, string>()
  #bug: { readonly error: unknown } | undefined

  constructor(parts: RoundParts) {
    const { settings, context } = parts
    this.#parts = parts
    this.#settling = new Settling(parts)
    this.#brake = new Brake(settings.maxFailed)
    this.#pauses = new Pauses(context)
    this.#plan = new Plan(parts.books, {
      ...parseOptionsOf(settings),
      schemas: this.#schemas,
      policies: settings.policies,
      dedupe: settings.dedupe,
      ...(settings.cache === 'auto' && { cachePoints: 'all' as const }),
      ...(settings.cache === 'marked' && { cachePoints: 'marked' as const }),
      retryFailed: settings.retryFailed && parts.number === 1,
      wasRetried: (key) => this.#outstanding.wasRetried(key) || parts.retried.get(key) > 0,
    })
    this.#shared = this.#makeShared()
    this.#live = parts.live && new LiveRows(this.#shared, parts.live, () => this.#readOn())
    this.#packing = new Packings(this.#shared, () => this.#readOn())
    this.#watch = new Watch(this.#shared, () => this.#blocks.has('output'))
    this.#feed = this.#makeFeed()
  }

  /** Why nothing more is done, if nothing is. */
  get stopping(): RunError | undefined {
    return this.#stopping
  }

  /** Resolves when all is durable; false: it never will be, or that is given up. */
  written(): Promise<boolean> {
    return this.#parts.written()
  }

  /** Rows that were read, and of whose end the books have not been told. */
  get unsettled(): number {
    return this.#plan.count - this.#settling.count
  }

  /** Starts nothing more; what is under way may finish within the grace. */
  stop(error: RunError): void {
    if (this.#stopping !== undefined) return
    this.#stopping = error
    const { code, message, hint } = error
    const { context, observe, settings, giveUp } = this.#parts
    observe({ type: 'run_stopping', at: context.clock.now(), code, message, hint: hint ?? null })
    this.#cancelGrace = context.clock.after(settings.graceMs, giveUp)
    this.#live?.stop(error)
    this.#readOn()
    this.#pauses.end()
  }

  /** It cannot be written (`ENOSPC`…), or can again (null). */
  hold(writer: Writer, code: string | null): void {
    const { context, observe } = this.#parts
    const before = this.#blockedBy
    if (code === null) this.#blocks.delete(writer)
    else this.#blocks.set(writer, code)
    const now = this.#blockedBy
    if (writer === 'output') this.#live?.hold(code)
    if (now !== before) observe({ type: 'output_blocked', at: context.clock.now(), code: now })
    if (code !== null) return
    this.#watch.hasten()
    this.#readOn()
  }

  /** Runs until nothing is left to do, or to wait for. Rejects for bugs and lost files. */
  async run(): Promise<RoundEnd> {
    try {
      this.#expectEarlier()
      const live = this.#live?.run()
      await Promise.all([this.#read(), this.#keepWatching()])
      await this.#packing.close()
      await this.#watch.idle()
      await live
      if (this.#bug !== undefined) throw this.#bug.error
      return this.#end()
    } finally {
      this.#packing.discard()
      this.#outstanding.close()
    }
  }

  /** Nothing is under way any more. */
  close(): void {
    this.#cancelGrace?.()
  }

  /** Every row is settled or left. @throws {RunError} `COUNT_MISMATCH` */
  countOut(): void {
    this.#settling.countOut(this.#plan.count, this.#stopping)
  }

  get #blockedBy(): string | null {
    const [code = null] = this.#blocks.values()
    return code
  }

  #makeShared(): Shared {
    const { context, observe, spending } = this.#parts
    return {
      ...this.#parts,
      split: this.#parts.live?.split,
      askLive: (work) => this.#live?.ask(work),
      outstanding: this.#outstanding,
      settling: this.#settling,
      account: new Account(spending),
      brake: this.#brake,
      pauses: this.#pauses,
      success: { at: context.clock.now() },
      isRead: () => this.#isRead,
      stopping: () => this.#stopping,
      stop: (error) => this.stop(error),
      failed: (error) => this.#failed(error),
      hold: (writer, code) => this.hold(writer, code),
      notice: (message) => observe({ type: 'notice', at: context.clock.now(), message }),
      leave: (work) => this.#leave(work),
      bodyOf: (row) => this.#bodyOf(row),
      schemas: this.#schemas,
    }
  }

  /** What stops a run stops it; anything else is a bug, and ends it. */
  #failed(error: unknown): void {
    if (error instanceof RunError) return this.stop(error)
    if (systemErrorCode(error) !== undefined) {
      return this.stop(unwritable('the record of a batch', error))
    }
    this.#bug ??= { error }
    this.stop(new RunError('INTERRUPTED', 'Stopped by a fault of our own'))
  }

  get #hasRoom(): boolean {
    if (this.#stopping !== undefined) return true
    const isFull = this.#live?.isFull === true
    return this.#packing.hasRoom && this.#blocks.size === 0 && !isFull
  }

  /** The feed takes a row whenever it is woken. */
  #readOn(): void {
    if (this.#hasRoom) this.#feed.wake()
  }

  #makeFeed(): Feed {
    const hasRoom = (): boolean => this.#hasRoom
    const isStopping = (): boolean => this.#stopping !== undefined
    const { source, settings } = this.#parts
    return new Feed(
      { source, settings, plan: this.#plan },
      {
        get hasRoom() {
          return hasRoom()
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
    const { context, intents, collected, observe } = this.#parts
    const { account, notice } = this.#shared
    const at = context.clock.now()
    for (const intent of intents.load()) {
      const batch = this.#outstanding.expect(context.files, intents, intent, collected)
      account.expect(batch)
      const { rows, lostSends, mostNanoUsd, batch: known } = intent
      for (let times = 0; times < lostSends; times++) {
        observe({ type: 'batch_lost', at, id: null, rows, costNanoUsdMax: mostNanoUsd })
      }
      if (known === undefined) continue
      observe({ type: 'batch_submitted', at, id: known.id, rows, isEarlier: true })
      const ageMs = context.clock.wallTime() - known.createdAt
      if (ageMs >= warnAgeMs && ageMs < resultsKeptMs) notice(oldNotice(known.id, ageMs))
    }
  }

  #leave(work: Work): void {
    if (work.retriesFailed) this.#parts.retriedLeft.add(work.row.key, 1)
    this.#settling.leave(work, false)
  }

  // Reading.

  async #read(): Promise<void> {
    try {
      await this.#live?.sample()
      const readAll = await this.#feed.run()
      if (!readAll) return
      this.#shared.split?.allRead()
      await this.#packing.finish()
      if (this.#stopping !== undefined) return
      this.#isRead = true
      this.#parts.observe({ type: 'input_ended', at: this.#parts.context.clock.now() })
      this.#watch.hasten()
    } catch (error) {
      this.#failed(error)
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
    const { split } = this.#shared
    this.#brake.read()
    const batch = this.#outstanding.match(work)
    if (batch !== undefined) return split?.matched(batch, work)
    if (planned.type === 'resolved') return this.#settling.resolve(work, planned.resolved)
    if (planned.type === 'twin') {
      this.#twins += 1
      return this.#settling.leave(work, false, true)
    }
    if (this.#live?.wasAsked(sequence) === true) return
    const refusal = refusalOf(work)
    if (split !== undefined && (refusal !== undefined || split.isLive(work))) {
      split.goesLive(work)
      return this.#shared.askLive(work)
    }
    if (refusal === undefined) return this.#packing.add(work)
    const ending = { number: 0, work, startedAt: this.#parts.context.clock.now() }
    this.#settling.fail({ ...ending, cacheMissedTokens: 0 }, refusal)
    this.#judged(this.#brake.failed(refusal.error, false))
  }

  /** A row that no batch has is left. What is a fault may be none as the run had read it. */
  #collectOnly(planned: Exclude<Planned, { type: 'held' }>, sequence: number): void {
    const work =
      planned.type === 'fault' ? workOfFault(planned.fault, sequence, planned) : planned.work
    this.#brake.read()
    if (this.#outstanding.match(work)) return
    if (planned.type === 'resolved') return this.#settling.resolve(work, planned.resolved)
    this.#unasked += 1
    this.#settling.leave(work, false)
  }

  #judged(error: RunError | undefined): void {
    if (error !== undefined) this.stop(error)
  }

  #bodyOf(row: RowPlace): Uint8Array | undefined {
    try {
      return this.#feed.bodyAgain({ row })
    } catch (error) {
      // The input is shorter than it was. What the row asked is not known any more.
      if (error instanceof RunError) return undefined
      throw error
    }
  }

  // Watching.

  async #keepWatching(): Promise<void> {
    const { clock } = this.#parts.context
    try {
      while (!this.#isOver) {
        const { wakes } = this.#pauses
        for (const batch of this.#shared.split?.due() ?? []) this.#watch.hurry(batch)
        const nextAt = await this.#watch.look()
        this.#packing.collected()
        if (this.#isOver) break
        this.#tellWaiting(nextAt)
        const dueInMs = this.#shared.split?.dueInMs ?? Infinity
        const lateMs = this.#live?.untilLateMs(this.unsettled) ?? Infinity
        const waitMs = Math.min(nextAt - clock.now(), dueInMs, lateMs)
        await this.#pauses.wait(Math.max(0, waitMs), wakes)
      }
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#live?.end()
    }
  }

  get #isOver(): boolean {
    if (this.#stopping !== undefined) return true
    if (!this.#isRead || (this.#live?.rows ?? 0) > 0) return false
    const { batches } = this.#outstanding
    if (batches.size === 0) return true
    // Who does not wait for results takes those that are there.
    const { detach, collectOnly } = this.#parts.settings
    return [...batches].every(
      (batch) =>
        (detach && this.#watch.hasLookedAt(batch)) || (collectOnly && this.#watch.isLost(batch)),
    )
  }

  /** Only batches are waited for, and until when nothing is looked at. */
  #tellWaiting(untilAt: number): void {
    if (!this.#isRead || this.#outstanding.batches.size === 0) return
    if ((this.#live?.rows ?? 0) > 0) return
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
    for (const work of this.#live?.unsettled() ?? []) this.#settling.leave(work, false)
    const { collector } = this.#watch
    const leftovers = collector.leftovers + this.#unasked
    const { deferred } = this.#packing
    const counts = { leftovers, outstanding, deferred, notInInput: collector.notInInput }
    return { stopping: this.#stopping, readAll: this.#isRead, twins: this.#twins, ...counts }
  }
}

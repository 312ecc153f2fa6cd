/**
 * Watching batches: looking whether they have ended, having those found whose creation was not
 * answered (find.ts), and having results collected. One call at a time: batches last minutes to
 * hours.
 */

import { RunError } from '../errors.ts'
import { Collector } from './collect.ts'
import { Finder, resultsKeptMs } from './find.ts'
import type { OutstandingBatch } from './outstanding.ts'
import { checkPatience, type Shared } from './round-parts.ts'
import { Watched } from './watched.ts'

/** Results that come whole without rows of ours are asked for so often. */
const incompleteMax = 3

export class Watch {
  readonly #shared: Shared
  readonly #collector: Collector
  readonly #finder: Finder
  readonly #isBlocked: () => boolean
  readonly #watched = new Map<OutstandingBatch, Watched>()
  readonly #incomplete = new Map<OutstandingBatch, number>()

  /** `isBlocked`: results cannot be written. */
  constructor(shared: Shared, isBlocked: () => boolean) {
    this.#shared = shared
    this.#collector = new Collector(shared)
    this.#finder = new Finder(shared)
    this.#isBlocked = isBlocked
  }

  get collector(): Collector {
    return this.#collector
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#finder.idle()
  }

  /** Looks at all that are due once; returns when to look again, monotonic. */
  async look(): Promise<number> {
    const { outstanding, context, stopping } = this.#shared
    const due = [...outstanding.batches].filter(
      (batch) => !batch.isSending && this.#watchedOf(batch).nextAt <= context.clock.now(),
    )
    for (const batch of due) {
      if (stopping() !== undefined) return Infinity
      const watched = this.#watchedOf(batch)
      if (batch.intent.batch === undefined) await this.#find(batch, watched)
      else if (batch.isCut && !watched.isCanceling) await this.#cancel(batch, watched)
      else await this.#poll(batch, watched)
    }
    const waits = [...outstanding.batches].filter(({ isSending }) => !isSending)
    // Where nothing is asked, nothing can succeed: on a full disk, or while all are being sent.
    if (this.#isBlocked() || waits.length === 0) this.#shared.success.at = context.clock.now()
    checkPatience(this.#shared)
    const next = waits.map((batch) => this.#watchedOf(batch).nextAt)
    return Math.min(Infinity, ...next)
  }

  /** Whether it is known to run on, or that one runs on which may be it. */
  hasLookedAt(batch: OutstandingBatch): boolean {
    const watched = this.#watchedOf(batch)
    if (batch.intent.batch === undefined) return watched.mayRun
    return batch.isOfThisRun || watched.looks > 0
  }

  /** Whether only a run that asks rows can go on with it. */
  isLost(batch: OutstandingBatch): boolean {
    return this.#watchedOf(batch).isLost
  }

  /** It is to be looked at now. */
  hurry(batch: OutstandingBatch): void {
    this.#watchedOf(batch).nextAt = 0
    this.#shared.pauses.wake()
  }

  /** Something changed for all of them: the input was read, or there is room on the disk. */
  hasten(): void {
    for (const watched of this.#watched.values()) if (watched.isWaiting) watched.nextAt = 0
    this.#shared.pauses.wake()
  }

  #watchedOf(batch: OutstandingBatch): Watched {
    let watched = this.#watched.get(batch)
    if (watched === undefined) {
      watched = new Watched(this.#shared, batch.isOfThisRun)
      this.#watched.set(batch, watched)
    }
    return watched
  }

  async #find(batch: OutstandingBatch, watched: Watched): Promise<void> {
    await this.#finder.find(batch, watched)
    // Its rows are asked live instead.
    if (watched.isLost && batch.isCut) this.#lost(batch, watched)
  }

  /** Ends it: what it has done by then it still tells. */
  async #cancel(batch: OutstandingBatch, watched: Watched): Promise<void> {
    const { api, context, observe } = this.#shared
    const { id = '' } = batch.intent.batch ?? {}
    const called = await api.cancel(id)
    // One that has ended meanwhile cannot be canceled.
    if (called.kind !== 'invalid' && !watched.isDone(called)) return
    watched.isCanceling = true
    watched.soon()
    observe({ type: 'batch_cut', at: context.clock.now(), id, rows: batch.intent.rows })
  }

  async #poll(batch: OutstandingBatch, watched: Watched): Promise<void> {
    const { id = '', createdAt = 0 } = batch.intent.batch ?? {}
    const called = await this.#shared.api.retrieve(id)
    if (called.kind === 'missing') {
      if (this.#isOld(createdAt)) return this.#lost(batch, watched)
      return this.#missing(batch, watched)
    }
    if (!watched.isDone(called)) return
    const { status, hasResults, isArchived } = called.value
    if (status !== 'ended') {
      watched.isThere()
      return watched.isCanceling ? watched.soon() : watched.again()
    }
    if (hasResults) return this.#collect(batch, watched)
    if (isArchived || this.#isOld(createdAt)) return this.#lost(batch, watched)
    return this.#missing(batch, watched)
  }

  async #collect(batch: OutstandingBatch, watched: Watched): Promise<void> {
    if (this.#mustWait(batch, watched)) return
    const { called, isComplete } = await this.#collector.collect(batch, this.#isBlocked)
    if (isComplete) return this.#collected(batch, watched)
    if (called.kind === 'missing') return this.#missing(batch, watched)
    if (!watched.isDone(called)) return
    watched.isThere()
    const incomplete = (this.#incomplete.get(batch) ?? 0) + 1
    this.#incomplete.set(batch, incomplete)
    if (incomplete >= incompleteMax) return this.#lost(batch, watched)
    watched.again()
  }

  /** Whose row a result is, is known when the input was read so far; a full disk is waited for. */
  #mustWait(batch: OutstandingBatch, watched: Watched): boolean {
    watched.isWaiting = (!batch.isMatched && !this.#shared.isRead()) || this.#isBlocked()
    if (watched.isWaiting) watched.nextAt = Infinity
    return watched.isWaiting
  }

  async #collected(batch: OutstandingBatch, watched: Watched): Promise<void> {
    const { context, observe, success, written } = this.#shared
    // The intent goes when every line is safe. If that is given up, the next run finds them.
    const isWritten = await written()
    success.at = context.clock.now()
    if (!isWritten) return watched.again()
    const { id = '' } = batch.intent.batch ?? {}
    this.#forget(batch)
    observe({ type: 'batch_collected', at: context.clock.now(), id, rows: batch.intent.rows })
  }

  /** It should be there, or its results should. Buying them again is for the user to say. */
  #missing(batch: OutstandingBatch, watched: Watched): void {
    watched.again()
    if (!watched.isGone()) return
    const { intents, stop } = this.#shared
    const { nonce, batch: known } = batch.intent
    const message = `Cannot find batch ${known?.id} with this key, or results of it`
    const otherwise = `if it was deleted, remove ${intents.path(nonce)} to ask its rows again`
    const hint = `use a key of its workspace; ${otherwise}`
    stop(new RunError('BATCHES_OUTSTANDING', message, { hint }))
  }

  /** Its results cannot be had: its rows were perhaps billed, and are asked again. */
  #lost(batch: OutstandingBatch, watched: Watched): void {
    if (this.#mustWait(batch, watched)) return
    const { observe, context, notice } = this.#shared
    const { rows, mostNanoUsd, batch: known } = batch.intent
    const left = rows - batch.done.count
    const id = known?.id ?? null
    notice(`batch ${id} has no results any more: ${left} rows are asked again`)
    const at = context.clock.now()
    observe({ type: 'batch_lost', at, id, rows: left, costNanoUsdMax: mostNanoUsd })
    this.#collector.giveUp(batch)
    this.#forget(batch)
  }

  #forget(batch: OutstandingBatch): void {
    const { account, intents, outstanding, pauses } = this.#shared
    this.#watched.delete(batch)
    this.#incomplete.delete(batch)
    account.close(batch)
    this.#shared.split?.over(batch)
    intents.remove(batch.intent.nonce)
    outstanding.remove(batch)
    pauses.wake()
  }

  #isOld(createdAt: number): boolean {
    const { context, api } = this.#shared
    return context.clock.wallTime() + api.skewMs >= createdAt + resultsKeptMs
  }
}

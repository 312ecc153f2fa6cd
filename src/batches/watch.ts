/**
 * Watching batches: looking whether they have ended, finding those whose creation was not answered,
 * and having results collected. One call at a time: batches last minutes to hours.
 */

import type { Batch, BatchPage, Called } from './batch-api.ts'
import { Collector } from './collect.ts'
import { LineSplitter } from '../lines.ts'
import type { OutstandingBatch } from './outstanding.ts'
import { indexOf } from './pack.ts'
import { readBatchResult } from './results.ts'
import { againMs, checkPatience, type Shared } from './round-parts.ts'
import { created, submit, writeIntent } from './submit.ts'
import { candidatesFor, listedSince, resolve } from './unresolved.ts'

/** Pages of the list that are read; a page has a hundred batches. */
const pagesMax = 50
/** A new batch may not be found for a moment. */
const missingMsMax = 600_000
/** Results that come whole without rows of ours are asked for so often. */
const incompleteMax = 3

/** What is known of a batch's watching. */
interface Watched {
  /** When to look again, monotonic. */
  nextAt: number
  looks: number
  emptyLists: number
  incomplete: number
  hasEnded: boolean
  /** There is no such batch, and it is not for this run to send it again. */
  isLost: boolean
}

export class Watch {
  readonly #shared: Shared
  readonly #collector: Collector
  readonly #isBlocked: () => boolean
  readonly #flush: () => Promise<void>
  readonly #watched = new Map<OutstandingBatch, Watched>()

  /** `isBlocked`: results cannot be written; `flush`: makes those written durable. */
  constructor(shared: Shared, files: { isBlocked: () => boolean; flush: () => Promise<void> }) {
    this.#shared = shared
    this.#collector = new Collector(shared)
    this.#isBlocked = files.isBlocked
    this.#flush = files.flush
  }

  get collector(): Collector {
    return this.#collector
  }

  /** Looks at all that are due once; returns when to look again, monotonic. */
  async look(): Promise<number> {
    const { outstanding, context } = this.#shared
    for (const batch of [...outstanding.batches]) {
      if (this.#shared.stopping() !== undefined) return Infinity
      const watched = this.#watchedOf(batch)
      if (watched.nextAt > context.clock.now()) continue
      if (batch.intent.batch === undefined) await this.#find(batch, watched)
      else await this.#poll(batch, watched)
    }
    // On a full disk nothing is asked, so nothing can succeed.
    if (this.#isBlocked() || outstanding.batches.size === 0) this.#succeeded()
    checkPatience(this.#shared)
    const next = [...outstanding.batches].map((batch) => this.#watchedOf(batch).nextAt)
    return Math.min(Infinity, ...next)
  }

  /** Whether it is known to run on. */
  hasLookedAt(batch: OutstandingBatch): boolean {
    if (batch.intent.batch === undefined) return false
    return batch.isOfThisRun || this.#watchedOf(batch).looks > 0
  }

  /** Whether only a run that asks rows can go on with it. */
  isLost(batch: OutstandingBatch): boolean {
    return this.#watchedOf(batch).isLost
  }

  /** Something changed for all of them: the input was read, or there is room on the disk. */
  hasten(): void {
    for (const watched of this.#watched.values()) if (watched.hasEnded) watched.nextAt = 0
  }

  #watchedOf(batch: OutstandingBatch): Watched {
    let watched = this.#watched.get(batch)
    if (watched === undefined) {
      // One of an earlier run may have ended long ago; one that was just made has not.
      const nextAt = batch.isOfThisRun ? this.#later(0) : 0
      watched = { nextAt, looks: 0, emptyLists: 0, incomplete: 0, hasEnded: false, isLost: false }
      this.#watched.set(batch, watched)
    }
    return watched
  }

  async #poll(batch: OutstandingBatch, watched: Watched): Promise<void> {
    const { api, context } = this.#shared
    const { id = '', createdAt = 0 } = batch.intent.batch ?? {}
    const called = await api.retrieve(id)
    if (called.kind === 'missing') {
      const ageMs = context.clock.wallTime() - createdAt
      return ageMs < missingMsMax ? this.#again(watched) : this.#lost(batch)
    }
    if (!this.#isDone(called, watched)) return
    watched.hasEnded = called.value.status === 'ended'
    if (!watched.hasEnded) return this.#again(watched)
    if (!called.value.hasResults) return this.#lost(batch)
    await this.#collect(batch, watched)
  }

  async #collect(batch: OutstandingBatch, watched: Watched): Promise<void> {
    // Whose row a result is, is known when the input has been read so far; a full disk is waited for.
    if ((!batch.isMatched && !this.#shared.isRead()) || this.#isBlocked()) {
      watched.nextAt = Infinity
      return
    }
    const { called, isComplete } = await this.#collector.collect(batch, this.#isBlocked)
    if (!isComplete) {
      if (called.kind === 'missing') return this.#lost(batch)
      if (!this.#isDone(called, watched)) return
      watched.incomplete += 1
      if (watched.incomplete >= incompleteMax) return this.#lost(batch)
      return this.#again(watched)
    }
    this.#succeeded()
    await this.#flush()
    const { id = '' } = batch.intent.batch ?? {}
    this.#forget(batch)
    const at = this.#shared.context.clock.now()
    this.#shared.observe({ type: 'batch_collected', at, id, rows: batch.intent.rows })
  }

  /** Its results cannot be had: its rows were perhaps billed, and are asked again. */
  #lost(batch: OutstandingBatch): void {
    const { observe, context, notice } = this.#shared
    const { rows, mostNanoUsd, batch: known } = batch.intent
    const left = rows - batch.done.count
    const id = known?.id ?? null
    notice(`batch ${id} has no results any more: ${left} rows are asked again`)
    observe({ type: 'batch_lost', at: context.clock.now(), id, rows, costNanoUsdMax: mostNanoUsd })
    this.#collector.giveUp(batch)
    this.#forget(batch)
  }

  #forget(batch: OutstandingBatch): void {
    this.#watched.delete(batch)
    this.#shared.intents.remove(batch.intent.nonce)
    this.#shared.outstanding.remove(batch)
    this.#shared.pauses.wake()
  }

  // Those whose creation was not answered.

  async #find(batch: OutstandingBatch, watched: Watched): Promise<void> {
    const { context, settings, notice, observe } = this.#shared
    const listed = await this.#list(batch, watched)
    if (listed === undefined) return
    const search = {
      now: context.clock.wallTime(),
      listed,
      owned: this.#owned,
      emptyLists: watched.emptyLists,
    }
    const resolution = resolve(batch.intent, search)
    watched.emptyLists =
      candidatesFor(batch.intent, search).length === 0 ? watched.emptyLists + 1 : 0
    if (resolution.type === 'look') return this.#identify(batch, watched, resolution.batches)
    if (resolution.type === 'wait') return this.#again(watched)
    if (settings.collectOnly) {
      watched.isLost = true
      watched.nextAt = Infinity
      return
    }
    notice('the batch whose reply was lost is not there: it is sent again')
    const { rows, mostNanoUsd, lostSends } = batch.intent
    const at = context.clock.now()
    observe({ type: 'batch_lost', at, id: null, rows, costNanoUsdMax: mostNanoUsd })
    batch.intent = { ...batch.intent, lostSends: lostSends + 1 }
    await writeIntent(this.#shared, batch.intent)
    watched.emptyLists = 0
    await submit(this.#shared, batch)
    this.#again(watched)
  }

  get #owned(): ReadonlySet<string> {
    const ids = [...this.#shared.outstanding.batches].map(({ intent }) => intent.batch?.id)
    return new Set(ids.filter((id) => id !== undefined))
  }

  /** All batches young enough; undefined where that cannot be had now. */
  async #list(
    { intent }: OutstandingBatch,
    watched: Watched,
  ): Promise<readonly Batch[] | undefined> {
    const listed: Batch[] = []
    let after: string | undefined
    for (let pages = 0; pages < pagesMax; pages++) {
      const called: Called<BatchPage> = await this.#shared.api.list(after)
      if (!this.#isDone(called, watched)) return undefined
      listed.push(...called.value.batches)
      after = called.value.after
      const oldest = called.value.batches.at(-1)?.createdAt ?? 0
      if (after === undefined || oldest < listedSince(intent)) break
    }
    return listed
  }

  /** Whether one of these, which have ended, is the batch of the intent: a first result tells. */
  async #identify(
    batch: OutstandingBatch,
    watched: Watched,
    candidates: readonly Batch[],
  ): Promise<void> {
    for (const candidate of candidates) {
      const isOurs = await this.#isOurs(batch, candidate, watched)
      if (isOurs === undefined) return
      if (isOurs) {
        await created(this.#shared, batch, candidate)
        watched.nextAt = 0
        return this.#shared.pauses.wake()
      }
      const { intent } = batch
      batch.intent = { ...intent, notOurs: [...intent.notOurs, candidate.id] }
      await writeIntent(this.#shared, batch.intent)
    }
    this.#again(watched)
  }

  async #isOurs(
    { intent }: OutstandingBatch,
    { id, hasResults }: Batch,
    watched: Watched,
  ): Promise<boolean | undefined> {
    if (!hasResults) return false
    const splitter = new LineSplitter()
    const ending = new AbortController()
    let wire: string | undefined
    const called = await this.#shared.api.results(
      id,
      (bytes) => {
        const [line] = wire === undefined ? splitter.push(bytes) : []
        if (line === undefined) return
        wire = readBatchResult(line.bytes)?.wire ?? ''
        ending.abort()
      },
      ending.signal,
    )
    const [last] = wire === undefined && called.kind === 'done' ? splitter.end() : []
    if (last !== undefined) wire = readBatchResult(last.bytes)?.wire ?? ''
    if (wire !== undefined) return indexOf(intent.nonce, wire) !== undefined
    if (called.kind === 'missing') return false
    this.#isDone(called, watched)
    return undefined
  }

  // When to look again.

  /** Whether a call succeeded; if not, when to try again, or why to stop. */
  #isDone<T>(called: Called<T>, watched: Watched): called is Called<T> & { kind: 'done' } {
    switch (called.kind) {
      case 'done':
        this.#succeeded()
        return true
      case 'refused':
        this.#again(watched, called.retryAfterMs)
        return false
      case 'stop':
        this.#shared.stop(called.error)
        return false
      case 'failed':
      case 'invalid':
      case 'missing':
        this.#again(watched)
        return false
      default:
        return called satisfies never
    }
  }

  #again(watched: Watched, atLeastMs = 0): void {
    watched.nextAt = this.#later(watched.looks, atLeastMs)
    watched.looks += 1
  }

  #later(looks: number, atLeastMs = 0): number {
    return this.#shared.context.clock.now() + againMs(looks, this.#shared.random, atLeastMs)
  }

  #succeeded(): void {
    this.#shared.success.at = this.#shared.context.clock.now()
  }
}

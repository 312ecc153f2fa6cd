/**
 * Finding out what became of a batch whose creation was not answered: by lists of batches, and by
 * the first result of one that may be it (unresolved.ts decides).
 */

import { LineSplitter } from '../lines.ts'
import type { Batch, BatchPage, Called } from './batch-api.ts'
import type { OutstandingBatch } from './outstanding.ts'
import { indexOf } from './pack.ts'
import { readBatchResult } from './results.ts'
import type { Shared } from './round-parts.ts'
import { created, submit, writeIntent } from './submit.ts'
import { candidatesFor, listedSince, resolve } from './unresolved.ts'
import type { Watched } from './watched.ts'

/** Pages of the list that are read; a page has a hundred batches. */
const pagesMax = 50
/** Results are kept for 29 days from creation (Message Batches reference). */
export const resultsKeptMs: number = 29 * 86_400_000

/** See above. */
export class Finder {
  readonly #shared: Shared
  readonly #sending = new Set<Promise<void>>()

  constructor(shared: Shared) {
    this.#shared = shared
  }

  /** Resolves when nothing is being sent again. */
  async idle(): Promise<void> {
    while (this.#sending.size > 0) await Promise.all(this.#sending)
  }

  /** Looks for it once. */
  async find(batch: OutstandingBatch, watched: Watched): Promise<void> {
    const { context, api, settings } = this.#shared
    const listed = await this.#list(batch, watched)
    if (listed === undefined) return
    const { skewMs } = api
    const { emptyLists } = watched
    const now = context.clock.wallTime()
    const search = { now, skewMs, listed, owned: this.#owned, emptyLists }
    const resolution = resolve(batch.intent, search)
    const isEmpty = candidatesFor(batch.intent, search).length === 0
    watched.emptyLists = isEmpty ? emptyLists + 1 : 0
    watched.mayRun = resolution.type === 'wait' && !isEmpty
    if (resolution.type === 'look') return this.#identify(batch, watched, resolution.batches)
    watched.again()
    if (resolution.type === 'lost' && (settings.collectOnly || batch.isCut)) {
      watched.isLost = true
      watched.nextAt = Infinity
    } else if (resolution.type === 'lost') await this.#sendAgain(batch, watched)
  }

  /** There is none: the rows may have been billed all the same, and are sent again. */
  async #sendAgain(batch: OutstandingBatch, watched: Watched): Promise<void> {
    const { notice, observe, account, stop, context } = this.#shared
    const error = account.again(batch)
    if (error !== undefined) return stop(error)
    const { rows, mostNanoUsd, lostSends } = batch.intent
    notice('the batch whose reply was lost is not there: it is sent again')
    const at = context.clock.now()
    observe({ type: 'batch_lost', at, id: null, rows, costNanoUsdMax: mostNanoUsd })
    batch.intent = { ...batch.intent, lostSends: lostSends + 1 }
    await writeIntent(this.#shared, batch.intent)
    watched.emptyLists = 0
    watched.looks = 0
    // Not waited for: others are to be collected while the API has no room for this one.
    const sending = submit(this.#shared, batch).then(
      () => watched.again(),
      (thrown: unknown) => this.#shared.failed(thrown),
    )
    this.#sending.add(sending)
    void sending.finally(() => this.#sending.delete(sending))
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
    const { api } = this.#shared
    const listed: Batch[] = []
    let after: string | undefined
    for (let pages = 0; pages < pagesMax; pages++) {
      const called: Called<BatchPage> = await api.list(after)
      if (!watched.isDone(called)) return undefined
      listed.push(...called.value.batches)
      after = called.value.after
      const oldest = called.value.batches.at(-1)?.createdAt ?? 0
      if (after === undefined || oldest < listedSince(intent, api.skewMs)) break
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
    watched.again()
  }

  /** Undefined: that cannot be told now. */
  async #isOurs(
    { intent }: OutstandingBatch,
    { id, hasResults, createdAt }: Batch,
    watched: Watched,
  ): Promise<boolean | undefined> {
    // Results that are gone tell nothing, and never will.
    if (!hasResults && this.#isOld(createdAt)) return false
    const splitter = new LineSplitter()
    let wire: string | undefined
    const called = await this.#shared.api.results(id, (bytes) => {
      const [line] = splitter.push(bytes)
      if (line !== undefined) wire = readBatchResult(line.bytes)?.wire ?? ''
      return wire === undefined
    })
    const [last] = wire === undefined && called.kind === 'done' ? splitter.end() : []
    if (last !== undefined) wire = readBatchResult(last.bytes)?.wire ?? ''
    if (wire !== undefined) return indexOf(intent.nonce, wire) !== undefined
    if (called.kind === 'done') watched.again()
    else watched.isDone(called)
    return undefined
  }

  #isOld(createdAt: number): boolean {
    const { context, api } = this.#shared
    return context.clock.wallTime() + api.skewMs >= createdAt + resultsKeptMs
  }
}

/** Results that are as old as this may be gone at the next run. */
export const warnAgeMs: number = 25 * 86_400_000

/** What is said of such a batch. */
export function oldNotice(id: string, ageMs: number): string {
  const days = Math.floor(ageMs / 86_400_000)
  return `batch ${id} is ${days} days old: its results are kept for 29 days, and then gone`
}

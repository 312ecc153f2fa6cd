/**
 * Collecting the results of a batch that has ended: each to its row, the moment it is read.
 *
 * They come in any order, and the download may be cut anywhere: then it begins again, and what has
 * its line is passed over. The intent goes when every result is written and durable.
 */

import type { Answered, Broken, Invalid } from '../outcome.ts'
import { LineSplitter } from '../lines.ts'
import type { Ending } from '../settling.ts'
import type { Work } from '../work.ts'
import type { Called } from './batch-api.ts'
import type { OutstandingBatch } from './outstanding.ts'
import { indexOf, wireId } from './pack.ts'
import { type BatchResult, readBatchResult } from './results.ts'
import { workOfRecord } from './row-record.ts'
import type { Shared } from './round-parts.ts'

/** What collecting gave. */
export interface Collecting {
  readonly called: Called<undefined>
  /** Every row has its result. */
  readonly isComplete: boolean
}

/** Results of rows, counted over a round. */
export class Collector {
  readonly #shared: Shared
  #leftovers = 0
  #notInInput = 0

  constructor(shared: Shared) {
    this.#shared = shared
  }

  /** Rows that were not answered through no fault of theirs, and are to be asked again. */
  get leftovers(): number {
    return this.#leftovers
  }

  /** Answers of rows that have left the input; they are kept. */
  get notInInput(): number {
    return this.#notInInput
  }

  /** Reads the results as far as they come; `isBlocked`: they cannot be written just now. */
  async collect(batch: OutstandingBatch, isBlocked: () => boolean): Promise<Collecting> {
    const { api } = this.#shared
    const id = batch.intent.batch?.id ?? ''
    const splitter = new LineSplitter()
    const ending = new AbortController()
    const called = await api.results(
      id,
      (bytes) => {
        if (ending.signal.aborted) return
        for (const line of splitter.push(bytes)) this.#take(batch, readBatchResult(line.bytes))
        if (isBlocked()) ending.abort()
      },
      ending.signal,
    )
    if (called.kind === 'done') {
      for (const line of splitter.end()) this.#take(batch, readBatchResult(line.bytes))
    }
    return { called, isComplete: batch.done.count >= batch.intent.rows }
  }

  /** There are no results, and never will be: the rows are asked again. */
  giveUp(batch: OutstandingBatch): void {
    for (let index = 0; index < batch.intent.rows; index++) {
      if (batch.done.has(index)) continue
      this.#take(batch, { wire: wireId(batch.intent.nonce, index), outcome: lost })
    }
  }

  #take(batch: OutstandingBatch, result: BatchResult | undefined): void {
    const { nonce } = batch.intent
    const index = result === undefined ? undefined : indexOf(nonce, result.wire)
    if (result === undefined || index === undefined || index >= batch.intent.rows) return
    if (batch.done.has(index)) return
    batch.done.set(index)
    const matched = batch.row(index)
    const work = workOfRecord(matched?.record ?? batch.record(index), matched?.sequence ?? 0)
    work.attempts = this.#shared.number - 1
    work.unknownAttempts = batch.intent.lostSends
    const place = { id: batch.intent.batch?.id ?? '', request: result.wire }
    const ending = { number: 0, work, startedAt: this.#startedAt(batch), cacheMissedTokens: 0 }
    this.#settleBudget(work, result.outcome)
    if (matched === undefined) this.#keep({ ...ending, batch: place }, result.outcome)
    else this.#end({ ...ending, batch: place }, result.outcome)
  }

  #end(ending: Ending, outcome: BatchResult['outcome']): void {
    const { settling, brake, settings, number } = this.#shared
    const { work } = ending
    if (outcome.kind === 'answered') {
      brake.succeeded()
      return settling.succeed(ending, outcome)
    }
    work.attempts += 1
    if (outcome.kind === 'broken' && number < settings.maxAttempts) {
      this.#leftovers += 1
      return settling.leave(work, false)
    }
    this.#fail(ending, outcome)
    const stopping = brake.failed(outcome.error, true)
    if (stopping !== undefined) this.#shared.stop(stopping)
  }

  #fail(ending: Ending, outcome: Invalid | Broken): void {
    const { work } = ending
    const { offset, byteLength, key, lineNumber } = work.row
    work.body = this.#shared.bodyOf(offset, byteLength, key, lineNumber)
    this.#shared.settling.fail(ending, outcome)
  }

  /** An answer without a row in the input was paid for all the same. */
  #keep(ending: Ending, outcome: BatchResult['outcome']): void {
    if (outcome.kind !== 'answered' || this.#shared.settings.ordered) return
    this.#notInInput += 1
    this.#shared.settling.keep(ending, outcome)
  }

  #settleBudget({ most }: Work, outcome: Answered | Invalid | Broken): void {
    const { spending } = this.#shared
    if (spending === undefined || most === undefined) return
    const work = { row: undefined, most }
    const isAnswer = outcome.kind === 'answered'
    const spent = isAnswer ? spending.costOf({ work: work as never }, outcome) : undefined
    const isUnknown = outcome.kind === 'broken' && outcome.unknown
    spending.budget.settle(most, spent ?? (isUnknown ? 'unknown' : 'nothing'))
  }

  #startedAt({ intent: { batch } }: OutstandingBatch): number {
    const { clock } = this.#shared.context
    return clock.now() - Math.max(0, clock.wallTime() - (batch?.createdAt ?? clock.wallTime()))
  }
}

const lost: Broken = {
  kind: 'broken',
  status: 0,
  requestId: null,
  error: { type: 'results_gone', message: 'The results of the batch are not there any more' },
  unknown: true,
}

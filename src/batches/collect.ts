/**
 * Collecting the results of a batch that has ended: each to its row, the moment it is read.
 *
 * They come in any order, and the download may be cut anywhere: then it begins again, and what has
 * its line is passed over. The intent goes when every result is written and durable.
 */

import { type AnswerVerdict, judgeAnswer } from '../answer-policy.ts'
import { goOnBehindKept } from '../going-on.ts'
import { isJsonObject, parseJson } from '../json.ts'
import { LineSplitter } from '../lines.ts'
import { type Answered, type Broken, type Invalid, rejected } from '../outcome.ts'
import type { Ending } from '../settling.ts'
import type { KeptTurn } from '../turns.ts'
import type { Work } from '../work.ts'
import type { Called } from './batch-api.ts'
import type { OutstandingBatch } from './outstanding.ts'
import { indexOf, wireId } from './pack.ts'
import { type BatchResult, readBatchResult } from './results.ts'
import type { Shared } from './round-parts.ts'
import { type RowRecord, workOfRecord } from './row-record.ts'

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
    const called = await api.results(id, (bytes) => {
      for (const line of splitter.push(bytes)) this.#take(batch, readBatchResult(line.bytes))
      return !isBlocked()
    })
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
    const record = matched?.record ?? batch.record(index)
    const work = workOfRecord(record, matched?.sequence ?? 0)
    work.unknownAttempts = batch.intent.lostSends
    const place = { id: batch.intent.batch?.id ?? '', request: result.wire }
    const startedAt = this.#startedAt(batch)
    const ending = { number: 0, work, startedAt, cacheMissedTokens: 0, batch: place }
    this.#shared.account.settle(batch, record.most, result.outcome)
    const { outcome } = result
    if (matched === undefined) return this.#keep(ending, outcome)
    const kept = this.#shared.books.turnsOf(work.row)
    work.attempts = Math.max(0, this.#shared.number - 1 - kept.length)
    if (outcome.kind === 'answered') this.#answered(batch, { ending, outcome, record, kept })
    else this.#end(batch, ending, outcome)
  }

  /** Its row has a result, or is asked again. */
  #answered(batch: OutstandingBatch, answered: AnsweredInBatch): void {
    const { settling, brake, settings, split, stop } = this.#shared
    const { ending, outcome, kept } = answered
    const { work } = ending
    split?.answered(batch, outcome.usage)
    const verdict = this.#judge(answered)
    if (verdict.type === 'fail') {
      work.body ??= this.#shared.bodyOf(work.row)
      settling.fail(ending, rejected(outcome, verdict.error))
      const stopping = brake.failed(verdict.error, true)
      if (stopping !== undefined) stop(stopping)
      return
    }
    brake.succeeded()
    if (verdict.type === 'keep') {
      if (settings.includeRequest) work.body ??= this.#shared.bodyOf(work.row)
      return settling.succeed(ending, outcome, verdict.isInvalid)
    }
    // A run that was killed while it collected has put it on record already.
    if (kept.at(-1)?.batchRequest === ending.batch?.request) this.#leaveOver(batch, work)
    else settling.turn(ending, outcome, verdict, () => this.#leaveOver(batch, work))
  }

  #judge({ ending, outcome, record, kept }: AnsweredInBatch): AnswerVerdict {
    const { policies } = this.#shared.settings
    const { work, batch } = ending
    const isOrdinary = outcome.stopReason === 'end_turn' || outcome.stopReason === 'tool_use'
    if (kept.length === 0 && isOrdinary && !record.hasSchema) return accepted
    work.body = this.#shared.bodyOf(work.row)
    const request = work.body && parseJson(Buffer.from(work.body).toString())
    // What it asked is not known any more: the answer is what there is.
    if (!isJsonObject(request)) return accepted
    const { max_tokens: maxTokens } = request
    const outputs = this.#shared.schemas.rulesOf(request)
    work.row = { ...work.row, maxTokens: Number(maxTokens), outputs }
    const isOwn = kept.at(-1)?.batchRequest === batch?.request
    goOnBehindKept(policies, work, isOwn ? kept.slice(0, -1) : kept)
    const verdict = judgeAnswer(policies, { ...work.row, turns: work.turns }, outcome)
    const flaw = outputs?.takeFlaw()
    if (flaw !== undefined) this.#shared.notice(flaw)
    return verdict
  }

  #end(batch: OutstandingBatch, ending: Ending, outcome: Invalid | Broken): void {
    const { settling, brake, settings, number, stop } = this.#shared
    const { work } = ending
    // What was canceled to be asked live was no try.
    if (!batch.isCut) work.attempts += 1
    if (outcome.kind === 'broken' && (batch.isCut || number < settings.maxAttempts)) {
      return this.#leaveOver(batch, work)
    }
    if (outcome.kind === 'broken' && outcome.unknown) work.unknownAttempts += 1
    work.body = this.#shared.bodyOf(work.row)
    settling.fail(ending, outcome)
    const stopping = brake.failed(outcome.error, true)
    if (stopping !== undefined) stop(stopping)
  }

  /** It is asked again: live, or in the next round. */
  #leaveOver(batch: OutstandingBatch, work: Work): void {
    if (this.#shared.split?.leftOver(batch, work) === 'live') {
      batch.askedLive += 1
      return this.#shared.askLive(work)
    }
    this.#leftovers += 1
    this.#shared.leave(work)
  }

  /** An answer without a row in the input was paid for all the same. */
  #keep(ending: Ending, outcome: BatchResult['outcome']): void {
    if (outcome.kind !== 'answered') return
    const { books, settling } = this.#shared
    this.#notInInput += 1
    books.keep(ending.work, settling.answerOf(ending, outcome))
  }

  #startedAt({ intent: { batch } }: OutstandingBatch): number {
    const { clock } = this.#shared.context
    return clock.now() - Math.max(0, clock.wallTime() - (batch?.createdAt ?? clock.wallTime()))
  }
}

/** An answer that a batch has given. */
interface AnsweredInBatch {
  readonly ending: Ending
  readonly outcome: Answered
  readonly record: RowRecord
  /** Those before it. */
  readonly kept: readonly KeptTurn[]
}

const accepted: AnswerVerdict = { type: 'keep', isInvalid: false }

const lost: Broken = {
  kind: 'broken',
  status: 0,
  requestId: null,
  error: { type: 'results_gone', message: 'The results of the batch are not there any more' },
  unknown: true,
}

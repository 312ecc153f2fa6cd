/**
 * The books of a run: its output and failed files, under their lock.
 *
 * Opened, it says what earlier runs of the same output settled. From then on every row passes it
 * exactly once: held, succeeded, failed or left. Finished, the failed file holds one line for each
 * row that failed, and an ordered output stands in input order.
 *
 * What to write is said by the loop, and `write()` is called before the call returns. On standard
 * output there is nothing to resume from: no lock, no record, and failures among the answers.
 */

import { mayAskAgain } from './answer-policy.ts'
import { Appender, type AppenderEvents } from './appender.ts'
import { answeredFields, earlierOf, failedFields, faultFields } from './books.ts'
import type { Answer, Books, Failure } from './books.ts'
import { beginCompressed, pourPart } from './compressed-output.ts'
import type { RunContext } from './context.ts'
import { type Copied, copyLine } from './copied-line.ts'
import { compactFailed, removeIfEmpty } from './failed-file.ts'
import { systemErrorCode } from './files.ts'
import { Fingerprints } from './fingerprints.ts'
import { bodyText } from './going-on.ts'
import { HeldCost } from './held-cost.ts'
import { keysOf } from './input-keys.ts'
import type { Ending, LedgerListener } from './ledger-files.ts'
import { isOneFile, realPath, standardOutput, unwritable } from './ledger-files.ts'
import { type LineForm, lineForms } from './line-form.ts'
import { type Lock, takeLock } from './lock.ts'
import { moveAside, stampOf } from './move-aside.ts'
import { failedPath, isBudgeted } from './options.ts'
import type { Settings } from './settings.ts'
import { OrderedOutput } from './ordered-output.ts'
import { recordsFolderAt } from './outstanding-batches.ts'
import type { Holding, Planned } from './plan.ts'
import {
  bothOf,
  Held,
  type LineWitness,
  recover,
  type Recovered,
  recoverPlain,
  syncFound,
} from './record.ts'
import { rewriteInOrder } from './reorder.ts'
import { openToAppend, readResultFile } from './result-file.ts'
import type { ResultLine } from './result-line.ts'
import { pourSpool } from './spool.ts'
import { TurnRecord, type TurnPlace } from './turn-record.ts'
import { type KeptTurn, noTurns } from './turns.ts'
import type { Work } from './work.ts'

interface Opened {
  readonly lock: Lock | undefined
  readonly recovered: Recovered
  readonly heldCost: HeldCost
  /** Absent on standard output. */
  readonly turns: TurnRecord | undefined
  readonly events: AppenderEvents
}

export class Ledger implements Books {
  readonly #context: RunContext
  readonly #settings: Settings
  readonly #lock: Lock | undefined
  readonly #recovered: Recovered
  /** What the answers held at the beginning cost; summed up for a budget alone. */
  readonly heldCost: HeldCost
  readonly #held: Held
  readonly #form: LineForm
  readonly #output: Appender
  readonly #failed: Appender
  readonly #ordered: OrderedOutput | undefined
  readonly #turns: TurnRecord | undefined
  /** Lines the failed file must hold at the end, per key. */
  readonly #wantedFailed = new Fingerprints()
  #retried = false
  #isDisordered = false

  private constructor(context: RunContext, settings: Settings, opened: Opened) {
    const { files, clock } = context
    const { lock, recovered, heldCost } = opened
    const events: AppenderEvents = {
      ...opened.events,
      // Each file reports for itself; the run goes on when all of them can be written.
      onUnblocked: () => {
        if (!this.isBlocked) opened.events.onUnblocked()
      },
    }
    const { output, fsync, policies } = settings
    this.#context = context
    this.#settings = settings
    this.#lock = lock
    this.#recovered = recovered
    this.heldCost = heldCost
    this.#held = new Held(recovered)
    this.#turns = opened.turns
    if (mayAskAgain(policies)) this.#turns?.open(events)
    this.#form = lineForms[settings.outputFormat]
    if (output === standardOutput) {
      this.#output = new Appender({ file: files.stdout(), clock, fsync: 'never', ...events })
      this.#failed = this.#output
      return
    }
    const append = (path: string): Appender =>
      new Appender({ file: openToAppend(files, path), clock, fsync, ...events })
    this.#output = append(recovered.compressed?.part ?? output)
    this.#failed = isOneFile(settings) ? this.#output : append(failedPath(output))
    if (!settings.ordered) return
    const folder = recordsFolderAt(output)
    const { spooled } = recovered
    const options = { files, clock, folder, output: this.#output, fsync, spooled, ...events }
    this.#ordered = new OrderedOutput(options)
  }

  /**
   * Takes the output's lock and reads what its files hold; `witness` is told of every line.
   *
   * @throws {RunError} when another run holds the lock, or the files are not ours or not to be used
   */
  static async open(
    context: RunContext,
    settings: Settings,
    listener: LedgerListener,
    witness?: LineWitness,
  ): Promise<Ledger> {
    const { files, clock } = context
    const events: AppenderEvents = {
      onBlocked: (code) => listener.blocked(code),
      onUnblocked: () => listener.blocked(null),
      onFailed: (error) => listener.lost(unwritable(settings.output, error)),
    }
    const heldCost = new HeldCost()
    if (settings.output === standardOutput) {
      const recovered = recoverPlain(files, { output: '' })
      const opened = { lock: undefined, turns: undefined, recovered, heldCost, events }
      return new Ledger(context, settings, opened)
    }
    const output = realPath(context, settings.output)
    const lock = await takeLock({ ...context, output })
    try {
      const failed = isOneFile(settings) ? undefined : failedPath(output)
      const cost = isBudgeted(settings) ? heldCost : undefined
      const folder = recordsFolderAt(output)
      const asides = { output, failed, folder }
      if (settings.overwrite) moveAside(files, asides, stampOf(clock.wallTime()))
      const turns = new TurnRecord({ files, clock, fsync: settings.fsync, folder })
      const seen = bothOf(witness, { add: (line) => turns.seen(line) })
      const paths = { ...asides, cost, witness: seen }
      const recovered = await recover(files, paths, lineForms[settings.outputFormat])
      const { compressed, spooled } = recovered
      if (compressed !== undefined) beginCompressed(files, compressed, settings)
      // What is found counts as done, and must outlive the power as what this run writes does.
      if (settings.fsync !== 'never') syncFound(files, paths, recovered)
      if (!settings.ordered && spooled) pourSpool(files, compressed?.part ?? output, spooled)
      heldCost.addSum(turns.cost)
      // Of several that met at a dead holder's lock, all but one learn it here, before they send.
      lock.beat(0)
      const opened = { lock, turns, recovered, heldCost, events }
      return new Ledger(context, { ...settings, output }, opened)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** Path of the output, without links; `-` is standard output. */
  get output(): string {
    return this.#settings.output
  }

  /** The folder of records beside the output; undefined on standard output. */
  get folder(): string | undefined {
    return this.#lock === undefined ? undefined : recordsFolderAt(this.output)
  }

  get failedOutput(): string {
    return isOneFile(this.#settings) ? this.output : failedPath(this.output)
  }

  /** Lines the files held when the run began. */
  get heldCounts(): { readonly succeeded: number; readonly failed: number } {
    const { succeededCount, failedCount, spooled } = this.#recovered
    return { succeeded: succeededCount + (spooled?.count ?? 0), failed: failedCount }
  }

  /** Most requests that were under way when the run before this one was killed; 0 if it was not. */
  get killedInFlight(): number {
    return this.#lock?.previous?.inFlight ?? 0
  }

  /** Whether lines wait for room on the disk. */
  get isBlocked(): boolean {
    if (this.#ordered?.isBlocked === true || this.#turns?.isBlocked === true) return true
    return this.#output.isBlocked || this.#failed.isBlocked
  }

  /** Takes a line of this key for a row, if the files hold one. */
  take(key: string): Holding | undefined {
    return this.#held.take(key)
  }

  /** Answers of a row behind which it was to be asked again, in an earlier run or round. */
  turnsOf(place: TurnPlace): readonly KeptTurn[] {
    return this.#turns?.of(place) ?? noTurns
  }

  /** The row was answered, and is asked again. On standard output nothing of it is kept. */
  turn({ row }: Work, turn: KeptTurn, onWritten: () => void): void {
    if (this.#turns === undefined) onWritten()
    else this.#turns.add(row, turn, onWritten)
  }

  /** The row has its line from an earlier run. */
  held(sequence: number, key: string, as: Holding): void {
    if (as === 'failed') {
      this.#wantedFailed.add(key, 1)
      this.#ordered?.skip(sequence)
    } else if (as === 'spooled') this.#ordered?.placeSpooled(sequence, key)
    else this.#ordered?.held(sequence)
  }

  /** The row was answered. `onWritten` is called when its line is handed to `write()`. */
  succeed(work: Work, answer: Answer, onWritten: () => void): void {
    const { id, metadata, original } = work.row
    const asked = this.#settings.includeRequest ? bodyText(work) : undefined
    const { message } = answer.outcome
    const run = answeredFields(work, answer)
    const earlier = earlierOf(work)
    const rest = { metadata, original, request: asked, earlier, run }
    const line = this.#form.succeeded({ id, message, ...rest })
    if (work.retriesFailed) this.#retried = true
    const written = this.#whenWritten(work, answer, onWritten)
    if (this.#ordered) this.#ordered.place(work.sequence, line, written)
    else this.#output.append(line, written)
  }

  /** The row gets a copy of another's line. */
  copy(work: Work, copied: Copied, onWritten: () => void): void {
    const params = { text: bodyText(work), isIncluded: this.#settings.includeRequest }
    const line = copyLine(this.#form, work, copied, params)
    if (work.retriesFailed) this.#retried = true
    if ('message' in copied.end) this.#output.append(line, onWritten)
    else this.#appendFailed(line, { ...work, key: work.row.key }, onWritten)
  }

  /** An answer of no row that is in the input: where it belongs among the others, nobody knows. */
  keep(work: Work, answer: Answer): void {
    const { id, metadata } = work.row
    const { message } = answer.outcome
    const run = answeredFields(work, answer)
    this.#output.append(this.#form.succeeded({ id, message, metadata, run }), () => {})
    this.#isDisordered = true
  }

  /** The row failed. */
  fail(work: Work, failure: Failure, onWritten: () => void): void {
    const { id, metadata, original, key } = work.row
    const { error, requestId } = failure.outcome
    const line = this.#form.failed({
      id,
      type: 'errored',
      error,
      requestId,
      params: bodyText(work),
      metadata,
      original,
      earlier: earlierOf(work, failure.answer),
      run: failedFields(work, failure),
    })
    this.#appendFailed(line, { ...work, key }, this.#whenWritten(work, failure.answer, onWritten))
  }

  /** What is on record of a row is in its line from then on. */
  #whenWritten(
    { row, turns }: Work,
    answer: Answer | undefined,
    onWritten: () => void,
  ): () => void {
    if (turns.length === 0 && answer?.paidNanoUsd === undefined) return onWritten
    return () => {
      this.#turns?.settled(row)
      onWritten()
    }
  }

  /** The row is no request, and was not sent. */
  fault(planned: Extract<Planned, { type: 'fault' }>, onWritten: () => void): void {
    const { fault, sequence, retriesFailed } = planned
    const { id, key, error, params, raw, rawEncoding, metadata, original } = fault
    const run = faultFields(fault)
    const line = this.#form.failed({
      id,
      type: 'errored',
      error,
      requestId: null,
      metadata,
      original,
      run,
      ...(raw === undefined ? { params } : { raw, rawEncoding }),
    })
    this.#appendFailed(line, { key, sequence, retriesFailed }, onWritten)
  }

  /** The row stays as it was. `forGood`: the run goes on without it. */
  leave(work: Work, forGood: boolean): void {
    if (work.retriesFailed) this.#wantedFailed.add(work.row.key, 1)
    // In a run that stops, its place in an ordered output is kept for the run that goes on.
    if (forGood) this.#ordered?.skip(work.sequence)
  }

  /** Shows that the run lives. @throws {RunError} `LOCK_LOST` */
  beat(inFlight: number): void {
    this.#lock?.beat(inFlight)
  }

  /** Resolves when every line is written, and durable as far as was asked. */
  async flush(): Promise<void> {
    await this.#turns?.flush()
    await (this.#ordered ?? this.#output).flush()
    await this.#failed.flush()
  }

  /**
   * Puts the files into their final form, and lets go of them. Returns how many answers in the
   * output have no row in the input any more; null when not all of it was read.
   *
   * @throws {RunError} `OUTPUT_UNWRITABLE` when there is no room for it: every line is kept, and
   * the next run puts them into their form.
   */
  async finish(ending: Ending): Promise<number | null> {
    try {
      return await this.#finish(ending)
    } catch (error) {
      throw systemErrorCode(error) === undefined ? error : unwritable(this.output, error)
    }
  }

  async #finish({ readAll, stopped, source }: Ending): Promise<number | null> {
    const { files } = this.#context
    const { output, first } = this.#settings
    const whole = readAll && !stopped && first === Number.MAX_SAFE_INTEGER
    if (this.#ordered && readAll && !stopped) await this.#ordered.finish()
    await this.flush()
    const leftover = this.#held.leftover()
    this.#closeFiles()
    if (output === standardOutput) return whole ? 0 : null
    if (this.#retried || (whole && leftover.failed > 0)) this.#compact(whole)
    removeIfEmpty(files, this.failedOutput)
    this.#isDisordered ||= this.#ordered?.isDisordered === true || !this.#held.isInOrder
    if (this.#ordered && this.#isDisordered && readAll && !stopped && source.isRepeatable) {
      await rewriteInOrder(files, output, keysOf(source, this.#settings))
    }
    const { compressed } = this.#recovered
    if (compressed !== undefined) {
      // Whoever has lost the lock must not touch the part: it is another's by now.
      this.beat(0)
      await pourPart(files, compressed, () => this.beat(0))
    }
    return whole ? leftover.succeeded : null
  }

  /** Lets go of everything; what is not written is lost, and its rows asked again. */
  close(): void {
    this.#closeFiles()
    this.#lock?.release()
  }

  #closeFiles(): void {
    this.#ordered?.close()
    this.#turns?.close()
    this.#output.close()
    this.#failed.close()
  }

  #appendFailed(
    line: string,
    row: { key?: string; sequence: number; retriesFailed: boolean },
    onWritten: () => void,
  ): void {
    if (row.retriesFailed) this.#retried = true
    if (row.key !== undefined) this.#wantedFailed.add(row.key, 1)
    this.#failed.append(line, onWritten)
    this.#ordered?.skip(row.sequence)
  }

  /** Drops failures of rows that were settled anew, and of rows that are gone if all were read. */
  #compact(whole: boolean): void {
    const { files } = this.#context
    const path = this.failedOutput
    const wanted = this.#wantedFailed
    if (!whole) {
      const seen = new Fingerprints()
      const keep = ({ key }: ResultLine): void => {
        if (seen.add(key, 1) === 1) wanted.add(key, this.#recovered.failed.get(key))
      }
      readResultFile(files, path, keep, this.#form)
    }
    compactFailed(files, path, wanted, this.#form)
  }
}

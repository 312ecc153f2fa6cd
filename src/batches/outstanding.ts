/**
 * Rows that batches hold: which row of the input each of them is.
 *
 * Of a batch that this run packs that is known. One of an earlier run is matched to the input as it
 * is read: by the key of the line, as everything that is held. Identical rows may take each other's
 * place. A row of a batch that no line matches has left the input; its answer is kept all the same.
 *
 * Memory: 36 bytes a row of a batch, and 20 more for one to be matched.
 */

import type { Files } from '../files.ts'
import { Fingerprints } from '../fingerprints.ts'
import type { Work } from '../work.ts'
import { Bits, type Collected } from './collected.ts'
import type { Intent, Intents } from './intents.ts'
import { type RowRecord, RowRecords } from './row-record.ts'

/** No line of the input. */
const unmatched = 0xffff_ffff

/** A row of the input, as far as a batch knows it. */
export interface Matched {
  readonly sequence: number
  readonly record: RowRecord
}

/** One batch that is outstanding. */
export class OutstandingBatch {
  intent: Intent
  /** It is being sent: whether it is there is not to be asked. */
  isSending = false
  /** It is to be canceled: its rows are asked live. */
  isCut = false
  /** Rows of it that were handed to the lane. */
  askedLive = 0
  /** Rows whose line is written, or that need none from this batch any more. */
  readonly done: Bits
  /** This run has packed it. */
  readonly isOfThisRun: boolean
  readonly #records: RowRecords
  readonly #sequences: Uint32Array
  /** Where the line of a row stands now, whatever its record says. */
  readonly #lines: Float64Array
  readonly #offsets: Float64Array
  readonly #lengths: Uint32Array
  #matchedCount = 0

  /** `done`: of a batch of an earlier run, what of it stands in the files. */
  constructor(files: Files, intents: Intents, intent: Intent, done?: Bits) {
    const { nonce, rows } = intent
    this.intent = intent
    this.done = done ?? new Bits()
    this.isOfThisRun = done === undefined
    this.#records = new RowRecords(files, intents.rowsPath(nonce), rows)
    this.#sequences = new Uint32Array(rows).fill(unmatched)
    this.#lines = new Float64Array(rows)
    this.#offsets = new Float64Array(rows)
    this.#lengths = new Uint32Array(rows)
  }

  /** Whether every row that has no line yet is known in the input. */
  get isMatched(): boolean {
    return this.isOfThisRun || this.#matchedCount + this.done.count >= this.intent.rows
  }

  /** The row of this index, if the input has it. */
  row(index: number): Matched | undefined {
    const sequence = this.#sequences[index] ?? unmatched
    if (sequence === unmatched) return undefined
    const record = this.record(index)
    if (this.isOfThisRun) return { sequence, record }
    const { [index]: line = 0 } = this.#lines
    const { [index]: offset = 0 } = this.#offsets
    const { [index]: bytes = 0 } = this.#lengths
    return { sequence, record: { ...record, line, offset, bytes } }
  }

  record(index: number): RowRecord {
    return this.#records.get(index)
  }

  match(index: number, { sequence, row }: Pick<Work, 'sequence' | 'row'>): void {
    this.#sequences[index] = sequence
    this.#lines[index] = row.lineNumber
    this.#offsets[index] = row.offset
    this.#lengths[index] = row.byteLength
    this.#matchedCount += 1
  }

  /** The same for a row that this run has packed: it stands where it stood. */
  place(index: number, sequence: number): void {
    this.#sequences[index] = sequence
  }

  close(): void {
    this.#records.close()
  }
}

/** Those of one run. */
export class Outstanding {
  readonly #batches = new Set<OutstandingBatch>()
  /** Of rows to be matched: the first of its key, counted from 1, and of each the next. */
  readonly #first = new Fingerprints()
  /** Those of them that had failed before, by their key. */
  readonly #retried = new Fingerprints()
  #next: Uint32Array = new Uint32Array(1)
  #expected = 0
  readonly #owners: { readonly batch: OutstandingBatch; readonly from: number }[] = []

  get batches(): ReadonlySet<OutstandingBatch> {
    return this.#batches
  }

  /** A batch of an earlier run: its rows will be met in the input. */
  expect(files: Files, intents: Intents, intent: Intent, collected: Collected): OutstandingBatch {
    const batch = new OutstandingBatch(files, intents, intent, collected.of(intent.nonce))
    this.#batches.add(batch)
    const from = this.#expected + 1
    this.#owners.push({ batch, from })
    this.#expected += intent.rows
    const next = new Uint32Array(this.#expected + 1)
    next.set(this.#next)
    this.#next = next
    // From the last to the first: of identical rows, the first is matched first.
    for (let index = intent.rows - 1; index >= 0; index--) {
      if (batch.done.has(index)) continue
      const { key, retriesFailed } = batch.record(index)
      if (retriesFailed) this.#retried.add(key, 1)
      next[from + index] = this.#first.get(key)
      this.#first.set(key, from + index)
    }
    return batch
  }

  /** A batch of this run. */
  add(batch: OutstandingBatch): void {
    this.#batches.add(batch)
  }

  /** Nothing of it is expected any more. */
  remove(batch: OutstandingBatch): void {
    this.#batches.delete(batch)
    batch.close()
  }

  /** Whether a batch has a row of this key that had failed before. */
  wasRetried(key: string): boolean {
    return this.#retried.get(key) > 0
  }

  /** The batch that has this row, if one has: then it must not be asked by another. */
  match(work: Pick<Work, 'sequence' | 'row'>): OutstandingBatch | undefined {
    const { key } = work.row
    const number = this.#first.get(key)
    if (number === 0) return undefined
    this.#first.set(key, this.#next[number] ?? 0)
    if (this.wasRetried(key)) this.#retried.add(key, -1)
    const owner = this.#owners.findLast(({ from }) => from <= number)
    owner?.batch.match(number - owner.from, work)
    return owner?.batch
  }

  close(): void {
    for (const batch of this.#batches) batch.close()
  }
}

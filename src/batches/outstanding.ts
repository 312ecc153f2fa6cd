/**
 * Rows that batches hold: which row of the input each of them is.
 *
 * Of a batch that this run packs that is known. One of an earlier run is matched to the input as it
 * is read: by the key of the line, as everything that is held. Identical rows may take each other's
 * place. A row of a batch that no line matches has left the input; its answer is kept all the same.
 *
 * Memory: 4 bytes a row of a batch, 8 more for its record, and 20 for a row to be matched.
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
  /** Rows whose line is written, or that need none from this batch any more. */
  readonly done: Bits
  readonly #records: RowRecords
  readonly #sequences: Uint32Array
  /** Where a line stands now, if it is not where it stood when it was packed. */
  readonly #moved = new Map<number, Pick<RowRecord, 'line' | 'offset' | 'bytes'>>()
  #matchedCount = 0

  /** This run has packed it. */
  readonly isOfThisRun: boolean

  constructor(files: Files, intents: Intents, intent: Intent, done?: Bits) {
    this.intent = intent
    this.done = done ?? new Bits()
    this.isOfThisRun = done === undefined
    this.#records = new RowRecords(files, intents.rowsPath(intent.nonce), intent.rows)
    this.#sequences = new Uint32Array(intent.rows).fill(unmatched)
  }

  /** Whether every row that has no line yet is known in the input. */
  get isMatched(): boolean {
    return this.#matchedCount + this.done.count >= this.intent.rows
  }

  /** The row of this index, if the input has it. */
  row(index: number): Matched | undefined {
    const sequence = this.#sequences[index] ?? unmatched
    if (sequence === unmatched) return undefined
    return { sequence, record: { ...this.record(index), ...this.#moved.get(index) } }
  }

  record(index: number): RowRecord {
    return this.#records.get(index)
  }

  match(index: number, { sequence, row }: Work): void {
    this.#sequences[index] = sequence
    this.#matchedCount += 1
    const { lineNumber: line, offset, byteLength: bytes } = row
    const { line: lineBefore, offset: offsetBefore } = this.#records.get(index)
    if (line !== lineBefore || offset !== offsetBefore)
      this.#moved.set(index, { line, offset, bytes })
  }

  /** The same for a row that this run has packed: it stands where it stood. */
  place(index: number, sequence: number): void {
    this.#sequences[index] = sequence
    this.#matchedCount += 1
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
  readonly #next: number[] = [0]
  readonly #owners: { readonly batch: OutstandingBatch; readonly from: number }[] = []

  get batches(): ReadonlySet<OutstandingBatch> {
    return this.#batches
  }

  /** A batch of an earlier run: its rows will be met in the input. */
  expect(files: Files, intents: Intents, intent: Intent, collected: Collected): OutstandingBatch {
    const batch = new OutstandingBatch(files, intents, intent, collected.of(intent.nonce))
    this.#batches.add(batch)
    this.#owners.push({ batch, from: this.#next.length })
    for (let index = 0; index < intent.rows; index++) {
      const number = this.#next.length
      if (batch.done.has(index)) {
        this.#next.push(0)
        continue
      }
      const { key } = batch.record(index)
      this.#next.push(this.#first.get(key))
      this.#first.set(key, number)
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

  /** Whether a batch has this row; then it must not be asked by another. */
  match(work: Work): boolean {
    const { key } = work.row
    const number = this.#first.get(key)
    if (number === 0) return false
    this.#first.set(key, this.#next[number] ?? 0)
    const owner = this.#owners.findLast(({ from }) => from <= number)
    owner?.batch.match(number - owner.from, work)
    return true
  }

  close(): void {
    for (const batch of this.#batches) batch.close()
  }
}

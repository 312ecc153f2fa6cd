/**
 * A line for each row of a batch: what its result line needs, so that neither memory nor an input
 * that has changed meanwhile stands between an answer and its line.
 */

import { RunError } from '../errors.ts'
import type { File, Files } from '../files.ts'
import { isJsonObject, parseJson } from '../json.ts'
import { LineScan } from '../line-scan.ts'
import { noCachePoints } from '../cache-points.ts'
import { workOf } from '../plan.ts'
import type { RowFault } from '../request.ts'
import { noFeatures } from '../request-features.ts'
import type { Work } from '../work.ts'
import type { Amount } from '../worst-case.ts'

/** What is kept of a row. */
export interface RowRecord {
  readonly line: number
  readonly key: string
  readonly id: string
  readonly model: string
  /** Where its line stood in the input, in bytes. */
  readonly offset: number
  readonly bytes: number
  readonly retriesFailed: boolean
  /** The user's own, as JSON text. */
  readonly metadata: string | undefined
  /** Its answer must conform to a schema. */
  readonly hasSchema: boolean
  /** The most it may cost, where that is known. */
  readonly most: Amount | undefined
}

/** The line of a row, newline included; `most`: what it may cost. */
export function recordLine({ row, retriesFailed }: Work, most: Amount | undefined): string {
  const { lineNumber: line, key, id, model, offset, byteLength: bytes, metadata } = row
  const place = { line, key, id, model, offset, bytes }
  const hasSchema = row.outputs !== undefined
  return `${JSON.stringify({ ...place, retriesFailed, metadata, hasSchema, most })}\n`
}

/** The row as work again; its body is in the input. */
export function workOfRecord(record: RowRecord, sequence: number): Work {
  const { line, key, id, model, offset, bytes, retriesFailed, metadata, most } = record
  const place = { lineNumber: line, key, id, idGiven: true, offset, byteLength: bytes, metadata }
  const asked = { model, maxTokens: 1, features: noFeatures, cachePoints: noCachePoints }
  const row = { kind: 'row', ...place, ...asked, body: noBody } as const
  const work = workOf(row, sequence, retriesFailed)
  work.body = undefined
  return most === undefined ? work : { ...work, most }
}

/** A line that is no request as it is read now, as work that may be in a batch. */
export function workOfFault(
  { lineNumber: line, key, id, offset, byteLength: bytes }: RowFault,
  sequence: number,
  { retriesFailed }: Pick<Work, 'retriesFailed'>,
): Work {
  const place = { line, key, id, model: '', offset, bytes }
  const unknown = { metadata: undefined, hasSchema: false, most: undefined }
  const record = { ...place, retriesFailed, ...unknown }
  return workOfRecord(record, sequence)
}

const noBody = new Uint8Array()

/** The records of one batch, read one by one. Memory: 8 bytes a row. */
export class RowRecords {
  readonly #path: string
  readonly #file: File
  /** Where each begins, and where the last one ends. */
  readonly #offsets: Float64Array

  /** @throws {RunError} `OUTPUT_FOREIGN` when there are not so many */
  constructor(files: Files, path: string, rows: number) {
    this.#path = path
    if (files.stat(path) === undefined) throw this.#foreign('it is not there')
    this.#file = files.open(path, 'read')
    this.#offsets = new Float64Array(rows + 1)
    const scan = new LineScan(this.#file)
    let count = 0
    while (scan.next() && count < rows) {
      this.#offsets[count] = scan.offset
      count += 1
      this.#offsets[count] = scan.offset + (scan.end - scan.start) + 1
    }
    if (count < rows) {
      this.#file.close()
      throw this.#foreign(`it holds ${count} of ${rows} rows`)
    }
  }

  /** That of the row of this index in its batch. */
  get(index: number): RowRecord {
    const from = this.#offsets[index] ?? 0
    const length = (this.#offsets[index + 1] ?? from) - from
    const buffer = Buffer.allocUnsafe(length)
    this.#file.readSync(buffer, length, from)
    const value = parseJson(buffer.toString())
    const record = isJsonObject(value) ? readRecord(value) : undefined
    if (record === undefined) throw this.#foreign(`line ${index + 1} is no row`)
    return record
  }

  close(): void {
    this.#file.close()
  }

  #foreign(why: string): RunError {
    const message = `Cannot read ${this.#path}, the rows of a batch: ${why}`
    const hint = 'put it back from where it was changed; a batch of this output may be running'
    return new RunError('OUTPUT_FOREIGN', message, { hint })
  }
}

function readRecord(value: Readonly<Record<string, unknown>>): RowRecord | undefined {
  const { line, key, id, model, offset, bytes, retriesFailed, metadata, hasSchema, most } = value
  const isRead =
    typeof line === 'number' &&
    typeof key === 'string' &&
    typeof id === 'string' &&
    typeof model === 'string' &&
    typeof offset === 'number' &&
    typeof bytes === 'number'
  if (!isRead) return undefined
  return {
    line,
    key,
    id,
    model,
    offset,
    bytes,
    retriesFailed: retriesFailed === true,
    metadata: typeof metadata === 'string' ? metadata : undefined,
    hasSchema: hasSchema === true,
    most: readAmount(most),
  }
}

function readAmount(value: unknown): Amount | undefined {
  if (!isJsonObject(value)) return undefined
  const { nanoUsd, tokens } = value
  return typeof nanoUsd === 'number' && typeof tokens === 'number' ? { nanoUsd, tokens } : undefined
}

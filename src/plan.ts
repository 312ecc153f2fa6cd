/**
 * Plan: a line of input to what is to be done about it, if anything.
 *
 * A line whose key the record holds is done: it costs one hash and no parsing, so that a
 * resumed run is soon past what it has. Any other is a row to be asked or a fault. Of two
 * rows with one id the second is a fault, whatever became of the first.
 *
 * Identical rows are distinct work: each takes one holder of their common key. A repeated
 * id is the exception, and its failure is recorded under a key of its own, or the
 * first holder of the id would be taken for the failed one when the run is resumed.
 */

import { type AnswerPolicies, keepAll } from './answer-policy.ts'
import { goOnFromKept, type Resolved } from './going-on.ts'
import { digest } from './hash.ts'
import type { Line } from './lines.ts'
import { poolOf } from './pools.ts'
import { keyOfLine, type ParseOptions, parseLine, type Row, type RowFault } from './request.ts'
import { RowIds } from './row-ids.ts'
import type { TurnPlace } from './turn-record.ts'
import { type KeptTurn, noTurns } from './turns.ts'
import { digestOfLine, requestDigest, Twins } from './twins.ts'
import type { Work } from './work.ts'

/** What a row finds in the record. */
export type Holding = 'succeeded' | 'spooled' | 'failed'

/** What the files of the run hold, as a multiset of keys (record.ts). */
export interface Held {
  /** Takes one holder of the key, an answer before a failure; undefined when there is none. */
  take(key: string): Holding | undefined
  /** Answers of a row behind which it was to be asked again; they are its own from now on. */
  turnsOf?(place: TurnPlace): readonly KeptTurn[]
}

/** What is to be done about one line. */
export type Planned =
  | { readonly type: 'held'; readonly as: Holding; readonly key: string }
  | { readonly type: 'work'; readonly work: Work }
  /** It asks what another row asks, whose line it gets at the end. */
  | { readonly type: 'twin'; readonly work: Work }
  /** An answer that an earlier run had, and went on from, is the row's result after all. */
  | { readonly type: 'resolved'; readonly work: Work; readonly resolved: Resolved }
  | {
      readonly type: 'fault'
      readonly fault: RowFault
      readonly sequence: number
      readonly retriesFailed: boolean
    }

/** How lines are read, and what is asked again. */
export interface PlanOptions extends ParseOptions {
  /** Rows held as failed are asked again. */
  readonly retryFailed: boolean
  /** Of a row held as failed: an earlier run has asked it again. @default none has */
  readonly wasRetried?: (key: string) => boolean
  /** Of rows that ask the very same only the first is. @default all are */
  readonly dedupe?: boolean
  /** Whether rows go on from answers of earlier runs. @default all of these are results */
  readonly policies?: AnswerPolicies
}

const encoder = new TextEncoder()
const customIdHead = encoder.encode('{"custom_id":"')
const customIdName = Buffer.from('custom_id')
const unicodeEscape = Buffer.from('\\u')
const quote = 0x22
const backslash = 0x5c

/** Plans the lines of one input, in order. */
export class Plan {
  readonly #held: Held
  readonly #options: PlanOptions
  readonly #ids = new RowIds()
  readonly #twins: Twins | undefined
  #sequence = 0

  constructor(held: Held, options: PlanOptions) {
    this.#held = held
    this.#options = options
    if (options.dedupe === true) this.#twins = new Twins()
  }

  /** Rows planned so far. */
  get count(): number {
    return this.#sequence
  }

  /** Bytes the index of ids takes. */
  get indexBytes(): number {
    return this.#ids.bytes
  }

  next(line: Line): Planned {
    const sequence = this.#sequence++
    const isWhole = line.truncated === undefined
    const whole = isWhole ? keyOfLine(line.bytes, this.#options) : undefined
    const held = whole === undefined ? undefined : this.#held.take(whole)
    if (whole !== undefined && held !== undefined && !this.#asksAgain(held, whole)) {
      this.#ids.claim(this.#idOf(line, held), line.number)
      this.#meet(line)
      return { type: 'held', as: held, key: whole }
    }
    const row = this.#checkId(parseLine(line, this.#options, whole))
    // A failed line given as input has a key that leaves its result out; a repeated id, one of its
    // own.
    const taken = row.key === whole ? held : this.#held.take(row.key)
    if (taken !== undefined && !this.#asksAgain(taken, row.key)) {
      this.#meet(line)
      return { type: 'held', as: taken, key: row.key }
    }
    const retriesFailed = held === 'failed' || taken === 'failed'
    if (row.kind === 'fault') return { type: 'fault', fault: row, sequence, retriesFailed }
    return this.#workOf(row, sequence, retriesFailed)
  }

  #workOf(row: Row, sequence: number, retriesFailed: boolean): Planned {
    const work = workOf(row, sequence, retriesFailed)
    if (this.#twins?.meet(requestDigest(row.body)) === true) return { type: 'twin', work }
    const kept = this.#held.turnsOf?.(row) ?? noTurns
    if (kept.length === 0) return { type: 'work', work }
    const resolved = goOnFromKept(this.#options.policies ?? keepAll, work, kept)
    return resolved === undefined ? { type: 'work', work } : { type: 'resolved', work, resolved }
  }

  /** A row that is held is the first of its kind too. */
  #meet(line: Line): void {
    const request = this.#twins && digestOfLine(line, this.#options)
    if (request !== undefined) this.#twins?.meet(request)
  }

  #asksAgain(held: Holding, key: string): boolean {
    const { retryFailed, wasRetried } = this.#options
    return held === 'failed' && (retryFailed || wasRetried?.(key) === true)
  }

  /** The row, or the fault that its id belongs to another. */
  #checkId(row: Row | RowFault): Row | RowFault {
    const first = this.#ids.claim(row.idGiven ? row.id : undefined, row.lineNumber)
    if (first === 0) return row
    const id = JSON.stringify(row.id)
    const message = `"custom_id" ${id} is that of line ${first} already; ids must differ`
    // A tuple has no room for a key of its own; it tells failures from answers all the same.
    const isTuple = this.#options.outputFormat === 'tuple'
    return {
      ...row,
      kind: 'fault',
      key: isTuple ? row.key : digest(encoder.encode(`${row.key} repeats an id`)),
      error: { type: 'invalid_request_error', message },
      params: row.kind === 'fault' ? row.params : Buffer.from(row.body).toString(),
      raw: row.kind === 'fault' ? row.raw : undefined,
      rawEncoding: row.kind === 'fault' ? row.rawEncoding : 'utf8',
    }
  }

  /** The id a held line gives, read without parsing it where that is safe. */
  #idOf(line: Line, held: Holding): string | undefined {
    const bytes = Buffer.from(line.bytes.buffer, line.bytes.byteOffset, line.bytes.byteLength)
    if (bytes.subarray(0, customIdHead.length).equals(customIdHead)) {
      const end = bytes.indexOf(quote, customIdHead.length)
      const id = bytes.subarray(customIdHead.length, end)
      // A line that failed may be no JSON, and one may name its id twice: then parsing tells.
      const isPlain = held !== 'failed' && end > 0 && !id.includes(backslash)
      if (isPlain && !bytes.includes(customIdName, end)) {
        return defaultless(id.toString(), line.number)
      }
    } else if (!bytes.includes(customIdName) && !bytes.includes(unicodeEscape)) return undefined
    const row = parseLine(line, this.#options)
    return row.idGiven ? row.id : undefined
  }
}

/** A line's own default id, written out, is no id given. */
function defaultless(id: string, lineNumber: number): string | undefined {
  return id === `line-${lineNumber}` ? undefined : id
}

/** A row that waits to be asked. */
export function workOf({ body, ...row }: Row, sequence: number, retriesFailed: boolean): Work {
  return {
    sequence,
    row,
    retriesFailed,
    turns: noTurns,
    bodyBytes: body.length,
    body,
    pool: poolOf(row.model),
    attempts: 0,
    unknownAttempts: 0,
    brokeAt: undefined,
    firstAskedAt: undefined,
    lastAttempt: undefined,
  }
}

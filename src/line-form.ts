/**
 * The forms an output line can have: how a row's end is written, and how a later run reads it.
 */

import {
  failedLine,
  parseResultLine,
  readResultLine,
  startsLikeOurs,
  succeededLine,
} from './result-line.ts'
import type { FailedRow, ResultLine, SucceededRow } from './result-line.ts'
import { failedTuple, parseTupleLine, startsLikeTuple, succeededTuple } from './tuple-line.ts'

/**
 * `results`: the Message Batches result line; `tuple`: `[request, message or errors, metadata]`.
 */
export type OutputFormat = 'results' | 'tuple'

/** One form; lines are written with their newline and read without. */
export interface LineForm {
  succeeded(row: SucceededRow): string
  failed(row: FailedRow): string
  /** Reads `bytes[from..to)`, which is valid JSON; undefined if it is no line of this form. */
  read(bytes: Uint8Array, from: number, to: number): ResultLine | undefined
  /** The same for bytes of which nothing is known. */
  parse(bytes: Uint8Array, from: number, to: number): ResultLine | undefined
  /** Whether it may be the torn end of such a line. */
  isBeginning(bytes: Uint8Array, from: number, to: number): boolean
}

/** The forms by their names. */
export const lineForms: Readonly<Record<OutputFormat, LineForm>> = {
  results: {
    succeeded: succeededLine,
    failed: failedLine,
    read: readResultLine,
    parse: parseResultLine,
    isBeginning: startsLikeOurs,
  },
  tuple: {
    succeeded: succeededTuple,
    failed: failedTuple,
    read: parseTupleLine,
    parse: parseTupleLine,
    isBeginning: startsLikeTuple,
  },
}

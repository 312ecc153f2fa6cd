/**
 * Stops a run that is burning its file: too many failed rows, or all of them alike.
 *
 * A bad row fails alone. But when the first 50 answers are the same refusal, the
 * fault is in the file or the flags, not in the rows, and the rest would fail too.
 */

import { RunError } from './errors.ts'
import type { ApiError } from './outcome.ts'

/** `count` rows, or `percent` of those answered or read (judged from 100 on). */
export type MaxFailed = { readonly count: number } | { readonly percent: number }

const alikeMax = 50
const rowsBeforePercent = 100

/**
 * Counts settled rows and says when to stop.
 *
 * @example
 * ```ts
 * const brake = new Brake({ count: 0 })
 * brake.failed({ type: 'invalid_request_error', message: 'no' }, true)?.code // => 'TOO_MANY_FAILED'
 * ```
 */
export class Brake {
  readonly #maxFailed: MaxFailed | undefined
  /** Rows that were read: those that wait, and all below. */
  #read = 0
  #failed = 0
  #asked = 0
  #askedFailed = 0
  #refused = 0
  /** The error all answers so far had; undefined once one differed. */
  #alike: string | undefined = ''

  constructor(maxFailed: MaxFailed | undefined) {
    this.#maxFailed = maxFailed
  }

  /** A row was read that is to be asked. */
  read(): void {
    this.#read += 1
  }

  succeeded(): void {
    this.#asked += 1
    this.#alike = undefined
  }

  /**
   * Undefined while the run may go on. `asked`: the server refused it; otherwise we did, unasked.
   */
  failed(error: ApiError, asked: boolean): RunError | undefined {
    this.#failed += 1
    if (asked) {
      this.#asked += 1
      this.#askedFailed += 1
    } else this.#read += 1
    return (asked ? this.#allAlike(error) : undefined) ?? this.#tooMany()
  }

  #allAlike({ type, message }: ApiError): RunError | undefined {
    if (this.#alike === undefined) return undefined
    this.#refused += 1
    // Figures in a message (positions, counts) differ from row to row; the complaint does not.
    const complaint = `${type}: ${message.replaceAll(/\d+/g, 'N')}`
    if (this.#alike === '') this.#alike = complaint
    if (this.#alike !== complaint) this.#alike = undefined
    if (this.#alike === undefined || this.#refused < alikeMax) return undefined
    const text = `Stopped after ${alikeMax} answers, all the same: ${type}: ${message}`
    const hint = 'fix the rows or the flags, then run again with --retry-failed'
    return new RunError('SAME_ERROR', text, { hint })
  }

  #tooMany(): RunError | undefined {
    const limit = this.#maxFailed
    if (limit === undefined) return undefined
    if ('count' in limit) {
      const isPassed = this.#failed > limit.count
      return isPassed ? tooMany(`${this.#failed} rows`, `${limit.count}`) : undefined
    }
    // Rows that are no requests fail as they are read, long before those around them are answered:
    // they are set against all that was read, and answers against answers.
    const shares = [
      { failed: this.#askedFailed, of: this.#asked },
      { failed: this.#failed, of: this.#read },
    ]
    const passed = shares.find(({ failed, of }) => {
      return of >= rowsBeforePercent && 100 * failed > limit.percent * of
    })
    if (passed === undefined) return undefined
    return tooMany(`${passed.failed} of ${passed.of} rows`, `${limit.percent}%`)
  }
}

function tooMany(rows: string, bound: string): RunError {
  return new RunError('TOO_MANY_FAILED', `Stopped as ${rows} failed: --max-failed is ${bound}`, {
    hint: 'look at the failed file, then run again (--retry-failed asks those rows again)',
  })
}

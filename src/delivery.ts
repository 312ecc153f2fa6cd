/**
 * Delivery: books kept in memory. Results are handed over as they complete, to whoever takes them.
 *
 *   loop ──► put ──► unread ──► next() ──► taker
 *              └─ full ─┘ hold / go on
 *
 * A result is the output line it would have been in a file, parsed when it is taken: what waits
 * is text, whose size is known. When `unreadResultsMax` or `unreadBytesMax` wait, the listener is
 * told to hold, and to go on when half of it was taken. What was under way then still comes, and
 * is kept: nothing is dropped.
 */

import { assert } from './assert.ts'
import {
  answeredFields,
  type Answer,
  type Books,
  earlierOf,
  failedFields,
  type Failure,
  type Fault,
  faultFields,
} from './books.ts'
import { bounds } from './bounds.ts'
import type { ApiError } from './outcome.ts'
import { Queue } from './queue.ts'
import { failedLine, type RunFields, succeededLine } from './result-line.ts'
import type { Result } from './result.ts'
import type { KeptTurn } from './turns.ts'
import type { Work } from './work.ts'

/** What a delivery needs of the stream around it. */
export interface DeliveryOptions<M> {
  /** So much waits that nothing more may start; or no longer. */
  readonly hold: (on: boolean) => void
  /** The value given as a row's `metadata`; asked once for each row. */
  readonly takeMetadata: (line: number) => M | undefined
}

interface Unread<M> {
  readonly line: string
  readonly bytes: number
  readonly metadata: M | undefined
}

interface Taker<M> {
  readonly resolve: (result: IteratorResult<Result<M>, undefined>) => void
  readonly reject: (error: unknown) => void
}

const done = { done: true, value: undefined } as const

export class Delivery<M> implements Books {
  readonly #options: DeliveryOptions<M>
  readonly #unread = new Queue<Unread<M>>()
  readonly #takers = new Queue<Taker<M>>()
  #unreadBytes = 0
  #isHeld = false
  /** Nothing more is put; `thrown` is told to the next taker behind the last result. */
  #end: { thrown?: { readonly error: unknown } } | undefined

  constructor(options: DeliveryOptions<M>) {
    this.#options = options
  }

  /** Results that wait to be taken. */
  get unreadCount(): number {
    return this.#unread.size
  }

  // What the loop tells.

  /** Nothing is kept beyond the process: what its row asks next may be asked. */
  turn(_work: Work, _turn: KeptTurn, onWritten: () => void): void {
    onWritten()
  }

  /** No earlier run has anything. */
  take(): undefined {
    return undefined
  }

  held(): never {
    assert(false, 'A stream holds nothing of earlier ones')
  }

  succeed(work: Work, answer: Answer, onWritten: () => void): void {
    const { message } = answer.outcome
    const { id } = work.row
    const earlier = earlierOf(work)
    const line = succeededLine({ id, message, earlier, run: answeredFields(work, answer) })
    this.#put(line, work.row.lineNumber, onWritten)
  }

  fail(work: Work, failure: Failure, onWritten: () => void): void {
    const { error, requestId } = failure.outcome
    const earlier = earlierOf(work, failure.answer)
    const line = erroredLine(work.row.id, error, requestId, failedFields(work, failure), earlier)
    this.#put(line, work.row.lineNumber, onWritten)
  }

  fault({ fault }: Fault, onWritten: () => void): void {
    const line = erroredLine(fault.id, fault.error, null, faultFields(fault))
    this.#put(line, fault.lineNumber, onWritten)
  }

  leave(work: Work): void {
    this.#options.takeMetadata(work.row.lineNumber)
  }

  /** There is no lock to show life by. */
  beat(): void {}

  // What the taker asks.

  /** The next result, as soon as there is one. */
  next(): Promise<IteratorResult<Result<M>, undefined>> {
    const unread = this.#unread.popFront()
    if (unread !== undefined) {
      const result = this.#read(unread)
      this.#unreadBytes -= unread.bytes
      this.#watchLevel()
      return Promise.resolve({ done: false, value: result })
    }
    if (this.#end === undefined) {
      return new Promise((resolve, reject) => this.#takers.pushBack({ resolve, reject }))
    }
    const { thrown } = this.#end
    this.#end = {}
    // An error is the producer's or the caller's own, whatever they threw.
    return thrown === undefined ? Promise.resolve(done) : Promise.reject(thrown.error)
  }

  /** Nothing more will come; `thrown` is what the taker is told behind the last result. */
  end(thrown?: { readonly error: unknown }): void {
    if (this.#end !== undefined) return
    this.#end = thrown === undefined ? {} : { thrown }
    const first = this.#takers.popFront()
    if (thrown !== undefined && first !== undefined) {
      this.#end = {}
      first.reject(thrown.error)
    } else first?.resolve(done)
    this.#dismiss()
  }

  /** Nobody will take anything any more. */
  discard(): void {
    this.#end = {}
    while (this.#unread.popFront() !== undefined) {
      // Let go of.
    }
    this.#unreadBytes = 0
    this.#dismiss()
  }

  #dismiss(): void {
    for (;;) {
      const taker = this.#takers.popFront()
      if (taker === undefined) return
      taker.resolve(done)
    }
  }

  #put(line: string, lineNumber: number, onWritten: () => void): void {
    const metadata = this.#options.takeMetadata(lineNumber)
    const unread = { line, bytes: Buffer.byteLength(line), metadata }
    const taker = this.#takers.popFront()
    if (taker !== undefined) taker.resolve({ done: false, value: this.#read(unread) })
    else if (this.#end === undefined) {
      this.#unread.pushBack(unread)
      this.#unreadBytes += unread.bytes
    }
    onWritten()
    this.#watchLevel()
  }

  #read({ line, metadata }: Unread<M>): Result<M> {
    const result: Result<M> = JSON.parse(line)
    if (metadata === undefined) return result
    const { custom_id, result: outcome, earlier, run } = result
    return { custom_id, result: outcome, ...(earlier && { earlier }), metadata, run }
  }

  #watchLevel(): void {
    // Behind the end there is nothing to hold.
    if (this.#end !== undefined) return
    const rows = this.#unread.size / bounds.unreadResultsMax
    const level = Math.max(rows, this.#unreadBytes / bounds.unreadBytesMax)
    // Between half and full it stays as it is, so that a slow taker is no see-saw.
    const isHeld = this.#isHeld ? level > 0.5 : level >= 1
    if (isHeld === this.#isHeld) return
    this.#isHeld = isHeld
    this.#options.hold(isHeld)
  }
}

function erroredLine(
  id: string,
  error: ApiError,
  requestId: string | null,
  run: RunFields,
  earlier: readonly string[] = [],
): string {
  return failedLine({ id, type: 'errored', error, requestId, earlier, run })
}

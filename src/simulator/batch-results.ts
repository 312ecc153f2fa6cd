/**
 * A download of a batch's results: lines of JSON in no order, made as they leave.
 *
 * So many lines go at once; the driver comes back for the next when the client has taken these,
 * so that answers of a large batch are never all in memory.
 */

import type { BatchRows } from './batch-rows.ts'
import type { Ongoing } from './exchange.ts'
import { replyHead, type ReplyContext } from './replies.ts'
import type { Step, WireAction } from './wire.ts'

const linesAtOnce = 64

const encoder = new TextEncoder()

/** Results on their way. */
export class ResultsDownload implements Ongoing {
  readonly result = undefined
  readonly #rows: BatchRows
  readonly #context: ReplyContext
  readonly #order: Uint32Array
  /** How many lines leave whole before the connection is reset. */
  readonly #cutAfter: number
  #sent = 0
  #isOver = false

  constructor(rows: BatchRows, context: ReplyContext, isCut: boolean) {
    this.#rows = rows
    this.#context = context
    this.#order = rows.resultOrder()
    this.#cutAfter = isCut ? Math.floor(this.#order.length / 2) : Infinity
  }

  /** Whether nothing more comes of it. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The client went away. */
  disconnect(): void {
    this.#isOver = true
  }

  /** The next lines. */
  advance(now: number): Step {
    if (this.#isOver) return { actions: [] }
    const actions: WireAction[] = []
    if (this.#sent === 0) {
      actions.push(replyHead(this.#context, 200, 'application/x-jsonl', []))
    }
    const end = Math.min(this.#sent + linesAtOnce, this.#order.length, this.#cutAfter)
    let text = ''
    while (this.#sent < end) text += this.#nextLine()
    const isCut = this.#sent === this.#cutAfter
    if (isCut) {
      const line = this.#nextLine()
      text += line.slice(0, Math.ceil(line.length / 2))
    }
    actions.push({ type: 'data', bytes: encoder.encode(text) })
    this.#isOver = isCut || this.#sent === this.#order.length
    if (!this.#isOver) return { actions, nextAt: now, isPaced: true }
    actions.push({ type: isCut ? 'reset' : 'end' })
    return { actions }
  }

  #nextLine(): string {
    return this.#rows.resultLine(this.#order[this.#sent++] ?? 0)
  }
}

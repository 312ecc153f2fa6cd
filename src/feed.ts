/**
 * Feed: the lines of the input, planned, no further ahead than there is room.
 *
 * Nothing is awaited per line: a chunk's lines are taken in one turn, unless the taker is full;
 * then the feed waits until it is woken.
 */

import type { RowsRead } from './events.ts'
import { parseOptionsOf } from './options.ts'
import type { Settings } from './settings.ts'
import type { Plan, Planned } from './plan.ts'
import { parseLine } from './request.ts'
import type { Source } from './source.ts'
import type { Work } from './work.ts'

/** Where a row stands in the input, and by what it is known. */
export type RowPlace = Pick<Work['row'], 'offset' | 'byteLength' | 'lineNumber' | 'key'>

/** Who takes what is read. */
export interface FeedTaker {
  /** False: no more for now. */
  readonly hasRoom: boolean
  /** True: no more at all. */
  readonly isStopping: boolean
  take(planned: Planned, sequence: number): void
  /** Rows were read; called now and then, with what was read since the last call. */
  read(rows: Omit<RowsRead, 'type' | 'at'>): void
}

export class Feed {
  readonly #source: Source
  readonly #plan: Plan
  readonly #settings: Settings
  readonly #taker: FeedTaker
  #wake: (() => void) | undefined
  #since = { count: 0, heldSucceeded: 0, heldFailed: 0, bytes: 0 }

  constructor(
    parts: { readonly source: Source; readonly plan: Plan; readonly settings: Settings },
    taker: FeedTaker,
  ) {
    this.#source = parts.source
    this.#plan = parts.plan
    this.#settings = parts.settings
    this.#taker = taker
  }

  /** Reads on if it waits for room. */
  wake(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /**
   * Reads until the input ends, or `first` rows are read, or the taker stops; false if it stopped.
   */
  async run(): Promise<boolean> {
    for await (const lines of this.#source.batches()) {
      for (const line of lines) {
        if (this.#plan.count >= this.#settings.first) break
        if (!this.#taker.hasRoom) await this.#room()
        if (this.#taker.isStopping) break
        const planned = this.#plan.next(line)
        this.#count(planned, line.offset + line.bytes.length)
        this.#taker.take(planned, this.#plan.count - 1)
      }
      this.#tell()
      if (this.#taker.isStopping) return false
      if (this.#plan.count >= this.#settings.first) break
    }
    // A source may end because what it reads from failed, and has said so.
    return !this.#taker.isStopping
  }

  /**
   * The body of a row that waited for its retry; undefined if the input is no longer what it was.
   */
  bodyAgain({ row }: { readonly row: RowPlace }): Uint8Array | undefined {
    const { offset, byteLength, lineNumber, key } = row
    const bytes = this.#source.reread?.(offset, byteLength)
    if (bytes === undefined) return undefined
    const line = { number: lineNumber, offset, bytes }
    const options = { ...parseOptionsOf(this.#settings), withoutFeatures: true }
    const found = parseLine(line, options)
    return found.kind === 'row' && found.key === key ? found.body : undefined
  }

  #room(): Promise<void> {
    this.#tell()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #count(planned: Planned, bytes: number): void {
    const since = this.#since
    since.count += 1
    since.bytes = bytes
    if (planned.type !== 'held') return
    if (planned.as === 'failed') since.heldFailed += 1
    else since.heldSucceeded += 1
  }

  #tell(): void {
    if (this.#since.count === 0) return
    // What lines tell of a compressed file is not what was read of it.
    const bytes = this.#source.bytesRead ?? this.#since.bytes
    this.#taker.read({ ...this.#since, bytes })
    this.#since = { count: 0, heldSucceeded: 0, heldFailed: 0, bytes: this.#since.bytes }
  }
}

/**
 * The look-ahead window: rows taken on and not under way, by pool.
 *
 * New rows join the back of their pool's queue, returning ones the front; a row that
 * must wait for its retry sits in a heap until its instant. Rows and bytes are
 * counted, and the caller reads no further ahead than its bounds allow.
 *
 * Invariant: a row's body does not change while it is in here, or bytes would be miscounted.
 */

import { Heap } from './heap.ts'
import { Queue } from './queue.ts'
import type { Work } from './work.ts'

/** Rows that wait; see above. */
export class Backlog {
  readonly #rowsMax: number
  readonly #bytesMax: number
  readonly #queues = new Map<string, Queue<Work>>()
  readonly #delayed = new Heap<Work>()
  #rows = 0
  #bytes = 0

  constructor(window: { readonly windowRowsMax: number; readonly windowBytesMax: number }) {
    this.#rowsMax = window.windowRowsMax
    this.#bytesMax = window.windowBytesMax
  }

  /** How full the window is, from 0; returning rows can take it beyond 1. */
  get fill(): number {
    return Math.max(this.#rows / this.#rowsMax, this.#bytes / this.#bytesMax)
  }

  /** Rows waiting, those that wait for a retry included. */
  get rows(): number {
    return this.#rows
  }

  /** Bytes of the bodies that are held in memory. */
  get bytes(): number {
    return this.#bytes
  }

  /** The instant at which the next delayed row is due; Infinity when there is none. */
  get nextReleaseAt(): number {
    return this.#delayed.nextAt
  }

  /** A new row, or one that lets the others go first: behind all others of its pool. */
  add(work: Work): void {
    this.#count(work, 1)
    this.#queue(work.pool).pushBack(work)
  }

  /** A row that comes back, before all others of its pool. */
  putBack(work: Work): void {
    this.#count(work, 1)
    this.#queue(work.pool).pushFront(work)
  }

  /** A row that comes back at an instant. */
  putBackAt(at: number, work: Work): void {
    this.#count(work, 1)
    this.#delayed.push(at, work)
  }

  /** Moves the delayed rows that are due to the front of their queues, those due first in front. */
  release(now: number): void {
    if (this.#delayed.nextAt > now) return
    const due: Work[] = []
    while (this.#delayed.nextAt <= now) {
      const work = this.#delayed.pop()
      if (work) due.push(work)
    }
    for (const work of due.toReversed()) this.#queue(work.pool).pushFront(work)
  }

  /** The row of a pool that is next. */
  head(pool: string): Work | undefined {
    return this.#queues.get(pool)?.peek()
  }

  /** Takes the head of a pool's queue out of the window. */
  take(pool: string): Work | undefined {
    const work = this.#queues.get(pool)?.popFront()
    if (work) this.#count(work, -1)
    return work
  }

  /** Takes out every row that `leaves` says, wherever it waits, in order. */
  remove(leaves: (work: Work) => boolean): readonly Work[] {
    const removed: Work[] = []
    const keep = (work: Work): boolean => {
      if (!leaves(work)) return true
      this.#count(work, -1)
      removed.push(work)
      return false
    }
    for (const queue of this.#queues.values()) {
      for (let left = queue.size; left > 0; left--) {
        const work = queue.popFront()
        if (work && keep(work)) queue.pushBack(work)
      }
    }
    const kept: [number, Work][] = []
    while (this.#delayed.size > 0) {
      const at = this.#delayed.nextAt
      const work = this.#delayed.pop()
      if (work && keep(work)) kept.push([at, work])
    }
    for (const [at, work] of kept) this.#delayed.push(at, work)
    return removed
  }

  #queue(pool: string): Queue<Work> {
    let queue = this.#queues.get(pool)
    if (queue === undefined) {
      queue = new Queue()
      this.#queues.set(pool, queue)
    }
    return queue
  }

  #count(work: Work, direction: 1 | -1): void {
    this.#rows += direction
    // A row without its body waits for a retry; its bytes are on disk.
    if (work.body !== undefined) this.#bytes += direction * work.bodyBytes
  }
}

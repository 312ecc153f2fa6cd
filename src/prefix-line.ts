/**
 * The rows of one pool that have prefixes, and which of them is next.
 *
 *   1. a row whose longest shared prefix is there; of those prefixes the one that was used longest
 *      ago, for its life is over first
 *   2. the oldest row that waits for nobody: it writes what it has. One that failed and one that
 *      did not take turns, so that an outage is met by several rows and is known for what it is
 *
 * So as many prefixes are open as there were starts to spare while the first of them were written,
 * all of them are read in turn, and no more are begun before these are done. A row that others have
 * left far behind goes all the same.
 */

import { Heap } from './heap.ts'
import type { Prefix } from './prefix.ts'
import type { Prefixes } from './prefixes.ts'
import type { Attempt, Work } from './work.ts'

/** So many rows that came later may go before one. */
const lagMax = 8192
const sparseMax = 64

/** Those of one pool; see above. */
export class PrefixLine {
  readonly #prefixes: Prefixes
  /** All rows that wait here, in the order in which they came. */
  readonly #rows = new Set<Work>()
  /** Rows that wait for nobody, as far as is known, by their sequence; some may have left. */
  #oldest = new Heap<Work>()
  /** The same of those that failed, and now are due again. */
  #oldestDue = new Heap<Work>()
  readonly #due = new Set<Work>()
  #isDuesTurn = true
  /** Prefixes that may be there and have rows, by their last use, which may have moved on since. */
  readonly #byUse = new Heap<Prefix>()
  /** The same. */
  readonly #warm = new Set<Prefix>()

  constructor(prefixes: Prefixes) {
    this.#prefixes = prefixes
  }

  get size(): number {
    return this.#rows.size
  }

  /** A row comes, or comes back. */
  add(work: Work, isDue = false): void {
    this.#rows.add(work)
    if (isDue) this.#due.add(work)
    this.#prefixes.enter(work)
    this.#free(work)
  }

  /** The prefixes of a try are written now, or are not going to be by it. */
  freed(attempt: Attempt, works: readonly Work[]): void {
    for (const prefix of attempt.caching?.chain ?? []) this.#addWarm(prefix)
    for (const work of works) if (this.#rows.has(work)) this.#free(work)
  }

  /** The row that is next; undefined when all wait for one that is being written. */
  peek(now: number): Work | undefined {
    const first = this.#first(now)
    const warm = this.#warmest(now)
    if (first === undefined || warm === undefined) return warm ?? first
    return warm.sequence - first.sequence > lagMax ? first : warm
  }

  /** Takes out a row that waits here. */
  take(work: Work): void {
    if (!this.#rows.delete(work)) return
    this.#isDuesTurn = !this.#due.delete(work)
    this.#prefixes.leave(work)
    for (const prefix of work.prefixes ?? []) {
      const { rows } = prefix
      for (let gone = rows.peek(); gone && !this.#rows.has(gone); gone = rows.peek()) {
        rows.popFront()
      }
    }
    const { size } = this.#rows
    if (this.#oldest.size + this.#oldestDue.size > sparseMax + 2 * size) this.#close()
  }

  /** A row that did not fail has gone, and was none of these. */
  passed(): void {
    this.#isDuesTurn = true
  }

  /** Takes out the rows that `leaves` says, in order. */
  remove(leaves: (work: Work) => boolean): readonly Work[] {
    const removed = [...this.#rows].filter(leaves)
    for (const work of removed) this.take(work)
    return removed
  }

  #free(work: Work): void {
    this.#lineUp(work)
    for (const prefix of work.prefixes ?? []) {
      prefix.rows.pushBack(work)
      this.#addWarm(prefix)
    }
  }

  #addWarm(prefix: Prefix): void {
    if (this.#warm.has(prefix)) return
    this.#warm.add(prefix)
    this.#byUse.push(prefix.usedAt, prefix)
  }

  /** Rows that have left are let go of. */
  #close(): void {
    this.#oldest = new Heap()
    this.#oldestDue = new Heap()
    for (const work of this.#rows) this.#lineUp(work)
  }

  #lineUp(work: Work): void {
    const heap = this.#due.has(work) ? this.#oldestDue : this.#oldest
    heap.push(work.sequence, work)
  }

  #warmest(now: number): Work | undefined {
    const byUse = this.#byUse
    for (let prefix = byUse.peek(); prefix !== undefined; prefix = byUse.peek()) {
      const wasUsed = prefix.usedAt > byUse.nextAt
      const work = !wasUsed && prefix.isWarm(now) ? this.#rowOf(now, prefix) : undefined
      if (work !== undefined) return work
      byUse.pop()
      // Whatever makes it warm, or brings it rows, puts it here again.
      this.#warm.delete(prefix)
      if (wasUsed) this.#addWarm(prefix)
    }
    return undefined
  }

  /** The first row that waits for nobody, of those that share nothing longer. */
  #rowOf(now: number, prefix: Prefix): Work | undefined {
    const { rows } = prefix
    for (let work = rows.peek(); work !== undefined; work = rows.peek()) {
      if (this.#rows.has(work) && this.#prefixes.longest(now, work) === prefix) {
        if (this.#prefixes.waitsFor(now, work) === undefined) return work
      }
      // It is found as one of the longer prefix, or as the oldest.
      rows.popFront()
    }
    return undefined
  }

  #first(now: number): Work | undefined {
    const due = this.#firstOf(now, this.#oldestDue)
    const fresh = due && this.#isDuesTurn ? undefined : this.#firstOf(now, this.#oldest)
    return fresh ?? due
  }

  #firstOf(now: number, heap: Heap<Work>): Work | undefined {
    for (let work = heap.peek(); work !== undefined; work = heap.peek()) {
      if (this.#rows.has(work)) {
        const awaited = this.#prefixes.waitsFor(now, work)
        if (awaited === undefined) return work
        awaited.parked.push(work)
      }
      heap.pop()
    }
    return undefined
  }
}

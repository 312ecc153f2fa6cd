/**
 * The rows of one pool that have prefixes, and which of them is next.
 *
 *   1. a row whose longest shared prefix is there; of those prefixes the one that was used longest
 *      ago, for its life is over first
 *   2. the oldest row that waits for nobody: it writes what it has
 *
 * So as many prefixes are open as there were starts to spare while the first of them were written,
 * all of them are read in turn, and no more are begun before these are done.
 */

import { Heap } from './heap.ts'
import type { Prefix } from './prefix.ts'
import type { Prefixes } from './prefixes.ts'
import type { Work } from './work.ts'

/** Those of one pool; see above. */
export class PrefixLine {
  readonly #prefixes: Prefixes
  /** All rows that wait here, in the order in which they came. */
  readonly #rows = new Set<Work>()
  /** Rows that wait for nobody, as far as is known, by their sequence; some may have left. */
  readonly #oldest = new Heap<Work>()
  /** Prefixes that are there and have rows, the one that was used longest ago first. */
  readonly #warm = new Set<Prefix>()

  constructor(prefixes: Prefixes) {
    this.#prefixes = prefixes
  }

  get size(): number {
    return this.#rows.size
  }

  /** A row comes, or comes back. */
  add(work: Work): void {
    this.#rows.add(work)
    this.#prefixes.enter(work)
    this.#oldest.push(work.sequence, work)
    for (const prefix of work.prefixes ?? []) this.#warm.add(prefix)
  }

  /** Rows waited for a prefix that is written now, or is not going to be by that writer. */
  freed(works: readonly Work[]): void {
    for (const work of works) {
      if (!this.#rows.has(work)) continue
      this.#oldest.push(work.sequence, work)
      for (const prefix of work.prefixes ?? []) this.#warm.add(prefix)
    }
  }

  /** The row that is next; undefined when all wait for one that is being written. */
  peek(now: number): Work | undefined {
    return this.#warmest(now) ?? this.#first(now)
  }

  /** Takes out a row that was next. */
  take(work: Work): void {
    if (!this.#rows.delete(work)) return
    this.#prefixes.leave(work)
    // Used now, so its turn comes again after all others that are there.
    for (const prefix of work.prefixes ?? []) {
      if (this.#warm.delete(prefix)) this.#warm.add(prefix)
    }
  }

  /** Takes out the rows that `leaves` says, in order. */
  remove(leaves: (work: Work) => boolean): readonly Work[] {
    const removed = [...this.#rows].filter(leaves)
    for (const work of removed) this.take(work)
    return removed
  }

  #warmest(now: number): Work | undefined {
    for (const prefix of this.#warm) {
      const work = prefix.isWarm(now) ? this.#rowOf(now, prefix) : undefined
      if (work !== undefined) return work
      // Whatever makes it warm, or brings it rows, puts it here again.
      this.#warm.delete(prefix)
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
      rows.popFront()
    }
    return undefined
  }

  #first(now: number): Work | undefined {
    for (let work = this.#oldest.peek(); work !== undefined; work = this.#oldest.peek()) {
      if (this.#rows.has(work)) {
        const awaited = this.#prefixes.waitsFor(now, work)
        if (awaited === undefined) return work
        awaited.parked.push(work)
      }
      this.#oldest.pop()
    }
    return undefined
  }
}

/**
 * A queue of rows that knows of which kinds they are, by what is seen of a row before it is
 * estimated: the size of its body and its `max_tokens`, in steps of four.
 *
 * It is one queue: new rows join at the back, returning ones at the front. But where the first row
 * must wait and another may pass, that will be of another kind, and of each kind the first is at
 * hand: thousands of rows alike are one look.
 *
 * Invariant: a row's kind does not change while it is in here.
 */

import { Queue } from './queue.ts'
import type { Work } from './work.ts'

interface Placed {
  readonly place: number
  readonly work: Work
}

/** The first row of a kind, and how many there are. */
export interface First {
  readonly work: Work
  readonly rows: number
}

/** See above. */
export class KindQueue {
  /** None is empty. */
  readonly #kinds = new Map<number, Queue<Placed>>()
  /** The kind of the row that is first of all. */
  #first: Queue<Placed> | undefined
  #size = 0
  /** The places of the next rows at either end. */
  #front = -1
  #back = 0

  get size(): number {
    return this.#size
  }

  /** How many kinds there are. */
  get kinds(): number {
    return this.#kinds.size
  }

  peek(): Work | undefined {
    return this.#first?.peek()?.work
  }

  pushBack(work: Work): void {
    const kind = this.#enter(work)
    kind.pushBack({ place: this.#back++, work })
    this.#first ??= kind
  }

  pushFront(work: Work): void {
    const kind = this.#enter(work)
    kind.pushFront({ place: this.#front--, work })
    this.#first = kind
  }

  /** Takes out a row that is the first of its kind; returns whether it was. */
  take(work: Work): boolean {
    const number = kindOf(work)
    const kind = this.#kinds.get(number)
    if (kind?.peek()?.work !== work) return false
    kind.popFront()
    this.#size -= 1
    if (kind.size === 0) this.#kinds.delete(number)
    if (kind === this.#first) this.#first = this.#oldest()
    return true
  }

  /** The first row of each kind, in the order in which they wait. */
  firsts(): readonly First[] {
    return [...this.#kinds.values()]
      .toSorted((a, b) => placeOf(a) - placeOf(b))
      .flatMap((kind) => {
        const first = kind.peek()
        return first === undefined ? [] : [{ work: first.work, rows: kind.size }]
      })
  }

  /** Keeps the rows that `keeps` says; they are asked about in their order. */
  filter(keeps: (work: Work) => boolean): void {
    for (let left = this.#size; left > 0; left--) {
      const work = this.peek()
      if (work === undefined) return
      this.take(work)
      if (keeps(work)) this.pushBack(work)
    }
  }

  #enter(work: Work): Queue<Placed> {
    this.#size += 1
    const number = kindOf(work)
    const known = this.#kinds.get(number)
    if (known) return known
    const made = new Queue<Placed>()
    this.#kinds.set(number, made)
    return made
  }

  #oldest(): Queue<Placed> | undefined {
    let oldest: Queue<Placed> | undefined
    for (const kind of this.#kinds.values()) {
      if (placeOf(kind) < placeOf(oldest)) oldest = kind
    }
    return oldest
  }
}

function placeOf(kind: Queue<Placed> | undefined): number {
  return kind?.peek()?.place ?? Infinity
}

function kindOf({ bodyBytes, row }: Work): number {
  return stepOf(bodyBytes) * 32 + stepOf(row.maxTokens)
}

/** Half of the number's bits. */
function stepOf(amount: number): number {
  return (32 - Math.clz32(amount)) >>> 1
}

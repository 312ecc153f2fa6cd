/**
 * A binary heap of items by a number: the earliest first.
 *
 * Items are not removed from the middle: whoever pops one that no longer matters
 * drops it, and one whose time has moved is pushed again.
 */

interface Entry<T> {
  readonly at: number
  readonly item: T
}

/**
 * Items by their instants.
 *
 * @example
 * ```ts
 * const heap = new Heap<string>()
 * heap.push(20, 'later')
 * heap.push(10, 'sooner')
 * heap.pop() // => 'sooner'
 * heap.nextAt // => 20
 * ```
 */
export class Heap<T> {
  readonly #entries: Entry<T>[] = []

  get size(): number {
    return this.#entries.length
  }

  /** The earliest instant; Infinity when empty. */
  get nextAt(): number {
    return this.#entries[0]?.at ?? Infinity
  }

  /** The earliest item; undefined when empty. */
  peek(): T | undefined {
    return this.#entries[0]?.item
  }

  push(at: number, item: T): void {
    const entries = this.#entries
    let index = entries.length
    const entry = { at, item }
    entries.push(entry)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = entries[parent]
      if (above === undefined || above.at <= at) break
      entries[index] = above
      index = parent
    }
    entries[index] = entry
  }

  pop(): T | undefined {
    const entries = this.#entries
    const top = entries[0]
    const last = entries.pop()
    if (top === undefined || last === undefined || entries.length === 0) return top?.item
    this.#sink(last)
    return top.item
  }

  #sink(entry: Entry<T>): void {
    const entries = this.#entries
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      const left = entries[child]
      const right = entries[child + 1]
      if (left === undefined) break
      let smaller = left
      if (right !== undefined && right.at < left.at) {
        child += 1
        smaller = right
      }
      if (smaller.at >= entry.at) break
      entries[index] = smaller
      index = child
    }
    entries[index] = entry
  }
}

/**
 * Which rows of a batch stand next to one another: those that share a prefix of their prompts.
 *
 * Inside a batch the cache is hit as it happens to be. The API's advice is to have the same marks
 * in every request of a group, for an hour, and to keep the group together.
 *
 * A prefix is known by its key (cache-points.ts); a row has those of its points, the shortest
 * first. Memory: 8 bytes a point.
 */

/** Of one batch. A write for an hour costs twice the input: three rows must have it to pay. */
const rowsMinForMark = 3

/** The points of the rows of one batch. */
export class Groups {
  #keys = new Float64Array(1024)
  /** Where in `#keys` those of a row begin; one more at the end. */
  readonly #starts: number[] = [0]
  #used = 0

  /** The next row, and the keys of its points. */
  add(keys: readonly number[]): void {
    if (this.#used + keys.length > this.#keys.length) {
      const grown = new Float64Array(2 * this.#keys.length + keys.length)
      grown.set(this.#keys.subarray(0, this.#used))
      this.#keys = grown
    }
    this.#keys.set(keys, this.#used)
    this.#used += keys.length
    this.#starts.push(this.#used)
  }

  /** How rows are to stand, and which prefixes are worth a mark. */
  arrange(): Arrangement {
    const counts = this.#shared()
    const rows = this.#starts.length - 1
    const order = Array.from({ length: rows }, (_, index) => index)
    const isMixed = counts.size > 0
    if (isMixed) {
      const ranks = this.#ranks(counts)
      order.sort((a, b) => compare(ranks[a] ?? none, ranks[b] ?? none) || a - b)
    }
    return {
      order,
      isReordered: order.some((row, place) => row !== place),
      paysMark: (key) => (counts.get(key) ?? 0) >= rowsMinForMark,
      rowsWith: (key) => counts.get(key) ?? 1,
    }
  }

  /** The keys that more than one row has, and how many. */
  #shared(): Map<number, number> {
    const sorted = this.#keys.slice(0, this.#used).toSorted()
    const counts = new Map<number, number>()
    for (let from = 0; from < sorted.length;) {
      const key = sorted[from] ?? 0
      let to = from + 1
      while (sorted[to] === key) to += 1
      if (to - from > 1) counts.set(key, to - from)
      from = to
    }
    return counts
  }

  /** Of each row, when each of its shared prefixes came first, the shortest first. */
  #ranks(counts: ReadonlyMap<number, number>): readonly (readonly number[])[] {
    const first = new Map<number, number>()
    const ranks: (readonly number[])[] = []
    for (let row = 0; row + 1 < this.#starts.length; row++) {
      const own: number[] = []
      for (let at = this.#starts[row] ?? 0; at < (this.#starts[row + 1] ?? 0); at++) {
        const key = this.#keys[at] ?? 0
        if (!counts.has(key)) continue
        const rank = first.get(key) ?? row
        first.set(key, rank)
        own.push(rank)
      }
      ranks.push(own.length === 0 ? [row] : own)
    }
    return ranks
  }
}

/** How the rows of a batch are to stand. */
export interface Arrangement {
  /** Indexes of rows, in the order in which they are sent. */
  readonly order: readonly number[]
  readonly isReordered: boolean
  /** Whether enough rows have this prefix. */
  readonly paysMark: (key: number) => boolean
  readonly rowsWith: (key: number) => number
}

const none: readonly number[] = []

/** As words are: by the first that differs, else the shorter first. */
function compare(left: readonly number[], right: readonly number[]): number {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

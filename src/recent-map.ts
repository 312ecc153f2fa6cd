/**
 * A map of bounded size: what was not set for long makes room.
 *
 * Two maps take turns. When the newer one is half of all there may be, it becomes the older, and
 * what only the older one held is gone. Keys are not put in order by taking them out and in again:
 * a map that changes so sheds tables, and in the old generation these keep each other alive.
 */

/** By numbers; holds the `sizeMax` / 2 that were set last, and others besides; see above. */
export class RecentMap<Value> {
  readonly #turnSize: number
  #newer = new Map<number, Value>()
  #older = new Map<number, Value>()

  constructor(sizeMax: number) {
    this.#turnSize = Math.floor(sizeMax / 2)
  }

  get(key: number): Value | undefined {
    return this.#newer.get(key) ?? this.#older.get(key)
  }

  set(key: number, value: Value): void {
    this.#newer.set(key, value)
    if (this.#newer.size < this.#turnSize) return
    this.#older = this.#newer
    this.#newer = new Map()
  }
}

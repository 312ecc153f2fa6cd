/**
 * A map of bounded size: what was not set for longest makes room.
 */

/** By numbers; see above. */
export class RecentMap<Value> {
  readonly #sizeMax: number
  readonly #values = new Map<number, Value>()

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  get(key: number): Value | undefined {
    return this.#values.get(key)
  }

  set(key: number, value: Value): void {
    // A map lists its keys in the order in which they were put in.
    this.#values.delete(key)
    this.#values.set(key, value)
    if (this.#values.size <= this.#sizeMax) return
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest)
      return
    }
  }
}

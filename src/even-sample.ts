/**
 * A sample spread evenly over a sequence whose length is not known beforehand, in bounded memory.
 *
 * Every item is taken at first; whenever there are twice as many as wanted, every second one goes,
 * and from then on half as many are taken. So there are at least as many as wanted, or all.
 */

/**
 * Every n-th item.
 *
 * @example
 * ```ts
 * const sample = new EvenSample(2)
 * for (let item = 0; item < 9; item++) if (sample.takesNext()) sample.add(item)
 * sample.items // => [0, 4, 8]
 * ```
 */
export class EvenSample<Item> {
  readonly #wanted: number
  #items: Item[] = []
  #stride = 1
  #seen = 0

  constructor(wanted: number) {
    this.#wanted = wanted
  }

  /** How long the sequence was. */
  get seen(): number {
    return this.#seen
  }

  /** What was taken, in order. */
  get items(): readonly Item[] {
    return this.#items
  }

  /** As many of them as wanted, as evenly as can be. */
  get picked(): readonly Item[] {
    const { length } = this.#items
    const count = Math.min(this.#wanted, length)
    return this.#items.filter(
      (_, index) =>
        Math.floor((index * count) / length) < Math.floor(((index + 1) * count) / length),
    )
  }

  /** Whether the next of the sequence is taken: then `add` gets it. Called once for each. */
  takesNext(): boolean {
    return this.#seen++ % this.#stride === 0
  }

  /** Takes an item in. */
  add(item: Item): void {
    if (this.#items.length >= 2 * this.#wanted) this.#thin()
    // The one that made it full may be one of those that go.
    if ((this.#seen - 1) % this.#stride === 0) this.#items.push(item)
  }

  #thin(): void {
    this.#items = this.#items.filter((_, index) => index % 2 === 0)
    this.#stride *= 2
  }
}

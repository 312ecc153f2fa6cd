/**
 * Names in labels: what comes from files and replies, bounded in number and length.
 *
 * Each label value is a series that is kept for ever, here and in Prometheus. A file may name any
 * number of models and a server any number of errors, so the first are kept and the others are one.
 */

/** Longer names are cut; no model, pool or error of the API has one. */
const charsMax = 128

/** Remembers the first names it is asked for; all further ones are `other`. */
export class Names {
  readonly #known = new Map<string, string>()
  readonly #max: number
  readonly #other: string

  constructor(max: number, other = 'other') {
    this.#max = max
    this.#other = other
  }

  /** The label value of a name. */
  of(name: string): string {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    if (this.#known.size >= this.#max) return this.#other
    const shown = name.slice(0, charsMax)
    this.#known.set(name, shown)
    return shown
  }
}

/**
 * Grammars of schemas: compiled at their first use, and kept for 24 hours (structured outputs
 * page). Requests that come before the first is compiled wait as long as it did.
 *
 * Kept for each model: whether models share one is not published.
 */

const keptMs = 86_400_000
/** Beyond this many, the one that was compiled first is forgotten: schemas are the client's. */
const grammarsMax = 10_000

export class Grammars {
  readonly #compileMs: number
  /** When each is compiled. */
  readonly #readyAt = new Map<string, number>()

  constructor(compileMs: number) {
    this.#compileMs = compileMs
  }

  /** By how much an answer is late whose request comes now. */
  compileMs(now: number, model: string, grammar: string | undefined): number {
    if (grammar === undefined || this.#compileMs === 0) return 0
    const name = `${model} ${grammar}`
    const readyAt = this.#readyAt.get(name) ?? -Infinity
    if (now >= readyAt && now < readyAt + keptMs) return 0
    if (now >= readyAt) this.#compile(now, name)
    return this.#compileMs
  }

  #compile(now: number, name: string): void {
    this.#readyAt.delete(name)
    this.#readyAt.set(name, now + this.#compileMs)
    const [first] = this.#readyAt.keys()
    if (this.#readyAt.size > grammarsMax && first !== undefined) this.#readyAt.delete(first)
  }
}

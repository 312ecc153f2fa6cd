/**
 * Whose fault an overload is: the row's, or nobody's.
 *
 * A 529 says nothing of the row that met it, and while the server is overloaded it meets any. So
 * what a row met is set beside what others met since. Of the rows asked for the first time, the
 * share that was overloaded is the chance of every try; overloads that would befall one row in a
 * billion by that chance are the row's own doing, and count as its tries. Fewer do not.
 *
 *   others' share   overloads of a row until they count
 *   1 in 2000       3
 *   1 in 100        5
 *   a half          30, which is the case of a row without any others, too
 *   9 in 10         197
 *
 * First tries alone are asked, for a row that always fails is tried more often than others are.
 */

/** As seldom as this, chance is no explanation. */
const chanceMin = 1e-9

/** What a row has met, and what others had when it first did. */
export interface OverloadsMet {
  /** Overloads of this row. */
  readonly count: number
  /** First tries of the pool's rows until then. */
  readonly answeredBefore: number
  readonly overloadedBefore: number
}

/** The overloads of one pool; see above. */
export class Overloads {
  #answered = 0
  #overloaded = 0

  /** A row was answered that had met no overload. */
  answered(): void {
    this.#answered += 1
  }

  /** A row met an overload: what it has met by now, given what it had. */
  met(before: OverloadsMet | undefined): OverloadsMet {
    if (before !== undefined) return { ...before, count: before.count + 1 }
    this.#overloaded += 1
    return { count: 1, answeredBefore: this.#answered, overloadedBefore: this.#overloaded }
  }

  /** Whether chance may have done it, by what others have met since. */
  mayBeChance({ count, answeredBefore, overloadedBefore }: OverloadsMet): boolean {
    const overloaded = this.#overloaded - overloadedBefore
    const answered = this.#answered - answeredBefore
    // By the rule of succession: who knows of no others expects a half.
    const share = (overloaded + 1) / (overloaded + answered + 2)
    return share ** count >= chanceMin
  }
}

/**
 * What all but the highest hundredth of the values seen so far stay below.
 *
 * Values are counted in classes five percent wide, so the answer is at most five percent high and
 * never low; when many have been seen the old ones count half, so that it follows what changes.
 */

const classWidth = Math.log(1.05)
const share = 0.99
/** Values below this say nothing. */
const valuesMin = 20
const valuesMax = 10_000

/** The running 99th percentile of amounts, from 0. */
export class RunningQuantile {
  readonly #counts: number[] = []
  #total = 0
  #seen = 0
  #value: number | undefined

  /** Undefined until enough was seen. */
  get value(): number | undefined {
    return this.#seen < valuesMin ? undefined : (this.#value ??= this.#find())
  }

  add(amount: number): void {
    const place = Math.ceil(Math.log(Math.max(1, amount)) / classWidth)
    while (this.#counts.length <= place) this.#counts.push(0)
    this.#counts[place] = (this.#counts[place] ?? 0) + 1
    this.#total += 1
    this.#seen += 1
    this.#value = undefined
    if (this.#total < valuesMax) return
    this.#total /= 2
    for (const [index, count] of this.#counts.entries()) this.#counts[index] = count / 2
  }

  #find(): number {
    let above = this.#total * (1 - share)
    for (let place = this.#counts.length - 1; place >= 0; place--) {
      above -= this.#counts[place] ?? 0
      if (above < 0) return Math.ceil(Math.exp(place * classWidth))
    }
    return 0
  }
}

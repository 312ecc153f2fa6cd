/**
 * A rate over about the last ten seconds, from one-second counts.
 */

const secondsMax = 10

export class RecentRate {
  readonly #counts = new Float64Array(secondsMax)
  #second = 0
  #startedAt = 0

  /** Nothing is counted from before this instant. */
  start(now: number): void {
    this.#startedAt = now
    this.#second = Math.floor(now / 1000)
    this.#counts.fill(0)
  }

  add(now: number, amount: number): void {
    this.#advance(now)
    const slot = this.#second % secondsMax
    this.#counts[slot] = (this.#counts[slot] ?? 0) + amount
  }

  /** Per second, over the time since `start` or the last ten seconds, whichever is shorter. */
  perSecond(now: number): number {
    this.#advance(now)
    // The second under way counts for the part of it that has passed.
    const windowMs = (secondsMax - 1) * 1000 + (now - this.#second * 1000)
    const seconds = Math.max(1, Math.min(now - this.#startedAt, windowMs) / 1000)
    return this.#counts.reduce((sum, count) => sum + count, 0) / seconds
  }

  #advance(now: number): void {
    const second = Math.floor(now / 1000)
    const passed = Math.min(secondsMax, second - this.#second)
    for (let step = 1; step <= passed; step++) this.#counts[(this.#second + step) % secondsMax] = 0
    if (passed > 0) this.#second = second
  }
}

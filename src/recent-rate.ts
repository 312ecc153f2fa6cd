/**
 * What happened in the last seconds, from one-second counts: how much, and how fast.
 *
 * Seconds are counted from the start, so that one is over when as much more has passed.
 */

export class RecentRate {
  readonly #counts: Float64Array
  #second = 0
  #startedAt = 0

  /** Remembers this many seconds. */
  constructor(seconds = 10) {
    this.#counts = new Float64Array(seconds)
  }

  /** Nothing is counted from before this instant. */
  start(now: number): void {
    this.#startedAt = now
    this.#second = 0
    this.#counts.fill(0)
  }

  add(now: number, amount: number): void {
    this.#advance(now)
    const slot = this.#second % this.#counts.length
    this.#counts[slot] = (this.#counts[slot] ?? 0) + amount
  }

  /** All that was counted in the seconds it remembers, the one under way included. */
  sum(now: number): number {
    this.#advance(now)
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  /** Per second, over the time since `start` or the seconds it remembers, whichever is shorter. */
  perSecond(now: number): number {
    const sum = this.sum(now)
    // The second under way counts for the part of it that has passed.
    const elapsedMs = now - this.#startedAt
    const windowMs = (this.#counts.length - 1 - this.#second) * 1000 + elapsedMs
    const seconds = Math.max(1, Math.min(elapsedMs, windowMs) / 1000)
    return sum / seconds
  }

  /** What was counted in each second that is over, oldest first, and in none before the start. */
  eachSecond(now: number): readonly number[] {
    this.#advance(now)
    const length = Math.min(this.#counts.length - 1, this.#second)
    return Array.from({ length }, (_, index) => {
      const second = this.#second - length + index
      return this.#counts[second % this.#counts.length] ?? 0
    })
  }

  #advance(now: number): void {
    const second = Math.floor((now - this.#startedAt) / 1000)
    const passed = Math.min(this.#counts.length, second - this.#second)
    for (let step = 1; step <= passed; step++) {
      this.#counts[(this.#second + step) % this.#counts.length] = 0
    }
    if (passed > 0) this.#second = second
  }
}

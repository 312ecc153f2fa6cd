/**
 * How long a pool waits after it was refused: as the server says, while its word holds.
 */

import { grainMs } from './bucket.ts'

/** Waits after refusals that came without a wait of their own. */
const refusedMsFirst = 1000
const refusedMsMax = 60_000

/** The wait of one pool; see above. */
export class RefusalWait {
  #until = -Infinity
  #lastAt = -Infinity
  #beforeAt = -Infinity
  #inRow = 0

  /** When it was refused last; what was under way together and is refused together counts once. */
  get lastAt(): number {
    return this.#lastAt
  }

  /** Milliseconds to wait. */
  delay(now: number): number {
    return this.#until - now >= grainMs ? this.#until - now : 0
  }

  /** Refused, the first of those under way together or another, and told to wait so long. */
  refused(now: number, given: { isFirst: boolean; saidMs: number; jitter: number }): void {
    const { isFirst, saidMs, jitter } = given
    if (isFirst) {
      this.#beforeAt = this.#lastAt
      this.#lastAt = now
      this.#inRow += 1
    }
    const doublings = Math.min(this.#inRow - 1, 10)
    const backoffMs = Math.min(refusedMsMax, refusedMsFirst * 2 ** doublings)
    // A server that says "after 0 seconds" has not said when. One whose word did not hold twice (it
    // may count refusals too, and then coming back on time never works) is given longer each time.
    const holds = saidMs > 0 && this.#inRow <= 2
    const delayMs = holds ? saidMs : Math.max(saidMs, backoffMs * (0.5 + jitter / 2))
    this.#until = Math.max(this.#until, now + delayMs)
  }

  /** A request that began at this instant was answered: refusals are over. */
  answered(startedAt: number): void {
    // What was sent long before the last refusal says nothing of the time after it.
    if (startedAt > this.#beforeAt) this.#inRow = 0
  }

  /** Nothing of it matters any more. */
  forget(now: number): void {
    this.#until = now
  }
}

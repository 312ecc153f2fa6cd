/**
 * The slice: a limit of a minute may be enforced over less, and headers need not show it.
 *
 * It is learned from refusals alone. A refusal for which every known level had room says that what
 * was missing then, measured in seconds of refill, is more than the slice holds: by its headers, or
 * where it has none, by what we had sent lately. All limits of a pool are taken to have a slice of
 * the same length.
 *
 * A slice that was learned too short costs nothing as long as sending is steady. Still it is tried
 * longer now and then: what refused us may have been somebody else. The more often a longer one was
 * refused too, the less likely that is, and the more seldom it is tried.
 */

/** Longer ones are no slices. */
const secondsMax = 60
/** What is on its way may arrive closer together than it left. */
const safety = 0.9
const jitterSeconds = 0.05
const secondsMin = 0.1
const triedEveryMsFirst = 300_000
const triedEveryMsMax = 4_800_000
const growth = 1.25

/** The slice of one pool. */
export class Slice {
  #seconds = secondsMax
  #triedAt = -Infinity
  #triedEveryMs = triedEveryMsFirst
  /** It is longer than what was learned last. */
  #isTrial = false

  /** Over how many seconds the limits hold; 60 when nothing shorter is known. */
  seconds(now: number): number {
    if (this.#seconds < secondsMax && now >= this.#triedAt + this.#triedEveryMs) {
      this.#seconds = Math.min(secondsMax, this.#seconds * growth)
      this.#triedAt = now
      this.#isTrial = true
    }
    return this.#seconds
  }

  /** Refused with so many seconds of refill missing, though levels had room. */
  refused(now: number, secondsMissing: number): void {
    const seconds = Math.max(secondsMin, secondsMissing * safety - jitterSeconds)
    this.#seconds = Math.min(this.#seconds, seconds)
    this.#triedAt = now
    if (this.#isTrial) this.#triedEveryMs = Math.min(triedEveryMsMax, this.#triedEveryMs * 2)
    this.#isTrial = false
  }
}

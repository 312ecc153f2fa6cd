/**
 * The start of a pool: how fast sending may grow.
 *
 * The API refuses sharp jumps in usage even under the stated limits
 * (`ramp_limit_exceeded`), and before the first reply nothing is known of the limits
 * at all. So sending begins at max(2 a second, 20 % of the refill) and doubles every
 * second. It is a cap on the rate of starts, not a target: the meters are the target.
 *
 * The cap grows only while starts press against it. When a meter binds it goes back to twice the
 * refill, so a limit that is raised later is climbed to in the same way, and a refusal halves a
 * rate that was really there.
 *
 *   credit   starts that may be made now; gains `perSecond`, holds a quarter second's worth
 *   growing  while the credit is less than half of what it can hold
 */

import { assert } from './assert.ts'
import { grainMs } from './bucket.ts'

/** How fast the rate may double: every second, every four, or no ramp at all. */
export type RampKind = 'fast' | 'gentle' | 'off'

const doublingMs: Record<RampKind, number> = { fast: 1000, gentle: 4000, off: 1000 }

const perSecondMin = 1
/** No machine starts as many; keeps an unbounded growth finite. */
const perSecondMax = 1e6
const creditSeconds = 0.25
/** Both probes may start at once. */
const creditMin = 2
/** After this long without growth the ramp has ended: something else holds the rate. */
const climbingMs = 2000
/** After a climb: what was saved up must not go out in one burst, for others have seen it too. */
const calmFactor = 2

/** The ramp of one pool. */
export class Ramp {
  readonly #kind: RampKind
  #doublingMs: number
  #isSlowed = false
  #perSecond = 2
  #credit = creditMin
  #at: number
  #grewAt: number

  constructor(now: number, kind: RampKind) {
    this.#kind = kind
    this.#doublingMs = doublingMs[kind]
    this.#at = now
    this.#grewAt = now
  }

  /** Starts a second that it allows. */
  get perSecond(): number {
    return this.#perSecond
  }

  /** Whether sending still presses against it, or did just now. */
  isClimbing(now: number): boolean {
    return this.#kind !== 'off' && now - this.#grewAt < climbingMs
  }

  /** The server said that it was too fast. */
  get isSlowed(): boolean {
    return this.#isSlowed
  }

  /** When it grew last. */
  get climbedAt(): number {
    return this.#kind === 'off' ? -Infinity : this.#grewAt
  }

  /** Begins at a fifth of what the server refills, if that is more. */
  learnRefill(now: number, requestsPerSecond: number): void {
    this.#advance(now)
    this.#perSecond = Math.max(this.#perSecond, Math.min(requestsPerSecond / 5, perSecondMax))
  }

  /** The server said it was too fast: half the rate, and slower growth from here on. */
  slow(now: number): void {
    this.restart(now, this.#perSecond / 2)
    this.#doublingMs = doublingMs.gentle
    this.#isSlowed = true
  }

  /** So much is refilled: once the climb is over, it goes back to little more than that. */
  calm(now: number, refillPerSecond: number): void {
    const perSecond = Math.max(perSecondMin, calmFactor * refillPerSecond)
    if (this.#perSecond <= perSecond || this.isClimbing(now)) return
    this.#advance(now)
    this.#perSecond = perSecond
    this.#credit = Math.min(this.#credit, Math.max(creditMin, perSecond * creditSeconds))
  }

  /** Begins again, from this many starts a second. */
  restart(now: number, perSecond: number): void {
    assert(perSecond > 0, `Ramp must restart from a positive rate, got ${perSecond}`)
    this.#advance(now)
    this.#perSecond = Math.max(perSecondMin, Math.min(perSecond, perSecondMax))
    this.#credit = Math.min(this.#credit, 1)
    this.#grewAt = now
  }

  /** Milliseconds until the next start. */
  delay(now: number): number {
    if (this.#kind === 'off') return 0
    this.#advance(now)
    const delayMs = this.#msToGain(1 - this.#credit)
    return delayMs < grainMs ? 0 : delayMs
  }

  /** A start is made. */
  take(now: number): void {
    this.#advance(now)
    this.#credit -= 1
  }

  #advance(now: number): void {
    let leftMs = Math.max(0, now - this.#at)
    this.#at = Math.max(now, this.#at)
    if (leftMs === 0) return
    // Credit left lying says that sending does not press: then the rate stays as it is.
    const pressed = Math.max(1, (this.#perSecond * creditSeconds) / 2)
    const growthMs = Math.min(leftMs, this.#msToGain(pressed - this.#credit))
    if (growthMs > 0 && this.#perSecond < perSecondMax) {
      const before = this.#perSecond
      this.#perSecond *= 2 ** (growthMs / this.#doublingMs)
      // The integral of an exponential rate is its growth, times its time constant.
      const constantSeconds = this.#doublingMs / 1000 / Math.LN2
      this.#credit += (this.#perSecond - before) * constantSeconds
      this.#grewAt = this.#at
      leftMs -= growthMs
    }
    // Credit does not pile up while nothing is asked for: a pause must not end in a burst.
    const creditMax = Math.max(creditMin, this.#perSecond * creditSeconds)
    this.#credit = Math.min(creditMax, this.#credit + (this.#perSecond * leftMs) / 1000)
  }

  /** Milliseconds in which a growing rate gains so many starts. */
  #msToGain(starts: number): number {
    if (starts <= 0) return 0
    const perConstant = (this.#perSecond * this.#doublingMs) / 1000 / Math.LN2
    return this.#doublingMs * Math.log2(1 + starts / perConstant)
  }
}

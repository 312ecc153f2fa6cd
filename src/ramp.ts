/**
 * The start of a pool: how fast sending may grow, before any limit binds.
 *
 * The API refuses sharp jumps in usage even under the stated limits
 * (`ramp_limit_exceeded`), and before the first reply nothing is known of the limits
 * at all. So sending begins at max(2 a second, 20 % of the refill) and doubles every
 * second. It is a cap on the rate of starts, not a target: the meters are the target.
 * Once it is far above what they admit, it no longer matters and is over.
 */

import { assert } from './assert.ts'

export type RampKind = 'fast' | 'gentle' | 'off'

const doublingMs: Record<Exclude<RampKind, 'off'>, number> = { fast: 1000, gentle: 4000 }

/** Starts a second beyond which a ramp is over; no machine of ours sends as fast. */
const overAtPerSecond = 50_000

export class Ramp {
  readonly #kind: RampKind
  #doublingMs: number
  #perSecond: number
  #credit = 1
  #at: number
  #over: boolean

  constructor(now: number, kind: RampKind) {
    this.#kind = kind
    this.#doublingMs = kind === 'off' ? doublingMs.fast : doublingMs[kind]
    this.#perSecond = 2
    this.#at = now
    this.#over = kind === 'off'
  }

  /** True once it bounds nothing any more. */
  get over(): boolean {
    return this.#over
  }

  get perSecond(): number {
    return this.#perSecond
  }

  /** Begins at a fifth of what the server refills, if that is more. */
  learnRefill(now: number, requestsPerSecond: number): void {
    this.#advance(now)
    this.#perSecond = Math.max(this.#perSecond, requestsPerSecond / 5)
  }

  /** The server said it was too fast: half the rate, and slower growth from here on. */
  slow(now: number): void {
    if (this.#kind === 'off') return
    this.#advance(now)
    this.restart(now, this.#perSecond / 2)
    this.#doublingMs = doublingMs.gentle
  }

  /** Begins again, from this many starts a second. */
  restart(now: number, perSecond: number): void {
    assert(perSecond > 0, `Ramp must restart from a positive rate, got ${perSecond}`)
    this.#advance(now)
    this.#perSecond = Math.max(1, Math.min(perSecond, overAtPerSecond / 2))
    this.#credit = Math.min(this.#credit, 1)
    this.#over = false
  }

  /** Milliseconds until the next start. */
  delay(now: number): number {
    this.#advance(now)
    if (this.#over || this.#credit >= 1) return 0
    return ((1 - this.#credit) / this.#perSecond) * 1000
  }

  take(now: number): void {
    this.#advance(now)
    this.#credit -= 1
  }

  #advance(now: number): void {
    const elapsedMs = Math.max(0, now - this.#at)
    this.#at = Math.max(now, this.#at)
    if (this.#over || elapsedMs === 0) return
    const growth = 2 ** Math.min(20, elapsedMs / this.#doublingMs)
    // The integral of an exponential rate over the time that passed.
    const meanPerSecond = (this.#perSecond * (growth - 1) * this.#doublingMs) / (elapsedMs * Math.LN2)
    this.#credit += (meanPerSecond * elapsedMs) / 1000
    this.#perSecond *= growth
    // Credit does not pile up while nothing is asked for: a pause must not end in a burst.
    this.#credit = Math.min(this.#credit, Math.max(1, this.#perSecond / 4))
    if (this.#perSecond >= overAtPerSecond) this.#over = true
  }
}

/**
 * The one timer of a run: armed for the instant at which something is to be done, and by its
 * lateness the sign that the machine, or the process, slept.
 */

import type { Cancel, Clock } from './clock.ts'

/** Who is woken. */
export interface Sleeper {
  /** The instant is here. */
  wake(): void
  /** Nothing ran for so long; `before` is now, before anything else is made of it. */
  slept(before: number, ms: number): void
}

/** A timer this late means the machine, or the process, did not run. */
const sleptMs = 5000

export class Alarm {
  readonly #clock: Clock
  readonly #sleeper: Sleeper
  #timer: { readonly at: number; readonly cancel: Cancel } | undefined

  constructor(clock: Clock, sleeper: Sleeper) {
    this.#clock = clock
    this.#sleeper = sleeper
  }

  /** Wakes at an instant, unless an earlier one is set: too early costs little, too late much. */
  arm(at: number): void {
    if (at === Infinity || (this.#timer && this.#timer.at <= at)) return
    this.#timer?.cancel()
    // Timers count whole milliseconds, and a wait of none would never let time pass.
    const delayMs = Math.max(1, Math.ceil(at - this.#clock.now()))
    const cancel = this.#clock.after(delayMs, () => {
      this.noticeSleep()
      this.cancel()
      this.#sleeper.wake()
    })
    this.#timer = { at, cancel }
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** To be called before anything else is made of an event: it may be the first since the sleep. */
  noticeSleep(): void {
    const before = this.#clock.now()
    const lateMs = before - (this.#timer?.at ?? before)
    if (lateMs < sleptMs) return
    this.cancel()
    this.#sleeper.slept(before, lateMs)
  }
}

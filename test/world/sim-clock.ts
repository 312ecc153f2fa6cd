/**
 * The world's clock: time moves only when nothing is left to do, and then at once.
 *
 * `runUntil` lets every promise settle, then fires the earliest timer, and so on until what it
 * waits for has happened. Same program, same seed: same history. A step bound turns a
 * livelock into a failure.
 */

import type { Cancel, Clock } from '../../src/clock.ts'

interface Timer {
  readonly at: number
  readonly sequence: number
  readonly callback: () => void
  cancelled: boolean
}

export class SimClock implements Clock {
  #now: number
  readonly #wallOffset: number
  #wallStepMs = 0
  #asleepUntil = -Infinity
  #sequence = 0
  readonly #timers: Timer[] = []

  /** `startAt`: where the monotonic clock begins; `wallAt`: the wall time at that instant. */
  constructor(startAt = 1000, wallAt = Date.UTC(2026, 10, 22, 10)) {
    this.#now = startAt
    this.#wallOffset = wallAt - startAt
  }

  now(): number {
    return this.#now
  }

  wallTime(): number {
    return Math.floor(this.#now + this.#wallOffset + this.#wallStepMs)
  }

  /** The wall time that everybody else has: this machine's may have been stepped. */
  trueTime(): number {
    return Math.floor(this.#now + this.#wallOffset)
  }

  /** Somebody sets the wall clock: it steps, by a negative figure back; `now()` does not. */
  stepWall(ms: number): void {
    this.#wallStepMs += ms
  }

  after(delayMs: number, callback: () => void): Cancel {
    const at = this.#now + Math.max(0, delayMs)
    const timer: Timer = { at, sequence: this.#sequence++, callback, cancelled: false }
    this.#insert(timer)
    return () => {
      timer.cancelled = true
    }
  }

  /** Lets time pass until the promise is settled; rejects as it does, or when steps run out. */
  async runUntil<T>(promise: Promise<T>, stepsMax = 5_000_000): Promise<T> {
    let settled = false
    const watched = promise.finally(() => {
      settled = true
    })
    watched.catch(() => {})
    for (let step = 0; step < stepsMax; step++) {
      await drained()
      if (settled) return watched
      const timer = this.#pop()
      if (timer === undefined) {
        // Compressing is done by threads, which know no time but the real one.
        const isMoved = await happens(() => settled || this.#timers.length > 0)
        if (!isMoved) throw new Error(`Nothing is left to happen at ${this.#now} ms`)
        continue
      }
      this.#now = Math.max(this.#now, timer.at)
      timer.callback()
    }
    throw new Error(`Livelock: ${stepsMax} steps, now at ${this.#now} ms`)
  }

  /** Calls back at an instant; one that has passed is now. */
  at(instant: number, callback: () => void): void {
    const at = Math.max(this.#now, instant)
    this.#insert({ at, sequence: this.#sequence++, callback, cancelled: false })
  }

  /** The machine is suspended: the world goes on without it. */
  sleep(ms: number): void {
    this.#asleepUntil = Math.max(this.#asleepUntil, this.#now + ms)
  }

  /** When the machine wakes, or woke. */
  get asleepUntil(): number {
    return this.#asleepUntil
  }

  /** Runs what the machine has to do: now, or when it wakes. */
  whenAwake(callback: () => void): void {
    if (this.#now >= this.#asleepUntil) callback()
    else this.at(this.#asleepUntil, callback)
  }

  #insert(timer: Timer): void {
    const timers = this.#timers
    let low = 0
    let high = timers.length
    // Latest first, so that the earliest is popped from the end.
    while (low < high) {
      const middle = (low + high) >> 1
      const other = timers[middle]
      if (other === undefined) break
      const isLater =
        other.at > timer.at || (other.at === timer.at && other.sequence > timer.sequence)
      if (isLater) low = middle + 1
      else high = middle
    }
    timers.splice(low, 0, timer)
  }

  #pop(): Timer | undefined {
    let timer = this.#timers.pop()
    while (timer?.cancelled) timer = this.#timers.pop()
    return timer
  }
}

const realMsMax = 1000

/** Lets real time pass until it happens; false if it does not. */
async function happens(isSo: () => boolean): Promise<boolean> {
  for (let ms = 0; ms < realMsMax && !isSo(); ms++) {
    await new Promise((resolve) => {
      setTimeout(resolve, 1)
    })
  }
  return isSo()
}

/** Every promise that can settle now has. */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/**
 * What others may have taken of a limit that no reading shows yet, while a run climbs to it.
 *
 * A climb doubles every second, so by far the most of what it takes is taken in its last second:
 * whoever began at the same time does the same, and two that trust readings of half a second ago
 * overdraw together. So what others took by the newest reading, set beside what we had taken by
 * then, is taken to go on: while nothing shows it, they take as much again for each of ours. A run
 * that is alone sees nothing missing, and waits for nothing.
 *
 * It is only waited for, and not taken off the level: the next reading shows what was so.
 */

/** A reading, beside a level of ours. */
export interface ClimbReading {
  /** How much lower the level would be if the reading were exact. */
  readonly gap: number
  /** What we took since the instant of the reading. */
  readonly takenSince: number
}

/** Others took so many times what we did at most. */
const shareMax = 9

/** That of one limit; see above. */
export class Climb {
  /** What was found missing since the climb began, and what we took. */
  #missing = 0
  #taken = 0
  /** The part of the latter that is in no reading. */
  #unseen = 0
  #share = 0
  #gap = 0

  /** So much of the limit should be left, besides what is kept anyway. */
  get spare(): number {
    return this.#gap + this.#share * Math.max(0, this.#unseen)
  }

  /** We took this; a negative amount was given back. */
  take(amount: number): void {
    this.#taken += amount
    this.#unseen += amount
  }

  /** The level was moved down by so much. */
  missing(amount: number): void {
    this.#missing += amount
  }

  /** A reading of the climb. */
  observe({ gap, takenSince }: ClimbReading): void {
    this.#gap = Math.max(0, gap)
    this.#unseen = takenSince
    const seen = this.#taken - takenSince
    const others = this.#missing + this.#gap
    this.#share = seen > 0 ? Math.min(Math.max(0, others / seen), shareMax) : 0
  }

  /** A reading of after the climb: all that was taken in it is in the level. */
  over(): void {
    this.#missing = 0
    this.#taken = 0
    this.#unseen = 0
    this.#share = 0
    this.#gap = 0
  }
}

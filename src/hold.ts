/**
 * What the server holds of the input limit, for requests it has not counted yet.
 *
 * From a request's admission to its first byte it may hold an estimate, a quarter of the body's
 * bytes, whatever is read from a cache; then it knows. What that is above the expected cost, the
 * excess, is missing from the limit meanwhile and comes back. A stream shows when; of a plain
 * answer nothing shows before its end, so its excess counts for as long as streams have taken to
 * their first byte.
 *
 * Invariant: what is held is the sum over the requests under way whose first byte is still to come,
 * as far as is known.
 */

import { grainMs } from './bucket.ts'
import { HoldFactor, type HoldLevels } from './hold-factor.ts'
import type { Cost } from './meter.ts'

/** That of one request. */
export interface Held {
  readonly excess: number
  readonly startedAt: number
  /** When it is taken to be released; Infinity: when something tells. */
  releaseAt: number
  isReleased: boolean
  /** It went as if the server held nothing, to see whether it does. */
  readonly isTrial: boolean
  /** What all held by then, itself included, and the levels with and without. */
  readonly range: HeldRange
  readonly levels: HoldLevels | undefined
}

/** What is held of the limit, at least and at most, if the server holds. */
export type HeldRange = readonly [least: number, most: number]

/** Weight of the newest in how long first bytes and answers take. */
const memory = 0.1
/** First bytes of so many times their mean come late enough. */
const lateFactor = 1.5
/** Before any stream has shown it: a first byte comes after so much of a whole answer. */
const firstByteShare = 0.5
/** More than this share held of what there is at once, and it must be seen when it is released. */
const seenShare = 0.05
/** A hold that nobody has seen is not waited for longer than this: one request tries. */
const unprovenWaitMsMax = 10_000

/** That of one pool; see above. */
export class Hold {
  readonly #factor = new HoldFactor()
  /** Of which something will tell. */
  #untilTold = 0
  /** Of plain answers, by their time; in the order of their starts. */
  #timed = 0
  /** How many hold; sums of fractions drift, but of none the sum is known. */
  #count = 0
  #queue: Held[] = []
  #firstByteMs: number | undefined
  #answerMs: number | undefined

  /** The share of the excess that the server is seen to hold. */
  get factor(): number {
    return this.#factor.value
  }

  /** What a request of this cost may hold beyond it. */
  excess({ asked = 0, input }: Cost): number {
    return this.factor * excessOf(asked, input)
  }

  /** What is held beyond what is expected to count. */
  amount(now: number): number {
    this.#releaseDue(now)
    return this.factor * (this.#untilTold + this.#timed)
  }

  /**
   * The same, at least and at most, when a reading was taken: now, or, of a stream, as it was sent
   * or at its first byte, when it was still held.
   */
  range(now: number, early?: Held): HeldRange {
    this.#releaseDue(now)
    const own = early?.excess ?? 0
    const least = this.#untilTold + own
    const most = least + this.#timed
    const [leastThen, mostThen] = early?.range ?? [least, most]
    const { factor } = this
    return [factor * Math.min(least, leastThen), factor * Math.max(most, mostThen)]
  }

  /** Whether so much of this is held that a request which holds too should be a stream. */
  mustBeSeen(now: number, { excess }: Held, capacity: number): boolean {
    return excess > 0 && this.amount(now) > capacity * seenShare
  }

  /**
   * Whether a request that would wait so long for what it may hold should go all the same: nobody
   * knows whether the server holds, and nothing that holds is under way and may show it.
   */
  mayTry(now: number, waitMs: number): boolean {
    return waitMs > unprovenWaitMsMax && this.#factor.isUnproven && this.amount(now) === 0
  }

  /** Milliseconds until something is released by its time; Infinity: something must tell. */
  nextReleaseMs(now: number): number {
    this.#releaseDue(now)
    return (this.#queue[0]?.releaseAt ?? Infinity) - now
  }

  /** A request starts. `isTrial`: there is no room for what it may hold. */
  start(now: number, { asked = 0, input }: Cost, isTrial: boolean): Held {
    const excess = excessOf(asked, input)
    this.#releaseDue(now)
    this.#untilTold += excess
    this.#count += 1
    this.#factor.hold(now, excess)
    const range: HeldRange = [this.#untilTold, this.#untilTold + this.#timed]
    const levels = this.#factor.levels(now)
    const at = { startedAt: now, releaseAt: Infinity, isReleased: false }
    return { excess, ...at, isTrial, range, levels }
  }

  /** It is no stream: nothing will tell of its first byte. */
  isPlain(now: number, held: Held): void {
    const afterMs = this.#releaseAfterMs
    if (held.excess === 0 || afterMs === undefined) return
    held.releaseAt = now + afterMs
    this.#untilTold -= held.excess
    this.#timed += held.excess
    this.#queue.push(held)
  }

  /** Its stream begins. */
  firstByte(now: number, held: Held): void {
    this.#firstByteMs = learned(this.#firstByteMs, now - held.startedAt)
    this.#release(now, held)
  }

  /** It is over; an answer came, or none. */
  ended(now: number, held: Held, isAnswer: boolean): void {
    if (isAnswer) this.#answerMs = learned(this.#answerMs, now - held.startedAt)
    this.#release(now, held)
    this.#releaseDue(now)
  }

  /** Input is taken on account; a negative amount is given back. */
  take(now: number, amount: number): void {
    this.#factor.take(now, amount)
  }

  /** A reading of the input limit: of now, or, of a stream, as for `range`. */
  observe(
    now: number,
    size: { readonly capacity: number; readonly perMinute: number },
    reading: { readonly shown: number; readonly slack: number },
    early?: Held,
  ): void {
    this.#releaseDue(now)
    const levels = this.#factor.levels(now)
    const own = early?.excess ?? 0
    const atHead = levels && { without: levels.without, held: levels.held - own }
    const all: HoldLevels[] = []
    if (atHead !== undefined) all.push(atHead)
    if (early?.levels !== undefined) all.push(early.levels)
    this.#factor.observe(now, size, { ...reading, levels: all })
  }

  /**
   * A request was refused by its input, with the reading that was observed last. `fits`: there was
   * room for what it costs.
   */
  refused({ isTrial }: Held, fits: boolean): void {
    if (isTrial && fits) this.#factor.proved()
    else this.#factor.refused()
  }

  /** The machine slept. */
  forget(): void {
    this.#factor.forget()
  }

  get #releaseAfterMs(): number | undefined {
    if (this.#firstByteMs !== undefined) return this.#firstByteMs * lateFactor
    return this.#answerMs === undefined ? undefined : this.#answerMs * firstByteShare
  }

  #release(now: number, held: Held): void {
    if (held.isReleased) return
    held.isReleased = true
    if (held.releaseAt === Infinity) this.#untilTold -= held.excess
    else this.#timed -= held.excess
    this.#count -= 1
    if (this.#count === 0) {
      this.#untilTold = 0
      this.#timed = 0
    }
    this.#factor.hold(now, -held.excess)
  }

  /** Who comes first is released first: times change slowly. */
  #releaseDue(now: number): void {
    let due = 0
    for (const held of this.#queue) {
      if (!held.isReleased && held.releaseAt - now >= grainMs) break
      this.#release(now, held)
      due += 1
    }
    if (due === 1) this.#queue.shift()
    else if (due > 1) this.#queue.splice(0, due)
  }
}

function excessOf(asked: number, input: number): number {
  return Math.max(0, asked - input)
}

function learned(known: number | undefined, newest: number): number {
  return known === undefined ? newest : known + (newest - known) * memory
}

/**
 * A limit over its slice: how much may start now where a minute's limit holds over a second or so.
 *
 * Two things are kept, for neither knows all. What we let start lately is known to the unit, but
 * not what was counted otherwise than expected. What the server has counted is known from its
 * headers, but not to the unit. Both must have room.
 *
 * Headers may show the slice or the minute. A server that refills both at one rate drains both
 * alike: what is missing from a full minute is what is missing from a full slice, so either tells.
 */

import { Bucket } from './bucket.ts'
import { ShownLevel } from './shown-level.ts'

/** What one request wants of a slice. */
export interface SliceNeed {
  /** Counted by the server as the request starts: not output that it counts as it is produced. */
  readonly counted: number
  /** Output that it counts as it is produced. */
  readonly produced: number
  /** What is still to come, beyond the refill, of what is under way and of this. */
  readonly excess: number
}

/**
 * At the very rate of the refill, what is left of a slice wanders without ever being mended; a
 * little below it, it is mostly full.
 */
const pace = 0.985
/**
 * When too little is being produced, more is let start than is refilled; but at most four times,
 * and few at once: it is not known at once what comes of it.
 */
const catchUpShare = 1 / 4
/** Of a slice that is shown: input is counted otherwise than was expected. */
const shownShare = 0.7
/** Of a small slice, what is set aside for not knowing better. */
const spareShareMax = 0.5

/** That of one limit; see above. */
export class SliceMeter {
  readonly #rounding: number
  /** What we let start lately and is not refilled yet; no reading touches it. */
  readonly #recent: Bucket
  readonly #shown: ShownLevel
  #perMinute: number
  #isPaced = false
  /** The most that was seen left while the headers showed the slice; 0 while they show a minute. */
  #mostLeft = 0

  /** `rounding`: how far what is shown may be off. `started`: what is under way and was counted. */
  constructor(now: number, options: { perMinute: number; rounding: number; started: number }) {
    const { perMinute, rounding, started } = options
    const size = { capacity: perMinute, perMinute }
    this.#rounding = rounding
    this.#perMinute = perMinute
    this.#recent = new Bucket(now, { ...size, level: Math.max(0, perMinute - started) })
    this.#shown = new ShownLevel(now, size)
  }

  /** Milliseconds until a slice of so many seconds has room; Infinity: not before one ends. */
  delay(now: number, { counted, produced, excess }: SliceNeed, seconds: number): number {
    this.#pace(now)
    const held = this.#mostLeft > 0 ? this.#mostLeft * shownShare : (this.#perMinute / 60) * seconds
    const burst = produced > 0 ? held * catchUpShare : held
    const started = Math.min(counted + produced * catchUpShare, burst) + this.#perMinute - burst
    const spare = Math.min(this.#rounding, held * spareShareMax)
    // What is shown of a slice is not late where it is counted as it comes: all of it may be used.
    const gone = this.#mostLeft > 0 && produced > 0 ? 0 : this.#full - held
    const left = gone + Math.min(counted + spare, held) + excess
    if (left > this.#full) return Infinity
    return Math.max(this.#recent.delayUntil(now, started), this.#shown.delayUntil(now, left))
  }

  /** A request starts, or turns out to need other than was thought. */
  start(now: number, { counted, produced }: Omit<SliceNeed, 'excess'>): void {
    this.#recent.take(now, counted + produced * catchUpShare)
    this.count(now, counted)
  }

  /** The server counts this now. */
  count(now: number, amount: number): void {
    if (amount !== 0) this.#shown.take(now, amount)
  }

  /**
   * The headers of a reply say that one of these is left. `isSlice`: they are believed to show the
   * slice, not the minute.
   */
  observe(now: number, left: readonly [number, number], slack: number, isSlice: boolean): void {
    // Neither is what was shown, but what was carried from then to now: that may be more.
    this.#mostLeft = isSlice ? Math.max(this.#mostLeft, Math.min(left[0], left[1])) : 0
    this.#shown.resize(now, { capacity: this.#full, perMinute: this.#perMinute })
    this.#shown.observe(now, left, slack)
  }

  /**
   * How many seconds of refill were missing when a request was refused for which the server counts
   * so much as it starts; no more than a slice holds, if this limit was why.
   */
  secondsMissing(remaining: number, counted: number): number {
    const left = remaining > 0 ? remaining + this.#rounding : 0
    return ((this.#full - left + counted) * 60) / this.#perMinute
  }

  /** How many seconds of refill we let start lately: a slice of fewer has nothing left. */
  burstSeconds(now: number): number {
    return ((this.#perMinute - this.#recent.level(now)) * 60) / this.#perMinute
  }

  /** The limit is another; what was let start lately stays. */
  resize(now: number, perMinute: number): void {
    const recent = this.#perMinute - this.#recent.level(now)
    this.#perMinute = perMinute
    this.#mostLeft = 0
    this.#shown.resize(now, { capacity: perMinute, perMinute })
    this.#recent.resize(now, { capacity: perMinute, perMinute })
    this.#recent.setLevel(now, perMinute - recent)
    this.#isPaced = false
  }

  /** What the headers show when nothing is missing. */
  get #full(): number {
    return this.#mostLeft > 0 ? this.#mostLeft : this.#perMinute
  }

  #pace(now: number): void {
    if (this.#isPaced) return
    this.#isPaced = true
    this.#recent.resize(now, { capacity: this.#perMinute, perMinute: this.#perMinute * pace })
  }
}

/**
 * Meters: one limit each, in one unit, over one minute.
 *
 * A meter answers two questions, both with the instant as an argument: how long
 * until this amount may start, and what to do now that it has. The user's bounds are kept
 * by `bound-meter.ts`; here is what the server will show, followed from its headers.
 *
 * An amount is taken on account when a request starts and settled when its usage is known.
 * One larger than a meter's capacity runs when the meter is full: it may not fit, but it
 * must not wait for ever.
 */

import { unreachable } from './assert.ts'
import { Climb } from './climb.ts'
import type { HeldRange } from './hold.ts'
import type { LimitReading } from './outcome.ts'
import { SharedBucket } from './shared-bucket.ts'
import { SliceMeter, type SliceNeed } from './slice-meter.ts'

/** What a meter counts. `tokens` is input and output together. */
export type MeterUnit = 'requests' | 'input' | 'output' | 'tokens'

/** What one request is expected to cost, or did. Tokens that count to the limits. */
export interface Cost {
  readonly input: number
  readonly output: number
  /**
   * Input tokens the server may ask for before it has counted them: about a quarter of the body's
   * bytes. @default none
   */
  readonly asked?: number
  /** All input tokens of the prompt, with what is read from a cache. @default `input` */
  readonly prompt?: number
  /** How far the output may be off: its standard deviation. @default 0 */
  readonly outputDeviation?: number
  /** The request's `max_tokens`. @default unknown */
  readonly outputMax?: number
}

/** The part of a request's cost that a meter of this unit counts. */
export function amountOf(unit: MeterUnit, cost: Cost): number {
  switch (unit) {
    case 'requests':
      return 1
    case 'input':
      return cost.input
    case 'output':
      return cost.output
    case 'tokens':
      return cost.input + cost.output
    default:
      return unreachable(unit)
  }
}

/** Whether a meter of this unit counts input. */
export function countsInput(unit: MeterUnit): boolean {
  return unit === 'input' || unit === 'tokens'
}

/** Whether a meter of this unit counts output. */
export function countsOutput(unit: MeterUnit): boolean {
  return unit === 'output' || unit === 'tokens'
}

const minuteMs = 60_000

/** What a reading is worth, and what it cannot know (see `ServerMeter.observe`). */
export interface Observation {
  readonly reading: LimitReading
  /** Milliseconds between the instant the reading speaks of and now. */
  readonly ageMs: number
  /** Units of ours taken since that instant, less those given back; already off our own level. */
  readonly takenSince: number
  /** Units taken shortly before that instant: requests overtake one another on their way. */
  readonly takenJustBefore: number
  /**
   * Units on account at that instant for requests not settled then; the server may have seen none
   * or all of them.
   */
  readonly unsettled: number
  /** Units that may have been on their way still, though such are counted at once. @default none */
  readonly unarrived?: number
  /** Units held then that are not on account, at least and at most (hold.ts). @default none */
  readonly held?: HeldRange | undefined
  /** When sending grew last. @default never */
  readonly climbedAt: number
  /** Server wall time, ms since the epoch, if it said. */
  readonly serverAt: number | undefined
}

/** What a reply shows of one limit, and when, server wall time. */
export type ShownReading = Pick<Observation, 'reading' | 'serverAt'>

/** What one request wants of a minute's limit. */
export interface MinuteNeed {
  readonly amount: number
  /** What may be missing of our level without our knowing; a tenth of the capacity at most. */
  readonly margin: number
  /** What the server holds for others that is not on account, and comes back. */
  readonly held: number
  /** As `Waiting` has them. */
  readonly behind?: number
  readonly isPasser?: boolean
}

const marginShareMax = 0.1
const nothingHeld: HeldRange = [0, 0]
/** So many readings in a row must show a capacity of less than this share of the limit. */
const readingsInRow = 5
const shortShareMax = 0.5
/** A capacity of so few seconds of refill is that of a slice. */
const slicedSecondsMax = 20
/** What is missing is taken for a rate of others over so long: longer is steadier, and slower. */
const othersMinutes = 1 / 6
const othersStepMax = 1 / 20
/** Of a small limit, one request more or less must not look like a rate. */
const othersUnits = 100
/** A reading that leaves more open than this share of the limit tells of no others. */
const narrowShareMax = 0.05
/** So long after a climb requests of it may still arrive: a reading tells little of others. */
const climbedMs = 500
/**
 * So long of our own refill stays for others: what is there at any time must have room for the
 * largest of their requests, or it finds none among our small ones.
 */
const reserveSeconds = 4
/** At the end of a run, when no more is left than the limit gains in this time, nothing stays. */
const lastSeconds = 30
/** A debt of more minutes than this is no debt of ours, or a `reset` that means something else. */
const debtMinutesMax = 10

/**
 * One limit of the server, as far as its headers tell.
 *
 * Our level has every request of ours taken off when it starts; the server's has
 * it taken off in its own time. So a reading is an interval for our level, from
 * "the server has seen all that is unsettled" (our level is the one shown) down to
 * "it has seen none of it" (all of it is still to come off). A level above was made
 * too high by other traffic, and falls to the top of the interval; one below was too
 * pessimistic, and rises to its bottom.
 */
export class ServerMeter {
  readonly unit: MeterUnit
  readonly #minute: SharedBucket
  readonly #slice: SliceMeter
  readonly #climb = new Climb()
  #perMinute: number
  /** The instant of which the reading spoke that last changed the limit. */
  #limitAt = -Infinity
  /** What the latest readings in a row showed the capacity to be. */
  #capacities: number[] = []
  /** The instant of which the newest reading spoke. */
  #seenAt = -Infinity

  /** `unsettled`: what is under way, of which a level read from headers may know nothing. */
  constructor(now: number, unit: MeterUnit, shown: ShownReading, unsettled: number) {
    this.unit = unit
    const { limit } = shown.reading
    const left = shownLevel(shown)
    // Nobody is admitted into a debt: what is under way made it, out of what there was.
    const most = left < 0 ? Math.min(left, limit - unsettled) : left - unsettled
    const level = Math.max(most, Math.min(0, left) - unsettled)
    this.#perMinute = limit
    this.#minute = new SharedBucket(now, { capacity: limit, perMinute: limit }, level)
    const rounding = this.#rounding
    this.#slice = new SliceMeter(now, { perMinute: limit, rounding, started: unsettled })
  }

  /** Units a minute, of ours and of others. */
  get perMinute(): number {
    return this.#perMinute
  }

  /** What others take of it, a minute: what is missing that we have not taken. */
  get othersPerMinute(): number {
    return this.#minute.others
  }

  /** What it holds at most, and what it gains in a minute that others do not take. */
  get size(): { readonly capacity: number; readonly perMinute: number } {
    const { capacity, perMinute } = this.#minute
    return { capacity, perMinute }
  }

  /** What is left of the limit at `now`, with all that is under way taken off. */
  level(now: number): number {
    return this.#minute.level(now)
  }

  /** Milliseconds until this may start; Infinity: not before something held is released. */
  delay(now: number, need: MinuteNeed): number {
    const { amount, margin, held } = need
    if (held > 0 && amount + held > this.#minute.capacity) return Infinity
    const spare = Math.min(margin + this.#reserveFor(need), this.#minute.capacity * marginShareMax)
    return this.#minute.delayUntil(now, amount + held + spare + this.#climb.spare)
  }

  /**
   * The same if the limit holds over so many seconds too; Infinity: not before something ends.
   *
   * Where headers show the slice, what they show is no account on which a whole answer could be
   * taken when it starts: output that is counted as it is produced is left to the slice.
   */
  delayOverSlice(now: number, need: MinuteNeed, sliceNeed: SliceNeed, seconds: number): number {
    const slice = this.#slice.delay(now, sliceNeed, seconds)
    if (this.isSliceShown) return slice
    return Math.max(slice, this.delay(now, need))
  }

  /**
   * Takes an amount on account; a negative one is given back. `produced` is the part of it that the
   * server counts as it is produced, and not at once.
   */
  take(now: number, amount: number, produced = 0): void {
    this.#minute.take(now, amount)
    this.#climb.take(amount)
    this.#slice.start(now, { counted: amount - produced, produced })
  }

  /** The server counted this of what was taken on account before: it was produced. */
  produced(now: number, amount: number): void {
    this.#slice.count(now, amount)
  }

  /** The headers show so little that it is enforced over less than a minute. */
  get isSliceShown(): boolean {
    return this.capacitySeconds < slicedSecondsMax
  }

  /** How many seconds of refill it holds: 60, or less where the headers show less. */
  get capacitySeconds(): number {
    return (this.#minute.capacity * 60) / this.perMinute
  }

  /** How many seconds of refill were missing at a refusal; see `SliceMeter`. */
  secondsMissing({ remaining }: LimitReading, counted: number): number {
    return this.#slice.secondsMissing(remaining, counted)
  }

  /** How many seconds of refill we took lately: a slice of fewer has nothing left. */
  burstSeconds(now: number): number {
    return this.#slice.burstSeconds(now)
  }

  /** The level a reading shows, and how far that may be off. */
  shown(reading: ShownReading): { shown: number; slack: number } {
    return { shown: shownLevel(reading), slack: this.#slack(reading.reading.limit) }
  }

  /** Moves the level into the interval that a reading leaves for it. */
  observe(now: number, observation: Observation): void {
    const { reading, ageMs, takenSince, takenJustBefore, unsettled, unarrived = 0 } = observation
    const [heldLeast, heldMost] = observation.held ?? nothingHeld
    const { limit } = reading
    // Replies overtake one another: one from before a change knows neither limit nor refill.
    if (now - ageMs < this.#limitAt) return
    if (limit !== this.#perMinute) {
      this.#resize(now, limit)
      this.#limitAt = now - ageMs
    }
    // What others did since is in the newer one, and not in this.
    if (now - ageMs < this.#seenAt) return
    this.#seenAt = now - ageMs
    this.#minute.heard(now)
    this.#boundCapacity(now, observation)
    const slack = this.#slack(limit) + takenJustBefore
    const shown = shownLevel(observation)
    const refilled = (this.#minute.perMinute / minuteMs) * ageMs
    // Refill may have been lost to the brim since then: all of it counts for the top, none above
    // it for the bottom.
    const left = shown + refilled - takenSince
    this.#slice.observe(now, [left, shown], this.#slack(limit), this.isSliceShown)
    const top = left + heldMost
    const unseen = takenSince + unsettled + unarrived
    const bottom = Math.min(limit, shown + refilled) - unseen + heldLeast
    const level = this.#minute.level(now)
    const isNarrow = unsettled + heldMost <= limit * narrowShareMax
    if (level > top + slack) this.#correct(now, top, isNarrow)
    else if (level < bottom - slack) this.#correct(now, bottom - slack, isNarrow)
    const gap = this.#minute.level(now) - top
    if (isNarrow && now - ageMs < observation.climbedAt + climbedMs) {
      this.#climb.observe({ gap, takenSince })
    } else this.#climb.over()
  }

  /**
   * Moves the level. What keeps being missing is what others take, and comes off the refill; but
   * only where the reading is narrow: inside a wide one nothing would ever show that they went.
   */
  #correct(now: number, level: number, isNarrow: boolean): void {
    const missing = this.#minute.level(now) - level
    this.#minute.setLevel(now, level)
    this.#climb.missing(missing)
    // Over a short slice a level moves faster than it can be followed: nothing is told of others.
    if (this.isSliceShown) return this.#minute.setOthers(now, 0)
    if (!isNarrow) return
    // A jump is something else: a first reading, a limit that was changed, a debt.
    if (Math.abs(missing) > this.#perMinute * othersStepMax) return
    const minutes = Math.max(othersMinutes, othersUnits / this.#perMinute)
    this.#minute.setOthers(now, this.#minute.others + missing / minutes)
  }

  /**
   * Others come when they like: some of what was there a moment ago may be gone. Where everybody
   * keeps back the same time of what he takes himself, all are left the same; a share of what the
   * others take would give more to whoever has more already.
   */
  #reserveFor({ amount, behind, isPasser = false }: MinuteNeed): number {
    const reserve = (reserveSeconds * this.#minute.perMinute) / 60
    // What is larger itself has waited for its room long enough, unless it passes who waits.
    const excess = isPasser ? 0 : Math.max(0, amount - reserve)
    // Whoever is nearly done takes what is there: the others will soon have all of it.
    if (behind !== undefined && behind * amount < (lastSeconds / reserveSeconds) * reserve) return 0
    return Math.max(0, reserve - excess)
  }

  /**
   * The server refused this amount and showed this. Returns whether this limit may be why; then the
   * level is the least that the reading allows, for one that is a little too high would be refused
   * again and again.
   */
  explainsRefusal(now: number, { amount, held }: MinuteNeed, shown: ShownReading): boolean {
    const { limit } = shown.reading
    const left = shownLevel(shown) - this.#slack(limit)
    if (left >= Math.min(amount, limit)) return false
    const least = left + held
    if (this.#minute.level(now) > least) this.#correct(now, least, this.unit === 'requests')
    return true
  }

  /** There is no more than this, as far as is known: the wait after a refusal is just over. */
  capLevel(now: number, { amount, held }: MinuteNeed): void {
    const most = amount + held
    if (this.#minute.level(now) > most) this.#minute.setLevel(now, most)
  }

  /**
   * How far a reading may be off: tokens are rounded to a thousand; a tenth of a second passes on
   * the way.
   */
  #slack(limit: number): number {
    return this.#rounding + limit / 600
  }

  get #rounding(): number {
    return this.unit === 'requests' ? 1 : 500
  }

  /**
   * What is left and what is refilled until all is there again make the capacity. It is less than
   * a minute's where the headers show a shorter enforcement. One reading says nothing: several in a
   * row must agree, on a short one and on its end.
   */
  #boundCapacity(now: number, { reading, serverAt, ageMs }: Observation): void {
    const { limit, remaining, resetAt } = reading
    const { capacity } = this.#minute
    // Both instants are whole seconds; that of the reply is later than that of an early figure.
    const untilFullMs = serverAt === undefined ? Infinity : resetAt - (serverAt - ageMs)
    const refillMs = untilFullMs < -1000 ? Infinity : Math.max(0, untilFullMs) + 1000
    const most = Math.max(
      1,
      Math.min(limit, remaining + this.#rounding + (limit / minuteMs) * refillMs),
    )
    this.#capacities.push(most)
    if (this.#capacities.length > readingsInRow) this.#capacities.shift()
    let short = 0
    let longest = 0
    for (const each of this.#capacities) {
      if (each > limit * shortShareMax) continue
      short += 1
      longest = Math.max(longest, each)
    }
    // In between, what was held before is held on to.
    if (short > 0 && short < readingsInRow) return
    const bounded = short === 0 ? limit : longest
    if (bounded === capacity) return
    this.#minute.resize(now, { capacity: bounded, perMinute: this.#perMinute })
    if (this.isSliceShown) this.#minute.setOthers(now, 0)
  }

  #resize(now: number, limit: number): void {
    this.#perMinute = limit
    this.#minute.resize(now, { capacity: limit, perMinute: limit })
    this.#slice.resize(now, limit)
  }
}

/**
 * The level a reading shows. `remaining` stops at 0, the level does not: the time to full tells
 * how deep it is.
 */
function shownLevel({ reading, serverAt }: ShownReading): number {
  const { limit, remaining, resetAt } = reading
  if (remaining > 0 || serverAt === undefined) return Math.min(limit, remaining)
  // Both instants are whole seconds.
  const minutesToFull = (resetAt - serverAt - 1000) / minuteMs
  return Math.min(0, limit - limit * Math.min(minutesToFull, 1 + debtMinutesMax))
}

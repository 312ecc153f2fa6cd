/**
 * Cutting over: which rows are asked live so that all of them are answered by a deadline, and the
 * others at half the price.
 *
 * What a batch will have done by some instant nobody knows, and canceling one costs nothing. So
 * every row is in a batch for as long as it can still be asked live in time, and is taken out at
 * the last moment:
 *
 *              rows in batches        drain      the last ask live     tail
 *     now ├──────────────────────────┼───────┼────────────────────────┼──────┤ deadline
 *                                   cut
 *
 * Rows are cut a batch at a time, and no sooner than live requests will have room for them:
 * whatever is left in batches meanwhile may end by itself. What need not be read or packed yet is
 * asked live before a batch is cut. Where live requests alone cannot make it, they are kept busy
 * from the beginning to the deadline, and the rest depends on batches.
 *
 * Pure: it has no clock, and does nothing. Amounts are what rows are expected to need of the limits
 * of live requests.
 */

import { allPools, type Channel, type LiveRates } from './live-rates.ts'
import { addTo } from './needs.ts'
import { type Amounts, nothing, units } from './taken.ts'

/** What is decided by. Instants are monotonic milliseconds. */
export interface CutOverOptions {
  readonly rates: LiveRates
  /** When all is to be answered; Infinity: whenever it is. */
  readonly deadlineAt: number
  /** Until rows of a batch that is canceled can be asked live. */
  readonly drainMs: number
  /** A row that will be taken out of its batch sooner than this is not put into one. */
  readonly usefulMs: number
  /** What rows of a pool need of the limits, of which so much is expected. @default just that */
  readonly needsOf?: (pool: string, expected: Readonly<Amounts>) => Readonly<Amounts>
}

/** Where rows are that are not answered. */
interface Places {
  /** Read by nobody yet, or left by a batch and waiting. */
  readonly waiting: Amounts
  /** In batches that run, or are about to. */
  readonly batched: Amounts
  /** Asked live, or to be; also those in batches that are being canceled. */
  readonly live: Amounts
}

/** A place of rows. */
export type Place = keyof Places

/** Batches that could be cut: the pool of their rows. */
export interface Cuttable {
  readonly pool: string
}

/** Live requests are given more to do when they have less than this beyond the drain. */
const aheadMs = 120_000

/** See above. */
export class CutOver {
  /** Until the last of the answers have come; may be learned. */
  tailMs: number
  readonly #options: CutOverOptions
  readonly #pools = new Map<string, Places>()

  constructor(options: CutOverOptions, tailMs = 0) {
    this.#options = options
    this.tailMs = tailMs
  }

  /** The pools whose rows it knows. */
  get pools(): readonly string[] {
    return [...this.#pools.keys()]
  }

  /** Rows are now at this place. */
  put(pool: string, place: Place, amounts: Readonly<Amounts>): void {
    addTo(this.#placesOf(pool)[place], amounts)
  }

  /** Rows are not at this place any more. Estimates may differ from one time to the next. */
  take(pool: string, place: Place, amounts: Readonly<Amounts>): void {
    addTo(this.#placesOf(pool)[place], amounts, -1)
  }

  /** Nothing is at this place. */
  clear(pool: string, place: Place): void {
    Object.assign(this.#placesOf(pool)[place], nothing())
  }

  /** They have gone from one place to another. */
  move(pool: string, from: Place, to: Place, amounts: Readonly<Amounts>): void {
    this.take(pool, from, amounts)
    this.put(pool, to, amounts)
  }

  /** Whether a row that is in no batch is to be asked live now. */
  isLive(now: number, pool: string): boolean {
    if (!this.hasTimeForBatches(now)) return true
    const { usefulMs } = this.#options
    return (this.#cutAts(now, [{ pool }]).get(pool) ?? Infinity) <= now + usefulMs
  }

  /** Whether a batch that were made now had any time. */
  hasTimeForBatches(now: number): boolean {
    const { deadlineAt, drainMs, usefulMs } = this.#options
    return now + usefulMs + drainMs + this.tailMs < deadlineAt
  }

  /** Of batches, the first one that is to be cut now; the given order is kept. */
  due<B extends Cuttable>(now: number, batches: readonly B[]): B | undefined {
    const cutAt = this.#cutAts(now, batches)
    return batches.find(({ pool }) => (cutAt.get(pool) ?? Infinity) <= now)
  }

  /** When, as things stand, the next of these batches is to be cut; Infinity: never. */
  nextCutAt(now: number, batches: readonly Cuttable[]): number {
    return Math.min(Infinity, ...this.#cutAts(now, batches).values())
  }

  /** How long all that is not answered takes live: that of the channel that needs longest. */
  longest(): { readonly channel: Channel; readonly ms: number; readonly amounts: Amounts } {
    const channels = [allPools, ...this.#pools.keys()]
    const all = channels.map((channel) => {
      const amounts = this.#sum(channel, ['waiting', 'batched', 'live'])
      return { channel, amounts, ms: this.#options.rates.msOf(channel, amounts) }
    })
    return all.reduce((most, each) => (each.ms > most.ms ? each : most))
  }

  /** By how much live requests alone would miss the deadline; below zero: what they have left. */
  missedBy(now: number): number {
    return now + this.longest().ms + this.tailMs - this.#options.deadlineAt
  }

  /** When a batch of each of these pools is to be cut. */
  #cutAts(now: number, batches: readonly Cuttable[]): ReadonlyMap<string, number> {
    const ofAll = this.#options.rates.isBounded ? this.#cutAt(now, allPools) : Infinity
    const pools = new Set(batches.map(({ pool }) => pool))
    return new Map([...pools].map((pool) => [pool, Math.min(ofAll, this.#cutAt(now, pool))]))
  }

  #cutAt(now: number, channel: Channel): number {
    const { rates, deadlineAt, drainMs } = this.#options
    const uncut = rates.msOf(channel, this.#sum(channel, ['waiting', 'batched']))
    if (uncut === 0) return Infinity
    const latestAt = deadlineAt - this.tailMs - drainMs - uncut
    // By then live requests have done all but what they do while a batch drains.
    const idleAt = now + rates.msOf(channel, this.#sum(channel, ['live'])) - drainMs - aheadMs
    return Math.max(latestAt, idleAt)
  }

  #sum(channel: Channel, places: readonly Place[]): Amounts {
    const sum = nothing()
    for (const pool of channel === allPools ? this.#pools.keys() : [channel]) {
      const expected = nothing()
      for (const place of places) {
        const amounts = this.#placesOf(pool)[place]
        // What was expected of rows may differ from one time to the next, by a little.
        for (const unit of units) expected[unit] += Math.max(0, amounts[unit])
      }
      addTo(sum, this.#options.needsOf?.(pool, expected) ?? expected)
    }
    return sum
  }

  #placesOf(pool: string): Places {
    let places = this.#pools.get(pool)
    if (places === undefined) {
      places = { waiting: nothing(), batched: nothing(), live: nothing() }
      this.#pools.set(pool, places)
    }
    return places
  }
}

/**
 * Whether the server holds what it asks for input until it has counted it, as its headers show it.
 *
 * Two levels are kept, of a server that holds and of one that does not. Each has what we start
 * taken off, and the first what is held besides. Where they part, a reading is near one of them:
 * how much nearer is its vote. What others take lowers both alike, and votes for neither. A single
 * reading moves little: the newest twenty or so count.
 */

import { Bucket } from './bucket.ts'

/** One of each: of a server that does not hold, and of one that does. */
export interface HoldLevels {
  readonly without: number
  readonly held: number
}

/** A reading of the input limit. */
export interface HoldReading {
  readonly shown: number
  /** How far it may be off. */
  readonly slack: number
  /** The levels at the instants of which it may speak. */
  readonly levels: readonly HoldLevels[]
}

/** Readings that part the levels by this share of the limit have a whole vote. */
const partedShare = 0.02
/** So many votes are taken to have been for the hold. */
const votesFirst = 5
const forgetting = 0.07
/** Readings of so much weight tell something. */
const evidenceMin = 2
/** A single vote is worth no more than this, on either side of what can be. */
const beyondMax = 0.5
/** Where a refusal is to be explained, they must be off by less than they part. */
const clearMin = 0.5
/** Late and rounded readings make a hold look smaller: so near to either, it is that. */
const nothingMax = 0.2
const allMin = 0.5

/** Of one pool; see above. */
export class HoldFactor {
  #without: Bucket | undefined
  #held: Bucket | undefined
  #votes = votesFirst
  #votesFor = votesFirst
  /** What readings have weighed so far, either way. */
  #evidence = 0
  /** Whether the level of a server that holds was much nearer to the last reading. */
  #isHeldNearer = false

  /** The share of what it may hold that the server does hold, 0 to 1. */
  get value(): number {
    const share = this.#votesFor / this.#votes
    if (share < nothingMax) return 0
    return share > allMin ? 1 : share
  }

  /** Whether too little was seen to tell. */
  get isUnproven(): boolean {
    return this.#evidence < evidenceMin
  }

  /** The levels now; undefined before the first reading. */
  levels(now: number): HoldLevels | undefined {
    if (this.#without === undefined || this.#held === undefined) return undefined
    return { without: this.#without.level(now), held: this.#held.level(now) }
  }

  /** Input is taken on account; a negative amount is given back. */
  take(now: number, amount: number): void {
    this.#without?.take(now, amount)
    this.#held?.take(now, amount)
  }

  /** A server that holds, holds so much more; a negative amount is released. */
  hold(now: number, excess: number): void {
    this.#held?.take(now, excess)
  }

  /** A reading of a limit of this size. */
  observe(now: number, size: { capacity: number; perMinute: number }, reading: HoldReading): void {
    if (this.#without === undefined || this.#held === undefined) {
      this.#without = new Bucket(now, { ...size, level: reading.shown })
      this.#held = new Bucket(now, { ...size, level: reading.shown })
      return
    }
    this.#without.resize(now, size)
    this.#held.resize(now, size)
    const without = offBy(reading, 'without')
    const held = offBy(reading, 'held')
    this.#without.take(now, -without)
    this.#held.take(now, -held)
    this.#vote(without, held, size.capacity * partedShare)
  }

  /** Input was short, by the last reading: where a hold explains that, and nothing else, it is. */
  refused(): void {
    if (this.#isHeldNearer) this.proved()
  }

  /** It is a fact that the server holds. */
  proved(): void {
    this.#votes = votesFirst
    this.#votesFor = votesFirst
    this.#evidence = evidenceMin
  }

  /** The machine slept: the levels are unknown. */
  forget(): void {
    this.#without = undefined
    this.#held = undefined
  }

  /** By so much the two levels were off. */
  #vote(without: number, held: number, whole: number): void {
    const parted = without - held
    this.#isHeldNearer = false
    if (parted === 0) return
    // Where both are off by more than they part, something else was the reason.
    const clear = parted ** 2 / (without ** 2 + held ** 2)
    this.#isHeldNearer = clear >= clearMin && Math.abs(without) - Math.abs(held) > whole
    const weight = Math.min(1, clear) * Math.min(1, (parted / whole) ** 2)
    const nearer = (1 + (without + held) / parted) / 2
    const vote = Math.min(1 + beyondMax, Math.max(-beyondMax, nearer))
    this.#evidence += weight
    const kept = 1 - weight * forgetting
    this.#votes = this.#votes * kept + weight
    this.#votesFor = this.#votesFor * kept + weight * vote
  }
}

/** How far a reading is above all of its levels of a kind, or, negative, below them. */
function offBy({ shown, slack, levels }: HoldReading, kind: keyof HoldLevels): number {
  let most = -Infinity
  let least = Infinity
  for (const each of levels) {
    most = Math.max(most, each[kind])
    least = Math.min(least, each[kind])
  }
  const above = shown - slack - most
  const below = shown + slack - least
  return above > 0 ? above : Math.min(0, below)
}

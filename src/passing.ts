/**
 * Who may pass a head that must wait for a limit of its pool.
 *
 * The head saves for its start: what the pool gains of that limit is the head's. Meanwhile the
 * other limits fill up, and a row that takes next to nothing of what the head waits for may use
 * them. What it takes moves the head's start by the time in which the limit gains it again:
 *
 *   a limit that is there again within half of the head's wait (what is then owed to it, and what
 *   the head takes itself, are gained by then) counts nothing; of any other, all that is taken
 *
 * All that passes one head moves it by at most a hundredth of its wait, and takes no more of any
 * limit than a minute gains. Those who may pass keep their order: where the first must wait, those
 * behind it wait as well. Nobody passes where the wait is for requests, a ramp, a refusal, an
 * outage or what all pools share, for all rows spend that.
 */

import { grainMs } from './bucket.ts'
import type { Limiter } from './limiter.ts'
import { amountOf, type Cost, type MeterUnit } from './meter.ts'
import { shareBinds } from './pool-share.ts'
import type { Pool } from './pool.ts'
import { units } from './taken.ts'
import type { UnderWay } from './under-way.ts'
import type { Refills, Wait } from './wait.ts'
import type { Attempt, Work } from './work.ts'

/** A head's wait may become longer by this share of it. */
const movedShareMax = 0.01
/** What is gained again in this share of the wait is there in time, should the wait be shorter. */
const againShare = 0.5
/** What a limit gains in a minute is what it holds. */
const takenMsMax = 60_000
/** No request has less. Where a hundredth of the wait is not even that, nobody can pass. */
const tokensMin = { input: 8, output: 1, tokens: 9 } as const
/** A row that is less sure of its answer keeps back so much more of the output limit at most. */
const marginMsMax = 6000

/** A row that could start if it need not wait. */
export interface Candidate {
  readonly pool: Pool
  readonly work: Work
  readonly cost: Cost
}

/** What is known of the run besides. */
export interface PassingParts {
  readonly limiter: Limiter
  readonly underWay: UnderWay
  /** The rows of a pool of which all but the head may pass it, in their order. */
  readonly passers: (now: number, pool: string) => readonly Work[]
  readonly costOf: (now: number, work: Work) => Cost
}

/** How a head has waited so far. */
interface HeadWait {
  readonly since: number
  /** It waits anew when it comes back. */
  readonly lastAttempt: Attempt | undefined
  /** By how much those who passed have moved its start. */
  movedMs: number
  /** What they took of each limit. */
  readonly takenMs: Partial<Record<MeterUnit, number>>
  /** Rows that take too much; there is never more to give than at first. */
  readonly tooDear: Set<Work>
}

/** See above. */
export class Passing {
  readonly #parts: PassingParts
  readonly #waits = new WeakMap<Work, HeadWait>()
  /** The heads that may be passed in this round of starting. */
  #heads: Candidate[] = []
  #againAt = Infinity

  constructor(parts: PassingParts) {
    this.#parts = parts
  }

  /** When one that may pass will have waited long enough for its own limits. */
  get againAt(): number {
    return this.#againAt
  }

  /** Nobody passes any more in this round: it is over, or somebody waits for what all share. */
  close(): void {
    if (this.#heads.length > 0) this.#heads = []
    this.#againAt = Infinity
  }

  /** A head must wait, and rows of other kinds are behind it. */
  headWaits(now: number, head: Candidate, wait: Wait): void {
    if (unitOf(wait) === undefined) return
    // Over a slice, what will be produced is known too roughly to be saved for.
    if (head.pool.limiter.showsProgress || !head.pool.isWell(now)) return
    this.#heads.push(head)
  }

  /** The row that starts now, before a head that waits. */
  next(now: number): Candidate | undefined {
    for (let head = this.#heads[0]; head !== undefined; head = this.#heads[0]) {
      const passer = this.#passerOf(now, head)
      if (passer !== undefined) return passer
      this.#heads.shift()
    }
    return undefined
  }

  #passerOf(now: number, head: Candidate): Candidate | undefined {
    const left = head.pool.limiter.wait(now, head.cost, { isHeld: false })
    if (left.delayMs === 0 || left.delayMs === Infinity) return undefined
    const unit = unitOf(left)
    if (unit === undefined) return undefined
    const wait = this.#waitOf(now, head.work)
    const own = this.#parts.limiter.refills(now, head.pool.limiter, head.cost)
    const msPerToken = (own[unit]?.ms ?? 0) / amountOf(unit, head.cost)
    if (tokensMin[unit] * msPerToken > movedMsMax(now, wait, left) - wait.movedMs) return undefined
    for (const work of this.#parts.passers(now, head.pool.limiter.name)) {
      // One that was asked before will be the head soon, or has a time of its own.
      const mayNot = work.lastAttempt !== undefined || wait.tooDear.has(work)
      if (work === head.work || mayNot) continue
      const passer = { pool: head.pool, work, cost: this.#parts.costOf(now, work) }
      const movedMs = this.#movedMs(now, { head, passer, left, unit, wait, own })
      if (wait.movedMs + movedMs > movedMsMax(now, wait, left)) {
        wait.tooDear.add(work)
        continue
      }
      const delayMs = this.#delayOf(now, head, passer)
      if (delayMs > 0) {
        this.#againAt = Math.min(this.#againAt, now + delayMs)
        return undefined
      }
      this.#note(now, passer, wait, movedMs)
      return passer
    }
    return undefined
  }

  /** By how much a row would move the head's start; Infinity: it must not pass. */
  #movedMs(
    now: number,
    given: {
      readonly head: Candidate
      readonly passer: Candidate
      readonly left: Wait
      readonly unit: MeterUnit
      readonly wait: HeadWait
      readonly own: Refills
    },
  ): number {
    const { head, passer, left, wait, own } = given
    const { limiter } = this.#parts
    if (!this.#boundsHaveRoom(now, given)) return Infinity
    const its = limiter.refills(now, head.pool.limiter, passer.cost)
    let movedMs = 0
    for (const unit of unitsOf(its)) {
      const { ms, owedMs } = its[unit] ?? nothing
      if ((wait.takenMs[unit] ?? 0) + ms > takenMsMax) return Infinity
      const againMs = owedMs + (own[unit]?.ms ?? 0) + marginMs(unit, head.cost, passer.cost)
      if (againMs > left.delayMs * againShare) movedMs = Math.max(movedMs, ms)
    }
    return given.unit === 'input' ? movedMs : movedMs + widenedMs(now, head, left)
  }

  /** What starts stays in the user's minute to its end: the head must have room beside it. */
  #boundsHaveRoom(
    now: number,
    given: { readonly head: Candidate; readonly passer: Candidate; readonly left: Wait },
  ): boolean {
    const { limiter } = this.#parts
    const [head, passer] = [given.head.cost, given.passer.cost]
    const both = { input: head.input + passer.input, output: head.output + passer.output }
    if (limiter.wait(now, both).delayMs > given.left.delayMs * againShare) return false
    return limiter.bounds.every(({ unit, perMinute }) => amountOf(unit, both) <= perMinute)
  }

  /** How long it must wait itself, so that there is room for the head besides. */
  #delayOf(now: number, head: Candidate, { pool, work, cost }: Candidate): number {
    const { limiter, underWay } = this.#parts
    if (!limiter.fitsBoth(head.work, work)) return Infinity
    const bytes = head.work.bodyBytes + work.bodyBytes
    const shared = Math.max(underWay.wait(now, bytes, 2).delayMs, limiter.wait(now, cost).delayMs)
    const delayMs = Math.max(shared, pool.wait(now, cost, { isPasser: true }).delayMs)
    return delayMs < grainMs ? 0 : delayMs
  }

  #waitOf(now: number, work: Work): HeadWait {
    const known = this.#waits.get(work)
    const { lastAttempt } = work
    if (known !== undefined && known.lastAttempt === lastAttempt) return known
    const made = { since: now, lastAttempt, movedMs: 0, takenMs: {}, tooDear: new Set<Work>() }
    this.#waits.set(work, made)
    return made
  }

  #note(now: number, { pool, cost }: Candidate, wait: HeadWait, movedMs: number): void {
    wait.movedMs += movedMs
    const refills = this.#parts.limiter.refills(now, pool.limiter, cost)
    for (const unit of unitsOf(refills)) {
      wait.takenMs[unit] = (wait.takenMs[unit] ?? 0) + (refills[unit]?.ms ?? 0)
    }
  }
}

/** What the limit counts for which a head waits; undefined where nobody can pass. */
function unitOf({ binds }: Wait): keyof typeof tokensMin | undefined {
  const unit = units.find((each) => binds === each || binds === `${shareBinds} ${each}`)
  return unit === 'requests' ? undefined : unit
}

const nothing = { ms: 0, owedMs: 0 }

/** A share of all that it waits: what it has waited, and what is left without those who passed. */
function movedMsMax(now: number, { since, movedMs }: HeadWait, { delayMs }: Wait): number {
  return movedShareMax * (now - since + delayMs - movedMs)
}

/** One more under way makes it less sure what all answers will be together. */
function widenedMs(now: number, { pool, cost }: Candidate, { delayMs }: Wait): number {
  const { outputDeviation = 0 } = cost
  if (outputDeviation === 0) return 0
  const { inFlight } = pool
  const wider = outputDeviation * Math.sqrt((inFlight + 2) / (inFlight + 1))
  const widerCost = { ...cost, outputDeviation: wider }
  const widened = pool.limiter.wait(now, widerCost, { isHeld: false })
  return Math.max(0, widened.delayMs - delayMs)
}

function marginMs(unit: MeterUnit, head: Cost, passer: Cost): number {
  if (unit !== 'output' && unit !== 'tokens') return 0
  const isLessSure = (head.outputDeviation ?? 0) > (passer.outputDeviation ?? 0)
  return isLessSure ? marginMsMax : 0
}

function unitsOf(refills: Partial<Record<MeterUnit, unknown>>): readonly MeterUnit[] {
  return units.filter((unit) => refills[unit] !== undefined)
}

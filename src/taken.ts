/**
 * What a pool has taken of each of its limits: ever, shortly before now, and not settled yet.
 *
 * A reading speaks of an instant in the past, and is carried to now by what was taken since. It
 * knows nothing of what had been taken by then and had not gone out: a request that waits for its
 * connection is overtaken by those that find one open. As requests overtake one another on their
 * way too, what went out shortly before may be in it or not. And whoever was slow to open a
 * connection may be as slow to read from it: the first request on one may have arrived only when it
 * is answered.
 *
 * Invariant: what is unsettled and what is unsent are sums over requests under way.
 */

import type { MeterUnit } from './meter.ts'

/** An amount of each unit. */
export type Amounts = Record<MeterUnit, number>

/** All units. */
export const units = ['requests', 'input', 'output', 'tokens'] as const

/** A request's part, and what had gone out when it did; made and changed by `Taken` only. */
export interface Sent {
  readonly amounts: Readonly<Amounts>
  /** It waits for a connection: the rest is as of its start. */
  isWaiting: boolean
  /** It has waited, and was the first on its connection. */
  isFirst: boolean
  at: number
  /** Of all that had gone out by then, itself included. */
  gone: Readonly<Amounts>
  /** Of what had gone out just before. */
  justBefore: Readonly<Amounts>
  /** Of what had gone out and was not settled. */
  unsettled: Readonly<Amounts>
  /** Requests of that which were the first on their connection. */
  unarrived: number
}

/** How what was taken stands to a reading. */
export interface Since {
  /** Taken since it, or before and not gone out; less what was given back. */
  readonly takenSince: number
  /** Gone out shortly before it. */
  readonly takenJustBefore: number
  /** Gone out before it, and not settled then. */
  readonly unsettled: number
  /** Gone out before it, and perhaps not arrived then: only of requests, which count at once. */
  readonly unarrived: number
}

/** Requests sent within so long of one another may arrive in another order. */
const overtakingMs = 250

/** Nothing of any. */
export function nothing(): Amounts {
  return { requests: 0, input: 0, output: 0, tokens: 0 }
}

/** That of one pool; see above. */
export class Taken {
  readonly #ever = nothing()
  readonly #unsettled = nothing()
  /** Of requests that wait for a connection. */
  readonly #unsent = nothing()
  /** First on their connection, gone out and not settled. */
  #unarrived = 0
  /** What had gone out by the start of the period before this one; a period is `overtakingMs`. */
  #before = nothing()
  #atPeriod = nothing()
  #periodAt = -Infinity

  /** What is taken by requests that are under way. */
  get unsettled(): Readonly<Amounts> {
    return this.#unsettled
  }

  /** A request takes these, and goes out. */
  start(now: number, amounts: Amounts): Sent {
    const justBefore = this.#justBefore(now)
    for (const unit of units) {
      this.#ever[unit] += amounts[unit]
      this.#unsettled[unit] += amounts[unit]
    }
    return { amounts, isWaiting: false, isFirst: false, at: now, justBefore, ...this.#snapshot() }
  }

  /** It has not gone out: it waits for a connection. */
  waits(sent: Sent): void {
    if (sent.isWaiting) return
    sent.isWaiting = true
    for (const unit of units) this.#unsent[unit] += sent.amounts[unit]
  }

  /** It has waited, and goes out. */
  goesOut(now: number, sent: Sent): void {
    if (!sent.isWaiting) return
    const justBefore = this.#justBefore(now)
    this.#waitEnded(sent)
    Object.assign(sent, { at: now, justBefore, ...this.#snapshot(), isFirst: true })
    this.#unarrived += 1
  }

  /** It is over, and took this much more than was thought. */
  settle(sent: Sent, more: Readonly<Amounts>): void {
    this.#waitEnded(sent)
    if (sent.isFirst) this.#unarrived -= 1
    for (const unit of units) {
      this.#ever[unit] += more[unit]
      this.#unsettled[unit] -= sent.amounts[unit]
    }
  }

  /** How it stands to a reading of now, or of when a request went out. */
  since(unit: MeterUnit, sent?: Sent): Since {
    if (sent === undefined) {
      const unsent = this.#unsent[unit]
      const unsettled = this.#unsettled[unit] - unsent
      return { takenSince: unsent, takenJustBefore: 0, unsettled, unarrived: 0 }
    }
    return {
      takenSince: this.#ever[unit] - sent.gone[unit],
      takenJustBefore: sent.justBefore[unit],
      unsettled: sent.unsettled[unit],
      unarrived: unit === 'requests' ? sent.unarrived : 0,
    }
  }

  #waitEnded(sent: Sent): void {
    if (!sent.isWaiting) return
    sent.isWaiting = false
    for (const unit of units) this.#unsent[unit] -= sent.amounts[unit]
  }

  #snapshot(): Pick<Sent, 'gone' | 'unsettled' | 'unarrived'> {
    const unsettled = nothing()
    for (const unit of units) unsettled[unit] = this.#unsettled[unit] - this.#unsent[unit]
    return { gone: this.#gone(), unsettled, unarrived: this.#unarrived }
  }

  #gone(): Amounts {
    const gone = nothing()
    for (const unit of units) gone[unit] = this.#ever[unit] - this.#unsent[unit]
    return gone
  }

  /** What went out in one to two periods before now. */
  #justBefore(now: number): Amounts {
    const amounts = this.#gone()
    this.#markPeriod(now, amounts)
    for (const unit of units) amounts[unit] = Math.max(0, amounts[unit] - this.#before[unit])
    return amounts
  }

  #markPeriod(now: number, gone: Readonly<Amounts>): void {
    if (now < this.#periodAt + overtakingMs) return
    const isNext = now < this.#periodAt + 2 * overtakingMs
    this.#before = isNext ? this.#atPeriod : { ...gone }
    this.#atPeriod = { ...gone }
    this.#periodAt = now
  }
}

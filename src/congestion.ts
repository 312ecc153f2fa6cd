/**
 * How many at once, when the server or the way to it is in trouble; and outages.
 *
 * Overloaded (529) and broken tries are no fault of a rate, so they move a ceiling on
 * concurrency: cut by a fifth at most once for what was under way together, raised again
 * by a twentieth of what it was each second. Single faults are noise, not congestion:
 * a cut needs a fifth of the recent tries to have failed. And a row that breaks again though
 * others were answered since it first broke tells of itself, not of the server.
 *
 * Five failures in a row over at least three rows are an outage: then one probe at
 * a time with growing waits, and nothing counts as an attempt of a row, until one is answered.
 * What was under way when it began says nothing about its end, nor later about a new one. Nor
 * do slow answers to old tries hide that all new ones fail: then eight failures will do.
 *
 *   open ── 5 failures in a row, 3 rows ──► outage ── a probe is answered ──► open, ramping
 */

import type { Random } from './random.ts'

const failuresInRowMax = 5
/** Between which old tries were answered, but of the new ones at least this share failed. */
const failuresHiddenMax = 8
const hiddenShareMin = 0.75
const rowsInOutageMin = 3
const probeDelayMsFirst = 1000
const probeDelayMsMax = 15_000
const cutFactor = 0.8
/** Failures that do not become fewer when less is under way are not made fewer by still less. */
const floorShare = 0.25
const raisePerSecond = 0.05
const recentTries = 50
const failureShareMax = 0.2
/** After the process ran out of sockets: some of those it had are left for others. */
const socketShare = 0.9
const noSocketDelayMs = 1000

/** A try that failed. */
export interface TryFailure {
  /** Its row, by sequence. */
  readonly row: number
  readonly startedAt: number
  /** The row broke before while others were answered: it says little about the server. */
  readonly isSuspect: boolean
  /** Other tries under way. */
  readonly inFlight: number
}

/** Congestion of one pool, or of the process's sockets. Instants are monotonic milliseconds. */
export class Congestion {
  #ceiling = Infinity
  #ceilingBeforeCut = Infinity
  #floor = 1
  #cutAt = -Infinity
  #raisedAt = 0
  #failureShare = 0
  /**
   * The row of failures: how many, of which rows, when the first began, how many tries have begun
   * since it ended.
   */
  #failures = 0
  readonly #rowsFailing = new Set<number>()
  #failingSince = 0
  #startsSince = 0
  #isHidden = false
  #outageSince: number | undefined
  #outageEndedAt = -Infinity
  #probes = 0
  #startAt = -Infinity

  /** True while one probe at a time is all that may start. */
  get inOutage(): boolean {
    return this.#outageSince !== undefined
  }

  /**
   * Most tries that may be under way; Infinity when nothing is wrong. In an outage, probes are
   * counted apart.
   */
  ceiling(now: number): number {
    this.#raise(now)
    return this.#ceiling
  }

  /** Milliseconds until the next try may start: a probe, or one after the sockets ran out. */
  delay(now: number): number {
    return Math.max(0, this.#startAt - now)
  }

  /** A try starts. */
  started(): void {
    this.#startsSince += 1
  }

  /**
   * A reply shows the server at work, an answer or a refusal. Returns true if it ended an outage.
   */
  succeeded(now: number, startedAt: number): boolean {
    if (this.#outageSince !== undefined && startedAt <= this.#outageSince) return false
    this.#failureShare *= 1 - 1 / recentTries
    if (startedAt >= this.#failingSince || !this.#mostNewFail) this.#endFailures()
    else this.#isHidden = true
    if (this.#outageSince === undefined) return false
    this.#outageSince = undefined
    this.#outageEndedAt = now
    this.#startAt = now
    this.#ceiling = Infinity
    this.#failureShare = 0
    this.#cutAt = now
    return true
  }

  /** A try failed. Returns whether that counts against its row. */
  failed(now: number, failure: TryFailure, random: Random): boolean {
    if (this.#outageSince !== undefined) {
      if (failure.startedAt > this.#outageSince) this.#scheduleProbe(now, random)
      return false
    }
    // It was under way in an outage that is over.
    if (failure.startedAt < this.#outageEndedAt) return false
    if (failure.isSuspect) return true
    this.#failureShare += (1 - this.#failureShare) / recentTries
    this.#addFailure(failure)
    const failuresMax = this.#isHidden ? failuresHiddenMax : failuresInRowMax
    if (this.#failures >= failuresMax && this.#rowsFailing.size >= rowsInOutageMin) {
      this.#endFailures()
      this.#outageSince = now
      this.#probes = 0
      this.#scheduleProbe(now, random)
      return false
    }
    if (this.#failureShare > failureShareMax && failure.startedAt > this.#cutAt) {
      this.#cut(now, failure.inFlight + 1)
    }
    return true
  }

  /** The process ran out of sockets with this many others under way. */
  noSocket(now: number, inFlight: number): void {
    this.#lower(now, inFlight, Math.max(1, Math.floor(inFlight * socketShare)))
    // Nothing of ours will end and free one: look again later.
    if (inFlight === 0) this.#startAt = now + noSocketDelayMs
  }

  /** Of the tries that began since the first of the failures, as far as they ended. */
  get #mostNewFail(): boolean {
    return this.#failures >= hiddenShareMin * (this.#startsSince + 1)
  }

  #addFailure({ row, startedAt }: TryFailure): void {
    if (this.#failures === 0) {
      this.#failingSince = startedAt
      this.#startsSince = 0
    }
    this.#failures += 1
    if (this.#rowsFailing.size < rowsInOutageMin) this.#rowsFailing.add(row)
  }

  #endFailures(): void {
    this.#failures = 0
    this.#isHidden = false
    // Clearing a set makes it a new table each time, whether or not there was anything in it.
    if (this.#rowsFailing.size > 0) this.#rowsFailing.clear()
  }

  #cut(now: number, inFlight: number): void {
    if (this.#ceiling === Infinity) this.#floor = Math.max(1, Math.floor(inFlight * floorShare))
    const before = Math.min(this.#ceiling, inFlight)
    this.#lower(now, before, Math.max(this.#floor, Math.floor(before * cutFactor)))
  }

  #lower(now: number, before: number, ceiling: number): void {
    this.#ceilingBeforeCut = before
    this.#ceiling = ceiling
    this.#cutAt = now
    this.#raisedAt = now
  }

  #raise(now: number): void {
    if (this.#ceiling === Infinity || now <= this.#raisedAt) return
    const perSecond = Math.max(1, this.#ceilingBeforeCut * raisePerSecond)
    this.#ceiling += ((now - this.#raisedAt) / 1000) * perSecond
    this.#raisedAt = now
    // Twice what was under way at the cut: the trouble is over, the meters decide again.
    if (this.#ceiling > 2 * this.#ceilingBeforeCut + 10) this.#ceiling = Infinity
  }

  #scheduleProbe(now: number, random: Random): void {
    const boundMs = Math.min(probeDelayMsMax, probeDelayMsFirst * 2 ** Math.min(this.#probes, 10))
    this.#probes += 1
    this.#startAt = now + boundMs * (0.5 + random.float() / 2)
  }
}

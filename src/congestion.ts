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
 * What was under way when it began says nothing about its end, nor later about a new one.
 *
 * Failures may be quick where answers are slow. So tries that have lived longer than the failed
 * ones did count as well: beside many of them, a few failures in a row are no outage. And
 * answers to tries from long before the failures do not hide that all later ones fail.
 *
 *   open ── 5 failures in a row, 3 rows ──► outage ── a probe is answered ──► open, ramping
 */

import type { Random } from './random.ts'

const failuresInRowMax = 5
/** An answer that took so many times as long as the failures tells of how things were before. */
const slowFactor = 3
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
  /** How long answers take on average; what is under way now is gone after so long. */
  readonly answerMs: number
  /** How many of them began after one instant and not after another. */
  readonly survivors: (after: number, until: number) => number
}

/** Congestion of one pool, or of the process's sockets. Instants are monotonic milliseconds. */
export class Congestion {
  #ceiling = Infinity
  #ceilingBeforeCut = Infinity
  #floor = 1
  #cutAt = -Infinity
  #raisedAt = 0
  #failureShare = 0
  /** The row of failures: how many, of which rows, when the first began, the longest any lived. */
  #failures = 0
  readonly #rowsFailing = new Set<number>()
  #failingSince = 0
  #failedAfterMs = 0
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

  /**
   * A reply shows the server at work, an answer or a refusal. Returns true if it ended an outage.
   */
  succeeded(now: number, startedAt: number): boolean {
    if (this.#outageSince !== undefined && startedAt <= this.#outageSince) return false
    this.#failureShare *= 1 - 1 / recentTries
    const isSlow = now - startedAt > slowFactor * this.#failedAfterMs
    if (startedAt >= this.#failingSince || !isSlow) this.#endFailures()
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
    this.#addFailure(now, failure)
    if (this.#isOutage(now, failure)) {
      this.#endFailures()
      this.#outageSince = now
      this.#probes = 0
      this.#scheduleProbe(now, random)
      return false
    }
    if (this.#isCongested(now, failure)) this.#cut(now, failure.inFlight + 1)
    return true
  }

  /** The process ran out of sockets with this many others under way. */
  noSocket(now: number, inFlight: number): void {
    this.#lower(now, inFlight, Math.max(1, Math.floor(inFlight * socketShare)))
    // Nothing of ours will end and free one: look again later.
    if (inFlight === 0) this.#startAt = now + noSocketDelayMs
  }

  #addFailure(now: number, { row, startedAt }: TryFailure): void {
    if (this.#failures === 0) this.#failingSince = startedAt
    this.#failures += 1
    this.#failedAfterMs = Math.max(this.#failedAfterMs, now - startedAt)
    if (this.#rowsFailing.size < rowsInOutageMin) this.#rowsFailing.add(row)
  }

  #isOutage(now: number, { survivors }: TryFailure): boolean {
    if (this.#failures < failuresInRowMax || this.#rowsFailing.size < rowsInOutageMin) return false
    const alive = survivors(this.#failingSince, now - this.#failedAfterMs)
    if (alive * failuresInRowMax < this.#failures) return true
    // As many live as fail: what fails next is looked at anew.
    if (alive >= this.#failures) this.#endFailures()
    return false
  }

  #isCongested(now: number, { startedAt, answerMs, survivors }: TryFailure): boolean {
    if (this.#failureShare <= failureShareMax || startedAt <= this.#cutAt) return false
    if (now < this.#cutAt + answerMs) return false
    const failures = this.#failureShare * recentTries
    return failures > failureShareMax * (failures + survivors(-Infinity, startedAt))
  }

  #endFailures(): void {
    this.#failures = 0
    this.#failedAfterMs = 0
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

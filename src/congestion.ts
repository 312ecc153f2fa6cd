/**
 * How many at once, when the server or the way to it is in trouble; and outages.
 *
 * Overloaded (529) and broken tries are no fault of a rate, so they move a ceiling on
 * concurrency: cut by a fifth at most once for what was under way together, raised again
 * by a twentieth of what it was each second. Single faults are noise, not congestion:
 * a cut needs a tenth of the recent tries to have failed.
 *
 * Five failures in a row over at least three rows are an outage: then one probe at
 * a time with growing waits, and nothing counts as an attempt of a row, until one is answered.
 *
 *   open ── 5 failures in a row, 3 rows ──► outage ── a probe is answered ──► open, ramping
 */

import type { Random } from './random.ts'

const failuresInRowMax = 5
const rowsInOutageMin = 3
const probeDelayMsMax = 15_000
const cutFactor = 0.8
const raisePerSecond = 0.05
const recentTries = 50
const failureShareMax = 0.1

/** Congestion of one pool. Instants are monotonic milliseconds. */
export class Congestion {
  #ceiling = Infinity
  #ceilingBeforeCut = Infinity
  #cutAt = -Infinity
  #raisedAt = 0
  #failureShare = 0
  #failuresInRow = 0
  #rowsFailing = new Set<number>()
  #outageSince: number | undefined
  #probes = 0
  #probeAt = 0

  /** Most tries that may be under way; Infinity when nothing is wrong. */
  ceiling(now: number): number {
    if (this.#outageSince !== undefined) return 1
    this.#raise(now)
    return this.#ceiling
  }

  get inOutage(): boolean {
    return this.#outageSince !== undefined
  }

  /** Milliseconds until the next probe of an outage may start. */
  delay(now: number): number {
    return this.#outageSince === undefined ? 0 : Math.max(0, this.#probeAt - now)
  }

  /** A reply that shows the server at work, an answer or a refusal. Returns true if it ended an outage. */
  succeeded(now: number): boolean {
    this.#failuresInRow = 0
    this.#rowsFailing.clear()
    this.#failureShare *= 1 - 1 / recentTries
    if (this.#outageSince === undefined) return false
    this.#outageSince = undefined
    this.#ceiling = Infinity
    this.#failureShare = 0
    this.#cutAt = now
    return true
  }

  /** A try of `row` that began at `startedAt` failed while `inFlight` others were under way. */
  failed(
    now: number,
    failure: { row: number; startedAt: number; inFlight: number },
    random: Random,
  ): void {
    this.#failureShare += (1 - this.#failureShare) / recentTries
    this.#failuresInRow += 1
    if (this.#rowsFailing.size < rowsInOutageMin) this.#rowsFailing.add(failure.row)
    if (this.#outageSince !== undefined) return this.#scheduleProbe(now, failure.startedAt, random)
    const enough = this.#rowsFailing.size >= rowsInOutageMin
    if (this.#failuresInRow >= failuresInRowMax && enough) {
      this.#outageSince = now
      this.#probes = 0
      this.#probeAt = now + random.float() * 1000
      return
    }
    if (this.#failureShare > failureShareMax && failure.startedAt > this.#cutAt) {
      this.#cut(now, failure.inFlight)
    }
  }

  /** The process ran out of sockets with this many under way: no more than nine tenths of it. */
  noSocket(now: number, inFlight: number): void {
    this.#ceilingBeforeCut = Math.max(1, Math.floor(inFlight * 0.9))
    this.#ceiling = this.#ceilingBeforeCut
    this.#cutAt = now
    this.#raisedAt = now
  }

  #cut(now: number, inFlight: number): void {
    this.#raise(now)
    const before = Math.min(this.#ceiling, inFlight + 1)
    this.#ceilingBeforeCut = before
    this.#ceiling = Math.max(1, Math.floor(before * cutFactor))
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

  #scheduleProbe(now: number, startedAt: number, random: Random): void {
    // Late failures of tries from before the outage say nothing new about it.
    if (this.#outageSince === undefined || startedAt < this.#outageSince) return
    this.#probes += 1
    const bound = Math.min(probeDelayMsMax, 1000 * 2 ** Math.min(this.#probes, 10))
    this.#probeAt = now + bound * (0.5 + random.float() / 2)
  }
}

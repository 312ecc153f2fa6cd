/**
 * The rate that refusals leave, where no header shows a limit.
 *
 * When a request is refused, the server's bucket is empty. So what was let through between two
 * refusals is what was refilled between them: that, over the time, is the limit. Sending goes on a
 * little below it and grows, slowly at first and ever faster, until the next refusal measures it
 * again. Refusals that come one upon the other measure nothing, and halve the rate.
 *
 * A gateway may refuse now and then for reasons of its own. So one that comes below the rate that
 * was measured, or before any was, is chance, unless more follow within few requests.
 */

import { Bucket } from './bucket.ts'

/** Below what was measured, so that the next refusal is not the next request. */
const share = 0.97
const cut = 0.5
/** Refusals closer together than this measure nothing. */
const measureMsMin = 5000
const startsMin = 3
const recentMs = 2000
const growthPerSecond = 0.002
/** The growth doubles in so many seconds, or in the time of so many requests. */
const growthSeconds = 10
/** Refusals by chance are half forgotten after so many requests, and more than these are none. */
const chanceRequests = 60
const chancesMax = 2.5
/** This close to what was measured, a refusal is what was waited for. */
const nearShare = 0.99
const growthRequests = 30
const burstSeconds = 0.1

/** The rate of one pool without headers. */
export class Pace {
  /** Requests a second; undefined until something was refused. */
  #perSecond: number | undefined
  #bucket: Bucket | undefined
  #grownAt = 0
  /** Requests a second, as measured last. */
  #limit = Infinity
  #chances = 0
  /** Since the last refusal. */
  #startsSinceAny = 0
  /** The rate was set for what is being refused now. */
  #isAnswered = false
  /** The last refusal that was measured, and what was let through since. */
  #refusedAt = 0
  #startsSince = 0
  /** In the present span of `recentMs` and the one before, for the first refusal. */
  #startsRecent = 0
  #startsBefore = 0
  #recentAt = -Infinity

  /** Milliseconds until the next start. */
  delay(now: number): number {
    if (this.#perSecond === undefined || this.#bucket === undefined) return 0
    this.#grow(now, this.#perSecond)
    return this.#bucket.delayUntil(now, 1)
  }

  /** A request starts. */
  take(now: number): void {
    this.#startsSince += 1
    this.#startsSinceAny += 1
    if (now >= this.#recentAt + recentMs) {
      this.#startsBefore = now < this.#recentAt + 2 * recentMs ? this.#startsRecent : 0
      this.#startsRecent = 0
      this.#recentAt = now
    }
    this.#startsRecent += 1
    this.#bucket?.take(now, 1)
  }

  /** One was refused, which is no start; `isFirst` of those that were sent together. */
  refused(now: number, isFirst: boolean): void {
    this.#startsSince = Math.max(0, this.#startsSince - 1)
    if (isFirst) this.#isAnswered = false
    // Of a burst that is refused, one is enough.
    if (this.#isAnswered || this.#isChance()) return
    this.#isAnswered = true
    const elapsedMs = now - this.#refusedAt
    if (this.#perSecond === undefined) {
      // A few requests cannot have been too many a second.
      if (this.#startsRecent + this.#startsBefore < startsMin) return
      this.#set(now, this.#recentPerSecond(now) * cut)
    } else if (this.#startsSince < startsMin) {
      // Hardly anything was let through: a debt from before is still being paid.
      return
    } else if (elapsedMs < measureMsMin) this.#set(now, this.#perSecond * cut)
    else {
      // Never above what has just been refused.
      this.#limit = Math.min((this.#startsSince * 1000) / elapsedMs, this.#perSecond)
      this.#set(now, this.#limit * share)
    }
    this.#startsSince = 0
    this.#refusedAt = now
  }

  #isChance(): boolean {
    this.#chances *= 0.5 ** (this.#startsSinceAny / chanceRequests)
    this.#chances += 1
    this.#startsSinceAny = 0
    const isNear = this.#perSecond !== undefined && this.#perSecond > this.#limit * nearShare
    if (!isNear && this.#chances <= chancesMax) return true
    this.#chances = 0
    return false
  }

  #recentPerSecond(now: number): number {
    const seconds = (now - this.#recentAt + recentMs) / 1000
    return (this.#startsRecent + this.#startsBefore) / seconds
  }

  #grow(now: number, perSecond: number): void {
    const seconds = (now - this.#grownAt) / 1000
    // Seldom enough to cost nothing, often enough to be smooth.
    if (seconds < 1) return
    const doublingSeconds = Math.max(growthSeconds, growthRequests / perSecond)
    const doublings = (now - this.#refusedAt) / 1000 / doublingSeconds
    const growth = Math.min(1, growthPerSecond * 2 ** Math.min(doublings, 10)) * seconds
    this.#set(now, perSecond * (1 + Math.min(growth, 1)))
  }

  #set(now: number, wanted: number): void {
    const perSecond = Math.min(Math.max(wanted, 0.01), 1e6)
    this.#perSecond = perSecond
    this.#grownAt = now
    const size = { capacity: Math.max(1, perSecond * burstSeconds), perMinute: perSecond * 60 }
    if (this.#bucket) this.#bucket.resize(now, size)
    else this.#bucket = new Bucket(now, { ...size, level: 0 })
  }
}

/**
 * What each pool of a run carries, as its events tell.
 */

import type { OtherTraffic } from './events.ts'
import type { LimitReadings } from './outcome.ts'
import { RecentRate } from './recent-rate.ts'

/**
 * What one pool carried in the last 60 seconds, and what its replies say it may. Not extrapolated:
 * a full bucket may be spent in seconds, and is not the rate of a minute.
 */
export interface PoolSnapshot {
  readonly name: string
  /** Sends, refused ones too. */
  readonly requestsPerMinute: number
  /** Input that counts to the limit: uncached, and cache writes. */
  readonly inputTokensPerMinute: number
  readonly outputTokensPerMinute: number
  /** The newest limits a reply showed; undefined until one does. */
  readonly limits: LimitReadings | undefined
  /** What others take of them a minute; undefined when that is not known. */
  readonly others: OtherTraffic | undefined
}

/** That of one pool. */
export class PoolStats {
  readonly requests: RecentRate = new RecentRate(60)
  readonly input: RecentRate = new RecentRate(60)
  readonly output: RecentRate = new RecentRate(60)
  limits: LimitReadings | undefined
  others: OtherTraffic | undefined

  constructor(now: number) {
    for (const rate of [this.requests, this.input, this.output]) rate.start(now)
  }

  snapshot(now: number, name: string): PoolSnapshot {
    return {
      name,
      requestsPerMinute: this.requests.sum(now),
      inputTokensPerMinute: this.input.sum(now),
      outputTokensPerMinute: this.output.sum(now),
      limits: this.limits,
      others: this.others,
    }
  }
}

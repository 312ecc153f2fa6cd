/**
 * One pool of models as the scheduler sees it: its limits, its congestion, its latencies.
 *
 * Pools do not wait for one another: each can be used at the same time, to its own limit.
 */

import { Congestion } from './congestion.ts'
import { LatencyModel } from './latency.ts'
import type { PoolLimiter } from './limiter.ts'
import type { Cost } from './meter.ts'
import type { Answered } from './outcome.ts'
import type { AbortReason } from './transport.ts'
import type { Attempt, Work } from './work.ts'

/** A stream must show a byte this often once it has begun. */
const streamIdleMsMax = 60_000
/** An answer expected to take longer, or allowed to be longer, is streamed: idle connections get dropped. */
const plainExpectedMsMax = 20_000
const plainMaxTokensMax = 8192

/** How long one try and one row may take, ms. */
export interface TimeBounds {
  readonly timeoutMs: number
  readonly maxRowTimeMs: number
}

export class Pool {
  readonly limiter: PoolLimiter
  readonly congestion: Congestion = new Congestion()
  readonly #latency = new LatencyModel()
  readonly #times: TimeBounds
  inFlight = 0
  #answeredSince = 0
  #goodPerSecond = 0

  constructor(limiter: PoolLimiter, times: TimeBounds) {
    this.limiter = limiter
    this.#times = times
  }

  /** Whether a try should be streamed: a probe, for its early headers, and what takes long. */
  streams(work: Work, cost: Cost): boolean {
    if (!this.limiter.heard || work.row.maxTokens > plainMaxTokensMax) return true
    return (this.#latency.expectedMs(cost.output) ?? 0) > plainExpectedMsMax
  }

  /** The instant by which a try that starts now must be over. */
  deadlineAt(now: number, work: Work, stream: boolean): number {
    const { timeoutMs, maxRowTimeMs } = this.#times
    const answerMs = stream ? timeoutMs : this.#latency.answerMsMax(work.row.maxTokens, timeoutMs)
    return Math.min(now + answerMs, (work.firstAskedAt ?? now) + maxRowTimeMs)
  }

  /** Why a try must be ended now, if it must. */
  overdue(now: number, attempt: Attempt): AbortReason | undefined {
    if (now >= attempt.deadlineAt) {
      const rowMs = now - (attempt.work.firstAskedAt ?? now)
      return rowMs >= this.#times.maxRowTimeMs ? 'row_timeout' : 'attempt_timeout'
    }
    if (!attempt.stream) return undefined
    if (attempt.headAt !== undefined) {
      return now - attempt.lastByteAt >= streamIdleMsMax ? 'idle_timeout' : undefined
    }
    const waitedMs = now - attempt.startedAt
    return waitedMs >= this.#latency.firstByteMsMax() ? 'first_byte_timeout' : undefined
  }

  firstByte(now: number, attempt: Attempt): void {
    this.#latency.learnFirstByte(now - attempt.startedAt)
  }

  answered(now: number, attempt: Attempt, answer: Answered): void {
    this.#answeredSince += 1
    this.limiter.answered()
    this.#latency.learnAnswer(now - attempt.startedAt, answer.usage.outputTokens)
    const outageEnded = this.congestion.succeeded(now)
    if (outageEnded) this.limiter.recover(now, Math.max(2, this.#goodPerSecond))
  }

  /** Closes a period over which answers were counted; a period without any is no rate. */
  countRate(seconds: number): void {
    if (this.#answeredSince > 0) this.#goodPerSecond = this.#answeredSince / seconds
    this.#answeredSince = 0
  }
}

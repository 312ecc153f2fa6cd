/**
 * One pool of models as the scheduler sees it: its limits, its congestion, its latencies.
 *
 * Pools do not wait for one another: each can be used at the same time, to its own limit.
 */

import type { Backlog } from './backlog.ts'
import { grainMs } from './bucket.ts'
import type { Ceilings } from './ceilings.ts'
import { Congestion } from './congestion.ts'
import { LatencyModel } from './latency.ts'
import type { Limiter } from './limiter.ts'
import type { Cost } from './meter.ts'
import type { Answered, Broken, Overloaded } from './outcome.ts'
import { Overloads } from './overloads.ts'
import type { PoolLimiter } from './pool-limiter.ts'
import type { Random } from './random.ts'
import type { AbortReason } from './transport.ts'
import type { UnderWay } from './under-way.ts'
import type { Wait, Waiting } from './wait.ts'
import type { Attempt, Work } from './work.ts'

/** A stream must show a byte this often once it has begun. */
const streamIdleMsMax = 60_000
/**
 * An answer expected to take longer, or allowed to be longer, is streamed: idle connections get
 * dropped.
 */
const plainExpectedMsMax = 20_000
const plainMaxTokensMax = 8192
/** Weight of the newest second in the rate of answers. */
const rateMemory = 0.2
/** Weight of the newest answer in how long they take. */
const answerMemory = 0.05

/** How long one try and one row may take, ms. */
export interface TimeBounds {
  readonly timeoutMs: number
  readonly maxRowTimeMs: number
}

/** A writer that is not streamed shows nothing before its end. */
const lateMsOfPlain = 60_000

type Asked = Pick<Attempt, 'number' | 'work' | 'cost' | 'reservation' | 'caching'>

/** A pool; see above. */
export class Pool {
  readonly limiter: PoolLimiter
  readonly #congestion = new Congestion()
  readonly #latency = new LatencyModel()
  readonly #overloads = new Overloads()
  readonly #times: TimeBounds
  #inFlight = 0
  /** The one try that may be under way in an outage, besides those from before, is. */
  #isProbing = false
  /** The latest start of a try that was answered. */
  #goodAt = -Infinity
  #answeredSince = 0
  #answerMs = 0
  #goodPerSecond = 0
  /** The round of starting in which it was found to have to wait. */
  #waitsInRound = 0

  constructor(limiter: PoolLimiter, times: TimeBounds) {
    this.limiter = limiter
    this.#times = times
  }

  /** Tries under way. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** How many answers come a second, and how long a slow one takes, if that is known. */
  get answers(): { readonly perSecond: number; readonly slowMs: number | undefined } {
    return { perSecond: this.#goodPerSecond, slowMs: this.#latency.slowAnswerMs }
  }

  get inOutage(): boolean {
    return this.#congestion.inOutage
  }

  /** In this round of starting, no row of it can start any more. */
  passOver(round: number): void {
    this.#waitsInRound = round
  }

  isPassedOver(round: number): boolean {
    return this.#waitsInRound === round
  }

  /** Nothing but limits bounds what is under way: the server is neither out nor congested. */
  isWell(now: number): boolean {
    return !this.inOutage && this.#congestion.ceiling(now) === Infinity
  }

  /** How long the pool's next row must wait, and for what. Infinity: until something ends. */
  wait(now: number, cost: Cost, waiting?: Waiting): Wait {
    const delayMs = this.#congestion.delay(now)
    if (delayMs >= grainMs) return { delayMs, binds: 'outage' }
    if (this.#congestion.inOutage) {
      if (this.#isProbing) return { delayMs: Infinity, binds: 'outage' }
    } else if (this.#inFlight >= this.#congestion.ceiling(now)) {
      return { delayMs: Infinity, binds: 'congestion' }
    }
    return this.limiter.wait(now, cost, waiting)
  }

  /** Begins a try. */
  start(now: number, asked: Asked, leads = false): Attempt {
    const { work } = asked
    work.firstAskedAt ??= now
    const attempt: Attempt = {
      ...asked,
      stream: this.#streams(now, asked, leads),
      probe: this.#congestion.inOutage,
      startedAt: now,
      deadlineAt: Math.min(
        now + this.#times.timeoutMs,
        work.firstAskedAt + this.#times.maxRowTimeMs,
      ),
      cacheMissedTokens: 0,
      headAt: undefined,
      lastByteAt: now,
      exchange: undefined,
    }
    work.lastAttempt = attempt
    if (!attempt.stream) this.limiter.hold.isPlain(now, attempt.reservation.hold)
    this.#inFlight += 1
    if (attempt.probe) this.#isProbing = true
    return attempt
  }

  /** Why a try must be ended now, if it must. */
  overdue(now: number, attempt: Attempt): AbortReason | undefined {
    const { stream, startedAt, headAt, lastByteAt, deadlineAt, work } = attempt
    if (now >= deadlineAt) return this.isRowOverdue(now, work) ? 'row_timeout' : 'attempt_timeout'
    // Judged by what is known now: the first answers to come are the fast ones.
    if (!stream) {
      const answerMsMax = this.#latency.answerMsMax(work.row.maxTokens)
      return now >= startedAt + answerMsMax ? 'attempt_timeout' : undefined
    }
    if (headAt !== undefined) {
      return now >= lastByteAt + streamIdleMsMax ? 'idle_timeout' : undefined
    }
    return now >= startedAt + this.#latency.firstByteMsMax() ? 'first_byte_timeout' : undefined
  }

  /** Whether all the time the row may take has passed. */
  isRowOverdue(now: number, work: Work): boolean {
    return now >= (work.firstAskedAt ?? now) + this.#times.maxRowTimeMs
  }

  /** Whether the first byte of a try is late: what others wait for should be tried anew. */
  isLate(now: number, { startedAt, stream }: Attempt): boolean {
    const lateMs = stream ? this.#latency.firstByteLateMs() : lateMsOfPlain
    return now >= startedAt + lateMs
  }

  firstByte(now: number, attempt: Attempt): void {
    this.#latency.learnFirstByte(now - attempt.startedAt)
    this.limiter.hold.firstByte(now, attempt.reservation.hold)
  }

  /** A try is over, however it ended. */
  ended({ probe }: Attempt): void {
    this.#inFlight -= 1
    if (probe) this.#isProbing = false
  }

  answered(now: number, attempt: Attempt, answer: Answered): void {
    this.#answeredSince += 1
    this.#goodAt = Math.max(this.#goodAt, attempt.startedAt)
    this.limiter.answered(now, attempt.reservation)
    if (attempt.work.overloads === undefined && !attempt.probe) this.#overloads.answered()
    const elapsedMs = now - attempt.startedAt
    this.#answerMs += (elapsedMs - this.#answerMs) * answerMemory
    this.#latency.learnAnswer(elapsedMs, answer.usage.outputTokens)
    this.replied(now, attempt)
  }

  /** The server is at work: it answered, or refused. */
  replied(now: number, attempt: Attempt): void {
    const outageEnded = this.#congestion.succeeded(now, attempt.startedAt)
    if (outageEnded) this.limiter.recover(now, Math.max(2, this.#goodPerSecond))
  }

  /** A try broke while these were under way. Returns whether that counts against its row. */
  broke(now: number, attempt: Attempt, underWay: UnderWay, random: Random): boolean {
    const { startedAt, work } = attempt
    // It broke before, at a time when others were answered.
    const isSuspect = work.brokeAt !== undefined && this.#goodAt > work.brokeAt
    work.brokeAt ??= startedAt
    return this.#congestion.failed(
      now,
      {
        row: work.sequence,
        startedAt,
        isSuspect,
        inFlight: this.#inFlight,
        answerMs: this.#answerMs,
        survivors: (after, until) => underWay.count(work.pool, { after, until }),
      },
      random,
    )
  }

  /**
   * A try failed, and not in an outage. Returns how many of the row's tries count against it: an
   * overload does not while it may be chance, unless it may have been billed.
   */
  countTry(work: Work, outcome: Broken | Overloaded): number {
    work.attempts += 1
    if (outcome.kind === 'overloaded' && !outcome.unknown) {
      work.overloads = this.#overloads.met(work.overloads)
    }
    const met = work.overloads
    return work.attempts - (met && this.#overloads.mayBeChance(met) ? met.count : 0)
  }

  /** Closes a period over which answers were counted; a period without any is no rate. */
  countRate(seconds: number): void {
    const perSecond = this.#answeredSince / seconds
    this.#answeredSince = 0
    // What trickles in during an outage was asked before it.
    if (perSecond === 0 || this.#congestion.inOutage) return
    const kept = (1 - rateMemory) * this.#goodPerSecond + rateMemory * perSecond
    this.#goodPerSecond = Math.max(kept, perSecond)
  }

  /**
   * Whether a try should be streamed: a leader or probe for its early signs, what takes long, and
   * what holds input beyond its cost.
   */
  #streams(now: number, { work, cost, reservation }: Asked, leads: boolean): boolean {
    // The API refuses to stream an answer of no tokens, by which a cache is warmed.
    if (work.row.maxTokens === 0) return false
    if (leads || this.limiter.showsProgress || !this.limiter.heard || this.#congestion.inOutage)
      return true
    if (work.row.maxTokens > plainMaxTokensMax) return true
    if (this.limiter.showsHold(now, reservation)) return true
    return (this.#latency.expectedMs(cost.output) ?? 0) > plainExpectedMsMax
  }
}

/** The pools of one run, each made when its first row comes. */
export class Pools {
  readonly #limiter: Limiter
  readonly #times: TimeBounds
  readonly #pools = new Map<string, Pool>()

  constructor(limiter: Limiter, times: TimeBounds) {
    this.#limiter = limiter
    this.#times = times
  }

  get all(): Iterable<Pool> {
    return this.#pools.values()
  }

  /** What a pool waits for; with the pool's name where there are several. */
  bindsOf({ limiter }: Pool, { binds }: Wait): string {
    return this.#pools.size > 1 ? `${limiter.name}: ${binds}` : binds
  }

  /** Puts a new row where it belongs. */
  enter(now: number, work: Work, backlog: Backlog): void {
    work.pool = this.#limiter.poolOf(work.row.model) ?? work.pool
    this.of(now, work)
    backlog.add(work)
  }

  /**
   * What the Rate Limits API told. Rows that wait in a pool of which it knows better go where they
   * belong; what is under way ends where it began.
   */
  learnCeilings(now: number, ceilings: Ceilings, backlog: Backlog): void {
    this.#limiter.learnCeilings(now, ceilings)
    const isElsewhere = ({ row, pool }: Work): boolean =>
      (ceilings.poolOf(row.model) ?? pool) !== pool
    for (const work of backlog.remove(isElsewhere)) this.enter(now, work, backlog)
  }

  of(now: number, { pool: name }: Pick<Work, 'pool'>): Pool {
    let pool = this.#pools.get(name)
    if (pool === undefined) {
      pool = new Pool(this.#limiter.pool(now, name), this.#times)
      this.#pools.set(name, pool)
    }
    return pool
  }

  /** The oldest row whose pool was not passed over in this round, and its pool. */
  oldest(now: number, round: number, backlog: Backlog): { pool: Pool; work: Work } | undefined {
    let oldest: { pool: Pool; work: Work } | undefined
    for (const pool of this.#pools.values()) {
      if (pool.isPassedOver(round)) continue
      const work = backlog.head(now, pool.limiter.name)
      if (work === undefined || (oldest && work.sequence > oldest.work.sequence)) continue
      oldest = { pool, work }
    }
    return oldest
  }
}

/**
 * One prefix that prompts share: whether the server has it, and who waits for it.
 *
 *   cold ── a row that has it starts ──► being written ── its answer begins ──► warm
 *    ▲                                        │                                  │
 *    └─────────── refused, broken, late ──────┴────────── its life is over ──────┘
 *
 * Warm is a belief: the documents say that an entry lives for its time from when it was used last.
 */

import type { CacheLife } from './cache-points.ts'
import { Queue } from './queue.ts'
import type { Attempt, Work } from './work.ts'

const lifeMs: Readonly<Record<CacheLife, number>> = { '5m': 300_000, '1h': 3_600_000 }
/** What is nearly over may be over when the request arrives. */
const lifeShare = 0.97

/** The longest that an entry can live, by what was found gone; Infinity: as the documents say. */
export interface LifeSeen {
  msMax: number
}

/** One prefix; see above. */
export class Prefix {
  /** What the cache compares (cache-points.ts). */
  readonly key: number
  /** The pool of its model. */
  readonly pool: string
  /** Its tokens, once an answer has told; 0 before. */
  tokens = 0
  /** For how long it is kept. */
  life: CacheLife = '5m'
  /** Rows that wait and have it, parked ones included. */
  waiting = 0
  /** Tries under way that have it. */
  underWay = 0
  /** The try that writes it, until its answer begins. */
  writer: Attempt | undefined
  /** The server was seen not to keep it: nobody waits for that. */
  isRefused = false
  /** Answers that read it; and those that should have, in a row, and did not. */
  reads = 0
  misses = 0
  /** Tokens that were written and not read by anybody yet. */
  unreadTokens = 0
  /** Rows that wait until it is written. */
  parked: Work[] = []
  /** Rows that have it, the oldest first. Some may have left, or be another prefix's to start. */
  readonly rows: Queue<Work> = new Queue()
  readonly #seen: LifeSeen
  #usedAt = -Infinity

  constructor(key: number, pool: string, seen: LifeSeen) {
    this.key = key
    this.pool = pool
    this.#seen = seen
  }

  /** When it was written or read last. */
  get usedAt(): number {
    return this.#usedAt
  }

  /** Whether the server should have it. */
  isWarm(now: number): boolean {
    return now < this.#usedAt + Math.min(lifeMs[this.life], this.#seen.msMax) * lifeShare
  }

  /** A request that began at `at` wrote it, or reads it: its life counts from then. */
  use(at: number): void {
    this.#usedAt = Math.max(this.#usedAt, at)
  }

  /** A request that was to read it at `at`, so long after the use before, did not. */
  unuse(at: number, afterMs: number): void {
    if (this.#usedAt === at) this.#usedAt = at - afterMs
  }
}

/**
 * One prefix that prompts share: whether the server has it, and who waits for it.
 *
 *   cold ── a row that has it starts ──► being written ── its answer begins ──► warm
 *    ▲                                        │                                  │
 *    └─────────── refused, broken, late ──────┴────────── its life is over ──────┘
 *
 * Warm is a belief: the documents say that an entry lives for its time from when it was used last.
 */

import { Queue } from './queue.ts'
import type { Attempt, Work } from './work.ts'

/** One prefix; see above. */
export class Prefix {
  /** What the cache compares (cache-points.ts). */
  readonly key: number
  /** The pool of its model. */
  readonly pool: string
  /** Its tokens, once an answer has told; 0 before. */
  tokens = 0
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
  readonly rows = new Queue<Work>()
  #usedAt = -Infinity
  #lifeMs = 0

  constructor(key: number, pool: string) {
    this.key = key
    this.pool = pool
  }

  /** When it was written or read last. */
  get usedAt(): number {
    return this.#usedAt
  }

  /** Whether the server should have it. */
  isWarm(now: number): boolean {
    return now < this.#usedAt + this.#lifeMs
  }

  /** A request that began at `at` wrote it, or reads it: it is kept for so long from then. */
  use(at: number, lifeMs: number): void {
    if (at < this.#usedAt) return
    this.#usedAt = at
    this.#lifeMs = lifeMs
  }

  /** It was found gone. */
  lose(): void {
    this.#usedAt = -Infinity
  }
}

/**
 * A run at one instant, as the fold of its events has it (stats.ts): what progress shows and the
 * summary says.
 *
 * Counts are rows unless they say otherwise, money is whole nano-dollars, durations are
 * milliseconds.
 */

import type { BudgetState } from './budget.ts'
import type { PoolSnapshot } from './pool-stats.ts'

/** Tokens by kind, as the API reported them. */
export interface TokenTotals {
  /** Neither written to the cache nor read from it. */
  readonly input: number
  readonly cacheWrite5m: number
  readonly cacheWrite1h: number
  readonly cacheRead: number
  /** Written though an entry was there before: part of the writes. */
  readonly cacheMissed: number
  readonly output: number
}

/** A run at one instant. */
export interface Snapshot {
  readonly elapsedMs: number
  readonly rows: {
    /** Rows read from the input so far; all selected rows once `readAll`. */
    readonly read: number
    readonly readAll: boolean
    /**
     * All selected rows: exact once `readAll`, before that from the share of bytes read; null for
     * a stream.
     */
    readonly expected: number | null
    /** Settled in this run. */
    readonly succeeded: number
    readonly failed: number
    /** Settled by earlier runs of this output. */
    readonly heldSucceeded: number
    readonly heldFailed: number
    /** Of those settled in this run: copies of the line of a row that asks the very same. */
    readonly copied: number
    /** Not asked in this run, and not to be. */
    readonly left: number
    /** Of these: rows that get such a copy when all else is done. */
    readonly twins: number
  }
  /** Of the answers of this run, those that are not what was asked for, though they are answers. */
  readonly incomplete: {
    /** Cut at `max_tokens`, or at the end of the context window. */
    readonly truncated: number
    /** The model would not. */
    readonly refused: number
    /** Paused in the midst of its tools: `pause_turn`. */
    readonly paused: number
    /** Its output does not conform to its schema. */
    readonly invalid: number
  }
  /** Answers that were no results, as their rows were asked again. */
  readonly askedAgain: {
    /** With a larger `max_tokens`. */
    readonly truncated: number
    /** To go on where they were paused. */
    readonly paused: number
    /** With what was wrong with their output. */
    readonly invalid: number
    /** What they cost, part of the cost of the run; null when a price is unknown. */
    readonly costNanoUsd: number | null
  }
  readonly batches: {
    /** Message Batches that are outstanding, and the rows in them. */
    readonly outstanding: number
    readonly rows: number
    /** Batches whose results were all read, and answers of rows that batches gave. */
    readonly collected: number
    readonly answers: number
    /** Those that were canceled, for their rows to be asked live in time. */
    readonly cut: number
  }
  /** Null in a run without one. */
  readonly deadline: {
    /** Wall time, ms since the epoch. */
    readonly at: number
    /** Live requests alone would answer all rows in time, whatever batches do. */
    readonly isGuaranteed: boolean
    /** What is left of it, or was at the end; below zero: by so much it is missed. */
    readonly leftMs: number
    /** All rows are answered, or it has passed: it was met, or not. */
    readonly isJudged: boolean
  } | null
  /** Nothing starts, as was asked. */
  readonly paused: boolean
  /** The bound of requests at once, as it was changed; null while it was not, or there is none. */
  readonly maxConcurrency: number | null
  readonly attempts: {
    readonly started: number
    readonly inFlight: number
    /** 429s. */
    readonly refused: number
    readonly overloaded: number
    readonly broken: number
  }
  /** Tries sent without a complete reply: rows and the most they can have cost. */
  readonly possiblyBilledTwice: {
    readonly rows: number
    readonly attempts: number
    /** Null when a price was unknown. */
    readonly costNanoUsdMax: number | null
    /** Most that were under way when an earlier run was killed; their cost is not known here. */
    readonly killedInFlight: number
  }
  readonly tokens: TokenTotals
  /** Of the answers whose price is known. */
  readonly costNanoUsd: number
  /**
   * What it comes to when the rows still to come cost as much as those before; null while that
   * cannot be said: of a stream, with batches under way, without a price, or after a few rows.
   */
  readonly costAtEndNanoUsd: number | null
  /** Answers of models without a known price. */
  readonly unpriced: number
  /**
   * What the answers would have cost without a prompt cache, less what they cost; below zero where
   * they cost more, and null when one that used the cache has no known price.
   */
  readonly cacheSavedNanoUsd: number | null
  /** What more could have been saved: tokens were written to the cache again. Null as above. */
  readonly cacheLostNanoUsd: number | null
  /** Null in a run without one. */
  readonly budget: BudgetState | null
  /** All pools together: rows over about the last ten seconds, tokens of the last sixty. */
  readonly rates: {
    readonly rowsPerSecond: number
    /** Rows settled in each of the last sixty seconds that are over, oldest first. */
    readonly rowsEachSecond: readonly number[]
    readonly inputTokensPerMinute: number
    readonly outputTokensPerMinute: number
  }
  /** The pools that were sent to, in the order of their first send; of very many, the first. */
  readonly pools: readonly PoolSnapshot[]
  /** What keeps the next row from starting now. */
  readonly binds: string
  /** Milliseconds until that can change at the soonest; null while that is not known. */
  readonly bindsForMs: number | null
  /** Milliseconds each thing bound, longest first. */
  readonly bound: readonly (readonly [string, number])[]
  /** Until the last row, at the present rate; null while that cannot be said. */
  readonly leftMs: number | null
  /** The same, at least and at most (time-left.ts); null while too little is known. */
  readonly leftRangeMs: readonly [least: number, most: number] | null
  readonly outputBlocked: string | null
  readonly stopping: { readonly code: string; readonly message: string } | null
}

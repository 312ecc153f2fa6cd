/**
 * What the page shows of a run, under way or over: the one contract between those who make it
 * (live-view.ts of events, report-view.ts of files) and those who draw it (browser/).
 *
 * It is JSON: plain, finite, bounded, whatever the size of the run. Money is whole nano-dollars,
 * durations are milliseconds, instants wall time in milliseconds since the epoch.
 */

/** Where a run is. */
export type RunState = 'running' | 'paused' | 'stopping' | 'ended' | 'stopped' | 'unknown'

/** All that the page shows. */
export interface PageView {
  /** Of this form. */
  readonly form: 1
  readonly state: RunState
  /** When this was so. */
  readonly at: number
  readonly run: RunView
  readonly rows: RowsView
  /** Until the last row, at least and at most; null while that cannot be said, and at the end. */
  readonly leftMs: readonly [least: number, most: number] | null
  readonly cost: CostView
  readonly tokens: TokensView
  /** What keeps the next row from starting now; '' when nothing does, or it is over. */
  readonly binds: string
  /** How long each thing bound, longest first. */
  readonly bound: readonly { readonly name: string; readonly ms: number }[]
  readonly pools: readonly PoolView[]
  /** How it went; null where nothing recorded it. */
  readonly series: SeriesView | null
  /** Of rows that were answered live; null when there are none. */
  readonly latency: LatencyView | null
  /** By kind, most first: tries that failed, and rows. */
  readonly errors: readonly ErrorView[]
  /** How far the estimates of input tokens were off; null when nothing was estimated. */
  readonly estimates: EstimatesView | null
  /** The slowest rows that were answered, slowest first. */
  readonly slowest: readonly AnsweredView[]
  /** Rows that failed, in their order; of many, the first. */
  readonly failed: readonly FailedView[]
  /** Of a run under way only. */
  readonly live: LiveView | null
}

/** Which run it is. */
export interface RunView {
  /** The output's file name. */
  readonly name: string
  readonly input: string
  readonly output: string
  readonly failedOutput: string
  /** Of its first start; null where nothing recorded it. */
  readonly startedAt: number | null
  /** While it ran, all its starts together; null where nothing recorded it. */
  readonly elapsedMs: number | null
  /** How often it was started. */
  readonly starts: number
  /** Why it stopped before its end, if it did. */
  readonly stopped: { readonly code: string; readonly message: string } | null
  readonly version: string
}

/** Rows, those of earlier starts included. */
export interface RowsView {
  /** All there are; null when that is not known. */
  readonly expected: number | null
  /** Whether that is counted, and not foreseen from the bytes read. */
  readonly isCounted: boolean
  readonly succeeded: number
  readonly failed: number
  /** Of those that succeeded: copies of another's answer. */
  readonly copied: number
  readonly inFlight: number
  /** Over the last ten seconds, or the whole run when it is over. */
  readonly perSecond: number
  /** Answers that may be of no use. */
  readonly truncated: number
  readonly refused: number
  readonly invalid: number
}

/** Tokens of one kind, and what they cost; null where a price is unknown. */
export interface KindView {
  readonly tokens: number
  readonly nanoUsd: number | null
}

/** The kinds of tokens that are billed, in the order in which they are shown. */
export const tokenKinds = ['input', 'cacheWrite5m', 'cacheWrite1h', 'cacheRead', 'output'] as const
export type TokenKind = (typeof tokenKinds)[number]

/** What one model took. */
export interface ModelView {
  readonly model: string
  readonly rows: number
  readonly nanoUsd: number | null
  readonly kinds: Readonly<Record<TokenKind, KindView>>
}

/** Money. */
export interface CostView {
  /** Of the answers whose price is known. */
  readonly nanoUsd: number
  /** Answers whose price is not known. */
  readonly unpriced: number
  /** What it comes to at the end, as it goes; null when that cannot be said, or it is over. */
  readonly atEndNanoUsd: number | null
  /** The most that may have been billed without an answer; null where a price is unknown. */
  readonly perhapsNanoUsd: number | null
  /** What the prompt cache saved; null where a price is unknown, or nothing is known of it. */
  readonly cacheSavedNanoUsd: number | null
  readonly byModel: readonly ModelView[]
}

/** Tokens of all models. */
export interface TokensView {
  readonly input: number
  readonly cacheWrite: number
  readonly cacheRead: number
  readonly output: number
}

/** Which limits a pool has; see `LimitReadings`. */
export const meterNames = ['requests', 'input', 'output', 'tokens'] as const
export type MeterName = (typeof meterNames)[number]

/** Models that share limits. */
export interface PoolView {
  readonly name: string
  readonly meters: readonly MeterView[]
}

/** One limit, per minute. */
export interface MeterView {
  readonly name: MeterName
  /** Null when no reply has shown it. */
  readonly limit: number | null
  /** What this run took in the last minute, or in its fullest minute when it is over. */
  readonly used: number
  /** What others take of it, as far as replies show; null when that is not known. */
  readonly others: number | null
}

/**
 * How it went, in columns: the n-th number of each belongs to the n-th interval. Intervals are
 * one after the other; between two starts of a run time may be missing. At most `pointsMax`.
 */
export interface SeriesView {
  /** When each began, and how long it was. */
  readonly at: readonly number[]
  readonly ms: readonly number[]
  /** Rows that were answered, and that failed. */
  readonly succeeded: readonly number[]
  readonly failed: readonly number[]
  /** Tries that failed: 429s, 529s, and all others. */
  readonly rateLimited: readonly number[]
  readonly overloaded: readonly number[]
  readonly broken: readonly number[]
  /** The most that were in flight. */
  readonly inFlight: readonly number[]
  readonly costNanoUsd: readonly number[]
  readonly cacheReadTokens: readonly number[]
  /** What bound longest in it; an index of `bindNames`, -1: nothing did. */
  readonly binds: readonly number[]
  readonly bindNames: readonly string[]
  readonly pools: readonly PoolSeries[]
}

/** What one pool took in each interval, and its limits then, per minute. */
export interface PoolSeries {
  readonly name: string
  readonly meters: readonly {
    readonly name: MeterName
    /** Units taken in the interval. */
    readonly used: readonly number[]
    /** Units per minute; null while not shown. */
    readonly limit: readonly (number | null)[]
    /** What others took of it, per minute; null while not known. @default never known */
    readonly others?: readonly (number | null)[]
  }[]
}

/** The most intervals of a series. */
export const pointsMax = 600

/** How long answers took, from the start of the try that was answered. */
export interface LatencyView {
  readonly rows: number
  readonly medianMs: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** From the fastest to the slowest, without gaps; each from `fromMs` on and below `toMs`. */
  readonly buckets: readonly {
    readonly fromMs: number
    readonly toMs: number
    readonly rows: number
  }[]
}

/** Errors of one kind. */
export interface ErrorView {
  /** `error.type` of the API, or ours. */
  readonly type: string
  /** HTTP's; 0 without a reply. */
  readonly status: number
  /** Tries that were made again, and rows that failed with it. */
  readonly tries: number
  readonly rows: number
  /** The newest of its messages. */
  readonly message: string
}

/** Shares of the tokens that were counted; above zero: too many were expected. */
export interface EstimatesView {
  readonly rows: number
  readonly bias: number
  /** Half, and 95 in 100, of the rows are off by less. */
  readonly median: number
  readonly p95: number
}

/** What is shown of any row. `request` and `answer` only where the user asked for content. */
export interface RowView {
  readonly line: number
  readonly id: string
  readonly attempts: number
  readonly requestId: string | null
  readonly request?: string
  readonly answer?: string
}

/** A row that was answered. */
export interface AnsweredView extends RowView {
  readonly model: string
  readonly latencyMs: number
  readonly outputTokens: number
  readonly costNanoUsd: number | null
}

/** A row that failed. */
export interface FailedView extends RowView {
  readonly type: string
  readonly message: string
}

/** What there is to see only now. */
export interface LiveView {
  /** Requests in flight, the oldest first; of many, the first. */
  readonly inFlight: readonly {
    readonly line: number
    readonly id: string
    readonly model: string
    readonly ageMs: number
  }[]
  readonly batches: readonly {
    readonly id: string
    readonly rows: number
    readonly ageMs: number
  }[]
  /** What was said, newest first. */
  readonly notices: readonly { readonly at: number; readonly message: string }[]
}

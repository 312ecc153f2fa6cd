/**
 * What a run may be told (`RunOptions`), and what it goes by once that is read (`Settings`).
 */

import type { AnswerPolicies, OnInvalidOutput, OnTruncated } from './answer-policy.ts'
import type { BatchTimes } from './batch-times.ts'
import type { MaxFailed } from './brake.ts'
import type { BudgetMode } from './budget.ts'
import type { OutputFormat } from './line-form.ts'
import type { RampKind } from './ramp.ts'

/** The ways to use the prompt cache; see `CacheMode`. */
export const cacheModes = ['auto', 'marked', 'off', 'strip'] as const

/**
 * How the prompt cache is used.
 *
 * - `auto`: prefixes that rows share and nobody marked are found, and marked where that pays;
 *   besides, as `marked`.
 * - `marked`: the `cache_control` of rows is honoured. One row of each prefix goes ahead, and the
 *   others follow when its answer has begun, so that they read what it wrote; and marks that
 *   nobody reads are told.
 * - `off`: bodies are sent as they stand, and none waits for another.
 * - `strip`: all marks are taken out, so that nothing is written and nothing is read.
 */
export type CacheMode = (typeof cacheModes)[number]

/** The ways to the API. */
export type Via = 'live' | 'batches' | 'auto'

/** Options of `run`. Only `input` and a key must be given. */
export interface RunOptions {
  /** Path of a JSONL file of requests, or its bytes. */
  readonly input: string | AsyncIterable<Uint8Array>
  /** Path of the results; `-` is standard output. @default input with `.results.jsonl` */
  readonly output?: string | undefined
  /** An API key, sent as `x-api-key`. */
  readonly apiKey?: string | undefined
  /** A token, sent as `Authorization: Bearer`, instead of a key. */
  readonly authToken?: string | undefined
  /**
   * Origin and optional prefix; `/v1/messages` is appended.
   * @default 'https://api.anthropic.com'
   */
  readonly baseUrl?: string | undefined
  /** @default '2023-06-01' */
  readonly anthropicVersion?: string | undefined
  /** Names for `anthropic-beta`. @default [] */
  readonly betas?: readonly string[] | undefined
  /** Headers sent with every request. @default {} */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Replaces or supplies the model of every row. @default the row's own */
  readonly model?: string | undefined
  /** Bounds of any 60 seconds. @default none */
  readonly maxRequestsPerMinute?: number | undefined
  readonly maxInputTokensPerMinute?: number | undefined
  readonly maxOutputTokensPerMinute?: number | undefined
  /** Requests under way at once. @default as many as sockets */
  readonly maxConcurrency?: number | undefined
  /** Bytes of the bodies under way at once. @default 67108864 */
  readonly maxInFlightBytes?: number | undefined
  /**
   * Dollars that may be spent for this output, by earlier runs too: exact, as a number or as
   * decimal text. A run that would pass it stops, and can be resumed. @default none
   */
  readonly maxBudgetUsd?: number | string | undefined
  /**
   * `strict`: never passed, whatever the replies; `expected`: what is under way counts with what
   * requests have cost, and the most by which that may pass the budget is said beforehand.
   * @default 'strict'
   */
  readonly budgetMode?: BudgetMode | undefined
  /** The same for tokens: input of all kinds and output. @default none */
  readonly maxTotalTokens?: number | undefined
  /** Tries of one row; refusals for a rate (429) do not count. @default 5 */
  readonly maxAttempts?: number | undefined
  /** One try. @default 600000 */
  readonly timeoutMs?: number | undefined
  /** One row, all tries and waits since its first. @default none */
  readonly maxRowTimeMs?: number | undefined
  /** Without any answer. @default 900000 */
  readonly patienceMs?: number | undefined
  /** Waiting for what is under way when asked to stop. @default 25000 */
  readonly graceMs?: number | undefined
  /** `stop` checks the whole input first. @default 'fail' */
  readonly onInvalidRow?: 'fail' | 'stop' | undefined
  /**
   * An answer that was cut at `max_tokens`, or at the end of the context window: `keep` it, `fail`
   * its row, or ask once more with this `max_tokens`, if that is more. @default 'keep'
   */
  readonly onTruncated?: OnTruncated | undefined
  /** An answer that is a refusal. @default 'keep' */
  readonly onRefusal?: AnswerPolicies['onRefusal'] | undefined
  /**
   * An answer that the API paused (`pause_turn`): `continue` sends back what the assistant has
   * said, until it is done. @default 'keep'
   */
  readonly onPause?: AnswerPolicies['onPause'] | undefined
  /**
   * An output that does not conform to the schema of `output_config.format` or of a strict tool:
   * `keep` it, `fail` its row, or show the model what is wrong, so often at most. @default 'keep'
   */
  readonly onInvalidOutput?: OnInvalidOutput | undefined
  /** Stop at more failed rows than this. @default none */
  readonly maxFailed?: MaxFailed | undefined
  /** Ask rows again that an earlier run failed. @default false */
  readonly retryFailed?: boolean | undefined
  /** Start over; files that are there are renamed `.bak-<time>`. @default false */
  readonly overwrite?: boolean | undefined
  /** Only the first rows. @default all */
  readonly first?: number | undefined
  /**
   * Only so many rows, spread over those that have no answer, and live; a run without it goes on.
   * @default all
   */
  readonly pilot?: number | undefined
  /**
   * Of rows whose requests are the same bytes only the first is asked; the others get copies of its
   * line, with `run.copied_from`. @default false
   */
  readonly dedupe?: boolean | undefined
  /** Results in input order. @default false */
  readonly ordered?: boolean | undefined
  /** The request in each result line. @default false */
  readonly includeRequest?: boolean | undefined
  /**
   * `results`: Message Batches result lines, and failures in a file of their own; `tuple`:
   * `[request, message or errors, metadata]`, all in one file. @default 'results'
   */
  readonly outputFormat?: OutputFormat | undefined
  /** Send the `user_id` of a bare body's `metadata` to the API. @default true */
  readonly sendUserId?: boolean | undefined
  /** How the prompt cache is used. @default 'marked' */
  readonly cache?: CacheMode | undefined
  /**
   * `live`: each row is a request of its own; `batches`: by Message Batches, at half the price and
   * within a day; `auto`: as many by batches as can be answered by the deadline. @default 'live'
   */
  readonly via?: Via | undefined
  /**
   * With `auto`: when all rows are to be answered, as milliseconds from the first start of the
   * output, or as an instant (RFC 3339). @default whenever batches are done
   */
  readonly deadline?: number | string | undefined
  /** How long half of all batches are assumed to take at the most. @default 1800000 */
  readonly batchMedianMs?: number | undefined
  /** How long 19 of 20 are. @default 7200000 */
  readonly batchP95Ms?: number | undefined
  /** How long canceling one is assumed to take. @default 600000 */
  readonly batchDrainMs?: number | undefined
  /**
   * Rows that a batch did not answer, through no fault of theirs: into another batch, or live.
   * @default 'resubmit'
   */
  readonly batchLeftovers?: 'resubmit' | 'live' | undefined
  /** Ends when all batches are submitted; the same run again collects them. @default false */
  readonly detach?: boolean | undefined
  /** Collects what batches hold, and asks nothing: rows in none are left. @default false */
  readonly collectOnly?: boolean | undefined
  /** When results are made durable. @default '1s' */
  readonly fsync?: 'always' | '1s' | 'never' | undefined
  /** How fast sending may grow at the start. @default 'fast' */
  readonly ramp?: RampKind | undefined
  /**
   * The share of each of the API's limits that may be used, above 0; the rest is left to others.
   * @default 1
   */
  readonly limitFraction?: number | undefined
  /**
   * An admin key: pools and limits are asked for while the run begins. It is sent to `baseUrl`, and
   * with no other request. @default none
   */
  readonly adminKey?: string | undefined
  /** Many requests on one connection. @default false */
  readonly http2?: boolean | undefined
  /** Prices to use instead of the shipped ones, by model. @default none */
  readonly prices?: unknown
  /** Seed of all jitter. @default drawn */
  readonly seed?: number | undefined
}

/** Options with every default in place. */
export interface Settings {
  readonly input: string | AsyncIterable<Uint8Array>
  readonly output: string
  readonly apiKey: string | undefined
  readonly authToken: string | undefined
  readonly baseUrl: string
  readonly anthropicVersion: string
  readonly betas: readonly string[]
  readonly headers: Readonly<Record<string, string>>
  readonly model: string | undefined
  readonly maxRequestsPerMinute: number | undefined
  readonly maxInputTokensPerMinute: number | undefined
  readonly maxOutputTokensPerMinute: number | undefined
  readonly maxConcurrency: number
  readonly maxInFlightBytes: number
  readonly budgetNanoUsd: number | undefined
  readonly budgetMode: BudgetMode
  readonly maxTotalTokens: number | undefined
  readonly maxAttempts: number
  readonly timeoutMs: number
  readonly maxRowTimeMs: number
  readonly patienceMs: number
  readonly graceMs: number
  readonly onInvalidRow: 'fail' | 'stop'
  readonly policies: AnswerPolicies
  readonly maxFailed: MaxFailed | undefined
  readonly retryFailed: boolean
  readonly overwrite: boolean
  readonly first: number
  readonly pilot: number | undefined
  readonly dedupe: boolean
  readonly ordered: boolean
  readonly includeRequest: boolean
  readonly outputFormat: OutputFormat
  readonly sendUserId: boolean
  readonly cache: CacheMode
  /** Whether the user said so. */
  readonly isCacheGiven: boolean
  readonly via: Via
  readonly deadline: number | string | undefined
  readonly batchTimes: BatchTimes
  readonly batchLeftovers: 'resubmit' | 'live'
  readonly detach: boolean
  readonly collectOnly: boolean
  readonly fsync: 'always' | '1s' | 'never'
  readonly ramp: RampKind
  readonly limitFraction: number
  readonly adminKey: string | undefined
  readonly http2: boolean
  readonly prices: unknown
  readonly seed: number | undefined
}

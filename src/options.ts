/**
 * What a run may be told, checked before any file is opened.
 *
 * Names are those of the command's flags in camel case, durations in milliseconds. All
 * faults of a set of options are reported together, and an unknown one names the nearest.
 */

import { z } from 'zod'
import { bounds } from './bounds.ts'
import type { MaxFailed } from './brake.ts'
import type { BudgetMode } from './budget.ts'
import { RunError } from './errors.ts'
import type { OutputFormat } from './line-form.ts'
import { readUsd } from './money.ts'
import { nearest } from './nearest.ts'
import type { RampKind } from './ramp.ts'
import {
  checkBaseUrl,
  checkHeaders,
  contradictions,
  isAsyncIterable,
  isHeaderValue,
  isMaxFailed,
  isNoPlaceholder,
} from './option-rules.ts'
import type { ParseOptions } from './request.ts'

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
export type Via = 'live' | 'batches'

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
  /** Stop at more failed rows than this. @default none */
  readonly maxFailed?: MaxFailed | undefined
  /** Ask rows again that an earlier run failed. @default false */
  readonly retryFailed?: boolean | undefined
  /** Start over; files that are there are renamed `.bak-<time>`. @default false */
  readonly overwrite?: boolean | undefined
  /** Only the first rows. @default all */
  readonly first?: number | undefined
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
   * within a day. @default 'live'
   */
  readonly via?: Via | undefined
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
  readonly maxFailed: MaxFailed | undefined
  readonly retryFailed: boolean
  readonly overwrite: boolean
  readonly first: number
  readonly ordered: boolean
  readonly includeRequest: boolean
  readonly outputFormat: OutputFormat
  readonly sendUserId: boolean
  readonly cache: CacheMode
  /** Whether the user said so. */
  readonly isCacheGiven: boolean
  readonly via: Via
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

const wholeFrom1 = 'must be a whole number from 1'
const count = z.int(wholeFrom1).positive(wholeFrom1)
const positive = 'must be a positive number'
const perMinute = z.number(positive).positive(positive)
const durationMs = z.number('must be milliseconds').positive('must be more than 0')
const text = z.string('must be a text').min(1, 'must not be empty')
const credential = text.refine(isHeaderValue, 'holds characters that no header can carry')
const flag = z.boolean('must be true or false')
const fraction = 'must be above 0 and at most 1'
const usd = 'must be dollars from 0.000000001 to 9007199, such as 2.50'
const sockets = `must be a whole number from 1 to ${bounds.socketsMax}`

const shape = {
  input: z.union([text, z.custom<AsyncIterable<Uint8Array>>(isAsyncIterable)], {
    error: 'must be a path or an async iterable of bytes',
  }),
  output: text.optional(),
  apiKey: credential.refine(isNoPlaceholder, 'is a placeholder, not a key').optional(),
  authToken: credential.optional(),
  baseUrl: text.superRefine(checkBaseUrl).default('https://api.anthropic.com'),
  anthropicVersion: credential.default('2023-06-01'),
  betas: z.array(credential, 'must be a list of names').default([]),
  headers: z
    .record(z.string(), z.string('must be texts'), 'must be an object of texts')
    .superRefine(checkHeaders)
    .default({}),
  model: text.optional(),
  maxRequestsPerMinute: perMinute.optional(),
  maxInputTokensPerMinute: perMinute.optional(),
  maxOutputTokensPerMinute: perMinute.optional(),
  maxConcurrency: z
    .int(sockets)
    .positive(sockets)
    .max(bounds.socketsMax, sockets)
    .default(bounds.socketsMax),
  maxInFlightBytes: count.default(bounds.inFlightBytesDefault),
  maxBudgetUsd: z
    .union([z.number(), z.string()], usd)
    .refine((value) => budgetOf(value) !== undefined, usd)
    .optional(),
  budgetMode: oneOf('strict', 'expected').default('strict'),
  maxTotalTokens: count.optional(),
  maxAttempts: count.default(5),
  timeoutMs: durationMs.default(600_000),
  maxRowTimeMs: durationMs.default(Infinity),
  patienceMs: durationMs.default(900_000),
  graceMs: z.number('must be milliseconds').nonnegative('must be 0 or more').default(25_000),
  onInvalidRow: oneOf('fail', 'stop').default('fail'),
  maxFailed: z
    .custom<MaxFailed>(isMaxFailed, 'must be { count } from 0, or { percent } from 0 to 100')
    .optional(),
  retryFailed: flag.default(false),
  overwrite: flag.default(false),
  first: count.default(Number.MAX_SAFE_INTEGER),
  ordered: flag.default(false),
  includeRequest: flag.default(false),
  outputFormat: oneOf('results', 'tuple').default('results'),
  sendUserId: flag.default(true),
  cache: oneOf(...cacheModes).default('marked'),
  via: oneOf('live', 'batches').default('live'),
  batchLeftovers: oneOf('resubmit', 'live').default('resubmit'),
  detach: flag.default(false),
  collectOnly: flag.default(false),
  fsync: oneOf('always', '1s', 'never').default('1s'),
  ramp: oneOf('fast', 'gentle', 'off').default('fast'),
  limitFraction: z.number(fraction).positive(fraction).max(1, fraction).default(1),
  adminKey: credential.optional(),
  http2: flag.default(false),
  prices: z.unknown().optional(),
  seed: z.int('must be a whole number').optional(),
}

const schema = z.strictObject(shape).superRefine((options, context) => {
  for (const [option, message] of contradictions(options)) {
    context.addIssue({ code: 'custom', path: [option], message, params: { isWhole: true } })
  }
})

function oneOf<const T extends string>(...words: readonly T[]): z.ZodEnum<{ [K in T]: K }> {
  return z.enum(words, `must be one of ${words.map((word) => `"${word}"`).join(', ')}`)
}

/** The option names, for telling a misspelt one what it meant. */
export const optionNames: readonly string[] = Object.keys(shape)

/** What is wrong with one option. */
export interface OptionFault {
  readonly option: string
  /** Words that follow its name: `must be …, got …`. */
  readonly text: string
}

/** Everything wrong with a set of options, unknown names included; empty when it can be used. */
export function optionFaults(options: RunOptions): readonly OptionFault[] {
  const parsed = schema.safeParse(options)
  return parsed.success ? [] : parsed.error.issues.flatMap((issue) => faultsOf(issue, options))
}

/**
 * Checks options and fills in the defaults. Throws `RunError` OPTIONS_INVALID with every
 * fault, or KEY_MISSING when there is nothing to authenticate with.
 */
export function readOptions(options: RunOptions): Settings {
  const parsed = schema.safeParse(options)
  if (!parsed.success) {
    const faults = optionFaults(options).map(({ option, text }) => `"${option}" ${text}`)
    throw new RunError('OPTIONS_INVALID', `Cannot start: ${faults.join('; ')}`)
  }
  const { maxBudgetUsd, ...data } = parsed.data
  if (data.apiKey === undefined && data.authToken === undefined) {
    throw new RunError('KEY_MISSING', 'Cannot start without an API key: "apiKey" is not set', {
      hint: 'pass apiKey or authToken; the simulator (sluice/simulator) takes any',
    })
  }
  const output = data.output ?? defaultOutput(data.input)
  if (output === undefined) {
    const message = 'Cannot start: "output" must be given when the input is a stream'
    throw new RunError('OPTIONS_INVALID', message)
  }
  return {
    ...data,
    output,
    isCacheGiven: options.cache !== undefined,
    apiKey: data.apiKey,
    authToken: data.authToken,
    model: data.model,
    maxRequestsPerMinute: data.maxRequestsPerMinute,
    maxInputTokensPerMinute: data.maxInputTokensPerMinute,
    maxOutputTokensPerMinute: data.maxOutputTokensPerMinute,
    budgetNanoUsd: maxBudgetUsd === undefined ? undefined : budgetOf(maxBudgetUsd),
    maxTotalTokens: data.maxTotalTokens,
    maxFailed: data.maxFailed,
    adminKey: data.adminKey,
    prices: data.prices,
    seed: data.seed,
    baseUrl: data.baseUrl.replace(/\/+$/, ''),
  }
}

/** Whether a run is told to keep within a budget. */
export function isBudgeted({ budgetNanoUsd, maxTotalTokens }: Settings): boolean {
  return budgetNanoUsd !== undefined || maxTotalTokens !== undefined
}

/** Nano-dollars, more than none; undefined if the value is no such amount. */
function budgetOf(value: number | string): number | undefined {
  const text = String(value)
  // A small number is written with an exponent.
  const nanoUsd = readUsd(typeof value === 'number' && text.includes('e') ? value.toFixed(9) : text)
  return nanoUsd === 0 ? undefined : nanoUsd
}

/** `requests.jsonl` → `requests.results.jsonl`; undefined for a stream. */
export function defaultOutput(input: string | AsyncIterable<Uint8Array>): string | undefined {
  if (typeof input !== 'string') return undefined
  return input.replace(/(\.jsonl|\.ndjson|\.json)?$/, '.results.jsonl')
}

/** `out.jsonl` → `out.failed.jsonl`: where rows without an answer go. */
export function failedPath(output: string): string {
  return output.replace(/(\.jsonl|\.ndjson|\.json)?$/, '.failed.jsonl')
}

/** How lines of a run are parsed, the first time and again. */
export function parseOptionsOf({ model, sendUserId, outputFormat }: Settings): ParseOptions {
  return { ...(model !== undefined && { model }), sendUserId, outputFormat }
}

function faultsOf(issue: z.core.$ZodIssue, options: RunOptions): readonly OptionFault[] {
  if (issue.code === 'unrecognized_keys') {
    const place = issue.path.join('.')
    return issue.keys.map((key) => ({
      option: place === '' ? key : `${place}.${key}`,
      text: `is not an option${nearest(key, optionNames)}`,
    }))
  }
  const option = String(issue.path[0])
  // A contradiction names what was given.
  if (issue.code === 'custom' && issue.params?.['isWhole'] === true) {
    return [{ option, text: issue.message }]
  }
  const value: unknown = Reflect.get(options, option)
  return [{ option, text: `${issue.message}${shown(option, value)}` }]
}

/** A secret is never repeated, not even a wrong one; headers and URLs may hold one. */
function shown(option: string, value: unknown): string {
  if (['adminKey', 'apiKey', 'authToken', 'headers', 'input'].includes(option)) return ''
  if (option === 'baseUrl' && String(value).includes('@')) return ''
  return typeof value === 'number' ? `, got ${value}` : `, got ${JSON.stringify(value)}`
}

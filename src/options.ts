/**
 * What a run may be told, checked before any file is opened.
 *
 * Names are those of the command's flags in camel case, durations in milliseconds. All
 * faults of a set of options are reported together, and an unknown one names the nearest.
 */

import { z } from 'zod'
import type { OnInvalidOutput, OnTruncated } from './answer-policy.ts'
import { batchExpiryMs, batchTimesDefault } from './batch-times.ts'
import { bounds } from './bounds.ts'
import type { MaxFailed } from './brake.ts'
import type { UnitLimits } from './ceilings.ts'
import { RunError } from './errors.ts'
import { parseInstant } from './instants.ts'
import { readUsd } from './money.ts'
import { nearest } from './nearest.ts'
import {
  checkBaseUrl,
  checkHeaders,
  contradictions,
  isAsyncIterable,
  isHeaderValue,
  isMaxFailed,
  isOnInvalidOutput,
  isOnTruncated,
  isNoPlaceholder,
} from './option-rules.ts'
import type { ParseOptions } from './request.ts'
import { cacheModes, type RunOptions, type Settings } from './settings.ts'

const wholeFrom1 = 'must be a whole number from 1'
const count = z.int(wholeFrom1).positive(wholeFrom1)
const positive = 'must be a positive number'
const perMinute = z.number(positive).positive(positive)
const durationMs = z.number('must be milliseconds').positive('must be more than 0')
const day = 'must be more than 0 and at most 24 hours'
const batchMs = z.number(day).positive(day).max(batchExpiryMs, day)
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
  onTruncated: z
    .custom<OnTruncated>(isOnTruncated, 'must be "keep", "fail", or { extendTo } from 1')
    .default('keep'),
  onRefusal: oneOf('keep', 'fail').default('keep'),
  onPause: oneOf('keep', 'continue').default('keep'),
  onInvalidOutput: z
    .custom<OnInvalidOutput>(isOnInvalidOutput, 'must be "keep", "fail", or { retries } from 1')
    .default('keep'),
  maxFailed: z
    .custom<MaxFailed>(isMaxFailed, 'must be { count } from 0, or { percent } from 0 to 100')
    .optional(),
  retryFailed: flag.default(false),
  overwrite: flag.default(false),
  first: count.default(Number.MAX_SAFE_INTEGER),
  pilot: count.optional(),
  dedupe: flag.default(false),
  ordered: flag.default(false),
  includeRequest: flag.default(false),
  outputFormat: oneOf('results', 'tuple').default('results'),
  sendUserId: flag.default(true),
  cache: oneOf(...cacheModes).default('marked'),
  via: oneOf('live', 'batches', 'auto').default('live'),
  deadline: z
    .custom<number | string>(isDeadline, 'must be milliseconds, or an instant as of RFC 3339')
    .optional(),
  batchMedianMs: batchMs.default(batchTimesDefault.medianMs),
  batchP95Ms: batchMs.default(batchTimesDefault.p95Ms),
  batchDrainMs: batchMs.default(batchTimesDefault.drainMs),
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

/** Nano-dollars, more than none; undefined if the value is no such amount. */
function budgetOf(value: number | string): number | undefined {
  const text = String(value)
  // A small number is written with an exponent.
  const nanoUsd = readUsd(typeof value === 'number' && text.includes('e') ? value.toFixed(9) : text)
  return nanoUsd === 0 ? undefined : nanoUsd
}

function isDeadline(value: unknown): boolean {
  if (typeof value === 'number') return value > 0 && Number.isFinite(value)
  return typeof value === 'string' && parseInstant(value) !== undefined
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
  const { maxBudgetUsd, batchMedianMs, batchP95Ms, batchDrainMs, ...rest } = parsed.data
  const { onTruncated, onRefusal, onPause, onInvalidOutput, ...data } = rest
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
    policies: { onTruncated, onRefusal, onPause, onInvalidOutput },
    isCacheGiven: options.cache !== undefined,
    deadline: data.deadline,
    batchTimes: { medianMs: batchMedianMs, p95Ms: batchP95Ms, drainMs: batchDrainMs },
    apiKey: data.apiKey,
    authToken: data.authToken,
    model: data.model,
    maxRequestsPerMinute: data.maxRequestsPerMinute,
    maxInputTokensPerMinute: data.maxInputTokensPerMinute,
    maxOutputTokensPerMinute: data.maxOutputTokensPerMinute,
    budgetNanoUsd: maxBudgetUsd === undefined ? undefined : budgetOf(maxBudgetUsd),
    maxTotalTokens: data.maxTotalTokens,
    maxFailed: data.maxFailed,
    pilot: data.pilot,
    adminKey: data.adminKey,
    prices: data.prices,
    seed: data.seed,
    baseUrl: data.baseUrl.replace(/\/+$/, ''),
  }
}

/** What the user lets through a minute, of all rows together. */
export function boundsOf(settings: Settings): UnitLimits {
  const { maxRequestsPerMinute, maxInputTokensPerMinute, maxOutputTokensPerMinute } = settings
  return {
    ...(maxRequestsPerMinute !== undefined && { requests: maxRequestsPerMinute }),
    ...(maxInputTokensPerMinute !== undefined && { input: maxInputTokensPerMinute }),
    ...(maxOutputTokensPerMinute !== undefined && { output: maxOutputTokensPerMinute }),
  }
}

/** Whether a run is told to keep within a budget. */
export function isBudgeted({ budgetNanoUsd, maxTotalTokens }: Settings): boolean {
  return budgetNanoUsd !== undefined || maxTotalTokens !== undefined
}

/** Endings of names that another takes the place of; content may be compressed or not. */
const endings = /(\.jsonl|\.ndjson|\.json)?(\.gz|\.zst)?$/

/** `requests.jsonl` → `requests.results.jsonl`; undefined for a stream. */
export function defaultOutput(input: string | AsyncIterable<Uint8Array>): string | undefined {
  if (typeof input !== 'string') return undefined
  return input.replace(endings, '.results.jsonl')
}

/** `out.jsonl` → `out.failed.jsonl`: where rows without an answer go. */
export function failedPath(output: string): string {
  return output.replace(endings, '.failed.jsonl')
}

/** `out.jsonl` → `out.report.html`: where the report of a run goes. */
export function reportPath(output: string): string {
  return output.replace(endings, '.report.html')
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

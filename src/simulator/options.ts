/**
 * What can be set about the simulated API, its defaults, and their checks.
 *
 * Where the facts about the real API are uncertain there is a switch, so that a
 * client can be held against every reading of them. The defaults are the reading the
 * documents favour, on the Start tier.
 *
 * Limits come from the tier (`limit-profiles.ts`) unless an option sets them, of all pools at once.
 */

import { RunError } from '../errors.ts'
import {
  batchLimits,
  countRequestsPerMinute,
  profileNames,
  type PoolLimits,
  type ProfileName,
} from './limit-profiles.ts'

/** What can go wrong, by name; see `faults.ts` for what each does. */
export const faultNames = [
  'rate-limit',
  'server-error',
  'gateway-timeout',
  'overloaded',
  'reset-before',
  'reset-after',
  'cut',
  'html',
  'hang-head',
  'hang-body',
  'stream-error',
  'invalid-json',
  'spend-limit',
  'customer-spend-limit',
  'credit',
  'slow-first-byte',
  'billing',
  'permission',
  'conflict',
  'unavailable',
] as const

/** What can go wrong with a batch alone; see `batch-faults.ts`. */
export const batchFaultNames = [
  'batch-create-refused',
  'batch-create-lost',
  'batch-late',
  'batch-not-found',
  'batch-poll-error',
  'batch-results-cut',
  'batch-request-error',
] as const

/** The name of a fault that befalls batches alone. */
export type BatchFaultName = (typeof batchFaultNames)[number]

/** The name of a fault. */
export type FaultName = (typeof faultNames)[number] | BatchFaultName

/** The share of requests, 0 to 1, that each fault can befall; together at most 1. */
export type FaultRates = Readonly<Partial<Record<FaultName, number>>>

/** Everything that can be set but limits, with its value. */
export interface SimulatorSettings {
  /** Limits set for all pools, instead of the profile's. */
  readonly limits: Partial<PoolLimits>
  /** All that is drawn comes from it. @default 1 */
  readonly seed: number
  /** The tier whose limits hold. @default 'start' */
  readonly profile: ProfileName
  /**
   * A shorter enforcement of the same limits: `none`; `hidden`, where headers go on showing the
   * minute; `shown`, where they show the slice. @default 'none'
   */
  readonly slice: 'hidden' | 'shown' | 'none'
  /** Length of that slice, which holds limit × seconds ÷ 60; idle without one. @default 60 */
  readonly burstSeconds: number
  /**
   * What counts to the output limit: tokens as they are `produced`, or `max_tokens` `reserved` at
   * admission and corrected at the end. @default 'produced'
   */
  readonly outputAssessment: 'produced' | 'reserved'
  /**
   * Whether input is held as a quarter of the body's bytes until the first byte of the answer,
   * and only then corrected; else the true count is taken at once. @default true
   */
  readonly admissionEstimate: boolean
  /** Whether a 429 takes from the requests limit. @default false */
  readonly refusalsCostRequests: boolean
  /** Whether a 429 says `retry-after`. @default true */
  readonly retryAfter: boolean
  /** Whether answers and 429s carry the `anthropic-ratelimit-*` headers. @default true */
  readonly headers: boolean
  /**
   * Whether 429s come with neither rate limit headers nor `retry-after`, as some of the API's do.
   * @default false
   */
  readonly bareRefusals: boolean
  /** Whether the input limit counts what is read from the cache. @default false */
  readonly readsCount: boolean
  /** Whether prompts are cached at all; marks are checked either way. @default true */
  readonly cache: boolean
  /** Seconds a cache entry of 5m lives after its last use. @default 300 */
  readonly cacheLifeSeconds: number
  /** The share of requests, 0 to 1, that the model refuses to answer. @default 0 */
  readonly refusalRate: number
  /**
   * The share of requests with a tool that runs on the server, 0 to 1, that are paused in the midst
   * of it (`pause_turn`). @default 0
   */
  readonly pauseRate: number
  /**
   * The share of outputs, 0 to 1, that do not conform to the schema they must follow. @default 0
   */
  readonly invalidOutputRate: number
  /**
   * Milliseconds by which a request is late whose schema, or strict tools, the model was not asked
   * for in the last 24 hours: its grammar is compiled, how long is not published. @default 1000
   */
  readonly schemaCompileMs: number
  /**
   * The acceleration limit: requests a second that are always allowed. Beyond it, a pool may
   * start at most twice what it started in the second before. @default null
   */
  readonly rampPerSecond: number | null
  /** Mean milliseconds of a whole answer of `outputTokens`; 0 answers at once. @default 700 */
  readonly latencyMs: number
  /** Spread of the latency: the standard deviation of its logarithm. @default 1 */
  readonly latencySigma: number
  /** The part of the mean latency that passes before the first byte. @default 0.3 */
  readonly firstByteShare: number
  /** Mean length of an answer. @default 200 */
  readonly outputTokens: number
  /** Spread of the length: the standard deviation of its logarithm. @default 0.6 */
  readonly outputSigma: number
  /** @default {} */
  readonly faults: FaultRates
  /** The instant (`now`) from which nothing is faulted any more; null: never. @default null */
  readonly faultUntil: number | null
  /** `current`: the published ones; `any`: whatever the request names. @default 'current' */
  readonly models: 'current' | 'any'
  /**
   * Whether a body that is too large is refused by the edge, with a page, and not by the API with
   * JSON. @default false
   */
  readonly edgeRefusesSize: boolean
  /**
   * Token counts a minute, of the whole organisation; null: no such limit. The slice holds for it
   * too. @default by profile, 5000 on Start (the published figure was 2,000 until August 2026)
   */
  readonly countRequestsPerMinute: number | null
  /** Requests a minute to all endpoints of batches. @default by profile, 1000 on Start */
  readonly batchRequestsPerMinute: number | null
  /** Requests that may wait in batches, of all models. @default by profile, 200,000 on Start */
  readonly batchQueuedRequests: number | null
  /** Mean milliseconds from a batch's creation to its end; 0 ends it at once. @default 600_000 */
  readonly batchDurationMs: number
  /** Spread of that time: the standard deviation of its logarithm. @default 0.5 */
  readonly batchDurationSigma: number
  /** Milliseconds that a batch goes on when it is canceled. @default 10_000 */
  readonly batchDrainMs: number
  /** Milliseconds after which what a batch has not done expires. @default 86_400_000 (24 h) */
  readonly batchExpiryMs: number
  /**
   * The share of requests of a batch that find a prefix which one before them wrote: the documents
   * promise 30 to 98 % and no more. @default 0.7
   */
  readonly batchCacheHits: number
  /**
   * How the rate limits endpoint writes an entry: with its `group`, or, as documents of August 2026
   * have it, flat with a `group_type`. @default 'group'
   */
  readonly adminShape: 'group' | 'flat'
  /** API keys it takes; null: every one that does not look like a placeholder. @default null */
  readonly keys: readonly string[] | null
}

/** Settings a caller wants other than the defaults. */
export type SimulatorOptions = Partial<Omit<SimulatorSettings, 'limits'> & PoolLimits>

/** The defaults. */
export const defaultSettings: SimulatorSettings = {
  limits: {},
  seed: 1,
  profile: 'start',
  slice: 'none',
  burstSeconds: 60,
  outputAssessment: 'produced',
  admissionEstimate: true,
  refusalsCostRequests: false,
  retryAfter: true,
  headers: true,
  bareRefusals: false,
  readsCount: false,
  cache: true,
  cacheLifeSeconds: 300,
  refusalRate: 0,
  pauseRate: 0,
  invalidOutputRate: 0,
  schemaCompileMs: 1000,
  rampPerSecond: null,
  latencyMs: 700,
  latencySigma: 1,
  firstByteShare: 0.3,
  outputTokens: 200,
  outputSigma: 0.6,
  faults: {},
  faultUntil: null,
  models: 'current',
  edgeRefusesSize: false,
  countRequestsPerMinute: countRequestsPerMinute.start,
  ...batchLimits.start,
  batchDurationMs: 600_000,
  batchDurationSigma: 0.5,
  batchDrainMs: 10_000,
  batchExpiryMs: 86_400_000,
  batchCacheHits: 0.7,
  adminShape: 'group',
  keys: null,
}

/**
 * The settings these options make. Throws `RunError` `OPTIONS_INVALID` that names everything
 * wrong at once.
 *
 * @example
 * ```ts
 * resolveSettings({ requestsPerMinute: 50 }).limits // => { requestsPerMinute: 50 }
 * ```
 */
export function resolveSettings(options: SimulatorOptions): SimulatorSettings {
  const problems = Object.entries(options).flatMap(([name, value]) => optionProblems(name, value))
  if (problems.length > 0) {
    throw new RunError('OPTIONS_INVALID', `Cannot simulate as ${problems.join('; ')}`)
  }
  const {
    requestsPerMinute,
    inputTokensPerMinute,
    outputTokensPerMinute,
    combinedTokens,
    ...others
  } = options
  const limits = {
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
    ...(inputTokensPerMinute === undefined ? {} : { inputTokensPerMinute }),
    ...(outputTokensPerMinute === undefined ? {} : { outputTokensPerMinute }),
    ...(combinedTokens === undefined ? {} : { combinedTokens }),
  }
  const { profile = defaultSettings.profile } = options
  const counts = { countRequestsPerMinute: countRequestsPerMinute[profile] }
  return { ...defaultSettings, ...counts, ...batchLimits[profile], ...others, limits }
}

/** Why a value cannot be an option's, in words that follow its name. */
type Rule = (value: unknown) => string | undefined

const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value)

function numberRule(min: number, max: number, words: string): Rule {
  return (value) => (isNumber(value) && value >= min && value <= max ? undefined : words)
}

function orNull(rule: Rule, words: string): Rule {
  return (value) => (value === null || rule(value) === undefined ? undefined : words)
}

function oneOf(...choices: readonly string[]): Rule {
  return (value) =>
    typeof value === 'string' && choices.includes(value)
      ? undefined
      : `must be one of ${choices.map((choice) => JSON.stringify(choice)).join(', ')}`
}

const positive = numberRule(Number.MIN_VALUE, Number.MAX_VALUE, 'must be a positive number')
const notNegative = numberRule(0, Number.MAX_VALUE, 'must be 0 or more')
const limit = orNull(positive, 'must be a positive number, or null for no such limit')
const flag: Rule = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')

const rules: Readonly<Record<keyof Required<SimulatorOptions>, Rule>> = {
  profile: oneOf(...profileNames),
  seed: numberRule(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, 'must be a number'),
  requestsPerMinute: limit,
  inputTokensPerMinute: limit,
  outputTokensPerMinute: limit,
  combinedTokens: limit,
  slice: oneOf('hidden', 'shown', 'none'),
  burstSeconds: numberRule(0.001, 60, 'must be seconds from 0.001 to 60'),
  outputAssessment: oneOf('produced', 'reserved'),
  admissionEstimate: flag,
  refusalsCostRequests: flag,
  retryAfter: flag,
  headers: flag,
  bareRefusals: flag,
  readsCount: flag,
  cache: flag,
  cacheLifeSeconds: positive,
  refusalRate: numberRule(0, 1, 'must be from 0 to 1'),
  pauseRate: numberRule(0, 1, 'must be from 0 to 1'),
  invalidOutputRate: numberRule(0, 1, 'must be from 0 to 1'),
  schemaCompileMs: notNegative,
  rampPerSecond: limit,
  latencyMs: notNegative,
  latencySigma: numberRule(0, 5, 'must be from 0 to 5'),
  firstByteShare: numberRule(0, 1, 'must be from 0 to 1'),
  outputTokens: numberRule(1, Number.MAX_VALUE, 'must be 1 or more'),
  outputSigma: numberRule(0, 5, 'must be from 0 to 5'),
  faults: faultsProblem,
  faultUntil: orNull(numberRule(-Number.MAX_VALUE, Number.MAX_VALUE, ''), 'must be ms, or null'),
  models: oneOf('current', 'any'),
  edgeRefusesSize: flag,
  countRequestsPerMinute: limit,
  batchRequestsPerMinute: limit,
  batchQueuedRequests: limit,
  batchDurationMs: notNegative,
  batchDurationSigma: numberRule(0, 5, 'must be from 0 to 5'),
  batchDrainMs: notNegative,
  batchExpiryMs: positive,
  batchCacheHits: numberRule(0, 1, 'must be from 0 to 1'),
  adminShape: oneOf('group', 'flat'),
  keys: orNull(
    (value) =>
      Array.isArray(value) && value.every((key) => typeof key === 'string') ? undefined : '',
    'must be a list of keys, or null',
  ),
}

/** What is wrong with fault rates, in words that follow `"faults"`; undefined when nothing is. */
export function faultsProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'must be an object of rates by name'
  const known: readonly string[] = [...faultNames, ...batchFaultNames]
  let sum = 0
  for (const [name, rate] of Object.entries(value)) {
    if (!known.includes(name)) {
      return `names an unknown fault ${JSON.stringify(name)} (known: ${known.join(', ')})`
    }
    if (!isNumber(rate) || rate < 0 || rate > 1) {
      return `must give ${JSON.stringify(name)} a rate from 0 to 1, got ${String(rate)}`
    }
    sum += rate
  }
  // One fault befalls a request at most. Rates such as 0.1 do not add up exactly.
  return sum > 1 + 1e-9 ? `must add up to at most 1, got ${sum}` : undefined
}

const ruleByName: ReadonlyMap<string, Rule> = new Map(Object.entries(rules))

function optionProblems(name: string, value: unknown): readonly string[] {
  const rule = ruleByName.get(name)
  if (rule === undefined) return [`${JSON.stringify(name)} is not an option`]
  const words = rule(value)
  return words === undefined ? [] : [`${JSON.stringify(name)} ${words}, got ${show(value)}`]
}

function show(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
}

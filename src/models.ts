/**
 * What is published of each Claude model that changes how a request is sent, as data.
 *
 * Two tables: models that answer, and models that are gone. Neither decides whether a row is
 * sent: a model that is in no table is sent like any other, and the API has the last word.
 * The tables only name pools, set the simulator's limits, and explain a refusal.
 *
 * Facts and dates: Anthropic's rate limits, model and model deprecations pages (read 2026-09-02),
 * prompt caching page (2026-08-22), model pages and release notes up to 2026-11-12. Where a page
 * has not caught up with a new model, the row says what was inferred.
 *
 * Invariant: a name stands in these tables once.
 */

import { assert } from './assert.ts'

/** One model that answers. */
export interface ModelFacts {
  /** The shortest name the API takes for it. */
  readonly id: string
  /** The dated id its answers carry; models from the 4.6 generation on have none. */
  readonly datedId?: string
  /** The pool whose rate limits it shares: its own id when it shares them with no other. */
  readonly pool: string
  readonly contextTokensMax: number
  /** The greatest `max_tokens`; null where it is not published. */
  readonly outputTokensMax: number | null
  /** A prefix shorter than this is not cached, silently. */
  readonly cacheTokensMin: number
  /** The newer one (4.7 and later) makes about 30 % more tokens of the same text. */
  readonly tokenizer: 'older' | 'newer'
  /** UTC day from which it answers no more, once announced. */
  readonly retiresOn?: string
  /** UTC day before which it is promised not to retire. */
  readonly retiresNotBefore?: string
}

/** One model that answers no more. */
export interface RetiredModel {
  readonly ids: readonly string[]
  /** UTC day on which it went. */
  readonly retiredOn: string
}

// Models of one of these pools share one set of limits; every other model has its own.
const fable = 'claude-fable-5.x'
const mythos = 'claude-mythos-5.x'
const opus = 'claude-opus-4.x'
const sonnet = 'claude-sonnet-4.x'

const cacheTokensMinUnknown = 1024

const million = { contextTokensMax: 1_000_000, outputTokensMax: 128_000 } as const
const smaller = { contextTokensMax: 200_000, outputTokensMax: 64_000 } as const
// From 4.7 on, and of these the ones whose cache takes the shortest prefixes.
const newer = { ...million, tokenizer: 'newer' } as const
const newest = { ...newer, cacheTokensMin: 512 } as const

/** Every model that answers, newest first within its family. */
export const modelFacts: readonly ModelFacts[] = [
  // 5.2: pool and cache minimum inferred from 5.1; the pages did not list it yet.
  { id: 'claude-fable-5-2', pool: fable, ...newest },
  { id: 'claude-fable-5-1', pool: fable, ...newest, retiresNotBefore: '2027-09-01' },
  { id: 'claude-fable-5', pool: fable, ...newest, retiresNotBefore: '2027-06-09' },
  { id: 'claude-mythos-5-2', pool: mythos, ...newest },
  { id: 'claude-mythos-5-1', pool: mythos, ...newest },
  { id: 'claude-mythos-5', pool: mythos, ...newest },
  {
    id: 'claude-mythos-preview',
    pool: 'claude-mythos-preview',
    ...newer,
    outputTokensMax: null,
    cacheTokensMin: 2048,
  },
  { id: 'claude-opus-5-5', pool: 'claude-opus-5-5', ...newest },
  { id: 'claude-opus-5', pool: 'claude-opus-5', ...newest, retiresNotBefore: '2027-07-24' },
  {
    id: 'claude-opus-4-8',
    pool: opus,
    ...newer,
    cacheTokensMin: 1024,
    retiresNotBefore: '2027-05-28',
  },
  {
    id: 'claude-opus-4-7',
    pool: opus,
    ...newer,
    cacheTokensMin: 2048,
    retiresNotBefore: '2027-04-16',
  },
  {
    id: 'claude-opus-4-6',
    pool: opus,
    ...million,
    tokenizer: 'older',
    cacheTokensMin: 4096,
    retiresNotBefore: '2027-02-05',
  },
  {
    id: 'claude-opus-4-5',
    datedId: 'claude-opus-4-5-20251101',
    pool: opus,
    ...smaller,
    tokenizer: 'older',
    cacheTokensMin: 4096,
    retiresNotBefore: '2026-11-24',
  },
  { id: 'claude-sonnet-5-5', pool: 'claude-sonnet-5-5', ...newest },
  {
    id: 'claude-sonnet-5',
    pool: 'claude-sonnet-5',
    ...newer,
    cacheTokensMin: 1024,
    retiresNotBefore: '2027-06-30',
  },
  {
    // Earlier copies of the pages had 64,000 output tokens and a cache minimum of 2,048.
    id: 'claude-sonnet-4-6',
    pool: sonnet,
    ...million,
    tokenizer: 'older',
    cacheTokensMin: 1024,
    retiresNotBefore: '2027-02-17',
  },
  {
    id: 'claude-sonnet-4-5',
    datedId: 'claude-sonnet-4-5-20250929',
    pool: sonnet,
    ...smaller,
    tokenizer: 'older',
    cacheTokensMin: 1024,
    retiresOn: '2026-11-30',
  },
  {
    id: 'claude-haiku-5-5',
    pool: 'claude-haiku-5-5',
    ...newest,
    retiresNotBefore: '2027-10-07',
  },
  {
    id: 'claude-haiku-4-5',
    datedId: 'claude-haiku-4-5-20251001',
    pool: 'claude-haiku-4-5',
    ...smaller,
    tokenizer: 'older',
    cacheTokensMin: 4096,
    retiresNotBefore: '2026-10-15',
  },
]

/** Models the API answered once, with the aliases people still have in their files. */
export const retiredModels: readonly RetiredModel[] = [
  { ids: ['claude-opus-4-1', 'claude-opus-4-1-20250805'], retiredOn: '2026-08-05' },
  { ids: ['claude-opus-4-0', 'claude-opus-4-20250514'], retiredOn: '2026-06-15' },
  { ids: ['claude-sonnet-4-0', 'claude-sonnet-4-20250514'], retiredOn: '2026-06-15' },
  { ids: ['claude-3-haiku-20240307'], retiredOn: '2026-04-20' },
  { ids: ['claude-3-7-sonnet-latest', 'claude-3-7-sonnet-20250219'], retiredOn: '2026-02-19' },
  { ids: ['claude-3-5-haiku-latest', 'claude-3-5-haiku-20241022'], retiredOn: '2026-02-19' },
  { ids: ['claude-3-opus-latest', 'claude-3-opus-20240229'], retiredOn: '2026-01-05' },
  {
    ids: ['claude-3-5-sonnet-latest', 'claude-3-5-sonnet-20241022', 'claude-3-5-sonnet-20240620'],
    retiredOn: '2025-10-28',
  },
  { ids: ['claude-3-sonnet-20240229', 'claude-2.1', 'claude-2.0'], retiredOn: '2025-07-21' },
]

/**
 * The facts of a model by its id or dated id; undefined for a model that is gone or not known.
 * A dated id counts only if the table lists that very date.
 *
 * @example
 * ```ts
 * findModel('claude-haiku-4-5-20251001')?.id // => 'claude-haiku-4-5'
 * findModel('claude-haiku-4-5-20991231') // => undefined
 * ```
 */
export function findModel(model: string): ModelFacts | undefined {
  return factsByName.get(model)
}

/** The shortest prefix that is cached, in tokens; of a model in no table, that of most. */
export function cacheTokensMinOf(model: string): number {
  return findModel(model)?.cacheTokensMin ?? cacheTokensMinUnknown
}

/**
 * What to tell a user whose model is refused, or soon will be: null when no retirement of it is
 * announced. `at` is wall time, ms since the epoch.
 *
 * @example
 * ```ts
 * retirementNotice('claude-2.1', 1795305600000) // => 'claude-2.1 retired on 2025-07-21'
 * ```
 */
export function retirementNotice(model: string, at: number): string | null {
  const day = factsByName.get(model)?.retiresOn ?? retiredOnByName.get(model)
  if (day === undefined) return null
  return `${model} ${at < dayStartMs(day) ? 'retires' : 'retired'} on ${day}`
}

/**
 * Milliseconds since the epoch at which a UTC day begins. The published dates name no hour.
 *
 * @example
 * ```ts
 * dayStartMs('1970-01-02') // => 86400000
 * ```
 */
export function dayStartMs(day: string): number {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day)
  assert(match !== null, `Days are written YYYY-MM-DD, got ${day}`)
  const [year = 0, month = 0, dayOfMonth = 0] = match.slice(1).map(Number)
  // Count years and months from March, so that a leap day is the last of its year.
  const marchYear = month > 2 ? year : year - 1
  const marchMonth = (month + 9) % 12
  const leapDays =
    Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400)
  // March to February begin 0, 31, 61, 92, 122, 153… days into such a year.
  const daysBeforeMonth = Math.floor((153 * marchMonth + 2) / 5)
  const days = 365 * marchYear + leapDays + daysBeforeMonth + dayOfMonth - 1
  return (days - daysToEpoch) * 86_400_000
}

/** From 1 March of the year 0 to 1 January 1970. */
const daysToEpoch = 719_468

const factsByName: ReadonlyMap<string, ModelFacts> = new Map(
  modelFacts.flatMap((facts) => {
    const names = facts.datedId === undefined ? [facts.id] : [facts.id, facts.datedId]
    return names.map((name) => [name, facts] as const)
  }),
)

const retiredOnByName: ReadonlyMap<string, string> = new Map(
  retiredModels.flatMap(({ ids, retiredOn }) => ids.map((id) => [id, retiredOn] as const)),
)

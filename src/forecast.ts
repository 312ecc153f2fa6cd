/**
 * `forecast`: what a run would ask, and what that comes to in tokens, money and time. Nothing is
 * sent, no lock is taken, and no file is changed.
 *
 *   source ─► plan ─► sums by model and price ─► ways of sending ─► Forecast
 *
 * Rows are those of the run itself: its plan (plan.ts) says which are held, at fault or to be
 * asked, and its estimates what each comes to. Where the output holds answers, these are learned
 * from first, as the run that goes on will not need to. Memory does not grow with the file, but for
 * what the plan keeps, and the places at which rows may share a prompt.
 */

import { Ceilings, type LimitGroup } from './ceilings.ts'
import { type Clock, SystemClock } from './clock.ts'
import { deadlineOf } from './deadline.ts'
import { type Files, NodeFiles } from './files.ts'
import { CacheUse, costOf, readTokens, type Way } from './forecast-cost.ts'
import type { CountTokens } from './forecast-known.ts'
import {
  type ForecastOptions,
  type ForecastSettings,
  readForecastOptions,
} from './forecast-options.ts'
import type { BudgetForecast, Forecast, WayForecast } from './forecast-report.ts'
import { type Range, sumOf } from './forecast-sums.ts'
import { type ForecastProgress, type Survey, surveyRows } from './forecast-survey.ts'
import { durationOf, type LimitsKnown } from './forecast-time.ts'
import { LiveRates } from './live-rates.ts'
import { loadPrices, type Prices } from './money.ts'
import { boundsOf } from './options.ts'
import type { Settings } from './settings.ts'
import { poolRowsOf } from './pool-loads.ts'
import { cacheableParts } from './prefix-savings.ts'
import type { SharedPrefixes } from './shared-prefixes.ts'
import { nameOf, needPlaces, type Source, sourceOf } from './source.ts'
import { costsOf, forecastSplit, type SplitForecast } from './split-forecast.ts'

/** What a caller may hold on to while a forecast goes on. */
export interface ForecastHooks {
  /** Aborting it ends the forecast at the next few rows, and it tells of those before. */
  readonly signal?: AbortSignal
  /** Told now and then how far it has come. @default nobody */
  readonly progress?: (progress: ForecastProgress) => void
  /** Has the API count the tokens of a request. @default none are counted */
  readonly countTokens?: CountTokens
  /** What the Rate Limits API told. @default no limits are known but the bounds */
  readonly limitGroups?: readonly LimitGroup[]
}

/** What a forecast needs of the world. */
export interface ForecastContext {
  readonly files: Files
  readonly clock: Pick<Clock, 'wallTime'>
}

/**
 * Says what a run of these options would come to.
 *
 * @throws {RunError} for unusable options, an input that cannot be read, or an output that is not
 * ours
 * @example
 * ```ts
 * const messages = [{ role: 'user', content: 'How deep is the canal?' }]
 * const request = { model: 'claude-haiku-4-5', max_tokens: 100, messages }
 * async function* bytes() { yield new TextEncoder().encode(JSON.stringify(request)) }
 * const { rows, outputTokens } = await forecast({ input: bytes() })
 * rows // => { asked: 1, held: 0, atFault: 0 }
 * outputTokens // => { low: 40, expected: 100, high: 100 }
 * ```
 */
export async function forecast(
  options: ForecastOptions,
  hooks: ForecastHooks = {},
  context: ForecastContext = { files: new NodeFiles(), clock: new SystemClock() },
): Promise<Forecast> {
  const settings = readForecastOptions(options)
  const prices = loadPrices(settings.run.prices)
  const { input } = settings.run
  const source = sourceOf(context.files, input)
  try {
    if (settings.exact > 0) {
      needPlaces(source, nameOf(input), 'counting reads some rows of it by their place')
    }
    return await foresee(source, { settings, prices, hooks, context })
  } finally {
    source.close()
  }
}

interface Asked {
  readonly settings: ForecastSettings
  readonly prices: Prices
  readonly hooks: ForecastHooks
  readonly context: ForecastContext
}

async function foresee(source: Source, asked: Asked): Promise<Forecast> {
  const { settings, prices, hooks, context } = asked
  const survey = await surveyRows(source, { ...settings, prices, ...hooks, ...context })
  return forecastOf(survey, asked)
}

function forecastOf(survey: Survey, asked: Asked): Forecast {
  const { settings, prices } = asked
  const { run, sharing } = settings
  const { order, shared, learned, rows, twins, isWhole, heldCost } = survey
  const { models } = order
  const ways = waysOf(settings).map((way) => wayForecast(way, survey, asked))
  const plan = run.via === 'auto' ? planOf(survey, asked) : null
  const inputTokens = sumOf(models.map((model) => model.input))
  const outputTokens = sumOf(models.map((model) => model.output))
  const { input, output } = run
  return {
    input: nameOf(input),
    output,
    isWhole,
    rows,
    twins,
    isDeduped: settings.run.dedupe,
    inputTokens,
    outputTokens,
    shared: sharing ? sharedTokens(shared) : null,
    sharedFullAtLine: shared.fullAtLine ?? null,
    models: models.map((model) => ({ ...model, isPriced: prices.knows(model.model) })),
    ways,
    answersLearned: learned.answers,
    counted: learned.counted,
    plan,
    budgets: [
      ...usdBudget(run, heldCost.nanoUsd, plan ?? ways.find(({ isRun }) => isRun)),
      ...tokenBudget(run, sumOf([inputTokens, outputTokens])),
    ],
  }
}

/** Live and in batches; as it stands, or with what rows share marked, if that was looked for. */
function waysOf({ run, sharing }: ForecastSettings): readonly (Way & { isRun: boolean })[] {
  const plain = run.cache === 'auto' ? 'marked' : run.cache
  const modes = sharing ? [plain, 'auto' as const] : [plain]
  return (['live', 'batches'] as const).flatMap((via) =>
    modes.map((cache) => ({ via, cache, isRun: via === run.via && cache === run.cache })),
  )
}

function wayForecast(
  way: Way & { isRun: boolean },
  { order, shared, isLong }: Survey,
  { settings, prices, hooks }: Asked,
): WayForecast {
  const use = new CacheUse(way, shared, isLong)
  const readAt = (level: keyof Range): ReadonlyMap<string, number> =>
    readTokens(order.models, use, level)
  const limits = limitsOf(settings.run, hooks.limitGroups)
  return {
    ...way,
    cost: costOf(order, way, use, prices),
    hitShares: use.hitShares,
    duration: way.via === 'live' ? durationOf(order.models, readAt, limits) : null,
  }
}

function limitsOf(run: Settings, groups: readonly LimitGroup[] | undefined): LimitsKnown {
  const ceilings = groups === undefined ? undefined : new Ceilings(groups)
  return {
    bounds: boundsOf(run),
    ofPool: ceilings && ((pool) => ceilings.limitsOf(pool)),
    poolOf: ceilings && ((model) => ceilings.poolOf(model)),
    fraction: run.limitFraction,
    ramp: run.ramp,
  }
}

/** What a run comes to that chooses between batches and live requests. */
function planOf(
  survey: Survey,
  { settings: { run }, prices, hooks, context }: Asked,
): SplitForecast {
  const pools = poolRowsOf(survey, run, prices)
  const rates = new LiveRates(boundsOf(run), run.limitFraction)
  const now = context.clock.wallTime()
  const { batchTimes: times } = run
  const kept = deadlineOf(context.files, run.output, run, now)
  const ceilings = hooks.limitGroups && new Ceilings(hooks.limitGroups)
  for (const { pool } of pools) {
    const limits = ceilings?.limitsOf(pool) ?? kept?.limits[pool]
    if (limits !== undefined) rates.learn(pool, limits)
  }
  if (!rates.isBounded) rates.suppose(pools.map(({ pool }) => pool))
  const deadlineMs = (kept?.at ?? Infinity) - now
  return forecastSplit({ pools, rates, times, deadlineMs, ...costsOf(survey, run, prices) })
}

/** Tokens that rows have in common, each as often as there is a row that has it. */
function sharedTokens(shared: SharedPrefixes): number {
  let sum = 0
  for (const { entry, tokens } of cacheableParts(shared)) {
    if (entry.rows > 1) sum += entry.rows * tokens
  }
  return Math.round(sum)
}

function usdBudget(
  { budgetNanoUsd: limit }: Settings,
  spent: number,
  run: { readonly cost: Range | null } | undefined,
): readonly BudgetForecast[] {
  if (limit === undefined) return []
  const cost = run?.cost ?? null
  return [{ unit: 'usd', limit, spent, isEnough: cost && isEnough(limit - spent, cost) }]
}

function tokenBudget(
  { maxTotalTokens: limit }: Settings,
  tokens: Range,
): readonly BudgetForecast[] {
  if (limit === undefined) return []
  return [{ unit: 'tokens', limit, spent: null, isEnough: isEnough(limit, tokens) }]
}

function isEnough(left: number, { expected, high }: Range): 'yes' | 'expected' | 'no' {
  return left >= high ? 'yes' : left >= expected ? 'expected' : 'no'
}

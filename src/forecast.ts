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
import { type Files, NodeFiles } from './files.ts'
import { CacheUse, costOf, readTokens, type Way } from './forecast-cost.ts'
import { answersOf, countRows, type CountTokens, heldBy, learnFrom } from './forecast-known.ts'
import { Learned } from './forecast-learning.ts'
import {
  type ForecastOptions,
  type ForecastSettings,
  readForecastOptions,
} from './forecast-options.ts'
import type { BudgetForecast, Forecast, WayForecast } from './forecast-report.ts'
import { type Range, RowSums, sumOf } from './forecast-sums.ts'
import { durationOf, type LimitsKnown } from './forecast-time.ts'
import { loadPrices, type Prices } from './money.ts'
import { parseOptionsOf, type Settings } from './options.ts'
import { Plan } from './plan.ts'
import { cacheableParts } from './prefix-savings.ts'
import { SharedPrefixes } from './shared-prefixes.ts'
import { nameOf, type Source, sourceOf } from './source.ts'

/** How far a forecast has come. */
export interface ForecastProgress {
  readonly rows: number
  readonly bytes: number
}

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
  const { run, sharing, exact } = settings
  const known = heldBy(context.files, run)
  const learned = new Learned()
  await learnFrom(source, answersOf(known), { run, learned, signal: hooks.signal })
  if (exact > 0 && hooks.countTokens !== undefined) {
    const { countTokens, signal } = hooks
    await countRows(source, exact, { run, learned, countTokens, signal })
  }
  const at = context.clock.wallTime()
  const isLong = (model: string, prompt: number): boolean => prices.isLong(model, prompt, at)
  const shared = new SharedPrefixes()
  const sums = new RowSums(learned, isLong)
  const counts = { asked: 0, held: 0, atFault: 0 }
  const plan = new Plan(known.held, {
    ...parseOptionsOf(run),
    cachePoints: sharing ? 'all' : 'marked',
    withoutBody: true,
    retryFailed: run.retryFailed,
  })
  const isWhole = await readAll(source, plan, asked, {
    held: () => void (counts.held += 1),
    fault: () => void (counts.atFault += 1),
    row: (row) => {
      counts.asked += 1
      const tokens = sums.add(row)
      shared.addPoints(row.cachePoints, { model: row.model, line: row.lineNumber, tokens })
    },
  })
  const models = sums.models()
  const order = { bills: sums.bills(), models, at }
  const found = { order, shared, isLong }
  const ways = waysOf(settings).map((way) => wayForecast(way, found, asked))
  const inputTokens = sumOf(models.map((model) => model.input))
  const outputTokens = sumOf(models.map((model) => model.output))
  const { input, output } = run
  return {
    input: nameOf(input),
    output,
    isWhole,
    rows: counts,
    inputTokens,
    outputTokens,
    shared: sharing ? sharedTokens(shared) : null,
    sharedFullAtLine: shared.fullAtLine ?? null,
    models: models.map((model) => ({ ...model, isPriced: prices.knows(model.model) })),
    ways,
    answersLearned: learned.answers,
    counted: learned.counted,
    budgets: [
      ...usdBudget(run, known.cost.nanoUsd, ways),
      ...tokenBudget(run, sumOf([inputTokens, outputTokens])),
    ],
  }
}

/** Who is told of each line. */
interface Visitor {
  readonly held: () => void
  readonly fault: () => void
  readonly row: (row: Parameters<RowSums['add']>[0]) => void
}

/** Reads the rows the run would; false when it was stopped before the end. */
async function readAll(
  source: Source,
  plan: Plan,
  { settings, hooks }: Asked,
  visitor: Visitor,
): Promise<boolean> {
  const { signal, progress } = hooks
  try {
    for await (const lines of source.batches()) {
      for (const line of lines) {
        if (signal?.aborted === true) return false
        if (plan.count >= settings.run.first) return true
        const planned = plan.next(line)
        if (planned.type === 'held') visitor.held()
        else if (planned.type === 'fault') visitor.fault()
        else visitor.row({ ...planned.work.row, body: planned.work.body ?? new Uint8Array() })
      }
      const last = lines.at(-1)
      const bytes = last === undefined ? 0 : last.offset + (last.truncated ?? last.bytes.length)
      progress?.({ rows: plan.count, bytes })
    }
    return signal?.aborted !== true
  } catch (error) {
    // An input that waits for more is ended by whoever stops the forecast.
    if (signal?.aborted === true) return false
    throw error
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

interface Found {
  readonly order: Parameters<typeof costOf>[0]
  readonly shared: SharedPrefixes
  readonly isLong: (model: string, prompt: number) => boolean
}

function wayForecast(
  way: Way & { isRun: boolean },
  { order, shared, isLong }: Found,
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
  const { maxRequestsPerMinute, maxInputTokensPerMinute, maxOutputTokensPerMinute } = run
  return {
    bounds: {
      ...(maxRequestsPerMinute !== undefined && { requests: maxRequestsPerMinute }),
      ...(maxInputTokensPerMinute !== undefined && { input: maxInputTokensPerMinute }),
      ...(maxOutputTokensPerMinute !== undefined && { output: maxOutputTokensPerMinute }),
    },
    ofPool: ceilings && ((pool) => ceilings.limitsOf(pool)),
    poolOf: ceilings && ((model) => ceilings.poolOf(model)),
    fraction: run.limitFraction,
    ramp: run.ramp,
  }
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
  ways: readonly WayForecast[],
): readonly BudgetForecast[] {
  if (limit === undefined) return []
  const cost = ways.find(({ isRun }) => isRun)?.cost ?? null
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

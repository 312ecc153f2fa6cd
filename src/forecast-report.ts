/**
 * What a forecast tells, and its JSON.
 */

import { type Duration } from './forecast-time.ts'
import type { Way, HitShares } from './forecast-cost.ts'
import type { CountedRows } from './forecast-learning.ts'
import type { ModelSum, Range } from './forecast-sums.ts'
import { usdNumber } from './money.ts'
import type { SplitForecast } from './split-forecast.ts'

/** One way of sending the rows, and what that comes to. */
export interface WayForecast extends Way {
  /** It is how the run that is foreseen would go. */
  readonly isRun: boolean
  /** In nano-dollars; null where a price is not known. */
  readonly cost: Range | null
  /** Of rows that share a prefix, all but the first: the share that is taken to read it. */
  readonly hitShares: HitShares
  /** At the least; null in batches, and where no limits are known. */
  readonly duration: Duration | null
}

/** Whether a budget is enough. */
export interface BudgetForecast {
  readonly unit: 'usd' | 'tokens'
  /** Nano-dollars, or tokens. */
  readonly limit: number
  /** What the answers that are held cost; of tokens null: no file says. */
  readonly spent: number | null
  /**
   * `yes`, at the high end too; `expected`; `no`: the run stops at it; null where a price is not
   * known.
   */
  readonly isEnough: 'yes' | 'expected' | 'no' | null
}

/** What `forecast` found. */
export interface Forecast {
  /** The path of the input; `-` for a stream. */
  readonly input: string
  /** The output whose rows are left out; `-` where there is none. */
  readonly output: string
  /** All rows were looked at: it was not stopped. */
  readonly isWhole: boolean
  readonly rows: {
    /** What the run would ask. */
    readonly asked: number
    /** What has its line in the output already. */
    readonly held: number
    /** What is no request, and would not be sent. */
    readonly atFault: number
  }
  /**
   * Rows that ask the very same as one before them: `dedupe` does not ask these, and they are not
   * among `rows` then.
   */
  readonly twins: number
  /** They are not asked. */
  readonly isDeduped: boolean
  readonly inputTokens: Range
  readonly outputTokens: Range
  /** Input tokens that other rows begin with too; null where that was not looked for. */
  readonly shared: number | null
  /** From this line on prefixes that were new were not taken in; null where all were. */
  readonly sharedFullAtLine: number | null
  /** Those with most rows first. */
  readonly models: readonly (ModelSum & { readonly isPriced: boolean })[]
  readonly ways: readonly WayForecast[]
  /** Answers that were learned from; without any, output is a guess. */
  readonly answersLearned: number
  /** Null where none were to be counted. */
  readonly counted: CountedRows | null
  readonly budgets: readonly BudgetForecast[]
  /** Of a run that chooses between batches and live requests; null of others. */
  readonly plan: SplitForecast | null
}

/** What ended a forecast before there was anything to tell. */
export interface ForecastStopped {
  readonly code: string
  readonly message: string
  readonly hint: string | null
}

/** One object on one line. */
export function forecastJson(exitCode: number, found: Forecast): string {
  const { rows, counted } = found
  const members = [
    `"exit_code":${exitCode}`,
    '"stopped":null',
    `"input":${JSON.stringify(found.input)}`,
    `"output":${JSON.stringify(found.output)}`,
    `"whole":${found.isWhole}`,
    `"rows":${JSON.stringify({ asked: rows.asked, held: rows.held, at_fault: rows.atFault })}`,
    `"twins":${found.twins}`,
    `"input_tokens":${rangeJson(found.inputTokens)}`,
    `"output_tokens":${rangeJson(found.outputTokens)}`,
    `"shared_input_tokens":${found.shared}`,
    `"shared_full_at_line":${found.sharedFullAtLine}`,
    `"answers_learned":${found.answersLearned}`,
    `"counted":${counted === null ? 'null' : countedJson(counted)}`,
    `"models":[${found.models.map(modelJson).join(',')}]`,
    `"ways":[${found.ways.map(wayJson).join(',')}]`,
    `"budgets":[${found.budgets.map(budgetJson).join(',')}]`,
    `"plan":${found.plan === null ? 'null' : planJson(found.plan)}`,
  ]
  return `{${members.join(',')}}`
}

/** The same of a forecast that did not come about. */
export function forecastErrorJson(exitCode: number, stopped: ForecastStopped): string {
  const names = ['input', 'output', 'whole', 'rows', 'twins', 'input_tokens', 'output_tokens']
  const more = ['shared_input_tokens', 'shared_full_at_line', 'answers_learned', 'counted']
  const all = [...names, ...more, 'models', 'ways', 'budgets', 'plan']
  const nothing = Object.fromEntries(all.map((name) => [name, null]))
  return JSON.stringify({ exit_code: exitCode, stopped, ...nothing })
}

function rangeJson({ low, expected, high }: Range): string {
  return JSON.stringify({ low, expected, high })
}

/** Money is printed digit for digit, which JSON.stringify might not do. */
function usdRangeJson(range: Range | null): string {
  if (range === null) return 'null'
  const { low, expected, high } = range
  const [least, likely, most] = [low, expected, high].map((cost) => usdNumber(cost))
  return `{"low":${least},"expected":${likely},"high":${most}}`
}

function countedJson({ rows, refused, countedTokens, expectedTokens }: CountedRows): string {
  return JSON.stringify({
    rows,
    refused,
    counted_tokens: countedTokens,
    expected_tokens: expectedTokens,
  })
}

function modelJson({ model, pool, rows, input, output, answers, ...rest }: ModelPriced): string {
  const head = JSON.stringify({ model, pool, rows, answers_learned: answers })
  const tokens = `"input_tokens":${rangeJson(input)},"output_tokens":${rangeJson(output)}`
  return `${head.slice(0, -1)},${tokens},"priced":${rest.isPriced}}`
}

type ModelPriced = Forecast['models'][number]

function wayJson({ via, cache, isRun, cost, hitShares, duration }: WayForecast): string {
  const time =
    duration === null
      ? 'null'
      : `{"ms":${rangeJson(duration.ms)},"binds":"${duration.binds}",` +
        `"pool":${JSON.stringify(duration.pool)}}`
  return (
    `{"via":"${via}","cache":"${cache}","run":${isRun},"cost_usd":${usdRangeJson(cost)},` +
    `"hit_share":${rangeJson(hitShares)},"time":${time}}`
  )
}

function planJson({ cost, ...plan }: SplitForecast): string {
  const { medianMs, p95Ms, drainMs } = plan.times
  const members = JSON.stringify({
    rows: plan.rows,
    deadline_ms: plan.deadlineMs && Math.round(plan.deadlineMs),
    guaranteed: plan.isGuaranteed,
    chance: plan.chance,
    live_ms: Math.round(plan.liveMs),
    binds: plan.binds,
    pool: plan.pool,
    batches: plan.batches,
    first_cut_ms: plan.firstCutMs && Math.round(plan.firstCutMs),
    live_share: plan.liveShare,
    supposed_pools: plan.supposed,
    batch_median_ms: medianMs,
    batch_p95_ms: p95Ms,
    batch_drain_ms: drainMs,
  })
  return `${members.slice(0, -1)},"cost_usd":${usdRangeJson(cost)}}`
}

function budgetJson({ unit, limit, spent, isEnough }: BudgetForecast): string {
  const of = (amount: number | null): string =>
    unit === 'usd' ? usdNumber(amount) : String(amount)
  const enough = isEnough === null ? 'null' : `"${isEnough}"`
  return `{"unit":"${unit}","limit":${of(limit)},"spent":${of(spent)},"enough":${enough}}`
}

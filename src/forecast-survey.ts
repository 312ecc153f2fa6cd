/**
 * The survey of a file: its rows read as a run would read them, and added up. What it comes to in
 * money and time is made of that (forecast.ts), and so is what a run with a deadline goes by.
 */

import type { Files } from './files.ts'
import type { Clock } from './clock.ts'
import type { Order } from './forecast-cost.ts'
import { answersOf, countRows, type CountTokens, heldBy, learnFrom } from './forecast-known.ts'
import { Learned } from './forecast-learning.ts'
import { RowSums } from './forecast-sums.ts'
import type { HeldCost } from './held-cost.ts'
import type { Prices } from './money.ts'
import { parseOptionsOf } from './options.ts'
import type { Settings } from './settings.ts'
import { Plan } from './plan.ts'
import { SharedPrefixes } from './shared-prefixes.ts'
import { bytesTo, type Source } from './source.ts'
import { requestDigest, Twins } from './twins.ts'
import type { Work } from './work.ts'

/** How far a survey has come. */
export interface ForecastProgress {
  readonly rows: number
  readonly bytes: number
}

/** What is needed for one. */
export interface SurveyParts {
  readonly run: Settings
  /** Find what rows share that nobody marked. */
  readonly sharing: boolean
  /** Rows that the API is to count. */
  readonly exact: number
  readonly prices: Prices
  readonly files: Files
  readonly clock: Pick<Clock, 'wallTime'>
  /** Aborting it ends the survey at the next few rows. */
  readonly signal?: AbortSignal | undefined
  readonly progress?: ((progress: ForecastProgress) => void) | undefined
  readonly countTokens?: CountTokens | undefined
  /** Told of each row that is to be asked. */
  readonly visit?: (work: Work) => void
}

/** What was found. */
export interface Survey {
  /** All rows were looked at: it was not stopped. */
  readonly isWhole: boolean
  readonly rows: { readonly asked: number; readonly held: number; readonly atFault: number }
  /** Rows that ask what another does; with `--dedupe` they are not among those to ask. */
  readonly twins: number
  /** What there is to be paid, and what each model is asked. */
  readonly order: Order
  readonly shared: SharedPrefixes
  readonly learned: Learned
  /** What the answers that are held cost. */
  readonly heldCost: HeldCost
  readonly isLong: (model: string, prompt: number) => boolean
}

/** Reads the input once, or twice where the output holds answers to learn from. */
export async function surveyRows(source: Source, parts: SurveyParts): Promise<Survey> {
  const { run, sharing, exact, prices, files, clock, signal, countTokens } = parts
  const known = await heldBy(files, run)
  const learned = new Learned()
  await learnFrom(source, answersOf(known), { run, learned, signal })
  if (exact > 0 && countTokens !== undefined) {
    await countRows(source, exact, { run, learned, countTokens, signal })
  }
  const at = clock.wallTime()
  const isLong = (model: string, prompt: number): boolean => prices.isLong(model, prompt, at)
  const shared = new SharedPrefixes()
  const sums = new RowSums(learned, isLong)
  const rows = { asked: 0, held: 0, atFault: 0 }
  const requests = new Twins()
  let twins = 0
  const plan = new Plan(known.held, {
    ...parseOptionsOf(run),
    cachePoints: sharing ? 'all' : 'marked',
    retryFailed: run.retryFailed,
    dedupe: run.dedupe,
  })
  const isWhole = await readAll(source, plan, parts, {
    held: () => void (rows.held += 1),
    fault: () => void (rows.atFault += 1),
    twin: () => void (twins += 1),
    work: (work) => {
      const { row } = work
      if (!run.dedupe && requests.meet(requestDigest(work.body ?? noBody))) twins += 1
      rows.asked += 1
      const tokens = sums.add({ ...row, body: work.body ?? noBody })
      shared.addPoints(row.cachePoints, { model: row.model, line: row.lineNumber, tokens })
      parts.visit?.(work)
    },
  })
  const order = { bills: sums.bills(), models: sums.models(), at }
  return { isWhole, rows, twins, order, shared, learned, heldCost: known.cost, isLong }
}

const noBody = new Uint8Array()

/** Who is told of each line. */
interface Visitor {
  readonly held: () => void
  readonly fault: () => void
  readonly twin: () => void
  readonly work: (work: Work) => void
}

/** Reads the rows the run would; false when it was stopped before the end. */
async function readAll(
  source: Source,
  plan: Plan,
  { run, signal, progress }: SurveyParts,
  visitor: Visitor,
): Promise<boolean> {
  try {
    for await (const lines of source.batches()) {
      for (const line of lines) {
        if (signal?.aborted === true) return false
        if (plan.count >= run.first) return true
        const planned = plan.next(line)
        if (planned.type === 'held') visitor.held()
        else if (planned.type === 'fault') visitor.fault()
        else if (planned.type === 'twin') visitor.twin()
        else visitor.work(planned.work)
      }
      progress?.({ rows: plan.count, bytes: bytesTo(source, lines) })
    }
    return signal?.aborted !== true
  } catch (error) {
    // An input that waits for more is ended by whoever stops the forecast.
    if (signal?.aborted === true) return false
    throw error
  }
}

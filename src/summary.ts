/**
 * What a run says of itself at its end; the JSON form is what `--json` prints.
 *
 * Every selected row is counted out: selected = succeeded + failed + left, where each
 * includes what earlier runs of the same output had settled.
 */

import type { BudgetLine } from './budget.ts'
import { type ErrorCode, exitCodes, RunError } from './errors.ts'
import type { ErrorSpread, EstimateErrors, Estimator } from './estimate.ts'
import { usdNumber } from './money.ts'
import type { Scheduler } from './scheduler.ts'
import type { Snapshot } from './snapshot.ts'

/** Why a run ended before its input did. */
export interface Stopped {
  readonly code: ErrorCode
  readonly message: string
  readonly hint: string | null
}

/** How a run went. */
export interface RunSummary {
  /** 0 all succeeded, 1 some failed, 3 stopped, 4 at the budget (cli: exit codes). */
  readonly exitCode: number
  readonly stopped: Stopped | null
  /** Models that do not exist for the key; their rows were left. */
  readonly modelsGone: readonly Stopped[]
  readonly input: string
  readonly output: string
  readonly failedOutput: string
  /** Rows with a line in the output, in the failed file, and in neither. */
  readonly rows: {
    readonly selected: number
    readonly succeeded: number
    readonly failed: number
    readonly left: number
  }
  /** Answers in the output whose rows left the input; null when not all of it was read. */
  readonly notInInput: number | null
  /** Estimated over actual input tokens less one, in percent. */
  readonly estimateErrorPercent: number | null
  /** How far single estimates were off. */
  readonly estimateErrors: EstimateErrors
  /** The most by which measured usage took one minute over a bound of the user's, by flag. */
  readonly boundExcess: Readonly<Record<string, number>>
  readonly snapshot: Snapshot
}

/** What decided, as far as it is asked at the end. */
export interface Deciding extends Pick<Scheduler, 'stopping' | 'modelsGone'> {
  readonly estimator: Pick<Estimator, 'errorPercent' | 'errors'>
  readonly limiter: { readonly bounds: readonly { name: string; worstExcess: number }[] }
}

/** How a run went. `unwritten`: rows whose lines were in hand and could not be written. */
export function summarize(
  scheduler: Deciding,
  unwritten: number,
  closed: Pick<RunSummary, 'input' | 'output' | 'failedOutput' | 'notInInput' | 'snapshot'>,
): RunSummary {
  const { rows } = closed.snapshot
  const succeeded = rows.succeeded + rows.heldSucceeded
  const failed = rows.failed + rows.heldFailed
  const modelsGone = [...scheduler.modelsGone.values()].map(stoppedBy)
  const finished = failed > 0 ? exitCodes.someFailed : exitCodes.succeeded
  let error = endedBy(scheduler)
  const isTold = error?.code.startsWith('OUTPUT_') === true || error?.code === 'LOCK_LOST'
  if (unwritten > 0 && !isTold) error = notWritten(unwritten, closed.output)
  return {
    ...closed,
    exitCode: error ? exitCodeOf(error) : finished,
    stopped: error ? stoppedBy(error) : null,
    modelsGone,
    rows: { selected: rows.read, succeeded, failed, left: rows.left + unwritten },
    estimateErrorPercent: scheduler.estimator.errorPercent(),
    estimateErrors: scheduler.estimator.errors(),
    boundExcess: Object.fromEntries(
      scheduler.limiter.bounds.map((meter) => [meter.name, Math.round(meter.worstExcess)]),
    ),
  }
}

/** The same when rows have got copies of lines of others; `stopped`: why that ended early. */
export function withCopies(
  before: RunSummary,
  snapshot: Snapshot,
  stopped: RunError | undefined,
): RunSummary {
  const { rows } = snapshot
  const succeeded = rows.succeeded + rows.heldSucceeded
  const failed = rows.failed + rows.heldFailed
  const finished = failed > 0 ? exitCodes.someFailed : exitCodes.succeeded
  return {
    ...before,
    snapshot,
    exitCode: stopped ? exitCodeOf(stopped) : finished,
    stopped: stopped ? stoppedBy(stopped) : null,
    rows: { selected: rows.read, succeeded, failed, left: rows.left },
  }
}

/** Why rows were left, if any were: what stopped the run, or the model that is gone. */
export function endedBy({
  stopping,
  modelsGone,
}: Pick<Scheduler, 'stopping' | 'modelsGone'>): RunError | undefined {
  return stopping ?? [...modelsGone.values()][0]
}

/**
 * The summary as one JSON object on one line: names in snake case, money as exact decimals.
 */
export function summaryJson(summary: RunSummary): string {
  const { snapshot } = summary
  return JSON.stringify({
    exit_code: summary.exitCode,
    stopped: summary.stopped,
    models_gone: summary.modelsGone,
    input: summary.input,
    output: summary.output,
    failed_output: summary.failedOutput,
    rows: summary.rows,
    this_run: thisRun(snapshot),
    possibly_billed_twice: possiblyBilledTwice(snapshot),
    budget: budgetOf(snapshot),
    batches: snapshot.batches,
    deadline: deadlineOf(snapshot),
    bound: Object.fromEntries(snapshot.bound.map(([name, ms]) => [name, Math.round(ms)])),
    bound_excess: summary.boundExcess,
    estimate_error_percent: summary.estimateErrorPercent,
    estimate_errors: {
      input: spreadJson(summary.estimateErrors.input),
      output: spreadJson(summary.estimateErrors.output),
    },
    not_in_input: summary.notInInput,
  })
}

/** The same object for a run that did not come about: what there is nothing to say of is null. */
export function errorJson(
  exitCode: number,
  stopped: (Omit<Stopped, 'code'> & { code: string }) | null,
): string {
  return JSON.stringify({
    exit_code: exitCode,
    stopped: stopped && { code: stopped.code, message: stopped.message, hint: stopped.hint },
    models_gone: [],
    input: null,
    output: null,
    failed_output: null,
    rows: null,
    this_run: null,
    possibly_billed_twice: null,
    budget: null,
    batches: null,
    deadline: null,
    bound: {},
    bound_excess: {},
    estimate_error_percent: null,
    estimate_errors: { input: null, output: null },
    not_in_input: null,
  })
}

function thisRun(snapshot: Snapshot): unknown {
  const { rows, attempts, tokens, elapsedMs, costNanoUsd, unpriced } = snapshot
  return {
    succeeded: rows.succeeded,
    failed: rows.failed,
    copied: rows.copied,
    truncated: snapshot.incomplete.truncated,
    refusals: snapshot.incomplete.refused,
    paused: snapshot.incomplete.paused,
    invalid_outputs: snapshot.incomplete.invalid,
    asked_again: {
      truncated: snapshot.askedAgain.truncated,
      paused: snapshot.askedAgain.paused,
      invalid_output: snapshot.askedAgain.invalid,
      cost_usd: exactUsd(snapshot.askedAgain.costNanoUsd),
    },
    elapsed_ms: Math.round(elapsedMs),
    attempts: attempts.started,
    refused: attempts.refused,
    overloaded: attempts.overloaded,
    broken: attempts.broken,
    input_tokens: tokens.input,
    cache_creation_input_tokens: tokens.cacheWrite5m + tokens.cacheWrite1h,
    cache_creation: {
      ephemeral_5m_input_tokens: tokens.cacheWrite5m,
      ephemeral_1h_input_tokens: tokens.cacheWrite1h,
    },
    cache_read_input_tokens: tokens.cacheRead,
    cache_missed_input_tokens: tokens.cacheMissed,
    output_tokens: tokens.output,
    cost_usd: exactUsd(unpriced > 0 ? null : costNanoUsd),
    cost_known_usd: exactUsd(costNanoUsd),
    answers_without_price: unpriced,
    cache_saved_usd: exactUsd(snapshot.cacheSavedNanoUsd),
    cache_lost_usd: exactUsd(snapshot.cacheLostNanoUsd),
  }
}

function spreadJson(spread: ErrorSpread | null): unknown {
  if (spread === null) return null
  return { median_percent: spread.medianPercent, p95_percent: spread.p95Percent }
}

function possiblyBilledTwice({ possiblyBilledTwice: unknown }: Snapshot): unknown {
  return {
    rows: unknown.rows,
    attempts: unknown.attempts,
    cost_usd_max: exactUsd(unknown.costNanoUsdMax),
    in_flight_when_killed: unknown.killedInFlight,
  }
}

function budgetOf({ budget }: Snapshot): unknown {
  if (budget === null) return null
  const { mode, usd, tokens } = budget
  return { mode, usd: budgetLine(usd, exactUsd), tokens: budgetLine(tokens, (count) => count) }
}

function deadlineOf({ deadline }: Snapshot): unknown {
  if (deadline === null) return null
  const { at, isGuaranteed, leftMs, isJudged } = deadline
  return {
    at: new Date(at).toISOString(),
    guaranteed: isGuaranteed,
    met: isJudged ? leftMs >= 0 : null,
    left_ms: Math.round(leftMs),
  }
}

/** What is left is below zero when replies cost more than was expected. */
function budgetLine(line: BudgetLine | null, shown: (amount: number) => unknown): unknown {
  if (line === null) return null
  return {
    limit: shown(line.limit),
    spent: shown(line.spent),
    unknown_max: shown(line.unknown),
    reserved: shown(line.reserved),
    left: shown(line.limit - line.spent - line.unknown - line.reserved),
    overshoot_max: shown(line.overshootMax),
  }
}

/** Dollars digit by digit: as a number, a large sum would lose its last ones. */
function exactUsd(nanoUsd: number | null): unknown {
  return rawJson(usdNumber(nanoUsd))
}

/** `JSON.rawJSON`: every Node we run on has it, the compiler's library for our target does not. */
const rawJson: (text: string) => unknown = Reflect.get(JSON, 'rawJSON')

/** Once something was sent, no error is one of usage. */
function exitCodeOf({ exitCode }: RunError): number {
  return exitCode === exitCodes.usage ? exitCodes.stopped : exitCode
}

function stoppedBy({ code, message, hint }: RunError): Stopped {
  return { code, message, hint: hint ?? null }
}

/** The disk stayed full until the grace was over, or failed in a run that was stopping already. */
function notWritten(rows: number, output: string): RunError {
  const answers = rows === 1 ? 'an answer' : `${rows} answers`
  const message = `Cannot write ${answers} to ${output}: the disk is full, or fails`
  const hint = 'make room, then run the same command again; those rows are asked again'
  return new RunError('OUTPUT_UNWRITABLE', message, { hint })
}

/**
 * `run` by Message Batches: at half the price, within a day, in rounds.
 *
 * A round asks every row that has no line and is in no batch. What it leaves through no fault of the
 * rows (errors of the API's own, expired, canceled) is asked again by the next round, or live, as the
 * user says. All that is known between rounds, and between processes, stands in the files: the
 * output and the failed file, and an intent for each batch beside them.
 */

import type { RunContext } from '../context.ts'
import { RunError } from '../errors.ts'
import { Estimator } from '../estimate.ts'
import type { Observer } from '../events.ts'
import { checkInput } from '../input-check.ts'
import { Ledger } from '../ledger.ts'
import type { Prices } from '../money.ts'
import { isBudgeted, type Settings } from '../options.ts'
import { Random } from '../random.ts'
import { fileSource } from '../source.ts'
import { SpendRecord } from '../spend-record.ts'
import { Spending } from '../spending.ts'
import { Stats } from '../stats.ts'
import { type RunSummary, summarize } from '../summary.ts'
import { toAll, toldBefore } from '../telling.ts'
import { BatchApi } from './batch-api.ts'
import { Collected } from './collected.ts'
import { Intents } from './intents.ts'
import { Round, type RoundEnd } from './round.ts'

/** What a run by batches is given. */
export interface BatchRunParts {
  readonly context: RunContext
  readonly settings: Settings
  readonly prices: Prices
  readonly observers: readonly Observer[]
  readonly signal: AbortSignal | undefined
}

/** How it went; rows that are left are for a live run to ask, unless it was stopped. */
export interface BatchRun {
  readonly summary: RunSummary
  readonly stats: Stats
  readonly observe: Observer
}

/** What a round and its files came to. */
interface Ended {
  readonly end: RoundEnd
  readonly unwritten: boolean
  readonly notInInput: number | null
  readonly output: string
  readonly failedOutput: string
}

/**
 * Runs it to its end, or to where it is stopped.
 *
 * @throws {RunError} when nothing was started
 */
export async function runBatches(parts: BatchRunParts): Promise<BatchRun> {
  const { context, settings, observers } = parts
  if (settings.onInvalidRow === 'stop' && typeof settings.input === 'string') {
    await checkInput(fileSource(context.files, settings.input), settings)
  }
  const stats = new Stats()
  const estimator = new Estimator()
  let number = 1
  const observe = toAll([(event) => stats.observe(event), ...observers])
  const again = toldBefore(observe)
  for (;;) {
    const round = { ...parts, estimator, observe: number === 1 ? observe : again, number }
    const ended = await playRound(round)
    const { end } = ended
    // Where batches run on, the next run has their leftovers; these are not for another to ask live.
    const mayGoOn = end.stopping === undefined && end.outstanding === 0 && !ended.unwritten
    const isLast = settings.collectOnly || settings.batchLeftovers === 'live'
    if (end.leftovers === 0 || !mayGoOn || isLast) {
      return { summary: summaryOf(parts, ended, { stats, estimator }), stats, observe }
    }
    number += 1
    const at = context.clock.now()
    observe({ type: 'notice', at, message: `${end.leftovers} rows go into another batch` })
    observe({ type: 'rows_again', at, count: end.leftovers })
  }
}

interface RoundGiven extends BatchRunParts {
  readonly estimator: Estimator
  readonly observe: Observer
  readonly number: number
}

async function playRound(given: RoundGiven): Promise<Ended> {
  const { context, settings, prices, observe, number, estimator, signal } = given
  const { clock, files } = context
  const collected = new Collected()
  const overwrite = settings.overwrite && number === 1
  const listener = {
    blocked: (code: string | null) => round.hold(code),
    lost: (error: RunError) => round.stop(error),
  }
  const ledger = await Ledger.open(context, { ...settings, overwrite }, listener, collected)
  const ending = new AbortController()
  const calls = context.calls?.(settings)
  if (calls === undefined) throw new Error('A run by batches needs a way to call the API')
  const source = fileSource(files, String(settings.input))
  const spending = spendingOf(given, ledger, listener)
  const round = new Round(
    {
      context,
      settings,
      source,
      books: ledger,
      prices,
      spending,
      observe,
      api: new BatchApi(calls, ending.signal),
      intents: new Intents(files, ledger.folder ?? ''),
      collected,
      estimator,
      random: new Random(settings.seed ?? context.seed()).fork(`batches ${clock.wallTime()}`),
      number,
    },
    () => ledger.flush(),
  )
  const beat = new Beat(context, ledger, listener.lost)
  const interrupt = (): void => {
    const hint = 'batches run on; run the same command again to collect them'
    round.stop(new RunError('INTERRUPTED', 'Stopped as asked', { hint }))
    clock.after(settings.graceMs, () => ending.abort())
  }
  try {
    observe({
      type: 'run_started',
      at: clock.now(),
      wallAt: clock.wallTime(),
      input: String(settings.input),
      output: ledger.output,
      failedOutput: ledger.failedOutput,
      inputBytes: files.stat(String(settings.input))?.size ?? null,
      held: ledger.heldCounts,
      killedInFlight: ledger.killedInFlight,
    })
    if (signal?.aborted === true) interrupt()
    signal?.addEventListener('abort', interrupt)
    const end = await round.run()
    const unwritten = ledger.isBlocked
    const isToGoOn = end.outstanding > 0 || (settings.collectOnly && end.leftovers > 0)
    const stopped = end.stopping !== undefined || isToGoOn
    const closing = { readAll: end.readAll, stopped, source }
    const notInInput = unwritten ? null : await ledger.finish(closing)
    round.countOut()
    spending?.tell(clock.now(), observe, true)
    const { output, failedOutput } = ledger
    return { end, unwritten, output, failedOutput, notInInput: added(notInInput, end.notInInput) }
  } finally {
    signal?.removeEventListener('abort', interrupt)
    beat.end()
    ending.abort()
    source.close()
    await calls.close()
    spending?.close(false)
    new Intents(files, ledger.folder ?? '').close()
    ledger.close()
  }
}

/** Shows that the run lives, every so often. */
class Beat {
  #cancel: () => void = () => {}

  constructor({ clock }: RunContext, ledger: Ledger, lost: (error: RunError) => void) {
    const beat = (): void => {
      try {
        ledger.beat(0)
      } catch (error) {
        if (!(error instanceof RunError)) throw error
        return lost(error)
      }
      this.#cancel = clock.after(beatMs, beat)
    }
    this.#cancel = clock.after(beatMs, beat)
  }

  end(): void {
    this.#cancel()
  }
}

const beatMs = 2000

function spendingOf(
  { context, settings, prices }: RoundGiven,
  ledger: Ledger,
  { blocked, lost }: { blocked: (code: string | null) => void; lost: (error: RunError) => void },
): Spending | undefined {
  const { folder, heldCost, heldCounts } = ledger
  if (!isBudgeted(settings) || folder === undefined) return undefined
  const { files, clock } = context
  const { fsync } = settings
  const how = { files, clock, fsync, folder, onBlocked: blocked, onLost: lost }
  return new Spending({
    context,
    settings,
    prices,
    record: new SpendRecord(how),
    heldCost,
    heldCounts,
  })
}

function added(count: number | null, more: number): number | null {
  return count === null ? null : count + more
}

function summaryOf(
  { context, settings }: BatchRunParts,
  { end, output, failedOutput, notInInput, unwritten }: Ended,
  { stats, estimator }: { readonly stats: Stats; readonly estimator: Estimator },
): RunSummary {
  const deciding = {
    stopping: end.stopping ?? outstandingError(end) ?? leftError(settings, end),
    modelsGone: new Map<string, RunError>(),
    estimator,
    limiter: { bounds: [] },
  }
  return summarize(deciding, unwritten ? 1 : 0, {
    input: String(settings.input),
    output,
    failedOutput,
    notInInput,
    snapshot: stats.snapshot(context.clock.now()),
  })
}

/** Batches run on, as was asked. */
function outstandingError({ outstanding }: RoundEnd): RunError | undefined {
  if (outstanding === 0) return undefined
  const message = `${outstanding} rows are in batches that run on`
  const hint = 'run the same command again to collect them, without --detach to wait for them'
  return new RunError('BATCHES_OUTSTANDING', message, { hint })
}

/** Who only collects asks none of the rows that batches do not have, or did not answer. */
function leftError({ collectOnly }: Settings, { leftovers }: RoundEnd): RunError | undefined {
  if (!collectOnly || leftovers === 0) return undefined
  const message = `All that batches had is collected; ${leftovers} rows have no answer`
  const hint = 'sluice run asks them'
  return new RunError('ROWS_LEFT', message, { hint })
}

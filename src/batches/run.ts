/**
 * `run` by Message Batches: at half the price, within a day, in rounds.
 *
 * A round asks every row that has no line and is in no batch. What it leaves through no fault of
 * the rows (errors of the API's own, expired, canceled) is asked again by the next round, or live,
 * as the user says. All that is known between rounds, and between processes, stands in the files:
 * the output and the failed file, and an intent for each batch beside them.
 */

import { assert } from '../assert.ts'
import { Beat } from '../beat.ts'
import type { RunContext } from '../context.ts'
import type { RunControl } from '../control.ts'
import { forgetDeadline } from '../deadline.ts'
import { RunError } from '../errors.ts'
import { Estimator } from '../estimate.ts'
import type { Observer } from '../events.ts'
import { checkInput } from '../input-check.ts'
import { Fingerprints } from '../fingerprints.ts'
import { Ledger } from '../ledger.ts'
import type { Prices } from '../money.ts'
import { isBudgeted } from '../options.ts'
import type { Settings } from '../settings.ts'
import { refuseOutstanding } from '../outstanding-batches.ts'
import { Random } from '../random.ts'
import { stoppedAsAsked } from '../run-stop.ts'
import { fileSource, needPlaces, type Source } from '../source.ts'
import { SpendRecord } from '../spend-record.ts'
import { Spending } from '../spending.ts'
import { Stats } from '../stats.ts'
import { type RunSummary, summarize } from '../summary.ts'
import { toAll, toldBefore } from '../telling.ts'
import { BatchApi } from './batch-api.ts'
import { Collected } from './collected.ts'
import { Intents } from './intents.ts'
import type { Lane } from './lane.ts'
import { judgeDeadline, livePartOf, openLane } from './live-part.ts'
import type { PackBounds } from './pack.ts'
import { type Planned, planSplit } from './planning.ts'
import { Round, type RoundEnd } from './round.ts'

/**
 * What the API takes in one batch: 100,000 requests and 256 MB (Message Batches reference); some
 * room is left for what counts besides.
 */
const packBounds: PackBounds = { rowsMax: 100_000, bytesMax: 250_000_000 }

/** What a run by batches is given. */
export interface BatchRunParts {
  readonly context: RunContext
  readonly settings: Settings
  readonly prices: Prices
  readonly observers: readonly Observer[]
  readonly signal: AbortSignal | undefined
  /** Only told to end: batches cannot be paused. */
  readonly control?: RunControl | undefined
}

/** How it went; rows that are left are for a live run to ask, unless it was stopped. */
export interface BatchRun {
  readonly summary: RunSummary
  readonly stats: Stats
  readonly observe: Observer
  /** Rows that had failed before, and are among those left, by their key. */
  readonly retriedLeft: Fingerprints
}

/** What a round and its files came to. */
interface Ended {
  readonly end: RoundEnd
  /** Rows whose lines were in hand and could not be written. */
  readonly unwritten: number
  readonly notInInput: number | null
  readonly output: string
  readonly failedOutput: string
  readonly lane?: Lane | undefined
}

/**
 * Runs it to its end, or to where it is stopped.
 *
 * @throws {RunError} when nothing was started
 */
export async function runBatches(parts: BatchRunParts): Promise<BatchRun> {
  const { context, settings, observers } = parts
  if (settings.overwrite) refuseOutstanding(context.files, settings.output, 'overwrite')
  await checkBefore(context, settings)
  const stats = new Stats()
  const estimator = new Estimator()
  let retried = new Fingerprints()
  let number = 1
  const observe = toAll([(event) => stats.observe(event), ...observers])
  const again = toldBefore(observe)
  const planned = settings.via === 'auto' ? await planSplit(parts, observe) : undefined
  for (;;) {
    const retriedLeft = new Fingerprints()
    const told = { observe: number === 1 ? observe : again, stats }
    const ended = await playRound({
      ...parts,
      ...told,
      planned,
      estimator,
      retried,
      retriedLeft,
      number,
    })
    const { stopping, leftovers, deferred, outstanding } = ended.end
    const mayGoOn = stopping === undefined && outstanding === 0 && ended.unwritten === 0
    const isAgain = deferred > 0 || (leftovers > 0 && settings.batchLeftovers === 'resubmit')
    if (!mayGoOn || !isAgain || settings.collectOnly) {
      if (planned !== undefined) judgeDeadline(parts, planned, isLast(ended.end), observe)
      const summary = summaryOf(parts, ended, { stats, estimator })
      return { summary, stats, observe, retriedLeft }
    }
    number += 1
    retried = retriedLeft
    const at = context.clock.now()
    const count = leftovers + deferred + ended.end.twins
    observe({ type: 'notice', at, message: `${leftovers + deferred} rows go into another batch` })
    observe({ type: 'rows_again', at, count })
  }
}

/** What is wrong with the input is told before anything is sent. */
async function checkBefore({ files }: RunContext, settings: Settings): Promise<void> {
  const source = fileSource(files, inputOf(settings))
  try {
    needPlaces(source, inputOf(settings), 'batches read rows of it again, by their place')
    if (settings.onInvalidRow === 'stop') await checkInput(source, settings)
  } finally {
    source.close()
  }
}

/** What a round is given. */
export interface RoundGiven extends BatchRunParts {
  readonly estimator: Estimator
  readonly retried: Fingerprints
  readonly retriedLeft: Fingerprints
  readonly observe: Observer
  readonly stats: Stats
  readonly number: number
  /** Of a run that chooses between batches and live requests. */
  readonly planned: Planned | undefined
}

async function playRound(given: RoundGiven): Promise<Ended> {
  const { context, settings, observe, number, signal, control } = given
  const { clock, files } = context
  const collected = new Collected()
  const overwrite = settings.overwrite && number === 1
  const listener = {
    blocked: (code: string | null) => round.hold('output', code),
    lost: (error: RunError) => round.stop(error),
  }
  const ledger = await Ledger.open(context, { ...settings, overwrite }, listener, collected)
  const { round, source, spending, lane, close } = join(given, ledger, { collected, ...listener })
  const inFlight = (): number => lane?.inFlight ?? 0
  const beat = new Beat({ clock, books: ledger, inFlight, failed: listener.lost })
  const interrupt = (): void => {
    round.stop(stoppedAsAsked('batches run on; run the same command again to collect them'))
  }
  const unheard = control?.listen(({ type }) => void (type === 'drain' && interrupt()))
  let isOver = false
  try {
    observe({
      type: 'run_started',
      at: clock.now(),
      wallAt: clock.wallTime(),
      input: inputOf(settings),
      output: ledger.output,
      failedOutput: ledger.failedOutput,
      inputBytes: files.stat(inputOf(settings))?.size ?? null,
      held: ledger.heldCounts,
      killedInFlight: ledger.killedInFlight,
    })
    if (signal?.aborted === true) interrupt()
    signal?.addEventListener('abort', interrupt)
    const ended = await finish(await round.run(), round, ledger, source)
    if (ended.unwritten === 0) round.countOut()
    spending?.tell(clock.now(), observe, true)
    isOver = isLast(ended.end)
    return { ...ended, lane }
  } finally {
    signal?.removeEventListener('abort', interrupt)
    unheard?.()
    beat.end()
    await close(isOver)
  }
}

/** Puts the files into their form, as far as they can be written. */
async function finish(end: RoundEnd, round: Round, ledger: Ledger, source: Source): Promise<Ended> {
  const { output, failedOutput } = ledger
  const isWritten = await round.written()
  const unwritten = isWritten ? 0 : round.unsettled
  const ended = { unwritten, notInInput: null, output, failedOutput }
  if (!isWritten) return { ...ended, end: { ...end, stopping: round.stopping } }
  try {
    const closing = { readAll: end.readAll, stopped: !isLast(end), source }
    const count = await ledger.finish(closing)
    return { ...ended, end, notInInput: count === null ? null : count + end.notInInput }
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    round.stop(error)
    return { ...ended, end: { ...end, stopping: round.stopping } }
  }
}

/** Nothing is left for a later round, or run. */
function isLast({ stopping, outstanding, leftovers, deferred }: RoundEnd): boolean {
  return stopping === undefined && outstanding + leftovers + deferred === 0
}

/** What a round is played with. */
interface Ends {
  readonly round: Round
  readonly source: Source
  readonly spending: Spending | undefined
  readonly lane: Lane | undefined
  /** Lets go of everything. */
  readonly close: (isOver: boolean) => Promise<void>
}

interface Joined {
  readonly collected: Collected
  readonly blocked: (code: string | null) => void
  readonly lost: (error: RunError) => void
}

/** Joins the parts of a round. Lets go of the files if it fails. */
function join(given: RoundGiven, ledger: Ledger, joined: Joined): Ends {
  try {
    return joinOpen(given, ledger, joined)
  } catch (error) {
    ledger.close()
    throw error
  }
}

function joinOpen(given: RoundGiven, ledger: Ledger, { collected, blocked, lost }: Joined): Ends {
  const { context, settings, prices, observe, estimator, retried, retriedLeft, number } = given
  const { clock, files } = context
  const calls = context.calls?.(settings)
  assert(calls !== undefined, 'A run by batches needs a way to call the API')
  const source = fileSource(files, inputOf(settings))
  const spending = spendingOf(given, ledger, { blocked, lost })
  const intents = new Intents(files, ledger.folder ?? '')
  const ending = new AbortController()
  const givenUp = new Promise<false>((resolve) => {
    ending.signal.addEventListener('abort', () => resolve(false))
  })
  const flushed = (): Promise<boolean> =>
    ledger.flush().then(
      () => true,
      () => false,
    )
  const lane = openLane(given, ledger, source, spending)
  const round = new Round({
    context,
    settings,
    source,
    books: ledger,
    prices,
    spending,
    observe,
    api: new BatchApi(calls, ending.signal, () => clock.wallTime()),
    intents,
    collected,
    estimator,
    random: new Random(context.seed()).fork(`batches ${clock.wallTime()} ${settings.seed}`),
    number,
    retried,
    retriedLeft,
    packBounds: context.packBounds ?? packBounds,
    live: livePartOf(given, lane?.lane),
    giveUp: () => ending.abort(),
    written: () => Promise.race([flushed(), givenUp]),
  })
  const close = async (isOver: boolean): Promise<void> => {
    round.close()
    ending.abort()
    source.close()
    await calls.close()
    await lane?.close(isOver)
    spending?.close(isOver)
    intents.close()
    if (isOver && ledger.folder !== undefined) forgetDeadline(files, ledger.folder)
    ledger.close()
  }
  return { round, source, spending, lane: lane?.lane, close }
}

function inputOf({ input }: Settings): string {
  assert(typeof input === 'string', 'A run by batches reads its input again')
  return input
}

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

function summaryOf(
  { context, settings }: BatchRunParts,
  { end, output, failedOutput, notInInput, unwritten, lane }: Ended,
  { stats, estimator }: { readonly stats: Stats; readonly estimator: Estimator },
): RunSummary {
  const deciding = {
    stopping: end.stopping ?? outstandingError(end) ?? leftError(settings, end),
    modelsGone: lane?.scheduler.modelsGone ?? new Map<string, RunError>(),
    estimator: lane?.scheduler.estimator ?? estimator,
    limiter: lane?.scheduler.limiter ?? { bounds: [] },
  }
  return summarize(deciding, unwritten, {
    input: inputOf(settings),
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

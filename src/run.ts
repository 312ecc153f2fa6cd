/**
 * `run`: a file of requests in, one answer for every request out. Read this file first.
 *
 *   source ─► plan ─► scheduler ⇄ limiter ─► transport ─► Outcome ─► ledger
 *   lines     rows    which, when             one try                files
 *
 * Here both ends are made and closed; what lies between is joined in pipeline.ts, and the loop
 * (loop.ts) does the running. `stream` (stream.ts) is the same between other ends: objects come in,
 * objects go out. What stops a run before anything was sent is thrown; what stops it later is in
 * the summary.
 */

import { runBatches } from './batches/run.ts'
import { type RunContext, systemContext } from './context.ts'
import type { RunControl } from './control.ts'
import { copyToTwins } from './copies.ts'
import { forgetDeadline } from './deadline.ts'
import { RunError } from './errors.ts'
import type { Observer, RunStarted } from './events.ts'
import { checkInput } from './input-check.ts'
import { Ledger } from './ledger.ts'
import type { Ending } from './ledger-files.ts'
import type { Loop } from './loop.ts'
import { loadPrices, type Prices } from './money.ts'
import { isBudgeted, readOptions } from './options.ts'
import type { RunOptions, Settings } from './settings.ts'
import { refuseOutstanding } from './outstanding-batches.ts'
import { pilotSource } from './pilot.ts'
import { type Before, join } from './pipeline.ts'
import { RampMemory } from './ramp-memory.ts'
import { stoppedAsAsked } from './run-stop.ts'
import { nameOf, type Source, sourceOf } from './source.ts'
import { SpendRecord, type SpendRecordOptions } from './spend-record.ts'
import { Spending } from './spending.ts'
import { Stats } from './stats.ts'
import { type RunSummary, summarize, withCopies } from './summary.ts'
import { toAll } from './telling.ts'

/** What a caller may hold on to while a run goes on. */
export interface RunHooks {
  /**
   * Aborting it starts nothing more; what is under way may finish within `graceMs`. @default none
   */
  readonly signal?: AbortSignal
  /** Told of everything, in order. One that throws is dropped. @default [] */
  readonly observers?: readonly Observer[]
  /** What is sent by it is done, while the run goes on. @default nothing is */
  readonly control?: RunControl
}

/**
 * Asks every row of the input that has no line in the output files yet, and says how it went.
 *
 * @throws {RunError} when nothing was started: unusable options, input or output, or another run
 * on it
 * @example
 * ```ts
 * const simulator = await startSimulator({ latencyMs: 0 })
 * const fs = process.getBuiltinModule('node:fs')
 * const folder = fs.mkdtempSync(`${process.getBuiltinModule('node:os').tmpdir()}/sluice-`)
 * const messages = [{ role: 'user', content: 'Hi' }]
 * const request = { model: 'claude-haiku-4-5', max_tokens: 10, messages }
 * fs.writeFileSync(`${folder}/in.jsonl`, JSON.stringify(request))
 * const options = { input: `${folder}/in.jsonl`, apiKey: 'any', baseUrl: simulator.url }
 * const { rows, output } = await run(options)
 * rows // => { selected: 1, succeeded: 1, failed: 0, left: 0 }
 * output.endsWith('in.results.jsonl') // => true
 * fs.rmSync(folder, { recursive: true })
 * await simulator.close()
 * ```
 */
export async function run(
  options: RunOptions,
  hooks: RunHooks = {},
  context: RunContext = systemContext(),
): Promise<RunSummary> {
  const settings = readOptions(options)
  if (!settings.dedupe) return runRows(settings, hooks, context)
  const { clock } = context
  const stats = new Stats()
  const observe = toAll([(event) => stats.observe(event), ...(hooks.observers ?? [])])
  const summary = await runRows(settings, { ...hooks, observers: [observe] }, context)
  const { twins } = summary.snapshot.rows
  const { input } = settings
  if (summary.stopped !== null || twins === 0 || typeof input !== 'string') return summary
  observe({ type: 'rows_again', at: clock.now(), count: twins })
  const parts = { context, settings: { ...settings, input }, observe, signal: hooks.signal }
  const stopped = await copyToTwins(parts)
  return withCopies(summary, stats.snapshot(clock.now()), stopped)
}

async function runRows(
  settings: Settings,
  hooks: RunHooks,
  context: RunContext,
): Promise<RunSummary> {
  const prices = loadPrices(settings.prices)
  if (settings.pilot !== undefined) {
    return runPilot({ settings, prices, hooks, context }, settings.pilot)
  }
  if (settings.via === 'live') {
    refuseOutstanding(context.files, settings.output, 'ask live the rows of')
    return runLive({ settings, prices, hooks, context })
  }
  const { observers = [], signal } = hooks
  const parts = { context, settings, prices, observers, signal }
  const { summary, stats, observe, retriedLeft } = await runBatches(parts)
  const { left } = summary.rows
  const { twins } = summary.snapshot.rows
  if (summary.stopped !== null || left === twins) return summary
  const at = context.clock.now()
  observe({ type: 'notice', at, message: `${left - twins} rows that batches left are asked live` })
  observe({ type: 'rows_again', at, count: left })
  // What failed in a batch was asked in this run, and is not asked again.
  const own = { via: 'live', overwrite: false, retryFailed: false } as const
  const before = { stats, observe, wasRetried: (key: string) => retriedLeft.get(key) > 0 }
  return runLive({ settings: { ...settings, ...own }, prices, hooks, context, before })
}

/** Asks a few rows, spread over the file; what else there is stays as it was. */
async function runPilot(live: LiveRun, rows: number): Promise<RunSummary> {
  const { settings, prices, hooks, context } = live
  refuseOutstanding(context.files, settings.output, 'ask live some of the rows of')
  const own = { prices, rows, signal: hooks.signal }
  const { source, count } = await pilotSource(context, settings, own)
  const few = { via: 'live', first: count } as const
  return runLive({ ...live, settings: { ...settings, ...few }, source })
}

/** A run, or the end of one: of rows that batches have left. */
interface LiveRun {
  readonly settings: Settings
  readonly prices: Prices
  readonly hooks: RunHooks
  readonly context: RunContext
  /** The part before, in which the rows were read. @default there was none */
  readonly before?: Before
  /** The rows. @default all of the input */
  readonly source?: Source
}

async function runLive(live: LiveRun): Promise<RunSummary> {
  const { settings, prices, hooks, context, before } = live
  const source = live.source ?? sourceOf(context.files, settings.input)
  if (settings.onInvalidRow === 'stop') await checkInput(source, settings)
  const { clock } = context
  const transport = context.transport(settings)
  const ledger = await Ledger.open(context, settings, {
    blocked: (code) => loop.hold(code),
    lost: (error) => loop.abandon(error),
  })
  const spending = openSpending(context, settings, prices, ledger, {
    onBlocked: (code) => loop.holdForRecord(code),
    onLost: (error) => loop.abandon(error),
  })
  const { observers = [] } = hooks
  const { folder } = ledger
  const ramps = folder === undefined ? undefined : new RampMemory(context.files, folder)
  const own = { source, books: ledger, transport, prices, spending, ramps }
  const ends = { ...own, observers, before }
  const { loop, scheduler, stats, observe, close } = join(context, settings, ends)
  observe({
    type: 'run_started',
    at: clock.now(),
    wallAt: clock.wallTime(),
    ...opening(context, settings, ledger),
  })
  if (ramps?.notice) observe({ type: 'notice', at: clock.now(), message: ramps.notice })
  const interrupt = (): void => loop.stop(stoppedAsAsked(), settings.graceMs)
  let isOver = false
  try {
    if (hooks.signal?.aborted === true) interrupt()
    hooks.signal?.addEventListener('abort', interrupt)
    await loop.run()
    const ending = { readAll: loop.readAll, stopped: scheduler.stopping !== undefined, source }
    const isWritten = await written(ledger, loop)
    const unwritten = isWritten ? 0 : loop.unsettled
    const notInInput = isWritten ? await finish(ledger, ending, loop) : null
    if (unwritten === 0) loop.countOut()
    spending?.tell(clock.now(), observe, true)
    isOver = loop.readAll && scheduler.stopping === undefined
    return summarize(scheduler, unwritten, {
      input: nameOf(settings.input),
      output: ledger.output,
      failedOutput: ledger.failedOutput,
      notInInput,
      snapshot: stats.snapshot(clock.now()),
    })
  } finally {
    hooks.signal?.removeEventListener('abort', interrupt)
    close()
    source.close()
    await transport.close()
    spending?.close(isOver)
    const isAll = isOver && settings.first === Number.MAX_SAFE_INTEGER
    ramps?.close(isAll)
    if (isAll && folder !== undefined) forgetDeadline(context.files, folder)
    ledger.close()
  }
}

/** What a budget needs beside the rows; undefined without one. Lets go of the files if it fails. */
function openSpending(
  context: RunContext,
  settings: Settings,
  prices: Prices,
  ledger: Ledger,
  listener: Pick<SpendRecordOptions, 'onBlocked' | 'onLost'>,
): Spending | undefined {
  if (!isBudgeted(settings)) return undefined
  const { files, clock } = context
  const { folder, heldCost, heldCounts } = ledger
  const { fsync } = settings
  try {
    const record =
      folder === undefined
        ? undefined
        : new SpendRecord({ files, clock, fsync, folder, ...listener })
    return new Spending({ context, settings, prices, record, heldCost, heldCounts })
  } catch (error) {
    ledger.close()
    throw error
  }
}

/** What there is to say before the first row is read. */
function opening(
  { files }: RunContext,
  settings: Settings,
  ledger: Ledger,
): Omit<RunStarted, 'type' | 'at' | 'wallAt'> {
  const { input, pilot } = settings
  // Of a part of the rows, what is read of the file says nothing.
  const isWhole = typeof input === 'string' && pilot === undefined
  return {
    input: nameOf(settings.input),
    output: ledger.output,
    failedOutput: ledger.failedOutput,
    inputBytes: isWhole ? (files.stat(input)?.size ?? null) : null,
    held: ledger.heldCounts,
    killedInFlight: ledger.killedInFlight,
  }
}

/**
 * Whether all that is in hand could be written. On a full disk that is waited for until the grace
 * is over; what only has to be synced is waited for in any case.
 */
function written(ledger: Ledger, loop: Loop): Promise<boolean> {
  const flushed = ledger.flush().then(
    () => true,
    () => false,
  )
  const given = loop.graceOver.then(() => (ledger.isBlocked ? false : flushed))
  return Promise.race([flushed, given])
}

/** What cannot be put into its final form any more stops the run, for another to do it. */
async function finish(ledger: Ledger, ending: Ending, loop: Loop): Promise<number | null> {
  try {
    return await ledger.finish(ending)
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    loop.abandon(error)
    return null
  }
}

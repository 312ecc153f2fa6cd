/**
 * `run`: a file of requests in, one answer for every request out. Read this file first.
 *
 *   source ─► plan ─► scheduler ⇄ limiter ─► transport ─► Outcome ─► ledger
 *   lines     rows    which, when             one try                files
 *
 * Here the parts are made, joined and closed; the loop (loop.ts) does the running. What stops a run
 * before anything was sent is thrown; what stops it later is in the summary.
 */

import { type RunContext, systemContext } from './context.ts'
import { RunError, exitCodes } from './errors.ts'
import type { Observer, RunEvent, RunStarted } from './events.ts'
import { checkInput } from './input-check.ts'
import { type Ending, Ledger } from './ledger.ts'
import { Loop } from './loop.ts'
import { loadPrices } from './money.ts'
import { parseOptionsOf, readOptions, type RunOptions, type Settings } from './options.ts'
import { Plan } from './plan.ts'
import { Random } from './random.ts'
import { Scheduler } from './scheduler.ts'
import { bounds } from './bounds.ts'
import { fileSource, type Source, streamSource } from './source.ts'
import { Stats } from './stats.ts'
import type { RunSummary, Stopped } from './summary.ts'

/** What a caller may hold on to while a run goes on. */
export interface RunHooks {
  /**
   * Aborting it starts nothing more; what is under way may finish within `graceMs`. @default none
   */
  readonly signal?: AbortSignal
  /** Told of everything, in order. One that throws is dropped. @default [] */
  readonly observers?: readonly Observer[]
}

/**
 * Asks every row of the input that has no line in the output files yet, and says how it went.
 *
 * @throws {RunError} when nothing was started: unusable options, input or output, or another run
 * on it
 */
export async function run(
  options: RunOptions,
  hooks: RunHooks = {},
  context: RunContext = systemContext(),
): Promise<RunSummary> {
  const settings = readOptions(options)
  const prices = loadPrices(settings.prices)
  const source = openSource(context, settings)
  if (settings.onInvalidRow === 'stop') await checkInput(source, settings)
  const { clock } = context
  const scheduler = makeScheduler(context, settings, source)
  const stats = new Stats()
  const observe = observers([(event) => stats.observe(event), ...(hooks.observers ?? [])])
  const ledger = await Ledger.open(context, settings, {
    blocked: (code) => loop.hold(code),
    lost: (error) => loop.lost(error),
  })
  const plan = new Plan(ledger, { ...parseOptionsOf(settings), retryFailed: settings.retryFailed })
  const transport = context.transport(settings)
  const parts = { context, settings, source, plan, scheduler, transport, ledger, prices, observe }
  const loop = new Loop(parts)
  observe({
    type: 'run_started',
    at: clock.now(),
    wallAt: clock.wallTime(),
    ...opening(context, settings, ledger),
  })
  const interrupt = (): void => {
    const hint = 'run the same command again to go on'
    loop.stop(new RunError('INTERRUPTED', 'Stopped as asked', { hint }), settings.graceMs)
  }
  try {
    if (hooks.signal?.aborted === true) interrupt()
    hooks.signal?.addEventListener('abort', interrupt)
    await loop.run()
    const ending = { readAll: loop.readAll, stopped: scheduler.stopping !== undefined, source }
    const isWritten = await written(ledger, loop)
    const unwritten = isWritten ? 0 : loop.unsettled
    const notInInput = isWritten ? await finish(ledger, ending, loop) : null
    if (unwritten === 0) loop.countOut()
    return summarize(scheduler, unwritten, {
      input: nameOf(settings),
      output: ledger.output,
      failedOutput: ledger.failedOutput,
      notInInput,
      snapshot: stats.snapshot(clock.now()),
    })
  } finally {
    hooks.signal?.removeEventListener('abort', interrupt)
    source.close()
    await transport.close()
    ledger.close()
  }
}

function openSource({ files }: RunContext, { input }: Settings): Source {
  return typeof input === 'string' ? fileSource(files, input) : streamSource(input)
}

function nameOf({ input }: Settings): string {
  return typeof input === 'string' ? input : '-'
}

/** What there is to say before the first row is read. */
function opening(
  { files }: RunContext,
  settings: Settings,
  ledger: Ledger,
): Omit<RunStarted, 'type' | 'at' | 'wallAt'> {
  const { input } = settings
  return {
    input: nameOf(settings),
    output: ledger.output,
    failedOutput: ledger.failedOutput,
    inputBytes: typeof input === 'string' ? (files.stat(input)?.size ?? null) : null,
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
    loop.lost(error)
    return null
  }
}

/** The disk stayed full until the grace was over, or failed in a run that was stopping already. */
function notWritten(rows: number, output: string): RunError {
  const answers = rows === 1 ? 'an answer' : `${rows} answers`
  const message = `Cannot write ${answers} to ${output}: the disk is full, or fails`
  const hint = 'make room, then run the same command again; those rows are asked again'
  return new RunError('OUTPUT_UNWRITABLE', message, { hint })
}

function makeScheduler(context: RunContext, settings: Settings, source: Source): Scheduler {
  const { maxRequestsPerMinute, maxInputTokensPerMinute, maxOutputTokensPerMinute } = settings
  const options = {
    ...settings,
    bounds: {
      requestsPerMinute: maxRequestsPerMinute,
      inputTokensPerMinute: maxInputTokensPerMinute,
      outputTokensPerMinute: maxOutputTokensPerMinute,
    },
    windowRowsMax: bounds.windowRowsMax,
    windowBytesMax: bounds.windowBytesMax,
    rereadable: source.reread !== undefined,
  }
  return new Scheduler(context.clock.now(), options, new Random(settings.seed ?? context.seed()))
}

/** All observers as one. One that throws is dropped: watching must not change what is watched. */
function observers(all: readonly Observer[]): Observer {
  const watching = new Set(all)
  return (event: RunEvent) => {
    for (const observer of watching) {
      try {
        observer(event)
      } catch (error) {
        watching.delete(observer)
        const message = `an observer failed and was dropped: ${String(error)}`
        for (const other of watching) other({ type: 'notice', at: event.at, message })
      }
    }
  }
}

/** `unwritten`: rows whose lines were in hand and could not be written. */
function summarize(
  scheduler: Scheduler,
  unwritten: number,
  closed: Pick<RunSummary, 'input' | 'output' | 'failedOutput' | 'notInInput' | 'snapshot'>,
): RunSummary {
  const { rows } = closed.snapshot
  const succeeded = rows.succeeded + rows.heldSucceeded
  const failed = rows.failed + rows.heldFailed
  const modelsGone = [...scheduler.modelsGone.values()].map(stoppedBy)
  const finished = failed > 0 ? exitCodes.someFailed : exitCodes.succeeded
  let error = scheduler.stopping ?? [...scheduler.modelsGone.values()][0]
  const isTold = error?.code.startsWith('OUTPUT_') || error?.code === 'LOCK_LOST'
  if (unwritten > 0 && !isTold) error = notWritten(unwritten, closed.output)
  return {
    ...closed,
    exitCode: error ? exitCodeOf(error) : finished,
    stopped: error ? stoppedBy(error) : null,
    modelsGone,
    rows: { selected: rows.read, succeeded, failed, left: rows.left + unwritten },
    estimateErrorPercent: scheduler.estimator.errorPercent(),
    boundExcess: Object.fromEntries(
      scheduler.limiter.bounds.map((meter) => [meter.name, Math.round(meter.worstExcess)]),
    ),
  }
}

/** Once something was sent, no error is one of usage. */
function exitCodeOf({ exitCode }: RunError): number {
  return exitCode === exitCodes.usage ? exitCodes.stopped : exitCode
}

function stoppedBy({ code, message, hint }: RunError): Stopped {
  return { code, message, hint: hint ?? null }
}

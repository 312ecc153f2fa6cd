/**
 * `sluice run`: the command around `run()`.
 *
 * It gathers what it is told, shows the run as it goes, listens to signals, and says at the
 * end what became of every row. Standard output carries data only: results, the `--json`
 * object, or nothing. Whatever happens, there is one exit code and one clear message.
 */

import { isatty } from 'node:tty'
import type { BudgetLine } from '../budget.ts'
import { type Clock, SystemClock } from '../clock.ts'
import { exitCodes, RunError } from '../errors.ts'
import { usdNumber } from '../money.ts'
import { NodeFiles } from '../files.ts'
import { readOptions } from '../options.ts'
import type { RunOptions } from '../settings.ts'
import { run } from '../run.ts'
import { errorJson, type RunSummary, summaryJson } from '../summary.ts'
import { version } from '../version.ts'
import { type Spellings, typedSpellings } from './bind-names.ts'
import type { CommandLine } from './command.ts'
import { RunControl } from '../control.ts'
import { Display, type DisplayOptions } from './display.ts'
import { dryRun } from './dry-run.ts'
import { FileSink, type Log, noLog, openLog } from './log.ts'
import { bugComplaint, type Complaint, complaintLines } from './messages.ts'
import { type Paint, painter } from './paint.ts'
import { type Redact, redactor } from './redact.ts'
import { decide, endedHere, type PilotVoice, tellForecast } from './pilot.ts'
import { programName, resumeCommand, sameApi, withBudget } from './resume.ts'
import { glyphsOf } from './glyphs.ts'
import { KeyDevice } from './key-device.ts'
import type { Layer } from './flag.ts'
import { runFlags } from './run-flags.ts'
import { type Face, readFace, readSecrets, setUpRun } from './run-setup.ts'
import { onSignals } from './signals.ts'
import { faultText, gather } from './sources.ts'
import { printData, stderrTakesColor } from './streams.ts'
import { lastLine, summaryLines } from './summary-text.ts'
import { Terminal } from './terminal.ts'
import { plural, pluralBatches } from '../figures.ts'
import { shownPath } from './text.ts'
import { noWatching, startWatching, type Watching } from './watching.ts'

/** What one command speaks with. */
interface Voice {
  readonly face: Face
  readonly redact: Redact
  readonly paint: Paint
  readonly terminal: Terminal
  readonly clock: Clock
  readonly log: Log
  readonly watching: Watching
  /** How the user wrote the flags of bounds. */
  readonly spellings: Spellings
  readonly asking: Manner['asking']
}

/** What another command that is a run at heart does otherwise. */
export interface Manner {
  /** What holds where nothing is given. @default what the options say */
  readonly defaults?: Layer
  /** How its flags are written that set a bound by default. @default by their long names */
  readonly spellings?: Spellings
  /** To be said before anything else, made of all that was given. */
  readonly notice?: (given: Layer) => string
  /** Called when everything is in order, before the run. */
  readonly prepare?: (options: RunOptions) => void
  /** The command that asks rows which this one never asks. @default it asks all */
  readonly asking?: readonly string[]
}

/** Runs the command; resolves to the exit code, with nothing left under way. */
export async function runCommand(line: CommandLine, manner: Manner = {}): Promise<number> {
  const { defaults } = manner
  const around = { folder: process.cwd(), variables: process.env, defaults }
  const layer = await gather(line, runFlags, around)
  if (line.values.get('dry-run')?.value === true) return dryRun(line, layer)
  const face = readFace(layer)
  const redact = redactor(readSecrets(layer))
  const terminal = new Terminal(process.stderr, redact)
  const paint = painter(takesColor(face))
  const spellings = { ...manner.spellings, ...typedSpellings(layer) }
  const quiet = { clock: new SystemClock(), log: noLog, watching: noWatching }
  const { asking } = manner
  let voice: Voice = { face, redact, paint, terminal, spellings, asking, ...quiet }
  try {
    const isAttended = process.stdin.isTTY || process.stderr.isTTY
    const setup = setUpRun(line, layer, { isAttended, stdin: process.stdin })
    voice = { ...voice, log: await startLog(voice) }
    voice = {
      ...voice,
      watching: await startWatching({
        clock: voice.clock,
        files: new NodeFiles(),
        layer,
        options: setup.options,
      }),
    }
    manner.prepare?.(setup.options)
    const own = manner.notice ? [manner.notice(layer)] : []
    const notices = [...own, ...setup.notices, ...voice.watching.notices]
    const { pilot, ...whole } = setup.options
    if (pilot === undefined) return await runToEnd(voice, whole, notices)
    const pilotVoice = { line, layer, terminal, paint, isQuiet: face.quiet }
    return await runPilot(voice, pilotVoice, { pilot, whole, notices })
  } catch (error) {
    return await fail(voice, error)
  } finally {
    voice.log.close()
    await voice.watching.close()
    await terminal.flushed()
  }
}

async function runToEnd(
  voice: Voice,
  options: RunOptions,
  notices: readonly string[],
): Promise<number> {
  return tellJson(voice, tellEnd(voice, await runWatched(voice, options, notices)))
}

/** A few rows first, then what the others come to, and whether they are to be asked. */
async function runPilot(
  voice: Voice,
  pilotVoice: PilotVoice,
  { pilot, whole, notices }: { pilot: number; whole: RunOptions; notices: readonly string[] },
): Promise<number> {
  await tellForecast(pilotVoice, whole)
  const summary = tellEnd(voice, await runWatched(voice, { ...whole, pilot }, notices))
  // What starts over has started.
  const rest = { ...whole, overwrite: false }
  if (summary.stopped !== null) return tellJson(voice, summary)
  const found = await tellForecast(pilotVoice, rest)
  if (!found.isWhole || found.rows.asked === 0) return tellJson(voice, summary)
  const decided = await decide(pilotVoice, found)
  if (decided === 'go on') return runToEnd(voice, rest, [])
  return tellJson(voice, endedHere(summary, decided))
}

/** The run itself, seen, logged and stoppable. */
async function runWatched(
  voice: Voice,
  options: RunOptions,
  notices: readonly string[],
): Promise<RunSummary> {
  const { face, terminal, paint, clock, log, watching } = voice
  const { graceMs, limitFraction: fraction } = readOptions(options)
  const kind = displayKind(face, options)
  const bounds = shownBounds(options)
  const { spellings } = voice
  const folder = process.cwd()
  const glyphs = glyphsOf(process.env, process.platform)
  const { maxConcurrency } = options
  const shown = {
    glyphs,
    bounds,
    spellings,
    fraction,
    maxConcurrency,
    folder,
    redact: voice.redact,
  }
  const display = new Display({ clock, terminal, paint, kind, ...shown })
  const stop = new AbortController()
  const offSignals = onSignals(clock, process, {
    first: () => {
      display.interrupted(graceMs)
      stop.abort()
    },
    again: () => exitNow(display, exitCodes.interrupted),
  })
  const control = new RunControl()
  const keys =
    kind === 'live' && takesKeys(face, options) ? keysFor(voice, display, control) : undefined
  const crash = async (error: unknown): Promise<void> => {
    display.end()
    await fail(voice, error)
    exitNow(display, exitCodes.bug)
  }
  const crashed = (error: unknown): void => void crash(error)
  process.on('uncaughtException', crashed)
  for (const notice of notices) display.note(notice)
  log.say('info', { event: 'start', version, pid: process.pid }, 'sluice run')
  let isOver = false
  try {
    const shows = [display, log].map((each) => each.observe.bind(each))
    const observers = [...shows, ...watching.observers]
    const running = run(options, { signal: stop.signal, observers, control })
    // Only now: nothing that is for the eye stands in the way of the first request.
    if (kind === 'live') terminal.goLive()
    keys?.start()
    const summary = await running
    isOver = true
    for (const said of await watching.ended(summary)) display.note(said)
    return summary
  } finally {
    keys?.end()
    if (!isOver) await watching.ended()
    display.end()
    offSignals()
    process.off('uncaughtException', crashed)
  }
}

function keysFor({ clock }: Voice, display: Display, control: RunControl): KeyDevice {
  return new KeyDevice(clock, {
    pressed: (key) => {
      const command = display.commandFor(key)
      if (command !== undefined) control.send(command)
    },
    listens: (isListening) => display.listens(isListening),
    leaves: () => display.hide(),
  })
}

/** What is typed may be the rows themselves. */
function takesKeys({ keys }: Face, { input }: RunOptions): boolean {
  return keys && (typeof input === 'string' || !process.stdin.isTTY)
}

function exitNow(display: Display, exitCode: number): never {
  display.end()
  process.exit(exitCode)
}

function takesColor({ color }: Face): boolean {
  if (color !== 'auto') return color === 'always'
  return stderrTakesColor()
}

function displayKind(face: Face, { output }: RunOptions): DisplayOptions['kind'] {
  if (face.quiet) return 'silent'
  if (!face.progress) return 'messages'
  const { CI, TERM } = process.env
  const isCi = CI !== undefined && !['', '0', 'false'].includes(CI)
  // Results that scroll through the same terminal would tear a block apart.
  const isShared = output === '-' && isatty(1)
  return process.stderr.isTTY && TERM !== 'dumb' && !isCi && !isShared ? 'live' : 'lines'
}

function shownBounds(options: RunOptions): DisplayOptions['bounds'] {
  return {
    requests: options.maxRequestsPerMinute,
    input: options.maxInputTokensPerMinute,
    output: options.maxOutputTokensPerMinute,
  }
}

async function startLog({ face, redact, terminal }: Voice): Promise<Log> {
  const { logFile } = face
  const level = face.logLevel ?? (logFile === undefined ? 'off' : 'info')
  if (level === 'off') return noLog
  if (logFile === undefined) {
    // Above the block, if there is one.
    return openLog(level, { write: (line) => terminal.print([line.trimEnd()]) }, redact)
  }
  try {
    const sink = new FileSink(logFile, (error) => {
      terminal.print([
        `note: the log ends here, as ${logFile} cannot be written: ${faultText(error)}`,
      ])
    })
    return await openLog(level, sink, redact)
  } catch (error) {
    const message = `Cannot start: --log-file cannot be written to ${logFile}: ${faultText(error)}`
    throw new RunError('OPTIONS_INVALID', message, { cause: error })
  }
}

/** Says how the run went. */
function tellEnd(voice: Voice, summary: RunSummary): RunSummary {
  const { face, terminal, paint, log } = voice
  const { exitCode, rows } = summary
  log.say('info', { event: 'end', exit_code: exitCode, rows }, lastLine(summary, painter(false)))
  const seen = asSeenFrom(process.cwd(), summary)
  const complaints = complaintsOf(summary).flatMap((each) => complaintLines(each, paint))
  if (face.quiet) {
    terminal.print(complaints)
    if (exitCode === exitCodes.someFailed) terminal.print([lastLine(seen, paint)])
  } else {
    const ending = [...complaints, ...resumeLines(voice, seen)]
    const parts = [summaryLines(seen, paint, voice.spellings), ending, [lastLine(seen, paint)]]
    // A blank line between parts that are there.
    terminal.print(parts.filter((part) => part.length > 0).flatMap((part) => ['', ...part]))
  }
  return summary
}

/** The one object on standard output, where it is asked for; the exit code. */
async function tellJson({ face, redact }: Voice, summary: RunSummary): Promise<number> {
  if (face.json) await printData(redact(summaryJson(summary)))
  return summary.exitCode
}

function asSeenFrom(folder: string, summary: RunSummary): RunSummary {
  const output = shownPath(summary.output, folder)
  return { ...summary, output, failedOutput: shownPath(summary.failedOutput, folder) }
}

/** Whether the user asked for this end: that is no error. */
function isAsked({ stopped, snapshot }: RunSummary): boolean {
  if (stopped?.code === 'INTERRUPTED' || stopped?.code === 'ROWS_LEFT') return true
  // A batch that cannot be found stops a run as well, by the same code.
  return isDetached({ stopped, snapshot })
}

function isDetached({ stopped, snapshot }: Pick<RunSummary, 'stopped' | 'snapshot'>): boolean {
  return stopped?.code === 'BATCHES_OUTSTANDING' && snapshot.stopping === null
}

/** What stopped the run, and models that do not exist. */
function complaintsOf(summary: RunSummary): readonly Complaint[] {
  const { stopped, modelsGone } = summary
  const all = stopped === null || isAsked(summary) ? [] : [stopped]
  const further = modelsGone.filter(({ message }) => message !== stopped?.message)
  return [...all, ...further]
}

function resumeLines({ paint, asking }: Voice, summary: RunSummary): readonly string[] {
  const { stopped, output } = summary
  if (stopped === null || output === '-') return []
  const shown = (args: readonly string[]): string => {
    const program = programName(process.argv[1], process.env)
    return paint('strong', resumeCommand(program, args, process.platform))
  }
  const typed = process.argv.slice(2)
  if (stopped.code === 'ROWS_LEFT' && asking !== undefined) {
    const left = plural(summary.rows.left, 'row')
    return [
      `${left} without an answer; to ask what is left:`,
      `  ${shown([...asking, ...sameApi(typed)])}`,
    ]
  }
  if (isDetached(summary)) {
    const collecting = typed.filter((word) => word !== '--detach')
    const status = shown(['batches', 'status', output, ...sameApi(typed)])
    // One whose creation was not answered is not counted yet.
    const isCounted = summary.snapshot.batches.outstanding > 0
    const going = isCounted ? goingText(summary) : stopped.message
    const lines = [`${going}; to collect:`, `  ${shown(collecting)}`]
    return [...lines, 'to see whether they have ended:', `  ${status}`]
  }
  const args = raisedBudget(typed, summary)
  const input = args.includes('-') ? ', with the same input' : ''
  const reason = stopped.code === 'INTERRUPTED' ? 'stopped as asked; ' : ''
  const going = summary.snapshot.batches.outstanding > 0 ? `${goingText(summary)}; ` : ''
  return [`${reason}${going}to go on${input}:`, `  ${shown(args)}`]
}

function goingText({ snapshot: { batches } }: RunSummary): string {
  const { outstanding, rows } = batches
  const run = outstanding === 1 ? 'runs' : 'run'
  return `${pluralBatches(outstanding)} with ${plural(rows, 'row')} ${run} on at the API`
}

function twice({ limit, spent, unknown }: BudgetLine): number {
  return 2 * Math.max(limit, spent + unknown)
}

/** Where a budget is used up, the same command would stop again at once. */
function raisedBudget(args: readonly string[], summary: RunSummary): readonly string[] {
  const { budget } = summary.snapshot
  if (summary.stopped?.code !== 'BUDGET_REACHED' || budget === null) return args
  const isTokens = summary.stopped.hint?.includes('--max-total-tokens') === true
  if (isTokens && budget.tokens) {
    return withBudget(args, '--max-total-tokens', String(twice(budget.tokens)))
  }
  return budget.usd ? withBudget(args, '--max-budget-usd', usdNumber(twice(budget.usd))) : args
}

/** Says why nothing was run, or that sluice is broken; the exit code. */
async function fail(voice: Voice, error: unknown): Promise<number> {
  const { face, terminal, paint, log } = voice
  const complaint = complaintOf(error, face.logFile)
  const exitCode = error instanceof RunError ? error.exitCode : exitCodes.bug
  const stack = error instanceof Error ? error.stack : undefined
  log.say('fatal', { event: 'failed', code: complaint.code, stack }, complaint.message)
  terminal.print(complaintLines(complaint, paint))
  const { code, message, hint = null } = complaint
  if (face.json) await printData(voice.redact(errorJson(exitCode, { code, message, hint })))
  return exitCode
}

function complaintOf(error: unknown, logFile: string | undefined): Complaint {
  if (!(error instanceof RunError)) return bugComplaint(error, logFile)
  return { code: error.code, message: error.message, hint: error.hint }
}

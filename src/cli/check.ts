/**
 * `sluice check`: what the API would refuse of a file, before anything is sent.
 *
 * Standard output carries what was found, as text or as one object; standard error how far it has
 * come. With `--online` the Models API is asked after models that no table has, and nothing else.
 */

import { type ModelRequest, readModelKnown } from '../admin.ts'
import { check, type CheckProgress } from '../check.ts'
import { type CheckOptions, checkOptionFaults } from '../check-options.ts'
import { checkErrorJson, checkJson, type CheckReport } from '../check-report.ts'
import { type Cancel, type Clock, SystemClock } from '../clock.ts'
import { exitCodes, RunError } from '../errors.ts'
import { NodeFiles } from '../files.ts'
import { optionFaults } from '../options.ts'
import { checkSurroundings } from './check-flags.ts'
import { checkLines, checkProgressLine } from './check-text.ts'
import type { CommandLine } from './command.ts'
import type { Layer } from './flag.ts'
import { complaintLines } from './messages.ts'
import { painter } from './paint.ts'
import { redactor } from './redact.ts'
import { quote } from './resume.ts'
import {
  credentialsOf,
  faultsMessage,
  headersOf,
  readFace,
  readPrices,
  readSecrets,
  textIn,
} from './run-setup.ts'
import { onSignals } from './signals.ts'
import { gather } from './sources.ts'
import { printData, stderrTakesColor } from './streams.ts'
import { targetFault, targetNotice } from './target.ts'
import { Terminal } from './terminal.ts'
import { shownPath } from './text.ts'

const columnsDefault = 80
const showEveryMs = 200
const modelAnswerMsMax = 30_000

/** Checks a file; resolves to the exit code. */
export async function checkCommand(line: CommandLine): Promise<number> {
  const around = { folder: process.cwd(), variables: process.env }
  const layer = await gather(line, checkSurroundings, around)
  const isJson = line.values.get('json')?.value === true
  const redact = redactor(readSecrets(layer))
  const terminal = new Terminal(process.stderr, redact)
  try {
    const options = setUp(line, layer)
    const report = await watched(options, line, layer, terminal)
    const exitCode = exitCodeOf(report)
    const lines = isJson ? [checkJson(exitCode, report)] : checkLines(report, sheet(line, layer))
    await printData(redact(lines.join('\n')))
    return exitCode
  } catch (error) {
    terminal.rest()
    if (!(error instanceof RunError)) throw error
    terminal.print(complaintLines(error, painter(stderrTakesColor())))
    const { exitCode, code, message, hint = null } = error
    if (isJson) await printData(redact(checkErrorJson(exitCode, { code, message, hint })))
    return exitCode
  } finally {
    await terminal.flushed()
  }
}

function exitCodeOf({ isWhole, faults }: CheckReport): number {
  if (!isWhole) return exitCodes.stopped
  return faults > 0 ? exitCodes.someFailed : exitCodes.succeeded
}

function sheet(line: CommandLine, layer: Layer): Parameters<typeof checkLines>[1] {
  const { stdout } = process
  const { color } = readFace(layer)
  const takesColor = color === 'auto' ? stdout.isTTY && stdout.hasColors() : color === 'always'
  return {
    columns: stdout.isTTY && stdout.columns > 0 ? stdout.columns : columnsDefault,
    paint: painter(takesColor),
    name: nameIn(line),
    runFlags: runFlagsIn(line),
  }
}

/** The input as it would be typed. */
function nameIn({ argument = '' }: CommandLine): string {
  return quote(shownPath(argument, process.cwd()), process.platform)
}

/** Of what was given on the command line, that on which it depends what is refused. */
function runFlagsIn({ values }: CommandLine): string {
  return ['model', 'anthropic-version', 'beta', 'first']
    .flatMap((flag) => {
      const value: unknown = values.get(flag)?.value
      const texts: readonly unknown[] = Array.isArray(value) ? value : [value]
      return texts
        .filter((text) => typeof text === 'string' || typeof text === 'number')
        .map((text) => ` --${flag} ${quote(String(text), process.platform)}`)
    })
    .join('')
}

/** Throws `RunError` with everything that is wrong. */
function setUp(line: CommandLine, layer: Layer): CheckOptions {
  const { argument, values: flags } = line
  const { values } = layer
  const options: CheckOptions = {
    input: argument === '-' ? process.stdin : (argument ?? ''),
    ...given(values, 'model', 'model'),
    ...given(values, 'anthropic-version', 'anthropicVersion'),
    ...given(values, 'beta', 'betas'),
    ...given(values, 'first', 'first'),
    ...given(flags, 'show', 'show'),
    ...given(flags, 'via', 'via'),
    ...given(flags, 'prefixes', 'prefixes'),
  }
  const faults = [...layer.faults]
  for (const { option, text } of checkOptionFaults(options)) {
    // A missing INPUT was told already, by its name.
    if (option !== 'input' || argument !== undefined) faults.push(`--${option} ${text}`)
  }
  if (flags.get('online')?.value === true) faults.push(...onlineFaults(layer))
  if (faults.length > 0) throw new RunError('OPTIONS_INVALID', faultsMessage(faults))
  const prices = textIn(values, 'prices')
  return prices === undefined ? options : { ...options, prices: readPrices(prices) }
}

function given(values: Layer['values'], name: string, option: string): Record<string, unknown> {
  const value = values.get(name)?.value
  return value === undefined ? {} : { [option]: value }
}

/** What keeps the Models API from being asked. */
function onlineFaults({ values }: Layer): readonly string[] {
  const credentials = credentialsOf(values)
  if (credentials.length === 0) return ['--online needs a key: ANTHROPIC_API_KEY is not set']
  const baseUrl = textIn(values, 'base-url')
  const urlFaults =
    baseUrl === undefined ? [] : optionFaults({ input: '-', output: '-', apiKey: 'k', baseUrl })
  const strange = targetFault(values.get('base-url'), credentials)
  return [
    ...urlFaults.map(({ text }) => `--base-url ${text}`),
    ...(strange === undefined ? [] : [strange]),
  ]
}

/** The check itself, seen and stoppable. */
async function watched(
  options: CheckOptions,
  line: CommandLine,
  layer: Layer,
  terminal: Terminal,
): Promise<CheckReport> {
  const { argument, values: flags } = line
  const clock = new SystemClock()
  const files = new NodeFiles()
  const stop = new AbortController()
  const offSignals = onSignals(clock, process, {
    first: () => {
      stop.abort()
      // Nobody may feed it any more; a file is read on by itself.
      if (argument === '-') process.stdin.destroy()
    },
    again: () => process.exit(exitCodes.interrupted),
  })
  const paint = painter(stderrTakesColor())
  const name = nameIn(line)
  const { input } = options
  const size = typeof input === 'string' ? files.stat(input)?.size : undefined
  let latest: CheckProgress = { rows: 0, bytes: 0, faults: 0, warnings: 0 }
  let cancel: Cancel | undefined
  const show = (): void => {
    // The last column is left free: some terminals wrap as soon as it is written to.
    const columns = terminal.columns - 1
    terminal.show([checkProgressLine(latest, { columns, paint, name, size })])
    cancel = clock.after(showEveryMs, show)
  }
  if (isLive(layer)) {
    await terminal.goLive()
    cancel = clock.after(showEveryMs, show)
  }
  const isOnline = flags.get('online')?.value === true
  if (isOnline) {
    const notice = targetNotice(layer.values.get('base-url'))
    if (notice !== undefined) terminal.print([`note: ${notice}`])
  }
  try {
    const hooks = {
      signal: stop.signal,
      progress: (progress: CheckProgress): void => void (latest = progress),
      ...(isOnline && { knowsModel: modelAsker(layer, clock, stop.signal) }),
    }
    return await check(options, hooks, { files, clock })
  } finally {
    cancel?.()
    offSignals()
    terminal.rest()
  }
}

function isLive(layer: Layer): boolean {
  const { quiet, progress } = readFace(layer)
  const { CI, TERM } = process.env
  const isCi = CI !== undefined && !['', '0', 'false'].includes(CI)
  return process.stderr.isTTY && TERM !== 'dumb' && !isCi && !quiet && progress
}

function modelAsker(
  layer: Layer,
  clock: Clock,
  signal: AbortSignal,
): (model: string) => Promise<boolean> {
  const { values, headers } = layer
  const version = textIn(values, 'anthropic-version') ?? '2023-06-01'
  const [credential] = credentialsOf(values)
  const asked: Omit<ModelRequest, 'model' | 'signal'> = {
    baseUrl: textIn(values, 'base-url') ?? 'https://api.anthropic.com',
    key: String(credential?.value),
    isToken: credential?.name === 'auth-token',
    version,
    headers: headersOf(headers),
    userAgent: 'sluice',
    environment: process.env,
  }
  return async (model) => {
    const late = new AbortController()
    const reason = new Error('no answer came in time')
    const cancel = clock.after(modelAnswerMsMax, () => late.abort(reason))
    try {
      const either = AbortSignal.any([signal, late.signal])
      return await readModelKnown({ ...asked, model, signal: either })
    } finally {
      cancel()
    }
  }
}

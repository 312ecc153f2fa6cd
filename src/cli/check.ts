/**
 * `sluice check`: what the API would refuse of a file, before anything is sent.
 *
 * Standard output carries what was found, as text or as one object; standard error how far it has
 * come. With `--online` the Models API is asked after models that no table has, and nothing else.
 */

import { readModelKnown } from '../admin.ts'
import { check, type CheckProgress } from '../check.ts'
import { type CheckOptions, checkOptionFaults } from '../check-options.ts'
import { checkErrorJson, checkJson, type CheckReport } from '../check-report.ts'
import { type Clock, inTime } from '../clock.ts'
import { exitCodes, RunError } from '../errors.ts'
import { answered } from './answered.ts'
import { askedOf, askFaults } from './asked.ts'
import { checkSurroundings } from './check-flags.ts'
import { checkLines, checkProgressLine } from './check-text.ts'
import type { CommandLine } from './command.ts'
import type { Layer } from './flag.ts'
import { faultsMessage, readPrices, textIn } from './run-setup.ts'
import { gather } from './sources.ts'
import { targetNotice } from './target.ts'
import type { Terminal } from './terminal.ts'
import { outputSheet, watched } from './watched.ts'

const modelAnswerMsMax = 30_000

/** Checks a file; resolves to the exit code. */
export async function checkCommand(line: CommandLine): Promise<number> {
  const around = { folder: process.cwd(), variables: process.env }
  const layer = await gather(line, checkSurroundings, around)
  const isJson = line.values.get('json')?.value === true
  return answered(layer, isJson ? checkErrorJson : undefined, async (terminal) => {
    const report = await checked(setUp(line, layer), line, layer, terminal)
    const exitCode = exitCodeOf(report)
    const lines = isJson
      ? [checkJson(exitCode, report)]
      : checkLines(report, outputSheet(line, layer, runFlagNames))
    return { exitCode, lines }
  })
}

function exitCodeOf({ isWhole, faults }: CheckReport): number {
  if (!isWhole) return exitCodes.stopped
  return faults > 0 ? exitCodes.someFailed : exitCodes.succeeded
}

/** Of what was given on the command line, that on which it depends what is refused. */
const runFlagNames = ['model', 'anthropic-version', 'beta', 'first']

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
  if (flags.get('online')?.value === true) faults.push(...askFaults(layer, '--online'))
  if (faults.length > 0) throw new RunError('OPTIONS_INVALID', faultsMessage(faults))
  const prices = textIn(values, 'prices')
  return prices === undefined ? options : { ...options, prices: readPrices(prices) }
}

function given(values: Layer['values'], name: string, option: string): Record<string, unknown> {
  const value = values.get(name)?.value
  return value === undefined ? {} : { [option]: value }
}

/** The check itself, seen and stoppable. */
function checked(
  options: CheckOptions,
  line: CommandLine,
  layer: Layer,
  terminal: Terminal,
): Promise<CheckReport> {
  const start: CheckProgress = { rows: 0, bytes: 0, faults: 0, warnings: 0 }
  const isOnline = line.values.get('online')?.value === true
  if (isOnline) {
    const notice = targetNotice(layer.values.get('base-url'))
    if (notice !== undefined) terminal.print([`note: ${notice}`])
  }
  return watched({ line, layer, terminal, start, show: checkProgressLine }, (watch) => {
    const { clock, files, signal, progress } = watch
    const hooks = {
      signal,
      progress,
      ...(isOnline && { knowsModel: modelAsker(layer, clock, signal) }),
    }
    return check(options, hooks, { files, clock })
  })
}

function modelAsker(
  layer: Layer,
  clock: Clock,
  signal: AbortSignal,
): (model: string) => Promise<boolean> {
  const asked = askedOf(layer)
  return (model) =>
    inTime(clock, modelAnswerMsMax, signal, (ending) =>
      readModelKnown({ ...asked, model, signal: ending }),
    )
}

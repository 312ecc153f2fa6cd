/**
 * `sluice batches collect`: the run that has submitted batches, once more, asking nothing new.
 *
 * Where the input is stands in the records of the batches; rows that no batch has, or did not
 * answer, are left for `sluice run`.
 */

import { systemContext } from '../context.ts'
import { exitCodes, RunError } from '../errors.ts'
import { errorJson } from '../summary.ts'
import { inputOf, intentsOf, type Outstanding } from './batches-records.ts'
import type { CommandLine } from './command.ts'
import { type Given, LayerBuilder } from './flag.ts'
import { complaintLines } from './messages.ts'
import { painter } from './paint.ts'
import { runCommand } from './run.ts'
import { printData, printMessage, stderrTakesColor } from './streams.ts'
import { shownPath } from './text.ts'

/** Collects; resolves to the exit code. */
export async function collectCommand(line: CommandLine): Promise<number> {
  const isJson = line.values.get('json')?.value === true
  let found: Outstanding | undefined
  try {
    if (line.argument !== undefined) found = find(line.argument)
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    printMessage(complaintLines(error, painter(stderrTakesColor())))
    const { exitCode, code, message, hint = null } = error
    if (isJson) await printData(errorJson(exitCode, { code, message, hint }))
    return exitCode
  }
  if (found?.intents.length === 0 && line.faults.length === 0) {
    const isQuiet = line.values.get('quiet')?.value === true
    const output = shownPath(found.results, process.cwd())
    if (!isQuiet)
      printMessage([`no batch of ${output} is outstanding: there is nothing to collect`])
    if (isJson) await printData(errorJson(exitCodes.succeeded, null))
    return exitCodes.succeeded
  }
  const input = inputOf(found?.intents ?? [])
  const output = line.argument ?? ''
  const asking = ['run', input, '-o', output, '--via', 'batches']
  const argument = line.argument === undefined ? undefined : input
  return runCommand({ ...line, argument, values: collecting(line, output) }, { asking })
}

/** @throws {RunError} when there are no such results, or the input is not where it was */
function find(argument: string): Outstanding {
  const { files } = systemContext()
  const found = intentsOf(files, argument)
  const input = inputOf(found.intents)
  if (found.intents.length === 0 || files.stat(input) !== undefined) return found
  const message = `Cannot read ${input}, which these batches were made of: it is not there`
  const hint = 'run this in the folder of that run: the path is kept as it was typed'
  throw new RunError('INPUT_UNREADABLE', message, { hint })
}

/** The flags of the run that this is. */
function collecting({ values }: CommandLine, output: string): ReadonlyMap<string, Given> {
  const own = new LayerBuilder('flag')
  own.set('output', output, 'RESULTS')
  own.set('via', 'batches', 'collect')
  own.set('collect-only', true, 'collect')
  return new Map([...values, ...own.values])
}

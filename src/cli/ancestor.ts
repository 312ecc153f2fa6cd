/**
 * A command line of the Python script, run as `sluice run` with the script's names, defaults and
 * output lines.
 */

import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { RunOptions } from '../settings.ts'
import { ancestorDefaults, ancestorNotice, ancestorSpellings } from './ancestor-flags.ts'
import type { CommandLine } from './command.ts'
import { runCommand } from './run.ts'

/** Runs it; resolves to the exit code. */
export async function ancestorCommand(line: CommandLine): Promise<number> {
  const input = line.values.get('input')?.value
  const argument = typeof input === 'string' ? input : undefined
  const values = new Map([...line.values].filter(([name]) => name !== 'input'))
  const manner = {
    defaults: ancestorDefaults(argument),
    spellings: ancestorSpellings,
    notice: ancestorNotice,
    prepare: makeOutputFolder,
  }
  return runCommand({ ...line, values, argument }, manner)
}

/** The script's examples write into a folder that is not there at first. */
function makeOutputFolder({ output }: RunOptions): void {
  if (output !== undefined && output !== '-') mkdirSync(path.dirname(output), { recursive: true })
}

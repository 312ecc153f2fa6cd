/**
 * `sluice run --dry-run`: the table of `sluice estimate` for the very rows that this run would ask,
 * with its own flags. Nothing is sent, no lock is taken, and no file is changed.
 */

import type { CommandLine } from './command.ts'
import { answeredForecast, foreseen } from './estimate.ts'
import type { Layer } from './flag.ts'
import { readFace, setUpRun } from './run-setup.ts'
import { outputSheet } from './watched.ts'

/** Resolves to the exit code. No key is needed, and no question asked. */
export function dryRun(line: CommandLine, layer: Layer): Promise<number> {
  return answeredForecast(layer, readFace(layer).json, async (terminal) => {
    const around = { isAttended: true, stdin: process.stdin, needsKey: false }
    const { options } = setUpRun(line, layer, around)
    const found = await foreseen(options, line, layer, { terminal })
    return { found, sheet: { ...outputSheet(line, layer, []), of: 'dry run' as const } }
  })
}

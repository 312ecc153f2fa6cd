/**
 * The frame of commands that read a file and answer on standard output: what was found, or why
 * that could not be, is one text or one object, and the exit code says which.
 */

import { RunError } from '../errors.ts'
import type { Stopped } from '../summary.ts'
import type { Layer } from './flag.ts'
import { complaintLines } from './messages.ts'
import { painter } from './paint.ts'
import { redactor } from './redact.ts'
import { readSecrets } from './run-setup.ts'
import { printData, stderrTakesColor } from './streams.ts'
import { Terminal } from './terminal.ts'

/** What was found. */
export interface Answer {
  readonly exitCode: number
  /** For standard output: lines for people, or the object. */
  readonly lines: readonly string[]
}

/** Shows what `work` finds, or why it could not; the exit code. */
export async function answered(
  layer: Layer,
  errorJson: ((exitCode: number, stopped: Stopped) => string) | undefined,
  work: (terminal: Terminal) => Promise<Answer>,
): Promise<number> {
  const redact = redactor(readSecrets(layer))
  const terminal = new Terminal(process.stderr, redact)
  try {
    const { exitCode, lines } = await work(terminal)
    await printData(redact(lines.join('\n')))
    return exitCode
  } catch (error) {
    terminal.rest()
    if (!(error instanceof RunError)) throw error
    terminal.print(complaintLines(error, painter(stderrTakesColor())))
    const { exitCode, code, message, hint = null } = error
    if (errorJson !== undefined) {
      await printData(redact(errorJson(exitCode, { code, message, hint })))
    }
    return exitCode
  } finally {
    await terminal.flushed()
  }
}

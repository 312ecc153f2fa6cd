/**
 * Names and ends of a run's files: what the books (ledger.ts) need besides lines.
 */

import type { RunContext } from './context.ts'
import { RunError } from './errors.ts'
import { systemErrorCode } from './files.ts'
import type { Settings } from './settings.ts'
import type { Source } from './source.ts'

/**
 * Told when the output cannot be written (`ENOSPC`…; null: it can again), and when it never will.
 */
export interface LedgerListener {
  blocked(code: string | null): void
  lost(error: RunError): void
}

/** How the run ended, as far as the files are concerned. */
export interface Ending {
  /** All rows of the input, or the first ones asked for, were read and settled or left. */
  readonly readAll: boolean
  /** The run was stopped; a later one goes on. */
  readonly stopped: boolean
  /** To read the keys of an input again whose answers must be put in order. */
  readonly source: Source
}

/** The output that is no file. */
export const standardOutput = '-'

/** Whether failures stand among the answers. */
export function isOneFile({
  output,
  outputFormat,
}: Pick<Settings, 'output' | 'outputFormat'>): boolean {
  return output === standardOutput || outputFormat === 'tuple'
}

/** The path without links. @throws {RunError} `OUTPUT_UNWRITABLE` */
export function realPath({ files }: RunContext, output: string): string {
  try {
    return files.realPath(output)
  } catch (error) {
    throw unwritable(output, error)
  }
}

/** Why an output cannot be written, as an error for the user. */
export function unwritable(output: string, error: unknown): RunError {
  if (error instanceof RunError) return error
  const reason = error instanceof Error ? error.message : String(error)
  const place = output === standardOutput ? 'standard output' : output
  if (systemErrorCode(error) === 'EPIPE') {
    const message = `Cannot write ${place}: whoever read it has closed it`
    const hint = 'give -o FILE for a run that can be resumed'
    return new RunError('OUTPUT_CLOSED', message, { hint, cause: error })
  }
  return new RunError('OUTPUT_UNWRITABLE', `Cannot write ${place}: ${reason}`, {
    hint: 'make room or choose another -o, then run the same command again',
    cause: error,
  })
}

/**
 * How errors are put on a terminal.
 *
 *   error[LINE_INVALID]: Cannot read requests.jsonl line 4182: "max_tokens" must be …
 *     hint: fix the line, or pass --on-invalid-row fail to write it as failed and go on
 */

import type { Paint } from './paint.ts'
import { printable } from './text.ts'

/** What is said of an error. */
export interface Complaint {
  readonly code: string
  readonly message: string
  readonly hint?: string | null | undefined
}

/** The lines of an error and its hint; each line of either may hold text of others. */
export function complaintLines({ code, message, hint }: Complaint, paint: Paint): string[] {
  const [first = '', ...rest] = message.split('\n')
  const lines = [`${paint('bad', `error[${code}]`)}: ${printable(first)}`]
  lines.push(...rest.map((line) => `  ${printable(line.trim())}`))
  const hints = hint === null || hint === undefined ? [] : hint.split('\n')
  for (const [index, line] of hints.entries()) {
    lines.push(`${paint('quiet', index === 0 ? '  hint: ' : '        ')}${printable(line)}`)
  }
  return lines
}

/** A fault of ours: what is known of it, and what to do. */
export function bugComplaint(error: unknown, logFile: string | undefined): Complaint {
  const hint =
    logFile === undefined
      ? 'answers already written are safe; with --log-file FILE the details are kept'
      : `answers already written are safe; the details are in ${logFile}`
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return { code: 'BUG', message: `sluice failed: ${text.split('\n', 1)[0] ?? ''}`, hint }
}

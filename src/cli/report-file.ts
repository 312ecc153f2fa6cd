/**
 * A report as a file: made of the results of a run, and written whole or not at all.
 */

import type { Clock } from '../clock.ts'
import { RunError } from '../errors.ts'
import { type Files, systemErrorCode } from '../files.ts'
import type { Prices } from '../money.ts'
import { failedPath } from '../options.ts'
import { reportHtml } from '../page/html.ts'
import { inWords } from '../page/in-words.ts'
import { type ReportParts, reportView } from '../page/report-view.ts'
import { bindName } from './bind-names.ts'
import { faultText } from './sources.ts'

/** What a report is made of, and with what. */
export interface ReportSource extends Pick<ReportParts, 'progress' | 'results' | 'showsContent'> {
  readonly files: Files
  readonly clock: Clock
  readonly prices: Prices
}

const headBytes = 512
/** How every report begins, and nothing else that somebody would have. */
const mark = '<meta name="generator" content="sluice">'

/** The report as text. @throws {RunError} `INPUT_UNREADABLE` */
export async function makeReport({ clock, ...parts }: ReportSource): Promise<string> {
  const failedResults = failedPath(parts.results)
  const view = await reportView({ ...parts, failedResults, now: clock.wallTime() })
  return reportHtml(inWords(view, (binds) => bindName(binds)))
}

/**
 * Writes the report to a file; one of before is replaced, and nothing else is.
 *
 * @throws {RunError} `INPUT_UNREADABLE`, or `OUTPUT_UNWRITABLE`
 */
export async function writeReport(source: ReportSource, path: string): Promise<void> {
  const { files } = source
  refuseForeign(files, path)
  const html = await makeReport(source)
  try {
    // Prompts are for their owner alone.
    files.writeText(path, html, source.showsContent ? 0o600 : undefined)
  } catch (error) {
    throw unwritable(path, faultText(error), error)
  }
}

function refuseForeign(files: Files, path: string): void {
  try {
    const info = files.stat(path)
    if (info === undefined || info.size === 0) return
    const file = files.open(path, 'read')
    const head = Buffer.alloc(headBytes)
    const length = file.readSync(head, headBytes, 0)
    file.close()
    if (head.subarray(0, length).includes(mark)) return
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return
    throw unwritable(path, faultText(error), error)
  }
  throw unwritable(path, 'what is there is no report', undefined)
}

function unwritable(path: string, why: string, cause: unknown): RunError {
  return new RunError('OUTPUT_UNWRITABLE', `Cannot write ${path}: ${why}`, {
    hint: 'choose another -o',
    cause,
  })
}

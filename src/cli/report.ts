/**
 * `sluice report`: how a run went, as one HTML file.
 *
 * It reads the results, the failed file and the history beside them, and asks nobody. Standard
 * output carries where the report is, or the report itself.
 */

import { exitCodes, RunError } from '../errors.ts'
import { loadPrices } from '../money.ts'
import { reportPath } from '../options.ts'
import { answered } from './answered.ts'
import type { CommandLine } from './command.ts'
import { makeReport, writeReport } from './report-file.ts'
import { reportSurroundings } from './report-flags.ts'
import { faultsMessage, readPrices, textIn } from './run-setup.ts'
import { gather } from './sources.ts'
import { fitFields } from './paint.ts'
import { type ProgressSheet, readFields, watched } from './watched.ts'

interface Read {
  readonly rows: number
  readonly bytes: number
}

/** Makes a report; resolves to the exit code. */
export async function reportCommand(line: CommandLine): Promise<number> {
  const around = { folder: process.cwd(), variables: process.env }
  const layer = await gather(line, reportSurroundings, around)
  return answered(layer, undefined, async (terminal) => {
    const { argument: results = '', values: flags } = line
    if (layer.faults.length > 0) throw new RunError('OPTIONS_INVALID', faultsMessage(layer.faults))
    const prices = textIn(layer.values, 'prices')
    const watch = { line, layer, terminal, start: { rows: 0, bytes: 0 }, show: progressLine }
    return watched(watch, async ({ clock, files, progress }) => {
      const source = {
        files,
        clock,
        prices: loadPrices(prices === undefined ? undefined : readPrices(prices)),
        results,
        showsContent: flags.get('show-content')?.value === true,
        progress,
      }
      const output = textIn(flags, 'output') ?? reportPath(results)
      const isOut = output === '-'
      const lines = [isOut ? await makeReport(source) : output]
      if (!isOut) await writeReport(source, output)
      return { exitCode: exitCodes.succeeded, lines }
    })
  })
}

function progressLine(read: Read, sheet: ProgressSheet): string {
  return fitFields(readFields('reading', read, sheet), sheet)
}

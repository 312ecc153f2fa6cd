/**
 * `sluice run --pilot N`: what there is to be said before and after the rows of the pilot, and
 * whether the others are to be asked.
 */

import { RunError } from '../errors.ts'
import type { Forecast } from '../forecast-report.ts'
import type { RunOptions } from '../settings.ts'
import type { RunSummary } from '../summary.ts'
import type { CommandLine } from './command.ts'
import { foreseen } from './estimate.ts'
import { forecastLines } from './estimate-text.ts'
import type { Layer } from './flag.ts'
import type { Paint } from './paint.ts'
import { agreed, isAttended } from './question.ts'
import { programName, resumeCommand, withoutFlags } from './resume.ts'
import type { Terminal } from './terminal.ts'
import { formatCost, plural } from '../figures.ts'
import { outputSheet } from './watched.ts'

/** What a pilot is told with. */
export interface PilotVoice {
  readonly line: CommandLine
  readonly layer: Layer
  readonly terminal: Terminal
  readonly paint: Paint
  readonly isQuiet: boolean
}

/** Tells what a run of these options comes to, as far as is known by now. */
export async function tellForecast(voice: PilotVoice, options: RunOptions): Promise<Forecast> {
  const { line, layer, terminal, paint, isQuiet } = voice
  const found = await foreseen(options, line, layer, { terminal })
  const { columns } = terminal
  const sheet = { ...outputSheet(line, layer, []), columns, paint, of: 'pilot' } as const
  if (!isQuiet) terminal.print(['', ...forecastLines(found, sheet)])
  return found
}

/** Whether the other rows are to be asked; if not, why the run ends here. */
export async function decide(
  { line, terminal, paint }: PilotVoice,
  found: Forecast,
): Promise<'go on' | RunError> {
  if (line.values.get('yes')?.value === true) return 'go on'
  const rows = plural(found.rows.asked, 'row')
  if (isAttended() && (await agreed(`Ask the other ${rows}, for ${costText(found)}?`))) {
    return 'go on'
  }
  const words = withoutFlags(process.argv.slice(2), (word) => word === '--pilot')
  const program = programName(process.argv[1], process.env)
  const command = resumeCommand(program, words, process.platform)
  terminal.print(['', `${rows} are left; to ask them:`, `  ${paint('strong', command)}`])
  const hint = 'the same command without --pilot, or with --yes, asks them'
  return new RunError('PILOT_DONE', `The pilot is done, and ${rows} are left`, { hint })
}

/** The summary of a pilot after which nothing else was asked. */
export function endedHere(
  summary: RunSummary,
  { code, message, hint, exitCode }: RunError,
): RunSummary {
  return { ...summary, exitCode, stopped: { code, message, hint: hint ?? null } }
}

function costText({ ways, plan }: Forecast): string {
  const cost = plan === null ? ways.find(({ isRun }) => isRun)?.cost : plan.cost
  if (cost == null) return 'a cost that is not known'
  return `${formatCost(cost.expected)} (${formatCost(cost.low)} to ${formatCost(cost.high)})`
}

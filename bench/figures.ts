/**
 * What a benchmark says at its end: rows of a table, and the machine they were taken on.
 */

import os from 'node:os'
import { fileURLToPath } from 'node:url'

/** One row of the table. */
export interface Figure {
  readonly measure: string
  readonly how: string
  /** @default none */
  readonly target?: string
  readonly result: string
  /** Whether the target was reached. @default undefined, there is none */
  readonly reached?: boolean
}

/** The middle value; of an even number, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN
  return (lower + upper) / 2
}

/** Bytes as megabytes (10⁶). */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}

/** The machine, and how busy it is besides: `load` says how far the figures can be trusted. */
export function machineLine(): string {
  const cpus = os.cpus()
  const [load = 0] = os.loadavg()
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GiB`
  const cpu = `${cpus.length} × ${cpus[0]?.model.trim() ?? 'unknown CPU'}`
  const system = `${os.type()} ${os.release()}`
  return `${cpu}, ${memory}, ${system}, Node ${process.version}, load ${load.toFixed(1)}`
}

/** Prints figures as a Markdown table. */
export function printFigures(figures: readonly Figure[]): void {
  const heads = ['measure', 'how', 'target', 'result', '']
  const rows = figures.map(({ measure, how, target = '', result, reached }) => {
    const verdict = reached === undefined ? '' : reached ? 'ok' : 'MISSED'
    return [measure, how, target, result, verdict]
  })
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  console.log([line(heads), rule, ...rows.map(line)].join('\n'))
}

/** Says how a long benchmark is getting on, apart from its result. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** When the file is the program that was started: runs the benchmark, prints its figures. */
export async function runAlone(
  moduleUrl: string,
  measure: () => Promise<readonly Figure[]>,
): Promise<void> {
  if (process.argv[1] !== fileURLToPath(moduleUrl)) return
  console.log(`${machineLine()}\n`)
  printFigures(await measure())
}

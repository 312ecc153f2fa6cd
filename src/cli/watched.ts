/**
 * What commands that only read a file have in common: progress on standard error, ^C, and the
 * sheet on which they show what they found.
 */

import { type Cancel, type Clock, SystemClock } from '../clock.ts'
import { exitCodes } from '../errors.ts'
import { NodeFiles } from '../files.ts'
import type { CommandLine } from './command.ts'
import type { Layer } from './flag.ts'
import { type Field, type Paint, painter } from './paint.ts'
import { quote } from './resume.ts'
import { readFace } from './run-setup.ts'
import { onSignals } from './signals.ts'
import { stderrTakesColor } from './streams.ts'
import type { Terminal } from './terminal.ts'
import { formatShare, formatShort, plural } from '../figures.ts'
import { printable, shownPath } from './text.ts'

/** Where lines are shown. */
export interface Sheet {
  readonly columns: number
  readonly paint: Paint
  /** The input, as the user would write it in a command. */
  readonly name: string
  /** What a run is to be told as well, because this was: ` --model NAME`. @default '' */
  readonly runFlags?: string
}

/** A sheet for progress: the input's size is known of a file. */
export interface ProgressSheet extends Sheet {
  readonly size: number | undefined
}

/** How far a file was read: what every such command says first. */
export function readFields(
  what: string,
  { rows, bytes }: { readonly rows: number; readonly bytes: number },
  { name, size }: ProgressSheet,
): readonly Field[] {
  const share = size === undefined || size === 0 ? [] : [{ text: formatShare(bytes, size) }]
  return [
    { text: `${what} ${printable(name)}`, rank: 1 },
    ...share,
    { text: `${formatShort(bytes)}B`, rank: 2 },
    { text: plural(rows, 'row') },
  ]
}

const columnsDefault = 80
const showEveryMs = 200

/** Standard output; `flags` are those that a run must be given as well. */
export function outputSheet(line: CommandLine, layer: Layer, flags: readonly string[]): Sheet {
  const { stdout } = process
  const { color } = readFace(layer)
  const takesColor = color === 'auto' ? stdout.isTTY && stdout.hasColors() : color === 'always'
  return {
    columns: stdout.isTTY && stdout.columns > 0 ? stdout.columns : columnsDefault,
    paint: painter(takesColor),
    name: nameIn(line),
    runFlags: flagsIn(line, flags),
  }
}

/** The input as it would be typed. */
function nameIn({ argument = '' }: CommandLine): string {
  return quote(shownPath(argument, process.cwd()), process.platform)
}

/** Of what was given on the command line, what these flags say. */
function flagsIn({ values }: CommandLine, flags: readonly string[]): string {
  return flags
    .flatMap((flag) => {
      const value: unknown = values.get(flag)?.value
      const texts: readonly unknown[] = Array.isArray(value) ? value : [value]
      return texts
        .filter((text) => text === true || typeof text === 'string' || typeof text === 'number')
        .map((text) =>
          text === true ? ` --${flag}` : ` --${flag} ${quote(String(text), process.platform)}`,
        )
    })
    .join('')
}

/** What is watched. */
export interface Watched<Progress> {
  readonly line: CommandLine
  readonly layer: Layer
  readonly terminal: Terminal
  readonly start: Progress
  readonly show: (latest: Progress, sheet: ProgressSheet) => string
}

/** What the work is given. */
export interface Watch<Progress> {
  readonly clock: Clock
  readonly files: NodeFiles
  readonly signal: AbortSignal
  readonly progress: (progress: Progress) => void
}

/** The work itself, seen and stoppable. */
export async function watched<Progress, Result>(
  { line, layer, terminal, start, show }: Watched<Progress>,
  work: (watch: Watch<Progress>) => Promise<Result>,
): Promise<Result> {
  const { argument = '' } = line
  const clock = new SystemClock()
  const files = new NodeFiles()
  const stop = new AbortController()
  const offSignals = onSignals(clock, process, {
    first: () => {
      stop.abort()
      // Nobody may feed it any more; a file is read on by itself.
      if (argument === '-') process.stdin.destroy()
    },
    again: () => process.exit(exitCodes.interrupted),
  })
  const paint = painter(stderrTakesColor())
  const size = argument === '-' ? undefined : files.stat(argument)?.size
  let latest = start
  let cancel: Cancel | undefined
  const showNow = (): void => {
    // The last column is left free: some terminals wrap as soon as it is written to.
    const columns = terminal.columns - 1
    terminal.show([show(latest, { columns, paint, name: nameIn(line), size })])
    cancel = clock.after(showEveryMs, showNow)
  }
  if (isLive(layer)) {
    terminal.goLive()
    cancel = clock.after(showEveryMs, showNow)
  }
  try {
    const progress = (now: Progress): void => void (latest = now)
    return await work({ clock, files, signal: stop.signal, progress })
  } finally {
    cancel?.()
    offSignals()
    terminal.rest()
  }
}

function isLive(layer: Layer): boolean {
  const { quiet, progress } = readFace(layer)
  const { CI, TERM } = process.env
  const isCi = CI !== undefined && !['', '0', 'false'].includes(CI)
  return process.stderr.isTTY && TERM !== 'dumb' && !isCi && !quiet && progress
}

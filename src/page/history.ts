/**
 * The history: how runs of one output went, interval by interval, in `<output>.sluice/history`.
 *
 * JSON lines, of a few hundred bytes each:
 *
 *   {"type":"start",…}      a run began
 *   {"type":"interval",…}   what happened in so many milliseconds (interval.ts)
 *   {"type":"end",…}        how it ended; absent of one that was killed
 *
 * Intervals last a second at first, and a five-hundredth of the run later, so that a run of a week
 * is a few thousand lines. It is a cache: a report without it has no charts over time, and nothing
 * else is missing. It holds no prompts, answers, ids or keys.
 */

import type { RunEvent } from '../events.ts'
import type { File, Files } from '../files.ts'
import type { RunSummary } from '../summary.ts'
import { version } from '../version.ts'
import { type CountedError, Errors } from './errors.ts'
import { estimatesOf } from './estimates.ts'
import { type Interval, IntervalFold } from './interval.ts'
import type { EstimatesView } from './view.ts'

const intervalMsMin = 1000
const intervalsToDouble = 500

/** A run began. */
export interface HistoryStart {
  readonly type: 'start'
  readonly at: number
  readonly version: string
  readonly input: string
}

/** What happened in an interval. */
export interface HistoryInterval extends Interval {
  readonly type: 'interval'
  /** Tries that failed in it, by kind. @default none */
  readonly errors?: readonly CountedError[] | undefined
}

/** How a run ended. Costs are null where they are not known. */
export interface HistoryEnd {
  readonly type: 'end'
  readonly at: number
  readonly rows: number
  readonly stopped: { readonly code: string; readonly message: string } | null
  readonly perhapsNanoUsd: number | null
  readonly estimates: EstimatesView | null
}

/** A line of a history. */
export type HistoryLine = HistoryStart | HistoryInterval | HistoryEnd

/** Where the history of an output is. */
export function historyPath(output: string): string {
  return `${output}.sluice/history`
}

/**
 * Writes the history of one run. An observer: it throws where the file cannot be written, and is
 * dropped.
 */
export class HistoryWriter {
  readonly #files: Files
  readonly #fold = new IntervalFold()
  readonly #errors = new Errors()
  #file: File | undefined
  #startedAt = 0
  #wallOffset = 0

  constructor(files: Files) {
    this.#files = files
  }

  observe(event: RunEvent): void {
    if (event.type === 'run_started') this.#start(event)
    if (this.#file === undefined) return
    const length = this.#fold.length(event.at)
    const lengthMax = Math.max(intervalMsMin, (event.at - this.#startedAt) / intervalsToDouble)
    if (length >= lengthMax) this.#writeInterval(event.at)
    this.#fold.observe(event)
    if (event.type === 'attempt_failed') this.#errors.addTry(event.status, event.error)
  }

  /** The run is over; `now` is its clock's. */
  end(now: number, summary: RunSummary): void {
    const { rows, stopped, snapshot } = summary
    if (this.#file === undefined) return
    this.#writeInterval(now)
    this.#write({
      type: 'end',
      at: Math.round(this.#wallOffset + now),
      rows: rows.selected,
      stopped: stopped && { code: stopped.code, message: stopped.message },
      perhapsNanoUsd: snapshot.possiblyBilledTwice.costNanoUsdMax,
      estimates: estimatesOf(summary),
    })
    this.close()
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
  }

  #start(event: Extract<RunEvent, { type: 'run_started' }>): void {
    const { at, wallAt, input, output, held } = event
    // Nothing can be kept beside standard output.
    if (this.#file !== undefined || output === '-') return
    const path = historyPath(output)
    // That of an output that is no more.
    if (held.succeeded + held.failed === 0) this.#files.remove(path)
    this.#file = this.#files.open(path, 'append')
    this.#startedAt = at
    this.#wallOffset = wallAt - at
    this.#write({ type: 'start', at: Math.round(wallAt), version, input })
  }

  #writeInterval(now: number): void {
    const errors = this.#errors.takeTries()
    this.#write({
      type: 'interval',
      ...this.#fold.close(now),
      ...(errors.length > 0 && { errors }),
    })
  }

  #write(written: HistoryLine): void {
    const bytes = Buffer.from(`${JSON.stringify(written)}\n`)
    // A part of a line, on a disk that is full, is torn for whoever reads it.
    this.#file?.write(bytes, 0)
  }
}

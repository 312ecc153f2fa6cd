/**
 * The lane: rows of a run by batches that are asked live beside them.
 *
 *   rows by their place ─► lines, read now ─► the pipeline of a live run ─► the same books
 *
 * It is the very pipeline of `run` (pipeline.ts), between other ends: its input is whatever is
 * pushed, and its books are those of the round, in which a row has the place it has in the file.
 */

import type { Answer, Books, Failure, Fault } from '../books.ts'
import type { RunContext } from '../context.ts'
import { RunError } from '../errors.ts'
import type { Observer, RunEvent } from '../events.ts'
import type { Ledger } from '../ledger.ts'
import type { Line } from '../lines.ts'
import type { Prices } from '../money.ts'
import { parseOptionsOf } from '../options.ts'
import type { ApiError, LimitReadings } from '../outcome.ts'
import { join, type Pipeline } from '../pipeline.ts'
import { workOf } from '../plan.ts'
import type { Holding } from '../plan.ts'
import type { RampMemory } from '../ramp-memory.ts'
import { parseLine } from '../request.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Settings } from '../settings.ts'
import type { Source } from '../source.ts'
import type { Spending } from '../spending.ts'
import type { Stats } from '../stats.ts'
import { units } from '../taken.ts'
import type { Transport } from '../transport.ts'
import type { Work } from '../work.ts'
import { type RowAt, RowPlaces } from './row-places.ts'
import { workOfFault, workOfRecord } from './row-record.ts'

/** What becomes of rows of the lane. */
export interface LaneListener {
  /** The row is counted out, with an answer or without. */
  settled(sequence: number, work: Work | undefined, answer: Answer | undefined): void
  /** The API, or we, refused it for good. */
  failed(error: ApiError, asked: boolean): void
  /** A reply showed the limits of its pool. */
  limits(pool: string, limits: LimitReadings): void
  /** Nothing more can be asked. */
  stopping(error: RunError): void
}

/** What a lane is given. */
export interface LaneParts {
  readonly context: RunContext
  readonly settings: Settings
  /** The input, to read rows of again. */
  readonly source: Source
  readonly books: Ledger
  readonly transport: Transport
  readonly prices: Prices
  readonly spending: Spending | undefined
  readonly ramps: RampMemory | undefined
  readonly stats: Stats
  readonly observe: Observer
}

/** Lines that are read at once. */
const linesMax = 256
const linesBytesMax = 2 ** 20

/** See above. */
export class Lane {
  readonly #parts: LaneParts
  readonly #waiting = new RowPlaces()
  /** Of rows whose lines were read, by their place in the lane. */
  readonly #read = new Map<number, RowAt>()
  readonly #pipeline: Pipeline
  #listener: LaneListener | undefined
  #lines = 0
  #isEnded = false
  #isTold = false
  #wake: () => void = () => {}

  constructor(parts: LaneParts) {
    this.#parts = parts
    const { context, settings, transport, prices, spending, ramps, stats, source } = parts
    const lines: Source = {
      isRepeatable: false,
      batches: () => this.#batches(),
      ...(source.reread && { reread: source.reread.bind(source) }),
      close: () => this.end(),
    }
    const own = {
      via: 'live',
      first: Number.MAX_SAFE_INTEGER,
      maxFailed: undefined,
      dedupe: false,
      adminKey: undefined,
    } as const
    const observe: Observer = (event) => this.#tell(event)
    const before = { stats, observe, wasRetried: () => false }
    const ends = { source: lines, transport, prices, spending, ramps, before, observers: [] }
    this.#pipeline = join(context, { ...settings, ...own }, { ...ends, books: this.#books() })
  }

  get scheduler(): Scheduler {
    return this.#pipeline.scheduler
  }

  /** Requests that are under way. */
  get inFlight(): number {
    return this.scheduler.inFlight
  }

  /** Rows that were pushed and are not counted out. */
  get rows(): number {
    return this.#waiting.length + this.#read.size
  }

  listen(listener: LaneListener): void {
    this.#listener = listener
  }

  push(row: RowAt): void {
    this.#waiting.push(row)
    this.#wake()
  }

  /** Resolves when it was ended, or stopped, and nothing is under way. */
  async run(): Promise<void> {
    try {
      await this.#pipeline.loop.run()
    } finally {
      this.end()
      this.#pipeline.close()
    }
  }

  /** No more rows come. */
  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  /** Rows wait for the limits, and for nothing else. */
  get isSaturated(): boolean {
    const { binds } = this.#pipeline.scheduler
    return units.some((unit) => binds.endsWith(unit))
  }

  /** The output cannot be written (`ENOSPC`…), or can again (null). */
  hold(code: string | null): void {
    this.#pipeline.loop.hold(code)
  }

  stop(error: RunError): void {
    this.#isTold = true
    this.#pipeline.loop.stop(error, this.#parts.settings.graceMs)
  }

  /** Rows that nobody asked, or whose answers were not read; to be taken once, at the end. */
  *unsettled(): Iterable<Work> {
    for (const row of this.#read.values()) yield this.#workAt(row)
    for (let row = this.#waiting.shift(); row !== undefined; row = this.#waiting.shift()) {
      yield this.#workAt(row)
    }
  }

  /** The row as work; of an input that has changed, as far as that is known. */
  #workAt(row: RowAt): Work {
    const { source, settings } = this.#parts
    const { line: number, offset, bytes, sequence, retriesFailed } = row
    try {
      const line = { number, offset, bytes: source.reread?.(offset, bytes) ?? new Uint8Array() }
      const found = parseLine(line, parseOptionsOf(settings))
      if (found.kind === 'row') return workOf(found, sequence, retriesFailed)
      return workOfFault(found, sequence, row)
    } catch (error) {
      if (!(error instanceof RunError)) throw error
      const place = { line: number, offset, bytes, key: '', id: `line-${number}`, model: '' }
      const rest = { retriesFailed, metadata: undefined, hasSchema: false, most: undefined }
      return workOfRecord({ ...place, ...rest }, sequence)
    }
  }

  async *#batches(): AsyncGenerator<readonly Line[]> {
    for (;;) {
      const lines = this.#nextLines()
      if (lines.length > 0) yield lines
      else if (this.#isEnded) return
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  #nextLines(): readonly Line[] {
    const lines: Line[] = []
    let bytes = 0
    while (lines.length < linesMax && bytes < linesBytesMax) {
      const row = this.#waiting.shift()
      if (row === undefined) break
      this.#read.set(this.#lines, row)
      this.#lines += 1
      const read = this.#parts.source.reread?.(row.offset, row.bytes) ?? new Uint8Array()
      lines.push({ number: row.line, offset: row.offset, bytes: read })
      bytes += row.bytes
    }
    return lines
  }

  /** What the round says itself is not told twice, and that nothing waits here says nothing. */
  #tell(event: RunEvent): void {
    if (event.type === 'output_blocked' || event.type === 'run_started') return
    if (event.type === 'binding_changed' && event.binds === 'reading') return
    if (event.type === 'limits_read') this.#listener?.limits(event.pool, event.limits)
    if (event.type !== 'run_stopping') return this.#parts.observe(event)
    if (this.#isTold) return
    this.#isTold = true
    // The scheduler is in the midst of its step.
    queueMicrotask(() => {
      const { stopping } = this.#pipeline.scheduler
      if (stopping !== undefined) this.#listener?.stopping(stopping)
    })
  }

  #books(): Books {
    const { books } = this.#parts
    const settle = (work: Work, answer?: Answer): void => {
      const { sequence } = this.#rowOf(work)
      this.#read.delete(work.sequence)
      this.#listener?.settled(sequence, work, answer)
    }
    return {
      take: (): Holding | undefined => undefined,
      turnsOf: (place) => books.turnsOf(place),
      turn: (work, turn, onWritten) => books.turn(work, turn, onWritten),
      held: () => {},
      beat: () => {},
      succeed: (work, answer, onWritten) => {
        const { attempts } = this.#rowOf(work)
        books.succeed(this.#own(work), { ...answer, attempts: answer.attempts + attempts }, () => {
          onWritten()
          settle(work, answer)
        })
      },
      fail: (work, failure: Failure, onWritten) => {
        const { attempts } = this.#rowOf(work)
        const failed = { ...failure, attempts: failure.attempts + attempts }
        this.#listener?.failed(failure.outcome.error, true)
        books.fail(this.#own(work), failed, () => {
          onWritten()
          settle(work)
        })
      },
      fault: (planned: Fault, onWritten) => {
        const { sequence, retriesFailed } = this.#rowOf(planned)
        this.#listener?.failed(planned.fault.error, false)
        books.fault({ ...planned, sequence, retriesFailed }, () => {
          onWritten()
          this.#read.delete(planned.sequence)
          this.#listener?.settled(sequence, undefined, undefined)
        })
      },
      leave: (work, forGood) => {
        books.leave(this.#own(work), forGood)
        settle(work)
      },
    }
  }

  /** As the books of the file know it. */
  #own(work: Work): Work {
    const { sequence, retriesFailed, unknownAttempts } = this.#rowOf(work)
    const unknown = work.unknownAttempts + unknownAttempts
    return { ...work, sequence, retriesFailed, unknownAttempts: unknown }
  }

  #rowOf({ sequence }: { readonly sequence: number }): RowAt {
    const row = this.#read.get(sequence)
    if (row === undefined) throw new Error(`Row ${sequence + 1} of the lane is not known`)
    return row
  }
}

/**
 * Copies of lines for twins (twins.ts): what `--dedupe` does when all else is done.
 *
 *   output, failed file ─► where each key's line is
 *   input ─► held: its request has that line ─► not held: a copy of it, under its own id
 *
 * It is a pass of its own over files that are there, so a run that is killed in it, or before it,
 * loses nothing: the next one finds which rows have no line, and copies again.
 *
 * Memory: 43 bytes for each line and request, while it lasts.
 */

import { Beat } from './beat.ts'
import type { RunContext } from './context.ts'
import { type Copied, copiedOf } from './copied-line.ts'
import { RunError } from './errors.ts'
import type { Observer } from './events.ts'
import type { File, Files } from './files.ts'
import { Fingerprints } from './fingerprints.ts'
import { Ledger } from './ledger.ts'
import type { Line } from './lines.ts'
import { failedPath, parseOptionsOf } from './options.ts'
import { type Holding, Plan, workOf } from './plan.ts'
import { parseLine, type ParseOptions } from './request.ts'
import { readResultFile } from './result-file.ts'
import { stoppedAsAsked } from './run-stop.ts'
import type { Settings } from './settings.ts'
import { fileSource } from './source.ts'
import { digestOfLine, requestDigest } from './twins.ts'
import type { Work } from './work.ts'

/** What copying needs. */
export interface CopyParts {
  readonly context: RunContext
  /** With a path as the input. */
  readonly settings: Settings & { readonly input: string }
  readonly observe: Observer
  readonly signal: AbortSignal | undefined
}

/**
 * Gives every row without a line that of a twin, if one has it. Gives why it stopped, if it did.
 *
 * @throws {RunError} when the files are not to be used
 */
export async function copyToTwins(parts: CopyParts): Promise<RunError | undefined> {
  const { context, observe, signal } = parts
  const settings = { ...parts.settings, overwrite: false }
  const { clock, files } = context
  let lost: RunError | undefined
  const lose = (error: RunError): void => {
    lost ??= error
  }
  const ledger = await Ledger.open(context, settings, {
    blocked: (code) => observe({ type: 'output_blocked', at: clock.now(), code }),
    lost: lose,
  })
  const beat = new Beat({ clock, books: ledger, inFlight: () => 0, failed: lose })
  const source = fileSource(files, settings.input)
  const pass = new Pass(files, ledger, { ...parts, settings })
  try {
    for await (const lines of source.batches()) {
      if (!pass.take(lines)) break
      if (ledger.isBlocked) await ended(ledger.flush(), signal)
      if (lost !== undefined || signal?.aborted === true) return lost ?? stoppedAsAsked()
    }
    await ended(ledger.flush(), signal)
    if (ledger.isBlocked || lost !== undefined) return lost ?? stoppedAsAsked()
    await ledger.finish({ readAll: true, stopped: false, source })
    return undefined
  } catch (error) {
    if (error instanceof RunError) return error
    throw error
  } finally {
    beat.end()
    pass.close()
    source.close()
    ledger.close()
  }
}

/** A full disk is waited for until somebody ends it; a file that failed has told so. */
async function ended(flushed: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    if (signal?.aborted === true) resolve()
    signal?.addEventListener('abort', () => resolve())
  })
  const over = flushed.catch(() => {})
  await Promise.race([over, stopped])
}

/** One pass over the input. */
class Pass {
  readonly #ledger: Ledger
  readonly #parts: CopyParts
  readonly #options: ParseOptions
  readonly #plan: Plan
  /** Rows that had failed were asked again. */
  readonly #asksAgain: boolean
  readonly #answers: Places
  readonly #failures: Places
  /** Of each request, which line of the answers, or of the failures, is its. */
  readonly #answered = new Fingerprints()
  readonly #failed = new Fingerprints()

  constructor(files: Files, ledger: Ledger, parts: CopyParts) {
    this.#ledger = ledger
    this.#parts = parts
    this.#asksAgain = parts.settings.retryFailed
    this.#options = { ...parseOptionsOf(parts.settings), withoutFeatures: true }
    this.#plan = new Plan(ledger, { ...this.#options, retryFailed: false })
    this.#answers = new Places(files, ledger.output)
    this.#failures = new Places(files, failedPath(ledger.output))
  }

  /** Takes lines; false when as many rows were read as were asked for. */
  take(lines: readonly Line[]): boolean {
    for (const line of lines) {
      const sequence = this.#plan.count
      if (sequence >= this.#parts.settings.first) return false
      const planned = this.#plan.next(line)
      if (planned.type === 'held') this.#held(line, sequence, planned)
      else if (planned.type === 'work') this.#twin(planned.work)
    }
    return true
  }

  close(): void {
    this.#answers.close()
    this.#failures.close()
  }

  #held(line: Line, sequence: number, { as, key }: { as: Holding; key: string }): void {
    const request = digestOfLine(line, this.#options)
    if (request === undefined) return this.#ledger.held(sequence, key, as)
    const isAnswered = this.#answered.get(request) > 0
    if (as === 'failed' && this.#asksAgain && (isAnswered || this.#failed.get(request) > 0)) {
      // It had failed before, and its twin was asked again for it.
      const row = parseLine(line, this.#options)
      if (row.kind === 'row') return this.#twin(workOf(row, sequence, true))
    }
    if (as === 'succeeded') this.#answered.set(request, this.#answers.of(key))
    if (as === 'failed') this.#failed.set(request, this.#failures.of(key))
    this.#ledger.held(sequence, key, as)
  }

  #twin(work: Work): void {
    const { observe, context } = this.#parts
    const request = requestDigest(work.body ?? new Uint8Array())
    const copied =
      this.#answers.read(this.#answered.get(request)) ??
      this.#failures.read(this.#failed.get(request))
    const at = context.clock.now()
    const { lineNumber: line, id, model } = work.row
    if (copied === undefined) {
      this.#ledger.leave(work, false)
      return observe({ type: 'row_left', at, line, id, model, isTwin: true })
    }
    this.#ledger.copy(work, copied, () => {
      const isFailure = 'error' in copied.end
      observe({ type: 'row_copied', at, line, id, from: copied.from, isFailure })
    })
  }
}

/** Where the lines of a file are, by their keys; numbered from 1. */
class Places {
  readonly #file: File | undefined
  readonly #numbers = new Fingerprints()
  #offsets = new Float64Array(1024)
  #lengths = new Uint32Array(1024)
  #count = 0

  constructor(files: Files, path: string) {
    readResultFile(files, path, ({ key }, { start, end, offset }) => {
      if (this.#count === this.#offsets.length) this.#grow()
      this.#offsets[this.#count] = offset
      this.#lengths[this.#count] = end - start
      this.#count += 1
      this.#numbers.set(key, this.#count)
    })
    this.#file = this.#count === 0 ? undefined : files.open(path, 'read')
  }

  /** The number of a key's line; 0: it has none. */
  of(key: string): number {
    return this.#numbers.get(key)
  }

  /** What the line of this number says; undefined: there is none. */
  read(number: number): Copied | undefined {
    const length = this.#lengths[number - 1] ?? 0
    if (number === 0 || this.#file === undefined) return undefined
    const bytes = Buffer.allocUnsafe(length)
    this.#file.readSync(bytes, length, this.#offsets[number - 1] ?? 0)
    return copiedOf(bytes)
  }

  close(): void {
    this.#file?.close()
  }

  #grow(): void {
    const offsets = new Float64Array(this.#count * 2)
    offsets.set(this.#offsets)
    this.#offsets = offsets
    const lengths = new Uint32Array(this.#count * 2)
    lengths.set(this.#lengths)
    this.#lengths = lengths
  }
}

/**
 * What the page shows of a run that is over: read from its output and failed file, and from the
 * history beside them.
 *
 * The files say what became of every row, so counts, costs, latencies and errors of rows are exact;
 * how it went over time, and tries that were made again, only the history knows.
 */

import type { Files } from '../files.ts'
import { decode } from '../line-content.ts'
import type { Prices } from '../money.ts'
import { fileSource } from '../source.ts'
import { version } from '../version.ts'
import { Answers } from './answers.ts'
import { Errors } from './errors.ts'
import { historyView } from './history-view.ts'
import { nameOf } from './file-name.ts'
import { type AnsweredLine, type FailedLine, readResult } from './result-content.ts'
import type { FailedView, PageView, RowView } from './view.ts'

/** What a report is made of. */
export interface ReportParts {
  readonly files: Files
  readonly prices: Prices
  /** The output of the run; it may be compressed. */
  readonly results: string
  /** Where its failures are; it need not be there. */
  readonly failedResults: string
  /** Prompts and answers of the rows that are listed. */
  readonly showsContent: boolean
  /** Wall time, ms since the epoch. */
  readonly now: number
  /** Told of the bytes that were read. @default nobody is */
  readonly progress?: (read: { readonly rows: number; readonly bytes: number }) => void
}

const failedMax = 200
const messageCharsMax = 300
/** Of a prompt or an answer, so much: enough to see what it was. */
const contentCharsMax = 4000

/** @throws {RunError} `INPUT_UNREADABLE` when there is no output, or it cannot be read. */
export async function reportView(parts: ReportParts): Promise<PageView> {
  const { files, prices, results, failedResults, now } = parts
  const history = historyView(files, results)
  const fold = new ReportFold(parts)
  for (const { status, type, tries, message } of history.errors) {
    fold.errors.addTry(status, { type, message }, tries)
  }
  await readLines(parts, results, (read) => fold.add(read))
  if (files.stat(failedResults)?.isFile === true) {
    await readLines(parts, failedResults, (read) => fold.add(read))
  }
  const answers = fold.answers.view(prices, now)
  const { elapsedMs } = history
  const settled = fold.succeeded + fold.failedCount
  return {
    form: 1,
    state: history.state,
    at: now,
    run: {
      name: nameOf(results),
      input: history.input,
      output: results,
      failedOutput: failedResults,
      startedAt: history.startedAt,
      elapsedMs,
      starts: history.starts,
      stopped: history.stopped,
      version,
    },
    rows: {
      expected: history.rows,
      isCounted: history.rows !== null,
      succeeded: fold.succeeded,
      failed: fold.failedCount,
      copied: fold.copied,
      inFlight: 0,
      perSecond: elapsedMs === null || elapsedMs === 0 ? 0 : (settled * 1000) / elapsedMs,
      truncated: fold.truncated,
      refused: fold.refused,
      invalid: fold.invalid,
    },
    leftMs: null,
    cost: {
      ...answers.cost,
      atEndNanoUsd: null,
      perhapsNanoUsd: history.perhapsNanoUsd,
      cacheSavedNanoUsd: fold.cacheSavedNanoUsd,
    },
    tokens: answers.tokens,
    binds: '',
    bound: history.bound,
    pools: history.pools,
    series: history.series,
    latency: answers.latency,
    errors: fold.errors.view(),
    estimates: history.estimates,
    slowest: answers.slowest,
    failed: fold.failed,
    live: null,
  }
}

async function readLines(
  { files, progress }: ReportParts,
  path: string,
  take: (read: AnsweredLine | FailedLine) => void,
): Promise<void> {
  const source = fileSource(files, path)
  let rows = 0
  try {
    for await (const lines of source.batches()) {
      for (const { bytes } of lines) {
        const text = decode(bytes)
        const read = text === undefined ? undefined : readResult(text)
        if (read !== undefined) take(read)
      }
      rows += lines.length
      const last = lines.at(-1)
      progress?.({
        rows,
        bytes: source.bytesRead ?? (last?.offset ?? 0) + (last?.bytes.length ?? 0),
      })
    }
  } finally {
    source.close()
  }
}

/** Folds the lines of the files. */
class ReportFold {
  readonly answers = new Answers()
  readonly failed: FailedView[] = []
  /** Of tries, which the history knows, and then of rows. */
  readonly errors = new Errors()
  readonly #parts: ReportParts
  succeeded = 0
  failedCount = 0
  copied = 0
  truncated = 0
  refused = 0
  invalid = 0
  cacheSavedNanoUsd: number | null = 0

  constructor(parts: ReportParts) {
    this.#parts = parts
  }

  add(line: AnsweredLine | FailedLine): void {
    if (line.type === 'answered') this.#answered(line)
    else this.#failed(line)
  }

  #answered(line: AnsweredLine): void {
    const { prices, now } = this.#parts
    this.succeeded += 1
    if (line.isTruncated) this.truncated += 1
    if (line.isRefused) this.refused += 1
    if (line.isInvalid) this.invalid += 1
    if (line.isCopy) {
      this.copied += 1
      return
    }
    const { model, usage, latencyMs } = line
    const saved = prices.cacheSavedNanoUsd(model, usage, { at: now })
    this.cacheSavedNanoUsd =
      saved === null || this.cacheSavedNanoUsd === null ? null : this.cacheSavedNanoUsd + saved
    const costNanoUsd = line.costNanoUsd ?? prices.costNanoUsd(model, usage, { at: now })
    this.answers.add({ model, usage, costNanoUsd })
    if (latencyMs === null || line.isOfBatch || !this.answers.took(latencyMs)) return
    const row = this.#rowOf(line, line.request, line.message['content'])
    this.answers.keep({ ...row, latencyMs, model, outputTokens: usage.outputTokens, costNanoUsd })
  }

  #failed(line: FailedLine): void {
    this.failedCount += 1
    const { type } = line.error
    const message = line.error.message.slice(0, messageCharsMax)
    // A line says no status: it is that of the tries that went before, where there were some.
    this.errors.addRow(this.errors.statusOf(type), { type, message })
    if (this.failed.length >= failedMax) return
    this.failed.push({ ...this.#rowOf(line, line.request, undefined), type, message })
  }

  #rowOf(line: AnsweredLine | FailedLine, request: unknown, answer: unknown): RowView {
    const { id, attempts, requestId } = line
    const row = { line: line.line, id, attempts, requestId }
    if (!this.#parts.showsContent) return row
    return {
      ...row,
      ...(request !== undefined && { request: shown(request) }),
      ...(answer !== undefined && { answer: shown(answer) }),
    }
  }
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)
  return text.length <= contentCharsMax ? text : `${text.slice(0, contentCharsMax)}…`
}

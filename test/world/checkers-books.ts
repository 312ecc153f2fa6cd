/**
 * What must be true of what a run says of itself: its events, its summary, its money. The sums are
 * made here anew, from the wire, from the files and from a price list of the checkers' own.
 */

import type { AnswerTaken, RunEvent } from '../../src/events.ts'
import type { RunSummary } from '../../src/summary.ts'
import type { Line } from './checkers.ts'
import { type ReadUsage, type Sent, usageOf } from './witness.ts'

/** Nano-dollars a token, of the models a world asks: 1 and 5, 5 and 25 dollars a million. */
const prices: readonly (readonly [name: string, input: number, output: number])[] = [
  ['claude-haiku-4-5', 1000, 5000],
  ['claude-opus-5', 5000, 25_000],
]

/** What an answer costs. */
export function costNanoUsd(model: string, usage: ReadUsage): number {
  const { input, output, written5m, written1h, read } = usage
  const price = prices.find(([name]) => model === name || model.startsWith(`${name}-20`))
  if (price === undefined) throw new Error(`No price for ${model}`)
  // Writes cost a quarter more than input, or twice as much; reads a tenth.
  const inputs = input + written5m / 4 + written1h + read / 10
  return Math.round(inputs * price[1]) + output * price[2]
}

/** Every line's cost is that of its own usage. */
export function checkCosts(output: readonly Line[]): readonly string[] {
  const problems: string[] = []
  for (const { custom_id: id, result, run } of output) {
    const { message } = result
    if (message === undefined) continue
    const cost = costNanoUsd(message.model, usageOf(message.usage))
    const said = run.cost_usd === null ? null : Math.round(run.cost_usd * 1e9)
    if (said !== cost) problems.push(`${id} cost ${cost} nano-dollars, its line says ${said}`)
  }
  return problems
}

/** One life, for what it says of itself. */
export interface Books {
  readonly summary: RunSummary
  readonly events: readonly RunEvent[]
  readonly sends: readonly Sent[]
  /** Lines of the files before it and after it, none of them in a spool. */
  readonly before: { readonly output: number; readonly failed: number }
  readonly after: { readonly output: number; readonly failed: number }
  /** Answers still waiting in files of their own: their lines are counted elsewhere. */
  readonly ordered: boolean
  readonly retryFailed: boolean
  /** Rows of the input that the life was asked for. */
  readonly rows: number
  /** All that was read could be written. */
  readonly allWritten: boolean
}

/** The summary's figures are those of the wire and of the files. */
export function checkSummary(books: Books): readonly string[] {
  const { summary, sends, before, after, rows, allWritten, ordered, retryFailed } = books
  const problems: string[] = []
  const equal = (what: string, said: number, found: number): void => {
    if (said !== found) problems.push(`${what}: the summary says ${said}, it was ${found}`)
  }
  const { snapshot } = summary
  const { selected, succeeded, failed, left } = summary.rows
  equal('rows', selected, succeeded + failed + left)
  equal('attempts', snapshot.attempts.started, sends.length)
  if (summary.exitCode <= 1) {
    equal('rows of the input', selected, rows)
    equal('rows left', left, 0)
    equal('exit code', summary.exitCode, failed > 0 ? 1 : 0)
  }
  if (!allWritten) return problems
  const answers = sends.flatMap(({ reply }) => (reply?.type === 'answer' ? [reply] : []))
  equal('answers', snapshot.rows.succeeded, answers.length)
  const { tokens } = snapshot
  const said = tokens.input + tokens.cacheWrite5m + tokens.cacheWrite1h
  equal('input tokens', said, total(answers.map(({ usage }) => usage.input)))
  equal('written', tokens.cacheWrite5m, total(answers.map(({ usage }) => usage.written5m)))
  equal('for an hour', tokens.cacheWrite1h, total(answers.map(({ usage }) => usage.written1h)))
  equal('read', tokens.cacheRead, total(answers.map(({ usage }) => usage.read)))
  equal('output tokens', snapshot.tokens.output, total(answers.map(({ usage }) => usage.output)))
  const cost = total(answers.map(({ model, usage }) => costNanoUsd(model, usage)))
  equal('cost', snapshot.costNanoUsd, cost)
  if (ordered) return problems
  equal('new answers in the output', snapshot.rows.succeeded, after.output - before.output)
  if (!retryFailed && summary.exitCode !== 0 && summary.exitCode !== 1)
    equal('new failures', snapshot.rows.failed, after.failed - before.failed)
  return problems
}

/**
 * A try is possibly billed if the server admitted it and no whole reply of it was read. Every such
 * try is counted, and none that had a whole answer, or an error that was read to its end.
 */
export function checkPossiblyBilled({ summary, sends }: Books): readonly string[] {
  const { attempts, rows } = summary.snapshot.possiblyBilledTwice
  const open = sends.filter(({ reply }) => reply === undefined || reply.type === 'nonsense')
  const lost = open.filter(({ admitted }) => admitted)
  // One row may be sent with marks, and then without.
  const lostRows = new Set(lost.map(({ body }) => /Row \d+/.exec(body)?.[0] ?? body)).size
  const problems: string[] = []
  if (attempts < lost.length)
    problems.push(`${lost.length} replies were lost, ${attempts} are said to be possibly billed`)
  if (rows < lostRows) problems.push(`${lostRows} rows lost a reply, ${rows} are said to`)
  // A page of a proxy with status 2xx would be one more; the world has none.
  if (attempts > open.length)
    problems.push(`${attempts} are said to be possibly billed, of ${open.length} at most`)
  return problems
}

/** Folding the events again gives the summary. */
export function checkEvents({ summary, events }: Books): readonly string[] {
  const fold = foldEvents(events)
  const { rows, attempts, tokens, possiblyBilledTwice, stopping } = summary.snapshot
  const { costNanoUsd, cacheSavedNanoUsd } = summary.snapshot
  const said: readonly (readonly [string, unknown, unknown])[] = [
    ['rows read', rows.read, fold.read],
    ['succeeded', rows.succeeded, fold.succeeded],
    ['failed', rows.failed, fold.failed],
    ['left', rows.left, fold.left],
    ['held', rows.heldSucceeded + rows.heldFailed, fold.held],
    ['attempts', attempts.started, fold.started],
    ['refused', attempts.refused, fold.refused],
    ['under way at the end', attempts.inFlight, fold.underWay.size],
    ['cost', costNanoUsd, fold.costNanoUsd],
    ['read from the cache', tokens.cacheRead, fold.cacheRead],
    ['saved by it', cacheSavedNanoUsd, fold.savedNanoUsd],
    ['possibly billed', possiblyBilledTwice.attempts, fold.unknown],
    ['killed in flight', possiblyBilledTwice.killedInFlight, fold.killedInFlight],
    ['stopped', stopping?.code, fold.stopped],
  ]
  const problems = said.flatMap(([what, a, b]) =>
    a === b ? [] : [`${what}: the summary says ${String(a)}, its events ${String(b)}`],
  )
  return [...problems, ...fold.problems]
}

interface Fold {
  read: number
  held: number
  succeeded: number
  failed: number
  left: number
  started: number
  refused: number
  unknown: number
  costNanoUsd: number
  cacheRead: number
  /** Null as soon as that of one answer is. */
  savedNanoUsd: number | null
  killedInFlight: number
  stopped: string | undefined
  isPaused: boolean
  readonly underWay: Map<number, number>
  readonly problems: string[]
}

function foldEvents(events: readonly RunEvent[]): Fold {
  const fold: Fold = {
    read: 0,
    held: 0,
    succeeded: 0,
    failed: 0,
    left: 0,
    started: 0,
    refused: 0,
    unknown: 0,
    costNanoUsd: 0,
    cacheRead: 0,
    savedNanoUsd: 0,
    killedInFlight: 0,
    stopped: undefined,
    isPaused: false,
    underWay: new Map(),
    problems: [],
  }
  let at = -Infinity
  for (const [index, event] of events.entries()) {
    if (event.at < at) fold.problems.push(`event ${index} is older than the one before it`)
    at = event.at
    if (index === 0 && event.type !== 'run_started') fold.problems.push('no run_started')
    foldOne(fold, event)
  }
  return fold
}

function foldTaken(fold: Fold, taken: AnswerTaken, line: number): void {
  fold.costNanoUsd += taken.costNanoUsd ?? 0
  fold.cacheRead += taken.usage.cacheReadTokens
  if (taken.cacheSavedNanoUsd === null) fold.savedNanoUsd = null
  else if (fold.savedNanoUsd !== null) fold.savedNanoUsd += taken.cacheSavedNanoUsd
  if (taken.batchId !== undefined || taken.isEarlier === true) return
  const attempt = [...fold.underWay].find(([, other]) => other === line)?.[0]
  if (attempt === undefined) fold.problems.push(`line ${line} was answered unasked`)
  else fold.underWay.delete(attempt)
}

function foldOne(fold: Fold, event: RunEvent): void {
  switch (event.type) {
    case 'run_started':
      fold.killedInFlight = event.killedInFlight
      return
    case 'rows_read':
      fold.read += event.count
      fold.held += event.heldSucceeded + event.heldFailed
      return
    case 'attempt_started':
      fold.started += 1
      if (fold.stopped !== undefined) fold.problems.push(`a try began after ${fold.stopped}`)
      if (fold.isPaused) fold.problems.push('a try began while it was paused')
      fold.underWay.set(event.attempt, event.line)
      return
    case 'attempt_failed':
      if (!fold.underWay.delete(event.attempt))
        fold.problems.push(`attempt ${event.attempt} ended and was not under way`)
      if (event.kind === 'refused') fold.refused += 1
      if (event.unknown !== null) fold.unknown += 1
      return
    case 'rows_again':
      fold.left -= event.count
      return
    case 'row_succeeded': {
      fold.succeeded += 1
      foldTaken(fold, event, event.line)
      return
    }
    case 'row_asked_again':
      foldTaken(fold, event, event.line)
      return
    case 'row_failed':
      fold.failed += 1
      if (event.answer !== undefined) foldTaken(fold, event.answer, event.line)
      return
    case 'row_copied':
      if (event.isFailure) fold.failed += 1
      else fold.succeeded += 1
      return
    case 'row_left':
      fold.left += 1
      return
    case 'commanded':
      if (event.command === 'pause' || event.command === 'resume')
        fold.isPaused = event.command === 'pause'
      return
    case 'run_stopping':
      if (fold.stopped !== undefined) fold.problems.push('it stopped twice')
      fold.stopped = event.code
      return
    case 'batch_lost':
      fold.unknown += event.rows
      return
    case 'input_ended':
    case 'batch_submitted':
    case 'batch_collected':
    case 'batch_cut':
    case 'split_planned':
    case 'deadline_judged':
    case 'limits_read':
    case 'binding_changed':
    case 'budget_used':
    case 'output_blocked':
    case 'notice':
      return
    default:
      event satisfies never
  }
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

/**
 * What a run looks like while it runs: a snapshot to lines, and nothing else.
 *
 *   sluice   1,234 of 3,201 rows   38 %   left 2–3 min   12.3 rows/s ▁▂▅▇▇▆▇
 *   requests ███████████████████▊▒▒····  738 of 1k/min   others 62
 *   input    █·························  81k of 2M/min
 *   output   ▊·························  12k of 400k/min
 *   in flight 42   cache 83 %   retries 3 (529s 2, broken 1)   429s 0   failed 1
 *   $0.0123 of about $0.032   binds requests   ? keys  p pause  d drain
 *
 * While batches are under way, what is known of these is told as well:
 *
 *   sluice   5,000 of 45,000 rows   11 %
 *   3 batches under way   40,000 rows in them   5,000 rows collected
 *   failed 0   $1.23   next look in 40 s
 *
 * On a terminal of few rows, or too narrow for bars, limits are told in words and all that is
 * behind them on one line. Fields that do not fit are left out whole, the least telling first.
 */

import type { BudgetLine } from '../budget.ts'
import type { Snapshot } from '../snapshot.ts'
import { bindName, type Spellings } from './bind-names.ts'
import { sparkline } from './bars.ts'
import type { Glyphs } from './glyphs.ts'
import { barLines, limitLines, type MeterOptions } from './meter-lines.ts'
import { type Field, fitFields } from './paint.ts'
import {
  formatCost,
  formatCostAbout,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  formatShort,
  formatSpan,
  plural,
  pluralBatches,
} from '../figures.ts'

/** Where lines are shown, and beside which bounds. */
export interface ProgressOptions extends MeterOptions {
  /** How the user wrote the flags of bounds. @default by their long names */
  readonly spellings?: Spellings
}

/** Where a block is shown. */
export interface BlockOptions extends ProgressOptions {
  /** How many rows the terminal has. @default enough */
  readonly rows?: number
  /** Whether keys are listened to. @default false */
  readonly keys?: boolean
}

/** From so many columns on a curve has a cell for each three seconds. */
const roomyColumns = 100

/** The live block; no line is wider than the terminal, and the block not taller. */
export function progressLines(snapshot: Snapshot, options: BlockOptions): string[] {
  const { cut } = options.glyphs
  return blockLines(snapshot, options).map((line) => line.replaceAll('…', cut))
}

function blockLines(snapshot: Snapshot, options: BlockOptions): string[] {
  const { rows = Infinity, keys } = options
  const head = fitFields([headField(snapshot), ...rowFields(snapshot, options)], options)
  const batches = batchLines(snapshot, options)
  const hint = keys === true ? [keyField(snapshot)] : []
  const state = stateFields(snapshot)
  const money = [...moneyFields(snapshot, options), ...lookFields(snapshot), ...hint]
  const bars = barLines(snapshot, options)
  const words = limitLines(snapshot, options)
  // Below the block the cursor has a row of its own.
  const linesMax = rows - 1
  const limits = bars.length > 0 ? bars : words
  const isTall = bars.length > 0 || words.length > 1
  if (isTall && 3 + batches.length + limits.length <= linesMax) {
    return [head, ...batches, ...limits, fitFields(state, options), fitFields(money, options)]
  }
  const last = fitFields([...state, ...money], options)
  if (linesMax < 2) return [head].slice(0, Math.max(0, linesMax))
  return [head, ...[...batches, ...words].slice(0, linesMax - 2), last]
}

/** The same on one line, for a log: what is zero, or does not fit, is left out. */
export function progressLine(snapshot: Snapshot, options: ProgressOptions): string {
  const state = [...stateFields(snapshot), ...moneyFields(snapshot, options)].filter(
    ({ label, text }) => text !== '0' || label === 'failed',
  )
  const name = headField(snapshot)
  const head = name.text === 'sluice' ? [] : [name]
  const fields = [...head, ...rowFields(snapshot, options), ...batchFields(snapshot), ...state]
  return fitFields(fields, { ...options, gap: '  ' }).replaceAll('…', options.glyphs.cut)
}

function headField({ stopping, paused }: Snapshot): Field {
  if (stopping !== null) return { text: 'stopping', tone: 'strong' }
  return paused ? { text: 'paused', tone: 'warn' } : { text: 'sluice', tone: 'strong', rank: 4 }
}

function keyField({ paused, stopping }: Snapshot): Field {
  const pause = paused ? 'p go on' : 'p pause'
  const more = stopping === null ? { more: ` ${pause}  d drain` } : {}
  return { text: '? keys', ...more, tone: 'quiet', rank: 5 }
}

function rowFields(snapshot: Snapshot, { columns, glyphs }: ProgressOptions): Field[] {
  const { rows, rates, elapsedMs, batches } = snapshot
  const done = rows.succeeded + rows.failed + rows.heldSucceeded + rows.heldFailed
  const fields: Field[] = [{ text: `${doneOf(done, snapshot)} rows`, tone: 'strong' }]
  if (rows.expected !== null) fields.push({ text: formatShare(done, rows.expected), rank: 2 })
  fields.push(...leftFields(snapshot, glyphs))
  // Of batches all answers come at once: how fast says nothing.
  if (rows.succeeded + rows.failed > 0 && batches.outstanding === 0) {
    const cells = columns < roomyColumns ? 10 : 20
    const curve = sparkline({ eachSecond: rates.rowsEachSecond, elapsedMs }, cells, glyphs)
    const more = curve === '' ? {} : { more: curve }
    fields.push({ text: formatRate(rates.rowsPerSecond), ...more, rank: 3 })
  }
  return fields
}

/** A figure that is not known to be good is not shown: none is better. */
function leftFields({ leftRangeMs, stopping, paused }: Snapshot, { to }: Glyphs): Field[] {
  if (leftRangeMs === null || stopping !== null || paused) return []
  return [{ label: 'left', text: formatSpan(leftRangeMs, to), rank: 1 }]
}

/** Until all of the input was read, how much there is of it is known from its bytes only. */
function doneOf(done: number, { rows }: Snapshot): string {
  if (rows.expected === null) return formatCount(done)
  return `${formatCount(done)} of ${rows.readAll ? '' : '~'}${formatCount(rows.expected)}`
}

function batchLines(snapshot: Snapshot, options: ProgressOptions): string[] {
  const fields = [...batchFields(snapshot), ...deadlineFields(snapshot)]
  return fields.length === 0 ? [] : [fitFields(fields, options)]
}

function batchFields({ batches }: Snapshot): Field[] {
  const { outstanding, rows, answers } = batches
  if (outstanding === 0) return []
  const fields: Field[] = [
    { text: `${pluralBatches(outstanding)} under way` },
    { text: `${plural(rows, 'row')} in ${outstanding === 1 ? 'it' : 'them'}`, rank: 2 },
  ]
  if (answers > 0) fields.push({ text: `${plural(answers, 'row')} collected`, rank: 3 })
  return fields
}

function deadlineFields({ deadline }: Snapshot): Field[] {
  if (deadline === null) return []
  const { leftMs } = deadline
  const seconds = Math.ceil(Math.abs(leftMs) / 1000)
  const text = formatDuration(seconds * 1000)
  if (leftMs >= 0) return [{ label: 'deadline in', text, rank: 1 }]
  return [{ label: 'deadline missed by', text, tone: 'bad', rank: 1 }]
}

/** Nothing moves between two looks: when the next one is shows that the run lives. */
function lookFields({ binds, bindsForMs, stopping }: Snapshot): Field[] {
  if (binds !== 'batches' || bindsForMs === null || stopping !== null) return []
  const seconds = Math.ceil(bindsForMs / 1000)
  return [{ label: 'next look in', text: formatDuration(seconds * 1000), rank: 4 }]
}

function stateFields(snapshot: Snapshot): Field[] {
  const { attempts, rows, maxConcurrency } = snapshot
  const { refused, overloaded, broken } = attempts
  const failed = rows.failed + rows.heldFailed
  const retries = overloaded + broken
  // A batch has no tries.
  const { outstanding, collected } = snapshot.batches
  const hasTries = attempts.started > 0 || outstanding + collected === 0
  const inFlight: Field = {
    label: 'in flight',
    text: formatCount(attempts.inFlight),
    ...(maxConcurrency !== null && { more: `of at most ${formatCount(maxConcurrency)}` }),
    rank: 3,
  }
  const tries: readonly Field[] = [
    {
      label: 'retries',
      text: formatCount(retries),
      ...(retries > 0 && { more: whyText(overloaded, broken) }),
      tone: retries > 0 ? 'warn' : 'plain',
      rank: retries > 0 ? 5 : 7,
    },
    {
      label: '429s',
      text: formatCount(refused),
      tone: refused > 0 ? 'warn' : 'plain',
      rank: refused > 0 ? 4 : 6,
    },
  ]
  return [
    ...(hasTries ? [inFlight] : []),
    ...cacheFields(snapshot),
    ...(hasTries ? tries : []),
    { label: 'failed', text: formatCount(failed), tone: failed > 0 ? 'bad' : 'plain' },
  ]
}

function whyText(overloaded: number, broken: number): string {
  const why = [
    ...(overloaded > 0 ? [`529s ${formatCount(overloaded)}`] : []),
    ...(broken > 0 ? [`broken ${formatCount(broken)}`] : []),
  ]
  return `(${why.join(', ')})`
}

/** What it costs, and what keeps it from going faster. */
function moneyFields(snapshot: Snapshot, { spellings }: ProgressOptions): Field[] {
  const { costNanoUsd, unpriced, binds, outputBlocked, stopping, paused, batches, maxConcurrency } =
    snapshot
  const unknown = unpriced > 0 ? ' + unknown' : ''
  const fields: Field[] = [
    { text: `${formatCost(costNanoUsd)}${unknown}`, ...atEnd(snapshot) },
    ...budgetFields(snapshot),
  ]
  const isHeld = stopping !== null || paused
  if (outputBlocked !== null) {
    fields.push({ text: `cannot write: ${outputBlocked}`, tone: 'bad' })
  } else if (!isHeld && binds !== '' && (binds !== 'batches' || batches.outstanding === 0)) {
    // A bound that was changed by a key is no flag any more.
    const isKeyed = binds === 'concurrency' && maxConcurrency !== null
    const text = isKeyed ? 'requests at once' : bindName(binds, spellings)
    fields.push({ label: 'binds', text, rank: 5 })
  }
  return fields
}

/** Where that is more than by now, as it is rounded. */
function atEnd({ costNanoUsd, costAtEndNanoUsd, stopping }: Snapshot): Pick<Field, 'more'> {
  if (costAtEndNanoUsd === null || stopping !== null) return {}
  const isMore = costAtEndNanoUsd > 1.05 * costNanoUsd
  return isMore ? { more: `of about ${formatCostAbout(costAtEndNanoUsd)}` } : {}
}

/** How much of all prompts came from the cache, once there is anything in it. */
function cacheFields({ tokens }: Snapshot): Field[] {
  const cached = tokens.cacheRead + tokens.cacheWrite5m + tokens.cacheWrite1h
  if (cached === 0) return []
  return [{ label: 'cache', text: formatShare(tokens.cacheRead, tokens.input + cached), rank: 6 }]
}

/** Of a budget all that is gone: by earlier runs, perhaps, and for what is under way. */
function budgetFields({ budget }: Snapshot): Field[] {
  const fields: Field[] = []
  const add = (line: BudgetLine | null, format: (amount: number) => string): void => {
    if (line === null) return
    const { limit, spent, unknown, reserved } = line
    const text = `${format(spent + unknown)} + ${format(reserved)} of ${format(limit)}`
    fields.push({ label: 'budget', text, rank: 1 })
  }
  add(budget?.usd ?? null, formatCost)
  add(budget?.tokens ?? null, formatShort)
  return fields
}

/**
 * What a run looks like while it runs: a snapshot to lines, and nothing else.
 *
 *   sluice   1,234 of 3,201 rows   38 %   12.3 rows/s   left 2 min 40 s
 *   requests 738 of 1,000/min   input 81k of 2M/min   output 12k of 400k/min
 *   in flight 42   retries 3   429s 0   failed 1   $0.0123   binds requests
 *
 * While batches are under way, what is known of these takes the place of the limits:
 *
 *   sluice   5,000 of 45,000 rows   11 %
 *   3 batches under way   40,000 rows in them   5,000 rows collected
 *   failed 0   $1.23   next look in 40 s
 *
 * Fields that do not fit are left out whole, the least telling first; no line is ever
 * longer than the terminal is wide.
 */

import type { BudgetLine } from '../budget.ts'
import type { LimitReading } from '../outcome.ts'
import type { PoolSnapshot } from '../pool-stats.ts'
import type { Snapshot } from '../snapshot.ts'
import { bindName, type Spellings } from './bind-names.ts'
import { type Field, fitFields, type Paint } from './paint.ts'
import {
  formatCost,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  formatShort,
  plural,
  pluralBatches,
  printable,
  truncate,
} from './text.ts'

/** The user's bounds, per minute, over all pools. */
export interface ShownBounds {
  readonly requests?: number | undefined
  readonly input?: number | undefined
  readonly output?: number | undefined
}

/** Where lines are shown, and beside which bounds. */
export interface ProgressOptions {
  readonly columns: number
  readonly paint: Paint
  readonly bounds: ShownBounds
  /** How the user wrote the flags of bounds. @default by their long names */
  readonly spellings?: Spellings
  /** The share of the server's limits that may be used. @default 1 */
  readonly fraction?: number
}

/** A screen is no place for more; the summary of a run with many models is in its figures. */
const poolLinesMax = 6
const poolNameColumns = 20

/** The live block. */
export function progressLines(snapshot: Snapshot, options: ProgressOptions): string[] {
  const name = { text: snapshot.stopping === null ? 'sluice' : 'stopping', tone: 'strong' } as const
  return [
    fitFields([name, ...rowFields(snapshot)], options),
    ...batchLines(snapshot, options),
    ...limitLines(snapshot, options),
    fitFields([...stateFields(snapshot, options), ...lookFields(snapshot)], options),
  ]
}

/** The same on one line, for a log: what is zero, or does not fit, is left out. */
export function progressLine(snapshot: Snapshot, options: ProgressOptions): string {
  const state = stateFields(snapshot, options).filter(
    ({ label, text }) => text !== '0' || label === 'failed',
  )
  const fields = [...rowFields(snapshot), ...batchFields(snapshot), ...state]
  return fitFields(fields, { ...options, gap: '  ' })
}

function rowFields(snapshot: Snapshot): Field[] {
  const { rows, rates, leftMs, stopping, batches } = snapshot
  const done = rows.succeeded + rows.failed + rows.heldSucceeded + rows.heldFailed
  const fields: Field[] = [{ text: `${doneOf(done, snapshot)} rows`, tone: 'strong' }]
  if (rows.expected !== null) fields.push({ text: formatShare(done, rows.expected), rank: 2 })
  // Of batches all answers come at once: how fast says nothing.
  if (rows.succeeded + rows.failed > 0 && batches.outstanding === 0) {
    fields.push({ text: formatRate(rates.rowsPerSecond), rank: 3 })
  }
  if (leftMs !== null && stopping === null) {
    fields.push({ label: 'left', text: formatDuration(leftMs), rank: 1 })
  }
  return fields
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

function limitLines(snapshot: Snapshot, options: ProgressOptions): string[] {
  const { rates } = snapshot
  const pools = snapshot.pools.map((pool) => sharedPool(pool, options.fraction ?? 1))
  const [only, ...others] = pools
  if (only === undefined) return []
  const { bounds } = options
  if (others.length === 0) return [fitFields(meterFields(only, bounds, '/min'), options)]
  const shown = pools.slice(0, poolLinesMax)
  const columns = Math.min(poolNameColumns, Math.max(...shown.map(({ name }) => name.length)))
  const nameOf = (name: string): Field => ({
    text: truncate(printable(name), columns).padEnd(columns),
    tone: 'quiet',
  })
  const lineOf = (pool: PoolSnapshot, bounds: ShownBounds): string =>
    fitFields([nameOf(pool.name), ...meterFields(pool, bounds, ''), perMinute], options)
  const lines = shown.map((pool) => lineOf(pool, {}))
  const unseen = pools.length - shown.length
  if (unseen > 0) lines.push(fitFields([{ text: `and ${unseen} more`, tone: 'quiet' }], options))
  // The user's bounds hold for all pools together, so the figures beside them are sums.
  if (Object.values(bounds).some((bound) => bound !== undefined)) {
    const requestsPerMinute = pools.reduce((sum, pool) => sum + pool.requestsPerMinute, 0)
    lines.push(
      lineOf(
        { ...rates, name: 'all', requestsPerMinute, limits: undefined, others: undefined },
        bounds,
      ),
    )
  }
  return lines
}

/** The pool with the limits that its share leaves. */
function sharedPool(pool: PoolSnapshot, fraction: number): PoolSnapshot {
  if (pool.limits === undefined || fraction === 1) return pool
  const { requests, input, output } = pool.limits
  const share = (reading: LimitReading | undefined): LimitReading | undefined =>
    reading && { ...reading, limit: fraction * reading.limit }
  const shared = { requests: share(requests), input: share(input), output: share(output) }
  const there = Object.entries(shared).filter(([, reading]) => reading !== undefined)
  return { ...pool, limits: { ...pool.limits, ...Object.fromEntries(there) } }
}

const perMinute: Field = { text: 'a minute', tone: 'quiet', rank: 2 }

function meterFields(
  { limits, ...pool }: PoolSnapshot,
  bounds: ShownBounds,
  unit: string,
): Field[] {
  return [
    meterField('requests', pool.requestsPerMinute, limits?.requests, bounds.requests, unit),
    meterField('input', pool.inputTokensPerMinute, limits?.input, bounds.input, unit),
    {
      ...meterField('output', pool.outputTokensPerMinute, limits?.output, bounds.output, unit),
      rank: 1,
    },
  ]
}

function meterField(
  label: string,
  used: number,
  reading: LimitReading | undefined,
  bound: number | undefined,
  unit: string,
): Field {
  const limit = Math.min(reading?.limit ?? Infinity, bound ?? Infinity)
  const of = unit === '' ? '/' : ' of '
  const text =
    limit === Infinity ? formatShort(used) : `${formatShort(used)}${of}${formatShort(limit)}`
  // Close to the limit is where a run should be.
  return { label, text: `${text}${unit}`, tone: used >= 0.9 * limit ? 'good' : 'plain' }
}

function stateFields(snapshot: Snapshot, { spellings }: ProgressOptions): Field[] {
  const { attempts, rows, costNanoUsd, unpriced, binds, outputBlocked, stopping } = snapshot
  const failed = rows.failed + rows.heldFailed
  const retries = attempts.overloaded + attempts.broken
  // A batch has no tries.
  const { outstanding, collected } = snapshot.batches
  const hasTries = attempts.started > 0 || outstanding + collected === 0
  const tries: readonly Field[] = [
    {
      label: 'retries',
      text: formatCount(retries),
      tone: retries > 0 ? 'warn' : 'plain',
      rank: retries > 0 ? 5 : 7,
    },
    {
      label: '429s',
      text: formatCount(attempts.refused),
      tone: attempts.refused > 0 ? 'warn' : 'plain',
      rank: attempts.refused > 0 ? 4 : 6,
    },
  ]
  const fields: Field[] = [
    ...(hasTries ? [{ label: 'in flight', text: formatCount(attempts.inFlight), rank: 3 }] : []),
    ...cacheFields(snapshot),
    ...(hasTries ? tries : []),
    { label: 'failed', text: formatCount(failed), tone: failed > 0 ? 'bad' : 'plain' },
    { text: `${formatCost(costNanoUsd)}${unpriced > 0 ? ' + unknown' : ''}` },
    ...budgetFields(snapshot),
  ]
  if (outputBlocked !== null) {
    fields.push({ text: `cannot write: ${outputBlocked}`, tone: 'bad' })
  } else if (stopping === null && binds !== '' && (binds !== 'batches' || outstanding === 0)) {
    fields.push({ label: 'binds', text: bindName(binds, spellings), rank: 5 })
  }
  return fields
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

/**
 * The limits of pools beside what is used of them: as bars, or in words where those do not fit.
 *
 *   requests ███████████████▌▒▒▒▒······  620 of 1k/min   others 180
 *   input    █·························  81k of 2M/min
 *   output   ▊·························  12k of 400k/min
 *
 * Several pools have a line each, with a bar for the limit that is nearest.
 */

import type { LimitReading } from '../outcome.ts'
import type { PoolSnapshot } from '../pool-stats.ts'
import type { Snapshot } from '../snapshot.ts'
import { bar, type Shares } from './bars.ts'
import type { Glyphs } from './glyphs.ts'
import { type Field, fitFields, type Paint } from './paint.ts'
import { formatShort } from '../figures.ts'
import { displayWidth, printable, truncate } from './text.ts'

/** The user's bounds, per minute, over all pools. */
export interface ShownBounds {
  readonly requests?: number | undefined
  readonly input?: number | undefined
  readonly output?: number | undefined
}

/** Where they are shown, and beside which bounds. */
export interface MeterOptions {
  readonly columns: number
  readonly paint: Paint
  readonly glyphs: Glyphs
  readonly bounds: ShownBounds
  /** The share of the server's limits that may be used. @default 1 */
  readonly fraction?: number
}

/** One limit of a pool, and what is used of it a minute. */
interface Meter {
  readonly label: string
  readonly used: number
  /** Infinity: none is known. */
  readonly limit: number
  /** What others use; 0 when that is not known. */
  readonly others: number
  /** Whether what others use is used of this limit, and not of a larger one. */
  readonly isShared: boolean
}

/** A screen is no place for more; the summary of a run with many models is in its figures. */
const poolLinesMax = 6
const poolNameColumns = 20
const labelColumns = 'requests'.length
/** Of `999k of 99.9M/min`, and of what others use. */
const figureColumns = 19
const othersColumns = 15
const barMin = 6
const barMax = 40
const poolBar = 16

/** A line for each limit of the only pool; none where there is no room, or no limit is known. */
export function barLines(snapshot: Snapshot, options: MeterOptions): string[] {
  const [only, ...more] = snapshot.pools
  if (only === undefined || more.length > 0) return []
  const meters = metersOf(only, options)
  const known = meters.filter(({ limit }) => limit < Infinity)
  const around = labelColumns + 1 + 2 + figureColumns
  const roomy = options.columns - around - othersColumns
  const cells = Math.min(barMax, roomy >= barMin ? roomy : options.columns - around)
  if (known.length === 0 || cells < barMin) return []
  const lines = known.map((meter) => barLine(meter, cells, options))
  const unknown = meters.filter(({ limit }) => limit === Infinity)
  if (unknown.length === 0) return lines
  return [...lines, fitFields(wordsOf(unknown), options)]
}

function barLine(meter: Meter, cells: number, options: MeterOptions): string {
  const { columns, paint, glyphs } = options
  const { label, used, limit, others } = meter
  const head = `${paint('quiet', label.padEnd(labelColumns))} `
  const drawn = bar(sharesOf(meter), cells, { glyphs, paint, tone: toneOf(meter) })
  const figure: Field = {
    text: `${formatShort(used).padStart(5)} of ${formatShort(limit)}/min`,
    tone: toneOf(meter),
  }
  const told = others > 0 ? [{ label: 'others', text: formatShort(others), rank: 1 }] : []
  const room = columns - labelColumns - 1 - cells - 1
  return `${head}${drawn} ${fitFields([figure, ...told], { paint, columns: room })}`
}

/** The limits in words: a line for each pool, or one for the only one. */
export function limitLines(snapshot: Snapshot, options: MeterOptions): string[] {
  const { rates, pools } = snapshot
  const [only, ...others] = pools
  if (only === undefined) return []
  if (others.length === 0) return [fitFields(wordsOf(metersOf(only, options)), options)]
  const shown = pools.slice(0, poolLinesMax)
  const columns = Math.min(poolNameColumns, Math.max(...shown.map(nameWidth)))
  const lineOf = (pool: PoolSnapshot, bounds: ShownBounds): string =>
    poolLine(pool, columns, { ...options, bounds })
  const lines = shown.map((pool) => lineOf(pool, {}))
  const unseen = pools.length - shown.length
  if (unseen > 0) lines.push(fitFields([{ text: `and ${unseen} more`, tone: 'quiet' }], options))
  // The user's bounds hold for all pools together, so the figures beside them are sums.
  if (Object.values(options.bounds).some((bound) => bound !== undefined)) {
    const requestsPerMinute = pools.reduce((sum, pool) => sum + pool.requestsPerMinute, 0)
    const all = { ...rates, name: 'all', requestsPerMinute, limits: undefined, others: undefined }
    lines.push(lineOf(all, options.bounds))
  }
  return lines
}

function nameWidth({ name }: PoolSnapshot): number {
  return displayWidth(printable(name))
}

/** Some scripts take two columns a character, and some marks none. */
function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)))
}

/** The limit that is nearest as a bar, then the others in words. */
function poolLine(pool: PoolSnapshot, nameColumns: number, options: MeterOptions): string {
  const { columns, paint, glyphs } = options
  const meters = metersOf(pool, options)
  const name = padded(truncate(printable(pool.name), nameColumns), nameColumns)
  const nameField: Field = { text: name, tone: 'quiet' }
  const room = columns - nameColumns - 3
  const nearest = meters.reduce((most, meter) => (shareOf(meter) > shareOf(most) ? meter : most))
  const rest = meters.filter((meter) => meter !== nearest)
  const sorted = [nearest, ...rest]
  const around = labelColumns + 2 + figureColumns
  if (nearest.limit === Infinity || room < around + poolBar) {
    return fitFields([nameField, ...wordsOf(sorted, ''), perMinute], options)
  }
  const drawn = bar(sharesOf(nearest), poolBar, { glyphs, paint, tone: toneOf(nearest) })
  const head = `${paint('quiet', `${name}   ${nearest.label.padEnd(labelColumns)}`)} ${drawn} `
  const figure: Field = {
    text: `${formatShort(nearest.used).padStart(5)} of ${formatShort(nearest.limit)}`.padEnd(14),
    tone: toneOf(nearest),
  }
  const left = room - labelColumns - poolBar - 2
  return head + fitFields([figure, ...wordsOf(rest, ''), perMinute], { paint, columns: left })
}

const perMinute: Field = { text: 'a minute', tone: 'quiet', rank: 2 }

function metersOf(pool: PoolSnapshot, { bounds, fraction = 1 }: MeterOptions): readonly Meter[] {
  const { limits, others } = pool
  const meter = (
    label: 'requests' | 'input' | 'output' | 'tokens',
    used: number,
    reading: LimitReading | undefined,
    bound: number = Infinity,
  ): Meter => {
    const server = (reading?.limit ?? Infinity) * fraction
    const isShared = fraction === 1 && server <= bound
    return { label, used, limit: Math.min(server, bound), others: others?.[label] ?? 0, isShared }
  }
  const { requestsPerMinute, inputTokensPerMinute: input, outputTokensPerMinute: output } = pool
  const each = [
    meter('requests', requestsPerMinute, limits?.requests, bounds.requests),
    meter('input', input, limits?.input, bounds.input),
    meter('output', output, limits?.output, bounds.output),
  ]
  // Beside limits of both kinds it repeats the nearer of them.
  const isOwn = limits?.input === undefined && limits?.output === undefined
  if (limits?.tokens === undefined || !isOwn) return each
  return [...each, meter('tokens', input + output, limits.tokens)]
}

function sharesOf({ used, others, limit, isShared }: Meter): Shares {
  return { ours: used, others: isShared ? others : 0, limit }
}

function shareOf(meter: Meter): number {
  const { ours, others, limit } = sharesOf(meter)
  return (ours + others) / limit
}

/** Close to the limit is where a run should be. */
function toneOf({ used, limit }: Meter): 'good' | 'plain' {
  return used >= 0.9 * limit ? 'good' : 'plain'
}

/** The last goes first where there is no room for all. */
function wordsOf(meters: readonly Meter[], unit: '/min' | '' = '/min'): readonly Field[] {
  return meters.map((meter) => ({ ...meterField(meter, unit), rank: 1 }))
}

function meterField(meter: Meter, unit: '/min' | ''): Field {
  const { label, used, limit } = meter
  const of = unit === '' ? '/' : ' of '
  const text =
    limit === Infinity ? formatShort(used) : `${formatShort(used)}${of}${formatShort(limit)}`
  return { label, text: `${text}${unit}`, tone: toneOf(meter) }
}

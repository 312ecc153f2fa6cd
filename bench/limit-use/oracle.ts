/**
 * The oracle: how soon rows could have been answered by one who knows beforehand what each costs
 * and how long it takes, and what is left of every limit.
 *
 * It sends rows in the order given, each at the first instant at which no limit is taken below
 * zero, then or later (grid-meter.ts). It obeys the same ramp at the start: at first max(2 a second,
 * a fifth of the refill), then twice as much each second, until a limit binds for the first time.
 *
 * It shares nothing with the limiter or the simulator. It is greedy and keeps the order, so it is
 * the best of nearly all schedules, not of all: a ratio may come out a little above 1.
 */

import { GridMeter, gridMs, type LimitOverTime, type Takings } from './grid-meter.ts'

/** A row's true cost. */
export interface OracleRow {
  /** Input tokens taken at the start, before they are counted. */
  readonly held: number
  readonly input: number
  readonly output: number
  /** Output tokens taken at the start and corrected at the end. @default output as it is produced */
  readonly reserved?: number | undefined
  /** From the start to the first byte, and from there to the end. */
  readonly firstByteMs: number
  readonly productionMs: number
}

/** What binds. */
export interface OracleLimits {
  readonly requests?: LimitOverTime | undefined
  readonly input?: LimitOverTime | undefined
  readonly output?: LimitOverTime | undefined
  readonly tokens?: LimitOverTime | undefined
  /** Every limit holds over so many seconds too. */
  readonly sliceSeconds?: number | undefined
  /** What others take. */
  readonly others?: readonly {
    readonly at: number
    readonly input: number
    readonly output: number
  }[]
  /** Nothing is answered in these spans: what is sent there fails. */
  readonly closed?: readonly (readonly [fromMs: number, toMs: number])[]
}

/** How long it takes: to the last start, and to the last answer. */
export interface OracleTime {
  readonly lastSentAt: number
  readonly endedAt: number
  /** The ramp's share: until a limit bound for the first time. */
  readonly rampMs: number
  /** When each row was sent. */
  readonly sentAt: readonly number[]
}

type Unit = 'requests' | 'input' | 'output' | 'tokens'

interface Metered {
  readonly unit: Unit
  readonly meter: GridMeter
}

/** The oracle's time for the rows, in their order. */
export function oracleTime(rows: readonly OracleRow[], limits: OracleLimits): OracleTime {
  const meters = metersOf(limits)
  const ramp = new OracleRamp((limits.requests?.[0]?.[1] ?? 0) / 60)
  const sentAt: number[] = []
  let step = 0
  let rampMs: number | undefined
  let endedAt = 0
  for (const row of rows) {
    const wanted = meters.map(({ unit, meter }) => ({ meter, takings: takingsOf(unit, row) }))
    for (; ; step++, ramp.pass()) {
      if (isClosed(limits, step) || !ramp.allows) continue
      const now = step
      if (wanted.every(({ meter, takings }) => mayStart(meter, now, takings))) break
      rampMs ??= step * gridMs
      ramp.end()
    }
    for (const { meter, takings } of wanted) meter.take(step, takings)
    ramp.take()
    sentAt.push(step * gridMs)
    endedAt = Math.max(endedAt, step * gridMs + row.firstByteMs + row.productionMs)
  }
  return { lastSentAt: sentAt.at(-1) ?? 0, endedAt, rampMs: rampMs ?? endedAt, sentAt }
}

function mayStart(meter: GridMeter, step: number, takings: Takings): boolean {
  return meter.fits(step, takings) || meter.mayOverdraw(step, takings)
}

function isClosed({ closed = [] }: OracleLimits, step: number): boolean {
  const at = step * gridMs
  return closed.some(([from, to]) => at >= from && at < to)
}

function metersOf(limits: OracleLimits): readonly Metered[] {
  const meters: Metered[] = []
  for (const unit of ['requests', 'input', 'output', 'tokens'] as const) {
    const limit = limits[unit]
    if (limit === undefined) continue
    meters.push({ unit, meter: new GridMeter(limit, 60) })
    const { sliceSeconds } = limits
    if (sliceSeconds !== undefined) meters.push({ unit, meter: new GridMeter(limit, sliceSeconds) })
  }
  for (const { at, input, output } of limits.others ?? []) {
    const row = { held: input, input, output, firstByteMs: 0, productionMs: gridMs }
    const step = Math.max(0, Math.floor(at / gridMs))
    for (const { unit, meter } of meters) meter.take(step, takingsOf(unit, row))
  }
  return meters
}

/** The start: so many at first, and twice as many each second. */
class OracleRamp {
  #perSecond: number
  /** Both probes may start at once. */
  #credit = 2
  #isOver = false

  constructor(refillPerSecond: number) {
    this.#perSecond = Math.max(2, refillPerSecond / 5)
  }

  get allows(): boolean {
    return this.#isOver || this.#credit >= 1
  }

  take(): void {
    this.#credit -= 1
  }

  /** A limit binds. */
  end(): void {
    this.#isOver = true
  }

  /** A step of the grid has passed. */
  pass(): void {
    if (this.#isOver) return
    this.#credit += (this.#perSecond * gridMs) / 1000
    this.#perSecond *= 2 ** (gridMs / 1000)
  }
}

/** What a row takes of a limit, and when. */
function takingsOf(unit: Unit, row: OracleRow): Takings {
  const firstByteSteps = Math.round(row.firstByteMs / gridMs)
  const steps = Math.max(1, Math.round(row.productionMs / gridMs))
  const takings = { atStart: 0, atFirstByte: 0, firstByteSteps, perStep: 0, flowSteps: 0 }
  if (unit === 'requests') return { ...takings, atStart: 1, firstByteSteps: 0 }
  const isInput = unit !== 'output'
  const held = isInput ? row.held : 0
  const corrected = isInput ? row.input - row.held : 0
  if (unit === 'input') return { ...takings, atStart: held, atFirstByte: corrected }
  const { reserved } = row
  if (reserved !== undefined) {
    // What is given back at the end is all of what the flow is here.
    const atStart = held + reserved
    const firstByteSteps = Math.round((row.firstByteMs + row.productionMs) / gridMs)
    return { ...takings, atStart, atFirstByte: corrected + row.output - reserved, firstByteSteps }
  }
  const perStep = row.output / steps
  return { ...takings, atStart: held, atFirstByte: corrected, perStep, flowSteps: steps }
}

/**
 * The oracle: how soon rows could have been answered by one who knows beforehand what each costs
 * and how long it takes, and what is left of every limit.
 *
 * It sends rows in the order of the file, each at the first instant at which no limit is taken
 * below zero, then or later. It obeys the same ramp at the start: at first max(2 a second, a fifth
 * of the refill), then twice as much each second, until a limit binds for the first time.
 *
 * It has its own arithmetic: a grid of time, and on it what each limit has left. It shares nothing
 * with the limiter or the simulator.
 */

/** A row's true cost. */
export interface OracleRow {
  /** Input tokens taken at the start, before they are counted. */
  readonly held: number
  readonly input: number
  readonly output: number
  /** From the start to the first byte, and from there to the end. */
  readonly firstByteMs: number
  readonly productionMs: number
}

/** One limit: units a minute, from each instant on. */
export type LimitOverTime = readonly (readonly [fromMs: number, perMinute: number])[]

/** What binds. */
export interface OracleLimits {
  readonly requests?: LimitOverTime | undefined
  readonly input?: LimitOverTime | undefined
  readonly output?: LimitOverTime | undefined
  readonly tokens?: LimitOverTime | undefined
  /** Every limit holds over so many seconds too. */
  readonly sliceSeconds?: number | undefined
  /** What others take, in order. */
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
}

const gridMs = 50

/** One limit on the grid: what is left of it at the end of each step, all that is planned taken. */
class GridMeter {
  readonly #limit: LimitOverTime
  readonly #seconds: number
  /** Taken in each step, by all rows started so far. */
  readonly #taken: number[] = []
  /** Left at the end of each step before `#known`. */
  #level: number
  #known = 0

  constructor(limit: LimitOverTime, seconds: number) {
    this.#limit = limit
    this.#seconds = seconds
    this.#level = this.#capacity(0)
  }

  /** What is taken at or after the step that time has come to. */
  take(step: number, amount: number): void {
    this.#taken[step] = (this.#taken[step] ?? 0) + amount
  }

  /** Whether a row's takings leave it at zero or more at every later step. */
  fits(now: number, takings: ReadonlyMap<number, number>): boolean {
    let level = this.#advance(now)
    let last = now
    for (const step of takings.keys()) last = Math.max(last, step)
    for (let step = now; step < Math.max(last + 1, this.#taken.length); step++) {
      const taken = (this.#taken[step] ?? 0) + (takings.get(step) ?? 0)
      level = this.#next(level, step, taken)
      if (level < -1e-6) return false
    }
    return true
  }

  /** All of it is there, and nothing is planned: a row larger than the whole limit may run. */
  isIdle(now: number): boolean {
    if (this.#advance(now) < this.#capacity(now) - 1e-6) return false
    return !this.#taken.some((taken, step) => step >= now && taken > 0)
  }

  #advance(now: number): number {
    for (; this.#known < now; this.#known++) {
      this.#level = this.#next(this.#level, this.#known, this.#taken[this.#known] ?? 0)
    }
    return this.#level
  }

  #next(level: number, step: number, taken: number): number {
    const refill = (this.#perMinute(step) / 60_000) * gridMs
    return Math.min(this.#capacity(step), level + refill - taken)
  }

  #capacity(step: number): number {
    return (this.#perMinute(step) * this.#seconds) / 60
  }

  #perMinute(step: number): number {
    let value = 0
    for (const [fromMs, perMinute] of this.#limit) if (fromMs <= step * gridMs) value = perMinute
    return value
  }
}

type Unit = 'requests' | 'input' | 'output' | 'tokens'

/** The oracle's time for the rows, in their order. */
export function oracleTime(rows: readonly OracleRow[], limits: OracleLimits): OracleTime {
  const meters: { unit: Unit; meter: GridMeter }[] = []
  for (const unit of ['requests', 'input', 'output', 'tokens'] as const) {
    const limit = limits[unit]
    if (limit === undefined) continue
    meters.push({ unit, meter: new GridMeter(limit, 60) })
    const { sliceSeconds } = limits
    if (sliceSeconds !== undefined) meters.push({ unit, meter: new GridMeter(limit, sliceSeconds) })
  }
  for (const { at, input, output } of limits.others ?? []) {
    const step = Math.max(0, Math.floor(at / gridMs))
    for (const { unit, meter } of meters) {
      const amounts = { requests: 1, input, output, tokens: input + output }
      meter.take(step, amounts[unit])
    }
  }
  const perSecond = (limits.requests?.[0]?.[1] ?? 0) / 60
  let rate = Math.max(2, perSecond / 5)
  let credit = 2
  let isRamping = true
  let rampMs = 0
  let step = 0
  let endedAt = 0
  let lastSentAt = 0
  for (const row of rows) {
    const planned = meters.map(({ unit, meter }) => ({ meter, unit }))
    for (;;) {
      const at = step * gridMs
      const isClosed = limits.closed?.some(([from, to]) => at >= from && at < to) === true
      const isRampDone = !isRamping || credit >= 1
      if (!isClosed && isRampDone) {
        const takings = planned.map(({ unit }) => takingsOf(unit, row, step))
        const short = planned.findIndex(({ meter }, index) => {
          return !meter.fits(step, takings[index] ?? new Map()) && !meter.isIdle(step)
        })
        if (short === -1) {
          for (const [index, { meter }] of planned.entries()) {
            for (const [when, amount] of takings[index] ?? []) meter.take(when, amount)
          }
          credit -= 1
          break
        }
        if (isRamping) rampMs = at
        isRamping = false
      }
      step += 1
      if (isRamping) {
        credit += (rate * gridMs) / 1000
        rate *= 2 ** (gridMs / 1000)
      }
    }
    lastSentAt = step * gridMs
    endedAt = Math.max(endedAt, lastSentAt + row.firstByteMs + row.productionMs)
  }
  return { lastSentAt, endedAt, rampMs: isRamping ? endedAt : rampMs }
}

/** What a row takes of a limit, and when. */
function takingsOf(unit: Unit, row: OracleRow, step: number): ReadonlyMap<number, number> {
  const takings = new Map<number, number>()
  const add = (atStep: number, amount: number): void => {
    takings.set(atStep, (takings.get(atStep) ?? 0) + amount)
  }
  if (unit === 'requests') add(step, 1)
  const firstByte = step + Math.round(row.firstByteMs / gridMs)
  if (unit === 'input' || unit === 'tokens') {
    add(step, row.held)
    add(firstByte, row.input - row.held)
  }
  if (unit === 'output' || unit === 'tokens') {
    const steps = Math.max(1, Math.round(row.productionMs / gridMs))
    for (let index = 0; index < steps; index++) add(firstByte + index, row.output / steps)
  }
  return takings
}

/**
 * One limit as the oracle keeps it: a grid of time, and on it what is left after all that is
 * planned.
 *
 * What a row takes is planned when it is sent, to the end of its answer, so the level of every
 * later instant is known. A row fits if it leaves no later level below zero, or none lower than it
 * was: others' traffic, or a row larger than the limit, may have brought it there.
 *
 * In a step refill and takings act together, so a level may be wrong by one step's refill.
 */

/** Width of a step of the grid. */
export const gridMs = 50

/** Units a minute, from each instant on; the first from 0. */
export type LimitOverTime = readonly (readonly [fromMs: number, perMinute: number])[]

/** What a row takes of a limit, and when: in steps after its start. */
export interface Takings {
  readonly atStart: number
  /** At the first byte; negative gives back. */
  readonly atFirstByte: number
  readonly firstByteSteps: number
  /** From the first byte on, in each of so many steps. */
  readonly perStep: number
  readonly flowSteps: number
}

interface Piece {
  readonly fromStep: number
  readonly refill: number
  readonly capacity: number
}

/** Levels are sums of fractions. */
const tolerance = 1e-6

/** What is left of one limit. */
export class GridMeter {
  readonly #pieces: readonly Piece[]
  /** Taken in each step, and left at its end. */
  #taken = new Float64Array(4096)
  #levels = new Float64Array(4096)
  /** Steps whose levels are known; nothing is planned behind them. */
  #length = 0

  /** `seconds`: how much of the limit there is at once. */
  constructor(limit: LimitOverTime, seconds: number) {
    this.#pieces = limit.map(([fromMs, perMinute]) => ({
      fromStep: Math.ceil(fromMs / gridMs),
      refill: (perMinute / 60_000) * gridMs,
      capacity: (perMinute * seconds) / 60,
    }))
  }

  /** What is left just before a step. */
  #levelBefore(step: number): number {
    if (step === 0) return this.#piece(0).capacity
    this.#extend(step)
    return this.#levels[step - 1] ?? 0
  }

  /** Whether a row that starts now leaves enough at every later step. */
  fits(now: number, takings: Takings): boolean {
    const last = now + lastOffset(takings)
    let level = this.#levelBefore(now)
    this.#extend(last + 1)
    for (let step = now; step < this.#length; step++) {
      const planned = this.#taken[step] ?? 0
      const before = this.#levels[step] ?? 0
      level = this.#next(level, step, planned + amountAt(takings, step - now))
      if (level < -tolerance && level < before - tolerance) return false
      // From where both are alike on, they stay so.
      if (step >= last && level >= before - tolerance) return true
    }
    return true
  }

  /** A row larger than the limit could only wait for ever: it may start when all of it is there. */
  mayOverdraw(now: number, takings: Takings): boolean {
    const { capacity, refill } = this.#piece(now)
    this.#extend(now + 1)
    if ((this.#levels[now] ?? 0) < capacity - tolerance) return false
    let level = capacity
    for (let offset = 0; offset <= lastOffset(takings); offset++) {
      level = Math.min(capacity, level + refill - amountAt(takings, offset))
      if (level < -tolerance) return true
    }
    return false
  }

  /** A row starts now. */
  take(now: number, takings: Takings): void {
    const last = now + lastOffset(takings)
    let level = this.#levelBefore(now)
    this.#extend(last + 1)
    for (let step = now; step < this.#length; step++) {
      const planned = (this.#taken[step] ?? 0) + amountAt(takings, step - now)
      const before = this.#levels[step] ?? 0
      level = this.#next(level, step, planned)
      this.#taken[step] = planned
      this.#levels[step] = level
      if (step >= last && level === before) return
    }
  }

  #next(level: number, step: number, taken: number): number {
    const { refill, capacity } = this.#piece(step)
    return Math.min(capacity, level + refill - taken)
  }

  /** Makes levels known up to a step, itself left out. */
  #extend(step: number): void {
    if (step > this.#taken.length) {
      const size = 2 * step
      this.#taken = grown(this.#taken, size)
      this.#levels = grown(this.#levels, size)
    }
    for (; this.#length < step; this.#length++) {
      const level = this.#length === 0 ? this.#piece(0).capacity : this.#levels[this.#length - 1]
      this.#levels[this.#length] = this.#next(level ?? 0, this.#length, 0)
    }
  }

  #piece(step: number): Piece {
    let found = this.#pieces[0]
    for (let index = 1; index < this.#pieces.length; index++) {
      const piece = this.#pieces[index]
      if (piece === undefined || piece.fromStep > step) break
      found = piece
    }
    if (found === undefined) throw new Error('A limit needs a first value')
    return found
  }
}

function grown(array: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(size)
  larger.set(array)
  return larger
}

function lastOffset({ firstByteSteps, flowSteps }: Takings): number {
  return firstByteSteps + Math.max(0, flowSteps - 1)
}

function amountAt(takings: Takings, offset: number): number {
  const { atStart, atFirstByte, firstByteSteps, perStep, flowSteps } = takings
  let amount = offset === 0 ? atStart : 0
  if (offset === firstByteSteps) amount += atFirstByte
  if (offset >= firstByteSteps && offset < firstByteSteps + flowSteps) amount += perStep
  return amount
}

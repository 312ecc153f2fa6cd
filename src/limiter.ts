/**
 * May this request start now, and if not, when, and which limit says so?
 *
 * One `Limiter` per run holds the user's bounds, which all models share, and one
 * `PoolLimiter` for each pool of models, which holds what the server's headers show.
 * A request takes its expected cost on account of every meter when it starts and
 * settles with its usage when that is known.
 *
 * It answers synchronously, from what it has here; a budget leased from elsewhere
 * would fill the same meters. No timers, no clock: instants are arguments.
 */

import { amountOf, BoundMeter, type Cost, ServerMeter } from './meter.ts'
import type { LimitReadings, Refused } from './outcome.ts'
import { Ramp, type RampKind } from './ramp.ts'
import type { WindowTicket } from './sliding-window.ts'

/** The user's bounds, each per minute; an absent one does not bind. */
export interface Bounds {
  readonly requestsPerMinute?: number | undefined
  readonly inputTokensPerMinute?: number | undefined
  readonly outputTokensPerMinute?: number | undefined
}

/** Until when something waits, and for what. */
export interface Wait {
  /** 0: it may start now. Infinity: only an event can tell. */
  readonly delayMs: number
  /** The name of the limit that says so, for progress and summary. */
  readonly binds: string
}

/** What a request took on account; settled exactly once. */
export interface Reservation {
  readonly pool: PoolLimiter
  readonly cost: Cost
  readonly reservedAt: number
  readonly tickets: readonly WindowTicket[]
  /** Requests and tokens the pool had ever reserved, this one included. */
  readonly sentBefore: Readonly<Record<ServerUnit, number>>
}

type ServerUnit = 'requests' | 'input' | 'output' | 'tokens'
const serverUnits = ['requests', 'input', 'output', 'tokens'] as const

const free: Wait = { delayMs: 0, binds: '' }
/** Rows sent into a pool of which nothing is known yet. */
const probesMax = 2
const refusedMsMax = 60_000

/** All limits of one run. */
export class Limiter {
  readonly #bounds: readonly BoundMeter[]
  readonly #pools = new Map<string, PoolLimiter>()
  readonly #ramp: RampKind

  constructor(now: number, options: { bounds: Bounds; ramp: RampKind }) {
    this.#ramp = options.ramp
    this.#bounds = boundMeters(now, options.bounds)
  }

  get bounds(): readonly BoundMeter[] {
    return this.#bounds
  }

  /** The limits of a pool, made when it is first asked for. */
  pool(now: number, name: string): PoolLimiter {
    const known = this.#pools.get(name)
    if (known) return known
    const made = new PoolLimiter(now, name, this.#ramp)
    this.#pools.set(name, made)
    return made
  }

  /** How long a request of this cost must wait, and what for. */
  wait(now: number, pool: PoolLimiter, cost: Cost): Wait {
    let longest = pool.wait(now, cost)
    for (const meter of this.#bounds) {
      const delayMs = meter.delay(now, amountOf(meter.unit, cost))
      if (delayMs > longest.delayMs) longest = { delayMs, binds: meter.name }
    }
    return longest
  }

  /** Takes the cost on account; the request starts now. */
  reserve(now: number, pool: PoolLimiter, cost: Cost): Reservation {
    const tickets = this.#bounds.map((meter) => meter.reserve(now, amountOf(meter.unit, cost)))
    return { pool, cost, reservedAt: now, tickets, sentBefore: pool.reserve(now, cost) }
  }

  /**
   * Replaces what was taken on account by what was spent. `actual` undefined: nobody knows;
   * the input stays on account (it may have been counted), the output is given back.
   */
  settle(now: number, reservation: Reservation, actual: Cost | undefined): void {
    const { cost, pool, tickets } = reservation
    const spent = actual ?? { input: cost.input, output: 0 }
    for (const [index, meter] of this.#bounds.entries()) {
      // A refused try was a send all the same: the user's bound on requests counts it.
      if (meter.unit === 'requests') continue
      const reserved = amountOf(meter.unit, cost)
      meter.settle(now, tickets[index] ?? 0, reserved, amountOf(meter.unit, spent))
    }
    pool.settle(now, cost, spent)
  }
}

/** The limits of one pool, as the server shows them. */
export class PoolLimiter {
  readonly name: string
  readonly #meters: Partial<Record<ServerUnit, ServerMeter>> = {}
  readonly #ramp: Ramp
  readonly #sent: Record<ServerUnit, number> = { requests: 0, input: 0, output: 0, tokens: 0 }
  readonly #unsettled: Record<ServerUnit, number> = { requests: 0, input: 0, output: 0, tokens: 0 }
  #heard: boolean
  #refusedUntil = -Infinity
  #refusalsInRow = 0

  constructor(now: number, name: string, ramp: RampKind) {
    this.name = name
    this.#ramp = new Ramp(now, ramp)
    this.#heard = ramp === 'off'
  }

  /** False until the first reply: its rows are probes, and streamed, so that limits come early. */
  get heard(): boolean {
    return this.#heard
  }

  /** What each limit is and holds, for showing. */
  levels(now: number): Partial<Record<ServerUnit, { limit: number; level: number }>> {
    const levels: Partial<Record<ServerUnit, { limit: number; level: number }>> = {}
    for (const unit of serverUnits) {
      const meter = this.#meters[unit]
      if (meter) levels[unit] = { limit: meter.perMinute, level: meter.level(now) }
    }
    return levels
  }

  wait(now: number, cost: Cost): Wait {
    if (now < this.#refusedUntil) {
      return { delayMs: this.#refusedUntil - now, binds: 'retry-after' }
    }
    if (!this.#heard && this.#unsettled.requests >= probesMax) {
      return { delayMs: Infinity, binds: 'first reply' }
    }
    let longest = free
    const ramp = this.#ramp.delay(now)
    if (ramp > 0) longest = { delayMs: ramp, binds: 'ramp' }
    for (const unit of serverUnits) {
      const delayMs = this.#meters[unit]?.delay(now, amountOf(unit, cost)) ?? 0
      if (delayMs > longest.delayMs) longest = { delayMs, binds: unit }
    }
    return longest
  }

  reserve(now: number, cost: Cost): Record<ServerUnit, number> {
    this.#ramp.take(now)
    for (const unit of serverUnits) {
      const amount = amountOf(unit, cost)
      this.#meters[unit]?.take(now, amount)
      this.#sent[unit] += amount
      this.#unsettled[unit] += amount
    }
    return { ...this.#sent }
  }

  settle(now: number, reserved: Cost, spent: Cost): void {
    for (const unit of serverUnits) {
      const amount = amountOf(unit, reserved)
      this.#unsettled[unit] -= amount
      const actual = unit === 'requests' ? 1 : amountOf(unit, spent)
      if (actual !== amount) this.#meters[unit]?.take(now, actual - amount)
    }
  }

  /**
   * Learns from the headers of a reply. `asOfSend`: the figures are those of the request's
   * admission (a stream's, and always those of requests); otherwise those of the reply.
   */
  observe(
    now: number,
    reservation: Reservation,
    readings: LimitReadings | undefined,
    asOfSend: boolean,
  ): void {
    const first = !this.#heard
    if (first) {
      this.#heard = true
      this.#ramp.restart(now, 2)
    }
    if (readings === undefined) return
    for (const unit of serverUnits) {
      const reading = readings[unit]
      if (reading === undefined || (unit === 'tokens' && !isOwnLimit(readings))) continue
      const early = asOfSend || unit === 'requests'
      const meter = this.#meters[unit] ?? this.#addMeter(now, unit, reading)
      meter.observe(now, {
        reading,
        sentSince: early ? this.#sent[unit] - reservation.sentBefore[unit] : 0,
        // The server counts a request when it admits it; tokens in its own time.
        unsettled: unit === 'requests' ? 0 : this.#unsettled[unit],
        ageMs: early ? now - reservation.reservedAt : 0,
        serverAt: readings.serverAt,
      })
    }
    if (first && readings.requests) this.#ramp.learnRefill(now, readings.requests.limit / 60)
  }

  /** The server refused a request of this pool: nothing of the pool starts until it may. */
  refused(
    now: number,
    reservation: Reservation,
    refusal: Refused,
    jitter: number,
  ): void {
    const { cost } = reservation
    this.#refusalsInRow += 1
    // Every level had room for it and the server still said no: a limit the headers do not show.
    const hadRoom = serverUnits.every((unit) => {
      const meter = this.#meters[unit]
      // Tokens were given back when the refusal was settled; the request was not.
      const needed = unit === 'requests' ? 0 : amountOf(unit, cost)
      return meter === undefined || meter.level(now) >= needed
    })
    const rampSaid = refusal.error.code === 'ramp_limit_exceeded'
    if (!this.#ramp.over || rampSaid) this.#ramp.slow(now)
    else if (hadRoom) for (const unit of serverUnits) this.#meters[unit]?.learnSlice(now)
    const bound = Math.min(refusedMsMax, 1000 * 2 ** Math.min(this.#refusalsInRow - 1, 10))
    const delayMs = refusal.retryAfterMs ?? bound * (0.5 + jitter / 2)
    this.#refusedUntil = Math.max(this.#refusedUntil, now + delayMs)
  }

  /** A request was answered: refusals are over. */
  answered(): void {
    this.#refusalsInRow = 0
  }

  /** The machine slept: what was known of levels is worth nothing; probe again. */
  forget(now: number): void {
    for (const unit of serverUnits) delete this.#meters[unit]
    this.#heard = false
    this.#refusedUntil = now
  }

  /** An outage is over: begin again at half the rate there was. */
  recover(now: number, perSecond: number): void {
    this.#ramp.restart(now, perSecond / 2)
  }

  #addMeter(now: number, unit: ServerUnit, reading: { limit: number; remaining: number }): ServerMeter {
    const meter = new ServerMeter(now, unit, { ...reading, resetAt: 0 })
    // What is under way was not taken off this meter when it started: it did not exist.
    meter.take(now, this.#unsettled[unit])
    this.#meters[unit] = meter
    return meter
  }

}

/** The combined token header repeats input + output unless a limit of its own is in force. */
function isOwnLimit(readings: LimitReadings): boolean {
  const { tokens, input, output } = readings
  if (!tokens) return false
  return !input || !output || tokens.limit !== input.limit + output.limit
}

function boundMeters(now: number, bounds: Bounds): readonly BoundMeter[] {
  const meters: BoundMeter[] = []
  const add = (unit: 'requests' | 'input' | 'output', name: string, perMinute?: number): void => {
    if (perMinute !== undefined) meters.push(new BoundMeter(now, { name, unit, perMinute }))
  }
  add('requests', '--max-requests-per-minute', bounds.requestsPerMinute)
  add('input', '--max-input-tokens-per-minute', bounds.inputTokensPerMinute)
  add('output', '--max-output-tokens-per-minute', bounds.outputTokensPerMinute)
  return meters
}

/**
 * May this request start now, and if not, when, and which limit says so?
 *
 * One `Limiter` per run holds the user's bounds, which all models share, and one
 * `PoolLimiter` for each pool of models, which holds what the server shows.
 * A request takes its expected cost on account of every meter when it starts and
 * settles with its usage when that is known.
 *
 * A budget is a meter without refill: it is not waited for until an instant, but until what is
 * under way has cost less than it might.
 *
 * It answers synchronously, from what it has here; a budget leased from elsewhere
 * would fill the same meters. No timers, no clock: instants are arguments.
 */

import type { Budget } from './budget.ts'
import type { RunError } from './errors.ts'
import { BoundMeter } from './bound-meter.ts'
import { amountOf, type Cost } from './meter.ts'
import { meteredInputTokens, type Outcome } from './outcome.ts'
import { Ceilings } from './ceilings.ts'
import type { PoolLimiter, PoolReservation } from './pool-limiter.ts'
import { PoolShare } from './pool-share.ts'
import type { RampKind } from './ramp.ts'
import type { WindowTicket } from './sliding-window.ts'
import { addRefill, free, type Refills, type Wait } from './wait.ts'
import type { Work } from './work.ts'
import type { Amount } from './worst-case.ts'

/** The user's bounds, each per minute; an absent one does not bind. */
export interface Bounds {
  readonly requestsPerMinute?: number | undefined
  readonly inputTokensPerMinute?: number | undefined
  readonly outputTokensPerMinute?: number | undefined
}

/** What a request took on account; settled exactly once. */
export interface Reservation extends PoolReservation {
  readonly pool: PoolLimiter
  readonly tickets: readonly WindowTicket[]
  /** What the budget holds for it, if there is one. */
  readonly most: Amount | undefined
}

/** What binds when the budget does. */
const budgetBinds = 'budget'

/** What limits a run besides what the server shows. */
export interface LimiterOptions {
  readonly bounds: Bounds
  readonly ramp: RampKind
  /** Pools that begin gently where the ramp is fast. @default none */
  readonly gentlePools?: ReadonlySet<string> | undefined
  /** The share of each limit that may be used, above 0 and at most 1. @default 1 */
  readonly limitFraction?: number
  /** What is spent once. @default none */
  readonly budget?: Budget | undefined
}

/** All limits of one run. */
export class Limiter {
  readonly #bounds: readonly BoundMeter[]
  readonly #pools = new Map<string, PoolShare>()
  readonly #ramp: RampKind
  readonly #gentlePools: ReadonlySet<string>
  readonly #fraction: number
  #ceilings = new Ceilings([])
  readonly #budget: Budget | undefined
  #overBudget: Work | undefined

  constructor(now: number, options: LimiterOptions) {
    this.#budget = options.budget
    this.#ramp = options.ramp
    this.#gentlePools = options.gentlePools ?? new Set()
    this.#fraction = options.limitFraction ?? 1
    this.#bounds = boundMeters(now, options.bounds)
  }

  /** The user's bounds that there are. */
  get bounds(): readonly BoundMeter[] {
    return this.#bounds
  }

  /** The limits of a pool, made when it is first asked for. */
  pool(now: number, name: string): PoolShare {
    const known = this.#pools.get(name)
    if (known) return known
    const isGentle = this.#ramp === 'fast' && this.#gentlePools.has(name)
    const ramp = isGentle ? 'gentle' : this.#ramp
    const made = new PoolShare(now, { name, ramp, fraction: this.#fraction })
    made.learnCeilings(now, this.#ceilings.limitsOf(name))
    this.#pools.set(name, made)
    return made
  }

  /** What the Rate Limits API told: of the pools there are, and of those to come. */
  learnCeilings(now: number, ceilings: Ceilings): void {
    this.#ceilings = ceilings
    for (const [name, pool] of this.#pools) pool.learnCeilings(now, ceilings.limitsOf(name))
  }

  /** The pool of a model that no table of ours knows, if that was told. */
  poolOf(model: string): string | undefined {
    return this.#ceilings.poolOf(model)
  }

  /**
   * How long a row of this cost must wait for the user's bounds, and for which. Infinity: for the
   * budget, until a try ends; if none is under way, the budget is reached.
   */
  wait(now: number, cost: Cost, work?: Work): Wait {
    if (this.#budget && work?.most && !this.#budget.fits(work.most)) {
      this.#overBudget = work
      return { delayMs: Infinity, binds: budgetBinds }
    }
    let longest = free
    for (const meter of this.#bounds) {
      const delayMs = meter.delay(now, amountOf(meter.unit, cost))
      if (delayMs > longest.delayMs) longest = { delayMs, binds: meter.name, isPace: true }
    }
    return longest
  }

  /** What a request takes of each limit of its pool, and of the user's bounds. */
  refills(now: number, pool: PoolLimiter, cost: Cost): Refills {
    const refills = pool.refills(now, cost)
    for (const { unit, perMinute } of this.#bounds) {
      addRefill(refills, unit, (amountOf(unit, cost) * 60_000) / perMinute)
    }
    return refills
  }

  /** Whether the budget has room for both of these rows. */
  fitsBoth({ most }: Work, { most: other }: Work): boolean {
    if (this.#budget === undefined || most === undefined || other === undefined) return true
    const nanoUsd = most.nanoUsd + other.nanoUsd
    return this.#budget.fits({ nanoUsd, tokens: most.tokens + other.tokens })
  }

  /** Why nothing more can be sent, when the last row that was asked about waits for the budget. */
  budgetReached(): RunError | undefined {
    const { row, most } = this.#overBudget ?? {}
    return row && most && this.#budget?.reached(row.lineNumber, most)
  }

  /** Takes the cost on account; the request starts now. */
  reserve(now: number, pool: PoolLimiter, cost: Cost, most?: Amount): Reservation {
    if (most) this.#budget?.start(most)
    const tickets = this.#bounds.map((meter) => meter.reserve(now, amountOf(meter.unit, cost)))
    return { ...pool.reserve(now, cost), pool, tickets, most }
  }

  /** Replaces what was taken on account by what was spent, as far as the outcome tells. */
  settle(now: number, reservation: Reservation, outcome: Outcome, paid?: Amount): void {
    const { cost, pool, tickets, most } = reservation
    if (most) this.#budget?.settle(most, paid ?? (mayBeBilled(outcome) ? 'unknown' : 'nothing'))
    const spent = spentBy(outcome, cost)
    for (const [index, meter] of this.#bounds.entries()) {
      // Of requests it is one and stays one: a refused try was a send all the same.
      const reserved = amountOf(meter.unit, cost)
      meter.settle(now, tickets[index] ?? 0, reserved, amountOf(meter.unit, spent))
    }
    pool.settle(now, reservation, spent)
  }
}

/** Of a try that nobody knows the end of, the input may have been counted: it stays on account. */
function spentBy(outcome: Outcome, reserved: Cost): Cost {
  if (outcome.kind === 'answered') {
    return { input: meteredInputTokens(outcome.usage), output: outcome.usage.outputTokens }
  }
  return { input: mayBeBilled(outcome) ? reserved.input : 0, output: 0 }
}

function mayBeBilled(outcome: Outcome): boolean {
  return outcome.kind === 'answered' || ('unknown' in outcome && outcome.unknown)
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

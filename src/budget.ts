/**
 * The budget: money or tokens that are spent once, a meter without refill.
 *
 *   spent    what answers cost, those of earlier runs of the output too
 *   unknown  the most that tries may have cost of which no complete reply was read
 *   in use   the most that what is under way may cost
 *
 * `strict`: spent + unknown + in use never exceed the limit, whatever the replies will be.
 * `expected`: what is under way counts with what requests have cost so far (all but the dearest
 * hundredth), and may come to more: by no more than was said beforehand.
 *
 * The row at the head decides. One that does not fit waits for what is under way to cost less than
 * its most; when nothing is, the run is over, though a smaller row might have fitted.
 *
 * Pure, in whole numbers.
 */

import { assert } from './assert.ts'
import { RunError } from './errors.ts'
import { formatUsd } from './money.ts'
import { RunningQuantile } from './running-quantile.ts'
import type { Amount } from './worst-case.ts'

/** How what is under way counts. */
export type BudgetMode = 'strict' | 'expected'

/** The units a budget may be in. */
export type BudgetUnit = keyof Amount

/** What was spent before a run, and what may have been. */
export interface Before {
  readonly spent: Amount
  readonly unknown: Amount
}

/** What a budget is made of. */
export interface BudgetOptions {
  /** Absent: that unit is not bounded. */
  readonly limits: Partial<Amount>
  readonly mode: BudgetMode
  readonly before: Before
  /** Requests under way at once. */
  readonly concurrencyMax: number
}

/** One unit of a budget as it stands; whole numbers. */
export interface BudgetLine {
  readonly limit: number
  readonly spent: number
  /** At most. */
  readonly unknown: number
  /** For what is under way. */
  readonly reserved: number
  /** `expected`: by how much it may be passed; of `strict`, 0. */
  readonly overshootMax: number
}

/** A budget as it stands; null for a unit that is not bounded. */
export interface BudgetState {
  readonly mode: BudgetMode
  readonly usd: BudgetLine | null
  readonly tokens: BudgetLine | null
}

/** How a try ended, as far as it costs anything: `unknown` may have cost all it could. */
export type Spent = Amount | 'nothing' | 'unknown'

/** The money and tokens of one run; see above. */
export class Budget {
  readonly mode: BudgetMode
  readonly #accounts: readonly Account[]
  readonly #concurrencyMax: number
  #inFlight = 0
  #reached: RunError | undefined

  constructor({ limits, mode, before, concurrencyMax }: BudgetOptions) {
    this.mode = mode
    this.#concurrencyMax = concurrencyMax
    const units = (['nanoUsd', 'tokens'] as const).filter((unit) => limits[unit] !== undefined)
    this.#accounts = units.map((unit) => new Account(unit, limits[unit] ?? 0, mode, before))
  }

  /** Says, before the first request, what the rows read so far mean for the run. */
  open(window: readonly Amount[]): readonly string[] {
    return this.#accounts.map((account) => account.open(window, this.#concurrencyMax))
  }

  /** Whether a request that costs so much at most may start now. */
  fits(most: Amount): boolean {
    return this.#accounts.every((account) => account.fits(most, this.#inFlight))
  }

  start(most: Amount): void {
    this.#inFlight += 1
    for (const account of this.#accounts) account.start(most)
  }

  /** The try that `start` began is over. */
  settle(most: Amount, spent: Spent): void {
    assert(this.#inFlight > 0, 'A try was settled that is not under way')
    this.#inFlight -= 1
    for (const account of this.#accounts) account.settle(most, spent)
  }

  /** Nothing is under way, and the row of this line cannot start: the run is over. */
  reached(line: number, most: Amount): RunError {
    const account = this.#accounts.find((each) => !each.fits(most, this.#inFlight))
    assert(account !== undefined, 'A budget that has room is not reached')
    this.#reached ??= account.reached(line, most)
    return this.#reached
  }

  get state(): BudgetState {
    const lineOf = (unit: BudgetUnit): BudgetLine | null =>
      this.#accounts.find((account) => account.unit === unit)?.line(this.#inFlight) ?? null
    return { mode: this.mode, usd: lineOf('nanoUsd'), tokens: lineOf('tokens') }
  }
}

/** A concurrency below this is worth a word on what else to do. */
const concurrencyLow = 10

/** One unit of a budget. */
class Account {
  readonly unit: BudgetUnit
  readonly #limit: number
  readonly #mode: BudgetMode
  readonly #costs = new RunningQuantile()
  #spent: number
  #unknown: number
  /** The most of all that is under way. */
  #most = 0
  #overshootMax = 0

  constructor(unit: BudgetUnit, limit: number, mode: BudgetMode, before: Before) {
    this.unit = unit
    this.#limit = limit
    this.#mode = mode
    this.#spent = before.spent[unit]
    this.#unknown = before.unknown[unit]
  }

  open(window: readonly Amount[], concurrencyMax: number): string {
    const sizes = window.map((most) => most[this.unit]).toSorted((a, b) => a - b)
    const typical = sizes[Math.floor(sizes.length / 2)] ?? 0
    const largest = sizes.at(-1) ?? 0
    const left = Math.max(0, this.#limit - this.#spent - this.#unknown)
    const used = this.#spent + this.#unknown
    const earlier = used > 0 ? `, ${this.#text(used)} of it used by earlier runs` : ''
    const head = `budget ${this.#text(this.#limit)}${earlier}`
    if (this.#mode === 'expected') {
      this.#overshootMax = Math.min(Number.MAX_SAFE_INTEGER, concurrencyMax * largest)
      const under = `${concurrencyMax} under way at ${this.#text(largest)} each`
      const most = this.#text(this.#overshootMax)
      return `${head}: may be passed by ${most} at most (${under}); -j lowers that`
    }
    const many = (size: number): number => Math.floor(left / Math.max(1, size))
    const each = `${many(typical)} requests at once, as one may cost ${this.#text(typical)}`
    const most =
      largest === typical ? '' : ` (the largest ${this.#text(largest)}: ${many(largest)})`
    const text = `${head}: ${each}${most}`
    if (many(typical) >= concurrencyLow) return text
    return `${text}; a lower max_tokens or --budget-mode expected lets more run`
  }

  fits(most: Amount, inFlight: number): boolean {
    const reserved = this.#reserved(this.#most + most[this.unit], inFlight + 1)
    return this.#spent + this.#unknown + reserved <= this.#limit
  }

  start(most: Amount): void {
    this.#most += most[this.unit]
  }

  settle(most: Amount, spent: Spent): void {
    this.#most -= most[this.unit]
    if (spent === 'nothing') return
    if (spent === 'unknown') this.#unknown += most[this.unit]
    else {
      this.#spent += spent[this.unit]
      if (this.#mode === 'expected') this.#costs.add(spent[this.unit])
    }
  }

  line(inFlight: number): BudgetLine {
    return {
      limit: this.#limit,
      spent: this.#spent,
      unknown: this.#unknown,
      reserved: this.#reserved(this.#most, inFlight),
      overshootMax: this.#overshootMax,
    }
  }

  reached(line: number, most: Amount): RunError {
    const left = Math.max(0, this.#limit - this.#spent - this.#unknown)
    const parts = [`${this.#text(this.#spent)} spent`]
    if (this.#unknown > 0) parts.push(`${this.#text(this.#unknown)} perhaps spent`)
    const message =
      `Stopped at the budget of ${this.#text(this.#limit)}: line ${line} may cost ` +
      `${this.#text(most[this.unit])}, with ${this.#text(left)} left (${parts.join(', ')})`
    const flag = this.unit === 'nanoUsd' ? '--max-budget-usd' : '--max-total-tokens'
    const hint = `no row was failed for it; run again with a higher ${flag} to go on`
    return new RunError('BUDGET_REACHED', message, { hint })
  }

  /** What so much under way counts as; never less than keeps the overshoot to what was said. */
  #reserved(most: number, inFlight: number): number {
    const cost = this.#costs.value
    if (cost === undefined) return most
    return Math.min(most, Math.max(inFlight * cost, most - this.#overshootMax))
  }

  #text(amount: number): string {
    return this.unit === 'nanoUsd' ? formatUsd(amount) : `${amount} tokens`
  }
}

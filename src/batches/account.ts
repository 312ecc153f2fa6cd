/**
 * What batches cost, to the budget of the run: every row at its most from when it is packed, and at
 * what it cost from when its answer is read.
 *
 * While a batch is outstanding its rows say what they may cost, and its intent how often it was
 * lost on the way, so a run that is killed loses nothing. When it is over, what no line of the
 * output says is carried over to the record of the run (spend-record.ts), before the intent goes.
 */

import type { RunError } from '../errors.ts'
import type { Answered, Broken, Invalid } from '../outcome.ts'
import type { Spending } from '../spending.ts'
import type { Amount } from '../worst-case.ts'
import type { OutstandingBatch } from './outstanding.ts'

const nothing: Amount = { nanoUsd: 0, tokens: 0 }

/** What of a batch is to be carried over. */
interface Sums {
  spent: Amount
  unknown: Amount
}

/** See above. Without a budget it does nothing. */
export class Account {
  readonly #spending: Spending | undefined
  readonly #sums = new Map<OutstandingBatch, Sums>()

  constructor(spending: Spending | undefined) {
    this.#spending = spending
  }

  /** A batch of an earlier run: what of it is not answered may still cost its most. */
  expect(batch: OutstandingBatch): void {
    if (this.#spending === undefined) return
    const { budget } = this.#spending
    const sums = this.#sumsOf(batch)
    let all = nothing
    for (let index = 0; index < batch.intent.rows; index++) {
      const { most = nothing } = batch.record(index)
      all = plus(all, most)
      // What its answer cost in dollars the line says, and in tokens nobody.
      if (batch.done.has(index)) sums.spent = plus(sums.spent, { ...most, nanoUsd: 0 })
      else budget.start(most)
    }
    if (sums.spent.tokens > 0) {
      budget.start(sums.spent)
      budget.settle(sums.spent, sums.spent)
    }
    for (let times = 0; times < batch.intent.lostSends; times++) this.#perhaps(batch, all)
  }

  /** A row was packed. */
  start(most: Amount | undefined): void {
    this.#spending?.budget.start(most ?? nothing)
  }

  /** A row of a batch is over. */
  settle(
    batch: OutstandingBatch,
    most: Amount = nothing,
    outcome: Answered | Invalid | Broken,
  ): void {
    if (this.#spending === undefined) return
    const { budget } = this.#spending
    const sums = this.#sumsOf(batch)
    if (outcome.kind === 'answered') {
      budget.settle(most, this.#spending.costOf({ work: { most } }, outcome) ?? nothing)
      sums.spent = plus(sums.spent, this.#spending.unsaid(outcome))
    } else if (outcome.kind === 'broken' && outcome.unknown) {
      budget.settle(most, 'unknown')
      sums.unknown = plus(sums.unknown, most)
    } else budget.settle(most, 'nothing')
  }

  /** It may have been created, and is sent again. Gives why it must not be, if that is so. */
  again(batch: OutstandingBatch): RunError | undefined {
    if (this.#spending === undefined) return undefined
    const { budget } = this.#spending
    let all = nothing
    for (let index = 0; index < batch.intent.rows; index++) {
      all = plus(all, batch.record(index).most ?? nothing)
    }
    if (!budget.fits(all)) return budget.reached(batch.record(0).line, all)
    this.#perhaps(batch, all)
    return undefined
  }

  /** All of it is over. */
  close(batch: OutstandingBatch): void {
    const sums = this.#sums.get(batch)
    this.#sums.delete(batch)
    if (sums !== undefined) this.#spending?.carry(sums)
  }

  #perhaps(batch: OutstandingBatch, all: Amount): void {
    const sums = this.#sumsOf(batch)
    sums.unknown = plus(sums.unknown, all)
    this.#spending?.budget.start(all)
    this.#spending?.budget.settle(all, 'unknown')
  }

  #sumsOf(batch: OutstandingBatch): Sums {
    let sums = this.#sums.get(batch)
    if (sums === undefined) {
      sums = { spent: nothing, unknown: nothing }
      this.#sums.set(batch, sums)
    }
    return sums
  }
}

function plus(a: Amount, b: Amount): Amount {
  return { nanoUsd: a.nanoUsd + b.nanoUsd, tokens: a.tokens + b.tokens }
}

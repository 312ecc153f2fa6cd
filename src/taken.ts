/**
 * What a pool has taken of each of its limits: ever, and shortly before now.
 *
 * A reading speaks of an instant in the past, and is carried to now by what was taken since. As
 * requests overtake one another on their way, what was taken shortly before it may be in it or not.
 */

import type { MeterUnit } from './meter.ts'

/** An amount of each unit. */
export type Amounts = Record<MeterUnit, number>

/** All units. */
export const units = ['requests', 'input', 'output', 'tokens'] as const

/** Requests sent within so long of one another may arrive in another order. */
const overtakingMs = 250

/** Nothing of any. */
export function nothing(): Amounts {
  return { requests: 0, input: 0, output: 0, tokens: 0 }
}

/** Tokens by kind. */
export type Tokens = Readonly<Pick<Amounts, 'input' | 'output'>>

/**
 * Adds to each unit what so many requests and tokens count there. Written out: a name that is not
 * known before costs more to look up than all the adding.
 */
export function count(amounts: Amounts, requests: number, { input, output }: Tokens): void {
  amounts.requests += requests
  amounts.input += input
  amounts.output += output
  amounts.tokens += input + output
}

/** That of one pool; see above. */
export class Taken {
  readonly #ever = nothing()
  /** What had been taken by the start of the period before this one; a period is `overtakingMs`. */
  #before = nothing()
  #atPeriod = nothing()
  #periodAt = -Infinity

  /** What was taken so far, less what was given back. */
  get ever(): Readonly<Amounts> {
    return this.#ever
  }

  /** So many requests were started, and tokens taken on account; what is negative, given back. */
  add(requests: number, tokens: Tokens): void {
    count(this.#ever, requests, tokens)
  }

  /** What was taken in one to two periods before now. */
  justBefore(now: number): Amounts {
    this.#markPeriod(now)
    const ever = this.#ever
    const before = this.#before
    return {
      requests: Math.max(0, ever.requests - before.requests),
      input: Math.max(0, ever.input - before.input),
      output: Math.max(0, ever.output - before.output),
      tokens: Math.max(0, ever.tokens - before.tokens),
    }
  }

  #markPeriod(now: number): void {
    if (now < this.#periodAt + overtakingMs) return
    const isNext = now < this.#periodAt + 2 * overtakingMs
    this.#before = isNext ? this.#atPeriod : { ...this.#ever }
    this.#atPeriod = { ...this.#ever }
    this.#periodAt = now
  }
}

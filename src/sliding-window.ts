/**
 * An exact bound on what happens within any window of time, wherever it starts.
 *
 * A token bucket alone lets `capacity + refill` through in its first minute; a
 * user who says "40 a minute" means 40 in *any* minute. So the amounts of the last
 * window are remembered, and the next one waits until enough of them have aged out.
 *
 * Amounts may be corrected later (an estimate became a measurement). A correction
 * upwards can take the window over its limit after the fact: `worstExcess` tells by how much.
 *
 * Memory: 16 bytes for each addition of the last window; at 40 a minute, nothing.
 */

import { assert } from './assert.ts'
import { grainMs } from './bucket.ts'

/** Names one addition, for correcting it. */
export type WindowTicket = number

/**
 * Amounts of the last `windowMs`, at most `limit` together.
 *
 * @example
 * ```ts
 * const window = new SlidingWindow({ limit: 3, windowMs: 1000 })
 * window.add(0, 2)
 * window.delay(400, 1) // => 0
 * window.delay(400, 2) // => 600
 * ```
 */
export class SlidingWindow {
  readonly #limit: number
  readonly #windowMs: number
  // A ring: the entry with ticket t lives at t % capacity, tickets #oldest ≤ t < #next.
  #at = new Float64Array(64)
  #amount = new Float64Array(64)
  #oldest = 0
  #next = 0
  #sum = 0
  #worstExcess = 0

  constructor({ limit, windowMs }: { readonly limit: number; readonly windowMs: number }) {
    assert(
      limit > 0 && windowMs > 0,
      `Window needs positive limit and length: ${limit}, ${windowMs}`,
    )
    this.#limit = limit
    this.#windowMs = windowMs
  }

  /**
   * The most that a window ever held over the limit: by corrections, or by one amount larger than
   * it.
   */
  get worstExcess(): number {
    return this.#worstExcess
  }

  /** What the window that ends at `now` holds. */
  sum(now: number): number {
    this.#forget(now)
    return this.#sum
  }

  /**
   * Milliseconds until `amount` fits, 0 if it does. More than the limit fits only a window of
   * nothing.
   */
  delay(now: number, amount: number): number {
    this.#forget(now)
    // Sums of fractions are off by what rounding leaves behind.
    const tolerance = this.#limit * 1e-9
    let excess = this.#sum + Math.min(amount, this.#limit) - this.#limit
    for (let ticket = this.#oldest; excess > tolerance && ticket < this.#next; ticket++) {
      const slot = ticket % this.#at.length
      excess -= this.#amount[slot] ?? 0
      if (excess <= tolerance) return Math.max(0, (this.#at[slot] ?? 0) + this.#windowMs - now)
    }
    return 0
  }

  add(now: number, amount: number): WindowTicket {
    this.#forget(now)
    if (this.#next - this.#oldest === this.#at.length) this.#grow()
    const ticket = this.#next++
    const slot = ticket % this.#at.length
    this.#at[slot] = now
    this.#amount[slot] = amount
    this.#change(amount)
    return ticket
  }

  /** Replaces the amount of an addition; one that has left the window is left alone. */
  correct(now: number, ticket: WindowTicket, amount: number): void {
    this.#forget(now)
    if (ticket < this.#oldest) return
    const slot = ticket % this.#at.length
    this.#change(amount - (this.#amount[slot] ?? 0))
    this.#amount[slot] = amount
  }

  #change(amount: number): void {
    this.#sum += amount
    this.#worstExcess = Math.max(this.#worstExcess, this.#sum - this.#limit)
  }

  #forget(now: number): void {
    while (this.#oldest < this.#next) {
      const slot = this.#oldest % this.#at.length
      // Whoever waited for an entry to leave must find it gone, whatever rounding made of the
      // instant.
      if ((this.#at[slot] ?? 0) + this.#windowMs > now + grainMs) break
      this.#sum -= this.#amount[slot] ?? 0
      this.#oldest++
    }
    // What rounding left behind goes: an empty window holds exactly nothing.
    if (this.#oldest === this.#next) this.#sum = 0
  }

  #grow(): void {
    const at = new Float64Array(this.#at.length * 2)
    const amount = new Float64Array(at.length)
    for (let ticket = this.#oldest; ticket < this.#next; ticket++) {
      at[ticket % at.length] = this.#at[ticket % this.#at.length] ?? 0
      amount[ticket % at.length] = this.#amount[ticket % this.#amount.length] ?? 0
    }
    this.#at = at
    this.#amount = amount
  }
}

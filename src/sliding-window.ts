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

/** Names one addition, for correcting it. */
export type WindowTicket = number

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
    assert(limit > 0 && windowMs > 0, `Window needs positive limit and length: ${limit}, ${windowMs}`)
    this.#limit = limit
    this.#windowMs = windowMs
  }

  /** The most by which corrections ever took one window over the limit. */
  get worstExcess(): number {
    return this.#worstExcess
  }

  /** What the window that ends at `now` holds. */
  sum(now: number): number {
    this.#forget(now)
    return this.#sum
  }

  /** Milliseconds until `amount` fits, 0 if it does. More than the limit fits only an empty window. */
  delay(now: number, amount: number): number {
    this.#forget(now)
    let excess = this.#sum + amount - this.#limit
    if (excess <= 1e-9 || this.#oldest === this.#next) return 0
    for (let ticket = this.#oldest; ticket < this.#next; ticket++) {
      const slot = ticket % this.#at.length
      excess -= this.#amount[slot] ?? 0
      if (excess <= 1e-9 || ticket === this.#next - 1) {
        return Math.max(0, (this.#at[slot] ?? now) + this.#windowMs - now)
      }
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
    this.#sum += amount
    return ticket
  }

  /** Replaces the amount of an addition; one that has left the window is left alone. */
  correct(ticket: WindowTicket, amount: number): void {
    if (ticket < this.#oldest) return
    const slot = ticket % this.#at.length
    this.#sum += amount - (this.#amount[slot] ?? 0)
    this.#amount[slot] = amount
    this.#worstExcess = Math.max(this.#worstExcess, this.#sum - this.#limit)
  }

  #forget(now: number): void {
    while (this.#oldest < this.#next) {
      const slot = this.#oldest % this.#at.length
      if ((this.#at[slot] ?? 0) > now - this.#windowMs) break
      this.#sum -= this.#amount[slot] ?? 0
      this.#oldest++
    }
    // Sums of fractions drift; an empty window holds exactly nothing.
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

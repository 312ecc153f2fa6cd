/**
 * Tries that were sent and of which no complete reply was read: each may have been billed.
 *
 * A row is counted once, however often it was tried. Only rows under way are remembered, so that
 * memory does not grow with the file.
 */

import type { AttemptFailed } from './events.ts'
import type { Snapshot } from './snapshot.ts'

export class UnknownTries {
  /** Most that were under way when an earlier run was killed. */
  killedInFlight = 0
  #rows = 0
  #attempts = 0
  #costNanoUsd = 0
  #isPriced = true
  readonly #pending = new Set<number>()

  /** A try of this line failed; `unknown` is null where a reply was read. */
  failed(line: number, unknown: AttemptFailed['unknown']): void {
    if (unknown === null) return
    const isNew = !this.#pending.has(line)
    this.#pending.add(line)
    this.#count(isNew ? 1 : 0, 1, unknown.costNanoUsdMax)
  }

  /** So many rows were in a batch whose results cannot be had. */
  lost(rows: number, costNanoUsdMax: number | null): void {
    this.#count(rows, rows, costNanoUsdMax)
  }

  /** The row will not be tried again, and so cannot be counted again. */
  forget(line: number): void {
    this.#pending.delete(line)
  }

  snapshot(): Snapshot['possiblyBilledTwice'] {
    return {
      rows: this.#rows,
      attempts: this.#attempts,
      costNanoUsdMax: this.#isPriced ? this.#costNanoUsd : null,
      killedInFlight: this.killedInFlight,
    }
  }

  #count(rows: number, attempts: number, costNanoUsdMax: number | null): void {
    this.#rows += rows
    this.#attempts += attempts
    if (costNanoUsdMax === null) this.#isPriced = false
    else this.#costNanoUsd += costNanoUsdMax
  }
}

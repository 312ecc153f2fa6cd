/**
 * What the answers of earlier runs cost, summed up from the lines that hold them: exactly, in
 * nano-dollars.
 */

import type { ResultLine } from './result-line.ts'

export class HeldCost {
  #nanoUsd = 0
  #unpriced = 0

  /** Of the answers whose line says its cost. */
  get nanoUsd(): number {
    return this.#nanoUsd
  }

  /** Answers whose lines do not. */
  get unpriced(): number {
    return this.#unpriced
  }

  /** So much more was paid, for answers of rows that have no line yet. */
  addSum(sum: { readonly nanoUsd: number; readonly unpriced: number }): void {
    this.#nanoUsd += sum.nanoUsd
    this.#unpriced += sum.unpriced
  }

  /** A line that is held. A failure costs what its answers did, or nobody knows what. */
  add({ type, costText }: Pick<ResultLine, 'type' | 'costText'>): void {
    if (type !== 'succeeded' && costText === undefined) return
    // Rounding takes away what a float adds: no answer costs millions.
    const nanoUsd = Math.round(Number(costText) * 1e9)
    if (costText === undefined || !Number.isSafeInteger(nanoUsd)) this.#unpriced += 1
    else this.#nanoUsd += nanoUsd
  }
}

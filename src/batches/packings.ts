/**
 * Packing, pool by pool where rows may be asked live instead: what one pool has no room for in time
 * is taken out of its own batches alone. Otherwise all rows are packed together.
 */

import { poolOf } from '../pools.ts'
import type { Work } from '../work.ts'
import { Packing } from './packing.ts'
import type { Shared } from './round-parts.ts'

/** The name of all pools together. */
const everyPool = ''

/** See above. */
export class Packings {
  readonly #shared: Shared
  readonly #onRoom: () => void
  readonly #byPool = new Map<string, Packing>()

  /** `onRoom`: more rows may be given. */
  constructor(shared: Shared, onRoom: () => void) {
    this.#shared = shared
    this.#onRoom = onRoom
  }

  /** A row of any pool may be given. */
  get hasRoom(): boolean {
    return this.#all.every(({ hasRoom }) => hasRoom)
  }

  /** Rows that are left for the next round. */
  get deferred(): number {
    return this.#all.reduce((sum, { deferred }) => sum + deferred, 0)
  }

  /** Takes a row; to be called while there is room. */
  add(work: Work): void {
    const pool = this.#shared.split === undefined ? everyPool : poolOf(work.row.model)
    let packing = this.#byPool.get(pool)
    if (packing === undefined) {
      packing = new Packing(this.#shared, pool, this.#onRoom)
      this.#byPool.set(pool, packing)
    }
    packing.add(work)
  }

  /** Something outstanding may be over, and a budget have room again. */
  collected(): void {
    for (const packing of this.#all) packing.collected()
  }

  /** The input has ended: submits what is packed. */
  async finish(): Promise<void> {
    await Promise.all(this.#all.map((packing) => packing.finish()))
  }

  /** Nothing more is packed, nor sent. Resolves when what is being sent is over. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map((packing) => packing.close()))
  }

  /** Rows that were read, and are in no batch. */
  *unsent(): Iterable<Work> {
    for (const packing of this.#all) yield* packing.unsent()
  }

  /** Removes what was not sent. */
  discard(): void {
    for (const packing of this.#all) packing.discard()
  }

  get #all(): readonly Packing[] {
    return [...this.#byPool.values()]
  }
}

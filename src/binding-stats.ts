/**
 * What kept rows from starting, and for how long, as the events of a run tell.
 */

import type { BindingChanged } from './events.ts'
import type { Snapshot } from './snapshot.ts'

export class BindingStats {
  readonly #boundMs = new Map<string, number>()
  #binds = 'reading'
  #since = 0
  #until: number | undefined

  /** Nothing bound before this instant. */
  start(now: number): void {
    this.#since = now
  }

  changed({ at, binds, untilAt }: BindingChanged): void {
    this.#boundMs.set(this.#binds, this.#boundOf(at))
    this.#since = at
    this.#binds = binds
    this.#until = untilAt
  }

  snapshot(now: number): Pick<Snapshot, 'binds' | 'bindsForMs' | 'bound'> {
    const bound = new Map(this.#boundMs).set(this.#binds, this.#boundOf(now))
    return {
      binds: this.#binds,
      bindsForMs: this.#until === undefined ? null : Math.max(0, this.#until - now),
      bound: [...bound].toSorted((a, b) => b[1] - a[1]),
    }
  }

  /** How long what binds now has bound, all times together. */
  #boundOf(now: number): number {
    return (this.#boundMs.get(this.#binds) ?? 0) + now - this.#since
  }
}

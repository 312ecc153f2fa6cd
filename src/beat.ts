/**
 * The heartbeat of a run: shows by its lock, every so often, that it lives.
 */

import type { Books } from './books.ts'
import type { Cancel, Clock } from './clock.ts'
import { RunError } from './errors.ts'

/** The lock shows this often that its holder lives. */
const beatMs = 2000

/** What beats, and who hears of trouble. */
export interface BeatParts {
  readonly clock: Clock
  readonly books: Pick<Books, 'beat'>
  /** The most requests that were under way since it was asked last. */
  readonly inFlight: () => number
  /** The lock is another's. It beats no more. */
  readonly failed: (error: RunError) => void
  /** Something that is a bug. @default it is thrown */
  readonly bug?: (error: unknown) => void
}

/** Beats until it is ended; see above. */
export class Beat {
  readonly #parts: BeatParts
  #cancel: Cancel

  constructor(parts: BeatParts) {
    this.#parts = parts
    this.#cancel = this.#next()
  }

  end(): void {
    this.#cancel()
  }

  #next(): Cancel {
    return this.#parts.clock.after(beatMs, () => this.#beat())
  }

  #beat(): void {
    const { books, inFlight, failed, bug } = this.#parts
    try {
      books.beat(inFlight())
    } catch (error) {
      if (error instanceof RunError) return failed(error)
      if (bug === undefined) throw error
      return bug(error)
    }
    this.#cancel = this.#next()
  }
}

/**
 * What a user tells a run while it goes on: pause, go on, finish, and how much may be under way.
 *
 * Commands become events of the scheduler, and each is told to the observers, so that a run with
 * them replays like any other.
 */

import { bounds } from './bounds.ts'
import { RunError } from './errors.ts'

/** One command. */
export type Command =
  /** Start nothing; what is under way goes on. */
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** Start nothing more, and end when what is under way has ended, however long that takes. */
  | { readonly type: 'drain' }
  /** So many requests at once, from 1; what is under way beyond that goes on. */
  | { readonly type: 'concurrency'; readonly max: number }

/**
 * Carries commands to a run: `run(options, { control })`. Without a run they are lost.
 *
 * @example
 * ```ts
 * const control = new RunControl()
 * const told: string[] = []
 * const end = control.listen((command) => told.push(command.type))
 * control.send({ type: 'pause' })
 * end()
 * control.send({ type: 'resume' })
 * told // => ['pause']
 * ```
 */
export class RunControl {
  readonly #listeners = new Set<(command: Command) => void>()

  /** @throws {RunError} `OPTIONS_INVALID` for a bound that is none */
  send(command: Command): void {
    if (command.type === 'concurrency' && !isCount(command.max)) {
      const most = bounds.socketsMax
      const message = `Cannot bound requests to ${command.max} at once: it must be 1 to ${most}`
      throw new RunError('OPTIONS_INVALID', message)
    }
    for (const listener of this.#listeners) listener(command)
  }

  /** The run's end of it; the returned function ends it. */
  listen(listener: (command: Command) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

function isCount(max: number): boolean {
  return Number.isSafeInteger(max) && max >= 1 && max <= bounds.socketsMax
}

/**
 * What a user tells a run while it goes on: pause, go on, finish, and how much may be under way.
 *
 * Commands become events of the scheduler, and each is told to the observers, so that a run with
 * them replays like any other.
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

/** One command. */
export type Command =
  /** Start nothing; what is under way goes on. */
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** Start nothing more, and end when what is under way has ended, however long that takes. */
  | { readonly type: 'drain' }
  /** So many requests at once, from 1; what is under way beyond that goes on. */
  | { readonly type: 'concurrency'; readonly max: number }

/** Carries commands to a run: `run(options, { control })`. Without a run they are lost. */
export class RunControl {
  readonly #listeners = new Set<(command: Command) => void>()

  send(command: Command): void {
    for (const listener of this.#listeners) listener(command)
  }

  /** The run's end of it; the returned function ends it. */
  listen(listener: (command: Command) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

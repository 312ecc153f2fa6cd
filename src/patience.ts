/**
 * How long a run goes on without any success before it stops, resumable.
 *
 * The clock starts with a success, or with the first try after nothing had failed: a run
 * that waits for its own bounds, for rows to read or for a pause to end lacks nothing.
 */

/** What a run is doing. */
export interface Doing {
  readonly inFlight: number
  readonly waiting: number
  readonly held: boolean
}

/** The patience of one run. Instants are monotonic milliseconds. */
export class Patience {
  readonly #patienceMs: number
  #since: number
  #failed = false

  constructor(now: number, patienceMs: number) {
    this.#patienceMs = patienceMs
    this.#since = now
  }

  /** When it ends; Infinity while nothing is wanting. */
  endsAt({ inFlight, waiting, held }: Doing): number {
    const wants = inFlight > 0 || (waiting > 0 && this.#failed)
    return held || !wants ? Infinity : this.#since + this.#patienceMs
  }

  /** A row was settled by the server, or there was nothing to do until now. */
  succeeded(now: number): void {
    this.#since = now
    this.#failed = false
  }

  /** A try settled nothing. */
  failed(): void {
    this.#failed = true
  }

  /** A try starts while so many others are under way. */
  started(now: number, inFlight: number): void {
    if (inFlight === 0 && !this.#failed) this.#since = now
  }

  /** The time until now does not count: the run was held, or the machine asleep. */
  restart(now: number): void {
    this.#since = now
  }
}

/**
 * How long a run goes on without any success before it stops, resumable.
 *
 * The clock starts with a success, or with the first try after a wait in which nothing was
 * wanting: a run that goes at the pace of its limits, that waits for rows to read or for a
 * pause to end, lacks nothing.
 */

/** What a run is doing. */
export interface Doing {
  readonly inFlight: number
  readonly waiting: number
  /** Nothing may start. */
  readonly isHeld: boolean
  /** What waits, waits for a limit alone. */
  readonly isPaced: boolean
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
  endsAt(doing: Doing): number {
    return this.#isWanting(doing) ? this.#since + this.#patienceMs : Infinity
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

  /** A try starts, after this. */
  started(now: number, before: Doing): void {
    if (!this.#isWanting(before)) this.#since = now
  }

  /** The time until now does not count: the run was held, or the machine asleep. */
  restart(now: number): void {
    this.#since = now
  }

  #isWanting({ inFlight, waiting, isHeld, isPaced }: Doing): boolean {
    return !isHeld && (inFlight > 0 || (waiting > 0 && (this.#failed || !isPaced)))
  }
}

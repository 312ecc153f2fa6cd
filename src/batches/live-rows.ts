/**
 * The rows of a round that are asked live: its lane, run beside the batches.
 *
 * A few rows are asked before the input is read, to learn from: what limits there are, and how long
 * answers become. Then it is said what is planned.
 */

import type { RunError } from '../errors.ts'
import type { Work } from '../work.ts'
import type { LivePart, Shared } from './round-parts.ts'
import { rowAt } from './row-places.ts'

/** Where all rows are asked live, no more are read ahead. */
const rowsMax = 8192

/** See above. */
export class LiveRows {
  readonly #shared: Shared
  readonly #live: LivePart
  readonly #onRoom: () => void
  /** Rows that were asked before the input was read, and were not met in it yet. */
  readonly #sampled = new Set<number>()
  #isLate = false

  /** `onRoom`: more rows may be given. */
  constructor(shared: Shared, live: LivePart, onRoom: () => void) {
    this.#shared = shared
    this.#live = live
    this.#onRoom = onRoom
  }

  /** Rows that are not counted out. */
  get rows(): number {
    return this.#live.lane.rows
  }

  /** There is no time for batches, and live requests say how fast rows are read. */
  get isFull(): boolean {
    return this.rows >= rowsMax && this.#live.split.isAllLive
  }

  ask(work: Work): void {
    this.#live.lane.push(rowAt(work))
  }

  /** Whether a row that is read was asked before. */
  wasAsked(sequence: number): boolean {
    return this.#sampled.delete(sequence)
  }

  /** Resolves when it was ended, or stopped. */
  async run(): Promise<void> {
    const { lane, split } = this.#live
    const { settling, brake, pauses, stop, failed } = this.#shared
    lane.listen({
      settled: (sequence, work, answer) => {
        settling.counted(sequence)
        if (answer !== undefined) brake.succeeded()
        if (work !== undefined) split.settled(work, answer, lane.isSaturated)
        if (lane.rows > 0) return this.#onRoom()
        split.laneIdle()
        this.#onRoom()
        pauses.wake()
      },
      failed: (error, asked) => {
        const stopping = brake.failed(error, asked)
        if (stopping !== undefined) stop(stopping)
      },
      limits: (pool, limits) => split.learnLimits(pool, limits),
      stopping: stop,
    })
    await lane.run().catch((error: unknown) => failed(error))
  }

  /** Asks a few rows first, and waits for what they tell; then says what is planned. */
  async sample(): Promise<void> {
    const { lane, split, samples, plan } = this.#live
    const { context, pauses, stopping } = this.#shared
    for (const row of samples) {
      this.#sampled.add(row.sequence)
      lane.push(row)
    }
    const endsAt = context.clock.now() + split.sampleMs
    while (lane.rows > 0 && context.clock.now() < endsAt && stopping() === undefined) {
      await pauses.wait(endsAt - context.clock.now())
    }
    if (stopping() === undefined) plan()
  }

  /** Until the deadline; where it has passed with so many rows unanswered, that is said once. */
  untilLateMs(rows: number): number {
    if (this.#isLate) return Infinity
    const { context, notice } = this.#shared
    const leftMs = this.#live.split.deadlineAt - context.clock.wallTime()
    if (leftMs > 0) return leftMs
    this.#isLate = true
    notice(`the deadline has passed, and ${rows} rows have no answer yet: going on`)
    return Infinity
  }

  stop(error: RunError): void {
    this.#live.lane.stop(error)
  }

  /** The output cannot be written (`ENOSPC`…), or can again (null). */
  hold(code: string | null): void {
    this.#live.lane.hold(code)
  }

  /** No more rows come. */
  end(): void {
    this.#live.lane.end()
  }

  /** Rows that are not counted out, at the end; all of them count as read then. */
  *unsettled(): Iterable<Work> {
    const { context, observe } = this.#shared
    const count = this.#sampled.size
    const read = { count, heldSucceeded: 0, heldFailed: 0, bytes: 0 }
    if (count > 0) observe({ type: 'rows_read', at: context.clock.now(), ...read })
    yield* this.#live.lane.unsettled()
  }
}

/**
 * Verdicts: what a step of the scheduler decides, and who is not asked any more.
 *
 * A row ends as a success, a failure, or left as it was. The run stops once, for the first reason
 * there is; from then on rows are left, as are those of a model that does not exist.
 */

import { Brake, type MaxFailed } from './brake.ts'
import type { AskingAgain, Decision, Failing } from './decision.ts'
import type { RunError } from './errors.ts'
import type { Answered, ApiError } from './outcome.ts'
import { modelGoneError } from './run-stop.ts'
import type { Attempt, Work } from './work.ts'

export class Verdicts {
  readonly #brake: Brake
  readonly #modelsGone = new Map<string, RunError>()
  #decisions: Decision[] = []
  #stopping: RunError | undefined
  #turning = 0

  constructor(maxFailed: MaxFailed | undefined) {
    this.#brake = new Brake(maxFailed)
  }

  /** Why nothing more is started, if nothing is. */
  get stopping(): RunError | undefined {
    return this.#stopping
  }

  /** Models that do not exist, with the error that says so. */
  get modelsGone(): ReadonlyMap<string, RunError> {
    return this.#modelsGone
  }

  /** Whether a row that is not under way will not be asked. */
  isOut(work: Work): boolean {
    return this.#stopping !== undefined || this.#modelsGone.has(work.row.model)
  }

  /** What was decided since this was called last, in order. */
  take(): readonly Decision[] {
    const decisions = this.#decisions
    this.#decisions = []
    return decisions
  }

  /** Decides something that ends neither a row nor the run. */
  add(
    decision: Extract<Decision, { type: 'start' | 'abort' | 'retry' | 'ramp_slowed' | 'notice' }>,
  ): void {
    this.#decisions.push(decision)
  }

  /** A row was read that is to be asked. */
  read(): void {
    this.#brake.read()
  }

  /** Rows that are neither queued nor under way, as what they ask next is not on record yet. */
  get turning(): number {
    return this.#turning
  }

  succeed(attempt: Attempt, outcome: Answered, isInvalid: boolean): void {
    this.#brake.succeeded()
    this.#decisions.push({ type: 'succeed', work: attempt.work, attempt, outcome, isInvalid })
  }

  /** The row was answered, and is asked again. */
  turn(attempt: Attempt, outcome: Answered, again: AskingAgain): void {
    this.#brake.succeeded()
    this.#turning += 1
    this.#decisions.push({ type: 'turn', work: attempt.work, attempt, outcome, again })
  }

  /** What it asks is on record. */
  turned(): void {
    this.#turning -= 1
  }

  fail(attempt: Attempt, outcome: Failing): void {
    this.#decisions.push({ type: 'fail', work: attempt.work, attempt, outcome })
    this.stop(this.#brake.failed(outcome.error, true))
  }

  /** A row failed without being asked. */
  fault(error: ApiError): void {
    this.stop(this.#brake.failed(error, false))
  }

  /** The row stays as it was. */
  leave(work: Work): void {
    this.#decisions.push({ type: 'leave', work })
  }

  /** The model does not exist: no row of it is asked any more. */
  modelGone(model: string, error: ApiError): void {
    this.#modelsGone.set(model, modelGoneError(model, error))
  }

  /** Stops the run, if there is a reason and none came before it. */
  stop(error: RunError | undefined): void {
    if (error === undefined || this.#stopping !== undefined) return
    this.#stopping = error
    this.#decisions.push({ type: 'stop', error })
  }
}

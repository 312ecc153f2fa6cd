/**
 * The server's own books: what it has billed, by the checkers' price list, and to which requests
 * nobody looks. Taken from the model's totals as they change, so that an answer that nobody read is
 * in them too.
 */

import {
  type Reception,
  SimulatorModel,
  type Step,
  type WireRequest,
} from '../../src/simulator/index.ts'
import { costNanoUsd } from './checkers-books.ts'

export class BillingModel extends SimulatorModel {
  /** Money, and tokens of all kinds, of billed requests. */
  readonly billed = { nanoUsd: 0, tokens: 0 }
  readonly #models = new Map<number, string>()
  #arriving = ''
  #counted = { input: 0, output: 0 }

  override receive(now: number, wallTime: number, wire: WireRequest): Reception {
    const { model } = JSON.parse(Buffer.from(wire.body).toString()) as { model: string }
    this.#arriving = model
    const reception = super.receive(now, wallTime, wire)
    this.#models.set(reception.id, model)
    return reception
  }

  override advance(now: number, wallTime: number, id: number): Step {
    const step = super.advance(now, wallTime, id)
    const { inputTokens: input, outputTokens: output } = this.totals
    const usage = { input: input - this.#counted.input, output: output - this.#counted.output }
    this.#counted = { input, output }
    this.billed.tokens += usage.input + usage.output
    if (usage.input + usage.output > 0)
      this.billed.nanoUsd += costNanoUsd(this.#models.get(id) ?? this.#arriving, usage)
    return step
  }
}

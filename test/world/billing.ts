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
import type { ReadUsage } from './witness.ts'

const nothing: ReadUsage = { input: 0, output: 0, written5m: 0, written1h: 0, read: 0 }

export class BillingModel extends SimulatorModel {
  /** Money, and tokens of all kinds, of billed requests. */
  readonly billed = { nanoUsd: 0, tokens: 0 }
  readonly #models = new Map<number, string>()
  #arriving = ''
  #counted = nothing

  override receive(now: number, wallTime: number, wire: WireRequest): Reception {
    const text = Buffer.from(wire.body).toString()
    // Calls about batches ask no model.
    const { model } = (text === '' ? {} : JSON.parse(text)) as { model?: string }
    if (model === undefined) return super.receive(now, wallTime, wire)
    this.#arriving = model
    const reception = super.receive(now, wallTime, wire)
    this.#models.set(reception.id, model)
    return reception
  }

  override advance(now: number, wallTime: number, id: number): Step {
    const step = super.advance(now, wallTime, id)
    const all = this.#all()
    const counted = this.#counted
    this.#counted = all
    const usage = {
      input: all.input - counted.input,
      output: all.output - counted.output,
      written5m: all.written5m - counted.written5m,
      written1h: all.written1h - counted.written1h,
      read: all.read - counted.read,
    }
    const tokens = usage.input + usage.output + usage.read
    this.billed.tokens += tokens
    if (tokens > 0)
      this.billed.nanoUsd += costNanoUsd(this.#models.get(id) ?? this.#arriving, usage)
    return step
  }

  #all(): ReadUsage {
    const { totals } = this
    const { outputTokens: output, cacheReadTokens: read } = totals
    const { cacheWrite5mTokens: written5m, cacheWrite1hTokens: written1h } = totals
    return { input: totals.inputTokens + written5m + written1h, output, written5m, written1h, read }
  }
}

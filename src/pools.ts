/**
 * Which models share rate limits.
 *
 * A pool is a set of models that draw on the same requests, input and output limits; everything
 * the limiter learns, it learns of a pool. Membership is data (models.ts), from Anthropic's rate
 * limits page, read 2026-09-02, with the later models as their release notes put them.
 *
 * A model in no table is a pool of its own: taking it for a member of a known pool would let one
 * model's refusals hold up another's rows, while too small a pool costs a few refusals at most.
 */

import { findModel } from './models.ts'

/**
 * The name of the pool whose limits `model` shares; its id where it shares them with none.
 *
 * @example
 * ```ts
 * poolOf('claude-opus-4-5-20251101') // => 'claude-opus-4.x'
 * poolOf('claude-opus-5') // => 'claude-opus-5'
 * poolOf('another-model') // => 'another-model'
 * ```
 */
export function poolOf(model: string): string {
  return findModel(model)?.pool ?? model
}

/**
 * The rows of a file as the oracle of least cost sees them, and what their tokens cost.
 *
 * Tokens are counted by the simulator's tokenizer, which is what is billed; what begins alike is
 * found here, by comparing blocks. What a request says besides its prompt may invalidate an entry
 * (tool choice, thinking), so rows that differ in any of it are taken to share nothing.
 */

import { digest } from '../../src/hash.ts'
import { findModel } from '../../src/models.ts'
import { loadPrices } from '../../src/money.ts'
import type { Usage } from '../../src/outcome.ts'
import { countPrompt } from '../../src/simulator/tokens.ts'
import { usageOf } from '../../test/world/drive.ts'
import type { InputRates, Prompt } from './least-cost.ts'

const encoder = new TextEncoder()

/** Members that are the prompt, or leave what is cached alone. */
const harmless: ReadonlySet<string> = new Set([
  'messages',
  'system',
  'tools',
  'max_tokens',
  'metadata',
  'stream',
  'custom_id',
  'cache_control',
])

/** The prompt of a line of the input. */
export function promptOf(line: string): Prompt {
  const body = JSON.parse(line) as Record<string, unknown>
  const { model } = body
  const facts = findModel(String(model))
  if (facts === undefined) throw new Error(`There is no model "${String(model)}"`)
  const { blocks, prefixTokens, inputTokens } = countPrompt(body, facts)
  let prefix = textOf(body, (name) => !harmless.has(name))
  const prefixes = blocks.map(({ level, role, value }) => {
    const text = textOf(value, (name) => name !== 'cache_control')
    prefix = digest(encoder.encode(JSON.stringify([prefix, level, role, text])))
    return prefix
  })
  return { prefixes, tokens: prefixTokens, inputTokens }
}

/** The members that count, in an order that does not. */
function textOf(
  value: Readonly<Record<string, unknown>>,
  counts: (name: string) => boolean,
): string {
  const names = Object.keys(value).filter(counts).toSorted()
  return JSON.stringify(names.map((name) => [name, value[name]]))
}

/** How long an entry is written to live. */
export type EntryLife = '5m' | '1h'

/** The price list's rates of a model, in nano-dollars a token. */
export function inputRates(model: string, life: EntryLife, at: number): InputRates {
  const prices = loadPrices()
  const million = 1e6
  const rate = (used: Partial<Usage>): number => {
    const cost = prices.costNanoUsd(model, { ...usageOf(0, 0), ...used }, { at })
    if (cost === null) throw new Error(`There is no price of "${model}"`)
    return cost / million
  }
  return {
    uncached: rate({ inputTokens: million }),
    write: rate(life === '1h' ? { cacheWrite1hTokens: million } : { cacheWrite5mTokens: million }),
    read: rate({ cacheReadTokens: million }),
  }
}

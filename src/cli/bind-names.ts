/**
 * What keeps the next row from starting, in words that people know.
 *
 * A run names limits of the server by their unit, bounds by their long flag, and states by a word.
 * A bound is shown as it was typed, and as the user's own: "your --rpm".
 */

import type { MeterUnit } from '../meter.ts'
import { shareBinds } from '../pool-share.ts'
import type { Layer } from './flag.ts'
import { printable } from './text.ts'

/** How the flags of bounds were written, by their long names without dashes. */
export type Spellings = Readonly<Record<string, string>>

/** What the server's limits count. */
export const unitNames: Readonly<Record<MeterUnit, string>> = {
  requests: 'requests',
  input: 'input tokens',
  output: 'output tokens',
  tokens: 'tokens',
}

const stateNames: Readonly<Record<string, string>> = {
  ...unitNames,
  answers: 'last answers',
  reading: 'reading the input',
  prefixes: 'reading the input',
  disk: 'a full disk',
  'first reply': 'first answer',
  congestion: 'server errors',
  budget: 'the budget',
  'cache writer': 'what a row writes to the cache',
  schema: 'a schema that is compiled',
  results: 'results to be taken',
  batches: 'batches under way',
  'batch queue': "the API's batch queue",
}

/** The flags of what is named otherwise. */
const flagNames: Readonly<Record<string, string>> = {
  concurrency: '--max-concurrency',
  'in-flight bytes': '--max-in-flight-bytes',
}

/**
 * What keeps the next row from starting, in few words.
 *
 * @example
 * ```ts
 * bindName('input') // => 'input tokens'
 * bindName('--max-requests-per-minute') // => 'your --max-requests-per-minute'
 * bindName('--max-requests-per-minute', { 'max-requests-per-minute': '--rpm' }) // => 'your --rpm'
 * bindName('--limit-fraction output') // => 'your --limit-fraction of output tokens'
 * bindName('claude-opus-5: input') // => 'input tokens of claude-opus-5'
 * ```
 */
export function bindName(binds: string, spellings: Spellings = {}): string {
  const [, pool, what] = /^(.+): (.+)$/s.exec(binds) ?? []
  if (pool !== undefined && what !== undefined) {
    return `${bindName(what, spellings)} of ${printable(pool)}`
  }
  const state = stateNames[binds]
  if (state !== undefined) return state
  const [flag = '', unit = ''] = (flagNames[binds] ?? binds).split(' ', 2)
  if (!flag.startsWith('--')) return printable(binds)
  const your = `your ${printable(spellings[flag.slice(2)] ?? flag)}`
  return flag === shareBinds ? `${your} of ${stateNames[unit] ?? unit}` : your
}

/** How flags were typed, where they were: elsewhere they go by their long names. */
export function typedSpellings({ values }: Layer): Spellings {
  const typed = [...values].filter(([, { source }]) => source === 'flag')
  return Object.fromEntries(typed.map(([name, { place }]) => [name, place]))
}

/**
 * What a check may be told, checked before any file is opened; the names are those of `RunOptions`
 * where they mean the same.
 */

import { bounds } from './bounds.ts'
import { RunError } from './errors.ts'
import { nearest } from './nearest.ts'

/** Options of `check`. Only `input` must be given. */
export interface CheckOptions {
  /** Path of a JSONL file of requests, or its bytes. */
  readonly input: string | AsyncIterable<Uint8Array>
  /** Replaces or supplies the model of every row. @default the row's own */
  readonly model?: string | undefined
  /** @default '2023-06-01' */
  readonly anthropicVersion?: string | undefined
  /** Names for `anthropic-beta`. @default [] */
  readonly betas?: readonly string[] | undefined
  /** How the requests are to be sent. @default 'live' */
  readonly via?: 'live' | 'batches' | undefined
  /** Only the first rows. @default all */
  readonly first?: number | undefined
  /** Findings kept in the report, dealt out among their kinds; at most 10,000. @default 20 */
  readonly show?: number | undefined
  /** Find what rows share, and what caching it is worth. @default false */
  readonly prefixes?: boolean | undefined
  /** Prices to use instead of the shipped ones, by model. @default none */
  readonly prices?: unknown
}

/** Options with every default in place. */
export interface CheckSettings {
  readonly input: string | AsyncIterable<Uint8Array>
  readonly model: string | undefined
  readonly anthropicVersion: string
  readonly betas: readonly string[]
  readonly via: 'live' | 'batches'
  readonly first: number
  readonly show: number
  readonly prefixes: boolean
  readonly prices: unknown
}

type Rule = readonly [test: (value: unknown) => boolean, must: string]

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isWhole = (least: number, most: number) => (value: unknown) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most

const rules: Readonly<Record<string, Rule>> = {
  input: [isInput, 'must be a path or an async iterable of bytes'],
  model: [isText, 'must be a text that is not empty'],
  anthropicVersion: [isText, 'must be a text that is not empty'],
  betas: [(value) => Array.isArray(value) && value.every(isText), 'must be a list of names'],
  via: [(value) => value === 'live' || value === 'batches', 'must be "live" or "batches"'],
  first: [isWhole(1, Number.MAX_SAFE_INTEGER), 'must be a whole number from 1'],
  show: [
    isWhole(0, bounds.findingsShownMax),
    `must be a whole number from 0 to ${bounds.findingsShownMax}`,
  ],
  prefixes: [(value) => typeof value === 'boolean', 'must be true or false'],
  prices: [() => true, ''],
}

/** Everything wrong with a set of options; empty when it can be used. */
export function checkOptionFaults(
  options: CheckOptions,
): readonly { readonly option: string; readonly text: string }[] {
  const names = Object.keys(rules)
  return [...new Set(['input', ...Object.keys(options)])].flatMap((option) => {
    const rule = rules[option]
    if (rule === undefined) return [{ option, text: `is not an option${nearest(option, names)}` }]
    const value: unknown = Reflect.get(options, option)
    const [isRight, must] = rule
    if ((value === undefined && option !== 'input') || isRight(value)) return []
    const got = option === 'input' ? '' : `, got ${JSON.stringify(value)}`
    return [{ option, text: `${must}${got}` }]
  })
}

/** Checks options and fills in the defaults. Throws `RunError` OPTIONS_INVALID with every fault. */
export function readCheckOptions(options: CheckOptions): CheckSettings {
  const faults = checkOptionFaults(options)
  if (faults.length > 0) {
    const texts = faults.map(({ option, text }) => `"${option}" ${text}`)
    throw new RunError('OPTIONS_INVALID', `Cannot start: ${texts.join('; ')}`)
  }
  return {
    input: options.input,
    model: options.model,
    anthropicVersion: options.anthropicVersion ?? '2023-06-01',
    betas: options.betas ?? [],
    via: options.via ?? 'live',
    first: options.first ?? Number.MAX_SAFE_INTEGER,
    show: options.show ?? 20,
    prefixes: options.prefixes ?? false,
    prices: options.prices,
  }
}

function isInput(value: unknown): boolean {
  if (typeof value === 'string') return value !== ''
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

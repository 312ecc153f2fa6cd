/**
 * What each model takes in a request and what it refuses, as data.
 *
 * Rules that read this table are in row-rules-model.ts. The simulator keeps to rules of its own,
 * so that a test can hold the one against the other.
 *
 * Facts: Anthropic's model pages, its pages on extended and adaptive thinking, tool use, fast mode
 * and data residency (read 2026-08-22), and release notes up to 2026-11-12.
 *
 * Invariant: every model of models.ts stands here once.
 */

import { assert } from './assert.ts'
import { findModel, modelFacts } from './models.ts'

/** One model. */
export interface ModelAbilities {
  /** `any` values of temperature, top_p and top_k, or only those that change `nothing`. */
  readonly sampling: 'any' | 'nothing'
  /** The conversation may end with the beginning of the answer. */
  readonly prefill: boolean
  /** `thinking.type` values it takes; those with a bound only at effort high and below. */
  readonly thinking: {
    readonly enabled: boolean
    readonly adaptive: boolean
    readonly disabled: 'always' | 'to_high' | 'never'
    readonly between_tools: 'to_high' | 'never'
  }
  /** `tool_choice` may force a tool (`any`, `tool`). */
  readonly forcedTools: boolean
  /** `speed: "fast"`: taken, taken with a beta header, ignored, or refused. */
  readonly fast: 'taken' | 'with_beta' | 'ignored' | 'refused'
  /** `inference_geo` may be given. */
  readonly geography: boolean
  /** In batches, a beta header raises the cap of `max_tokens` to `longOutputTokensMax`. */
  readonly longOutput: boolean
}

/** The beta header by which batches take longer answers, and how long these may be. */
export const longOutputBeta = 'output-300k-2026-03-24'
/** See `longOutput`. */
export const longOutputTokensMax = 300_000

const generation45: ModelAbilities = {
  sampling: 'any',
  prefill: true,
  thinking: { enabled: true, adaptive: false, disabled: 'always', between_tools: 'never' },
  forcedTools: true,
  fast: 'refused',
  geography: false,
  longOutput: false,
}
const generation46: ModelAbilities = {
  ...generation45,
  prefill: false,
  thinking: { ...generation45.thinking, adaptive: true },
  geography: true,
  longOutput: true,
}
const generation47: ModelAbilities = {
  ...generation46,
  sampling: 'nothing',
  thinking: { ...generation46.thinking, enabled: false },
}
const alwaysThinks = { ...generation47.thinking, disabled: 'never' } as const
const fable: ModelAbilities = { ...generation47, thinking: alwaysThinks, longOutput: false }

const abilities: Readonly<Record<string, ModelAbilities>> = {
  'claude-fable-5-2': { ...fable, forcedTools: false },
  'claude-fable-5-1': { ...fable, forcedTools: false },
  'claude-fable-5': fable,
  'claude-mythos-5-2': fable,
  'claude-mythos-5-1': fable,
  'claude-mythos-5': fable,
  'claude-mythos-preview': fable,
  'claude-opus-5-5': {
    ...generation47,
    thinking: alwaysThinks,
    forcedTools: false,
    fast: 'taken',
  },
  'claude-opus-5': { ...generation47, fast: 'with_beta' },
  'claude-opus-4-8': { ...generation47, fast: 'with_beta' },
  'claude-opus-4-7': generation47,
  'claude-opus-4-6': { ...generation46, fast: 'ignored' },
  'claude-opus-4-5': generation45,
  'claude-sonnet-5-5': {
    ...generation47,
    thinking: { ...alwaysThinks, between_tools: 'to_high' },
    forcedTools: false,
  },
  'claude-sonnet-5': generation47,
  'claude-sonnet-4-6': generation46,
  'claude-sonnet-4-5': generation45,
  'claude-haiku-5-5': {
    ...generation47,
    thinking: { ...generation47.thinking, disabled: 'to_high' },
  },
  'claude-haiku-4-5': generation45,
}

const listed = Object.keys(abilities)
assert(
  listed.length === modelFacts.length && modelFacts.every(({ id }) => listed.includes(id)),
  'Every model must say what it takes',
)

/**
 * What a model takes, by its id or dated id; undefined for one that is not known.
 *
 * @example
 * ```ts
 * abilitiesOf('claude-haiku-4-5-20251001')?.prefill // => true
 * abilitiesOf('claude-opus-5')?.prefill // => false
 * ```
 */
export function abilitiesOf(model: string): ModelAbilities | undefined {
  const id = findModel(model)?.id
  return id === undefined ? undefined : abilities[id]
}

/**
 * What the Rate Limits API tells: groups of limits, and the models that share each.
 *
 * It says what the limits are, not how full they are. Entries come in two shapes: with a `group`
 * object, and flat with a `group_type`, as documents of August 2026 have them; both are read. What
 * cannot be read is left out: an answer that is new in some way must not stop anybody.
 *
 * A run uses two things of it (`Ceilings`): which pool a model shares limits with that no table of
 * ours knows, and what a pool's limits are where replies carry no headers.
 */

import { isJsonObject } from './json.ts'
import type { MeterUnit } from './meter.ts'
import { findModel } from './models.ts'
import { poolOf } from './pools.ts'

/** One limit of a group. */
export interface CeilingLimit {
  /** As the API names it: `requests_per_minute`… */
  readonly type: string
  readonly value: number
  /** What the organisation has, where a workspace has a limit of its own. */
  readonly organizationValue?: number
}

/** Limits, and the models that share them. */
export interface LimitGroup {
  readonly name: string
  /** `model_group`, `batch`, `token_count`… */
  readonly type: string
  /** Null for what is no group of models. */
  readonly models: readonly string[] | null
  readonly limits: readonly CeilingLimit[]
}

/** One page of an answer. */
export interface LimitPage {
  readonly groups: readonly LimitGroup[]
  /** What asks for the next one; null: there is none. */
  readonly next: string | null
}

/** What each type of limit counts, of those that a run meters; all are per minute. */
export const unitsOfTypes: Readonly<Record<string, MeterUnit>> = {
  requests_per_minute: 'requests',
  input_tokens_per_minute_cache_aware: 'input',
  input_tokens_per_minute: 'input',
  output_tokens_per_minute: 'output',
  tokens_per_minute: 'tokens',
}

/** Limits a minute, by what they count. */
export type UnitLimits = Readonly<Partial<Record<MeterUnit, number>>>

/**
 * Reads a page; undefined when it is none.
 *
 * @example
 * ```ts
 * const limits = [{ type: 'requests_per_minute', value: 1000 }]
 * const entry = { type: 'rate_limit', group_type: 'batch', limits, models: null }
 * readLimitPage({ data: [entry], next_page: null })?.groups[0]?.name // => 'batch'
 * readLimitPage({ type: 'error' }) // => undefined
 * ```
 */
export function readLimitPage(value: unknown): LimitPage | undefined {
  if (!isJsonObject(value) || !Array.isArray(value['data'])) return undefined
  const next = value['next_page']
  const entries: readonly unknown[] = value['data']
  return {
    groups: entries.flatMap((entry) => readEntry(entry) ?? []),
    next: typeof next === 'string' && next !== '' ? next : null,
  }
}

/** What the groups say of pools and of models. */
export class Ceilings {
  readonly #poolOf = new Map<string, string>()
  readonly #limits = new Map<string, UnitLimits>()

  constructor(groups: readonly LimitGroup[]) {
    for (const { name, models, limits } of groups) {
      if (models === null) continue
      const [known] = models.filter((model) => findModel(model) !== undefined)
      const pool = known === undefined ? name : poolOf(known)
      for (const model of models) {
        // Of a model in our table, the pool has been learned under the table's name.
        if (findModel(model) === undefined) this.#poolOf.set(model, pool)
      }
      this.#limits.set(pool, unitLimits(limits))
    }
  }

  /** The pool of a model that no table of ours knows; undefined where nothing is told of it. */
  poolOf(model: string): string | undefined {
    return this.#poolOf.get(model)
  }

  /** What the limits of a pool are, as far as they are told. */
  limitsOf(pool: string): UnitLimits {
    return this.#limits.get(pool) ?? {}
  }
}

/** By unit; of two limits on one, the lower holds. */
function unitLimits(limits: readonly CeilingLimit[]): UnitLimits {
  const found: Partial<Record<MeterUnit, number>> = {}
  for (const { type, value } of limits) {
    const unit = unitsOfTypes[type]
    if (unit !== undefined && value > 0) found[unit] = Math.min(value, found[unit] ?? Infinity)
  }
  return found
}

function readEntry(entry: unknown): LimitGroup | undefined {
  if (!isJsonObject(entry)) return undefined
  const { group, group_type: flatType, limits, models } = entry
  const nested = isJsonObject(group) ? group : {}
  const type = nested['type'] ?? flatType
  if (typeof type !== 'string' || !Array.isArray(limits)) return undefined
  const names = Array.isArray(models) ? models.filter((each) => typeof each === 'string') : null
  const { display_name: displayName } = nested
  return {
    name: typeof displayName === 'string' ? displayName : nameOf(type, names),
    type,
    models: names,
    limits: limits.flatMap((limit: unknown) => readLimit(limit) ?? []),
  }
}

/** A flat entry has no name of its own: its pool's, or its first model's. */
function nameOf(type: string, models: readonly string[] | null): string {
  const known = models?.find((model) => findModel(model) !== undefined) ?? models?.[0]
  return known === undefined ? type : poolOf(known)
}

function readLimit(limit: unknown): CeilingLimit | undefined {
  if (!isJsonObject(limit)) return undefined
  const { type, value, org_limit: organizationValue } = limit
  if (typeof type !== 'string' || typeof value !== 'number' || !(value >= 0)) return undefined
  return {
    type,
    value,
    ...(typeof organizationValue === 'number' && { organizationValue }),
  }
}

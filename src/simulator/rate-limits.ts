/**
 * `GET /v1/organizations/rate_limits`, and the same of a workspace: what limits there are, pool by
 * pool, for who holds an admin key.
 *
 * The figures are those that are enforced. Of a workspace's own limits this simulator has one, the
 * combined token limit; a workspace without it has no overrides, and any id names one.
 *
 * Field names: the official SDK's types (1.12.0). Until August 2026 the documents showed an entry
 * without ids, its group a word: `--admin-shape flat`.
 */

import { modelFacts, dayStartMs } from '../models.ts'
import { Random } from '../random.ts'
import { invalid, problem, type Problem } from './door.ts'
import { identifier } from './identifier.ts'
import { isOneOf } from './json.ts'
import type { PoolLimits } from './limit-profiles.ts'
import { displayName } from './model-catalog.ts'
import type { SimulatorSettings } from './options.ts'

const groupTypes = ['model_group', 'batch', 'token_count', 'files', 'skills', 'web_search'] as const

type GroupType = (typeof groupTypes)[number]

/** One limit; `null`: there is none. */
type Limit = readonly [type: string, value: number | null]

/** A group of limits, in whichever shape it is then put. */
interface Group {
  readonly type: GroupType
  /** A name of its own. */
  readonly name: string
  readonly models: readonly string[] | null
  readonly limits: readonly Limit[]
  /** What holds in a workspace besides. */
  readonly workspaceLimits: readonly Limit[]
}

/** A page of the list. */
export interface RateLimitPage {
  readonly data: readonly object[]
  readonly next_page: string | null
}

/** Whose limits are asked for. */
export interface RateLimitQuery {
  readonly query: URLSearchParams
  /** Undefined: those of the organisation. */
  readonly workspaceId?: string | undefined
}

/** What the list is made of. */
export interface RateLimitSource {
  readonly settings: SimulatorSettings
  /** The limits that a pool of models has now. */
  readonly limitsOf: (pool: string) => PoolLimits
}

/** The page a query asks for, or what is wrong with the query. */
export function rateLimitPage(
  wallTime: number,
  { query, workspaceId }: RateLimitQuery,
  source: RateLimitSource,
): RateLimitPage | Problem {
  const limit = Number(query.get('limit') ?? limitMax)
  if (!Number.isInteger(limit) || limit < 1 || limit > limitMax) {
    return invalid(`limit: Input should be an integer from 1 to ${limitMax}`)
  }
  const wanted = query.get('group_type')
  if (wanted !== null && !isOneOf(wanted, groupTypes)) {
    return invalid(`group_type: Input should be one of ${groupTypes.join(', ')}`)
  }
  const model = query.get('model')
  const found = groups(wallTime, source).filter(
    ({ type, models }) =>
      (wanted === null || type === wanted) && (model === null || models?.includes(model) === true),
  )
  if (model !== null && found.length === 0) {
    return problem(404, 'not_found_error', `model: ${model}`)
  }
  const start = readPage(query.get('page'), found.length)
  if (start === undefined) return invalid('page: no such page of this list')
  const inherits = query.get('include_inherited') === 'true'
  const entries =
    workspaceId === undefined
      ? found.map((group) => entryOf(group, source.settings))
      : found.flatMap((group) => workspaceEntry(group, { workspaceId, inherits, ...source }))
  const end = start + limit
  return {
    data: entries.slice(start, end),
    next_page: end < entries.length ? `page_${end}` : null,
  }
}

const limitMax = 1000

/** The place at which a page begins; undefined where none does. */
function readPage(page: string | null, count: number): number | undefined {
  if (page === null) return 0
  const [, digits] = /^page_(\d+)$/.exec(page) ?? []
  return digits === undefined || Number(digits) >= count ? undefined : Number(digits)
}

function groups(wallTime: number, { settings, limitsOf }: RateLimitSource): readonly Group[] {
  const pools = new Map<string, string[]>()
  for (const { id, datedId, pool, retiresOn } of modelFacts) {
    if (retiresOn !== undefined && wallTime >= dayStartMs(retiresOn)) continue
    const names = datedId === undefined ? [id] : [id, datedId]
    pools.set(pool, [...(pools.get(pool) ?? []), ...names])
  }
  const { batchRequestsPerMinute, batchQueuedRequests } = settings
  return [
    ...[...pools].map(([pool, models]) => modelGroup(pool, models, limitsOf(pool))),
    group('batch', [
      ['requests_per_minute', batchRequestsPerMinute],
      ['enqueued_batch_requests', batchQueuedRequests],
    ]),
    group('token_count', [['requests_per_minute', settings.countRequestsPerMinute]]),
  ]
}

function modelGroup(pool: string, models: readonly string[], limits: PoolLimits): Group {
  return {
    type: 'model_group',
    name: pool,
    models,
    limits: [
      ['requests_per_minute', limits.requestsPerMinute],
      ['input_tokens_per_minute_cache_aware', limits.inputTokensPerMinute],
      ['output_tokens_per_minute', limits.outputTokensPerMinute],
    ],
    workspaceLimits: [['tokens_per_minute', limits.combinedTokens]],
  }
}

function group(type: GroupType, limits: readonly Limit[]): Group {
  return { type, name: type, models: null, limits, workspaceLimits: [] }
}

function entryOf(entry: Group, settings: SimulatorSettings): object {
  const limits = present(entry.limits)
  if (settings.adminShape === 'flat') {
    return { type: 'rate_limit', group_type: entry.type, limits, models: entry.models }
  }
  const id = entryId(entry, settings)
  return { id, type: 'rate_limit', group: groupMember(entry), limits, models: entry.models }
}

/** None where the workspace has nothing of its own, unless what it inherits is asked for. */
function workspaceEntry(
  entry: Group,
  asked: RateLimitSource & { readonly workspaceId: string; readonly inherits: boolean },
): readonly object[] {
  const { settings, workspaceId, inherits } = asked
  const isFlat = settings.adminShape === 'flat'
  const inherited = inherits ? present(entry.limits) : []
  const limits = [
    ...inherited.map(({ type, value }) => valueOf(type, value, value, 'organization')),
    ...present(entry.workspaceLimits).map(({ type, value }) =>
      valueOf(type, value, null, 'workspace'),
    ),
  ].map(({ source, ...rest }) => (isFlat ? rest : { ...rest, source }))
  if (limits.length === 0) return []
  const type = 'workspace_rate_limit'
  if (isFlat) return [{ type, group_type: entry.type, limits, models: entry.models }]
  const ids = { rate_limit_id: entryId(entry, settings), workspace_id: workspaceId }
  return [{ type, ...ids, group: groupMember(entry), limits, models: entry.models }]
}

function valueOf(
  type: string,
  value: number,
  orgLimit: number | null,
  source: 'organization' | 'workspace',
): { type: string; value: number; org_limit: number | null; source: object } {
  return { type, value, org_limit: orgLimit, source: { type: source } }
}

function present(limits: readonly Limit[]): readonly { type: string; value: number }[] {
  return limits.flatMap(([type, value]) => (value === null ? [] : [{ type, value }]))
}

/** A group is the same in every organisation; its entry is not. */
function groupMember({ type, name }: Group): object {
  const id = `rlg_01${identifier(new Random(0).fork(name), 22)}`
  return type === 'model_group' ? { id, type, display_name: displayName(name) } : { id, type }
}

function entryId({ name }: Group, { seed }: SimulatorSettings): string {
  return `rl_01${identifier(new Random(seed).fork(`rate limit ${name}`), 22)}`
}

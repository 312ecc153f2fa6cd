/**
 * `GET /v1/models`: the models of the core's table (models.ts) as the API lists them.
 *
 * What is not in the table is not made up: a release date that is not published is the epoch,
 * as the API itself gives it, and any other such fact is null. Capabilities are what this
 * simulator takes of the model, by the very rules it checks requests with.
 *
 * Field names: the official SDK's types (1.12.0).
 */

import { dayStartMs, findModel, modelFacts, retiredModels, type ModelFacts } from '../models.ts'
import { invalid, problem, type Problem } from './door.ts'
import { isOneOf } from './json.ts'
import { findSimulatedModel, modelRuleProblem, type SimulatedModel } from './model-rules.ts'

const lifecycles = ['active', 'deprecated', 'retired'] as const

/** Where a model stands in its life. */
export type Lifecycle = (typeof lifecycles)[number]

type ModelLine = 'haiku' | 'sonnet' | 'opus' | 'fable' | 'mythos'

interface Support {
  readonly supported: boolean
}

type Supports<Name extends string> = Support & Readonly<Record<Name, Support>>

/** What a model can do. */
export interface ModelCapabilities {
  readonly batch: Support
  readonly citations: Support
  readonly code_execution: Support
  readonly context_management: Support & {
    readonly clear_thinking_20251015: null
    readonly clear_tool_uses_20250919: null
    readonly compact_20260112: null
  }
  readonly effort: Supports<'low' | 'medium' | 'high' | 'xhigh' | 'max'>
  readonly image_input: Support
  readonly pdf_input: Support
  readonly server_tools: Supports<'code_execution' | 'web_search'>
  readonly structured_outputs: Support
  readonly thinking: Support & {
    readonly types: Readonly<Record<'adaptive' | 'between_tools' | 'disabled' | 'enabled', Support>>
  }
}

/** A model, as the API describes it. */
export interface ModelInfo {
  readonly id: string
  readonly type: 'model'
  readonly display_name: string
  readonly created_at: string
  readonly lifecycle: Lifecycle
  readonly line: ModelLine | null
  readonly max_input_tokens: number | null
  readonly max_tokens: number | null
  readonly deprecated_at: string | null
  readonly retires_at: string | null
  readonly capabilities: ModelCapabilities | null
}

/** A page of the list. */
export interface ModelPage {
  readonly data: readonly ModelInfo[]
  readonly has_more: boolean
  readonly first_id: string | null
  readonly last_id: string | null
}

/** The page a query asks for, or what is wrong with the query. */
export function modelPage(wallTime: number, query: URLSearchParams): ModelPage | Problem {
  const limitText = query.get('limit') ?? '20'
  const limit = Number(limitText)
  if (!/^\d+$/.test(limitText) || limit < 1 || limit > limitMax) {
    return invalid(`limit: Input should be an integer from 1 to ${limitMax}`)
  }
  const wanted = [...query.getAll('lifecycle[]'), ...query.getAll('lifecycle')]
  const unknown = wanted.find((stage) => !isOneOf(stage, lifecycles))
  if (unknown !== undefined) {
    return invalid("lifecycle: Input should be 'active', 'deprecated' or 'retired'")
  }
  const stages: readonly string[] = wanted.length > 0 ? wanted : ['active', 'deprecated']
  const models = catalogue(wallTime).filter(({ lifecycle }) => stages.includes(lifecycle))
  const [afterId, beforeId] = [query.get('after_id'), query.get('before_id')]
  if (afterId !== null && beforeId !== null) {
    return invalid('after_id and before_id cannot be given together')
  }
  const cursor = afterId ?? beforeId
  const place = models.findIndex(({ id }) => id === cursor)
  if (cursor !== null && place < 0) {
    return invalid(`${afterId === null ? 'before_id' : 'after_id'}: no such model in this list`)
  }
  if (beforeId === null) return page(models.slice(place + 1), limit, 'first')
  return page(models.slice(0, place), limit, 'last')
}

/** The model of this id or alias, or 404. */
export function retrieveModel(
  wallTime: number,
  name: string,
  models: 'current' | 'any',
): ModelInfo | Problem {
  const id = findModel(name)?.datedId ?? retiredIds.get(name) ?? name
  const listed = catalogue(wallTime).find((info) => info.id === id)
  if (listed !== undefined) return listed
  if (models === 'any') return unlisted(name)
  return problem(404, 'not_found_error', `model: ${name}`)
}

const limitMax = 1000

/** At most `limit` models from one end of what is left; `has_more`: there are more to that side. */
function page(left: readonly ModelInfo[], limit: number, from: 'first' | 'last'): ModelPage {
  const data = from === 'first' ? left.slice(0, limit) : left.slice(-limit)
  return {
    data,
    has_more: left.length > data.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  }
}

/** All models, in the table's order: newest first within a family, and the retired at the end. */
function catalogue(wallTime: number): readonly ModelInfo[] {
  return [
    ...modelFacts.map((facts) => currentModel(wallTime, facts)),
    ...retiredModels.flatMap(({ ids, retiredOn }) =>
      ids.filter((id) => retiredIds.get(id) === id).map((id) => retiredModel(id, retiredOn)),
    ),
  ]
}

function currentModel(wallTime: number, facts: ModelFacts): ModelInfo {
  const { id, datedId, contextTokensMax, outputTokensMax, retiresOn } = facts
  const hasRetired = retiresOn !== undefined && wallTime >= dayStartMs(retiresOn)
  const model = findSimulatedModel(wallTime, id, 'current')
  return {
    ...unlisted(datedId ?? id),
    display_name: displayName(id),
    lifecycle: hasRetired ? 'retired' : retiresOn === undefined ? 'active' : 'deprecated',
    line: lineOf(id),
    max_input_tokens: contextTokensMax,
    max_tokens: outputTokensMax,
    retires_at: retiresOn === undefined ? null : `${retiresOn}T00:00:00Z`,
    capabilities: model === undefined ? null : capabilitiesOf(model),
  }
}

function retiredModel(id: string, retiredOn: string): ModelInfo {
  return {
    ...unlisted(id),
    display_name: displayName(id.replace(dated, '')),
    lifecycle: 'retired',
    line: lineOf(id),
    retires_at: `${retiredOn}T00:00:00Z`,
  }
}

/** A model of which nothing is published. */
function unlisted(id: string): ModelInfo {
  return {
    id,
    type: 'model',
    display_name: id,
    created_at: '1970-01-01T00:00:00Z',
    lifecycle: 'active',
    line: null,
    max_input_tokens: null,
    max_tokens: null,
    deprecated_at: null,
    retires_at: null,
    capabilities: null,
  }
}

const dated = /-\d{8}$/

const isRetiredId = (name: string): boolean => dated.test(name) || /^claude-\d\.\d$/.test(name)

/** Every name of a retired model, to the id it had: what is no alias is its own. */
const retiredIds: ReadonlyMap<string, string> = new Map(
  retiredModels.flatMap(({ ids }) => {
    const newest = ids.find(isRetiredId)
    return ids.map((name) => [name, isRetiredId(name) ? name : (newest ?? name)] as const)
  }),
)

const isNumber = (word: string): boolean => /^\d/.test(word)

/** `claude-opus-4-8` is Claude Opus 4.8, and `claude-3-5-haiku` is Claude Haiku 3.5. */
function displayName(name: string): string {
  const words = name.split('-').slice(1)
  const names = words.filter((word) => !isNumber(word))
  const titled = names.map((word) => word.charAt(0).toUpperCase() + word.slice(1))
  const version = words.filter(isNumber).join('.')
  return ['Claude', ...titled, ...(version === '' ? [] : [version])].join(' ')
}

const lines: readonly ModelLine[] = ['haiku', 'sonnet', 'opus', 'fable', 'mythos']

function lineOf(name: string): ModelLine | null {
  return lines.find((line) => name.split('-').includes(line)) ?? null
}

/** What this simulator takes of a model. */
function capabilitiesOf(model: SimulatedModel): ModelCapabilities {
  const takes = (body: object): Support => ({
    supported: modelRuleProblem({ ...body }, model, []) === undefined,
  })
  const thinking = (type: string): Support => takes({ thinking: { type } })
  const types = {
    adaptive: thinking('adaptive'),
    between_tools: thinking('between_tools'),
    disabled: thinking('disabled'),
    enabled: thinking('enabled'),
  }
  const tools = { ...yes, code_execution: yes, web_search: yes }
  return {
    batch: yes,
    citations: yes,
    code_execution: yes,
    // Its field is not among those of a body.
    context_management: {
      ...no,
      clear_thinking_20251015: null,
      clear_tool_uses_20250919: null,
      compact_20260112: null,
    },
    effort: { ...yes, low: yes, medium: yes, high: yes, xhigh: yes, max: yes },
    image_input: yes,
    pdf_input: yes,
    server_tools: tools,
    structured_outputs: yes,
    thinking: { ...yes, types },
  }
}

const yes: Support = { supported: true }
const no: Support = { supported: false }

/**
 * Which models there are, and what each of them does not take.
 *
 * Names, sizes and tokenizers are the core's table (models.ts); the rules go by a model's line
 * and generation, which its name says: `claude-opus-4-8` is opus, 4.8.
 */

import { dayStartMs, findModel, type ModelFacts } from '../models.ts'
import { isOneOf, isRecord, type JsonRecord } from './json.ts'

/** A model the simulator answers for. */
export interface SimulatedModel {
  readonly id: string
  /** The id its answers carry. */
  readonly answersAs: string
  readonly line: string
  readonly generation: number
  readonly tokenizer: ModelFacts['tokenizer']
  readonly contextTokensMax: number
  readonly outputTokensMax: number
  /** A prefix shorter than this is not cached. */
  readonly cacheTokensMin: number
}

/**
 * The model of this name; undefined when there is none, or it has retired by `wallTime`.
 * Among `any` models those without a name we know take everything.
 */
export function findSimulatedModel(
  wallTime: number,
  name: string,
  models: 'current' | 'any',
): SimulatedModel | undefined {
  const facts = findModel(name)
  if (facts === undefined) return models === 'any' ? unknownModel(name) : undefined
  const hasRetired = facts.retiresOn !== undefined && wallTime >= dayStartMs(facts.retiresOn)
  if (hasRetired && models === 'current') return undefined
  const [, line = '', major = '5', minor = '0'] = modelName.exec(facts.id) ?? []
  return {
    id: facts.id,
    answersAs: facts.datedId ?? facts.id,
    line,
    generation: Number(`${major}.${minor}`),
    tokenizer: facts.tokenizer,
    contextTokensMax: facts.contextTokensMax,
    outputTokensMax: facts.outputTokensMax ?? outputTokensMaxUnpublished,
    cacheTokensMin: facts.cacheTokensMin,
  }
}

/** The first rule of the model that the body breaks. */
export function modelRuleProblem(
  body: JsonRecord,
  model: SimulatedModel,
  betas: readonly string[],
): string | undefined {
  const maxTokens = Number(body['max_tokens'])
  if (maxTokens > model.outputTokensMax) {
    const { id, outputTokensMax } = model
    return `max_tokens: ${maxTokens} > ${outputTokensMax}, the most that ${id} can produce`
  }
  if (model.line === '') return undefined
  return (
    samplingRule(body, model) ??
    messagesRule(body['messages'], model) ??
    thinkingRule(body, model) ??
    toolChoiceRule(body['tool_choice'], model) ??
    speedRule(body['speed'], model, betas) ??
    geographyRule(body['inference_geo'], model)
  )
}

/** The thinking that holds for a request. */
export interface Thinking {
  readonly type: 'enabled' | 'disabled' | 'adaptive' | 'between_tools'
  /** Of `enabled`. */
  readonly budget?: number
}

/** What a body asks of thinking; where it asks nothing, the model's default. */
export function thinkingOf(body: JsonRecord, { generation }: SimulatedModel): Thinking {
  const asked = isRecord(body['thinking']) ? body['thinking'] : {}
  const { type, budget_tokens: budget } = asked
  switch (type) {
    case 'enabled':
      return { type, budget: Number(budget) }
    case 'disabled':
    case 'adaptive':
    case 'between_tools':
      return { type }
    default:
      return { type: generation >= 5 ? 'adaptive' : 'disabled' }
  }
}

/** The effort a body asks for; where it asks nothing, the model's default. */
export function effortOf(body: JsonRecord, { line, generation }: SimulatedModel): string {
  const config = isRecord(body['output_config']) ? body['output_config'] : {}
  const { effort } = config
  if (typeof effort === 'string') return effort
  return generation === 5.5 && (line === 'opus' || line === 'haiku') ? 'medium' : 'high'
}

const modelName = /^claude-([a-z]+)(?:-(\d+))?(?:-(\d+))?/

/** For a model whose greatest answer is not published: the least of the current ones. */
const outputTokensMaxUnpublished = 64_000

function unknownModel(name: string): SimulatedModel {
  return {
    id: name,
    answersAs: name,
    line: '',
    generation: 0,
    tokenizer: 'older',
    contextTokensMax: 1_000_000,
    outputTokensMax: 128_000,
    cacheTokensMin: 1024,
  }
}

/** From 4.7 on, sampling is the model's own: only a value that changes nothing passes. */
function samplingRule(body: JsonRecord, { id, generation }: SimulatedModel): string | undefined {
  if (generation < 4.7) return undefined
  for (const [name, neutral] of [
    ['temperature', 1],
    ['top_p', 1],
    ['top_k', undefined],
  ] as const) {
    const value = body[name]
    if (value !== undefined && value !== neutral) return `${name}: not supported by ${id}`
  }
  return undefined
}

function messagesRule(messages: unknown, { id, generation }: SimulatedModel): string | undefined {
  const roles: readonly unknown[] = Array.isArray(messages)
    ? messages.map((message: unknown) => (isRecord(message) ? message['role'] : undefined))
    : []
  if (roles.at(-1) === 'assistant' && generation >= 4.6 && !isPaused(messages)) {
    return `${id} does not support prefill: the conversation must end with a user message`
  }
  // Which models take them is not published; the newer API version came with the 5.5 generation.
  if (generation < 5 && roles.includes('system')) {
    return `messages: ${id} does not support the "system" role`
  }
  return undefined
}

/** A conversation that ends where a tool of the server was under way: it is sent back to go on. */
function isPaused(messages: unknown): boolean {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined
  const content = isRecord(last) ? last['content'] : undefined
  const block: unknown = Array.isArray(content) ? content.at(-1) : undefined
  const type = isRecord(block) ? String(block['type']) : ''
  return type === 'server_tool_use' || (type.endsWith('_tool_result') && type !== 'tool_result')
}

function thinkingRule(
  body: JsonRecord,
  { id, line, generation }: SimulatedModel,
): string | undefined {
  const thinking = isRecord(body['thinking']) ? body['thinking']['type'] : undefined
  const config = isRecord(body['output_config']) ? body['output_config'] : {}
  const isAboveHigh = isOneOf(config['effort'], ['xhigh', 'max'])
  const alwaysThinks =
    line === 'fable' ||
    line === 'mythos' ||
    (generation === 5.5 && (line === 'opus' || line === 'sonnet'))
  const isSonnet55 = line === 'sonnet' && generation === 5.5
  const isRefused =
    (thinking === 'enabled' && generation >= 4.7) ||
    (thinking === 'adaptive' && generation <= 4.5) ||
    (thinking === 'disabled' && alwaysThinks) ||
    (thinking === 'disabled' && line === 'haiku' && generation === 5.5 && isAboveHigh) ||
    (thinking === 'between_tools' && (!isSonnet55 || isAboveHigh))
  if (!isRefused) return undefined
  return `thinking.type: ${JSON.stringify(thinking)} is not supported by ${id} with these settings`
}

function toolChoiceRule(
  choice: unknown,
  { id, line, generation }: SimulatedModel,
): string | undefined {
  const type = isRecord(choice) ? choice['type'] : undefined
  if (type !== 'any' && type !== 'tool') return undefined
  const isRefused =
    (line === 'fable' && generation >= 5.1) ||
    (generation === 5.5 && (line === 'opus' || line === 'sonnet'))
  return isRefused ? `tool_choice: forced tool use is not supported by ${id}` : undefined
}

function speedRule(
  speed: unknown,
  { id, line, generation }: SimulatedModel,
  betas: readonly string[],
): string | undefined {
  if (speed !== 'fast') return undefined
  const hasBeta = betas.some((beta) => beta.startsWith('fast-mode-'))
  const isTaken =
    line === 'opus' &&
    (generation === 5.5 ||
      generation === 4.6 ||
      (hasBeta && (generation === 5 || generation === 4.8)))
  return isTaken ? undefined : `speed: "fast" is not supported by ${id}`
}

function geographyRule(geography: unknown, { id, generation }: SimulatedModel): string | undefined {
  if (typeof geography !== 'string' || generation >= 4.6) return undefined
  return `inference_geo: not supported by ${id}`
}

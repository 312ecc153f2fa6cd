/**
 * The form a Messages body must have, whatever its model.
 *
 * Every check gives the first fault in the API's manner, the place and what is wrong there,
 * or undefined. What stands in `messages` and `system` is in message-form.ts.
 *
 * Field names: the official SDK's types (1.12.0), and the sampling fields of the older version.
 */

import { findBreakpoints } from './cache-marks.ts'
import { isOneOf, isRecord, type JsonRecord } from './json.ts'
import { extra, messagesProblem, systemProblem, type ApiVersion } from './message-form.ts'
import { promptBlocks } from './prompt-blocks.ts'

/** The first fault in the body's form. */
export function bodyFormProblem(body: JsonRecord, version: ApiVersion): string | undefined {
  return (
    unknownField(body, version) ??
    missingField(body) ??
    scalarsProblem(body) ??
    maxTokensProblem(body['max_tokens']) ??
    metadataProblem(body['metadata']) ??
    systemProblem(body['system']) ??
    messagesProblem(body['messages'], version) ??
    thinkingProblem(body['thinking'], body['max_tokens']) ??
    toolsProblem(body['tools'], body['tool_choice']) ??
    outputConfigProblem(body['output_config']) ??
    breakpointsProblem(body) ??
    prewarmProblem(body)
  )
}

const samplingFields = ['temperature', 'top_p', 'top_k']

const fields = new Set([
  'cache_control',
  'container',
  'diagnostics',
  'inference_geo',
  'max_tokens',
  'messages',
  'metadata',
  'model',
  'output_config',
  'service_tier',
  'speed',
  'stop_sequences',
  'stream',
  'system',
  'thinking',
  'tool_choice',
  'tools',
])

const userIdCharsMax = 256
function unknownField(body: JsonRecord, version: ApiVersion): string | undefined {
  const sampling = version === '2023-06-01' ? samplingFields : []
  const unknown = Object.keys(body).find((name) => !fields.has(name) && !sampling.includes(name))
  return unknown === undefined ? undefined : `${unknown}: ${extra}`
}

function missingField(body: JsonRecord): string | undefined {
  const missing = ['model', 'max_tokens', 'messages'].find((name) => body[name] === undefined)
  return missing === undefined ? undefined : `${missing}: Field required`
}

function scalarsProblem(body: JsonRecord): string | undefined {
  const { model, stream, stop_sequences: stops, service_tier: tier, speed } = body
  if (typeof model !== 'string' || model === '') return 'model: Input should be a valid string'
  if (stream !== undefined && typeof stream !== 'boolean') {
    return 'stream: Input should be a valid boolean'
  }
  if (stops !== undefined && !isStrings(stops)) {
    return 'stop_sequences: Input should be a valid list of strings'
  }
  if (tier !== undefined && tier !== 'auto' && tier !== 'standard_only') {
    return "service_tier: Input should be 'auto' or 'standard_only'"
  }
  if (speed !== undefined && speed !== null && speed !== 'standard' && speed !== 'fast') {
    return "speed: Input should be 'standard' or 'fast'"
  }
  const geo = body['inference_geo']
  if (geo !== undefined && geo !== null && geo !== 'us' && geo !== 'global') {
    return "inference_geo: Input should be 'us' or 'global'"
  }
  return samplingProblem(body)
}

function samplingProblem(body: JsonRecord): string | undefined {
  for (const name of samplingFields) {
    const value = body[name]
    if (value === undefined) continue
    if (typeof value !== 'number') return `${name}: Input should be a valid number`
    const max = name === 'top_k' ? Number.MAX_SAFE_INTEGER : 1
    if (value < 0 || value > max) return `${name}: Input should be between 0 and ${max}`
    if (name === 'top_k' && !Number.isInteger(value)) {
      return 'top_k: Input should be a valid integer'
    }
  }
  return undefined
}

function maxTokensProblem(value: unknown): string | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    return 'max_tokens: Input should be a valid integer'
  }
  return value >= 0 ? undefined : 'max_tokens: Input should be greater than or equal to 0'
}

function metadataProblem(metadata: unknown): string | undefined {
  if (metadata === undefined) return undefined
  if (!isRecord(metadata)) return 'metadata: Input should be an object'
  const unknown = Object.keys(metadata).find((name) => name !== 'user_id')
  if (unknown !== undefined) return `metadata.${unknown}: ${extra}`
  const userId = metadata['user_id']
  if (userId === undefined || userId === null) return undefined
  if (typeof userId !== 'string') return 'metadata.user_id: Input should be a valid string'
  if (Array.from(userId).length <= userIdCharsMax) return undefined
  return `metadata.user_id: String should have at most ${userIdCharsMax} characters`
}

function thinkingProblem(thinking: unknown, maxTokens: unknown): string | undefined {
  if (thinking === undefined) return undefined
  const type = isRecord(thinking) ? thinking['type'] : undefined
  if (!isRecord(thinking) || !isOneOf(type, ['enabled', 'disabled', 'adaptive', 'between_tools'])) {
    return 'thinking: Input should be a thinking configuration'
  }
  if (type !== 'enabled') return undefined
  const budget = thinking['budget_tokens']
  if (typeof budget !== 'number' || !Number.isInteger(budget)) {
    return 'thinking.enabled.budget_tokens: Input should be a valid integer'
  }
  if (budget < 1024) {
    return 'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024'
  }
  if (budget < Number(maxTokens)) return undefined
  return '`max_tokens` must be greater than `thinking.budget_tokens`'
}

function toolsProblem(tools: unknown, choice: unknown): string | undefined {
  if (tools !== undefined && !Array.isArray(tools)) return 'tools: Input should be a valid list'
  const list: readonly unknown[] = tools ?? []
  const bad = list.findIndex((tool) => !isRecord(tool) || typeof tool['name'] !== 'string')
  if (bad >= 0) return `tools.${bad}.name: Field required`
  if (choice === undefined) return undefined
  const type = isRecord(choice) ? choice['type'] : undefined
  if (!isRecord(choice) || !isOneOf(type, ['auto', 'any', 'tool', 'none'])) {
    return "tool_choice: Input should be of type 'auto', 'any', 'tool' or 'none'"
  }
  if (list.length === 0 && type !== 'none') {
    return 'tool_choice: may only be specified while providing tools'
  }
  const isNamed = list.some((tool) => isRecord(tool) && tool['name'] === choice['name'])
  return type === 'tool' && !isNamed ? 'tool_choice.tool: Tool not found in tools' : undefined
}

function outputConfigProblem(config: unknown): string | undefined {
  if (config === undefined) return undefined
  if (!isRecord(config)) return 'output_config: Input should be an object'
  const unknown = Object.keys(config).find((name) => name !== 'effort' && name !== 'format')
  if (unknown !== undefined) return `output_config.${unknown}: ${extra}`
  const { effort, format } = config
  if (!isOneOf(effort ?? 'high', ['low', 'medium', 'high', 'xhigh', 'max'])) {
    return 'output_config.effort: Input should be low, medium, high, xhigh or max'
  }
  if (format === undefined || format === null) return undefined
  const schema = isRecord(format) ? format['schema'] : undefined
  if (!isRecord(format) || format['type'] !== 'json_schema' || !isRecord(schema)) {
    return 'output_config.format: Input should be a json_schema with its schema'
  }
  const isOpen = schema['type'] === 'object' && schema['additionalProperties'] !== false
  return isOpen
    ? "output_config.format.schema: For 'object' type, 'additionalProperties' must be false"
    : undefined
}

function breakpointsProblem(body: JsonRecord): string | undefined {
  const found = findBreakpoints(body, promptBlocks(body))
  return typeof found === 'string' ? found : undefined
}

/**
 * What a request that only fills the cache (`max_tokens` 0) must not ask. Of thinking that is what
 * is `enabled`, whose budget can never be below 0; the adaptive kind, which some models cannot do
 * without, passes.
 */
function prewarmProblem(body: JsonRecord): string | undefined {
  if (body['max_tokens'] !== 0) return undefined
  const { stream, tool_choice: choice, output_config: config } = body
  const isRefused: readonly (readonly [string, boolean])[] = [
    ['stream', stream === true],
    ['output_config.format', isRecord(config) && isRecord(config['format'])],
    ['tool_choice', isRecord(choice) && isOneOf(choice['type'], ['any', 'tool'])],
  ]
  const name = isRefused.find(([, refused]) => refused)?.[0]
  return name === undefined ? undefined : `max_tokens: 0 is not supported with ${name}`
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

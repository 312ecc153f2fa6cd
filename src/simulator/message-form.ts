/**
 * The form of what a Messages body says: `system`, `messages` and their blocks.
 *
 * Fields that are not known are refused in messages and in text blocks. Inside other
 * blocks little more than their `type` is looked at, so a fault there passes.
 */

import { isRecord, type JsonRecord } from './json.ts'

/** `anthropic-version` values the API knows. */
export type ApiVersion = '2023-06-01' | '2026-10-21'

/** What is said of a field that is not known. */
export const extra = 'Extra inputs are not permitted'

/** The first fault of `system`. */
export function systemProblem(system: unknown): string | undefined {
  if (system === undefined || typeof system === 'string') return undefined
  if (!Array.isArray(system)) return 'system: Input should be a valid string or list'
  for (const [index, block] of system.entries()) {
    const problem =
      isRecord(block) && block['type'] === 'text'
        ? textBlockProblem(`system.${index}`, block)
        : `system.${index}: Input should be a text block`
    if (problem !== undefined) return problem
  }
  return undefined
}

/** The first fault of `messages`. */
export function messagesProblem(messages: unknown, version: ApiVersion): string | undefined {
  if (!Array.isArray(messages)) return 'messages: Input should be a valid list'
  if (messages.length === 0) return 'messages: at least one message is required'
  if (messages.length > messagesMax) return `messages: at most ${messagesMax} are permitted`
  for (const [index, message] of messages.entries()) {
    const isLast = index === messages.length - 1
    const problem = messageProblem(`messages.${index}`, message, isLast, version)
    if (problem !== undefined) return problem
  }
  const first: unknown = messages[0]
  const startsWithUser = isRecord(first) && first['role'] === 'user'
  return startsWithUser ? undefined : 'messages: first message must use the "user" role'
}

function messageProblem(
  place: string,
  message: unknown,
  isLast: boolean,
  version: ApiVersion,
): string | undefined {
  if (!isRecord(message)) return `${place}: Input should be an object`
  const { role, content } = message
  const unknown = Object.keys(message).find((name) => name !== 'role' && name !== 'content')
  if (unknown !== undefined) return `${place}.${unknown}: ${extra}`
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    return `${place}.role: Input should be 'user', 'assistant' or 'system'`
  }
  if (typeof content !== 'string' && !Array.isArray(content)) {
    return `${place}.content: Input should be a valid string or list`
  }
  if (content.length === 0 && !(isLast && role === 'assistant')) {
    return `${place}: all messages must have non-empty content`
  }
  if (typeof content === 'string') return undefined
  for (const [index, block] of content.entries()) {
    const problem = blockProblem(`${place}.content.${index}`, role, block, version)
    if (problem !== undefined) return problem
  }
  return undefined
}

function blockProblem(
  place: string,
  role: string,
  block: unknown,
  version: ApiVersion,
): string | undefined {
  const type = isRecord(block) ? block['type'] : undefined
  if (!isRecord(block) || typeof type !== 'string' || !contentTypes.has(type)) {
    return `${place}: Input tag ${JSON.stringify(type ?? null)} does not match any of the expected`
  }
  if (role === 'system' && type !== 'text') return `${place}: system messages take only text`
  const isNewer = version === '2026-10-21'
  if (isNewer && role === 'assistant' && type === 'document') {
    return `${place}: document blocks are not permitted in assistant messages`
  }
  if (type === 'text') return textBlockProblem(place, block, isNewer && role === 'user')
  if (type === 'image' || type === 'document') {
    return isRecord(block['source']) ? undefined : `${place}.${type}.source: Field required`
  }
  if (block['cache_control'] !== undefined && type.endsWith('thinking')) {
    return `${place}: cache_control is not permitted on ${type} blocks`
  }
  return undefined
}

const textBlockFields = new Set(['type', 'text', 'cache_control', 'citations'])

function textBlockProblem(
  place: string,
  block: JsonRecord,
  refusesCitations: boolean = false,
): string | undefined {
  const { text, citations, cache_control: mark } = block
  const unknown = Object.keys(block).find((name) => !textBlockFields.has(name))
  if (unknown !== undefined) return `${place}.text.${unknown}: ${extra}`
  if (typeof text !== 'string') return `${place}.text.text: Input should be a valid string`
  if (text === '') {
    return mark === undefined || mark === null
      ? `${place}: text content blocks must be non-empty`
      : `${place}: cache_control cannot be set for empty text blocks`
  }
  if (refusesCitations && Array.isArray(citations) && citations.length > 0) {
    return `${place}.text.citations: ${extra}`
  }
  return undefined
}

const contentTypes = new Set([
  'text',
  'image',
  'document',
  'search_result',
  'thinking',
  'redacted_thinking',
  'tool_use',
  'tool_result',
  'server_tool_use',
  'web_search_tool_result',
  'web_fetch_tool_result',
  'code_execution_tool_result',
  'bash_code_execution_tool_result',
  'text_editor_code_execution_tool_result',
  'tool_search_tool_result',
  'container_upload',
])

const messagesMax = 100_000

/**
 * `system` and `messages`: their roles, their order, and that nothing is empty.
 *
 * Facts: Anthropic's API reference of Messages and its pages on prefilling answers and on tool
 * use (a result for every use, in the next message).
 */

import { isJsonObject } from './json.ts'
import { checkBlocks, type Role } from './row-rules-blocks.ts'
import { checkImages } from './row-rules-images.ts'
import { checkToolPairs } from './row-rules-tool-pairs.ts'
import { plainNumber } from './row-rule-words.ts'
import type { Subject } from './row-rules.ts'

const messagesMax = 100_000
const roles: readonly Role[] = ['user', 'assistant', 'system']
const messageFields: ReadonlySet<string> = new Set(['role', 'content'])

/** Looks at all that the prompt says. */
export function checkMessages(subject: Subject): void {
  const { request, findings } = subject
  checkSystem(subject)
  const { messages } = request
  if (messages === undefined) return
  if (!Array.isArray(messages)) {
    const problem = 'must be a list of messages'
    const fix = 'write [{"role":"user","content":"…"}]'
    return findings.fault('wrong_type', { field: 'messages', value: messages, problem, fix })
  }
  if (messages.length === 0) {
    const fix = 'add {"role":"user","content":"…"}'
    const problem = 'must not be empty'
    return findings.fault('empty', { field: 'messages', value: messages, problem, fix })
  }
  if (messages.length > messagesMax) {
    const problem = `has ${plainNumber(messages.length)} items; at most 100,000 are taken`
    findings.fault('wrong_value', { field: 'messages', problem, fix: 'leave the oldest out' })
  }
  for (const [index, message] of messages.entries()) {
    checkMessage(subject, message, index, index === messages.length - 1)
  }
  checkFirst(subject, messages[0])
  checkPrefill(subject, messages)
  // Most messages are plain text, and hold neither tools nor images.
  const hasBlocks = messages.some((each) => isJsonObject(each) && Array.isArray(each['content']))
  if (!hasBlocks) return
  checkToolPairs(subject, messages)
  checkImages(subject, messages)
}

function checkSystem(subject: Subject): void {
  const { system } = subject.request
  if (system === undefined || typeof system === 'string') return
  if (Array.isArray(system)) return checkBlocks(subject, system, 'system', 'prompt')
  subject.findings.fault('wrong_type', {
    field: 'system',
    value: system,
    problem: 'must be a text or a list of blocks',
    fix: 'write it as a text',
  })
}

function checkMessage(subject: Subject, message: unknown, index: number, isLast: boolean): void {
  const { findings, settings } = subject
  const place = `messages[${index}]`
  if (!isJsonObject(message)) {
    const problem = 'must be an object with "role" and "content"'
    const fix = 'write {"role":"user","content":"…"}'
    return findings.fault('wrong_type', { field: place, value: message, problem, fix })
  }
  for (const name in message) {
    if (messageFields.has(name) || settings.betas.length > 0) continue
    const problem = 'is not permitted in a message'
    const field = `${place}.${name}`
    findings.fault('unknown_field', { field, value: message[name], problem, fix: 'leave it out' })
  }
  const role = roles.find((each) => each === message['role'])
  if (role === undefined) {
    const value = message['role']
    const problem = value === undefined ? 'is missing' : 'must be "user", "assistant" or "system"'
    const fix = value === 'tool' ? toolFix : 'write "user" or "assistant"'
    findings.fault('role', { field: `${place}.role`, value, problem, fix })
  }
  checkContent(subject, message['content'], { place, role, isLast })
}

const toolFix = 'write role "user", and a block of type "tool_result" as its content'

interface ContentPlace {
  readonly place: string
  readonly role: Role | undefined
  readonly isLast: boolean
}

function checkContent(subject: Subject, content: unknown, at: ContentPlace): void {
  const { findings } = subject
  const field = `${at.place}.content`
  if (typeof content !== 'string' && !Array.isArray(content)) {
    const kind = content === undefined ? 'missing' : 'wrong_type'
    const problem = content === undefined ? 'is missing' : 'must be a text or a list of blocks'
    const fix = 'write the text, or [{"type":"text","text":"…"}]'
    return findings.fault(kind, { field, value: content, problem, fix })
  }
  // An answer may be begun with nothing.
  if (content.length === 0 && !(at.isLast && at.role === 'assistant')) {
    const fix = 'write what is to be said, or leave the message out'
    const problem = 'must not be empty'
    return findings.fault('empty', { field, value: content, problem, fix })
  }
  if (typeof content !== 'string') return checkBlocks(subject, content, field, at.role)
  if (content === '' || content.trim() !== '') return
  const problem = 'has nothing but blanks'
  const fix = 'write what is to be said, or leave the message out'
  findings.warn('empty', { field, value: content, problem, fix })
}

function checkFirst({ findings }: Subject, first: unknown): void {
  const role = isJsonObject(first) ? first['role'] : undefined
  if (role !== 'assistant' && role !== 'system') return
  const problem = 'must be "user" in the first message'
  const fix =
    role === 'system'
      ? 'put its text into "system", beside "messages"'
      : 'begin with a user message'
  findings.fault('role', { field: 'messages[0].role', value: role, problem, fix })
}

/** An answer begun for the model; one in which a server's tool paused is no such thing. */
function checkPrefill({ request, model, abilities, findings }: Subject, messages: unknown[]): void {
  const last = messages.at(-1)
  if (!isJsonObject(last) || last['role'] !== 'assistant') return
  const { content } = last
  const blocks: readonly unknown[] = Array.isArray(content) ? content : []
  const isPaused = blocks.some(
    (block) => isJsonObject(block) && block['type'] === 'server_tool_use',
  )
  if (isPaused) return
  const field = `messages[${messages.length - 1}]`
  const thinking = request['thinking']
  const isThinking = isJsonObject(thinking) && thinking['type'] === 'enabled'
  if (abilities?.prefill === false || isThinking) {
    const problem =
      abilities?.prefill === false
        ? `must be a user message: ${model} does not go on with an answer begun`
        : 'must be a user message while thinking is enabled'
    const fix = 'end with a user message; for JSON, use output_config.format'
    findings.fault('prefill', { field: `${field}.role`, value: 'assistant', problem, fix })
    return
  }
  const text = lastText(content, blocks)
  if (text === undefined || text === '' || text === text.trimEnd()) return
  const problem = 'must not end in blanks, as an answer begun'
  findings.fault('prefill', { field: `${field}.content`, value: text, problem, fix: 'trim it' })
}

function lastText(content: unknown, blocks: readonly unknown[]): string | undefined {
  if (typeof content === 'string') return content
  const last = blocks.at(-1)
  const text = isJsonObject(last) ? last['text'] : undefined
  return typeof text === 'string' ? text : undefined
}

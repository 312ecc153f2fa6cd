/**
 * Blocks of content: which types there are, where each may stand, and what it must hold.
 *
 * Facts: Anthropic's API reference of Messages and its versioning page (what 2026-10-21 refuses).
 */

import { isJsonObject, type JsonObject } from './json.ts'
import { nearest } from './nearest.ts'
import { mustBeOneOf } from './row-rule-words.ts'
import type { Subject } from './row-rules.ts'

/** Who says a block; `prompt` is the system prompt. */
export type Role = 'user' | 'assistant' | 'system'

/** Where blocks stand: in a message, in the system prompt, or in the result of a tool. */
export type Holder = Role | 'prompt' | 'tool_result'

/** What a block must hold. */
type Check = (subject: Subject, block: JsonObject, path: string, holder: Holder | undefined) => void

const checks: Readonly<Record<string, Check>> = {
  text: checkText,
  image: (subject, block, path) => checkSource(subject, block, path, 'image'),
  document: checkDocument,
  search_result: needs('source', 'title', 'content'),
  thinking: (subject, block, path, holder) => {
    onlyAssistant(subject, block, path, holder)
    needs('thinking', 'signature')(subject, block, path)
  },
  redacted_thinking: onlyAssistant,
  tool_use: checkToolUse,
  tool_result: checkToolResult,
  server_tool_use: onlyAssistant,
  web_search_tool_result: () => {},
  web_fetch_tool_result: () => {},
  code_execution_tool_result: () => {},
  bash_code_execution_tool_result: () => {},
  text_editor_code_execution_tool_result: () => {},
  tool_search_tool_result: () => {},
  container_upload: () => {},
}
const types = Object.keys(checks)

/** Types that are taken in the result of a tool alone. */
const resultTypes: ReadonlySet<string> = new Set(['tool_reference', 'browser_state'])

/** Looks at a list of blocks that stands at `path`. */
export function checkBlocks(
  subject: Subject,
  blocks: readonly unknown[],
  path: string,
  holder: Holder | undefined,
): void {
  for (const [index, block] of blocks.entries()) {
    checkBlock(subject, block, `${path}[${index}]`, holder)
  }
}

function checkBlock(
  subject: Subject,
  block: unknown,
  path: string,
  holder: Holder | undefined,
): void {
  const { findings, settings } = subject
  if (!isJsonObject(block)) {
    const problem = 'must be a block, an object with a "type"'
    const fix = 'write {"type":"text","text":"…"}'
    return findings.fault('wrong_type', { field: path, value: block, problem, fix })
  }
  const { type } = block
  const check = typeof type === 'string' ? checks[type] : undefined
  if (check === undefined) {
    if (holder === 'tool_result' && resultTypes.has(String(type))) return
    const near = typeof type === 'string' ? nearest(type, types) : ''
    const problem = type === undefined ? 'is missing' : `is no type of block${near}`
    const fix = foreignTypes[String(type)] ?? 'correct it'
    const remark = { field: `${path}.type`, value: type, problem, fix }
    // A beta may have types that were not known when this was written.
    if (settings.betas.length > 0 && type !== undefined) return findings.warn('block', remark)
    return findings.fault('block', remark)
  }
  if ((holder === 'prompt' || holder === 'system') && type !== 'text') {
    const problem = 'must be "text" in the system prompt'
    const fix = 'put it into a user message'
    return findings.fault('block', { field: `${path}.type`, value: type, problem, fix })
  }
  check(subject, block, path, holder)
}

/** Types that other APIs have for what this one has too. */
const foreignTypes: Readonly<Record<string, string>> = {
  image_url: 'write {"type":"image","source":{"type":"url","url":"…"}}',
  input_text: 'write type "text"',
  output_text: 'write type "text"',
  input_image: 'write {"type":"image","source":{"type":"url","url":"…"}}',
  file: 'write {"type":"document","source":{"type":"file","file_id":"…"}}',
}

const textFields: ReadonlySet<string> = new Set(['type', 'text', 'cache_control', 'citations'])

function checkText(
  { findings, settings }: Subject,
  block: JsonObject,
  path: string,
  holder: Holder | undefined,
): void {
  const { text, citations } = block
  for (const name in block) {
    if (textFields.has(name) || settings.betas.length > 0) continue
    const problem = 'is not permitted in a block of text'
    const field = `${path}.${name}`
    findings.fault('unknown_field', { field, value: block[name], problem, fix: 'leave it out' })
  }
  const field = `${path}.text`
  if (typeof text !== 'string') {
    const kind = text === undefined ? 'missing' : 'wrong_type'
    const problem = text === undefined ? 'is missing' : 'must be a text'
    findings.fault(kind, { field, value: text, problem, fix: 'write the text' })
  } else if (text === '') {
    const fix = 'write the text, or leave the block out'
    findings.fault('empty', { field, value: text, problem: 'must not be empty', fix })
  } else if (text.trim() === '') {
    const fix = 'write the text, or leave the block out'
    findings.warn('empty', { field, value: text, problem: 'has nothing but blanks', fix })
  }
  const isNewer = settings.version === '2026-10-21'
  if (!isNewer || holder !== 'user' || !Array.isArray(citations) || citations.length === 0) return
  const problem = 'are not permitted in user messages under anthropic-version 2026-10-21'
  findings.fault('block', {
    field: `${path}.citations`,
    value: citations,
    problem,
    fix: 'leave them out',
  })
}

const sources: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  image: { base64: 'data', url: 'url', file: 'file_id' },
  document: { base64: 'data', url: 'url', file: 'file_id', text: 'data', content: 'content' },
}
const mediaTypes: Readonly<Record<string, readonly string[]>> = {
  image: ['image/jpeg', 'image/png', 'image/gif', 'image/webp'],
  document: ['application/pdf'],
}

function checkDocument(
  subject: Subject,
  block: JsonObject,
  path: string,
  holder: Holder | undefined,
): void {
  if (holder === 'assistant' && subject.settings.version === '2026-10-21') {
    const problem = 'is not permitted in an assistant message under anthropic-version 2026-10-21'
    const field = `${path}.type`
    const fix = 'put it into a user message'
    subject.findings.fault('block', { field, value: 'document', problem, fix })
  }
  checkSource(subject, block, path, 'document')
}

function checkSource(
  { findings }: Subject,
  block: JsonObject,
  path: string,
  kind: 'image' | 'document',
): void {
  const { source } = block
  const members = sources[kind] ?? {}
  const field = `${path}.source`
  if (!isJsonObject(source)) {
    const problem = source === undefined ? 'is missing' : 'must be an object with a "type"'
    const fix = 'write {"type":"base64","media_type":"…","data":"…"}'
    return findings.fault('missing', { field, value: source, problem, fix })
  }
  const type = source['type']
  const member = typeof type === 'string' ? members[type] : undefined
  if (member === undefined) {
    const problem = mustBeOneOf(Object.keys(members), type)
    return findings.fault('block', {
      field: `${field}.type`,
      value: type,
      problem,
      fix: 'correct it',
    })
  }
  const value = source[member]
  if (value === undefined || value === '') {
    const problem = value === '' ? 'must not be empty' : 'is missing'
    const fix = `add "${member}" to the source`
    findings.fault('missing', { field: `${field}.${member}`, value, problem, fix })
  }
  if (type !== 'base64') return
  const allowed = mediaTypes[kind] ?? []
  const mediaType = source['media_type']
  if (!allowed.includes(String(mediaType))) {
    const problem = mustBeOneOf(allowed, mediaType)
    const place = `${field}.media_type`
    findings.fault('wrong_value', { field: place, value: mediaType, problem, fix: 'correct it' })
  }
  if (typeof value !== 'string' || !value.startsWith('data:')) return
  const problem = 'must be base64 alone, without "data:…;base64," before it'
  findings.fault('wrong_value', { field: `${field}.data`, value, problem, fix: 'cut that off' })
}

function needs(...names: readonly string[]) {
  return ({ findings }: Subject, block: JsonObject, path: string): void => {
    for (const name of names) {
      if (block[name] !== undefined) continue
      const fix = `add "${name}" to the block`
      findings.fault('missing', { field: `${path}.${name}`, problem: 'is missing', fix })
    }
  }
}

function onlyAssistant(
  { findings }: Subject,
  block: JsonObject,
  path: string,
  holder: Holder | undefined,
): void {
  if (holder === 'assistant' || holder === undefined) return
  const problem = 'may stand in assistant messages alone'
  const fix = 'move it to the assistant message before'
  findings.fault('block', { field: `${path}.type`, value: block['type'], problem, fix })
}

function checkToolUse(
  subject: Subject,
  block: JsonObject,
  path: string,
  holder: Holder | undefined,
): void {
  onlyAssistant(subject, block, path, holder)
  needs('id', 'name', 'input')(subject, block, path)
  const { input } = block
  if (input === undefined || isJsonObject(input)) return
  const problem = 'must be an object'
  const fix = typeof input === 'string' ? 'write the JSON itself, not a text of it' : 'correct it'
  subject.findings.fault('wrong_type', { field: `${path}.input`, value: input, problem, fix })
}

function checkToolResult(
  subject: Subject,
  block: JsonObject,
  path: string,
  holder: Holder | undefined,
): void {
  const { findings } = subject
  if (holder === 'assistant' || holder === 'tool_result') {
    const problem = 'may stand in user messages alone'
    const field = `${path}.type`
    const fix = 'move it to the user message behind'
    findings.fault('block', { field, value: 'tool_result', problem, fix })
    // Results within results could be as deep as the line is long.
    if (holder === 'tool_result') return
  }
  needs('tool_use_id')(subject, block, path)
  const { content } = block
  if (content === undefined || typeof content === 'string') return
  const field = `${path}.content`
  if (Array.isArray(content)) return checkBlocks(subject, content, field, 'tool_result')
  const problem = 'must be a text or a list of blocks'
  const fix = 'write it as a text'
  findings.fault('wrong_type', { field, value: content, problem, fix })
}

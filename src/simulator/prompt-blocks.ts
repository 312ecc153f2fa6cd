/**
 * A prompt as the list of its blocks, in the order in which the model reads them:
 * tools, system, messages. Each block is one position of the prefix that is cached.
 *
 * A string stands for the one text block it is short for, and is a position like any other.
 * Blocks inside blocks (a tool's result, a document's text) are part of the outer one.
 */

import { isRecord, type JsonRecord } from './json.ts'

/** The parts of a prompt, in order. */
export const promptLevels = ['tools', 'system', 'messages'] as const

/** A part of a prompt. */
export type PromptLevel = (typeof promptLevels)[number]

/** One block of a prompt. */
export interface PromptBlock {
  readonly level: PromptLevel
  readonly value: JsonRecord
  /** Of the message that begins with this block. */
  readonly role?: unknown
}

/** The blocks of a body; what is no block is left out. */
export function promptBlocks(body: JsonRecord): readonly PromptBlock[] {
  const messages = Array.isArray(body['messages']) ? body['messages'] : []
  return [
    ...blocksOf(body['tools']).map((value): PromptBlock => ({ level: 'tools', value })),
    ...blocksOf(body['system']).map((value): PromptBlock => ({ level: 'system', value })),
    ...messages.flatMap((message: unknown) => (isRecord(message) ? messageBlocks(message) : [])),
  ]
}

function messageBlocks({ content, role }: JsonRecord): readonly PromptBlock[] {
  return blocksOf(content).map((value, index): PromptBlock => {
    return index === 0 ? { level: 'messages', value, role } : { level: 'messages', value }
  })
}

function blocksOf(value: unknown): readonly JsonRecord[] {
  if (typeof value === 'string') return value === '' ? [] : [{ type: 'text', text: value }]
  return Array.isArray(value) ? value.filter(isRecord) : []
}

/** Whether a block may end a cached prefix: thinking and empty text may not. */
export function isCacheable({ value: { type, text } }: PromptBlock): boolean {
  return type !== 'thinking' && type !== 'redacted_thinking' && !(type === 'text' && text === '')
}

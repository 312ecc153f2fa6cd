/**
 * Turns: answers of a row that were not its last, and what the row asks next.
 *
 *   truncated        asked again, with room for more: the request as it was, a larger max_tokens
 *   paused           asked to go on: what the assistant has said is sent back behind the request
 *   invalid_output   shown what is wrong: the answer is sent back, with the faults
 *
 * A turn was paid for. It is on disk before its row asks again (turn-record.ts), it is in the row's
 * line as `earlier`, and its cost is in the row's.
 *
 * Invariant: the user's bytes are spliced, never printed anew; nor are those of the answers.
 */

import { isJsonObject, parseJson } from './json.ts'
import {
  changeMembers,
  type Edit,
  memberText,
  namedMember,
  readItems,
  readMembers,
  splice,
} from './json-spans.ts'
import type { OutputProblem } from './output-rules.ts'

/** Why a row is asked again though it was answered. */
export type TurnReason = 'truncated' | 'paused' | 'invalid_output'

/** What is asked of a row behind a turn. */
export interface TurnAsk {
  /** The `max_tokens` from now on. @default as before */
  readonly maxTokens?: number
  /** What the user says to the answer: the `content` of a message, as JSON text. */
  readonly feedback?: string
}

/** An answer that is not the row's result, as it is kept. */
export interface KeptTurn {
  readonly why: TurnReason
  /** The Message, as JSON text. */
  readonly message: string
  readonly costNanoUsd: number | null
  readonly requestId: string | null
  /** The row's id in the batch that gave it. @default it was asked live */
  readonly batchRequest?: string | undefined
}

/** The same, and what follows from it as the policies are now. */
export interface Turn extends KeptTurn {
  readonly ask: TurnAsk
}

/** Nothing came before. */
export const noTurns: readonly Turn[] = []

/** What a row is sent as behind these turns. */
export function bodyBehind(body: Uint8Array, turns: readonly Turn[]): Uint8Array {
  if (turns.length === 0) return body
  const { maxTokens, said } = conversationOf(turns)
  const changes = new Map<string, string | undefined>()
  if (maxTokens !== undefined) changes.set('max_tokens', String(maxTokens))
  const changed = changes.size === 0 ? body : changeMembers(body, readMembers(body), changes)
  return said.length === 0 ? changed : withMessages(changed, said)
}

/**
 * The Message a row has in the end: of one that was paused, with all that was said, as one answer.
 * Its `usage` and all else is that of the last.
 */
export function joinedMessage(message: string, turns: readonly Turn[]): string {
  const before = pausedContent(turns)
  if (before.length === 0) return message
  const bytes = Buffer.from(message)
  const content = [...before, ...itemTexts(bytes)]
  const changes = new Map([['content', `[${content.join(',')}]`]])
  return changeMembers(bytes, readMembers(bytes), changes).toString()
}

/** What the assistant had said, of one answer, when it was paused last: content items as JSON. */
export function pausedContent(turns: readonly Turn[]): readonly string[] {
  return conversationOf(turns).paused
}

/** What a row has cost, with an answer behind these turns; null where a price is unknown. */
export function costBehind(turns: readonly Turn[], costNanoUsd: number | null): number | null {
  return turns.reduce<number | null>((sum, { costNanoUsd: cost }) => {
    return sum === null || cost === null ? null : sum + cost
  }, costNanoUsd)
}

/** What the user says to an answer that does not conform, as JSON text. */
export function feedbackOf(message: string, problems: readonly OutputProblem[]): string {
  const parsed = parseJson(message)
  const content = isJsonObject(parsed) && Array.isArray(parsed['content']) ? parsed['content'] : []
  const uses = content.filter(isJsonObject).filter(({ type }) => type === 'tool_use')
  const ofText = problems.filter(({ toolUse }) => toolUse === undefined)
  const results = uses.map(({ id }) => {
    const own = problems.filter(({ toolUse }) => toolUse === id)
    const text = own.length === 0 ? notRun : toolWords(own)
    return { type: 'tool_result', tool_use_id: id, is_error: true, content: text }
  })
  const words = ofText.length === 0 ? [] : [{ type: 'text', text: textWords(ofText) }]
  return JSON.stringify([...results, ...words])
}

const notRun = 'Not run: another call in this answer does not match its schema.'

function toolWords(problems: readonly OutputProblem[]): string {
  return `Not run: the input does not match the schema of the tool.\n${list(problems)}`
}

function textWords(problems: readonly OutputProblem[]): string {
  const head = 'Your output does not match the JSON schema that it must follow:'
  return `${head}\n${list(problems)}\nGive the whole output again, corrected, and nothing else.`
}

function list(problems: readonly OutputProblem[]): string {
  return problems.map(({ text }) => `- ${text}`).join('\n')
}

interface Conversation {
  readonly maxTokens: number | undefined
  /** Messages that follow those of the request, as JSON texts. */
  readonly said: readonly string[]
  readonly paused: readonly string[]
}

/** Of answers that were wrong only the last is shown, with its faults: the others tell no more. */
function conversationOf(turns: readonly Turn[]): Conversation {
  let maxTokens: number | undefined
  let corrected: readonly string[] = []
  let paused: readonly string[] = []
  for (const { message, ask } of turns) {
    if (ask.maxTokens !== undefined) maxTokens = ask.maxTokens
    else if (ask.feedback === undefined) paused = [...paused, ...itemTexts(Buffer.from(message))]
    else {
      const content = [...paused, ...itemTexts(Buffer.from(message))]
      const user = `{"role":"user","content":${ask.feedback}}`
      corrected = [...assistant(content), user]
      paused = []
    }
  }
  return { maxTokens, said: [...corrected, ...assistant(paused)], paused }
}

/** An answer of nothing is no message that the API takes. */
function assistant(content: readonly string[]): readonly string[] {
  if (content.length === 0) return []
  return [`{"role":"assistant","content":[${content.join(',')}]}`]
}

/** The content of a Message, item by item, as JSON texts; a text of nothing cannot be sent back. */
function itemTexts(message: Buffer): readonly string[] {
  const content = namedMember(readMembers(message), 'content')
  if (content === undefined) return []
  const items = readItems(message, content.valueStart)
  return items.map(({ start, end }) => message.toString('utf8', start, end)).filter(isSayable)
}

function isSayable(item: string): boolean {
  const block = parseJson(item)
  return !isJsonObject(block) || block['type'] !== 'text' || block['text'] !== ''
}

/** The body with messages behind its own. */
function withMessages(body: Uint8Array, said: readonly string[]): Uint8Array {
  const messages = namedMember(readMembers(body), 'messages')
  if (messages === undefined) return body
  const end = messages.valueEnd - 1
  const isEmpty = memberText(body, messages).slice(1, -1).trim() === ''
  const edit: Edit = { start: end, end, text: `${isEmpty ? '' : ','}${said.join(',')}` }
  return splice(body, [edit])
}

/**
 * What an answer consists of, and why it stops.
 *
 *   thinking?  text | JSON | text? tool_use | text server_tool_use (paused)
 *
 * Text has about the length that was drawn, less the thinking. JSON and the input of a tool are
 * as long as their schema makes them, whatever is billed. Cut at `max_tokens`, JSON is broken off
 * and a tool's input is empty.
 */

import type { Random } from '../random.ts'
import type { AnswerForm, ToolForm } from './answer-form.ts'
import type { Work } from './answer.ts'
import { identifier } from './identifier.ts'
import { isRecord } from './json.ts'
import { prose } from './prose.ts'
import { schemaValue } from './schema-value.ts'

/** One block of an answer. */
export type ContentBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | {
      readonly type: 'tool_use'
      readonly id: string
      readonly name: string
      readonly input: unknown
      /** The model itself, not code that it runs. */
      readonly caller: { readonly type: 'direct' }
    }
  | {
      readonly type: 'server_tool_use'
      readonly id: string
      readonly name: string
      readonly input: unknown
    }

/** The policies under which the model declines. */
export type RefusalCategory =
  | 'cyber'
  | 'bio'
  | 'frontier_llm'
  | 'reasoning_extraction'
  | 'general_harms'

/** How the model declines to answer. */
export interface Refusing {
  readonly category: RefusalCategory
  /** Before any output; else in the middle of the answer. */
  readonly isAtOnce: boolean
  readonly isBilled: boolean
}

/** Why an answer ended. */
export type StopReason =
  | 'end_turn'
  | 'max_tokens'
  | 'stop_sequence'
  | 'tool_use'
  | 'refusal'
  | 'pause_turn'
  | 'model_context_window_exceeded'

/** The members of a Message that say what was answered. */
export interface AnswerContent {
  readonly content: readonly ContentBlock[]
  readonly stop_reason: StopReason | null
  readonly stop_sequence: string | null
  readonly stop_details: RefusalDetails | null
}

/** `stop_details` of a refusal. */
export interface RefusalDetails {
  readonly type: 'refusal'
  readonly category: RefusalCategory
  readonly explanation: string
}

type DrawnWork = Pick<
  Work,
  'outputTokens' | 'isCapped' | 'refusing' | 'isPaused' | 'isInvalid' | 'random'
>

/** How likely the answer comes upon one of the sequences at which it is to stop. */
const stopChance = 0.3

const signatureChars = 96

/** The content of an answer; `ratio` is how many tokens the model makes of one of `prose`. */
export function answerContent(
  form: AnswerForm,
  work: DrawnWork,
  ratio: number,
): AnswerContent & { readonly thinkingTokens: number } {
  const { random, outputTokens, refusing } = work
  const ended = { stop_sequence: null, stop_details: null }
  const thinkingTokens = drawThinking(form, work)
  const content: ContentBlock[] = []
  if (thinkingTokens > 0) {
    const thinking = form.showsThinking ? prose(random, thinkingTokens / ratio) : ''
    content.push({ type: 'thinking', thinking, signature: identifier(random, signatureChars) })
  }
  const textTokens = (outputTokens - thinkingTokens) / ratio
  if (refusing !== undefined) {
    if (!refusing.isAtOnce) content.push({ type: 'text', text: prose(random, textTokens) })
    const stop_details = refusalDetails(refusing)
    return { ...ended, content, stop_reason: 'refusal', stop_details, thinkingTokens }
  }
  const stop_reason = work.isCapped ? 'max_tokens' : 'end_turn'
  if (outputTokens === 0) return { ...ended, content, stop_reason, thinkingTokens }
  if (form.serverTool !== undefined && work.isPaused) {
    const said = prose(random, textTokens)
    if (said !== '') content.push({ type: 'text', text: said })
    content.push(serverToolUse(random, form.serverTool))
    return { ...ended, content, stop_reason: 'pause_turn', thinkingTokens }
  }
  const [firstTool, ...otherTools] = form.tools
  if (firstTool !== undefined && random.chance(form.toolChance)) {
    const tool = random.pick([firstTool, ...otherTools])
    content.push(...toolBlocks(tool, work, form.toolChance === 1))
    return {
      ...ended,
      content,
      stop_reason: work.isCapped ? stop_reason : 'tool_use',
      thinkingTokens,
    }
  }
  if (form.format !== undefined) {
    const value = schemaValue(random, form.format)
    const text = JSON.stringify(work.isInvalid ? strayed(value) : value)
    const cut = work.isCapped ? text.slice(0, Math.ceil(text.length / 2)) : text
    content.push({ type: 'text', text: cut })
    return { ...ended, content, stop_reason, thinkingTokens }
  }
  const text = prose(random, textTokens)
  const stop = findStop(random, text, form.stopSequences, work.isCapped)
  const spoken = stop === undefined ? text : text.slice(0, stop.at)
  if (spoken !== '') content.push({ type: 'text', text: spoken })
  if (stop === undefined) return { ...ended, content, stop_reason, thinkingTokens }
  return {
    ...ended,
    content,
    stop_reason: 'stop_sequence',
    stop_sequence: stop.sequence,
    thinkingTokens,
  }
}

/** Tokens of thinking: a fifth to four fifths of what is billed, if there is thinking at all. */
function drawThinking(form: AnswerForm, { random, outputTokens, refusing }: DrawnWork): number {
  if (form.thinkingChance === 0 || outputTokens < 2 || refusing?.isAtOnce === true) return 0
  if (!random.chance(form.thinkingChance)) return 0
  const share = 0.2 + 0.6 * random.float()
  return Math.min(form.thinkingMax, Math.max(1, Math.round(outputTokens * share)))
}

function toolBlocks(
  { name, schema }: ToolForm,
  { random, isCapped, isInvalid }: DrawnWork,
  isForced: boolean,
): readonly ContentBlock[] {
  const id = `toolu_01${identifier(random, 22)}`
  const value = isCapped ? {} : schemaValue(random, { type: 'object', ...schema })
  const input = isInvalid ? strayed(value) : value
  const caller = { type: 'direct' } as const
  const block: ContentBlock = { type: 'tool_use', id, name, input, caller }
  // A model that must call a tool says nothing before.
  return isForced ? [block] : [{ type: 'text', text: prose(random, 12) }, block]
}

function serverToolUse(random: Random, name: string): ContentBlock {
  const id = `srvtoolu_01${identifier(random, 22)}`
  return { type: 'server_tool_use', id, name, input: { query: prose(random, 5) } }
}

/** What no closed schema takes. */
function strayed(value: unknown): unknown {
  return { ...(isRecord(value) ? value : { value }), stray: true }
}

/** Where the answer stops early: at the first sequence in it, or by chance at its end. */
function findStop(
  random: Random,
  text: string,
  sequences: readonly string[],
  isCapped: boolean,
): { readonly at: number; readonly sequence: string } | undefined {
  const [first, ...others] = sequences
  if (first === undefined) return undefined
  const found = sequences
    .map((sequence) => ({ sequence, at: text.indexOf(sequence) }))
    .filter(({ at }) => at >= 0)
    .toSorted((left, right) => left.at - right.at)
  if (found[0] !== undefined) return found[0]
  if (isCapped || !random.chance(stopChance)) return undefined
  return { at: text.length, sequence: random.pick([first, ...others]) }
}

function refusalDetails({ category }: Refusing): RefusalDetails {
  const explanation = `This request was declined under the policy on ${category}.`
  return { type: 'refusal', category, explanation }
}

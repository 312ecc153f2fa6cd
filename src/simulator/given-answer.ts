/**
 * Answers that are given and not invented: what `respond` decides, read and made an answer.
 *
 * Only the content is given. It is counted by the simulator's tokenizer, and what it counts is
 * billed and takes its time, as an invented answer of that length would; beyond `max_tokens`
 * it is cut. Ids, usage, limits, headers and faults stay the model's.
 */

import type { ContentBlock, StopReason } from './answer-content.ts'
import { drawWork, type Work } from './answer.ts'
import { identifier } from './identifier.ts'
import { isOneOf, isRecord, type JsonRecord } from './json.ts'
import type { SimulatedModel } from './model-rules.ts'
import type { SimulatorSettings } from './options.ts'
import { textTokens, tokenRatio } from './tokens.ts'
import type { SuppliedAnswer } from './wire.ts'

/** A request that is in order, as `respond` gets it: the whole body. */
export interface RespondRequest {
  readonly model: string
  readonly max_tokens: number
  readonly messages: readonly {
    readonly role: string
    readonly content: string | readonly JsonRecord[]
  }[]
  /** Whatever else the body holds. */
  readonly [field: string]: unknown
}

/** The parts of a Message that can be given. */
export interface GivenMessage {
  /** A string is one block of text. */
  readonly content: string | readonly GivenBlock[]
  /** @default 'tool_use' when a tool is asked for, else 'end_turn' */
  readonly stop_reason?: string
  /** @default null */
  readonly stop_sequence?: string | null
}

/** One block of a given answer; what it leaves out is made up. */
export type GivenBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature?: string }
  | {
      readonly type: 'tool_use'
      readonly id?: string
      readonly name: string
      readonly input: unknown
    }

/** What `respond` returns: a text, parts of a Message, or undefined for invented prose. */
export type GivenAnswer = string | GivenMessage | undefined

/** Decides what a request is answered with. */
export type Respond = (request: RespondRequest) => GivenAnswer | Promise<GivenAnswer>

/** A given answer that was found in order. */
export interface GivenContent {
  readonly blocks: readonly GivenBlock[]
  readonly stopReason: StopReason
  readonly stopSequence: string | null
}

/** Reads what `respond` returned, which no compiler may have checked; throws if it is no answer. */
export function readGivenAnswer(value: unknown): GivenContent | undefined {
  if (value === undefined) return undefined
  const given: unknown = typeof value === 'string' ? { content: value } : value
  if (!isRecord(given)) throw new TypeError(`respond must return ${forms}, got ${typeOf(value)}`)
  const { content, stop_reason: reason, stop_sequence: sequence = null, ...others } = given
  const [other] = Object.keys(others)
  if (other !== undefined) {
    throw new TypeError(`respond cannot set ${JSON.stringify(other)}, only ${names}`)
  }
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content
  if (!isGivenBlocks(blocks)) {
    throw new TypeError('respond must give "content" as a string, or text, thinking and tool_use')
  }
  if (reason !== undefined && !isStopReason(reason)) {
    throw new TypeError(
      `respond must give one of the API's stop reasons, got ${JSON.stringify(reason)}`,
    )
  }
  if (sequence !== null && typeof sequence !== 'string') {
    throw new TypeError('respond must give "stop_sequence" as a string or null')
  }
  const asksTool = blocks.at(-1)?.type === 'tool_use'
  const usual = sequence !== null ? 'stop_sequence' : asksTool ? 'tool_use' : 'end_turn'
  return { blocks, stopReason: reason ?? usual, stopSequence: sequence }
}

/** What answering takes: of a given answer, what it is; else what is drawn. */
export function workOf(
  settings: SimulatorSettings,
  { bodyHash, asks, maxTokens, model }: Asking,
  answer: SuppliedAnswer | undefined,
): Work {
  // A prompt that is only cached has no answer. Whoever gives answers gives refusals too.
  const isGiven = answer !== undefined && 'blocks' in answer && maxTokens > 0
  const drawnFrom = isGiven ? { ...settings, refusalRate: 0, pauseRate: 0 } : settings
  const drawn = drawWork(drawnFrom, bodyHash, asks, maxTokens)
  return isGiven ? givenWork(drawn, answer, model, maxTokens) : drawn
}

/** What is asked, for the `asks`th time (from 0). */
export interface Asking {
  readonly bodyHash: number
  readonly asks: number
  readonly maxTokens: number
  readonly model: SimulatedModel
}

/** The work of giving this answer instead of the one that was drawn. */
export function givenWork(
  drawn: Work,
  { blocks, stopReason, stopSequence }: GivenContent,
  model: SimulatedModel,
  maxTokens: number,
): Work {
  const ratio = tokenRatio(model)
  const content: ContentBlock[] = []
  let tokens = 0
  let thinkingTokens = 0
  let isCut = false
  for (const block of blocks) {
    const left = maxTokens - tokens
    const cost = blockTokens(block, ratio)
    isCut = cost > left
    const taken = isCut ? cutBlock(block, left / ratio) : block
    if (taken !== undefined) content.push(complete(taken, drawn))
    tokens += Math.min(cost, left)
    if (block.type === 'thinking') thinkingTokens += Math.min(cost, left)
    if (isCut) break
  }
  // Ending an answer takes a token too.
  const outputTokens = Math.max(1, tokens)
  return {
    ...drawn,
    outputTokens,
    isCapped: isCut,
    productionMs: (drawn.productionMs * outputTokens) / drawn.outputTokens,
    given: {
      content,
      stop_reason: isCut ? 'max_tokens' : stopReason,
      stop_sequence: isCut ? null : stopSequence,
      stop_details: null,
      thinkingTokens,
    },
  }
}

const names = '"content", "stop_reason" and "stop_sequence"'
const forms = 'a string, parts of a Message or undefined'

const stopReasons: readonly StopReason[] = [
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'tool_use',
  'pause_turn',
  'refusal',
  'model_context_window_exceeded',
]

function isStopReason(value: unknown): value is StopReason {
  return isOneOf(value, stopReasons)
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value
}

function isGivenBlocks(value: unknown): value is readonly GivenBlock[] {
  return Array.isArray(value) && value.every(isGivenBlock)
}

function isGivenBlock(value: unknown): boolean {
  if (!isRecord(value)) return false
  const { type, text, thinking, name, input, id, signature } = value
  if (type === 'text') return typeof text === 'string'
  if (type === 'thinking') {
    return typeof thinking === 'string' && isOptionalString(signature)
  }
  return type === 'tool_use' && typeof name === 'string' && isRecord(input) && isOptionalString(id)
}

function isOptionalString(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function blockTokens(block: GivenBlock, ratio: number): number {
  return Math.ceil(textTokens(spokenText(block)) * ratio)
}

/** What a block costs the model to say. */
function spokenText(block: GivenBlock): string {
  if (block.type === 'text') return block.text
  if (block.type === 'thinking') return block.thinking
  return JSON.stringify({ name: block.name, input: block.input })
}

/** The block as far as these tokens go (of the older tokenizer); undefined when it cannot begin. */
function cutBlock(block: GivenBlock, tokens: number): GivenBlock | undefined {
  // The input of a tool is JSON: a part of it is nothing.
  if (block.type === 'tool_use') return tokens < 1 ? undefined : { ...block, input: {} }
  const text = cutText(spokenText(block), tokens)
  if (text === '') return undefined
  return block.type === 'text' ? { ...block, text } : { ...block, thinking: text }
}

/** The longest beginning that costs at most so many tokens, as they are counted from the start. */
function cutText(text: string, tokens: number): string {
  let low = 0
  let high = text.length
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (textTokens(text.slice(0, middle)) <= tokens) low = middle
    else high = middle - 1
  }
  // Half of a surrogate pair is no text.
  const code = text.charCodeAt(low - 1)
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? low - 1 : low)
}

function complete(block: GivenBlock, { random }: Work): ContentBlock {
  if (block.type === 'text') return { type: 'text', text: block.text }
  if (block.type === 'thinking') {
    const { thinking, signature = identifier(random, 96) } = block
    return { type: 'thinking', thinking, signature }
  }
  const { id = `toolu_01${identifier(random, 22)}`, name, input } = block
  return { type: 'tool_use', id, name, input, caller: { type: 'direct' } }
}

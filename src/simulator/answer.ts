/**
 * What the model behind the API does with one request: how long its answer is, how
 * long it takes, and the Message itself.
 *
 * All of it is drawn from a stream of chance named by the seed, the request's bytes and
 * how often those bytes were asked before. The cost of a row is thus the same in
 * whatever order rows are sent, so two clients can be compared on one file, while
 * asking a row again may give another answer.
 *
 * What an answer consists of (`answer-content.ts`) never changes what it costs: the length is
 * drawn first, and thinking and tools are a part of it.
 */

import { Random } from '../random.ts'
import {
  answerContent,
  type AnswerContent,
  type RefusalCategory,
  type Refusing,
} from './answer-content.ts'
import type { AnswerForm } from './answer-form.ts'
import type { CacheUse } from './cache-store.ts'
import type { AdmittedRequest } from './check.ts'
import { identifier } from './identifier.ts'
import type { SimulatorSettings } from './options.ts'
import { tokenRatio } from './tokens.ts'

/** What was drawn for one request. */
export interface Work {
  /** Billed output, 1 to `max_tokens`; 0 of a prompt only cached, or refused at once. */
  readonly outputTokens: number
  /** Whether the answer was cut at `max_tokens`. */
  readonly isCapped: boolean
  readonly firstByteMs: number
  /** From the first byte to the last. */
  readonly productionMs: number
  /** Set when the model declines to answer. */
  readonly refusing: Refusing | undefined
  /** It is paused, if it has a tool that runs on the server. */
  readonly isPaused: boolean
  /** Its output does not conform, if it must. */
  readonly isInvalid: boolean
  /** Goes on to draw the answer's words. */
  readonly random: Random
  /** What is answered, when it is not to be made up. */
  readonly given?: AnswerContent & { readonly thinkingTokens: number }
}

/** A Message, as the API answers. */
export interface Message extends AnswerContent {
  readonly id: string
  readonly type: 'message'
  readonly role: 'assistant'
  readonly model: string
  readonly container: null
  readonly diagnostics: null
  readonly usage: MessageUsage
}

/** `usage` of a Message. */
export interface MessageUsage {
  readonly input_tokens: number
  readonly cache_creation_input_tokens: number
  readonly cache_read_input_tokens: number
  readonly cache_creation: {
    readonly ephemeral_5m_input_tokens: number
    readonly ephemeral_1h_input_tokens: number
  }
  readonly output_tokens: number
  readonly output_tokens_details: { readonly thinking_tokens: number }
  readonly server_tool_use: null
  readonly service_tier: 'standard' | 'batch'
  readonly speed: 'standard' | 'fast'
  readonly inference_geo: string
}

type WorkSettings = Pick<
  SimulatorSettings,
  | 'seed'
  | 'latencyMs'
  | 'latencySigma'
  | 'firstByteShare'
  | 'outputTokens'
  | 'outputSigma'
  | 'refusalRate'
  | 'pauseRate'
  | 'invalidOutputRate'
>

/** How often each request was asked, in a table of fixed size: few of a million share a slot. */
export class AskCounts {
  readonly #counts = new Uint8Array(2 ** 20)

  /** How often these bytes (or, rarely, others) were asked before; counts them. */
  count(bodyHash: number): number {
    const slot = bodyHash & (this.#counts.length - 1)
    const before = this.#counts[slot] ?? 0
    this.#counts[slot] = before + 1
    return before
  }
}

/** A 32-bit hash of the bytes (FNV-1a). */
export function hashBytes(bytes: Uint8Array): number {
  let hash = 2166136261
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16777619)
  return hash >>> 0
}

/** Draws what asking for these bytes for the `asks`th time (from 0) takes. */
export function drawWork(
  settings: WorkSettings,
  bodyHash: number,
  asks: number,
  maxTokens: number,
): Work {
  const random = new Random(
    (bodyHash ^ Math.imul(settings.seed | 0, 0x9e3779b1) ^ Math.imul(asks, 0x85ebca6b)) >>> 0,
  )
  const length = Math.round(random.logNormal(settings.outputTokens, settings.outputSigma))
  const refusing = maxTokens === 0 ? undefined : drawRefusing(random, settings.refusalRate)
  const outputTokens = refusing?.isAtOnce === true ? 0 : Math.min(maxTokens, Math.max(1, length))
  // A slow server is slow in both phases; only production grows with the answer.
  const meanMs = settings.latencyMs * random.logNormal(1, settings.latencySigma)
  return {
    outputTokens,
    isCapped: length >= maxTokens,
    firstByteMs: meanMs * settings.firstByteShare,
    productionMs: meanMs * (1 - settings.firstByteShare) * (outputTokens / settings.outputTokens),
    refusing,
    isPaused: chanceOf(random, 'pause', settings.pauseRate),
    isInvalid: chanceOf(random, 'invalid output', settings.invalidOutputRate),
    random,
  }
}

/** The complete Message for this work. */
export function composeMessage(
  request: AdmittedRequest,
  form: AnswerForm,
  work: Work,
  cacheUse: CacheUse,
  tier: MessageUsage['service_tier'] = 'standard',
): Message {
  const id = `msg_01${identifier(work.random, 22)}`
  const { thinkingTokens, ...content } =
    work.given ?? answerContent(form, work, tokenRatio(request.model))
  const { readTokens, write5mTokens, write1hTokens } = cacheUse
  const writeTokens = write5mTokens + write1hTokens
  return {
    id,
    type: 'message',
    role: 'assistant',
    model: request.answeringModel,
    ...content,
    container: null,
    diagnostics: null,
    usage: {
      input_tokens: request.inputTokens - readTokens - writeTokens,
      cache_creation_input_tokens: writeTokens,
      cache_read_input_tokens: readTokens,
      cache_creation: {
        ephemeral_5m_input_tokens: write5mTokens,
        ephemeral_1h_input_tokens: write1hTokens,
      },
      output_tokens: work.outputTokens,
      output_tokens_details: { thinking_tokens: thinkingTokens },
      server_tool_use: null,
      service_tier: tier,
      speed: request.speed,
      inference_geo: request.inferenceGeo,
    },
  }
}

/** Refusals before any output of these categories are billed all the same. */
const billedAtOnce: readonly RefusalCategory[] = ['bio', 'frontier_llm', 'reasoning_extraction']
const categories = ['cyber', 'general_harms', ...billedAtOnce] as const

/** From a stream of its own, so that nothing else changes with the rate. */
function chanceOf(random: Random, name: string, rate: number): boolean {
  return rate > 0 && random.fork(name).chance(rate)
}

/** Draws from a stream of its own: a row that is answered costs the same at any rate. */
function drawRefusing(random: Random, rate: number): Refusing | undefined {
  if (rate === 0) return undefined
  const own = random.fork('refusal')
  if (!own.chance(rate)) return undefined
  const category = own.pick(categories)
  const isAtOnce = own.chance(0.5)
  return { category, isAtOnce, isBilled: !isAtOnce || billedAtOnce.includes(category) }
}

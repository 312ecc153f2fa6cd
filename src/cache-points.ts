/**
 * Where the prompt of a request may be cached, and what names each of these prefixes.
 *
 * The cache compares a prompt from its beginning, block by block: tools, system, messages. A point
 * is the end of a block; its key covers all that is compared up to there, every character of
 * the blocks and the settings that each level depends on besides:
 *
 *   tools     model, speed
 *   system    web search, citations, output format
 *   messages  tool choice, whether there are pictures, thinking, effort
 *
 * Settings are compared by what holds: one that is left out is the model's default, where that is
 * known. A web search tool adds to the system prompt and not to the tools. A mark is no part of
 * what it marks; a block's own members may come in any order, what is inside of them may not.
 *
 * Two requests can share what is written at a point if they have its key in common.
 */

import { isJsonObject, type JsonObject } from './json.ts'
import { highResolution, pdfTokens, pictureTokens, standardResolution } from './media-tokens.ts'
import { findModel, type ModelFacts } from './models.ts'
import { RunningHash } from './running-hash.ts'

/** The life of an entry, from the start of the request that wrote or last read it. */
export type CacheLife = '5m' | '1h'

/** Where a block of a prompt stands. */
export interface BlockPlace {
  readonly level: 'tools' | 'system' | 'messages'
  /** Index of the message; 0 for tools and system. */
  readonly message: number
  /** Index among the blocks; a plain string is block 0. */
  readonly index: number
}

/** A place up to which a prompt may be cached. */
export interface CachePoint {
  /** An integer below 2^53 that stands for all that the cache compares up to here. */
  readonly key: number
  /** The share of the prompt that stands before it, of its tokens about: above 0, at most 1. */
  readonly share: number
  /** The block that ends here. */
  readonly at: BlockPlace
  /** The user's own mark on it. */
  readonly mark: CacheLife | undefined
}

/** Of a request that is not looked at, or has no place. */
export const noCachePoints: readonly CachePoint[] = Object.freeze([])

/** Of `all` places, when there are more than twice as many, so many from either end. */
const pointsMaxEachEnd = 8

/** What pictures and pages weigh in characters of text, and what a block does besides its text. */
const charsPerToken = 4
const charsPerBlock = 12

/**
 * The places of a request, from the shortest prefix to the longest. `marked`: those the user
 * marked, on a block or by the mark of the whole request, which stands for its last block that can
 * have one. `all`: the same if there are any; else the ends of the tools and of each block behind
 * them.
 *
 * @example
 * ```ts
 * const system = [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }]
 * const [point] = cachePointsOf({ system, messages: [] }, 'claude-opus-5', 'marked')
 * point?.at // => { level: 'system', message: 0, index: 0 }
 * point?.mark // => '5m'
 * ```
 */
export function cachePointsOf(
  request: JsonObject,
  model: string,
  which: 'marked' | 'all',
): readonly CachePoint[] {
  const isMarked = hasMarks(request)
  // Most rows have no mark, and this is asked of every one.
  if (which === 'marked' && !isMarked) return noCachePoints
  const blocks = blocksOf(request)
  const marks = isMarked ? marksOf(request, blocks) : undefined
  const places =
    marks === undefined || (marks.size === 0 && which === 'all') ? endsOf(blocks) : marks
  if (places.size === 0) return noCachePoints
  return new Prompt(request, model, blocks).points(places)
}

interface Block {
  readonly at: BlockPlace
  readonly value: JsonObject
  /** Of the message that begins with it. */
  readonly role?: unknown
}

/** Blocks by index, each with the user's mark. */
type Places = ReadonlyMap<number, CacheLife | undefined>

function hasMarks(request: JsonObject): boolean {
  if (isMarked(request) || isAnyMarked(request['tools']) || isAnyMarked(request['system'])) {
    return true
  }
  const messages = request['messages']
  if (!Array.isArray(messages)) return false
  return messages.some((each: unknown) => isJsonObject(each) && isAnyMarked(each['content']))
}

function isAnyMarked(blocks: unknown): boolean {
  return Array.isArray(blocks) && blocks.some(isMarked)
}

function isMarked(block: unknown): boolean {
  return isJsonObject(block) && block['cache_control'] !== undefined
}

/** All blocks in order; what is no block is left out, and its index with it. */
function blocksOf({ tools, system, messages }: JsonObject): readonly Block[] {
  const blocks: Block[] = []
  const add = (content: unknown, level: BlockPlace['level'], message = 0, role?: unknown): void => {
    const values: readonly unknown[] = Array.isArray(content) ? content : textBlocks(content)
    let own = role
    for (const [index, value] of values.entries()) {
      if (!isJsonObject(value)) continue
      blocks.push({ at: { level, message, index }, value, role: own })
      own = undefined
    }
  }
  if (Array.isArray(tools)) add(tools, 'tools')
  add(system, 'system')
  if (!Array.isArray(messages)) return blocks
  for (const [index, message] of messages.entries()) {
    if (isJsonObject(message)) add(message['content'], 'messages', index, message['role'])
  }
  return blocks
}

function textBlocks(text: unknown): readonly JsonObject[] {
  return typeof text === 'string' && text !== '' ? [{ type: 'text', text }] : []
}

/** What the user marked; a mark that the API refuses is none. */
function marksOf(request: JsonObject, blocks: readonly Block[]): Places {
  const marks = new Map<number, CacheLife>()
  for (const [index, { value }] of blocks.entries()) {
    const life = canBeMarked(value) ? lifeOf(value['cache_control']) : undefined
    if (life !== undefined) marks.set(index, life)
  }
  const automatic = lifeOf(request['cache_control'])
  const last = blocks.findLastIndex(({ value }) => canBeMarked(value))
  if (automatic !== undefined && last !== -1 && !marks.has(last)) marks.set(last, automatic)
  return marks
}

/** The ends of the tools and of each block behind them, the middle ones left out if many. */
function endsOf(blocks: readonly Block[]): Places {
  const lastTool = blocks.findLastIndex(
    ({ at, value }) => at.level === 'tools' && canBeMarked(value),
  )
  const ends = blocks.flatMap(({ at, value }, index) => {
    const isEnd = at.level === 'tools' ? index === lastTool : canBeMarked(value)
    return isEnd ? [index] : []
  })
  const excess = Math.max(0, ends.length - 2 * pointsMaxEachEnd)
  ends.splice(pointsMaxEachEnd, excess)
  return new Map(ends.map((index) => [index, undefined]))
}

function lifeOf(mark: unknown): CacheLife | undefined {
  if (!isJsonObject(mark) || mark['type'] !== 'ephemeral') return undefined
  const life = mark['ttl'] ?? '5m'
  return life === '5m' || life === '1h' ? life : undefined
}

/** Thinking and empty text may not be marked; the block before them may. */
function canBeMarked({ type, text }: JsonObject): boolean {
  return type !== 'thinking' && type !== 'redacted_thinking' && !(type === 'text' && text === '')
}

/** A request as the cache reads it. */
class Prompt {
  readonly #hash = new RunningHash()
  readonly #request: JsonObject
  readonly #config: JsonObject
  readonly #model: string
  readonly #facts: ModelFacts | undefined
  readonly #blocks: readonly Block[]
  /** Of all blocks so far, in characters of text. */
  #weight = 0

  constructor(request: JsonObject, model: string, blocks: readonly Block[]) {
    const config = request['output_config']
    this.#request = request
    this.#config = isJsonObject(config) ? config : {}
    this.#model = model
    this.#facts = findModel(model)
    this.#blocks = blocks
  }

  points(places: Places): readonly CachePoint[] {
    const points: CachePoint[] = []
    let level: BlockPlace['level'] = 'tools'
    this.#rootSettings()
    for (const [index, block] of this.#blocks.entries()) {
      if (level === 'tools' && block.at.level !== 'tools') this.#systemSettings()
      if (level !== 'messages' && block.at.level === 'messages') this.#messagesSettings()
      level = block.at.level
      const before = isWebSearch(block) ? this.#hash.state : undefined
      this.#block(block)
      if (places.has(index)) {
        const { key } = this.#hash
        points.push({ key, share: this.#weight, at: block.at, mark: places.get(index) })
      }
      if (before !== undefined) this.#hash.restore(before)
    }
    return points.map((point) => ({ ...point, share: point.share / this.#weight }))
  }

  #rootSettings(): void {
    const id = this.#facts?.id ?? this.#model
    // Opus 4.6 takes the word and answers at the ordinary speed.
    const isFast = this.#request['speed'] === 'fast' && id !== 'claude-opus-4-6'
    this.#hash.value([id, isFast])
  }

  #systemSettings(): void {
    const { chars } = this.#hash
    this.#hash.value(this.#config['format'])
    this.#weight += this.#hash.chars - chars
    this.#hash.value(this.#blocks.some(hasCitations))
    for (const block of this.#blocks) if (isWebSearch(block)) this.#members(block.value)
  }

  #messagesSettings(): void {
    const { tool_choice: choice, thinking } = this.#request
    const hasTools = this.#blocks[0]?.at.level === 'tools'
    const pictures = this.#blocks.some(({ value }) => hasPicture(value))
    const defaults = defaultsOf(this.#facts)
    const asked = isJsonObject(thinking) ? thinking : {}
    this.#hash.value([
      choice ?? (hasTools ? { type: 'auto' } : null),
      pictures,
      asked['type'] ?? defaults.thinking,
      asked['budget_tokens'],
      this.#config['effort'] ?? defaults.effort,
    ])
  }

  #block({ value, role }: Block): void {
    const { chars } = this.#hash
    this.#hash.value(role)
    this.#members(value)
    this.#weight += this.#hash.chars - chars + mediaChars(value, this.#facts) + charsPerBlock
  }

  #members(value: JsonObject): void {
    const names = unmarkedNames(value)
    const { type, content } = value
    if (type !== 'tool_result' || !Array.isArray(content)) {
      return this.#hash.members(value, names.toSorted())
    }
    const others = names.filter((name) => name !== 'content').toSorted()
    this.#hash.members(value, others)
    this.#hash.value(content.length)
    for (const inner of content) {
      if (isJsonObject(inner)) this.#hash.members(inner, unmarkedNames(inner))
      else this.#hash.value(inner)
    }
  }
}

function unmarkedNames(value: JsonObject): readonly string[] {
  return Object.keys(value).filter((name) => name !== 'cache_control')
}

/** Thinking and effort of a request that does not say; where unknown, a value of its own. */
function defaultsOf(facts: ModelFacts | undefined): { thinking: string; effort: string } {
  if (facts === undefined) return { thinking: 'default', effort: 'default' }
  const isMedium = facts.id === 'claude-opus-5-5' || facts.id === 'claude-haiku-5-5'
  const isFifth = /^claude-[a-z]+-5\b/.test(facts.id)
  return { thinking: isFifth ? 'adaptive' : 'disabled', effort: isMedium ? 'medium' : 'high' }
}

function isWebSearch({ at, value: { type } }: Block): boolean {
  return at.level === 'tools' && typeof type === 'string' && type.startsWith('web_search_')
}

function hasCitations({ at, value: { citations } }: Block): boolean {
  return at.level === 'messages' && isJsonObject(citations) && citations['enabled'] === true
}

/** A picture, or a tool's result that shows one. */
function hasPicture({ type, content }: JsonObject): boolean {
  if (type === 'image') return true
  if (!Array.isArray(content)) return false
  return content.some((inner) => isJsonObject(inner) && inner['type'] === 'image')
}

/** Characters that pictures and PDFs weigh, less those of their base64. */
function mediaChars(value: JsonObject, facts: ModelFacts | undefined): number {
  const { type, content } = value
  if (type !== 'tool_result' || !Array.isArray(content)) return ownMediaChars(value, facts)
  // Results within results are refused, and could be as deep as the line is long.
  const inner = content.filter(isJsonObject)
  return inner.reduce((chars, each) => chars + ownMediaChars(each, facts), 0)
}

function ownMediaChars({ type, source }: JsonObject, facts: ModelFacts | undefined): number {
  const isMedia = type === 'image' || type === 'document'
  if (!isMedia || !isJsonObject(source)) return 0
  const { type: form, data } = source
  if (form === 'text' || form === 'content') return 0
  const text = typeof data === 'string' ? data : ''
  const limits = facts?.tokenizer === 'older' ? standardResolution : highResolution
  const tokens = type === 'image' ? pictureTokens(text, limits) : pdfTokens(text)
  return tokens * charsPerToken - text.length
}

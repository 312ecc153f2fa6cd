/**
 * The simulator's own tokenizer: how many tokens a request really is.
 *
 * It resembles no published tokenizer. What matters is that the count is a function
 * of what stands in the request (words, digits, punctuation, scripts, pictures)
 * which no rule of thumb on bytes predicts, and which can be learned only from usage.
 *
 * Text is cut where the kind of character changes, and each run costs by its kind.
 * Counts are thus sums over words, which lets `prose.ts` write answers of a given length.
 */

import type { ModelFacts } from '../models.ts'
import { isRecord, type JsonRecord } from './json.ts'
import { promptBlocks, type PromptBlock } from './prompt-blocks.ts'

/** A prompt, counted. */
export interface CountedPrompt {
  readonly blocks: readonly PromptBlock[]
  /** Tokens of the prompt up to and with each block. */
  readonly prefixTokens: readonly number[]
  /** All input tokens of the request. */
  readonly inputTokens: number
}

/** Counts a Messages body that has been found valid, and every prefix of its prompt. */
export function countPrompt(body: JsonRecord, model: Pick<ModelFacts, 'tokenizer'>): CountedPrompt {
  const { tools, tool_choice: choice, output_config: config } = body
  const blocks = promptBlocks(body)
  const ratio = tokenRatio(model)
  const hidden = Array.isArray(tools) && tools.length > 0 ? hiddenToolTokens(choice) : 0
  // An output format adds to the system prompt, which comes after the tools.
  let format = isRecord(config) ? (config['format'] ?? undefined) : undefined
  let text = 0
  let media = 0
  const countMedia: OnMedia = (source, kind) => {
    media += kind === 'document' ? documentTokens(source) : imageTokens(source, model)
  }
  const prefixTokens = blocks.map(({ level, value, role }) => {
    if (level === 'tools') text += toolTokens(value)
    else {
      if (format !== undefined) text += textTokens(JSON.stringify(format))
      format = undefined
      text += (role === undefined ? 0 : tokensPerMessage) + valueTokens(value, countMedia)
    }
    return Math.ceil(text * ratio) + Math.ceil(media) + hidden
  })
  return { blocks, prefixTokens, inputTokens: (prefixTokens.at(-1) ?? 0) + tokensPerRequest }
}

/** Input tokens of a Messages body that has been found valid. */
export function requestTokens(body: JsonRecord, model: Pick<ModelFacts, 'tokenizer'>): number {
  return countPrompt(body, model).inputTokens
}

/** A tool is read as it is written, but for the mark on it. */
function toolTokens({ cache_control: _mark, ...tool }: JsonRecord): number {
  return textTokens(JSON.stringify(tool))
}

/** Tokens of a text under the older tokenizer; the newer one makes `tokenRatio` times as many. */
export function textTokens(text: string): number {
  let tokens = 0
  let start = 0
  while (start < text.length) {
    const kind = kindAt(text, start)
    let end = start + 1
    while (end < text.length && kindAt(text, end) === kind && !isCamelHump(text, end)) end++
    tokens += runTokens(kind, end - start)
    start = end
  }
  return tokens
}

/** How many tokens a model makes of one of `textTokens`. */
export function tokenRatio(model: Pick<ModelFacts, 'tokenizer'>): number {
  return model.tokenizer === 'newer' ? 1.3 : 1
}

const tokensPerRequest = 7
const tokensPerMessage = 4

// Plain numbers rather than names: this runs once per character of every request.
const space = 0
const lineBreak = 1
const letter = 2
const digit = 3
const mark = 4
const accented = 5
const ideograph = 6
const surrogate = 7
const otherScript = 8

const asciiKinds: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (character === ' ' || character === '\t') return space
  if (character === '\n' || character === '\r') return lineBreak
  if (/[A-Za-z]/.test(character)) return letter
  return /\d/.test(character) ? digit : mark
})

function kindAt(text: string, index: number): number {
  const code = text.charCodeAt(index)
  if (code < 128) return asciiKinds[code] ?? mark
  if (code < 0x250) return accented
  if (code >= 0xd800 && code < 0xe000) return surrogate
  return code >= 0x2e80 ? ideograph : otherScript
}

function runTokens(kind: number, length: number): number {
  switch (kind) {
    case space:
      // One space belongs to the word after it; indentation costs a little.
      return Math.ceil((length - 1) / 8)
    case lineBreak:
      return 1
    case letter:
      return Math.ceil(length / 7)
    case digit:
      return Math.ceil(length / 3)
    case mark:
      return Math.ceil(length / 2)
    case ideograph:
      return Math.ceil(length * 1.2)
    case surrogate:
      return Math.ceil(length * 1.5)
    case otherScript:
      return Math.ceil(length / 2.5)
    default:
      return length
  }
}

function isCamelHump(text: string, index: number): boolean {
  const [before, code] = [text.charCodeAt(index - 1), text.charCodeAt(index)]
  return before >= 97 && before <= 122 && code >= 65 && code <= 90
}

type OnMedia = (source: JsonRecord, kind: string) => void

/** Tokens of all text in a value: strings as they stand, members by their names too. */
function valueTokens(value: unknown, onMedia: OnMedia): number {
  if (typeof value === 'string') return textTokens(value)
  if (typeof value === 'number' || typeof value === 'boolean') return 1
  if (Array.isArray(value)) {
    return value.reduce((tokens: number, item) => tokens + valueTokens(item, onMedia), 0)
  }
  if (!isRecord(value)) return 0
  const { type, source } = value
  if (isRecord(source) && typeof type === 'string' && source['type'] !== 'text') {
    onMedia(source, type)
    return 0
  }
  let tokens = 0
  for (const [name, member] of Object.entries(value)) {
    // The names that only give a block its form cost nothing.
    if (name === 'type' || name === 'cache_control' || name === 'signature') continue
    tokens += (name === 'text' ? 0 : 1) + valueTokens(member, onMedia)
  }
  return tokens
}

/** Opus 5's figures (auto or none, any or tool) stand in for every model's. */
function hiddenToolTokens(choice: unknown): number {
  const type = isRecord(choice) ? choice['type'] : undefined
  return type === 'any' || type === 'tool' ? 406 : 286
}

/** One token for 28 × 28 pixels, after shrinking to the model's greatest size and count. */
function imageTokens(source: JsonRecord, model: Pick<ModelFacts, 'tokenizer'>): number {
  const [edgeMax, tokensMax] = model.tokenizer === 'newer' ? [2576, 4784] : [1568, 1568]
  const size = pngSize(source['data'])
  // What is not looked into costs what the largest picture does.
  if (size === undefined) return tokensMax
  const { width, height } = size
  let scale = Math.min(1, edgeMax / Math.max(width, height))
  for (let columns = Math.ceil((width * scale) / 28); columns > 1; columns--) {
    scale = Math.min(scale, (columns * 28) / width)
    const tiles = columns * Math.ceil((height * scale) / 28)
    if (tiles <= tokensMax) return tiles
  }
  return tokensMax
}

/** Pages are guessed from the size of the file: 3,000 tokens for every 50 kB begun. */
function documentTokens(source: JsonRecord): number {
  const data = source['data']
  const bytes = typeof data === 'string' ? data.length * 0.75 : 0
  return Math.max(1, Math.ceil(bytes / 50_000)) * 3000
}

/** Width and height stand at bytes 16 to 23 of every PNG; `iVBORw0KGgo` is its signature. */
function pngSize(data: unknown): { readonly width: number; readonly height: number } | undefined {
  const start = typeof data === 'string' ? data.slice(0, 32) : ''
  if (!/^iVBORw0KGgo[A-Za-z0-9+/]{21}$/.test(start)) return undefined
  const head = atob(start)
  const number = (at: number): number =>
    [0, 1, 2, 3].reduce((sum, index) => sum * 256 + head.charCodeAt(at + index), 0)
  return { width: number(16), height: number(20) }
}

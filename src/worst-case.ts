/**
 * The most that one request can cost, in money and tokens, from its bytes.
 *
 * A token of text is a byte at least, so the body's length bounds what its text comes to, whatever
 * the tokenizer. What costs tokens without bytes is added by its published most: pictures, tools of
 * the API's own, the prompt of an output format. A prompt never exceeds the model's context, which
 * bounds what has no formula (PDFs, files). What has no bound at all is said to have none: tools
 * that run on the server read as much as they please.
 *
 * The bytes are searched for a few names first. Few bodies hold one, and only those are parsed.
 */

import { isJsonObject, type JsonObject } from './json.ts'
import { findModel } from './models.ts'
import type { CacheWrites, Prices } from './money.ts'

/** Money in nano-dollars and tokens of every kind; both whole. */
export interface Amount {
  readonly nanoUsd: number
  readonly tokens: number
}

/** A request whose most is asked. */
export interface Asked {
  readonly model: string
  readonly maxTokens: number
  readonly body: Uint8Array
  /** It may be marked for the cache before it is sent, for an hour at most. @default false */
  readonly mayBeMarked?: boolean
  /** It goes by Message Batches. @default false */
  readonly batch?: boolean
}

/** Why there is no telling what a request costs at most. */
export interface Unbounded {
  /** `price`: no price is known. `tokens`: nothing bounds its input. */
  readonly lacks: 'price' | 'tokens'
  /** Completes "…, as". */
  readonly why: string
}

/** A picture, scaled down to the largest that is taken. */
const pictureTokensMax = 4784
/** What the hidden prompt of tools, or of an output format, adds: the published most is 804. */
const hiddenTokensMax = 2000
/** What a tool of the API's own that runs on the client's side adds: a browser has 6,600. */
const clientToolTokensMax = 8000

/**
 * The most the request can cost, at the dearest of the instants; of tokens alone where no prices
 * are given.
 */
export function worstCase(
  { model, maxTokens, body, mayBeMarked = false, batch = false }: Asked,
  prices: Prices | undefined,
  instants: readonly number[],
): Amount | Unbounded {
  const found = lookInto(body)
  const context = findModel(model)?.contextTokensMax ?? Infinity
  const inputTokens = Math.min(found.inputTokens, context)
  if (found.isEndless || inputTokens === Infinity) {
    return { lacks: 'tokens', why: found.isEndless ? endless : unknownContext }
  }
  let nanoUsd = 0
  for (const at of prices === undefined ? [] : instants) {
    const { us, fast } = found
    const writes = mayBeMarked ? '1h' : found.writes
    const request = { inputTokens, outputTokensMax: maxTokens, at, writes, us, fast, batch }
    const cost = prices?.worstCaseNanoUsd(model, request) ?? null
    if (cost === null) {
      const how = fast ? ' in fast mode' : ''
      return { lacks: 'price', why: `the price of ${model}${how} is unknown` }
    }
    nanoUsd = Math.max(nanoUsd, cost)
  }
  return { nanoUsd, tokens: inputTokens + maxTokens }
}

/** How a request asks to be billed, beside its model and tokens. */
export interface Billing {
  /** It is to run in the United States, which costs more. */
  readonly us: boolean
  readonly fast: boolean
}

/** Reads it from the body. */
export function billingOf(body: Uint8Array): Billing {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const isSpecial = [geography, speed, escape].some((name) => bytes.includes(name))
  if (!isSpecial) return plainBilling
  const request: JsonObject = JSON.parse(bytes.toString())
  return { us: request['inference_geo'] === 'us', fast: request['speed'] === 'fast' }
}

const plainBilling: Billing = { us: false, fast: false }

const endless = 'nothing bounds what its tools on the server, or its fallbacks, read and answer'
const unknownContext = "it holds files, and the model's context is not known to bound them"

/** What the bytes of a body say of its cost. */
interface Found {
  readonly inputTokens: number
  readonly isEndless: boolean
  readonly writes: CacheWrites
  readonly us: boolean
  readonly fast: boolean
}

/** Names of what makes a body more than text, and an escape that may hide one. */
const names = [
  'image',
  'document',
  'tools',
  'mcp_servers',
  'container',
  'fallbacks',
  'output_config',
  'output_format',
  'container_upload',
].map((name) => Buffer.from(`"${name}"`))
const escape = Buffer.from(String.raw`\u00`)
const mark = Buffer.from('"cache_control"')
const hour = Buffer.from('"1h"')
const geography = Buffer.from('"inference_geo"')
const speed = Buffer.from('"speed"')

function lookInto(body: Uint8Array): Found {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const isEscaped = bytes.includes(escape)
  const has = (name: Buffer): boolean => isEscaped || bytes.includes(name)
  const isMarked = has(mark)
  const isSpecial = has(geography) || has(speed)
  const isPlain = !isSpecial && !names.some(has)
  const request: JsonObject | undefined = isPlain ? undefined : JSON.parse(bytes.toString())
  const writes = !isMarked ? 'none' : has(hour) ? '1h' : '5m'
  const { tokens, isEndless } = request === undefined ? text : weigh(request)
  return {
    inputTokens: bytes.length + tokens,
    isEndless,
    writes,
    // Where the request does not say, the workspace may have it run in the United States.
    us: request?.['inference_geo'] !== 'global',
    fast: request?.['speed'] === 'fast',
  }
}

/** Tokens beside those of the bytes; fewer, where bytes are no text. */
interface Weight {
  tokens: number
  isEndless: boolean
}

const text: Readonly<Weight> = { tokens: 0, isEndless: false }

function weigh(request: JsonObject): Weight {
  const weight: Weight = { tokens: 0, isEndless: false }
  for (const name of ['mcp_servers', 'container', 'fallbacks']) {
    if (request[name] !== undefined && request[name] !== null) weight.isEndless = true
  }
  const { tools } = request
  if (Array.isArray(tools)) {
    weight.tokens += hiddenTokensMax
    for (const tool of tools as unknown[]) weighTool(tool, weight)
  }
  if ('output_config' in request || 'output_format' in request) weight.tokens += hiddenTokensMax
  weighBlocks(request['system'], weight)
  weighBlocks(request['messages'], weight)
  return weight
}

/** A tool of the user's own is its bytes; of the API's, those the client runs are known. */
function weighTool(tool: unknown, weight: Weight): void {
  const type = isJsonObject(tool) ? tool['type'] : undefined
  if (type === undefined || type === null || type === 'custom') return
  const isKnown = typeof type === 'string' && /^(bash|text_editor|computer|memory)_\d+$/.test(type)
  if (isKnown) weight.tokens += clientToolTokensMax
  else weight.isEndless = true
}

/** Walks over all that messages and blocks hold, tool results and their content too. */
function weighBlocks(value: unknown, weight: Weight): void {
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) weighBlocks(item, weight)
    return
  }
  if (!isJsonObject(value)) return
  const { type, source, content } = value
  if (type === 'image') {
    weight.tokens += pictureTokensMax - dataLength(source)
  } else if (type === 'document' || type === 'container_upload') {
    // Text is its bytes; of pages only the context bounds what they come to.
    const isText =
      isJsonObject(source) && (source['type'] === 'text' || source['type'] === 'content')
    if (!isText || 'citations' in value) weight.tokens = Infinity
    weighBlocks(isJsonObject(source) ? source['content'] : undefined, weight)
  }
  weighBlocks(content, weight)
}

/** Characters of base64 in the request that are no text. */
function dataLength(source: unknown): number {
  const data = isJsonObject(source) && source['type'] === 'base64' ? source['data'] : undefined
  return typeof data === 'string' ? data.length : 0
}

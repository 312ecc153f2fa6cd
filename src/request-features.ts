/**
 * What of a request says how many tokens it will be: counts by kind of character, and by kind
 * of part.
 *
 * Tokenizers cut text where the kind of character changes and by frequent sequences within a
 * kind, so that counts of runs and of characters for each kind explain most of a
 * text's tokens, in any script. They are taken from the parsed text: an escape in JSON is one
 * character there, and what only gives a block its form is no text. Pictures and PDFs
 * count by formula (media-tokens.ts); their base64 is never looked through.
 *
 * One pass, some 2 ns a character; what is kept of a row is one small array and a number.
 */

import { isJsonObject, type JsonObject } from './json.ts'
import { highResolution, pdfTokens, pictureTokens, standardResolution } from './media-tokens.ts'
import { findModel } from './models.ts'

/** The places of the counts. */
export const columns = {
  requests: 0,
  blocks: 1,
  members: 2,
  words: 3,
  letters: 4,
  longLetters: 5,
  capitals: 6,
  numbers: 7,
  digits: 8,
  markRuns: 9,
  marks: 10,
  lines: 11,
  blanks: 12,
  accented: 13,
  otherScripts: 14,
  ideographs: 15,
  surrogates: 16,
  /** Tokens, by formula. */
  toolPrompt: 17,
  pictures: 18,
  documents: 19,
} as const

/** How many counts there are. */
export const columnCount = 20

/** What is known of a request before it is sent. */
export interface RequestFeatures {
  /** By `columns`. */
  readonly counts: readonly number[]
  /** A fingerprint of what decides how it is answered: system prompt, tools, format, cap. */
  readonly shape: number
}

/**
 * Looks through a request, which need not be a valid one.
 *
 * @example
 * ```ts
 * const messages = [{ role: 'user', content: 'Two words, 10 letters' }]
 * const { counts } = featuresOf({ messages, max_tokens: 9 }, 'm')
 * counts[columns.words] // => 3
 * counts[columns.digits] // => 2
 * ```
 */
export function featuresOf(request: JsonObject, model: string): RequestFeatures {
  return new Reader(model).read(request)
}

/** What stands in a request deeper than this is no text of a prompt. */
const depthMax = 32

/** Names that give a block its form, and what is not read as text. */
const formNames = new Set(['type', 'role', 'cache_control', 'signature', 'id', 'tool_use_id'])

const noCounts: readonly number[] = Array.from({ length: columnCount }, () => 0)

/** Of a request that was not looked through. */
export const noFeatures: RequestFeatures = { counts: noCounts, shape: 0 }

class Reader {
  // A typed array of this size would lie outside of the heap, and cost more than all the rest.
  readonly #counts: number[] = noCounts.slice()
  readonly #isNewer: boolean
  #fingerprint = fingerprintStart
  /** Of what all that is asked alike has in common: the messages are no part of it. */
  #isCommon = true

  constructor(model: string) {
    this.#isNewer = findModel(model)?.tokenizer !== 'older'
  }

  /** In the order in which the model reads the parts, which is that of the cache. */
  read(request: JsonObject): RequestFeatures {
    const { tools, system, messages, output_config: config, max_tokens: maxTokens } = request
    const counts = this.#counts
    textCounts.clear()
    counts[columns.requests] = 1
    if (Array.isArray(tools) && tools.length > 0) {
      counts[columns.toolPrompt] = hiddenToolTokens(tools, request['tool_choice'], this.#isNewer)
      for (const tool of tools) this.#block(tool)
    }
    if (isJsonObject(config) && config['format'] !== undefined) this.#value(config['format'], 1)
    this.#blocks(system)
    const thinks = isJsonObject(request['thinking']) ? request['thinking']['type'] : undefined
    const thinking = typeof thinks === 'string' ? thinks.length : 0
    const shape = mix(mix(this.#fingerprint, sizeClass(maxTokens)), thinking)
    this.#isCommon = false
    if (Array.isArray(messages)) {
      for (const message of messages) if (isJsonObject(message)) this.#blocks(message['content'])
    }
    textCounts.write(counts)
    return { counts, shape }
  }

  #blocks(content: unknown): void {
    if (typeof content === 'string') {
      this.#add(columns.blocks, 1)
      this.#text(content)
    } else if (Array.isArray(content)) for (const block of content) this.#block(block)
  }

  #block(block: unknown): void {
    if (!isJsonObject(block)) return
    this.#add(columns.blocks, 1)
    this.#value(block, 0)
  }

  #value(value: unknown, depth: number): void {
    if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'number') this.#text(String(value))
    else if (typeof value === 'boolean') this.#add(columns.words, 1)
    else if (depth >= depthMax) return
    else if (Array.isArray(value)) {
      for (const item of value) this.#item(item, depth)
    } else if (isJsonObject(value)) this.#object(value, depth)
  }

  /** Items of a list inside a block are blocks again, or values that a comma separates. */
  #item(item: unknown, depth: number): void {
    this.#add(columns.members, 1)
    this.#value(item, depth + 1)
  }

  #object(value: JsonObject, depth: number): void {
    const { type, source } = value
    if (isJsonObject(source) && (type === 'image' || type === 'document')) {
      this.#media(type, source, depth)
    }
    // A tool's definition and its input are read as JSON; a block of text is its text alone.
    const isText = type === 'text' && depth === 0
    for (const name in value) {
      if (formNames.has(name) || name === 'source') continue
      if (!isText) {
        this.#add(columns.members, 1)
        this.#text(name)
      }
      this.#value(value[name], depth + 1)
    }
  }

  #media(type: 'image' | 'document', source: JsonObject, depth: number): void {
    const { data, content } = source
    if (source['type'] === 'text' || source['type'] === 'content') {
      return this.#value(content ?? data, depth + 1)
    }
    const text = typeof data === 'string' ? data : ''
    this.#mark(text)
    if (type === 'document') return this.#add(columns.documents, pdfTokens(text))
    const limits = this.#isNewer ? highResolution : standardResolution
    this.#add(columns.pictures, pictureTokens(text, limits))
  }

  #add(column: number, count: number): void {
    this.#counts[column] = (this.#counts[column] ?? 0) + count
  }

  #text(text: string): void {
    this.#mark(text)
    textCounts.add(text)
  }

  /** Texts that differ nearly always differ in length or in one of a few characters. */
  #mark(text: string): void {
    if (!this.#isCommon) return
    let hash = mix(this.#fingerprint, text.length)
    const step = Math.max(1, Math.floor(text.length / 16))
    for (let at = 0; at < text.length; at += step) hash = mix(hash, text.charCodeAt(at))
    this.#fingerprint = hash
  }
}

const fingerprintStart = 0x811c9dc5

/** FNV-1a, a number at a time. */
function mix(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193) >>> 0
}

/** Caps that differ by less than a factor of two are alike. */
function sizeClass(maxTokens: unknown): number {
  return typeof maxTokens === 'number' ? Math.round(Math.log2(maxTokens + 1)) : 0
}

/**
 * The prompt that the API adds when there are tools: Opus 5's and Opus 4.6's figures stand in for
 * every model's. Tools of the API's own have prompts besides, known by how their types begin.
 */
function hiddenToolTokens(tools: readonly unknown[], choice: unknown, isNewer: boolean): number {
  const chosen = isJsonObject(choice) ? choice['type'] : undefined
  const isForced = chosen === 'any' || chosen === 'tool'
  let tokens = isNewer ? (isForced ? 406 : 286) : isForced ? 589 : 497
  for (const tool of tools) {
    const type = isJsonObject(tool) && typeof tool['type'] === 'string' ? tool['type'] : ''
    for (const [head, extra] of ownTools) if (type.startsWith(head)) tokens += extra
  }
  return tokens
}

const ownTools = [
  ['bash', 300],
  ['text_editor', 700],
  ['computer', 4500],
  ['browser', 6600],
] as const

// Plain numbers rather than names: this runs once for every character of every request.
const lower = 0
const upper = 1
const digit = 2
const mark = 3
const line = 4
const blank = 5
const accent = 6
const other = 7
const ideograph = 8
const surrogate = 9
const kinds = 10

/** Latin letters, accented ones included, end here. */
const tabled = 0x250

const kindOfLatin: Uint8Array = Uint8Array.from({ length: tabled }, (_, code) => {
  if (code >= 128) return accent
  if (code >= 97 && code <= 122) return lower
  if (code >= 65 && code <= 90) return upper
  if (code >= 48 && code <= 57) return digit
  if (code === 10 || code === 13) return line
  return code === 32 || code === 9 ? blank : mark
})

function kindBeyondLatin(code: number): number {
  if (code >= 0xd800 && code < 0xe000) return surrogate
  // General punctuation and the arrows and signs after it cost like accents, one by one.
  if (code >= 0x2000 && code < 0x2e80) return accent
  return code >= 0x2e80 ? ideograph : other
}

/** What stands before the first character. */
const none = kinds
/** Pairs of kinds are numbered `before * kindsSpan + kind`. */
const kindsSpan = 16

/** Letters of a word behind these are more than its first token or two. */
const shortWordLetters = 7

/** Of each pair, 1 where the second is a letter of the same word, and of each kind, of any. */
const isWithinWord: Uint8Array = new Uint8Array((none + 1) * kindsSpan)
isWithinWord[lower * kindsSpan + lower] = 1
isWithinWord[upper * kindsSpan + upper] = 1
// A capital and what follows are one word; a capital after small letters begins the next.
isWithinWord[upper * kindsSpan + lower] = 1
const isLetter: Uint8Array = Uint8Array.of(1, 1, ...Array.from({ length: kinds - 2 }, () => 0))

/**
 * How often each kind comes after each other, in the texts of one request.
 *
 * Nothing in the loop depends on what the characters are but for what is looked up: with a branch
 * where the kind changes, which no processor foresees, it takes twice as long.
 */
class TextCounts {
  readonly #pairs = new Int32Array((none + 1) * kindsSpan)
  #longLetters = 0

  clear(): void {
    this.#pairs.fill(0)
    this.#longLetters = 0
  }

  add(text: string): void {
    const pairs = this.#pairs
    let longLetters = 0
    let wordLetters = 0
    let before = none
    for (let at = 0; at < text.length; at++) {
      const kind = kindOf(text.charCodeAt(at))
      const pair = before * kindsSpan + kind
      pairs[pair] = (pairs[pair] ?? 0) + 1
      wordLetters = wordLetters * (isWithinWord[pair] ?? 0) + (isLetter[kind] ?? 0)
      // One where the difference is negative: its sign.
      longLetters += (shortWordLetters - wordLetters) >>> 31
      before = kind
    }
    this.#longLetters += longLetters
  }

  /** Characters of a kind. */
  #of(kind: number): number {
    let characters = 0
    for (let before = 0; before <= none; before++) characters += this.#pair(before, kind)
    return characters
  }

  /** How many runs they make, so many of a kind. */
  #runs(kind: number, characters: number): number {
    return characters - this.#pair(kind, kind)
  }

  #pair(before: number, kind: number): number {
    return this.#pairs[before * kindsSpan + kind] ?? 0
  }

  /** Writes the counts that are of text to their columns. */
  write(counts: number[]): void {
    const lowers = this.#of(lower)
    const uppers = this.#of(upper)
    const digits = this.#of(digit)
    const marks = this.#of(mark)
    const capitalised = this.#pair(upper, lower)
    const words = this.#runs(lower, lowers) + this.#runs(upper, uppers) - capitalised
    counts[columns.words] = (counts[columns.words] ?? 0) + words
    counts[columns.letters] = lowers + uppers
    counts[columns.longLetters] = this.#longLetters
    counts[columns.capitals] = uppers - capitalised
    counts[columns.digits] = digits
    counts[columns.numbers] = this.#runs(digit, digits)
    counts[columns.marks] = marks
    counts[columns.markRuns] = this.#runs(mark, marks)
    counts[columns.lines] = this.#runs(line, this.#of(line))
    // One blank belongs to the word behind it.
    counts[columns.blanks] = this.#pair(blank, blank)
    counts[columns.accented] = this.#of(accent)
    counts[columns.otherScripts] = this.#of(other)
    counts[columns.ideographs] = this.#of(ideograph)
    counts[columns.surrogates] = this.#of(surrogate)
  }
}

// One request is read at a time, so one table serves all.
const textCounts = new TextCounts()

function kindOf(code: number): number {
  return code < tabled ? (kindOfLatin[code] ?? mark) : kindBeyondLatin(code)
}

/**
 * Which prefixes the rows of a file share, counted in bounded memory.
 *
 * Every place at which the cache could hold a row's prompt (cache-points.ts) is an entry: how many
 * rows have it, how many marked it, how long it is, and which entry stands before it. Places
 * too short to be cached are no entries, so most rows of short files leave nothing.
 *
 * An entry is seven words in blocks that never move, found by a hash table of their indexes: some
 * 36 bytes. At `prefixPointsMax` entries no more are taken; those that are there are still
 * counted, and `fullAtLine` says from where on something is missing.
 */

import { bounds } from './bounds.ts'
import { type BlockPlace, type CachePoint, cachePointsOf } from './cache-points.ts'
import { InputEstimate } from './input-estimate.ts'
import type { JsonObject } from './json.ts'
import { cacheTokensMinOf, findModel } from './models.ts'
import { featuresOf } from './request-features.ts'

/** One prefix, as it was counted. */
export interface PrefixEntry {
  /** Rows that have it. */
  readonly rows: number
  /** Rows that mark it. */
  readonly marked: number
  readonly model: string
  /** All tokens up to its end, an estimate made of the first row. */
  readonly tokens: number
  /** In which part of the prompt it ends. */
  readonly level: BlockPlace['level']
  /** It was marked for an hour. */
  readonly isHour: boolean
  /** The row that had it first. */
  readonly firstLine: number
  /** The entry it begins with, by number from 0; undefined where there is none. */
  readonly before: number | undefined
}

/** What there is to know of a prompt beside its places. */
export interface PromptFacts {
  readonly model: string
  /** The number of its row. */
  readonly line: number
  /** All of it. */
  readonly tokens: number
}

const entryWords = 7
const blockEntries = 65_536
const slotsFirst = 4096
const slotsGrowth = 1.5
const loadMax = 0.8
const levels = ['tools', 'system', 'messages'] as const

// One word holds tokens, model, level and life.
const tokensMost = 2 ** 21 - 1
const modelShift = 21
const modelsMost = 255
const levelShift = 29
const hourShift = 31

// Of an entry, the places of its words.
const keyHigh = 0
const keyLow = 1
const rowsWord = 2
const markedWord = 3
const beforeWord = 4
const lineWord = 5
const metaWord = 6

const noEntry = -1

export class SharedPrefixes {
  readonly #blocks: Uint32Array[] = []
  #slots: Uint32Array = new Uint32Array(slotsFirst)
  #size = 0
  readonly #entriesMax: number
  readonly #models: string[] = []
  readonly #estimates = new Map<string, InputEstimate>()
  #fullAtLine: number | undefined
  #shortMarks = 0

  constructor(entriesMax: number = bounds.prefixPointsMax) {
    this.#entriesMax = entriesMax
  }

  /** Entries there are. */
  get size(): number {
    return this.#size
  }

  /** Rows all of whose marks are on what is too short to be cached. */
  get shortMarks(): number {
    return this.#shortMarks
  }

  /** The line from which on new prefixes were not taken in; undefined while all were. */
  get fullAtLine(): number | undefined {
    return this.#fullAtLine
  }

  /** Takes in the prompt of a row. */
  add(request: JsonObject, model: string, line: number): void {
    const points = cachePointsOf(request, model, 'all')
    const isUnknown = findModel(model) === undefined
    const tokens = this.#estimateOf(model, isUnknown).tokens(featuresOf(request, model))
    this.addPoints(points, { model, line, tokens })
  }

  /** The same of a prompt whose places and tokens are known. */
  addPoints(points: readonly CachePoint[], { model, line, tokens }: PromptFacts): void {
    const least = cacheTokensMinOf(model)
    let before = noEntry
    let isLong = false
    for (const point of points) {
      const prefix = point.share * tokens
      if (prefix < least) continue
      isLong ||= point.mark !== undefined
      const entry = this.#entryOf(point, { model, before, line, tokens: prefix })
      if (entry === noEntry) break
      this.#count(entry, point)
      before = entry
    }
    if (!isLong && points.some(({ mark }) => mark !== undefined)) this.#shortMarks += 1
  }

  /** An entry by its number, from 0. */
  entry(index: number): PrefixEntry {
    const meta = this.#word(index, metaWord)
    const before = this.#word(index, beforeWord)
    return {
      rows: this.#word(index, rowsWord),
      marked: this.#word(index, markedWord),
      model: this.#models[(meta >>> modelShift) & modelsMost] ?? '',
      tokens: meta & tokensMost,
      level: levels[(meta >>> levelShift) & 3] ?? 'messages',
      isHour: meta >>> hourShift === 1,
      firstLine: this.#word(index, lineWord),
      before: before === 0 ? undefined : before - 1,
    }
  }

  #count(entry: number, { mark }: CachePoint): void {
    this.#set(entry, rowsWord, this.#word(entry, rowsWord) + 1)
    if (mark === undefined) return
    this.#set(entry, markedWord, this.#word(entry, markedWord) + 1)
    if (mark === '1h') this.#set(entry, metaWord, this.#word(entry, metaWord) | (1 << hourShift))
  }

  /** The entry of a point, made if there is none and room is left. */
  #entryOf({ key, at }: CachePoint, about: About): number {
    const high = Math.floor(key / 2 ** 32)
    const low = key % 2 ** 32
    const slot = this.#find(high, low)
    const found = this.#slots[slot] ?? 0
    if (found > 0) return found - 1
    if (this.#size >= this.#entriesMax) {
      this.#fullAtLine ??= about.line
      return noEntry
    }
    const entry = this.#size++
    if (entry % blockEntries === 0) this.#blocks.push(new Uint32Array(blockEntries * entryWords))
    this.#slots[slot] = entry + 1
    this.#set(entry, keyHigh, high)
    this.#set(entry, keyLow, low)
    this.#set(entry, beforeWord, about.before + 1)
    this.#set(entry, lineWord, about.line)
    const tokens = Math.min(tokensMost, Math.round(about.tokens))
    const model = this.#modelIndex(about.model) << modelShift
    const level = levels.indexOf(at.level) << levelShift
    this.#set(entry, metaWord, (tokens | model | level) >>> 0)
    if (this.#size > this.#slots.length * loadMax) this.#grow()
    return entry
  }

  /** The slot of a key, or the empty one where it belongs. */
  #find(high: number, low: number): number {
    const slots = this.#slots
    // The key is a hash itself; its low word spreads evenly.
    let slot = Math.floor((low / 2 ** 32) * slots.length)
    for (;;) {
      const found = slots[slot] ?? 0
      if (found === 0) return slot
      const entry = found - 1
      if (this.#word(entry, keyLow) === low && this.#word(entry, keyHigh) === high) return slot
      slot = slot + 1 === slots.length ? 0 : slot + 1
    }
  }

  #grow(): void {
    this.#slots = new Uint32Array(Math.ceil(this.#slots.length * slotsGrowth))
    for (let entry = 0; entry < this.#size; entry++) {
      const slot = this.#find(this.#word(entry, keyHigh), this.#word(entry, keyLow))
      this.#slots[slot] = entry + 1
    }
  }

  #word(entry: number, word: number): number {
    const block = this.#blocks[Math.floor(entry / blockEntries)]
    return block?.[(entry % blockEntries) * entryWords + word] ?? 0
  }

  #set(entry: number, word: number, value: number): void {
    const block = this.#blocks[Math.floor(entry / blockEntries)]
    if (block !== undefined) block[(entry % blockEntries) * entryWords + word] = value
  }

  /** Models beyond the most there is room for share one number, whose name is that of none. */
  #modelIndex(model: string): number {
    const index = this.#models.indexOf(model)
    if (index !== -1) return index
    if (this.#models.length >= modelsMost) return modelsMost
    return this.#models.push(model) - 1
  }

  /** Nothing is learned here: models of no table share one estimate. */
  #estimateOf(model: string, isUnknown: boolean): InputEstimate {
    const name = isUnknown ? '' : model
    let estimate = this.#estimates.get(name)
    if (estimate === undefined) {
      estimate = new InputEstimate(name)
      this.#estimates.set(name, estimate)
    }
    return estimate
  }
}

/** What an entry is made of, beside its point. */
interface About {
  readonly model: string
  readonly before: number
  readonly line: number
  readonly tokens: number
}

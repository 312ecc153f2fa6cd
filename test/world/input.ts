/**
 * Rows of a world, as its checkers know them: bytes, and whether the API can answer them.
 */

import { createHash } from 'node:crypto'
import type { Random } from '../../src/random.ts'

/** A row that no server will answer has `poison`. */
export interface WorldRow {
  readonly line: string
  readonly poison: boolean
}

/** The key a row's line must carry, computed here on its own. */
export function keyOf(line: string): string {
  return createHash('sha256').update(line).digest('hex').slice(0, 32)
}

/** Enough for one of the models to cache, too little for the other. */
const documentWords = 700
const documentsMax = 4
/** Only bodies that have a document have this. */
export const documentSign = 'Document '

export class WorldInput {
  readonly #random: Random
  readonly #sharing: Random
  readonly #shared: number
  readonly #poison: number
  readonly #word: string
  #next = 0
  rows: WorldRow[]

  constructor(
    random: Random,
    {
      rows,
      poison,
      isDear,
      shared,
    }: { rows: number; poison: number; isDear: boolean; shared: number },
  ) {
    this.#random = random
    this.#sharing = random.fork('sharing')
    this.#shared = shared
    this.#poison = poison
    // Nearly a token a byte, by the tokenizer that makes the most of them.
    this.#word = isDear ? 'ab,' : 'word '
    this.rows = Array.from({ length: rows }, () => this.#make())
    this.#count()
  }

  /** Most rows there ever were of each key: their answers may still be in the output. */
  readonly counts = new Map<string, number>()

  #count(): void {
    const now = new Map<string, number>()
    for (const { line } of this.rows) now.set(keyOf(line), (now.get(keyOf(line)) ?? 0) + 1)
    for (const [key, count] of now) this.counts.set(key, Math.max(count, this.counts.get(key) ?? 0))
  }

  get text(): string {
    return this.rows.map(({ line }) => `${line}\n`).join('')
  }

  /** Inserts, removes, changes and exchanges a few rows. */
  edit(): void {
    const at = (): number => this.#random.integer(0, this.rows.length - 1)
    this.rows.splice(this.#random.chance(0.5) ? 0 : at(), 0, this.#make())
    if (this.rows.length > 2) this.rows.splice(at(), 1)
    this.rows[at()] = this.#make()
    const [a, b] = [at(), at()]
    const [first, second] = [this.rows[a], this.rows[b]]
    if (first === undefined || second === undefined) return
    this.rows[a] = second
    this.rows[b] = first
    this.#count()
  }

  /** A document that other rows have too, often with a mark at its end. */
  #system(): object {
    const random = this.#sharing
    if (!random.chance(this.#shared)) return {}
    const number = random.integer(1, documentsMax)
    const text = `${documentSign}${number}: ${this.#word.repeat(documentWords)}`
    if (random.chance(0.3)) return { system: text }
    // Marks of one document are for one time, as their user would have them.
    const mark = { type: 'ephemeral', ...(number === 1 && { ttl: '1h' }) }
    return { system: [{ type: 'text', text, cache_control: mark }] }
  }

  #make(): WorldRow {
    const number = this.#next++
    const random = this.#random
    if (random.chance(this.#poison / 2)) return { line: `no JSON ${number}`, poison: true }
    const poison = random.chance(this.#poison / 2)
    const words = random.integer(1, random.chance(0.05) ? 6000 : 60)
    const body = {
      model: random.pick(['claude-haiku-4-5', 'claude-haiku-4-5', 'claude-opus-5']),
      max_tokens: random.pick([16, 200, 1000, 9000]),
      messages: [{ role: 'user', content: `Row ${number}: ${this.#word.repeat(words)}` }],
      ...(poison && { frequency_penalty: 1 }),
      ...this.#system(),
    }
    // A few rows are alike to the byte: distinct work all the same.
    if (number % 40 === 7) {
      const same = { ...body, model: 'claude-haiku-4-5', max_tokens: 16 }
      const messages = [{ role: 'user', content: 'The same for all.' }]
      return {
        line: JSON.stringify({ ...same, messages, frequency_penalty: undefined }),
        poison: false,
      }
    }
    if (number % 3 === 0)
      return { line: JSON.stringify({ custom_id: `id-${number}`, params: body }), poison }
    return { line: JSON.stringify({ ...body, metadata: { number } }), poison }
  }
}

/**
 * A server that keeps books of its prompt cache: which request wrote and read how much of which
 * document, taken from its totals as they change. And rows that ask about documents.
 */

import { Random } from '../../src/random.ts'
import {
  type FaultName,
  type Reception,
  SimulatorModel,
  type SimulatorOptions,
  type Step,
  type WireRequest,
} from '../../src/simulator/index.ts'
import { smallServer } from './small-world.ts'

/** One request that was billed. */
export interface CacheBill {
  /** The document that it asks about. */
  readonly document: string
  /** When it arrived. */
  readonly at: number
  input: number
  written: number
  read: number
}

/** See above. */
export class CacheModel extends SimulatorModel {
  readonly #arrived = new Map<number, CacheBill>()
  readonly #firstFault: FaultName | undefined
  readonly #seen = new Set<string>()
  #counted = { input: 0, written: 0, read: 0 }

  /** The first request of each document meets the fault. */
  constructor(server: SimulatorOptions, firstFault?: FaultName) {
    super(smallServer(server))
    this.#firstFault = firstFault
  }

  /** Those that were billed, in the order in which they arrived. */
  get bills(): readonly CacheBill[] {
    return [...this.#arrived.values()].filter(({ input, written, read }) => input + written + read)
  }

  /** How many requests wrote, by document. */
  get writes(): Readonly<Record<string, number>> {
    const writes: Record<string, number> = {}
    for (const { document, written } of this.bills) {
      writes[document] = (writes[document] ?? 0) + (written > 0 ? 1 : 0)
    }
    return writes
  }

  override receive(now: number, wallTime: number, wire: WireRequest): Reception {
    const [document = ''] = /Document \d+/.exec(Buffer.from(wire.body).toString()) ?? []
    const isFirst = !this.#seen.has(document)
    this.#seen.add(document)
    if (isFirst && this.#firstFault !== undefined) this.setFaults({ [this.#firstFault]: 1 })
    const reception = super.receive(now, wallTime, wire)
    if (this.#firstFault !== undefined) this.setFaults({})
    this.#arrived.set(reception.id, { document, at: now, input: 0, written: 0, read: 0 })
    this.#count(reception.id)
    return reception
  }

  override advance(now: number, wallTime: number, id: number): Step {
    const step = super.advance(now, wallTime, id)
    this.#count(id)
    return step
  }

  #count(id: number): void {
    const { inputTokens: input, cacheReadTokens: read, ...totals } = this.totals
    const written = totals.cacheWrite5mTokens + totals.cacheWrite1hTokens
    const bill = this.#arrived.get(id)
    if (bill !== undefined) {
      bill.input += input - this.#counted.input
      bill.written += written - this.#counted.written
      bill.read += read - this.#counted.read
    }
    this.#counted = { input, written, read }
  }
}

/** 1,024 tokens and more are cached. */
export const cachedModel = 'claude-sonnet-4-6'

/** What rows ask about. */
export interface Documents {
  readonly documents: number
  readonly rows: number
  /** @default true */
  readonly isMarked?: boolean
  /** Words that all begin with. @default 0 */
  readonly rootWords?: number
}

/** Rows about documents, so many about each, in any order. */
export function documentRows(given: Documents): readonly object[] {
  const { documents, rows, isMarked = true, rootWords = 0 } = given
  const mark = isMarked && { cache_control: { type: 'ephemeral' } }
  const root = rootWords > 0 ? [{ type: 'text', text: 'rule '.repeat(rootWords), ...mark }] : []
  const all = Array.from({ length: documents * rows }, (_, number) => {
    const text = `Document ${number % documents}: ${'word '.repeat(1500)}`
    return {
      model: cachedModel,
      max_tokens: 100,
      system: [...root, { type: 'text', text, ...mark }],
      messages: [{ role: 'user', content: `Row ${number}` }],
    }
  })
  const random = new Random(7)
  return all
    .map((row) => ({ row, place: random.float() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ row }) => row)
}

/**
 * Errors by kind, in bounded space: tries that were made again, and rows that failed.
 */

import type { ApiError } from '../outcome.ts'
import type { ErrorView } from './view.ts'

/** What an error was, and how often. */
export interface CountedError {
  readonly type: string
  readonly status: number
  readonly tries: number
  readonly message: string
}

/** Kinds beyond so many are not told apart. */
const kindsMax = 50
const otherKinds = { type: 'other errors', status: 0 }
const messageCharsMax = 300

/** See above. */
export class Errors {
  readonly #kinds = new Map<string, { -readonly [Name in keyof ErrorView]: ErrorView[Name] }>()

  /** A try that failed, whatever became of its row. */
  addTry(status: number, { type, message }: Pick<ApiError, 'type' | 'message'>, tries = 1): void {
    const kind = this.#of(status, type)
    kind.tries += tries
    kind.message = message.slice(0, messageCharsMax)
  }

  addRow(status: number, { type, message }: Pick<ApiError, 'type' | 'message'>): void {
    const kind = this.#of(status, type)
    kind.rows += 1
    kind.message = message.slice(0, messageCharsMax)
  }

  /** With what status most tries failed by errors of a type; 0 where none did. */
  statusOf(type: string): number {
    let most: ErrorView | undefined
    for (const kind of this.#kinds.values()) {
      if (kind.type === type && kind.tries > (most?.tries ?? 0)) most = kind
    }
    return most?.status ?? 0
  }

  /** Tries by kind since the last call. */
  takeTries(): readonly CountedError[] {
    const tried = [...this.#kinds.values()].filter(({ tries }) => tries > 0)
    this.#kinds.clear()
    return tried.map(({ type, status, tries, message }) => ({ type, status, tries, message }))
  }

  /** The most frequent first. */
  view(): readonly ErrorView[] {
    const all = [...this.#kinds.values()].map((kind) => ({ ...kind }))
    return all.toSorted((one, other) => other.rows - one.rows || other.tries - one.tries)
  }

  #of(status: number, type: string): { -readonly [Name in keyof ErrorView]: ErrorView[Name] } {
    const key = `${status} ${type}`
    const known = this.#kinds.get(key)
    if (known !== undefined) return known
    if (this.#kinds.size >= kindsMax && type !== otherKinds.type) {
      return this.#of(otherKinds.status, otherKinds.type)
    }
    const made = { type, status, tries: 0, rows: 0, message: '' }
    this.#kinds.set(key, made)
    return made
  }
}

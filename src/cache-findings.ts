/**
 * What answers show of the prompt cache, said once: what was written, and what was not read that
 * should have been.
 */

import { findModel } from './models.ts'
import type { Usage } from './outcome.ts'
import type { Prefix } from './prefix.ts'
import type { Attempt } from './work.ts'

/** What of an answer had been written before. */
export interface WrittenAgain {
  readonly tokens: number
  /** It was taken to be there, and had been left alone for so long. */
  readonly wasThere: boolean
  readonly unusedMs: number
}

/** Those of one run. */
export class CacheFindings {
  #notices: string[] = []
  #saidFirst = false
  #withoutPrefix = 0
  #saidMissed = false
  #missedTokens = 0
  #unreadPrefixes = 0
  #unreadTokens = 0

  /** Tokens that were written again though they should have been there. */
  get missedTokens(): number {
    return this.#missedTokens
  }

  /** What is to be said now. */
  take(): readonly string[] {
    const notices = this.#notices
    if (notices.length > 0) this.#notices = []
    return notices
  }

  /** An answer of a row that has prefixes. */
  answered(attempt: Attempt, usage: Usage, again: WrittenAgain): void {
    if (!this.#saidFirst) {
      this.#saidFirst = true
      this.#notices.push(findingOf(attempt, usage))
    }
    if (again.tokens === 0) return
    this.#missedTokens += again.tokens
    if (this.#saidMissed) return
    this.#saidMissed = true
    const what = `line ${attempt.work.row.lineNumber} wrote ${again.tokens} tokens again`
    this.#notices.push(`${what}: ${reasonOf(again)}`)
  }

  /** An answer of a row that has none. */
  answeredWithout(): void {
    this.#withoutPrefix += 1
  }

  /** A prefix that no row has any more. */
  unread(prefix: Prefix): void {
    if (prefix.unreadTokens === 0 || prefix.reads > 0) return
    this.#unreadPrefixes += 1
    this.#unreadTokens += prefix.unreadTokens
  }

  /** What there is to say at the end, to somebody who marked rows or thinks so. */
  ending(left: Iterable<Prefix>, wantsMarks: boolean): string | undefined {
    for (const prefix of left) this.unread(prefix)
    if (wantsMarks && !this.#saidFirst && this.#withoutPrefix > 0) {
      const auto = '--cache auto finds by itself what rows share'
      return `nothing is cached: no row that was answered has a cache_control mark; ${auto}`
    }
    if (this.#unreadPrefixes === 0) return undefined
    const what = `${this.#unreadPrefixes} written prefixes, ${this.#unreadTokens} tokens`
    return `nobody read ${what}: writing them cost more than not caching them`
  }
}

/** Why what was written before was not there. */
function reasonOf({ wasThere, unusedMs }: WrittenAgain): string {
  if (!wasThere) return 'nobody had read them before their life was over, or two rows wrote at once'
  const seconds = Math.round(unusedMs / 1000)
  const since = `${seconds} s after they were used last`
  return `they had left the prompt cache ${since}, or never came there`
}

/** What the first answer shows. */
function findingOf({ work }: Attempt, usage: Usage): string {
  const { lineNumber, model } = work.row
  const line = `line ${lineNumber}`
  const written = usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
  if (written > 0) {
    const cheap = 'rows that begin alike read them at a fraction of the price'
    return `the prompt cache took ${written} tokens of ${line}: ${cheap}`
  }
  if (usage.cacheReadTokens > 0) {
    const read = `${line} read ${usage.cacheReadTokens} tokens from the prompt cache`
    return `${read}: rows that begin alike read them too`
  }
  const least = findModel(model)?.cacheTokensMin
  const known = least === undefined ? '' : ` (${least} tokens for ${model})`
  return `nothing is cached: what ${line} marks is shorter than the model caches${known}`
}

/**
 * The leader: the first row of a run, which writes the prefix that the others share to the prompt
 * cache.
 *
 * An entry can be read only once its writer's answer has begun: rows sent together would all pay
 * for writing it. So the leader goes alone and streamed, and the rest follow at its first byte. If
 * it is refused or breaks, the next try leads. Nothing waits for its end.
 */

import { findModel } from './models.ts'
import type { Usage } from './outcome.ts'
import type { Attempt } from './work.ts'

/** One run's leader; see above. */
export class Leader {
  #isWanted: boolean
  #attempt: Attempt | undefined
  #isWaitedFor = false

  constructor(isWanted: boolean) {
    this.#isWanted = isWanted
  }

  /** The next row to start is to lead. */
  get isWanted(): boolean {
    return this.#isWanted
  }

  /** Nothing else may start: its answer has not begun. */
  get isWaitedFor(): boolean {
    return this.#isWaitedFor
  }

  started(attempt: Attempt): void {
    if (!this.#isWanted) return
    this.#isWanted = false
    this.#isWaitedFor = true
    this.#attempt = attempt
  }

  /** The answer of a try has begun. */
  firstByte(attempt: Attempt): void {
    if (attempt === this.#attempt) this.#isWaitedFor = false
  }

  /** A try is over. */
  ended(attempt: Attempt, isAnswered: boolean): void {
    if (attempt !== this.#attempt || !this.#isWaitedFor) return
    this.#isWaitedFor = false
    // Its answer never began: nothing was written that others could read.
    if (!isAnswered) this.#isWanted = true
  }

  /** What the leader's usage shows of the cache; undefined for every other row. */
  finding(attempt: Attempt, usage: Usage): string | undefined {
    if (attempt !== this.#attempt) return undefined
    const { lineNumber, model } = attempt.work.row
    const line = `line ${lineNumber}`
    const written = usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
    if (written > 0) {
      const cheap = 'rows that begin alike read them at a fraction of the price'
      return `the prompt cache took ${written} tokens of ${line}: ${cheap}`
    }
    if (usage.cacheReadTokens > 0) {
      const known = `the prompt cache has ${usage.cacheReadTokens} tokens of ${line} already`
      return `${known}: rows that begin alike read them too`
    }
    if (!attempt.work.body?.length || !isMarked(attempt.work.body)) {
      return `nothing is cached: ${line} has no cache_control to say where its shared part ends`
    }
    const least = findModel(model)?.cacheTokensMin
    const known = least === undefined ? '' : ` (${least} tokens for ${model})`
    return `nothing is cached: what ${line} marks is shorter than the model caches${known}`
  }
}

const mark = Buffer.from('"cache_control"')

function isMarked(body: Uint8Array): boolean {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(mark)
}

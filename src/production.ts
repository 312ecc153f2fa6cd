/**
 * How much output is being produced for us, as the streams show it.
 *
 * Usage comes with the end of an answer. But what has arrived of a stream tells how much of it has
 * been produced: characters of its content, over those that a token makes on average. Its bytes do
 * not: each event has a frame much larger than what it brings, and slow answers come in more of
 * them. At the end the difference to what was counted is made good.
 */

const minuteMs = 60_000
/** The share of a new answer in what is remembered: the last hundred or so count. */
const memory = 0.01
const answersMin = 3
/** Before the first answers. */
const charsPerTokenFirst = 4

/** What has arrived of one stream. */
export class Progress {
  /** Characters of its content. */
  charsRead = 0
  /** Tokens counted so far. */
  counted = 0

  /** So many characters arrived. */
  read(chars: number): void {
    this.charsRead += chars
  }
}

/** That of one pool. */
export class Production {
  readonly #underWay = new Set<Progress>()
  #answers = 0
  /** Of an answer, on average. */
  #tokens = 0
  #chars = 0
  #elapsedMs = 0

  /** A stream begins. */
  started(): Progress {
    const progress = new Progress()
    this.#underWay.add(progress)
    return progress
  }

  /** Tokens that were produced since this was last asked. */
  count(): number {
    const tokensPerChar = this.#chars === 0 ? 1 / charsPerTokenFirst : this.#tokens / this.#chars
    let produced = 0
    for (const progress of this.#underWay) {
      const tokens = progress.charsRead * tokensPerChar - progress.counted
      // What was counted too much is made good at the end.
      if (tokens <= 0) continue
      progress.counted += tokens
      produced += tokens
    }
    return produced
  }

  /** A stream ended, however. Returns the tokens not counted yet; negative if it were too many. */
  ended(progress: Progress, elapsedMs: number, tokens: number): number {
    this.#underWay.delete(progress)
    if (tokens > 0) {
      this.#answers += 1
      // The first ones count alike.
      const share = Math.max(memory, 1 / this.#answers)
      this.#tokens += (tokens - this.#tokens) * share
      this.#chars += (progress.charsRead - this.#chars) * share
      this.#elapsedMs += (elapsedMs - this.#elapsedMs) * share
    }
    return tokens - progress.counted
  }

  /**
   * How many tokens more than the refill would be produced if one more started now and then none:
   * as requests end, what is produced each second becomes less and less. What is produced in a
   * second is what is under way, times what one brings in a second from its start to its end
   * (Little's law).
   */
  excess(refillPerMinute: number): number {
    if (this.#answers < answersMin || this.#underWay.size === 0) return 0
    const perMinute = ((this.#underWay.size + 1) * this.#tokens * minuteMs) / this.#elapsedMs
    const over = Math.max(0, perMinute - refillPerMinute)
    return (over * over * this.#elapsedMs) / (2 * perMinute * minuteMs)
  }
}

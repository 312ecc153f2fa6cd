/**
 * What latencies have been, for telling a slow answer from a hung one.
 *
 * Each kind of wait keeps its last 256 samples; a percentile is read from a sorted
 * copy that is made anew after every 64 samples, so a look costs nothing.
 */

const samplesMax = 256
const samplesPerSort = 64
/** What is that many times as slow as the slowest hundredth hangs, but never sooner than this. */
const slowFactor = 5
const firstByteMsMin = 30_000
const answerMsMin = 60_000
const lateFactor = 3
const lateMsMin = 10_000

/** A percentile of the recent samples of one quantity. */
export class RecentPercentile {
  readonly #share: number
  readonly #samples = new Float64Array(samplesMax)
  #count = 0
  #value: number | undefined

  constructor(share: number) {
    this.#share = share
  }

  add(sample: number): void {
    this.#samples[this.#count % samplesMax] = sample
    this.#count += 1
    // The first few matter most: before there is a sorted copy, every sample makes one.
    if (this.#count < 32 || this.#count % samplesPerSort === 0) this.#value = undefined
  }

  /** Undefined until there are `countMin` samples. */
  value(countMin = 20): number | undefined {
    if (this.#count < countMin) return undefined
    this.#value ??= this.#compute()
    return this.#value
  }

  #compute(): number {
    const sorted = this.#samples.slice(0, Math.min(this.#count, samplesMax)).toSorted()
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * this.#share))] ?? 0
  }
}

/** Latencies of one pool. */
export class LatencyModel {
  /** Milliseconds from the send to the first byte of a stream. */
  readonly #firstByte = new RecentPercentile(0.99)
  readonly #mostFirstBytes = new RecentPercentile(0.95)
  /** Milliseconds for each output token of a whole answer, sending and reading included. */
  readonly #perToken = new RecentPercentile(0.99)
  readonly #medianPerToken = new RecentPercentile(0.5)
  readonly #answer = new RecentPercentile(0.99)

  learnFirstByte(elapsedMs: number): void {
    this.#firstByte.add(elapsedMs)
    this.#mostFirstBytes.add(elapsedMs)
  }

  learnAnswer(elapsedMs: number, outputTokens: number): void {
    const perToken = elapsedMs / Math.max(1, outputTokens)
    this.#perToken.add(perToken)
    this.#medianPerToken.add(perToken)
    this.#answer.add(elapsedMs)
  }

  /** When the first byte of a stream that others wait for is late: 3 × p95, and at least 10 s. */
  firstByteLateMs(): number {
    return Math.max(lateMsMin, lateFactor * (this.#mostFirstBytes.value() ?? 0))
  }

  /** The longest a stream's first byte may take: max(30 s, 5 × p99). */
  firstByteMsMax(): number {
    return Math.max(firstByteMsMin, slowFactor * (this.#firstByte.value() ?? 0))
  }

  /**
   * The longest a plain answer may take: max(60 s, 5 × p99 for that length); Infinity at first.
   * The length is the most it may be: a long answer must not be taken for a hung one.
   */
  answerMsMax(maxTokens: number): number {
    const perToken = this.#perToken.value()
    if (perToken === undefined) return Infinity
    return Math.max(answerMsMin, slowFactor * perToken * maxTokens)
  }

  /** How long a slow answer takes, of those there were; undefined before there are answers. */
  get slowAnswerMs(): number | undefined {
    return this.#answer.value()
  }

  /** How long an answer of this length usually takes; undefined before there are answers. */
  expectedMs(outputTokens: number): number | undefined {
    const perToken = this.#medianPerToken.value(5)
    return perToken === undefined ? undefined : perToken * outputTokens
  }
}

/**
 * The least server that limits: one pool's three meters, counted as the API is known to count.
 * It shares nothing with the limiter it tests; the simulator does the same in full.
 *
 *   admission   one request, and the input it is taken for
 *   first byte  the input becomes what it was; output is produced evenly from here
 *   end         the head of a plain answer, and its figures, are of this instant
 */

import type { LimitReading, LimitReadings } from '../../src/outcome.ts'
import type { Random } from '../../src/random.ts'
import { answered, type Answerer, refused } from './drive.ts'

/** One limit: a level that refills evenly and may be driven below zero. */
export class Level {
  perMinute: number
  #capacity: number
  #level: number
  #at = 0

  constructor(perMinute: number, capacity: number = perMinute) {
    this.perMinute = perMinute
    this.#capacity = capacity
    this.#level = capacity
  }

  at(now: number): number {
    this.#level = Math.min(
      this.#capacity,
      this.#level + ((now - this.#at) * this.perMinute) / 60_000,
    )
    this.#at = now
    return this.#level
  }

  take(now: number, amount: number): void {
    this.at(now)
    this.#level -= amount
  }

  resize(now: number, perMinute: number): void {
    this.at(now)
    this.perMinute = perMinute
    this.#capacity = perMinute
    this.#level = Math.min(this.#level, perMinute)
  }

  reading(now: number, roundedTo: number): LimitReading {
    const level = this.at(now)
    const remaining = Math.max(0, Math.round(level / roundedTo) * roundedTo)
    const fullInMs = ((this.#capacity - level) / this.perMinute) * 60_000
    return { limit: this.perMinute, remaining, resetAt: Math.ceil((now + fullInMs) / 1000) * 1000 }
  }
}

export interface SmallServerOptions {
  readonly requests: number
  readonly input: number
  readonly output: number
  /** A burst of requests shorter than a minute that is enforced and not shown. @default none */
  readonly sliceSeconds?: number
  /** What a request costs. */
  readonly inputTokens: (random: Random) => number
  readonly outputTokens: (random: Random) => number
  readonly latencyMs: (random: Random) => number
  /** One way. @default 20 */
  readonly transitMs?: number
  /** @default true */
  readonly showsHeaders?: boolean
}

export class SmallServer {
  readonly requests: Level
  readonly input: Level
  readonly output: Level
  readonly #slice: Level | undefined
  readonly #options: SmallServerOptions
  readonly #random: Random
  admitted = 0
  refusals: number[] = []

  constructor(options: SmallServerOptions, random: Random) {
    this.#options = options
    this.#random = random
    this.requests = new Level(options.requests)
    this.input = new Level(options.input)
    this.output = new Level(options.output)
    const { sliceSeconds } = options
    if (sliceSeconds)
      this.#slice = new Level(options.requests, (options.requests / 60) * sliceSeconds)
  }

  readings(now: number): LimitReadings | undefined {
    if (this.#options.showsHeaders === false) return undefined
    return {
      requests: this.requests.reading(now, 1),
      input: this.input.reading(now, 1000),
      output: this.output.reading(now, 1000),
      serverAt: Math.floor(now / 1000) * 1000,
    }
  }

  readonly answer: Answerer = ({ attempt, now, after, head, bytes, end }) => {
    const { transitMs = 20 } = this.#options
    const input = Math.round(this.#options.inputTokens(this.#random))
    const output = Math.min(
      attempt.work.row.maxTokens,
      Math.round(this.#options.outputTokens(this.#random)),
    )
    const latencyMs = this.#options.latencyMs(this.#random)
    after(transitMs, () => {
      const retryAfterMs = this.#refuses(now(), input)
      if (retryAfterMs !== undefined) {
        this.refusals.push(now())
        const limits = this.readings(now())
        after(transitMs, () => end(refused({ retryAfterMs, limits })))
        return
      }
      this.admitted += 1
      this.requests.take(now(), 1)
      this.#slice?.take(now(), 1)
      this.input.take(now(), input)
      const admission = this.readings(now())
      const flowMs = latencyMs * 0.8
      after(latencyMs - flowMs, () => {
        if (attempt.stream) after(transitMs, () => head(admission))
        const parts = 5
        for (let part = 1; part <= parts; part++) {
          after((flowMs * part) / parts, () => {
            this.output.take(now(), output / parts)
            bytes()
          })
        }
        after(flowMs, () => {
          // Requests are counted when they are admitted, and shown so.
          const limits = admission && {
            ...admission,
            ...this.readings(now()),
            ...requestsOf(admission),
          }
          after(transitMs, () =>
            end(answered({ input, output, ...(!attempt.stream && { limits }) })),
          )
        })
      })
    })
  }

  /** The wait of a refusal, in whole seconds. */
  #refuses(now: number, input: number): number | undefined {
    const waits = [
      [this.requests, 1],
      [this.input, Math.min(input, this.input.perMinute)],
      [this.output, 1],
      ...(this.#slice ? [[this.#slice, 1] as const] : []),
    ] as const
    let longest = 0
    for (const [level, needed] of waits) {
      const missing = needed - level.at(now)
      if (missing > 1e-6) longest = Math.max(longest, (missing / level.perMinute) * 60_000)
    }
    return longest > 0 ? Math.ceil(longest / 1000) * 1000 : undefined
  }
}

function requestsOf({ requests }: LimitReadings): LimitReadings {
  return requests === undefined ? {} : { requests }
}

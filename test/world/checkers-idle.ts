/**
 * No throughput is lost: where nothing explains it, no row waits while the server could take it.
 *
 * Judged from the server's own levels, and only where they say enough. A stretch is judged while
 * all that was tried in this life went well, the server shows its limits and has no others, a row
 * of the pool is ready, nothing of the user's is used up, and each meter, less all that is under
 * way at its worst, has a quarter of its capacity and the largest row's worst. Then a send must come
 * within `idleMsMax`.
 */

import { documentSign } from './input.ts'
import type { Sent } from './witness.ts'

/** A meter of the server. */
export interface Level {
  readonly perMinute: number
  readonly level: number
}

/** What is known at one instant. */
export interface Moment {
  readonly at: number
  readonly sends: readonly Sent[]
  /** Rows without a line when the life began, by model, each with its body's size. */
  readonly rows: ReadonlyMap<string, { readonly count: number; readonly bytesMax: number }>
  readonly levels: (model: string) => readonly (Level | undefined)[] | undefined
  readonly maxRequestsPerMinute: number | undefined
  readonly maxConcurrency: number | undefined
  readonly maxInFlightBytes: number | undefined
}

export const idleMsMax = 1500
const outputTokensMax = 9000
/** The user's bound holds a little longer than a minute. */
const windowMs = 61_000

/** Watches one life. */
export class IdleWatch {
  #since: number | undefined
  /** Instants at which a verdict could be given. */
  judged = 0

  /** To be called now and then; says what is wrong. */
  look(moment: Moment): readonly string[] {
    if (moment.sends.some((sent) => sent.endedAt !== undefined && !isGood(sent))) return []
    this.judged += 1
    const idle = idlePool(moment)
    const last = moment.sends.at(-1)?.at ?? moment.at
    if (idle === undefined || (this.#since !== undefined && last >= this.#since)) {
      this.#since = idle === undefined ? undefined : moment.at
      return []
    }
    this.#since ??= moment.at
    if (moment.at - this.#since <= idleMsMax) return []
    this.#since = undefined
    return [`idle for ${idleMsMax} ms at ${moment.at}: ${idle} could be sent`]
  }
}

/** A pool that could send, and nothing says why not. */
function idlePool(moment: Moment): string | undefined {
  const { sends, rows, at, maxConcurrency = Infinity, maxInFlightBytes = Infinity } = moment
  const underWay = sends.filter(({ endedAt }) => endedAt === undefined)
  const bytes = total(underWay.map((sent) => sent.bytes))
  const bytesMax = Math.max(...[...rows.values()].map((own) => own.bytesMax))
  // Others wait until what this one writes to the cache can be read.
  if (underWay.some(({ body, headAt }) => headAt === undefined && body.includes(documentSign)))
    return undefined
  if (underWay.length >= maxConcurrency || bytes + bytesMax > maxInFlightBytes) return undefined
  const { maxRequestsPerMinute: perMinute } = moment
  if (perMinute !== undefined) {
    const recent = sends.filter((sent) => sent.at > at - windowMs).length
    const last = sends.at(-1)?.at ?? -Infinity
    if (recent >= perMinute || at - last < 60_000 / perMinute) return undefined
  }
  for (const [model, { count, bytesMax: largest }] of rows) {
    const own = sends.filter((sent) => sent.model === model)
    // Until the first reply nothing is known of the pool, and two rows must do.
    if (!own.some(({ headAt = Infinity }) => headAt < at) || own.length >= count) continue
    if (isAble(moment, model, largest)) return model
  }
  return undefined
}

/** An answer, or a refusal of what no server would answer. */
function isGood({ reply }: Sent): boolean {
  return reply?.type === 'answer' || (reply?.type === 'error' && reply.status === 400)
}

function isAble({ sends, levels }: Moment, model: string, bytesMax: number): boolean {
  const underWay = sends.filter((sent) => sent.model === model && sent.endedAt === undefined)
  const [requests, input, output] = levels(model) ?? []
  const has = (meter: Level | undefined, taken: number, largest: number): boolean =>
    meter === undefined || meter.level - taken >= Math.max(meter.perMinute / 4, largest)
  return (
    has(requests, underWay.length, 2) &&
    has(input, total(underWay.map(({ bytes }) => bytes)), bytesMax) &&
    has(output, total(underWay.map(({ maxTokens }) => maxTokens)), outputTokensMax)
  )
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

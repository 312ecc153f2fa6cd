/**
 * A limit of requests a minute that is the organisation's and no pool's: of token counting, of
 * batches. Its answers carry no rate limit headers.
 */

import { problem } from './door.ts'
import { EnforcedMeter } from './enforced-meter.ts'
import { shouldRetry } from './faults.ts'
import type { Header } from './headers.ts'
import type { SimulatorSettings } from './options.ts'
import { errorReply, type ReplyContext } from './replies.ts'
import type { WireAction } from './wire.ts'

/** What a gate lets through. */
export interface GateLimit {
  readonly perMinute: number | null
  /** What a 429 calls them, such as `token counting requests`. */
  readonly what: string
}

/** Lets so many requests a minute through. */
export class RequestGate {
  readonly #settings: SimulatorSettings
  readonly #limit: GateLimit
  /** Made at the first request. */
  #meter: EnforcedMeter | undefined

  constructor(settings: SimulatorSettings, limit: GateLimit) {
    this.#settings = settings
    this.#limit = limit
  }

  /** The refusal of a request that is too many; undefined lets it through and counts it. */
  refuse(now: number, context: ReplyContext): readonly WireAction[] | undefined {
    const { slice, burstSeconds, retryAfter, bareRefusals } = this.#settings
    const { perMinute, what } = this.#limit
    this.#meter ??= new EnforcedMeter(now, {
      perMinute,
      sliceSeconds: slice === 'none' ? null : burstSeconds,
      sliceShown: false,
    })
    if (this.#meter.holds(now, 1)) {
      this.#meter.take(now, 1)
      return undefined
    }
    const seconds = Math.max(1, Math.ceil(this.#meter.delayUntil(now, 1) / 1000))
    const wait: readonly Header[] =
      retryAfter && !bareRefusals ? [['retry-after', String(seconds)]] : []
    const { organizationId } = context
    const message =
      `This request would exceed your organization's rate limit of ${perMinute} ${what}` +
      ` per minute (org: ${organizationId})`
    const refused = problem(429, 'rate_limit_error', message)
    return errorReply(context, refused, [...wait, shouldRetry])
  }
}

/**
 * The server's limiter of one pool: who may start, what each start costs, what the
 * headers say of it.
 *
 * An admitted request holds a `Hold` until its work ends:
 *
 *   admit       one request, the input estimate; when reserving, `max_tokens` of output
 *   firstByte   the input is corrected to what it was; production starts to flow
 *   end         the output is corrected to what was produced
 *
 * What flows is never more than the answer has: an end that is told late, as timers are,
 * finds a flow that stopped in time.
 *
 * A request is admitted if every meter has what it asks, or is full. Corrections and
 * production may leave a meter below zero: that debt is paid by whoever comes next.
 *
 * Invariant: a request that ended has cost 1, its real input and its real output.
 */

import { Heap } from '../heap.ts'
import { EnforcedMeter, type EnforcedMeterReading } from './enforced-meter.ts'
import type { PoolLimits } from './limit-profiles.ts'
import type { SimulatorSettings } from './options.ts'

/** What a request asks of the limiter. */
export interface Ask {
  /** Input tokens to hold from admission to the first byte. */
  readonly heldInput: number
  /** The request's `max_tokens`. */
  readonly maxTokens: number
}

/** Why a request may not start now. */
export interface Refusal {
  readonly meter: 'requests' | 'input tokens' | 'output tokens' | 'tokens' | 'acceleration'
  /** The limit that was exceeded, units a minute (of acceleration: a second). */
  readonly limit: number
  /** Milliseconds until it would be admitted, as far as is known now. */
  readonly retryAfterMs: number
}

/** What the headers show; a limit that there is not is absent. */
export interface Readings {
  readonly requests: EnforcedMeterReading | undefined
  readonly input: EnforcedMeterReading | undefined
  readonly output: EnforcedMeterReading | undefined
  /** The combined limit, when it is one of its own. */
  readonly combined: EnforcedMeterReading | undefined
}

/** What an admitted request has taken so far. Opaque outside this file. */
export interface Hold {
  heldInput: number
  heldOutput: number
  flowPerMs: number
  flowSince: number
}

type LimiterSettings = Pick<
  SimulatorSettings,
  'slice' | 'burstSeconds' | 'outputAssessment' | 'refusalsCostRequests' | 'rampPerSecond'
>

/** The limits of one pool. */
export class PoolLimiter {
  readonly #settings: LimiterSettings
  readonly #requests: EnforcedMeter
  readonly #input: EnforcedMeter
  readonly #output: EnforcedMeter
  readonly #combined: EnforcedMeter
  readonly #ramp: Ramp | undefined
  /** What produces, by when all is produced; those that ended before are among them. */
  readonly #producing = new Heap<{ readonly hold: Hold; readonly until: number }>()

  constructor(now: number, settings: LimiterSettings, limits: PoolLimits) {
    this.#settings = settings
    const make = (perMinute: number | null): EnforcedMeter =>
      new EnforcedMeter(now, {
        perMinute,
        sliceSeconds: settings.slice === 'none' ? null : settings.burstSeconds,
        sliceShown: settings.slice === 'shown',
      })
    this.#requests = make(limits.requestsPerMinute)
    this.#input = make(limits.inputTokensPerMinute)
    this.#output = make(limits.outputTokensPerMinute)
    this.#combined = make(limits.combinedTokens)
    this.#ramp = settings.rampPerSecond === null ? undefined : new Ramp(settings.rampPerSecond)
  }

  /** Starts a request, or says why not. */
  admit(now: number, ask: Ask): Hold | Refusal {
    this.#stopFlows(now)
    const refusal = this.#refusal(now, ask)
    if (refusal !== undefined) {
      // A refusal cannot take what is not there: a client that stops hammering is let in again.
      if (this.#settings.refusalsCostRequests && this.#requests.level(now) > 0) {
        this.#requests.take(now, Math.min(1, this.#requests.level(now)))
      }
      return refusal
    }
    const heldOutput = this.#settings.outputAssessment === 'reserved' ? ask.maxTokens : 0
    this.#requests.take(now, 1)
    this.#takeInput(now, ask.heldInput)
    this.#takeOutput(now, heldOutput)
    this.#ramp?.count(now)
    return { heldInput: ask.heldInput, heldOutput, flowPerMs: 0, flowSince: now }
  }

  /** The prompt is processed: corrects its input; `output` tokens flow over `durationMs`. */
  firstByte(now: number, hold: Hold, input: number, output: number, durationMs: number): void {
    this.#stopFlows(now)
    this.#takeInput(now, input - hold.heldInput)
    hold.heldInput = input
    if (this.#settings.outputAssessment === 'reserved' || durationMs <= 0 || output <= 0) return
    hold.flowPerMs = output / durationMs
    hold.flowSince = now
    this.#output.startFlow(now, hold.flowPerMs)
    this.#combined.startFlow(now, hold.flowPerMs)
    const until = now + durationMs
    this.#producing.push(until, { hold, until })
  }

  /** The work ended after `output` tokens: what flowed is corrected to that. */
  end(now: number, hold: Hold, output: number): void {
    this.#stopFlows(now)
    this.#stopFlow(now, hold)
    this.#takeOutput(now, output - hold.heldOutput)
    hold.heldOutput = output
  }

  /** What the headers show now. */
  readings(now: number): Readings {
    this.#stopFlows(now)
    return {
      requests: this.#requests.reading(now),
      input: this.#input.reading(now),
      output: this.#output.reading(now),
      combined: this.#combined.reading(now),
    }
  }

  /** Changes limits in mid-run; what is not named stays. */
  resize(now: number, limits: Partial<PoolLimits>): void {
    this.#stopFlows(now)
    const { requestsPerMinute, inputTokensPerMinute, outputTokensPerMinute, combinedTokens } =
      limits
    if (requestsPerMinute !== undefined) this.#requests.resize(now, requestsPerMinute)
    if (inputTokensPerMinute !== undefined) this.#input.resize(now, inputTokensPerMinute)
    if (outputTokensPerMinute !== undefined) this.#output.resize(now, outputTokensPerMinute)
    if (combinedTokens !== undefined) this.#combined.resize(now, combinedTokens)
  }

  /** Everything that has been produced by now no longer flows. */
  #stopFlows(now: number): void {
    while (this.#producing.nextAt <= now) {
      const due = this.#producing.pop()
      if (due !== undefined) this.#stopFlow(due.until, due.hold)
    }
  }

  #stopFlow(now: number, hold: Hold): void {
    if (hold.flowPerMs === 0) return
    this.#output.stopFlow(now, hold.flowPerMs)
    this.#combined.stopFlow(now, hold.flowPerMs)
    hold.heldOutput += hold.flowPerMs * (now - hold.flowSince)
    hold.flowPerMs = 0
  }

  #takeInput(now: number, count: number): void {
    this.#input.take(now, count)
    this.#combined.take(now, count)
  }

  #takeOutput(now: number, count: number): void {
    this.#output.take(now, count)
    this.#combined.take(now, count)
  }

  #refusal(now: number, ask: Ask): Refusal | undefined {
    const isReserved = this.#settings.outputAssessment === 'reserved'
    const output = isReserved ? ask.maxTokens : 0
    const short =
      shortage(now, 'requests', this.#requests, 1) ??
      shortage(now, 'input tokens', this.#input, ask.heldInput) ??
      shortage(now, 'output tokens', this.#output, output) ??
      shortage(now, 'tokens', this.#combined, ask.heldInput + output)
    if (short !== undefined) {
      const retryAfterMs = Math.max(
        this.#requests.delayUntil(now, 1),
        this.#input.delayUntil(now, ask.heldInput),
        this.#output.delayUntil(now, Math.max(1, output)),
        this.#combined.delayUntil(now, Math.max(1, ask.heldInput + output)),
      )
      return { ...short, retryAfterMs }
    }
    if (this.#ramp?.allows(now) !== false) return undefined
    return { meter: 'acceleration', limit: this.#ramp.perSecond(now), retryAfterMs: 1000 }
  }
}

/** The meter as a reason to refuse a request that asks `count` of it, if it is one. */
function shortage(
  now: number,
  meter: Refusal['meter'],
  enforced: EnforcedMeter,
  count: number,
): Pick<Refusal, 'meter' | 'limit'> | undefined {
  if (enforced.perMinute === null) return undefined
  // Asking nothing beforehand, as production does, still needs something to be left.
  const allowed = count > 0 ? enforced.holds(now, count) : enforced.positive(now)
  return allowed ? undefined : { meter, limit: enforced.perMinute }
}

/**
 * The acceleration limit, in seconds counted from the epoch of `now`: a second may start
 * as many requests as the floor, or twice what the second before it started.
 */
class Ramp {
  readonly #floor: number
  #second = Number.NEGATIVE_INFINITY
  #count = 0
  #countBefore = 0

  constructor(floor: number) {
    this.#floor = floor
  }

  /** How many requests this second may start. */
  perSecond(now: number): number {
    this.#turn(now)
    return Math.max(this.#floor, 2 * this.#countBefore)
  }

  allows(now: number): boolean {
    return this.#count < this.perSecond(now) || this.#count === 0
  }

  count(now: number): void {
    this.#turn(now)
    this.#count++
  }

  #turn(now: number): void {
    const second = Math.floor(now / 1000)
    if (second === this.#second) return
    this.#countBefore = second === this.#second + 1 ? this.#count : 0
    this.#count = 0
    this.#second = second
  }
}

/**
 * The limits of one pool of models, as the server shows them, and as its refusals do.
 *
 * Before the first reply nothing is known: two probes may start. Then a ramp bounds how fast
 * sending grows, and one meter for each limit in the headers says what there is. Every level has
 * the expected cost of a request taken off when it starts; readings, which speak of other
 * instants than now, are carried to now by what was taken since.
 *
 * Invariant: what was taken and not settled is the sum over what is under way.
 */

import { type Held, Hold } from './hold.ts'
import {
  amountOf,
  type Cost,
  countsInput,
  countsOutput,
  type MeterUnit,
  type MinuteNeed,
  ServerMeter,
} from './meter.ts'
import type { LimitReading, LimitReadings, Refused } from './outcome.ts'
import { OutputAccount } from './output-account.ts'
import { Production, type Progress } from './production.ts'
import { Pace } from './pace.ts'
import { Ramp, type RampKind } from './ramp.ts'
import { isUsable, repeatsOthers } from './readings.ts'
import { RefusalWait } from './refusal-wait.ts'
import { Slice } from './slice.ts'
import type { SliceNeed } from './slice-meter.ts'
import { type Amounts, count, nothing, Taken, type Tokens, units } from './taken.ts'

/** Until when something waits, and for what. */
export interface Wait {
  /** 0: it may start now. Infinity: only an event can tell. */
  readonly delayMs: number
  /** The name of the limit that says so, for progress and summary. */
  readonly binds: string
  /** A limit sets the pace, and nothing is wrong. @default false */
  readonly isPace?: boolean
}

/** What a request took on account of its pool. */
export interface PoolReservation {
  readonly cost: Cost
  /** The same as the server is taken to count it. */
  readonly counted: Cost
  /** What was left of the output limit; Infinity when no such limit was known. */
  readonly outputLevel: number
  readonly reservedAt: number
  /** Of a stream whose production is followed. */
  readonly progress: Progress | undefined
  /** What the server may hold for it until its first byte. */
  readonly hold: Held
  /** What the pool had taken by then, ever and just before, and not settled. */
  readonly taken: Readonly<Amounts>
  readonly takenJustBefore: Readonly<Amounts>
  readonly unsettled: Readonly<Amounts>
  /** Seconds of refill that had been taken just before, itself included; of the limit with most. */
  readonly burstSeconds: number
}

const free: Wait = { delayMs: 0, binds: '' }
/** Rows sent into a pool of which nothing is known yet. */
const probesMax = 2
/** How sure to be that answers are no longer than was thought, all together. */
const deviations = 2

/** The limits of one pool; see above. */
export class PoolLimiter {
  readonly name: string
  /** What the server holds; to be told of first bytes. */
  readonly hold: Hold = new Hold()
  readonly #kind: RampKind
  readonly #ramp: Ramp
  readonly #slice = new Slice()
  readonly #pace = new Pace()
  readonly #output = new OutputAccount()
  readonly #production = new Production()
  #meters: readonly ServerMeter[] = []
  readonly #taken = new Taken()
  readonly #unsettled = nothing()
  /** What of it is counted in the limits over a slice. */
  #sliceHeld = 0
  #heard: boolean
  readonly #refusals = new RefusalWait()
  #unexplained = 0
  /** The limits hold over less than a minute. */
  #isShort = false
  /** The slice that refused last was that of output. */
  #isOutputShort = false
  /** Limits that a refusal found empty, until its wait is over. */
  readonly #emptied = new Set<ServerMeter>()

  constructor(now: number, name: string, kind: RampKind) {
    this.name = name
    this.#kind = kind
    this.#ramp = new Ramp(now, kind)
    this.#heard = kind === 'off'
  }

  /** False until the first reply: its rows are probes, and streamed, so that limits come early. */
  get heard(): boolean {
    return this.#heard
  }

  /**
   * Output is limited over so little that it matters when it is produced: streams show it.
   */
  get showsProgress(): boolean {
    return this.#isShort && this.#isOutputShort && !this.#output.isReserved
  }

  /** What each limit is and holds, for showing. */
  levels(now: number): Partial<Record<MeterUnit, { limit: number; level: number }>> {
    const levels: Partial<Record<MeterUnit, { limit: number; level: number }>> = {}
    for (const meter of this.#meters) {
      levels[meter.unit] = { limit: meter.perMinute, level: meter.level(now) }
    }
    return levels
  }

  /** How long a request of this cost must wait for this pool, and for which of its limits. */
  wait(now: number, given: Cost): Wait {
    const refused = this.#refusals.delay(now)
    if (refused > 0) return { delayMs: refused, binds: 'retry-after' }
    // The server says when one request fits: what ours has gained meanwhile, others may have taken.
    const held = this.#countHeld(now)
    for (const meter of this.#emptied) meter.capLevel(now, this.#needOf(meter.unit, given, held))
    if (this.#emptied.size > 0) this.#emptied.clear()
    if (!this.#heard && this.#unsettled.requests >= probesMax) {
      return { delayMs: Infinity, binds: 'first reply' }
    }
    let longest = free
    const ramp = this.#ramp.delay(now)
    if (ramp > 0) longest = { delayMs: ramp, binds: 'ramp', isPace: true }
    const pace = this.#meters.length === 0 ? this.#pace.delay(now) : 0
    if (pace > longest.delayMs) longest = { delayMs: pace, binds: 'refusals', isPace: true }
    const cost = this.#output.costOf(now, given)
    const seconds = this.#slice.seconds(now)
    const isShown = this.#isSliced
    this.#isShort = seconds < 60 || isShown
    if (this.#isShort) this.#countProduced(now, this.#production.count())
    for (const meter of this.#meters) {
      const need = this.#needOf(meter.unit, cost, held)
      // Where one limit is seen to be shown over a slice, so are all, but not all are seen yet.
      let delayMs =
        this.#isShort && meter.isSliceShown === isShown
          ? meter.delayOverSlice(now, need, this.#sliceNeed(meter, cost, need), seconds)
          : meter.delay(now, need)
      if (need.held > 0) delayMs = Math.min(delayMs, this.hold.nextReleaseMs(now))
      if (delayMs > longest.delayMs) longest = { delayMs, binds: meter.unit, isPace: true }
    }
    return longest
  }

  /** Takes the cost on account. */
  reserve(now: number, cost: Cost): PoolReservation {
    this.#ramp.take(now)
    this.#pace.take(now)
    const counted = this.#output.costOf(now, cost)
    const outputLevel = this.#of('output')?.level(now) ?? Infinity
    this.#output.started(now)
    const takenJustBefore = this.#taken.justBefore(now)
    count(this.#unsettled, 1, counted)
    this.#take(now, 1, counted)
    let burstSeconds = 0
    for (const meter of this.#meters) burstSeconds = Math.max(burstSeconds, meter.burstSeconds(now))
    return {
      cost,
      counted,
      outputLevel,
      reservedAt: now,
      progress: this.showsProgress ? this.#production.started() : undefined,
      hold: this.hold.start(now, cost),
      taken: { ...this.#taken.ever },
      takenJustBefore,
      unsettled: { ...this.#unsettled },
      burstSeconds,
    }
  }

  /** Replaces what was reserved by what was spent. The request itself stays counted. */
  settle(
    now: number,
    { counted: reserved, reservedAt, progress, hold }: PoolReservation,
    spent: Cost,
  ): void {
    this.hold.ended(now, hold, spent.output > 0)
    count(this.#unsettled, -1, { input: -reserved.input, output: -reserved.output })
    const more = { input: spent.input - reserved.input, output: spent.output - reserved.output }
    this.#take(now, 0, more)
    if (progress !== undefined) {
      this.#countProduced(now, this.#production.ended(progress, now - reservedAt, spent.output))
    } else if (!this.#output.isReserved) this.#countProduced(now, spent.output)
  }

  /** So much is held that it must be seen when a request that holds too is released. */
  showsHold(now: number, { hold }: PoolReservation): boolean {
    const meter = this.#of('input') ?? this.#of('tokens')
    return this.hold.mustBeSeen(now, hold, meter?.perMinute ?? Infinity)
  }

  /**
   * Learns from the headers of a reply. `asOfSend`: the figures are those of the request's
   * admission (a stream's, and always those of requests); otherwise those of the reply.
   */
  observe(
    now: number,
    reservation: PoolReservation,
    readings: LimitReadings | undefined,
    asOfSend: boolean,
  ): void {
    if (!this.#heard) {
      this.#heard = true
      this.#ramp.restart(now, 2)
    }
    if (readings === undefined) return
    for (const unit of units) {
      const reading = readings[unit]
      if (reading === undefined || !isUsable(reading)) continue
      if (unit === 'tokens' && repeatsOthers(readings)) {
        this.#meters = this.#meters.filter((meter) => meter.unit !== unit)
        continue
      }
      const early = asOfSend || unit === 'requests'
      const unsettled = early ? reservation.unsettled[unit] : this.#unsettled[unit]
      const meter = this.#meter(now, unit, reading)
      const ageMs = early ? now - reservation.reservedAt : 0
      if (now - ageMs > this.#refusals.lastAt) this.#emptied.delete(meter)
      const takenJustBefore = early ? reservation.takenJustBefore[unit] : 0
      const atSend = early ? reservation.hold : undefined
      const { shown, slack } = meter.shown({ reading, serverAt: readings.serverAt })
      if (unit === 'input') {
        this.hold.observe(now, meter.size, { shown, slack: slack + takenJustBefore }, atSend)
      }
      meter.observe(now, {
        reading,
        serverAt: readings.serverAt,
        ageMs,
        takenSince: early ? this.#taken.ever[unit] - reservation.taken[unit] : 0,
        takenJustBefore,
        held: countsInput(unit) ? this.hold.range(now, atSend) : undefined,
        // The server counts a request when it admits it; tokens in its own time.
        unsettled: unit === 'requests' ? 0 : unsettled,
      })
    }
  }

  /** The server refused a request of this pool: nothing of the pool starts until it may. */
  refused(now: number, reservation: PoolReservation, refusal: Refused, jitter: number): void {
    const explained = this.#explains(now, reservation.counted, refusal.limits)
    const isFirst = reservation.reservedAt > this.#refusals.lastAt
    if (this.#meters.length === 0) this.#pace.refused(now, isFirst)
    // What was under way together is refused together, and says one thing, not many.
    if (isFirst) {
      const outputLeft = refusal.limits?.output?.remaining ?? Infinity
      const isOutput = !explained && this.#output.refused(now, outputLeft, reservation.cost)
      const isHidden = (!explained && !isOutput) || this.#isSliced
      if (isHidden) this.#learnHidden(now, refusal, this.#secondsMissing(refusal, reservation))
    }
    this.#refusals.refused(now, { isFirst, saidMs: refusal.retryAfterMs ?? 0, jitter })
  }

  /** A request was answered: refusals are over. */
  answered(now: number, { outputLevel, cost, reservedAt }: PoolReservation): void {
    this.#refusals.answered(reservedAt)
    this.#output.answered(now, outputLevel, cost)
  }

  /** The machine slept: what was known of levels is worth nothing; probe again. */
  forget(now: number): void {
    this.#meters = []
    this.hold.forget()
    this.#emptied.clear()
    this.#heard = this.#kind === 'off'
    this.#refusals.forget(now)
  }

  /** An outage is over: begin again at half the rate there was. */
  recover(now: number, perSecond: number): void {
    this.#ramp.restart(now, perSecond / 2)
  }

  /** What must be there of a limit for a request to start, which may be more than it costs. */
  #needOf(unit: MeterUnit, cost: Cost, held: number): MinuteNeed {
    // Answers are longer than expected as often as shorter.
    const deviation = countsOutput(unit) ? (cost.outputDeviation ?? 0) : 0
    const margin = deviations * deviation * Math.sqrt(this.#unsettled.requests + 1)
    const counted = amountOf(unit, cost)
    if (!countsInput(unit)) return { amount: counted, margin, held: 0 }
    return { amount: counted + this.hold.excess(cost), margin, held }
  }

  /** Over a slice, what is held is counted when it is, and given back when it is released. */
  #countHeld(now: number): number {
    const held = this.hold.amount(now)
    const more = held - this.#sliceHeld
    for (const meter of this.#meters) if (countsInput(meter.unit)) meter.produced(now, more)
    this.#sliceHeld = held
    return held
  }

  #take(now: number, requests: number, tokens: Tokens): void {
    this.#taken.add(requests, tokens)
    if (tokens.input !== 0) this.hold.take(now, tokens.input)
    for (const meter of this.#meters) {
      const amount = meter.unit === 'requests' ? requests : amountOf(meter.unit, tokens)
      const produced = this.#producedOf(meter.unit, tokens)
      if (amount !== 0 || produced !== 0) meter.take(now, amount, produced)
    }
  }

  /** The part of an amount that the server counts as it is produced. */
  #producedOf(unit: MeterUnit, { output }: Tokens): number {
    return countsOutput(unit) && !this.#output.isReserved ? output : 0
  }

  #sliceNeed(meter: ServerMeter, cost: Cost, { amount }: MinuteNeed): SliceNeed {
    const produced = this.#producedOf(meter.unit, cost)
    const excess = produced > 0 ? this.#production.excess(meter.perMinute) : 0
    return { counted: amount - produced, produced, excess }
  }

  /** Output was produced. */
  #countProduced(now: number, tokens: number): void {
    if (tokens === 0) return
    for (const meter of this.#meters) if (countsOutput(meter.unit)) meter.produced(now, tokens)
  }

  /** There are four at most: to look through them costs less than to look one up. */
  #of(unit: MeterUnit): ServerMeter | undefined {
    return this.#meters.find((meter) => meter.unit === unit)
  }

  #meter(now: number, unit: MeterUnit, reading: LimitReading): ServerMeter {
    const known = this.#of(unit)
    if (known) return known
    const made = new ServerMeter(now, unit, reading, this.#unsettled[unit])
    this.#meters = [...this.#meters, made]
    if (unit === 'requests') this.#ramp.learnRefill(now, reading.limit / 60)
    return made
  }

  /** Whether some limit that is known had no room for a request that was refused. */
  #explains(now: number, cost: Cost, readings: LimitReadings | undefined): boolean {
    let explained = false
    const held = this.hold.amount(now)
    for (const meter of this.#meters) {
      const { unit } = meter
      const reading = readings?.[unit]
      if (reading === undefined || !isUsable(reading)) continue
      const shown = { reading, serverAt: readings?.serverAt }
      if (!meter.explainsRefusal(now, this.#needOf(unit, cost, held), shown)) continue
      if (unit === 'input') this.hold.refused()
      explained = true
      this.#emptied.add(meter)
    }
    return explained
  }

  /**
   * A limit is shown to hold over so little that what headers say of levels is soon out of date.
   */
  get #isSliced(): boolean {
    return this.#meters.some((meter) => meter.isSliceShown)
  }

  /** How many seconds of refill were missing at a refusal, of the limit with most. */
  #secondsMissing({ limits }: Refused, { counted, burstSeconds }: PoolReservation): number {
    let most = 0
    let unitWithMost: MeterUnit | undefined
    for (const meter of this.#meters) {
      const reading = limits?.[meter.unit]
      if (reading === undefined || !isUsable(reading)) continue
      if (meter.isSliceShown !== this.#isSliced) continue
      const atStart = amountOf(meter.unit, counted) - this.#producedOf(meter.unit, counted)
      const seconds = meter.secondsMissing(reading, atStart)
      if (seconds > most) [most, unitWithMost] = [seconds, meter.unit]
    }
    if (unitWithMost === undefined) return burstSeconds
    this.#isOutputShort = unitWithMost === 'output' || unitWithMost === 'tokens'
    return most
  }

  /**
   * A refusal though every level had room: too steep a climb, or a limit over less than a minute.
   */
  #learnHidden(now: number, refusal: Refused, secondsMissing: number): void {
    this.#unexplained += 1
    const rampSaid = refusal.error.code === 'ramp_limit_exceeded'
    const climbing = this.#ramp.isClimbing(now)
    if (this.#meters.length === 0 && !rampSaid) return
    if (rampSaid || climbing) this.#ramp.slow(now)
    // The first one in a climb is put down to the climb; a second is not.
    if (rampSaid || (climbing && this.#unexplained < 2)) return
    if (!this.#isSliced) this.#slice.refused(now, secondsMissing)
  }
}

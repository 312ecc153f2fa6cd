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
  type ServerMeter,
  type ShownReading,
} from './meter.ts'
import type { LimitReadings, Refused } from './outcome.ts'
import { OutputAccount } from './output-account.ts'
import { type Levels, PoolMeters } from './pool-meters.ts'
import { Production, type Progress } from './production.ts'
import { Pace } from './pace.ts'
import { Ramp, type RampKind } from './ramp.ts'
import { isUsable, repeatsOthers } from './readings.ts'
import { RefusalWait } from './refusal-wait.ts'
import { Slice } from './slice.ts'
import type { SliceNeed } from './slice-meter.ts'
import { nothing, type Sent, Taken, units } from './taken.ts'
import { free, type Refills, type Wait, type Waiting } from './wait.ts'

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
  /** What of the pool's had gone out when it did. */
  readonly sent: Sent
  /** Seconds of refill that had been taken just before, itself included; of the limit with most. */
  readonly burstSeconds: number
}

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
  /** How fast sending may grow; only to be looked at. */
  readonly ramp: Ramp
  readonly #slice = new Slice()
  readonly #pace = new Pace()
  readonly #output = new OutputAccount()
  readonly #production = new Production()
  readonly #meters = new PoolMeters()
  readonly #taken = new Taken()
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
    this.ramp = new Ramp(now, kind)
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
  levels(now: number): Levels {
    return this.#meters.levels(now)
  }

  /**
   * How long a request of this cost must wait for this pool, and for which of its limits; or would,
   * were nothing held that comes back (`isHeld`).
   */
  wait(now: number, given: Cost, { isHeld = true, ...rest }: Waiting = {}): Wait {
    const refused = this.#refusals.delay(now)
    if (refused > 0) return { delayMs: refused, binds: 'retry-after' }
    // The server says when one request fits: what ours has gained meanwhile, others may have taken.
    const held = isHeld ? this.#countHeld(now) : 0
    for (const meter of this.#emptied) meter.capLevel(now, this.#needOf(meter.unit, given, held))
    this.#emptied.clear()
    if (!this.#heard && this.#taken.unsettled.requests >= probesMax) {
      return { delayMs: Infinity, binds: 'first reply' }
    }
    let longest = free
    const requests = this.#meters.of('requests')
    if (requests) this.ramp.calm(now, requests.size.perMinute / 60)
    const ramp = this.ramp.delay(now)
    if (ramp > 0) longest = { delayMs: ramp, binds: 'ramp', isPace: true }
    const pace = this.#meters.all.length === 0 ? this.#pace.delay(now) : 0
    if (pace > longest.delayMs) longest = { delayMs: pace, binds: 'refusals', isPace: true }
    const cost = this.#output.costOf(now, given)
    const seconds = this.#slice.seconds(now)
    const isShown = this.#meters.isSliced
    this.#isShort = seconds < 60 || isShown
    if (this.#isShort) this.#meters.produced(now, 'output', this.#production.count())
    for (const meter of this.#meters.all) {
      const { unit } = meter
      const need = { ...this.#needOf(unit, cost, held), ...rest }
      // Where one limit is seen to be shown over a slice, so are all, but not all are seen yet.
      let delayMs =
        this.#isShort && meter.isSliceShown === isShown
          ? meter.delayOverSlice(now, need, this.#sliceNeed(meter, cost, need), seconds)
          : meter.delay(now, need)
      if (need.held > 0) delayMs = Math.min(delayMs, this.hold.nextReleaseMs(now))
      if (countsInput(unit) && this.hold.mayTry(now, delayMs)) {
        delayMs = meter.delay(now, { ...need, amount: amountOf(unit, cost), held: 0 })
      }
      if (delayMs > longest.delayMs) longest = { delayMs, binds: unit, isPace: true }
    }
    return longest
  }

  /** What a request takes of each limit; of requests, the ramp may be what is slowest. */
  refills(now: number, given: Cost): Refills {
    const cost = this.#output.costOf(now, given)
    const refills: Refills = {}
    for (const { unit, size, capacitySeconds } of this.#meters.all) {
      const rampMs = unit === 'requests' && this.#kind !== 'off' ? 1000 / this.ramp.perSecond : 0
      const ms = Math.max(rampMs, (this.#needOf(unit, cost, 0).amount * 60_000) / size.perMinute)
      const heldMs = this.#isShort ? 0 : capacitySeconds * 1000
      refills[unit] = { ms, owedMs: Math.max(0, ms - heldMs) }
    }
    return refills
  }

  /** Takes the cost on account. */
  reserve(now: number, cost: Cost): PoolReservation {
    const isTrial = this.#isTrial(now, cost)
    this.ramp.take(now)
    this.#pace.take(now)
    const counted = this.#output.costOf(now, cost)
    const outputLevel = this.#meters.of('output')?.level(now) ?? Infinity
    this.#output.started(now)
    const amounts = nothing()
    for (const unit of units) {
      amounts[unit] = amountOf(unit, counted)
      this.#take(now, unit, amounts[unit], this.#producedOf(unit, counted))
    }
    const sent = this.#taken.start(now, amounts)
    const burstSeconds = this.#meters.burstSeconds(now)
    const progress = this.showsProgress ? this.#production.started() : undefined
    const hold = this.hold.start(now, cost, isTrial)
    return { cost, counted, outputLevel, reservedAt: now, progress, hold, sent, burstSeconds }
  }

  /** It is not sent yet: it waits for a connection, and others that start later may overtake it. */
  waits({ sent }: PoolReservation): void {
    this.#taken.waits(sent)
  }

  /** It is sent, and has waited until now. */
  sent(now: number, { sent }: PoolReservation): void {
    this.#taken.goesOut(now, sent)
  }

  /** Replaces what was reserved by what was spent. The request itself stays counted. */
  settle(
    now: number,
    { counted: reserved, reservedAt, progress, hold, sent }: PoolReservation,
    spent: Cost,
  ): void {
    this.hold.ended(now, hold, spent.output > 0)
    const more = nothing()
    for (const unit of units) {
      more[unit] = amountOf(unit, spent) - sent.amounts[unit]
      const produced = this.#producedOf(unit, spent) - this.#producedOf(unit, reserved)
      this.#take(now, unit, more[unit], produced)
    }
    this.#taken.settle(sent, more)
    if (progress !== undefined) {
      const rest = this.#production.ended(progress, now - reservedAt, spent.output)
      this.#meters.produced(now, 'output', rest)
    } else if (!this.#output.isReserved) this.#meters.produced(now, 'output', spent.output)
  }

  /** Whether a request of this cost would start though there is no room for what it may hold. */
  #isTrial(now: number, cost: Cost): boolean {
    const { input } = this.#meters
    if (input === undefined || this.hold.excess(cost) === 0) return false
    return this.hold.mayTry(now, input.delay(now, this.#needOf(input.unit, cost, 0)))
  }

  /** So much is held of what there is at once that a release must be seen, if this one holds. */
  showsHold(now: number, { hold }: PoolReservation): boolean {
    const meter = this.#meters.input
    if (meter === undefined) return false
    const seconds = Math.min(this.#slice.seconds(now), meter.capacitySeconds)
    return this.hold.mustBeSeen(now, hold, (meter.perMinute / 60) * seconds)
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
      this.ramp.restart(now, 2)
    }
    if (readings === undefined) return
    for (const unit of units) {
      const reading = readings[unit]
      if (reading === undefined || !isUsable(reading)) continue
      if (unit === 'tokens' && repeatsOthers(readings)) {
        this.#meters.remove(unit)
        continue
      }
      const early = asOfSend || unit === 'requests'
      const since = this.#taken.since(unit, early ? reservation.sent : undefined)
      const meter = this.#meter(now, unit, { reading, serverAt: readings.serverAt })
      const ageMs = early ? now - reservation.sent.at : 0
      if (now - ageMs > this.#refusals.lastAt) this.#emptied.delete(meter)
      const atSend = early ? reservation.hold : undefined
      const { shown, slack } = meter.shown({ reading, serverAt: readings.serverAt })
      if (unit === 'input') {
        this.hold.observe(now, meter.size, { shown, slack: slack + since.takenJustBefore }, atSend)
      }
      meter.observe(now, {
        reading,
        serverAt: readings.serverAt,
        climbedAt: this.ramp.climbedAt,
        ageMs,
        ...since,
        held: countsInput(unit) ? this.hold.range(now, atSend) : undefined,
        // The server counts a request when it admits it; tokens in its own time.
        unsettled: unit === 'requests' ? 0 : since.unsettled,
      })
    }
  }

  /** The server refused a request of this pool: nothing of the pool starts until it may. */
  refused(now: number, reservation: PoolReservation, refusal: Refused, jitter: number): void {
    const explained = this.#explains(now, reservation, refusal.limits)
    const isFirst = reservation.reservedAt > this.#refusals.lastAt
    if (this.#meters.all.length === 0) this.#pace.refused(now, isFirst)
    // What was under way together is refused together, and says one thing, not many.
    if (isFirst) {
      const outputLeft = refusal.limits?.output?.remaining ?? Infinity
      const isOutput = !explained && this.#output.refused(now, outputLeft, reservation.cost)
      const isHidden = (!explained && !isOutput) || this.#meters.isSliced
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
    this.#meters.clear()
    this.hold.forget()
    this.#emptied.clear()
    this.#heard = this.#kind === 'off'
    this.#refusals.forget(now)
  }

  /** An outage is over: begin again at half the rate there was. */
  recover(now: number, perSecond: number): void {
    this.ramp.restart(now, perSecond / 2)
  }

  /** What must be there of a limit for a request to start, which may be more than it costs. */
  #needOf(unit: MeterUnit, cost: Cost, held: number): MinuteNeed {
    // Answers are longer than expected as often as shorter.
    const { outputDeviation = 0 } = countsOutput(unit) ? cost : {}
    const margin = deviations * outputDeviation * Math.sqrt(this.#taken.unsettled.requests + 1)
    const counted = amountOf(unit, cost)
    if (!countsInput(unit)) return { amount: counted, margin, held: 0 }
    return { amount: counted + this.hold.excess(cost), margin, held }
  }

  /** Over a slice, what is held is counted when it is, and given back when it is released. */
  #countHeld(now: number): number {
    const held = this.hold.amount(now)
    this.#meters.produced(now, 'input', held - this.#sliceHeld)
    this.#sliceHeld = held
    return held
  }

  #take(now: number, unit: MeterUnit, amount: number, produced: number): void {
    if (amount === 0 && produced === 0) return
    if (unit === 'input') this.hold.take(now, amount)
    this.#meters.of(unit)?.take(now, amount, produced)
  }

  /** The part of an amount that the server counts as it is produced. */
  #producedOf(unit: MeterUnit, { output }: Cost): number {
    return countsOutput(unit) && !this.#output.isReserved ? output : 0
  }

  #sliceNeed(meter: ServerMeter, cost: Cost, { amount }: MinuteNeed): SliceNeed {
    const produced = this.#producedOf(meter.unit, cost)
    const excess = produced > 0 ? this.#production.excess(meter.perMinute) : 0
    return { counted: amount - produced, produced, excess }
  }

  #meter(now: number, unit: MeterUnit, shown: ShownReading): ServerMeter {
    const known = this.#meters.of(unit)
    if (known) return known
    const made = this.#meters.add(now, unit, shown, this.#taken.unsettled[unit])
    if (unit === 'requests') this.ramp.learnRefill(now, shown.reading.limit / 60)
    return made
  }

  /** Whether some limit that is known had no room for a request that was refused. */
  #explains(
    now: number,
    { counted: cost, hold }: PoolReservation,
    readings: LimitReadings | undefined,
  ): boolean {
    let explained = false
    const held = this.hold.amount(now)
    for (const meter of this.#meters.all) {
      const { unit } = meter
      const { [unit]: reading, serverAt } = readings ?? {}
      if (reading === undefined || !isUsable(reading)) continue
      const shown = { reading, serverAt }
      if (!meter.explainsRefusal(now, this.#needOf(unit, cost, held), shown)) continue
      if (unit === 'input') this.hold.refused(hold, reading.remaining > cost.input)
      explained = true
      this.#emptied.add(meter)
    }
    return explained
  }

  /** How many seconds of refill were missing at a refusal, of the limit with most. */
  #secondsMissing(refusal: Refused, { counted, burstSeconds }: PoolReservation): number {
    const atStart = (unit: MeterUnit): number =>
      amountOf(unit, counted) - this.#producedOf(unit, counted)
    const missing = this.#meters.mostMissing(refusal.limits, atStart)
    if (missing === undefined) return burstSeconds
    const { unit, seconds: most } = missing
    this.#isOutputShort = countsOutput(unit)
    // A slice that is to be waited for is in debt: so much of what is missing never was in it.
    const debt = Math.ceil((refusal.retryAfterMs ?? 0) / 1000) - 1
    return debt > 0 && debt < most ? most - debt : most
  }

  /**
   * A refusal though every level had room: too steep a climb, or a limit over less than a minute.
   */
  #learnHidden(now: number, refusal: Refused, secondsMissing: number): void {
    this.#unexplained += 1
    const rampSaid = refusal.error.code === 'ramp_limit_exceeded'
    const climbing = this.ramp.isClimbing(now)
    if (this.#meters.all.length === 0 && !rampSaid) return
    if (rampSaid || climbing) this.ramp.slow(now)
    // The first one in a climb is put down to the climb; a second is not.
    if (rampSaid || (climbing && this.#unexplained < 2)) return
    if (!this.#meters.isSliced) this.#slice.refused(now, secondsMissing)
  }
}

/**
 * Drives a Scheduler through virtual time: what it starts ends as a script says, and it is woken
 * at the instants it names. There is no loop, transport or disk.
 *
 * While driving it holds the scheduler to what must hold in every run: a row is settled once, a
 * waiting row has something to wait for, and no wake-up repeats without end.
 */

import type { CacheLife, CachePoint } from '../../src/cache-points.ts'
import { Heap } from '../../src/heap.ts'
import type { Decision, SchedulerEvent, SchedulerOptions } from '../../src/decision.ts'
import { Limiter } from '../../src/limiter.ts'
import type { Cost } from '../../src/meter.ts'
import type { Answered, LimitReadings, Outcome, Usage } from '../../src/outcome.ts'
import { Random } from '../../src/random.ts'
import { columnCount, columns, type RequestFeatures } from '../../src/request-features.ts'
import { Scheduler } from '../../src/scheduler.ts'
import type { AbortReason } from '../../src/transport.ts'
import type { Attempt, Work } from '../../src/work.ts'

/** How one try ends. No outcome: it hangs until it is aborted. */
export interface Reply {
  readonly afterMs?: number
  readonly outcome?: Outcome
  /** When the response's head is read, of a stream. */
  readonly headAfterMs?: number
  readonly headLimits?: LimitReadings | undefined
  /** Bytes arrive this often after the head. */
  readonly everyMs?: number
}

/** One try, as whoever answers it sees it. Nothing is heard of a try that was aborted. */
export interface Exchange {
  readonly attempt: Attempt
  readonly now: () => number
  readonly after: (delayMs: number, callback: () => void) => void
  readonly head: (limits: LimitReadings | undefined) => void
  readonly bytes: () => void
  readonly end: (outcome: Outcome) => void
}

/** Answers a try in its own time. */
export type Answerer = (exchange: Exchange) => void

export interface Script {
  readonly rows: readonly Work[]
  readonly answer: Answerer
  readonly options?: Partial<SchedulerOptions>
  readonly seed?: number
  /** What else happens, and when, from the start. */
  readonly events?: readonly (readonly [afterMs: number, event: SchedulerEvent])[]
  /** The instant of the start. */
  readonly startAt?: number
  /** Virtual time it may take. */
  readonly untilMs?: number
  /** Each wake-up comes so much late at most. */
  readonly lateMsMax?: number
}

export interface Settlement {
  readonly how: 'succeed' | 'fail' | 'leave'
  readonly at: number
  readonly error?: string
}

export interface History {
  readonly starts: readonly { readonly at: number; readonly attempt: Attempt }[]
  readonly settled: ReadonlyMap<number, Settlement>
  readonly retries: readonly {
    readonly at: number
    readonly row: number
    readonly kind: string
    readonly delayMs: number
  }[]
  readonly aborts: readonly {
    readonly at: number
    readonly reason: AbortReason
    readonly attempt: Attempt
  }[]
  readonly stops: readonly string[]
  readonly binds: ReadonlySet<string>
  readonly wakes: number
  readonly mostInFlight: number
  readonly finishedAt: number
  /** Every decision in a line, for comparing runs. */
  readonly log: readonly string[]
  readonly scheduler: Scheduler
}

const defaults: SchedulerOptions = {
  bounds: {},
  ramp: 'off',
  maxAttempts: 5,
  timeoutMs: 600_000,
  maxRowTimeMs: Infinity,
  patienceMs: 900_000,
  maxConcurrency: 10_000,
  maxInFlightBytes: 1e9,
  maxFailed: undefined,
  windowRowsMax: 4096,
  windowBytesMax: 1e9,
  windowBodiesBytesMax: 1e9,
  rereadable: true,
}

/** A row to be asked. */
export function rowOf(
  sequence: number,
  given: {
    model?: string
    pool?: string
    bodyBytes?: number
    maxTokens?: number
    cachePoints?: readonly CachePoint[]
  } = {},
): Work {
  const { model = 'm', pool = model, bodyBytes = 1000, maxTokens = 100, cachePoints = [] } = given
  return {
    sequence,
    row: {
      kind: 'row',
      lineNumber: sequence + 1,
      offset: sequence,
      byteLength: 1,
      id: `line-${sequence + 1}`,
      idGiven: false,
      key: `${sequence}`,
      metadata: undefined,
      model,
      maxTokens,
      features: wordsOf(bodyBytes),
      cachePoints,
    },
    turns: [],
    retriesFailed: false,
    bodyBytes,
    body: new Uint8Array(),
    pool,
    attempts: 0,
    unknownAttempts: 0,
    brokeAt: undefined,
    firstAskedAt: undefined,
    lastAttempt: undefined,
  }
}

/** The ends of blocks with these keys, at equal distances, the last at the end of the prompt. */
export function pointsOf(keys: readonly number[], mark?: CacheLife): readonly CachePoint[] {
  return keys.map((key, index) => ({
    key,
    share: (index + 1) / keys.length,
    at: { level: 'system', message: 0, index },
    mark,
  }))
}

/** What stands in so many bytes of plain words: by the ballpark, three tokens for ten bytes. */
export function wordsOf(bytes: number): RequestFeatures {
  const counts = Array.from({ length: columnCount }, () => 0)
  counts[columns.words] = bytes / 5
  counts[columns.letters] = (bytes * 4) / 5
  return { counts, shape: 0 }
}

export function rowsOf(count: number, given: Parameters<typeof rowOf>[1] = {}): Work[] {
  return Array.from({ length: count }, (_, sequence) => rowOf(sequence, given))
}

/** The first try of a row, at the instant 0, with all limits yet unknown. */
export function attemptOf(work: Work, cost: Cost = { input: 1, output: 1 }): Attempt {
  const limiter = new Limiter(0, { bounds: {}, ramp: 'off' })
  return {
    number: work.sequence + 1,
    work,
    stream: false,
    probe: false,
    cost,
    reservation: limiter.reserve(0, limiter.pool(0, work.pool), cost),
    startedAt: 0,
    caching: undefined,
    cacheMissedTokens: 0,
    headAt: undefined,
    lastByteAt: 0,
    exchange: undefined,
    deadlineAt: Infinity,
  }
}

export function usageOf(inputTokens: number, outputTokens: number): Usage {
  return {
    inputTokens,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    cacheReadTokens: 0,
    outputTokens,
    webSearches: 0,
    serviceTier: null,
    speed: null,
    inferenceGeo: null,
  }
}

export function answered(
  given: {
    input?: number
    output?: number
    cacheWrite?: number
    cacheRead?: number
    limits?: LimitReadings | undefined
  } = {},
): Answered {
  const { input = 300, output = 100, cacheWrite = 0, cacheRead = 0, limits } = given
  const usage = usageOf(input, output)
  return {
    kind: 'answered',
    status: 200,
    requestId: null,
    message: '{}',
    usage: { ...usage, cacheWrite5mTokens: cacheWrite, cacheReadTokens: cacheRead },
    model: 'm',
    stopReason: 'end_turn',
    ...(limits && { limits }),
  }
}

export function refused(
  given: { retryAfterMs?: number; code?: string; limits?: LimitReadings | undefined } = {},
): Outcome {
  const { retryAfterMs, code, limits } = given
  return {
    kind: 'refused',
    status: 429,
    requestId: null,
    error: { type: 'rate_limit_error', message: 'slower', ...(code && { code }) },
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(limits && { limits }),
  }
}

/** A failure of this kind, of a request that was not billed. */
export function failed(
  kind: 'overloaded' | 'broken',
  given: { status?: number; unknown?: boolean; retryAfterMs?: number } = {},
): Outcome {
  const { status = kind === 'broken' ? 500 : 529, unknown = false, retryAfterMs } = given
  const error = { type: 'api_error', message: 'no' }
  return {
    kind,
    status,
    requestId: null,
    error,
    unknown,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  }
}

export function final(kind: 'invalid' | 'no_model' | 'no_socket', message = 'no'): Outcome {
  const status = kind === 'invalid' ? 400 : kind === 'no_model' ? 404 : 0
  return { kind, status, requestId: null, error: { type: 'invalid_request_error', message } }
}

/** An answerer that knows at the start of a try how it ends. */
export function replying(reply: (attempt: Attempt, now: number) => Reply): Answerer {
  return ({ attempt, now, after, head, bytes, end }) => {
    const { headAfterMs, headLimits, everyMs, afterMs = 0, outcome } = reply(attempt, now())
    const flow = (): void => {
      bytes()
      // What never ends is aborted some day.
      if (everyMs !== undefined && now() - attempt.startedAt < 3_600_000) after(everyMs, flow)
    }
    if (headAfterMs !== undefined) {
      after(headAfterMs, () => {
        head(headLimits)
        flow()
      })
    }
    if (outcome) after(afterMs, () => end(outcome))
  }
}

/** Runs the script to its end. Throws when something that must always hold does not. */
export function drive(script: Script): History {
  return new Drive(script).run()
}

type Happening = () => void

class Drive {
  readonly #script: Script
  readonly #scheduler: Scheduler
  readonly #random: Random
  readonly #happenings = new Heap<Happening>()
  readonly #running = new Set<Attempt>()
  readonly #endAt: number
  #now: number
  #fed = 0
  #ended = false
  #held = new Set<string>()
  #idleWakes = 0
  #idleWakesAt = -1
  readonly #log: string[] = []
  readonly #starts: { at: number; attempt: Attempt }[] = []
  readonly #settled = new Map<number, Settlement>()
  readonly #retries: { at: number; row: number; kind: string; delayMs: number }[] = []
  readonly #aborts: { at: number; reason: AbortReason; attempt: Attempt }[] = []
  readonly #stops: string[] = []
  readonly #binds = new Set<string>()
  #wakes = 0
  #depth = 0
  #mostInFlight = 0

  constructor(script: Script) {
    this.#script = script
    this.#now = script.startAt ?? 0
    this.#endAt = this.#now + (script.untilMs ?? 3_600_000)
    this.#random = new Random((script.seed ?? 1) ^ 0x5bd1e995)
    const options = { ...defaults, ...script.options }
    this.#scheduler = new Scheduler(this.#now, options, new Random(script.seed ?? 1))
    for (const [afterMs, event] of script.events ?? []) {
      this.#happenings.push(this.#now + afterMs, () => this.#outside(event))
    }
  }

  run(): History {
    this.#feed()
    let steps = 0
    while (!this.#scheduler.finished) {
      if (++steps > 20_000_000) throw new Error(`Livelock at ${this.#now}`)
      const wakeAt = this.#scheduler.nextWakeAt
      const nextAt = this.#happenings.nextAt
      const lateMs = this.#random.float() * (this.#script.lateMsMax ?? 0)
      const at = Math.min(nextAt, wakeAt === Infinity ? Infinity : wakeAt + lateMs)
      if (at === Infinity)
        throw new Error(`A wake-up was lost: ${this.#left()} rows wait at ${this.#now}`)
      if (at > this.#endAt)
        throw new Error(`Out of time: ${this.#left()} rows left, binds ${this.#scheduler.binds}`)
      this.#now = Math.max(this.#now, at)
      if (nextAt <= at) this.#happenings.pop()?.()
      else this.#wake()
      this.#feed()
    }
    return {
      starts: this.#starts,
      settled: this.#settled,
      retries: this.#retries,
      aborts: this.#aborts,
      stops: this.#stops,
      binds: this.#binds,
      wakes: this.#wakes,
      mostInFlight: this.#mostInFlight,
      finishedAt: this.#now,
      log: this.#log,
      scheduler: this.#scheduler,
    }
  }

  #left(): number {
    return this.#script.rows.length - this.#settled.size
  }

  #feed(): void {
    const { rows } = this.#script
    while (this.#fed < rows.length && this.#scheduler.hasRoom) {
      const work = rows[this.#fed++]
      if (work) this.#step({ type: 'row', work })
    }
    if (this.#fed < rows.length || this.#ended) return
    this.#ended = true
    this.#step({ type: 'input_ended' })
  }

  #wake(): void {
    this.#wakes += 1
    const decided = this.#step({ type: 'wake' })
    if (decided > 0 || this.#idleWakesAt !== this.#now) this.#idleWakes = 0
    this.#idleWakesAt = this.#now
    if (decided === 0 && ++this.#idleWakes > 2)
      throw new Error(`Busy loop at ${this.#now}: woken ${this.#idleWakes} times for nothing`)
  }

  #outside(event: SchedulerEvent): void {
    if (event.type === 'hold') {
      if (event.on) this.#held.add(event.why)
      else this.#held.delete(event.why)
    }
    this.#step(event)
  }

  #step(event: SchedulerEvent): number {
    const decisions = this.#scheduler.step(this.#now, event)
    this.#depth += 1
    for (const decision of decisions) this.#perform(decision)
    this.#depth -= 1
    // An abort ends its try within this step, as a transport does.
    if (this.#depth > 0) return decisions.length
    this.#mostInFlight = Math.max(this.#mostInFlight, this.#scheduler.inFlight)
    this.#binds.add(this.#scheduler.binds)
    if (this.#scheduler.inFlight !== this.#running.size)
      throw new Error('Lost count of what is under way')
    const waits = this.#fed - this.#settled.size - this.#running.size
    if (waits < 0) throw new Error('A row is in two places')
    const hasHope =
      this.#running.size > 0 || this.#held.size > 0 || this.#scheduler.nextWakeAt < Infinity
    if (waits > 0 && !hasHope)
      throw new Error(`A wake-up was lost at ${this.#now}: ${waits} rows wait`)
    return decisions.length
  }

  #perform(decision: Decision): void {
    const at = this.#now
    switch (decision.type) {
      case 'start':
        this.#log.push(`${at} start ${decision.attempt.work.sequence} ${decision.attempt.number}`)
        return this.#start(decision.attempt)
      case 'abort': {
        const { attempt, reason } = decision
        this.#log.push(`${at} abort ${attempt.number} ${reason}`)
        this.#aborts.push({ at, reason, attempt })
        const error = { type: 'timeout_error', message: reason }
        return this.#end(attempt, {
          kind: 'broken',
          status: 0,
          requestId: null,
          error,
          unknown: true,
        })
      }
      case 'retry': {
        const { work, outcome, delayMs } = decision
        this.#log.push(`${at} retry ${work.sequence} ${delayMs}`)
        this.#retries.push({ at, row: work.sequence, kind: outcome.kind, delayMs })
        return
      }
      case 'ramp_slowed':
        this.#log.push(`${at} ramp slowed ${decision.pool}`)
        return
      case 'notice':
        this.#log.push(`${at} notice ${decision.message}`)
        return
      case 'stop':
        this.#log.push(`${at} stop ${decision.error.code}`)
        this.#stops.push(decision.error.code)
        return
      case 'turn': {
        const { work, again } = decision
        this.#log.push(`${at} turn ${work.sequence} ${again.why}`)
        this.#step({ type: 'turned', work })
        return
      }
      case 'fail':
        return this.#settle(decision.work, {
          how: 'fail',
          at,
          error: decision.outcome.error.message,
        })
      case 'succeed':
      case 'leave':
        return this.#settle(decision.work, { how: decision.type, at })
    }
  }

  #settle(work: Work, settlement: Settlement): void {
    this.#log.push(`${settlement.at} ${settlement.how} ${work.sequence}`)
    if (this.#settled.has(work.sequence)) throw new Error(`Row ${work.sequence} was settled twice`)
    this.#settled.set(work.sequence, settlement)
  }

  #start(attempt: Attempt): void {
    // As the loop does, which reads a body again from the input.
    attempt.work.body ??= new Uint8Array()
    this.#starts.push({ at: this.#now, attempt })
    this.#running.add(attempt)
    // An end in the instant of the start, too, comes after this step.
    const after = (delayMs: number, callback: () => void): void => {
      this.#happenings.push(this.#now + delayMs, callback)
    }
    this.#script.answer({
      attempt,
      now: () => this.#now,
      after,
      head: (limits) => {
        if (this.#running.has(attempt)) this.#step({ type: 'head', attempt, status: 200, limits })
      },
      bytes: () => {
        attempt.lastByteAt = this.#now
      },
      end: (outcome) => this.#end(attempt, outcome),
    })
  }

  #end(attempt: Attempt, outcome: Outcome): void {
    if (!this.#running.delete(attempt)) return
    this.#step({ type: 'outcome', attempt, outcome })
  }
}

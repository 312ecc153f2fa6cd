/**
 * Holds a history to what must be true of it: gathers what the checkers need, life by life, and
 * what they find.
 */

import type { ErrorCode } from '../../src/errors.ts'
import type { SimulatorModel } from '../../src/simulator/index.ts'
import type { RunSummary } from '../../src/summary.ts'
import type { SimFiles } from '../sim-files.ts'
import { checkCosts, checkEvents, checkPossiblyBilled, checkSummary } from './checkers-books.ts'
import { IdleWatch, type Level } from './checkers-idle.ts'
import { Kept } from './checkers-kept.ts'
import {
  checkServerWindows,
  checkTokenWindow,
  checkUnderWay,
  checkWindow,
  type KnownLimits,
  leastMs,
} from './checkers-wire.ts'
import {
  checkCountedOut,
  checkFailures,
  checkOrder,
  type Line,
  readLines,
  readWholeLines,
} from './checkers.ts'
import type { Drawn } from './draw.ts'
import { keyOf, type WorldInput } from './input.ts'
import type { Ending, Life } from './life.ts'
import type { Weather } from './troubles.ts'
import type { Sent } from './witness.ts'

/** Where a world's files are. */
export const files = {
  input: '/data/in.jsonl',
  output: '/data/out.jsonl',
  failed: '/data/out.failed.jsonl',
}

/** What stands where the output shall be, in a world that overwrites. */
export const foreignText = 'of somebody else\n'

const unwritable = 'OUTPUT_UNWRITABLE'

/**
 * Once all is healed, it may take this many times what limits, bounds and latencies make it take at
 * least, the more where the server does not show what it enforces; and a quarter of an hour: for
 * what hangs at that moment.
 */
const convergeFactor = { shown: 4, hidden: 8 }
const convergeMs = 15 * 60_000

/** The heartbeat shows every 2 s how many are under way. */
const beatMs = 2000
const flags = {
  input: '--max-input-tokens-per-minute',
  output: '--max-output-tokens-per-minute',
} as const

/** What a life found when it began. */
interface Start {
  readonly life: Life
  readonly output: number
  readonly failed: number
  readonly changes: number
  readonly rows: ReadonlyMap<string, { readonly count: number; readonly bytesMax: number }>
  readonly idle: IdleWatch
}

export class Judge {
  readonly problems: string[] = []
  /** The time it took after all was healed, by the least it could; set at the end. */
  pace = 0
  /** Instants at which idleness could be judged. */
  judged = 0
  readonly #drawn: Drawn
  readonly #disk: SimFiles
  readonly #input: WorldInput
  readonly #weather: Weather
  #start: Start | undefined
  readonly #kept: Kept
  readonly #afterHeal: Sent[] = []
  /** So many at least were under way when the life before was killed. */
  #killedInFlight = 0

  constructor(drawn: Drawn, disk: SimFiles, input: WorldInput, weather: Weather) {
    this.#drawn = drawn
    this.#kept = new Kept(drawn)
    this.#disk = disk
    this.#input = input
    this.#weather = weather
  }

  fault(problem: string): void {
    this.problems.push(problem)
  }

  read(path: string): Uint8Array {
    return this.#disk.stat(path) === undefined ? new Uint8Array() : this.#disk.bytes(path)
  }

  /** What stands beside the files that is of use only to a run. */
  leftovers(): readonly string[] {
    return this.#disk.paths().filter((path) => path.includes('.sluice/'))
  }

  /** A life begins: what its files hold is noted. */
  begin(life: Life): void {
    this.#start = {
      life,
      output: readWholeLines(this.read(files.output)).length,
      failed: readWholeLines(this.read(files.failed)).length,
      changes: this.#weather.changes,
      rows: this.#rowsToAsk(),
      idle: new IdleWatch(),
    }
  }

  /** A moment in a life: is it idle without a reason? */
  look(now: number, model: SimulatorModel): void {
    const start = this.#start
    if (start === undefined || !this.#knowsLimits(start)) return
    const { life, rows, idle } = start
    const { commands = [], options } = life.plan
    const { retryFailed, first, maxBudgetUsd } = options
    if (maxBudgetUsd !== undefined || commands.length > 0) return
    const isStopping = life.events.some(({ type }) => type === 'run_stopping')
    if (retryFailed === true || first !== undefined || isStopping || life.isBlocked) return
    const { maxInputTokensPerMinute, maxOutputTokensPerMinute } = this.#drawn
    if (maxInputTokensPerMinute !== undefined || maxOutputTokensPerMinute !== undefined) return
    const levels = (name: string): readonly (Level | undefined)[] | undefined => {
      const found = model.levels(now, name)
      return found && [found.requests, found.input, found.output]
    }
    const { sends } = life.witness
    const problems = idle.look({ ...this.#drawn, at: now, sends, rows, levels })
    for (const problem of problems) this.fault(problem)
    this.judged += idle.judged
    idle.judged = 0
  }

  /** A life has ended. */
  end(now: number, ending: Ending): void {
    const start = this.#start
    if (start === undefined) return
    this.#start = undefined
    const { life } = start
    const { sends } = life.witness
    for (const problem of [...life.problems, ...this.#wireProblems(start)]) this.fault(problem)
    for (const problem of checkFailures(readWholeLines(this.read(files.failed))))
      this.fault(problem)
    if (now >= this.#drawn.healAt)
      this.#afterHeal.push(...sends.filter(({ at }) => at >= this.#drawn.healAt))
    this.#checkKilledInFlight(now, start, ending)
    for (const problem of this.#kept.end(now, { life, ending, lines: this.#linesHeld() }))
      this.fault(problem)
    if (ending.type === 'bug') this.fault(String(ending.error))
    if (ending.type === 'refused') this.#checkStop(ending.error.code, life)
    if (ending.type === 'summary') this.#checkBooks(start, ending.summary)
  }

  /** The history is over. */
  finish(now: number): void {
    const { rows, counts } = this.#input
    const { ordered, stream, overwrite, healAt } = this.#drawn
    const output = readLines(this.read(files.output))
    const failed = readLines(this.read(files.failed))
    const problems = [
      ...checkCountedOut(rows, counts, { output, failed }),
      ...checkCosts(output),
      // What cannot be read twice cannot be put in order afterwards.
      ...(ordered && !stream ? checkOrder(rows, output) : []),
    ]
    for (const problem of problems) this.fault(problem)
    // An answer that reached us is in the file, and is not bought again.
    const { size } = this.#kept
    if (size !== output.length)
      this.fault(`${size} answers were read and kept, ${output.length} are in the output`)
    // What may have been billed is kept on record for whoever goes on.
    const leftovers = this.leftovers().filter((path) => !path.endsWith('.sluice/spend'))
    if (leftovers.length > 0) this.fault(`left behind: ${leftovers.join(', ')}`)
    if (overwrite && !this.#isMovedAside()) this.fault('what was overwritten is not kept aside')
    if (this.#drawn.budget === undefined) this.#checkPace(now - healAt)
  }

  #isMovedAside(): boolean {
    const texts = this.#disk.paths().map((path) => Buffer.from(this.read(path)).toString())
    return texts.includes(foreignText)
  }

  /** By the limits and bounds as they are in the end. */
  #checkPace(tookMs: number): void {
    const { server } = this.#drawn
    const limits = this.#limits(this.#weather.limitFactor)
    const least = leastMs(this.#afterHeal, {
      ...this.#drawn,
      ...limits,
      reserved: server.outputAssessment === 'reserved',
      rampPerSecond: server.rampPerSecond ?? null,
    })
    this.pace = Math.max(0, tookMs - convergeMs) / Math.max(1, least)
    const isShown = server.headers === true && server.slice !== 'hidden'
    const mostMs = convergeFactor[isShown ? 'shown' : 'hidden'] * least + convergeMs
    if (tookMs > mostMs)
      this.fault(`done ${tookMs} ms after all was healed, ${Math.round(mostMs)} would do`)
  }

  #limits(factor: number): KnownLimits {
    const { server } = this.#drawn
    const scaled = (limit: number | null | undefined): number | null =>
      typeof limit === 'number' ? Math.max(1, Math.round(limit * factor)) : null
    return {
      requestsPerMinute: scaled(server.requestsPerMinute),
      inputTokensPerMinute: scaled(server.inputTokensPerMinute),
      outputTokensPerMinute: scaled(server.outputTokensPerMinute),
    }
  }

  /** The headers say all there is to know, and nothing has changed in this life. */
  #knowsLimits({ changes }: Start): boolean {
    // Answers longer than a minute's tokens have checks of their own.
    if (this.#drawn.isDear) return false
    const { headers, slice, rampPerSecond, outputAssessment } = this.#drawn.server
    if (headers !== true || slice !== 'none' || typeof rampPerSecond === 'number') return false
    if (outputAssessment !== 'produced') return false
    return this.#weather.isCalm && this.#weather.changes === changes
  }

  /** Rows without a line, by model. */
  #rowsToAsk(): Start['rows'] {
    const held = new Map<string, number>()
    for (const { run } of this.#linesHeld()) held.set(run.key, (held.get(run.key) ?? 0) + 1)
    const rows = new Map<string, { count: number; bytesMax: number }>()
    for (const { line } of this.#input.rows) {
      const key = keyOf(line)
      const left = held.get(key) ?? 0
      if (left > 0) held.set(key, left - 1)
      const model = /"model":"([^"]+)"/.exec(line)?.[1]
      if (left > 0 || model === undefined) continue
      const own = rows.get(model) ?? { count: 0, bytesMax: 0 }
      rows.set(model, {
        count: own.count + 1,
        bytesMax: Math.max(own.bytesMax, line.length),
      })
    }
    return rows
  }

  /** Whole lines, those that wait in a spool too. */
  #linesHeld(): readonly Line[] {
    const spools = this.#disk.paths().filter((path) => path.endsWith('.spool'))
    return [files.output, files.failed, ...spools].flatMap((path) =>
      readWholeLines(this.read(path)),
    )
  }

  #wireProblems(start: Start): readonly string[] {
    const { sends } = start.life.witness
    const { maxRequestsPerMinute = Infinity } = this.#drawn
    const times = sends.map(({ at }) => at)
    return [
      ...checkWindow(times, maxRequestsPerMinute),
      ...checkUnderWay(sends, this.#drawn, start.life.events),
      ...(this.#knowsLimits(start)
        ? checkServerWindows(sends, this.#limits(this.#weather.limitFactor))
        : []),
    ]
  }

  #checkKilledInFlight(now: number, { life, changes }: Start, ending: Ending): void {
    const began = life.events.find((event) => event.type === 'run_started')
    if (began !== undefined) {
      const { killedInFlight } = began
      if (killedInFlight < this.#killedInFlight)
        this.fault(`${this.#killedInFlight} were under way at a kill, ${killedInFlight} are said`)
      this.#killedInFlight = 0
    }
    // A clock or a disk out of order may keep a heartbeat from being written.
    if (ending.type !== 'kill' || this.#weather.changes !== changes || !this.#weather.isCalm) return
    const old = life.witness.sends.filter(
      ({ at, endedAt }) => endedAt === undefined && at <= now - beatMs,
    )
    this.#killedInFlight = Math.max(this.#killedInFlight, old.length)
  }

  #checkBooks({ life, output, failed, rows: asked }: Start, summary: RunSummary): void {
    const { options } = life.plan
    if (summary.stopped !== null) this.#checkStop(summary.stopped.code, life)
    const books = {
      summary,
      events: life.events,
      sends: life.witness.sends,
      before: { output, failed },
      after: {
        output: readWholeLines(this.read(files.output)).length,
        failed: readWholeLines(this.read(files.failed)).length,
      },
      ordered: this.#drawn.ordered,
      retryFailed: options.retryFailed === true,
      rows: Math.min(options.first ?? Infinity, this.#input.rows.length),
      allWritten: !life.isBlocked && summary.stopped?.code !== unwritable,
    }
    const problems = [
      ...checkSummary(books),
      ...checkPossiblyBilled(books),
      ...checkEvents(books),
      ...this.#tokenProblems(books.sends, summary),
      ...this.#outageProblems(life, summary, asked.size),
    ]
    for (const problem of problems) this.fault(problem)
  }

  #tokenProblems(sends: readonly Sent[], { boundExcess }: RunSummary): readonly string[] {
    const { maxInputTokensPerMinute, maxOutputTokensPerMinute } = this.#drawn
    const check = (kind: 'input' | 'output', perMinute: number | undefined): readonly string[] => {
      if (perMinute === undefined) return []
      return checkTokenWindow(sends, kind, { perMinute, excess: boundExcess[flags[kind]] ?? 0 })
    }
    return [
      ...check('input', maxInputTokensPerMinute),
      ...check('output', maxOutputTokensPerMinute),
    ]
  }

  /** Where nothing but an outage goes wrong, and enough rows are left to tell one, no row fails. */
  #outageProblems(
    { events, witness }: Life,
    { rows }: RunSummary,
    models: number,
  ): readonly string[] {
    const { faults = {} } = this.#drawn.server
    if (Object.keys(faults).length > 0 || rows.left < 5 * models) return []
    // A refusal shows the server at work: then it is no outage, but failures here and there.
    if (witness.sends.some(({ refused }) => refused)) return []
    const failed = events.filter(
      (event) =>
        event.type === 'row_failed' &&
        (event.status === 0 || event.status >= 500) &&
        event.attempts > 0,
    )
    return failed.length > 0 ? [`${failed.length} rows were failed by an outage`] : []
  }

  /** A run stops only for what there was. */
  #checkStop(code: ErrorCode, life: Life): void {
    const { troubles, server, patienceMs, lockLeft, budget } = this.#drawn
    const { faults = {} } = server
    const reasons: Readonly<Partial<Record<ErrorCode, boolean>>> = {
      INTERRUPTED: life.wasInterrupted,
      KEY_REFUSED: troubles.keyRefused !== undefined,
      CREDIT_EXHAUSTED: faults.credit !== undefined,
      SPEND_LIMIT_REACHED:
        faults['spend-limit'] !== undefined || faults['customer-spend-limit'] !== undefined,
      PATIENCE_EXHAUSTED: troubles.outage !== undefined || patienceMs < 900_000,
      OUTPUT_UNWRITABLE: troubles.diskFull !== undefined || troubles.brokenDisk !== undefined,
      BUDGET_REACHED: budget !== undefined,
      OUTPUT_LOCKED: lockLeft !== undefined,
    }
    if (reasons[code] !== true) this.fault(`it stopped for ${code}, which there was no cause for`)
  }
}

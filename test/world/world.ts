/**
 * The world: the real `run`, under a virtual clock, on a disk in memory, against the simulator's
 * model, with a seed's worth of trouble. Then everything heals, and every row must be counted out.
 *
 * A history is a sequence of lives of the process. Each ends by itself, by a kill, by a power loss
 * or by an interrupt, and the next is started with the same command. Same seed, same history.
 */

import type { Clock } from '../../src/clock.ts'
import type { RunContext } from '../../src/context.ts'
import { RunError } from '../../src/errors.ts'
import type { RunEvent } from '../../src/events.ts'
import type { Host } from '../../src/host.ts'
import { Random } from '../../src/random.ts'
import { run } from '../../src/run.ts'
import { SimulatorModel } from '../../src/simulator/index.ts'
import type { RunSummary } from '../../src/summary.ts'
import type { Listener, Transport } from '../../src/transport.ts'
import { SimFiles } from '../sim-files.ts'
import { checkCountedOut, checkOrder, checkWindow, readLines } from './checkers.ts'
import { type Death, draw, type Drawn } from './draw.ts'
import { WorldInput } from './input.ts'
import { SimClock } from './sim-clock.ts'
import { SimTransport } from './sim-transport.ts'

export interface History {
  readonly drawn: Drawn
  /** What was not as it must be; empty if all was well. */
  readonly problems: readonly string[]
  /** One line for each thing that crossed the wire, and each life. */
  readonly log: readonly string[]
  readonly lives: number
  readonly requests: number
}

const files = {
  input: '/data/in.jsonl',
  output: '/data/out.jsonl',
  failed: '/data/out.failed.jsonl',
}
const livesMax = 40
/** Once all is healed, this much virtual time must do, limits of 50 a minute included. */
const convergeMsMax = 4 * 3600_000

/** Plays the history of a seed. */
export async function runWorld(seed: number): Promise<History> {
  const world = new World(draw(seed))
  await world.play()
  return world.history()
}

/** One life, as the world sees it. */
interface Process {
  readonly pid: number
  alive: boolean
  readonly sends: number[]
  /** Since when its output cannot be written; Infinity while it can. */
  blockedAt: number
}

function hearBlocked(process: Process, event: RunEvent): void {
  if (event.type === 'output_blocked') process.blockedAt = event.code === null ? Infinity : event.at
}

class World {
  readonly #drawn: Drawn
  readonly #random: Random
  readonly #clock = new SimClock()
  readonly #disk = new SimFiles(() => this.#clock.wallTime())
  readonly #model: SimulatorModel
  readonly #input: WorldInput
  readonly #log: string[] = []
  readonly #problems: string[] = []
  /** Answers that reached a living process, by body. */
  readonly #answers = new Map<string, number>()
  /** A power loss, or an end on a full disk, takes answers that were in hand. */
  #answersLost = false
  #diskFull = false
  #requests = 0
  #lives = 0

  constructor(drawn: Drawn) {
    this.#drawn = drawn
    this.#random = new Random(drawn.seed).fork('world')
    this.#model = new SimulatorModel({ ...drawn.server, faultUntil: drawn.healAt })
    this.#input = new WorldInput(this.#random.fork('input'), drawn)
  }

  history(): History {
    return {
      drawn: this.#drawn,
      problems: this.#problems,
      log: this.#log,
      lives: this.#lives,
      requests: this.#requests,
    }
  }

  async play(): Promise<void> {
    const { deaths, edits, shortWrites, healAt } = this.#drawn
    this.#disk.put(files.input, this.#input.text)
    if (shortWrites) {
      const random = this.#random.fork('short writes')
      this.#disk.limitWrites(() => random.integer(1, 4000))
    }
    for (const death of deaths) {
      await this.#life(death)
      if (!edits) continue
      this.#input.edit()
      this.#disk.put(files.input, this.#input.text)
    }
    // Safety has been seen to; from here on it must end.
    this.#disk.limitWrites(undefined)
    for (;;) {
      // The last life asks rows again that failed while things were broken.
      const healed = this.#clock.now() >= healAt
      const summary = await this.#life(undefined)
      if (summary !== undefined && summary.exitCode <= 1 && healed) break
      if (this.#lives >= livesMax) return this.#fault(`not done after ${livesMax} lives`)
      const leftMs = healAt - this.#clock.now()
      if (leftMs > 0) await this.#clock.runUntil(this.#wait(leftMs))
    }
    if (this.#clock.now() > healAt + convergeMsMax)
      this.#fault(`done only at ${this.#clock.now()} ms`)
    this.#check()
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(Math.max(1, delayMs), resolve)
    })
  }

  /** One process from its start to its end; its summary, if it had time for one. */
  async #life(death: Death | undefined): Promise<RunSummary | undefined> {
    this.#lives += 1
    const process = { alive: true, sends: [] as number[], pid: this.#lives, blockedAt: Infinity }
    const interrupt = new AbortController()
    const { healAt } = this.#drawn
    const retryFailed = death === undefined && this.#clock.now() >= healAt
    this.#write(
      `life ${this.#lives} ${death?.kind ?? 'to its end'} ${retryFailed ? 'retrying' : ''}`,
    )
    const ended = run(
      this.#options(retryFailed),
      { signal: interrupt.signal, observers: [(event) => hearBlocked(process, event)] },
      this.#context(process),
    )
    const died = new Promise<undefined>((resolve) => {
      if (death === undefined) return
      this.#clock.after(death.afterMs, () => {
        if (!process.alive) return
        if (death.kind === 'interrupt') return interrupt.abort()
        process.alive = false
        this.#end(death.kind)
        resolve(undefined)
      })
    })
    if (death !== undefined) this.#trouble(process)
    try {
      const summary = await this.#clock.runUntil(Promise.race([ended, died]))
      this.#checkLife(process, summary)
      return summary
    } catch (error) {
      if (!(error instanceof RunError)) throw error
      this.#fault(`${error.code}: ${error.message}`)
      return undefined
    } finally {
      process.alive = false
      this.#answersLost ||= this.#diskFull
      this.#room()
    }
  }

  #room(): void {
    this.#disk.failWrites(undefined)
    // What was kept is written when it is next tried, a second later at most.
    this.#clock.after(1500, () => {
      this.#diskFull = false
    })
  }

  #end(kind: 'kill' | 'power'): void {
    this.#write(`${kind} at ${this.#clock.now()}`)
    if (kind === 'kill') return this.#disk.kill()
    this.#answersLost = true
    this.#disk.crash({ keepUnsynced: 'random' }, this.#random)
  }

  /** A full disk for a while, and a machine that sleeps. */
  #trouble(process: { alive: boolean }): void {
    const { diskFullMs, sleepMs } = this.#drawn
    if (diskFullMs > 0) {
      this.#clock.after(this.#random.integer(0, 20_000), () => {
        if (!process.alive) return
        this.#diskFull = true
        this.#disk.failWrites('ENOSPC', { after: this.#random.integer(0, 3000) })
        this.#clock.after(diskFullMs, () => this.#room())
      })
    }
    if (sleepMs > 0)
      this.#clock.after(this.#random.integer(0, 20_000), () => this.#clock.jump(sleepMs))
  }

  #options(retryFailed: boolean): Parameters<typeof run>[0] {
    const { maxRequestsPerMinute, maxConcurrency, ordered, fsync, seed } = this.#drawn
    return {
      input: files.input,
      output: files.output,
      apiKey: 'sk-ant-world',
      maxRequestsPerMinute,
      maxConcurrency,
      ordered,
      fsync,
      retryFailed,
      seed,
    }
  }

  #context(process: Process): RunContext {
    const base = this.#clock
    const clock: Clock = {
      now: () => base.now(),
      wallTime: () => base.wallTime(),
      after: (delayMs, callback) => base.after(delayMs, () => process.alive && callback()),
    }
    const host: Host = {
      name: 'world',
      bootId: 'boot',
      pid: process.pid,
      startedAt: `life ${process.pid}`,
      processState: (pid) => (pid === process.pid && process.alive ? 'alive' : 'dead'),
    }
    return {
      clock,
      host,
      files: this.#disk,
      seed: () => this.#drawn.seed,
      transport: () => this.#transport(process),
    }
  }

  #transport(process: Process): Transport {
    const inner = new SimTransport({
      clock: this.#clock,
      model: this.#model,
      random: this.#random.fork(`network ${this.#lives}`),
      networkMs: this.#drawn.networkMs,
    })
    return {
      send: (dispatch, listener) => {
        process.sends.push(this.#clock.now())
        // What was decided in the turn in which a write failed goes out; nothing after it.
        if (this.#clock.now() > process.blockedAt)
          this.#fault('asked while nothing could be written')
        this.#requests += 1
        const body = Buffer.from(dispatch.body).toString()
        this.#checkConcurrency(inner.inFlight + 1)
        return inner.send(dispatch, this.#watched(process, body, listener))
      },
      close: () => inner.close(),
    }
  }

  /** A dead process hears nothing; what a living one reads is noted. */
  #watched(process: { alive: boolean }, body: string, listener: Listener): Listener {
    const started = this.#clock.now()
    return {
      head: (status, limits) => process.alive && listener.head(status, limits),
      bytes: (count) => process.alive && listener.bytes(count),
      outcome: (outcome) => {
        if (!process.alive) return
        this.#write(`${started} → ${this.#clock.now()} ${outcome.kind} ${outcome.status}`)
        if (outcome.kind === 'answered') this.#answers.set(body, (this.#answers.get(body) ?? 0) + 1)
        listener.outcome(outcome)
      },
    }
  }

  #checkConcurrency(inFlight: number): void {
    const { maxConcurrency = Infinity } = this.#drawn
    if (inFlight > maxConcurrency) this.#fault(`${inFlight} in flight, bound ${maxConcurrency}`)
  }

  #checkLife(process: { sends: number[] }, summary: RunSummary | undefined): void {
    const { maxRequestsPerMinute = Infinity } = this.#drawn
    for (const problem of checkWindow(process.sends, maxRequestsPerMinute)) this.#fault(problem)
    if (summary === undefined) return
    const { selected, succeeded, failed, left } = summary.rows
    this.#write(`exit ${summary.exitCode} ${selected} = ${succeeded} + ${failed} + ${left}`)
    if (selected !== succeeded + failed + left) this.#fault(`the summary does not add up`)
    const text = Buffer.from(this.#read(files.failed)).toString()
    if (/spend|usage limits|credit balance/.test(text))
      this.#fault('a row was failed for the account')
  }

  #check(): void {
    const { rows } = this.#input
    const output = readLines(this.#read(files.output))
    const failed = readLines(this.#read(files.failed))
    for (const problem of checkCountedOut(rows, this.#input.counts, { output, failed }))
      this.#fault(problem)
    if (this.#drawn.ordered) for (const problem of checkOrder(rows, output)) this.#fault(problem)
    // An answer that reached us is in the file, and is not bought again.
    const bought = [...this.#answers.values()].reduce((sum, count) => sum + count, 0)
    if (!this.#answersLost && bought !== output.length) {
      this.#fault(`${bought} answers were read, ${output.length} are in the output`)
    }
    const leftovers = this.#disk.paths().filter((path) => path.includes('.sluice/'))
    if (leftovers.length > 0) this.#fault(`left behind: ${leftovers.join(', ')}`)
  }

  #read(path: string): Uint8Array {
    return this.#disk.stat(path) === undefined ? new Uint8Array() : this.#disk.bytes(path)
  }

  #fault(problem: string): void {
    this.#problems.push(problem)
  }

  #write(line: string): void {
    this.#log.push(line)
  }
}

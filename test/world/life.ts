/**
 * One life of the process: `run` from its start to its end, which may be a death. What it is given,
 * what it says, what it sends and what its files hold before and after are kept for the checkers.
 */

import type { ApiCalls } from '../../src/api-calls.ts'
import type { Cancel, Clock } from '../../src/clock.ts'
import type { RunContext } from '../../src/context.ts'
import { RunControl } from '../../src/control.ts'
import { RunError } from '../../src/errors.ts'
import type { RunEvent } from '../../src/events.ts'
import type { Host } from '../../src/host.ts'
import type { RunOptions } from '../../src/settings.ts'
import type { Random } from '../../src/random.ts'
import { run } from '../../src/run.ts'
import type { SimulatorModel } from '../../src/simulator/index.ts'
import type { RunSummary } from '../../src/summary.ts'
import type { Listener, Transport } from '../../src/transport.ts'
import { systemError } from '../sim-file.ts'
import type { SimFiles } from '../sim-files.ts'
import type { TimedCommand } from './commands.ts'
import type { Death, Drawn } from './draw.ts'
import type { SimClock } from './sim-clock.ts'
import { SimApiCalls } from './sim-api-calls.ts'
import { SimTransport } from './sim-transport.ts'
import { Witness } from './witness.ts'

/** Where lives take place. */
export interface Stage {
  readonly drawn: Drawn
  readonly clock: SimClock
  readonly disk: SimFiles
  readonly model: SimulatorModel
  readonly apiKey: () => string
  readonly tally: (name: string) => void
  /** Puts the limit on the length of writes back to what it is for now. */
  readonly limitWrites: () => void
  /** The most of one batch. @default the product's */
  readonly packBounds?: { readonly rowsMax: number; readonly bytesMax: number }
}

/** What one life is to be. */
export interface LifePlan {
  readonly number: number
  /** Counts the starts of the machine. */
  readonly boot: number
  readonly options: RunOptions
  readonly death: Death | undefined
  readonly random: Random
  /** What its user tells it. @default nothing */
  readonly commands?: readonly TimedCommand[] | undefined
}

/** How it ended. */
export type Ending =
  | { readonly type: 'summary'; readonly summary: RunSummary }
  | { readonly type: 'refused'; readonly error: RunError }
  | { readonly type: 'bug'; readonly error: unknown }
  | { readonly type: 'kill' | 'power' }

/** A write in the middle of which to die may be long in coming. */
const midWriteMsMax = 5000
const awakeMsMin = 3000
/** Of the line that is being written, at most so much is on the disk at a death in its middle. */
const tornBytesMax = 200

export class Life {
  readonly plan: LifePlan
  readonly startedAt: number
  readonly witness: Witness
  readonly events: RunEvent[] = []
  /** What it did that no process may do. */
  readonly problems: string[] = []
  /** Told of each event as it comes. */
  heard: (event: RunEvent) => void = () => {}
  /** Lines for the history's log. */
  readonly log: string[] = []
  isAlive = true
  readonly #stage: Stage
  /** Since when its output cannot be written; Infinity while it can. */
  #blockedAt = Infinity
  #interrupted = false

  constructor(stage: Stage, plan: LifePlan) {
    this.#stage = stage
    this.plan = plan
    this.startedAt = stage.clock.now()
    this.witness = new Witness(stage.tally)
  }

  /** It was interrupted, and so may leave what a full disk did not take. */
  get wasInterrupted(): boolean {
    return this.#interrupted
  }

  get isBlocked(): boolean {
    return this.#blockedAt < Infinity
  }

  /** It is killed, now. */
  kill: () => void = () => {}

  async live(): Promise<Ending> {
    const { clock } = this.#stage
    const interrupt = new AbortController()
    const observers = [(event: RunEvent) => this.#hear(event)]
    const control = this.#commanded()
    const hooks = { signal: interrupt.signal, observers, control }
    const died = new Promise<Ending>((resolve) => {
      this.kill = () => {
        if (!this.isAlive) return
        this.isAlive = false
        this.#fall('kill')
        resolve({ type: 'kill' })
      }
      this.#await(() => interrupt.abort(), resolve)
    })
    const ended = run(this.plan.options, hooks, this.#context())
    try {
      const finished = ended.then((summary): Ending => ({ type: 'summary', summary }))
      return await clock.runUntil(Promise.race([finished, died]))
    } catch (error) {
      return error instanceof RunError ? { type: 'refused', error } : { type: 'bug', error }
    } finally {
      this.isAlive = false
    }
  }

  /** Undefined where its user tells it nothing. */
  #commanded(): RunControl | undefined {
    const { commands = [] } = this.plan
    if (commands.length === 0) return undefined
    const control = new RunControl()
    for (const { afterMs, command } of commands) {
      this.#stage.clock.after(afterMs, () => {
        if (!this.isAlive) return
        this.#stage.tally(command.type)
        control.send(command)
      })
    }
    return control
  }

  #hear(event: RunEvent): void {
    if (!this.isAlive) return
    this.events.push(event)
    this.heard(event)
    if (event.type !== 'output_blocked') return
    this.#blockedAt = event.code === null ? Infinity : event.at
  }

  #await(interrupt: () => void, died: (ending: Ending) => void): void {
    const { clock, tally } = this.#stage
    const { death } = this.plan
    if (death === undefined) return
    const { kind, afterMs, midWrite } = death
    const strike = (): void => {
      if (!this.isAlive) return
      // A machine that has just woken does first what it had to do meanwhile.
      const awakeMs = clock.now() - clock.asleepUntil
      if (awakeMs < awakeMsMin) {
        clock.after(awakeMsMin - awakeMs, strike)
        return
      }
      if (kind === 'interrupt') {
        this.#interrupted = true
        tally('interrupt')
        return interrupt()
      }
      const die = (): void => {
        if (!this.isAlive) return
        this.isAlive = false
        tally(kind === 'kill' ? 'process kill' : 'power loss')
        this.#fall(kind)
        died({ type: kind })
      }
      if (midWrite) this.#inMidWrite(die)
      else die()
    }
    clock.after(afterMs, strike)
  }

  #fall(kind: 'kill' | 'power'): void {
    const { disk } = this.#stage
    if (kind === 'kill') disk.kill()
    else disk.crash({ keepUnsynced: 'random' }, this.plan.random)
  }

  /** Dies between two pieces of one line. */
  #inMidWrite(die: () => void): void {
    const { disk, clock, limitWrites } = this.#stage
    let isTorn = false
    const over = (): void => {
      disk.onOperation = undefined
      limitWrites()
      die()
    }
    clock.after(midWriteMsMax, () => this.isAlive && over())
    disk.onOperation = (operation, path) => {
      if (operation !== 'write' || !this.isAlive) return
      if (!isTorn) {
        isTorn = true
        disk.limitWrites(() => this.plan.random.integer(1, tornBytesMax))
        return
      }
      over()
      throw systemError('EBADF', 'write', path)
    }
  }

  #context(): RunContext {
    const { clock: base, disk, drawn, packBounds } = this.#stage
    const { number, boot } = this.plan
    const clock: Clock = {
      now: () => base.now(),
      wallTime: () => base.wallTime(),
      after: (delayMs, callback) => this.#after(delayMs, callback),
    }
    const host: Host = {
      name: 'world',
      bootId: `boot ${boot}`,
      pid: number,
      startedAt: `life ${number}`,
      processState: (pid) => (pid === number && this.isAlive ? 'alive' : 'dead'),
    }
    return {
      clock,
      host,
      files: filesOf(disk, () => this.isAlive),
      seed: () => drawn.seed,
      transport: () => this.#transport(),
      calls: () => this.#calls(),
      ...(packBounds && { packBounds }),
    }
  }

  #calls(): ApiCalls {
    const { clock, model, drawn, apiKey } = this.#stage
    const random = this.plan.random.fork('calls')
    const options = { clock, model, random, networkMs: drawn.networkMs, apiKey }
    return new SimApiCalls(options, () => this.isAlive)
  }

  /** The timers of a machine that sleeps fire when it wakes, those of a dead process never. */
  #after(delayMs: number, callback: () => void): Cancel {
    const { clock } = this.#stage
    let isCancelled = false
    const fire = (): void => {
      if (this.isAlive && !isCancelled) callback()
    }
    const cancel = clock.after(delayMs, () => clock.whenAwake(fire))
    return () => {
      isCancelled = true
      cancel()
    }
  }

  #transport(): Transport {
    const { clock, model, drawn, apiKey } = this.#stage
    const { witness } = this
    const inner = new SimTransport({
      clock,
      model,
      random: this.plan.random.fork('network'),
      networkMs: drawn.networkMs,
      stragglers: drawn.stragglers,
      apiKey,
    })
    return {
      send: (dispatch, listener) => {
        const now = clock.now()
        // What was decided in the turn in which a write failed goes out; nothing after it.
        if (now > this.#blockedAt) this.problems.push('asked while nothing could be written')
        const sent = witness.send(now, dispatch.body)
        const ended = this.#heard(listener, (at, text) => {
          witness.end(at, sent)
          this.log.push(`${sent.at} → ${at} ${text}`)
        })
        return inner.send(dispatch, ended, witness.watch(sent))
      },
      close: () => inner.close(),
    }
  }

  /** A dead process hears nothing. */
  #heard(listener: Listener, over: (at: number, text: string) => void): Listener {
    return {
      sent: () => this.isAlive && listener.sent(),
      head: (status, limits) => this.isAlive && listener.head(status, limits),
      bytes: (count, content) => this.isAlive && listener.bytes(count, content),
      outcome: (outcome) => {
        if (!this.isAlive) return
        over(this.#stage.clock.now(), `${outcome.kind} ${outcome.status}`)
        listener.outcome(outcome)
      },
    }
  }
}

/** The disk as a process has it: a dead one does nothing more to it. */
function filesOf(disk: SimFiles, isAlive: () => boolean): SimFiles {
  return new Proxy(disk, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...given: readonly unknown[]): unknown => {
        if (!isAlive()) throw systemError('EBADF', String(name), String(given[0]))
        return Reflect.apply(member, target, given)
      }
    },
  })
}

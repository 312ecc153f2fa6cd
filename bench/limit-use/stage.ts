/**
 * The stage a scenario is played on: the simulator's model under the tests' virtual clock, whatever
 * happens to it besides, and a record of what crossed the wire.
 *
 * What each row cost is taken from what came back, not from the model: the same figures could be
 * had of any server, and the oracle (oracle.ts) is given nothing else.
 */

import { poolOf } from '../../src/pools.ts'
import { Random } from '../../src/random.ts'
import type { LimitReadings, Usage } from '../../src/outcome.ts'
import type { RunOptions } from '../../src/settings.ts'
import type { Listener, Transport } from '../../src/transport.ts'
import {
  SimulatorModel,
  type SimulatorOptions,
  type SimulatorTotals,
} from '../../src/simulator/index.ts'
import { SimClock } from '../../test/world/sim-clock.ts'
import { SimTransport } from '../../test/world/sim-transport.ts'
import { SlowConnects } from './slow-connects.ts'

/** What is played. */
export interface Scenario {
  readonly name: string
  readonly server: SimulatorOptions
  /** Of each run. */
  readonly rows: number
  /** The rows themselves. @default drawn, of so many `words` */
  readonly input?: () => Iterable<Row>
  /** Runs at once that know nothing of each other. @default 1 */
  readonly runs?: number
  /** Words of the prompt of a row that is drawn. */
  readonly words?: (random: Random, index: number) => number
  /** @default one */
  readonly models?: readonly string[]
  readonly options?: Partial<RunOptions>
  readonly seed: number
  /** What happens besides, ms after the start. */
  readonly events?: readonly (readonly [
    afterMs: number,
    act: (model: SimulatorModel, now: number) => void,
  ])[]
  /** Requests of others, a second, from an instant on; each has these words. @default none */
  readonly others?: { readonly perSecond: number; readonly words: number; readonly fromMs: number }
  /** The server's clock is ahead by so much. @default 0 */
  readonly skewMs?: number
  /** The share of crossings that take up to twenty times as long as the others. @default 0 */
  readonly stragglers?: number
  /** A request that finds no idle connection waits so long for a new one. @default 0 */
  readonly connectMs?: number
}

/** One row, as it was answered. */
export interface Asked {
  readonly model: string
  /** Bytes of the body: the server may hold a quarter of them as tokens at first. */
  readonly bytes: number
  readonly sentAt: number
  readonly input: number
  readonly output: number
  /** From the send to the last byte. */
  readonly latencyMs: number
}

/** What came of it. Instants are from the first send on. */
export interface Played {
  readonly asked: readonly Asked[]
  /** Rows without an answer. */
  readonly lost: number
  readonly lastSentAt: number
  readonly endedAt: number
  readonly refusedAt: readonly number[]
  /** Answered requests of others: when they arrived, and what they cost. */
  readonly others: readonly {
    readonly at: number
    readonly input: number
    readonly output: number
  }[]
  /** The lowest level of output tokens that an answer left. */
  readonly lowestOutput: number | undefined
}

/** What came of it, and what the server billed for it. */
export interface Billed extends Played {
  readonly totals: Readonly<SimulatorTotals>
}

/** Told of what is sent and read, to draw it. */
export interface StageObserver {
  readonly sent?: (at: number) => void
  readonly refused?: (at: number) => void
  readonly head?: (at: number, limits: LimitReadings) => void
  readonly answered?: (asked: Asked, body: Uint8Array, usage: Usage) => void
}

/** Of every row. */
export const maxTokens = 8000
/** Of those who have one model. */
export const usualModel = 'claude-haiku-4-5'

const networkMs = 20

/** One play's surroundings. */
export class Stage {
  readonly clock = new SimClock()
  readonly model: SimulatorModel
  readonly random: Random
  readonly startAt: number
  readonly #scenario: Scenario
  readonly #observer: StageObserver
  readonly #asked: Asked[] = []
  readonly #refusedAt: number[] = []
  readonly #others: { at: number; input: number; output: number }[] = []
  #lowestOutput: number | undefined
  #firstSentAt: number | undefined
  #lastSentAt = 0
  #isOver = false

  constructor(scenario: Scenario, observer: StageObserver = {}) {
    this.#scenario = scenario
    this.#observer = observer
    this.random = new Random(scenario.seed).fork('play')
    this.model = new SimulatorModel({ seed: scenario.seed, ...scenario.server })
    this.startAt = this.clock.now()
    for (const [afterMs, act] of scenario.events ?? []) {
      this.clock.after(afterMs, () => act(this.model, this.clock.now()))
    }
    this.#startOthers()
  }

  /** A way to the server on which everything is noted. */
  transport(name = 'network'): Transport {
    const link = new SlowConnects(this.#link(name), this.clock, this.#scenario.connectMs ?? 0)
    return {
      send: (dispatch, listener) => {
        const sentAt = this.clock.now()
        this.#firstSentAt ??= sentAt
        this.#lastSentAt = sentAt
        this.#observer.sent?.(sentAt)
        const { body, model } = dispatch
        return link.send(dispatch, this.#watched(listener, { model, body, sentAt }))
      },
      close: () => link.close(),
    }
  }

  /** Plays until the promise is settled, and says what there was to see; `lost` counts rows. */
  async playUntil(done: Promise<{ readonly lost: number }>): Promise<Billed> {
    const { lost } = await this.clock.runUntil(done, 1e9)
    this.#isOver = true
    const first = this.#firstSentAt ?? this.startAt
    return {
      asked: this.#asked.map((each) => ({ ...each, sentAt: each.sentAt - first })),
      lost,
      lastSentAt: this.#lastSentAt - first,
      endedAt: this.clock.now() - first,
      refusedAt: this.#refusedAt.map((at) => at - first),
      others: this.#others.map((each) => ({ ...each, at: each.at - first })),
      lowestOutput: this.#lowestOutput,
      totals: { ...this.model.totals },
    }
  }

  #link(name: string): SimTransport {
    const { skewMs = 0, stragglers = 0 } = this.#scenario
    const { clock } = this
    // The server's wall clock is its own.
    const model = new Proxy(this.model, {
      get: (target, member: keyof SimulatorModel) => {
        if (member === 'receive') {
          return (now: number, wall: number, wire: Parameters<SimulatorModel['receive']>[2]) =>
            target.receive(now, wall + skewMs, wire)
        }
        if (member === 'advance') {
          return (now: number, wall: number, id: number) => target.advance(now, wall + skewMs, id)
        }
        const value: unknown = Reflect.get(target, member, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const random = this.random.fork(name)
    return new SimTransport({ clock, model, random, networkMs, stragglers })
  }

  #watched(
    listener: Listener,
    { model, body, sentAt }: { model: string; body: Uint8Array; sentAt: number },
  ): Listener {
    return {
      sent: () => listener.sent(),
      head: (status, limits) => {
        if (limits !== undefined) this.#observer.head?.(this.clock.now(), limits)
        listener.head(status, limits)
      },
      bytes: (count, content) => listener.bytes(count, content),
      outcome: (outcome) => {
        const at = this.clock.now()
        if (outcome.kind === 'answered') {
          const { inputTokens, cacheWrite5mTokens, cacheWrite1hTokens, outputTokens } =
            outcome.usage
          const input = inputTokens + cacheWrite5mTokens + cacheWrite1hTokens
          const bytes = body.length
          const latencyMs = at - sentAt
          const asked = { model, bytes, sentAt, input, output: outputTokens, latencyMs }
          this.#asked.push(asked)
          this.#observer.answered?.(asked, body, outcome.usage)
          const level = this.model.levels(at, poolOf(model))?.output?.level
          if (level !== undefined) this.#lowestOutput = Math.min(this.#lowestOutput ?? level, level)
        } else if (outcome.kind === 'refused') {
          this.#refusedAt.push(at)
          this.#observer.refused?.(at)
        }
        listener.outcome(outcome)
      },
    }
  }

  #startOthers(): void {
    const { others } = this.#scenario
    if (others === undefined) return
    const link = this.#link('others')
    const random = this.random.fork('others')
    let number = 0
    const next = (): void => {
      if (this.#isOver) return
      const text = rowOf(1e9 + number++, others.words, usualModel)
      const at = this.clock.now()
      const dispatch = { body: Buffer.from(text), stream: false, model: usualModel }
      link.send(dispatch, {
        sent: () => {},
        head: () => {},
        bytes: () => {},
        outcome: (outcome) => {
          if (outcome.kind !== 'answered') return
          const { inputTokens, outputTokens } = outcome.usage
          this.#others.push({ at, input: inputTokens, output: outputTokens })
        },
      })
      this.clock.after((-Math.log(1 - random.float()) * 1000) / others.perSecond, next)
    }
    this.clock.after(others.fromMs, next)
  }
}

/** The rows of a scenario, a line each. */
export function* rowsOf(scenario: Scenario): Generator<Row> {
  const { rows, input, words = () => 1, models = [usualModel], seed } = scenario
  if (input !== undefined) {
    yield* input()
    return
  }
  const random = new Random(seed).fork('play').fork('input')
  for (let index = 0; index < rows; index++) {
    const model = models[index % models.length] ?? usualModel
    yield { model, line: rowOf(index, words(random, index), model) }
  }
}

/** One row of the input. */
export interface Row {
  readonly model: string
  /** Rows of one group begin alike. @default it is of none */
  readonly group?: string
  readonly line: string
}

/** The row of an index, whoever sends it. */
export function rowOf(index: number, words: number, model: string): string {
  const content = `Row ${index}: ${'word '.repeat(words)}`
  const messages = [{ role: 'user', content }]
  return `${JSON.stringify({ model, max_tokens: maxTokens, messages })}\n`
}

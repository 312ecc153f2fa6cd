/**
 * What people write by hand, in the same virtual time: the official SDK's retries under a fixed
 * concurrency (p-limit), or under a cap of starts in each interval (p-queue).
 *
 * These are transliterations, not the packages: their timers are the system's. What is copied is
 * when a task starts, and when and how often the SDK tries again (version 1.12.0):
 * a 429, 408, 409, any 5xx, a broken connection and a time-out are tried again, `maxRetries` times;
 * after `retry-after` if that is said, else after min(0.5 × 2ⁿ, 8) s, less up to a quarter by chance.
 * The packages themselves run in bench/limits-sockets.ts.
 */

import type { Random } from '../../src/random.ts'
import type { Transport } from '../../src/transport.ts'
import { type Billed, type Row, rowsOf, type Scenario, Stage, type StageObserver } from './stage.ts'

/** Who plays. */
export interface Contender {
  readonly name: string
  /** Most at once. */
  readonly concurrency: number
  /** Starts in each interval, of ms. @default any number */
  readonly intervalCap?: number
  readonly intervalMs?: number
  readonly maxRetries: number
  /** One row of each group is answered before all the others are asked. @default false */
  readonly warmsGroups?: boolean
}

/** Contenders at an organisation's true requests a minute. */
export function contenders(requestsPerMinute: number): readonly Contender[] {
  const limits = [10, 100].flatMap((concurrency) =>
    [2, 10].map((maxRetries) => ({
      name: `SDK, p-limit ${concurrency}, maxRetries ${maxRetries}`,
      concurrency,
      maxRetries,
    })),
  )
  const queues = [60_000, 1000].map((intervalMs) => {
    const intervalCap = Math.max(1, Math.floor((requestsPerMinute * intervalMs) / 60_000))
    return {
      name: `SDK, p-queue ${intervalCap} per ${intervalMs / 1000} s, maxRetries 2`,
      concurrency: Infinity,
      intervalCap,
      intervalMs,
      maxRetries: 2,
    }
  })
  return [...limits, ...queues]
}

/** The SDK's default. */
const timeoutMs = 600_000

/** Plays a scenario as a contender. */
export async function playPeer(
  scenario: Scenario,
  contender: Contender,
  observer: StageObserver = {},
): Promise<Billed> {
  const stage = new Stage(scenario, observer)
  return stage.playUntil(runAll(new Peer(stage, contender), scenario, contender))
}

async function runAll(
  peer: Peer,
  scenario: Scenario,
  { warmsGroups = false }: Contender,
): Promise<{ lost: number }> {
  if (!warmsGroups) return peer.run(rowsOf(scenario))
  const groups = new Set<string>()
  const isFirst = ({ group }: Row): boolean => {
    if (group === undefined || groups.has(group)) return false
    groups.add(group)
    return true
  }
  const { first = [], rest = [] } = Object.groupBy(rowsOf(scenario), (row) =>
    isFirst(row) ? 'first' : 'rest',
  )
  await peer.run(first.values())
  return peer.run(rest.values())
}

class Peer {
  readonly #stage: Stage
  readonly #contender: Contender
  readonly #transport: Transport
  readonly #random: Random
  #lost = 0

  constructor(stage: Stage, contender: Contender) {
    this.#stage = stage
    this.#contender = contender
    this.#transport = stage.transport()
    this.#random = stage.random.fork('retries')
  }

  async run(rows: Iterator<Row>): Promise<{ lost: number }> {
    const { concurrency, intervalCap = Infinity, intervalMs = 0 } = this.#contender
    const { clock } = this.#stage
    await new Promise<void>((resolve) => {
      let [underWay, started, isRead] = [0, 0, false]
      const startDue = (): void => {
        while (underWay < concurrency && started < intervalCap && !isRead) {
          const { value, done } = rows.next()
          isRead = done === true
          if (value === undefined) break
          underWay += 1
          started += 1
          this.#ask(value, () => {
            underWay -= 1
            startDue()
          })
        }
        if (isRead && underWay === 0) resolve()
      }
      const turn = (): void => {
        started = 0
        startDue()
        if (!isRead) clock.after(intervalMs, turn)
      }
      if (intervalCap === Infinity) startDue()
      else turn()
    })
    return { lost: this.#lost }
  }

  /** One call of the SDK: tries until it is answered or given up. */
  #ask(row: Row, ended: () => void, retries = 0): void {
    const { clock } = this.#stage
    let cancelTimeout = (): void => {}
    const dispatch = { body: Buffer.from(row.line), stream: false, model: row.model }
    const exchange = this.#transport.send(dispatch, {
      sent: () => {},
      head: () => {},
      bytes: () => {},
      outcome: (outcome) => {
        cancelTimeout()
        if (outcome.kind === 'answered') return ended()
        const isFinal = outcome.kind === 'invalid' || outcome.kind === 'no_model'
        if (isFinal || outcome.kind === 'run_stop' || retries === this.#contender.maxRetries) {
          this.#lost += 1
          return ended()
        }
        const saidMs = 'retryAfterMs' in outcome ? outcome.retryAfterMs : undefined
        const delayMs = this.#retryDelayMs(retries, saidMs)
        clock.after(delayMs, () => this.#ask(row, ended, retries + 1))
      },
    })
    cancelTimeout = clock.after(timeoutMs, () => exchange.abort('attempt_timeout'))
  }

  #retryDelayMs(retries: number, saidMs = 0): number {
    if (saidMs > 0) return saidMs
    return Math.min(0.5 * 2 ** retries, 8) * 1000 * (1 - 0.25 * this.#random.float())
  }
}

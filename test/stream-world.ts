/**
 * A place for `stream` to run in: the simulator's model and a transport without sockets, under a
 * clock that moves only when nothing is left to do.
 */

import type { RunContext } from '../src/context.ts'
import type { RunEvent } from '../src/events.ts'
import type { Host } from '../src/host.ts'
import type { Result, ResultStream } from '../src/index.ts'
import { Random } from '../src/random.ts'
import { SimulatorModel, type SimulatorOptions } from '../src/simulator/index.ts'
import { SimFiles } from './sim-files.ts'
import { SimClock } from './world/sim-clock.ts'
import { SimApiCalls } from './world/sim-api-calls.ts'
import { SimTransport } from './world/sim-transport.ts'

const host: Host = {
  name: 'stream',
  bootId: 'boot',
  pid: 1,
  startedAt: 'now',
  processState: () => 'dead',
}

export class StreamWorld {
  readonly clock = new SimClock()
  readonly files: SimFiles = new SimFiles(() => this.clock.wallTime())
  readonly events: RunEvent[] = []
  /** When each request left. */
  readonly sentAt: number[] = []
  /** The bodies of all requests, as they left. */
  readonly bodies: string[] = []
  inFlight = 0
  readonly context: RunContext

  /** Without limits, each answer in a second, unless `server` says otherwise. */
  constructor(server: SimulatorOptions = {}) {
    const model = new SimulatorModel({
      seed: 1,
      requestsPerMinute: null,
      inputTokensPerMinute: null,
      outputTokensPerMinute: null,
      latencyMs: 1000,
      latencySigma: 0,
      outputTokens: 20,
      ...server,
    })
    this.context = {
      clock: this.clock,
      files: this.files,
      host,
      seed: () => 1,
      calls: () =>
        new SimApiCalls({ clock: this.clock, model, random: new Random(2), networkMs: 5 }),
      transport: () => {
        const transport = new SimTransport({
          clock: this.clock,
          model,
          random: new Random(1),
          networkMs: 5,
        })
        return {
          send: (dispatch, listener) => {
            this.sentAt.push(this.clock.now())
            this.bodies.push(Buffer.from(dispatch.body).toString())
            this.inFlight += 1
            return transport.send(dispatch, {
              ...listener,
              outcome: (outcome) => {
                this.inFlight -= 1
                listener.outcome(outcome)
              },
            })
          },
          close: () => transport.close(),
        }
      },
    }
  }

  readonly observe = (event: RunEvent): void => {
    this.events.push(event)
  }

  count(type: RunEvent['type']): number {
    return this.events.filter((event) => event.type === type).length
  }

  /** Lets time pass until the promise is settled. */
  until<T>(promise: Promise<T>): Promise<T> {
    return this.clock.runUntil(promise)
  }

  /** Resolves after so much of the world's time, 0 or more. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.after(ms, resolve)
    })
  }

  pass(ms: number): Promise<void> {
    return this.until(this.wait(ms))
  }
}

/** What `request` makes. */
export interface Answerable {
  readonly model: string
  readonly max_tokens: number
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly metadata: { readonly number: number }
}

/** A request that can be answered; `number` tells it from others. */
export function request(number: number): Answerable {
  return {
    model: 'claude-haiku-4-5',
    max_tokens: 50,
    messages: [{ role: 'user', content: `Say ${number}` }],
    metadata: { number },
  }
}

/** So many of them. */
export function requests(count: number): Answerable[] {
  return Array.from({ length: count }, (_, index) => request(index))
}

/** Everything a stream gives, and what it throws at the end, if it does. */
export async function drain<M>(
  stream: ResultStream<M>,
): Promise<{ readonly results: Result<M>[]; readonly thrown?: unknown }> {
  const results: Result<M>[] = []
  try {
    for await (const result of stream) results.push(result)
    return { results }
  } catch (error) {
    return { results, thrown: error }
  }
}

/**
 * The way to the simulator's model without sockets: requests and replies cross after a delay
 * drawn from the world's seed, and out of order when the draws say so.
 */

import type { Random } from '../../src/random.ts'
import { ReplyReader } from '../../src/reply-reader.ts'
import type { Reception, SimulatorModel, Step, WireAction } from '../../src/simulator/index.ts'
import type { AbortReason, Dispatch, Exchange, Listener, Transport } from '../../src/transport.ts'
import type { SimClock } from './sim-clock.ts'

/** Sees what becomes of one try on the wire. */
export interface Watcher {
  arrived(at: number, reception: Reception): void
  /** Something reached the client, which still listened. */
  read(at: number, action: WireAction): void
}

export interface SimTransportOptions {
  readonly clock: SimClock
  readonly model: SimulatorModel
  readonly random: Random
  /** One way, ms. */
  readonly networkMs: number
  /** The share of crossings that take up to `stragglerFactor` times as long. @default 0 */
  readonly stragglers?: number
  /** @default one that is taken */
  readonly apiKey?: () => string
}

const stragglerFactor = 20

const streamHead = Buffer.from('{"stream":true,')

export class SimTransport implements Transport {
  readonly #options: SimTransportOptions
  readonly #under = new Set<SimExchange>()

  constructor(options: SimTransportOptions) {
    this.#options = options
  }

  send(dispatch: Dispatch, listener: Listener, watcher?: Watcher): Exchange {
    const ended = (): void => {
      this.#under.delete(exchange)
    }
    const exchange = new SimExchange(this.#options, { dispatch, watcher }, listener, ended)
    this.#under.add(exchange)
    exchange.start()
    return exchange
  }

  close(): Promise<void> {
    for (const exchange of this.#under) exchange.abort('stopped')
    return Promise.resolve()
  }
}

class SimExchange implements Exchange {
  readonly #options: SimTransportOptions
  readonly #dispatch: Dispatch
  readonly #reader: ReplyReader
  readonly #watcher: Watcher | undefined
  #id: number | undefined
  #lastArrivalAt = 0

  constructor(
    options: SimTransportOptions,
    { dispatch, watcher }: { dispatch: Dispatch; watcher: Watcher | undefined },
    listener: Listener,
    ended: () => void,
  ) {
    this.#options = options
    this.#dispatch = dispatch
    this.#watcher = watcher
    this.#reader = new ReplyReader({
      head: (status, limits) => listener.head(status, limits),
      bytes: (count, content) => listener.bytes(count, content),
      outcome: (outcome) => {
        ended()
        listener.outcome(outcome)
      },
    })
  }

  start(): void {
    const { clock } = this.#options
    clock.after(this.#delayMs(), () => this.#arrive())
  }

  abort(reason: AbortReason): void {
    if (this.#reader.settled) return
    const { clock, model } = this.#options
    if (this.#id !== undefined) model.disconnect(clock.now(), this.#id)
    this.#fail('aborted', `ended from this side: ${reason}`)
  }

  #arrive(): void {
    // A request that was aborted on its way may arrive all the same: the bytes had left.
    const { clock, model, apiKey = () => 'sk-ant-world' } = this.#options
    const { body, stream } = this.#dispatch
    const reception = model.receive(clock.now(), clock.trueTime(), {
      method: 'POST',
      path: '/v1/messages',
      headers: { 'x-api-key': apiKey(), 'anthropic-version': '2023-06-01' },
      body: stream ? Buffer.concat([streamHead, body.subarray(1)]) : body,
    })
    this.#watcher?.arrived(clock.now(), reception)
    this.#id = reception.id
    this.#perform(reception.step)
  }

  #perform(step: Step): void {
    const { clock, model } = this.#options
    // Actions travel back in order, however the delays are drawn.
    const arrivalAt = Math.max(this.#lastArrivalAt, clock.now() + this.#delayMs())
    this.#lastArrivalAt = arrivalAt
    if (step.actions.length > 0) {
      // What reaches a machine that sleeps is read when it wakes.
      const read = (): void => {
        for (const action of step.actions) this.#receive(action)
      }
      clock.at(arrivalAt, () => clock.whenAwake(read))
    }
    if (step.nextAt === undefined) return
    const { nextAt } = step
    clock.after(Math.max(0, nextAt - clock.now()), () => {
      if (this.#id !== undefined)
        this.#perform(model.advance(clock.now(), clock.trueTime(), this.#id))
    })
  }

  #receive(action: WireAction): void {
    if (!this.#reader.settled) this.#watcher?.read(this.#options.clock.now(), action)
    switch (action.type) {
      case 'head': {
        const headers = Object.fromEntries(
          action.headers.map(([name, value]) => [name.toLowerCase(), value]),
        )
        return this.#reader.head(action.status, headers)
      }
      case 'data':
        return this.#reader.data(action.bytes)
      case 'end':
        return this.#reader.end()
      case 'reset':
        return this.#fail('connection_error', 'connection reset')
      default:
        action satisfies never
    }
  }

  #fail(type: string, message: string): void {
    this.#reader.fail({ error: { type, message }, unknown: true })
  }

  #delayMs(): number {
    const { networkMs, stragglers = 0, random } = this.#options
    const factor = random.chance(stragglers) ? stragglerFactor * random.float() : 1
    return networkMs * (0.5 + random.float()) * Math.max(1, factor)
  }
}

/**
 * The way to the simulator's model without sockets: requests and replies cross after a delay
 * drawn from the world's seed, and out of order when the draws say so.
 */

import type { Clock } from '../../src/clock.ts'
import type { Random } from '../../src/random.ts'
import { ReplyReader } from '../../src/reply-reader.ts'
import type { SimulatorModel, Step, WireAction } from '../../src/simulator/index.ts'
import type { AbortReason, Dispatch, Exchange, Listener, Transport } from '../../src/transport.ts'

export interface SimTransportOptions {
  readonly clock: Clock
  readonly model: SimulatorModel
  readonly random: Random
  /** One way, ms. */
  readonly networkMs: number
  /** Sees every request as it leaves. */
  readonly sent?: (at: number, dispatch: Dispatch) => void
  /** Sees every request as it arrives. */
  readonly received?: (at: number, dispatch: Dispatch) => void
}

const streamHead = Buffer.from('{"stream":true,')

export class SimTransport implements Transport {
  readonly #options: SimTransportOptions
  readonly #under = new Set<SimExchange>()

  constructor(options: SimTransportOptions) {
    this.#options = options
  }

  /** Requests under way. */
  get inFlight(): number {
    return this.#under.size
  }

  send(dispatch: Dispatch, listener: Listener): Exchange {
    const exchange = new SimExchange(this.#options, dispatch, listener, () => {
      this.#under.delete(exchange)
    })
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
  #id: number | undefined
  #lastArrivalAt = 0

  constructor(
    options: SimTransportOptions,
    dispatch: Dispatch,
    listener: Listener,
    ended: () => void,
  ) {
    this.#options = options
    this.#dispatch = dispatch
    this.#reader = new ReplyReader({
      head: (status, limits) => listener.head(status, limits),
      bytes: (count) => listener.bytes(count),
      outcome: (outcome) => {
        ended()
        listener.outcome(outcome)
      },
    })
  }

  start(): void {
    const { clock, sent } = this.#options
    sent?.(clock.now(), this.#dispatch)
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
    const { clock, model, received } = this.#options
    received?.(clock.now(), this.#dispatch)
    const { body, stream } = this.#dispatch
    const { id, step } = model.receive(clock.now(), clock.wallTime(), {
      method: 'POST',
      path: '/v1/messages',
      headers: { 'x-api-key': 'sk-ant-world', 'anthropic-version': '2023-06-01' },
      body: stream ? Buffer.concat([streamHead, body.subarray(1)]) : body,
    })
    this.#id = id
    this.#perform(step)
  }

  #perform(step: Step): void {
    const { clock, model } = this.#options
    // Actions travel back in order, however the delays are drawn.
    const arrivalAt = Math.max(this.#lastArrivalAt, clock.now() + this.#delayMs())
    this.#lastArrivalAt = arrivalAt
    if (step.actions.length > 0) {
      clock.after(arrivalAt - clock.now(), () => {
        for (const action of step.actions) this.#receive(action)
      })
    }
    if (step.nextAt === undefined) return
    const { nextAt } = step
    clock.after(Math.max(0, nextAt - clock.now()), () => {
      if (this.#id !== undefined)
        this.#perform(model.advance(clock.now(), clock.wallTime(), this.#id))
    })
  }

  #receive(action: WireAction): void {
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
    const { networkMs, random } = this.#options
    return networkMs * (0.5 + random.float())
  }
}

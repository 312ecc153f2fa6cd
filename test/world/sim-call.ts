/**
 * Calls of the simulator's model that are not Messages, without sockets: batches, above all. A
 * request and its reply cross after a delay drawn from the world's seed.
 */

import type { Random } from '../../src/random.ts'
import type { SimulatorModel, Step, WireAction } from '../../src/simulator/index.ts'
import type { SimClock } from './sim-clock.ts'

export interface SimCallOptions {
  readonly clock: SimClock
  readonly model: SimulatorModel
  readonly random: Random
  /** One way, ms. */
  readonly networkMs: number
  /** @default one that is taken */
  readonly apiKey?: () => string
}

export interface SimRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Path and query; what stands before the path in a link (`results_url`) is dropped. */
  readonly path: string
  /** Beside the key and the version. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | object
}

export interface SimReply {
  /** 0 when the connection was reset before a head came. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** What came of the body. */
  readonly body: Uint8Array
  /** The connection was reset before the reply was whole. */
  readonly isCut: boolean
}

/** What came of a reply so far. */
interface Coming {
  status: number
  headers: Record<string, string>
  readonly chunks: Uint8Array[]
  id: number | undefined
  lastArrivalAt: number
}

/** Calls a model through a network of virtual time. */
export class SimCalls {
  readonly #options: SimCallOptions

  constructor(options: SimCallOptions) {
    this.#options = options
  }

  /** Resolves when the reply is whole or cut; never rejects. `onData` is told of what arrives. */
  call(request: SimRequest, onData?: (bytes: Uint8Array) => void): Promise<SimReply> {
    const { clock, model, apiKey = () => 'sk-ant-world' } = this.#options
    return new Promise((resolve) => {
      const coming: Coming = { status: 0, headers: {}, chunks: [], id: undefined, lastArrivalAt: 0 }
      const read = (action: WireAction): void => {
        if (action.type === 'head') {
          coming.status = action.status
          coming.headers = Object.fromEntries(action.headers)
        } else if (action.type === 'data') {
          coming.chunks.push(action.bytes)
          onData?.(action.bytes)
        } else {
          const { status, headers, chunks } = coming
          resolve({ status, headers, body: Buffer.concat(chunks), isCut: action.type === 'reset' })
        }
      }
      clock.after(this.#delayMs(), () => {
        const { id, step } = model.receive(clock.now(), clock.trueTime(), {
          method: request.method,
          path: request.path.replace(/^https?:\/\/[^/]+/, ''),
          headers: {
            'x-api-key': apiKey(),
            'anthropic-version': '2023-06-01',
            ...request.headers,
          },
          body: bytesOf(request.body),
        })
        coming.id = id
        this.#perform(coming, step, read)
      })
    })
  }

  #perform(coming: Coming, step: Step, read: (action: WireAction) => void): void {
    const { clock, model } = this.#options
    const { nextAt, actions } = step
    // What is sent later arrives later, however the delays are drawn.
    coming.lastArrivalAt = Math.max(coming.lastArrivalAt, clock.now() + this.#delayMs())
    clock.at(coming.lastArrivalAt, () => clock.whenAwake(() => actions.forEach(read)))
    if (nextAt === undefined) return
    clock.at(nextAt, () => {
      const { id = 0 } = coming
      this.#perform(coming, model.advance(clock.now(), clock.trueTime(), id), read)
    })
  }

  #delayMs(): number {
    const { networkMs, random } = this.#options
    return networkMs * (0.5 + random.float())
  }
}

function bytesOf(body: SimRequest['body']): Uint8Array {
  if (body === undefined) return new Uint8Array()
  return body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body))
}

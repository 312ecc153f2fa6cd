/**
 * A transport whose connections take their time: a request that finds no idle one waits for its
 * own to open, and is overtaken by those that find one. So it is where many start at once, or the
 * processor is short.
 */

import type { Clock } from '../../src/clock.ts'
import type { AbortReason, Dispatch, Exchange, Listener, Transport } from '../../src/transport.ts'

/** The way over `link`, on which a new connection takes `connectMs`. */
export class SlowConnects implements Transport {
  readonly #link: Transport
  readonly #clock: Clock
  readonly #connectMs: number
  #idle = 0

  constructor(link: Transport, clock: Clock, connectMs: number) {
    this.#link = link
    this.#clock = clock
    this.#connectMs = connectMs
  }

  send(dispatch: Dispatch, listener: Listener): Exchange {
    let exchange: Exchange | undefined
    const start = (): void => {
      if (isWaiting) listener.sent()
      exchange = this.#link.send(dispatch, {
        sent: () => listener.sent(),
        head: (status, limits) => listener.head(status, limits),
        bytes: (count, content) => listener.bytes(count, content),
        outcome: (outcome) => {
          this.#idle += 1
          listener.outcome(outcome)
        },
      })
    }
    const isWaiting = this.#idle === 0 && this.#connectMs > 0
    this.#idle = Math.max(0, this.#idle - 1)
    if (isWaiting) this.#clock.after(this.#connectMs, start)
    else start()
    // Nothing is given up while it connects: time-outs are far longer.
    return { isWaiting, abort: (reason: AbortReason) => exchange?.abort(reason) }
  }

  close(): Promise<void> {
    return this.#link.close()
  }
}

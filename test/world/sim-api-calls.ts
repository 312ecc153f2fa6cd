/**
 * The product's way to make calls, over the world's network.
 *
 * A process that died hears nothing more, but what it sent arrives.
 */

import type { ApiCall, ApiCalls, CallReply } from '../../src/api-calls.ts'
import { SimCalls, type SimCallOptions } from './sim-call.ts'

export class SimApiCalls implements ApiCalls {
  readonly #calls: SimCalls
  readonly #isAlive: () => boolean

  constructor(options: SimCallOptions, isAlive: () => boolean = () => true) {
    this.#calls = new SimCalls(options)
    this.#isAlive = isAlive
  }

  async call({ method, path, body, onBytes, signal }: ApiCall): Promise<CallReply> {
    const chunks: Uint8Array[] = []
    for await (const chunk of body?.chunks() ?? []) chunks.push(Uint8Array.from(chunk))
    const sent = Buffer.concat(chunks)
    if (body !== undefined && sent.length !== body.length) {
      throw new Error(`A body of ${sent.length} bytes was said to have ${body.length}`)
    }
    return new Promise((resolve) => {
      const lost = { headers: {}, body: '', isWhole: false, wasSent: true }
      const giveUp = (): void => resolve({ ...lost, status: 0, failure: 'it was given up' })
      if (signal.aborted) return giveUp()
      signal.addEventListener('abort', giveUp)
      const hears = (): boolean => this.#isAlive() && !signal.aborted
      const asked = { method, path: `/v1/messages${path}`, ...(body && { body: sent }) }
      const onData = (bytes: Uint8Array, status: number): void => {
        if (hears() && status === 200) onBytes?.(bytes)
      }
      const hear = async (): Promise<void> => {
        const { status, headers, isCut, body: read } = await this.#calls.call(asked, onData)
        if (!hears()) return
        signal.removeEventListener('abort', giveUp)
        const isTaken = onBytes !== undefined && status === 200
        const text = isTaken ? '' : Buffer.from(read).toString()
        resolve({ status, headers, body: text, isWhole: !isCut, wasSent: true })
      }
      void hear()
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

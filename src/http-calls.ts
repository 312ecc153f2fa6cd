/**
 * Calls over HTTP: one request of undici each, without retries.
 */

import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'

import type { ApiCall, ApiCalls, CallReply } from './api-calls.ts'
import { bounds } from './bounds.ts'
import { readConnectionError } from './connection-error.ts'
import { dispatcherTo } from './http-dispatcher.ts'
import { type HttpRouteOptions, readHeaders } from './http-route.ts'
import type { ReplyHeaders } from './reply.ts'

/** A server that takes 256 MB may think about them for a while. */
const headMsMax = 300_000
const idleMsMax = 60_000

/** How far a call has come. */
interface Progress {
  wasSent: boolean
  status: number
  headers: ReplyHeaders
}

/** See above. */
export class HttpCalls implements ApiCalls {
  readonly #dispatcher: Dispatcher
  readonly #headers: string[]
  readonly #root: URL

  /** @throws RunError `OPTIONS_INVALID` for a URL, a header or a proxy that cannot be used */
  constructor(options: HttpRouteOptions) {
    const { baseUrl, environment = {} } = options
    this.#headers = readHeaders(options)
    this.#root = new URL(`${baseUrl.replace(/\/+$/, '')}/v1/messages`)
    this.#dispatcher = dispatcherTo({ baseUrl, environment })
  }

  async call(call: ApiCall): Promise<CallReply> {
    const progress: Progress = { wasSent: false, status: 0, headers: {} }
    const chunks: Uint8Array[] = []
    const take = call.onBytes ?? ((bytes: Uint8Array) => chunks.push(bytes))
    const read = (): string => Buffer.concat(chunks).toString()
    try {
      const { statusCode, headers, body } = await this.#dispatcher.request({
        ...this.#request(call, progress),
        headersTimeout: headMsMax,
        bodyTimeout: idleMsMax,
        signal: call.signal,
      })
      progress.wasSent = true
      progress.status = statusCode
      progress.headers = headers
      let bytes = 0
      const pieces: AsyncIterable<Uint8Array> = body
      for await (const data of pieces) {
        bytes += data.length
        if (statusCode === 200) take(data)
        else if (bytes <= bounds.replyBytesMax) chunks.push(data)
      }
      return { ...progress, body: read(), isWhole: true }
    } catch (error) {
      return {
        ...progress,
        body: read(),
        isWhole: false,
        failure: this.#reasonOf(error, call.signal, progress),
      }
    }
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }

  #request({ method, path, body }: ApiCall, progress: Progress): Dispatcher.RequestOptions {
    const [pathname = '', query] = path.split('?')
    const own = this.#root.pathname + pathname
    const to = { origin: this.#root.origin, path: query === undefined ? own : `${own}?${query}` }
    if (body === undefined) {
      // A request without a body is no JSON.
      return { ...to, method, headers: this.#headers }
    }
    const headers = [...this.#headers, 'content-length', String(body.length)]
    // Bytes, not objects: what is read ahead of the socket is counted in them.
    const stream = Readable.from(sending(body.chunks(), progress), { objectMode: false })
    return { ...to, method, headers, body: stream }
  }

  #reasonOf(error: unknown, { aborted }: AbortSignal, { wasSent, status }: Progress): string {
    if (aborted) return 'it was given up'
    const stage = status > 0 ? 'replying' : wasSent ? 'sent' : 'connecting'
    return readConnectionError(error, this.#root.host, stage).error.message
  }
}

/** Notes that the first bytes have been asked for: only a connection that is open asks. */
async function* sending(
  chunks: AsyncIterable<Uint8Array>,
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    progress.wasSent = true
    yield chunk
  }
}

/**
 * A server on this machine's own address, for its user and nobody else: metrics and the page.
 *
 * It never stands in a run's way: it keeps no process alive, and whatever goes wrong with a
 * connection is that connection's. A page in a browser on this machine may send requests here under
 * a name of its own (DNS rebinding), so only requests to a name of this machine are answered.
 */

import http from 'node:http'
import { assert } from './assert.ts'

/** A server that listens. */
export interface LoopbackServer {
  /** Its origin: `http://127.0.0.1:PORT`. */
  readonly origin: string
  /** Ends what is under way, too. */
  close(): Promise<void>
}

/** What somebody wants. */
export type LocalRequest = http.IncomingMessage
/** What they get. */
export type LocalResponse = http.ServerResponse

const address = '127.0.0.1'

/** Whoever watches has one or two; this bounds what a mistake can take. */
const connectionsMax = 64
const options: http.ServerOptions = { requestTimeout: 10_000, headersTimeout: 10_000 }

/**
 * Serves on 127.0.0.1; port 0 takes a free one. Rejects with the system's error when the port
 * cannot be had. `answer` is only given requests to read (GET, HEAD) that name this machine.
 */
export async function serveLocally(
  port: number,
  answer: (request: LocalRequest, response: LocalResponse) => void,
): Promise<LoopbackServer> {
  const server = http.createServer(options, (request, response) => {
    // A body, which nobody should send, is not waited for.
    request.resume()
    if (!isLocal(request.headers.host)) return refuse(response, 403, 'not a name of this machine')
    if (request.method === 'GET' || request.method === 'HEAD') return answer(request, response)
    response.setHeader('allow', 'GET, HEAD')
    return refuse(response, 405, 'what is here is only read')
  })
  server.maxConnections = connectionsMax
  server.on('connection', (socket) => socket.unref())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: address }, resolve)
  })
  server.unref()
  // What fails from now on (no descriptor for one more connection) must not end a run.
  server.on('error', () => {})
  const bound = server.address()
  assert(typeof bound === 'object' && bound !== null, 'A listening server has an address')
  return { origin: `http://${address}:${bound.port}`, close: () => closeServer(server) }
}

/** Answers with a status and a line of text that says why. */
export function refuse(response: LocalResponse, status: number, why: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${why}\n`)
}

/** Whether a request was sent to a name that can only be this machine's. */
function isLocal(host: string | undefined): boolean {
  const name = host?.replace(/:\d*$/, '').toLowerCase()
  return name === address || name === 'localhost' || name === '[::1]'
}

function closeServer(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

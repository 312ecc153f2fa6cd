/**
 * Metrics on a loopback socket, for Prometheus: `GET /metrics`, and nothing else.
 *
 * It never stands in a run's way: it keeps no process alive, and whatever goes wrong with a
 * connection is that connection's. A page in a browser on this machine may send requests here under
 * a name of its own (DNS rebinding), so only requests to a name of this machine are answered.
 */

import http from 'node:http'
import { assert } from '../assert.ts'
import type { Metrics } from './metrics.ts'

/** A server of metrics that listens. */
export interface MetricsServer {
  /** Where the metrics are. */
  readonly url: string
  close(): Promise<void>
}

const address = '127.0.0.1'

/** Whoever scrapes has one or two; this bounds what a mistake can take. */
const connectionsMax = 64

/**
 * Serves metrics on 127.0.0.1; port 0 takes a free one. Rejects with the system's error when the
 * port cannot be had.
 */
export async function serveMetrics(metrics: Metrics, port: number): Promise<MetricsServer> {
  const server = http.createServer(options, (request, response) => {
    void answer(metrics, request, response)
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
  return { url: `http://${address}:${bound.port}${path}`, close: () => closeServer(server) }
}

const path = '/metrics'
const options: http.ServerOptions = { requestTimeout: 10_000, headersTimeout: 10_000 }

/** Never rejects: what goes wrong is the answer. */
async function answer(
  metrics: Metrics,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = request
  // A body, which nobody should send, is not waited for.
  request.resume()
  if (!isLocal(request.headers.host)) return refuse(response, 403, 'not a name of this machine')
  if (url.split('?', 1)[0] !== path) return refuse(response, 404, `metrics are at ${path}`)
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return refuse(response, 405, 'metrics are only read')
  }
  try {
    const text = await metrics.text()
    response.writeHead(200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' })
    response.end(method === 'HEAD' ? undefined : text)
  } catch {
    refuse(response, 500, 'the metrics could not be made')
  }
}

function refuse(response: http.ServerResponse, status: number, why: string): void {
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

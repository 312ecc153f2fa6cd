/**
 * Metrics on a loopback socket, for Prometheus: `GET /metrics`, and nothing else.
 */

import {
  type LocalRequest,
  type LocalResponse,
  type LoopbackServer,
  refuse,
  serveLocally,
} from '../loopback.ts'
import type { Metrics } from './metrics.ts'

/** A server of metrics that listens. */
export interface MetricsServer extends Pick<LoopbackServer, 'close'> {
  /** Where the metrics are. */
  readonly url: string
}

const path = '/metrics'

/**
 * Serves metrics on 127.0.0.1; port 0 takes a free one. Rejects with the system's error when the
 * port cannot be had.
 */
export async function serveMetrics(metrics: Metrics, port: number): Promise<MetricsServer> {
  const server = await serveLocally(port, (request, response) => {
    void answer(metrics, request, response)
  })
  return { url: server.origin + path, close: () => server.close() }
}

/** Never rejects: what goes wrong is the answer. */
async function answer(
  metrics: Metrics,
  request: LocalRequest,
  response: LocalResponse,
): Promise<void> {
  if (request.url?.split('?', 1)[0] !== path) {
    return refuse(response, 404, `metrics are at ${path}`)
  }
  try {
    const text = await metrics.text()
    response.writeHead(200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' })
    response.end(request.method === 'HEAD' ? undefined : text)
  } catch {
    refuse(response, 500, 'the metrics could not be made')
  }
}

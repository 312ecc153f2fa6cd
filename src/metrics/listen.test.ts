/**
 * The metrics' server on a real socket: whom it answers, and what it never does.
 */

import http from 'node:http'
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { readMetrics } from '../../test/prometheus-text.ts'
import { SystemClock } from '../clock.ts'
import { type MetricsServer, serveMetrics } from './listen.ts'
import { Metrics } from './metrics.ts'

const servers: MetricsServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function serve(metrics = new Metrics(new SystemClock())): Promise<MetricsServer> {
  const server = await serveMetrics(metrics, 0)
  servers.push(server)
  return server
}

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly host?: string
}

interface Answered {
  readonly status: number | undefined
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** What a request is answered with; `fetch` would not let the `Host` be another. */
function ask(url: string, { method = 'GET', path = '/metrics', host }: Asked = {}) {
  const headers = host === undefined ? {} : { host }
  return new Promise<Answered>((resolve, reject) => {
    const request = http.request(new URL(path, url), { method, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, text })
      })
    })
    request.on('error', reject).end()
  })
}

describe('serveMetrics()', () => {
  test('listens on 127.0.0.1 alone, and answers with the text format', async () => {
    const { url } = await serve()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
    const { status, headers, text } = await ask(url)
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(readMetrics(text).sum('sluice_build_info')).toBe(1)
  })

  test.each([
    { what: 'a query', path: '/metrics?name=x', status: 200 },
    { what: 'only the head', method: 'HEAD', status: 200 },
    { what: 'another path', path: '/', status: 404 },
    { what: 'a path below', path: '/metrics/x', status: 404 },
    { what: 'another method', method: 'POST', status: 405 },
    { what: 'deleting', method: 'DELETE', status: 405 },
    { what: 'localhost', host: 'localhost:1234', status: 200 },
    { what: 'LOCALHOST', host: 'LocalHost', status: 200 },
    { what: 'the other loopback', host: '[::1]:9464', status: 200 },
    { what: 'a name that was bound to 127.0.0.1', host: 'evil.example', status: 403 },
    { what: 'such a name with a port', host: 'evil.example:9464', status: 403 },
    { what: 'a name that begins like it', host: '127.0.0.1.evil.example', status: 403 },
    { what: 'a name that ends like it', host: 'evil-localhost', status: 403 },
  ])('asked for $what answers $status', async ({ status, ...asked }) => {
    const { url } = await serve()
    const answered = await ask(url, asked)
    expect(answered.status).toBe(status)
    if (status !== 200) expect(answered.text).not.toContain('sluice_')
    if (status === 405) expect(answered.headers['allow']).toBe('GET, HEAD')
  })

  test('answers 500 where metrics cannot be made, and goes on', async () => {
    const metrics = new Metrics(new SystemClock())
    let isBroken = true
    const text = metrics.text.bind(metrics)
    metrics.text = () => (isBroken ? Promise.reject(new Error('broken')) : text())
    const { url } = await serve(metrics)
    expect((await ask(url)).status).toBe(500)
    isBroken = false
    expect((await ask(url)).status).toBe(200)
  })

  test('rejects with the error of the system where a port is taken', async () => {
    const { url } = await serve()
    const port = Number(new URL(url).port)
    const second = serveMetrics(new Metrics(new SystemClock()), port)
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test('when it is closed frees its port, also with a client that stays connected', async () => {
    const server = await serve()
    const agent = new http.Agent({ keepAlive: true })
    const { port } = new URL(server.url)
    await new Promise<void>((resolve) => {
      http.get(server.url, { agent }, (response) => response.resume().on('end', resolve))
    })
    await server.close()
    const again = createServer()
    await new Promise<void>((resolve, reject) => {
      again.once('error', reject).listen(Number(port), '127.0.0.1', resolve)
    })
    await new Promise((resolve) => again.close(resolve))
    agent.destroy()
  })
})

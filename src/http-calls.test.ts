import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { ApiCall, CallReply } from './api-calls.ts'
import { HttpCalls } from './http-calls.ts'
import { startSimulator } from './simulator/index.ts'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void

/** Calls to a server that answers so. */
async function world(handler: Handler, path = ''): Promise<HttpCalls> {
  const server = http.createServer(handler)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return callsTo(`http://127.0.0.1:${port}${path}`, () => {
    server.closeAllConnections()
    server.close()
  })
}

function callsTo(baseUrl: string, close: () => Promise<void> | void = () => {}): HttpCalls {
  const calls = new HttpCalls({
    baseUrl,
    apiKey: 'k-1',
    version: '2023-06-01',
    userAgent: 'sluice/t',
  })
  closing.push(() => calls.close(), close)
  return calls
}

function call(calls: HttpCalls, more: Partial<ApiCall> = {}): Promise<CallReply> {
  return calls.call({
    method: 'GET',
    path: '/batches',
    signal: new AbortController().signal,
    ...more,
  })
}

/** A body of so many pieces. */
function bodyOf(pieces: number, bytes = 2 ** 18, onPiece: (index: number) => void = () => {}) {
  return {
    length: pieces * bytes,
    async *chunks() {
      for (let index = 0; index < pieces; index++) {
        onPiece(index)
        yield Buffer.alloc(bytes, 0x20)
      }
    },
  }
}

describe('a call', () => {
  test('asks as Messages are asked, and reads what comes', async () => {
    let asked: http.IncomingMessage | undefined
    const calls = await world((request, response) => {
      asked = request
      response.writeHead(200, { 'retry-after': '5' }).end('{"a":1}')
    }, '/prefix')
    const reply = await call(calls, { path: '/batches?limit=100' })
    expect(reply).toMatchObject({ status: 200, body: '{"a":1}', isWhole: true, wasSent: true })
    expect(reply.headers['retry-after']).toBe('5')
    expect(asked).toMatchObject({ method: 'GET', url: '/prefix/v1/messages/batches?limit=100' })
    expect(asked?.headers).toMatchObject({ 'x-api-key': 'k-1', 'anthropic-version': '2023-06-01' })
  })

  test('of an error reads no more of it than is of use', async () => {
    const calls = await world((_, response) => {
      response.writeHead(500).end('x'.repeat(200_000_000))
    })
    const { status, body } = await call(calls)
    expect(status).toBe(500)
    expect(body.length).toBeLessThan(150_000_000)
  })

  test('hands on the body of a 200, and of no other', async () => {
    const pieces: number[] = []
    const onBytes = (bytes: Uint8Array): void => {
      pieces.push(bytes.length)
    }
    const good = await world((_, response) => void response.end('x'.repeat(1_000_000)))
    expect(await call(good, { onBytes })).toMatchObject({ status: 200, body: '', isWhole: true })
    expect(pieces.reduce((sum, bytes) => sum + bytes, 0)).toBe(1_000_000)
    const bad = await world((_, response) => void response.writeHead(404).end('{"no":1}'))
    pieces.length = 0
    expect(await call(bad, { onBytes })).toMatchObject({ status: 404, body: '{"no":1}' })
    expect(pieces).toEqual([])
  })

  test('that finds nobody was not sent', async () => {
    const calls = callsTo('http://127.0.0.1:1')
    for (const more of [{}, { method: 'POST', body: bodyOf(2) } as const]) {
      const reply = await call(calls, more)
      expect(reply).toMatchObject({ status: 0, isWhole: false, wasSent: false })
      expect(reply.failure).toContain('127.0.0.1:1')
      expect(reply.failure).not.toContain('k-1')
    }
  })

  test('that is cut in its reply says how far it came', async () => {
    const calls = await world((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half')
      setTimeout(() => response.destroy(), 20)
    })
    const reply = await call(calls)
    expect(reply).toMatchObject({ status: 200, isWhole: false, wasSent: true, body: 'half' })
  })

  test('that is given up ends', async () => {
    const ending = new AbortController()
    const calls = await world(() => ending.abort())
    const reply = await call(calls, { signal: ending.signal })
    expect(reply).toMatchObject({ status: 0, isWhole: false, failure: 'it was given up' })
  })
})

describe('an upload', () => {
  test('of 256 MB is made while it is sent', async () => {
    let taken = 0
    let ahead = 0
    const calls = await world((request, response) => {
      request.on('data', (bytes: Uint8Array) => {
        taken += bytes.length
      })
      request.on('end', () => response.end(String(taken)))
    })
    const bytes = 2 ** 18
    const body = bodyOf(1024, bytes, (index) => {
      ahead = Math.max(ahead, index * bytes - taken)
    })
    const reply = await call(calls, { method: 'POST', body })
    expect(reply).toMatchObject({ status: 200, body: String(2 ** 28) })
    // What is made and not taken is in buffers of sockets, and no more than a few pieces.
    expect(ahead).toBeLessThan(16 * 2 ** 20)
  })

  test('that is cut may have been read', async () => {
    const calls = await world((request) => {
      request.once('data', () => request.destroy())
    })
    const reply = await call(calls, { method: 'POST', body: bodyOf(200) })
    expect(reply).toMatchObject({ status: 0, isWhole: false, wasSent: true })
  })

  test('that is refused before its end is told of, or may have been read', async () => {
    const calls = await world((request, response) => {
      request.once('data', () => {
        response.writeHead(413, { connection: 'close' }).end('{}')
      })
    })
    const reply = await call(calls, { method: 'POST', body: bodyOf(200) })
    expect([413, 0]).toContain(reply.status)
    expect(reply.wasSent).toBe(true)
  })

  test('that cannot be read from its disk fails, and is no reply', async () => {
    const calls = await world((request, response) => {
      request.resume().on('end', () => response.end())
    })
    const body = {
      length: 1000,
      async *chunks() {
        yield Buffer.alloc(10)
        throw Object.assign(new Error('read'), { code: 'EIO' })
      },
    }
    const reply = await call(calls, { method: 'POST', body })
    expect(reply).toMatchObject({ status: 0, isWhole: false, wasSent: true })
  })
})

test('the simulator on a socket takes a batch, and gives its results', async () => {
  const simulator = await startSimulator({ batchDurationMs: 0 })
  closing.push(() => simulator.close())
  const calls = callsTo(simulator.url)
  const params = {
    model: 'claude-haiku-4-5',
    max_tokens: 9,
    messages: [{ role: 'user', content: 'Hi' }],
  }
  const text = Buffer.from(JSON.stringify({ requests: [{ custom_id: 'a-0', params }] }))
  const body = {
    length: text.length,
    async *chunks() {
      yield text.subarray(0, 20)
      yield text.subarray(20)
    },
  }
  const created = await call(calls, { method: 'POST', body })
  expect(created.status).toBe(200)
  const { id } = JSON.parse(created.body) as { id: string }
  let results = ''
  await call(calls, {
    path: `/batches/${id}/results`,
    onBytes: (bytes) => {
      results += Buffer.from(bytes).toString()
    },
  })
  expect(JSON.parse(results)).toMatchObject({ custom_id: 'a-0', result: { type: 'succeeded' } })
})

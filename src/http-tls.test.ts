import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import {
  answer,
  answerJson,
  closeAll,
  listen,
  messageOf,
  send,
  transportTo,
  until,
} from '../test/loopback.ts'
import type { Connect } from './http.ts'

afterEach(closeAll)

/** A proxy that leads to `port` whatever it is asked for; writes down what it was asked. */
async function serveTunnel(port: number, asked: unknown[]): Promise<string> {
  const server = http.createServer()
  server.on('connect', (request, socket) => {
    asked.push(request.url, request.headers['proxy-authorization'], request.headers['x-api-key'])
    const onward = net.connect(port, '127.0.0.1')
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
    socket.on('close', () => onward.destroy())
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    onward.pipe(socket).pipe(onward)
  })
  return `http://user:pass@127.0.0.1:${await listen(server)}`
}

describe('TLS', () => {
  let folder = ''
  let ca = ''
  let key = ''
  let cert = ''

  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-tls-'))
    const run = (line: string): unknown =>
      execFileSync('openssl', line.split(' '), { cwd: folder, stdio: 'pipe' })
    fs.writeFileSync(
      path.join(folder, 'san'),
      'subjectAltName=DNS:localhost,DNS:api.invalid,IP:127.0.0.1',
    )
    const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
    run(`req -x509 ${newKey} -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority`)
    run(`req ${newKey} -keyout key.pem -out csr.pem -subj /CN=api.invalid`)
    const sign = 'x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial'
    run(`${sign} -days 2 -extfile san -out cert.pem`)
    const read = (name: string): string => fs.readFileSync(path.join(folder, name), 'utf8')
    ca = read('ca.pem')
    key = read('key.pem')
    cert = read('cert.pem')
  })

  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

  async function serveTls(): Promise<string> {
    const server = https.createServer({ key, cert }, (request, reply) => {
      request.resume().on('end', () => answerJson(reply))
    })
    return `https://127.0.0.1:${await listen(server)}`
  }

  /** An HTTP/2 server; `handle` is called with each request once its body was read. */
  async function serveHttp2(
    handle: (reply: http2.Http2ServerResponse, body: string) => void,
    onConnection: () => void = () => undefined,
  ): Promise<string> {
    const server = http2.createSecureServer({ key, cert }, (request, reply) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => handle(reply, Buffer.concat(chunks).toString()))
    })
    server.on('connection', onConnection)
    return `https://127.0.0.1:${await listen(server)}`
  }

  test('trusts an authority of our own', async () => {
    const transport = transportTo(await serveTls(), { ca })
    expect((await send(transport).outcome).kind).toBe('answered')
  })

  test('trusts nobody else, and says what to do', async () => {
    const url = await serveTls()
    const outcome = await send(transportTo(url)).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: false })
    expect(messageOf(outcome)).toContain(`Cannot connect to ${new URL(url).host}: TLS failed`)
    expect(messageOf(outcome)).toContain('NODE_EXTRA_CA_CERTS')
  })

  test('goes through a tunnel that sees neither name nor key of ours', async () => {
    const asked: unknown[] = []
    const port = Number(new URL(await serveTls()).port)
    const environment = { HTTPS_PROXY: await serveTunnel(port, asked) }
    const transport = transportTo('https://api.invalid', { ca, environment })
    for (let round = 0; round < 3; round++) {
      expect((await send(transport).outcome).kind).toBe('answered')
    }
    const authorization = `Basic ${Buffer.from('user:pass').toString('base64')}`
    expect(asked).toEqual(['api.invalid:443', authorization, undefined])
  })

  test.each([false, true])(
    'refuses a certificate of another name (HTTP/2: %s)',
    async (isHttp2) => {
      const url = isHttp2 ? await serveHttp2((reply) => answerJson(reply)) : await serveTls()
      const port = Number(new URL(url).port)
      const environment = { HTTPS_PROXY: await serveTunnel(port, []) }
      const transport = transportTo('https://other.invalid', { ca, environment, http2: isHttp2 })
      const tries = [send(transport), send(transport), send(transport)]
      for (const { outcome } of tries) {
        expect(await outcome).toMatchObject({ kind: 'broken', unknown: false })
        expect(messageOf(await outcome)).toContain('(ERR_TLS_CERT_ALTNAME_INVALID)')
      }
    },
  )

  test('carries HTTP/2: a hundred requests to a connection', async () => {
    let connections = 0
    const held: http2.Http2ServerResponse[] = []
    const url = await serveHttp2(
      (reply) => held.push(reply),
      () => connections++,
    )
    const transport = transportTo(url, { ca, http2: true, socketsMax: 200 })
    const tries = Array.from({ length: 150 }, () => send(transport))
    await until(() => held.length === 150)
    expect(connections).toBe(2)
    for (const reply of held) answerJson(reply)
    for (const { outcome } of tries) expect((await outcome).kind).toBe('answered')
    held.length = 0
    const more = send(transport)
    await until(() => held.length === 1)
    held.forEach(answerJson)
    expect((await more.outcome).kind).toBe('answered')
    expect(connections).toBe(2)
  })

  test('carries HTTP/2: an abort ends a stream and leaves the others alone', async () => {
    const replies = new Map<string, http2.Http2ServerResponse>()
    let closed = 0
    const url = await serveHttp2((reply, text) => {
      replies.set(text, reply)
      reply.stream.on('close', () => closed++)
    })
    const transport = transportTo(url, { ca, http2: true })
    const tries = ['{"n":0}', '{"n":1}'].map((text) => send(transport, { body: Buffer.from(text) }))
    await until(() => replies.size === 2)
    tries[0]?.exchange.abort('first_byte_timeout')
    expect(tries[0]?.outcomes).toMatchObject([{ kind: 'broken', unknown: true }])
    await until(() => closed === 1)
    const other = replies.get('{"n":1}')
    if (other !== undefined) answerJson(other)
    expect(await tries[1]?.outcome).toMatchObject({ kind: 'answered' })
  })

  test('carries HTTP/2: an abort before the connection stands sends nothing', async () => {
    const seen: string[] = []
    let connections = 0
    const url = await serveHttp2(
      (reply, text) => {
        seen.push(text)
        answerJson(reply)
      },
      () => connections++,
    )
    const transport = transportTo(url, { ca, http2: true })
    const first = send(transport, { body: Buffer.from('{"n":0}') })
    const second = send(transport, { body: Buffer.from('{"n":1}') })
    first.exchange.abort('stopped')
    expect(first.outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
    expect((await second.outcome).kind).toBe('answered')
    expect(seen).toEqual(['{"n":1}'])
    expect(connections).toBe(1)
    expect(first.outcomes).toHaveLength(1)
  })

  test('carries HTTP/2: a stream refused for good was not carried out', async () => {
    let refused = 0
    const url = await serveHttp2((reply) => {
      refused++
      reply.stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
    })
    const outcome = await send(transportTo(url, { ca, http2: true })).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: false })
    expect(refused).toBe(2)
  })

  test('carries HTTP/2: a stream that breaks, or its connection, may be billed', async () => {
    const url = await serveHttp2((reply, text) => {
      if (text.includes('all')) reply.stream.session?.destroy()
      else reply.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
    })
    const transport = transportTo(url, { ca, http2: true })
    for (const text of ['{"one":1}', '{"all":1}']) {
      const outcome = await send(transport, { body: Buffer.from(text) }).outcome
      expect(outcome).toMatchObject({ kind: 'broken', unknown: true })
    }
  })

  test.each(['session', 'socket'])(
    'carries HTTP/2: what waits for a %s that is lost takes another',
    async (what) => {
      const sockets: net.Socket[] = []
      const server = http2.createSecureServer({ key, cert, settings: { maxConcurrentStreams: 1 } })
      server.on('connection', (socket: net.Socket) => sockets.push(socket))
      server.on('stream', (stream) => {
        stream.on('error', () => undefined)
        if (sockets.length > 1) {
          stream.respond({ 'content-type': 'application/json' })
          stream.end(answer)
        } else if (what === 'session') stream.session?.destroy()
        else sockets[0]?.resetAndDestroy()
      })
      const url = `https://127.0.0.1:${await listen(server)}`
      const transport = transportTo(url, { ca, http2: true })
      const tries = Array.from({ length: 4 }, () => send(transport))
      const outcomes = await Promise.all(tries.map((sent) => sent.outcome))
      expect(outcomes[0]).toMatchObject({ kind: 'broken', unknown: true })
      const others = outcomes.slice(1).map(({ kind }) => kind)
      expect(others).toEqual(['answered', 'answered', 'answered'])
    },
  )

  test('refuses HTTP/2 to a server that does not speak it', async () => {
    const url = await serveTls()
    const transport = transportTo(url, { ca, http2: true })
    const tries = [send(transport), send(transport)]
    for (const { outcome } of tries) {
      expect(await outcome).toMatchObject({ kind: 'broken', unknown: false })
      expect(messageOf(await outcome)).toContain('it does not speak HTTP/2')
    }
  })
})

test('HTTP/2 without TLS is spoken where the switch says so', async () => {
  const server = http2.createServer((request, reply) => {
    request.resume().on('end', () => answerJson(reply))
  })
  const transport = transportTo(`http://127.0.0.1:${await listen(server)}`, { http2: true })
  const tries = [send(transport), send(transport)]
  for (const { outcome } of tries) expect((await outcome).kind).toBe('answered')
})

test('HTTP/2 that cannot connect fails each request once, also those sent from within a failure', async () => {
  let connects = 0
  const connect: Connect = (_, callback) => {
    connects++
    setImmediate(() => callback(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), null))
  }
  const transport = transportTo('https://127.0.0.1:1', { http2: true, connect })
  const later: ReturnType<typeof send>[] = []
  const tries = Array.from({ length: 3 }, () =>
    send(transport, { onOutcome: () => later.push(send(transport)) }),
  )
  await Promise.all(tries.map((sent) => sent.outcome))
  expect(later).toHaveLength(3)
  await Promise.all(later.map((sent) => sent.outcome))
  for (const { outcomes } of [...tries, ...later]) {
    expect(outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
  }
  expect(connects).toBe(2)
})

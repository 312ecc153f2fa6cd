import http from 'node:http'
import net from 'node:net'

import { afterEach, describe, expect, test } from 'vitest'

import {
  answer,
  answerJson,
  body,
  closeAll,
  events,
  listen,
  messageOf,
  send,
  serve,
  transportTo,
  until,
} from '../test/loopback.ts'
import type { Connect } from './http.ts'

afterEach(closeAll)

describe('send()', () => {
  test('posts the body to the byte and gives the answer', async () => {
    const seen: unknown[] = []
    const { url } = await serve((request, reply, text) => {
      seen.push(request.method, request.url, text, request.headers)
      reply.setHeader('request-id', 'req_7')
      answerJson(reply)
    })
    const transport = transportTo(`${url}/prefix/`, {
      betas: ['b1', 'b2'],
      headers: { 'X-A': 'ö' },
    })
    const sent = send(transport)
    expect(await sent.outcome).toMatchObject({
      kind: 'answered',
      message: answer,
      requestId: 'req_7',
      usage: { outputTokens: 2 },
    })
    expect(sent.statuses).toEqual([200])
    expect(seen.slice(0, 3)).toEqual(['POST', '/prefix/v1/messages', body.toString()])
    expect(seen[3]).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(body.length),
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'b1,b2',
      'x-api-key': 'sk-ant-secret',
      'user-agent': 'sluice/test',
      'x-a': 'ö',
    })
  })

  test('asks for a stream in the body, and answers before the reply has ended', async () => {
    let asked = ''
    const { url } = await serve((_, reply, text) => {
      asked = text
      reply.setHeader('content-type', 'text/event-stream; charset=utf-8')
      for (const event of events) reply.write(event)
    })
    const transport = transportTo(url)
    const sent = send(transport, { stream: true })
    expect(await sent.outcome).toMatchObject({ kind: 'answered', stopReason: 'end_turn' })
    expect(asked).toBe(`{"stream":true,${body.toString().slice(1)}`)
  })

  test('reads a reply past what the server says meanwhile', async () => {
    const { url } = await serve((_, reply) => {
      reply.writeEarlyHints({ link: '</x>; rel=preload' })
      setImmediate(() => answerJson(reply))
    })
    const sent = send(transportTo(url))
    expect((await sent.outcome).kind).toBe('answered')
    expect(sent.statuses).toEqual([200])
  })

  test('lets no key into an outcome, even from a server that quotes it', async () => {
    const { url } = await serve((request, reply) => {
      reply.statusCode = 400
      const text = JSON.stringify(request.headers)
      reply.end(JSON.stringify({ type: 'error', error: { type: 'e', message: text } }))
    })
    for (const key of [{ apiKey: 'hunter-2' }, { apiKey: undefined, authToken: 'hunter-2' }]) {
      const outcome = await send(transportTo(url, key)).outcome
      expect(messageOf(outcome)).toContain('anthropic-version')
      expect(JSON.stringify(outcome)).not.toContain('hunter-2')
    }
  })

  test('hands what a listener throws to nobody but the process', async () => {
    const { url } = await serve((_, reply) => answerJson(reply))
    const transport = transportTo(url)
    const bug = new Error('bug')
    const sent = send(transport, {
      onOutcome() {
        throw bug
      },
    })
    await until(() => transport.testClock.thrown.length > 0)
    expect(transport.testClock.thrown).toEqual([bug])
    expect(sent.outcomes).toHaveLength(1)
  })
})

describe('a connection that cannot be made', () => {
  test('is broken, names the place, and cannot be billed', async () => {
    const server = net.createServer()
    const port = await listen(server)
    server.close()
    const outcome = await send(transportTo(`http://127.0.0.1:${port}`)).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: false, status: 0 })
    expect(messageOf(outcome)).toBe(
      `Cannot connect to 127.0.0.1:${port}: nothing listens there (ECONNREFUSED)`,
    )
  })

  test.each(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL'])(
    'for %s is no_socket, in a later turn, and the next is tried anew',
    async (code) => {
      const connect: Connect = (_, callback) => {
        callback(Object.assign(new Error('connect'), { code }), null)
      }
      const transport = transportTo('http://127.0.0.1:1', { connect, socketsMax: 1 })
      for (let round = 0; round < 3; round++) {
        const sent = send(transport)
        expect(sent.outcomes).toEqual([])
        expect(await sent.outcome).toMatchObject({ kind: 'no_socket' })
      }
    },
  )
})

describe('a proxy', () => {
  test('is handed whole URLs for http, with its own credentials', async () => {
    const seen: unknown[] = []
    const { url } = await serve((request, reply) => {
      seen.push(request.url, request.headers)
      answerJson(reply)
    })
    const environment = { HTTP_PROXY: url.replace('http://', 'http://user:pass@') }
    const transport = transportTo('http://api.invalid:8080/x', { environment })
    expect((await send(transport).outcome).kind).toBe('answered')
    expect(seen[0]).toBe('http://api.invalid:8080/x/v1/messages')
    expect(seen[1]).toMatchObject({
      host: 'api.invalid:8080',
      'proxy-authorization': `Basic ${Buffer.from('user:pass').toString('base64')}`,
    })
  })

  test.each([
    [407, { kind: 'run_stop', reason: 'permission' }],
    [403, { kind: 'run_stop', reason: 'permission' }],
    [502, { kind: 'broken', unknown: false }],
  ])('that refuses a tunnel with %i is %j', async (status, expected) => {
    const server = http.createServer()
    server.on('connect', (_, socket) => {
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)
    })
    const port = await listen(server)
    const environment = { HTTPS_PROXY: `http://user:pass@127.0.0.1:${port}` }
    const outcome = await send(transportTo('https://api.invalid', { environment })).outcome
    expect(outcome).toMatchObject(expected)
    expect(messageOf(outcome)).toContain(`proxy 127.0.0.1:${port}`)
    expect(messageOf(outcome)).not.toContain('pass')
  })

  test('that is not there is named', async () => {
    const server = net.createServer()
    const port = await listen(server)
    server.close()
    const environment = { HTTPS_PROXY: `http://127.0.0.1:${port}` }
    const outcome = await send(transportTo('https://api.invalid', { environment })).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: false })
    expect(messageOf(outcome)).toBe(
      `Cannot connect to the proxy 127.0.0.1:${port}: nothing listens there (ECONNREFUSED)`,
    )
  })

  test('is left when a tunnel that is being opened is aborted', async () => {
    let opened = 0
    let closed = 0
    const server = http.createServer()
    server.on('connect', (_, socket) => {
      opened++
      socket.resume().on('end', () => closed++)
    })
    const environment = { HTTPS_PROXY: `http://127.0.0.1:${await listen(server)}` }
    const sent = send(transportTo('https://api.invalid', { environment }))
    await until(() => opened === 1)
    sent.exchange.abort('attempt_timeout')
    expect(sent.outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
    await until(() => closed === 1)
  })
})

import type net from 'node:net'

import { afterEach, describe, expect, test } from 'vitest'

import {
  answer,
  closeAll,
  messageOf,
  plainReply,
  send,
  serve,
  serveRaw,
  transportTo,
  until,
} from '../test/loopback.ts'

afterEach(closeAll)

describe('a connection that breaks', () => {
  test('as it is used again is replaced once, unseen', async () => {
    const url = await serveRaw((socket, requestNumber) => {
      if (requestNumber === 1) socket.write(plainReply)
      else socket.resetAndDestroy()
    })
    const transport = transportTo(url)
    expect((await send(transport).outcome).kind).toBe('answered')
    const sent = send(transport)
    expect((await sent.outcome).kind).toBe('answered')
    expect(sent.outcomes).toHaveLength(1)
    expect(transport.staleRetries).toBe(1)
  })

  test('is not replaced by another that may be as stale', async () => {
    let sockets = 0
    const url = await serveRaw((socket, requestNumber, socketNumber) => {
      sockets = socketNumber
      if (requestNumber === 1) socket.write(plainReply)
      else socket.resetAndDestroy()
    })
    const transport = transportTo(url, { socketsMax: 2 })
    await Promise.all([send(transport).outcome, send(transport).outcome])
    expect((await send(transport).outcome).kind).toBe('answered')
    expect(sockets).toBe(3)
    expect(transport.staleRetries).toBe(1)
  })

  test('on a socket that took the place of another has been used for nothing before', async () => {
    const closing = plainReply.replace('\r\n', '\r\nconnection: close\r\n')
    const url = await serveRaw((socket, _, socketNumber) => {
      if (socketNumber === 1) socket.end(closing)
      else socket.destroy()
    })
    const transport = transportTo(url, { socketsMax: 1 })
    let second: ReturnType<typeof send> | undefined
    await send(transport, { onOutcome: () => (second = send(transport)) }).outcome
    expect(await second?.outcome).toMatchObject({ kind: 'broken', unknown: true })
    expect(transport.staleRetries).toBe(0)
  })

  test('again on the new socket is broken and may be billed', async () => {
    let sockets = 0
    const url = await serveRaw((socket, requestNumber, socketNumber) => {
      sockets = socketNumber
      if (socketNumber === 1 && requestNumber === 1) socket.write(plainReply)
      else socket.destroy()
    })
    const transport = transportTo(url)
    await send(transport).outcome
    expect(await send(transport).outcome).toMatchObject({ kind: 'broken', unknown: true })
    expect(sockets).toBe(2)
    expect(transport.staleRetries).toBe(1)
  })

  test('long after the request was sent is not taken for stale', async () => {
    const sockets: net.Socket[] = []
    const url = await serveRaw((socket, requestNumber) => {
      if (requestNumber === 1) socket.write(plainReply)
      else sockets.push(socket)
    })
    const transport = transportTo(url)
    await send(transport).outcome
    const sent = send(transport)
    await until(() => sockets.length === 1)
    transport.testClock.advance(1000)
    sockets[0]?.destroy()
    expect(await sent.outcome).toMatchObject({ kind: 'broken', unknown: true })
    expect(transport.staleRetries).toBe(0)
  })

  test('on its first request is broken and may be billed', async () => {
    const url = await serveRaw((socket) => socket.resetAndDestroy())
    const transport = transportTo(url)
    const outcome = await send(transport).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: true, status: 0 })
    expect(messageOf(outcome)).toContain(`${new URL(url).host} was closed before a reply came`)
    expect(transport.staleRetries).toBe(0)
  })

  test('within a reply is broken and may be billed, also on a socket used before', async () => {
    const url = await serveRaw((socket, requestNumber) => {
      if (requestNumber === 1) return socket.write(plainReply)
      return socket.end(plainReply.slice(0, -10))
    })
    const transport = transportTo(url)
    await send(transport).outcome
    const outcome = await send(transport).outcome
    expect(outcome).toMatchObject({ kind: 'broken', unknown: true, status: 200 })
    expect(messageOf(outcome)).toContain('in the middle of a reply')
    expect(transport.staleRetries).toBe(0)
  })

  test('is broken for a reply that is no HTTP, and is not tried again', async () => {
    const url = await serveRaw((socket, requestNumber) => {
      socket.write(requestNumber === 1 ? plainReply : 'SSH-2.0-OpenSSH_9.2\r\n')
    })
    const transport = transportTo(url)
    await send(transport).outcome
    expect(await send(transport).outcome).toMatchObject({ kind: 'broken', unknown: true })
    expect(transport.staleRetries).toBe(0)
  })
})

describe('a request', () => {
  test('that needs a new connection waits, and says when it is sent', async () => {
    const { url } = await serve((_, reply) => void reply.end(answer))
    const transport = transportTo(url)
    const first = send(transport)
    expect([first.exchange.isWaiting, first.sent.length]).toEqual([true, 0])
    await first.outcome
    expect(first.sent).toHaveLength(1)
    const second = send(transport)
    expect(second.exchange.isWaiting).toBe(false)
    await second.outcome
    expect(second.sent).toHaveLength(0)
  })

  test('that finds its connection closed was sent once', async () => {
    const url = await serveRaw((socket, requestNumber) => {
      if (requestNumber === 1) socket.write(plainReply)
      else socket.resetAndDestroy()
    })
    const transport = transportTo(url)
    await send(transport).outcome
    const again = send(transport)
    expect((await again.outcome).kind).toBe('answered')
    expect([transport.staleRetries, again.sent.length]).toEqual([1, 0])
  })

  test('that finds no server was never sent', async () => {
    const sent = send(transportTo('http://127.0.0.1:1'))
    expect((await sent.outcome).kind).toBe('broken')
    expect(sent.exchange.isWaiting).toBe(true)
    expect(sent.sent).toHaveLength(0)
  })
})

describe('abort()', () => {
  test.each([
    ['first_byte_timeout', 'timeout_error', /first|No byte/],
    ['idle_timeout', 'timeout_error', /stalled/],
    ['attempt_timeout', 'timeout_error', /try took longer/],
    ['row_timeout', 'timeout_error', /row took longer/],
    ['stopped', 'aborted', /stopped/],
    ['slept', 'aborted', /slept/],
  ] as const)(
    'for %s ends the try in this turn and closes its socket',
    async (reason, type, words) => {
      let closed = 0
      const sockets: net.Socket[] = []
      const url = await serveRaw((socket) => {
        sockets.push(socket)
        socket.on('close', () => closed++)
      })
      const transport = transportTo(url, { socketsMax: 1 })
      const sent = send(transport)
      await until(() => sockets.length === 1)
      sent.exchange.abort(reason)
      expect(sent.outcomes).toMatchObject([{ kind: 'broken', unknown: true, error: { type } }])
      expect(messageOf(await sent.outcome)).toMatch(words)
      const second = send(transport)
      await until(() => closed === 1 && sockets.length === 2)
      sent.exchange.abort(reason)
      expect(sent.outcomes).toHaveLength(1)
      second.exchange.abort('stopped')
    },
  )

  test('within a reply and after it does what it says and no more', async () => {
    const { url } = await serve((_, reply) => {
      reply.setHeader('content-type', 'application/json')
      reply.write(answer.slice(0, 10))
    })
    const sent = send(transportTo(url))
    await until(() => sent.statuses.length === 1)
    sent.exchange.abort('idle_timeout')
    expect(sent.outcomes).toMatchObject([{ kind: 'broken', unknown: true, status: 200 }])
    sent.exchange.abort('stopped')
    expect(sent.outcomes).toHaveLength(1)
  })

  test('before a no_socket outcome takes its place', async () => {
    const transport = transportTo('http://127.0.0.1:1', { connect: () => undefined, socketsMax: 1 })
    send(transport)
    const sent = send(transport)
    sent.exchange.abort('stopped')
    expect(sent.outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
    await new Promise((resolve) => setImmediate(resolve))
    expect(sent.outcomes).toHaveLength(1)
  })
})

import type http from 'node:http'
import net from 'node:net'

import { afterEach, describe, expect, test } from 'vitest'

import {
  answerJson,
  closeAll,
  events,
  plainReply,
  send,
  serve,
  serveRaw,
  transportTo,
  until,
} from '../test/loopback.ts'
import type { Connect } from './http.ts'

afterEach(closeAll)

/** A connector that waits to be told, on top of a plain one. */
function heldConnector(): { readonly connect: Connect; readonly held: (() => void)[] } {
  const held: (() => void)[] = []
  const connect: Connect = (to, callback) => {
    held.push(() => {
      const socket = net.connect(Number(to.port), to.hostname)
      socket.on('connect', () => callback(null, socket))
    })
  }
  return { connect, held }
}

describe('sockets', () => {
  test('are used again, the last one first', async () => {
    const ports: (number | undefined)[] = []
    const { url } = await serve((request, reply) => {
      ports.push(request.socket.remotePort)
      answerJson(reply)
    })
    const transport = transportTo(url)
    await Promise.all([send(transport).outcome, send(transport).outcome, send(transport).outcome])
    expect(new Set(ports).size).toBe(3)
    const before = new Set(ports)
    for (let round = 0; round < 5; round++) await send(transport).outcome
    expect(new Set(ports.slice(3)).size).toBe(1)
    expect(before.has(ports.at(-1))).toBe(true)
  })

  test('are used again by who sends from within an outcome', async () => {
    const ports = new Set<number | undefined>()
    const { url } = await serve((request, reply) => {
      ports.add(request.socket.remotePort)
      answerJson(reply)
    })
    const transport = transportTo(url)
    const { promise, resolve } = Promise.withResolvers<void>()
    let left = 20
    const next = (): void => {
      if (left-- === 0) resolve()
      else send(transport, { onOutcome: next })
    }
    next()
    await promise
    expect(ports.size).toBe(1)
    expect(transport.staleRetries).toBe(0)
  })

  test('are not kept where the server closes them', async () => {
    const ports = new Set<number | undefined>()
    const { url } = await serve((request, reply) => {
      ports.add(request.socket.remotePort)
      reply.setHeader('connection', 'close')
      answerJson(reply)
    })
    const transport = transportTo(url)
    for (let round = 0; round < 3; round++) {
      expect((await send(transport).outcome).kind).toBe('answered')
    }
    expect(ports.size).toBe(3)
  })

  test('that the server closes while they are idle are passed over', async () => {
    const ports: (number | undefined)[] = []
    const sockets: net.Socket[] = []
    const { url } = await serve((request, reply) => {
      ports.push(request.socket.remotePort)
      sockets.push(request.socket)
      answerJson(reply)
    })
    let closed = 0
    const connect: Connect = (to, callback) => {
      const socket = net.connect(Number(to.port), to.hostname)
      return socket.on('connect', () => callback(null, socket)).on('close', () => closed++)
    }
    const transport = transportTo(url, { connect })
    await Promise.all([send(transport).outcome, send(transport).outcome])
    await send(transport).outcome
    const [last, other] = [ports[2], ports.find((port) => port !== ports[2])]
    sockets[2]?.destroy()
    await until(() => closed === 1)
    await send(transport).outcome
    expect(last).not.toBe(other)
    expect(ports[3]).toBe(other)
  })

  test('that still have a request to write after its reply are not used again', async () => {
    const sockets: number[] = []
    const url = await serveRaw((socket, _, socketNumber) => {
      if (sockets.includes(socketNumber)) return
      sockets.push(socketNumber)
      socket.write(plainReply)
      socket.pause()
    })
    const transport = transportTo(url)
    const large = Buffer.concat([Buffer.from('{"x":"'), Buffer.alloc(20_000_000, 'x')])
    expect((await send(transport, { body: large }).outcome).kind).toBe('answered')
    expect((await send(transport).outcome).kind).toBe('answered')
    expect(sockets).toEqual([1, 2])
  })

  test('beyond the bound are no_socket, in a later turn', async () => {
    const held: http.ServerResponse[] = []
    const { url } = await serve((_, reply) => held.push(reply))
    const transport = transportTo(url, { socketsMax: 2 })
    const first = [send(transport), send(transport)]
    const third = send(transport)
    expect(third.outcomes).toEqual([])
    expect(await third.outcome).toMatchObject({ kind: 'no_socket', status: 0 })
    await until(() => held.length === 2)
    for (const reply of held) answerJson(reply)
    for (const { outcome } of first) expect((await outcome).kind).toBe('answered')
    const fourth = send(transport)
    await until(() => held.length === 3)
    held.slice(2).forEach(answerJson)
    expect((await fourth.outcome).kind).toBe('answered')
  })

  test('that a settled stream keeps open are closed after five seconds', async () => {
    const { url, server } = await serve((_, reply) => {
      reply.setHeader('content-type', 'text/event-stream')
      reply.write(events.join(''))
    })
    const connections = (): Promise<number> =>
      new Promise((resolve) => server.getConnections((_, count) => resolve(count)))
    const transport = transportTo(url, { socketsMax: 1 })
    expect((await send(transport, { stream: true }).outcome).kind).toBe('answered')
    transport.testClock.advance(4999)
    expect((await send(transport).outcome).kind).toBe('no_socket')
    expect(await connections()).toBe(1)
    transport.testClock.advance(5001)
    expect((await send(transport, { stream: true }).outcome).kind).toBe('answered')
    expect(await connections()).toBe(1)
  })

  test('that a settled stream keeps open are closed by their own age', async () => {
    const { url } = await serve((_, reply, text) => {
      if (!text.includes('stream')) return answerJson(reply)
      reply.setHeader('content-type', 'text/event-stream')
      reply.write(events.join(''))
    })
    const transport = transportTo(url, { socketsMax: 2 })
    const sendTwo = async (): Promise<string[]> => {
      const outcomes = await Promise.all([send(transport).outcome, send(transport).outcome])
      return outcomes.map(({ kind }) => kind)
    }
    await send(transport, { stream: true }).outcome
    transport.testClock.advance(4000)
    await send(transport, { stream: true }).outcome
    transport.testClock.advance(1000)
    expect(await sendTwo()).toEqual(['answered', 'no_socket'])
    transport.testClock.advance(5000)
    expect(await sendTwo()).toEqual(['answered', 'answered'])
  })
})

describe('connections being made', () => {
  test('are bounded, and the others wait in order', async () => {
    const order: string[] = []
    const { url } = await serve((_, reply, text) => {
      order.push(text)
      answerJson(reply)
    })
    const { connect, held } = heldConnector()
    const transport = transportTo(url, { connect, connectsMax: 3 })
    const tries = [0, 1, 2, 3, 4, 5].map((n) =>
      send(transport, { body: Buffer.from(`{"n":${n}}`) }),
    )
    expect(held).toHaveLength(3)
    tries[3]?.exchange.abort('stopped')
    expect(tries[3]?.outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
    expect(held).toHaveLength(3)
    for (let index = 0; index < 5; index++) {
      await until(() => held.length > index)
      held[index]?.()
      await until(() => order.length === index + 1)
    }
    expect(order).toEqual(['{"n":0}', '{"n":1}', '{"n":2}', '{"n":4}', '{"n":5}'])
  })

  test('leave their place when they are aborted', async () => {
    const { connect, held } = heldConnector()
    const transport = transportTo('http://127.0.0.1:1', { connect, connectsMax: 1, socketsMax: 2 })
    const first = send(transport)
    send(transport)
    expect(held).toHaveLength(1)
    first.exchange.abort('row_timeout')
    expect(first.outcomes).toMatchObject([
      { kind: 'broken', unknown: false, error: { type: 'timeout_error' } },
    ])
    expect(held).toHaveLength(2)
  })
})

describe('close()', () => {
  test('ends what is under way and waits for every socket', async () => {
    const { url, server } = await serve((_, reply, text) => {
      if (text.includes('quick')) answerJson(reply)
    })
    let opened = 0
    let closed = 0
    const connect: Connect = (to, callback) => {
      opened++
      const socket = net.connect(Number(to.port), to.hostname)
      socket.on('connect', () => callback(null, socket)).on('close', () => closed++)
      return socket
    }
    const transport = transportTo(url, { connect })
    await send(transport, { body: Buffer.from('{"quick":1}') }).outcome
    const waiting = [send(transport), send(transport)]
    const closing = transport.close()
    for (const { outcomes } of waiting) {
      expect(outcomes).toMatchObject([{ kind: 'broken', error: { type: 'aborted' } }])
    }
    await closing
    expect([opened, closed]).toEqual([2, 2])
    let count = -1
    await until(() => {
      server.getConnections((_, now) => (count = now))
      return count === 0
    })
    expect(await send(transport).outcome).toMatchObject({ kind: 'broken', unknown: false })
  })

  test('waits for a socket that is being opened', async () => {
    let closed = 0
    const { url } = await serve((_, reply) => answerJson(reply))
    const connect: Connect = (to, callback) => {
      const socket = net.connect(Number(to.port), to.hostname)
      return socket.on('connect', () => callback(null, socket)).on('close', () => closed++)
    }
    const transport = transportTo(url, { connect })
    const sent = send(transport)
    await transport.close()
    expect(closed).toBe(1)
    expect(sent.outcomes).toMatchObject([{ kind: 'broken', unknown: false }])
  })

  test('resolves when nothing was ever opened', async () => {
    await expect(transportTo('http://127.0.0.1:1').close()).resolves.toBeUndefined()
  })
})

/**
 * A server that costs next to nothing, in a process of its own: `node bench/server.ts '{…}'`.
 *
 * The simulator keeps books, reads bodies and counts tokens, and so costs more than the client
 * it would be measuring. This one looks at a request's length and whether it asks for a stream,
 * and sends the same Message with the API's twelve limit headers, none of which ever binds.
 *
 * HTTP/1.1 is parsed here, on bare sockets: no pipelining, a `content-length`, nothing else.
 * With TLS the sockets are Node's; HTTP/2 is Node's.
 */

import http2 from 'node:http2'
import net from 'node:net'
import tls from 'node:tls'
import { SystemClock } from '../src/clock.ts'
import { Random } from '../src/random.ts'
import { Replies } from './replies.ts'
import type { ServerOptions, ServerReport } from './server-process.ts'

const clock = new SystemClock()
const options = JSON.parse(process.argv[2] ?? '{}') as ServerOptions
const replies = new Replies(clock)
const random = new Random(1)

const headEnd = Buffer.from('\r\n\r\n')
const lengthName = Buffer.from('content-length: ')
const streamHead = Buffer.from('{"stream":true,')
const zero = 0x30
const nine = 0x39
/** Longer than the longest delay; a power of two. */
const slots = 2 ** 17

let requests = 0
let answered = 0
let firstRequestAt = 0
let connections = 0
let connecting = 0
let connectingMax = 0
const marksAt: number[] = []

/** Whatever can be answered. */
interface Waiting {
  answer(): void
}

/** Answers by the millisecond in which they are due: one timer for thousands of them. */
class Wheel {
  readonly #due: (Waiting[] | undefined)[] = Array.from({ length: slots })
  #tick = Math.floor(clock.now())
  #waiting = 0

  add(delayMs: number, waiting: Waiting): void {
    const at = Math.max(this.#tick + 1, Math.floor(clock.now() + delayMs))
    const slot = at % slots
    const due = this.#due[slot]
    if (due === undefined) this.#due[slot] = [waiting]
    else due.push(waiting)
    this.#waiting += 1
    if (this.#waiting === 1) clock.after(1, () => this.#turn())
  }

  #turn(): void {
    const now = Math.floor(clock.now())
    while (this.#tick < now) {
      this.#tick += 1
      const slot = this.#tick % slots
      const due = this.#due[slot]
      if (due === undefined) continue
      this.#due[slot] = undefined
      this.#waiting -= due.length
      for (const waiting of due) waiting.answer()
    }
    if (this.#waiting > 0) clock.after(1, () => this.#turn())
  }
}

const wheel = new Wheel()

/** A request was read whole: it is answered when its latency has passed. */
function received(waiting: Waiting): void {
  requests += 1
  if (requests === 1) firstRequestAt = clock.wallTime()
  const isLate = requests === 1 && options.firstLatencyMs !== undefined
  const { latencyMs } = options
  const delayMs = isLate ? (options.firstLatencyMs ?? 0) : latencyMs * (0.5 + random.float())
  if (delayMs === 0) waiting.answer()
  else wheel.add(delayMs, waiting)
}

function countAnswer(): void {
  answered += 1
  if (options.marks.includes(answered)) marksAt.push(clock.wallTime())
}

/** One HTTP/1.1 connection. */
class Connection implements Waiting {
  readonly #socket: net.Socket
  #head: Buffer | undefined
  #bodyBytesLeft = -1
  #streams = false

  constructor(socket: net.Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => socket.destroy())
  }

  answer(): void {
    countAnswer()
    if (this.#socket.writable) this.#socket.write(replies.http1(this.#streams))
  }

  #read(chunk: Buffer): void {
    if (this.#bodyBytesLeft > 0) return this.#readBody(chunk.length)
    const bytes = this.#head === undefined ? chunk : Buffer.concat([this.#head, chunk])
    const end = bytes.indexOf(headEnd)
    if (end === -1) {
      this.#head = bytes
      return
    }
    this.#head = undefined
    const bodyStart = end + headEnd.length
    this.#streams = bytes.subarray(bodyStart, bodyStart + streamHead.length).equals(streamHead)
    this.#bodyBytesLeft = contentLength(bytes)
    this.#readBody(bytes.length - bodyStart)
  }

  #readBody(count: number): void {
    this.#bodyBytesLeft -= count
    if (this.#bodyBytesLeft > 0) return
    this.#bodyBytesLeft = -1
    received(this)
  }
}

function contentLength(head: Buffer): number {
  let at = head.indexOf(lengthName) + lengthName.length
  let length = 0
  for (let digit = head[at] ?? 0; digit >= zero && digit <= nine; digit = head[at] ?? 0) {
    length = 10 * length + digit - zero
    at += 1
  }
  return length
}

/** Counts a socket as connecting until `ready` happens to it: its first bytes, or its handshake. */
function countConnects(server: net.Server, ready: 'data' | 'secureConnection'): void {
  server.on('connection', (socket: net.Socket) => {
    connections += 1
    connecting += 1
    connectingMax = Math.max(connectingMax, connecting)
    if (ready === 'data') socket.once('data', () => (connecting -= 1))
  })
  if (ready === 'secureConnection') server.on(ready, () => (connecting -= 1))
}

function makeServer(): net.Server {
  const { certificate, http2: isHttp2 = false } = options
  if (certificate === undefined) {
    const server = net.createServer((socket) => void new Connection(socket))
    countConnects(server, 'data')
    return server
  }
  if (!isHttp2) {
    const server = tls.createServer(certificate, (socket) => void new Connection(socket))
    countConnects(server, 'secureConnection')
    return server
  }
  const server = http2.createSecureServer({
    ...certificate,
    settings: { maxConcurrentStreams: 100 },
  })
  server.on('stream', answerStream)
  server.on('sessionError', () => {})
  countConnects(server, 'secureConnection')
  return server
}

function answerStream(stream: http2.ServerHttp2Stream): void {
  let streams: boolean | undefined
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    streams ??= chunk.subarray(0, streamHead.length).equals(streamHead)
  })
  const waiting = {
    answer: (): void => {
      countAnswer()
      if (stream.destroyed) return
      stream.respond(replies.http2Head(streams === true))
      stream.end(replies.body(streams === true))
    },
  }
  stream.on('end', () => received(waiting))
}

function report(): ServerReport {
  return { requests, answered, firstRequestAt, connections, connectingMax, marksAt }
}

const server = makeServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('No port was bound')
  const { port } = address
  process.stdout.write(`${port}\n`)
  process.send?.({ port })
})
process.on('message', () => process.send?.(report()))
// Its parent is gone: nobody is measuring any more.
process.on('disconnect', () => process.exit())

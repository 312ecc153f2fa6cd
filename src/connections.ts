/**
 * The connections to the one place that requests go to, and who is using them.
 *
 * For HTTP/1.1 a request has a socket to itself, so there are as many as requests under way:
 * thousands, at 15 s of latency. A pool that looks through all of them for every request would
 * cost more than the request; here the free ones are a stack. The connection used last is used
 * next, and those that are not needed grow old and close. With HTTP/2 a connection carries up to
 * `loadMax` requests, and stays in the stack while it has room.
 *
 * What a client is (undici's) and how a socket is opened is http.ts's business.
 *
 * Invariants: a connection is in the stack exactly while it has room and is not retired; one
 * that failed is retired at once, unless it carries other requests; every socket that was opened
 * is closed before `close` resolves.
 */

import type { Cancel, Clock } from './clock.ts'
import { Gate } from './gate.ts'

/** What can be ended before it has come to anything. */
export interface Destroyable {
  destroy(): unknown
}

/** As much of a socket as matters here. */
export interface ConnectionSocket extends Destroyable {
  readonly writableLength: number
  once(event: 'close', listener: () => void): unknown
}

/** Takes requests for one connection, which it opens when it needs one. */
export interface ConnectionClient<Request, Handler> {
  dispatch(request: Request, handler: Handler): unknown
  destroy(callback: () => void): void
}

/** Whoever uses a connection. */
export interface ConnectionUser {
  /** When the outcome was known, if it is; the reply may still have to end. */
  readonly settledAt: number | undefined
  /** Ends the request with an outcome. */
  abort(reason: 'stopped'): void
  /** Ends it without one. */
  giveUp(): void
}

/**
 * How a connection did by a request: its reply was read to the end; the request failed, or was
 * ended; or the connection was lost before the request could be sent.
 */
export type Condition = 'good' | 'failed' | 'lost'

/** One connection; made and changed by `Connections` only. */
export class Connection<Client extends ConnectionClient<never, never>> {
  readonly client: Client
  /**
   * The requests it carries. An array, since the tables that a set sheds as it changes keep
   * young garbage alive: one for all connections cost a third of a request's CPU time.
   */
  readonly users: ConnectionUser[] = []
  /** Has carried a reply over its present socket, which the server may close at any moment. */
  wasUsed = false
  isRetired = false
  socket: ConnectionSocket | undefined
  /** A socket that is being opened. */
  opening: Destroyable | undefined
  /** Why the last socket could not be opened. */
  failure: Error | undefined

  constructor(makeClient: (connection: Connection<Client>) => Client) {
    this.client = makeClient(this)
  }
}

/** How many there may be. */
export interface ConnectionsOptions<Client extends ConnectionClient<never, never>> {
  readonly clock: Clock
  readonly connectionsMax: number
  /** Requests to a connection; 1 without HTTP/2. */
  readonly loadMax: number
  /** Connections being opened at once. */
  readonly connectsMax: number
  readonly makeClient: (connection: Connection<Client>) => Client
}

/** How long a reply whose outcome is known may take to end, before its connection is closed. */
const drainMs = 5000

/** All connections; see above. */
export class Connections<Client extends ConnectionClient<never, never>> {
  readonly clock: Clock
  readonly #options: ConnectionsOptions<Client>
  readonly #all = new Set<Connection<Client>>()
  /** Those with room for a request; the last one is used next. */
  readonly #free: Connection<Client>[] = []
  #cancelSweep: Cancel | undefined
  readonly #gate: Gate
  readonly #sockets = new Set<ConnectionSocket>()
  #isClosed = false
  #onEmpty: (() => void) | undefined

  constructor(options: ConnectionsOptions<Client>) {
    this.clock = options.clock
    this.#options = options
    this.#gate = new Gate(options.connectsMax)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** A connection carries several requests, which fail one by one. */
  get isShared(): boolean {
    return this.#options.loadMax > 1
  }

  /** A connection with room, or a new one if it must be; undefined when all are taken. */
  take(user: ConnectionUser, mustBeNew: boolean): Connection<Client> | undefined {
    if (this.#isClosed) return undefined
    const connection = (mustBeNew ? undefined : this.#free.at(-1)) ?? this.#add()
    if (connection === undefined) return undefined
    if (connection.users.push(user) === this.#options.loadMax) this.#free.pop()
    return connection
  }

  /** Gives a connection back, and says how it did. */
  release(user: ConnectionUser, connection: Connection<Client>, condition: Condition): void {
    const { users, socket } = connection
    const wasFull = users.length === this.#options.loadMax
    const last = users.pop()
    if (last !== undefined && last !== user) users[users.indexOf(user)] = last
    // A reply that came before the request was all written leaves a socket that is not at rest.
    const isBusy = !this.isShared && (socket?.writableLength ?? 0) > 0
    // Nobody must come back to a lost connection while undici is still telling its other users.
    const isOver = condition === 'lost' || !this.isShared
    if (condition === 'good' ? isBusy : isOver) return this.#retire(connection)
    if (condition === 'good') connection.wasUsed = true
    if (wasFull) this.#free.push(connection)
  }

  /** Sees to it that replies whose outcome is known do not hold their connections for long. */
  drain(): void {
    this.#cancelSweep ??= this.clock.after(drainMs, () => this.#sweep())
  }

  /**
   * Calls `begin` when it is this connection's turn to open a socket. It returns what it began,
   * if that can be ended early, and calls `opened` with the socket, or with why there is none.
   */
  open(
    connection: Connection<Client>,
    begin: (opened: (socket: ConnectionSocket | Error) => void) => unknown,
  ): void {
    this.#gate.enter(connection, () => {
      const opening = begin((socket) => {
        connection.opening = undefined
        this.#gate.leave(connection)
        connection.failure = socket instanceof Error ? socket : undefined
        if (socket instanceof Error) return
        this.#track(socket)
        connection.socket = socket
        connection.wasUsed = false
        socket.once('close', () => this.#onClose(connection, socket))
      })
      if (isDestroyable(opening)) connection.opening = opening
      if (isSocket(opening)) this.#track(opening)
    })
  }

  /** Ends what is under way; resolves when every socket is closed. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#cancelSweep?.()
    for (const connection of this.#all) {
      for (const user of connection.users.slice()) {
        user.abort('stopped')
        user.giveUp()
      }
      this.#retire(connection)
    }
    return new Promise((resolve) => {
      this.#onEmpty = resolve
      if (this.#sockets.size === 0) resolve()
    })
  }

  #add(): Connection<Client> | undefined {
    if (this.#all.size >= this.#options.connectionsMax) return undefined
    const connection = new Connection(this.#options.makeClient)
    this.#all.add(connection)
    this.#free.push(connection)
    return connection
  }

  #retire(connection: Connection<Client>): void {
    if (connection.isRetired) return
    connection.isRetired = true
    this.#all.delete(connection)
    // The oldest, which are the ones that time out, are found at once.
    const index = this.#free.indexOf(connection)
    if (index !== -1) this.#free.splice(index, 1)
    connection.client.destroy(ignore)
    connection.opening?.destroy()
    this.#gate.leave(connection)
  }

  #track(socket: ConnectionSocket): void {
    if (this.#sockets.has(socket)) return
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      if (this.#sockets.size === 0) this.#onEmpty?.()
    })
  }

  #onClose(connection: Connection<Client>, socket: ConnectionSocket): void {
    if (connection.socket !== socket) return
    connection.socket = undefined
    // An idle connection without a socket is worth nothing, and must not pass for a warm one.
    if (connection.users.length === 0) this.#retire(connection)
  }

  #sweep(): void {
    this.#cancelSweep = undefined
    const settled = [...this.#all]
      .flatMap((connection) => connection.users)
      .filter((user) => user.settledAt !== undefined)
    const now = this.clock.now()
    for (const user of settled) {
      if (now - (user.settledAt ?? now) >= drainMs) user.giveUp()
    }
    if (settled.length > 0) this.drain()
  }
}

function ignore(): void {}

function isDestroyable(value: unknown): value is Destroyable {
  if (typeof value !== 'object' || value === null) return false
  return 'destroy' in value && typeof value.destroy === 'function'
}

function isSocket(value: unknown): value is ConnectionSocket {
  return isDestroyable(value) && 'once' in value && 'writableLength' in value
}

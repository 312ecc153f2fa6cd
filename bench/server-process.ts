/**
 * The benchmarks' server as its user sees it: started, asked what it saw, ended.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** How the server answers. */
export interface ServerOptions {
  /** Mean time to an answer; each takes between half and one and a half of it. */
  readonly latencyMs: number
  /** Time to the answer of the first request. @default as all others */
  readonly firstLatencyMs?: number
  /** Counts of answers at which the time is noted, ascending. */
  readonly marks: readonly number[]
  /** PEM; makes it a TLS server. @default plain */
  readonly certificate?: { readonly key: string; readonly cert: string }
  /** @default false */
  readonly http2?: boolean
}

/** What the server saw. Instants are wall time, ms since the epoch. */
export interface ServerReport {
  readonly requests: number
  readonly answered: number
  /** 0 while there was none. */
  readonly firstRequestAt: number
  readonly connections: number
  /** Most sockets at once that were accepted and had not sent a byte, or ended their handshake. */
  readonly connectingMax: number
  readonly marksAt: readonly number[]
}

/** A running server. */
export interface Server {
  readonly url: string
  report(): Promise<ServerReport>
  close(): Promise<void>
}

/** Starts the server in a process of its own. */
export async function startServer(options: Partial<ServerOptions> = {}): Promise<Server> {
  const whole = { latencyMs: 0, marks: [], ...options }
  const path = fileURLToPath(new URL('server.ts', import.meta.url))
  const child = fork(path, [JSON.stringify(whole)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const { port } = (await messageOf(child)) as { port: number }
  const origin = options.certificate === undefined ? 'http://127.0.0.1' : 'https://localhost'
  return {
    url: `${origin}:${port}`,
    report: () => {
      child.send('report')
      return messageOf(child) as Promise<ServerReport>
    },
    close: async () => {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}

function messageOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error('The server ended before it answered'))
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message)
    })
  })
}

/**
 * The live page on this machine: `GET /` is the page, `GET /events` the views it shows.
 *
 * Both want the token of the address that was printed, which nobody else on the machine can guess.
 * It watches only: there is nothing to send to it. Views are made at most twice a second, once for
 * all who look, and not at all while nobody does; who reads too slowly is left out.
 */

import { timingSafeEqual } from 'node:crypto'
import type { Cancel, Clock } from '../clock.ts'
import {
  type LocalRequest,
  type LocalResponse,
  type LoopbackServer,
  refuse,
  serveLocally,
} from '../loopback.ts'
import type { PageView } from './view.ts'

/** What is served, and with what. */
export interface DashboardParts {
  readonly clock: Clock
  /** 0: any that is free. */
  readonly port: number
  /** Unguessable. */
  readonly token: string
  /** Made when it is asked for. */
  readonly view: () => PageView
  /** The page with its first view inside, and the policy it is sent with. */
  readonly html: (view: PageView) => string
  readonly policy: string
}

/** A page that is served. */
export interface Dashboard {
  /** Where it is, with its token. */
  readonly url: string
  /** Sends the last view to all who look, and ends. */
  end(): Promise<void>
}

const everyMs = 500
const lookersMax = 16
/** What was sent last may take so long to be read, at the end. */
const lastReadMs = 500

/** Serves the page; rejects with the system's error when the port cannot be had. */
export async function serveDashboard(parts: DashboardParts): Promise<Dashboard> {
  const served = new ServedPage(parts)
  const server = await serveLocally(parts.port, (request, response) => {
    served.answer(request, response)
  })
  const url = `${server.origin}/?token=${parts.token}`
  return { url, end: () => served.end(server) }
}

class ServedPage {
  readonly #parts: DashboardParts
  readonly #lookers = new Set<LocalResponse>()
  #next: Cancel | undefined

  constructor(parts: DashboardParts) {
    this.#parts = parts
  }

  answer(request: LocalRequest, response: LocalResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    for (const [name, value] of Object.entries(safeHeaders)) response.setHeader(name, value)
    if (pathname !== '/' && pathname !== '/events') return refuse(response, 404, 'nothing is here')
    if (!this.#isToken(searchParams.get('token'))) {
      return refuse(response, 403, 'the address needs the token that sluice has printed')
    }
    if (request.method === 'HEAD') {
      response.end()
    } else if (pathname === '/events') this.#look(response)
    else this.#page(response)
  }

  async end(server: LoopbackServer): Promise<void> {
    this.#next?.()
    const text = this.#text()
    for (const response of this.#lookers) response.end(`${text}event: end\ndata: {}\n\n`)
    const read = [...this.#lookers].map((response) => closed(response))
    const late = new Promise<void>((resolve) => {
      this.#parts.clock.after(lastReadMs, resolve)
    })
    if (read.length > 0) await Promise.race([Promise.all(read), late])
    await server.close()
  }

  #page(response: LocalResponse): void {
    const { html, policy, view } = this.#parts
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
    })
    response.end(html(view()))
  }

  #look(response: LocalResponse): void {
    if (this.#lookers.size >= lookersMax) {
      return refuse(response, 503, `${lookersMax} pages are open already`)
    }
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    this.#lookers.add(response)
    response.on('close', () => void this.#lookers.delete(response))
    // One that has gone is found out by its `close`.
    response.on('error', () => {})
    response.write(this.#text())
    if (this.#next === undefined) this.#schedule()
  }

  #schedule(): void {
    this.#next = this.#parts.clock.after(everyMs, () => {
      this.#next = undefined
      if (this.#lookers.size === 0) return
      const text = this.#text()
      for (const response of this.#lookers) if (!response.writableNeedDrain) response.write(text)
      this.#schedule()
    })
  }

  #text(): string {
    return `event: view\ndata: ${JSON.stringify(this.#parts.view())}\n\n`
  }

  #isToken(given: string | null): boolean {
    const [one, other] = [Buffer.from(given ?? ''), Buffer.from(this.#parts.token)]
    return one.length === other.length && timingSafeEqual(one, other)
  }
}

/** A page of a run is for whoever was given its address, and for no other page. */
const safeHeaders = {
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const

function closed(response: LocalResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('close', () => resolve())
  })
}

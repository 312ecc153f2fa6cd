import { afterEach, describe, expect, test } from 'vitest'
import http from 'node:http'
import type { Clock } from '../clock.ts'
import { loadPrices } from '../money.ts'
import { LiveFold } from './live-view.ts'
import { type Dashboard, serveDashboard } from './serve.ts'
import type { PageView } from './view.ts'

const token = 'feedfacefeedfacefeedfacefeedface'
let dashboard: Dashboard | undefined
let made = 0
let due: (() => void)[] = []

/** A clock whose time passes when it is told to: all that waits is due at once. */
const clock: Clock = {
  now: () => 0,
  wallTime: () => 0,
  after: (_ms, call) => {
    due.push(call)
    return () => void (due = due.filter((each) => each !== call))
  },
}

function pass(): void {
  for (const call of due.splice(0)) call()
}

afterEach(async () => {
  await dashboard?.end()
  dashboard = undefined
})

async function serve(): Promise<URL> {
  made = 0
  due = []
  const fold = new LiveFold(loadPrices())
  dashboard = await serveDashboard({
    clock,
    port: 0,
    token,
    view: () => {
      made += 1
      return fold.view(made)
    },
    html: (view) => `<p>${view.form}</p>`,
    policy: "default-src 'none'",
  })
  return new URL(dashboard.url)
}

interface Reply {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

/** One request; `host` is what its header says. */
function get(
  url: URL,
  { host = url.host, method = 'GET', heard = (_text: string): void => {} } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers: { host } }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        heard(text)
      })
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      })
    })
    request.on('error', reject)
    request.end()
  })
}

describe('the page that is served', () => {
  test('is at the address that is printed, on this machine alone', async () => {
    const url = await serve()
    expect(url.hostname).toBe('127.0.0.1')
    const { status, headers, text } = await get(url)
    expect({ status, text }).toEqual({ status: 200, text: '<p>1</p>' })
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'none'",
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
  })

  test.each(['', '?token=', '?token=feed', `?token=${token}0`, `?token=${'0'.repeat(32)}`])(
    'is for nobody with "%s", nor are its views',
    async (query) => {
      const url = await serve()
      for (const path of ['/', '/events']) {
        const { status, text } = await get(new URL(path + query, url))
        expect({ status, made }).toEqual({ status: 403, made: 0 })
        expect(text).not.toContain(token)
      }
    },
  )

  test('is not for a name that is not of this machine', async () => {
    const url = await serve()
    expect((await get(url, { host: 'evil.example' })).status).toBe(403)
    expect((await get(url, { host: `localhost:${url.port}` })).status).toBe(200)
  })

  test('takes nothing: it watches only', async () => {
    const url = await serve()
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect((await get(url, { method })).status).toBe(405)
    }
    expect((await get(new URL(`/x?token=${token}`, url))).status).toBe(404)
  })

  test('sends views while somebody looks, the last one at the end, and then ends', async () => {
    const url = await serve()
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    // Time passes each time a view has come, until there were three.
    const heard = (text: string): void => {
      if (text.split('event: view').length <= 3) pass()
      else end()
    }
    const looking = get(new URL(`/events?token=${token}`, url), { heard })
    await ended
    await dashboard?.end()
    const { text, headers } = await looking
    expect(headers['content-type']).toContain('text/event-stream')
    const events = text.split('\n\n').filter((event) => event !== '')
    // Three, the last, and the end.
    expect(events.length).toBe(5)
    expect(events.at(-1)).toBe('event: end\ndata: {}')
    const views = events.slice(0, -1).map((event) => {
      const [name, data = ''] = event.split('\ndata: ')
      expect(name).toBe('event: view')
      return JSON.parse(data) as PageView
    })
    expect(views.map(({ at }) => at)).toEqual(views.map(({ at }) => at).toSorted((a, b) => a - b))
    expect(made).toBe(views.length)
  })

  test('makes no view any more when the last who looked has gone', async () => {
    const url = await serve()
    const { promise: gone, resolve: leave } = Promise.withResolvers<void>()
    const request = http.get(new URL(`/events?token=${token}`, url), (response) => {
      response.once('data', () => {
        response.on('close', leave)
        response.destroy()
      })
    })
    request.on('error', () => {})
    await gone
    // When the server hears of it is up to the system: then nothing is due any more.
    const isIdle = async (): Promise<boolean> => {
      await get(url)
      pass()
      return due.length === 0
    }
    await expect.poll(isIdle).toBe(true)
  })

  test('makes no view while nobody looks', async () => {
    const url = await serve()
    expect(due).toEqual([])
    await get(url)
    pass()
    expect(made).toBe(1)
    expect(due).toEqual([])
  })

  test('a port that is taken is told as the system tells it', async () => {
    const url = await serve()
    const second = serveDashboard({
      clock,
      port: Number(url.port),
      token,
      view: () => new LiveFold(loadPrices()).view(0),
      html: () => '',
      policy: '',
    })
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

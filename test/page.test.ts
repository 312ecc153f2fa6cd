/**
 * The page in a real browser: as a report from disk, and live from a server.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { dashboardHtml, dashboardPolicy, reportHtml } from '../src/page/html.ts'
import type { PageView } from '../src/page/view.ts'
import { startChromium, withoutChromium } from './chromium.ts'
import { endedView, hostileText, hostileView, pageViews, runningView } from './page-views.ts'

describe('the file', () => {
  test('is small: the page alone, and with all it may show', () => {
    const whole = reportHtml(endedView())
    const data = JSON.stringify(endedView())
    expect(whole.length - data.length).toBeLessThan(62_000)
    expect(whole.length).toBeLessThan(300_000)
  })

  test('names nothing outside of itself', () => {
    const page = reportHtml({ ...endedView(), series: null }).replace(/<script type="app.*/, '')
    const addresses = [...page.matchAll(/https?:\/\/[^"'`\s)]*/g)].map(([address]) => address)
    const names = ['http://www.w3.org/2000/svg', 'http://www.w3.org/1999/xhtml']
    names.push('http://www.w3.org/1998/Math/MathML', 'http://www.w3.org/1999/xlink')
    expect(addresses.filter((address) => !names.includes(address))).toEqual([])
    expect(page).toContain("default-src 'none'")
    expect(page).not.toContain('unsafe')
    expect(page).not.toContain('connect-src')
  })

  test('ends its data only where it ends', () => {
    const page = reportHtml(hostileView())
    expect(page.match(/<\/script>/g)).toHaveLength(2)
    const [, data = ''] = /id="view">(.*?)<\/script>/s.exec(page) ?? []
    expect(JSON.parse(data)).toEqual(hostileView())
  })
})

describe.skipIf(withoutChromium !== '')(`in a browser ${withoutChromium}`, () => {
  let browser: Browser
  let folder = ''
  let context: BrowserContext
  /** What should not be: messages on the console, and requests to elsewhere. */
  let complaints: string[] = []

  beforeAll(async () => {
    browser = await startChromium()
    folder = mkdtempSync(path.join(tmpdir(), 'sluice-page-'))
  })
  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true, force: true })
  })
  beforeEach(() => {
    complaints = []
  })
  afterEach(() => context.close())

  async function open(colorScheme: 'light' | 'dark', width: number): Promise<Page> {
    context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } })
    const page = await context.newPage()
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    return page
  }

  async function openReport(
    view: PageView,
    colorScheme: 'light' | 'dark',
    width: number,
  ): Promise<Page> {
    const file = path.join(folder, 'report.html')
    writeFileSync(file, reportHtml(view))
    const address = pathToFileURL(file).href
    const page = await open(colorScheme, width)
    page.on('request', (request) => {
      const isOwn = request.url() === address || request.url().startsWith('data:')
      if (!isOwn) complaints.push(request.url())
    })
    await page.goto(address)
    return page
  }

  describe.each(Object.keys(pageViews))('a report of a run: %s', (name) => {
    test.each([
      ['light', 360],
      ['light', 1400],
      ['dark', 360],
      ['dark', 1400],
    ] as const)('%s, %i pixels wide', async (scheme, width) => {
      const view = pageViews[name]?.() ?? endedView()
      const page = await openReport(view, scheme, width)
      expect(await page.locator('h1').textContent()).toBe(view.run.name)
      expect(await overflow(page)).toBe(0)
      expect(await violations(page)).toEqual([])
      expect(await page.evaluate('globalThis.harmed ?? 0')).toBe(0)
      expect(complaints).toEqual([])
    })
  })

  test('shows hostile texts as they are', async () => {
    const page = await openReport(hostileView(), 'light', 1400)
    const texts = await page.getByText(hostileText, { exact: true }).count()
    // The name, the code, the output, the version, and in tables: an error, three kinds, six ids.
    expect(texts).toBeGreaterThanOrEqual(14)
    await page.locator('summary', { hasText: 'Request' }).first().click()
    expect(await page.locator('pre').first().textContent()).toBe(hostileText)
    expect(await page.locator('#page img, #page script, #page style').count()).toBe(0)
    expect(await page.evaluate('globalThis.harmed ?? 0')).toBe(0)
  })

  test('its policy stops a script that got in', async () => {
    const page = await openReport(endedView(), 'light', 1400)
    await page.evaluate(
      `document.body.insertAdjacentHTML('beforeend', ${JSON.stringify(hostileText)})`,
    )
    await page.evaluate(`{
      const script = document.createElement('script')
      script.textContent = 'globalThis.harmed = 2'
      document.body.append(script)
    }`)
    expect(await page.evaluate('globalThis.harmed ?? 0')).toBe(0)
    expect(complaints.join('\n')).toContain('Content Security Policy')
  })

  test('charts are read by pointer and by keys, and nothing moves', async () => {
    const page = await openReport(endedView(), 'light', 1400)
    const chart = page.locator('.chart.tall')
    const before = await page.evaluate('document.documentElement.scrollHeight')
    // 600 intervals of 12 s: a tenth of the width is 12 minutes in, the sixtieth interval.
    const box = await chart.locator('.reach').boundingBox()
    if (box === null) throw new Error('The chart is not there')
    await page.mouse.move(box.x + box.width / 10 + 0.5, box.y + 5)
    await expect.poll(() => chart.locator('.reading').textContent()).toMatch(/, 12 min in$/)
    const { series } = endedView()
    const rate = ((series?.succeeded[60] ?? 0) / 12).toFixed(1)
    expect(await chart.locator('.legend').textContent()).toContain(`answered ${rate} rows/s`)
    const keys = chart.getByRole('slider')
    await keys.focus()
    await page.keyboard.press('End')
    await page.keyboard.press('ArrowLeft')
    await expect.poll(() => keys.getAttribute('aria-valuetext')).toContain('1 h 59 min in')
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBe(before)
  })

  test('the figures behind the charts are there for whom asks', async () => {
    const page = await openReport(endedView(), 'light', 360)
    await page.getByText('Figures behind the charts').click()
    const answered = await page.locator('.folded tbody td:nth-child(2)').allTextContents()
    const sum = answered.reduce((total, text) => total + Number(text.replaceAll(',', '')), 0)
    expect(sum).toBe(endedView().series?.succeeded.reduce((total, count) => total + count, 0))
    expect(await overflow(page)).toBe(0)
    expect(await violations(page)).toEqual([])
  })

  test('prints in light colours, with all rows, whatever the scheme', async () => {
    const page = await openReport(endedView(), 'dark', 1400)
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    const ground = 'getComputedStyle(document.body).backgroundColor'
    expect(await page.evaluate(ground)).toBe('rgb(255, 255, 255)')
    const cut = `[...document.querySelectorAll('.frame')]
      .filter((frame) => frame.scrollHeight > frame.clientHeight + 1).length`
    expect(await page.evaluate(cut)).toBe(0)
  })

  describe('live', () => {
    let server: Server
    let replies: ServerResponse[] = []
    let address = ''
    const asked: string[] = []

    beforeEach(async () => {
      replies = []
      asked.length = 0
      server = createServer((request, response) => {
        asked.push(request.url ?? '')
        if (request.url?.startsWith('/events') === true) {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          response.write('retry: 50\n\n')
          replies.push(response)
          return
        }
        response.writeHead(200, {
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': dashboardPolicy(),
        })
        response.end(dashboardHtml(runningView()))
      })
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve)
      })
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/?token=abc`
    })
    afterEach(async () => {
      for (const reply of replies) reply.destroy()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    })

    async function openLive(): Promise<Page> {
      const page = await open('light', 1400)
      await page.goto(address)
      await expect.poll(() => replies.length).toBe(1)
      return page
    }

    function push(event: string, view?: PageView): void {
      replies.at(-1)?.write(`event: ${event}\ndata: ${JSON.stringify(view ?? null)}\n\n`)
    }

    const done = (page: Page): Promise<string | null> =>
      page.locator('.tile b').first().textContent()

    test('shows the view it came with at once, and asks with its token', async () => {
      const page = await openLive()
      expect(await done(page)).toBe('121,079')
      expect(asked).toContain('/events?token=abc')
      expect(await violations(page)).toEqual([])
      expect(complaints).toEqual([])
    })

    test('shows the last of 2,000 views, and does not grow', async () => {
      const page = await openLive()
      const nodes = (): Promise<unknown> =>
        page.evaluate(`document.getElementsByTagName('*').length`)
      // Of the same length as the last one, so that the axes have the same numbers.
      push('view', runningView(201))
      await expect.poll(() => done(page)).toBe('125,099')
      const before = await nodes()
      for (let step = 2; step <= 2001; step += 1) push('view', runningView(step))
      // 121,000 and 20 for each step, and the 79 that failed.
      await expect.poll(() => done(page), { timeout: 30_000 }).toBe('161,099')
      expect(await nodes()).toBe(before)
      expect(complaints).toEqual([])
    })

    test('says that the connection is lost, keeps what it shows, and goes on', async () => {
      const page = await openLive()
      const said = page.locator('.connection')
      expect(await said.textContent()).toBe('')
      push('view', runningView(5))
      await expect.poll(() => done(page)).toBe('121,179')
      replies[0]?.destroy()
      await expect.poll(() => replies.length).toBe(2)
      push('view', runningView(6))
      await expect.poll(() => done(page)).toBe('121,199')
      expect(await said.textContent()).toBe('')
      for (const reply of replies) reply.destroy()
      server.close()
      await expect.poll(() => said.textContent()).toContain('Connection lost')
      expect(await done(page)).toBe('121,199')
    })

    test('ends with the run, and asks no more', async () => {
      const page = await openLive()
      push('view', { ...endedView() })
      push('end')
      await expect.poll(() => page.locator('.connection').textContent()).toContain('is over')
      expect(await done(page)).toBe('305,218')
      // It is the page that closes the connection: one that we closed would be opened again.
      await expect.poll(() => replies[0]?.closed).toBe(true)
      expect(replies).toHaveLength(1)
    })
  })
})

/** How far the page is wider than its window. */
function overflow(page: Page): Promise<unknown> {
  return page.evaluate(`document.documentElement.scrollWidth - innerWidth`)
}

/** What axe has against it. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  return page.evaluate(`axe.run().then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ': ' + nodes[0]?.html))`)
}

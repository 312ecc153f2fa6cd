/**
 * Watching: the CPU of a run with all that can watch it, beside the same run while nobody does.
 *
 *     node bench/watching.ts [--seconds 60]
 *
 * One run sends 500 rows a second. Of every two seconds it is watched in one: its block is drawn for a
 * terminal, a log, a history and metrics are kept, and the page is sent to a reader in another
 * process, which also asks for the metrics every five seconds. In the other, events and
 * timers reach none of these. What is compared is the process's CPU time in the two kinds of
 * seconds: whatever else slows the machine down slows both.
 */

import { spawn } from 'node:child_process'
import { devNull } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Display } from '../src/cli/display.ts'
import { glyphsOf } from '../src/cli/glyphs.ts'
import { FileSink, openLog } from '../src/cli/log.ts'
import { painter } from '../src/cli/paint.ts'
import { Terminal } from '../src/cli/terminal.ts'
import { type Cancel, type Clock, SystemClock } from '../src/clock.ts'
import type { Observer } from '../src/events.ts'
import { NodeFiles } from '../src/files.ts'
import { serveMetrics } from '../src/metrics/listen.ts'
import { Metrics } from '../src/metrics/metrics.ts'
import { loadPrices } from '../src/money.ts'
import { HistoryWriter } from '../src/page/history.ts'
import { dashboardHtml, dashboardPolicy } from '../src/page/html.ts'
import { LiveFold } from '../src/page/live-view.ts'
import { serveDashboard } from '../src/page/serve.ts'
import { Random } from '../src/random.ts'
import { run } from '../src/run.ts'
import { type Figure, runAlone, say } from './figures.ts'
import { startServer } from './server-process.ts'
import { inFolder, writeInput } from './workspace.ts'

const target = 1.05
const perSecond = 500
const latencyMs = 300
/** Until code is compiled and windows are full. */
const warmUpSeconds = 10

/** A clock whose timers wait while it is off. */
class Gate implements Clock {
  readonly #clock: Clock
  #isOn = true
  #due: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isOn(): boolean {
    return this.#isOn
  }

  set isOn(isOn: boolean) {
    this.#isOn = isOn
    if (isOn) for (const call of this.#due.splice(0)) call()
  }

  now(): number {
    return this.#clock.now()
  }

  wallTime(): number {
    return this.#clock.wallTime()
  }

  after(delayMs: number, callback: () => void): Cancel {
    return this.#clock.after(delayMs, () => {
      if (this.#isOn) callback()
      else this.#due.push(callback)
    })
  }
}

/** What reads the page and the metrics: a process of its own. */
const reader = `
  const [page, metrics] = process.argv.slice(1)
  setInterval(() => fetch(metrics).then((reply) => reply.text()).catch(() => {}), 5000)
  const { body } = await fetch(page)
  for await (const _ of body);
  process.exit()`

/** Measures one run; see above. */
export async function watching(): Promise<readonly Figure[]> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' } },
    strict: false,
  })
  const seconds = Number(values.seconds)
  const rows = perSecond * (seconds + warmUpSeconds)
  const ratio = await inFolder(async (folder) => {
    const input = writeInput(folder, 'input.jsonl', { rows, rowBytes: 2048 })
    const server = await startServer({ latencyMs })
    const gate = new Gate(new SystemClock())
    const { observers, end } = await watchers(gate, folder)
    const gated = observers.map((observe): Observer => (event) => {
      if (gate.isOn || event.type === 'run_started') observe(event)
    })
    const running = run(
      {
        input,
        output: path.join(folder, 'output.jsonl'),
        baseUrl: server.url,
        apiKey: 'sk-ant-benchmark',
        maxRequestsPerMinute: perSecond * 60,
        ramp: 'off',
      },
      { observers: gated },
    )
    const measured = await measure(gate, seconds)
    const { rows: settled } = await running
    await end()
    await server.close()
    if (settled.succeeded !== rows) throw new Error(`${settled.succeeded} of ${rows} were answered`)
    return measured
  })
  return [
    {
      measure: 'watching',
      how: `CPU at ${perSecond} rows/s: terminal, log, history, page, metrics ÷ none, in one run`,
      target: `≤ ${target}`,
      result: ratio.toFixed(3),
      reached: ratio <= target,
    },
  ]
}

/** Everyone who watches, on the clock of the gate. */
async function watchers(
  gate: Gate,
  folder: string,
): Promise<{ readonly observers: readonly Observer[]; readonly end: () => Promise<void> }> {
  const files = new NodeFiles()
  const surface = await paper()
  const display = new Display({
    clock: gate,
    terminal: surface,
    paint: painter(true),
    glyphs: glyphsOf({ LANG: 'C.UTF-8' }, 'linux'),
    bounds: {},
    folder,
    kind: 'live',
    redact: (text) => text,
  })
  const sink = new FileSink(path.join(folder, 'run.log'), () => {})
  const log = await openLog('info', sink, (text) => text)
  const history = new HistoryWriter(files)
  const metrics = new Metrics(gate)
  const fold = new LiveFold(loadPrices())
  const dashboard = await serveDashboard({
    clock: gate,
    port: 0,
    token: 'benchmark',
    view: () => fold.view(gate.now()),
    html: dashboardHtml,
    policy: dashboardPolicy(),
  })
  const scraped = await serveMetrics(metrics, 0)
  const events = dashboard.url.replace('/?', '/events?')
  const args = ['--input-type=module', '-e', reader, events, scraped.url]
  const child = spawn(process.execPath, args, { stdio: 'ignore' })
  return {
    observers: [display, log, history, metrics, fold].map((each) => each.observe.bind(each)),
    end: async () => {
      display.end()
      history.close()
      log.close()
      await dashboard.end()
      await scraped.close()
      child.kill()
    },
  }
}

/** A terminal that nobody sees. */
async function paper(): Promise<Terminal> {
  const { createWriteStream } = await import('node:fs')
  const stream = createWriteStream(devNull)
  const shape = { isTTY: true, columns: 100, rows: 30 }
  const terminal = new Terminal(Object.assign(stream, shape) as never, (text) => text)
  terminal.goLive()
  return terminal
}

/** CPU of seconds that are watched, by that of those between. */
async function measure(gate: Gate, seconds: number): Promise<number> {
  await wait(warmUpSeconds * 1000)
  const sums = { on: 0, off: 0 }
  const random = new Random(1)
  let isFirstOn = false
  for (let second = 0; second < seconds; second++) {
    // Of two seconds one, by chance: what else comes every other second falls on both alike.
    if (second % 2 === 0) isFirstOn = random.chance(0.5)
    gate.isOn = (second % 2 === 0) === isFirstOn
    const before = process.cpuUsage()
    await wait(1000)
    const { user, system } = process.cpuUsage(before)
    sums[gate.isOn ? 'on' : 'off'] += user + system
  }
  gate.isOn = true
  const perRow = (microseconds: number): string =>
    `${(microseconds / ((seconds / 2) * perSecond)).toFixed(0)} µs a row`
  say(`watched ${perRow(sums.on)}, unwatched ${perRow(sums.off)}`)
  return sums.on / sums.off
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

await runAlone(import.meta.url, watching)

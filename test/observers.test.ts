/**
 * Observers only observe: with all of them, with none, and with some that fail, a run sends the very
 * same requests at the very same instants, and writes the very same bytes.
 */

import { describe, expect, test } from 'vitest'
import { Display } from '../src/cli/display.ts'
import { glyphsOf } from '../src/cli/glyphs.ts'
import { openLog } from '../src/cli/log.ts'
import { painter } from '../src/cli/paint.ts'
import type { Observer, RunEvent } from '../src/events.ts'
import { Metrics } from '../src/metrics/metrics.ts'
import { loadPrices } from '../src/money.ts'
import { historyPath, HistoryWriter } from '../src/page/history.ts'
import { LiveFold } from '../src/page/live-view.ts'
import { run } from '../src/run.ts'
import type { SimulatorOptions } from '../src/simulator/index.ts'
import { requests, StreamWorld } from './stream-world.ts'

const server: SimulatorOptions = {
  requestsPerMinute: 300,
  latencySigma: 0.5,
  faults: { overloaded: 0.1, 'reset-after': 0.05, 'server-error': 0.05, 'rate-limit': 0.05 },
}
const rows = 150

/** All that a run left behind, and when it sent what. */
interface Trace {
  readonly output: string
  readonly failed: string
  readonly sentAt: readonly number[]
  readonly bodies: readonly string[]
  readonly events: readonly RunEvent[]
}

async function trace(watch: (world: StreamWorld) => Promise<readonly Observer[]>): Promise<Trace> {
  const world = new StreamWorld(server)
  const lines = requests(rows).map((each) => `${JSON.stringify(each)}\n`)
  // Two that the API refuses.
  lines.splice(40, 0, '{"model":"claude-haiku-4-5"}\n', 'no JSON\n')
  world.files.put('/in.jsonl', Buffer.from(lines.join('')))
  const observers = [...(await watch(world)), world.observe]
  const options = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'sk-ant-run' }
  await world.until(run(options, { observers }, world.context))
  const read = (path: string): string => Buffer.from(world.files.bytes(path)).toString()
  const { sentAt, bodies } = world
  const events = world.events.filter(({ type }) => type !== 'notice')
  return { output: read('/out.jsonl'), failed: read('/out.failed.jsonl'), sentAt, bodies, events }
}

const shown: string[] = []

async function all(world: StreamWorld): Promise<readonly Observer[]> {
  const surface = {
    columns: 100,
    rows: 30,
    print: (lines: readonly string[]) => void shown.push(...lines),
    show: (lines: readonly string[]) => void shown.push(...lines),
    rest: () => {},
    hide: () => {},
  }
  const display = new Display({
    clock: world.clock,
    terminal: surface,
    paint: painter(true),
    bounds: {},
    folder: '/',
    kind: 'live',
    redact: (text) => text,
    glyphs: glyphsOf({ LANG: 'C.UTF-8' }, 'linux'),
  })
  const log = await openLog('trace', { write: (line) => void shown.push(line) }, (text) => text)
  const fold = new LiveFold(loadPrices())
  const history = new HistoryWriter(world.files)
  const metrics = new Metrics(world.clock)
  const look = (): void => {
    shown.push(JSON.stringify(fold.view(world.clock.now())))
    void metrics.text()
    world.clock.after(500, look)
  }
  world.clock.after(500, look)
  return [
    (event) => display.observe(event),
    (event) => log.observe(event),
    (event) => fold.observe(event),
    (event) => history.observe(event),
    (event) => metrics.observe(event),
  ]
}

describe('a run', () => {
  test('is the same with every observer, and with none', async () => {
    const unseen = await trace(() => Promise.resolve([]))
    const seen = await trace(all)
    expect(seen).toEqual(unseen)
    expect(unseen.output.split('\n').length - 1).toBe(rows)
    expect(unseen.failed.split('\n').length - 1).toBe(2)
    // They did look.
    expect(shown.length).toBeGreaterThan(1000)
  })

  test('is the same with observers that fail, at the first event or at any other', async () => {
    const unseen = await trace(() => Promise.resolve([]))
    const failing =
      (type: RunEvent['type']): Observer =>
      (event) => {
        if (event.type === type) throw new Error(`an observer fails at ${type}`)
      }
    const types = ['run_started', 'attempt_started', 'row_succeeded', 'limits_read'] as const
    const seen = await trace(() => Promise.resolve(types.map(failing)))
    expect(seen).toEqual(unseen)
  })

  test('is the same when its history cannot be written', async () => {
    const unseen = await trace(() => Promise.resolve([]))
    const seen = await trace((world) => {
      world.files.failWrites('ENOSPC', { path: historyPath('/out.jsonl') })
      const history = new HistoryWriter(world.files)
      return Promise.resolve([(event) => history.observe(event)])
    })
    expect(seen).toEqual(unseen)
  })
})

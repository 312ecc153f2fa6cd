/**
 * Limit use on real sockets: the six compared scenarios against the simulator on loopback, in real
 * time, by sluice, and by the official SDK under p-limit and under p-queue.
 *
 *     node bench/limits-sockets.ts [--only TEXT] [--seconds 60] [--seed 1] [--at-once 1]
 *
 * Others' traffic begins after a sixth of the time. Each play has a simulator of its own, in
 * this process.
 */

import { Anthropic } from '@anthropic-ai/sdk'
import pLimit from 'p-limit'
import PQueue from 'p-queue'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { SystemClock } from '../src/clock.ts'
import { run } from '../src/run.ts'
import { type SimulatorEvent, startSimulator } from '../src/simulator/index.ts'
import { machineLine, say } from './figures.ts'
import { useOf } from './limit-use/measure.ts'
import { comparedNames, type Measured, scenarios } from './limit-use/scenarios.ts'
import { type Asked, type Played, rowOf, rowsOf, usualModel } from './limit-use/stage.ts'
import { markdown } from './limit-use/tables.ts'
import { inFolder } from './workspace.ts'

/** Input and output tokens of a row. */
interface Spent {
  readonly input: number
  readonly output: number
}

/** Asks all rows; returns what each took, by its index; rows that failed are missing. */
type Contender = (
  url: string,
  lines: readonly string[],
  perMinute: number,
) => Promise<ReadonlyMap<number, Spent>>

const clock = new SystemClock()
const apiKey = 'sk-ant-bench'

/** Who plays. */
const contenders: Readonly<Record<string, Contender>> = {
  sluice: askBySluice,
  'SDK, p-limit 100': (url, lines) => {
    const limit = pLimit(100)
    return askBySdk(url, lines, (task) => limit(task))
  },
  'SDK, p-queue at the limit': (url, lines, perMinute) => {
    const intervalCap = Math.max(1, Math.floor(perMinute / 60))
    const queue = new PQueue({ intervalCap, interval: 1000 })
    return askBySdk(url, lines, (task) => queue.add(task))
  },
}

/** The scenario for so many seconds after the first bucket is used up. */
function inTime(measured: Measured, seconds: number): Measured {
  const { scenario, perMinute } = measured
  const { others } = scenario
  const shared = others && { others: { ...others, fromMs: (seconds * 1000) / 6 } }
  const count = Math.round(perMinute * (1 + seconds / 60))
  return { ...measured, scenario: { ...scenario, rows: count, ...shared } }
}

async function playRow(
  measured: Measured,
  name: string,
  ask: Contender,
): Promise<readonly string[]> {
  const played = await play(measured, ask)
  const use = useOf(measured, played)
  return [
    use.name,
    name,
    String(measured.scenario.rows),
    (played.endedAt / 1000).toFixed(0),
    use.ratio.toFixed(3),
    use.ratioToLastStart.toFixed(3),
    String(use.refused),
    String(use.failed),
  ]
}

async function play({ scenario, limits }: Measured, ask: Contender): Promise<Played> {
  const wire = new Wire()
  const simulator = await startSimulator({
    seed: scenario.seed,
    ...scenario.server,
    observe: (event) => wire.note(event),
  })
  const lines = [...rowsOf(scenario)].map(({ line }) => line)
  const others = new Others(simulator.url, scenario.others)
  try {
    const spent = await ask(simulator.url, lines, limits.requests?.[0]?.[1] ?? 0)
    return wire.played(spent, lines.length, await others.end())
  } finally {
    await simulator.close()
  }
}

/** What crossed the wire, as the server saw it. */
class Wire {
  readonly #receivedAt = new Map<number, number>()
  readonly #asked = new Map<number, { sentAt: number; endedAt: number; bytes: number }>()
  readonly #refusedAt: number[] = []
  #firstAt: number | undefined
  #lastSentAt = 0
  #endedAt = 0

  note({ type, at, id, body, status }: SimulatorEvent): void {
    const index = indexOf(body)
    if (index >= othersFrom) return
    if (type === 'received') {
      this.#firstAt ??= at
      this.#lastSentAt = at
      this.#receivedAt.set(id, at)
      return
    }
    const sentAt = this.#receivedAt.get(id) ?? at
    this.#receivedAt.delete(id)
    this.#endedAt = at
    if (status === 429) this.#refusedAt.push(at)
    if (type === 'answered') this.#asked.set(index, { sentAt, endedAt: at, bytes: body.length })
  }

  played(spent: ReadonlyMap<number, Spent>, rowCount: number, others: Played['others']): Played {
    const first = this.#firstAt ?? 0
    const asked: Asked[] = []
    for (const [index, { input, output }] of spent) {
      const seen = this.#asked.get(index)
      if (seen === undefined) throw new Error(`Row ${index} has an answer that nobody gave`)
      const { sentAt, endedAt, bytes } = seen
      const instants = { sentAt: sentAt - first, latencyMs: endedAt - sentAt }
      asked.push({ model: usualModel, bytes, input, output, ...instants })
    }
    return {
      asked,
      lost: rowCount - spent.size,
      lastSentAt: this.#lastSentAt - first,
      endedAt: this.#endedAt - first,
      refusedAt: this.#refusedAt.map((at) => at - first),
      others: others.map((each) => ({ ...each, at: each.at - first })),
      lowestOutput: undefined,
    }
  }
}

/** The requests of others are numbered from here. */
const othersFrom = 1e9

/** Somebody else of the same organisation. */
class Others {
  readonly #answered: { at: number; input: number; output: number }[] = []
  readonly #end: () => void

  constructor(url: string, traffic: Measured['scenario']['others']) {
    if (traffic === undefined) {
      this.#end = () => {}
      return
    }
    let number = 0
    let cancel = clock.after(traffic.fromMs, () => next())
    const next = (): void => {
      cancel = clock.after(1000 / traffic.perSecond, next)
      void this.#ask(url, rowOf(othersFrom + number++, traffic.words, usualModel))
    }
    this.#end = () => cancel()
  }

  async end(): Promise<Played['others']> {
    this.#end()
    return Promise.resolve(this.#answered)
  }

  async #ask(url: string, body: string): Promise<void> {
    const at = clock.now()
    const headers = { 'x-api-key': apiKey, 'anthropic-version': '2023-06-01' }
    const request = { method: 'POST', body, headers }
    // What is under way at the end is cut off.
    const response = await fetch(`${url}/v1/messages`, request).catch(() => undefined)
    if (response?.status !== 200) return void response?.body?.cancel()
    const { usage } = (await response.json()) as { usage: ApiUsage }
    this.#answered.push({ at, input: usage.input_tokens, output: usage.output_tokens })
  }
}

interface ApiUsage {
  readonly input_tokens: number
  readonly output_tokens: number
}

function askBySluice(url: string, lines: readonly string[]): Promise<ReadonlyMap<number, Spent>> {
  return inFolder(async (folder) => {
    const [input, output] = [path.join(folder, 'in.jsonl'), path.join(folder, 'out.jsonl')]
    writeFileSync(input, lines.join(''))
    await run({ input, output, apiKey, baseUrl: url, timeoutMs: 3_600_000 })
    const spent = new Map<number, Spent>()
    for (const line of readFileSync(output, 'utf8').trimEnd().split('\n')) {
      const { run: own, result } = JSON.parse(line) as {
        run: { line: number }
        result: { message: { usage: ApiUsage } }
      }
      const { usage } = result.message
      spent.set(own.line - 1, { input: usage.input_tokens, output: usage.output_tokens })
    }
    return spent
  })
}

/** The SDK as it comes: two retries, 600 s a try. */
async function askBySdk(
  baseURL: string,
  lines: readonly string[],
  start: (task: () => Promise<void>) => Promise<unknown>,
): Promise<ReadonlyMap<number, Spent>> {
  const client = new Anthropic({ apiKey, authToken: null, baseURL, logLevel: 'off' })
  const spent = new Map<number, Spent>()
  const ask = async (line: string, index: number): Promise<void> => {
    const body = JSON.parse(line) as Anthropic.MessageCreateParamsNonStreaming
    try {
      const { usage } = await client.messages.create(body)
      spent.set(index, { input: usage.input_tokens, output: usage.output_tokens })
    } catch {
      // The row is lost: what is counted.
    }
  }
  await Promise.all(lines.map((line, index) => start(() => ask(line, index))))
  return spent
}

function indexOf(body: Uint8Array): number {
  const [, digits] = /"Row (\d+):/.exec(Buffer.from(body).subarray(0, 300).toString()) ?? []
  return Number(digits ?? othersFrom)
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: '1' },
  },
})

const chosen = scenarios(Number(values.seed)).filter(
  ({ scenario: { name } }) => comparedNames.includes(name) && name.includes(values.only),
)
const plays = chosen.flatMap((measured) =>
  Object.entries(contenders).map(([name, ask]) => ({ measured, name, ask })),
)
const limit = pLimit(Number(values['at-once']))
const rows = await Promise.all(
  plays.map(({ measured, name, ask }) =>
    limit(async () => {
      const cells = await playRow(inTime(measured, Number(values.seconds)), name, ask)
      say(cells.join('  '))
      return cells
    }),
  ),
)
const heads = ['scenario', 'who', 'rows', 'seconds', 'limit use', 'to last start', '429s', 'lost']
console.log(`${machineLine()}\n\n${markdown(heads, rows)}`)

/**
 * A small world whose server keeps books of batches: what was in each, whatever its reply did, and
 * what became of every request. The judge shares no code with the client.
 */

import {
  SimulatorModel,
  type SimulatorOptions,
  type WireRequest,
} from '../../src/simulator/index.ts'
import { input, output, rowsOf, SmallWorld, smallServer } from './small-world.ts'

export const via = { via: 'batches' } as const
export const folder = `${output}.sluice`
export const failed = '/data/out.failed.jsonl'

/** What befalls batches of processes that are killed. */
export const killFaults = {
  'no fault': {},
  'lost replies': { 'batch-create-lost': 0.4 },
  'every fault': {
    'batch-create-lost': 0.15,
    'batch-create-refused': 0.15,
    'batch-late': 0.1,
    'batch-poll-error': 0.1,
    'batch-not-found': 0.1,
    'batch-results-cut': 0.3,
    'batch-request-error': 0.02,
  },
} as const

/** A line of the output, as far as it is judged. */
export interface ResultLine {
  readonly custom_id: string
  readonly result: { readonly type: string; readonly message?: { readonly model: string } }
  readonly request?: { readonly messages: readonly { readonly content: string }[] }
  readonly run: {
    readonly line: number
    readonly key: string
    readonly attempts: number
    readonly unknown_attempts?: number
    readonly batch_id?: string
    readonly batch_request?: string
    readonly cost_usd: number | null
  }
}

/** Notes what batches were asked to hold. */
class Booked extends SimulatorModel {
  /** What a request of a batch asked, by its id there. */
  readonly asked = new Map<string, string>()
  /** Bodies of creations, as they came. */
  readonly bodies: string[] = []
  /** How often a request was asked live, by its last words. */
  readonly live = new Map<string, number>()
  /** Requests that were asked live while a batch that had not ended held them. */
  readonly askedBeside: string[] = []
  calls = 0

  override receive(now: number, wallTime: number, wire: WireRequest) {
    this.calls += 1
    if (wire.method === 'POST' && wire.path === '/v1/messages/batches') {
      const text = Buffer.from(wire.body).toString()
      this.bodies.push(text)
      const { requests } = JSON.parse(text) as Envelope
      for (const { custom_id: id, params } of requests) this.asked.set(id, askedIn(params))
    }
    if (wire.method === 'POST' && wire.path === '/v1/messages') {
      this.#bookLive(now, askedIn(JSON.parse(Buffer.from(wire.body).toString()) as Params))
    }
    return super.receive(now, wallTime, wire)
  }

  #bookLive(now: number, words: string): void {
    this.live.set(words, (this.live.get(words) ?? 0) + 1)
    const running = this.batches(now).filter(({ isEnded }) => !isEnded)
    if (running.some(({ customIds }) => customIds.some((id) => this.asked.get(id) === words))) {
      this.askedBeside.push(words)
    }
  }
}

interface Params {
  readonly messages: readonly { readonly content: string | readonly { readonly text: string }[] }[]
}

interface Envelope {
  readonly requests: readonly { readonly custom_id: string; readonly params: Params }[]
}

/** The last words of a request, which name its row. */
function askedIn({ messages }: Params): string {
  const content = messages.at(-1)?.content ?? ''
  return typeof content === 'string' ? content : (content.at(-1)?.text ?? '')
}

/** See above. */
export class BatchWorld extends SmallWorld {
  readonly server: Booked

  constructor(
    rows: readonly object[] | number,
    server: SimulatorOptions = {},
    packBounds?: { readonly rowsMax: number; readonly bytesMax?: number },
  ) {
    const model = new Booked(smallServer({ batchDurationSigma: 0, ...server }))
    const bounds = packBounds && { bytesMax: 250_000_000, ...packBounds }
    super(typeof rows === 'number' ? namedRows(rows) : rows, model, bounds)
    this.server = model
  }

  edit(rows: readonly object[]): void {
    this.disk.put(input, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  }

  lines(path: string = output): readonly ResultLine[] {
    if (this.disk.stat(path) === undefined) return []
    const lines = this.disk.readText(path).split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as ResultLine)
  }

  /** How often each row was answered by a batch, and so paid for, by its last words. */
  paid(): ReadonlyMap<string, number> {
    const paid = new Map<string, number>()
    for (const { customIds, outcomes } of this.server.batches(this.clock.now())) {
      for (const [index, outcome] of outcomes.entries()) {
        const asked = this.server.asked.get(customIds[index] ?? '') ?? ''
        if (outcome === 'succeeded') paid.set(asked, (paid.get(asked) ?? 0) + 1)
      }
    }
    return paid
  }

  /** Lines for each row, by its id. */
  lineCounts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { custom_id: id } of [...this.lines(), ...this.lines(failed)]) {
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    return counts
  }

  /** What is beside the output. */
  beside(): readonly string[] {
    return this.disk.paths().filter((path) => path.startsWith(`${folder}/`))
  }
}

/** Rows whose ids and last words are alike. */
export function namedRows(count: number, from = 0): readonly object[] {
  return rowsOf(from + count)
    .slice(from)
    .map((row, index) => ({ custom_id: `Row ${from + index}`, params: row }))
}

/** What is wrong with a world in which all is said to be done; empty if nothing is. */
export function judge(world: BatchWorld, ids: readonly string[]): readonly string[] {
  const problems: string[] = []
  const lines = world.lineCounts()
  const paid = world.paid()
  const unknown = new Map(
    world.lines().map(({ custom_id: id, run }) => [id, run.unknown_attempts ?? 0]),
  )
  for (const id of ids) {
    const count = lines.get(id) ?? 0
    if (count !== 1) problems.push(`${id} has ${count} lines`)
    const twice = (paid.get(id) ?? 0) - 1
    if (twice > (unknown.get(id) ?? 0)) problems.push(`${id} was paid ${twice + 1} times, unsaid`)
  }
  for (const id of lines.keys()) if (!ids.includes(id)) problems.push(`${id} is no row`)
  return problems
}

/** The ids of `namedRows`. */
export function idsOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `Row ${index}`)
}

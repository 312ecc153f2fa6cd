/**
 * Runs played against one organisation without faults, and all there was to see: every try, and the
 * server's own levels again and again. What a history must be is judged afterwards, from these.
 */

import { Random } from '../../src/random.ts'
import { run } from '../../src/run.ts'
import type { RunOptions } from '../../src/settings.ts'
import { SimulatorModel, type SimulatorOptions } from '../../src/simulator/index.ts'
import type { RunSummary } from '../../src/summary.ts'
import { SimFiles } from '../sim-files.ts'
import { SimClock } from './sim-clock.ts'
import { SimTransport } from './sim-transport.ts'

/** One run. */
export interface PlayedRun {
  /** The lines of its input. */
  readonly input: string
  readonly options?: Partial<RunOptions>
  /** It begins so long after the first. @default 0 */
  readonly afterMs?: number
}

/** What is played. */
export interface Play {
  readonly server: SimulatorOptions
  readonly runs: readonly PlayedRun[]
  readonly seed?: number
  /** What happens besides, ms after the start. */
  readonly events?: readonly (readonly [
    afterMs: number,
    act: (model: SimulatorModel, now: number) => void,
  ])[]
  /** It is broken off after so long, whatever is left. @default played to its end */
  readonly untilMs?: number
  /** The pool whose levels are looked at. @default none */
  readonly pool?: string
}

/** One try. Instants are milliseconds from the start. */
export interface Try {
  /** The row's number in its input, from 0. */
  readonly row: number
  readonly at: number
  /** Undefined while it is under way. */
  endedAt: number | undefined
  kind: string
  input: number
  output: number
}

/** One limit at one instant: what is left, and of how much. */
export interface TrueLevel {
  readonly level: number
  readonly perMinute: number
}

/** What the server's limits stood at. */
export interface Sample {
  readonly at: number
  readonly requests: TrueLevel | undefined
  readonly input: TrueLevel | undefined
  readonly output: TrueLevel | undefined
}

/** What came of it. */
export interface Played {
  /** Of each run, in the order of their starts. */
  readonly tries: readonly (readonly Try[])[]
  readonly samples: readonly Sample[]
  /** Of the runs that ended. */
  readonly summaries: readonly RunSummary[]
  readonly endedAt: number
}

/** Levels are looked at this often. */
export const sampleMs = 500
const networkMs = 20

/** The model of every row, and the name of its pool. */
export const model = 'claude-haiku-4-5'

/** A line of input with so many words; its number is read back from its text. */
export function lineOf(row: number, words: number, more: object = {}): string {
  const content = `Row ${row}: ${'word '.repeat(words)}`
  const messages = [{ role: 'user', content }]
  return `${JSON.stringify({ model, max_tokens: 8000, messages, ...more })}\n`
}

/** Plays it. */
export async function play(given: Play): Promise<Played> {
  const { server, runs, seed = 1, events = [], untilMs, pool } = given
  const clock = new SimClock(0)
  const simulator = new SimulatorModel({ seed, models: 'any', ...server })
  for (const [afterMs, act] of events) clock.after(afterMs, () => act(simulator, clock.now()))
  const tries: Try[][] = []
  const summaries: RunSummary[] = []
  const ended = runs.map(({ afterMs = 0, ...own }, number) => {
    const mine: Try[] = []
    tries.push(mine)
    const started = new Promise<void>((resolve) => void clock.after(afterMs, resolve))
    return started
      .then(() => startRun({ clock, simulator, seed, number }, own, mine))
      .then((summary) => void summaries.push(summary))
  })
  const all = Promise.all(ended)
  const samples: Sample[] = []
  let isOver = false
  const look = (): void => {
    const levels = pool === undefined ? undefined : simulator.levels(clock.now(), pool)
    if (levels !== undefined) samples.push(sampleOf(clock.now(), levels))
    if (!isOver) clock.after(sampleMs, look)
  }
  if (pool !== undefined) look()
  const over = new Promise<void>((resolve) => {
    if (untilMs !== undefined) clock.after(untilMs, resolve)
  })
  await clock.runUntil(Promise.race([all, over]), 1e9)
  isOver = true
  return { tries, samples, summaries, endedAt: clock.now() }
}

interface Place {
  readonly clock: SimClock
  readonly simulator: SimulatorModel
  readonly seed: number
  readonly number: number
}

function startRun(place: Place, own: PlayedRun, tries: Try[]): Promise<RunSummary> {
  const { clock, simulator, seed, number } = place
  const files = new SimFiles(() => clock.wallTime())
  files.put('/in.jsonl', own.input)
  const random = new Random(seed).fork(`network ${number}`)
  const link = new SimTransport({ clock, model: simulator, random, networkMs })
  const base = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'sk-ant-world', fsync: 'never' }
  const options = { ...base, timeoutMs: 3_600_000, seed: 10 * seed + number, ...own.options }
  return run(
    options as RunOptions,
    {},
    {
      clock,
      files,
      host: { name: 'w', bootId: 'b', pid: 1, startedAt: 'now', processState: () => 'dead' },
      seed: () => seed,
      transport: () => ({
        send: (dispatch, listener) => {
          const row = Number(/Row (\d+)/.exec(Buffer.from(dispatch.body).toString())?.[1])
          const sent = { row, at: clock.now(), kind: 'under way', input: 0, output: 0 }
          const tried: Try = { ...sent, endedAt: undefined }
          tries.push(tried)
          return link.send(dispatch, {
            sent: () => listener.sent(),
            head: (status, limits) => listener.head(status, limits),
            bytes: (count, content) => listener.bytes(count, content),
            outcome: (outcome) => {
              tried.endedAt = clock.now()
              tried.kind = outcome.kind
              if (outcome.kind === 'answered') {
                tried.input = outcome.usage.inputTokens
                tried.output = outcome.usage.outputTokens
              }
              listener.outcome(outcome)
            },
          })
        },
        close: () => link.close(),
      }),
    },
  )
}

function sampleOf(
  at: number,
  { requests, input, output }: NonNullable<ReturnType<SimulatorModel['levels']>>,
): Sample {
  const own = (level: typeof requests): TrueLevel | undefined =>
    level && { level: level.level, perMinute: level.perMinute }
  return { at, requests: own(requests), input: own(input), output: own(output) }
}

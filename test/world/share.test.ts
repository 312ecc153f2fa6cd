/**
 * Two runs share one organisation, each with `--limit-fraction 0.5`: together they use its limits,
 * and neither is refused. And a pool that no table knows is learned of while a run goes on.
 */

import { assert, describe, expect, test } from 'vitest'
import type { LimitGroup } from '../../src/ceilings.ts'
import type { RunContext } from '../../src/context.ts'
import type { RunEvent } from '../../src/events.ts'
import type { RunOptions } from '../../src/settings.ts'
import { Random } from '../../src/random.ts'
import { run } from '../../src/run.ts'
import { SimulatorModel, type SimulatorOptions } from '../../src/simulator/index.ts'
import type { Listener, Transport } from '../../src/transport.ts'
import { SimFiles } from '../sim-files.ts'
import { SimClock } from './sim-clock.ts'
import { SimTransport } from './sim-transport.ts'

const networkMs = 20
/** Both have begun, and learned how long answers are. */
const settledMs = 60_000

/** One answer: when it was asked for, and what it cost. */
interface Answer {
  readonly sentAt: number
  readonly output: number
}

/** One organisation, and what its runs did. */
class Organisation {
  readonly clock = new SimClock()
  readonly model: SimulatorModel
  readonly answers: Answer[][] = []
  readonly refused: number[] = []

  constructor(server: SimulatorOptions) {
    this.model = new SimulatorModel({ seed: 7, models: 'any', ...server })
  }

  /** Runs so many rows; resolves when they are done. */
  async run(
    rows: number,
    options: Partial<RunOptions>,
    context: Partial<RunContext> & { readonly models?: readonly string[] } = {},
  ): Promise<readonly RunEvent[]> {
    const { models = ['claude-haiku-4-5'], ...rest } = context
    const number = this.answers.length
    const files = new SimFiles(() => this.clock.wallTime())
    files.put('/in.jsonl', input(rows, models, number))
    const answers: Answer[] = []
    this.answers.push(answers)
    this.refused.push(0)
    const events: RunEvent[] = []
    const base = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'sk-ant-world', seed: number }
    const summary = await run(
      { ...base, ...options },
      { observers: [(event) => void events.push(event)] },
      {
        clock: this.clock,
        files,
        host: { name: 'w', bootId: 'b', pid: 1, startedAt: 'now', processState: () => 'dead' },
        seed: () => number,
        transport: () => this.#transport(number, answers),
        ...rest,
      },
    )
    assert(summary.rows.succeeded === rows, `all rows are answered: ${summary.rows.succeeded}`)
    return events
  }

  #transport(number: number, answers: Answer[]): Transport {
    const { clock, model } = this
    const random = new Random(7).fork(`network ${number}`)
    const link = new SimTransport({ clock, model, random, networkMs })
    return {
      send: (dispatch, listener) => {
        const sentAt = clock.now()
        const watched: Listener = {
          sent: () => listener.sent(),
          head: (status, limits) => listener.head(status, limits),
          bytes: (count, content) => listener.bytes(count, content),
          outcome: (outcome) => {
            if (outcome.kind === 'answered') {
              answers.push({ sentAt, output: outcome.usage.outputTokens })
            } else if (outcome.kind === 'refused') {
              this.refused[number] = (this.refused[number] ?? 0) + 1
            }
            listener.outcome(outcome)
          },
        }
        return link.send(dispatch, watched)
      },
      close: () => link.close(),
    }
  }
}

function input(rows: number, models: readonly string[], run: number): string {
  const lines = Array.from({ length: rows }, (_, index) => {
    const messages = [{ role: 'user', content: `Row ${index} of run ${run}` }]
    const model = models[index % models.length]
    return `${JSON.stringify({ model, max_tokens: 4000, messages })}\n`
  })
  return lines.join('')
}

const unbound = { inputTokensPerMinute: 1e9, outputTokensPerMinute: 1e9, requestsPerMinute: 1e6 }

describe('two runs with half of the limits each', () => {
  test.each([
    ['requests', { ...unbound, requestsPerMinute: 1000 }, 1000, () => 1, 2500],
    ['output', { ...unbound, outputTokensPerMinute: 90_000 }, 90_000, outputOf, 1200],
  ] as const)(
    'use the organisation’s %s, and are not refused',
    async (_name, server, limit, of, rows) => {
      const organisation = new Organisation(server)
      const { clock, answers, refused } = organisation
      const startAt = clock.now()
      const half = { limitFraction: 0.5 }
      const both = Promise.all([organisation.run(rows, half), organisation.run(rows, half)])
      await clock.runUntil(both, 1e8)
      const from = startAt + settledMs
      // As long as both have rows to send.
      const until = Math.min(
        ...answers.map((each) => Math.max(...each.map(({ sentAt }) => sentAt))),
      )
      expect(until - from).toBeGreaterThan(120_000)
      const used = answers
        .flat()
        .filter(({ sentAt }) => sentAt >= from && sentAt < until)
        .reduce((sum, answer) => sum + of(answer), 0)
      expect(used / (((until - from) * limit) / 60_000)).toBeGreaterThanOrEqual(0.95)
      for (const count of refused) expect(count / rows).toBeLessThanOrEqual(0.001)
    },
  )

  test('a run alone takes no more than its half', async () => {
    const organisation = new Organisation({ ...unbound, requestsPerMinute: 600 })
    const { clock, answers } = organisation
    await clock.runUntil(organisation.run(1200, { limitFraction: 0.5 }), 1e8)
    const sent = (answers[0] ?? []).map(({ sentAt }) => sentAt).toSorted((a, b) => a - b)
    const minutes = ((sent.at(-1) ?? 0) - (sent[0] ?? 0)) / 60_000
    // 300 a minute, but for one burst of a second.
    expect(minutes).toBeGreaterThanOrEqual((1200 - 5) / 300 - 0.05)
    expect(minutes).toBeLessThanOrEqual(1200 / 300 / 0.95)
  })
})

function outputOf({ output }: Answer): number {
  return output
}

describe('what the Rate Limits API tells a run', () => {
  const group: LimitGroup = {
    name: 'Claude New 1.x',
    type: 'model_group',
    models: ['claude-new-1', 'claude-new-2'],
    limits: [{ type: 'requests_per_minute', value: 60 }],
  }
  const models = ['claude-new-1', 'claude-new-2']
  const poolsOf = (events: readonly RunEvent[]): readonly string[] =>
    events.flatMap((event) => (event.type === 'attempt_started' ? [event.pool] : []))

  test('puts rows of models nobody knew into one pool, those that wait too', async () => {
    // The first byte of the first replies comes after 210 ms.
    const organisation = new Organisation({ ...unbound, latencySigma: 0 })
    const { clock } = organisation
    const limitGroups = (): Promise<readonly LimitGroup[]> =>
      new Promise((resolve) => void clock.after(100, () => resolve([group])))
    const running = organisation.run(40, { adminKey: 'sk-ant-admin' }, { models, limitGroups })
    const pools = poolsOf(await clock.runUntil(running, 1e7))
    // Two probes of each of what were thought to be two pools, until it was told.
    expect(pools.slice(0, 4).toSorted()).toEqual([
      'claude-new-1',
      'claude-new-1',
      'claude-new-2',
      'claude-new-2',
    ])
    expect(pools.slice(4)).toEqual(Array.from({ length: 36 }, () => group.name))
  })

  test('bounds a pool whose replies carry no headers', async () => {
    const organisation = new Organisation({ ...unbound, headers: false })
    const { clock, answers } = organisation
    const limitGroups = (): Promise<readonly LimitGroup[]> => Promise.resolve([group])
    const running = organisation.run(120, { adminKey: 'sk-ant-admin' }, { models, limitGroups })
    await clock.runUntil(running, 1e7)
    const sent = (answers[0] ?? []).map(({ sentAt }) => sentAt)
    // One a second, but for the few before it was told.
    expect(Math.max(...sent) - Math.min(...sent)).toBeGreaterThanOrEqual(100_000)
  })

  test('is asked for only with an admin key, and once', async () => {
    for (const [adminKey, wanted] of [
      [undefined, 0],
      ['sk-ant-admin', 1],
    ] as const) {
      const organisation = new Organisation(unbound)
      let asked = 0
      const limitGroups = (): Promise<readonly LimitGroup[]> => {
        asked += 1
        return Promise.resolve([])
      }
      await organisation.clock.runUntil(organisation.run(20, { adminKey }, { limitGroups }), 1e7)
      expect(asked).toBe(wanted)
    }
  })

  test('that never comes, or fails, is one notice, and nothing waits for it', async () => {
    const failing = (): Promise<never> => Promise.reject(new Error('no way there'))
    const hanging = (_settings: unknown, signal: AbortSignal): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      })
    for (const [limitGroups, words] of [
      [failing, 'no way there; going on'],
      [hanging, 'no answer came in time; going on'],
    ] as const) {
      const organisation = new Organisation({ ...unbound, requestsPerMinute: 30 })
      const running = organisation.run(60, { adminKey: 'sk-ant-admin' }, { limitGroups })
      const events = await organisation.clock.runUntil(running, 1e7)
      const notices = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))
      expect(notices).toEqual([expect.stringContaining(words)])
    }
  })
})

/**
 * Runs with a budget, whole: on a disk in memory, against the simulator's model.
 */

import { describe, expect, test } from 'vitest'
import { SimFiles } from '../test/sim-files.ts'
import { SimClock } from '../test/world/sim-clock.ts'
import { SimTransport } from '../test/world/sim-transport.ts'
import type { RunContext } from './context.ts'
import type { RunEvent } from './events.ts'
import type { RunOptions } from './settings.ts'
import { Random } from './random.ts'
import { run } from './run.ts'
import { SimulatorModel, type SimulatorOptions } from './simulator/index.ts'
import { stream } from './stream.ts'
import type { RunSummary } from './summary.ts'

const spendPath = '/out.jsonl.sluice/spend'

class Place {
  readonly clock = new SimClock()
  readonly files = new SimFiles()
  readonly events: RunEvent[] = []
  readonly model: SimulatorModel
  /** Called before each send. */
  sending: () => void = () => {}
  #batch = 0

  constructor(server: SimulatorOptions = {}) {
    this.model = new SimulatorModel({ seed: 1, latencyMs: 500, ...server })
  }

  rows(count: number, given: Readonly<Record<string, unknown>> = {}): string {
    this.#batch += 1
    const messages = [{ role: 'user', content: 'Hi' }]
    const row = { model: 'claude-haiku-4-5', max_tokens: 1000, messages, ...given }
    return Array.from(
      { length: count },
      (_, id) => `${JSON.stringify({ custom_id: `id-${this.#batch}-${id}`, params: row })}\n`,
    ).join('')
  }

  async run(options: Partial<RunOptions>): Promise<RunSummary> {
    const given = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'any', seed: 1, ...options }
    const observers = [(event: RunEvent) => this.events.push(event)]
    return this.clock.runUntil(run(given, { observers }, this.context()), 1e7)
  }

  context(): RunContext {
    const { clock, files, model } = this
    const random = new Random(1)
    const processState = (): 'dead' => 'dead'
    return {
      clock,
      files,
      host: { name: 'h', bootId: 'b', pid: 1, startedAt: 's', processState },
      seed: () => 1,
      transport: () => {
        const transport = new SimTransport({ clock, model, random, networkMs: 5 })
        return {
          send: (dispatch, listener) => {
            this.sending()
            return transport.send(dispatch, listener)
          },
          close: () => transport.close(),
        }
      },
    }
  }

  get notices(): readonly string[] {
    return this.events.flatMap((event) => (event.type === 'notice' ? [event.message] : []))
  }
}

// Each row may cost its 150 bytes and 1,000 tokens of answer: about $0.0052.
const tenRows = '0.052'

test('a run stops at its budget, and goes on with a higher one', async () => {
  const place = new Place({ outputTokens: 20_000 })
  place.files.put('/in.jsonl', place.rows(30))
  const first = await place.run({ maxBudgetUsd: tenRows })
  expect([first.exitCode, first.stopped?.code]).toEqual([4, 'BUDGET_REACHED'])
  // Answers of a thousand tokens cost nearly all they can.
  expect(first.rows).toEqual({ selected: 30, succeeded: 10, failed: 0, left: 20 })
  const spent = first.snapshot.budget?.usd?.spent ?? 0
  expect(spent).toBe(first.snapshot.costNanoUsd)
  const second = await place.run({ maxBudgetUsd: tenRows })
  expect(second.rows.succeeded).toBe(10)
  expect(second.snapshot.budget?.usd?.spent).toBe(spent)
  const third = await place.run({ maxBudgetUsd: 1 })
  expect([third.exitCode, third.rows.succeeded]).toEqual([0, 30])
  expect(place.files.paths()).toEqual(['/in.jsonl', '/out.jsonl'])
})

test('nothing is sent where a price is unknown, and --prices is the way out', async () => {
  const place = new Place()
  place.files.put('/in.jsonl', `${place.rows(3)}${place.rows(1, { model: 'claude-next' })}`)
  const { stopped, rows } = await place.run({ maxBudgetUsd: 1 })
  expect(stopped).toEqual({
    code: 'COST_UNKNOWN',
    message: 'Cannot keep line 4 within the budget, as the price of claude-next is unknown',
    hint: 'give its price with --prices, or run without a budget',
  })
  expect(rows.left).toBe(rows.selected)
  expect(place.model.totals.received).toBe(0)
  const own = { input: '1', write5m: '1', write1h: '1', read: '1', output: '5' }
  await place.run({ maxBudgetUsd: 1, prices: { models: { 'claude-next': own } } })
  expect(place.model.totals.received).toBeGreaterThan(0)
})

test('what was lost counts at its most, in later runs too', async () => {
  const place = new Place({ faults: { 'reset-after': 1 } })
  place.files.put('/in.jsonl', place.rows(1))
  const first = await place.run({ maxBudgetUsd: 1, maxAttempts: 2 })
  expect(first.rows.failed).toBe(1)
  const unknown = first.snapshot.budget?.usd?.unknown ?? 0
  expect(unknown).toBeGreaterThanOrEqual(2 * 1000 * 5000)
  expect(first.snapshot.possiblyBilledTwice.costNanoUsdMax).toBe(unknown)
  const second = await place.run({ maxBudgetUsd: 1 })
  expect(second.snapshot.budget?.usd).toMatchObject({ spent: 0, unknown })
})

test('tokens are counted over runs, of every kind', async () => {
  const place = new Place({ outputTokens: 20_000 })
  place.files.put('/in.jsonl', place.rows(30))
  const first = await place.run({ maxTotalTokens: 5600 })
  const { input, output } = first.snapshot.tokens
  expect([first.stopped?.code, first.rows.succeeded]).toEqual(['BUDGET_REACHED', 5])
  expect(first.snapshot.budget).toMatchObject({ usd: null, tokens: { spent: input + output } })
  const second = await place.run({ maxTotalTokens: 5600 })
  expect(second.snapshot.budget?.tokens?.spent).toBe(input + output)
})

test('tuples do not say what they cost; the record does', async () => {
  const place = new Place({ outputTokens: 20_000 })
  place.files.put('/in.jsonl', place.rows(30))
  const first = await place.run({ maxBudgetUsd: tenRows, outputFormat: 'tuple' })
  const second = await place.run({ maxBudgetUsd: tenRows, outputFormat: 'tuple' })
  expect(first.snapshot.costNanoUsd).toBeGreaterThan(0)
  expect(second.snapshot.budget?.usd?.spent).toBe(first.snapshot.costNanoUsd)
})

test('answers in the spool of an ordered run are spent money', async () => {
  const place = new Place({ outputTokens: 20_000, faults: { 'server-error': 0.4 } })
  place.files.put('/in.jsonl', place.rows(30))
  const options = { ordered: true, maxConcurrency: 4 } as const
  const first = await place.run({ ...options, maxBudgetUsd: tenRows })
  const second = await place.run({ ...options, maxBudgetUsd: tenRows })
  expect(first.snapshot.costNanoUsd).toBeGreaterThan(0)
  expect(second.snapshot.budget?.usd?.spent).toBe(first.snapshot.costNanoUsd)
})

describe('a process may die at any moment, so', () => {
  const countOf = (place: Place, kind: string): number =>
    Buffer.from(place.files.bytes(spendPath))
      .toString()
      .split('\n')
      .filter((line) => line.startsWith(kind)).length

  test('what is sent stands on record by then', async () => {
    const place = new Place()
    place.files.put('/in.jsonl', place.rows(20))
    let sent = 0
    place.sending = () => {
      sent += 1
      expect(countOf(place, '+')).toBeGreaterThanOrEqual(sent)
    }
    await place.run({ maxBudgetUsd: 1 })
    expect(sent).toBe(20)
  })

  test.each([false, true])(
    'what is answered is not over before its line is written',
    async (ordered) => {
      const place = new Place()
      place.files.put('/in.jsonl', place.rows(20))
      let written = 0
      place.files.onOperation = (operation, path) => {
        if (operation !== 'write' || !/out\.jsonl$|\.spool$/.test(path)) return
        expect(countOf(place, '-')).toBeLessThanOrEqual(written)
        written += 1
      }
      await place.run({ maxBudgetUsd: 1, ordered, maxConcurrency: 1 })
      expect(written).toBe(20)
    },
  )
})

test('to start over is to spend anew; the record moves aside with its answers', async () => {
  const place = new Place({ outputTokens: 20_000 })
  place.files.put('/in.jsonl', place.rows(30))
  await place.run({ maxBudgetUsd: tenRows })
  const again = await place.run({ maxBudgetUsd: tenRows, overwrite: true })
  expect(again.rows.succeeded).toBe(10)
  expect(place.files.paths().filter((path) => path.endsWith('/spend'))).toHaveLength(2)
})

test('a full disk keeps what cannot be recorded from being sent', async () => {
  const place = new Place()
  place.files.put('/in.jsonl', place.rows(5))
  place.files.failWrites('ENOSPC', { path: spendPath })
  place.clock.after(60_000, () => {
    expect(place.model.totals.received).toBe(0)
    place.files.failWrites(undefined)
  })
  const { exitCode, rows, snapshot } = await place.run({ maxBudgetUsd: 1 })
  expect([exitCode, rows.succeeded, snapshot.attempts.started]).toEqual([0, 5, 5])
  expect(snapshot.budget?.usd).toMatchObject({ unknown: 0, reserved: 0 })
  expect(place.notices).toContain('the record of what is spent: ENOSPC; waiting for room')
})

describe('what the budget cannot know is said', () => {
  test('of answers without a cost, and of runs without a record', async () => {
    const place = new Place({ models: 'any' })
    place.files.put('/in.jsonl', place.rows(2, { model: 'claude-next' }))
    await place.run({})
    place.files.put('/in.jsonl', place.rows(2))
    await place.run({ maxBudgetUsd: 1 })
    expect(place.notices.filter((message) => message.includes('not counted'))).toEqual([
      expect.stringMatching(/^2 answers of earlier runs do not say what they cost/),
      expect.stringMatching(/^earlier runs left no record of what they sent/),
    ])
  })

  test('of standard output and of streams: it holds within the process', async () => {
    const place = new Place()
    place.files.put('/in.jsonl', place.rows(1))
    await place.run({ output: '-', maxBudgetUsd: 1 })
    expect(place.notices.at(-1)).toMatch(/within this process only/)
    const messages = [{ role: 'user' as const, content: 'Hi' }]
    const request = { model: 'claude-haiku-4-5', max_tokens: 1000, messages }
    const results = stream(
      Array.from({ length: 30 }, () => request),
      { apiKey: 'any', seed: 1, maxBudgetUsd: '0.0053' },
      { observers: [(event) => place.events.push(event)] },
      place.context(),
    )
    const taken = async (): Promise<string> => {
      for await (const _ of results) {
        // Taken.
      }
      return ''
    }
    const end = await place.clock.runUntil(
      taken().catch(({ code }: { code: string }) => code),
      1e7,
    )
    expect(end).toBe('BUDGET_REACHED')
    expect((await results.summary).rows.left).toBeGreaterThan(0)
    expect(
      place.notices.filter((message) => /within this process only/.test(message)),
    ).toHaveLength(2)
  })
})

test('a producer that waits for a result before it gives its next request gets it', async () => {
  const place = new Place()
  const messages = [{ role: 'user' as const, content: 'Hi' }]
  const request = { model: 'claude-haiku-4-5', max_tokens: 10, messages }
  let given = 0
  let more: () => void = () => {}
  async function* one(): AsyncGenerator<typeof request> {
    for (given = 1; given <= 3; given++) {
      const answered = new Promise<void>((resolve) => (more = resolve))
      yield request
      await answered
    }
  }
  const results = stream(one(), { apiKey: 'any', seed: 1, maxBudgetUsd: 1 }, {}, place.context())
  const taken = async (): Promise<number> => {
    let count = 0
    for await (const _ of results) {
      count += 1
      more()
    }
    return count
  }
  expect(await place.clock.runUntil(taken(), 1e7)).toBe(3)
})

test('without a budget there is no record, and nothing is told', async () => {
  const place = new Place()
  place.files.put('/in.jsonl', place.rows(3))
  const operations: string[] = []
  place.files.onOperation = (_, path) => operations.push(path)
  const { snapshot } = await place.run({})
  expect(snapshot.budget).toBeNull()
  expect(operations.filter((path) => path.endsWith('/spend'))).toEqual([])
  expect(place.events.some(({ type }) => type === 'budget_used')).toBe(false)
})

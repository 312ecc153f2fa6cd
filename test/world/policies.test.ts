/**
 * Answers that are cut, paused or not as their schema says, and what is done about them: rows that
 * are asked again, by runs that are killed in between. The judge shares no code with the client.
 */

import { describe, expect, test } from 'vitest'
import type { RunOptions } from '../../src/settings.ts'
import type { RunSummary } from '../../src/summary.ts'
import { Random } from '../../src/random.ts'
import type { SimulatorOptions, WireRequest } from '../../src/simulator/index.ts'
import { systemError } from '../sim-file.ts'
import { BillingModel } from './billing.ts'
import { costNanoUsd } from './checkers-books.ts'
import { counts, output, rowsOf, SmallWorld, smallServer } from './small-world.ts'
import { usageOf } from './witness.ts'

const record = `${output}.sluice/turns`
const failed = '/data/out.failed.jsonl'

interface Message {
  readonly id: string
  readonly content: readonly { readonly type: string; readonly text?: string }[]
  readonly stop_reason: string
  readonly model: string
  readonly usage: Parameters<typeof usageOf>[0] & { readonly service_tier: string }
}

interface Line {
  readonly custom_id: string
  readonly result: {
    readonly type: string
    readonly message?: Message
    readonly error?: { readonly error: { readonly type: string; readonly message: string } }
  }
  readonly earlier?: readonly Message[]
  readonly run: {
    readonly line: number
    readonly turns?: number
    readonly attempts: number
    readonly invalid_output?: boolean
    readonly cost_usd: number
  }
}

interface Asked {
  readonly max_tokens: number
  readonly messages: readonly { readonly role: string; readonly content: unknown }[]
}

/** Notes what each row was asked, in order, by its number. */
class Noting extends BillingModel {
  readonly asked = new Map<number, Asked[]>()

  override receive(now: number, wallTime: number, wire: WireRequest) {
    if (wire.path === '/v1/messages') this.#note(JSON.parse(Buffer.from(wire.body).toString()))
    else if (wire.method === 'POST' && wire.path === '/v1/messages/batches') {
      const { requests } = JSON.parse(Buffer.from(wire.body).toString()) as {
        requests: { params: Asked }[]
      }
      for (const { params } of requests) this.#note(params)
    }
    return super.receive(now, wallTime, wire)
  }

  #note(body: Asked): void {
    const row = Number(/Row (\d+)/.exec(JSON.stringify(body.messages[0]))?.[1])
    this.asked.set(row, [...(this.asked.get(row) ?? []), body])
  }
}

class PolicyWorld extends SmallWorld {
  readonly server: Noting

  constructor(rows: readonly object[], server: SimulatorOptions = {}) {
    const model = new Noting(smallServer({ batchDurationSigma: 0, schemaCompileMs: 0, ...server }))
    super(rows, model)
    this.server = model
  }

  lines(path: string = output): readonly Line[] {
    if (this.disk.stat(path) === undefined) return []
    const lines = this.disk.readText(path).split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as Line)
  }

  asked(row: number): readonly Asked[] {
    return this.server.asked.get(row) ?? []
  }

  /** How many turns of each row are on the disk, by its line. */
  recorded(): ReadonlyMap<number, number> {
    const found = new Map<number, number>()
    if (this.disk.stat(record) === undefined) return found
    for (const text of this.disk.readText(record).split('\n').slice(0, -1)) {
      const { line } = JSON.parse(text) as { line: number }
      found.set(line, (found.get(line) ?? 0) + 1)
    }
    return found
  }
}

const schema = {
  type: 'object',
  properties: { year: { type: 'integer' }, title: { type: 'string' } },
  required: ['year', 'title'],
  additionalProperties: false,
}
const structured = { output_config: { format: { type: 'json_schema', schema } } }
const searching = { tools: [{ type: 'web_search_20260209', name: 'web_search' }] }

/** What is wrong with one line, whatever became of its row. */
function lineProblems({ custom_id: id, result, earlier = [], run }: Line): readonly string[] {
  const problems: string[] = []
  const answers = [...earlier, ...(result.message === undefined ? [] : [result.message])]
  // Of a row that was paused the last Message holds what all have said, and its own usage.
  const costs = answers.map(({ model, usage }) => {
    const cost = costNanoUsd(model, usageOf(usage))
    return usage.service_tier === 'batch' ? cost / 2 : cost
  })
  const cost = costs.reduce((sum, each) => sum + each, 0)
  const messages = new Set(answers.map(({ id }) => id))
  if (messages.size < answers.length) problems.push(`${id} has an answer twice`)
  const said = Math.round(run.cost_usd * 1e9)
  if (said !== cost) problems.push(`${id} cost ${cost} nano-dollars, its line says ${said}`)
  if (result.message !== undefined && (run.turns ?? 0) !== earlier.length) {
    problems.push(`${id} has ${earlier.length} earlier answers and says ${run.turns}`)
  }
  return problems
}

function problemsOf(world: PolicyWorld, rows: number): readonly string[] {
  const lines = [...world.lines(), ...world.lines(failed)]
  const ids = lines.map(({ run }) => run.line).toSorted((a, b) => a - b)
  const problems = lines.flatMap(lineProblems)
  if (ids.join() !== Array.from({ length: rows }, (_, index) => index + 1).join()) {
    problems.push(`lines for ${ids.join()}`)
  }
  if (world.disk.stat(record) !== undefined) problems.push('turns are left')
  return problems
}

const texts = ({ content }: Message): string => content.map(({ text = '' }) => text).join('')

describe('an answer that was cut', () => {
  const server = { outputTokens: 200, outputSigma: 0, latencyMs: 1000 }

  test('is a result, and counted, unless it is said otherwise', async () => {
    const world = new PolicyWorld(rowsOf(20), server)
    const { summary } = await world.live()
    expect(counts(summary)).toEqual([20, 0, 0])
    expect(summary.snapshot.incomplete.truncated).toBe(20)
    expect(world.lines().every(({ earlier }) => earlier === undefined)).toBe(true)
  })

  test('is asked for once more with more room, and is in the line all the same', async () => {
    const world = new PolicyWorld(rowsOf(20), server)
    const { summary } = await world.live({ onTruncated: { extendTo: 500 } })
    expect(counts(summary)).toEqual([20, 0, 0])
    const { incomplete, askedAgain, tokens, attempts } = summary.snapshot
    expect(incomplete.truncated).toBe(0)
    expect(askedAgain.truncated).toBe(20)
    expect(attempts).toMatchObject({ started: 40, inFlight: 0 })
    expect(tokens.output).toBe(20 * (100 + 200))
    for (const { result, earlier, run } of world.lines()) {
      expect(result.message?.usage.output_tokens).toBe(200)
      expect(earlier?.map(({ stop_reason: why }) => why)).toEqual(['max_tokens'])
      expect(run).toMatchObject({ turns: 1, attempts: 2 })
      expect(world.asked(run.line - 1).map(({ max_tokens: max }) => max)).toEqual([100, 500])
    }
    expect(problemsOf(world, 20)).toEqual([])
  })

  test('is asked for once more and no oftener, and not where there is no more room', async () => {
    const rows = [...rowsOf(10), ...rowsOf(10, { max_tokens: 150 })]
    const world = new PolicyWorld(rows, server)
    const { summary } = await world.live({ onTruncated: { extendTo: 150 } })
    expect(summary.snapshot.incomplete.truncated).toBe(20)
    expect(summary.snapshot.askedAgain.truncated).toBe(10)
  })

  test('fails its row, which keeps it and what it cost', async () => {
    const world = new PolicyWorld([...rowsOf(10), ...rowsOf(10, { max_tokens: 900 })], server)
    const { summary } = await world.live({ onTruncated: 'fail' })
    expect(counts(summary)).toEqual([10, 10, 0])
    expect(summary.exitCode).toBe(1)
    for (const { result, earlier } of world.lines(failed)) {
      expect(result.error?.error).toEqual({
        type: 'truncated',
        message: 'The answer was cut at max_tokens (100)',
      })
      expect(earlier).toHaveLength(1)
    }
    expect(problemsOf(world, 20)).toEqual([])
    expect(summary.snapshot.tokens.output).toBe(10 * 100 + 10 * 200)
    const { summary: again } = await world.live({ onTruncated: 'keep', retryFailed: true })
    expect(counts(again)).toEqual([20, 0, 0])
    // Two rows are of this name, and one of them had failed.
    expect(world.asked(0)).toHaveLength(2 + 1)
  })

  test('stops a run all of whose answers are cut', async () => {
    const world = new PolicyWorld(rowsOf(500), server)
    const { summary } = await world.live({ onTruncated: 'fail' })
    expect(summary.stopped?.code).toBe('SAME_ERROR')
  })
})

describe('a refusal', () => {
  test('fails its row, and is not asked for again', async () => {
    const world = new PolicyWorld(rowsOf(40), { refusalRate: 0.5 })
    const { summary } = await world.live({ onRefusal: 'fail', onInvalidOutput: { retries: 3 } })
    const [succeeded = 0, others = 0] = counts(summary)
    expect(succeeded + others).toBe(40)
    expect(others).toBeGreaterThan(5)
    for (const { result } of world.lines(failed)) {
      expect(result.error?.error.message).toMatch(/^The model refused to answer \(\w+\)$/)
    }
    for (const asked of world.server.asked.values()) expect(asked).toHaveLength(1)
    expect(problemsOf(world, 40)).toEqual([])
  })
})

describe('an answer that was paused', () => {
  const server = { pauseRate: 0.5, outputTokens: 30, outputSigma: 0 }

  test('is gone on with by what the assistant has said, and is one answer in the end', async () => {
    const world = new PolicyWorld(rowsOf(60, { ...searching, model: 'claude-opus-5' }), server)
    const { summary } = await world.live({ onPause: 'continue' })
    expect(counts(summary)).toEqual([60, 0, 0])
    expect(summary.snapshot.incomplete.paused).toBe(0)
    expect(summary.snapshot.askedAgain.paused).toBeGreaterThan(30)
    for (const { result, earlier = [], run } of world.lines()) {
      const asked = world.asked(run.line - 1)
      expect(asked).toHaveLength(earlier.length + 1)
      const said = earlier.flatMap(({ content }) => content)
      const [, assistant, ...more] = asked.at(-1)?.messages ?? []
      expect(more).toEqual([])
      const sent = said.length === 0 ? undefined : { role: 'assistant', content: said }
      expect(assistant).toEqual(sent)
      expect(result.message?.content.slice(0, said.length)).toEqual(said)
      expect(result.message?.content.length).toBeGreaterThan(said.length)
    }
    expect(problemsOf(world, 60)).toEqual([])
  })

  test('that pauses for ever is kept in the end', async () => {
    const world = new PolicyWorld(rowsOf(2, searching), { ...server, pauseRate: 1 })
    const { summary } = await world.live({ onPause: 'continue' })
    expect(counts(summary)).toEqual([2, 0, 0])
    expect(summary.snapshot.incomplete.paused).toBe(2)
    expect(summary.snapshot.askedAgain.paused).toBe(40)
    expect(problemsOf(world, 2)).toEqual([])
  })
})

describe('an output that does not conform', () => {
  const server = { invalidOutputRate: 0.5, outputTokens: 20, outputSigma: 0 }

  test('is kept, and the line says so', async () => {
    const world = new PolicyWorld(rowsOf(60, structured), server)
    const { summary } = await world.live()
    const wrong = world.lines().filter(({ run }) => run.invalid_output === true)
    expect(summary.snapshot.incomplete.invalid).toBe(wrong.length)
    expect(wrong.length).toBeGreaterThan(10)
    for (const { result, run } of world.lines()) {
      const isStray = texts(result.message as Message).includes('stray')
      expect(run.invalid_output === true).toBe(isStray)
    }
  })

  test('fails its row, with what is wrong', async () => {
    const world = new PolicyWorld(rowsOf(60, structured), server)
    const { summary } = await world.live({ onInvalidOutput: 'fail' })
    const [, others = 0] = counts(summary)
    expect(others).toBeGreaterThan(10)
    for (const { result } of world.lines(failed)) {
      expect(result.error?.error.type).toBe('invalid_output')
      expect(result.error?.error.message).toContain('must NOT have additional properties ("stray")')
    }
    expect(
      world.lines().some(({ result }) => texts(result.message as Message).includes('stray')),
    ).toBe(false)
    expect(problemsOf(world, 60)).toEqual([])
  })

  test('is shown to the model with what is wrong, so often as was said', async () => {
    const world = new PolicyWorld(rowsOf(80, structured), server)
    const { summary } = await world.live({ onInvalidOutput: { retries: 2 } })
    const [succeeded = 0, others = 0] = counts(summary)
    expect(succeeded + others).toBe(80)
    expect(others).toBeGreaterThan(0)
    expect(world.lines().some(({ earlier }) => earlier?.length === 2)).toBe(true)
    for (const { earlier = [], run } of [...world.lines(), ...world.lines(failed)]) {
      const asked = world.asked(run.line - 1)
      expect(asked.length).toBeLessThanOrEqual(3)
      for (const [index, { messages }] of asked.entries()) {
        const before = earlier[index - 1]
        if (before === undefined) continue
        // Only the last wrong one is shown: a row costs no more with each.
        expect(messages).toHaveLength(3)
        expect(messages[1]).toEqual({ role: 'assistant', content: before.content })
        expect(JSON.stringify(messages[2])).toContain('stray')
      }
    }
    for (const { earlier } of world.lines(failed)) expect(earlier).toHaveLength(3)
    expect(problemsOf(world, 80)).toEqual([])
  })

  test('in a strict tool is answered as the result of its call', async () => {
    const tools = [{ name: 'note', strict: true, input_schema: schema }]
    const rows = rowsOf(40, { tools, tool_choice: { type: 'tool', name: 'note' } })
    const world = new PolicyWorld(rows, server)
    const { summary } = await world.live({ onInvalidOutput: { retries: 9 } })
    expect(counts(summary)).toEqual([40, 0, 0])
    const again = [...world.server.asked.values()].flatMap((asked) => asked.slice(1))
    expect(again.length).toBeGreaterThan(10)
    for (const { messages } of again) {
      const [, assistant, user] = messages as readonly {
        content: { type: string; id?: string; tool_use_id?: string; is_error?: boolean }[]
      }[]
      const use = assistant?.content.find(({ type }) => type === 'tool_use')
      expect(user?.content).toEqual([
        expect.objectContaining({ type: 'tool_result', tool_use_id: use?.id, is_error: true }),
      ])
    }
  })

  test('of an answer that was cut or refused is no mistake to be shown', async () => {
    const world = new PolicyWorld(rowsOf(40, structured), {
      refusalRate: 0.3,
      outputTokens: 100,
      outputSigma: 0.5,
    })
    await world.live({ onInvalidOutput: { retries: 3 } })
    for (const asked of world.server.asked.values()) expect(asked).toHaveLength(1)
    const messages = world.lines(failed).map(({ result }) => result.error?.error.message)
    expect(new Set(messages)).toEqual(
      new Set([
        'The output does not match its schema: the model refused',
        'The output does not match its schema: it was cut at max_tokens',
      ]),
    )
    expect(problemsOf(world, 40)).toEqual([])
  })
})

describe('a schema that many rows share', () => {
  test('is compiled for one of them, and the others come when it is', async () => {
    const world = new PolicyWorld(rowsOf(300, structured), {
      schemaCompileMs: 8000,
      latencyMs: 1000,
    })
    const starts: number[] = []
    const { summary } = await world.live({}, undefined, (event) => {
      if (event.type === 'attempt_started') starts.push(event.at)
    })
    expect(counts(summary)).toEqual([300, 0, 0])
    expect(starts.filter((at) => at < 8000)).toHaveLength(1)
    expect(summary.snapshot.elapsedMs).toBeLessThan(30_000)
  })
})

const all: Partial<RunOptions> = {
  onTruncated: { extendTo: 400 },
  onPause: 'continue',
  onInvalidOutput: { retries: 2 },
}

/** As many of each kind. */
function mixedRows(count: number, kinds: readonly object[] = [{}, searching, structured]) {
  return rowsOf(count).map((row, index) => ({ ...row, ...kinds[index % kinds.length] }))
}

const mixedServer = {
  pauseRate: 0.5,
  invalidOutputRate: 0.4,
  outputTokens: 90,
  outputSigma: 0.6,
  latencyMs: 2000,
  latencySigma: 0.5,
}

describe('runs that are killed', () => {
  const ways = {
    live: {},
    batches: { via: 'batches' },
    'by batches, then live': {
      via: 'batches',
      batchLeftovers: 'live',
    },
  } as const
  const table = Object.entries(ways).flatMap(([name, way]) =>
    [1, 2, 3, 4].map((seed) => ({ name, seed, way })),
  )
  test.each(table)(
    '$name, seed $seed: no answer on record is bought again',
    async ({ seed, way }) => {
      const random = new Random(seed)
      const rows = 90
      const server = { ...mixedServer, seed, requestsPerMinute: 120, batchDurationMs: 5000 }
      const world = new PolicyWorld(mixedRows(rows), server)
      const options = { ...all, ...way, maxConcurrency: 20, maxAttempts: 50 }
      let kills = 0
      let onRecord = 0
      for (let life = 0; life < 12; life++) {
        const before = world.recorded()
        onRecord += before.size
        const askedBefore = new Map(
          [...world.server.asked].map(([row, asked]) => [row, asked.length]),
        )
        const death = {
          kind: random.pick(['kill', 'kill', 'power', 'interrupt'] as const),
          afterMs: random.integer(500, 12_000),
          midWrite: random.chance(0.5),
        }
        const { ending } = await world.try(options, life < 11 ? death : undefined)
        expect(ending.type).not.toBe('bug')
        if (ending.type === 'kill' || ending.type === 'power') kills += 1
        for (const [line, turns] of before) {
          const asked = world.asked(line - 1).slice(askedBefore.get(line - 1))
          // Whatever is asked from now on goes on from all that was on record.
          for (const body of asked)
            expect(stageOf(body)).toBeGreaterThanOrEqual(turns === 0 ? 0 : 1)
        }
      }
      const { summary } = await world.live(options)
      expect(counts(summary)[2]).toBe(0)
      expect(kills).toBeGreaterThan(0)
      expect(onRecord).toBeGreaterThan(20)
      expect(problemsOf(world, rows)).toEqual([])
    },
  )

  function stageOf({ max_tokens: max, messages }: Asked): number {
    return (max > 100 ? 1 : 0) + (messages.length > 1 ? 1 : 0)
  }
})

describe('a strict budget', () => {
  // What tools of the server cost has no bound.
  const bounded = [{}, structured]
  const policies = { ...all, onInvalidOutput: { retries: 1 }, onRefusal: 'fail' } as const

  test.each([1, 2, 3, 4, 5, 6])('seed %i: answers asked again are within it', async (seed) => {
    const random = new Random(seed)
    const server = { ...mixedServer, seed, refusalRate: 0.1, requestsPerMinute: 300 }
    const rows = 90
    const free = new PolicyWorld(mixedRows(rows, bounded), server)
    await free.live(policies)
    const budget = Math.round(free.server.billed.nanoUsd * 0.6)
    const world = new PolicyWorld(mixedRows(rows, bounded), server)
    const options = { ...policies, maxBudgetUsd: String(budget / 1e9), maxConcurrency: 8 }
    const counted = ({ snapshot }: RunSummary): number =>
      (snapshot.budget?.usd?.spent ?? 0) + (snapshot.budget?.usd?.unknown ?? 0)
    for (let life = 0; life < 5; life++) {
      const afterMs = random.integer(1000, 9000)
      await world.try(options, { kind: 'kill', afterMs, midWrite: random.chance(0.5) })
      // What the next run knows of all that, before it sends anything.
      const { summary } = await world.live({ ...options, maxBudgetUsd: '0.000001' })
      expect(counted(summary)).toBeGreaterThanOrEqual(world.server.billed.nanoUsd)
    }
    const { summary } = await world.live(options)
    expect(summary.stopped?.code).toBe('BUDGET_REACHED')
    expect(world.server.billed.nanoUsd).toBeLessThanOrEqual(budget)
    expect(counted(summary)).toBeGreaterThanOrEqual(world.server.billed.nanoUsd)
    await world.live({ ...policies, maxBudgetUsd: 1000, maxConcurrency: 8 })
    expect(problemsOf(world, rows)).toEqual([])
  })

  test('knows what it spent on answers, to the last nano-dollar, whatever became of them', async () => {
    const world = new PolicyWorld(mixedRows(60, bounded), mixedServer)
    const { summary } = await world.live({ ...policies, maxBudgetUsd: 1000 })
    expect(summary.snapshot.budget?.usd?.spent).toBe(world.server.billed.nanoUsd)
    expect(summary.snapshot.costNanoUsd).toBe(world.server.billed.nanoUsd)
    // What the next run finds in the files.
    const { summary: next } = await world.live({ ...policies, maxBudgetUsd: 1000 })
    expect(next.snapshot.budget?.usd?.spent).toBe(world.server.billed.nanoUsd)
  })

  test('knows what answers have cost whose rows have no line yet', async () => {
    const world = new PolicyWorld(mixedRows(60, bounded), mixedServer)
    const options = { ...policies, maxConcurrency: 20 }
    const death = { kind: 'interrupt', afterMs: 2500, midWrite: false } as const
    await world.try({ ...options, maxBudgetUsd: 1000 }, death)
    expect(world.recorded().size).toBeGreaterThan(0)
    const { summary } = await world.live({ ...options, maxBudgetUsd: '0.000001' })
    expect(summary.snapshot.budget?.usd).toMatchObject({
      spent: world.server.billed.nanoUsd,
      unknown: 0,
    })
  })

  test('holds where what is asked again costs far more', async () => {
    const server = { outputTokens: 1500, outputSigma: 0 }
    const extend = { onTruncated: { extendTo: 2000 }, maxConcurrency: 10 } as const
    const free = new PolicyWorld(rowsOf(40), server)
    await free.live(extend)
    const budget = Math.round(free.server.billed.nanoUsd / 2)
    const world = new PolicyWorld(rowsOf(40), server)
    const { summary } = await world.live({ ...extend, maxBudgetUsd: String(budget / 1e9) })
    expect(summary.stopped?.code).toBe('BUDGET_REACHED')
    expect(world.server.billed.nanoUsd).toBeLessThanOrEqual(budget)
  })

  test('counts tokens of answers asked again', async () => {
    const world = new PolicyWorld(mixedRows(60, bounded), mixedServer)
    await world.try(
      { ...policies, maxTotalTokens: 1e9 },
      {
        kind: 'interrupt',
        afterMs: 2500,
        midWrite: false,
      },
    )
    const { summary } = await world.live({ ...policies, maxTotalTokens: 1e9 })
    expect(summary.snapshot.budget?.tokens?.spent).toBe(world.server.billed.tokens)
  })
})

describe('policies that change between runs', () => {
  test('an answer on record is the result, if it is not to be asked again any more', async () => {
    const server = { outputTokens: 200, outputSigma: 0, latencyMs: 4000 }
    const world = new PolicyWorld(rowsOf(30), server)
    const extend = { onTruncated: { extendTo: 500 }, maxConcurrency: 10 } as const
    await world.try(extend, { kind: 'kill', afterMs: 6000, midWrite: false })
    const recorded = world.recorded()
    expect(recorded.size).toBeGreaterThan(5)
    const { summary } = await world.live({ onTruncated: 'keep' })
    expect(counts(summary)).toEqual([30, 0, 0])
    for (const line of recorded.keys()) {
      const asked = world.asked(line - 1).filter(({ max_tokens: max }) => max === 100)
      expect(asked).toHaveLength(1)
    }
    expect(summary.snapshot.attempts.inFlight).toBe(0)
    expect(problemsOf(world, 30)).toEqual([])
  })

  test('what a batch is asked behind an answer is waited for, and no second result', async () => {
    const server = { outputTokens: 200, outputSigma: 0, batchDurationMs: 60_000 }
    const world = new PolicyWorld(rowsOf(10), server)
    const extend = { via: 'batches', onTruncated: { extendTo: 500 } } as const
    await world.try(extend, { kind: 'kill', afterMs: 100_000, midWrite: false })
    expect(world.asked(0)).toHaveLength(2)
    const { summary } = await world.live({ via: 'batches' })
    expect(counts(summary)).toEqual([10, 0, 0])
    expect(world.lines().every(({ earlier }) => earlier?.length === 1)).toBe(true)
    expect(problemsOf(world, 10)).toEqual([])
    expect(summary.notInInput).toBe(0)
  })
})

describe('a kill while a batch is collected', () => {
  test.each([1, 2, 3, 4, 5, 6])('in write %i puts no answer on record twice', async (write) => {
    const server = { outputTokens: 200, outputSigma: 0, batchDurationMs: 60_000 }
    const world = new PolicyWorld(rowsOf(10), server)
    const options = { via: 'batches', onTruncated: { extendTo: 500 } } as const
    let writes = 0
    await world.try(options, undefined, undefined, (life) => {
      world.disk.onOperation = (operation, path) => {
        if (operation !== 'write' || path !== record) return
        writes += 1
        if (writes < write) return
        life.kill()
        throw systemError('EBADF', 'write', path)
      }
    })
    world.disk.onOperation = undefined
    expect(writes).toBe(write)
    const { summary } = await world.live(options)
    expect(counts(summary)).toEqual([10, 0, 0])
    expect(problemsOf(world, 10)).toEqual([])
    for (const asked of world.server.asked.values()) expect(asked).toHaveLength(2)
  })
})

describe('a full disk', () => {
  test('holds up the last row until what it asks is on record', async () => {
    const world = new PolicyWorld(rowsOf(1), { outputTokens: 200, outputSigma: 0 })
    world.disk.onOperation = (operation) => {
      const isFull = world.clock.now() > 500 && world.clock.now() < 30_000
      if (isFull && operation === 'write')
        throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    }
    const { summary } = await world.live({ onTruncated: { extendTo: 500 } })
    expect(counts(summary)).toEqual([1, 0, 0])
    expect(world.asked(0)).toHaveLength(2)
    expect(problemsOf(world, 1)).toEqual([])
  })

  test('loses no answer behind which a row is asked again', async () => {
    const world = new PolicyWorld(mixedRows(60), mixedServer)
    let isFull = false
    world.disk.onOperation = (operation) => {
      if (isFull && operation === 'write')
        throw Object.assign(new Error('full'), { code: 'ENOSPC' })
    }
    world.clock.after(5000, () => {
      isFull = true
    })
    world.clock.after(60_000, () => {
      isFull = false
    })
    const { summary } = await world.live({ ...all, maxConcurrency: 15 })
    expect(counts(summary)[2]).toBe(0)
    expect(problemsOf(world, 60)).toEqual([])
    for (const { earlier = [], run } of [...world.lines(), ...world.lines(failed)]) {
      expect(world.asked(run.line - 1).length).toBeLessThanOrEqual(earlier.length + 1)
    }
  })
})

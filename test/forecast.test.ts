/**
 * `forecast` of whole files: which rows it takes, what it makes of them, what it learns from the
 * answers of a run that began, and that it touches nothing.
 */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { forecast, type ForecastHooks } from '../src/forecast.ts'
import type { ForecastOptions } from '../src/forecast-options.ts'
import type { Forecast } from '../src/forecast-report.ts'
import type { Range } from '../src/forecast-sums.ts'
import { usdNumber } from '../src/money.ts'
import type { RunOptions } from '../src/settings.ts'
import { promptTokens } from '../src/outcome.ts'
import { readUsage } from '../src/reply.ts'
import { run } from '../src/run.ts'
import { SimFiles } from './sim-files.ts'
import { StreamWorld } from './stream-world.ts'

// 2026-11-22T10:00:00Z.
const today = (20_779 * 24 + 10) * 3_600_000
const clock = { wallTime: (): number => today }

const user = { role: 'user', content: 'How deep is the canal?' }
const good = { model: 'claude-haiku-4-5', max_tokens: 100, messages: [user] }

async function foreseen(
  rows: readonly unknown[],
  options: Partial<ForecastOptions> = {},
  hooks: ForecastHooks = {},
): Promise<Forecast> {
  const files = new SimFiles()
  const texts = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)))
  files.put('/in.jsonl', Buffer.from(texts.join('\n')))
  return forecast({ input: '/in.jsonl', ...options }, hooks, { files, clock })
}

test('rows that ask the very same as others are counted, and with dedupe not asked', async () => {
  const request = { model: 'claude-haiku-4-5', max_tokens: 10 }
  const asking = (content: string): object => ({
    ...request,
    messages: [{ role: 'user', content }],
  })
  const twins = ['a', 'b'].map((custom_id) => ({ custom_id, params: asking('same') }))
  const rows = [...twins, { custom_id: 'c', ...asking('same') }, asking('other')]
  const found = await foreseen(rows)
  expect([found.rows.asked, found.twins, found.isDeduped]).toEqual([4, 2, false])
  const deduped = await foreseen(rows, { dedupe: true })
  expect([deduped.rows.asked, deduped.twins, deduped.isDeduped]).toEqual([2, 2, true])
  expect(deduped.inputTokens.expected).toBeLessThan(found.inputTokens.expected)
})

function expectInOrder({ low, expected, high }: Range): void {
  expect(low).toBeLessThanOrEqual(expected)
  expect(expected).toBeLessThanOrEqual(high)
  for (const value of [low, expected, high]) expect(Number.isSafeInteger(value)).toBe(true)
}

/** Rows of all kinds, marked and not, with prefixes in common. */
const anyRow = fc
  .record({
    model: fc.constantFrom(
      'claude-haiku-4-5',
      'claude-opus-5',
      'claude-haiku-5-5',
      'claude-opus-5',
    ),
    max: fc.integer({ min: 1, max: 5000 }),
    words: fc.integer({ min: 1, max: 400 }),
    manual: fc.constantFrom(0, 0, 500, 3000, 40_000),
    mark: fc.constantFrom(undefined, '5m', '1h'),
    extra: fc.constantFrom({}, {}, { inference_geo: 'us' }, { speed: 'fast' }),
  })
  .map(({ model, max, words, manual, mark, extra }) => ({
    model,
    max_tokens: max,
    messages: [{ role: 'user', content: 'word '.repeat(words) }],
    ...(manual > 0 && {
      system: [
        {
          type: 'text',
          text: 'lock '.repeat(manual),
          ...(mark && { cache_control: { type: 'ephemeral', ttl: mark } }),
        },
      ],
    }),
    // Fast mode has no price for these two, and a sum with them is unknown.
    ...(model === 'claude-opus-5' || !('speed' in extra) ? extra : {}),
  }))

describe('whatever the rows', () => {
  test('what is expected lies between low and high, and models add up to the whole', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { maxLength: 12 }), fc.boolean(), async (rows, sharing) => {
        const found = await foreseen(rows, { sharing, maxRequestsPerMinute: 60 })
        expect(found.rows).toEqual({ asked: rows.length, held: 0, atFault: 0 })
        const { models, inputTokens, outputTokens, ways } = found
        expect(ways).toHaveLength(sharing ? 4 : 2)
        for (const level of ['low', 'expected', 'high'] as const) {
          const sum = (each: (model: (typeof models)[number]) => Range): number =>
            models.reduce((total, model) => total + each(model)[level], 0)
          expect(sum(({ input }) => input)).toBe(inputTokens[level])
          expect(sum(({ output }) => output)).toBe(outputTokens[level])
        }
        expect(models.reduce((sum, model) => sum + model.rows, 0)).toBe(rows.length)
        expectInOrder(inputTokens)
        expectInOrder(outputTokens)
        for (const { cost, duration, via } of ways) {
          if (cost !== null) expectInOrder(cost)
          else expect(via).toBe('batches')
          if (duration !== null) expectInOrder(duration.ms)
          if (rows.length > 0) expect(duration === null).toBe(via === 'batches')
        }
      }),
      { numRuns: 60 },
    )
  })

  test('a file costs what its rows cost one by one, where they share nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { minLength: 1, maxLength: 8 }), async (rows) => {
        const strip = { cache: 'strip', sharing: false } as const
        const whole = await foreseen(rows, strip)
        let [input, output, cost] = [0, 0, 0]
        for (const row of rows) {
          const alone = await foreseen([row], strip)
          input += alone.inputTokens.expected
          output += alone.outputTokens.expected
          cost += alone.ways[0]?.cost?.expected ?? NaN
        }
        expect(whole.inputTokens.expected).toBe(input)
        expect(whole.outputTokens.expected).toBe(output)
        expect(whole.ways[0]?.cost?.expected).toBe(cost)
      }),
      { numRuns: 30 },
    )
  })
})

describe('before anything is known', () => {
  test('an answer is taken to have 400 tokens, or its cap; the high end is the cap', async () => {
    const rows = [10, 100, 400, 5000].map((max) => ({ ...good, max_tokens: max }))
    const { outputTokens, answersLearned } = await foreseen(rows)
    expect(outputTokens).toEqual({
      low: 10 + 40 + 40 + 40,
      expected: 10 + 100 + 400 + 400,
      high: 10 + 100 + 400 + 5000,
    })
    expect(answersLearned).toBe(0)
  })

  test('a cap beyond what the model can produce is none', async () => {
    const rows = [1e15, 9e15].map((max) => ({ ...good, max_tokens: max }))
    expect((await foreseen(rows)).outputTokens.high).toBe(2 * 64_000)
    const unknown = await foreseen([{ ...good, model: 'claude-new', max_tokens: 9e15 }])
    expect(unknown.outputTokens).toEqual({ low: 40, expected: 400, high: 1_000_000 })
  })

  test('what a request asks for is priced: the United States, fast mode, a long prompt', async () => {
    const costOf = async (changes: object): Promise<number> => {
      const row = { ...good, model: 'claude-opus-5', ...changes }
      return (await foreseen([row])).ways[0]?.cost?.expected ?? NaN
    }
    const plain = await costOf({})
    expect(await costOf({ inference_geo: 'us' })).toBe(plain * 1.1)
    expect(await costOf({ inference_geo: 'global' })).toBe(plain)
    expect(await costOf({ speed: 'fast' })).toBe(plain * 2)
    // Fast mode is none of batches.
    const fast = await foreseen([{ ...good, model: 'claude-opus-5', speed: 'fast' }])
    expect(fast.ways.map(({ via, cost }) => [via, cost === null])).toEqual([
      ['live', false],
      ['live', false],
      ['batches', true],
      ['batches', true],
    ])
    const haiku = { model: 'claude-haiku-5-5', max_tokens: 1 }
    const words = (count: number): object => [{ role: 'user', content: 'lock '.repeat(count) }]
    const found = await foreseen([{ ...haiku, messages: words(200_000) }], { sharing: false })
    expect(found.inputTokens.expected).toBeGreaterThan(100_000)
    // Five times the price of prompts up to 100,000: 500 and 2,500 a token.
    expect(found.ways[0]?.cost?.expected).toBe(found.inputTokens.expected * 500 + 2500)
  })

  test('models that nobody priced are unknown, and their tokens are not', async () => {
    const { models, ways, inputTokens } = await foreseen([good, { ...good, model: 'claude-new' }])
    expect(ways.map(({ cost }) => cost)).toEqual([null, null, null, null])
    expect(inputTokens.expected).toBeGreaterThan(10)
    expect(models.map(({ model, isPriced }) => [model, isPriced])).toEqual([
      ['claude-haiku-4-5', true],
      ['claude-new', false],
    ])
    const token = { input: '1', write5m: '1', write1h: '1', read: '1', output: '1' }
    const prices = { models: { 'claude-new': token } }
    const priced = await foreseen([{ ...good, model: 'claude-new' }], { prices })
    expect(priced.ways[0]?.cost).not.toBeNull()
  })

  test('more models than are told apart are summed up as one', async () => {
    const rows = Array.from({ length: 130 }, (_, index) => ({ ...good, model: `model-${index}` }))
    const { models } = await foreseen(rows)
    expect(models).toHaveLength(101)
    expect(models[0]).toMatchObject({ model: 'other models', rows: 30 })
  })

  test('rows at fault are counted and left out; a stream and an empty file are read', async () => {
    const rows = [good, '{', { ...good, max_tokens: 0.5 }, { ...good, custom_id: 'line-1' }, good]
    expect((await foreseen(rows)).rows).toEqual({ asked: 2, held: 0, atFault: 3 })
    expect((await foreseen(rows, { first: 2 })).rows).toEqual({ asked: 1, held: 0, atFault: 1 })
    const empty = await foreseen([])
    expect(empty.ways.map(({ cost }) => cost?.high)).toEqual([0, 0, 0, 0])
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`${JSON.stringify(good)}\n`)
    }
    const streamed = await forecast({ input: bytes() }, {}, { files: new SimFiles(), clock })
    expect(streamed).toMatchObject({ input: '-', output: '-', rows: { asked: 1 } })
  })

  test('--model replaces the model of every row', async () => {
    const { models } = await foreseen([good, { ...good, model: undefined }], {
      model: 'claude-opus-5',
    })
    expect(models.map(({ model, rows }) => [model, rows])).toEqual([['claude-opus-5', 2]])
  })

  test('one that is stopped tells of the rows before', async () => {
    const stop = new AbortController()
    stop.abort()
    const found = await foreseen([good], {}, { signal: stop.signal })
    expect(found).toMatchObject({ isWhole: false, rows: { asked: 0 } })
  })
})

test.each([
  [{ exact: 0 }, '"exact" must be a whole number from 1 to 2000, got 0'],
  [{ first: -1 }, '"first" must be a whole number from 1'],
  [{ sharing: 1 }, '"sharing" must be true or false'],
  [{ shearing: true }, '"shearing" is not an option'],
])('unusable options are refused: %o', async (options, text) => {
  await expect(foreseen([good], options as object)).rejects.toThrow(text)
})

describe('a budget', () => {
  test('is enough for all, for what is expected, or not', async () => {
    const { ways } = await foreseen([good])
    const { low = 0, expected = 0, high = 0 } = ways[0]?.cost ?? {}
    // Up to 100 tokens of output are $0.0005.
    for (const cost of [low, expected, high]) expect(cost).toBeGreaterThan(200_000)
    expect(high).toBeLessThan(600_000)
    for (const [limit, isEnough] of [
      [high, 'yes'],
      [high - 1, 'expected'],
      [expected, 'expected'],
      [expected - 1, 'no'],
    ] as const) {
      const { budgets } = await foreseen([good], { maxBudgetUsd: usdNumber(limit) })
      expect(budgets).toEqual([{ unit: 'usd', limit, spent: 0, isEnough }])
    }
    const unknown = await foreseen([{ ...good, model: 'claude-new' }], { maxBudgetUsd: 1 })
    expect(unknown.budgets).toMatchObject([{ isEnough: null }])
  })

  test('of tokens', async () => {
    const found = await foreseen([good], { maxTotalTokens: 50 })
    expect(found.budgets).toEqual([{ unit: 'tokens', limit: 50, spent: null, isEnough: 'no' }])
  })
})

/** The films of the examples. */
function films(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-films-'))
  const file = path.join(folder, 'requests.jsonl')
  const script = fileURLToPath(new URL('../examples/movies/make.ts', import.meta.url))
  execFileSync(process.execPath, [script, file])
  const text = readFileSync(file, 'utf8')
  rmSync(folder, { recursive: true })
  return text
}

interface ResultLine {
  readonly result: { readonly message: { readonly usage: unknown } }
  readonly run: { readonly line: number; readonly cost_usd: number }
}

const examples = ['test_requests', 'test_caching_requests'].map((name) => {
  const file = new URL(`../examples/${name}_to_parallel_process.jsonl`, import.meta.url)
  return readFileSync(file, 'utf8')
})

/** What a run of the rest comes to, beside what was foreseen of it after the first. */
async function compared(
  text: string,
  first: number,
  options: Partial<RunOptions> = {},
): Promise<{ found: Forecast; input: number; output: number; cost: number }> {
  const world = new StreamWorld({ outputTokens: 80 })
  world.files.put('/in.jsonl', Buffer.from(text))
  const plain = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'k', ...options }
  await world.until(run({ ...plain, first }, {}, world.context))
  const sent = world.bodies.length
  const found = await forecast(plain, {}, world.context)
  expect(world.bodies).toHaveLength(sent)
  await world.until(run(plain, {}, world.context))
  const lines = Buffer.from(world.files.bytes('/out.jsonl')).toString().trimEnd().split('\n')
  const rest = lines
    .map((line): ResultLine => JSON.parse(line))
    .filter((line) => line.run.line > first)
  const usages = rest.map(({ result }) => readUsage(result.message.usage))
  return {
    found,
    input: usages.reduce((sum, usage) => sum + (usage ? promptTokens(usage) : NaN), 0),
    output: usages.reduce((sum, usage) => sum + (usage?.outputTokens ?? NaN), 0),
    cost: rest.reduce((sum, line) => sum + Math.round(line.run.cost_usd * 1e9), 0),
  }
}

describe('after a run has begun', () => {
  test('what 50 answers of the films tell is right of the other 3,151 within 5 %', async () => {
    const { found, input, output, cost } = await compared(films(), 50)
    expect(found.rows).toEqual({ asked: 3151, held: 50, atFault: 0 })
    expect(found.answersLearned).toBe(50)
    expect(Math.abs(found.inputTokens.expected / input - 1)).toBeLessThan(0.05)
    const { low = 0, high = 0 } = found.ways[0]?.cost ?? {}
    for (const [range, was] of [
      [found.inputTokens, input],
      [found.outputTokens, output],
    ] as const) {
      expect(was).toBeGreaterThan(range.low)
      expect(was).toBeLessThan(range.high)
      // Not by being wide.
      expect(range.high - range.low).toBeLessThan(0.6 * range.expected)
    }
    expect(cost).toBeGreaterThan(low)
    expect(cost).toBeLessThan(high)
  })

  test('rows that share a marked document cost what was foreseen of the cache', async () => {
    const [, text = ''] = examples
    const model = 'claude-haiku-5-5'
    const { found, input, cost } = await compared(text, 1, { model })
    expect(found.rows).toMatchObject({ asked: 9, held: 1 })
    expect(Math.abs(found.inputTokens.expected / input - 1)).toBeLessThan(0.05)
    // The rows were marked with a document of which each is nearly all.
    expect(found.shared ?? 0).toBeGreaterThan(0.9 * found.inputTokens.expected)
    const { low = 0, high = 0 } = found.ways[0]?.cost ?? {}
    expect(cost).toBeGreaterThan(low)
    expect(cost).toBeLessThan(high)
  })

  test('kinds of requests are told apart', async () => {
    const of = (index: number, system: string): object => ({
      ...good,
      max_tokens: 1000,
      system,
      messages: [{ role: 'user', content: `Say ${index}` }],
    })
    const world = new StreamWorld({ outputTokens: 20 })
    const rows = Array.from({ length: 40 }, (_, index) =>
      of(index, index % 2 === 0 ? 'Be brief.' : 'Tell a long story.'),
    )
    // The rest is of the first kind alone.
    rows.push(...Array.from({ length: 20 }, (_, index) => of(index + 100, 'Be brief.')))
    world.files.put('/in.jsonl', Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')))
    const options = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'k' }
    await world.until(run({ ...options, first: 40 }, {}, world.context))
    // Their usage is made what it would be of such answers.
    const lines = Buffer.from(world.files.bytes('/out.jsonl')).toString().trimEnd().split('\n')
    const told = lines.map((line) => {
      const { run: place }: ResultLine = JSON.parse(line)
      const tokens = place.line % 2 === 1 ? 10 : 900
      return line.replace(/"output_tokens":\d+/, `"output_tokens":${tokens}`)
    })
    world.files.put('/out.jsonl', Buffer.from(`${told.join('\n')}\n`))
    const { outputTokens, rows: counts } = await forecast(options, {}, world.context)
    expect(counts).toMatchObject({ asked: 20, held: 40 })
    expect(outputTokens).toEqual({ low: 198, expected: 200, high: 202 })
  })

  test.each(['results', 'tuple'] as const)(
    'no file is changed, torn ends and all (%s)',
    async (outputFormat) => {
      const world = new StreamWorld()
      const [text = ''] = examples
      world.files.put('/in.jsonl', Buffer.from(`${text.trimEnd()}\n{"no":"request"}\n`))
      const model = 'claude-haiku-4-5'
      const options = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'k', model, outputFormat }
      await world.until(run({ ...options, first: 6 }, {}, world.context))
      const whole = world.files.bytes('/out.jsonl')
      const torn = whole.subarray(0, whole.length - 40)
      world.files.put('/out.jsonl', torn)
      const before = world.files.list('/')
      const changes: string[] = []
      const looks = new Set([
        'stat',
        'list',
        'realPath',
        'read',
        'readSync',
        'size',
        'close',
        'open',
      ])
      world.files.onOperation = (operation, place) => {
        if (!looks.has(operation)) changes.push(`${operation} ${place}`)
      }
      const sent = world.bodies.length
      const found = await forecast(options, {}, world.context)
      world.files.onOperation = undefined
      expect(changes).toEqual([])
      expect(world.files.list('/')).toEqual(before)
      expect(Buffer.from(world.files.bytes('/out.jsonl')).equals(Buffer.from(torn))).toBe(true)
      expect(world.bodies).toHaveLength(sent)
      // What was torn is asked again.
      expect(found.rows).toEqual({ asked: 5, held: 5, atFault: 1 })
      expect(found.answersLearned).toBe(5)
    },
  )

  test('what was spent counts to the budget; --overwrite forgets it, and all that is held', async () => {
    const world = new StreamWorld()
    const [text = ''] = examples
    world.files.put('/in.jsonl', Buffer.from(text))
    const model = 'claude-haiku-4-5'
    const options = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'k', model }
    await world.until(run({ ...options, first: 5 }, {}, world.context))
    const lines = Buffer.from(world.files.bytes('/out.jsonl')).toString().trimEnd().split('\n')
    const spent = lines
      .map((line): ResultLine => JSON.parse(line))
      .reduce((sum, line) => sum + Math.round(line.run.cost_usd * 1e9), 0)
    const found = await forecast({ ...options, maxBudgetUsd: 1 }, {}, world.context)
    expect(found.budgets).toMatchObject([{ spent, limit: 1e9, isEnough: 'yes' }])
    // As much as the rest may cost, and what was spent, less a billionth of a dollar.
    const { high = 0 } = found.ways[0]?.cost ?? {}
    const tight = { ...options, maxBudgetUsd: usdNumber(high + spent - 1) }
    expect((await forecast(tight, {}, world.context)).budgets).toMatchObject([
      { isEnough: 'expected' },
    ])
    const over = await forecast({ ...tight, overwrite: true }, {}, world.context)
    expect(over.rows).toEqual({ asked: 10, held: 0, atFault: 0 })
    expect(over.budgets).toMatchObject([{ spent: 0 }])
  })

  test('rows that failed are held, unless they are to be tried again', async () => {
    const world = new StreamWorld()
    const bad = { ...good, model: 'claude-haiku-4-5', messages: [{ role: 'nobody', content: 'x' }] }
    world.files.put('/in.jsonl', Buffer.from(`${JSON.stringify(good)}\n${JSON.stringify(bad)}\n`))
    const options = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'k' }
    await world.until(run(options, {}, world.context))
    const rowsOf = async (more: Partial<RunOptions>): Promise<Forecast['rows']> =>
      (await forecast({ ...options, ...more }, {}, world.context)).rows
    expect(await rowsOf({})).toEqual({ asked: 0, held: 2, atFault: 0 })
    expect(await rowsOf({ retryFailed: true })).toEqual({ asked: 1, held: 1, atFault: 0 })
  })
})

describe('rows counted by the API', () => {
  const rows = Array.from({ length: 200 }, (_, index) => ({
    ...good,
    messages: [{ role: 'user', content: 'lock gate water level '.repeat(1 + (index % 17)) }],
  }))
  /** A tokenizer that makes twice as many tokens of the same. */
  const countTokens = (body: Uint8Array): Promise<number | undefined> => {
    const { messages }: typeof good = JSON.parse(Buffer.from(body).toString())
    return Promise.resolve(20 + 2 * (messages[0]?.content.split(' ').length ?? 0))
  }

  test('are spread over the file, and narrow the input', async () => {
    let total = 0
    for (const row of rows) total += (await countTokens(Buffer.from(JSON.stringify(row)))) ?? 0
    const asked: Uint8Array[] = []
    const counting = (body: Uint8Array): Promise<number | undefined> => {
      asked.push(body)
      return countTokens(body)
    }
    const found = await foreseen(rows, { exact: 40 }, { countTokens: counting })
    expect(asked).toHaveLength(40)
    expect(new Set(asked.map((body) => body.length)).size).toBeGreaterThan(10)
    expect(Math.abs(found.inputTokens.expected / total - 1)).toBeLessThan(0.03)
    expect(found.inputTokens.low).toBeLessThan(total)
    expect(found.inputTokens.high).toBeGreaterThan(total)
    expect(found.inputTokens.high).toBeLessThan(1.1 * total)
    const { rows: counted = 0, expectedTokens = 0, countedTokens = 0 } = found.counted ?? {}
    expect(counted).toBe(40)
    // The ballpark made of these what one without counts makes of all.
    const blind = await foreseen(rows)
    expect(expectedTokens / countedTokens).toBeCloseTo(blind.inputTokens.expected / total, 1)
  })

  test('those it refuses are passed over', async () => {
    const refusing = (): Promise<undefined> => Promise.resolve(undefined)
    const found = await foreseen(rows, { exact: 10 }, { countTokens: refusing })
    expect(found.counted).toEqual({ rows: 0, refused: 10, countedTokens: 0, expectedTokens: 0 })
    expect(found.inputTokens).toEqual((await foreseen(rows)).inputTokens)
  })

  test('a stream cannot be read twice', async () => {
    async function* bytes(): AsyncGenerator<Uint8Array> {}
    const options = { input: bytes(), exact: 5 }
    await expect(forecast(options, {}, { files: new SimFiles(), clock })).rejects.toThrow(
      '"exact" needs a file',
    )
  })
})

/**
 * The least that a file's input can cost: worked out by hand, against every choice of entries there
 * is, and against what the simulator bills for a perfect run.
 */

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  costOf,
  type InputParts,
  type InputRates,
  leastCost,
  type Prompt,
  sumOf,
} from '../bench/cache-cost/least-cost.ts'
import { inputRates, promptOf } from '../bench/cache-cost/prompts.ts'
import { SimulatorModel } from '../src/simulator/index.ts'

// The published multipliers of most models.
const minutes: InputRates = { uncached: 1, write: 1.25, read: 0.1 }
const hour: InputRates = { uncached: 1, write: 2, read: 0.1 }
// A price at which two just pay: 1.85 + 0.1 < 2.
const dear: InputRates = { uncached: 1, write: 1.85, read: 0.1 }

/** A row of blocks, each a name and its tokens: `a:1000 b:500`, and 10 tokens of its own. */
function prompt(blocks: string): Prompt {
  const prefixes: string[] = []
  const tokens: number[] = []
  let [name, end] = ['', 0]
  for (const block of blocks.split(' ')) {
    const [own, count] = block.split(':')
    name += `/${own}`
    end += Number(count)
    prefixes.push(name)
    tokens.push(end)
  }
  return { prefixes, tokens, inputTokens: end + 10 }
}

function least(rows: readonly string[], rates = minutes, cacheTokensMin = 1000): InputParts {
  return sumOf(leastCost(rows.map(prompt), { rates, cacheTokensMin }))
}

describe('by hand', () => {
  test('one writes, the others read, and each pays for its own end', () => {
    const rows = Array.from({ length: 10 }, (_, index) => `doc:2000 q${index}:50`)
    const parts = least(rows)
    expect(parts).toEqual({ uncached: 10 * 60, written: 2000, read: 9 * 2000 })
    // 600 + 2,500 + 1,800; without a cache it were 20,600.
    expect(costOf(parts, minutes)).toBeCloseTo(4900)
  })

  test.each([
    // 1.25 + 0.1 < 2.
    ['for 5 minutes, two', minutes, 2, true],
    // 2 + 0.1 > 2, and 2 + 0.2 < 3.
    ['for an hour, two', hour, 2, false],
    ['for an hour, three', hour, 3, true],
    ['at a price at which two just pay', dear, 2, true],
    ['one alone', minutes, 1, false],
  ])('a write pays: %s', (_, rates, count, pays) => {
    const rows = Array.from({ length: count }, (_row, index) => `doc:2000 q${index}:50`)
    const own = count * 60
    expect(least(rows, rates)).toEqual(
      pays
        ? { uncached: own, written: 2000, read: 2000 * (count - 1) }
        : { uncached: own + 2000 * count, written: 0, read: 0 },
    )
  })

  test.each([
    [999, { uncached: 3 * (999 + 60), written: 0, read: 0 }],
    [1000, { uncached: 3 * 60, written: 1000, read: 2000 }],
  ])('a prefix of %d tokens, where 1,000 are cached', (tokens, parts) => {
    expect(least(['p', 'q', 'r'].map((own) => `doc:${tokens} ${own}:50`))).toEqual(parts)
  })

  test('nested: what all share is written once, what some share once for them', () => {
    const rows = ['x', 'y'].flatMap((doc) => ['1', '2', '3'].map((own) => `${doc}:500 q${own}:50`))
    expect(least(rows.map((row) => `all:2000 ${row}`))).toEqual({
      uncached: 6 * 60,
      written: 2000 + 500 + 500,
      read: 5 * 2000 + 2 * 500 + 2 * 500,
    })
  })

  test('nested, the outer one too short: each inner one writes it too', () => {
    const rows = ['x', 'y'].flatMap((doc) => ['1', '2', '3'].map((own) => `${doc}:500 q${own}:50`))
    expect(least(rows.map((row) => `all:900 ${row}`))).toEqual({
      uncached: 6 * 60,
      written: 1400 + 1400,
      read: 2 * 1400 + 2 * 1400,
    })
  })

  test('nested, the inner one of single rows: only the outer one is cached', () => {
    expect(least(['all:2000 x:500 a:1', 'all:2000 y:500 b:1'])).toEqual({
      uncached: 2 * (500 + 1 + 10),
      written: 2000,
      read: 2000,
    })
  })

  test('rows that are the same share all but the frame of the request', () => {
    expect(least(['doc:2000 q:50', 'doc:2000 q:50'])).toEqual({
      uncached: 20,
      written: 2050,
      read: 2050,
    })
  })

  test('each row: the first of a prefix writes it, in the order given', () => {
    const rows = ['all:2000 x:500 a:1', 'all:2000 y:500 b:1', 'all:2000 x:500 c:1']
    expect(
      leastCost(rows.map(prompt), { rates: minutes, cacheTokensMin: 1000 }).map(
        ({ uncached, written, read }) => [uncached, written, read],
      ),
    ).toEqual([
      [11, 2500, 0],
      [511, 0, 2000],
      [11, 0, 2500],
    ])
  })

  test('a prefix of many blocks is one entry; one that branches five times is refused', () => {
    const blocks = Array.from({ length: 30 }, (_, index) => `b${index}:100`).join(' ')
    expect(least([`${blocks} x:1`, `${blocks} y:1`])).toMatchObject({ written: 3000, read: 3000 })
    const branches = [0, 1, 2, 3, 4, 5].map((depth) => {
      const shared = Array.from({ length: depth }, (_, index) => `b${index}:1000`)
      return [...shared, `end${depth}:1`].join(' ')
    })
    // 6, 5, 4 and 3 rows share the first four; the last row twice makes the fifth one shared.
    expect(() => least([...branches, branches.at(-1) ?? ''])).toThrow(
      'A row has 5 shared prefixes, and can write 4',
    )
  })
})

/** What a cache bills for rows asked one by one, whose marks stand on the prefixes chosen. */
function billed(rows: readonly Prompt[], marked: ReadonlySet<string>): InputParts {
  const written = new Set<string>()
  return sumOf(
    rows.map(({ prefixes, tokens, inputTokens }) => {
      const marks = prefixes.flatMap((prefix, index) => (marked.has(prefix) ? [index] : []))
      const readAt = marks.findLast((index) => written.has(prefixes[index] ?? ''))
      for (const index of marks) written.add(prefixes[index] ?? '')
      const read = readAt === undefined ? 0 : (tokens[readAt] ?? 0)
      const last = marks.at(-1)
      const end = last === undefined ? 0 : (tokens[last] ?? 0)
      return { uncached: inputTokens - end, written: end - read, read }
    }),
  )
}

test('no choice of entries is cheaper, and one is as cheap', () => {
  const sizes = { a: 300, b: 800, c: 1500 }
  const rows = fc.array(
    fc
      .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
      .map((names) => prompt(names.map((name) => `${name}:${Reflect.get(sizes, name)}`).join(' '))),
    { minLength: 1, maxLength: 8 },
  )
  fc.assert(
    fc.property(rows, fc.constantFrom(minutes, hour, dear), (all, rates) => {
      const ends = new Map(
        all.flatMap(({ prefixes, tokens }) =>
          prefixes.map((prefix, index) => [prefix, tokens[index] ?? 0] as const),
        ),
      )
      const may = [...ends].flatMap(([prefix, end]) => (end < 1000 ? [] : [prefix]))
      fc.pre(may.length <= 12)
      const costs = Array.from({ length: 2 ** may.length }, (_, choice) => {
        const marked = new Set(may.filter((_prefix, bit) => (choice >> bit) % 2 === 1))
        return costOf(billed(all, marked), rates)
      })
      const own = costOf(sumOf(leastCost(all, { rates, cacheTokensMin: 1000 })), rates)
      expect(own).toBeCloseTo(Math.min(...costs), 6)
    }),
    { seed: 7, numRuns: 300 },
  )
})

test('is what the simulator bills for rows asked one by one with marks in the right places', () => {
  const mark = { cache_control: { type: 'ephemeral' } }
  const model = new SimulatorModel({ inputTokensPerMinute: null, requestsPerMinute: null })
  const encoder = new TextEncoder()
  const lines = [0, 1, 2].flatMap((doc) =>
    [0, 1, 2, 3].map((question) =>
      JSON.stringify({
        model: 'claude-sonnet-4-6',
        max_tokens: 10,
        system: [{ type: 'text', text: 'gate '.repeat(1100), ...mark }],
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: `Document ${doc} `.repeat(200), ...mark },
              { type: 'text', text: `Question ${question}?` },
            ],
          },
        ],
      }),
    ),
  )
  let now = 0
  for (const line of lines) {
    const { id, step } = model.receive(now, now, {
      method: 'POST',
      path: '/v1/messages',
      headers: { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01' },
      body: encoder.encode(line),
    })
    for (let { nextAt } = step; nextAt !== undefined; { nextAt } = model.advance(now, now, id)) {
      now = nextAt
    }
  }
  const rates = inputRates('claude-sonnet-4-6', '5m', now)
  const rows = lines.map(promptOf)
  expect(model.totals.billedRequests).toBe(12)
  expect(sumOf(leastCost(rows, { rates, cacheTokensMin: 1024 }))).toEqual({
    uncached: model.totals.inputTokens,
    written: model.totals.cacheWrite5mTokens,
    read: model.totals.cacheReadTokens,
  })
})

describe('a line as a prompt', () => {
  const line = (members: object): Prompt =>
    promptOf(
      JSON.stringify({
        model: 'claude-sonnet-4-6',
        system: 'gate '.repeat(100),
        messages: [{ role: 'user', content: 'How deep?' }],
        ...members,
      }),
    )
  const shared = (one: Prompt, other: Prompt): number =>
    one.prefixes.filter((prefix, index) => prefix === other.prefixes[index]).length

  test('marks, strings for blocks, and what invalidates nothing make no difference', () => {
    const text = 'gate '.repeat(100)
    const system = [{ type: 'text', text, cache_control: { type: 'ephemeral' } }]
    expect(shared(line({}), line({ system, max_tokens: 5, custom_id: 'a' }))).toBe(2)
  })

  test.each([
    ['another question', { messages: [{ role: 'user', content: 'How wide?' }] }, 1],
    ['another model', { model: 'claude-sonnet-4-5' }, 0],
    ['another system prompt', { system: 'lock' }, 0],
    ['thinking', { thinking: { type: 'enabled', budget_tokens: 1024 } }, 0],
  ])('%s', (_, members, count) => {
    expect(shared(line({}), line(members))).toBe(count)
  })
})

test('rates are those of the price list', () => {
  // $3 a million, written at $3.75 and $6, read at $0.30.
  expect(inputRates('claude-sonnet-4-6', '5m', 0)).toEqual({
    uncached: 3000,
    write: 3750,
    read: 300,
  })
  expect(inputRates('claude-sonnet-4-6', '1h', 0).write).toBe(6000)
})

/**
 * `check` with `prefixes`: the groups of rows that begin alike, and their worth worked out by hand
 * from the prices a million tokens.
 */

import { describe, expect, test } from 'vitest'
import { check } from '../src/check.ts'
import type { CheckOptions } from '../src/check-options.ts'
import { loadPrices } from '../src/money.ts'
import { type PrefixReport, reportPrefixes, type SavingsOptions } from '../src/prefix-savings.ts'
import { SharedPrefixes } from '../src/shared-prefixes.ts'
import { SimFiles } from './sim-files.ts'

// 2026-11-22T10:00:00Z.
const today = (20_779 * 24 + 10) * 3_600_000
const prices = loadPrices()
const options: SavingsOptions = { at: today, via: 'live', show: 100 }

const mark = { type: 'ephemeral' }
const hour = { type: 'ephemeral', ttl: '1h' }
const manual = 'The keeper of the lock counts the boats that pass. '.repeat(200)
const appendix = 'A boat that waits is told how long it will be. '.repeat(200)

/** A row of Opus 5, which caches from 512 tokens on: 5 $/MTok, written 6.25, read 0.50. */
function row(content: unknown, changes: object = {}): object {
  const messages = [{ role: 'user', content }]
  return { model: 'claude-opus-5', max_tokens: 9, system: manual, messages, ...changes }
}

function shared(rows: readonly object[], most?: number): SharedPrefixes {
  const prefixes = new SharedPrefixes(most)
  for (const [index, request] of rows.entries()) {
    const { model } = request as { model: string }
    prefixes.add(request as Record<string, unknown>, model, index + 1)
  }
  return prefixes
}

function report(rows: readonly object[], changes: Partial<SavingsOptions> = {}): PrefixReport {
  return reportPrefixes(shared(rows), prices, rows.length, { ...options, ...changes })
}

/** Nano-dollars of so many tokens at a price a million. */
const nano = (tokens: number, usd: number): number => Math.round(tokens * usd * 1000)

describe('groups', () => {
  test('rows that share a system prompt are one, worth one write and the rest reads', () => {
    const { groups, groupCount, saved, savedByMarks } = report(
      Array.from({ length: 10 }, (_, index) => row(`Question ${index}`)),
    )
    expect(groupCount).toBe(1)
    const [group] = groups
    expect(group).toMatchObject({
      rows: 10,
      model: 'claude-opus-5',
      level: 'system',
      isMarked: 'none',
      firstLine: 1,
    })
    const { tokens = 0 } = group ?? {}
    // 10,200 characters of English, at some 30 % more than four characters a token.
    expect(tokens).toBeGreaterThan(2000)
    expect(tokens).toBeLessThan(4500)
    expect(saved).toBe(10 * nano(tokens, 5) - nano(tokens, 6.25) - 9 * nano(tokens, 0.5))
    expect(group?.saved).toBe(saved)
    expect(savedByMarks).toBe(0)
  })

  test('marks save as much as auto, and an hour costs twice the input', () => {
    const system = [{ type: 'text', text: manual, cache_control: hour }]
    const { groups, saved, savedByMarks } = report([row('a', { system }), row('b', { system })])
    const { tokens = 0, isMarked } = groups[0] ?? {}
    expect(isMarked).toBe('all')
    // Two rows: written at 10 and read once, beside twice 5: a loss.
    expect(saved).toBe(2 * nano(tokens, 5) - nano(tokens, 10) - nano(tokens, 0.5))
    expect(saved).toBeLessThan(0)
    expect(savedByMarks).toBe(saved)
  })

  test('where some rows mark it, the others are counted with auto alone', () => {
    const system = [{ type: 'text', text: manual, cache_control: mark }]
    const plain = [{ type: 'text', text: manual }]
    const rows = [row('a', { system }), row('b', { system }), row('c', { system: plain })]
    const { groups, saved, savedByMarks } = report(rows)
    const { tokens = 0 } = groups[0] ?? {}
    expect(groups).toMatchObject([{ rows: 3, isMarked: 'some' }])
    expect(saved).toBe(3 * nano(tokens, 5) - nano(tokens, 6.25) - 2 * nano(tokens, 0.5))
    expect(savedByMarks).toBe(2 * nano(tokens, 5) - nano(tokens, 6.25) - nano(tokens, 0.5))
  })

  test('prefixes nest: the longer one is charged for what it has beyond the other', () => {
    const asked = (index: number, document: string): object =>
      row([
        { type: 'text', text: document },
        { type: 'text', text: `Question ${index}` },
      ])
    const rows = Array.from({ length: 8 }, (_, index) =>
      asked(index, index < 4 ? appendix : `${index}`),
    )
    const { groups, saved, groupCount } = report(rows)
    expect(groupCount).toBe(2)
    const outer = groups.find(({ level }) => level === 'system')
    const inner = groups.find(({ level }) => level === 'messages')
    expect(outer?.rows).toBe(8)
    expect(inner?.rows).toBe(4)
    const beyond = (inner?.tokens ?? 0) - (outer?.tokens ?? 0)
    const worth = (count: number, tokens: number): number =>
      count * nano(tokens, 5) - nano(tokens, 6.25) - (count - 1) * nano(tokens, 0.5)
    expect(saved).toBe(worth(8, outer?.tokens ?? 0) + worth(4, beyond))
  })

  test('a prefix of the very same rows is a part of the longer one', () => {
    const rows = ['a', 'b', 'c'].map((question) =>
      row([
        { type: 'text', text: appendix },
        { type: 'text', text: question },
      ]),
    )
    const { groups, groupCount, saved } = report(rows)
    expect(groupCount).toBe(1)
    const { tokens = 0 } = groups[0] ?? {}
    expect(groups[0]?.level).toBe('messages')
    expect(saved).toBe(3 * nano(tokens, 5) - nano(tokens, 6.25) - 2 * nano(tokens, 0.5))
  })

  test('models share nothing, and the one worth more is first', () => {
    const rows = [
      ...['a', 'b'].map((each) => row(each, { model: 'claude-haiku-5-5' })),
      ...['a', 'b'].map((each) => row(each)),
    ]
    const { groups } = report(rows)
    expect(groups.map(({ model, firstLine }) => [model, firstLine])).toEqual([
      ['claude-opus-5', 3],
      ['claude-haiku-5-5', 1],
    ])
    expect(report(rows, { show: 1 }).groups).toHaveLength(1)
    expect(report(rows, { show: 1 }).groupCount).toBe(2)
  })

  test('in batches everything costs half', () => {
    const rows = ['a', 'b', 'c'].map((each) => row(each))
    const half = report(rows, { via: 'batches' }).saved
    expect(Math.abs(half * 2 - report(rows).saved)).toBeLessThan(10)
  })

  test('what is too short for the model is no group', () => {
    const rows = ['a', 'b'].map((each) => row(each, { system: 'Be brief.' }))
    expect(report(rows)).toMatchObject({ groupCount: 0, groups: [], saved: 0 })
    // The same prompt is long enough for one model and not for another.
    const haiku = ['a', 'b'].map((each) => row(each, { model: 'claude-haiku-4-5' }))
    expect(report(haiku).groupCount).toBe(0)
  })

  test('a model without a price is counted without one', () => {
    const rows = ['a', 'b'].map((each) => row(each, { model: 'claude-new' }))
    const { groups, saved, unpricedModels } = report(rows)
    expect(groups).toMatchObject([{ rows: 2, saved: null, savedByMarks: null }])
    expect({ saved, unpricedModels }).toEqual({ saved: 0, unpricedModels: ['claude-new'] })
  })
})

describe('marks', () => {
  test('one that no other row has costs the difference of a write', () => {
    const content = [{ type: 'text', text: appendix, cache_control: mark }]
    const { unsharedMarks, wasted, groupCount } = report([row(content), row('b')])
    expect({ unsharedMarks, groupCount }).toEqual({ unsharedMarks: 1, groupCount: 0 })
    // Manual and appendix, some 5,500 tokens, at 6.25 - 5.
    expect(wasted).toBeGreaterThan(nano(4000, 1.25))
    expect(wasted).toBeLessThan(nano(8000, 1.25))
  })

  test('one too short counts its row, unless another of the row is long enough', () => {
    const short = { type: 'text', text: 'Be brief.', cache_control: mark }
    const long = { type: 'text', text: manual, cache_control: mark }
    expect(report([row('a', { system: [short] })]).shortMarks).toBe(1)
    expect(report([row('a', { system: [short, long] })]).shortMarks).toBe(0)
  })
})

describe('the index', () => {
  test('counts on when it is full, and says from where something is missing', () => {
    const rows = [row('a'), row('b'), ...['c', 'd'].map((each) => row(each, { system: appendix }))]
    const all = shared(rows)
    expect(all.fullAtLine).toBeUndefined()
    const few = shared([...rows, row('e')], 3)
    expect(few.fullAtLine).toBe(3)
    expect(few.size).toBe(3)
    const { groups, fullAtLine } = reportPrefixes(few, prices, 5, options)
    expect(fullAtLine).toBe(3)
    expect(groups).toMatchObject([{ rows: 3, firstLine: 1 }])
  })

  test('finds each of many prefixes again', () => {
    const count = 5000
    const of = (index: number): object =>
      row(`${index}`, { system: `${index} ${manual.slice(0, 3000)}` })
    const rows = Array.from({ length: count }, (_, index) => of(index))
    const prefixes = shared([...rows, ...rows])
    // Each has two places: behind the system prompt, and behind the question.
    expect(prefixes.size).toBe(2 * count)
    for (let index = 0; index < prefixes.size; index++) {
      const entry = prefixes.entry(index)
      if (entry.rows !== 2) throw new Error(`entry ${index} has ${entry.rows} rows`)
    }
    expect(prefixes.entry(2 * count - 1)).toMatchObject({ firstLine: count, level: 'messages' })
  })
})

test('check() reports them beside what it finds', async () => {
  const files = new SimFiles()
  const rows = ['a', 'b', 'c'].map((each) => JSON.stringify(row(each)))
  files.put('/in.jsonl', Buffer.from(rows.join('\n')))
  const context = { files, clock: { wallTime: (): number => today } }
  const asked: CheckOptions = { input: '/in.jsonl', prefixes: true }
  const { prefixes, faults } = await check(asked, {}, context)
  expect(faults).toBe(0)
  expect(prefixes).toMatchObject({ rows: 3, groupCount: 1, fullAtLine: null })
  expect((await check({ input: '/in.jsonl' }, {}, context)).prefixes).toBeNull()
})

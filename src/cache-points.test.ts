/**
 * The table of invalidations is that of the prompt caching page (read 2026-08-22); the simulator,
 * which reads it for itself, is the second opinion.
 */

import * as fc from 'fast-check'
import { assert, describe, expect, test } from 'vitest'
import { cachePointsOf, noCachePoints, type CachePoint } from './cache-points.ts'
import type { JsonObject } from './json.ts'
import { planCache } from './simulator/cache-prefix.ts'
import { findSimulatedModel } from './simulator/model-rules.ts'
import { countPrompt } from './simulator/tokens.ts'

const mark = { cache_control: { type: 'ephemeral' } }
const longMark = { cache_control: { type: 'ephemeral', ttl: '1h' } }
const schema = { type: 'object', properties: { cache_control: { type: 'number' } } }
const picture = { type: 'image', source: { type: 'url', url: 'https://example.com/gate.png' } }
const search = { type: 'web_search_20250305', name: 'web_search' }
const tool = { name: 'measure', description: 'Measures a gate.', input_schema: schema }
const document = { type: 'document', source: { type: 'text', data: 'Three gates.' } }
const call = { type: 'tool_use', id: 'toolu_1', name: 'measure', input: { a: 1, b: 2 } }
const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: '3 metres' }
const thought = { type: 'thinking', thinking: 'So.', signature: 'x' }

const text = (text: string, rest = {}): JsonObject => ({ type: 'text', text, ...rest })
const ask = (content: unknown, rest: JsonObject = {}): JsonObject => ({
  messages: [{ role: 'user', content }],
  ...rest,
})

function places(points: readonly CachePoint[]): readonly string[] {
  return points.map(({ at: { level, message, index }, mark = '' }) =>
    `${level} ${message} ${index} ${mark}`.trim(),
  )
}

function marked(request: JsonObject, model = 'claude-sonnet-4-6'): readonly CachePoint[] {
  return cachePointsOf(request, model, 'marked')
}

function all(request: JsonObject, model = 'claude-sonnet-4-6'): readonly CachePoint[] {
  return cachePointsOf(request, model, 'all')
}

describe('the user’s marks', () => {
  test.each<[request: JsonObject, expected: string[]]>([
    [{ tools: [tool, { ...tool, ...mark }], messages: [] }, ['tools 0 1 5m']],
    [
      ask([text('a', longMark), text('b', mark)], { system: [text('s', longMark)] }),
      ['system 0 0 1h', 'messages 0 0 1h', 'messages 0 1 5m'],
    ],
    // The mark of the request stands on the last block that can have one.
    [ask('a', longMark), ['messages 0 0 1h']],
    [ask([text('a'), thought, text('')], mark), ['messages 0 0 5m']],
    [ask([text('a', longMark)], mark), ['messages 0 0 1h']],
    [{ system: 's', messages: [], ...mark }, ['system 0 0 5m']],
    // What the API refuses, and what is no mark.
    [ask([text('', mark), { ...thought, ...mark }]), []],
    [ask([text('a', { cache_control: { type: 'ephemeral', ttl: '2h' } })]), []],
    [ask([text('a', { cache_control: null }), text('b', { cache_control: {} })]), []],
    [
      ask([
        { ...call, input: mark },
        { ...result, content: [text('x', mark)] },
      ]),
      [],
    ],
    [{ tools: [tool], ...ask('a') }, []],
    [{ messages: [{ role: 'user', ...mark, content: 'a' }] }, []],
  ])('of %j', (request, expected) => {
    expect(places(marked(request))).toEqual(expected)
    if (expected.length > 0) expect(places(all(request))).toEqual(expected)
  })

  test('a row without any gives the one empty list', () => {
    expect(marked(ask('a'))).toBe(noCachePoints)
    expect(Object.isFrozen(noCachePoints)).toBe(true)
  })
})

describe('all places', () => {
  test('are the ends of the tools and of what follows, the last block included', () => {
    const messages = [
      { role: 'user', content: [document, text('a')] },
      { role: 'assistant', content: [thought, call] },
      { role: 'user', content: 'b' },
    ]
    const request = { tools: [tool, search], system: [text('s'), text('t')], messages }
    expect(places(all(request))).toEqual([
      'tools 0 1',
      'system 0 0',
      'system 0 1',
      'messages 0 0',
      'messages 0 1',
      'messages 1 1',
      'messages 2 0',
    ])
    expect(all({ messages: [] })).toBe(noCachePoints)
    expect(all(ask(''))).toBe(noCachePoints)
  })

  test('are the first and the last eight where there are more than sixteen', () => {
    const placesOf = (count: number): readonly number[] =>
      all(ask(Array.from({ length: count }, (_, at) => text(`${at}`)))).map(({ at }) => at.index)
    expect(placesOf(16)).toEqual(Array.from({ length: 16 }, (_, at) => at))
    expect(placesOf(40)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 32, 33, 34, 35, 36, 37, 38, 39])
  })

  test('of a mark that the API refuses are those of none', () => {
    expect(places(all(ask([text('a', { cache_control: {} })])))).toEqual(['messages 0 0'])
  })
})

describe('the share', () => {
  test('is about that of the tokens', () => {
    const [first, second] = all(ask([text('x'.repeat(3000)), text('y'.repeat(1000))]))
    expect(first?.share).toBeCloseTo(0.75, 2)
    expect(second?.share).toBe(1)
  })

  test('of a picture goes by its size, not its base64', () => {
    // What is no picture counts as the largest: 1,568 tokens on an older model.
    const data = 'QUJD'.repeat(100_000)
    const large = { type: 'image', source: { type: 'base64', data } }
    const words = text('word '.repeat(1568))
    const shown = { ...result, content: [large] }
    expect(all(ask([large, words]))[0]?.share).toBeCloseTo(4 / 9, 2)
    expect(all(ask([shown, words]))[0]?.share).toBeCloseTo(4 / 9, 2)
  })

  test('grows from place to place, above 0 and to 1', () => {
    const block = fc.constantFrom(text('a'), text('a long text'), picture, document, call, result)
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 30 }), (blocks) => {
        const shares = all({ tools: [tool], ...ask(blocks) }).map(({ share }) => share)
        expect(shares).toEqual(shares.toSorted((one, other) => one - other))
        expect(shares[0]).toBeGreaterThan(0)
        expect(shares.at(-1)).toBe(1)
      }),
    )
  })
})

const base: JsonObject = {
  max_tokens: 1000,
  tools: [{ ...tool, ...mark }],
  system: [text('Be brief.', mark)],
  messages: [
    { role: 'user', content: [document] },
    { role: 'assistant', content: [call] },
    { role: 'user', content: [{ ...result, ...mark }] },
  ],
}

const last = (...blocks: readonly object[]): JsonObject => ({
  messages: [
    { role: 'user', content: [document] },
    { role: 'assistant', content: [call] },
    { role: 'user', content: blocks },
  ],
})

const first = (block: object, asked: object = call): JsonObject => ({
  messages: [
    { role: 'user', content: [block] },
    { role: 'assistant', content: [asked] },
    { role: 'user', content: [{ ...result, ...mark }] },
  ],
})

describe('what two requests share', () => {
  const shared = (members: JsonObject, model?: string, before: JsonObject = {}): string => {
    const [one, other] = [
      marked({ ...base, ...before }, model),
      marked({ ...base, ...members }, model),
    ]
    const keys = new Set(one.map(({ key }) => key))
    return other.findLast(({ key }) => keys.has(key))?.at.level ?? 'nothing'
  }
  const own = { ...result, ...mark }
  const format = { type: 'json_schema', schema }

  test.each<[what: string, members: JsonObject, expected: string]>([
    ['nothing', {}, 'messages'],
    ['a tool', { tools: [{ ...tool, name: 'sound', ...mark }] }, 'nothing'],
    [
      'a member named cache_control of a tool’s schema',
      { tools: [{ ...tool, input_schema: { type: 'object', properties: {} }, ...mark }] },
      'nothing',
    ],
    ['another tool in front', { tools: [search, tool, { ...tool, ...mark }] }, 'nothing'],
    ['speed', { speed: 'fast' }, 'nothing'],
    ['web search behind', { tools: [{ ...tool, ...mark }, search] }, 'tools'],
    ['web search in front', { tools: [search, { ...tool, ...mark }] }, 'tools'],
    ['citations', first({ ...document, citations: { enabled: true } }), 'tools'],
    ['the format', { output_config: { format } }, 'tools'],
    ['the system prompt', { system: [text('Be brief!', mark)] }, 'tools'],
    ['tool_choice', { tool_choice: { type: 'none' } }, 'system'],
    ['thinking', { thinking: { type: 'enabled', budget_tokens: 1024 } }, 'system'],
    ['effort', { output_config: { effort: 'low' } }, 'system'],
    ['a picture behind', last(own, picture), 'system'],
    ['a picture in a result behind', last(own, { ...result, content: [picture] }), 'system'],
    ['a message', first({ ...document, title: 'Locks' }), 'system'],
    ['the order inside an input', first(document, { ...call, input: { b: 2, a: 1 } }), 'system'],
    ['tool_choice said to be auto', { tool_choice: { type: 'auto' } }, 'messages'],
    ['thinking said to be disabled', { thinking: { type: 'disabled' } }, 'messages'],
    ['effort said to be high', { output_config: { effort: 'high' } }, 'messages'],
    ['speed said to be standard', { speed: 'standard' }, 'messages'],
    [
      'what is no prompt',
      { max_tokens: 5, metadata: { user_id: 'a' }, stop_sequences: [] },
      'messages',
    ],
    ['the life', { system: [text('Be brief.', longMark)] }, 'messages'],
    [
      'the order of members',
      { system: [{ ...mark, text: 'Be brief.', type: 'text' }] },
      'messages',
    ],
    ['a block behind', last(own, text('So?')), 'messages'],
  ])('after a change of %s', (_what, members, expected) => {
    expect(shared(members)).toBe(expected)
  })

  test('goes by the model and its defaults', () => {
    const keys = (model: string, members = {}): readonly number[] =>
      marked({ ...base, ...members }, model).map(({ key }) => key)
    expect(keys('claude-opus-5')).not.toEqual(keys('claude-opus-4-8'))
    expect(keys('claude-haiku-4-5')).toEqual(keys('claude-haiku-4-5-20251001'))
    // From 5 on a model thinks unless it is told not to; medium is the default of two models.
    expect(shared({ thinking: { type: 'adaptive' } }, 'claude-opus-5')).toBe('messages')
    expect(shared({ thinking: { type: 'disabled' } }, 'claude-opus-5')).toBe('system')
    expect(shared({ output_config: { effort: 'medium' } }, 'claude-opus-5-5')).toBe('messages')
    expect(shared({ output_config: { effort: 'medium' } }, 'claude-opus-5')).toBe('system')
    // 4.6 takes the word and answers at the ordinary speed.
    expect(shared({ speed: 'fast' }, 'claude-opus-4-6')).toBe('messages')
  })

  test('another picture is no change of whether there are any', () => {
    const other = { ...picture, source: { type: 'url', url: 'https://example.com/lock.png' } }
    expect(shared(last(own, picture), undefined, last(own, other))).toBe('messages')
  })

  test('a string is the same as one block', () => {
    const strings = all({ system: 's', ...ask('a') })
    const blocks = all({ system: [text('s')], ...ask([text('a')]) })
    expect(strings).toEqual(blocks)
  })

  test('marks inside a tool’s result are no part of it, and its text is', () => {
    const keyOf = (inner: object): number | undefined =>
      all(ask([{ ...result, content: [inner] }])).at(-1)?.key
    expect(keyOf(text('x', mark))).toBe(keyOf(text('x')))
    expect(keyOf(text('y', mark))).not.toBe(keyOf(text('x')))
  })

  test('who speaks, and where a message ends, tell prompts apart', () => {
    const keyOf = (...messages: readonly object[]): number | undefined =>
      all({ messages }).at(-1)?.key
    const keys = [
      keyOf({ role: 'user', content: [text('a'), text('b')] }),
      keyOf({ role: 'user', content: 'a' }, { role: 'user', content: 'b' }),
      keyOf({ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }),
      keyOf({ role: 'user', content: 'ab' }),
      // Thinking is read though it may not be marked.
      keyOf({ role: 'user', content: [text('a'), thought, text('b')] }),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })
})

test('one character changes the keys from its block on, and none before', () => {
  const content = fc.array(
    fc.oneof(
      fc.string({ minLength: 1, maxLength: 60, unit: 'binary' }),
      fc.nat({ max: 40_000 }).map((length) => 'gate '.repeat(length / 5 + 1)),
    ),
    { minLength: 1, maxLength: 6 },
  )
  fc.assert(
    fc.property(content, fc.nat(), fc.nat(), fc.boolean(), (texts, which, where, inSystem) => {
      const requestOf = (texts: readonly string[]): JsonObject => {
        const blocks = texts.map((each) => text(each))
        return inSystem ? { system: blocks } : ask(blocks)
      }
      const changed = which % texts.length
      const old = texts[changed] ?? ''
      const at = where % old.length
      const code = old.charCodeAt(at) ^ 1
      const other = old.slice(0, at) + String.fromCharCode(code) + old.slice(at + 1)
      const [before, after] = [all(requestOf(texts)), all(requestOf(texts.with(changed, other)))]
      const same = before.map(({ key }, index) => key === after[index]?.key)
      expect(same).toEqual(texts.map((_, index) => index < changed))
    }),
    { numRuns: 300 },
  )
})

test('cachePointsOf() takes any JSON', () => {
  const value = fc.jsonValue()
  const maybeMarked = fc.oneof(value, fc.constant([text('a', mark)]), fc.constant([mark]))
  fc.assert(
    fc.property(maybeMarked, maybeMarked, maybeMarked, value, (system, tools, content, choice) => {
      const request = { system, tools, messages: [{ content }, content], tool_choice: choice }
      for (const which of ['marked', 'all'] as const) {
        const points = cachePointsOf({ ...request, ...mark }, 'm', which)
        expect(points.every(({ share }) => share > 0 && share <= 1)).toBe(true)
      }
    }),
  )
})

describe('the simulator’s reading', () => {
  const maybe = <T>(...values: readonly T[]): fc.Arbitrary<T | undefined> =>
    fc.constantFrom(undefined, ...values)
  const block = fc.constantFrom<JsonObject>(
    text('a'),
    text('b'),
    { text: 'a', type: 'text' },
    picture,
    document,
    { ...document, citations: { enabled: true } },
    call,
    { ...call, input: { b: 2, a: 1 } },
    result,
    { ...result, content: [picture, text('a')] },
  )
  const blocks = fc.array(block, { minLength: 1, maxLength: 3 })
  const parts = fc.record({
    model: fc.constantFrom('claude-opus-5', 'claude-opus-5-5', 'claude-sonnet-4-6'),
    speed: maybe('standard', 'fast'),
    tools: maybe([tool], [tool, search], [search], [search, tool], [{ ...tool, name: 'n' }]),
    system: fc.oneof(maybe<unknown>('a', 'b'), fc.array(fc.constantFrom(text('a'), text('b')))),
    content: fc.oneof(fc.constantFrom('a', 'b'), blocks),
    reply: blocks,
    end: fc.oneof(fc.constantFrom('a', 'b'), blocks),
    tool_choice: maybe({ type: 'auto' }, { type: 'none' }),
    thinking: maybe({ type: 'disabled' }, { type: 'adaptive' }),
    output_config: maybe<JsonObject>({ effort: 'high' }, { effort: 'medium' }, { format: {} }),
  })
  const asked = fc.record({
    parts,
    others: parts,
    changed: fc.subarray([
      'tools',
      'speed',
      'tool_choice',
      'thinking',
      'output_config',
      'end',
    ] as const),
    marks: fc.array(fc.nat({ max: 12 }), { maxLength: 3 }),
    otherMarks: fc.array(fc.nat({ max: 12 }), { maxLength: 3 }),
    isAutomatic: fc.boolean(),
    life: fc.constantFrom(mark, longMark),
  })

  /** A request whose blocks of these numbers are marked. */
  function requestOf(
    { content, reply, end, ...rest }: typeof parts extends fc.Arbitrary<infer T> ? T : never,
    marks: readonly number[],
    life: object,
  ): JsonObject {
    let count = 0
    const markSome = (blocks: unknown): unknown => {
      if (!Array.isArray(blocks)) return blocks
      return blocks.map((each: object) => (marks.includes(count++) ? { ...each, ...life } : each))
    }
    const [tools, system] = [markSome(rest.tools), markSome(rest.system)]
    const messages = [
      { role: 'user', content: markSome(content) },
      { role: 'assistant', content: markSome(reply) },
      { role: 'user', content: markSome(end) },
    ]
    const said = Object.entries({ ...rest, tools, system }).filter(
      ([, value]) => value !== undefined,
    )
    return { ...Object.fromEntries(said), messages }
  }

  /** Digests of what it would write, in order. */
  function digestsOf(body: JsonObject, name: string): readonly (string | undefined)[] {
    const found = findSimulatedModel(0, name, 'current')
    assert(found !== undefined)
    const model = { ...found, cacheTokensMin: 0 }
    const prompt = countPrompt(body, model)
    const speed = body['speed'] === 'fast' ? 'fast' : 'standard'
    const plan = planCache({ body, model, speed, workspace: '', prompt })
    return plan?.breakpoints.map(({ at }) => plan.digests[at]) ?? []
  }

  test('of what two requests share is the same', () => {
    let [sharing, differing] = [0, 0]
    fc.assert(
      fc.property(asked, ({ parts, others, changed, marks, otherMarks, isAutomatic, life }) => {
        const changes = Object.fromEntries(changed.map((name) => [name, others[name]]))
        const automatic = isAutomatic ? life : {}
        const one = { ...requestOf(parts, marks, life), ...automatic }
        const other = { ...requestOf({ ...parts, ...changes }, otherMarks, life), ...automatic }
        const [ones, otherOnes] = [digestsOf(one, parts.model), digestsOf(other, parts.model)]
        const [points, otherPoints] = [marked(one, parts.model), marked(other, parts.model)]
        expect([points.length, otherPoints.length]).toEqual([ones.length, otherOnes.length])
        for (const [index, { key }] of points.entries()) {
          for (const [otherIndex, { key: otherKey }] of otherPoints.entries()) {
            const isShared = ones[index] === otherOnes[otherIndex]
            expect(key === otherKey).toBe(isShared)
            if (isShared) sharing++
            else differing++
          }
        }
      }),
      { numRuns: 2000 },
    )
    // The property is about something.
    expect(Math.min(sharing, differing)).toBeGreaterThan(300)
  })
})

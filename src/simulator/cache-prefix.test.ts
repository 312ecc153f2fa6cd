/**
 * What a change of a request leaves of its cached prefixes: the table of invalidations of the
 * prompt caching page (read 2026-08-22), and the readings where it leaves room.
 */

import { assert, describe, expect, test } from 'vitest'

import { planCache, type CachePlan } from './cache-prefix.ts'
import { findSimulatedModel } from './model-rules.ts'
import { countPrompt } from './tokens.ts'
import type { JsonRecord } from './json.ts'

const mark = { cache_control: { type: 'ephemeral' } }
const long = 'gate '.repeat(1500)
const schema = { type: 'object', properties: { depth: { type: 'number' } } }
const picture = { type: 'image', source: { type: 'url', url: 'https://example.com/gate.png' } }
const search = { type: 'web_search_20250305', name: 'web_search' }
const tool = { name: 'measure', description: long, input_schema: schema, ...mark }
const system = [{ type: 'text', text: long, ...mark }]
const source = { type: 'text', media_type: 'text/plain', data: long }
const call = { type: 'tool_use', id: 'toolu_1', name: 'measure', input: { a: 1, b: 2 } }
const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: '3 metres' }
const document = { type: 'document', source }

const dialogue = (first: object, asked: object, last: readonly object[]): readonly object[] => [
  { role: 'user', content: [first] },
  { role: 'assistant', content: [asked] },
  { role: 'user', content: last },
]

const marked = { ...result, ...mark }
const base: JsonRecord = {
  model: 'claude-sonnet-4-6',
  max_tokens: 1000,
  tools: [tool],
  system,
  messages: dialogue(document, call, [marked]),
}

function planOf(members: object, modelName = 'claude-sonnet-4-6'): CachePlan {
  const model = findSimulatedModel(0, modelName, 'current')
  assert(model !== undefined)
  const body = { ...base, ...members }
  const plan = planCache({
    body,
    model,
    speed: 'standard',
    workspace: '',
    prompt: countPrompt(body, model),
  })
  assert(plan !== undefined)
  return plan
}

/** The last level whose prefix, up to its mark, is the same in both. */
function shared(members: object, before: object = {}): string {
  const [left, right] = [planOf(before), planOf(members)]
  const digests = right.breakpoints.map(({ at }) => right.digests[at])
  const levels = ['tools', 'system', 'messages'].filter((_, index) =>
    digests.includes(left.digests[left.breakpoints[index]?.at ?? -1]),
  )
  return levels.at(-1) ?? 'nothing'
}

describe('what is read after', () => {
  test.each<[change: string, members: object, left: string]>([
    ['nothing', {}, 'messages'],
    ['a tool’s definition', { tools: [{ ...tool, name: 'sound' }] }, 'nothing'],
    ['the order of the tools', { tools: [{ name: 'x', input_schema: schema }, tool] }, 'nothing'],
    ['the system prompt', { system: [{ ...system[0], text: `${long} Be brief.` }] }, 'tools'],
    ['web search', { tools: [tool, search] }, 'tools'],
    [
      'citations',
      { messages: dialogue({ ...document, citations: { enabled: true } }, call, [marked]) },
      'tools',
    ],
    ['the output format', { output_config: { format: { type: 'json_schema', schema } } }, 'tools'],
    ['tool_choice', { tool_choice: { type: 'any' } }, 'system'],
    ['tool_choice to none', { tool_choice: { type: 'none' } }, 'system'],
    ['pictures', { messages: dialogue(document, call, [marked, picture]) }, 'system'],
    [
      'pictures inside a result',
      { messages: dialogue(document, call, [marked, { ...result, content: [picture] }]) },
      'system',
    ],
    ['thinking', { thinking: { type: 'enabled', budget_tokens: 1024 } }, 'system'],
    ['effort', { output_config: { effort: 'low' } }, 'system'],
    [
      'a message',
      { messages: dialogue({ ...document, title: 'Locks' }, call, [marked]) },
      'system',
    ],
    [
      'the order of keys in a tool’s input',
      { messages: dialogue(document, { ...call, input: { b: 2, a: 1 } }, [marked]) },
      'system',
    ],
    // What changes nothing: a default that is said, the mark, the order of a block's members, ends.
    ['tool_choice to its default', { tool_choice: { type: 'auto' } }, 'messages'],
    ['thinking to its default', { thinking: { type: 'disabled' } }, 'messages'],
    ['effort to its default', { output_config: { effort: 'high' } }, 'messages'],
    ['max_tokens and metadata', { max_tokens: 5, metadata: { user_id: 'a' } }, 'messages'],
    [
      'the life of an entry',
      { tools: [{ ...tool, cache_control: { type: 'ephemeral', ttl: '1h' } }] },
      'messages',
    ],
    [
      'the order of a block’s members',
      { system: [{ ...mark, text: long, type: 'text' }] },
      'messages',
    ],
    [
      'what comes after',
      { messages: dialogue(document, call, [marked, { type: 'text', text: 'So?' }]) },
      'messages',
    ],
  ])('a change of %s', (_change, members, left) => {
    expect(shared(members)).toBe(left)
    expect(shared({}, members)).toBe(left)
  })
})

test('another picture is no change of whether there are any', () => {
  const other = { ...picture, source: { type: 'url', url: 'https://example.com/lock.png' } }
  const withPicture = (last: object): object => ({
    messages: dialogue(document, call, [marked, last]),
  })
  expect(shared(withPicture(other), withPicture(picture))).toBe('messages')
})

test('a text is the same prompt as a string and as a block', () => {
  const asBlocks = planOf({ messages: [{ role: 'user', content: [{ type: 'text', text: long }] }] })
  const asString = planOf({ messages: [{ role: 'user', content: long }] })
  expect(asString.digests).toEqual(asBlocks.digests)
  expect(asString.tokens).toEqual(asBlocks.tokens)
})

test('an adaptive model’s thinking is its default', () => {
  const last = (members: object): string | undefined =>
    planOf(members, 'claude-opus-5').digests.at(-1)
  expect(last({ thinking: { type: 'adaptive' } })).toBe(last({}))
  expect(last({ thinking: { type: 'disabled' } })).not.toBe(last({}))
  // Medium is the default of Opus 5.5, high that of the others.
  expect(last({ output_config: { effort: 'medium' } })).not.toBe(last({}))
  expect(planOf({ output_config: { effort: 'medium' } }, 'claude-opus-5-5').digests).toEqual(
    planOf({}, 'claude-opus-5-5').digests,
  )
})

test('prefixes grow with their blocks, and end below the whole prompt', () => {
  const { tokens } = planOf({})
  expect(tokens).toHaveLength(5)
  expect(tokens.every((count, index) => count >= (tokens[index - 1] ?? 0))).toBe(true)
})

test('planCache() of a request without marks is nothing', () => {
  const model = findSimulatedModel(0, 'claude-sonnet-4-6', 'current')
  assert(model !== undefined)
  const body = { messages: [{ role: 'user', content: long }] }
  expect(
    planCache({
      body,
      model,
      speed: 'standard',
      workspace: '',
      prompt: countPrompt(body, model),
    }),
  ).toBeUndefined()
})

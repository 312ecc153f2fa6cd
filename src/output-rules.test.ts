import { describe, expect, test } from 'vitest'
import { Schemas } from './output-rules.ts'

const schema = {
  type: 'object',
  properties: { year: { type: 'integer' }, kind: { enum: ['a', 'b'] } },
  required: ['year'],
  additionalProperties: false,
}
const format = { output_config: { format: { type: 'json_schema', schema } } }
const tools = { tools: [{ name: 'note', strict: true, input_schema: schema }, { name: 'free' }] }

const text = (said: string, stop_reason = 'end_turn') => ({
  stop_reason,
  content: [
    { type: 'thinking', thinking: '…' },
    { type: 'text', text: said },
  ],
})

function problems(request: object, message: object): readonly string[] | undefined {
  const rules = new Schemas().rulesOf({ ...request })
  return rules?.problemsOf({ ...message }).map((problem) => problem.text)
}

describe('rules', () => {
  test('are those of an output format and of strict tools; others ask for nothing', () => {
    const schemas = new Schemas()
    expect(schemas.rulesOf({ messages: [] })).toBeUndefined()
    expect(schemas.rulesOf({ tools: [{ name: 'x', input_schema: schema }] })).toBeUndefined()
    expect(schemas.rulesOf({ output_config: { effort: 'low' } })).toBeUndefined()
    expect(schemas.rulesOf(format)).toBeDefined()
    expect(schemas.rulesOf(tools)).toBeDefined()
  })

  test('are made once for all rows that ask for the same', () => {
    const schemas = new Schemas()
    const one = schemas.rulesOf(format)
    expect(schemas.rulesOf(structuredClone(format))).toBe(one)
    expect(schemas.rulesOf(tools)).not.toBe(one)
    expect(schemas.rulesOf({ ...format, ...tools })?.key).not.toBe(one?.key)
  })
})

describe('problems of a text', () => {
  test.each([
    ['{"year":1999}', []],
    ['{"year":1999,"kind":"a"}', []],
    ['{"year":"1999"}', ['/year must be integer']],
    [
      '{"kind":"c"}',
      [
        "the output must have required property 'year'",
        '/kind must be equal to one of the allowed values (["a","b"])',
      ],
    ],
    ['{"year":1,"x":2}', ['the output must NOT have additional properties ("x")']],
    ['{"year":19', ['the output is no JSON']],
    ['  ', ['there is no output']],
  ])('%s', (said, expected) => {
    expect(problems(format, text(said))).toEqual(expected)
  })

  test('in several blocks are those of all of it', () => {
    const content = [
      { type: 'text', text: '{"year":' },
      { type: 'text', text: '7}' },
    ]
    expect(problems(format, { stop_reason: 'end_turn', content })).toEqual([])
  })

  test('are none where a tool is asked for instead', () => {
    const content = [
      { type: 'text', text: 'Let me see.' },
      { type: 'tool_use', name: 'free' },
    ]
    expect(problems(format, { stop_reason: 'tool_use', content })).toEqual([])
  })

  test('are no more than ten, of 300 characters', () => {
    const properties = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`p${n}`, 5]))
    const found = problems(format, text(JSON.stringify({ ...properties, kind: 'x'.repeat(999) })))
    expect(found).toHaveLength(10)
    expect(Math.max(...(found ?? []).map(({ length }) => length))).toBeLessThanOrEqual(300)
  })
})

test('problems of a strict tool name the call; other tools are as they are', () => {
  const rules = new Schemas().rulesOf(tools)
  const content = [
    { type: 'tool_use', id: 't1', name: 'note', input: { year: 1 } },
    { type: 'tool_use', id: 't2', name: 'note', input: {} },
    { type: 'tool_use', id: 't3', name: 'free', input: 7 },
  ]
  expect(rules?.problemsOf({ stop_reason: 'tool_use', content })).toEqual([
    { text: "the output must have required property 'year'", toolUse: 't2' },
  ])
})

test('a schema that cannot be compiled checks nothing, and says so', () => {
  const bad = { output_config: { format: { type: 'json_schema', schema: { type: 'wrong' } } } }
  const rules = new Schemas().rulesOf(bad)
  expect(rules?.problemsOf(text('{}'))).toEqual([])
  expect(rules?.takeFlaw()).toContain('type must be JSONType')
  expect(rules?.takeFlaw()).toBeUndefined()
})

test('a schema that refers to others fetches nothing', () => {
  const schema = { $ref: 'https://example.com/schema.json' }
  const rules = new Schemas().rulesOf({
    output_config: { format: { type: 'json_schema', schema } },
  })
  expect(rules?.problemsOf(text('{}'))).toEqual([])
  expect(rules?.takeFlaw()).toContain("can't resolve reference")
})

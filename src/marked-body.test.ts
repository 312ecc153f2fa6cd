import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cachePointsOf, type CacheLife, type CachePoint } from './cache-points.ts'
import type { JsonObject } from './json.ts'
import { withMarks, withoutMarks } from './marked-body.ts'

type Level = CachePoint['at']['level']

const short = '"cache_control":{"type":"ephemeral"}'
const long = '"cache_control":{"type":"ephemeral","ttl":"1h"}'

function put(
  body: string,
  ...places: readonly (readonly [Level, number, number, CacheLife?])[]
): string | undefined {
  const marks = places.map(([level, message, index, life = '5m']) => ({
    at: { level, message, index },
    life,
  }))
  const marked = withMarks(Buffer.from(body), marks)
  return marked && Buffer.from(marked).toString()
}

function strip(body: string): string {
  return Buffer.from(withoutMarks(Buffer.from(body))).toString()
}

describe('withMarks()', () => {
  test.each<[body: string, place: [Level, number, number, CacheLife?], expected: string]>([
    ['{"tools":[{"n":1.0}]}', ['tools', 0, 0], `{"tools":[{${short},"n":1.0}]}`],
    ['{"tools":[{},{ }]}', ['tools', 0, 1], `{"tools":[{},{${short} }]}`],
    ['{"system":[ { "a" : 1 } ]}', ['system', 0, 0, '1h'], `{"system":[ { ${long},"a" : 1 } ]}`],
    [
      '{"messages":[{"content":[{"a":1}]} , {"role":"user","content":[{"b":"]"},{"c":1e400}]}]}',
      ['messages', 1, 1],
      `{"messages":[{"content":[{"a":1}]} , {"role":"user","content":[{"b":"]"},{${short},"c":1e400}]}]}`,
    ],
    // A string becomes a block, its escapes as they are.
    [
      '{"system" : "\\u0061\\"\\n😀" ,"x":12345678901234567890}',
      ['system', 0, 0],
      `{"system" : [{"type":"text","text":"\\u0061\\"\\n😀",${short}}] ,"x":12345678901234567890}`,
    ],
    [
      '{"messages":[{"content":"a"}]}',
      ['messages', 0, 0, '1h'],
      `{"messages":[{"content":[{"type":"text","text":"a",${long}}]}]}`,
    ],
    // A mark that is there is replaced; what is inside has nothing to do with it.
    [
      '{"system":[{"a":1,"cache_control": null }]}',
      ['system', 0, 0],
      `{"system":[{"a":1,"cache_control": {"type":"ephemeral"} }]}`,
    ],
    [
      '{"system":[{"cache\\u005fcontrol":5}]}',
      ['system', 0, 0],
      `{"system":[{"cache\\u005fcontrol":{"type":"ephemeral"}}]}`,
    ],
    [
      '{"tools":[{"input_schema":{"cache_control":1}}]}',
      ['tools', 0, 0],
      `{"tools":[{${short},"input_schema":{"cache_control":1}}]}`,
    ],
  ])('%s at %j', (body, place, expected) => {
    expect(put(body, place)).toBe(expected)
    expect(() => JSON.parse(expected)).not.toThrow()
  })

  test('takes several in any order, and of two for one block the later', () => {
    const body = '{"messages":[{"content":"a"},{"content":[{"b":1}]}],"tools":[{"t":1}]}'
    const places = [
      ['messages', 1, 0],
      ['tools', 0, 0, '1h'],
      ['messages', 0, 0],
      ['messages', 1, 0, '1h'],
    ] as const
    const text = `[{"type":"text","text":"a",${short}}]`
    expect(put(body, ...places)).toBe(
      `{"messages":[{"content":${text}},{"content":[{${long},"b":1}]}],"tools":[{${long},"t":1}]}`,
    )
    expect(put(body)).toBe(body)
  })

  test.each<[why: string, body: string, place: [Level, number, number]]>([
    ['no such level', '{"messages":[]}', ['tools', 0, 0]],
    ['no such message', '{"messages":[{"content":"a"}]}', ['messages', 1, 0]],
    ['no such block', '{"system":[{"a":1}]}', ['system', 0, 1]],
    ['a string has one block', '{"system":"a"}', ['system', 0, 1]],
    ['an empty string has none', '{"system":""}', ['system', 0, 0]],
    ['tools are no text', '{"tools":"a"}', ['tools', 0, 0]],
    ['no block', '{"system":["a"]}', ['system', 0, 0]],
    ['no list', '{"system":{"0":{}}}', ['system', 0, 0]],
    ['no message', '{"messages":["a"]}', ['messages', 0, 0]],
    ['no content', '{"messages":[{"role":"user"}]}', ['messages', 0, 0]],
    ['null', '{"messages":null}', ['messages', 0, 0]],
    ['a level twice', '{"system":[{}],"system":[{}]}', ['system', 0, 0]],
    ['a content twice', '{"messages":[{"content":"a","content":"b"}]}', ['messages', 0, 0]],
    ['a mark twice', '{"system":[{"cache_control":1,"cache_control":2}]}', ['system', 0, 0]],
  ])('%s', (_why, body, place) => {
    expect(put(body, place)).toBeUndefined()
  })
})

describe('withoutMarks()', () => {
  const result = '"type":"tool_result"'
  test.each<[body: string, expected: string]>([
    [`{"a":1, ${short}}`, '{"a":1}'],
    [`{${long} , "tools":[{"n":1.0, ${short}}]}`, '{"tools":[{"n":1.0}]}'],
    [`{"system":[{${short}},{"a":1}]}`, '{"system":[{},{"a":1}]}'],
    [`{"system":[{"cache\\u005fcontrol":null,"a":1}]}`, '{"system":[{"a":1}]}'],
    [
      `{"messages":[{"content":[{"a":1,${short},"b":2}]}]}`,
      '{"messages":[{"content":[{"a":1,"b":2}]}]}',
    ],
    [
      `{"messages":[{"content":[{${result},${short},"content":[{"text":"x",${long}}]}]}]}`,
      `{"messages":[{"content":[{${result},"content":[{"text":"x"}]}]}]}`,
    ],
    [
      `{"messages":[{"content":[{${result},"content":[{"text":"x",${long}}],${short}}]}]}`,
      `{"messages":[{"content":[{${result},"content":[{"text":"x"}]}]}]}`,
    ],
    // Of what is there twice, whichever is read has no mark.
    [`{"system":[{${short}}],"system":[{${short},${long}}]}`, '{"system":[{}],"system":[{}]}'],
  ])('%s', (body, expected) => {
    expect(strip(body)).toBe(expected)
  })

  test.each([
    '{"a":"cache_control"}',
    `{"tools":[{"input_schema":{"properties":{${short}}}}]}`,
    `{"messages":[{"content":[{"type":"tool_use","input":{${short}},"content":[{${short}}]}]}]}`,
    `{"messages":[{"content":[{${result},"content":[{"a":{${short}}}],"b":[{${short}}]}]}]}`,
    `{"messages":[{${short},"content":"${short.replaceAll('"', '\\"')}"}],"metadata":{${short}}}`,
    `{"system":{${short}},"tools":"cache_control","messages":{${short}}}`,
    '{"a":"\\u0061"}',
  ])('leaves what is no mark: %s', (body) => {
    expect(strip(body)).toBe(body)
  })
})

const marker = { type: 'ephemeral' }
const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 50 })
const block = fc.oneof(
  text.map((text): JsonObject => ({ type: 'text', text })),
  fc.record({
    type: fc.constant('tool_use'),
    input: fc.oneof(fc.jsonValue(), fc.constant({ cache_control: marker })),
  }),
  fc.constant<JsonObject>({ type: 'tool_result', content: [{ type: 'text', text: 'x' }] }),
  fc.constant<JsonObject>({}),
)
const blocks = fc.array(block, { maxLength: 4 })
const requests = fc.record(
  {
    tools: blocks,
    system: fc.oneof(text, blocks),
    metadata: fc.constant({ cache_control: marker }),
    messages: fc.array(fc.record({ role: fc.constant('user'), content: fc.oneof(text, blocks) })),
  },
  { requiredKeys: ['messages'] },
)

/** The text of a body, whose numbers and blanks `JSON.stringify` would not write. */
function print(request: object, indent: number | string): string {
  // No text that is drawn says the same.
  const place = 'a great integer stands here, in the file'
  const body = JSON.stringify({ big: place, ...request, end: place }, null, indent)
  return body.replaceAll(`"${place}"`, '12345678901234567890')
}

const asked = fc
  .record({
    request: requests,
    indent: fc.constantFrom<number | string>(0, 1, '\t'),
    which: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
    lives: fc.array(fc.constantFrom<CacheLife>('5m', '1h'), { minLength: 4, maxLength: 4 }),
  })
  .map(({ request, indent, which, lives }) => {
    const points = cachePointsOf(request, 'claude-opus-5', 'all')
    const chosen = [...new Set(which.map((each) => each % Math.max(1, points.length)))]
    const marks = chosen.flatMap((index, mark) => {
      const point = points[index]
      return point === undefined ? [] : [{ ...point, life: lives[mark] ?? '5m' }]
    })
    return { request, body: Buffer.from(print(request, indent)), marks }
  })

/** Strings as the blocks they are short for. */
function inBlocks(request: JsonObject): unknown {
  return JSON.parse(JSON.stringify(request), (name, value: unknown) => {
    const isContent = name === 'system' || name === 'content'
    return isContent && typeof value === 'string' ? [{ type: 'text', text: value }] : value
  })
}

test('marks are put where they were asked for, and change no key', () => {
  fc.assert(
    fc.property(asked, ({ body, marks }) => {
      const marked = withMarks(body, marks)
      const request = JSON.parse(String(marked)) as JsonObject
      const points = cachePointsOf(request, 'claude-opus-5', 'marked')
      const byKey = (one: { readonly key: number }, other: { readonly key: number }): number =>
        one.key - other.key
      expect(points.map(({ at, key, mark }) => ({ at, key, life: mark })).toSorted(byKey)).toEqual(
        marks.map(({ at, key, life }) => ({ at, key, life })).toSorted(byKey),
      )
    }),
    { numRuns: 500 },
  )
})

test('what is put on comes off, and all other bytes stay', () => {
  let strings = 0
  fc.assert(
    fc.property(asked, ({ request, body, marks }) => {
      const marked = withMarks(body, marks) ?? Buffer.of()
      const back = Buffer.from(withoutMarks(marked)).toString()
      // Both integers are there to the last digit.
      expect(back.split('12345678901234567890')).toHaveLength(3)
      const { big: _big, end: _end, ...rest } = JSON.parse(back) as JsonObject
      expect(inBlocks(rest)).toEqual(inBlocks(request))
      const isString = ({ at: { level, message } }: (typeof marks)[number]): boolean => {
        const content = level === 'messages' ? request.messages[message]?.content : request[level]
        return typeof content === 'string'
      }
      if (marks.some(isString)) strings++
      else expect(back).toBe(body.toString())
    }),
    { numRuns: 500 },
  )
  expect(strings).toBeGreaterThan(20)
  expect(strings).toBeLessThan(480)
})

test('withoutMarks() leaves no mark that would be read, in any body', () => {
  fc.assert(
    fc.property(asked, fc.boolean(), ({ body, marks }, isWhole) => {
      const marked = String(withMarks(body, marks))
      const whole = isWhole ? `{${long},${marked.slice(1)}` : marked
      const back = JSON.parse(strip(whole)) as JsonObject
      expect(cachePointsOf(back, 'claude-opus-5', 'marked')).toEqual([])
      expect(back['cache_control']).toBeUndefined()
    }),
  )
})

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AssertionError } from './assert.ts'
import { changeMembers, memberText, readMembers, withoutMembers } from './json-spans.ts'

/** Removes members from a text; the result must be JSON. */
function without(text: string, names: readonly string[]): string {
  const bytes = Buffer.from(text)
  const result = withoutMembers(bytes, readMembers(bytes), names).toString()
  expect(() => JSON.parse(result)).not.toThrow()
  return result
}

const removals: [text: string, names: string[], expected: string][] = [
  ['{"a":1,"b":2,"c":3}', ['a'], '{"b":2,"c":3}'],
  ['{"a":1,"b":2,"c":3}', ['b'], '{"a":1,"c":3}'],
  ['{"a":1,"b":2,"c":3}', ['c'], '{"a":1,"b":2}'],
  ['{"a":1,"b":2,"c":3}', ['a', 'b'], '{"c":3}'],
  ['{"a":1,"b":2,"c":3}', ['b', 'c'], '{"a":1}'],
  ['{"a":1,"b":2,"c":3}', ['a', 'c'], '{"b":2}'],
  ['{"a":1,"b":2,"c":3}', ['a', 'b', 'c'], '{}'],
  ['{"a":1}', ['a'], '{}'],
  ['{"a":1}', ['b'], '{"a":1}'],
  ['{}', ['a'], '{}'],
  ['{ "a" : 1 , "b" : 2 }', ['a'], '{ "b" : 2 }'],
  ['{ "a" : 1 , "b" : 2 }', ['b'], '{ "a" : 1 }'],
  ['{\t"a":1\r}', ['a'], '{\t\r}'],
  ['{"a":1,"b":2,"a":3}', ['a'], '{"b":2}'],
  ['{"a":1,"a":2}', ['a'], '{}'],
  ['{"a\\u005fb":1,"a_b":2,"c":3}', ['a_b'], '{"c":3}'],
  ['{"a":{"b":1},"b":[{"b":2}]}', ['b'], '{"a":{"b":1}}'],
  ['{"a":"\\",\\"b\\":1","b":1}', ['b'], '{"a":"\\",\\"b\\":1"}'],
  ['{"a":"\\\\","b":"}"}', ['a'], '{"b":"}"}'],
  ['{"b":12345678901234567890,"1":1.0,"0":1e400}', ['1'], '{"b":12345678901234567890,"0":1e400}'],
  ['{"é":"😀","b":1}', ['é'], '{"b":1}'],
  ['{"__proto__":1,"b":1}', ['__proto__'], '{"b":1}'],
]

test.each(removals)('withoutMembers(%s, %j) leaves the other bytes', (text, names, expected) => {
  expect(without(text, names)).toBe(expected)
})

const changes: [text: string, changes: [string, string | undefined][], expected: string][] = [
  ['{"a":1,"b":2}', [['a', '[5]']], '{"a":[5],"b":2}'],
  ['{"a": 1 ,"b":2}', [['b', '"é"']], '{"a": 1 ,"b":"é"}'],
  ['{"a":1,"b":2,"a":3}', [['a', '9']], '{"b":2,"a":9}'],
  ['{"a":1}', [['b', '2']], '{"b":2,"a":1}'],
  [
    '{ "a":1}',
    [
      ['b', '2'],
      ['c', '3'],
    ],
    '{"b":2,"c":3, "a":1}',
  ],
  ['{}', [['b', '2']], '{"b":2}'],
  [
    '{"a":1}',
    [
      ['a', undefined],
      ['b', '2'],
    ],
    '{"b":2}',
  ],
  [
    '{"a":1,"c":2}',
    [
      ['c', undefined],
      ['a', '0'],
    ],
    '{"a":0}',
  ],
  ['{"a":1}', [['"', '2']], '{"\\"":2,"a":1}'],
]

test.each(changes)('changeMembers(%s, %j) splices', (text, changes, expected) => {
  const bytes = Buffer.from(text)
  expect(changeMembers(bytes, readMembers(bytes), new Map(changes)).toString()).toBe(expected)
})

test('changeMembers() takes an object that lies within other bytes, and copies it', () => {
  const text = '{"params": {"a":1,"b":2} , "c":3}'
  const bytes = Buffer.from(text)
  const [start, end] = [text.indexOf('{', 1), text.indexOf('}') + 1]
  const inner = readMembers(bytes, start)
  const result = changeMembers(bytes, inner, new Map([['a', undefined]]), start, end)
  bytes.fill(0)
  expect(result.toString()).toBe('{"b":2}')
})

test('readMembers() finds an object behind blanks, in a plain Uint8Array with an offset', () => {
  const bytes = new Uint8Array(Buffer.from('xx  {"a" : "y" }')).subarray(2)
  const [member, ...rest] = readMembers(bytes)
  expect(rest).toEqual([])
  expect(member).toEqual({ key: 'a', keyStart: 3, valueStart: 9, valueEnd: 12 })
  expect(member && memberText(bytes, member)).toBe('"y"')
})

test('readMembers() ends strings right wherever quotes and backslashes lie', () => {
  for (let length = 0; length < 80; length++) {
    for (const inner of ['\\"', '\\\\', '\\\\\\"', 'é', '\\"x\\\\']) {
      const value = `"${'x'.repeat(length)}${inner}"`
      const text = `{"a":${value},"b":1}`
      expect(readMembers(Buffer.from(text)).map(({ key }) => key)).toEqual(['a', 'b'])
    }
  }
})

test.each(['[1]', '{"a"', '{"a":"x', '{"a":[1', ''])('readMembers(%j) is our bug', (text) => {
  expect(() => readMembers(Buffer.from(text))).toThrow(AssertionError)
})

interface Piece {
  readonly name: string
  readonly key: string
  readonly value: string
  readonly blanks: readonly [string, string, string, string]
}

const blank = fc.constantFrom('', '', ' ', '\t', ' \r ', '\n')
const pieces = fc.array(
  fc
    .record({
      name: fc.constantFrom('a', 'b', 'a_b', 'é', '😀', '', '"', '\\', '__proto__', '1'),
      escaped: fc.boolean(),
      value: fc.oneof(
        fc.json(),
        fc.string({ unit: 'binary', maxLength: 80 }).map((text) => JSON.stringify(text)),
        fc.constantFrom('12345678901234567890', '-0', '1.0', '1E+5', '{"a":{}}', '[ "]" , {} ]'),
      ),
      blanks: fc.tuple(blank, blank, blank, blank),
    })
    .map(({ name, escaped, value, blanks }): Piece => {
      const units = Array.from({ length: name.length }, (_, index) => name.charCodeAt(index))
      const hex = units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
      return { name, key: escaped ? `"${hex}"` : JSON.stringify(name), value, blanks }
    }),
  { maxLength: 6 },
)

function print(pieces: readonly Piece[]): string {
  const members = pieces.map(
    ({ key, value, blanks: [a, b, c, d] }) => a + key + b + ':' + c + value + d,
  )
  return `{${members.join(',')}}`
}

test('readMembers() finds each member where it was put', () => {
  fc.assert(
    fc.property(pieces, blank, (pieces, lead) => {
      const bytes = Buffer.from(`${lead}${print(pieces)}, "rest"`)
      let at = lead.length + 1
      const expected = pieces.map(({ name, key, value, blanks: [a, b, c, d] }) => {
        const keyStart = at + a.length
        const valueStart = keyStart + Buffer.byteLength(key) + b.length + 1 + c.length
        const valueEnd = valueStart + Buffer.byteLength(value)
        at = valueEnd + d.length + 1
        return { key: name, keyStart, valueStart, valueEnd }
      })
      expect(readMembers(bytes)).toEqual(expected)
    }),
  )
})

test('withoutMembers() leaves exactly the other members, to the byte', () => {
  fc.assert(
    fc.property(pieces, fc.subarray(['a', 'a_b', 'é', '']), (pieces, names) => {
      const result = Buffer.from(without(print(pieces), names))
      const kept = pieces.filter(({ name }) => !names.includes(name))
      expect(JSON.parse(result.toString())).toEqual(JSON.parse(print(kept)))
      const texts = readMembers(result).map((member) =>
        result.toString('utf8', member.keyStart, member.valueEnd),
      )
      expect(texts).toEqual(
        kept.map(({ key, value, blanks: [, b, c] }) => key + b + ':' + c + value),
      )
    }),
  )
})

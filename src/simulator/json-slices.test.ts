/**
 * Slices of JSON: what they cut out is what parsing the whole gives.
 */

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { forEachElement, forEachMember, skipSpace, sliceText } from './json-slices.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function membersOf(text: string): object {
  const bytes = bytesOf(text)
  const found: [string, unknown][] = []
  const end = forEachMember(bytes, 0, (name, start, stop) => {
    found.push([name, JSON.parse(sliceText(bytes, start, stop))])
  })
  expect(skipSpace(bytes, end)).toBe(bytes.length)
  return Object.fromEntries(found)
}

function elementsOf(text: string): readonly unknown[] {
  const bytes = bytesOf(text)
  const found: unknown[] = []
  const end = forEachElement(bytes, 0, (start, stop) => {
    found.push(JSON.parse(sliceText(bytes, start, stop)))
  })
  expect(skipSpace(bytes, end)).toBe(bytes.length)
  return found
}

test('of any object and any list, in any layout', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
      fc.array(fc.jsonValue()),
      fc.constantFrom(0, 1, '\t'),
      (object, list, space) => {
        expect(membersOf(JSON.stringify(object, null, space))).toEqual(
          JSON.parse(JSON.stringify(object)),
        )
        expect(elementsOf(JSON.stringify(list, null, space))).toEqual(
          JSON.parse(JSON.stringify(list)),
        )
      },
    ),
  )
})

test('strings hide brackets, and quotes behind backslashes', () => {
  const value = { 'a"}': ['\\', '\\"', ']}', '"'], b: '\\\\"' }
  expect(membersOf(JSON.stringify(value))).toEqual(value)
})

test('the last of two members of one name counts, as in JSON.parse', () => {
  expect(membersOf('{"a":1,"a":2}')).toEqual({ a: 2 })
})

test.each([
  '{',
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  '{"a":1 "b":2}',
  '{,}',
  '{a:1}',
  '{"a":"}',
  '{"a":[1}',
  '{"a":[1,2}]}',
  '{"a":{"b":1]}',
  '{"a":tru}',
])('%s is no object', (text) => {
  expect(() => membersOf(text)).toThrow(SyntaxError)
})

test.each(['[', '[1', '[1,]', '[,1]', '[1 2]', '["]', '[{]', '[1}'])('%s is no list', (text) => {
  expect(() => elementsOf(text)).toThrow(SyntaxError)
})

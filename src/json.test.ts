import { expect, test } from 'vitest'
import { isJsonObject, oneLine, parseJson } from './json.ts'

test.each([
  [{}, true],
  [[], false],
  [null, false],
  ['{}', false],
  [undefined, false],
])('isJsonObject(%j) is %j', (value, expected) => {
  expect(isJsonObject(value)).toBe(expected)
})

test.each([
  ['{"a":1}', { a: 1 }],
  ['null', null],
  ['{"a":', undefined],
  ['', undefined],
])('parseJson(%j) is %j', (text, expected) => {
  expect(parseJson(text)).toEqual(expected)
})

test('oneLine() says the same on one line', () => {
  const text = '{\r\n  "a": "b\\nc",\n\n  "d": 1\r}'
  expect(oneLine(text)).not.toMatch(/[\r\n]/)
  expect(JSON.parse(oneLine(text))).toEqual({ a: 'b\nc', d: 1 })
  expect(oneLine('{"a":1}')).toBe('{"a":1}')
})

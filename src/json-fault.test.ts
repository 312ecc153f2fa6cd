import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { findJsonFault } from './json-fault.ts'

const faults: [text: string, index: number, problem: string][] = [
  ['', 0, 'expected a value, got the end of the line'],
  ['{', 1, 'expected a key in double quotes or "}", got the end of the line'],
  ['{"a":1,}', 7, 'expected a key in double quotes, got "}"'],
  ["{'a':1}", 1, `expected a key in double quotes or "}", got "'"`],
  ['{"a" 1}', 5, 'expected ":" after a key, got "1"'],
  ['{"a":1 "b":2}', 7, `expected "," or "}", got '"'`],
  ['{"a":1]', 6, 'expected "," or "}", got "]"'],
  ['{"a":True}', 5, 'expected a value, got "True"'],
  ['[1,2', 4, 'expected "," or "]", got the end of the line'],
  ['[1,]', 3, 'expected a value, got "]"'],
  ['[NaN]', 1, 'expected a value or "]", got "NaN"'],
  ['01', 1, 'expected the end of the line, got "1"'],
  ['{} {}', 3, 'expected the end of the line, got "{"'],
  ['{"a":"x', 7, 'the string begun at character 6 has no end'],
  ['"a\tb"', 2, 'U+0009 within a string must be escaped'],
  ['"\\x"', 1, '"\\x" begins no valid escape'],
  ['"\\u12g4"', 1, '"\\u" begins no valid escape'],
  ['\ufeff{}', 0, 'expected a value, got U+FEFF'],
  ['\u0000', 0, 'expected a value, got U+0000'],
  ['😀', 0, 'expected a value, got "😀"'],
]

test.each(faults)('findJsonFault(%j) names the place and the reason', (text, index, problem) => {
  expect(findJsonFault(text)).toEqual({ index, problem })
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('findJsonFault() finds nothing in any valid JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('', ' ', '\t', '\r\n'), (value, indent) => {
      expect(findJsonFault(`${indent}${JSON.stringify(value, undefined, indent)}`)).toBeUndefined()
    }),
  )
})

test('findJsonFault() finds a fault exactly when JSON.parse does, in damaged JSON', () => {
  const piece = fc.constantFrom(...'{}[]",:\\ 0123-+.eEtrufalsn\n'.split(''), '\\u00', 'null', '')
  const text = fc.json().chain((json) =>
    fc.tuple(fc.nat(json.length), fc.nat(2), piece).map(([at, removed, added]) => {
      return json.slice(0, at) + added + json.slice(at + removed)
    }),
  )
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        fc.array(piece).map((pieces) => pieces.join('')),
      ),
      (text) => {
        const fault = findJsonFault(text)
        expect(fault === undefined).toBe(isJson(text))
      },
    ),
    { numRuns: 5000 },
  )
})

test('findJsonFault() takes very deep and very long text', () => {
  expect(findJsonFault('['.repeat(200_000))?.index).toBe(200_000)
  expect(findJsonFault(`["${'x'.repeat(2 ** 20)}"`)?.index).toBe(2 ** 20 + 3)
  expect(findJsonFault(`["${'\\"'.repeat(2 ** 20)}"`)?.index).toBe(2 ** 21 + 3)
})

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { readMemberTexts, writeMemberTexts } from './json-members.ts'

describe('readMemberTexts()', () => {
  test.each<[string, [string, string][]]>([
    ['{}', []],
    [' { } ', []],
    ['', []],
    ['{"a":1}', [['a', '1']]],
    [
      '{"a" : 1.0 , "b":\t-2e5\n}',
      [
        ['a', '1.0'],
        ['b', '-2e5'],
      ],
    ],
    ['{"a":12345678901234567890}', [['a', '12345678901234567890']]],
    [
      '{"a":"}","b":"\\"","c":"\\\\"}',
      [
        ['a', '"}"'],
        ['b', '"\\""'],
        ['c', '"\\\\"'],
      ],
    ],
    [
      '{"a":{"b":[{"c":"]"}]},"d":[]}',
      [
        ['a', '{"b":[{"c":"]"}]}'],
        ['d', '[]'],
      ],
    ],
    [
      '{"2":true,"1":null}',
      [
        ['2', 'true'],
        ['1', 'null'],
      ],
    ],
    ['{"\\u0061":1}', [['a', '1']]],
    ['{"a:b":1}', [['a:b', '1']]],
    ['{"a":1,"a":2}', [['a', '2']]],
  ])('takes %j apart', (text, expected) => {
    expect([...readMemberTexts(text)]).toEqual(expected)
  })

  test.each([
    ['{"a":1,"b":2', ['a']],
    ['{"a":1,"b', ['a']],
    ['{"a":1,"b"', ['a']],
    ['{"a":1,"b":', ['a']],
    ['{"a":1,"b":"x', ['a']],
    ['{"a":1,"b":"x"', ['a']],
    ['{"a":1,"b":[1,2', ['a']],
    ['{"a":1,"b":[1],', ['a', 'b']],
    ['{"a', []],
    ['{', []],
  ])('keeps what is complete of %j', (text, names) => {
    expect([...readMemberTexts(text).keys()]).toEqual(names)
  })

  test('with writeMemberTexts() gives back every object, however it is spaced', () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }))
    fc.assert(
      fc.property(objects, fc.constantFrom(0, 1, '\t'), (object, space) => {
        const written = writeMemberTexts(readMemberTexts(JSON.stringify(object, null, space)))
        expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(object)))
      }),
    )
  })

  test('never takes the beginning of an object for more than it says', () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1 })
    fc.assert(
      fc.property(objects, fc.nat(), (object, cut) => {
        const text = JSON.stringify(object)
        const whole = readMemberTexts(text)
        for (const [name, value] of readMemberTexts(text.slice(0, cut % text.length))) {
          expect(value).toBe(whole.get(name))
        }
      }),
    )
  })
})

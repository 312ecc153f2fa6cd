/**
 * Values conform to their schemas, by the judgement of somebody else: zod.
 */

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'

import { Random } from '../random.ts'
import type { JsonRecord } from './json.ts'
import { schemaValue } from './schema-value.ts'

/** Values for a schema from many seeds, as JSON carries them. */
function values(schema: JsonRecord): readonly unknown[] {
  return Array.from({ length: 50 }, (_, seed) => {
    const text = JSON.stringify(schemaValue(new Random(seed), schema))
    return JSON.parse(text) as unknown
  })
}

function conform(schema: JsonRecord): void {
  const judge = z.fromJSONSchema(schema)
  for (const value of values(schema)) {
    const { success } = judge.safeParse(value)
    expect(success, `${JSON.stringify(value)} of ${JSON.stringify(schema)}`).toBe(true)
  }
}

const closed = { type: 'object', additionalProperties: false }

test.each<[name: string, schema: JsonRecord]>([
  ['an object', { ...closed, properties: { a: { type: 'string' } }, required: ['a'] }],
  ['optional members', { ...closed, properties: { a: { type: 'null' }, b: { type: 'boolean' } } }],
  ['a list', { type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 5 }],
  ['a list of none', { type: 'array', items: { type: 'integer' }, maxItems: 0 }],
  ['an enum', { enum: ['a', 1, null] }],
  ['a const', { const: 'open' }],
  ['one of several types', { type: ['string', 'null'] }],
  ['anyOf', { anyOf: [{ type: 'integer' }, { type: 'array', items: { type: 'boolean' } }] }],
  ['bounds', { type: 'integer', minimum: -3, maximum: 4 }],
  ['open bounds', { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 0.1 }],
  ['an upper bound alone', { type: 'integer', maximum: -5 }],
  ['steps', { type: 'integer', multipleOf: 7, minimum: 20 }],
  ['lengths', { type: 'string', minLength: 30, maxLength: 40 }],
  ['a short text', { type: 'string', maxLength: 3 }],
  ['a date', { type: 'string', format: 'date' }],
  ['an instant', { type: 'string', format: 'date-time' }],
  ['a UUID', { type: 'string', format: 'uuid' }],
  ['an address of mail', { type: 'string', format: 'email' }],
  [
    'references',
    {
      ...closed,
      properties: { at: { $ref: '#/$defs/place' } },
      required: ['at'],
      $defs: { place: { ...closed, properties: { x: { type: 'number' } }, required: ['x'] } },
    },
  ],
])('schemaValue() conforms to %s', (_name, schema) => {
  conform(schema)
})

test('schemaValue() makes one of all parts', () => {
  const schema = {
    allOf: [
      { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
      { properties: { b: { const: 2 } }, required: ['b'] },
    ],
  }
  for (const value of values(schema)) {
    expect(value).toEqual({ a: expect.any(Number), b: 2 })
  }
})

const leaves = fc.constantFrom<JsonRecord>(
  { type: 'string' },
  { type: 'string', minLength: 5, maxLength: 6 },
  { type: 'integer', minimum: 3, maximum: 3 },
  { type: 'number' },
  { type: 'boolean' },
  { type: 'null' },
  { enum: ['open', 'closed'] },
)
const { schemas } = fc.letrec<{ schemas: JsonRecord }>((tie) => ({
  schemas: fc.oneof(
    { maxDepth: 4 },
    leaves,
    tie('schemas').map((items) => ({ type: 'array', items, minItems: 1 })),
    fc
      .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('schemas'), { minKeys: 1 })
      .map((properties) => {
        return { ...closed, properties, required: Object.keys(properties).slice(1) }
      }),
    fc.array(tie('schemas'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
}))

test('schemaValue() conforms to whatever is put together of these', () => {
  fc.assert(fc.property(schemas, conform), { numRuns: 60 })
})

test.each<[name: string, schema: JsonRecord]>([
  [
    'a tree that need not grow',
    { type: 'object', properties: { next: { $ref: '#' } }, required: [] },
  ],
  ['a tree that must', { type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] }],
  ['a tree with many branches', { type: 'array', items: { $ref: '#' }, minItems: 50 }],
  ['a reference to itself', { $ref: '#' }],
  ['a reference to nowhere', { $ref: '#/$defs/none' }],
  ['a very long list', { type: 'array', items: {}, minItems: 1e9 }],
  ['a very long text', { type: 'string', minLength: 1e9 }],
])('schemaValue() of %s ends', (_name, schema) => {
  for (const seed of [1, 2, 3]) {
    const text = JSON.stringify(schemaValue(new Random(seed), schema))
    expect(text.length).toBeLessThan(500_000)
  }
})

test('schemaValue() is the same for the same seed, and not for another', () => {
  const schema = { type: 'array', items: { type: 'string' }, minItems: 3 }
  expect(values(schema)).toEqual(values(schema))
  expect(new Set(values(schema).map((value) => JSON.stringify(value))).size).toBeGreaterThan(40)
})

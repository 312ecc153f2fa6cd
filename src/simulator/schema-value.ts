/**
 * A value that conforms to a JSON schema, drawn at random: what a model gives under
 * `output_config.format`, and the input of the tools it asks for.
 *
 * Understood: type, enum, const, $ref within the schema, anyOf, oneOf, allOf, properties, required,
 * items, prefixItems, minItems, maxItems, minimum, maximum (exclusive too), multipleOf, minLength,
 * maxLength and the usual formats. Not: pattern, not, if, dependentSchemas, patternProperties.
 *
 * Bounded: schemas of tools may contain themselves, so what lies deep is made as small as its
 * schema allows, and beyond `depthMax`, or after `nodesMax` values, it is null.
 */

import type { Random } from '../random.ts'
import { isRecord, type JsonRecord } from './json.ts'
import { prose } from './prose.ts'

const depthMax = 40
/** From here on optional members are left out and lists are as short as they may be. */
const depthPlenty = 4
const nodesMax = 10_000
const charactersMax = 10_000

/** What a value is drawn from. */
interface Source {
  readonly random: Random
  /** Where references begin. */
  readonly root: JsonRecord
  /** How many more values there may be; counted when the list or object is made. */
  left: number
}

/** A value for a schema. */
export function schemaValue(random: Random, schema: JsonRecord): unknown {
  return draw({ random, root: schema, left: nodesMax }, schema, 0)
}

function draw(source: Source, given: unknown, depth: number): unknown {
  if (depth > depthMax || source.left <= 0) return null
  const { random } = source
  const schema = resolve(source, given, depth)
  if ('const' in schema) return schema['const']
  const { enum: choices } = schema
  if (Array.isArray(choices) && choices.length > 0) {
    return choices[random.integer(0, choices.length - 1)] as unknown
  }
  switch (typeOf(random, schema, depth)) {
    case 'object':
      return drawObject(source, schema, depth)
    case 'array':
      return drawArray(source, schema, depth)
    case 'integer':
      return drawNumber(random, schema, 1)
    case 'number':
      return drawNumber(random, schema, undefined)
    case 'boolean':
      return random.chance(0.5)
    case 'null':
      return null
    default:
      return drawString(random, schema)
  }
}

/** The schema with references followed, one alternative chosen and all parts put together. */
function resolve({ random, root }: Source, given: unknown, depth: number): JsonRecord {
  let schema: JsonRecord = isRecord(given) ? given : {}
  // A chain of references and alternatives may lead back to itself.
  for (let step = 0; step < depthMax; step++) {
    const { $ref: reference, anyOf, oneOf, allOf, ...rest } = schema
    if (typeof reference === 'string') {
      schema = { ...lookUp(root, reference), ...rest }
      continue
    }
    const choices = Array.isArray(anyOf) ? anyOf : oneOf
    if (Array.isArray(choices) && choices.length > 0) {
      // Deep down the last one: by custom the way out, such as null.
      const index = depth < depthPlenty ? random.integer(0, choices.length - 1) : choices.length - 1
      schema = merge({ ...rest, ...(allOf === undefined ? {} : { allOf }) }, choices[index])
      continue
    }
    if (!Array.isArray(allOf)) return schema
    schema = allOf.reduce(merge, rest)
  }
  return schema
}

function merge(left: JsonRecord, right: unknown): JsonRecord {
  if (!isRecord(right)) return left
  const properties = { ...members(left['properties']), ...members(right['properties']) }
  const required = [...strings(left['required']), ...strings(right['required'])]
  return { ...left, ...right, properties, required }
}

/** What `#/a/b` means; nothing where it leads outside or nowhere. */
function lookUp(root: JsonRecord, reference: string): JsonRecord {
  if (!reference.startsWith('#')) return {}
  let place: unknown = root
  for (const step of reference.split('/').slice(1)) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
    place = isRecord(place) ? place[name] : undefined
  }
  return isRecord(place) ? place : {}
}

function typeOf(random: Random, schema: JsonRecord, depth: number): unknown {
  const { type } = schema
  if (Array.isArray(type) && type.length > 0) {
    if (depth >= depthPlenty && type.includes('null')) return 'null'
    return type[random.integer(0, type.length - 1)]
  }
  if (typeof type === 'string') return type
  if (Object.keys(members(schema['properties'])).length > 0) return 'object'
  return 'items' in schema ? 'array' : 'string'
}

function drawObject(source: Source, schema: JsonRecord, depth: number): object {
  const required = strings(schema['required'])
  const properties = members(schema['properties'])
  const optional = Object.keys(properties).filter((name) => !required.includes(name))
  const chosen = optional.filter(() => depth < depthPlenty && source.random.chance(0.5))
  const names = Object.keys(properties).filter(
    (name) => required.includes(name) || chosen.includes(name),
  )
  const unlisted = required.filter((name) => !names.includes(name))
  source.left -= names.length + unlisted.length
  return Object.fromEntries(
    [...names, ...new Set(unlisted)].map((name) => {
      return [name, draw(source, properties[name], depth + 1)]
    }),
  )
}

function drawArray(source: Source, schema: JsonRecord, depth: number): readonly unknown[] {
  const { prefixItems, items, minItems, maxItems } = schema
  const first: readonly unknown[] = Array.isArray(prefixItems) ? prefixItems : []
  const least = Math.max(numberOr(minItems, 0), first.length)
  const most = Math.max(least, Math.min(least + 3, numberOr(maxItems, Number.POSITIVE_INFINITY)))
  const wanted = depth < depthPlenty ? source.random.integer(least, most) : least
  const length = Math.min(wanted, source.left)
  source.left -= length
  return Array.from({ length }, (_, index) => draw(source, first[index] ?? items, depth + 1))
}

function drawNumber(random: Random, schema: JsonRecord, step: number | undefined): number {
  const above = numberOr(schema['exclusiveMinimum'], Number.NEGATIVE_INFINITY)
  const below = numberOr(schema['exclusiveMaximum'], Number.POSITIVE_INFINITY)
  const min = numberOr(schema['minimum'], Number.NEGATIVE_INFINITY)
  const max = numberOr(schema['maximum'], Number.POSITIVE_INFINITY)
  const unit = numberOr(schema['multipleOf'], step ?? 0.25)
  // In whole units; of an open end the first unit inside counts.
  let low = Math.max(Math.ceil(min / unit), Math.floor(above / unit) + 1)
  const high = Math.min(Math.floor(max / unit), Math.ceil(below / unit) - 1)
  if (low === Number.NEGATIVE_INFINITY) low = Math.min(high, 0)
  if (low <= high) return random.integer(low, Math.min(high, low + 1000)) * unit
  // No unit fits between the bounds: what needs none lies in the middle of them.
  return (Math.max(min, above) + Math.min(max, below)) / 2
}

const formats: Readonly<Record<string, string>> = {
  date: '2026-11-22',
  time: '10:00:00Z',
  'date-time': '2026-11-22T10:00:00Z',
  duration: 'P1DT2H',
  email: 'keeper@example.com',
  hostname: 'gate.example.com',
  uri: 'https://example.com/gate',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uuid: '0b0e7a2c-5d4f-4b3a-9c1d-2e8f6a7b5c3d',
}

function drawString(random: Random, { format, minLength, maxLength }: JsonRecord): string {
  const known = typeof format === 'string' ? formats[format] : undefined
  if (known !== undefined) return known
  const least = Math.min(charactersMax, numberOr(minLength, 0))
  let characters = Array.from(prose(random, random.integer(2, 12)))
  while (characters.length < least) characters = [...characters, '.', ...characters]
  return characters.slice(0, numberOr(maxLength, Math.max(least, characters.length))).join('')
}

function members(value: unknown): JsonRecord {
  return isRecord(value) ? value : {}
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}

/**
 * `output_config`, and what a JSON schema may use where the answer is held to it: in
 * `output_config.format`, and of a tool that is `strict`.
 *
 * Facts: Anthropic's page on structured outputs (additionalProperties, no recursion, no bounds of
 * numbers or texts) and its page on effort.
 */

import { isJsonObject, type JsonObject } from './json.ts'
import { mustBeOneOf } from './row-rule-words.ts'
import type { Subject } from './row-rules.ts'

const efforts = ['low', 'medium', 'high', 'xhigh', 'max']
const configFields: ReadonlySet<string> = new Set(['effort', 'format'])

/** Looks at `output_config`. */
export function checkOutputConfig(subject: Subject): void {
  const { request, settings, findings } = subject
  const config = request['output_config']
  if (config === undefined) return
  if (!isJsonObject(config)) {
    const problem = 'must be an object'
    const fix = 'write {"format":…} or {"effort":…}'
    return findings.fault('wrong_type', { field: 'output_config', value: config, problem, fix })
  }
  for (const [name, value] of Object.entries(config)) {
    if (configFields.has(name) || settings.betas.length > 0) continue
    const problem = 'is not permitted: there are "effort" and "format"'
    const field = `output_config.${name}`
    findings.fault('unknown_field', { field, value, problem, fix: 'leave it out' })
  }
  const { effort, format } = config
  if (effort !== undefined && effort !== null && !efforts.some((each) => each === effort)) {
    const problem = mustBeOneOf(efforts, effort)
    const field = 'output_config.effort'
    findings.fault('wrong_value', { field, value: effort, problem, fix: 'correct it' })
  }
  if (format !== undefined && format !== null) checkFormat(subject, format)
}

function checkFormat(subject: Subject, format: unknown): void {
  const { findings } = subject
  const field = 'output_config.format'
  const fix = 'write {"type":"json_schema","schema":{…}}'
  if (!isJsonObject(format) || format['type'] !== 'json_schema') {
    const problem = 'must be of type "json_schema"'
    return findings.fault('schema', { field, value: format, problem, fix })
  }
  const { schema } = format
  if (isJsonObject(schema)) return checkSchema(subject, schema, `${field}.schema`)
  const problem = 'must be a JSON schema, an object'
  findings.fault('schema', { field: `${field}.schema`, value: schema, problem, fix })
}

/** What holds a value within bounds, which a grammar cannot. */
const boundKeywords = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'maxItems',
] as const

/** Members of a schema that hold schemas: by name, in a list, or one. */
const byName = ['properties', '$defs', 'definitions'] as const
const inList = ['anyOf', 'allOf', 'oneOf', 'prefixItems'] as const
const depthMax = 64

/** Looks through a schema, found at `path` of the request. */
export function checkSchema(subject: Subject, schema: JsonObject, path: string): void {
  walk(subject, schema, { path, depth: 0, isRoot: true })
}

interface SchemaPlace {
  readonly path: string
  readonly depth: number
  readonly isRoot: boolean
}

function walk(subject: Subject, schema: JsonObject, { path, depth, isRoot }: SchemaPlace): void {
  if (depth > depthMax) return
  checkKeywords(subject, schema, path)
  const inner = (value: unknown, name: string): void => {
    if (!isJsonObject(value)) return
    walk(subject, value, { path: `${path}.${name}`, depth: depth + 1, isRoot: false })
  }
  for (const group of byName) {
    const members = schema[group]
    if (!isJsonObject(members)) continue
    for (const name in members) inner(members[name], `${group}.${name}`)
  }
  for (const group of inList) {
    const items = schema[group]
    if (!Array.isArray(items)) continue
    for (const [index, item] of items.entries()) inner(item, `${group}[${index}]`)
  }
  inner(schema['items'], 'items')
  if (isRoot && isRecursive(schema)) {
    const problem = 'must not lead back to itself by "$ref"'
    const fix = 'write the levels out, as deep as they are needed'
    subject.findings.fault('schema', { field: path, problem, fix })
  }
}

function checkKeywords({ findings }: Subject, schema: JsonObject, path: string): void {
  const isObject = schema['type'] === 'object' || isJsonObject(schema['properties'])
  if (isObject && schema['additionalProperties'] !== false) {
    findings.fault('schema', {
      field: `${path}.additionalProperties`,
      value: schema['additionalProperties'],
      problem: 'must be false in every object',
      fix: 'add "additionalProperties": false',
    })
  }
  for (const keyword of boundKeywords) {
    const value = schema[keyword]
    if (value === undefined) continue
    const problem = 'is not supported by structured outputs'
    const fix = 'leave it out, and say it in a description'
    findings.fault('schema', { field: `${path}.${keyword}`, value, problem, fix })
  }
  const least = schema['minItems']
  if (typeof least === 'number' && least > 1) {
    const problem = 'must be 0 or 1'
    findings.fault('schema', { field: `${path}.minItems`, value: least, problem, fix: 'lower it' })
  }
}

/** Whether a definition uses itself, by way of others too. */
function isRecursive(root: JsonObject): boolean {
  const done = new Set<unknown>()
  const visit = (value: unknown, open: ReadonlySet<unknown>, depth: number): boolean => {
    if (typeof value !== 'object' || value === null || depth > depthMax) return false
    const ref = isJsonObject(value) ? value['$ref'] : undefined
    if (typeof ref !== 'string') {
      return Object.values(value).some((inner) => visit(inner, open, depth + 1))
    }
    const target = targetOf(root, ref)
    if (open.has(target)) return true
    if (target === undefined || done.has(target)) return false
    const found = visit(target, new Set([...open, target]), depth + 1)
    done.add(target)
    return found
  }
  return visit(root, new Set([root]), 0)
}

/** What a reference within the schema means. */
function targetOf(root: JsonObject, ref: string): unknown {
  if (!ref.startsWith('#')) return undefined
  let value: unknown = root
  for (const part of ref.slice(1).split('/').filter(Boolean)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  }
  return value
}

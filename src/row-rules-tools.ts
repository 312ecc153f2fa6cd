/**
 * `tools` and `tool_choice`: names, schemas, and a choice that can be kept.
 *
 * Facts: Anthropic's pages on defining tools, on structured outputs (`strict`), and its model
 * pages (which models refuse to be forced).
 */

import { isJsonObject, type JsonObject } from './json.ts'
import { mustBeOneOf, objectsOf } from './row-rule-words.ts'
import { checkSchema } from './row-rules-schema.ts'
import type { Subject } from './row-rules.ts'

const choices = ['auto', 'any', 'tool', 'none']
const toolName = /^[a-zA-Z0-9_-]{1,128}$/

/** Looks at the tools and at what is asked of them. */
export function checkTools(subject: Subject): void {
  const { request, findings } = subject
  const { tools } = request
  if (tools !== undefined && !Array.isArray(tools)) {
    const problem = 'must be a list of tools'
    const fix = 'write [{"name":"…","input_schema":{…}}]'
    findings.fault('wrong_type', { field: 'tools', value: tools, problem, fix })
  }
  const list: readonly unknown[] = Array.isArray(tools) ? tools : []
  const names = new Set<string>()
  for (const [index, tool] of list.entries()) checkTool(subject, tool, `tools[${index}]`, names)
  if (request['tool_choice'] !== undefined) checkChoice(subject, list.length > 0, names)
}

function checkTool(subject: Subject, tool: unknown, path: string, names: Set<string>): void {
  const { findings } = subject
  if (!isJsonObject(tool)) {
    const problem = 'must be a tool, an object'
    const fix = 'write {"name":"…","input_schema":{…}}'
    return findings.fault('tool', { field: path, value: tool, problem, fix })
  }
  const { name, type } = tool
  if (type === 'function' && isJsonObject(tool['function'])) {
    const problem = 'is a tool of another API'
    const fix = 'write its name, description and parameters as "input_schema" beside each other'
    return findings.fault('tool', { field: `${path}.type`, value: type, problem, fix })
  }
  const isOwn = type !== undefined && type !== null && type !== 'custom'
  if (typeof name !== 'string' || (!isOwn && !toolName.test(name))) {
    const problem =
      name === undefined ? 'is missing' : 'must be 1 to 128 letters, digits, "_" and "-"'
    findings.fault('tool', { field: `${path}.name`, value: name, problem, fix: 'name it so' })
  } else if (names.has(name)) {
    const problem = 'is the name of an earlier tool; names must differ'
    findings.fault('tool', { field: `${path}.name`, value: name, problem, fix: 'rename one' })
  } else names.add(name)
  if (!isOwn) checkInputSchema(subject, tool, path)
}

function checkInputSchema(subject: Subject, tool: JsonObject, path: string): void {
  const schema = tool['input_schema']
  const field = `${path}.input_schema`
  const fix = 'write {"type":"object","properties":{…}}'
  if (!isJsonObject(schema)) {
    const problem = schema === undefined ? 'is missing' : 'must be a JSON schema, an object'
    return subject.findings.fault('tool', { field, value: schema, problem, fix })
  }
  if (schema['type'] !== 'object') {
    const problem = 'must be "object"'
    const value = schema['type']
    subject.findings.fault('tool', { field: `${field}.type`, value, problem, fix })
  }
  if (tool['strict'] === true) checkSchema(subject, schema, field)
}

function checkChoice(subject: Subject, hasTools: boolean, names: ReadonlySet<string>): void {
  const { request, model, abilities, findings } = subject
  const choice = request['tool_choice']
  const type = isJsonObject(choice) ? choice['type'] : undefined
  const field = 'tool_choice.type'
  if (!isJsonObject(choice) || !choices.includes(String(type))) {
    const problem = mustBeOneOf(choices, type)
    const value = isJsonObject(choice) ? type : choice
    const place = isJsonObject(choice) ? field : 'tool_choice'
    return findings.fault('tool_choice', { field: place, value, problem, fix: writeChoice })
  }
  if (!hasTools && type !== 'none') {
    const problem = 'asks for tools, and there are none'
    const fix = 'add "tools", or leave it out'
    findings.fault('tool_choice', { field, value: type, problem, fix })
  }
  if (type !== 'any' && type !== 'tool') return
  if (abilities?.forcedTools === false) {
    const problem = `must not force a tool: ${model} refuses it`
    const fix = 'use "auto", and ask for the tool in the prompt'
    findings.fault('tool_choice', { field, value: type, problem, fix })
  }
  const { name } = choice
  if (type !== 'tool' || !hasTools || (typeof name === 'string' && names.has(name))) return
  if ([...objectsOf(request['tools'])].some(([, tool]) => tool['name'] === name && name)) return
  const problem = name === undefined ? 'is missing' : 'is the name of no tool in "tools"'
  const fix = 'give the name of one of the tools'
  findings.fault('tool_choice', { field: 'tool_choice.name', value: name, problem, fix })
}

const writeChoice = 'write {"type":"auto"}'

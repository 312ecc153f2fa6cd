/**
 * What a body asks of its answer besides its length: thinking, tools, an output format, where to
 * stop. Taken out of the body when the request is admitted, so that the body itself can go.
 */

import { isRecord, type JsonRecord } from './json.ts'
import { effortOf, thinkingOf, type SimulatedModel } from './model-rules.ts'

/** What an answer may be made of. */
export interface AnswerForm {
  /** How likely it begins with thinking. */
  readonly thinkingChance: number
  /** The most tokens of thinking. */
  readonly thinkingMax: number
  /** Whether the thinking can be read, not only its signature: as asked, else it can. */
  readonly showsThinking: boolean
  /** How likely it asks for a tool. */
  readonly toolChance: number
  /** The tools it may ask for, by name, with the schema of their input. */
  readonly tools: readonly ToolForm[]
  /** The schema its text conforms to. */
  readonly format: JsonRecord | undefined
  /** The name of a tool that runs on the server, if there is one. */
  readonly serverTool: string | undefined
  /** All schemas that a grammar is made of; undefined: none is. */
  readonly grammar: string | undefined
  readonly stopSequences: readonly string[]
}

/** A tool that may be asked for. */
export interface ToolForm {
  readonly name: string
  readonly schema: JsonRecord
}

/** How likely a model that may think as it likes does so. */
const chanceByEffort: Readonly<Record<string, number>> = { low: 0.3, medium: 0.6, high: 0.9 }

/** The form of the answer to a body that was found valid. */
export function answerForm(body: JsonRecord, model: SimulatedModel): AnswerForm {
  const thinking = thinkingOf(body, model)
  const display = isRecord(body['thinking']) ? body['thinking']['display'] : undefined
  const adaptive = chanceByEffort[effortOf(body, model)] ?? 1
  // Thinking between tools is not before the first of them, which is as far as an answer goes.
  const chances = { enabled: 1, adaptive, disabled: 0, between_tools: 0 }
  const config = isRecord(body['output_config']) ? body['output_config'] : {}
  const format = isRecord(config['format']) ? config['format']['schema'] : undefined
  const stops: readonly unknown[] = Array.isArray(body['stop_sequences'])
    ? body['stop_sequences']
    : []
  return {
    thinkingChance: chances[thinking.type],
    thinkingMax: thinking.budget ?? Number.POSITIVE_INFINITY,
    showsThinking: display !== 'omitted',
    ...toolForms(body['tools'], body['tool_choice']),
    format: isRecord(format) ? format : undefined,
    serverTool: serverToolOf(body['tools']),
    grammar: grammarOf(format, body['tools']),
    stopSequences: stops.filter(isSequence),
  }
}

/** Tools that run on the client, and how likely one of them is asked for. */
function toolForms(tools: unknown, choice: unknown): Pick<AnswerForm, 'tools' | 'toolChance'> {
  const type = isRecord(choice) ? choice['type'] : 'auto'
  const isForced = type === 'any' || type === 'tool'
  const named = isRecord(choice) && type === 'tool' ? choice['name'] : undefined
  const list = (Array.isArray(tools) ? tools.filter(isRecord) : [])
    .filter(({ name }) => named === undefined || name === named)
    // Tools of the API's own have no schema; they are asked for only when something must be.
    .filter(({ input_schema: schema }) => isForced || isRecord(schema))
    .map(({ name, input_schema: schema }) => {
      return { name: String(name), schema: isRecord(schema) ? schema : {} }
    })
  if (list.length === 0 || type === 'none') return { tools: [], toolChance: 0 }
  return { tools: list, toolChance: isForced ? 1 : 0.5 }
}

/** The API's own tools have a dated type and no schema: `web_search_20260209`. */
function serverToolOf(tools: unknown): string | undefined {
  const list = Array.isArray(tools) ? tools.filter(isRecord) : []
  const own = list.find(({ type }) => /^(web|code|tool)_\w+_\d{8}$/.test(String(type)))
  return own === undefined ? undefined : String(own['name'])
}

function grammarOf(format: unknown, tools: unknown): string | undefined {
  const list = Array.isArray(tools) ? tools.filter(isRecord) : []
  const strict = list.filter((tool) => tool['strict'] === true)
  if (!isRecord(format) && strict.length === 0) return undefined
  return JSON.stringify([format, ...strict.map(({ name, input_schema }) => [name, input_schema])])
}

function isSequence(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

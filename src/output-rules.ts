/**
 * What an answer must conform to, where its request says so: the schema of
 * `output_config.format`, and those of strict tools.
 *
 * The API holds a model to a schema by a grammar, but not where it stops at `max_tokens`, refuses,
 * or what a schema says is more than the grammar knows. So answers are validated once more, as
 * whoever reads the results would have to.
 *
 * Schemas that rows share are compiled once; those not seen for long make room. A schema that
 * cannot be compiled checks nothing, and says so.
 */

import { createRequire } from 'node:module'

import type { Ajv2020, ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'

import { digest } from './hash.ts'
import { isJsonObject, type JsonObject, parseJson } from './json.ts'
import { RecentMap } from './recent-map.ts'

/** Compiled schemas that are kept, by what rows ask for. */
const rulesMax = 512
/** What is told of one answer; the first faults say most. */
const problemsMax = 10
const problemCharsMax = 300
/** Digits of a digest that are a whole number. */
const keyDigits = 13

/** One way in which an answer does not conform. */
export interface OutputProblem {
  /** Where, and what is wrong: `/year must be integer`. */
  readonly text: string
  /** Id of the `tool_use` block that it is in. @default the answer's text */
  readonly toolUse?: string
}

/** What the answers of rows alike must be. */
export class OutputRules {
  /** The same for all rows that ask for the same; of 52 bits. */
  readonly key: number
  readonly #format: JsonObject | undefined
  readonly #tools: ReadonlyMap<string, JsonObject>
  readonly #compiled = new Map<JsonObject, ValidateFunction | undefined>()
  #flaw: string | undefined

  constructor(key: number, format: JsonObject | undefined, tools: ReadonlyMap<string, JsonObject>) {
    this.key = key
    this.#format = format
    this.#tools = tools
  }

  /** Why a schema checks nothing, to be told once; undefined where all that were needed do. */
  takeFlaw(): string | undefined {
    const flaw = this.#flaw
    this.#flaw = undefined
    return flaw === undefined ? undefined : `outputs are not validated by a schema: ${flaw}`
  }

  /** What is wrong with a Message; of an answer that was broken off, too. */
  problemsOf(message: JsonObject): readonly OutputProblem[] {
    const blocks = Array.isArray(message['content']) ? message['content'].filter(isJsonObject) : []
    const problems: OutputProblem[] = []
    for (const { type, id, name, input } of blocks) {
      const schema = type === 'tool_use' ? this.#tools.get(String(name)) : undefined
      if (schema === undefined) continue
      const texts = this.#faults(schema, input)
      problems.push(...texts.map((text) => ({ text, toolUse: String(id) })))
    }
    // Who asks for a tool has not given the output yet.
    if (this.#format !== undefined && message['stop_reason'] !== 'tool_use') {
      const texts = this.#textFaults(this.#format, blocks)
      problems.push(...texts.map((text) => ({ text })))
    }
    return problems.slice(0, problemsMax)
  }

  #textFaults(schema: JsonObject, blocks: readonly JsonObject[]): readonly string[] {
    const texts = blocks.filter(({ type }) => type === 'text').map(({ text }) => String(text))
    const text = texts.join('')
    if (text.trim() === '') return ['there is no output']
    const value = parseJson(text)
    return value === undefined ? ['the output is no JSON'] : this.#faults(schema, value)
  }

  #faults(schema: JsonObject, value: unknown): readonly string[] {
    const validate = this.#validatorOf(schema)
    if (validate === undefined || validate(value)) return []
    return (validate.errors ?? []).map(textOf)
  }

  #validatorOf(schema: JsonObject): ValidateFunction | undefined {
    if (this.#compiled.has(schema)) return this.#compiled.get(schema)
    let validate: ValidateFunction | undefined
    try {
      validate = makeAjv().compile(schema)
    } catch (error) {
      this.#flaw = error instanceof Error ? error.message : String(error)
    }
    this.#compiled.set(schema, validate)
    return validate
  }
}

/** The rules of the rows of a run, each made once. */
export class Schemas {
  readonly #known = new RecentMap<OutputRules>(rulesMax)

  /** What a request asks of its answer; undefined: nothing. */
  rulesOf(request: JsonObject): OutputRules | undefined {
    const format = formatOf(request)
    const tools = strictToolsOf(request)
    if (format === undefined && tools.length === 0) return undefined
    const text = JSON.stringify({ format, tools })
    const key = Number.parseInt(digest(Buffer.from(text)).slice(0, keyDigits), 16)
    let rules = this.#known.get(key)
    if (rules === undefined) {
      rules = new OutputRules(key, format, new Map(tools))
      this.#known.set(key, rules)
    }
    return rules
  }
}

function formatOf({ output_config: config }: JsonObject): JsonObject | undefined {
  const format = isJsonObject(config) ? config['format'] : undefined
  if (!isJsonObject(format) || format['type'] !== 'json_schema') return undefined
  return isJsonObject(format['schema']) ? format['schema'] : undefined
}

function strictToolsOf({ tools }: JsonObject): readonly (readonly [string, JsonObject])[] {
  if (!Array.isArray(tools)) return []
  return tools.filter(isJsonObject).flatMap(({ name, strict, input_schema: schema }) => {
    if (strict !== true || typeof name !== 'string' || !isJsonObject(schema)) return []
    return [[name, schema] as const]
  })
}

function textOf({ instancePath, message, params }: ErrorObject): string {
  const more: unknown = params['additionalProperty'] ?? params['allowedValues']
  const detail = more === undefined ? '' : ` (${JSON.stringify(more)})`
  const text = `${instancePath === '' ? 'the output' : instancePath} ${message ?? ''}${detail}`
  return text.slice(0, problemCharsMax)
}

/**
 * Loaded when the first row asks for it: a run without schemas starts without the 40 ms it takes.
 * Schemas are the API's dialect, and their words are its business; formats are not validated.
 */
function makeAjv(): Ajv2020 {
  const { Ajv2020: Ajv }: { Ajv2020: typeof Ajv2020 } = require('ajv/dist/2020.js')
  const options = { strict: false, allErrors: true, validateFormats: false, logger: false } as const
  return new Ajv({ ...options, validateSchema: false })
}

const require = createRequire(import.meta.url)

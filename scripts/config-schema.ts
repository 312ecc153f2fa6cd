/**
 * The JSON Schema of sluice.config.json, from the table of flags: so it takes what is read.
 *
 * A config has the flags of `run` by their names in camel case, in kebab case, or by their second
 * long name. The first are properties, which editors offer; kebab case is taken, and not offered.
 * What a value may be is what the flag's reader says of itself.
 */

import { fileURLToPath } from 'node:url'
import { flagText } from '../src/cli/command.ts'
import { camelCase, type Flag } from '../src/cli/flag.ts'
import { runFlags } from '../src/cli/run-flags.ts'
import type { Form, NumberForm } from '../src/cli/values.ts'

type Schema = Readonly<Record<string, unknown>>

/** The file that is written. */
export const configSchemaFile: string = fileURLToPath(
  new URL('../schemas/config.json', import.meta.url),
)

/** The schema, as it stands in its file. */
export function configSchema(): string {
  const flags = runFlags.filter(({ inConfig }) => inConfig !== false)
  const named = flags.map((flag): [string, Schema] => [camelCase(flag.name), schemaOf(flag)])
  const seconds = flags.flatMap((flag): [string, Schema][] =>
    flag.short !== undefined && flag.short.length > 1 ? [[flag.short, sameAs(flag)]] : [],
  )
  const kebabs = flags.flatMap((flag): [string, Schema][] =>
    flag.name.includes('-') ? [[`^${flag.name}$`, { $ref: refTo(flag) }]] : [],
  )
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:sluice:schemas:config',
    title: 'sluice.config.json',
    description:
      'What `sluice run` reads from the working folder, or from the file that --config names: its flags. Names in kebab case are taken too.',
    type: 'object',
    properties: {
      $schema: { type: 'string', description: 'Where this schema is; for editors alone.' },
      ...Object.fromEntries([...named, ...seconds]),
    },
    patternProperties: Object.fromEntries(kebabs),
    additionalProperties: false,
  }
  return `${printed(schema)}\n`
}

function refTo({ name }: Flag): string {
  return `#/properties/${camelCase(name)}`
}

function sameAs(flag: Flag): Schema {
  return { $ref: refTo(flag), description: `As ${camelCase(flag.name)}.` }
}

function schemaOf(flag: Flag): Schema {
  const description = `${aboutOf(flag)}.`
  if (flag.read === undefined) {
    return { type: 'boolean', description, default: flag.negated === true }
  }
  const { form } = flag.read
  const { words = [] } = form
  const isDefault = flag.otherwise !== undefined && words.includes(flag.otherwise)
  const holds = isDefault ? { default: flag.otherwise } : {}
  return { ...valueOf(flag, form), description, ...holds }
}

/** What is said of a switch is said of its being off, where it is written `--no-…`. */
function aboutOf(flag: Flag): string {
  const text = flagText(flag)
  return flag.negated === true ? `false: ${text}` : text
}

function valueOf({ name, repeatable }: Flag, form: Form): Schema {
  const one = oneOf(form)
  if (repeatable !== true) return one
  const { number: _, ...text } = form
  const list = { type: 'array', items: oneOf(text) }
  const byName = {
    type: 'object',
    propertyNames: { pattern: String.raw`^[^:]*[^:\s]` },
    additionalProperties: { type: 'string' },
  }
  return { anyOf: [one, list, ...(name === 'header' ? [byName] : [])] }
}

/** A text, or the number that reads the same. */
function oneOf({ words = [], pattern, number }: Form): Schema {
  const whole = words.filter((word) => !/[:=]$/.test(word))
  if (whole.length === 0) return { ...typeOf(number), ...looks(pattern) }
  const known = { enum: whole }
  if (pattern === undefined && number === undefined) return known
  return { anyOf: [known, { ...typeOf(number), ...looks(pattern) }] }
}

function looks(pattern: string | undefined): Schema {
  return pattern === undefined ? { minLength: 1 } : { pattern }
}

function typeOf(number: NumberForm | undefined): Schema {
  if (number === undefined) return { type: 'string' }
  const { isInteger = false, ...limits } = number
  return { type: ['string', isInteger ? 'integer' : 'number'], ...limits }
}

/** As the formatter has it: a list of texts on one line. */
function printed(schema: Schema): string {
  const text = JSON.stringify(schema, undefined, 2)
  return text.replaceAll(/\[\s+("[^[\]{}]*?")\s+\]/g, (_, items: string) => {
    return `[${items.replaceAll(/,\s+/g, ', ')}]`
  })
}

/**
 * Values from a config file: an object whose keys are flag names, in camel or kebab case.
 *
 *   { "maxConcurrency": 50, "timeout": "5m", "header": { "x-team": "data" } }
 *
 * A value is what would follow the flag, as text or as the JSON that reads the same.
 * A key that is no flag is a fault: a bound that is silently ignored costs money.
 */

import { nearest } from '../nearest.ts'
import { camelCase, type Flag, type Layer, LayerBuilder } from './flag.ts'

/** What a config says; `file` is named in messages. */
export function readConfig(flags: readonly Flag[], config: unknown, file: string): Layer {
  const layer = new LayerBuilder('config')
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    layer.faults.push(`${file} must hold one object of flags`)
    return layer
  }
  const configurable = flags.filter((flag) => flag.inConfig !== false)
  const flagOf = new Map(configurable.flatMap((flag) => namesOf(flag).map((name) => [name, flag])))
  for (const [key, value] of Object.entries(config)) {
    // For editors; says nothing about the run.
    if (key === '$schema') continue
    const flag = flagOf.get(key)
    const place = `"${key}" in ${file}`
    if (flag) takeValue(layer, flag, value, place)
    else if (flags.some((each) => namesOf(each).includes(key))) {
      layer.faults.push(`${place} is for the command line only`)
    } else layer.faults.push(`unknown key ${place}${nearest(key, [...flagOf.keys()])}`)
  }
  return layer
}

/** Camel case first: it is what "did you mean" says when both are as near. */
function namesOf({ name, short }: Flag): readonly string[] {
  const alias = short !== undefined && short.length > 1 ? [short] : []
  return [...new Set([camelCase(name), name, ...alias])]
}

function takeValue(layer: LayerBuilder, flag: Flag, value: unknown, place: string): void {
  if (flag.read === undefined) {
    if (typeof value === 'boolean') layer.set(flag.name, value, place)
    else layer.faults.push(`${place} must be true or false, got ${JSON.stringify(value)}`)
    return
  }
  const texts = textsOf(flag, value)
  if (texts === undefined) {
    layer.faults.push(`${place} must be ${formOf(flag)}`)
    return
  }
  for (const text of texts) layer.take(flag, text, place)
}

function formOf(flag: Flag): string {
  if (flag.name === 'header') return 'an object of texts'
  return flag.repeatable === true ? 'a list of texts' : 'a text or a number'
}

/** The value as what would follow the flag; undefined when nothing reads so. */
function textsOf(flag: Flag, value: unknown): readonly string[] | undefined {
  if (flag.repeatable === true && Array.isArray(value)) {
    const items: unknown[] = value
    return items.every((item) => typeof item === 'string') ? items : undefined
  }
  if (flag.name === 'header' && typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
    const areTexts = entries.every(([, text]) => typeof text === 'string')
    return areTexts ? entries.map(([name, text]) => `${name}: ${String(text)}`) : undefined
  }
  if (typeof value === 'string') return [value]
  return typeof value === 'number' ? [String(value)] : undefined
}

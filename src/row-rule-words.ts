/**
 * Words and tests that the rules for rows share.
 */

import { isJsonObject, type JsonObject } from './json.ts'
import { nearest } from './nearest.ts'

/**
 * A whole number with thousands separators.
 *
 * @example
 * ```ts
 * plainNumber(128000) // => '128,000'
 * ```
 */
export function plainNumber(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/**
 * A list in words.
 *
 * @example
 * ```ts
 * oneOfWords(['auto', 'any', 'tool']) // => '"auto", "any" or "tool"'
 * ```
 */
export function oneOfWords(words: readonly string[]): string {
  const quoted = words.map((word) => `"${word}"`)
  const last = quoted.pop() ?? ''
  return quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`
}

/** What is missed where one of some words must stand: `must be "a" or "b", did you mean "a"?`. */
export function mustBeOneOf(words: readonly string[], value: unknown): string {
  return `must be ${oneOfWords(words)}${typeof value === 'string' ? nearest(value, words) : ''}`
}

/** The `type` of a value that may be an object. */
export function typeOf(value: unknown): unknown {
  return isJsonObject(value) ? value['type'] : undefined
}

/** The objects of a list, with their indexes; nothing where there is no list. */
export function* objectsOf(value: unknown): Generator<readonly [index: number, JsonObject]> {
  if (!Array.isArray(value)) return
  for (const [index, item] of value.entries()) if (isJsonObject(item)) yield [index, item]
}

/**
 * The tuple form of an output line, for those who read one already:
 *
 *   [request, message, metadata]      answered
 *   [request, ["error", …], metadata] failed
 *
 * Both kinds stand in one file. The request is the row's line less its metadata, by the byte; the
 * third element is absent where the line had no metadata.
 *
 * Such a line has no room for a key. It is computed from what the line says instead: two are alike
 * if they say the same in JSON. So a file that another program wrote in this form, with other
 * blanks and escapes, can be gone on with too.
 */

import { digest } from './hash.ts'
import { isJsonObject, oneLine } from './json.ts'
import { readMembers, withoutMembers } from './json-spans.ts'
import type { FailedRow, ResultLine, SucceededRow } from './result-line.ts'

/**
 * The text of the first element, made of the bytes of a line. `isObject`: whoever parsed the line
 * found an object; it is not parsed again.
 */
export function tupleRequest(line: Uint8Array, isObject = false): string {
  if (!isObject) {
    const text = decoder.decode(line)
    if (!isJsonObject(parse(text))) return JSON.stringify(text)
  }
  return oneLine(withoutMembers(line, readMembers(line), ['metadata']).toString())
}

/**
 * The key of a line of input, which is that of its tuple.
 *
 * @example
 * ```ts
 * const key = tupleKey(Buffer.from('{"a":1,"metadata":{"row":2}}'))
 * const line = '[{"a": 1}, {"type": "message"}, {"row": 2}]'
 * parseTupleLine(Buffer.from(line))?.key === key // => true
 * ```
 */
export function tupleKey(line: Uint8Array): string {
  const text = decoder.decode(line)
  const value = parse(text)
  if (!isJsonObject(value)) return keyOf(text, undefined)
  const { metadata, ...request } = value
  return keyOf(request, metadata)
}

/** The line of an answered row, newline included. */
export function succeededTuple({ original, message, metadata }: SucceededRow): string {
  return tupleOf(original, oneLine(message), metadata)
}

/** The line of a failed row, newline included. */
export function failedTuple({ original, error, requestId, metadata }: FailedRow): string {
  const { type, message } = error
  const place = requestId === null ? '' : ` (${requestId})`
  return tupleOf(original, JSON.stringify([`${type}: ${message}${place}`]), metadata)
}

/** Reads the line at `bytes[from..to)`, without its newline; undefined if it is no tuple. */
export function parseTupleLine(
  bytes: Uint8Array,
  from = 0,
  to: number = bytes.length,
): ResultLine | undefined {
  const line = parse(decoder.decode(bytes.subarray(from, to)))
  if (!Array.isArray(line) || line.length < 2 || line.length > 3) return undefined
  const [request, response, metadata] = line as readonly unknown[]
  if (!isJsonObject(request) && typeof request !== 'string') return undefined
  const hasFailed = Array.isArray(response)
  if (!hasFailed && !isJsonObject(response)) return undefined
  const key = keyOf(request, metadata)
  const type = hasFailed ? 'errored' : 'succeeded'
  return { type, key, line: undefined, id: undefined, costText: undefined }
}

/** Whether `bytes[from..to)` is how a tuple begins: it may be the torn end of a file of ours. */
export function startsLikeTuple(bytes: Uint8Array, from: number, to: number): boolean {
  const isObject = bytes[from + 1] === openBrace || bytes[from + 1] === quote
  return bytes[from] === openBracket && (to - from === 1 || isObject)
}

const decoder = new TextDecoder()
const encoder = new TextEncoder()
const openBracket = 0x5b
const openBrace = 0x7b
const quote = 0x22

function tupleOf(original: string | undefined, response: string, metadata: string | undefined) {
  const third = metadata === undefined ? '' : `,${oneLine(metadata)}`
  return `[${original ?? 'null'},${response}${third}]\n`
}

function keyOf(request: unknown, metadata: unknown): string {
  // What says nothing is not written by every program.
  const says = isSaying(metadata) ? JSON.stringify(metadata) : ''
  return digest(encoder.encode(`${JSON.stringify(request)}\n${says}`))
}

function isSaying(metadata: unknown): boolean {
  if (typeof metadata !== 'object' || metadata === null) return Boolean(metadata)
  return Object.keys(metadata).length > 0
}

/** The value of a JSON text; undefined if it is none. */
function parse(text: string): unknown {
  try {
    // Two integers that differ beyond 2^53 would be read as one.
    return /\d{16}/.test(text) ? JSON.parse(text, withAllDigits) : JSON.parse(text)
  } catch {
    return undefined
  }
}

function withAllDigits(_name: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  return Number.isInteger(value) ? `number ${context?.source}` : value
}

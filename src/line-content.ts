/**
 * What a line of input holds: its text, and the object that is in it.
 */

import { assert } from './assert.ts'
import { findJsonFault } from './json-fault.ts'
import type { JsonObject } from './json.ts'
import { type Problem, readLine } from './request-rules.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text, or undefined if the bytes are not UTF-8. */
export function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** The object that a line holds; or why it holds none, of what kind that is, and what is there. */
export type Content =
  | { readonly object: JsonObject; readonly problem: undefined }
  | {
      readonly object: undefined
      readonly problem: Problem
      readonly kind: 'encoding' | 'json' | 'no_object'
      /** What stands at the place of the fault, and around it. */
      readonly near: string
    }

/** Characters shown from either side of a fault. */
const nearChars = 20

/** Reads what a line holds. */
export function readContent(bytes: Uint8Array): Content {
  const text = decode(bytes)
  if (text === undefined) {
    return { object: undefined, problem: 'the line is not UTF-8', kind: 'encoding', near: '' }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    const fault = findJsonFault(text)
    assert(fault !== undefined, 'A text that JSON.parse refuses has a fault')
    const { index } = fault
    const near = text.slice(Math.max(0, index - nearChars), index + nearChars)
    const problem = `invalid JSON at character ${index + 1}: ${fault.problem}`
    return { object: undefined, problem, kind: 'json', near }
  }
  const object = readLine(value)
  if (typeof object !== 'string') return { object, problem: undefined }
  return { object: undefined, problem: object, kind: 'no_object', near: text.slice(0, nearChars) }
}

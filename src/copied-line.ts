/**
 * A line that is a copy of another's: what is read of that one, and what is written.
 */

import { isJsonObject, type JsonObject, parseJson } from './json.ts'
import { textAt } from './json-spans.ts'
import type { LineForm } from './line-form.ts'
import type { ApiError } from './outcome.ts'
import { readApiError } from './reply.ts'
import type { Work } from './work.ts'

/** What a line says that is copied. */
export interface Copied {
  /** The id of its row. */
  readonly from: string
  readonly requestId: string | null
  /** The Message as JSON text, or why there is none. */
  readonly end: { readonly message: string } | { readonly error: ApiError }
}

/** The copy for a row; `params`: its request, `isIncluded` in the lines of answers. */
export function copyLine(
  form: LineForm,
  { row: { id, key, lineNumber: line, metadata } }: Work,
  { from, requestId, end }: Copied,
  params: { readonly text: string | undefined; readonly isIncluded: boolean },
): string {
  const place = { line, key, attempts: 0, requestId, latencyMs: 0, costUsd: '0' }
  const rest = { id, metadata, run: { ...place, copiedFrom: from } }
  if ('message' in end) {
    const request = params.isIncluded ? params.text : undefined
    return form.succeeded({ ...rest, message: end.message, request })
  }
  const { error } = end
  return form.failed({ ...rest, type: 'errored', error, requestId, params: params.text })
}

/** What the bytes of a line say; undefined if it is none of ours. */
export function copiedOf(bytes: Buffer): Copied | undefined {
  const line = parseJson(bytes.toString())
  if (!isJsonObject(line)) return undefined
  const { custom_id: id, result } = line
  const run = isJsonObject(line['run']) ? line['run'] : {}
  const { request_id: requestId, copied_from: from = id } = run
  const end = isJsonObject(result) ? endOf(bytes, result) : undefined
  if (end === undefined) return undefined
  return { from: String(from), requestId: typeof requestId === 'string' ? requestId : null, end }
}

function endOf(bytes: Buffer, result: JsonObject): Copied['end'] | undefined {
  if (result['type'] === 'succeeded') {
    const message = textAt(bytes, 'result', 'message')
    return message === undefined ? undefined : { message }
  }
  const error = isJsonObject(result['error']) ? readApiError(result['error']['error']) : undefined
  return error && { error }
}

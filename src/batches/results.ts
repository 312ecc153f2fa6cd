/**
 * A line of a batch's results: whose it is, and what became of it.
 *
 *   succeeded                        the answer, in the server's own bytes
 *   errored, the request is wrong    the row fails
 *   errored otherwise                through no fault of its own: to be asked again
 *   expired, canceled                the same; none of these was billed
 */

import { isJsonObject, type JsonObject, parseJson } from '../json.ts'
import { textAt } from '../json-spans.ts'
import type { Answered, ApiError, Broken, Invalid } from '../outcome.ts'
import { readAnswer, readApiError } from '../reply.ts'

/** What a line says. */
export interface BatchResult {
  /** The row's id in the batch. */
  readonly wire: string
  /** `broken` is to be asked again. */
  readonly outcome: Answered | Invalid | Broken
}

/** Reads a line without its newline; undefined if it is no line of results. */
export function readBatchResult(bytes: Uint8Array): BatchResult | undefined {
  const line = parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
  if (!isJsonObject(line)) return undefined
  const { custom_id: wire, result } = line
  if (typeof wire !== 'string' || !isJsonObject(result)) return undefined
  const outcome = outcomeOf(bytes, result)
  return outcome === undefined ? undefined : { wire, outcome }
}

function outcomeOf(bytes: Uint8Array, result: JsonObject): BatchResult['outcome'] | undefined {
  const { type } = result
  if (type === 'succeeded') return answerOf(bytes, result['message'])
  if (type === 'errored') return failureOf(result['error'])
  if (type !== 'expired' && type !== 'canceled') return undefined
  const why = type === 'expired' ? 'expired' : 'was canceled'
  const message = `The batch ${why} before this row was answered`
  return again({ type, message })
}

function answerOf(bytes: Uint8Array, message: unknown): Answered | Broken {
  const head = { status: 200, requestId: null }
  // The Message as the server wrote it: numbers and escapes stay what they are.
  const outcome = readAnswer(head, message, textAt(bytes, 'result', 'message') ?? '')
  if (outcome.kind === 'answered') return outcome
  const error = { type: 'invalid_response', message: 'The result holds no Message' }
  return { ...again(error), unknown: true }
}

function failureOf(value: unknown): Invalid | Broken {
  const shown = isJsonObject(value) ? value : {}
  const { request_id: requestId } = shown
  const error = readApiError(shown['error']) ?? {
    type: 'api_error',
    message: 'No reason was given',
  }
  const head = { requestId: typeof requestId === 'string' ? requestId : null }
  const status = statuses[error.type]
  if (status === undefined) return { ...again(error), ...head }
  return { kind: 'invalid', status, ...head, error }
}

/** What is wrong with a row itself, by the status it would have live. */
const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  not_found_error: 404,
  request_too_large: 413,
}

function again(error: ApiError): Broken {
  return { kind: 'broken', status: 0, requestId: null, error, unknown: false }
}

/**
 * What a line of an output or failed file says of its row, for a report: read leniently, whatever
 * a user's tool made of it.
 */

import { isJsonObject, type JsonObject, parseJson } from '../json.ts'
import { isTruncated, type Usage } from '../outcome.ts'
import { readUsage } from '../reply.ts'

/** A row that was answered. */
export interface AnsweredLine {
  readonly type: 'answered'
  readonly line: number
  readonly id: string
  readonly attempts: number
  readonly requestId: string | null
  readonly model: string
  readonly usage: Usage
  /** Null when its price is not known. */
  readonly costNanoUsd: number | null
  /** Null where the form of the output has no room for it. */
  readonly latencyMs: number | null
  /** A copy of another row's: nothing was taken for it. */
  readonly isCopy: boolean
  /** It was not asked live. */
  readonly isOfBatch: boolean
  readonly isTruncated: boolean
  readonly isRefused: boolean
  readonly isInvalid: boolean
  /** What was asked, where the line has it, and what was answered. */
  readonly request: JsonObject | undefined
  readonly message: JsonObject
}

/** A row that failed. */
export interface FailedLine {
  readonly type: 'failed'
  readonly line: number
  readonly id: string
  readonly attempts: number
  readonly requestId: string | null
  readonly error: { readonly type: string; readonly message: string }
  readonly request: unknown
}

/** Undefined where it is no line of a result. */
export function readResult(text: string): AnsweredLine | FailedLine | undefined {
  const line: unknown = parseJson(text)
  if (Array.isArray(line)) return readTuple(line)
  if (!isJsonObject(line)) return undefined
  const { result } = line
  if (!isJsonObject(result)) return undefined
  const run = isJsonObject(line['run']) ? line['run'] : {}
  const place = placeOf(line, run)
  if (result['type'] === 'succeeded') {
    return answered(result['message'], { ...place, run, request: line['request'] })
  }
  const request = line['params'] ?? line['raw']
  const error = innerError(result['error'])
  const requestId = asText(isJsonObject(result['error']) ? result['error']['request_id'] : null)
  return { type: 'failed', ...place, requestId, error, request }
}

/** The tuple of the ancestor: request, Message or errors, metadata. */
function readTuple([request, answer]: readonly unknown[]): ReturnType<typeof readResult> {
  const place = { line: 0, id: '', attempts: 1, requestId: null }
  if (!Array.isArray(answer)) return answered(answer, { ...place, run: {}, request })
  const last: unknown = answer.at(-1)
  return { type: 'failed', ...place, error: innerError(last), request }
}

function answered(
  message: unknown,
  given: Pick<AnsweredLine, 'line' | 'id' | 'attempts' | 'requestId'> & {
    readonly run: JsonObject
    readonly request: unknown
  },
): AnsweredLine | undefined {
  if (!isJsonObject(message)) return undefined
  const usage = readUsage(message['usage'])
  if (usage === undefined) return undefined
  const { run, request, ...place } = given
  const { copied_from: copiedFrom, batch_id: batchId } = run
  const cost = run['cost_usd']
  const latency = run['latency_ms']
  const stopReason = asText(message['stop_reason'])
  return {
    type: 'answered',
    ...place,
    model: asText(message['model']) ?? 'unknown',
    usage,
    costNanoUsd: typeof cost === 'number' ? Math.round(cost * 1e9) : null,
    latencyMs: typeof latency === 'number' ? latency : null,
    isCopy: copiedFrom !== undefined,
    isOfBatch: batchId !== undefined,
    isTruncated: isTruncated({ stopReason, usage }),
    isRefused: stopReason === 'refusal',
    isInvalid: run['invalid_output'] === true,
    request: isJsonObject(request) ? request : undefined,
    message,
  }
}

function placeOf(
  line: JsonObject,
  run: JsonObject,
): Pick<AnsweredLine, 'line' | 'id' | 'attempts' | 'requestId'> {
  const number = typeof run['line'] === 'number' ? run['line'] : 0
  return {
    line: number,
    id: asText(line['custom_id']) ?? `line-${number}`,
    attempts: typeof run['attempts'] === 'number' ? run['attempts'] : 1,
    requestId: asText(run['request_id']),
  }
}

/** Of `{"type":"error","error":{…}}`, or of a text where there is no such thing. */
function innerError(value: unknown): FailedLine['error'] {
  const inner = isJsonObject(value) ? (value['error'] ?? value) : value
  if (!isJsonObject(inner)) return { type: 'unknown', message: String(inner) }
  return { type: asText(inner['type']) ?? 'unknown', message: asText(inner['message']) ?? '' }
}

function asText(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

/**
 * The requests for an answer in a request: itself, or those of the batch it creates, as far as they
 * are in order. They are what `respond` is asked.
 */

import { batchBytesMax, paramsBytes, readEnvelope } from './batch-envelope.ts'
import { checkParams, checkRequest } from './check.ts'
import { checkDoor } from './door.ts'
import { isRecord } from './json.ts'
import { sliceText } from './json-slices.ts'
import type { SimulatorSettings } from './options.ts'
import type { WireRequest } from './wire.ts'

/** A request that would be answered if limits and faults allow. */
export interface Question {
  /** Its place in the batch; 0 of Messages. */
  readonly index: number
  /** A Messages body. */
  readonly body: Uint8Array
}

/** The questions in a request. */
export function questionsOf(
  wallTime: number,
  wire: WireRequest,
  settings: SimulatorSettings,
): readonly Question[] {
  const [path] = wire.path.split('?', 1)
  if (wire.method !== 'POST') return []
  if (path === '/v1/messages/batches') return batchQuestions(wallTime, wire, settings)
  if (path !== '/v1/messages' || 'status' in checkRequest(wallTime, wire, settings)) return []
  return [{ index: 0, body: wire.body }]
}

function batchQuestions(
  wallTime: number,
  wire: WireRequest,
  settings: SimulatorSettings,
): readonly Question[] {
  const version = checkDoor(wire, settings, batchBytesMax)
  if (typeof version !== 'string') return []
  const envelope = readEnvelope(wire.body)
  if ('status' in envelope) return []
  const context = { wallTime, version, headers: wire.headers, settings }
  return envelope.customIds.flatMap((_id, index) => {
    const body = paramsBytes(envelope, index)
    const params = parse(body)
    const isAsked = isRecord(params) && !('status' in checkParams(params, context))
    return isAsked ? [{ index, body }] : []
  })
}

/** Undefined of what is no JSON, which is refused with the whole batch. */
function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(sliceText(body, 0, body.length))
  } catch {
    return undefined
  }
}

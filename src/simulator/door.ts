/**
 * The door that every endpoint has: what the API refuses of a request before it looks
 * into the body. Size, key, version, encoding and JSON, in this order.
 */

import { isRecord, type JsonRecord } from './json.ts'
import type { ApiVersion } from './message-form.ts'
import type { SimulatorSettings } from './options.ts'
import type { WireRequest } from './wire.ts'

/** An error answer: its status, and the error object. */
export interface Problem {
  readonly status: number
  readonly type: string
  readonly message: string
  /** `error.details.error_code`. */
  readonly code?: string
}

/** The most bytes of a body, of Messages and of token counting. */
export const requestBytesMax: number = 32 * 2 ** 20

type DoorSettings = Pick<SimulatorSettings, 'keys'>

/** A body that is a JSON object, with the version it is to be read by; or why there is none. */
export function openRequest(
  { headers, body }: WireRequest,
  settings: DoorSettings,
): { readonly body: JsonRecord; readonly version: ApiVersion } | Problem {
  if (body.length > requestBytesMax) {
    return problem(413, 'request_too_large', 'Request exceeds the maximum size')
  }
  const version = checkHead(headers, settings)
  if (typeof version !== 'string') return version
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') {
    // Which encodings the API takes is not published; a client must not count on any.
    const message = `Unsupported content encoding: ${encoding}`
    return { ...invalid(message), code: 'request_body_encoding_unsupported' }
  }
  const parsed = parseBody(body)
  return 'status' in parsed ? parsed : { body: parsed.value, version }
}

/** The version a request asks for, or why it is refused whatever it wants. */
export function checkHead(
  headers: WireRequest['headers'],
  settings: DoorSettings,
): ApiVersion | Problem {
  const refused = keyProblem(headers, settings.keys)
  if (refused !== undefined) return refused
  const version = headers['anthropic-version'] ?? ''
  return isApiVersion(version) ? version : versionProblem(version)
}

/** Keys that documentation, templates and `.env` examples put where a key belongs. */
const placeholder =
  /^(?:sk-ant-)?(?:your[-_ ]|my[-_ ]|the[-_ ]|[<${]|x{3}|\.{2}|changeme|placeholder|example)/i

function keyProblem(
  headers: WireRequest['headers'],
  keys: readonly string[] | null,
): Problem | undefined {
  const bearer = /^bearer\s+(.+)$/i.exec(headers['authorization'] ?? '')?.[1]
  // When both are sent, x-api-key wins.
  const key = (headers['x-api-key'] ?? bearer ?? '').trim()
  if (key === '') return problem(401, 'authentication_error', 'x-api-key header is required')
  const accepted = keys === null ? !placeholder.test(key) : keys.includes(key)
  return accepted ? undefined : problem(401, 'authentication_error', 'invalid x-api-key')
}

function isApiVersion(version: string): version is ApiVersion {
  return version === '2023-06-01' || version === '2026-10-21'
}

function versionProblem(version: string): Problem {
  if (version === '') return invalid('anthropic-version: header is required')
  return invalid(`anthropic-version: ${JSON.stringify(version)} is not a valid version`)
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function parseBody(bytes: Uint8Array): { readonly value: JsonRecord } | Problem {
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(bytes))
  } catch {
    return invalid('The request body is not valid JSON')
  }
  return isRecord(value) ? { value } : invalid('The request body must be a JSON object')
}

/** A 400 with this message. */
export function invalid(message: string): Problem {
  return problem(400, 'invalid_request_error', message)
}

/** An error answer. */
export function problem(status: number, type: string, message: string): Problem {
  return { status, type, message }
}

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
  wire: WireRequest,
  settings: DoorSettings,
): { readonly body: JsonRecord; readonly version: ApiVersion } | Problem {
  const version = checkDoor(wire, settings, requestBytesMax)
  if (typeof version !== 'string') return version
  const parsed = parseBody(wire.body)
  return 'status' in parsed ? parsed : { body: parsed.value, version }
}

/** The version by which a body is to be read, or why it is not looked into. */
export function checkDoor(
  { headers, body }: WireRequest,
  settings: DoorSettings,
  bytesMax: number,
): ApiVersion | Problem {
  if (body.length > bytesMax) {
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
  return version
}

/**
 * The version a request asks for, or why it is refused whatever it wants. `of`: whether it takes
 * an API key or an admin key.
 */
export function checkHead(
  headers: WireRequest['headers'],
  settings: DoorSettings,
  of: 'api' | 'admin' = 'api',
): ApiVersion | Problem {
  const refused =
    of === 'admin' ? adminProblem(headers, settings) : keyProblem(headers, settings.keys)
  if (refused !== undefined) return refused
  const version = headers['anthropic-version'] ?? ''
  return isApiVersion(version) ? version : versionProblem(version)
}

/** Why a request may not see what is the organisation's; undefined if it may. */
function adminProblem(
  headers: WireRequest['headers'],
  { keys }: DoorSettings,
): Problem | undefined {
  const key = keyOf(headers)
  const isAdmin = key.startsWith('sk-ant-admin') && key.length >= adminKeyCharsMin
  if (isAdmin) return undefined
  const message = 'This endpoint requires an Admin API key'
  return keyProblem(headers, keys) ?? problem(403, 'permission_error', message)
}

/** Shorter ones are the prefix and nothing else. */
const adminKeyCharsMin = 16

/** Keys that documentation, templates and `.env` examples put where a key belongs. */
const placeholder =
  /^(?:sk-ant-)?(?:your[-_ ]|my[-_ ]|the[-_ ]|[<${]|x{3}|\.{2}|changeme|placeholder|example)/i

function keyProblem(
  headers: WireRequest['headers'],
  keys: readonly string[] | null,
): Problem | undefined {
  const key = keyOf(headers)
  if (key === '') return problem(401, 'authentication_error', 'x-api-key header is required')
  const accepted = keys === null ? !placeholder.test(key) : keys.includes(key)
  return accepted ? undefined : problem(401, 'authentication_error', 'invalid x-api-key')
}

function keyOf(headers: WireRequest['headers']): string {
  const bearer = /^bearer\s+(.+)$/i.exec(headers['authorization'] ?? '')?.[1]
  // When both are sent, x-api-key wins.
  return (headers['x-api-key'] ?? bearer ?? '').trim()
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

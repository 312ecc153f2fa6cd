/**
 * Request: one line of input to the row it asks for, or to what is wrong with it.
 *
 * Three forms are taken. A bare Messages body, in which `custom_id` and `metadata` are the
 * user's own; `{custom_id, params, metadata}`; and `{custom_id, method, url, body, metadata}`.
 * A line of a failed file is the second form with `result` and `run` beside it. What a line
 * must be is in request-rules.ts; here are the bytes.
 *
 * The body keeps the user's bytes; members are spliced in and out, never printed anew.
 *
 * Invariant: nothing in a row to be sent is a slice of the line, so a slow row keeps no chunk.
 */

import { assert } from './assert.ts'
import { bounds } from './bounds.ts'
import { cachePointsOf, noCachePoints, type CachePoint } from './cache-points.ts'
import { digest } from './hash.ts'
import { isJsonObject, type JsonObject, withoutReturns } from './json.ts'
import {
  changeMembers,
  memberText,
  namedMember,
  readMembers,
  splice,
  withoutMembers,
} from './json-spans.ts'
import type { Changes, Member } from './json-spans.ts'
import { decode, readContent } from './line-content.ts'
import type { OutputFormat } from './line-form.ts'
import type { ApiError } from './outcome.ts'
import type { OutputRules, Schemas } from './output-rules.ts'
import { featuresOf, noFeatures, type RequestFeatures } from './request-features.ts'
import {
  envelopeProblem,
  formOf,
  isOwnLine,
  isUserId,
  must,
  noRequestProblem,
  ownMembers,
  readId,
  readRequest,
} from './request-rules.ts'
import type { Problem } from './request-rules.ts'
import type { Line } from './lines.ts'
import { tupleKey, tupleRequest } from './tuple-line.ts'

/** How lines are read. */
export interface ParseOptions {
  /** Replaces the model of every row, or supplies it. @default the line's own */
  readonly model?: string
  /** Send `user_id` of a bare body's metadata to the API, if it is one the API takes. */
  readonly sendUserId: boolean
  /** In `tuple` form a line has no room for a key, which is then what the row says. */
  readonly outputFormat?: OutputFormat
  /** The rows' `features` are not asked for, and stay empty. @default false */
  readonly withoutFeatures?: boolean
  /** Rows are not sent: a `body` is what stands in the line, and no copy. @default false */
  readonly withoutBody?: boolean
  /** Makes the rows' `outputs`. @default they are not asked for */
  readonly schemas?: Schemas
  /** Which of the rows' `cachePoints` are asked for; none `withoutFeatures`. @default none */
  readonly cachePoints?: 'marked' | 'all'
}

/** What a row and a fault have in common. */
interface Place {
  readonly lineNumber: number
  /** Of the line's content in the input, in bytes; with `byteLength`, where to read it again. */
  readonly offset: number
  readonly byteLength: number
  /** The user's `custom_id`, or `line-N`. */
  readonly id: string
  /** The user chose the id, so it means this row wherever the line stands. */
  readonly idGiven: boolean
  /**
   * Digest of the line, less `result` and `run` if it is one of a failed file; in tuple form, of
   * what it says.
   */
  readonly key: string
  /** The line less its metadata, as JSON text; in tuple form alone. */
  readonly original?: string
  /** The user's own metadata as JSON text on one line. */
  readonly metadata: string | undefined
}

/** One request to be answered. */
export interface Row extends Place {
  readonly kind: 'row'
  readonly model: string
  readonly maxTokens: number
  /** What of it tells how many tokens it will be. */
  readonly features: RequestFeatures
  /** Where its prompt may be cached. */
  readonly cachePoints: readonly CachePoint[]
  /** What its answer must conform to. @default nothing */
  readonly outputs?: OutputRules | undefined
  /** The JSON to send, on one line, without `stream`. */
  readonly body: Uint8Array
}

/** A line that cannot be asked. Exactly one of `params` and `raw` is there. */
export interface RowFault extends Place {
  readonly kind: 'fault'
  readonly error: ApiError
  /** The request as JSON text on one line, when the line holds one. */
  readonly params: string | undefined
  /** The line as it stands, when it holds none; of a line too long, its head. */
  readonly raw: string | undefined
  /** How `raw` stands for bytes; `base64` when they are not UTF-8. */
  readonly rawEncoding: 'utf8' | 'base64'
}

/**
 * Reads one line. Called again on the same bytes it gives the same row: that is how a body is
 * had again for a retry, and how an input that has changed is seen, by its `key`. Whoever has the
 * key of the whole line (`keyOfLine`) gives it, so that it is not made twice.
 *
 * @example
 * ```ts
 * const bytes = Buffer.from('{"model":"m","max_tokens":0.5,"messages":[{}]}')
 * const row = parseLine({ number: 7, offset: 0, bytes }, { sendUserId: true })
 * row.kind === 'fault' && row.error.message // => '"max_tokens" must be a whole number, got 0.5'
 * ```
 */
export function parseLine(line: Line, options: ParseOptions, whole?: string): Row | RowFault {
  const row = parseRow(line, options, whole)
  if (options.outputFormat !== 'tuple') return row
  const key = whole ?? tupleKey(line.bytes)
  return { ...row, key, original: tupleRequest(line.bytes, row.kind === 'row') }
}

/** The key of a line, without parsing it where that can be: most that are held are no more. */
export function keyOfLine(bytes: Uint8Array, { outputFormat }: ParseOptions): string {
  return outputFormat === 'tuple' ? tupleKey(bytes) : digest(bytes)
}

function parseRow(line: Line, options: ParseOptions, whole: string | undefined): Row | RowFault {
  const { bytes, truncated } = line
  const place: Place = {
    lineNumber: line.number,
    offset: line.offset,
    byteLength: truncated ?? bytes.length,
    id: `line-${line.number}`,
    idGiven: false,
    key: truncated === undefined ? (whole ?? digest(bytes)) : truncatedKey(bytes, truncated),
    metadata: undefined,
  }
  if (truncated !== undefined) return truncatedFault(place, bytes)
  const { object, problem } = readContent(bytes)
  if (object === undefined) return rawFault(place, problem, bytes)
  const row = parseObject(bytes, place, object, options)
  return line.problem === undefined ? row : rawFault(row, line.problem, bytes)
}

/** The part of a line that is the request. */
interface Part {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  readonly value: unknown
  /** The member that holds it; empty for a bare request. */
  readonly name: string
  /** Its members, if they were read already. */
  readonly members: readonly Member[] | undefined
  /** What makes it a request of its own: in a bare one, the user's members go. */
  readonly changes: Changes
}

function parseObject(
  line: Uint8Array,
  linePlace: Place,
  value: JsonObject,
  options: ParseOptions,
): Row | RowFault {
  const bytes = withoutReturns(line)
  const id = readId(value, linePlace.lineNumber)
  const idProblem = typeof id === 'string' ? id : undefined
  const form = formOf(value)
  const isOwn = isOwnLine(value)
  const hasMetadata = value['metadata'] !== undefined
  // Most lines are sent as they stand, and nobody asks where in them a member is.
  const isAsked = isOwn || hasMetadata || form !== 'bare'
  const members = isAsked ? readMembers(line) : undefined
  const metadata = hasMetadata && members ? namedMember(members, 'metadata') : undefined
  const place: Place = {
    lineNumber: linePlace.lineNumber,
    offset: linePlace.offset,
    byteLength: linePlace.byteLength,
    id: typeof id === 'string' ? linePlace.id : id.id,
    idGiven: typeof id === 'string' ? false : id.idGiven,
    key: isOwn && members ? digest(withoutMembers(line, members, ownMembers)) : linePlace.key,
    metadata: metadata && memberText(bytes, metadata),
  }
  if (form === 'none') return noRequestFault(place, value, line)
  if (form === 'bare') {
    const changes = bareChanges(bytes, metadata, value, options)
    const whole = { bytes, start: 0, end: bytes.length, value, name: '', members, changes }
    return parseRequest(place, whole, idProblem, options)
  }
  const holder = members && namedMember(members, form)
  assert(holder !== undefined, `A line of form "${form}" has a member of that name`)
  const part = {
    bytes,
    start: holder.valueStart,
    end: holder.valueEnd,
    value: value[form],
    name: form,
    members: undefined,
    changes: noChanges,
  }
  return parseRequest(place, part, idProblem ?? envelopeProblem(form, value), options)
}

function parseRequest(
  place: Place,
  part: Part,
  outerProblem: Problem | undefined,
  options: ParseOptions,
): Row | RowFault {
  const fault = (type: string, message: Problem): RowFault => {
    const params = cutOut(part, part.changes).toString()
    return { ...place, kind: 'fault', error: { type, message }, params, ...noRaw }
  }
  if (outerProblem !== undefined) return fault(invalid, outerProblem)
  if (!isJsonObject(part.value)) return fault(invalid, must(part.name, 'be an object', part.value))
  const where = part.name === '' ? '' : `${part.name}.`
  const request = readRequest(part.value, where, options.model)
  if (typeof request === 'string') return fault(invalid, request)

  const whole = part.bytes.subarray(part.start, part.end)
  const isWhole = options.withoutBody === true && whole.length <= bounds.bodyBytesMax / 2
  const sent = sentChanges(part.changes, part.value, request.model)
  const body = isWhole ? whole : cutOut(part, sent)
  if (body.length > bounds.bodyBytesMax) {
    const size = `the request has ${body.length} bytes`
    return fault('request_too_large', `${size}; the API takes at most ${bounds.bodyBytesMax}`)
  }
  const { model, maxTokens } = request
  const { features, cachePoints } = readPrompt(part.value, model, options)
  const { lineNumber, offset, byteLength, id, idGiven, key, metadata } = place
  return {
    lineNumber,
    offset,
    byteLength,
    id,
    idGiven,
    key,
    metadata,
    kind: 'row',
    model,
    maxTokens,
    features,
    cachePoints,
    outputs: options.schemas?.rulesOf(part.value),
    body,
  }
}

/** What is changed of a request when it is sent. */
function sentChanges(changes: Changes, request: JsonObject, model: string): Changes {
  const hasStream = request['stream'] !== undefined
  const hasModel = request['model'] === model
  if (!hasStream && hasModel) return changes
  const all = new Map(changes)
  // How an answer is had is decided here, and it is the same answer either way.
  if (hasStream) all.set('stream', undefined)
  if (!hasModel) all.set('model', JSON.stringify(model))
  return all
}

/** What is told of a request before it is sent, as far as it is asked for. */
function readPrompt(
  request: JsonObject,
  model: string,
  { withoutFeatures = false, cachePoints }: ParseOptions,
): Pick<Row, 'features' | 'cachePoints'> {
  if (withoutFeatures) return { features: noFeatures, cachePoints: noCachePoints }
  const features = featuresOf(request, model)
  if (cachePoints === undefined) return { features, cachePoints: noCachePoints }
  return { features, cachePoints: cachePointsOf(request, model, cachePoints) }
}

const noChanges: Changes = new Map()

/** The request alone, as a copy. */
function cutOut(part: Part, changes: Changes): Buffer {
  if (changes.size === 0) return splice(part.bytes, [], part.start, part.end)
  const members = part.members ?? readMembers(part.bytes, part.start)
  return changeMembers(part.bytes, members, changes, part.start, part.end)
}

/** What of a bare body is the user's own, and what of that the API is told. */
function bareChanges(
  bytes: Uint8Array,
  metadata: Member | undefined,
  line: JsonObject,
  options: ParseOptions,
): Changes {
  if (line['custom_id'] === undefined && metadata === undefined) return noChanges
  const changes = new Map<string, string | undefined>()
  if (line['custom_id'] !== undefined) changes.set('custom_id', undefined)
  if (metadata === undefined) return changes
  changes.set('metadata', undefined)
  const value = line['metadata']
  if (!options.sendUserId || !isJsonObject(value) || !isUserId(value['user_id'])) return changes
  const userId = namedMember(readMembers(bytes, metadata.valueStart), 'user_id')
  // From the user's own text, so that its escapes stay as they are.
  if (userId) changes.set('metadata', `{"user_id":${memberText(bytes, userId)}}`)
  return changes
}

const invalid = 'invalid_request_error'
const noRaw = { raw: undefined, rawEncoding: 'utf8' } as const

/** The fault of a line that holds no request: it is kept as it stands. */
function rawFault(place: Place, message: Problem, bytes: Uint8Array): RowFault {
  const text = decode(bytes)
  return {
    ...place,
    kind: 'fault',
    error: { type: invalid, message },
    params: undefined,
    raw: text ?? Buffer.from(bytes).toString('base64'),
    rawEncoding: text === undefined ? 'base64' : 'utf8',
  }
}

/** Lines of one length that begin alike share a key; all fail for their length all the same. */
function truncatedKey(head: Uint8Array, byteLength: number): string {
  return digest(Buffer.concat([head, Buffer.from(` ${byteLength}`)]))
}

function truncatedFault(place: Place, head: Uint8Array): RowFault {
  const size = `the line has ${place.byteLength} bytes`
  const message = `${size}; at most ${bounds.lineBytesMax} are read, and its beginning is kept here`
  return {
    ...rawFault(place, message, withoutTornEnd(head)),
    error: { type: 'request_too_large', message },
  }
}

/** The bytes without a character at the end of which a part was cut off. */
function withoutTornEnd(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true })
  return text.includes('\ufffd') ? bytes : Buffer.from(text)
}

function noRequestFault(place: Place, value: JsonObject, line: Uint8Array): RowFault {
  const fault = rawFault(place, noRequestProblem(value), line)
  const { raw, raw_encoding: encoding } = value
  // The line as it was is handed on, or it would be wrapped once more by each run.
  if (typeof raw !== 'string') return fault
  return { ...fault, raw, rawEncoding: encoding === 'base64' ? 'base64' : 'utf8' }
}

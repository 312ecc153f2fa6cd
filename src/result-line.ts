/**
 * The form of an output line: how it is written, and how a later run reads it.
 *
 * A line is the Message Batches result line with `metadata` and `run` beside it, in
 * this order of members (cli.md, "Output lines"):
 *
 *   {"custom_id":…,"result":{"type":…,…},"params"|"raw"|"request":…,"metadata":…,"run":{…}}
 *
 * JSON that others wrote (message, metadata, request) is spliced in as it stands.
 *
 * The writer keeps two promises that make reading fast: `custom_id` and `result` come
 * first and with no blanks, and `run` comes last, is flat, and starts with `line` and `key`.
 * A reader then looks at the first and the last hundred bytes of a line, whatever lies between.
 */

import { isJsonObject, type JsonObject, oneLine, parseJson } from './json.ts'
import type { ApiError } from './outcome.ts'

/** What sluice says of a row beside its answer; the member `run`. */
export interface RunFields {
  /** Number of the row's line in the input. */
  readonly line: number
  /** The row's `run.key`: 32 hexadecimal characters. */
  readonly key: string
  readonly attempts: number
  readonly requestId: string | null
  readonly latencyMs: number
  /** Dollars as exact decimal text; null when the price is unknown. */
  readonly costUsd: string | null
  /** Tries that may have been billed and gave no answer. @default 0 */
  readonly unknownAttempts?: number | undefined
  /** Answers behind which it was asked again. @default 0 */
  readonly turns?: number
  /** The id of the row whose line this is a copy of. @default it is none */
  readonly copiedFrom?: string
  /** The output of its answer does not conform to its schema. @default false */
  readonly isInvalid?: boolean
  /** The batch that ended it, and its id there. @default it was asked live */
  readonly batch?: BatchPlace | undefined
}

/** Where a row stood in a Message Batch. */
export interface BatchPlace {
  readonly id: string
  readonly request: string
}

/**
 * What there is to say of a row that was answered. Members that are JSON text are one value each.
 */
export interface SucceededRow {
  readonly id: string
  /** The Message, as JSON text. */
  readonly message: string
  /** The user's own, as JSON text. @default none */
  readonly metadata?: string | undefined
  /** What was asked, as JSON text (`--include-request`). @default none */
  readonly request?: string | undefined
  /** Messages it was answered with before, as JSON texts. @default none */
  readonly earlier?: readonly string[]
  /** The line it came from, less its metadata, where the form of the output needs it. */
  readonly original?: string | undefined
  readonly run: RunFields
}

/** The types of a result. */
export type ResultType = 'succeeded' | 'errored' | 'expired' | 'canceled'

/**
 * What there is to say of a row that failed. `params` or `raw` makes the line valid input again.
 */
export interface FailedRow {
  readonly id: string
  readonly type: Exclude<ResultType, 'succeeded'>
  readonly error: ApiError
  readonly requestId: string | null
  /** The request, as JSON text. @default none */
  readonly params?: string | undefined
  /** The input line itself, when it was no JSON object. @default none */
  readonly raw?: string | undefined
  /** @default 'utf8' */
  readonly rawEncoding?: 'utf8' | 'base64' | undefined
  /** Messages it was answered with, as JSON texts; none of them is its result. @default none */
  readonly earlier?: readonly string[]
  /** The user's own, as JSON text. @default none */
  readonly metadata?: string | undefined
  /** The line it came from, less its metadata, where the form of the output needs it. */
  readonly original?: string | undefined
  readonly run: RunFields
}

/** What a line of an output or failed file says to a later run. */
export interface ResultLine {
  readonly type: ResultType
  readonly key: string
  /** Number of the row's line in the input, where the form of the output has room for it. */
  readonly line: number | undefined
  /** Absent when a user's tool removed it. */
  readonly id: string | undefined
  /** `run.cost_usd` as it is written; absent when it was null or is missing. */
  readonly costText: string | undefined
  /** The row's id in the batch that ended it; absent where none did. */
  readonly batchRequest?: string | undefined
  /** Answers behind which it was asked again; absent where there were none. */
  readonly turns?: number | undefined
}

/**
 * The line of an answered row, newline included.
 *
 * @example
 * ```ts
 * const key = '00112233445566778899aabbccddeeff'
 * const place = { line: 17, key, attempts: 1, requestId: null }
 * const fields = { ...place, latencyMs: 812, costUsd: '0.000412' }
 * const line = succeededLine({ id: 'a', message: '{"id":"msg_1"}', run: fields })
 * line.startsWith('{"custom_id":"a","result":{"type":"succeeded","message":{"id":') // => true
 * JSON.parse(line).run.latency_ms // => 812
 * ```
 */
export function succeededLine(row: SucceededRow): string {
  const { id, message, metadata, request, earlier, run } = row
  const result = `{"type":"succeeded","message":${oneLine(message)}}`
  const members = earlierMember(earlier) + member('metadata', metadata) + member('request', request)
  return lineOf(id, result, members, run)
}

/**
 * The line of a failed row, newline included.
 *
 * @example
 * ```ts
 * const key = '00112233445566778899aabbccddeeff'
 * const place = { line: 3, key, attempts: 1, requestId: null }
 * const fields = { ...place, latencyMs: 5, costUsd: '0' }
 * const error = { type: 'invalid_request_error', message: 'no' }
 * const row = { id: 'b', type: 'errored', error, requestId: null, run: fields } as const
 * JSON.parse(failedLine(row)).result.error.error.message // => 'no'
 * ```
 */
export function failedLine(row: FailedRow): string {
  const { type, message, code } = row.error
  const details = code === undefined ? undefined : { error_code: code }
  const error = { type: 'error', error: { type, message, details }, request_id: row.requestId }
  const raw = row.raw === undefined ? '' : member('raw', JSON.stringify(row.raw))
  const encoding = row.rawEncoding === 'base64' ? member('raw_encoding', '"base64"') : ''
  const request = member('params', row.params) + raw + encoding
  const members = request + earlierMember(row.earlier) + member('metadata', row.metadata)
  return lineOf(row.id, `{"type":"${row.type}","error":${JSON.stringify(error)}}`, members, row.run)
}

/**
 * Reads the line at `bytes[from..to)`, without its newline; undefined if it is no result line.
 *
 * The quick way reads the head and the tail alone. Neither can be forged from inside a value:
 * - The head is read from the first byte on. The id is a string whose end is found as JSON
 *   finds it, and nothing else is skipped, so `type` is the type.
 * - The tail is the last `{` of the line. It must stand in `,"run":{"line":`, whose first quote
 *   follows a comma and so is not escaped: as no closing quote is followed by `r`, it opens the
 *   name of a member, outside of any string. From there to the end the line is read whole: flat
 *   members, one brace that closes `run`, and one more that ends the line. The brace that ends a
 *   JSON object's text closes the brace that began it, so `run` is a member of the line itself and
 *   of nothing deeper: a look-alike in the metadata would need a third brace.
 * This trusts what lies between to be JSON; a line with a NUL byte in it is not, and whoever
 * finds one uses `parseResultLine`.
 *
 * Lines that a user's tool reordered or spaced differently are read by `parseResultLine` too.
 */
export function readResultLine(
  bytes: Uint8Array,
  from = 0,
  to: number = bytes.length,
): ResultLine | undefined {
  const buffer = asBuffer(bytes)
  return readQuickly(buffer, from, to) ?? parseResultLine(buffer, from, to)
}

/** As `readResultLine`, by parsing the whole line as JSON. */
export function parseResultLine(
  bytes: Uint8Array,
  from = 0,
  to: number = bytes.length,
): ResultLine | undefined {
  const line = parseObject(asBuffer(bytes).toString('utf8', from, to))
  const type = asObject(line?.['result'])?.['type']
  const run = asObject(line?.['run'])
  const key = run?.['key']
  const number = run?.['line']
  if (line === undefined || run === undefined || !isResultType(type)) return undefined
  if (typeof key !== 'string' || !/^[0-9a-f]{32}$/.test(key)) return undefined
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1) return undefined
  const id = line['custom_id']
  const cost = run['cost_usd']
  const batchRequest = run['batch_request']
  const turns = run['turns']
  return {
    type,
    key,
    line: number,
    id: typeof id === 'string' ? id : undefined,
    costText: typeof cost === 'number' ? String(cost) : undefined,
    ...(typeof batchRequest === 'string' && { batchRequest }),
    ...(typeof turns === 'number' && { turns }),
  }
}

/**
 * Whether `bytes[from..to)` is how a line of ours begins: it may be the torn end of our file.
 * As much of the head as there is must be exactly ours; what follows the head may be anything.
 */
export function startsLikeOurs(bytes: Uint8Array, from: number, to: number): boolean {
  if (!matches(bytes, from, to, head)) return false
  const idEnd = skipString(bytes, from + head.length, to)
  const resultStart = idEnd + 1
  if (!matches(bytes, resultStart, to, resultHead)) return false
  return typeTokens.some(({ token }) => matches(bytes, resultStart + resultHead.length, to, token))
}

const resultTypes = ['succeeded', 'errored', 'expired', 'canceled'] as const
const head = Buffer.from('{"custom_id":"')
const resultHead = Buffer.from(',"result":{"type":"')
const typeTokens = resultTypes.map((type) => ({ type, token: Buffer.from(`${type}"`) }))
const runHead = Buffer.from(',"run":{"line":')
const keyHead = Buffer.from(',"key":"')
const costName = Buffer.from('cost_usd"')
const batchRequestName = Buffer.from('batch_request"')
const turnsName = Buffer.from('turns"')
const keyChars = 32
/** A head, a tail and a key; nothing shorter is a line of ours. */
const shortestLineBytes = head.length + resultHead.length + runHead.length + keyChars
/** A `run` longer than this was not written by us. */
const runBytesMax = 1000

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d

function lineOf(id: string, result: string, members: string, run: RunFields): string {
  const unknown = run.unknownAttempts ?? 0
  return (
    `{"custom_id":${JSON.stringify(id)},"result":${result}${members}` +
    `,"run":{"line":${run.line},"key":"${run.key}","attempts":${run.attempts}` +
    (unknown > 0 ? `,"unknown_attempts":${unknown}` : '') +
    (run.turns === undefined || run.turns === 0 ? '' : `,"turns":${run.turns}`) +
    (run.copiedFrom === undefined ? '' : `,"copied_from":${JSON.stringify(run.copiedFrom)}`) +
    (run.isInvalid === true ? `,"invalid_output":true` : '') +
    `,"request_id":${JSON.stringify(run.requestId)},"latency_ms":${Math.round(run.latencyMs)}` +
    `,"cost_usd":${run.costUsd ?? 'null'}${batchMembers(run.batch)}}}\n`
  )
}

function batchMembers(batch: BatchPlace | undefined): string {
  if (batch === undefined) return ''
  return `,"batch_id":${JSON.stringify(batch.id)},"batch_request":"${batch.request}"`
}

function earlierMember(messages: readonly string[] = []): string {
  return messages.length === 0 ? '' : member('earlier', `[${messages.join(',')}]`)
}

function member(name: string, json: string | undefined): string {
  return json === undefined ? '' : `,"${name}":${oneLine(json)}`
}

function readQuickly(bytes: Buffer, from: number, to: number): ResultLine | undefined {
  if (to - from < shortestLineBytes || !matches(bytes, from, to, head)) return undefined
  const idStart = from + head.length
  const idEnd = skipString(bytes, idStart, to)
  if (!matches(bytes, idEnd + 1, to, resultHead)) return undefined
  const typeStart = idEnd + 1 + resultHead.length
  const type = typeTokens.find(({ token }) => matches(bytes, typeStart, to, token))?.type
  if (type === undefined) return undefined

  let brace = to - 3
  const lowest = Math.max(typeStart + runHead.length, to - runBytesMax)
  while (brace > lowest && bytes[brace] !== openBrace) brace--
  const runStart = brace - (runHead.length - '{"line":'.length)
  const lineStart = runStart + runHead.length
  if (!matches(bytes, runStart, to, runHead)) return undefined
  const lineEnd = skipDigits(bytes, lineStart)
  const keyStart = lineEnd + keyHead.length
  const keyEnd = keyStart + keyChars
  if (lineEnd === lineStart || !matches(bytes, lineEnd, to, keyHead)) return undefined
  if (bytes[keyEnd] !== quote || !isHex(bytes, keyStart, keyEnd)) return undefined
  const id = parseString(bytes.toString('utf8', idStart - 1, idEnd + 1))
  const last = readLastMembers(bytes, keyEnd + 1, to)
  if (last === undefined || id === undefined) return undefined
  return {
    type,
    key: bytes.toString('latin1', keyStart, keyEnd),
    line: Number(bytes.toString('latin1', lineStart, lineEnd)),
    id,
    ...last,
  }
}

/**
 * Reads `,"name":value` members of strings without escapes, numbers and words, up to the two
 * braces that end the line; undefined if it is not so.
 */
function readLastMembers(
  bytes: Buffer,
  from: number,
  to: number,
): Pick<ResultLine, 'costText' | 'batchRequest' | 'turns'> | undefined {
  let at = from
  let costText: string | undefined
  let batchRequest: string | undefined
  let turns: number | undefined
  while (bytes[at] === comma && bytes[at + 1] === quote) {
    const nameStart = at + 2
    const nameEnd = skipString(bytes, nameStart, to)
    if (bytes[nameEnd + 1] !== colon) return undefined
    const valueStart = nameEnd + 2
    if (bytes[valueStart] === quote) {
      at = skipString(bytes, valueStart + 1, to) + 1
      const isRequest = matches(bytes, nameStart, to, batchRequestName)
      if (isRequest) batchRequest = bytes.toString('latin1', valueStart + 1, at - 1)
    } else {
      at = valueStart
      while (at < to && bytes[at] !== comma && bytes[at] !== closeBrace) at++
      const isCost = matches(bytes, nameStart, to, costName)
      if (isCost && bytes[valueStart] !== 0x6e) costText = bytes.toString('latin1', valueStart, at)
      const isTurns = matches(bytes, nameStart, to, turnsName)
      if (isTurns) turns = Number(bytes.toString('latin1', valueStart, at))
    }
  }
  if (at !== to - 2 || bytes[at] !== closeBrace || bytes[at + 1] !== closeBrace) return undefined
  if (batchRequest === undefined && turns === undefined) return { costText }
  return {
    costText,
    ...(batchRequest !== undefined && { batchRequest }),
    ...(turns !== undefined && { turns }),
  }
}

/**
 * Whether `bytes[at..to)` is `expected` and more, or all there is of it is the start of
 * `expected`.
 */
function matches(bytes: Uint8Array, at: number, to: number, expected: Uint8Array): boolean {
  const length = Math.min(expected.length, to - at)
  for (let index = 0; index < length; index++) {
    if (bytes[at + index] !== expected[index]) return false
  }
  return true
}

/** The index of the quote that ends the string whose content starts at `at`; `to` if none does. */
function skipString(bytes: Uint8Array, at: number, to: number): number {
  let index = at
  while (index < to && bytes[index] !== quote) index += bytes[index] === backslash ? 2 : 1
  return Math.min(index, to)
}

function skipDigits(bytes: Uint8Array, at: number): number {
  let index = at
  for (let byte = bytes[index]; byte !== undefined && byte >= 0x30 && byte <= 0x39;) {
    byte = bytes[++index]
  }
  return index
}

function isHex(bytes: Uint8Array, from: number, to: number): boolean {
  for (let index = from; index < to; index++) {
    const byte = bytes[index] ?? 0
    if (!((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66))) return false
  }
  return true
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function isResultType(value: unknown): value is ResultType {
  return resultTypes.some((type) => type === value)
}

function parseString(json: string): string | undefined {
  const value = parseJson(json)
  return typeof value === 'string' ? value : undefined
}

function asObject(value: unknown): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined
}

function parseObject(text: string): JsonObject | undefined {
  // An editor may have put a byte order mark before the first line.
  return asObject(parseJson(text.startsWith('\ufeff') ? text.slice(1) : text))
}

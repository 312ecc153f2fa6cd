/**
 * Rules: what a line must be for sluice to ask it, and what to say when it is not.
 *
 * Works on parsed values and knows no bytes. Every rule returns what it read, or a problem
 * in words: what, where, the value, and the fix if it is not plain. Only what is
 * certain to fail has a rule; the rest is left to the API, whose rules change.
 */

import { bounds } from './bounds.ts'
import { isJsonObject, type JsonObject } from './json.ts'

/** What is wrong, in words that can follow a file name and a line number. */
export type Problem = string

/** How a line holds its request; `none`: it is an object, but holds none. */
export type Form = 'bare' | 'params' | 'body' | 'none'

/** What sluice itself adds to the lines of a failed file. */
export const ownMembers = ['result', 'earlier', 'run'] as const
/** Those that all of its lines have. */
const ownMembersAlways = ['result', 'run'] as const

const knownMembers: Record<'params' | 'body', readonly string[]> = {
  params: ['custom_id', 'params', 'metadata'],
  body: ['custom_id', 'method', 'url', 'body', 'metadata'],
}

/** Why a line that is JSON is no request at all, if it is not an object. */
export function readLine(value: unknown): JsonObject | Problem {
  if (isJsonObject(value)) return value
  return `the line must be a JSON object, got ${short(value)}`
}

/** True for a line as sluice writes it, to the failed file or the results. */
export function isOwnLine(line: JsonObject): boolean {
  return ownMembersAlways.every((name) => line[name] !== undefined)
}

/** The form of a line. Names of the API decide for `bare` only when no other form's are there. */
export function formOf(line: JsonObject): Form {
  if (line['params'] !== undefined) return 'params'
  if (line['body'] !== undefined) return 'body'
  if (line['messages'] !== undefined) return 'bare'
  if (line['method'] !== undefined || line['url'] !== undefined) return 'none'
  return isOwnLine(line) || typeof line['raw'] === 'string' ? 'none' : 'bare'
}

/** Why a line of form `none` holds no request. */
export function noRequestProblem(line: JsonObject): Problem {
  if (typeof line['raw'] === 'string') {
    return '"raw" is a line that was no JSON object; put the request in its place, as "params"'
  }
  if (isOwnLine(line)) return 'the line is an answer, not a request; give the file of requests'
  return '"body" is missing beside "method" and "url"'
}

/** The row's id, and whether the user gave it. */
export function readId(
  line: JsonObject,
  lineNumber: number,
): { readonly id: string; readonly idGiven: boolean } | Problem {
  const ownId = `line-${lineNumber}`
  const id = line['custom_id']
  if (id === undefined) return { id: ownId, idGiven: false }
  if (typeof id !== 'string' || id === '') return must('custom_id', 'be a non-empty string', id)
  if (!isWithin(id, bounds.customIdCharsMax)) {
    return must('custom_id', `have at most ${bounds.customIdCharsMax} characters`, id)
  }
  if (/\p{Cc}/u.test(id)) return must('custom_id', 'hold no control characters', id)
  if (!/^line-\d+$/.test(id)) return { id, idGiven: true }
  // A failed file's line keeps the id of the line it came from, wherever it stands now.
  if (isOwnLine(line) && id === `line-${lineOfRun(line['run'])}`) return { id, idGiven: true }
  if (id === ownId) return { id, idGiven: false }
  const rule = `must not be ${short(id)} in line ${lineNumber}`
  return `"custom_id" ${rule}: names of this form belong to rows without an id`
}

/** One thing wrong around a request, and the member that it is about. */
export interface EnvelopeFault {
  readonly member: string
  readonly problem: Problem
}

/** All that is wrong around the request of an enveloped form. */
export function* envelopeFaults(
  form: 'params' | 'body',
  line: JsonObject,
): Generator<EnvelopeFault> {
  const known = knownMembers[form]
  const ours = form === 'params' && isOwnLine(line) ? ownMembers : []
  for (const name of Object.keys(line)) {
    if (known.includes(name) || ours.some((own) => own === name)) continue
    const rule = `beside "${form}"; there may be ${known.join(', ')}`
    yield { member: name, problem: `unknown member ${short(name)} ${rule}` }
  }
  if (form === 'params') return
  const { method, url } = line
  if (method !== 'POST') yield { member: 'method', problem: must('method', 'be "POST"', method) }
  if (url !== '/v1/messages') {
    yield { member: 'url', problem: must('url', 'be "/v1/messages"', url) }
  }
}

/** The first thing wrong around the request of an enveloped form. */
export function envelopeProblem(form: 'params' | 'body', line: JsonObject): Problem | undefined {
  for (const { problem } of envelopeFaults(form, line)) return problem
  return undefined
}

/**
 * What a request says of itself. `where` goes before its members' names, for instance `params.`.
 */
export function readRequest(
  request: JsonObject,
  where: string,
  modelGiven: string | undefined,
): { readonly model: string; readonly maxTokens: number } | Problem {
  const model = modelGiven ?? request['model']
  if (model === undefined) {
    return `"${where}model" is missing; add it, or give one model for all rows`
  }
  if (typeof model !== 'string' || model === '') {
    return must(`${where}model`, 'be a non-empty string', model)
  }
  const messages = request['messages']
  if (!Array.isArray(messages) || messages.length === 0) {
    return must(`${where}messages`, 'be a non-empty array', messages)
  }
  const maxTokens = request['max_tokens']
  if (typeof maxTokens !== 'number' || !Number.isSafeInteger(maxTokens)) {
    return must(`${where}max_tokens`, 'be a whole number', maxTokens)
  }
  if (maxTokens < 0) return must(`${where}max_tokens`, 'be 0 or more', maxTokens)
  const stream = request['stream']
  if (stream !== undefined && typeof stream !== 'boolean') {
    return must(`${where}stream`, 'be true or false', stream)
  }
  return { model, maxTokens }
}

/** Whether the API would take a `metadata.user_id` of this value. */
export function isUserId(value: unknown): boolean {
  if (value === null) return true
  return typeof value === 'string' && isWithin(value, bounds.metadataUserIdCharsMax)
}

/** The problem that a member breaks a rule, or is not there. */
export function must(name: string, rule: string, value: unknown): Problem {
  if (value === undefined) return `"${name}" is missing; it must ${rule}`
  return `"${name}" must ${rule}, got ${short(value)}`
}

function lineOfRun(run: unknown): number | undefined {
  const line = isJsonObject(run) ? run['line'] : undefined
  return typeof line === 'number' ? line : undefined
}

const shortChars = 40

/** A value in a few words, as JSON where it is short. */
function short(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : 'an array'
  if (isJsonObject(value)) return 'an object'
  // JSON has no name for the number that 1e400 is read as.
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string' || value.length <= shortChars) return JSON.stringify(value)
  return `${JSON.stringify(value.slice(0, shortChars))}…`
}

/** Whether a text has at most so many characters, counted as the API counts: by code point. */
function isWithin(text: string, charsMax: number): boolean {
  // No character takes more than two units, so only texts in between are counted.
  if (text.length <= charsMax) return true
  return text.length <= 2 * charsMax && Array.from(text).length <= charsMax
}

/**
 * What a line must be to hold a request: JSON, an object, of one of the three forms, with an id of
 * its own, and no larger than the API takes.
 *
 * Lines are read as a run reads them (request.ts, request-rules.ts); here what these say gets its
 * place and its fix.
 */

import { bounds } from './bounds.ts'
import type { RowFindings } from './finding.ts'
import { isJsonObject, type JsonObject } from './json.ts'
import type { Line } from './lines.ts'
import { type Content, readContent } from './line-content.ts'
import { parseLine } from './request.ts'
import { envelopeFaults, formOf, noRequestProblem, readId } from './request-rules.ts'
import type { RowIds } from './row-ids.ts'
import { plainNumber } from './row-rule-words.ts'

/** The request of a line. */
export interface LineRequest {
  readonly request: JsonObject
  /** The line is the request itself; otherwise it holds it as `params` or `body`. */
  readonly isBare: boolean
  /** Of the line. */
  readonly bytes: number
}

/**
 * Looks at a line up to its request, which is undefined where there is none; `findings` then tell
 * why, and speak of this row from now on.
 */
export function checkLine(line: Line, ids: RowIds, findings: RowFindings): LineRequest | undefined {
  const { number, bytes } = line
  findings.begin(number, null)
  if (line.truncated !== undefined) {
    ids.claim(undefined, number)
    tellTooLarge(findings, line.truncated)
    return undefined
  }
  const content = readContent(bytes)
  if (content.object === undefined) {
    ids.claim(undefined, number)
    tellContent(findings, content)
    return undefined
  }
  const { object } = content
  checkId(object, number, ids, findings)
  const form = formOf(object)
  if (form === 'none') {
    const [problem = '', fix = 'give the file of requests'] = noRequestProblem(object).split('; ')
    findings.fault('no_request', { field: '', problem, fix })
    return undefined
  }
  if (bytes.length > bounds.bodyBytesMax) checkSize(line, findings)
  if (form === 'bare') return { request: object, isBare: true, bytes: bytes.length }
  checkEnvelope(form, object, findings)
  const request = object[form]
  if (!isJsonObject(request)) {
    const problem = 'must be an object, the request'
    const fix = 'write {"model":…,"max_tokens":…,"messages":[…]}'
    findings.faultAround('wrong_type', { field: form, value: request, problem, fix })
    return undefined
  }
  return { request, isBare: false, bytes: bytes.length }
}

/** Where the request of a line stands, to go before the names of its fields. */
function whereIn(object: JsonObject): string {
  const form = formOf(object)
  return form === 'params' || form === 'body' ? `${form}.` : ''
}

function tellContent(findings: RowFindings, content: Extract<Content, { kind: string }>): void {
  const { kind, problem, near } = content
  const remark = { field: '', problem, fix: contentFix(content) }
  findings.fault(kind, near === '' ? remark : { ...remark, piece: near })
}

const eachOnALine = "write each request on a line of its own: jq -c '.[]' FILE > FILE.jsonl"

function contentFix({ kind, problem, near }: Extract<Content, { kind: string }>): string {
  if (kind === 'encoding') return 'save the file as UTF-8: iconv -f LATIN1 -t UTF-8 FILE'
  if (kind === 'no_object') {
    return near.startsWith('[') ? eachOnALine : 'write a request: {"model":…,"messages":…}'
  }
  if (problem.endsWith('has no end')) {
    return String.raw`end the text with a quote; write line breaks in it as \n`
  }
  const isPart =
    problem.endsWith('got the end of the line') ||
    problem.endsWith('expected the end of the line, got ":"') ||
    problem.startsWith('invalid JSON at character 1:')
  if (isPart) {
    const isList = near.startsWith('[')
    return isList ? eachOnALine : 'write each request on one line: jq -c . FILE > FILE.jsonl'
  }
  if (/got "(NaN|Infinity|-Infinity|None|undefined)"/.test(problem)) return 'write null'
  if (/got "(True|False)"/.test(problem)) return 'write true or false, in small letters'
  if (/got "'"/.test(problem)) return 'use double quotes'
  if (/key in double quotes, got "}"|a value, got "\]"/.test(problem)) {
    return 'take out the comma before it'
  }
  if (problem.endsWith('must be escaped')) return String.raw`write it as an escape, such as \n`
  return 'correct the JSON there'
}

function checkId(object: JsonObject, number: number, ids: RowIds, findings: RowFindings): void {
  const read = readId(object, number)
  const id = typeof read === 'string' ? `line-${number}` : read.id
  findings.begin(number, id, whereIn(object))
  const value = object['custom_id']
  const field = 'custom_id'
  if (typeof read === 'string') {
    ids.claim(undefined, number)
    const isDefault = typeof value === 'string' && /^line-\d+$/.test(value)
    if (isDefault) {
      const problem = `is the default id of line ${value.slice('line-'.length)}`
      const fix = 'choose another, or leave it out'
      findings.faultAround('default_id', { field, value, problem, fix })
    } else {
      const problem = read.replace(/^"custom_id" /, '').replace(/, got .*$/s, '')
      findings.faultAround('custom_id', {
        field,
        value,
        problem,
        fix: 'correct it, or leave it out',
      })
    }
    return
  }
  const first = ids.claim(read.idGiven ? read.id : undefined, number)
  if (first === 0) return
  const problem = `is that of line ${first} already; ids must differ`
  const fix = 'choose another, or leave it out'
  findings.faultAround('duplicate_id', { field, value: read.id, problem, fix })
}

function checkEnvelope(form: 'params' | 'body', object: JsonObject, findings: RowFindings): void {
  for (const { member, problem } of envelopeFaults(form, object)) {
    const isOpenAi = member === 'url' && String(object['url']).endsWith('/chat/completions')
    const ownFix = member === 'method' || member === 'url' ? 'correct it' : 'put it into "metadata"'
    const fix = isOpenAi ? 'these are requests of another API: write them as Messages' : ownFix
    const words = problem.replace(`"${member}" `, '').replace(/, got .*$/s, '')
    findings.faultAround('envelope', { field: member, value: object[member], problem: words, fix })
  }
}

/** A line may be larger than its request by what stands around it, so the request is cut out. */
function checkSize(line: Line, findings: RowFindings): void {
  const row = parseLine(line, { sendUserId: true, withoutFeatures: true })
  const isTooLarge = row.kind === 'fault' && row.error.type === 'request_too_large'
  if (isTooLarge) tellTooLarge(findings, line.bytes.length)
}

function tellTooLarge(findings: RowFindings, bytes: number): void {
  const most = plainNumber(bounds.bodyBytesMax)
  findings.faultAround('too_large', {
    field: '',
    problem: `has ${plainNumber(bytes)} bytes; the API takes at most ${most}`,
    fix: 'make images and documents smaller, or give them by URL or file id',
  })
}

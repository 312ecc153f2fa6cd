/**
 * Whole responses as wire actions: head, body, end.
 */

import type { Problem } from './door.ts'
import { httpDate, type Header } from './headers.ts'
import type { Refusal } from './limits.ts'
import type { SimulatorSettings } from './options.ts'
import type { WireAction } from './wire.ts'

/** Where a response comes from: what its head says of itself. */
export interface ReplyContext {
  readonly wallTime: number
  /** `req_…`. */
  readonly requestId: string
  /** The organisation's UUID. */
  readonly organizationId: string
}

const encoder = new TextEncoder()

/** A value as the bytes of its JSON. */
export function encodeJson(value: object): Uint8Array {
  return encoder.encode(JSON.stringify(value))
}

/** Head, body and end of a JSON response. */
export function jsonReply(
  context: ReplyContext,
  status: number,
  body: Uint8Array,
  extra: readonly Header[] = [],
): readonly WireAction[] {
  const length: Header = ['content-length', String(body.length)]
  const head = replyHead(context, status, 'application/json', [...extra, length])
  return [head, { type: 'data', bytes: body }, { type: 'end' }]
}

/** An error response in the API's form. */
export function errorReply(
  context: ReplyContext,
  problem: Problem,
  extra: readonly Header[] = [],
): readonly WireAction[] {
  const body = encodeJson({ type: 'error', ...errorMembers(problem, context.requestId) })
  return jsonReply(context, problem.status, body, extra)
}

/** What refuses a request on its own account: JSON, or of what is too large a page of the edge. */
export function problemReply(
  context: ReplyContext,
  problem: Problem,
  { edgeRefusesSize }: Pick<SimulatorSettings, 'edgeRefusesSize'>,
): readonly WireAction[] {
  if (problem.status !== 413 || !edgeRefusesSize) return errorReply(context, problem)
  return htmlReply(context.wallTime, 413, 'Request Entity Too Large')
}

/** `error` and `request_id` of an error body or of a stream's `error` event. */
export function errorMembers(problem: Omit<Problem, 'status'>, requestId: string): object {
  const { type, message, code } = problem
  const details = code === undefined ? {} : { details: { error_code: code } }
  return { error: { type, message, ...details }, request_id: requestId }
}

/** What a 429 of the limiter says. Clients must not parse it: the API's wording is not stable. */
export function refusalProblem(
  { meter, limit }: Refusal,
  { organizationId }: ReplyContext,
  model: string,
): Problem {
  const isRamp = meter === 'acceleration'
  const what = isRamp ? 'acceleration limit' : `rate limit of ${limit} ${meter} per minute`
  const advice = isRamp ? 'Increase your usage gradually.' : 'Please wait and try again.'
  const message =
    `This request would exceed your organization's ${what}` +
    ` (org: ${organizationId}, model: ${model}). ${advice}`
  const problem = { status: 429, type: 'rate_limit_error', message }
  return isRamp ? { ...problem, code: 'ramp_limit_exceeded' } : problem
}

/** A page as a proxy before the API sends it: none of the API's headers. */
export function htmlReply(wallTime: number, status: number, title: string): readonly WireAction[] {
  const page =
    `<html>\r\n<head><title>${status} ${title}</title></head>\r\n<body>\r\n` +
    `<center><h1>${status} ${title}</h1></center>\r\n<hr><center>cloudflare</center>\r\n` +
    '</body>\r\n</html>\r\n'
  const body = encoder.encode(page)
  const headers: readonly Header[] = [
    ['date', httpDate(wallTime)],
    ['content-type', 'text/html'],
    ['content-length', String(body.length)],
  ]
  return [{ type: 'head', status, headers }, { type: 'data', bytes: body }, { type: 'end' }]
}

/** The head of a response of the API's own. */
export function replyHead(
  context: ReplyContext,
  status: number,
  contentType: string,
  extra: readonly Header[],
): WireAction {
  // The organisation is known only once the key is.
  const organization: readonly Header[] =
    status === 401 ? [] : [['anthropic-organization-id', context.organizationId]]
  const headers: readonly Header[] = [
    ['date', httpDate(context.wallTime)],
    ['content-type', contentType],
    ['request-id', context.requestId],
    ...organization,
    ...extra,
  ]
  return { type: 'head', status, headers }
}

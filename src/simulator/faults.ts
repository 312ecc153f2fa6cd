/**
 * What goes wrong, and where.
 *
 * A fault befalls a request that is otherwise in order. Those at the door answer at once
 * and cost nothing; those of the work happen after admission, so the limits have been drawn on:
 *
 *   door   rate-limit            429 though there is room
 *          overloaded            529, without rate limit headers
 *          reset-before          the connection is reset, no work done
 *          html                  502 or 413 with a page of a proxy
 *          spend-limit           429, the tier's monthly cap, without retry-after
 *          customer-spend-limit  400, a cap the customer set
 *          credit                400, no prepaid credit
 *          billing               402, the account cannot pay
 *          permission            403, the key may not use what it asks for
 *          conflict              409
 *          unavailable           503
 *   work   server-error          500 when the first byte was due; not billed
 *          gateway-timeout       504 when the answer was due; not billed
 *          reset-after           reset when the answer was due, before its head; billed
 *          cut                   reset in the middle of the body; billed
 *          hang-head             no head, ever; billed
 *          hang-body             a head and some bytes, then silence; billed
 *          stream-error          an `error` event in the stream, billed; 500 if not streamed
 *          invalid-json          200 with what is no JSON; billed
 *          slow-first-byte       ten times the time before the first byte; otherwise in order
 */

import type { Random } from '../random.ts'
import type { Problem } from './door.ts'
import type { Header } from './headers.ts'
import type { FaultName, FaultRates } from './options.ts'
import { errorReply, htmlReply, type ReplyContext } from './replies.ts'
import type { WireAction } from './wire.ts'

/** The fault that befalls a request, if one of these does: one draw, whatever the rates. */
export function drawFault<Name extends FaultName>(
  random: Random,
  rates: FaultRates,
  names: readonly Name[],
): Name | undefined {
  let left = random.float()
  return names.find((name) => {
    left -= rates[name] ?? 0
    return left < 0
  })
}

/** What a fault at the door needs. */
export interface Door {
  readonly context: ReplyContext
  readonly random: Random
  /** The rate limit headers as of now. */
  readonly headersNow: () => readonly Header[]
  readonly saysRetryAfter: boolean
}

/** What a fault at the door does; undefined for one of the work. */
export function doorFault(fault: FaultName, door: Door): readonly WireAction[] | undefined {
  return doorFaults[fault]?.(door)
}

/** Whether a fault is answered at the door. */
export function isDoorFault(fault: FaultName): boolean {
  return doorFaults[fault] !== undefined
}

/** Says that trying again may help, as the API does on 429 and 529. */
export const shouldRetry: Header = ['x-should-retry', 'true']

/** The error a fault answers with, for those that answer with one. */
export const problems: Readonly<
  Record<
    | 'rate-limit'
    | 'overloaded'
    | 'spend-limit'
    | 'customer-spend-limit'
    | 'credit'
    | 'billing'
    | 'permission'
    | 'conflict'
    | 'unavailable'
    | 'server-error'
    | 'gateway-timeout',
    Problem
  >
> = {
  'rate-limit': {
    status: 429,
    type: 'rate_limit_error',
    message: 'This request would exceed the rate limit of your organization',
  },
  overloaded: { status: 529, type: 'overloaded_error', message: 'Overloaded' },
  'spend-limit': {
    status: 429,
    type: 'rate_limit_error',
    message: 'Your organization has reached the monthly spend limit of its usage tier',
    code: 'enforced_spend_limit_reached',
  },
  'customer-spend-limit': {
    status: 400,
    type: 'invalid_request_error',
    message: 'You have reached your specified API usage limits',
  },
  credit: {
    status: 400,
    type: 'invalid_request_error',
    message: 'Your credit balance is too low to access the Anthropic API',
  },
  billing: {
    status: 402,
    type: 'billing_error',
    message: 'There is a problem with the billing of your account',
  },
  permission: {
    status: 403,
    type: 'permission_error',
    message: 'Your API key does not have permission to use the specified resource',
  },
  conflict: {
    status: 409,
    type: 'conflict_error',
    message: 'The request conflicts with another one under way',
  },
  unavailable: { status: 503, type: 'api_error', message: 'Service temporarily unavailable' },
  'server-error': { status: 500, type: 'api_error', message: 'Internal server error' },
  'gateway-timeout': { status: 504, type: 'timeout_error', message: 'Request timed out' },
}

const doorFaults: Readonly<Partial<Record<FaultName, (door: Door) => readonly WireAction[]>>> = {
  'rate-limit': ({ context, headersNow, saysRetryAfter }) => {
    const retryAfter: readonly Header[] = saysRetryAfter ? [['retry-after', '1']] : []
    const extra = [...headersNow(), ...retryAfter, shouldRetry]
    return errorReply(context, problems['rate-limit'], extra)
  },
  overloaded: ({ context }) =>
    errorReply(context, problems.overloaded, [
      shouldRetry,
      ['cache-control', 'no-store, no-cache'],
    ]),
  'reset-before': () => [{ type: 'reset' }],
  html: ({ context: { wallTime }, random }) =>
    random.chance(0.5)
      ? htmlReply(wallTime, 502, 'Bad Gateway')
      : htmlReply(wallTime, 413, 'Request Entity Too Large'),
  'spend-limit': ({ context, headersNow }) =>
    errorReply(context, problems['spend-limit'], headersNow()),
  'customer-spend-limit': ({ context }) => errorReply(context, problems['customer-spend-limit']),
  credit: ({ context }) => errorReply(context, problems.credit),
  billing: ({ context }) => errorReply(context, problems.billing),
  permission: ({ context }) => errorReply(context, problems.permission),
  conflict: ({ context }) => errorReply(context, problems.conflict),
  unavailable: ({ context }) => errorReply(context, problems.unavailable),
}

/**
 * Which endpoint a request is for, and the answers of all but Messages: these are had at once,
 * cost nothing and touch none of the pools' limits.
 *
 *   GET  /                          what this is
 *   POST /v1/messages               `model.ts`
 *   POST /v1/messages/count_tokens  `count-tokens.ts`, under a limit of requests of its own
 *   GET  /v1/models                 `model-catalog.ts`
 *   GET  /v1/models/{id}            the same
 */

import { countTokens } from './count-tokens.ts'
import { checkHead, problem, type Problem } from './door.ts'
import { EnforcedMeter } from './enforced-meter.ts'
import { shouldRetry } from './faults.ts'
import type { Header } from './headers.ts'
import { modelPage, retrieveModel } from './model-catalog.ts'
import type { SimulatorSettings } from './options.ts'
import { encodeJson, errorReply, jsonReply, problemReply, type ReplyContext } from './replies.ts'
import type { WireAction, WireRequest } from './wire.ts'

/** The endpoints beside Messages. */
export class Endpoints {
  readonly #settings: SimulatorSettings
  /** One for the organisation: counting has no pools. Made at the first count. */
  #counts: EnforcedMeter | undefined

  constructor(settings: SimulatorSettings) {
    this.#settings = settings
  }

  /** The whole answer; undefined for a request to Messages. */
  answer(now: number, context: ReplyContext, wire: WireRequest): readonly WireAction[] | undefined {
    const [path = '', query = ''] = wire.path.split('?', 2)
    const known = methodOf(path)
    if (known === undefined) return errorReply(context, notFound(path))
    if (wire.method !== known) return errorReply(context, notAllowed, [['allow', known]])
    if (path === '/v1/messages') return undefined
    if (path === '/') return jsonReply(context, 200, encodeJson(welcome))
    if (path === '/v1/messages/count_tokens') return this.#count(now, context, wire)
    const version = checkHead(wire.headers, this.#settings)
    if (typeof version !== 'string') return errorReply(context, version)
    const { wallTime } = context
    const found =
      path === '/v1/models'
        ? modelPage(wallTime, new URLSearchParams(query))
        : retrieveModel(wallTime, modelName(path), this.#settings.models)
    if ('status' in found) return errorReply(context, found)
    return jsonReply(context, 200, encodeJson(found))
  }

  #count(now: number, context: ReplyContext, wire: WireRequest): readonly WireAction[] {
    const counted = countTokens(context.wallTime, wire, this.#settings)
    if (typeof counted !== 'number') return problemReply(context, counted, this.#settings)
    const { countRequestsPerMinute: perMinute, slice, burstSeconds } = this.#settings
    this.#counts ??= new EnforcedMeter(now, {
      perMinute,
      sliceSeconds: slice === 'none' ? null : burstSeconds,
      sliceShown: false,
    })
    if (!this.#counts.holds(now, 1)) {
      const seconds = Math.max(1, Math.ceil(this.#counts.delayUntil(now, 1) / 1000))
      const { retryAfter, bareRefusals } = this.#settings
      const wait: readonly Header[] =
        retryAfter && !bareRefusals ? [['retry-after', String(seconds)]] : []
      return errorReply(context, countsRefused(context, perMinute), [...wait, shouldRetry])
    }
    this.#counts.take(now, 1)
    return jsonReply(context, 200, encodeJson({ input_tokens: counted }))
  }
}

const modelsPath = '/v1/models/'

/** The method a path takes; undefined for a path there is not. */
function methodOf(path: string): 'GET' | 'POST' | undefined {
  if (path === '/v1/messages' || path === '/v1/messages/count_tokens') return 'POST'
  const isModel = path.startsWith(modelsPath) && /^[^/]+$/.test(path.slice(modelsPath.length))
  return path === '/' || path === '/v1/models' || isModel ? 'GET' : undefined
}

/** The name in a model's path; one that is wrongly encoded stands for itself. */
function modelName(path: string): string {
  const name = path.slice(modelsPath.length)
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

function notFound(path: string): Problem {
  const isBatches = /^\/v1\/messages\/batches(?:\/|$)/.test(path)
  const message = isBatches ? 'Message Batches are not simulated yet' : 'Not Found'
  return problem(404, 'not_found_error', message)
}

const notAllowed: Problem = problem(405, 'invalid_request_error', 'Method Not Allowed')

function countsRefused({ organizationId }: ReplyContext, perMinute: number | null): Problem {
  const what = `rate limit of ${perMinute} token counting requests per minute`
  const message = `This request would exceed your organization's ${what} (org: ${organizationId})`
  return problem(429, 'rate_limit_error', message)
}

const welcome = {
  name: 'sluice simulator',
  message: 'A simulated Claude API. Answers are invented and nothing is billed.',
  endpoints: [
    'POST /v1/messages',
    'POST /v1/messages/count_tokens',
    'GET /v1/models',
    'GET /v1/models/{id}',
  ],
}

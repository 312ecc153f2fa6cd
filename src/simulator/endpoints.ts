/**
 * Which endpoint a request is for, and the answers of all but Messages: these are had at once,
 * cost nothing and touch none of the pools' limits.
 *
 *   GET  /                          what this is
 *   POST /v1/messages               `model.ts`
 *   POST /v1/messages/count_tokens  `count-tokens.ts`, under a limit of requests of its own
 *   GET  /v1/models                 `model-catalog.ts`
 *   GET  /v1/models/{id}            the same
 *   GET  /v1/organizations/rate_limits                  `rate-limits.ts`, with an admin key
 *   GET  /v1/organizations/workspaces/{id}/rate_limits  the same
 */

import { countTokens } from './count-tokens.ts'
import { checkHead, problem, type Problem } from './door.ts'
import { EnforcedMeter } from './enforced-meter.ts'
import { shouldRetry } from './faults.ts'
import type { Header } from './headers.ts'
import { type ModelInfo, type ModelPage, modelPage, retrieveModel } from './model-catalog.ts'
import type { SimulatorSettings } from './options.ts'
import { rateLimitPage, type RateLimitPage, type RateLimitSource } from './rate-limits.ts'
import { encodeJson, errorReply, jsonReply, problemReply, type ReplyContext } from './replies.ts'
import type { WireAction, WireRequest } from './wire.ts'

/** The endpoints beside Messages. */
export class Endpoints {
  readonly #settings: SimulatorSettings
  readonly #limitsOf: RateLimitSource['limitsOf']
  /** One for the organisation: counting has no pools. Made at the first count. */
  #counts: EnforcedMeter | undefined

  constructor({ settings, limitsOf }: RateLimitSource) {
    this.#settings = settings
    this.#limitsOf = limitsOf
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
    const isAdmin = path.startsWith(organizationsPath)
    const version = checkHead(wire.headers, this.#settings, isAdmin ? 'admin' : 'api')
    if (typeof version !== 'string') return errorReply(context, version)
    const found = isAdmin
      ? this.#rateLimits(context, path, query)
      : this.#models(context, path, query)
    if ('status' in found) return errorReply(context, found)
    return jsonReply(context, 200, encodeJson(found))
  }

  #models(
    { wallTime }: ReplyContext,
    path: string,
    query: string,
  ): ModelPage | ModelInfo | Problem {
    if (path === '/v1/models') return modelPage(wallTime, new URLSearchParams(query))
    return retrieveModel(wallTime, modelName(path), this.#settings.models)
  }

  #rateLimits({ wallTime }: ReplyContext, path: string, query: string): RateLimitPage | Problem {
    const [, workspaceId] = workspacePath.exec(path) ?? []
    const source = { settings: this.#settings, limitsOf: this.#limitsOf }
    return rateLimitPage(wallTime, { query: new URLSearchParams(query), workspaceId }, source)
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
const organizationsPath = '/v1/organizations/'
const workspacePath = /^\/v1\/organizations\/workspaces\/([^/]+)\/rate_limits$/

/** The method a path takes; undefined for a path there is not. */
function methodOf(path: string): 'GET' | 'POST' | undefined {
  if (path === '/v1/messages' || path === '/v1/messages/count_tokens') return 'POST'
  if (path === `${organizationsPath}rate_limits` || workspacePath.test(path)) return 'GET'
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
    'GET /v1/organizations/rate_limits',
    'GET /v1/organizations/workspaces/{id}/rate_limits',
  ],
}

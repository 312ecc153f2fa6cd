/**
 * Which endpoint a request is for, and the answers of all but Messages and batches: these are had
 * at once, cost nothing and touch none of the pools' limits.
 *
 *   GET  /                          what this is
 *   POST /v1/messages               `model.ts`
 *        /v1/messages/batches…      `batch-endpoints.ts`
 *   POST /v1/messages/count_tokens  `count-tokens.ts`, under a limit of requests of its own
 *   GET  /v1/models                 `model-catalog.ts`
 *   GET  /v1/models/{id}            the same
 *   GET  /v1/organizations/rate_limits                  `rate-limits.ts`, with an admin key
 *   GET  /v1/organizations/workspaces/{id}/rate_limits  the same
 */

import { countTokens } from './count-tokens.ts'
import { checkHead, problem, type Problem } from './door.ts'
import { type ModelInfo, type ModelPage, modelPage, retrieveModel } from './model-catalog.ts'
import type { SimulatorSettings } from './options.ts'
import { rateLimitPage, type RateLimitPage, type RateLimitSource } from './rate-limits.ts'
import { encodeJson, errorReply, jsonReply, problemReply, type ReplyContext } from './replies.ts'
import { RequestGate } from './request-gate.ts'
import type { WireAction, WireRequest } from './wire.ts'

/** The endpoints beside Messages and batches. */
export class Endpoints {
  readonly #settings: SimulatorSettings
  readonly #limitsOf: RateLimitSource['limitsOf']
  readonly #counts: RequestGate

  constructor({ settings, limitsOf }: RateLimitSource) {
    this.#settings = settings
    this.#limitsOf = limitsOf
    const perMinute = settings.countRequestsPerMinute
    this.#counts = new RequestGate(settings, { perMinute, what: 'token counting requests' })
  }

  /** The whole answer; undefined for a request to Messages. */
  answer(now: number, context: ReplyContext, wire: WireRequest): readonly WireAction[] | undefined {
    const [path = '', query = ''] = wire.path.split('?', 2)
    const known = methodOf(path)
    if (known === undefined) return errorReply(context, notFound)
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
    const refused = this.#counts.refuse(now, context)
    if (refused !== undefined) return refused
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

const notFound: Problem = problem(404, 'not_found_error', 'Not Found')

const notAllowed: Problem = problem(405, 'invalid_request_error', 'Method Not Allowed')

const welcome = {
  name: 'sluice simulator',
  message: 'A simulated Claude API. Answers are invented and nothing is billed.',
  endpoints: [
    'POST /v1/messages',
    'POST /v1/messages/count_tokens',
    'POST /v1/messages/batches',
    'GET /v1/messages/batches',
    'GET /v1/messages/batches/{id}',
    'POST /v1/messages/batches/{id}/cancel',
    'DELETE /v1/messages/batches/{id}',
    'GET /v1/messages/batches/{id}/results',
    'GET /v1/models',
    'GET /v1/models/{id}',
    'GET /v1/organizations/rate_limits',
    'GET /v1/organizations/workspaces/{id}/rate_limits',
  ],
}

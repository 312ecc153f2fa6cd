/**
 * What the API refuses before it looks at limits: from the size of the request and
 * the key, through the form of the body, to what its model does not take.
 *
 * One fault is reported, the first, as the API does. The order is: size, key, version,
 * encoding, JSON, form, model, the model's own rules, length of the prompt.
 */

import { bodyFormProblem } from './body-form.ts'
import { isRecord, type JsonRecord } from './json.ts'
import { findSimulatedModel, modelRuleProblem, type SimulatedModel } from './model-rules.ts'
import type { ApiVersion } from './message-form.ts'
import type { SimulatorSettings } from './options.ts'
import { countPrompt, type CountedPrompt } from './tokens.ts'
import type { WireRequest } from './wire.ts'

/** An error answer: its status, and the error object. */
export interface Problem {
  readonly status: number
  readonly type: string
  readonly message: string
  /** `error.details.error_code`. */
  readonly code?: string
}

/** A request that may start, and what the work needs of it. */
export interface CheckedRequest {
  readonly model: SimulatedModel
  /** The id the answer carries: the dated one where there is one. */
  readonly answeringModel: string
  readonly maxTokens: number
  readonly isStreamed: boolean
  readonly inputTokens: number
  readonly speed: 'standard' | 'fast'
  readonly inferenceGeo: string
  /** What `anthropic-workspace-id` names; empty without it. */
  readonly workspace: string
  readonly body: JsonRecord
  readonly prompt: CountedPrompt
}

/** What is kept of a request while its answer is produced: not its prompt, which may be large. */
export type AdmittedRequest = Omit<CheckedRequest, 'body' | 'prompt'>

/** The most bytes of a Messages body. */
export const requestBytesMax: number = 32 * 2 ** 20

type CheckSettings = Pick<SimulatorSettings, 'models' | 'keys'>

/** The request as far as the work needs it, or why the API refuses it. */
export function checkRequest(
  wallTime: number,
  { headers, body }: WireRequest,
  settings: CheckSettings,
): CheckedRequest | Problem {
  if (body.length > requestBytesMax) {
    return problem(413, 'request_too_large', 'Request exceeds the maximum size')
  }
  const refused = keyProblem(headers, settings.keys)
  if (refused !== undefined) return refused
  const version = headers['anthropic-version'] ?? ''
  if (!isApiVersion(version)) return versionProblem(version)
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') {
    // Which encodings the API takes is not published; a client must not count on any.
    const message = `Unsupported content encoding: ${encoding}`
    return { ...invalid(message), code: 'request_body_encoding_unsupported' }
  }
  const parsed = parseBody(body)
  if ('status' in parsed) return parsed
  return checkBody(wallTime, parsed.value, version, headers, settings)
}

function checkBody(
  wallTime: number,
  body: JsonRecord,
  version: ApiVersion,
  headers: WireRequest['headers'],
  settings: CheckSettings,
): CheckedRequest | Problem {
  const formProblem = bodyFormProblem(body, version)
  if (formProblem !== undefined) return invalid(formProblem)
  const name = String(body['model'])
  const model = findSimulatedModel(wallTime, name, settings.models)
  if (model === undefined) return problem(404, 'not_found_error', `model: ${name}`)
  const betas = (headers['anthropic-beta'] ?? '').split(',').map((beta) => beta.trim())
  const ruleProblem = modelRuleProblem(body, model, betas)
  if (ruleProblem !== undefined) return invalid(ruleProblem)
  const prompt = countPrompt(body, model)
  const { inputTokens } = prompt
  if (inputTokens > model.contextTokensMax) {
    return invalid(`prompt is too long: ${inputTokens} tokens > ${model.contextTokensMax} maximum`)
  }
  return {
    model,
    answeringModel: model.answersAs,
    maxTokens: Number(body['max_tokens']),
    isStreamed: body['stream'] === true,
    inputTokens,
    // Opus 4.6 takes the word and answers at the ordinary speed.
    speed: body['speed'] === 'fast' && model.generation !== 4.6 ? 'fast' : 'standard',
    inferenceGeo: typeof body['inference_geo'] === 'string' ? body['inference_geo'] : 'global',
    workspace: headers['anthropic-workspace-id'] ?? '',
    body,
    prompt,
  }
}

/** Keys that documentation, templates and `.env` examples put where a key belongs. */
const placeholder =
  /^(?:sk-ant-)?(?:your[-_ ]|my[-_ ]|the[-_ ]|[<${]|x{3}|\.{2}|changeme|placeholder|example)/i

function keyProblem(
  headers: WireRequest['headers'],
  keys: readonly string[] | null,
): Problem | undefined {
  const bearer = /^bearer\s+(.+)$/i.exec(headers['authorization'] ?? '')?.[1]
  // When both are sent, x-api-key wins.
  const key = (headers['x-api-key'] ?? bearer ?? '').trim()
  if (key === '') return problem(401, 'authentication_error', 'x-api-key header is required')
  const accepted = keys === null ? !placeholder.test(key) : keys.includes(key)
  return accepted ? undefined : problem(401, 'authentication_error', 'invalid x-api-key')
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

function invalid(message: string): Problem {
  return problem(400, 'invalid_request_error', message)
}

function problem(status: number, type: string, message: string): Problem {
  return { status, type, message }
}

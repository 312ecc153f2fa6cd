/**
 * What the API refuses before it looks at limits: from the size of the request and
 * the key, through the form of the body, to what its model does not take.
 *
 * One fault is reported, the first, as the API does. The order is: size, key, version,
 * encoding, JSON, form, model, the model's own rules, length of the prompt.
 */

import { bodyFormProblem } from './body-form.ts'
import { invalid, openRequest, problem, type Problem } from './door.ts'
import type { JsonRecord } from './json.ts'
import { findSimulatedModel, modelRuleProblem, type SimulatedModel } from './model-rules.ts'
import type { ApiVersion } from './message-form.ts'
import type { SimulatorSettings } from './options.ts'
import { countPrompt, type CountedPrompt } from './tokens.ts'
import type { WireRequest } from './wire.ts'

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

type CheckSettings = Pick<SimulatorSettings, 'models' | 'keys'>

/** The request as far as the work needs it, or why the API refuses it. */
export function checkRequest(
  wallTime: number,
  wire: WireRequest,
  settings: CheckSettings,
): CheckedRequest | Problem {
  const opened = openRequest(wire, settings)
  if ('status' in opened) return opened
  const { body, version } = opened
  return checkBody(body, { wallTime, version, headers: wire.headers, settings })
}

/** What a body is checked against. */
export interface CheckContext {
  readonly wallTime: number
  readonly version: ApiVersion
  readonly headers: WireRequest['headers']
  readonly settings: CheckSettings
}

/** The params of a request in a batch: as a body of Messages, less what batches do not take. */
export function checkParams(body: JsonRecord, context: CheckContext): CheckedRequest | Problem {
  const refused = batchProblem(body)
  if (refused !== undefined) return invalid(refused)
  return checkBody(body, context, longBatchOutput)
}

/** What is not for batches; the first such fault. */
function batchProblem(body: JsonRecord): string | undefined {
  if (body['stream'] === true) return 'stream: Streaming is not supported in a batch'
  const { speed, max_tokens: maxTokens } = body
  if (speed !== undefined && speed !== null) return 'speed: not supported in a batch'
  return maxTokens === 0 ? 'max_tokens: 0 is not supported in a batch' : undefined
}

/** The longer answers that a beta allows some models in batches. */
function longBatchOutput(model: SimulatedModel, betas: readonly string[]): SimulatedModel {
  const { line, generation } = model
  const isTaken =
    (line === 'opus' && generation >= 4.6) ||
    (line === 'sonnet' && (generation >= 5 || generation === 4.6)) ||
    (line === 'haiku' && generation === 5.5)
  const hasBeta = betas.includes('output-300k-2026-03-24')
  return isTaken && hasBeta ? { ...model, outputTokensMax: 300_000 } : model
}

function checkBody(
  body: JsonRecord,
  { wallTime, version, headers, settings }: CheckContext,
  adapt: (model: SimulatedModel, betas: readonly string[]) => SimulatedModel = (model) => model,
): CheckedRequest | Problem {
  const formProblem = bodyFormProblem(body, version)
  if (formProblem !== undefined) return invalid(formProblem)
  const name = String(body['model'])
  const known = findSimulatedModel(wallTime, name, settings.models)
  if (known === undefined) return problem(404, 'not_found_error', `model: ${name}`)
  const betas = (headers['anthropic-beta'] ?? '').split(',').map((beta) => beta.trim())
  const model = adapt(known, betas)
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

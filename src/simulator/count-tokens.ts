/**
 * `POST /v1/messages/count_tokens`: the input tokens of a Messages body, without asking it.
 *
 * The body is one of Messages less what concerns the answer. Counted by the same tokenizer
 * as Messages, a body is counted as exactly what asking it reports; the API calls its own
 * count an estimate, which may differ slightly.
 *
 * Field names: the official SDK's types (1.12.0).
 */

import { bodyFormProblem } from './body-form.ts'
import { invalid, openRequest, problem, type Problem } from './door.ts'
import { extra } from './message-form.ts'
import { findSimulatedModel, modelRuleProblem } from './model-rules.ts'
import type { SimulatorSettings } from './options.ts'
import { requestTokens } from './tokens.ts'
import type { WireRequest } from './wire.ts'

const fields = new Set([
  'cache_control',
  'messages',
  'model',
  'output_config',
  'speed',
  'system',
  'thinking',
  'tool_choice',
  'tools',
])

/** The input tokens of the body, or why the API refuses to count it. */
export function countTokens(
  wallTime: number,
  wire: WireRequest,
  settings: Pick<SimulatorSettings, 'models' | 'keys'>,
): number | Problem {
  const opened = openRequest(wire, settings)
  if ('status' in opened) return opened
  const { body, version } = opened
  const unknown = Object.keys(body).find((name) => !fields.has(name))
  if (unknown !== undefined) return invalid(`${unknown}: ${extra}`)
  // The form is that of Messages, with room for any thinking budget.
  const formProblem = bodyFormProblem({ ...body, max_tokens: Number.MAX_SAFE_INTEGER }, version)
  if (formProblem !== undefined) return invalid(formProblem)
  const name = String(body['model'])
  const model = findSimulatedModel(wallTime, name, settings.models)
  if (model === undefined) return problem(404, 'not_found_error', `model: ${name}`)
  const betas = (wire.headers['anthropic-beta'] ?? '').split(',').map((beta) => beta.trim())
  const ruleProblem = modelRuleProblem(body, model, betas)
  if (ruleProblem !== undefined) return invalid(ruleProblem)
  // A prompt that is too long is counted too: whoever asks wants to know by how much.
  return requestTokens(body, model)
}

/**
 * What depends on the model: whether it answers, how much, and which settings it takes.
 *
 * Facts: Anthropic's model and model deprecations pages (what is in models.ts and
 * model-abilities.ts), its page on prefilling answers, and its migration guides for sampling:
 * models of the generations 4.5 and 4.6 take temperature or top_p, later ones neither.
 */

import { isJsonObject } from './json.ts'
import { longOutputBeta, longOutputTokensMax } from './model-abilities.ts'
import { modelFacts, retirementNotice } from './models.ts'
import { nearest } from './nearest.ts'
import { plainNumber } from './row-rule-words.ts'
import type { Subject } from './row-rules.ts'

/** Looks at the model and at what goes by it. */
export function checkModel(subject: Subject): void {
  checkName(subject)
  checkMaxTokens(subject)
  checkPrewarm(subject)
  checkModelSampling(subject)
  checkSpeed(subject)
  const { request, model, abilities, findings } = subject
  const geography = request['inference_geo']
  if (typeof geography !== 'string' || abilities?.geography !== false) return
  findings.fault('geography', {
    field: 'inference_geo',
    value: geography,
    problem: `is not taken by ${model}`,
    fix: 'leave it out, or use a model from 4.6 on',
  })
}

const names = modelFacts.map(({ id }) => id)

function checkName({ request, model, facts, settings, findings }: Subject): void {
  const value = settings.model ?? request['model']
  const field = 'model'
  if (value === undefined) {
    const fix = 'add "model", or give --model NAME for all rows'
    return findings.fault('missing', { field, problem: 'is missing', fix })
  }
  if (typeof value !== 'string' || value === '') {
    const fix = `write the name of a model, such as "${names.at(-1) ?? ''}"`
    const problem = 'must be a text that is not empty'
    return findings.fault('wrong_type', { field, value, problem, fix })
  }
  const notice = retirementNotice(model, settings.at)
  const hasRetired = notice?.includes(' retired ') === true
  if (notice !== null) {
    const day = notice.split(' on ').at(-1) ?? ''
    const problem = hasRetired ? `retired on ${day}` : `retires on ${day}`
    const fix = 'use a newer model: --model NAME replaces it in all rows'
    if (hasRetired) findings.fault('model_retired', { field, value, problem, fix })
    else findings.warn('model_retiring', { field, value, problem, fix })
  }
  if (facts !== undefined || hasRetired) return
  const isKnown = settings.modelsAsked.get(model)
  if (isKnown === true) return
  if (isKnown === false) {
    const problem = `is no model of the API${nearest(model, names)}`
    return findings.fault('model_not_found', { field, value, problem, fix: 'correct it' })
  }
  const problem = `is no model this version of sluice knows${nearest(model, names)}`
  const fix = 'correct it; if it is new, --online asks the API'
  findings.warn('model_unlisted', { field, value, problem, fix })
}

function checkMaxTokens({ request, model, facts, abilities, settings, findings }: Subject): void {
  const value = request['max_tokens']
  const field = 'max_tokens'
  if (value === undefined) return
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    const fix = typeof value === 'string' ? 'write it without quotes' : 'write it as 1024'
    return findings.fault('wrong_type', { field, value, problem: 'must be a whole number', fix })
  }
  if (value < 0) {
    const fix = 'write how many tokens an answer may have'
    return findings.fault('max_tokens', { field, value, problem: 'must be 1 or more', fix })
  }
  const hasLonger =
    settings.via === 'batches' &&
    abilities?.longOutput === true &&
    settings.betas.includes(longOutputBeta)
  const most = hasLonger ? longOutputTokensMax : (facts?.outputTokensMax ?? Infinity)
  if (value <= most) return
  const problem = `is more than the ${plainNumber(most)} that ${model} can produce`
  const fix = `write at most ${most}`
  findings.fault('max_tokens', { field, value, problem, fix })
}

/** `max_tokens` 0 writes the cache and answers nothing; some requests may not be sent so. */
function checkPrewarm({ request, settings, findings }: Subject): void {
  if (request['max_tokens'] !== 0) return
  const { tool_choice: choice, output_config: config } = request
  const forced = isJsonObject(choice) ? choice['type'] : undefined
  const isRefused =
    forced === 'any' ||
    forced === 'tool' ||
    (isJsonObject(config) && isJsonObject(config['format']))
  const field = 'max_tokens'
  const fix = 'write how many tokens an answer may have'
  if (isRefused) {
    const problem = 'must not be 0 with a forced tool or an output format'
    return findings.fault('prewarm', { field, value: 0, problem, fix })
  }
  if (settings.via === 'batches') return
  findings.warn('prewarm', {
    field,
    value: 0,
    problem: 'fills the cache, and answers nothing',
    fix,
  })
}

/** The value that changes nothing; `top_k` has none. */
const neutral: Readonly<Record<string, number | undefined>> = {
  temperature: 1,
  top_p: 1,
  top_k: undefined,
}

function checkModelSampling({ request, model, abilities, settings, findings }: Subject): void {
  // The newer version refuses them whatever the model.
  if (abilities === undefined || settings.version !== '2023-06-01') return
  if (abilities.sampling === 'nothing') {
    for (const field in neutral) {
      const value = request[field]
      if (typeof value !== 'number' || value === neutral[field]) continue
      const problem = `is not taken by ${model}`
      findings.fault('sampling', { field, value, problem, fix: 'leave it out' })
    }
    return
  }
  const { temperature, top_p: topP } = request
  if (typeof temperature !== 'number' || typeof topP !== 'number') return
  const problem = `must not be given together with temperature to ${model}`
  findings.fault('sampling', { field: 'top_p', value: topP, problem, fix: 'leave one of them out' })
}

function checkSpeed({ request, model, abilities, settings, findings }: Subject): void {
  if (request['speed'] !== 'fast' || abilities === undefined) return
  const about = { field: 'speed', value: 'fast' }
  const { fast } = abilities
  const hasBeta = settings.betas.some((beta) => beta.startsWith('fast-mode-'))
  if (fast === 'taken' || (fast === 'with_beta' && hasBeta)) return
  if (fast === 'ignored') {
    const problem = `is ignored by ${model}, which answers at the standard speed`
    return findings.warn('speed', { ...about, problem, fix: 'leave it out' })
  }
  const needsBeta = fast === 'with_beta'
  const problem = `is not taken by ${model}${needsBeta ? ' without a beta header' : ''}`
  const fix = needsBeta ? 'give --beta fast-mode-2026-02-01' : 'leave it out'
  findings.fault('speed', { ...about, problem, fix })
}

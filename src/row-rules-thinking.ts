/**
 * Thinking: whether the model takes the kind that is asked for, its budget, and what does not go
 * with it.
 *
 * Facts: Anthropic's pages on extended thinking (budgets; no forced tools, no temperature or
 * top_k, top_p from 0.95) and on adaptive thinking (which models take which kind).
 */

import { isJsonObject } from './json.ts'
import { mustBeOneOf, plainNumber, typeOf } from './row-rule-words.ts'
import type { Subject } from './row-rules.ts'

const kinds = ['enabled', 'adaptive', 'disabled', 'between_tools'] as const
const budgetTokensMin = 1024
/** Lets a budget be greater than one answer's `max_tokens`. */
const interleavedBeta = 'interleaved-thinking-'

/** Looks at `thinking`. */
export function checkThinking(subject: Subject): void {
  const { request, findings } = subject
  const { thinking } = request
  if (thinking === undefined) return
  if (!isJsonObject(thinking)) {
    const problem = 'must be an object with a "type"'
    const fix = 'write {"type":"adaptive"}, or leave it out'
    return findings.fault('wrong_type', { field: 'thinking', value: thinking, problem, fix })
  }
  const type = kinds.find((kind) => kind === thinking['type'])
  if (type === undefined) {
    const value = thinking['type']
    const problem = mustBeOneOf(kinds, value)
    findings.fault('thinking', { field: 'thinking.type', value, problem, fix: 'correct it' })
    return
  }
  checkKind(subject, type)
  if (type === 'enabled') {
    checkBudget(subject, thinking['budget_tokens'])
    checkBeside(subject)
  }
}

function checkKind({ request, model, abilities, findings }: Subject, type: string): void {
  if (abilities === undefined) return
  const { thinking } = abilities
  const config = request['output_config']
  const effort = isJsonObject(config) ? config['effort'] : undefined
  const isAboveHigh = effort === 'xhigh' || effort === 'max'
  const taken = Object.entries(thinking).flatMap(([kind, how]) => {
    return how === false || how === 'never' ? [] : [kind]
  })
  const isBounded = Reflect.get(thinking, type) === 'to_high'
  if (taken.includes(type) && !(isBounded && isAboveHigh)) return
  const problem = isBounded
    ? `is taken by ${model} only at effort high and below`
    : `is not taken by ${model}`
  const others = taken.filter((kind) => kind !== type)
  const fix = isBounded ? 'lower output_config.effort' : `use ${others.join(' or ')}`
  findings.fault('thinking', { field: 'thinking.type', value: type, problem, fix })
}

function checkBudget({ request, settings, findings }: Subject, value: unknown): void {
  const field = 'thinking.budget_tokens'
  if (value === undefined) {
    const fix = `add it: ${budgetTokensMin} or more, below max_tokens`
    return findings.fault('missing', { field, problem: 'is missing', fix })
  }
  const isWhole = typeof value === 'number' && Number.isInteger(value)
  if (!isWhole || value < budgetTokensMin) {
    const problem = `must be a whole number from ${plainNumber(budgetTokensMin)}`
    return findings.fault('thinking_budget', { field, value, problem, fix: 'raise it' })
  }
  const maxTokens = request['max_tokens']
  if (settings.betas.some((beta) => beta.startsWith(interleavedBeta))) return
  if (typeof maxTokens !== 'number' || value < maxTokens) return
  const problem = `must be below max_tokens, which is ${plainNumber(maxTokens)}`
  const fix = 'raise max_tokens, or lower the budget'
  findings.fault('thinking_budget', { field, value, problem, fix })
}

/** What a request may not ask of a model that thinks by a budget. */
function checkBeside({ request, findings }: Subject): void {
  const choice = typeOf(request['tool_choice'])
  if (choice === 'any' || choice === 'tool') {
    const problem = 'must not force a tool while thinking is enabled'
    const fix = 'use "auto" or "none", or leave thinking out'
    findings.fault('tool_choice', { field: 'tool_choice.type', value: choice, problem, fix })
  }
  const { temperature, top_k: topK, top_p: topP } = request
  const refused = [
    ['temperature', temperature, temperature !== undefined && temperature !== 1],
    ['top_k', topK, topK !== undefined],
    ['top_p', topP, typeof topP === 'number' && topP < 0.95],
  ] as const
  for (const [field, value, isRefused] of refused) {
    if (!isRefused) continue
    const problem = 'is refused while thinking is enabled'
    findings.fault('sampling', { field, value, problem, fix: 'leave it out' })
  }
}

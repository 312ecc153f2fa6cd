/**
 * The fields of a request: which there are, which must be there, and what values they take.
 *
 * Facts: Anthropic's API reference of Messages, its errors page ("Extra inputs are not
 * permitted"), and the fields of the official SDK (1.12.0).
 */

import { bounds } from './bounds.ts'
import { isJsonObject } from './json.ts'
import { nearest } from './nearest.ts'
import type { Subject } from './row-rules.ts'

const fields = [
  'cache_control',
  'container',
  'diagnostics',
  'inference_geo',
  'max_tokens',
  'messages',
  'metadata',
  'model',
  'output_config',
  'service_tier',
  'speed',
  'stop_sequences',
  'stream',
  'system',
  'temperature',
  'thinking',
  'tool_choice',
  'tools',
  'top_k',
  'top_p',
]
const known: ReadonlySet<string> = new Set(fields)

/** Fields that only a beta header makes known. */
const betaFields: ReadonlySet<string> = new Set([
  'billing_policy',
  'compaction',
  'context_management',
  'fallback_credit_token',
  'fallbacks',
  'mcp_servers',
  'output_format',
  'thread',
])

/** Names that other APIs have for what this one has too. */
const foreign: Readonly<Record<string, string>> = {
  frequency_penalty: 'leave it out: there is no such setting',
  functions: 'write "tools", each with "name" and "input_schema"',
  logprobs: 'leave it out: there is no such setting',
  max_completion_tokens: 'write "max_tokens"',
  max_output_tokens: 'write "max_tokens"',
  max_tokens_to_sample: 'write "max_tokens"',
  n: 'leave it out, and write a row for each answer',
  presence_penalty: 'leave it out: there is no such setting',
  prompt: 'write "messages": [{"role":"user","content":"…"}]',
  reasoning_effort: 'write "output_config": {"effort":"…"}',
  response_format: 'write "output_config": {"format":{"type":"json_schema","schema":{…}}}',
  seed: 'leave it out: there is no such setting',
  stop: 'write "stop_sequences", a list of texts',
  system_prompt: 'write "system"',
  user: 'write "metadata": {"user_id":"…"}',
}

/** What a line has of its own beside a bare request. */
const ownFields: ReadonlySet<string> = new Set(['custom_id', 'metadata'])

/** Looks at all top-level fields; of a bare request `custom_id` and `metadata` are the user's. */
export function checkFields(subject: Subject, isBare: boolean): void {
  const { request, findings } = subject
  for (const name of Object.keys(request)) {
    if (!known.has(name) && !(isBare && ownFields.has(name))) unknownField(subject, name)
  }
  for (const name of ['max_tokens', 'messages'] as const) {
    if (request[name] !== undefined) continue
    const fix = name === 'max_tokens' ? 'add "max_tokens": 1024, or what answers need' : addMessages
    findings.fault('missing', { field: name, problem: 'is missing', fix })
  }
  checkValues(subject)
  checkMetadata(subject)
  checkSampling(subject)
}

const addMessages = 'add "messages": [{"role":"user","content":"…"}]'

function unknownField({ request, settings, findings }: Subject, name: string): void {
  const value = request[name]
  const about = { field: name, value }
  if (betaFields.has(name)) {
    if (settings.betas.length > 0) return
    const problem = 'is not permitted without a beta header'
    return findings.fault('unknown_field', { ...about, problem, fix: 'give --beta NAME' })
  }
  const problem = `is not a field of the API${nearest(name, fields)}`
  const own = ownFields.has(name)
    ? 'leave it to the line: it stands beside the request, not in it'
    : 'leave it out; what is for yourself belongs into the metadata of the line'
  const fix = foreign[name] ?? (problem.includes('did you mean') ? 'correct the name' : own)
  // A beta may have fields that were not known when this was written.
  if (settings.betas.length > 0) findings.warn('unknown_field', { ...about, problem, fix })
  else findings.fault('unknown_field', { ...about, problem, fix })
}

const values: Readonly<Record<string, readonly unknown[]>> = {
  stream: [true, false],
  service_tier: ['auto', 'standard_only'],
  speed: ['standard', 'fast', null],
  inference_geo: ['us', 'global', null],
}

function checkValues({ request, findings }: Subject): void {
  for (const field in values) {
    const allowed = values[field] ?? []
    const value = request[field]
    if (value === undefined || allowed.includes(value)) continue
    const words = allowed.filter((each) => each !== null).map((each) => JSON.stringify(each))
    const problem = `must be ${words.join(' or ')}`
    findings.fault('wrong_value', { field, value, problem, fix: 'correct it, or leave it out' })
  }
  const stops = request['stop_sequences']
  if (stops === undefined) return
  if (!Array.isArray(stops)) {
    const problem = 'must be a list of texts'
    const fix = 'write ["…"]'
    return findings.fault('wrong_type', { field: 'stop_sequences', value: stops, problem, fix })
  }
  for (const [index, value] of stops.entries()) {
    if (typeof value === 'string') continue
    const field = `stop_sequences[${index}]`
    findings.fault('wrong_type', { field, value, problem: 'must be a text', fix: 'quote it' })
  }
}

/** Of a bare request `metadata` is the user's own, and only a `user_id` the API takes is sent. */
function checkMetadata({ request, hasApiMetadata, findings }: Subject): void {
  const { metadata } = request
  if (metadata === undefined) return
  const place = 'put your own into "metadata" beside the request, where it may be anything'
  if (!isJsonObject(metadata)) {
    if (!hasApiMetadata) return
    const problem = 'must be an object with "user_id"'
    return findings.fault('metadata', { field: 'metadata', value: metadata, problem, fix: place })
  }
  if (hasApiMetadata) {
    for (const [name, value] of Object.entries(metadata)) {
      if (name === 'user_id') continue
      const field = `metadata.${name}`
      const problem = 'is not permitted: the API knows only "user_id" here'
      findings.fault('metadata', { field, value, problem, fix: place })
    }
  }
  const value = metadata['user_id']
  const problem = userIdProblem(value)
  if (problem === undefined) return
  const fix = `give a text of at most ${bounds.metadataUserIdCharsMax} characters`
  const remark = { field: 'metadata.user_id', value, problem, fix }
  if (hasApiMetadata) findings.fault('metadata', remark)
  else findings.warn('user_id_dropped', remark)
}

function userIdProblem(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') return 'must be a text'
  const most = bounds.metadataUserIdCharsMax
  if (value.length <= most || Array.from(value).length <= most) return undefined
  return `has more than ${most} characters`
}

const samplingRanges = { temperature: 1, top_p: 1, top_k: Number.MAX_SAFE_INTEGER } as const

/** What the values may be; whether the version and the model take any is another question. */
function checkSampling({ request, settings, findings }: Subject): void {
  for (const [field, most] of Object.entries(samplingRanges)) {
    const value = request[field]
    if (value === undefined) continue
    const isNewer = settings.version !== '2023-06-01'
    if (isNewer) {
      const problem = `is not permitted under anthropic-version ${settings.version}`
      const fix = 'leave it out, or send --anthropic-version 2023-06-01'
      findings.fault('sampling', { field, value, problem, fix })
    } else if (typeof value !== 'number') {
      findings.fault('wrong_type', { field, value, problem: 'must be a number', fix: 'correct it' })
    } else if (value < 0 || value > most || (field === 'top_k' && !Number.isInteger(value))) {
      const range = field === 'top_k' ? 'a whole number from 0' : 'a number from 0 to 1'
      findings.fault('wrong_value', {
        field,
        value,
        problem: `must be ${range}`,
        fix: 'correct it, or leave it out',
      })
    }
  }
}

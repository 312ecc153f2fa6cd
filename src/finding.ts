/**
 * Finding: one thing about one row that the API would refuse, or would take otherwise than it was
 * meant; with the place, the value and the fix.
 *
 * A fault is refused for certain, by what is published. A warning is accepted, or nobody but the
 * API can tell.
 */

import { isJsonObject } from './json.ts'

/** What there is to find, and how each kind is headed. */
export const findingTitles = {
  json: 'the line is no valid JSON',
  encoding: 'the line is not UTF-8',
  no_object: 'the line is no JSON object',
  no_request: 'the line holds no request',
  too_large: 'the request is larger than the API takes',
  envelope: 'what stands around the request is not as it must be',
  custom_id: 'the custom_id cannot be used',
  default_id: 'the custom_id is the default id of another line',
  duplicate_id: 'the custom_id is that of an earlier line',
  missing: 'a field that must be there is missing',
  wrong_type: 'a field has a value of another type than it must',
  wrong_value: 'a field has a value that it cannot have',
  unknown_field: 'a field is not one of the API',
  metadata: 'the metadata is not what the API takes',
  user_id_dropped: 'metadata.user_id is not sent: the API would refuse it',
  model_retired: 'the model has retired',
  model_retiring: 'the model retires soon',
  model_not_found: 'the API does not know the model',
  model_unlisted: 'the model is in no table of this version',
  max_tokens: 'max_tokens is beyond what it may be',
  prewarm: 'max_tokens is 0: the cache is filled, and nothing is answered',
  sampling: 'sampling settings that are refused',
  thinking: 'thinking is not asked for as the model takes it',
  thinking_budget: 'the budget of thinking is not as it must be',
  prefill: 'the conversation ends with an answer begun, which is refused',
  tool_choice: 'tool_choice asks what is refused',
  speed: 'speed is not what the model takes',
  geography: 'the model takes no inference_geo',
  empty: 'something is empty that must not be',
  role: 'a message has a role that it cannot have there',
  block: 'a block of content that is not taken there',
  tool_pairs: 'tool_use and tool_result do not belong together',
  tool: 'a tool is not defined as it must be',
  image: 'an image is too large, or one too many',
  schema: 'a JSON schema uses what structured outputs refuse',
  cache_mark: 'a cache_control is not what it must be',
  cache_marks: 'more cache marks than the four there may be',
  cache_order: 'a cache mark of an hour stands behind one of 5 minutes',
  cache_place: 'a cache mark on what cannot be marked',
  cache_short: 'a cache mark on a prefix too short to be cached',
  context: 'the prompt is probably longer than the context of the model',
  batches: 'Message Batches refuse it',
} as const

/** The name of a kind, as `--json` has it. */
export type FindingKind = keyof typeof findingTitles

/** Refused for certain, or not. */
export type FindingLevel = 'fault' | 'warning'

/** One finding. */
export interface Finding {
  readonly level: FindingLevel
  readonly kind: FindingKind
  /** Of the row, from 1. */
  readonly line: number
  /** The row's `custom_id`, or `line-N`; null where the line could not be read. */
  readonly id: string | null
  /** Path within the line, such as `messages[3].content[0].text`; null for the line itself. */
  readonly field: string | null
  /** What stands there, shortened; null where nothing does. */
  readonly value: string | null
  /** What is wrong with it. */
  readonly problem: string
  /** What to do about it. */
  readonly fix: string
}

/** Whoever takes findings; called for every one, in the order of the lines. */
export type Observe = (finding: Finding) => void

/** What a rule says, beside level and kind. */
export interface Remark {
  /** Within the request; empty for all of it. */
  readonly field: string
  /** @default what is missing has none */
  readonly value?: unknown
  /** Shown as it stands instead of the value: a piece of text that is no value. */
  readonly piece?: string
  readonly problem: string
  readonly fix: string
}

/** The findings of the row that is being looked at. */
export class RowFindings {
  readonly #observe: Observe
  #line = 0
  #id: string | null = null
  #where = ''

  constructor(observe: Observe) {
    this.#observe = observe
  }

  /** The row from now on. Its request stands at `where` of the line, for instance `params.`. */
  begin(line: number, id: string | null, where = ''): void {
    this.#line = line
    this.#id = id
    this.#where = where
  }

  /** The API would refuse it. */
  fault(kind: FindingKind, remark: Remark): void {
    this.#tell('fault', kind, remark)
  }

  /** The same of what stands around the request, or of the whole line. */
  faultAround(kind: FindingKind, remark: Remark): void {
    this.#tell('fault', kind, remark, '')
  }

  /** The API would take it, or it alone can tell. */
  warn(kind: FindingKind, remark: Remark): void {
    this.#tell('warning', kind, remark)
  }

  #tell(
    level: FindingLevel,
    kind: FindingKind,
    { field, value, piece, problem, fix }: Remark,
    where = this.#where,
  ): void {
    const path = `${where}${field}`.replace(/\.$/, '')
    this.#observe({
      level,
      kind,
      line: this.#line,
      id: this.#id,
      field: path === '' ? null : path,
      value: piece ?? (value === undefined ? null : shortValue(value)),
      problem,
      fix,
    })
  }
}

const valueCharsMax = 60
const textCharsMax = 44

/**
 * A value in at most 60 characters: as JSON where it fits, else its beginning or what it is.
 *
 * @example
 * ```ts
 * shortValue({ type: 'text' }) // => '{"type":"text"}'
 * shortValue(['x'.repeat(99)]) // => 'a list of 1'
 * shortValue('x'.repeat(99)).length // => 47
 * ```
 */
export function shortValue(value: unknown): string {
  if (typeof value === 'string') return shortText(value)
  // JSON has no name for the number that 1e400 is read as.
  if (typeof value === 'number') return String(value)
  const parts = isJsonObject(value) ? Object.keys(value).length : 0
  const text = isLarge(value) ? '' : JSON.stringify(value)
  if (text !== '' && text.length <= valueCharsMax) return text
  if (Array.isArray(value)) return `a list of ${value.length}`
  return `an object of ${parts} member${parts === 1 ? '' : 's'}`
}

const depthMax = 3
const partsMax = 10

/** Whether a value is too long or too deep to be printed, for all that need be looked at. */
function isLarge(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return value.length > valueCharsMax
  if (typeof value !== 'object' || value === null) return false
  const parts: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  if (depth > depthMax || parts.length > partsMax) return true
  return parts.some((part) => isLarge(part, depth + 1))
}

function shortText(text: string): string {
  if (text.length <= textCharsMax) {
    const whole = JSON.stringify(text)
    if (whole.length <= valueCharsMax) return whole
  }
  // Escapes make a text longer, control characters by six.
  const part = JSON.stringify(text.slice(0, textCharsMax)).slice(1, -1)
  return `"${part.slice(0, textCharsMax)}"…`
}

/**
 * What becomes of a row with its answer: it is kept, the row fails with it, or is asked again.
 *
 * An answer may be cut, refused, paused, or other than its schema says. It was paid for all the
 * same, and is a result unless the user says otherwise. Nothing is bought again that was not asked
 * for: a row is asked once more for a larger `max_tokens`, so often as was said to correct its
 * output, and to go on for as long as the API pauses, up to a bound.
 *
 * Who asks for valid output wants no other in the results: a refusal fails then, and so does what
 * was cut and could not be extended, without being asked again.
 */

import { bounds } from './bounds.ts'
import { isJsonObject, type JsonObject, parseJson } from './json.ts'
import { type Answered, type ApiError, isTruncated } from './outcome.ts'
import type { OutputProblem, OutputRules } from './output-rules.ts'
import { feedbackOf, joinedMessage, type Turn, type TurnAsk, type TurnReason } from './turns.ts'

/** An answer that was cut: kept, a failure, or asked again with this `max_tokens`. */
export type OnTruncated = 'keep' | 'fail' | { readonly extendTo: number }

/** An output that does not conform: kept, a failure, or asked to be corrected so often. */
export type OnInvalidOutput = 'keep' | 'fail' | { readonly retries: number }

/** What the user wants done with answers that are not what was asked for. */
export interface AnswerPolicies {
  readonly onTruncated: OnTruncated
  readonly onRefusal: 'keep' | 'fail'
  /** `continue`: the row is asked to go on where the API paused it. */
  readonly onPause: 'keep' | 'continue'
  readonly onInvalidOutput: OnInvalidOutput
}

/** Every answer is a result. */
export const keepAll: AnswerPolicies = {
  onTruncated: 'keep',
  onRefusal: 'keep',
  onPause: 'keep',
  onInvalidOutput: 'keep',
}

/** Whether any answer leads to another request. */
export function mayAskAgain({ onTruncated, onPause, onInvalidOutput }: AnswerPolicies): boolean {
  const asksAgain = [onTruncated, onInvalidOutput].some((policy) => typeof policy === 'object')
  return asksAgain || onPause === 'continue'
}

/** What of a row decides. */
export interface AnsweredRow {
  /** The `max_tokens` of the try that was answered. */
  readonly maxTokens: number
  /** What its output must conform to. @default nothing */
  readonly outputs?: OutputRules | undefined
  readonly turns: readonly Turn[]
}

/** What becomes of the row. */
export type AnswerVerdict =
  /** `isInvalid`: its output does not conform, and that is accepted. */
  | { readonly type: 'keep'; readonly isInvalid: boolean }
  | { readonly type: 'fail'; readonly error: ApiError }
  | { readonly type: 'again'; readonly why: TurnReason; readonly ask: TurnAsk }

type Answer = Pick<Answered, 'message' | 'stopReason' | 'usage'>

const kept: AnswerVerdict = { type: 'keep', isInvalid: false }

/** Judges an answer. */
export function judgeAnswer(
  policies: AnswerPolicies,
  row: AnsweredRow,
  answer: Answer,
): AnswerVerdict {
  const { stopReason } = answer
  if (stopReason === 'refusal' && policies.onRefusal === 'fail') return refused(answer)
  if (stopReason === 'pause_turn' && mayGoOn(policies, row)) return again('paused', {})
  if (isTruncated(answer)) {
    const { onTruncated } = policies
    if (onTruncated === 'fail') return truncated(row, answer)
    const mayExtend = stopReason === 'max_tokens' && onTruncated !== 'keep'
    if (mayExtend && row.maxTokens < onTruncated.extendTo) {
      return again('truncated', { maxTokens: onTruncated.extendTo })
    }
  }
  return row.outputs === undefined ? kept : judgeOutput(policies, row, row.outputs, answer)
}

function mayGoOn({ onPause }: AnswerPolicies, { turns }: AnsweredRow): boolean {
  if (onPause !== 'continue') return false
  return turns.filter(({ why }) => why === 'paused').length < bounds.pausesMax
}

function judgeOutput(
  { onInvalidOutput }: AnswerPolicies,
  { turns }: AnsweredRow,
  rules: OutputRules,
  answer: Answer,
): AnswerVerdict {
  const message = parseMessage(joinedMessage(answer.message, turns))
  const problems = rules.problemsOf(message)
  if (problems.length === 0) return kept
  if (onInvalidOutput === 'keep') return { type: 'keep', isInvalid: true }
  const corrections = turns.filter(({ why }) => why === 'invalid_output').length
  const retries = onInvalidOutput === 'fail' ? 0 : onInvalidOutput.retries
  // A model that would not, or could not finish, has made no mistake that it could be shown.
  if (corrections < retries && wasFinished(answer)) {
    return again('invalid_output', { feedback: feedbackOf(answer.message, problems) })
  }
  return { type: 'fail', error: { type: 'invalid_output', message: wordsOf(problems, answer) } }
}

function wasFinished({ stopReason }: Answer): boolean {
  return stopReason === 'end_turn' || stopReason === 'stop_sequence' || stopReason === 'tool_use'
}

function again(why: TurnReason, ask: TurnAsk): AnswerVerdict {
  return { type: 'again', why, ask }
}

function truncated({ maxTokens }: AnsweredRow, { stopReason }: Answer): AnswerVerdict {
  const where = stopReason === 'max_tokens' ? `max_tokens (${maxTokens})` : 'the context window'
  return { type: 'fail', error: { type: 'truncated', message: `The answer was cut at ${where}` } }
}

function refused({ message }: Answer): AnswerVerdict {
  const details = parseMessage(message)['stop_details']
  const category = isJsonObject(details) ? details['category'] : undefined
  const why = typeof category === 'string' ? ` (${category})` : ''
  return { type: 'fail', error: { type: 'refusal', message: `The model refused to answer${why}` } }
}

function wordsOf(problems: readonly OutputProblem[], { stopReason }: Answer): string {
  const ends: Readonly<Record<string, string>> = {
    refusal: 'the model refused',
    max_tokens: 'it was cut at max_tokens',
    pause_turn: 'it was paused',
  }
  const end = ends[stopReason ?? '']
  const texts = problems.map(({ text }) => text).join('; ')
  return `The output does not match its schema: ${end === undefined ? texts : end}`
}

function parseMessage(text: string): JsonObject {
  const message = parseJson(text)
  return isJsonObject(message) ? message : {}
}

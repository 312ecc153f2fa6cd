/**
 * A row goes on from its answers: what is sent of it, and what earlier runs have left of it.
 */

import { type AnswerPolicies, type AnswerVerdict, judgeAnswer } from './answer-policy.ts'
import { assert } from './assert.ts'
import { isJsonObject, parseJson } from './json.ts'
import { type Answered, noUsage } from './outcome.ts'
import { readAnswer } from './reply.ts'
import { featuresOf } from './request-features.ts'
import { bodyBehind, type KeptTurn, type Turn } from './turns.ts'
import type { Work } from './work.ts'

/** What is sent of a row; undefined where its request must be read again. */
export function askedBody({ body, turns }: Pick<Work, 'body' | 'turns'>): Uint8Array | undefined {
  return body === undefined ? undefined : bodyBehind(body, turns)
}

/** The request of a row as the user has it, as text. */
export function bodyText({ body }: Pick<Work, 'body'>): string | undefined {
  if (body === undefined) return undefined
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
}

/** From now on the row is asked behind these turns. It has its body, and waits nowhere. */
export function goOnFrom(work: Work, turns: readonly Turn[]): void {
  work.turns = turns
  const body = askedBody(work)
  const request = body === undefined ? undefined : parseJson(Buffer.from(body).toString())
  if (body === undefined || !isJsonObject(request)) return
  const { row } = work
  const { max_tokens: given } = request
  const maxTokens = typeof given === 'number' ? given : row.maxTokens
  work.row = { ...row, maxTokens, features: featuresOf(request, row.model) }
  // All of it is kept in memory while the row waits or is under way.
  work.bodyBytes = turns.reduce((sum, { message }) => sum + message.length, body.length)
}

/** An answer of an earlier run that is the row's result, as the policies are now. */
export interface Resolved {
  /** It counts nothing: the run that bought it has counted it. */
  readonly outcome: Answered
  readonly costNanoUsd: number | null
  readonly verdict: Exclude<AnswerVerdict, { type: 'again' }>
}

/**
 * The row goes on from where an earlier run left it; or the last of its answers is its result, if
 * it is not to be asked again by the policies of this run.
 */
export function goOnFromKept(
  policies: AnswerPolicies,
  work: Work,
  kept: readonly KeptTurn[],
): Resolved | undefined {
  goOnBehindKept(policies, work, kept.slice(0, -1))
  const last = kept.at(-1)
  if (last === undefined) return undefined
  const outcome = answeredOf(last)
  const verdict = judgeAnswer(policies, { ...work.row, turns: work.turns }, outcome)
  if (verdict.type !== 'again') {
    const { costNanoUsd } = last
    return { outcome: { ...outcome, usage: noUsage }, costNanoUsd, verdict }
  }
  goOnFrom(work, [...work.turns, { ...last, ask: verdict.ask }])
  return undefined
}

/** The same of answers behind which the row was asked again, whatever the policies are now. */
export function goOnBehindKept(
  policies: AnswerPolicies,
  work: Work,
  kept: readonly KeptTurn[],
): void {
  for (const turn of kept) {
    const verdict = judgeAnswer(policies, { ...work.row, turns: work.turns }, answeredOf(turn))
    const ask = verdict.type === 'again' ? verdict.ask : {}
    goOnFrom(work, [...work.turns, { ...turn, ask }])
  }
}

function answeredOf({ message, requestId }: KeptTurn): Answered {
  const outcome = readAnswer({ status: 200, requestId }, parseJson(message), message)
  assert(outcome.kind === 'answered', 'What is kept of a turn is a Message')
  return outcome
}
